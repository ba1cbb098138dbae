"""The guest's memory as written: NUMA cells, memory backing, sizes of huge pages."""

from __future__ import annotations

from vfslint.domain import sizes
from vfslint.findings import Span
from vfslint.lazy import lazy
from vfslint.vocabulary import numbers
from vfslint.vocabulary.bitmap import Bitmap
from vfslint.xml.document import Attribute, Node


class Cell:
    """A guest NUMA cell, `cpu/numa/cell`."""

    def __init__(self, node: Node, position: int) -> None:
        self.node = node
        self.position = position

    @lazy
    def id(self) -> int | None:
        """The cell's id, its position if none is written; None if it is not a number."""
        text = self.node.value("id")
        return self.position if text is None else numbers.unsigned(text)

    @property
    def label(self) -> str:
        """How messages name the cell, with the id as written if it is not a number."""
        return f"NUMA cell {self.node.value('id')!r}" if self.id is None else f"NUMA cell {self.id}"

    @lazy
    def cpus(self) -> Bitmap | None:
        """The vCPUs of the cell: empty if none are listed, None if the list cannot be read."""
        text = self.node.value("cpus")
        return Bitmap() if text is None else numbers.bitmap(text)

    @lazy
    def size_kib(self) -> int | None:
        """The memory in KiB, or None if it is missing or cannot be read."""
        return sizes.Size(self.node, "memory").kib


class MemoryBacking:
    """All `<memoryBacking>` elements together: libvirt merges them and uses the first value of each kind.

    virDomainDefParseMemory evaluates XPath expressions such as `./memoryBacking/access/@mode`.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    def _first(self, child: str, attribute: str) -> Attribute | None:
        for node in self.nodes:
            for element in node.children(child):
                found = element.attribute(attribute)
                if found:
                    return found
        return None

    def elements(self, child: str) -> list[Node]:
        """All children of that name, over all `<memoryBacking>`."""
        return [element for node in self.nodes for element in node.children(child)]

    @lazy
    def access(self) -> Attribute | None:
        """The first `access/@mode`, or None; an empty one counts as missing."""
        found = self._first("access", "mode")
        return found if found and found.value else None

    @lazy
    def source(self) -> Attribute | None:
        """The first `source/@type`, or None; an empty one counts as missing."""
        found = self._first("source", "type")
        return found if found and found.value else None

    @lazy
    def allocation(self) -> Attribute | None:
        """The first `allocation/@mode`, or None; an empty one counts as missing."""
        found = self._first("allocation", "mode")
        return found if found and found.value else None

    @lazy
    def hugepages(self) -> Node | None:
        """The first `<hugepages>`, or None."""
        return next(iter(self.elements("hugepages")), None)

    @lazy
    def pages(self) -> list[Page]:
        """Every `hugepages/page`, over all `<memoryBacking>`."""
        return [Page(page) for element in self.elements("hugepages") for page in element.children("page")]

    @property
    def access_element(self) -> Node | None:
        """The `<access>` in which a mode belongs: the one that has it, else the first; None without any."""
        written = self._first("access", "mode")
        return written.node if written else next(iter(self.elements("access")), None)

    @property
    def allocation_threads(self) -> Attribute | None:
        """The first `allocation/@threads`, or None."""
        return self._first("allocation", "threads")

    @property
    def is_memfd(self) -> bool:
        """Whether the source is memfd, which requires no setup of the host."""
        return self.source is not None and self.source.value == "memfd"


class Page:
    """One `hugepages/page`: a page size and the NUMA cells that get it."""

    def __init__(self, node: Node) -> None:
        self.node = node

    @lazy
    def size_kib(self) -> int | None:
        """The page size in KiB, or None if it is missing or cannot be read."""
        return sizes.Size(self.node, "size").kib

    @lazy
    def cells(self) -> Bitmap | None:
        """The cells of `nodeset`; None if there is no nodeset or it cannot be read."""
        text = self.node.value("nodeset")
        return None if text is None else numbers.bitmap(text)

    @property
    def number(self) -> int | None:
        """The size without its unit, or None if it cannot be read."""
        return sizes.Size(self.node, "size").number

    @property
    def label(self) -> str:
        """How messages name the pages: `pages of 2 MiB`."""
        return f"pages of {numbers.spell_size(self.size_kib)}" if self.size_kib else "pages"

    @property
    def at(self) -> Span:
        """Where the size is."""
        return self.node.at("size")
