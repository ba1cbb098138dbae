"""What a rule has read of a domain, so that it is not asked again about the same.

Domains that are checked together are much alike: libvirt prints the same clock, features and controllers into each of
them. A rule that reported nothing about a domain reports nothing about another one either if all that it has read is
the same there. So a rule that runs gets a `View` of the domain, which notes what is read; and `Reader.known` tells
whether a rule has already been silent about the same. Rules and the model need not know about this.

What libvirt prints is checked three times as fast (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from lxml.etree import tostring

from vfslint.domain.device import OUTLINED, Outline
from vfslint.domain.domain import Domain
from vfslint.lazy import lazy
from vfslint.vocabulary.check import REMEMBERED
from vfslint.xml.document import Document, Node

Value = TypeVar("Value")
# What was read, in order: children of the domain, "devices/disk" for devices of a kind, "=arch" for a fact below.
Reads = tuple[str, ...]
# For each set of names, the contents with which a rule was silent.
Silent = dict[Reads, set[Any]]
DEVICES, OUTLINES, TAGS, EVERYTHING = "devices", "outlines", "tags", "everything"
# So many contents are remembered for each rule. A folder of other people's domains seldom has more.
CONTENTS_KEPT = 256

# Facts that are compared by their value, because it changes less often than what they are derived from.
_BY_VALUE = frozenset({
    "arch", "has_acpi", "is_in_snapshot", "is_live", "is_qemu", "is_x86", "machine", "machine_type", "type",
})  # fmt: skip


class Reader:
    """One domain, of which rules get views. It must not deviate from the vocabulary."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self._facts: dict[Any, tuple[Any, set[str]]] = {}
        self._contents: dict[Reads, Any] = {}
        # The numbers of the texts of children and of devices, and what else has been compared.
        self._parts: dict[str, Any] = {tag: self._texts(domain.elements(tag)) for tag in domain.tags if tag != DEVICES}
        for kind, nodes in domain.devices.items():
            self._parts[f"{DEVICES}/{kind}"] = self._texts(nodes)

    def view(self) -> View:
        """Return a view of the domain for one rule, or for several that are remembered together."""
        return View(self)

    def known(self, silent: Silent) -> Reads | None:
        """Return what is the same as in another domain about which nothing was reported, or None."""
        for reads, known in silent.items():
            if self._content(reads) in known:
                return reads
        return None

    def remember(self, silent: Silent, reads: Reads) -> None:
        """Note that nothing was reported about what has been read."""
        known = silent.get(reads)
        if known is None:
            known = silent[reads] = set()
        elif len(known) >= CONTENTS_KEPT:
            known.clear()
        known.add(self._content(reads))

    def _content(self, reads: Reads) -> tuple[Any, ...]:
        content = self._contents.get(reads)
        if content is None:
            content = self._contents[reads] = tuple([self.part(name) for name in reads])
        return content

    def fact(self, key: Any, compute: Callable[[Any], Value]) -> tuple[Value, set[str]]:
        """Return a fact that is derived from the domain, and what has been read to derive it."""
        found = self._facts.get(key)
        if found is None:
            view = View(self)
            value = compute(view)
            reads = {f"={key}"} if key in _BY_VALUE else view.reads
            # What a value reads later would go unnoticed: it fails.
            del view.reads
            found = self._facts[key] = value, reads
        return found

    def _texts(self, nodes: list[Node]) -> tuple[Any, ...]:
        # An element whose text has no number is like no other one.
        texts = self.domain.texts
        return tuple([texts[node.element] if node.element in texts else object() for node in nodes])

    def part(self, name: str) -> Any:
        """Return what is compared for a name: numbers of texts, or the value of a fact."""
        part = self._parts.get(name)
        if part is None:
            part = self._parts[name] = self._read(name)
        return part

    def _read(self, name: str) -> Any:
        if name[0] == "=":
            return self.fact(name[1:], vars(Domain)[name[1:]].func)[0]
        if name == TAGS:
            return tuple(self.domain.tags)
        if name == DEVICES:
            return tuple([self.part(f"{DEVICES}/{kind}") for kind in self.domain.devices])
        if name == OUTLINES:
            return tuple([
                _outline(node.element, text)
                for kind, nodes in self.domain.devices.items()
                for node, text in zip(nodes, self.part(f"{DEVICES}/{kind}"), strict=True)
            ])  # fmt: skip
        return ()


_known_outlines: dict[int, Any] = {}


