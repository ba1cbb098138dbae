"""What is wrong with a guest's NUMA topology and with its binding to the host's nodes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Cell, Domain

# ACPI SLIT: the distance of a node to itself, and that of a node out of reach.
LOCAL_DISTANCE, UNREACHABLE = 10, 255


def overlaps(cells: list[Cell]) -> Iterator[tuple[Cell, Cell]]:
    """Yield each pair of cells that share a vCPU."""
    with_cpus = [cell for cell in cells if cell.cpus]
    if len(frozenset[int]().union(*(cell.cpus or () for cell in with_cpus))) == sum(
        len(cell.cpus or ()) for cell in with_cpus
    ):
        return
    for first, second in combinations(with_cpus, 2):
        if (first.cpus or frozenset()) & (second.cpus or frozenset()):
            yield first, second


def distance_faults(domain: Domain) -> Iterator[tuple[Node, str]]:
    """Yield each `<distances>` or `<sibling>` that libvirt refuses, with the fault."""
    for cell in domain.cells:
        distances = cell.node.child("distances")
        siblings = distances.children("sibling") if distances else []
        if distances and not siblings:
            yield distances, f"the distances of NUMA cell {cell.id} name no sibling"
        for sibling in siblings:
            other = numbers.unsigned(sibling.value("id") or "")
            distance = numbers.unsigned(sibling.value("value") or "")
            if other is None or distance is None:
                continue
            if other >= len(domain.cells):
                yield sibling, f"the distances of NUMA cell {cell.id} name cell {other}, which does not exist"
            elif other == cell.id and distance != LOCAL_DISTANCE:
                yield sibling, f"NUMA cell {cell.id} is {distance} from itself, but that is always 10"
            elif not LOCAL_DISTANCE < distance + (other == cell.id) <= UNREACHABLE:
                yield sibling, f"NUMA cell {cell.id} is {distance} from cell {other}, but that is 11 to 255"


def numatune_faults(domain: Domain) -> Iterator[tuple[Node, str, str]]:
    """Yield each part of `<numatune>` that libvirt refuses, with the fault and its remedy."""
    found = domain.elements("numatune")
    if len(found) > 1:
        yield found[1], "there are two <numatune>", "put them together"
    vcpu = domain.first("vcpu")
    follows_vcpus = vcpu is not None and vcpu.value("placement") == "auto"
    for numatune in found[:1]:
        memory = numatune.child("memory")
        if (
            memory
            and memory.value("nodeset") is None
            and (
                memory.value("placement") == "static"
                or (memory.value("placement") is None and memory.value("mode") is not None and not follows_vcpus)
            )
        ):
            yield memory, "<memory> of <numatune> names no nodes", "write nodeset='…', or placement='auto'"
        yield from _memnode_faults(domain, memory, numatune.children("memnode"))


def _memnode_faults(domain: Domain, memory: Node | None, memnodes: list[Node]) -> Iterator[tuple[Node, str, str]]:
    if not memnodes:
        return
    if not domain.cells:
        yield memnodes[0], "<memnode> binds a NUMA cell, but the guest has none", "use <memory> in <numatune>"
        return
    vcpu = domain.first("vcpu")
    placement = memory.value("placement") if memory else None
    if placement == "auto" or (memory is None and vcpu and vcpu.value("placement") == "auto"):
        yield memnodes[0], "<memnode> and an automatic placement exclude each other", "keep one of the two"
    seen = set()
    for memnode in memnodes:
        number = numbers.unsigned(memnode.value("cellid") or "")
        if memnode.value("cellid") is None:
            yield memnode, "<memnode> does not say which cell it binds", "write cellid='…'"
        elif number is None:
            yield (
                memnode,
                f"cell id {memnode.value('cellid')!r} of <memnode> is not a number",
                "write a number",
            )
        elif number >= len(domain.cells):
            yield memnode, f"<memnode> binds cell {number}, which does not exist", "add the cell"
        elif number in seen:
            yield memnode, f"cell {number} is bound twice", "keep one <memnode> for each cell"
        seen.add(number)
        if memnode.value("nodeset") is None:
            yield memnode, "<memnode> names no nodes of the host", "write nodeset='…'"
        yield from _mode_faults(domain, memory, memnode)


def _mode_faults(domain: Domain, memory: Node | None, memnode: Node) -> Iterator[tuple[Node, str, str]]:
    libvirt = domain.context.target.libvirt
    own, general = memnode.value("mode") or "strict", (memory.value("mode") if memory else None) or "strict"
    known = ["strict", "preferred", "interleave", *(["restrictive"] if libvirt >= (7, 9, 0) else [])]
    if memnode.value("mode") is not None and memnode.value("mode") not in known:
        yield memnode, f"mode {memnode.value('mode')!r} is not known", f"write one of {', '.join(known)}"
    elif general == "restrictive" != own and libvirt >= (7, 9, 0):
        yield memnode, "<memory> is restrictive, but <memnode> is not", "write mode='restrictive' in both"
    elif own == "restrictive" != general and libvirt >= (9, 1, 0):
        yield memnode, "<memnode> is restrictive, but <memory> is not", "write mode='restrictive' in both"


def cache_faults(domain: Domain) -> Iterator[tuple[Node, str]]:
    """Yield each `<cache>` of a cell that is not whole or repeats a level, with the fault."""
    for cell in domain.cells:
        levels = set()
        for cache in cell.node.children("cache"):
            level = cache.value("level")
            for part in ("size", "line"):
                piece = cache.child(part)
                if piece is None or not piece.value("value"):
                    yield cache, f"the level {level} cache of NUMA cell {cell.id} has no {part}"
            if level in levels:
                yield cache, f"the level {level} cache of NUMA cell {cell.id} is described twice"
            levels.add(level)
