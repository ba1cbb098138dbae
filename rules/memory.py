"""Guest memory: how much there is, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain import sharing
from vfslint.domain.device import Hostdev, Video
from vfslint.domain.domain import Domain
from vfslint.domain.memory import MemoryBacking
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

    Why: `<memory>`, or the NUMA cells together, say how much. An empty `<memory>` is none; memory devices are
        part of `<memory>` where there are no cells, and must leave something to start with.
    Bad:
        <memory unit='GiB'>0</memory>
    Good:
        <memory unit='GiB'>2</memory>
    libvirt says: Memory size must be specified via <memory> or in the <numa> configuration
    See: libvirt domain_postparse.c:virDomainDefPostParseMemory
    """
    if domain.initial_kib == 0 and not domain.has_unreadable_cell:
        node = domain.first("memory")
        devices = domain.memory_devices if domain.memory_kib else []
        yield Problem(
            at=node.text_span if node else domain.node.start_span,
            message="memory devices take all of the guest's memory" if devices else "the guest has no memory",
            help="write <memory unit='GiB'>…</memory>" + ("; it counts the memory devices as well" if devices else ""),
            related=tuple(Related(device.node.start_span, "part of <memory>") for device in devices[:1]),
        )


@rule("VFS103", "maximum-memory-incomplete", severity=Severity.ERROR, stage=Stage.PARSE)
def maximum_memory_incomplete(domain: Domain, context: Context) -> Iterator[Problem]:
    """`<maxMemory>` has a size, and slots for memory devices where libvirt is older than 9.5.0.

    Why: slots without a size mean nothing; a size without slots is understood since 9.5.0.
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
            help="write the largest size that the guest's memory may grow to",
        )
    elif domain.max_memory_kib and not domain.memory_slots and context.target.libvirt < (9, 5, 0):
        yield Problem(
            at=node.start_span,
            message=f"<maxMemory> has no slots, which libvirt {spell(context.target.libvirt)} wants",
            help="write slots='…', as many as there are memory devices to come",
        )


@rule("VFS104", "maximum-below-memory", severity=Severity.ERROR, stage=Stage.DEFINE)
def maximum_below_memory(domain: Domain) -> Iterator[Problem]:
    """`<maxMemory>` is at least as large as the guest's memory.

    Why: it is the size that the memory may grow to, memory devices counted.
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
            message=f"the guest's memory may grow to {maximum}, but already has {spell_size(total)}",
            help="raise <maxMemory>",
            related=(Related(memory.text_span, "the memory"),) if memory and not domain.cells else (),
        )


