"""Documents that say the same as others, written differently, and what vfslint says of each.

A finding is compared by its code, its words, how bad it is, and its place: the path of the element, attribute or text
that it points at. Offsets and lines do not count, for what is put in before a place moves it.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import NamedTuple

from tests import examples
from tests.paths import DATA
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Finding
from vfslint.rules import RULES
from vfslint.targets import NEWEST, contemporary, version
from vfslint.xml.source import Source

RELEASES = ("7.0.0", "9.0.0", "11.3.0", "12.8.0")
# What is put in: near no name that libvirt knows, so that nobody takes it for a misspelled one.
BOGUS = b"zzz-bogus"
BOGUS_ATTRIBUTE = b"zzzBogus"
MARK = "zzz"
# So many kinds of differences are told in full.
TOLD = 100


# ------------------------------------------------------------ documents


class Case(NamedTuple):
    """A document, and the conditions that it is checked under."""

    id: str
    data: bytes
    context: Context


CORPORA = ("examples", "dumps", "cases", "more-cases")


@cache
def sample(name: str, every: int = 1) -> tuple[Case, ...]:
    """Every so manieth document of one kind, those that cannot be read as XML left out."""
    made = _examples() if name == "examples" else _stored(name)
    return tuple(case for case in islice(made, 0, None, every) if is_readable(case.data))


def _examples() -> Iterator[Case]:
    for rule in RULES:
        for word, listed in (("bad", rule.manual.bad), ("good", rule.manual.good)):
            for number, example in enumerate(listed):
                if not examples.is_conf(example.text):
                    yield Case(f"{rule.code} {word} {number}", examples.document(example.text), given(example.given))


def _stored(name: str) -> Iterator[Case]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            stored = json.loads(line)
            # Most are checked for the newest release, one of five for another.
            release = stored.get("release") or (RELEASES[number // 5 % 3] if number % 5 == 4 else RELEASES[-1])
            label = stored.get("id", f"{stored['base']} {release}")
            yield Case(f"{name} {label}", stored["xml"].encode(), at(release))


@cache
def given(conditions: str) -> Context:
    return examples.context(conditions)


@cache
def at(release: str) -> Context:
    return Context(NEWEST if release == RELEASES[-1] else contemporary(version(release)))


def is_readable(data: bytes) -> bool:
    if b"<!DOCTYPE" in data:
        return False
    try:
        data.decode()
        tree = read(data)
    except (UnicodeDecodeError, ValueError):
        return False
    return tree.name in ("domain", "domains", "domainsnapshot", "domaincheckpoint", "domainbackup", "domstatus")


# ------------------------------------------------------------ where things are in a document


class Attribute(NamedTuple):
    name: str
    start: int
    value: int
    """Where the value starts, its quote not counted."""
    end: int
    """Where the attribute ends, its quote counted."""


class Element:
    """An element and where its pieces lie, in bytes."""

    def __init__(self, name: str, parent: Element | None, start: int, tag_end: int, is_short: bool) -> None:
        self.name = name
        self.parent = parent
        self.start = start
        self.tag_end = tag_end
        self.is_short = is_short
        self.close = self.end = tag_end
        self.attributes: list[Attribute] = []
        self.children: list[Element] = []
        self.has_text = False
        if parent is None:
            self.path = name
        else:
            number = 1 + sum(child.name == name for child in parent.children)
            self.path = f"{parent.path}/{name}" + (f"[{number}]" if number > 1 else "")
            parent.children.append(self)

    def iter(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            yield from child.iter()

    def ancestors(self) -> Iterator[Element]:
        around = self.parent
        while around is not None:
            yield around
            around = around.parent

    def find(self, path: str) -> Element | None:
        found: Element | None = self
        for name in path.split("/"):
            found = next((child for child in found.children if child.name == name), None) if found else None
        return found

    def get(self, data: bytes, name: str) -> str | None:
        return next((data[a.value : a.end - 1].decode() for a in self.attributes if a.name == name), None)


_TOKEN = re.compile(
    rb"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>|</[^>]*>"
    rb"|<(?P<name>[^\s/>!?]+)(?P<rest>(?:[^>\"']|\"[^\"]*\"|'[^']*')*)>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(rb"([^\s=/]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


@lru_cache(64)
def read(data: bytes) -> Element:
    """Read a well-formed document; raises ValueError for others."""
    root: Element | None = None
    current: Element | None = None
    before = 0
    for found in _TOKEN.finditer(data):
        if current is not None and data[before : found.start()].strip():
            current.has_text = True
        before = found.end()
        token = found[0]
        if token.startswith((b"<!--", b"<?")):
            continue
        if token.startswith(b"<!["):
            if current is not None:
                current.has_text = True
            continue
        if token.startswith(b"</"):
            if current is None or token[2:-1].strip().decode() != current.name:
                raise ValueError("an end tag of something else")
            current.close, current.end = found.start(), found.end()
            current = current.parent
            continue
        is_short = token.endswith(b"/>")
        element = Element(found["name"].decode(), current, found.start(), found.end(), is_short)
        for pair in _ATTRIBUTE.finditer(data, found.start("rest"), found.end("rest")):
            value = pair.start(2) if pair[2] is not None else pair.start(3)
            element.attributes.append(Attribute(pair[1].decode(), pair.start(), value, pair.end()))
        if root is None:
            root = element
        elif current is None:
            raise ValueError("a second root")
        if not is_short:
            current = element
    if root is None or current is not None:
        raise ValueError("no whole document")
    return root


def place(tree: Element, offset: int) -> str:
    """Name what lies at an offset."""
    if not tree.start <= offset < tree.end:
        return "outside"
    element = tree
    while True:
        inner = next((child for child in element.children if child.start <= offset < child.end), None)
        if inner is None:
            break
        element = inner
    if offset >= element.close and not element.is_short:
        return f"{element.path}/end"
    if offset >= element.tag_end:
        return f"{element.path}/text()"
    for attribute in element.attributes:
        if attribute.start <= offset < attribute.value - 1:
            return f"{element.path}/@{attribute.name} (name)"
        if attribute.start <= offset < attribute.end:
            return f"{element.path}/@{attribute.name}"
    return element.path


# ------------------------------------------------------------ findings without their offsets


class Key(NamedTuple):
    """What must stay of a finding."""

    code: str
    place: str
    severity: str
    stage: str
    message: str
    says: str


# An engine for each circumstance and choice. Facts of a host cannot be hashed; the corpus keeps what an id stands for.
_engines: dict[tuple[int, frozenset[str]], Engine] = {}
_said: dict[tuple[bytes, int], Counter[Key]] = {}
EVERY_CODE = frozenset(rule.code for rule in RULES)


def engine(context: Context, codes: frozenset[str] = EVERY_CODE) -> Engine:
    made = _engines.get((id(context), codes))
    if made is None:
        chosen = [rule for rule in RULES if rule.code in codes]
        others = [rule for rule in RULES if rule.code not in codes]
        made = _engines[id(context), codes] = Engine(chosen, context, others=others)
    return made


def said(data: bytes, context: Context, *, keep: bool = False) -> Counter[Key]:
    """Return what is said of a document; `keep` it where it will be asked for again."""
    known = _said.get((data, id(context)))
    if known is None:
        known = keys(data, check(data, context))
        if keep:
            _said[data, id(context)] = known
    return known


def check(data: bytes, context: Context) -> list[Finding]:
    source = Source(data, "example")
    chosen = engine(context)
    outcome = chosen.check_xml(source)
    if len(outcome.domains) < 2:
        return outcome.findings
    return outcome.findings + chosen.check_fleet(outcome.members(), lambda _: source).findings


def keys(data: bytes, findings: Iterable[Finding]) -> Counter[Key]:
    return Counter(
        Key(
            finding.code,
            place(read(data), finding.at.start.offset),
            finding.severity.word,
            finding.stage.value,
            finding.message,
            finding.libvirt_says,
        )
        for finding in findings
    )


# What libvirt's own schema says is about the whole document: its first complaint, by line.
WHOLE_DOCUMENT = "VFS070"


def is_about_bogus(key: Key) -> bool:
    return MARK in key.place or MARK in key.message


def changes(before: Counter[Key], after: Counter[Key]) -> list[tuple[str, Key]]:
    """What is said no more (-) and what is new (+); what is about the thing put in does not count."""
    lost = [("-", key) for key in (before - after) if key.code != WHOLE_DOCUMENT]
    new = [("+", key) for key in (after - before) if key.code != WHOLE_DOCUMENT and not is_about_bogus(key)]
    return sorted(lost + new, key=lambda change: (change[1].place, change[0], change[1]))


def without_place(found: Counter[Key]) -> Counter[Key]:
    """What is said, of whichever element: where two are at odds, the later one is pointed at."""
    made: Counter[Key] = Counter()
    for key, number in found.items():
        made[key._replace(place="somewhere", message="")] += number
    return made


def roughly(found: Counter[Key]) -> Counter[Key]:
    """Take a text and its element for the same place."""
    made: Counter[Key] = Counter()
    for key, number in found.items():
        made[key._replace(place=key.place.removesuffix("/text()"))] += number
    return made


# ------------------------------------------------------------ differences by kind


_NUMBERED = re.compile(r"\[\d+\]")


class Differences:
    """Collects differences by kind: what happened to which rule's finding at which place."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.first: dict[tuple[str, str, str], str] = {}
        self.tried = 0

    def add(self, where: str, change: tuple[str, Key], detail: Callable[[], str] = str) -> None:
        """Count one; `detail` is asked only for the first of its kind."""
        sign, key = change
        kind = (key.code, sign, _NUMBERED.sub("", key.place))
        self.counts[kind] += 1
        if kind not in self.first:
            told = f"{key.severity}/{key.stage}: {key.message!r} libvirt says {key.says!r}"
            self.first[kind] = f"{where}: {detail()}\n      {told}"

    def check(self, claim: str) -> None:
        if not self.counts:
            return
        lines = [f"{claim}: {len(self.counts)} kinds of differences in {self.tried} documents"]
        for kind in sorted(self.counts)[:TOLD]:
            code, sign, where = kind
            lines.append(f"  {sign}{code} {where} ({self.counts[kind]} times)\n      {self.first[kind]}")
        if len(self.counts) > TOLD:
            rest = Counter(f"{sign}{code}" for code, sign, _ in sorted(self.counts)[TOLD:])
            lines.append("  and " + ", ".join(f"{number} more of {what}" for what, number in sorted(rest.items())))
        raise AssertionError("\n".join(lines))


