"""Guest NUMA topology: cells, their vCPUs, their memory, and the distances between them."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.elements import Interconnect
from vfslint.domain.memory import Cell
from vfslint.domain.sizes import Size
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.lazy import once
from vfslint.rule import rule
from vfslint.vocabulary import numbers
from vfslint.vocabulary.bitmap import Bitmap, clashes, union
from vfslint.vocabulary.numbers import shorten_set, spell_size
from vfslint.xml import edits
from vfslint.xml.document import Node

# A smaller cell was meant in another unit: no firmware starts in less memory.
SMALL_CELL_KIB = 64 * 1024

DEEPEST_CACHE = 3

# ACPI SLIT: the distance of a node to itself, and that of a node out of reach.
LOCAL_DISTANCE, UNREACHABLE = 10, 255


@rule("VFS130", "numa-without-cells", severity=Severity.ERROR, stage=Stage.PARSE)
def numa_without_cells(domain: Domain) -> Iterator[Problem]:
    """`<numa>` has cells.

    Why: libvirt rejects an empty topology. Only the first `<numa>` in a `<cpu>` counts.
    Bad:
        <cpu><numa/></cpu>
    Good:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    libvirt says: NUMA topology defined without NUMA cells
    Fix: removes the empty `<numa>`.
    Fixed:
        <cpu></cpu>
    See: libvirt numa_conf.c:virDomainNumaDefParseXML
    """
    if domain.numa and not domain.cells:
        node = domain.numa[0]
        yield Problem(
            at=node.start_span,
            message="<numa> has no cells",
            help="add <cell> elements, or remove <numa>",
            fix=Fix("remove <numa>", (edits.remove_element(node),)),
        )


@rule("VFS131", "cell-ids-with-gaps", severity=Severity.ERROR, stage=Stage.PARSE)
def cell_ids_with_gaps(cells: list[Cell]) -> Iterator[Problem]:
    """NUMA cells are numbered from 0 without gaps.

    Why: the id is the number of the node in the guest. A cell without an id gets its position.
    Bad:
        <cpu><numa><cell id='1' cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    Good:
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    libvirt says: Exactly one 'cell' element per guest NUMA cell allowed, non-contiguous ranges or ranges not starting
        from 0 are not allowed
    See: libvirt numa_conf.c:virDomainNumaDefParseXML
    """
    number = len(cells)
    for cell in cells:
        if cell.id is not None and cell.id >= number:
            yield Problem(
                at=cell.node.at("id"),
                message=f"the only NUMA cell must have id 0, not {cell.id}"
                if number == 1
                else f"cell id {cell.id} is out of range (0-{number - 1})",
                help="number the cells from 0",
            )


@rule("VFS132", "cell-id-repeated", severity=Severity.ERROR, stage=Stage.PARSE)
def cell_id_repeated(cells: list[Cell]) -> Iterator[Problem]:
    """Each NUMA cell has its own id.

    Why: two cells cannot be the same node. A cell without an id gets its position, which another cell may have
        as its id; and the cells of several `<cpu>` are counted together.
    Bad:
        <cpu><numa><cell id='0' cpus='0-3' memory='1' unit='GiB' memAccess='shared'/>
          <cell id='0' cpus='4-7' memory='1' unit='GiB' memAccess='shared'/></numa></cpu>
    Good:
        <cpu><numa><cell id='0' cpus='0-3' memory='1' unit='GiB' memAccess='shared'/>
          <cell id='1' cpus='4-7' memory='1' unit='GiB' memAccess='shared'/></numa></cpu>
    libvirt says: Duplicate NUMA cell info for cell id '0'
    See: libvirt numa_conf.c:virDomainNumaDefParseXML
    """
    seen: dict[int, Cell] = {}
    for cell in cells:
        # libvirt overlooks a cell without memory.
        if cell.id in seen and seen[cell.id].size_kib != 0:
            yield Problem(
                at=cell.node.at("id"),
                message=f"cell id {cell.id} is used twice",
                help="number the cells from 0",
                related=(Related(seen[cell.id].node.start_span, f"cell {cell.id}"),),
                says=f"Duplicate NUMA cell info for cell id '{cell.id}'",
            )
        elif cell.id is not None:
            seen[cell.id] = cell


@rule("VFS133", "cell-without-memory", severity=Severity.ERROR, stage=Stage.PARSE)
def cell_without_memory(cell: Cell) -> Iterator[Problem]:
    """Each NUMA cell has a memory size.

    Why: there is no default.
    Bad:
        <cpu><numa><cell cpus='0-7' memAccess='shared'/></numa></cpu>
    Good:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    libvirt says: missing element or attribute './@memory'
    See: libvirt numa_conf.c:virDomainNumaDefParseXML
    """
    if not cell.node.value("memory"):
        yield Problem(
            at=cell.node.start_span,
            message=f"{cell.label} has no memory",
            help="write memory='…' and unit='GiB'; <memory> is the sum of all cells",
        )


@rule("VFS134", "cells-overlap", severity=Severity.ERROR, stage=Stage.PARSE)
def cells_overlap(cells: list[Cell]) -> Iterator[Problem]:
    """Each vCPU is in only one NUMA cell.

    Why: a vCPU is local to the memory of one node.
    Bad:
        <cpu><numa><cell cpus='0-4' memory='1' unit='GiB' memAccess='shared'/>
          <cell cpus='4-7' memory='1' unit='GiB' memAccess='shared'/></numa></cpu>
    Good:
        <cpu><numa><cell cpus='0-3' memory='1' unit='GiB' memAccess='shared'/>
          <cell cpus='4-7' memory='1' unit='GiB' memAccess='shared'/></numa></cpu>
    libvirt says: NUMA cells 1 and 0 have overlapping vCPU ids
    See: libvirt numa_conf.c:virDomainNumaDefParseXML
    """
    for first, second in _overlaps(cells):
        both = shorten_set((first.cpus or Bitmap()) & (second.cpus or Bitmap()))
        yield Problem(
            at=second.node.at("cpus"),
            message=f"vCPU {both} is in {first.label} and in {second.label}",
            help="list each vCPU in one cell",
            related=(Related(first.node.at("cpus"), f"cell {first.id}"),),
            says=f"NUMA cells {second.id} and {first.id} have overlapping vCPU ids",
        )


def _overlaps(cells: list[Cell]) -> Iterator[tuple[Cell, Cell]]:
    """Yield each cell that shares a vCPU with an earlier one, after that one."""
    for first, second in clashes(cell.cpus or Bitmap() for cell in cells):
        yield cells[first], cells[second]


@once
def about_cells(domain: Domain) -> str:
    """Return what libvirt prints if NUMA cells list more vCPUs than the guest has (virDomainDefParseXML)."""
    number = sum(len(cell.cpus or ()) for cell in domain.cells)
    if number > (domain.vcpus or 0):
        return "Number of CPUs in <numa> exceeds the <vcpu> count"
    return "CPU IDs in <numa> exceed the <vcpu> count"


@rule("VFS135", "cells-exceed-vcpus", severity=Severity.ERROR, stage=Stage.PARSE)
def cells_exceed_vcpus(cells: list[Cell], context: Context) -> Iterator[Problem]:
    """NUMA cells list only vCPUs that the guest has.

    Why: the ids are below the number in `<vcpu>`; without `<vcpu>` there is only one vCPU.
    Bad:
        <vcpu>4</vcpu>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    Good:
        <vcpu>8</vcpu>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    libvirt says: Number of CPUs in <numa> exceeds the <vcpu> count
    libvirt says: CPU IDs in <numa> exceed the <vcpu> count
    See: libvirt domain_conf.c:virDomainDefParseXML
    """
    vcpu = context.domain.first("vcpu")
    for cell in cells if context.domain.vcpus else ():
        above = (cell.cpus or Bitmap()).start_at(context.domain.vcpus or 0)
        if above:
            has = f"has {context.domain.vcpus}" if vcpu else "has 1, because there is no <vcpu>"
            yield Problem(
                at=cell.node.at("cpus"),
                message=f"{cell.label} lists vCPU {shorten_set(above)}, but the guest {has}",
                help="increase <vcpu>, or shorten the list",
                related=(Related(vcpu.text_span, "the number of vCPUs"),) if vcpu else (),
                says=about_cells(context.domain),
            )


@rule("VFS136", "cell-unit-missing", severity=Severity.WARNING, stage=Stage.GUEST)
def cell_unit_missing(cell: Cell) -> Iterator[Problem]:
    """The memory of a NUMA cell is large enough for a guest, considering its unit.

    Why: without `unit` the number is in KiB. libvirt rounds 2 KiB up to 1 MiB, in which firmware cannot start.
    Bad:
        <memory>2</memory>
        <cpu><numa><cell cpus='0-7' memory='2' memAccess='shared'/></numa></cpu>
    Good:
        <memory unit='GiB'>2</memory>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    Fix: writes unit='GiB' or unit='MiB', depending on the number; only with --unsafe-fixes.
    Fixed:
        <memory>2</memory>
        <cpu><numa><cell cpus='0-7' memory='2' memAccess='shared' unit='GiB'/></numa></cpu>
    See: libvirt numa_conf.c:virDomainNumaDefParseXML, domain_conf.c:virDomainParseMemory
    """
    size = cell.size_kib
    if not size or size >= SMALL_CELL_KIB or cell.node.value("unit"):
        return
    unit = "GiB" if size < 128 else "MiB"
    yield Problem(
        at=cell.node.at("memory"),
        message=f"{cell.label} has {spell_size(size)} of memory, because it has no unit",
        help=f"write unit='{unit}' if that was intended",
        fix=Fix(f"write unit='{unit}'", (edits.add_attribute(cell.node, "unit", unit),), safe=False)
        if cell.node.value("unit") is None
        else None,
    )


@rule("VFS137", "cell-memory-zero", severity=Severity.ERROR, stage=Stage.START)
def cell_memory_zero(cell: Cell) -> Iterator[Problem]:
    """The memory of a NUMA cell is not 0.

    Why: libvirt defines such a cell, but QEMU cannot create a memory backend of size 0.
    Bad:
        <cpu><numa><cell cpus='0-3' memory='2' unit='GiB' memAccess='shared'/>
          <cell cpus='4-7' memory='0' memAccess='shared'/></numa></cpu>
    Good:
        <cpu><numa><cell cpus='0-3' memory='1' unit='GiB' memAccess='shared'/>
          <cell cpus='4-7' memory='1' unit='GiB' memAccess='shared'/></numa></cpu>
    libvirt says: property 'size' of memory-backend-memfd doesn't take value '0'
    See: QEMU backends/hostmem.c:host_memory_backend_set_size
    """
    if cell.size_kib == 0 and cell.node.value("memory"):
        yield Problem(
            at=cell.node.at("memory"),
            message=f"{cell.label} has memory 0, which QEMU rejects",
            help="increase memory, or remove the cell",
        )


@rule("VFS138", "cell-sum-differs", severity=Severity.WARNING, stage=Stage.NEVER)
def cell_sum_differs(cells: list[Cell], context: Context) -> Iterator[Problem]:
    """`<memory>` is the sum of the NUMA cells and memory devices.

    Why: libvirt silently replaces it with the sum, and reduces `<currentMemory>` to it.
    Bad:
        <memory unit='GiB'>4</memory>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    Good:
        <memory unit='GiB'>2</memory>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    Fix: writes the sum, as libvirt does, if it is a whole number in the unit that is written.
    Fixed:
        <memory unit='GiB'>2</memory>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    See: libvirt domain_postparse.c:virDomainDefPostParseMemory
    """
    memory = context.domain.first("memory")
    total = context.domain.total_kib
    if not memory or not cells or not total or not context.domain.memory_kib or context.domain.memory_kib == total:
        return
    if not any(cell.size_kib for cell in cells):
        return
    number = Size(memory, "").number_for(total)
    yield Problem(
        at=memory.text_span,
        message=f"<memory> is {spell_size(context.domain.memory_kib)}, but the NUMA cells"
        + (" and memory devices" if context.domain.memory_devices else "")
        + f" have {spell_size(total)}",
        help="make them equal; libvirt uses the sum",
        related=tuple(Related(cell.node.at("memory"), f"cell {cell.id}") for cell in cells[:3]),
        fix=Fix(f"write {number}", (edits.set_whole_text(memory, str(number)),)) if number else None,
    )


@rule("VFS139", "distances-inconsistent", severity=Severity.ERROR, stage=Stage.PARSE)
def distances_inconsistent(cells: list[Cell]) -> Iterator[Problem]:
    """The distance from a NUMA cell to itself is 10, to others 11 to 255.

    Why: that is how ACPI defines distances. `<distances>` requires siblings, each of which is an existing cell.
    Bad:
        <cpu><numa><cell cpus='0-3' memory='1' unit='GiB' memAccess='shared'>
            <distances><sibling id='1' value='10'/></distances></cell>
          <cell cpus='4-7' memory='1' unit='GiB' memAccess='shared'/></numa></cpu>
    Good:
        <cpu><numa><cell cpus='0-3' memory='1' unit='GiB' memAccess='shared'>
            <distances><sibling id='1' value='20'/></distances></cell>
          <cell cpus='4-7' memory='1' unit='GiB' memAccess='shared'/></numa></cpu>
    libvirt says: NUMA distances defined without siblings
    libvirt says: 'sibling_id 2' does not refer to a valid cell within NUMA 'cell id 0'
    libvirt says: 'value 10' is invalid for 'sibling id 1' under NUMA 'cell id 0'
    See: libvirt numa_conf.c:virDomainNumaDefNodeDistanceParseXML
    """
    for cell in cells:
        distances = cell.node.child("distances")
        siblings = distances.children("sibling") if distances else []
        if distances and not siblings:
            message = f"the distances of {cell.label} have no <sibling>"
            yield _distance_problem(distances, message, "NUMA distances defined without siblings")
        for sibling in siblings:
            fault = _distance_fault(cell, sibling, len(cells))
            if fault:
                yield _distance_problem(sibling, *fault)


def _distance_problem(node: Node, fault: str, says: str) -> Problem:
    return Problem(at=node.start_span, message=fault, help="write distances of 11 to 255 to other cells", says=says)


def _distance_fault(cell: Cell, sibling: Node, cells: int) -> tuple[str, str] | None:
    """Return what is wrong with the distance from a cell to a sibling, among so many cells, and what libvirt prints."""
    other = numbers.unsigned(sibling.value("id") or "")
    distance = numbers.unsigned(sibling.value("value") or "")
    if other is None or distance is None:
        return None
    if other >= cells:
        return (
            f"the distances of {cell.label} name cell {other}, which does not exist",
            f"'sibling_id {other}' does not refer to a valid cell within NUMA 'cell id {cell.id}'",
        )
    says = f"'value {distance}' is invalid for 'sibling id {other}' under NUMA 'cell id {cell.id}'"
    if other == cell.id and distance != LOCAL_DISTANCE:
        return f"the distance of {cell.label} to itself is {distance}, but must be {LOCAL_DISTANCE}", says
    if not LOCAL_DISTANCE < distance + (other == cell.id) <= UNREACHABLE:
        return f"the distance of {cell.label} to cell {other} is {distance}, which is out of range (11-255)", says
    return None


@rule("VFS141", "vcpus-without-cell", severity=Severity.NOTE, stage=Stage.NEVER)
def vcpus_without_cell(cells: list[Cell], context: Context) -> Iterator[Problem]:
    """Every vCPU is in a NUMA cell.

    Why: since 6.5.0, libvirt adds the others to cell 0; before, QEMU warned about them. If no cell lists any,
        cell 0 gets all of them, which is fine with one cell.
    Bad:
        <cpu><numa><cell cpus='0-1' memory='1' unit='GiB' memAccess='shared'/>
          <cell cpus='2-3' memory='1' unit='GiB' memAccess='shared'/></numa></cpu>
    Good:
        <cpu><numa><cell cpus='0-3' memory='1' unit='GiB' memAccess='shared'/>
          <cell cpus='4-7' memory='1' unit='GiB' memAccess='shared'/></numa></cpu>
    See: libvirt qemu_domain.c:qemuDomainDefNumaCPUsPostParse
    """
    if len(cells) < 2 or not context.domain.vcpus or context.domain.vcpus > 4096:
        return
    listed = union(cell.cpus or Bitmap() for cell in cells)
    left = Bitmap(range(context.domain.vcpus)) - listed
    if left and listed and max(listed) < context.domain.vcpus:
        yield Problem(
            at=cells[0].node.start_span,
            message=f"vCPU {shorten_set(left)} is in no NUMA cell, so libvirt adds it to cell 0",
            help="list all vCPUs",
        )


@rule("VFS142", "numa-not-on-this-machine", severity=Severity.ERROR, stage=Stage.START)
def numa_not_on_this_machine(cells: list[Cell], context: Context) -> Iterator[Problem]:
    """The machine type supports NUMA.

    Why: s390 machines do not. libvirt defines the domain, but QEMU rejects it; memory can be shared without
        cells.
    Bad:
        <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-s390x</emulator>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    Good:
        <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-s390x</emulator>
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
    libvirt says: NUMA is not supported by this machine-type
    See: QEMU hw/core/machine.c; s390-ccw-virtio
    """
    board = context.domain.machine_type.board
    if board and not board.numa:
        yield Problem(
            at=(cells[0].node.parent or cells[0].node).start_span,
            message=f"{context.domain.arch} machines do not support NUMA",
            help="remove <numa>, and share the memory with <memoryBacking><access mode='shared'/>",
        )


@rule("VFS143", "cell-cache-invalid", severity=Severity.ERROR, stage=Stage.PARSE)
def cell_cache_invalid(cell: Cell) -> Iterator[Problem]:
    """A NUMA cell describes each level of its cache, 1 to 3, once and completely.

    Why: `<size>` and `<line>` are required, and each level can be described only once.
    Bad:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'>
          <cache level='4' associativity='direct' policy='writeback'>
            <size value='8' unit='KiB'/><line value='8' unit='B'/></cache></cell></numa></cpu>
    Bad:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'>
          <cache level='1' associativity='direct' policy='writeback'><line value='8' unit='B'/></cache>
          </cell></numa></cpu>
    Good:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'>
          <cache level='1' associativity='direct' policy='writeback'>
            <size value='8' unit='KiB'/><line value='8' unit='B'/></cache></cell></numa></cpu>
    libvirt says: missing element or attribute './size/@value'
    libvirt says: missing element or attribute './line/@value'
    libvirt says: Cache level '1' already defined
    libvirt says: Ain't nobody heard of that much cache level
    See: libvirt numa_conf.c:virDomainNumaDefNodeCacheParseXML, virDomainNumaDefValidate
    """
    levels = set()
    for cache in cell.node.children("cache"):
        level = numbers.unsigned(cache.value("level") or "")
        name = f"the level {level} cache of {cell.label}" if level else f"a cache of {cell.label}"
        faults = [
            (f"{name} has no <{part}>", f"missing element or attribute './{part}/@value'", Stage.PARSE)
            for part in ("size", "line")
            if not _has_value(cache.child(part))
        ]
        if level and level > DEEPEST_CACHE:
            says = "Ain't nobody heard of that much cache level"
            faults.append((f"{name} is above level {DEEPEST_CACHE}", says, Stage.DEFINE))
        elif level in levels and level:
            faults.append((f"{name} is described twice", f"Cache level '{level}' already defined", Stage.DEFINE))
        levels.add(level)
        for fault, says, stage in faults:
            yield Problem(
                at=cache.start_span,
                message=fault,
                help="describe each level once, with <size> and <line>",
                stage=stage,
                says=says,
            )


def _has_value(part: Node | None) -> bool:
    return part is not None and bool(part.value("value"))


@rule("VFS973", "interconnect-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def interconnect_invalid(paths: list[Interconnect], context: Context) -> Iterator[Problem]:
    """A latency or bandwidth connects existing NUMA cells, and is described once.

    Why: each value is for accesses of a cell's CPUs to the memory or to a cache of a cell. A path and its reverse have
        the same values.
    Bad:
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB' memAccess='shared'/>
          <interconnects><latency initiator='0' target='1' type='access' value='5'/></interconnects></numa></cpu>
    Bad:
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB' memAccess='shared'/>
          <interconnects><latency initiator='0' target='0' cache='1' type='access' value='5'/></interconnects>
          </numa></cpu>
    Bad:
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB' memAccess='shared'/>
          <interconnects><latency initiator='0' target='0' type='access' value='5'/>
            <latency initiator='0' target='0' type='access' value='6'/></interconnects></numa></cpu>
    Good:
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB' memAccess='shared'/>
          <interconnects><latency initiator='0' target='0' type='access' value='5'/>
            <bandwidth initiator='0' target='0' type='access' value='204800' unit='KiB'/></interconnects></numa></cpu>
    libvirt says: 'initiator' refers to a non-existent NUMA node
    libvirt says: 'target' refers to a non-existent NUMA node
    libvirt says: NUMA nodes without CPUs can't be initiator
    libvirt says: 'cache' refers to a non-existent NUMA node cache
    libvirt says: Duplicate info for NUMA latencies
    libvirt says: Link already defined
    See: libvirt numa_conf.c:virDomainNumaDefValidate
    """
    domain = context.domain
    by_id = {cell.id: cell for cell in domain.cells}
    listed = sum(len(cell.cpus or ()) for cell in domain.cells)
    # libvirt adds vCPUs that are in no cell to cell 0.
    fills_first = domain.vcpus is None or listed < domain.vcpus
    seen: dict[tuple[str, int, int, int, str], Node] = {}
    links: dict[tuple[int, int], Node] = {}
    for path in paths:
        read = [numbers.unsigned(path.value(name) or default) for name, default in _ENDS.items()]
        initiator, target, cache = read
        if initiator is None or target is None or cache is None:
            continue
        fault, says, first = None, "", None
        key = (path.tag, initiator, target, cache, path.value("type") or "")
        if initiator not in by_id or target not in by_id:
            name = "target" if initiator in by_id else "initiator"
            number = target if initiator in by_id else initiator
            fault, says = f"NUMA cell {number} does not exist", f"'{name}' refers to a non-existent NUMA node"
        elif by_id[initiator].cpus == Bitmap() and not (initiator == 0 and fills_first):
            fault = f"NUMA cell {initiator} has no CPU that could access memory"
            says = "NUMA nodes without CPUs can't be initiator"
        elif cache and str(cache) not in {each.value("level") for each in by_id[target].node.children("cache")}:
            fault = f"NUMA cell {target} has no level {cache} cache"
            says = "'cache' refers to a non-existent NUMA node cache"
        elif key in seen:
            fault, says, first = (
                f"<{path.tag}> describes the same path twice",
                "Duplicate info for NUMA latencies",
                seen[key],
            )
        elif initiator != target and (target, initiator) in links:
            fault, says, first = (
                "the reverse path is described as well",
                "Link already defined",
                links[target, initiator],
            )
        seen.setdefault(key, path)
        links.setdefault((initiator, target), path)
        if fault:
            yield Problem(
                at=path.start_span,
                message=fault,
                help="name existing cells, and describe each path once",
                related=(Related(first.start_span, "the first"),) if first else (),
                says=says,
            )


# The attributes of a path, and what they are if they are missing.
_ENDS = {"initiator": "", "target": "", "cache": "0"}
