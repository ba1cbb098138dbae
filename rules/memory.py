"""Guest memory: its size and its source."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain import sharing
from vfslint.domain.display import Video
from vfslint.domain.domain import Domain
from vfslint.domain.host_device import Hostdev
from vfslint.domain.memory import MemoryBacking
from vfslint.domain.sizes import Size
from vfslint.findings import Fix, Problem, Related, Severity, Span, Stage
from vfslint.rule import rule
from vfslint.targets import spell
from vfslint.vocabulary import table
from vfslint.vocabulary.numbers import spell_size
from vfslint.vocabulary.spelling import nearest
from vfslint.xml import edits
from vfslint.xml.document import Attribute


@rule("VFS102", "memory-missing", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_missing(domain: Domain) -> Iterator[Problem]:
    """A guest has memory.

    Why: `<memory>`, or all NUMA cells together, set the size. An empty `<memory>` counts as 0. Without cells,
        memory devices are part of `<memory>`, which must be larger than they are.
    Bad:
        <memory unit='GiB'>0</memory>
    Good:
        <memory unit='GiB'>2</memory>
    libvirt says: Memory size must be specified via <memory> or in the <numa> configuration
    See: libvirt domain_postparse.c:virDomainDefPostParseMemory
    """
    if domain.initial_kib == 0 and not domain.has_unreadable_cell:
        devices = domain.memory_devices if domain.memory_kib else []
        yield Problem(
            at=domain.text_span("memory"),
            message="the memory devices use up all of <memory>" if devices else "the guest has no memory",
            help="write <memory unit='GiB'>…</memory>" + ("; it includes the memory devices" if devices else ""),
            related=tuple(Related(device.node.start_span, "part of <memory>") for device in devices[:1]),
        )


BOTH_OF_MAXIMUM = "both maximum memory size and memory slot count must be specified"


@rule("VFS103", "maximum-memory-incomplete", severity=Severity.ERROR, stage=Stage.PARSE)
def maximum_memory_incomplete(domain: Domain, context: Context) -> Iterator[Problem]:
    """`<maxMemory>` has a size and, before libvirt 9.5.0, slots for memory devices.

    Why: slots without a size have no meaning; a size without slots is accepted since 9.5.0.
    Bad (libvirt 9.0.0):
        <maxMemory unit='GiB'>8</maxMemory>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    Bad:
        <maxMemory slots='4' unit='GiB'>0</maxMemory>
    Good:
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    libvirt says: both maximum memory size and memory slot count must be specified
    libvirt says: maximum memory size must be specified when specifying number of memory slots
    See: libvirt domain_conf.c:virDomainDefParseMemory
    """
    node = domain.first("maxMemory")
    if node is None or domain.max_memory_kib is None:
        return
    if domain.memory_slots and not domain.max_memory_kib:
        yield Problem(
            at=node.start_span,
            message=f"<maxMemory> has {domain.memory_slots} slots, but no size",
            help="write the size that the guest's memory can grow to",
            says=BOTH_OF_MAXIMUM
            if context.target.libvirt <= (9, 0, 0)
            else "maximum memory size must be specified when specifying number of memory slots",
        )
    elif domain.max_memory_kib and not domain.memory_slots and context.target.libvirt < (9, 5, 0):
        yield Problem(
            at=node.start_span,
            message=f"libvirt {spell(context.target.libvirt)} requires slots in <maxMemory>",
            help="write slots='…', one for each memory device that can be added",
            says=BOTH_OF_MAXIMUM,
        )


@rule("VFS104", "maximum-below-memory", severity=Severity.ERROR, stage=Stage.DEFINE)
def maximum_below_memory(domain: Domain) -> Iterator[Problem]:
    """`<maxMemory>` is at least as large as the guest's memory.

    Why: it limits how large the memory can grow, including memory devices.
    Bad:
        <memory unit='GiB'>2</memory>
        <maxMemory slots='4' unit='GiB'>1</maxMemory>
    Good:
        <memory unit='GiB'>2</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
    libvirt says: maximum memory size must be equal or greater than the actual memory size
    See: libvirt domain_postparse.c:virDomainDefPostParseMemory
    """
    node = domain.first("maxMemory")
    total = domain.total_kib
    if node and domain.max_memory_kib and total and domain.max_memory_kib < total:
        memory = domain.first("memory")
        maximum = spell_size(domain.max_memory_kib)
        yield Problem(
            at=node.text_span,
            message=f"<maxMemory> is {maximum}, which is less than the guest's memory, {spell_size(total)}",
            help="increase <maxMemory>",
            related=(Related(memory.text_span, "the memory"),) if memory and not domain.cells else (),
        )


@rule("VFS105", "hotplug-without-numa", severity=Severity.ERROR, stage=Stage.DEFINE)
def hotplug_without_numa(domain: Domain, context: Context) -> Iterator[Problem]:
    """Before libvirt 9.6.0, memory that can grow requires a NUMA cell.

    Why: memory devices belong to cells. libvirt 9.6.0 adds a cell itself, whose memory is shared if
        `<memoryBacking>` has shared access.
    Bad (libvirt 9.0.0):
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
    Good (libvirt 9.0.0):
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
    libvirt says: At least one numa node has to be configured when enabling memory hotplug
    See: libvirt qemu_domain.c:qemuDomainDefValidateMemoryHotplug
    """
    node = domain.first("maxMemory")
    needs_cell = context.target.libvirt < (9, 6, 0) and not domain.is_pseries
    if needs_cell and node and domain.max_memory_kib and not domain.cells:
        yield Problem(
            at=node.start_span,
            message=f"libvirt {spell(context.target.libvirt)} requires a NUMA cell for memory that can grow",
            help="add <cpu><numa><cell …/></numa></cpu> with all vCPUs and all memory",
        )


@rule("VFS106", "current-memory-above-memory", severity=Severity.WARNING, stage=Stage.NEVER)
def current_memory_above_memory(domain: Domain) -> Iterator[Problem]:
    """`<currentMemory>` is at most the guest's memory.

    Why: it is the memory that the balloon leaves to the guest at startup. libvirt silently reduces a larger
        value.
    Bad:
        <memory unit='GiB'>2</memory>
        <currentMemory unit='GiB'>4</currentMemory>
    Good:
        <memory unit='GiB'>4</memory>
        <currentMemory unit='GiB'>2</currentMemory>
    Fix: makes both equal, as libvirt does, if that is a whole number in the unit that is written.
    Fixed:
        <memory unit='GiB'>2</memory>
        <currentMemory unit='GiB'>2</currentMemory>
    See: libvirt domain_postparse.c:virDomainDefPostParseMemory
    """
    node = domain.first("currentMemory")
    total = domain.total_kib
    if not node or not total or (domain.current_memory_kib or 0) <= total:
        return
    memory = domain.first("memory")
    number = Size(node, "").number_for(total)
    yield Problem(
        at=node.text_span,
        message=f"<currentMemory> is {spell_size(domain.current_memory_kib or 0)}, which is more than the guest's "
        f"memory, {spell_size(total)}",
        help="increase <memory>, or reduce <currentMemory>",
        related=(Related(memory.text_span, "the memory"),) if memory else (),
        fix=Fix(f"write {number}", (edits.set_whole_text(node, str(number)),)) if number else None,
    )


@rule("VFS107", "backing-source-unknown", severity=Severity.ERROR, stage=Stage.PARSE)
def backing_source_unknown(backing: MemoryBacking) -> Iterator[Problem]:
    """The source of memory is memfd, file or anonymous.

    Why: huge pages are not a source; they have their own element, `<hugepages/>`.
    Bad:
        <memoryBacking><source type='memfb'/></memoryBacking>
    Good:
        <memoryBacking><source type='memfd'/></memoryBacking>
    libvirt says: unknown memoryBacking/source/type
    Fix: corrects a typo.
    Fixed:
        <memoryBacking><source type='memfd'/></memoryBacking>
    See: libvirt domain_conf.c:virDomainDefParseMemory
    """
    yield from _unknown(backing.source, "memory source", "MemorySourceKind")


@rule("VFS108", "access-mode-unknown", severity=Severity.ERROR, stage=Stage.PARSE)
def access_mode_unknown(backing: MemoryBacking) -> Iterator[Problem]:
    """The access mode of memory is shared or private.

    Why: libvirt compares the words exactly.
    Bad:
        <memoryBacking><access mode='share'/></memoryBacking>
    Good:
        <memoryBacking><access mode='shared'/></memoryBacking>
    libvirt says: unknown memoryBacking/access/mode
    Fix: corrects a typo.
    Fixed:
        <memoryBacking><access mode='shared'/></memoryBacking>
    See: libvirt domain_conf.c:virDomainDefParseMemory
    """
    yield from _unknown(backing.access, "access mode", "MemoryAccessMode")


@rule(
    "VFS109",
    "allocation-mode-unknown",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def allocation_mode_unknown(backing: MemoryBacking) -> Iterator[Problem]:
    """The allocation mode of memory is `immediate` or `ondemand`.

    Why: libvirt compares the words exactly.
    Bad:
        <memoryBacking><allocation mode='lazy'/></memoryBacking>
    Bad:
        <memoryBacking><allocation mode='imediate'/></memoryBacking>
    Good:
        <memoryBacking><allocation mode='ondemand'/></memoryBacking>
    libvirt says: unknown memoryBacking/allocation/mode
    Fix: corrects a typo.
    Fixed:
        <memoryBacking><allocation mode='immediate'/></memoryBacking>
    See: libvirt domain_conf.c:virDomainDefParseMemory
    """
    yield from _unknown(backing.allocation, "allocation mode", "MemoryAllocation/@mode")


def _unknown(written: Attribute | None, what: str, values: str) -> Iterator[Problem]:
    """Yield a problem if an attribute has none of the words that the vocabulary lists under this name."""
    words = tuple(table.values(values).listed)
    if written is None or written.value in words:
        return
    meant = nearest(written.value.strip(), words)
    yield Problem(
        at=written.span,
        message=f"unknown {what} {written.value!r}",
        help=f"did you mean {meant!r}?" if meant else f"write {', '.join(words[:-1])} or {words[-1]}",
        fix=Fix(f"write {meant!r}", (edits.set_value(written, meant),)) if meant else None,
        says=f"unknown memoryBacking/{written.node.tag}/{written.name} '{written.value}'",
    )


@rule("VFS110", "allocation-threads-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def allocation_threads_unsupported(backing: MemoryBacking, context: Context) -> Iterator[Problem]:
    """Allocating huge pages with several threads requires QEMU 5.0.

    Why: older releases do not have `prealloc-threads`. libvirt reads the attribute since 8.2.0.
    Bad (libvirt 9.0.0, qemu 4.2):
        <memoryBacking><hugepages/><allocation mode='immediate' threads='4'/></memoryBacking>
    Good (libvirt 9.0.0, qemu 5.0):
        <memoryBacking><hugepages/><allocation mode='immediate' threads='4'/></memoryBacking>
    libvirt says: preallocation threads are unsupported with this QEMU
    See: libvirt qemu_validate.c:qemuValidateDomainDefMemory
    """
    target = context.target
    if target.qemu >= (5, 0, 0) or target.libvirt < (8, 2, 0) or not backing.hugepages:
        return
    threads = backing.allocation_threads
    if threads and threads.value not in ("", "0"):
        yield Problem(
            at=threads.span,
            message=f"QEMU {spell(target.qemu)} cannot allocate memory with {threads.value} threads",
            help="remove threads, or use QEMU 5.0 or later",
        )


@rule("VFS111", "locked-without-limit", severity=Severity.WARNING, stage=Stage.NEVER)
def locked_without_limit(backing: MemoryBacking, context: Context) -> Iterator[Problem]:
    """Locked memory has a hard limit.

    Why: libvirt raises the limit on the memory that QEMU can lock. Without `<memtune><hard_limit>` there is no
        limit, so a malfunctioning QEMU can lock all memory of the host, which then cannot be swapped out.
    Bad:
        <memoryBacking><locked/></memoryBacking>
    Good:
        <memoryBacking><locked/></memoryBacking>
        <memtune><hard_limit unit='GiB'>4</hard_limit></memtune>
    See: libvirt qemu_domain.c:qemuDomainGetMemLockLimitBytes; libvirt documentation, Domain XML format,
        Memory Backing
    """
    locked = backing.elements("locked")
    if locked and not any(memtune.child("hard_limit") for memtune in context.domain.elements("memtune")):
        yield Problem(
            at=locked[0].start_span,
            message="without a hard limit for locked memory, QEMU can lock all memory of the host",
            help="add <memtune><hard_limit> with the guest's memory plus some for QEMU itself",
        )


@rule("VFS112", "backing-option-without-effect", severity=Severity.NOTE, stage=Stage.NEVER)
def backing_option_without_effect(backing: MemoryBacking, context: Context) -> Iterator[Problem]:
    """The options of `<memoryBacking>` have an effect on the selected memory.

    Why: `<discard/>` is for memory in files, and `<nosharepages/>` prevents merging of private memory; memfd
        memory is not in files, and shared memory is never merged.
    Bad:
        <memoryBacking><source type='memfd'/><access mode='shared'/><discard/></memoryBacking>
    Bad:
        <memoryBacking><nosharepages/><source type='memfd'/><access mode='shared'/></memoryBacking>
    Good:
        <memoryBacking><source type='file'/><access mode='shared'/><discard/></memoryBacking>
    Fix: removes the element, which has no effect.
    Fixed:
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
    See: libvirt qemu_command.c:qemuBuildMemoryBackendProps; Linux mm/ksm.c
    """
    found = [(node, "memfd memory") for node in backing.elements("discard") if backing.is_memfd]
    nosharepages = backing.elements("nosharepages")
    if nosharepages and sharing.is_shared(context.domain):
        found += [(node, "shared memory") for node in nosharepages]
    for node, reason in found:
        yield Problem(
            at=node.start_span,
            message=f"<{node.tag}> has no effect on {reason}",
            help="remove it",
            fix=Fix(f"remove <{node.tag}>", (edits.remove_element(node),)),
        )


@rule("VFS113", "blob-without-memfd", severity=Severity.ERROR, stage=Stage.DEFINE)
def blob_without_memfd(videos: list[Video], context: Context) -> Iterator[Problem]:
    """A virtio-gpu with blob resources requires memfd memory.

    Why: QEMU passes the resources on as parts of a memfd. libvirt 9.0.0 and older do not have `blob`.
    Bad:
        <memoryBacking><source type='file'/></memoryBacking>
        <video><model type='virtio' blob='on'/></video>
    Good:
        <memoryBacking><source type='memfd'/></memoryBacking>
        <video><model type='virtio' blob='on'/></video>
    libvirt says: 'blob' support for virtio-gpu devices requires a memfd memory backend
    Fix: sets the source to memfd.
    Fixed:
        <memoryBacking><source type='memfd'/></memoryBacking>
        <video><model type='virtio' blob='on'/></video>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefVideo
    """
    domain = context.domain
    models = (video.node.child("model") for video in videos if video.model_type == "virtio")
    blob = next((model["blob"] for model in models if model and model.value("blob") == "on"), None)
    if blob is None or domain.backing.is_memfd or context.target.libvirt < (9, 1, 0):
        return
    source = domain.backing.source
    if source:
        fix = Fix("use memfd", (edits.set_value(source, "memfd"),))
    elif domain.backing.nodes:
        fix = Fix("use memfd", (edits.insert(domain.backing.nodes[0], "<source type='memfd'/>"),))
    else:
        xml = "<memoryBacking>\n  <source type='memfd'/>\n</memoryBacking>"
        fix = Fix("use memfd", (edits.insert(domain.node, xml, after=domain.first("memory")),))
    yield Problem(
        at=blob.span,
        message="blob='on' requires memfd memory" + (f", but the memory source is {source.value!r}" if source else ""),
        help="write <source type='memfd'/> in <memoryBacking>, or remove blob",
        related=(Related(source.span, "the memory source"),) if source else (),
        fix=fix,
    )


@rule("VFS114", "passthrough-with-memory-files", severity=Severity.WARNING, stage=Stage.START)
def passthrough_with_memory_files(hostdevs: list[Hostdev], context: Context) -> Iterator[Problem]:
    """A guest with a passed-through device does not have its memory in files.

    Why: VFIO maps all guest memory for the device, which has failed for files on some file systems
        ("VFIO_MAP_DMA failed: Bad address"). memfd and huge pages work.
    Bad:
        <memoryBacking><access mode='shared'/></memoryBacking>
        <hostdev mode='subsystem' type='pci' managed='yes'>
          <source><address domain='0x0000' bus='0x06' slot='0x00' function='0x0'/></source></hostdev>
    Good:
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
        <hostdev mode='subsystem' type='pci' managed='yes'>
          <source><address domain='0x0000' bus='0x06' slot='0x00' function='0x0'/></source></hostdev>
    libvirt says: VFIO_MAP_DMA failed: Bad address
    Fix: sets the source to memfd; if another source is set, only with --unsafe-fixes.
    Fixed:
        <memoryBacking><access mode='shared'/><source type='memfd'/></memoryBacking>
        <hostdev mode='subsystem' type='pci' managed='yes'>
          <source><address domain='0x0000' bus='0x06' slot='0x00' function='0x0'/></source></hostdev>
    See: virtio-win/kvm-guest-drivers-windows issue 573; libvirt qemu_command.c:qemuBuildMemoryBackendProps
    """
    domain = context.domain
    hostdev = next((hostdev for hostdev in hostdevs if hostdev.type in ("pci", "mdev")), None)
    if hostdev is None or not sharing.file_backed_kib(domain) or not sharing.is_shared(domain):
        return
    source = domain.backing.source
    if source:
        fix = Fix("use memfd", (edits.set_value(source, "memfd"),), safe=False)
    elif domain.backing.nodes:
        fix = Fix("use memfd", (edits.insert(domain.backing.nodes[0], "<source type='memfd'/>"),))
    else:
        fix = None
    yield Problem(
        at=hostdev.node.start_span,
        message="a device is passed through, but the guest's memory is in files",
        help="use <source type='memfd'/> in <memoryBacking>, or huge pages",
        related=(Related(_shared_at(domain), "shared memory without memfd or huge pages is in files"),),
        fix=fix,
    )


def _shared_at(domain: Domain) -> Span:
    return domain.backing.source.span if domain.backing.source else sharing.regions(domain)[0].at