# ------------------------------------------------------------ putting something in


class Insertion(NamedTuple):
    """Bytes to put in place of others; `point` says where in words."""

    start: int
    end: int
    text: bytes
    point: str
    is_in_text: bool = False


def put(data: bytes, insertions: Iterable[Insertion]) -> bytes:
    pieces, before = [], 0
    for each in sorted(insertions, key=lambda insertion: insertion.start):
        pieces += [data[before : each.start], each.text]
        before = each.end
    return b"".join([*pieces, data[before:]])


# libvirt asks for all children of these, whatever their names, and refuses those that it does not know.
PICKY = frozenset({"features", "hyperv", "kvm", "xen", "capabilities"})


def is_ours(element: Element) -> bool:
    """Whether libvirt's domain parser reads the element: not metadata, nor another program's."""
    chain = [element, *element.ancestors()]
    names = [link.name for link in chain]
    if any(":" in name or name == "metadata" for name in names) or not {"domain", "inactiveDomain"} & set(names):
        return False
    return not any(attribute.name == "xmlns" for link in chain for attribute in link.attributes)


def at_end(element: Element, text: bytes) -> Insertion:
    """Put a child at the end of an element."""
    if not element.is_short:
        return Insertion(element.close, element.close, text, f"{text.decode()} at the end of {element.path}")
    closed = b">" + text + b"</" + element.name.encode() + b">"
    return Insertion(element.tag_end - 2, element.tag_end, closed, f"{text.decode()} in {element.path}")


