"""What must not change a finding: an unrelated fault, the choice of rules, and how the same thing is written.

Each relation is tried on a sample of the corpus in every run, on more of it with the slow tests, and on all of it with
--whole-corpus.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import pytest

from tests.metamorphic import listed_values
from tests.metamorphic import variants as meta
from tests.metamorphic.listed_values import Listed, Place, Step
from tests.metamorphic.variants import (
    CORPORA,
    RELEASES,
    Case,
    Differences,
    Insertion,
    Key,
    changes,
    said,
)
from tests.properties import one_in
from vfslint.findings import Finding
from vfslint.rules import RULES
from vfslint.subjects import OF_QEMU_CONF
from vfslint.targets import Version, version
from vfslint.xml.source import Source

# A sample takes every so manieth document.
EVERY = {"examples": 23, "dumps": 8, "cases": 97, "more-cases": 131}
# Less of the large files, and of all where there is much to try.
MOST = {"examples": 1, "dumps": 1, "cases": one_in(3), "more-cases": one_in(9)}
MANY = {"examples": 1, "dumps": 1, "cases": one_in(6), "more-cases": one_in(15)}
GROUPED = MANY | {"examples": one_in(3)}


def widths(wide: Mapping[str, int]) -> pytest.MarkDecorator:
    few = [pytest.param(name, step, id=f"some {name}") for name, step in EVERY.items()]
    many = [pytest.param(name, step, id=f"many {name}", marks=pytest.mark.slow) for name, step in wide.items()]
    return pytest.mark.parametrize(("name", "every"), few + many)


most_of_it = widths(MOST)
much_of_it = widths(MANY)
some_of_it = widths(GROUPED)
# More documents have most of their places in common.
FEW = 1000

Insertions = Callable[[bytes, Counter[Key]], list[Insertion]]
Rewriting = Callable[[bytes], bytes]


# ------------------------------------------------------------ an unrelated fault


def compare_with(insertions: Insertions, cases: Sequence[Case], claim: str) -> None:
    """Put in many at once, and look for the one that makes the difference where there is one.

    Of many documents each is tried at some places, for they have most of them in common.
    """
    differences = Differences()
    for number, case in enumerate(cases):
        put_in = insertions(case.data, said(case.data, case.context, keep=True))
        if len(cases) > FEW:
            put_in = meta.in_turn(put_in, number)
        if not put_in:
            continue
        differences.tried += 1
        for change in changes_by(case, put_in):
            differences.add(case.id, change, partial(guilty, case, change, put_in))
    differences.check(claim)


def changes_by(case: Case, put_in: list[Insertion]) -> list[tuple[str, Key]]:
    before, after = said(case.data, case.context, keep=True), said(meta.put(case.data, put_in), case.context)
    if any(each.is_in_text for each in put_in):
        # A text that is not in one piece may be pointed at by its element.
        before, after = meta.roughly(before), meta.roughly(after)
    return changes(before, after)


def guilty(case: Case, change: tuple[str, Key], put_in: list[Insertion]) -> str:
    return next((each.point for each in put_in if change in changes_by(case, [each])), "only all of them together")


@most_of_it
def test_unknown_element_changes_no_other_finding(name: str, every: int) -> None:
    compare_with(meta.unknown_elements, meta.sample(name, every), "an unknown element changes nothing else")


@most_of_it
def test_unknown_attribute_changes_no_other_finding(name: str, every: int) -> None:
    compare_with(meta.unknown_attributes, meta.sample(name, every), "an unknown attribute changes nothing else")


@much_of_it
def test_comment_between_elements_changes_no_finding(name: str, every: int) -> None:
    compare_with(meta.comments, meta.sample(name, every), "a comment changes nothing")


@much_of_it
def test_comment_before_a_text_changes_no_finding(name: str, every: int) -> None:
    compare_with(meta.comments_in_texts, meta.sample(name, every), "a comment before a text changes nothing")


@much_of_it
def test_alias_changes_no_finding(name: str, every: int) -> None:
    compare_with(meta.aliases, meta.sample(name, every), "the alias of a running device changes nothing")


@much_of_it
def test_address_changes_no_finding(name: str, every: int) -> None:
    compare_with(meta.addresses, meta.sample(name, every), "the address that libvirt would give changes nothing")


DOMAIN = """<domain type='kvm'>
  <name>a</name>
  <memory unit='GiB'>1</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>{top}
  <devices>{device}</devices>
