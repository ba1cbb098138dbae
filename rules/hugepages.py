"""Huge pages: their size, their NUMA cells, and the options that they allow."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.elements import HugePages
from vfslint.domain.hugepages import ORDINARY_KIB, demands
from vfslint.domain.machine import HUGE_PAGES_KIB
from vfslint.domain.memory import MemoryBacking, Page
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import spell
from vfslint.vocabulary.bitmap import Bitmap, clashes, union
from vfslint.vocabulary.numbers import shorten_set, spell_size
from vfslint.xml import edits

# From this release on QEMU rejects memory files that are not a multiple of their pages; before, it rounded up.
QEMU_CHECKS_FILES = (9, 1, 0)


@rule("VFS150", "page-size-missing", severity=Severity.ERROR, stage=Stage.PARSE)
def page_size_missing(page: Page) -> Iterator[Problem]:
    """A `<page>` has a size.

    Why: without any `<page>`, `<hugepages/>` uses the host's default size; a `<page>` has no default.
    Bad:
        <memoryBacking><hugepages><page unit='MiB'/></hugepages></memoryBacking>
    Good:
        <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
    libvirt says: missing element or attribute './@size'
    See: libvirt domain_conf.c:virDomainHugepagesParseXML
    """
    if not page.node.value("size"):
        yield Problem(
            at=page.node.start_span,
            message="a <page> in <hugepages> has no size",
            help="write size='2' unit='MiB', or <hugepages/> without <page> for the default size",
        )


@rule("VFS151", "page-size-zero", severity=Severity.ERROR, stage=Stage.PARSE)
def page_size_zero(page: Page) -> Iterator[Problem]:
    """The size of a huge page is not 0.

    Why: no host has such pages, and libvirt rejects the size.
    Bad:
        <memoryBacking><hugepages><page size='0' unit='MiB'/></hugepages></memoryBacking>
    Good:
        <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
    libvirt says: hugepage size can't be zero
    See: libvirt domain_conf.c:virDomainHugepagesParseXML
    """
    if page.size_kib == 0:
        yield Problem(
            at=page.at,
            message="a huge page has size 0",
            help="write a size that the host supports, such as 2 MiB",
        )


@rule("VFS152", "page-size-impossible", severity=Severity.ERROR, stage=Stage.START)
def page_size_impossible(page: Page, context: Context) -> Iterator[Problem]:
    """Huge pages have a size that the architecture supports.

    Why: x86 has pages of 2 MiB and 1 GiB. Without `unit` the number is in KiB, and MB and GB are powers of
        1000, so neither size='2' nor unit='MB' gives 2 MiB. libvirt finds no hugetlbfs for such pages when the
        guest starts.
    Bad:
        <memoryBacking><hugepages><page size='2'/></hugepages></memoryBacking>
    Bad:
        <memoryBacking><hugepages><page size='1' unit='GB'/></hugepages></memoryBacking>
    Bad:
        <memoryBacking><hugepages><page size='3' unit='MiB'/></hugepages></memoryBacking>
    Good:
        <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
    libvirt says: Unable to find any usable hugetlbfs mount for
    Fix: writes MiB for MB and GiB for GB; only with --unsafe-fixes adds a missing unit.
    Fixed:
        <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
    See: libvirt qemu_conf.c:qemuGetDomainHupageMemPath; Linux arch/x86/mm/hugetlbpage.c
    """
    sizes, size = HUGE_PAGES_KIB.get(context.domain.arch), page.size_kib
    if not sizes or not size or size in sizes or size == ORDINARY_KIB:
        return
    fix = _meant_page(page, sizes)
    yield Problem(
        at=page.at,
        message=f"{context.domain.arch} does not support pages of {spell_size(size)}",
        help=(f"{fix.title}, or " if fix else "") + f"write a size that it supports: {_spell(sizes)}",
        fix=fix,
    )


def _spell(sizes: tuple[int, ...]) -> str:
    return ", ".join(map(spell_size, sizes))


def _meant_page(page: Page, sizes: tuple[int, ...]) -> Fix | None:
    number = page.number
    unit = page.node.attribute("unit")
    if unit and unit.value.lower() in ("mb", "gb"):
        binary = unit.value[0] + "iB"
        factor = 1024 if binary[0] in "mM" else 1024**2
        if number and number * factor in sizes:
            return Fix(f"write unit='{binary}'", (edits.set_value(unit, binary),))
    if unit is None and number:
        for name, factor in (("MiB", 1024), ("GiB", 1024**2)):
            if number * factor in sizes:
                return Fix(f"write unit='{name}'", (edits.add_attribute(page.node, "unit", name),), safe=False)
    return None


@rule("VFS153", "ordinary-page-as-huge", severity=Severity.WARNING, stage=Stage.NEVER)
def ordinary_page_as_huge(page: Page, context: Context) -> Iterator[Problem]:
    """A huge page is larger than the host's ordinary page.

    Why: libvirt does not treat pages of 4 KiB as huge pages, so `<hugepages>` has no effect.
    Bad:
        <memoryBacking><hugepages><page size='4' unit='KiB'/></hugepages></memoryBacking>
    Good:
        <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
    See: libvirt qemu_command.c:qemuBuildMemoryGetPagesize
    """
    if page.size_kib == ORDINARY_KIB and context.domain.is_x86:
        yield Problem(
            at=page.at,
            message="pages of 4 KiB are ordinary pages, so no huge pages are used",
            help="write 2 MiB or 1 GiB, or remove it",
        )


@rule("VFS154", "two-default-page-sizes", severity=Severity.ERROR, stage=Stage.DEFINE)
def two_default_page_sizes(pages: list[Page], context: Context) -> Iterator[Problem]:
    """At most one page size is for all NUMA cells without their own.

    Why: libvirt cannot choose between two. Without NUMA cells, nodeset='0' also means the whole guest. All
        `<hugepages>` and `<memoryBacking>` count together.
    Bad:
        <memoryBacking><hugepages><page size='2' unit='MiB'/><page size='1' unit='GiB'/></hugepages></memoryBacking>
    Good:
        <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
    libvirt says: two master hugepages detected
    See: libvirt domain_validate.c:virDomainDefMemtuneValidate
    """
    defaults = [page for page in pages if _is_for_all(page, context.domain)]
    for page in defaults[1:]:
        yield Problem(
            at=page.at,
            message=f"{page.label} and {defaults[0].label} are both for the whole guest",
            help="keep one, or give them nodesets of different NUMA cells",
            related=(Related(defaults[0].at, "the other"),),
            says=f"two master hugepages detected: {page.size_kib} and {defaults[0].size_kib}",
        )


def _is_for_all(page: Page, domain: Domain) -> bool:
    # Without cells, nodeset 0 means the whole guest.
    return page.node.value("nodeset") is None or (not domain.cells and page.cells == Bitmap({0}))


def _limited_pages(pages: list[Page], domain: Domain) -> list[tuple[Page, Bitmap]]:
    """Return the pages that are for some cells only, with these."""
    return [(page, page.cells) for page in pages if page.cells and not _is_for_all(page, domain)]


@rule("VFS155", "page-nodesets-overlap", severity=Severity.ERROR, stage=Stage.DEFINE)
def page_nodesets_overlap(pages: list[Page], context: Context) -> Iterator[Problem]:
    """A NUMA cell has pages of one size.

    Why: libvirt cannot choose between two sizes.
    Bad:
        <memoryBacking><hugepages><page size='2' unit='MiB' nodeset='0'/><page size='1' unit='GiB' nodeset='0'/>
          </hugepages><source type='memfd'/><access mode='shared'/></memoryBacking>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
    Good:
        <memoryBacking><hugepages><page size='2' unit='MiB' nodeset='0'/></hugepages><source type='memfd'/>
          <access mode='shared'/></memoryBacking>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
    libvirt says: nodeset attribute of hugepages of sizes
    See: libvirt domain_validate.c:virDomainDefMemtuneValidate
    """
    limited = _limited_pages(pages, context.domain)
    for one, another in clashes(cells for _, cells in limited):
        (first, its), (second, others) = limited[one], limited[another]
        both = its & others
        yield Problem(
            at=second.node.at("nodeset"),
            message=f"NUMA cell {shorten_set(both)} has both {first.label} and {second.label}",
            help="list each cell only once",
            related=(Related(first.node.at("nodeset"), first.label),),
            says=f"nodeset attribute of hugepages of sizes {second.size_kib} and {first.size_kib} intersect",
        )


@rule("VFS156", "page-nodeset-unknown-cells", severity=Severity.ERROR, stage=Stage.DEFINE)
def page_nodeset_unknown_cells(pages: list[Page], context: Context) -> Iterator[Problem]:
    """A nodeset of huge pages names NUMA cells of the guest.

    Why: it refers to the guest's cells, not to the host's nodes. Without cells, libvirt accepts only '0'.
    Bad:
        <memoryBacking><hugepages><page size='2' unit='MiB' nodeset='1'/></hugepages></memoryBacking>
    Good:
        <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
    libvirt says: hugepages: node
    See: libvirt domain_validate.c:virDomainDefMemtuneValidate
    """
    number = len(context.domain.cells)
    for page, cells in _limited_pages(pages, context.domain):
        unknown = cells.start_at(number)
        if not unknown:
            continue
        yield Problem(
            at=page.node.at("nodeset"),
            message=f"huge pages are for NUMA cell {shorten_set(unknown)}, but the guest has "
            + (f"{number} cells" if number > 1 else "one cell" if number else "no cells"),
            help="list existing cells" if number else "remove nodeset",
            says=f"hugepages: node {min(unknown)} not found",
        )


@rule("VFS157", "hugepages-on-demand", severity=Severity.ERROR, stage=Stage.DEFINE)
def hugepages_on_demand(backing: MemoryBacking) -> Iterator[Problem]:
    """Huge pages are not allocated on demand.

    Why: QEMU allocates all of them at startup, so a missing page cannot kill the guest later.
    Bad:
        <memoryBacking><hugepages/><allocation mode='ondemand'/></memoryBacking>
    Good:
        <memoryBacking><hugepages/></memoryBacking>
    libvirt says: hugepages are not allowed with memory allocation ondemand
    Fix: removes the allocation mode.
    Fixed:
        <memoryBacking><hugepages/></memoryBacking>
    See: libvirt qemu_validate.c:qemuValidateDomainDefMemory
    """
    mode, hugepages = backing.allocation, backing.hugepages
    if mode and hugepages and mode.value == "ondemand":
        is_only_one = len(mode.node.attributes) == 1
        edit = edits.remove_element(mode.node) if is_only_one else edits.remove_attribute(mode)
        yield Problem(
            at=mode.span,
            message="huge pages cannot be allocated on demand",
            help="remove the allocation mode",
            related=(Related(hugepages.start_span, "huge pages"),),
            fix=Fix("remove the allocation mode", (edit,)),
        )


@rule("VFS158", "hugepages-anonymous", severity=Severity.ERROR, stage=Stage.DEFINE)
def hugepages_anonymous(backing: MemoryBacking) -> Iterator[Problem]:
    """Huge pages do not come from anonymous memory.

    Why: they come from hugetlbfs, or from a memfd.
    Bad:
        <memoryBacking><hugepages/><source type='anonymous'/></memoryBacking>
    Good:
        <memoryBacking><hugepages/><source type='memfd'/></memoryBacking>
    libvirt says: hugepages are not allowed with anonymous memory source
    Fix: removes the source.
    Fixed:
        <memoryBacking><hugepages/></memoryBacking>
    See: libvirt qemu_validate.c:qemuValidateDomainDefMemory
    """
    source, hugepages = backing.source, backing.hugepages
    if source and hugepages and source.value == "anonymous":
        yield Problem(
            at=source.span,
            message="memory source 'anonymous' does not support huge pages",
            help="remove <source>, or write type='memfd', which does not require a hugetlbfs",
            related=(Related(hugepages.start_span, "huge pages"),),
            fix=Fix("remove <source>", (edits.remove_element(source.node),)),
        )


@rule("VFS159", "memory-not-in-whole-pages", severity=Severity.ERROR, stage=Stage.START)
def memory_not_in_whole_pages(hugepages: HugePages, context: Context) -> Iterator[Problem]:
    """Memory in huge pages is a multiple of their size.

    Why: a memfd consists of whole pages, and QEMU 9.1 requires that of files as well; older releases use one
        more page.
    Bad:
        <memory unit='MiB'>512</memory>
        <memoryBacking><hugepages><page size='1' unit='GiB'/></hugepages><source type='memfd'/></memoryBacking>
    Bad (libvirt 9.0.0, qemu 7.2):
        <memory unit='MiB'>1025</memory>
        <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
    Good:
        <memory unit='GiB'>1</memory>
        <memoryBacking><hugepages><page size='1' unit='GiB'/></hugepages><source type='memfd'/></memoryBacking>
    libvirt says: failed to resize memfd
    libvirt says: memory size must be multiple of
    See: QEMU backends/hostmem-memfd.c, hostmem.c; libvirt qemu_domain.c:qemuDomainAlignMemorySizes
    """
    domain = context.domain
    sizes = HUGE_PAGES_KIB.get(domain.arch, ())
    refuses = domain.backing.is_memfd or context.target.qemu >= QEMU_CHECKS_FILES
    for demand in demands(domain):
        size = demand.size_kib
        if not size or size not in sizes or demand.memory_kib % size == 0:
            continue
        pages = demand.pages(size)
        yield Problem(
            at=demand.node.at("size"),
            message=f"{spell_size(demand.memory_kib)} of memory is not a multiple of pages of {spell_size(size)}",
            help=f"write {spell_size(pages * size)}, or use smaller pages",
            label="" if refuses else f"QEMU {spell(context.target.qemu)} uses {pages} whole pages",
            severity=None if refuses else Severity.WARNING,
            stage=None if refuses else Stage.NEVER,
        )


@rule("VFS160", "cells-without-huge-pages", severity=Severity.NOTE, stage=Stage.NEVER)
def cells_without_huge_pages(pages: list[Page], context: Context) -> Iterator[Problem]:
    """All NUMA cells have huge pages.

    Why: a cell without a `<page>` gets ordinary pages, and without memfd its memory is in a file.
    Bad:
        <memoryBacking><hugepages><page size='2' unit='MiB' nodeset='0'/></hugepages><source type='memfd'/>
          <access mode='shared'/></memoryBacking>
        <cpu><numa><cell cpus='0-3' memory='1' unit='GiB'/><cell cpus='4-7' memory='1' unit='GiB'/></numa></cpu>
    Good:
        <memoryBacking><hugepages><page size='2' unit='MiB' nodeset='0-1'/></hugepages><source type='memfd'/>
          <access mode='shared'/></memoryBacking>
        <cpu><numa><cell cpus='0-3' memory='1' unit='GiB'/><cell cpus='4-7' memory='1' unit='GiB'/></numa></cpu>
    See: libvirt qemu_command.c:qemuBuildMemoryGetPagesize
    """
    cells = len(context.domain.cells)
    covered = union(page.cells or Bitmap() for page in pages)
    left = Bitmap.of_bits((1 << cells) - 1) - covered
    if covered and left and not any(_is_for_all(page, context.domain) for page in pages):
        yield Problem(
            at=pages[0].at,
            message=f"NUMA cell {shorten_set(left)} gets no huge pages",
            help="add it to a nodeset, or add a <page> without nodeset",
        )
