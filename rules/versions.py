"""virtio-fs support in other hypervisors and in guest operating systems."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import QEMU_FAMILY, Domain
from vfslint.domain.elements import GUEST_SYSTEM
from vfslint.domain.filesystem import VirtioFS
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.rules.machine import emulator_says
from vfslint.vocabulary import numbers, table

# The first release of each system whose kernel has virtiofs (Linux 5.4, or a backport), by libosinfo's id.
FIRST_WITH_VIRTIOFS = {
    "centos.org/centos": 8,
    "debian.org/debian": 11,
    "fedoraproject.org/fedora": 32,
    "oracle.com/ol": 8,
    "redhat.com/rhel": 8,
    "ubuntu.com/ubuntu": 20,
}
# virtio-win's driver requires WinFsp and Windows 8 or Server 2012.
OLD_WINDOWS = frozenset({"2k", "2k3", "2k3r2", "2k8", "2k8r2", "7", "vista", "xp"})


@rule(
    "VFS703",
    "virtiofs-needs-qemu",
    severity=Severity.ERROR,
    stage=Stage.DEFINE,
    any_hypervisor=True,
)
def virtiofs_needs_qemu(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """A virtio-fs share requires a QEMU domain.

    Why: only libvirt's driver for QEMU starts virtiofsd. Those for Xen, LXC, bhyve and the others reject the share or
        ignore it, and a host that has only QEMU rejects the domain.
    Bad:
        <domain type='xen'><filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <domain type='qemu'><filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: does not support virt type
    See: libvirt documentation, "Sharing files with Virtiofs"; qemu_virtiofs.c:qemuVirtioFSStart
    """
    # libvirt's test driver accepts every device and runs none. A missing or unknown type has a finding of its own.
    domain = context.domain
    is_known = domain.type in table.values("Hypervisor").listed
    if is_known and domain.type != "test" and domain.type not in QEMU_FAMILY:
        yield Problem(
            at=fs.driver_attribute.span if fs.driver_attribute else fs.node.start_span,
            message=f"virtio-fs requires QEMU, but the domain type is {domain.type!r}",
            help="write <domain type='kvm'>, or share the directory in a way that this hypervisor supports",
            related=(Related(domain.node.at("type"), "the hypervisor"),),
            says=emulator_says(domain, f"virt type '{domain.type}'"),
        )


@rule("VFS702", "guest-too-old-for-virtiofs", severity=Severity.WARNING, stage=Stage.GUEST)
def guest_too_old_for_virtiofs(domain: Domain) -> Iterator[Problem]:
    """The guest operating system has a virtio-fs driver.

    Why: Linux has had one since 5.4. Older releases of distributions lack it unless a newer kernel is installed, and
        mounting the share fails with "unknown filesystem type 'virtiofs'". virtio-win has none for Windows 7 and older.
    Bad:
        <metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
          <libosinfo:os id='http://ubuntu.com/ubuntu/18.04'/></libosinfo:libosinfo></metadata>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
          <libosinfo:os id='http://ubuntu.com/ubuntu/20.04'/></libosinfo:libosinfo></metadata>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: mount: unknown filesystem type 'virtiofs'
    See: libvirt documentation, "Sharing files with Virtiofs", Guest setup; virtio-win, "VirtIO-FS"
    """
    metadata = (metadata.child(GUEST_SYSTEM) for metadata in domain.elements("metadata"))
    system = next((os.attribute("id") for os in metadata if os), None)
    if system and domain.shares and _is_too_old(system.value):
        share = domain.shares[0]
        yield Problem(
            at=system.span,
            message=f"the guest {system.value!r} is too old to mount {share.label}",
            help="install a kernel of 5.4 or later in the guest, or share the directory over 9p or in another way",
            related=(Related(share.node.start_span, "the share"),),
        )


def _is_too_old(system: str) -> bool:
    found = re.fullmatch(r"https?://(.+?)/([0-9]+)(?:[.][0-9.]*)?", system)
    if found and found[1] in FIRST_WITH_VIRTIOFS:
        return numbers.whole(found[2]) < FIRST_WITH_VIRTIOFS[found[1]]
    return system.removeprefix("http://microsoft.com/win/") in OLD_WINDOWS
