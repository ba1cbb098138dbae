"""Shared guest memory: whether the processes that serve devices can map it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.context import Context
from vfslint.domain import sharing
from vfslint.domain.device import Device
from vfslint.domain.domain import Domain
from vfslint.domain.elements import LaunchSecurity
from vfslint.domain.filesystem import VirtioFS
from vfslint.domain.sharing import Region
from vfslint.findings import Edit, Fix, Problem, Related, Severity, Span, Stage
from vfslint.rule import rule
from vfslint.targets import Version, spell
from vfslint.xml import edits

if TYPE_CHECKING:
    from vfslint.domain.deviation import UnknownAttribute, UnknownElement
    from vfslint.qemu_conf.reader import QemuConf

# The release that requires shared memory for vhost-user interfaces too; until then libvirt only logs a warning.
INTERFACES_CHECKED = (11, 2, 0)

_SERVERS = {"filesystem": "virtiofsd serves this device", "interface": "another process handles its packets"}


@rule("VFS101", "memory-not-shared", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_not_shared(domain: Domain, context: Context) -> Iterator[Problem]:
    """A device that another process serves requires shared guest memory.

    Why: virtiofsd and other vhost-user processes access the guest's memory by mapping it. Memory is shared if
        `<memoryBacking>` has `<access mode='shared'/>`, or if every NUMA cell has `memAccess='shared'`, which
        takes precedence; a memfd, file or hugepage source is not enough. The same applies to a share with an
        external socket, to vhostuser interfaces (rejected since 11.2.0, without packets before), to vhostuser
        and vhostvdpa disks, and to vhost-user-gpu, which libvirt does not check.
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
    Fix: makes private memory shared, adds or completes `<memoryBacking>`, or moves it to its place; a
        misspelled name has its own fix.
    Fixed:
        <memory unit='GiB'>2</memory>
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    See: libvirt qemu_validate.c:qemuValidateDomainDefVhostUserRequireSharedMemory; libvirt documentation,
        "Sharing files with Virtiofs", Host setup
    """
    private = sharing.private_regions(domain)
    if not private:
        return
    for device in sharing.vhost_user_devices(domain):
        severity, stage = _consequence(device, context)
        yield Problem(
            at=_served(device),
            message=f"{device.label} needs shared memory, but {_names(private)} private",
            label=f"{_SERVERS.get(device.kind, 'another process serves it')} and must map the guest's memory",
            related=tuple(_reasons(domain, private, context.conf)),
            help=_remedy(domain),
            # A misspelled name is corrected first: otherwise, what is added next to it might be repeated in the end.
            fix=None if _misspelled(domain) else _share(domain, safe=device.kind != "video"),
            severity=severity,
            stage=stage,
            says=_about_device(device, context.target.libvirt) if stage is None else "",
        )


def _about_device(device: Device, libvirt: Version) -> str:
    """Return what libvirt prints about a device without shared memory; since 9.0.0, it quotes the device's type."""
    if isinstance(device, VirtioFS):
        return "virtiofs requires shared memory" if libvirt < (9, 0, 0) else "'virtiofs' requires shared memory"
    return f"'{'interface' if device.kind == 'interface' else device.type}' requires shared memory"


def _consequence(device: Device, context: Context) -> tuple[Severity | None, Stage | None]:
    is_unchecked = device.kind == "interface" and context.target.libvirt < INTERFACES_CHECKED
    if is_unchecked or device.kind == "video":
        return Severity.WARNING, Stage.GUEST
    return None, None


def _served(device: Device) -> Span:
    """Return the place that makes another process serve a device."""
    if isinstance(device, VirtioFS) and device.driver_attribute:
        return device.driver_attribute.span
    return device.driver.at("name") if device.driver and device.kind == "video" else device.node.at("type")


def _names(regions: list[Region]) -> str:
    if len(regions) == 1:
        return f"{regions[0].label} is"
    return f"{regions[0].label} and {len(regions) - 1} more are"


