"""What virtiofsd can do on the host with the directory of a share. These rules need facts about a host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.filesystem import IdRange, ManagedShare, MappedShare, VirtioFS
from vfslint.findings import Problem, Severity, Stage
from vfslint.host.needs import daemon_of
from vfslint.rule import rule
from vfslint.rules.external_socket import SOCKET_PATH_BYTES

if TYPE_CHECKING:
    from vfslint.host.facts import Host, IdRanges

# libvirt names the folder of a guest after the first characters of its name (VIR_DOMAIN_SHORT_NAME_MAX).
_SHORT_NAME = 20
# The first virtiofsd seen to reject a link; 1.13.2 does not.
_REJECTS_LINKS = (1, 14, 0)
SUBUID = "/etc/subuid"


@rule("VFS617", "source-is-a-link", severity=Severity.ERROR, stage=Stage.START)
def source_is_a_link(share: ManagedShare, context: Context) -> Iterator[Problem]:
    """The directory of a share is not a symbolic link, unless a slash follows it.

    Why: the C virtiofsd does not follow the link and rejects what is not a directory; virtiofsd 1.14.0 cannot mount
        the link in its sandbox, except with `<sandbox mode='chroot'/>`. With a slash at the end, both get the
        directory that the link points to. A link further up in the path does no harm.
    Bad (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/link'/><target dir='data'/></filesystem>
    Bad (host bare, libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/opt/c/virtiofsd'/>
          <source dir='/srv/link'/><target dir='data'/></filesystem>
    Good (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/link/'/><target dir='data'/></filesystem>
    Good (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><binary><sandbox mode='chroot'/></binary>
          <source dir='/srv/link'/><target dir='data'/></filesystem>
    libvirt says: fs0-fs.sock': Connection refused
    See: QEMU tools/virtiofsd/passthrough_ll.c; libvirt 7.0.0 to 12.8.0, started with a link as source
    """
    directory = share.directory
    target = context.host.link_target(directory) if context.host and directory else None
    if target is None or share.source is None or not directory:
        return
    daemon = daemon_of(share, context)
    release = daemon.version if daemon else context.target.virtiofsd
    is_c = daemon.is_c if daemon else release is None
    in_namespace = share.sandbox is None or share.sandbox.value == "namespace"
    if is_c or (release is not None and release >= _REJECTS_LINKS and in_namespace):
        yield Problem(
            at=share.source.at("dir"),
            message=f"{directory!r} is a symbolic link to {target!r}, which virtiofsd does not follow",
            help="write a slash after it, or the directory that it points to",
        )


@rule("VFS618", "wrapper-drops-arguments", severity=Severity.ERROR, stage=Stage.START)
def wrapper_drops_arguments(share: ManagedShare, context: Context) -> Iterator[Problem]:
    """A script in place of virtiofsd passes its arguments on.

    Why: libvirt passes the directory, the options and the socket as arguments, and queries the capabilities with one.
    Bad (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/opt/deaf'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/usr/libexec/virtiofsd'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: fs0-fs.sock': Connection refused
    See: libvirt 7.0.0 to 12.8.0, started with such a script
    """
    daemon = daemon_of(share, context)
    if daemon and daemon.drops_arguments:
        at = share.binary_path.span if share.binary_path else share.node.start_span
        yield Problem(
            at=at,
            message=f"the script {daemon.path!r} does not pass its arguments on to virtiofsd",
            help='end it with: exec /usr/libexec/virtiofsd "$@"',
        )


@rule("VFS619", "source-not-accessible", severity=Severity.ERROR, stage=Stage.START)
def source_not_accessible(share: ManagedShare, context: Context) -> Iterator[Problem]:
    """The session's user may enter the directory of a share.

    Why: virtiofsd runs as this user. It has every right only to the directories of the user and of the user's range
        of ids.
    Bad (host of-a-user, session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/root'/><target dir='data'/></filesystem>
    Good (host of-a-user, session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: fs0-fs.sock': Connection refused
    See: libvirt 11.3.0 and 12.8.0, started with a directory of root; user_namespaces(7)
    """
    host, directory = context.host, share.directory
    if host is None or not host.session or not context.session or share.source is None or directory is None:
        return
    if host.is_unreadable(directory):
        yield Problem(
            at=share.source.at("dir"),
            message=f"the user of the session may not enter the directory {directory!r}",
            help="share a directory of the user, or run the domain as qemu:///system",
        )


@rule("VFS622", "idmap-outside-own-ids", severity=Severity.ERROR, stage=Stage.START)
def idmap_outside_own_ids(share: MappedShare, context: Context) -> Iterator[Problem]:
    """An id map maps to ids of the session's user: its own, or those in /etc/subuid and /etc/subgid.

    Why: newuidmap and newgidmap, which virtiofsd runs, refuse all others.
    Bad (host of-a-user, session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1001' count='1'/><gid start='0' target='1000' count='1'/></idmap></filesystem>
    Bad (host of-a-user, session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/><uid start='1' target='100000' count='65537'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (host of-a-user, session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/><uid start='1' target='100000' count='65536'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    libvirt says: fs0-fs.sock': Connection refused
    See: newuidmap(1), subuid(5)
    """
    host = context.host
    if host is None or not host.session or not context.session:
        return
    for entries, own, ids, file in (
        (share.uid_map, host.uid, host.subuids, SUBUID),
        (share.gid_map, host.gid, host.subgids, "/etc/subgid"),
    ):
        for entry in entries if own is not None and ids is not None else ():
            if not entry.invalid and not _may_map(entry, own, ids):
                yield Problem(
                    at=entry.node.at("target"),
                    message=f"the user of the session may not map to {entry.node.tag} {_range(entry)}, "
                    f"which is neither {own} nor in {file}",
                    help=f"map to {own}, or add the range to {file}",
                )


def _may_map(entry: IdRange, own: int | None, ids: IdRanges | None) -> bool:
    target, count = entry.target or 0, entry.count or 0
    return (target == own and count <= 1) or ids is None or ids.includes(target, count)


def _range(entry: IdRange) -> str:
    first, count = entry.target or 0, entry.count or 0
    return str(first) if count <= 1 else f"{first}-{first + count - 1}"


@rule("VFS623", "no-ranges-of-ids-on-host", severity=Severity.ERROR, stage=Stage.START)
def no_ranges_of_ids(share: ManagedShare, context: Context) -> Iterator[Problem]:
    """A session's host has a file /etc/subuid.

    Why: without `<idmap>`, libvirt reads the user's range of ids from it, and does not start if it is missing; it may
        have no entry for the user.
    Bad (host without-subuid, session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good (host of-a-user, session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: Failed to open file '/etc/subuid': No such file or directory
    See: libvirt qemu_virtiofs.c:qemuVirtioFSPrepareIdMap, virutil.c:virGetSubIDs
    """
    host = context.host
    if host is None or not host.session or not context.session or share.uid_map or context.target.libvirt < (10, 0, 0):
        return
    if host.path_kind(SUBUID) == "missing":
        yield Problem(
            at=share.driver.at("type") if share.driver else share.node.start_span,
            message=f"libvirt reads the ids for {share.label} from {SUBUID}, which does not exist on the host",
            help="create it, for example with usermod --add-subuids, or add an <idmap>",
        )


@rule("VFS624", "path-of-guests-sockets-too-long", severity=Severity.ERROR, stage=Stage.START)
def path_of_sockets_too_long(domain: Domain, context: Context) -> Iterator[Problem]:
    """The sockets that a session's libvirt creates for a guest fit into 107 bytes.

    Why: they are in a folder below the user's configuration folder, whose name contains the first 20 characters of
        the guest's name. The kernel limits the address of a Unix socket.
    Bad (host far-away, session):
        <name>a-guest-with-a-long-name</name>
    Good (host far-away, session):
        <name>a</name>
    Good (host of-a-user, session):
        <name>a-guest-with-a-long-name</name>
    libvirt says: UNIX socket path '…' too long
    See: libvirt qemu_conf.c:virQEMUDriverConfigNew, domain_conf.c:virDomainDefGetShortName; Linux unix(7)
    """
    host = context.host
    if host is None or not host.session or not context.session or not host.configuration_directory:
        return
    size = len(_longest_socket(host, domain).encode(errors="surrogateescape"))
    node = domain.first("name")
    if size > SOCKET_PATH_BYTES and not domain.is_live:
        yield Problem(
            at=node.text_span if node else domain.node.start_span,
            message=f"the guest's sockets in {host.configuration_directory!r} have paths of {size} bytes, "
            f"but the limit is {SOCKET_PATH_BYTES}",
            help="shorten the name, or set XDG_CONFIG_HOME to a shorter path before libvirt's daemon starts",
        )


def _longest_socket(host: Host, domain: Domain) -> str:
    """Return the longest path of a socket that libvirt creates, for the shortest possible number of the guest."""
    folder = f"{host.configuration_directory}/qemu/lib/domain-1-{domain.name[:_SHORT_NAME]}"
    return max([f"{folder}/monitor.sock", *(f"{folder}/{_alias(share)}-fs.sock" for share in domain.shares)], key=len)


def _alias(share: VirtioFS) -> str:
    return share.named_alias.value if share.named_alias else "fs0"
