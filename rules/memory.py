"""Guest memory: how much there is, where it comes from, and whether another process can map it."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.devices import Device, VirtioFS
from vfslint.domain.domain import Domain, MemoryBacking, Region
from vfslint.domain.elements import LaunchSecurity
from vfslint.findings import Edit, Fix, Problem, Related, Severity, Span, Stage
from vfslint.rule import rule
from vfslint.targets import spell
from vfslint.vocabulary.numbers import spell_size
from vfslint.vocabulary.spelling import nearest
from vfslint.xml import edits
from vfslint.xml.document import Attribute

# The release that asks shared memory of vhost-user interfaces too; until then it only logs a warning.
INTERFACES_CHECKED = (11, 2, 0)

_SERVERS = {"filesystem": "virtiofsd serves this device", "interface": "another process moves its packets"}


@rule("VFS101", "memory-not-shared", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_not_shared(domain: Domain, context: Context) -> Iterator[Problem]:
    """A device that another process serves needs all guest memory to be shared.

    Why: virtiofsd and other vhost-user processes answer the guest by mapping its memory. Memory is shared
        when `<memoryBacking>` says `<access mode='shared'/>`, or when every NUMA cell says
        `memAccess='shared'`, which comes first; a memfd, file or hugepage source alone does not make it so.
        The same holds for a share with an external socket, for vhostuser interfaces (refused since 11.2.0,
        without packets before), for vhostuser and vhostvdpa disks, and for vhost-user-gpu, where libvirt
        never looks.
    Bad:
        <memory unit='GiB'>2</memory>
        <memoryBacking><source type='memfd'/></memoryBacking>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Bad:
        <cpu><numa><cell cpus='0-3' memory='1' unit='GiB' memAccess='shared'/>
          <cell cpus='4-7' memory='1' unit='GiB'/></numa></cpu>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Bad (libvirt 9.0.0):
        <memoryBacking><access mode='private'/></memoryBacking>
        <interface type='vhostuser'><source type='unix' path='/run/net.sock' mode='client'/>
          <model type='virtio'/></interface>
    Good:
        <memory unit='GiB'>2</memory>
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: 'virtiofs' requires shared memory
    libvirt says: virtiofs requires shared memory
    libvirt says: 'interface' requires shared memory
    libvirt says: 'vhostuser' requires shared memory
    libvirt says: 'vhostvdpa' requires shared memory
    libvirt says: Detected vhost-user interface without any shared memory
    Fix: makes what is private shared, adds or completes `<memoryBacking>`, or moves it to its place; a misspelt name
        has a fix of its own.
    See: libvirt qemu_validate.c:qemuValidateDomainDefVhostUserRequireSharedMemory; libvirt documentation,
        "Sharing files with Virtiofs", Host setup
    """
    private = domain.private_regions
    if not private:
        return
    for device in domain.vhost_user_devices:
        severity, stage = _consequence(device, context)
        yield Problem(
            at=_served(device),
            message=f"{device.label} needs shared memory, but {_names(private)} private",
            label=f"{_SERVERS.get(device.kind, 'another process serves it')} and must map the guest's memory",
            related=tuple(_reasons(domain, private)),
            help=_remedy(domain),
            # A misspelt word is corrected first: whatever is added beside it might be there twice in the end.
            fix=None if domain.misspelt_sharing else _share(domain, safe=device.kind != "video"),
            severity=severity,
            stage=stage,
        )


def _consequence(device: Device, context: Context) -> tuple[Severity | None, Stage | None]:
    is_unchecked = device.kind == "interface" and context.target.libvirt < INTERFACES_CHECKED
    if is_unchecked or device.kind == "video":
        return Severity.WARNING, Stage.GUEST
    return None, None


def _served(device: Device) -> Span:
    """Where it stands that another process serves a device."""
    if isinstance(device, VirtioFS) and device.driver_attribute:
        return device.driver_attribute.span
    return device.driver.at("name") if device.driver and device.kind == "video" else device.node.at("type")


def _names(regions: list[Region]) -> str:
    if len(regions) == 1:
        return f"{regions[0].label} is"
    return f"{regions[0].label} and {len(regions) - 1} more are"


def _reasons(domain: Domain, private: list[Region]) -> Iterator[Related]:
    for region in private[:3]:
        decided = region.decided_by
        if decided:
            yield Related(decided.span, f"this makes {region.label} private")
        elif domain.cells:
            yield Related(region.node.start_span, "private: neither memAccess nor <memoryBacking> says shared")
        else:
            yield Related(region.node.start_span, "private: no <memoryBacking> says <access mode='shared'/>")
    if domain.backing_setting and not domain.cells:
        yield Related(domain.backing_setting.span, "this chooses a directory for memory; it does not share any")
    for fault in domain.misspelt_sharing:
        yield Related(fault.name_span, "libvirt does not know this, and drops it")
    for node in domain.misplaced_sharing:
        yield Related(node.start_span, f"libvirt does not read <{node.tag}> here")
    backing = domain.backing
    if not backing.access and (backing.source or backing.hugepages):
        at = backing.source.span if backing.source else backing.hugepages.start_span if backing.hugepages else None
        if at:
            yield Related(at, "this chooses where memory comes from; it does not share it")


def _remedy(domain: Domain) -> str:
    if domain.misspelt_sharing:
        fault = domain.misspelt_sharing[0]
        return f"write {fault.suggestion!r} instead of {fault.name!r}"
    misplaced = domain.misplaced_sharing
    if misplaced:
        home = "<cpu>" if misplaced[0].tag == "numa" else "<domain>"
        return f"move <{misplaced[0].tag}> to {home}"
    if any(region.decided_by for region in domain.private_regions):
        return "write 'shared' instead of 'private'"
    if domain.backing.nodes or any(region.is_shared for region in domain.regions):
        return "add <access mode='shared'/> to <memoryBacking>"
    return "add <memoryBacking> with <source type='memfd'/> and <access mode='shared'/> to <domain>"


def _share(domain: Domain, *, safe: bool) -> Fix:
    misplaced = domain.misplaced_sharing
    if misplaced and not domain.backing.nodes:
        home = domain.first("cpu") if misplaced[0].tag == "numa" else domain.node
        if home:
            return Fix("move it to its place", tuple(edits.move_into(misplaced[0], home)), safe)
    changes: list[Edit] = []
    undecided = []
    for region in domain.private_regions:
        if region.decided_by is None:
            undecided.append(region)
        else:
            changes.append(edits.set_value(region.decided_by, "shared"))
    if undecided and any(region.is_shared for region in domain.regions):
        changes += [edits.add_attribute(region.node, "memAccess", "shared") for region in undecided]
    elif undecided:
        changes += _share_by_backing(domain)
    return Fix("share the guest's memory", tuple(dict.fromkeys(changes)), safe)


def _share_by_backing(domain: Domain) -> list[Edit]:
    backing = domain.backing
    written = backing.access_element
    if written:
        mode = written.attribute("mode")
        change = edits.set_value(mode, "shared") if mode else edits.add_attribute(written, "mode", "shared")
        return [change, edits.set_whole_text(written, "")] if written.text.strip() else [change]
    lines = ["<access mode='shared'/>"]
    if not backing.source and not backing.elements("source") and not backing.hugepages:
        lines.insert(0, "<source type='memfd'/>")
    if backing.nodes:
        return [edits.insert(backing.nodes[0], "\n".join(lines))]
    inside = "\n".join(f"  {line}" for line in lines)
    after = domain.first("currentMemory") or domain.first("memory")
    return [edits.insert(domain.node, f"<memoryBacking>\n{inside}\n</memoryBacking>", after=after)]


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
    yield from _unknown(backing.source, "source", ("memfd", "file", "anonymous"))


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
    yield from _unknown(backing.access, "access mode", ("shared", "private"))


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
    yield from _unknown(backing.allocation, "allocation mode", ("immediate", "ondemand"))


def _unknown(written: Attribute | None, what: str, words: tuple[str, ...]) -> Iterator[Problem]:
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
    if locked and not context.domain.has_hard_limit:
        yield Problem(
            at=locked[0].start_span,
            message="the guest's memory is locked without a limit to what QEMU may lock",
            help="add <memtune><hard_limit> with the guest's memory and some room for QEMU itself",
        )


@rule("VFS112", "backing-option-without-effect", severity=Severity.NOTE, stage=Stage.NEVER)
def backing_option_without_effect(domain: Domain) -> Iterator[Problem]:
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
    for node, reason in domain.void_backing_options:
        yield Problem(
            at=node.start_span,
            message=f"<{node.tag}> has no effect on {reason}",
            help="take it away",
            fix=Fix(f"take <{node.tag}> away", (edits.remove_element(node),)),
        )


@rule("VFS113", "blob-without-memfd", severity=Severity.ERROR, stage=Stage.DEFINE)
def blob_without_memfd(domain: Domain, context: Context) -> Iterator[Problem]:
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
    blob = domain.video_blob
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
def passthrough_with_memory_files(domain: Domain) -> Iterator[Problem]:
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
    hostdev = domain.vfio_device
    if hostdev is None or not domain.file_backed_kib or not domain.is_shared:
        return
    source = domain.backing.source
    if source:
        fix = Fix("use memfd", (edits.set_value(source, "memfd"),), safe=False)
    elif domain.backing.nodes:
        fix = Fix("use memfd", (edits.insert(domain.backing.nodes[0], "<source type='memfd'/>"),))
    else:
        fix = None
    yield Problem(
        at=hostdev.start_span,
        message="a device is passed through to a guest whose memory is kept in files",
        help="use <source type='memfd'/> in <memoryBacking>, or huge pages",
        related=(Related(_shared_at(domain), "shared memory without memfd or huge pages is a file"),),
        fix=fix,
    )


def _shared_at(domain: Domain) -> Span:
    return domain.backing.source.span if domain.backing.source else domain.regions[0].at


@rule(
    "VFS115",
    "confidential-guest-with-vhost-user",
    severity=Severity.WARNING,
    stage=Stage.GUEST,
)
def confidential_guest_with_vhost_user(security: LaunchSecurity, context: Context) -> Iterator[Problem]:
    """A confidential guest has no device that another process serves.

    Why: such a guest encrypts its memory, and only devices that take the platform's IOMMU can reach what it
        shows. vhost-user-fs does not, so the share, or the whole guest, does not come up.
    Bad:
        <launchSecurity type='sev'><policy>0x0003</policy></launchSecurity>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <launchSecurity type='sev'><policy>0x0003</policy></launchSecurity>
    See: QEMU hw/virtio/vhost-user-fs.c; AMDESE/AMDSEV issue 269, kata-containers issue 3810
    """
    for device in context.domain.vhost_user_devices:
        yield Problem(
            at=_served(device),
            message=f"{device.label} cannot reach the memory of a confidential guest",
            help="take one of the two out",
            related=(Related(security.start_span, "the guest's memory is encrypted"),),
        )


@rule("VFS116", "sharing-needs-numa", severity=Severity.ERROR, stage=Stage.DEFINE)
def sharing_needs_numa(domain: Domain, context: Context) -> Iterator[Problem]:
    """Without NUMA cells, memory can be shared since libvirt 6.9.0 and QEMU 5.0.

    Why: before that, only the memory of a NUMA cell could be chosen. QEMU 5.2 still lacks it for RISC-V
        boards, which libvirt before 9.2.0 refuses.
    Bad (libvirt 7.0.0, qemu 4.2):
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good (libvirt 7.0.0, qemu 4.2):
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: virtiofs requires shared memory
    See: libvirt documentation, "Sharing files with Virtiofs", Host setup; qemu_validate.c of 9.0.0
    """
    target = context.target
    is_riscv = domain.arch.startswith("riscv") and target.libvirt < (9, 2, 0) and target.qemu < (6, 0, 0)
    if not (target.libvirt < (6, 9, 0) or target.qemu < (5, 0, 0) or is_riscv):
        return
    if domain.cells or not domain.is_shared or target.qemu < (4, 2, 0):
        return
    for share in domain.shares:
        yield Problem(
            at=_served(share),
            message=f"{share.label} needs NUMA cells with shared memory under libvirt {spell(target.libvirt)} and "
            f"QEMU {spell(target.qemu)}",
            help="add <cpu><numa><cell … memAccess='shared'/></numa></cpu> with all vCPUs and all memory",
            related=(Related(domain.regions[0].at, "shared, but not by a NUMA cell"),),
        )