def _reasons(domain: Domain, private: list[Region], conf: QemuConf | None) -> Iterator[Related]:
    for region in private[:3]:
        decided = region.decided_by
        if decided:
            yield Related(decided.span, f"this makes {region.label} private")
        elif domain.cells:
            yield Related(
                region.node.start_span, "private, because neither memAccess nor <memoryBacking> makes it shared"
            )
        else:
            yield Related(
                region.node.start_span, "private, because there is no <access mode='shared'/> in <memoryBacking>"
            )
    setting = conf["memory_backing_dir"] if conf else None
    if setting and not domain.cells:
        yield Related(setting.span, "this only sets the directory of memory files; it does not share memory")
    for fault in _misspelled(domain):
        yield Related(fault.name_span, "unknown to libvirt, which drops it")
    for node in sharing.misplaced(domain):
        yield Related(node.start_span, f"libvirt does not read <{node.tag}> here")
    backing = domain.backing
    if not backing.access and (backing.source or backing.hugepages):
        at = backing.source.span if backing.source else backing.hugepages.start_span if backing.hugepages else None
        if at:
            yield Related(at, "this only sets the source of memory; it does not share it")


def _misspelled(domain: Domain) -> list[UnknownElement | UnknownAttribute]:
    """Return the misspelled names that would probably share memory, so that libvirt drops what they contain."""
    unknown = (*domain.deviations_of("UnknownElement"), *domain.deviations_of("UnknownAttribute"))
    return [each for each in unknown if each.would_share]


def _remedy(domain: Domain) -> str:
    if _misspelled(domain):
        fault = _misspelled(domain)[0]
        return f"write {fault.suggestion!r} instead of {fault.name!r}"
    misplaced = sharing.misplaced(domain)
    if misplaced:
        home = "<cpu>" if misplaced[0].tag == "numa" else "<domain>"
        return f"move <{misplaced[0].tag}> to {home}"
    if any(region.decided_by for region in sharing.private_regions(domain)):
        return "write 'shared' instead of 'private'"
    if domain.backing.nodes or any(region.is_shared for region in sharing.regions(domain)):
        return "add <access mode='shared'/> to <memoryBacking>"
    return "add <memoryBacking> with <source type='memfd'/> and <access mode='shared'/> to <domain>"


def _share(domain: Domain, *, safe: bool) -> Fix:
    misplaced = sharing.misplaced(domain)
    if misplaced and not domain.backing.nodes:
        home = domain.first("cpu") if misplaced[0].tag == "numa" else domain.node
        if home:
            return Fix("move it to its place", tuple(edits.move_into(misplaced[0], home)), safe)
    changes: list[Edit] = []
    undecided = []
    for region in sharing.private_regions(domain):
        if region.decided_by is None:
            undecided.append(region)
        else:
            changes.append(edits.set_value(region.decided_by, "shared"))
    if undecided and any(region.is_shared for region in sharing.regions(domain)):
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


@rule(
    "VFS115",
    "confidential-guest-with-vhost-user",
    severity=Severity.WARNING,
    stage=Stage.GUEST,
)
def confidential_guest_with_vhost_user(security: LaunchSecurity, context: Context) -> Iterator[Problem]:
    """A confidential guest has no device that another process serves.

    Why: the guest's memory is encrypted, and only devices that use the platform's IOMMU can access what the
        guest exposes. vhost-user-fs does not, so the share, or the whole guest, does not work.
    Bad:
        <launchSecurity type='sev'><policy>0x0003</policy></launchSecurity>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <launchSecurity type='sev'><policy>0x0003</policy></launchSecurity>
    See: QEMU hw/virtio/vhost-user-fs.c; AMDESE/AMDSEV issue 269, kata-containers issue 3810
    """
    for device in sharing.vhost_user_devices(context.domain):
        yield Problem(
            at=_served(device),
            message=f"{device.label} cannot access the memory of a confidential guest",
            help="remove one of the two",
            related=(Related(security.start_span, "the guest's memory is encrypted"),),
        )


@rule("VFS116", "sharing-needs-numa", severity=Severity.ERROR, stage=Stage.DEFINE)
def sharing_needs_numa(domain: Domain, context: Context) -> Iterator[Problem]:
    """Sharing memory without NUMA cells requires libvirt 6.9.0 and QEMU 5.0.

    Why: before that, only the memory of NUMA cells could be configured. QEMU 5.2 does not support it on RISC-V
        boards, and libvirt before 9.2.0 rejects it there.
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
    if domain.cells or not sharing.is_shared(domain) or target.qemu < (4, 2, 0):
        return
    for share in domain.shares:
        yield Problem(
            at=_served(share),
            message=f"{share.label} requires NUMA cells with shared memory in libvirt {spell(target.libvirt)} and "
            f"QEMU {spell(target.qemu)}",
            help="add <cpu><numa><cell … memAccess='shared'/></numa></cpu> with all vCPUs and all memory",
            related=(Related(sharing.regions(domain)[0].at, "shared, but not by a NUMA cell"),),
        )
