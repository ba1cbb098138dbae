"""An external virtiofsd, which libvirt reaches only through its socket."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain.filesystem import ExternalShare, Filesystem, VirtioFS
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.xml.document import Attribute, Node
from vfslint.xml.edits import add_attribute, insert, remove_attribute, remove_element, set_value

# sockaddr_un.sun_path has 108 bytes on Linux, including the terminating NUL.
SOCKET_PATH_BYTES = 107


@rule(
    "VFS401",
    "directory-with-socket",
    severity=Severity.WARNING,
    stage=Stage.SCHEMA,
)
def directory_with_socket(fs: ExternalShare) -> Iterator[Problem]:
    """A share has a directory or a socket, not both.

    Why: libvirt uses the socket and silently drops the directory; the daemon that listens on the socket
        determines what is shared.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv' socket='/run/v.sock'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/>
          <target dir='data'/></filesystem>
    See: libvirt domain_conf.c:virDomainFSDefParseXML (7.3.0)
    """
    if fs.socket is None or fs.source is None or fs.source.value("dir") is None:
        return
    yield Problem(
        at=fs.source["dir"].name_span,
        message=f"directory {fs.source.value('dir')!r} is ignored, because <source> also has a socket",
        related=(Related(fs.source.at("socket"), "libvirt uses the socket"),),
        help="remove the directory if you start virtiofsd yourself, otherwise the socket",
    )


@rule("VFS402", "socket-without-virtiofs", severity=Severity.ERROR, stage=Stage.START)
def socket_without_virtiofs(fs: Filesystem) -> Iterator[Problem]:
    """A socket as the source requires `<driver type='virtiofs'/>`.

    Why: without it the filesystem is 9p, which QEMU itself serves from a directory, and none is set. The
        domain can be defined, but not started.
    Bad:
        <filesystem type='mount'><source socket='/run/v.sock'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/>
          <target dir='data'/></filesystem>
    Fix: writes the driver type.
    Fixed:
        <filesystem type='mount'><source socket='/run/v.sock'/>
          <target dir='data'/>
          <driver type='virtiofs'/></filesystem>
    See: libvirt qemu_command.c:qemuBuildFSDevCmd
    """
    if fs.socket is None or not fs.is_9p or fs.type != "mount" or fs.source is None:
        return
    yield Problem(
        at=fs.source["socket"].name_span,
        message=f"{fs.label} has a socket, but its driver is not virtiofs",
        help="write <driver type='virtiofs'/>",
        fix=_driver_fix(fs),
    )


def _driver_fix(fs: Filesystem) -> Fix:
    if fs.driver_attribute:
        edit = set_value(fs.driver_attribute, "virtiofs")
    elif fs.driver:
        edit = add_attribute(fs.driver, "type", "virtiofs")
    else:
        edit = insert(fs.node, "<driver type='virtiofs'/>")
    return Fix("write type='virtiofs'", (edit,))


@rule("VFS403", "socket-not-absolute", severity=Severity.ERROR, stage=Stage.START)
def socket_not_absolute(fs: ExternalShare) -> Iterator[Problem]:
    """The socket of an external virtiofsd is given by its absolute path.

    Why: libvirt passes the path on, and QEMU resolves it from its own working directory.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source socket='v.sock'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/>
          <target dir='data'/></filesystem>
    libvirt says: Failed to connect to 'v.sock': No such file or directory
    See: libvirt documentation, "Sharing files with Virtiofs", Externally-launched virtiofsd
    """
    if fs.socket is None or fs.socket.startswith("/") or fs.source is None:
        return
    socket = fs.source["socket"]
    yield Problem(
        at=socket.span,
        message=f"socket {fs.socket!r} is not an absolute path",
        help="write the absolute path, starting with /",
    )


@rule("VFS404", "socket-path-too-long", severity=Severity.ERROR, stage=Stage.START)
def socket_path_too_long(fs: ExternalShare) -> Iterator[Problem]:
    """The path of a socket has at most 107 bytes.

    Why: the kernel limits the address of a Unix socket to this length, so QEMU cannot connect. The limit is in
        bytes, not characters.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/>
          <source socket='/srv/仮想計算機/共有ディレクトリー/仮想入出力共有ファイル/接続待ち受けソケット'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/>
          <target dir='data'/></filesystem>
    libvirt says: UNIX socket path is too long
    See: Linux unix(7)
    """
    if fs.socket is None or fs.source is None:
        return
    size = len(fs.socket.encode())
    if size > SOCKET_PATH_BYTES:
        yield Problem(
            at=fs.source.at("socket"),
            message=f"the socket's path is {size} bytes long, but the limit is {SOCKET_PATH_BYTES}",
            help="start virtiofsd with a shorter --socket-path, and write it here",
        )


@rule("VFS405", "option-ignored-with-socket", severity=Severity.WARNING, stage=Stage.NEVER)
def option_ignored_with_socket(fs: ExternalShare) -> Iterator[Problem]:
    """A share with an external virtiofsd sets no options for the daemon.

    Why: libvirt only connects QEMU to the socket. `<binary>`, `<idmap>`, access mode and write policy configure
        a daemon that libvirt starts, and are ignored; `queue` and the virtio options are for QEMU and apply.
    Bad:
        <filesystem type='mount' accessmode='squash'><driver type='virtiofs'/>
          <binary><cache mode='always'/></binary>
          <source socket='/run/v.sock'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs' queue='1024'/><source socket='/run/v.sock'/>
          <target dir='data'/></filesystem>
    Fix: removes it.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/>
          <binary><cache mode='always'/></binary>
          <source socket='/run/v.sock'/><target dir='data'/></filesystem>
    See: libvirt documentation, "Sharing files with Virtiofs", Externally-launched virtiofsd
    """
    if fs.socket is None:
        return
    for node in _ignored_elements(fs):
        yield Problem(
            at=node.start_span,
            message=f"<{node.tag}> of {fs.label} has no effect on an external virtiofsd",
            help=f"remove <{node.tag}>, and set its options on virtiofsd's own command line",
            fix=Fix(f"remove <{node.tag}>", (remove_element(node),)),
        )
    for attribute in _ignored_attributes(fs):
        yield Problem(
            at=attribute.span,
            message=f"{attribute.name!r} of {fs.label} has no effect on an external virtiofsd",
            help=f"remove {attribute.name}",
            fix=Fix(f"remove {attribute.name!r}", (remove_attribute(attribute),)),
        )


def _ignored_elements(fs: VirtioFS) -> list[Node]:
    return [node for node in (fs.binary, fs.idmap if fs.libvirt >= (10, 0, 0) else None) if node]


def _ignored_attributes(fs: VirtioFS) -> Iterator[Attribute]:
    if fs.accessmode in ("mapped", "squash"):
        yield fs.node["accessmode"]
    if fs.wrpolicy and fs.wrpolicy.value == "immediate":
        yield fs.wrpolicy


@rule("VFS406", "socket-used-twice", severity=Severity.ERROR, stage=Stage.START)
def socket_used_twice(shares: list[ExternalShare]) -> Iterator[Problem]:
    """An external virtiofsd serves only one device.

    Why: it accepts one connection and then stops listening. The second device's connection is refused, or
        QEMU waits for it forever.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/>
          <target dir='a'/></filesystem>
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/>
          <target dir='b'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/a.sock'/>
          <target dir='a'/></filesystem>
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/b.sock'/>
          <target dir='b'/></filesystem>
    libvirt says: Failed to connect to '/run/v.sock': Connection refused
    See: virtiofsd documentation, --socket-path
    """
    if len(shares) < 2:
        return
    first: dict[str, VirtioFS] = {}
    for fs in shares:
        if not fs.socket or fs.source is None:
            continue
        other = first.setdefault(fs.socket, fs)
        if other is not fs and other.source:
            yield Problem(
                at=fs.source.at("socket"),
                message=f"socket {fs.socket!r} is used twice, but a virtiofsd serves only one device",
                label="used again",
                related=(Related(other.source.at("socket"), "used first"),),
                help="start a separate virtiofsd, with its own socket, for each share",
            )


@rule("VFS407", "readonly-with-socket", severity=Severity.ERROR, stage=Stage.DEFINE)
def readonly_with_socket(fs: ExternalShare) -> Iterator[Problem]:
    """A share with an external virtiofsd has no `<readonly/>`.

    Why: the daemon is already running, so libvirt cannot make it read-only. libvirt 12.8.0 rejects
        `<readonly/>` with a socket; 9.0.0 to 11.3.0 ignore it, so the guest can write.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/><target dir='data'/>
          <readonly/></filesystem>
    Bad (libvirt 11.3.0):
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/><target dir='data'/>
          <readonly/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/>
          <target dir='data'/></filesystem>
    libvirt says: readonly mode cannot be set for externally started virtiofsd
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS (12.8.0)
    """
    if fs.readonly is None or fs.socket is None:
        return
    # Accepted by 11.3.0, rejected by 12.8.0; the release notes do not mention the change.
    is_refused = fs.libvirt >= (12, 8, 0)
    yield Problem(
        at=fs.readonly.start_span,
        message=f"<readonly/> does not make {fs.label} read-only: libvirt does not start its virtiofsd",
        help="remove <readonly/>, and start the daemon with --readonly",
        severity=None if is_refused else Severity.WARNING,
        stage=None if is_refused else Stage.NEVER,
    )
