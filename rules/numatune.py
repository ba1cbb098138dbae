"""The binding of guest memory to NUMA nodes of the host."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.elements import Numatune
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers, quotations, table
from vfslint.xml.document import Node

# The place of the vocabulary that has what libvirt prints about a cell id.
CELL_ID = ("NodePlacement/@cellid",)
_REQUIRED_MODE = "'restrictive' mode is required in {} element when mode is 'restrictive' in {} element"


@rule("VFS140", "numatune-invalid", severity=Severity.ERROR, stage=Stage.PARSE)
def numatune_invalid(numatunes: list[Numatune], context: Context) -> Iterator[Problem]:
    """`<numatune>` names nodes of the host, and binds each NUMA cell of the guest at most once.

    Why: a static placement requires a nodeset. `<memnode>` binds one cell of the guest, so the guest must have
        cells, and it cannot be combined with automatic placement. Mode `restrictive` is for all or none.
    Bad:
        <numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune>
    Bad:
        <numatune><memory mode='strict'/></numatune>
    Good:
        <numatune><memory mode='strict' nodeset='0'/></numatune>
    libvirt says: Element 'memnode' is invalid without any guest NUMA cells
    libvirt says: Argument 'cellid' in memnode element must correspond to existing guest's NUMA cell
    libvirt says: Multiple memnode elements with cellid
    libvirt says: Per-node binding is not compatible with automatic NUMA placement
    libvirt says: nodeset for NUMA memory tuning must be set if 'placement' is 'static'
    libvirt says: only one numatune is supported
    libvirt says: Missing required nodeset attribute in memnode element
    libvirt says: mode is required in memnode element when mode is
    See: libvirt numa_conf.c:virDomainNumatuneParseXML, virDomainNumatuneNodeParseXML
    """
    if len(numatunes) > 1:
        yield _problem(
            numatunes[1], "<numatune> appears more than once", "merge them", "only one numatune is supported"
        )
    domain = context.domain
    memory = numatunes[0].child("memory")
    if memory and memory.value("nodeset") is None and _needs_nodeset(memory, domain):
        yield _problem(
            memory,
            "<memory> in <numatune> has no nodeset",
            "write nodeset='…', or placement='auto'",
            "nodeset for NUMA memory tuning must be set if 'placement' is 'static'",
        )
    memnodes = numatunes[0].children("memnode")
    if memnodes and not domain.cells:
        fault = "<memnode> binds a NUMA cell, but the guest has none"
        says = "Element 'memnode' is invalid without any guest NUMA cells"
        yield _problem(memnodes[0], fault, "use <memory> in <numatune>", says)
    elif memnodes:
        yield from _memnode_problems(memory, memnodes, domain, context.target.libvirt)


def _problem(node: Node, fault: str, remedy: str, says: str) -> Problem:
    return Problem(at=node.start_span, message=fault, help=remedy, says=says)


def _needs_nodeset(memory: Node, domain: Domain) -> bool:
    if memory.value("placement") is not None:
        return memory.value("placement") == "static"
    return memory.value("mode") is not None and not _follows_vcpus(domain)


def _follows_vcpus(domain: Domain) -> bool:
    """Whether libvirt places the vCPUs automatically, and then the memory as well."""
    vcpu = domain.first("vcpu")
    return vcpu is not None and vcpu.value("placement") == "auto"


def _memnode_problems(memory: Node | None, memnodes: list[Node], domain: Domain, libvirt: Version) -> Iterator[Problem]:
    is_auto = memory.value("placement") == "auto" if memory else _follows_vcpus(domain)
    if is_auto:
        says = "Per-node binding is not compatible with automatic NUMA placement."
        fault = "<memnode> cannot be combined with automatic placement"
        yield _problem(memnodes[0], fault, "remove one of the two", says)
    cells = len(domain.cells)
    bound: set[int | None] = set()
    for memnode in memnodes:
        number = numbers.unsigned(memnode.value("cellid") or "")
        cellid = memnode.value("cellid")
        if cellid is None:
            says = quotations.of_fault(CELL_ID, "missing", libvirt, "memnode", "cellid")
            yield _problem(memnode, "<memnode> has no cellid", "write cellid='…'", says)
        elif number is None:
            fault = f"cell id {cellid!r} of <memnode> is not a number"
            says = quotations.of_value(CELL_ID, libvirt, cellid, "memnode", "cellid")
            yield _problem(memnode, fault, "write a number", says)
        elif number >= cells:
            says = "Argument 'cellid' in memnode element must correspond to existing guest's NUMA cell"
            yield _problem(memnode, f"<memnode> binds cell {number}, which does not exist", "add the cell", says)
        elif number in bound:
            says = f"Multiple memnode elements with cellid {number}"
            yield _problem(memnode, f"cell {number} is bound twice", "keep one <memnode> for each cell", says)
        bound.add(number)
        if memnode.value("nodeset") is None:
            says = "Missing required nodeset attribute in memnode element"
            yield _problem(memnode, "<memnode> has no nodeset", "write nodeset='…'", says)
        clash = _mode_fault(memory, memnode, libvirt)
        if clash:
            yield _problem(memnode, clash[0], "write mode='restrictive' in both", clash[1])


def _mode_fault(memory: Node | None, memnode: Node, libvirt: Version) -> tuple[str, str] | None:
    """Return what is wrong with the modes of the two, and what libvirt prints."""
    own, general = memnode.value("mode") or "strict", (memory.value("mode") if memory else None) or "strict"
    if own not in table.values("PlacementMode").listed:
        return None
    if general == "restrictive" != own and libvirt >= (7, 9, 0):
        return "<memory> is restrictive, but <memnode> is not", _REQUIRED_MODE.format("memnode", "memory")
    if own == "restrictive" != general and libvirt >= (9, 1, 0):
        return "<memnode> is restrictive, but <memory> is not", _REQUIRED_MODE.format("memory", "memnode")
    return None