@rule("VFS105", "hotplug-without-numa", severity=Severity.ERROR, stage=Stage.DEFINE)
def hotplug_without_numa(domain: Domain, context: Context) -> Iterator[Problem]:
    """Memory that can grow needs a NUMA cell, where libvirt is older than 9.6.0.

    Why: memory devices belong to cells. libvirt 9.6.0 adds one by itself, whose memory is shared where
        `<memoryBacking>` says so.
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
            message=f"the memory can grow, but libvirt {spell(context.target.libvirt)} wants a NUMA cell for that",
            help="add <cpu><numa><cell …/></numa></cpu> with all vCPUs and all memory",
        )


@rule("VFS106", "current-memory-above-memory", severity=Severity.WARNING, stage=Stage.NEVER)
def current_memory_above_memory(domain: Domain) -> Iterator[Problem]:
    """`<currentMemory>` is at most the guest's memory.

    Why: it is what the balloon leaves the guest at its start. libvirt lowers a larger one without a word.
    Bad:
        <memory unit='GiB'>2</memory>
        <currentMemory unit='GiB'>4</currentMemory>
    Good:
        <memory unit='GiB'>4</memory>
        <currentMemory unit='GiB'>2</currentMemory>
    Fix: makes both equal, as libvirt does.
    See: libvirt domain_postparse.c:virDomainDefPostParseMemory
    """
    node = domain.first("currentMemory")
    total = domain.total_kib
    if not node or not total or (domain.current_memory_kib or 0) <= total:
        return
    memory = domain.first("memory")
    changes = [edits.set_whole_text(node, str(total))]
    unit = node.attribute("unit")
    if unit:
        changes.append(edits.set_value(unit, "KiB"))
    yield Problem(
        at=node.text_span,
        message=f"the guest is to start with {spell_size(domain.current_memory_kib or 0)}, but has "
        f"{spell_size(total)} at most",
        help="raise <memory>, or lower <currentMemory>",
        related=(Related(memory.text_span, "at most"),) if memory else (),
        fix=Fix(f"lower it to {total} KiB", tuple(changes)),
    )


@rule("VFS107", "backing-source-unknown", severity=Severity.ERROR, stage=Stage.PARSE)
def backing_source_unknown(backing: MemoryBacking) -> Iterator[Problem]:
    """The source of memory is memfd, file or anonymous.

    Why: huge pages are no source; they have an element of their own, `<hugepages/>`.
    Bad:
        <memoryBacking><source type='memfb'/></memoryBacking>
    Good:
        <memoryBacking><source type='memfd'/></memoryBacking>
    libvirt says: unknown memoryBacking/source/type
    Fix: writes the source that differs by a slip of the pen.
    See: libvirt domain_conf.c:virDomainDefParseMemory
    """
    yield from _unknown(backing.source, "source", "MemorySourceKind")


@rule("VFS108", "access-mode-unknown", severity=Severity.ERROR, stage=Stage.PARSE)
def access_mode_unknown(backing: MemoryBacking) -> Iterator[Problem]:
    """The access mode of memory is shared or private.

    Why: the words are compared letter by letter.
    Bad:
        <memoryBacking><access mode='share'/></memoryBacking>
    Good:
        <memoryBacking><access mode='shared'/></memoryBacking>
    libvirt says: unknown memoryBacking/access/mode
    Fix: writes the mode that differs by a slip of the pen.
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
    """Memory is allocated immediate or ondemand.

    Why: the words are compared letter by letter.
    Bad:
        <memoryBacking><allocation mode='lazy'/></memoryBacking>
    Good:
        <memoryBacking><allocation mode='ondemand'/></memoryBacking>
    libvirt says: unknown memoryBacking/allocation/mode
    Fix: writes the mode that differs by a slip of the pen.
    See: libvirt domain_conf.c:virDomainDefParseMemory
    """
    yield from _unknown(backing.allocation, "allocation mode", "MemoryAllocation/@mode")


def _unknown(written: Attribute | None, what: str, values: str) -> Iterator[Problem]:
    """Yield a problem where an attribute has none of the words that the vocabulary lists under this name."""
    words = tuple(table.values(values).listed)
    if written is None or written.value in words:
        return
    meant = nearest(written.value.strip(), words)
    yield Problem(
        at=written.span,
        message=f"{what} {written.value!r} is not known to libvirt",
        help=f"write {meant!r}" if meant else f"write {', '.join(words[:-1])} or {words[-1]}",
        fix=Fix(f"write {meant!r}", (edits.set_value(written, meant),)) if meant else None,
    )


@rule("VFS110", "allocation-threads-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def allocation_threads_unsupported(backing: MemoryBacking, context: Context) -> Iterator[Problem]:
    """Several threads allocate huge pages only in QEMU 5.0 or newer.

    Why: older ones have no `prealloc-threads`. libvirt reads the attribute since 8.2.0.
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
            message=f"QEMU {spell(target.qemu)} allocates with one thread, not {threads.value}",
            help="take 'threads' away, or use a newer QEMU",
        )


@rule("VFS111", "locked-without-limit", severity=Severity.WARNING, stage=Stage.NEVER)
def locked_without_limit(backing: MemoryBacking, context: Context) -> Iterator[Problem]:
    """Locked memory has a hard limit.

    Why: libvirt lifts the limit of what QEMU may lock; without `<memtune><hard_limit>` there is none at all,
        so that a QEMU gone wrong can take all memory of the host and nothing can swap it out.
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
            message="the guest's memory is locked without a limit to what QEMU may lock",
            help="add <memtune><hard_limit> with the guest's memory and some room for QEMU itself",
        )