def at_start(element: Element, text: bytes) -> Insertion:
    """Put a child at the start of an element."""
    if element.is_short:
        return at_end(element, text)
    return Insertion(element.tag_end, element.tag_end, text, f"{text.decode()} at the start of {element.path}")


def unknown_elements(data: bytes, before: Counter[Key]) -> list[Insertion]:
    """An unknown child in every element that holds children or nothing.

    A lone unknown child is taken for the one that is missing, by its attributes, and an unknown one that is put
    beside it hides that. So none is put where one is missing, unknown or misplaced: where anything is said of the
    element's name or of a child's.
    """
    taken = {key.place for key in before}
    taken |= {place.rpartition("/")[0] for place in taken if "/@" not in place}
    found = []
    for number, element in enumerate(read(data).iter()):
        if is_ours(element) and not element.has_text and element.name not in PICKY and element.path not in taken:
            found.append((at_start if number % 2 else at_end)(element, b"<" + BOGUS + b"/>"))
    return found


def unknown_attributes(data: bytes, before: Counter[Key]) -> list[Insertion]:
    """An unknown attribute on every element, except where a lone unknown one is taken for the missing one."""
    taken = {key.place.partition("/@")[0] for key in before if "/@" not in key.place or key.place.endswith("(name)")}
    found = []
    for number, element in enumerate(read(data).iter()):
        if not is_ours(element) or element.path in taken:
            continue
        text = b" " + BOGUS_ATTRIBUTE + b"='1'"
        start = element.start + 1 + len(element.name.encode())
        if number % 2 and element.attributes:
            start = element.attributes[-1].end
        found.append(Insertion(start, start, text, f"{text.decode().strip()} on {element.path}"))
    return found


