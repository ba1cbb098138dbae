"""What must be at the paths of the host that a domain names. These rules need facts about a host."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.character import PORTS
from vfslint.domain.domain import Domain
from vfslint.domain.host_paths import KVM, VSOCK, Need, host_paths, sockets, waiting
from vfslint.findings import Problem, Severity, Stage
from vfslint.host.needs import ARTICLES
from vfslint.rule import rule


@rule("VFS603", "socket-missing-on-host", severity=Severity.ERROR, stage=Stage.START)
def socket_missing(domain: Domain, context: Context) -> Iterator[Problem]:
    """Someone listens on every socket that the guest connects to.

    Why: libvirt does not start the daemon behind the socket of a share, of another vhost-user device or of a
        serial port; QEMU connects to it and exits if it does not exist. If the daemon has ended, its socket
        remains, and the connection is refused.
    Bad (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/gone.sock'/>
          <target dir='data'/></filesystem>
    Bad (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/stale.sock'/>
          <target dir='data'/></filesystem>
    Bad (host bare):
        <interface type='vhostuser'><source type='unix' path='/run/gone.sock' mode='client'/>
          <model type='virtio'/></interface>
    Bad (host bare):
        <serial type='unix'><source mode='connect' path='/run/gone.sock'/></serial>
    Bad (host bare):
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
        <qemu:commandline>
          <qemu:arg value='-chardev'/><qemu:arg value='socket,id=c,path=/run/gone.sock'/>
        </qemu:commandline>
    Good (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/fs.sock'/>
          <target dir='data'/></filesystem>
    libvirt says: Failed to connect to '…': No such file or directory
    libvirt says: Failed to connect to '…': Connection refused
    See: libvirt documentation, "Sharing files with Virtiofs", Externally-launched virtiofsd
    """
    for socket in sockets(domain) if context.host and not domain.is_live else ():
        kind = context.host.path_kind(socket.path) if context.host else None
        if kind not in ("missing", "stale socket"):
            continue
        device = socket.node.parent.tag if socket.node.parent else ""
        reason = "No such file or directory" if kind == "missing" else "Connection refused"
        yield Problem(
            at=socket.span,
            message=f"the socket {socket.path!r} does not exist on the host"
            if kind == "missing"
            else f"no process of the host listens on the socket {socket.path!r}",
            help="start virtiofsd with --socket-path before the domain; vfslint setup prints the command"
            if device == "filesystem"
            else "start the process that listens there before the domain",
            says="" if device in PORTS else f"Failed to connect to '{socket.path}': {reason}",
        )


@rule("VFS604", "not-a-socket", severity=Severity.ERROR, stage=Stage.START)
def not_a_socket(domain: Domain, context: Context) -> Iterator[Problem]:
    """The path of a socket is a Unix socket.

    Why: QEMU can connect only to a socket that a process listens on.
    Bad (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/plain'/>
          <target dir='data'/></filesystem>
    Good (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/fs.sock'/>
          <target dir='data'/></filesystem>
    libvirt says: Failed to connect to '…': Connection refused
    See: libvirt 9.0.0 to 12.8.0, started with a file as socket
    """
    for socket in sockets(domain) if context.host else ():
        kind = context.host.path_kind(socket.path) if context.host else None
        if kind not in (None, "socket", "stale socket", "missing"):
            yield Problem(
                at=socket.span,
                message=f"{socket.path!r} is {ARTICLES[kind]} on the host, not a socket",
                help="write the path of the socket that the daemon was started with",
                says=f"Failed to connect to '{socket.path}': Connection refused",
            )


@rule("VFS630", "file-missing-on-host", severity=Severity.ERROR, stage=Stage.START)
def file_missing(domain: Domain, context: Context) -> Iterator[Problem]:
    """Every file and device of the host that the domain names exists.

    Why: libvirt opens the images of disks, the firmware, the kernel and the devices of the host when the domain
        starts, and does not create them. A disk with `startupPolicy='optional'` starts empty. The file of a
        persistent memory device must exist because libvirt changes its owner.
    Bad (host bare):
        <disk type='file'><source file='/srv/gone'/><target dev='vda' bus='virtio'/></disk>
    Bad (host bare):
        <os><type arch='x86_64' machine='q35'>hvm</type><kernel>/srv/gone</kernel></os>
    Bad (host bare):
        <vsock model='virtio'><cid auto='yes'/></vsock>
    Good (host bare):
        <disk type='file'><source file='/srv/notes.txt'/><target dev='vda' bus='virtio'/></disk>
    Good (host bare):
        <disk type='file' device='cdrom'><source file='/srv/gone' startupPolicy='optional'/>
          <target dev='sda' bus='sata'/></disk>
    libvirt says: Cannot access storage file '…': No such file or directory
    libvirt says: unable to open vhost-vsock device
    See: libvirt 9.0.0 to 12.8.0, started without these files
    """
    for found in host_paths(domain) if context.host and not domain.is_live else ():
        if found.need is Need.EXISTS and context.host and context.host.path_kind(found.path) == "missing":
            is_disk = found.title.startswith("the source of disk")
            yield Problem(
                at=found.span,
                message=f"{found.title}, {found.path!r}, does not exist on the host",
                help="load the kernel module vhost_vsock" if found.path == VSOCK else "create it, or correct the path",
                says=f"Cannot access storage file '{found.path}'"
                if is_disk
                else "unable to open vhost-vsock device"
                if found.path == VSOCK
                else "",
            )


@rule("VFS634", "image-of-wrong-kind-on-host", severity=Severity.ERROR, stage=Stage.START)
def image_of_wrong_kind(domain: Domain, context: Context) -> Iterator[Problem]:
    """A disk of type block is a device of the host, one of type file a file.

    Why: QEMU opens the image with the driver for the disk's type.
    Bad (host bare):
        <disk type='block'><source dev='/srv/notes.txt'/><target dev='vda' bus='virtio'/></disk>
    Bad (host bare):
        <disk type='file'><source file='/srv'/><target dev='vda' bus='virtio'/></disk>
    Good (host bare):
        <disk type='file'><source file='/srv/notes.txt'/><target dev='vda' bus='virtio'/></disk>
    libvirt says: 'host_device' driver requires '…' to be either a character or block device
    libvirt says: 'file' driver requires '…' to be a regular file
    See: libvirt 9.0.0 to 12.8.0, started with such images
    """
    for found in host_paths(domain) if context.host else ():
        kind = context.host.path_kind(found.path) if context.host and found.unfit else None
        if kind in found.unfit and kind:
            yield Problem(
                at=found.span,
                message=f"{found.title}, {found.path!r}, is {ARTICLES[kind]} on the host",
                help="write type='file' and <source file=…/> for a file, type='block' and <source dev=…/> for a device",
                says=_SAYS_OF_KIND.get(found.attribute or "", "").replace("…", found.path),
            )


# What QEMU says of an image of another kind, by the attribute that names it.
_SAYS_OF_KIND = {
    "dev": "'host_device' driver requires '…' to be either a character or block device",
    "file": "'file' driver requires '…' to be a regular file",
}


@rule("VFS631", "folder-missing-on-host", severity=Severity.ERROR, stage=Stage.START)
def folder_missing(domain: Domain, context: Context) -> Iterator[Problem]:
    """The folder exists of every file and socket that is created when the domain starts.

    Why: libvirt and QEMU create the socket that they listen on, a log file or the file with the firmware's
        variables, but not the folder.
    Bad (host bare):
        <serial type='file'><source path='/srv/gone/serial.log'/></serial>
    Bad (host bare):
        <serial type='unix'><source mode='bind' path='/srv/gone/serial.sock'/></serial>
    Good (host bare):
        <serial type='file'><source path='/srv/serial.log'/></serial>
    libvirt says: Failed to create file '…': No such file or directory
    libvirt says: Unable to bind to UNIX socket path '…': No such file or directory
    See: libvirt 9.0.0 to 12.8.0, started without these folders
    """
    for found in host_paths(domain) if context.host and not domain.is_live else ():
        if found.need is Need.FOLDER and context.host and context.host.path_kind(found.folder) == "missing":
            yield Problem(
                at=found.span,
                message=f"the folder {found.folder!r} of {found.title.removeprefix('the ')} does not exist on the host",
                help="create the folder before the domain starts",
                says="",
            )


@rule("VFS632", "nobody-connects-to-socket", severity=Severity.ERROR, stage=Stage.START)
def nobody_connects(domain: Domain, context: Context) -> Iterator[Problem]:
    """A switch runs that connects to a vhost-user interface in server mode.

    Why: with `mode='server'` QEMU creates the socket and does not start before another process connects to it:
        `virsh start` waits. Of the host it is known which switches run, such as Open vSwitch; another program is
        not recognized.
    Bad (host switchless):
        <interface type='vhostuser'><source type='unix' path='/run/net.sock' mode='server'/>
          <model type='virtio'/></interface>
    Good (host bare):
        <interface type='vhostuser'><source type='unix' path='/run/net.sock' mode='server'/>
          <model type='virtio'/></interface>
    See: libvirt 7.0.0 to 12.8.0, started without a client
    """
    if context.host is None or context.host.switches is None or context.host.switches or domain.is_live:
        return
    for interface in waiting(domain):
        if interface.source:
            yield Problem(
                at=interface.source.at("mode"),
                message="virsh start waits for a process that connects to the socket, and the host runs no switch",
                help="start the switch first, or write mode='client' if it listens",
            )


@rule("VFS633", "no-kvm-on-host", severity=Severity.ERROR, stage=Stage.DEFINE)
def no_kvm(domain: Domain, context: Context) -> Iterator[Problem]:
    """A domain of type kvm requires /dev/kvm.

    Why: without it, because virtualization is switched off in the firmware or the module is not loaded, libvirt
        does not offer this type.
    Bad (host unaccelerated):
        <vcpu>2</vcpu>
    Good (host bare):
        <vcpu>2</vcpu>
    libvirt says: does not support virt type 'kvm'
    See: libvirt qemu_capabilities.c:virQEMUCapsInitGuestFromBinary
    """
    if context.host and domain.type == "kvm" and context.host.path_kind(KVM) == "missing":
        yield Problem(
            at=domain.node.at("type"),
            message=f"a domain of type 'kvm' requires {KVM}, which does not exist on the host",
            help="enable virtualization in the host's firmware and load kvm_intel or kvm_amd, or write type='qemu'",
        )
