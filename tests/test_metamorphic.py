"""What must not matter does not: unrelated faults, other rules, spelling of the same document, the target's release.

Each test compares the findings of a domain with those of a relative of it. A finding is compared by what it says and by
what is written at its place, not by its position.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Finding
from vfslint.rules import RULES
from vfslint.targets import Target, contemporary
from vfslint.vocabulary import table
from vfslint.xml.source import Source

DATA = Path(__file__).parent / "data"
RELEASES = ((7, 0, 0), (9, 0, 0), (11, 3, 0), (12, 8, 0))
BOGUS = "zzz-bogus"
# Unknown names in these are refused, and in these they are somebody else's.
OUTSIDE = {"features", "hyperv", "kvm", "metadata"}
# Children of these have an order that means something, or are read one after the other.
ORDERED = {"devices", "domain", "domainsnapshot", "metadata", "os"}

Element = Any
Signature = tuple[str, ...]


@cache
def corpus(step: int) -> tuple[tuple[str, str], ...]:
    """Every domain whose number in its file is a multiple of `step`, with its name."""
    found = []
    for file in ("cases", "more-cases", "dumps"):
        with gzip.open(DATA / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                if number % step == 0:
                    found.append((f"{file} {number}", json.loads(line)["xml"]))
    return tuple(found)


@cache
def engine(release: table.Release = (12, 8, 0)) -> Engine:
    target: Target = contemporary(release)
    return Engine(RULES, Context(target=target))


@cache
def engine_of(code: str) -> Engine:
    others = [rule for rule in RULES if rule.code != code]
    return Engine([rule for rule in RULES if rule.code == code], Context(), others=others)


def findings(xml: str, judge: Engine | None = None) -> tuple[Source, list[Finding]]:
    source = Source(xml.encode("utf-8", "surrogatepass"), "domain.xml")
    return source, (judge or engine()).judge_xml(source).findings


def signatures(xml: str, judge: Engine | None = None, but: str = BOGUS) -> Counter[Signature]:
    """What is found, without what is found about `but`."""
    source, found = findings(xml, judge)
    return Counter(
        (each.code, each.severity.name, each.stage.name, each.message, each.libvirt_says or "")
        for each in found
        if but not in each.message and not _text(source, each).lstrip("<").startswith(but)
    )


def _text(source: Source, finding: Finding) -> str:
    return source.data[finding.at.start.offset : finding.at.end.offset].decode("utf-8", "replace")


def trees(step: int) -> Iterator[tuple[str, Element]]:
    for name, xml in corpus(step):
        try:
            root = etree.fromstring(xml.encode())
        except etree.XMLSyntaxError:
            continue
        if root.tag == "domain":
            yield name, root


def written(root: Element) -> str:
    return etree.tostring(root, encoding="unicode")


def compare(step: int, change: Callable[[Element, random.Random], str | None], *, but: str = BOGUS) -> None:
    """Hold that a change of a document changes no finding."""
    differences = []
    for name, root in trees(step):
        changed = deepcopy(root)
        what = change(changed, random.Random(name))
        before, after = signatures(written(root), but=but), signatures(written(changed), but=but)
        if what is not None and before != after:
            lost, new = list((before - after).elements()), list((after - before).elements())
            differences.append(f"{name}: {what}\n    lost {lost}\n    new {new}")
    assert not differences, f"{len(differences)} domains\n" + "\n".join(differences[:20])


def places(root: Element) -> list[Element]:
    found = []
    for element in root.iter(etree.Element):
        around = {element.tag, *(ancestor.tag for ancestor in element.iterancestors())}
        if not around & OUTSIDE and not element.tag.startswith("{"):
            found.append(element)
    return found


def path(element: Element) -> str:
    return element.getroottree().getpath(element)


def add_element(root: Element, chance: random.Random) -> str | None:
    # What an element lacks may be what an unknown one was meant for.
    possible = [each for each in places(root) if len(each)]
    place = chance.choice(possible)
    place.append(etree.Element(BOGUS))
    return f"<{BOGUS}/> in {path(place)}"


def add_attribute(root: Element, chance: random.Random) -> str | None:
    place = chance.choice(places(root))
    place.set("zzz-bogus", "zzz-bogus")
    return f"{BOGUS}= on {path(place)}"


def add_comment(root: Element, chance: random.Random) -> str | None:
    place = chance.choice([each for each in places(root) if len(each)])
    place.insert(chance.randrange(len(place) + 1), etree.Comment(" by hand "))
    return f"a comment in {path(place)}"


def reverse_attributes(root: Element, _chance: random.Random) -> str | None:
    for element in root.iter(etree.Element):
        pairs = list(element.attrib.items())
        element.attrib.clear()
        for key, value in reversed(pairs):
            element.set(key, value)
    return "attributes in reverse"


def indent(root: Element, _chance: random.Random) -> str | None:
    for element in root.iter(etree.Element):
        if len(element) and not (element.text or "").strip():
            element.text = "\n\t\t"
            for inner in element:
                if not (inner.tail or "").strip():
                    inner.tail = "\n\n \t"
    return "indented otherwise"


def name_devices(root: Element, _chance: random.Random) -> str | None:
    named = 0
    for device in root.iterfind("devices/*"):
        if device.tag in ("filesystem", "disk", "interface", "memballoon") and device.find("alias") is None:
            etree.SubElement(device, "alias").set("name", f"ua-{device.tag}{named}")
            named += 1
    return "aliases as dumpxml keeps them" if named else None


def shuffle_children(root: Element, chance: random.Random) -> str | None:
    changed = 0
    for element in root.iter("disk", "interface", "memoryBacking", "numatune", "video", "rng", "tpm"):
        names = [inner.tag for inner in element]
        if len(set(names)) == len(names) > 1:
            children = list(element)
            chance.shuffle(children)
            element[:] = children
            changed += 1
    return "children in another order" if changed else None


CHANGES = {
    change.__name__: change
    for change in (
        add_element,
        add_attribute,
        add_comment,
        reverse_attributes,
        indent,
        name_devices,
        shuffle_children,
    )
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_does_not_matter_changes_nothing(name: str) -> None:
    compare(61, CHANGES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_what_does_not_matter_changes_nothing_anywhere(name: str) -> None:
    compare(5, CHANGES[name])


def test_quotes_do_not_matter() -> None:
    for name, root in trees(61):
        xml = written(root)
        if "'" not in xml and "&quot;" not in xml:
            assert signatures(xml) == signatures(re.sub(r'"', "'", xml)), name


def check_rules_alone(step: int) -> None:
    differences = []
    for name, root in trees(step):
        xml = written(root)
        _, found = findings(xml)
        by_code = Counter(each.code for each in found)
        for code in by_code:
            alone = signatures(xml, engine_of(code))
            together = Counter({each: count for each, count in signatures(xml).items() if each[0] == code})
            if alone != together:
                differences.append(f"{name}: {code}\n    {alone - together}\n    {together - alone}")
    assert not differences, f"{len(differences)} domains\n" + "\n".join(differences[:20])


def test_a_finding_does_not_depend_on_other_rules() -> None:
    check_rules_alone(61)


@pytest.mark.slow
def test_a_finding_does_not_depend_on_other_rules_anywhere() -> None:
    check_rules_alone(11)


# every listed value


def listed() -> Iterator[tuple[tuple[str, ...], table.Child, table.Form, table.Attribute | None, str, Any]]:
    """Each listed value of the vocabulary: the path to its element, the element, its form, the attribute, the value."""
    pending: list[tuple[tuple[str, ...], table.Child]] = [(("domain",), table.roots()["domain"])]
    seen = set()
    for steps, child in pending:
        for form in child.all_forms():
            if (child.name, form.name) in seen:
                continue
            seen.add((child.name, form.name))
            for attribute in form.attributes.values():
                for value, since in attribute.values.listed.items():
                    yield steps, child, form, attribute, value, since
            for value, since in (form.text.listed if form.text else {}).items():
                yield steps, child, form, None, value, since
            if len(steps) < 7:
                pending += [((*steps, inner.name), inner) for inner in form.children.values()]


def with_value(steps: tuple[str, ...], child: table.Child, form: table.Form, name: str | None, value: str) -> Element:
    """A small domain that holds a value at a place."""
    root = etree.Element("domain", type="kvm")
    etree.SubElement(root, "name").text = "example"
    element = root
    for step in steps[1:]:
        element = etree.SubElement(element, step)
    # What selects the form, where one word does.
    for test, selected in child.forms:
        if selected == form.name and test and test[0] == "=":
            element.set(test[1], test[2])
    if name is None:
        element.text = value
    else:
        element.set(name, value)
    return root


def about(xml: str, judge: Engine, name: str, value: str) -> list[Signature]:
    """What structure says of a value: that it is wrong, unknown or too new."""
    codes = {"VFS012", "VFS060", "VFS062", "VFS701"}
    return [each for each in signatures(xml, judge) if each[0] in codes and repr(value) in each[3] and name in each[3]]


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_a_listed_value_is_right_wherever_its_release_is(release: table.Release) -> None:
    differences = []
    for steps, child, form, attribute, value, since in listed():
        reads = child.reads if attribute is None else attribute.reads
        if reads is not None and value in reads.unread:
            continue
        name = attribute.name if attribute else child.name
        root = with_value(steps, child, form, attribute.name if attribute else None, value)
        alone = about(written(root), engine(release), name, value)
        etree.SubElement(root, BOGUS)
        beside = about(written(root), engine(release), name, value)
        where = f"{'/'.join(steps)} {name}={value!r} at {release}"
        if alone != beside:
            differences.append(f"{where}: {alone} and {beside}")
        elif any(each[0] != "VFS701" for each in alone) or (alone and (since is None or since <= release)):
            differences.append(f"{where}: {alone}")
    assert not differences, f"{len(differences)} values\n" + "\n".join(differences[:20])


@pytest.mark.parametrize(
    "fragment",
    [
        "<on_crash>preserve-running</on_crash>",
        "<on_crash>preserve</on_crash>",
        "<devices><disk type='ctl'><source dev='/dev/sda'/><target dev='vda'/></disk></devices>",
        "<devices><disk><driver name='qemu' type='luks'/><source file='/x'/><target dev='vda'/></disk></devices>",
        "<devices><filesystem><driver type='path' format='luks'/><target dir='x'/></filesystem></devices>",
        "<devices><controller type='nvme' index='0'/></devices>",
        "<features><tcg><tb-cache unit='MiB'>128</tb-cache></tcg></features>",
        "<numatune><memory mode='restrictive' nodeset='0'/></numatune>",
        "<clock offset='utc'><timer name='rtc' track='realtime'/></clock>",
        "<devices><audio id='1' type='none'/></devices>",
        "<os><type arch='loongarch64' machine='virt'>hvm</type></os>",
    ],
)
@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_a_word_that_copies_disagreed_about_depends_on_nothing_else(fragment: str, release: table.Release) -> None:
    domain = "<domain type='kvm'><name>example</name><memory>1</memory>{}{}</domain>"
    judge = engine(release)
    assert signatures(domain.format(fragment, ""), judge) == signatures(domain.format(fragment, f"<{BOGUS}/>"), judge)
