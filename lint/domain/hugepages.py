"""How many huge pages a domain uses, of which size and from which NUMA nodes of the host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from vfslint.lazy import once
from vfslint.vocabulary import numbers
from vfslint.vocabulary.bitmap import Bitmap
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

# The ordinary page of x86 and most others: libvirt does not treat it as a huge page (qemuBuildMemoryGetPagesize).
ORDINARY_KIB = 4

# libvirt rounds each cell up to a MiB first, and each memory device to two
# (qemu_domain.c:qemuDomainGetMemorySizeAlignment, qemuDomainGetMemoryModuleSizeAlignment).
_MEBIBYTE = 1024


class Demand(NamedTuple):
    """Pages of one size that one part of the guest uses; `size_kib` is None for the host's default size.

    `nodes` are the host's NUMA nodes that they must come from, None for any node.
    """

    node: Node
    size_kib: int | None
    memory_kib: int
    nodes: Bitmap | None

    def pages(self, size_kib: int) -> int:
        """The number of pages."""
        return -(-self.memory_kib // size_kib)


@once
def demands(domain: Domain) -> list[Demand]:
    """Return the pages that each NUMA cell, or the whole guest, allocates from the host's pools when it starts."""
    return list(_demands(domain)) if domain.backing.hugepages else []


def _demands(domain: Domain) -> Iterator[Demand]:
    for cell, memory_kib in parts(domain):
        found = _page(domain, cell)
        if found is None or not memory_kib:
            continue
        node, size_kib = found
        if size_kib != ORDINARY_KIB:
            rounded = -(-memory_kib // _MEBIBYTE) * _MEBIBYTE
            yield Demand(node, size_kib, rounded, _host_nodes(domain, cell))


def device_demands(domain: Domain) -> Iterator[Demand]:
    """Yield the pages that each DIMM allocates from the host's pools: of its own size, or else that of its cell."""
    for device in domain.memory_devices:
        if device.model != "dimm" or not device.size_kib:
            continue
        cell = device.cell if domain.cells else None
        own = device.source.child("pagesize") if device.source else None
        mask = device.source.child("nodemask") if device.source else None
        size = numbers.scaled(own.text, own.value("unit")) if own else None
        by_cell = _page(domain, cell) if own is None and domain.backing.hugepages else None
        node, size_kib = by_cell or (own, None if size is None else numbers.kib(size))
        if node and size_kib != ORDINARY_KIB and (by_cell or size_kib):
            nodes = numbers.bitmap(mask.text) if mask else _host_nodes(domain, cell)
            rounded = -(-device.size_kib // (2 * _MEBIBYTE)) * 2 * _MEBIBYTE
            yield Demand(node, size_kib, rounded, nodes)


def parts(domain: Domain) -> Iterator[tuple[int | None, int | None]]:
    """Yield the parts of the initial memory: a cell's id and its memory in KiB; without cells, None and all of it."""
    if not domain.cells:
        yield None, domain.initial_kib
    for cell in domain.cells:
        yield cell.id, cell.size_kib


def _page(domain: Domain, cell: int | None) -> tuple[Node, int | None] | None:
    """Return the entry that decides the page size, and the size; None if the cell gets ordinary pages."""
    pages = domain.backing.pages
    if not pages and domain.backing.hugepages:
        return domain.backing.hugepages, None
    for page in pages:
        # Without cells libvirt drops a nodeset that names node 0.
        if page.cells is not None and (cell in page.cells if cell is not None else 0 in page.cells):
            return page.node, page.size_kib
    return next(((page.node, page.size_kib) for page in pages if page.cells is None), None)


def _host_nodes(domain: Domain, cell: int | None) -> Bitmap | None:
    """Return the nodes of the host that a cell's memory is bound to, or None.

    Only mode strict, the default, binds; the other modes may take memory from elsewhere.
    """
    for numatune in domain.elements("numatune"):
        bindings = [own for own in numatune.children("memnode") if _is(own.value("cellid"), cell)]
        for binding in [*bindings, *numatune.children("memory")]:
            nodeset = binding.value("nodeset")
            if (binding.value("mode") or "strict") != "strict" or nodeset is None:
                return None
            return numbers.bitmap(nodeset)
    return None


def _is(cellid: str | None, cell: int | None) -> bool:
    return cellid is not None and cell is not None and numbers.unsigned(cellid) == cell


def has_huge_pages(domain: Domain, cell: int | None) -> bool:
    """Return whether a NUMA cell gets huge pages, or, with None, a guest without cells."""
    found = _page(domain, cell)
    return found is not None and found[1] != ORDINARY_KIB