def _outline(device: Any, text: int) -> Any:
    """Return what is compared of the outline of a device, whose whole text has a number."""
    outline = _known_outlines.get(text)
    if outline is None:
        if len(_known_outlines) >= REMEMBERED:
            _known_outlines.clear()
        children = [tostring(child, with_tail=False) for child in device if child.tag in OUTLINED]
        outline = _known_outlines[text] = (device.tag, tuple(device.items()), tuple(children))
    return outline


class Memory:
    """About what was read the rules were silent in the last domain: most of it is the same in the next one."""

    def __init__(self) -> None:
        self._reads: dict[int, Reads] = {}
        self._parts: dict[str, Any] = {}
        self._readers: dict[str, set[int]] = {}

    def silent(self, reader: Reader) -> Mapping[int, Reads]:
        """Return the numbers of the rules that have read nothing that is different in this domain."""
        parts = self._parts
        changed = [name for name, part in parts.items() if reader.part(name) != part]
        for name in changed:
            del parts[name]
            for number in self._readers.pop(name):
                for other in self._reads.pop(number):
                    if other in self._readers:
                        self._readers[other].discard(number)
        return self._reads

    def note(self, number: int, reads: Reads, reader: Reader) -> None:
        """Note that a rule was silent about what it has read in a domain."""
        self._reads[number] = reads
        for name in reads:
            if name not in self._parts:
                self._parts[name] = reader.part(name)
                self._readers[name] = set()
            self._readers[name].add(number)


class View(Domain):
    """A domain whose reader notes what is read of it."""

    def __init__(self, reader: Reader) -> None:
        domain = reader.domain
        self.reads: set[str] = set()
        self.context = domain.context
        self.known = {}
        self._libvirt = domain._libvirt
        self._reader = reader
        self._domain = domain
        self._document = domain.document

    @property
    def document(self) -> Document:  # type: ignore[override]  # noted when it is read
        """The document: whoever asks for it has read everything."""
        self.reads.add(EVERYTHING)
        return self._domain.document

    @property
    def node(self) -> Node:  # type: ignore[override]  # noted when it is read
        """The element: whoever asks for it has read everything."""
        self.reads.add(EVERYTHING)
        return self._domain.node

    @property
    def tags(self) -> Iterable[str]:
        """The names of its direct children."""
        self.reads.add(TAGS)
        return self._domain.tags

    def elements(self, tag: str) -> list[Node]:
        """All direct children of that name."""
        self.reads.add(tag)
        return self._domain.elements(tag)

    def first(self, tag: str) -> Node | None:
        """The first direct child of that name."""
        self.reads.add(tag)
        return self._domain.first(tag)

    @property
    def deviations(self) -> list[Any]:
        """None: a domain that deviates has no views."""
        return []

    def outlines(self, kind: str | None = None) -> list[Outline]:
        """The outlines of all devices, or of those of a kind."""
        self.reads.add(OUTLINES)
        return self._domain.outlines(kind)

    def _first_in_devices(self, child: str, kinds: frozenset[str]) -> dict[Any, Any]:
        self.reads.add(OUTLINES)
        return self._domain._first_in_devices(child, kinds)

    @property
    def devices(self) -> Mapping[str, list[Node]]:  # type: ignore[override]  # a view of the dictionary
        """The devices by kind."""
        return _Devices(self)

    def recall(self, compute: Callable[[Domain], Value]) -> Value:
        """Return what a function makes of the domain."""
        value, reads = self._reader.fact(compute, compute)
        self.reads |= reads
        return value


class _Fact:
    """A lazy property of `Domain` in a view."""

    def __init__(self, name: str, compute: Callable[[Any], Any]) -> None:
        self._name = name
        self._compute = compute

    def __get__(self, view: View | None, owner: type) -> Any:
        if view is None:
            return self
        value, reads = view._reader.fact(self._name, self._compute)
        view.reads |= reads
        view.__dict__[self._name] = value
        return value


class _Devices(Mapping[str, list[Node]]):
    """The devices of a view, by kind."""

    def __init__(self, view: View) -> None:
        self._reads = view.reads
        self._devices = view._domain.devices

    def __getitem__(self, kind: str) -> list[Node]:
        self._reads.add(f"{DEVICES}/{kind}")
        return self._devices[kind]

    def __iter__(self) -> Iterator[str]:
        self._reads.add(DEVICES)
        return iter(self._devices)

    def __len__(self) -> int:
        self._reads.add(DEVICES)
        return len(self._devices)


for _name, _value in vars(Domain).items():
    if isinstance(_value, lazy) and _name not in vars(View):
        setattr(View, _name, _Fact(_name, _value.func))