COMMENT = b"<!-- zzz <bogus/> -->"


def comments(data: bytes, _: Counter[Key]) -> list[Insertion]:
    """A comment in every element that holds no text, and after the document's root."""
    root = read(data)
    found = [Insertion(root.end, root.end, COMMENT, "a comment after the root")]
    for number, element in enumerate(root.iter()):
        if is_ours(element) and not element.has_text and not (element.is_short and number % 3):
            found.append((at_start if number % 2 else at_end)(element, COMMENT))
    return found


def comments_in_texts(data: bytes, _: Counter[Key]) -> list[Insertion]:
    """A comment before every text."""
    texts = (element for element in read(data).iter() if is_ours(element) and element.has_text)
    return [at_start(element, COMMENT)._replace(is_in_text=True) for element in texts]


def aliases(data: bytes, _: Counter[Key]) -> list[Insertion]:
    """An alias of a running domain in every device that has none; a plain define drops it."""
    found = []
    for element in read(data).iter():
        if not is_device(element) or element.name not in with_alias() or element.find("alias") or element.has_text:
            continue
        if is_ours(element):
            found.append(at_end(element, f"<alias name='{MARK}{element.name}{len(found)}'/>".encode()))
    return found


def is_device(element: Element) -> bool:
    above = element.parent
    return above is not None and above.name == "devices" and above.parent is not None and above.parent.name == "domain"


@cache
def with_alias() -> frozenset[str]:
    """The devices that have an alias in each of the releases."""
    return frozenset(
        row["path"].split("/")[2]
        for row in vocabulary()
        if row["path"].startswith("domain/devices/")
        and row["path"].endswith("/alias")
        and row["path"].count("/") == 3
        and "in" not in row
    )


def in_turn(insertions: list[Insertion], number: int) -> list[Insertion]:
    """Of many, every fourth: a document of a corpus has its base in common with a hundred others."""
    return insertions[number % 4 :: 4] or insertions


def addresses(data: bytes, _: Counter[Key]) -> list[Insertion]:
    """A free PCI address for each share and balloon that has none, on the machines that have bus 0.

    Not for a filesystem whose driver QEMU lacks: libvirt says something else of it if it must find an address first.
    """
    root = read(data)
    kind = root.find("os/type")
    machine = (kind.get(data, "machine") or "") if kind else ""
    arch = kind.get(data, "arch") if kind else None
    if arch != "x86_64" or not ("q35" in machine or machine == "pc" or machine.startswith("pc-i440fx")):
        return []
    found = []
    free = [slot for slot in range(0x08, 0x18) if f"slot='0x{slot:02x}'".encode() not in data]
    for element in root.iter():
        if not is_device(element) or element.find("address") or element.has_text or not free:
            continue
        driver = element.find("driver")
        if driver and driver.get(data, "type") in ("loop", "nbd", "ploop", "handle"):
            continue
        if element.name == "filesystem" or (element.name == "memballoon" and element.get(data, "model") == "virtio"):
            slot = free.pop()
            text = f"<address type='pci' domain='0x0000' bus='0x00' slot='0x{slot:02x}' function='0x0'/>"
            found.append(at_end(element, text.encode()))
    return found