@rule("VFS112", "backing-option-without-effect", severity=Severity.NOTE, stage=Stage.NEVER)
def backing_option_without_effect(backing: MemoryBacking, context: Context) -> Iterator[Problem]:
    """What `<memoryBacking>` says has an effect on the memory it chooses.

    Why: `<discard/>` is for memory in files, and `<nosharepages/>` keeps private memory from being merged;
        memfd memory is neither, and shared memory is never merged.
    Bad:
        <memoryBacking><source type='memfd'/><access mode='shared'/><discard/></memoryBacking>
    Bad:
        <memoryBacking><nosharepages/><source type='memfd'/><access mode='shared'/></memoryBacking>
    Good:
        <memoryBacking><source type='file'/><access mode='shared'/><discard/></memoryBacking>
    Fix: takes the element away, which changes nothing.
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
            help="take it away",
            fix=Fix(f"take <{node.tag}> away", (edits.remove_element(node),)),
        )


@rule("VFS113", "blob-without-memfd", severity=Severity.ERROR, stage=Stage.DEFINE)
def blob_without_memfd(videos: list[Video], context: Context) -> Iterator[Problem]:
    """A virtio-gpu with blob resources needs memfd memory.

    Why: the resources are handed on as parts of a memfd. libvirt 9.0.0 and older does not know `blob`.
    Bad:
        <memoryBacking><source type='file'/></memoryBacking>
        <video><model type='virtio' blob='on'/></video>
    Good:
        <memoryBacking><source type='memfd'/></memoryBacking>
        <video><model type='virtio' blob='on'/></video>
    libvirt says: 'blob' support for virtio-gpu devices requires a memfd memory backend
    Fix: chooses memfd.
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefVideo
    """
    domain = context.domain
    models = (video.node.child("model") for video in videos)
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
        message="the video device has blob='on', but the memory is "
        + (f"of source {source.value!r}" if source else "not memfd"),
        help="add <source type='memfd'/> to <memoryBacking>, or take blob away",
        related=(Related(source.span, "the source of memory"),) if source else (),
        fix=fix,
    )


@rule("VFS114", "passthrough-with-memory-files", severity=Severity.WARNING, stage=Stage.START)
def passthrough_with_memory_files(hostdevs: list[Hostdev], context: Context) -> Iterator[Problem]:
    """A PCI device that is passed through does not go well with memory in files.

    Why: VFIO maps all guest memory for the device, which has failed for files on some file systems
        ("VFIO_MAP_DMA failed: Bad address"). memfd and huge pages are sure to work.
    Bad:
        <memoryBacking><access mode='shared'/></memoryBacking>
        <hostdev mode='subsystem' type='pci' managed='yes'>
          <source><address domain='0x0000' bus='0x06' slot='0x00' function='0x0'/></source></hostdev>
    Good:
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
        <hostdev mode='subsystem' type='pci' managed='yes'>
          <source><address domain='0x0000' bus='0x06' slot='0x00' function='0x0'/></source></hostdev>
    libvirt says: VFIO_MAP_DMA failed: Bad address
    Fix: adds memfd, or with --unsafe-fixes replaces the source.
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
        message="a device is passed through to a guest whose memory is kept in files",
        help="use <source type='memfd'/> in <memoryBacking>, or huge pages",
        related=(Related(_shared_at(domain), "shared memory without memfd or huge pages is a file"),),
        fix=fix,
    )


def _shared_at(domain: Domain) -> Span:
    return domain.backing.source.span if domain.backing.source else sharing.regions(domain)[0].at
