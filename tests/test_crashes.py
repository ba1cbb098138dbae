"""No document makes a rule fail: the manuals' examples with each element or attribute gone, empty or twice."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from functools import partial
from itertools import islice
from typing import Any

import pytest
from lxml import etree

from tests.examples import context, document
from tests.properties import one_in
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.manual import Example
from vfslint.rules import RULES
from vfslint.targets import contemporary, version
from vfslint.xml.edits import apply
from vfslint.xml.source import Source


def examples() -> Iterator[tuple[Example, Any]]:
    for example in dict.fromkeys(example for rule in RULES for example in rule.manual.bad):
        with suppress(etree.XMLSyntaxError):
            yield example, etree.fromstring(document(example.text))


def variants(root: Any, known: set[tuple[object, ...]]) -> Iterator[Any]:
    """Yield the document with one element changed, for every way; what is as `known` as its context only once."""
    for number, element in enumerate(root.iter("*")):
        ways: dict[str, Callable[[Any], None]] = {change.__name__: change for change in WAYS}
        ways |= {f"without {name}": partial(without, name) for name in element.attrib}
        for way, change in ways.items():
            around = element.getparent().tag if element.getparent() is not None else ""
            key = (around, etree.tostring(element, with_tail=False), way)
            if key not in known:
                known.add(key)
                changed = deepcopy(root)
                change(next(it for position, it in enumerate(changed.iter("*")) if position == number))
                yield changed


def emptied(element: Any) -> None:
    """Close it at once, with its attributes."""
    for child in list(element):
        element.remove(child)
    element.text = None


def bare(element: Any) -> None:
    """Close it at once, without anything."""
    emptied(element)
    element.attrib.clear()


def doubled(element: Any) -> None:
    """Repeat it."""
    if element.getparent() is not None:
        element.addnext(deepcopy(element))


def shadowed(element: Any) -> None:
    """Put one of its name without anything before it."""
    if element.getparent() is not None:
        element.addprevious(etree.Element(element.tag))


def without(name: str, element: Any) -> None:
    """Take an attribute away."""
    del element.attrib[name]


WAYS = (emptied, bare, doubled, shadowed)


def well_formed(data: bytes) -> bool:
    try:
        etree.fromstring(data)
    except etree.XMLSyntaxError as error:
        return "amespace" in str(error)
    return True


@pytest.mark.parametrize(
    ("release", "step"),
    [
        (None, 4),
        pytest.param(None, 1, marks=pytest.mark.slow),
        pytest.param("7.0.0", one_in(3), marks=pytest.mark.slow),
    ],
)
def test_no_variant_of_an_example_makes_a_rule_fail(release: str | None, step: int) -> None:
    known: set[tuple[object, ...]] = set()
    for example, root in islice(examples(), 0, None, step):
        old = Context(contemporary(version(release))) if release else context(example.given)
        engine = Engine(RULES, old)
        for changed in variants(root, known):
            data = etree.tostring(changed)
            outcome = engine.check_xml(Source(data, "x.xml"))
            outcome.members()
            for finding in outcome.findings:
                assert 0 <= finding.at.start.offset <= finding.at.end.offset <= len(data)
                edits = finding.fix.edits if finding.fix else ()
                assert all(0 <= edit.start <= edit.end <= len(data) for edit in edits), (data, finding)
                assert not edits or well_formed(apply(data, edits)), (data, finding)


@pytest.mark.parametrize(
    ("release", "text"),
    [
        # A fix that needs an end tag, before any and after one.
        ("12.8.0", "<domain type='kvm'><vcpu/></domain>"),
        ("12.8.0", "<domain type='kvm'><name>a</name><vcpu/></domain>"),
        # An attribute that only the second element has.
        (
            "7.0.0",
            "<domain type='kvm'><devices><filesystem><driver/><driver type='virtiofs'/></filesystem></devices>"
            "</domain>",
        ),
        (
            "7.0.0",
            "<domain type='xen'><devices><filesystem><driver/><driver type='virtiofs'/></filesystem></devices>"
            "</domain>",
        ),
        # An attribute that only the DTD has.
        (
            "12.8.0",
            "<!DOCTYPE domain [<!ATTLIST domain type CDATA 'xen'>]>\n<domain><name>a</name><devices><filesystem>"
            "<driver type='virtiofs'/></filesystem></devices></domain>",
        ),
    ],
)
def test_what_once_made_a_rule_fail(release: str, text: str) -> None:
    data = text.encode()
    outcome = Engine(RULES, Context(contemporary(version(release)))).check_xml(Source(data, "x.xml"))
    assert outcome.findings
    for finding in outcome.findings:
        assert well_formed(apply(data, finding.fix.edits if finding.fix else ())), finding


def test_text_is_set_in_its_own_element() -> None:
    data = b"<domain type='kvm'><name>a</name><on_crash/><os><type>HVM</type></os></domain>"
    findings = Engine(RULES, Context()).check_xml(Source(data, "x.xml")).findings
    fixed = [apply(data, finding.fix.edits) for finding in findings if finding.fix and finding.code == "VFS028"]
    assert fixed == [data.replace(b"HVM", b"hvm")]


@pytest.mark.parametrize(
    "text", ["<x:domain xmlns:x='u' type='kvm'><name>a</name></x:domain>", "<domain type='kvm'><name>a</name></domain>"]
)
def test_prefixed_root_beside_another_file(text: str) -> None:
    # libvirt looks at the local name of the root alone.
    sources = {
        name: Source(f"{before}{text}".encode(), name) for name, before in (("a.xml", ""), ("b.xml", "<!-- -->"))
    }
    engine = Engine(RULES, Context())
    members = [member for source in sources.values() for member in engine.check_xml(source).members()]
    together = engine.check_fleet(members, sources.__getitem__)
    assert [(finding.code, finding.file) for finding in together.findings] == [("VFS802", "b.xml")]
