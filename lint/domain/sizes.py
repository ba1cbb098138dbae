"""Every size of memory in a domain, read as virDomainParseMemory reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.findings import Span
from vfslint.lazy import lazy
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

_MEMTUNE = ("hard_limit", "soft_limit", "min_guarantee", "swap_hard_limit")


# The sizes that libvirt reads of each model of memory device, in addition to that of the device itself.
_OF_MODEL: dict[str, tuple[str, ...]] = {
    "dimm": ("source/pagesize",),
    "nvdimm": ("target/label/size",),
    "virtio-mem": ("source/pagesize", "target/block", "target/requested"),
}


class Size:
    """A number and its unit: in an attribute, or in an element's text if `name` is empty."""

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.name = name

    @lazy
    def text(self) -> str:
        """The number as written; empty if it is missing."""
        return (self.node.value(self.name) or "") if self.name else self.node.text

    @lazy
    def unit(self) -> str | None:
        """The unit as written, or None if it is absent or empty: KiB."""
        return self.node.value("unit") or None

    @lazy
    def number(self) -> int | None:
        """The number, or None if libvirt cannot read it."""
        return numbers.unsigned(self.text, bits=64)

    @lazy
    def has_unknown_unit(self) -> bool:
        """Whether libvirt does not know the unit."""
        return self.unit is not None and numbers.unit_bytes(self.unit) is None

    @lazy
    def kib(self) -> int | None:
        """The size in KiB, or None if it is missing, cannot be read or is too large."""
        size = numbers.scaled(self.text, self.unit)
        return None if size is None else numbers.kib(size)

    def number_for(self, kib: int) -> int | None:
        """Return the number that makes the size `kib` in the unit as written; None if that is not a whole number."""
        factor = numbers.unit_bytes(self.unit or "KiB")
        number, rest = divmod(kib * 1024, factor) if factor else (0, 1)
        return None if rest else number

    @property
    def at(self) -> Span:
        """Where the number is."""
        return self.node.at(self.name) if self.name else self.node.text_span

    @property
    def xpath(self) -> str:
        """The path by which libvirt names the size in its messages."""
        if self.name:
            return f"./@{self.name}"
        tag, parent = self.node.tag, self.node.parent
        outer = parent.tag if parent else ""
        return {
            "domain": f"./{tag}[1]",
            "memtune": f"./memtune/{tag}[1]",
            "smm": "string(./features/smm/tseg)",
            "hpt": "./features/hpt/maxpagesize",
            "label": f"./label/{tag}",
        }.get(outer, f"./{tag}")

    @property
    def label(self) -> str:
        """How messages name the place: `<memory>`, or `'memory' of <cell>`."""
        return f"'{self.name}' of <{self.node.tag}>" if self.name else f"<{self.node.tag}>"


class UnreadableSize(Size):
    """A size that libvirt rejects: not a number, in an unknown unit, or too large."""


def unreadable(domain: Domain) -> list[Size]:
    """Return every size that libvirt reads and rejects."""
    return [size for size in _sizes(domain) if size.text and size.kib is None]


def _sizes(domain: Domain) -> Iterator[Size]:
    for tag in ("memory", "currentMemory", "maxMemory"):
        node = domain.first(tag)
        if node:
            yield Size(node, "")
    for memtune in domain.elements("memtune")[:1]:
        yield from _texts(memtune, *_MEMTUNE)
    for cell in domain.cells:
        yield Size(cell.node, "memory")
    for page in domain.backing.pages:
        yield Size(page.node, "size")
    for features in domain.elements("features"):
        smm = features.child("smm")
        if smm and smm.value("state") != "off":
            yield from _texts(smm, "tseg")
        yield from _texts(features, "hpt/maxpagesize", "tcg/tb-cache")
    for device in domain.memory_devices:
        yield from _texts(device.node, "target/size", *_OF_MODEL.get(device.model or "", ()))


def _texts(node: Node, *paths: str) -> Iterator[Size]:
    for path in paths:
        found = node.child(path)
        if found:
            yield Size(found, "")