</domain>"""
DISK = "<disk type='{}' device='disk'>{}<target dev='vda' bus='virtio'/></disk>"
# Values about which two places of vfslint once said different things.
CONTESTED = {
    "text in a topology": {"top": "<cpu><topology sockets='2' cores='1'>x</topology></cpu>"},
    "on_crash preserve-running": {"top": "<on_crash>preserve-running</on_crash>"},
    "disk ctl": {"device": DISK.format("ctl", "<source dev='/dev/cam/ctl'/>")},
    "disk nvme": {
        "device": DISK.format(
            "nvme",
            "<source type='pci' managed='yes' namespace='1'>"
            "<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>",
        )
    },
    "driver luks": {"device": DISK.format("file", "<driver name='qemu' type='luks'/><source file='/a'/>")},
    "numatune restrictive": {"top": "<numatune><memory mode='restrictive' nodeset='0'/></numatune>"},
    "timer realtime": {"top": "<clock offset='utc'><timer name='rtc' track='realtime'/></clock>"},
    "features tcg": {"top": "<features><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features>"},
    "arch loongarch64": {"top": ""},
    "virt machine virtualization": {"top": ""},
    "audio types": {"device": "<audio id='1' type='dbus'/><audio id='2' type='pipewire'/><audio id='3' type='none'/>"},
}
RETYPED = {
    "arch loongarch64": ("arch='x86_64' machine='q35'", "arch='loongarch64' machine='virt'"),
    "virt machine virtualization": ("machine='q35'>hvm</type>", "machine='q35'>hvm</type><bios useserial='yes'/>"),
}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("contested", CONTESTED)
def test_contested_value_is_checked_alike_beside_a_fault(contested: str, release: str) -> None:
    text = DOMAIN.format(**{"top": "", "device": ""} | CONTESTED[contested])
    case = Case(contested, text.replace(*RETYPED.get(contested, ("", ""))).encode(), meta.at(release))
    for insertions in (meta.unknown_elements, meta.unknown_attributes, meta.comments, meta.comments_in_texts):
        for each in insertions(case.data, said(case.data, case.context)):
            one = lambda _data, _before, each=each: [each]  # noqa: E731
            compare_with(one, [case], f"{contested} for {release}")


# ------------------------------------------------------------ the choice of rules

# Some rules speak of the rules that were chosen: a suppression that suppresses nothing.
ABOUT_THE_CHOICE = "VFS09"
CHOOSABLE = [rule for rule in RULES if rule.subject not in {*OF_QEMU_CONF, "Fleet"}]
# Of any two rules, one group holds the first and not the second.
GROUPS = [
    frozenset(rule.code for number, rule in enumerate(CHOOSABLE) if (number >> bit & 1) == side)
    for bit in range(len(CHOOSABLE).bit_length())
    for side in (0, 1)
]
GENERIC = frozenset(rule.code for rule in CHOOSABLE if rule.generic)
OTHERS = frozenset(rule.code for rule in CHOOSABLE) - GENERIC


def found(case: Case, codes: frozenset[str]) -> list[Finding]:
    outcome = meta.engine(case.context, codes).check_xml(Source(case.data, "example"))
    return [finding for finding in outcome.findings if not finding.code.startswith(ABOUT_THE_CHOICE)]


def compare_choices(case: Case, choices: Iterable[frozenset[str]], differences: Differences) -> None:
    """What a choice of rules finds is what all rules find, the findings of other rules left out."""
    every = found(case, OTHERS | GENERIC)
    differences.tried += 1
    for codes in choices:
        few = found(case, codes)
        wanted = [finding for finding in every if finding.code in codes]
        if few == wanted:
            continue
        before, after = meta.keys(case.data, wanted), meta.keys(case.data, few)
        if before == after:  # its place, related places or fix
            before, after = Counter(map(_whole, wanted)), Counter(map(_whole, few))
        for change in changes(before, after):
            where = change[1].place
            if change[1].code in GENERIC:
                # Which rule it is that the generic one gave way to.
                rivals = {key.code for key in meta.keys(case.data, every) if key.place == where}
                change = (change[0], change[1]._replace(place=f"where {_list(rivals)} speaks"))
            differences.add(case.id, change, partial("{}, chosen: {}".format, where, _list(codes)))


def _whole(finding: Finding) -> Key:
    return Key(finding.code, str(finding.at.start), finding.severity.word, finding.stage.value, repr(finding), "")


def _list(codes: Iterable[str]) -> str:
    names = sorted(codes)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


@much_of_it
def test_rule_alone_says_what_it_says_among_all(name: str, every: int) -> None:
    """Rules that speak, one by one: what a rule finds does not depend on which others are chosen."""
    differences = Differences()
    for case in meta.sample(name, every):
        spoke = {finding.code for finding in found(case, OTHERS | GENERIC)}
        compare_choices(case, [frozenset({code}) for code in sorted(spoke)], differences)
    differences.check("a rule alone finds what it finds among all")


@some_of_it
def test_some_rules_say_what_they_say_among_all(name: str, every: int) -> None:
    """Rules in groups, those that are silent among all too: none is silent because of another one."""
    differences = Differences()
    for number, case in enumerate(meta.sample(name, every)):
        # For every rule and every other one, some group holds the one without the other; each takes its turn.
        at = number * 2 % len(GROUPS)
        some = GROUPS if name == "examples" else GROUPS[at : at + 2]
        compare_choices(case, [GENERIC, OTHERS, *some], differences)
    differences.check("some rules find what they find among all")


# ------------------------------------------------------------ the same, written differently


def compare_rewritten(rewriting: Rewriting, name: str, every: int, *, newest_only: bool = False) -> None:
    differences = Differences()
    for case in meta.sample(name, every):
        if newest_only and case.context.target != meta.at(RELEASES[-1]).target:
            continue
        written = rewriting(case.data)
        if written == case.data:
            continue
        differences.tried += 1
        before, after = said(case.data, case.context, keep=True), said(written, case.context)
        if rewriting is meta.devices_reversed:
            before, after = meta.without_place(before), meta.without_place(after)
        for change in changes(before, after):
            differences.add(case.id, change)
    differences.check((rewriting.__doc__ or rewriting.__name__.replace("_", " ")).partition("\n")[0])


@pytest.mark.parametrize(
    "rewriting",
    [meta.attributes_reversed, meta.other_quotes, meta.no_indentation, meta.other_indentation, meta.blanks_in_tags],
    ids=lambda it: it.__name__,
)
@much_of_it
def test_how_it_is_written_changes_no_finding(name: str, every: int, rewriting: Rewriting) -> None:
    compare_rewritten(rewriting, name, every)


# Where order matters to a release, it is an old one (VFS019).
@pytest.mark.parametrize(
    "rewriting", [meta.children_reversed, meta.settings_reversed, meta.devices_reversed], ids=lambda it: it.__name__
)
@much_of_it
def test_order_of_children_changes_no_finding(name: str, every: int, rewriting: Rewriting) -> None:
    compare_rewritten(rewriting, name, every, newest_only=True)


@pytest.mark.slow
def test_corpus_is_there() -> None:
    least = {"examples": 500, "dumps": 100, "cases": 2500 // MOST["cases"], "more-cases": 5500 // MOST["more-cases"]}
    assert {name: len(meta.sample(name, MOST[name])) > least[name] for name in CORPORA} == dict.fromkeys(CORPORA, True)


# ------------------------------------------------------------ every listed value

# How rules say that something came later than the target.
TOO_NEW = re.compile(
    r"known since libvirt|(came with|upgrade|needs) libvirt|does not know yet|libvirt [0-9.]+ brought it"
)
SERIAL = "isa-serial usb-serial pci-serial spapr-vio-serial system-serial sclp-serial isa-debug".split()
CONSOLE = "xen serial uml virtio lxc openvz sclp sclplm".split()
REFUSED = {
    # libvirt's schemas list it and its parser refuses it all the same.
    ("domain/devices/filesystem/driver", "format", "luks"),
    # Forms of a disk are one row: this is the source of type='nvme', the other one of type='vhostuser'.
    ("domain/devices/disk/source", "type", "pci"),
    # Consoles and ports have one list in the schemas, and one each in the parser.
    *(("domain/devices/console/target", "type", word) for word in SERIAL),
    *(("domain/devices/serial/target", "type", word) for word in CONSOLE),
}
# What is inside of a disk or of an IOMMU device's <address> has no release where all devices share one declaration.
# Other rules say where a word does not fit, and say so of any word.
UNKNOWN = re.compile("not a valid|not valid|unknown")
WITHOUT_RELEASE = ("domain/devices/iommu/address", "domain/devices/disk/source")
VALUES = [
    pytest.param(23, id="some values"),
    pytest.param(1, id="all values", marks=pytest.mark.slow),
]
wholly = pytest.mark.parametrize("every", VALUES)


@lru_cache(50_000)
def checked(data: bytes, release: str) -> list[tuple[Finding, str]]:
    """Return the findings, each with its place."""
    found = meta.check(data, meta.at(release))
    return [(finding, meta.place(meta.read(data), finding.at.start.offset)) for finding in found]


class Asked(NamedTuple):
    """A value at one form of its place, in one release."""

    value: Listed
    form: Place | None
    release: str

    @property
    def at(self) -> str:
        return self.value.path + ("/text()" if self.value.attribute is None else f"/@{self.value.attribute}")

    def document(self, value: str | None = None, *, with_bogus: bool = False) -> bytes:
        steps = self.form.steps if self.form else tuple(Step(name, ()) for name in self.value.path.split("/"))
        written = self.value.value if value is None else value
        return listed_values.document(steps, self.value.attribute, written, with_bogus=with_bogus)

    def findings(self, value: str | None = None, *, with_bogus: bool = False) -> list[tuple[Finding, str]]:
        return checked(self.document(value, with_bogus=with_bogus), self.release)

    def unknown_by(self) -> set[tuple[str, str]]:
        """The rules that say of a word that nobody knows that it is not a value, and how."""
        return {
            (finding.code, finding.message.replace("zzz-none", "…"))
            for finding, where in self.findings("zzz-none")
            if self._is_here(where) and "zzz-none" in finding.message and UNKNOWN.search(finding.message)
        }

    def said_unknown(self) -> list[Finding]:
        """What is said of the value just as of a word that nobody knows."""
        if (self.value.path, self.value.attribute, self.value.value) in REFUSED:
            return []
        if self.value.path.endswith(("/driver", "/format")) and self.value.value == "luks":
            return []  # as above, wherever an image has a format
        here = [finding for finding, where in self.findings() if self._is_here(where)]
        unknown = self.unknown_by() if here else set()
        value = self.value.value
        return [finding for finding in here if value and (finding.code, finding.message.replace(value, "…")) in unknown]

    def said_too_new(self) -> list[tuple[Finding, str]]:
        """What is said to have come later than the release: the value, its place or what is around it."""
        path = self.at
        return [
            (finding, where)
            for finding, where in self.findings()
            if (finding.code == "VFS701" or TOO_NEW.search(finding.message + finding.help))
            and (path == where or path.startswith((where + "/", where.removesuffix(" (name)"))))
        ]

    def not_said(self) -> Key:
        """That nothing is too new, and what is said of the value instead."""
        instead = [f"{finding.code} {finding.message}" for finding, where in self.findings() if self._is_here(where)]
        return Key("VFS701", self.value.name, "", "", f"not said; instead: {instead}", "")

    def shown(self) -> str:
        return self.document().decode().partition("</vcpu>")[2] or self.document().decode()

    def _is_here(self, where: str) -> bool:
        return where == self.at or (self.value.attribute is None and where == self.value.path)


# A place can have many forms that differ elsewhere only.
FORMS = 3


def asked(values: Iterable[Listed], *, where_listed: bool = False) -> Iterator[list[Asked]]:
    """Every value in each release, at some of the forms that know its place: one of them is the right one.

    `where_listed` leaves out the places at which the vocabulary lists no values.
    """
    for value in values:
        known = listed_values.places().get((value.path, value.attribute), [])
        # A controller's models are those of its type.
        known = [form for form in known if value.value in dict(form.values)] or known
        if where_listed:
            known = [form for form in known if form.values]
        some: list[Place | None] = list(known[:: -(-len(known) // FORMS)]) if known else [None]
        if known or not where_listed:
            for release in RELEASES:
                yield [Asked(value, form, release) for form in some]


def of_libvirt(every: int) -> tuple[Listed, ...]:
    return listed_values.listed()[::every]


def of_ours(every: int) -> list[Listed]:
    """What schemas/domain.xsd lists, with the releases that it gives."""
    found: dict[Listed, None] = {}
    for (path, attribute), forms in listed_values.places().items():
        brought: dict[str, Version] = {}
        for form in forms:
            for value, since in form.values:
                brought[value] = min(brought.get(value, (999, 0, 0)), max(form.since, since))
        for value, since in brought.items():
            known = tuple(release for release in RELEASES if version(release) >= since)
            found[Listed(path, attribute, value, known)] = None
    return list(found)[::every]


def as_key(finding: Finding, where: str) -> Key:
    return Key(finding.code, where, finding.severity.word, finding.stage.value, finding.message, finding.libvirt_says)


def check_unknown(values: Iterable[Listed]) -> None:
    differences = Differences()
    for some in asked(values):
        if some[0].release in some[0].value.releases:
            differences.tried += 1
            said_of_each = [each.said_unknown() for each in some]
            if all(said_of_each):
                report(differences, some[0], said_of_each[0])
    differences.check("a value is not unknown to a release that knows it")


def check_not_too_new(values: Iterable[Listed]) -> None:
    differences = Differences()
    for some in asked(values):
        if some[0].release in some[0].value.releases:
            differences.tried += 1
            said_of_each = [each.said_too_new() for each in some]
            if all(said_of_each):
                report(differences, some[0], [finding for finding, _ in said_of_each[0]])
    differences.check("a value is not too new for a release that knows it")


def check_too_new(values: Iterable[Listed]) -> None:
    differences = Differences()
    for some in asked(values, where_listed=True):
        value, release = some[0].value, some[0].release
        if value.path.startswith(WITHOUT_RELEASE):
            continue
        if not value.releases or version(release) < version(value.releases[0]):
            differences.tried += 1
            if not any(each.said_too_new() for each in some):
                differences.add(f"for {release}", ("-", some[0].not_said()), some[0].shown)
    differences.check("a value is too new for a release that does not know it")


def report(differences: Differences, each: Asked, findings: list[Finding]) -> None:
    for finding in findings:
        differences.add(f"for {each.release}", ("+", as_key(finding, each.value.name)), each.shown)


@wholly
def test_listed_value_is_not_unknown_to_a_release_that_knows_it(every: int) -> None:
    check_unknown(of_libvirt(every))


@wholly
def test_listed_value_is_not_too_new_for_a_release_that_knows_it(every: int) -> None:
    check_not_too_new(of_libvirt(every))


@wholly
def test_listed_value_is_too_new_for_a_release_that_does_not_know_it(every: int) -> None:
    check_too_new(of_libvirt(every))


@wholly
def test_value_of_our_vocabulary_is_not_unknown_from_its_release_on(every: int) -> None:
    check_unknown(of_ours(every))


@wholly
def test_value_of_our_vocabulary_is_not_too_new_from_its_release_on(every: int) -> None:
    check_not_too_new(of_ours(every))


@wholly
def test_value_of_our_vocabulary_is_too_new_before(every: int) -> None:
    check_too_new(of_ours(every))


@wholly
def test_listed_value_is_checked_alike_beside_a_fault(every: int) -> None:
    differences = Differences()
    for some in asked(of_libvirt(every)):
        each = some[0]
        differences.tried += 1
        before = Counter(as_key(*found) for found in each.findings())
        after = Counter(as_key(*found) for found in each.findings(with_bogus=True))
        for sign, key in changes(before, after):
            what = key._replace(place=each.value.name)
            differences.add(f"for {each.release}", (sign, what), each.shown)
    differences.check("a value is checked alike beside an unknown element")