# ------------------------------------------------------------ writing the same differently


def other_quotes(data: bytes) -> bytes:
    made = bytearray(data)
    for element in read(data).iter():
        for attribute in element.attributes:
            value = data[attribute.value : attribute.end - 1]
            if b"'" not in value and b'"' not in value:
                other = ord("'") if data[attribute.end - 1] == ord('"') else ord('"')
                made[attribute.value - 1] = made[attribute.end - 1] = other
    return bytes(made)


def attributes_reversed(data: bytes) -> bytes:
    changed = []
    for element in read(data).iter():
        spans = [(attribute.start, attribute.end) for attribute in element.attributes]
        for (start, end), (other, other_end) in zip(spans, reversed(spans), strict=True):
            changed.append(Insertion(start, end, data[other:other_end], ""))
    return put(data, changed)


def no_indentation(data: bytes) -> bytes:
    return _between_elements(data, lambda _: b"")


def other_indentation(data: bytes) -> bytes:
    return _between_elements(data, lambda depth: b"\n\t" + b" " * depth + b"\n")


def _between_elements(data: bytes, blank: Callable[[int], bytes]) -> bytes:
    changed = []
    for element in read(data).iter():
        # What is inside a text is part of it.
        if any(link.has_text for link in (element, *element.ancestors())):
            continue
        if element.is_short or not element.children or not is_ours(element):
            continue
        gaps = [element.tag_end, *(child.end for child in element.children)]
        ends = [*(child.start for child in element.children), element.close]
        depth = sum(1 for _ in element.ancestors())
        for start, end in zip(gaps, ends, strict=True):
            if not data[start:end].strip():
                changed.append(Insertion(start, end, blank(depth), ""))
    return put(data, changed)


def blanks_in_tags(data: bytes) -> bytes:
    changed = []
    for element in read(data).iter():
        for attribute in element.attributes:
            name_end = attribute.start + len(attribute.name.encode())
            changed.append(Insertion(name_end, attribute.value - 1, b" =\n  ", ""))
            changed.append(Insertion(attribute.end, attribute.end, b" ", ""))
    return put(data, changed)


def children_reversed(data: bytes) -> bytes:
    """Children of devices in another order of their names; those of one name keep their order."""
    # In some forms of these, the schema of the newest release minds the order: see vfs:order.
    ordered = ("hostdev", "source", "model")

    def is_in_a_device(element: Element) -> bool:
        return element.name not in ordered and any(is_device(link) for link in (element, *element.ancestors()))

    return _rewritten(data, read(data), is_in_a_device)


def settings_reversed(data: bytes) -> bytes:
    """Children of elements whose order no release cares for in another order of their names."""
    names = ("memoryBacking", "cpu", "numatune", "cputune", "memtune", "os", "features", "pm", "iothreadids")
    return _rewritten(data, read(data), lambda element: element.name in names)


def devices_reversed(data: bytes) -> bytes:
    """Devices in another order of their names, which libvirt reads one after the other"""
    # A comment of vfslint is about what follows it.
    return data if b"vfslint" in data else _rewritten(data, read(data), lambda element: element.name == "devices")


def _rewritten(data: bytes, element: Element, is_free: Callable[[Element], bool]) -> bytes:
    """Put the children of elements whose order is free into another order; what lies between them stays."""
    ordered = element.children
    if is_free(element) and is_ours(element) and not element.has_text:
        names = {name: number for number, name in enumerate(dict.fromkeys(child.name for child in ordered))}
        ordered = sorted(ordered, key=lambda child: -names[child.name])
    pieces, before = [], element.start
    for old, new in zip(element.children, ordered, strict=True):
        pieces += [data[before : old.start], _rewritten(data, new, is_free)]
        before = old.end
    made = b"".join([*pieces, data[before : element.end]])
    return made if element.parent else data[: element.start] + made + data[element.end :]


# ------------------------------------------------------------ the vocabulary of libvirt's own schemas


@cache
def vocabulary() -> Sequence[dict]:
    """What the schemas of four releases list, a row a place (tests/data/README.md)."""
    with gzip.open(DATA / "vocabulary.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
