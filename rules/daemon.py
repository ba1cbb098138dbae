"""The virtiofsd that libvirt starts: its binary, its options and its id map."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.devices import BinaryShare, IdRange, MappedShare, VirtioFS
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import spell
from vfslint.vocabulary import numbers
from vfslint.xml.edits import remove_attribute, remove_element

# libvirt asks the daemon for its capabilities since then, and hands lock options on only where it has them.
PROBES_DAEMON = (10, 6, 0)
SEPARATE_OPTIONS = (1, 11, 1)
# What virtiofsd keeps for itself, and where kernels end by default (virtiofsd src/limits.rs, fs.nr_open).
FEWEST_FILES = 610
MOST_FILES = 1048576
MANY_THREADS = 1024


@rule("VFS301", "binary-not-absolute", severity=Severity.ERROR, stage=Stage.START)
def binary_not_absolute(fs: BinaryShare) -> Iterator[Problem]:
    """The virtiofsd binary is given by its absolute path, or not at all.

    Why: libvirt runs it as it stands and does not search $PATH. Without a path libvirt finds one by the
        vhost-user description files that the virtiofsd package installs.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary path='virtiofsd'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/usr/libexec/virtiofsd'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: virtiofsd binary is not executable
    libvirt says: Cannot find 'virtiofsd' in path
    Fix: removes an empty path.
    See: libvirt qemu_vhost_user.c:qemuVhostUserFillFSCapabilities
    """
    path = fs.binary_path
    if path is None or path.value.startswith("/") or fs.socket is not None:
        return
    gone = Fix("remove the empty path", (remove_attribute(path),)) if not path.value else None
    yield Problem(
        at=path.span,
        message=f"virtiofsd's path {path.value!r} is not absolute",
        help="write the whole path, such as /usr/libexec/virtiofsd, or leave it out",
        fix=gone,
    )


@rule("VFS302", "lock-not-supported", severity=Severity.ERROR, stage=Stage.START)
def lock_not_supported(fs: BinaryShare, context: Context) -> Iterator[Problem]:
    """The virtiofsd in Rust has no lock options.

    Why: only the daemon in C, which came with QEMU until 7.2, could keep locks on the host. libvirt 10.6.0
        and later refuse `<lock>`, even with `off`, for a daemon from 1.11.1; with older ones the daemon
        itself refuses `on`.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><lock posix='on' flock='on'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Bad (libvirt 10.0.0, virtiofsd 1.8.0):
        <filesystem type='mount'><driver type='virtiofs'/><binary><lock flock='on'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good (libvirt 9.0.0, virtiofsd none):
        <filesystem type='mount'><driver type='virtiofs'/><binary><lock posix='on' flock='on'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><binary xattr='on'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: locking options are not supported by this virtiofsd
    libvirt says: Invalid compat argument '-o posix_lock'
    Fix: removes `<lock>`, which the daemon never had. Where it was `on` with an older libvirt, not by itself.
    See: libvirt qemu_virtiofs.c:qemuVirtioFSBuildCommandLine (10.6.0)
    """
    daemon = context.target.virtiofsd
    if not fs.locks or daemon is None or fs.socket is not None:
        return
    is_asked = context.target.libvirt >= PROBES_DAEMON and daemon >= SEPARATE_OPTIONS
    refused = [lock for lock in fs.locks if is_asked or lock.value == "on"]
    if refused:
        node = refused[0].node
        yield Problem(
            at=refused[0].span,
            message=f"virtiofsd {spell(daemon)} has no lock options, so "
            + ("libvirt refuses to start it with them" if is_asked else "it does not start with them"),
            help="remove <lock>",
            fix=Fix("remove <lock>", (remove_element(node),), safe=is_asked),
        )


@rule("VFS303", "thread-pool-not-a-number", severity=Severity.ERROR, stage=Stage.PARSE)
def thread_pool_not_a_number(fs: BinaryShare) -> Iterator[Problem]:
    """The size of the thread pool is a whole number.

    Why: libvirt reads it as a signed 32-bit number in decimal digits and refuses anything else.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><thread_pool size='many'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><binary><thread_pool size='16'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: cannot parse thread pool size for virtiofs
    See: libvirt domain_conf.c:virDomainFSDefParseXML (8.5.0)
    """
    pool = fs.thread_pool
    if pool and numbers.integer(pool.value) is None:
        yield Problem(
            at=pool.span,
            message=f"thread pool size {pool.value!r} is no number",
            help="write how many threads virtiofsd may use, such as 16",
        )


@rule("VFS304", "thread-pool-size-odd", severity=Severity.WARNING, stage=Stage.NEVER)
def thread_pool_size_odd(fs: BinaryShare) -> Iterator[Problem]:
    """A thread pool has some threads, but not thousands.

    Why: libvirt takes a negative size for none at all and drops it; for thousands of threads virtiofsd keeps
        memory and file descriptors that no request ever needs.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><thread_pool size='-4'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><thread_pool size='100000'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><binary><thread_pool size='16'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Fix: removes a negative size.
    See: libvirt qemu_virtiofs.c:qemuVirtioFSBuildCommandLine; virtiofsd documentation, --thread-pool-size
    """
    pool = fs.thread_pool
    size = numbers.integer(pool.value) if pool else None
    if pool is None or size is None or 0 <= size <= MANY_THREADS:
        return
    if size < 0:
        yield Problem(
            at=pool.span,
            message=f"a thread pool of {size} is as good as none: libvirt drops it",
            help="remove <thread_pool>, or write how many threads virtiofsd may use",
            fix=Fix("remove <thread_pool>", (remove_element(pool.node),)),
        )
    else:
        yield Problem(
            at=pool.span,
            message=f"a thread pool of {size} keeps memory and file descriptors for threads without work",
            help="a small multiple of the host's CPUs is enough",
        )


@rule("VFS305", "openfiles-not-a-number", severity=Severity.ERROR, stage=Stage.PARSE)
def openfiles_not_a_number(fs: BinaryShare) -> Iterator[Problem]:
    """The limit of open files is a whole number.

    Why: libvirt reads it in decimal digits and refuses anything else.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><openfiles max='1k'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><binary><openfiles max='100000'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: cannot parse openfiles for virtiofs
    See: libvirt domain_conf.c:virDomainFSDefParseXML (10.6.0)
    """
    limit = fs.openfiles
    if limit and numbers.unsigned(limit.value, bits=64, wraps=True) is None:
        yield Problem(
            at=limit.span,
            message=f"{limit.value!r} is no number of open files",
            help="write a number such as 100000",
        )


@rule("VFS306", "openfiles-out-of-range", severity=Severity.ERROR, stage=Stage.START)
def openfiles_out_of_range(fs: BinaryShare) -> Iterator[Problem]:
    """virtiofsd gets enough open files, and no more than the kernel gives.

    Why: virtiofsd keeps some 600 for itself and gives up below that; above `fs.nr_open`, 1048576 unless the
        host says otherwise, the kernel refuses. libvirt takes a minus sign for a huge number, and 0 for no
        limit of its own.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><openfiles max='100'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><openfiles max='4000000'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><binary><openfiles max='2048'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: Failed to connect to fs0-fs.sock: Connection refused
    libvirt says: It cannot be increased above
    libvirt says: Maximum number of file descriptors too small
    Fix: removes a limit of 0.
    See: virtiofsd src/limits.rs
    """
    limit = fs.openfiles
    if limit is None or fs.socket is not None:
        return
    number = numbers.unsigned(limit.value, bits=64, wraps=True)
    if number is None or FEWEST_FILES <= number <= MOST_FILES:
        return
    if number == 0:
        yield Problem(
            at=limit.span,
            message="an openfiles limit of 0 is as good as none: libvirt drops it",
            help="remove <openfiles>, or write a number such as 100000",
            fix=Fix("remove <openfiles>", (remove_element(limit.node),)),
            severity=Severity.WARNING,
            stage=Stage.NEVER,
        )
        return
    few = number < FEWEST_FILES
    yield Problem(
        at=limit.span,
        message=f"virtiofsd does not start with {limit.value.strip()} open files: "
        + (f"it needs {FEWEST_FILES} for itself" if few else f"kernels give {MOST_FILES} by default"),
        help="write a number such as 100000",
    )


@rule("VFS307", "session-mode-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def session_mode_unsupported(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """An unprivileged libvirt starts virtiofsd only since 10.0.0.

    Why: before, virtiofsd had to run as root, and qemu:///session refused virtio-fs unless somebody else ran
        the daemon.
    Bad (libvirt 9.0.0, session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good (libvirt 9.0.0, session):
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/user/1000/v.sock'/>
          <target dir='data'/></filesystem>
    Good (libvirt 10.0.0, session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: virtiofs is not yet supported in session mode
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS (9.0.0); NEWS 10.0.0
    """
    if context.session and context.target.libvirt < (10, 0, 0) and fs.socket is None:
        yield Problem(
            at=fs.driver_attribute.span if fs.driver_attribute else fs.node.start_span,
            message=f"libvirt {spell(context.target.libvirt)} has no virtio-fs in session mode",
            help="start virtiofsd yourself and write <source socket='…'/>, or use qemu:///system",
        )


@rule("VFS308", "sandbox-needs-root", severity=Severity.ERROR, stage=Stage.START)
def sandbox_needs_root(fs: BinaryShare, context: Context) -> Iterator[Problem]:
    """An unprivileged virtiofsd cannot have the sandbox `chroot`.

    Why: only root may call chroot. Without root the daemon makes itself a user namespace, which is the
        sandbox `namespace`; it is also the one that an id map needs.
    Bad (session):
        <filesystem type='mount'><driver type='virtiofs'/><binary><sandbox mode='chroot'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><binary><sandbox mode='chroot'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><binary><sandbox mode='namespace'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: sandbox mode 'chroot' can only be used by root
    See: virtiofsd src/main.rs
    """
    sandbox = fs.sandbox if context.session and fs.socket is None else None
    if sandbox and sandbox.value == "chroot" and context.target.libvirt >= (10, 0, 0):
        yield Problem(
            at=sandbox.span,
            message="only root can run virtiofsd with sandbox 'chroot'",
            help="write <sandbox mode='namespace'/>, or leave it out",
        )


@rule("VFS309", "virtiofs-unknown-to-qemu", severity=Severity.ERROR, stage=Stage.DEFINE)
def virtiofs_unknown_to_qemu(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """virtio-fs needs QEMU 4.2.

    Why: the device vhost-user-fs came with QEMU 4.2; libvirt asks the binary for it.
    Bad (libvirt 7.0.0, qemu 4.1.0):
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good (libvirt 7.0.0, qemu 4.2.0):
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: virtiofs is not supported with this QEMU binary
    See: QEMU 4.2 change log; libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS
    """
    if context.target.qemu < (4, 2, 0):
        yield Problem(
            at=fs.driver_attribute.span if fs.driver_attribute else fs.node.start_span,
            message=f"QEMU {spell(context.target.qemu)} has no virtio-fs",
            help="use QEMU 4.2 or later",
        )


@rule("VFS320", "idmap-incomplete", severity=Severity.ERROR, stage=Stage.PARSE)
def idmap_incomplete(entry: IdRange) -> Iterator[Problem]:
    """Every entry of an id map has a start, a target and a count.

    Why: libvirt reads all three as numbers of 32 bits and refuses an entry without one of them.
    Bad (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000'/><gid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    libvirt says: invalid idmap start/target/count settings
    See: libvirt domain_conf.c:virDomainIdmapDefParseXML
    """
    name = entry.broken
    if name is None:
        return
    written = entry.node.attribute(name)
    yield Problem(
        at=entry.node.at(name) if written and written.value else entry.node.start_span,
        message=f"<{entry.node.tag}> has no {name}"
        if written is None
        else f"{written.value!r} is no {name} of <{entry.node.tag}>",
        help="write start='…' target='…' count='…', each a number",
    )


@rule("VFS321", "idmap-needs-session", severity=Severity.ERROR, stage=Stage.START)
def idmap_needs_session(fs: MappedShare, context: Context) -> Iterator[Problem]:
    """An id map is for an unprivileged virtiofsd.

    Why: qemu:///system starts virtiofsd as root, and virtiofsd refuses `--uid-map` as root. Only
        qemu:///session, from libvirt 10.0.0, can use `<idmap>`.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    libvirt says: uid_map can only be used by unprivileged user where sandbox mod is namespace
    libvirt says: Failed to connect to fs0-fs.sock: Connection refused
    See: libvirt qemu_virtiofs.c:qemuVirtioFSBuildCommandLine; virtiofsd src/main.rs
    """
    if not fs.uid_map or context.session or fs.socket is not None or fs.idmap is None:
        return
    yield Problem(
        at=fs.idmap.start_span,
        message="virtiofsd refuses an id map when root starts it, as qemu:///system does",
        help="use qemu:///session (lint with --session), or start virtiofsd yourself and write "
        "<source socket='…'/>, or share an id-mapped bind mount",
    )


@rule("VFS322", "idmap-without-users", severity=Severity.WARNING, stage=Stage.NEVER)
def idmap_without_users(fs: MappedShare) -> Iterator[Problem]:
    """An id map of groups needs one of users beside it.

    Why: libvirt writes `<idmap>` down only where it holds a `<uid>`, so a map of groups alone is lost as soon
        as the domain is defined.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><gid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    See: libvirt domain_conf.c:virDomainFSDefFormat
    """
    if fs.gid_map and not fs.uid_map and fs.idmap:
        yield Problem(
            at=fs.idmap.start_span,
            message="libvirt loses an id map without <uid>",
            help="add <uid start='…' target='…' count='…'/>",
        )


@rule("VFS323", "idmap-without-groups", severity=Severity.WARNING, stage=Stage.GUEST)
def idmap_without_groups(fs: MappedShare, context: Context) -> Iterator[Problem]:
    """An id map of users needs one of groups beside it.

    Why: groups without a map show as `nogroup` in the guest and cannot be given to new files.
    Bad (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    See: Linux user_namespaces(7)
    """
    if context.session and fs.uid_map and not fs.gid_map and fs.idmap and fs.socket is None:
        yield Problem(
            at=fs.idmap.start_span,
            message="the id map has users but no groups",
            help="add <gid start='…' target='…' count='…'/>",
        )


@rule("VFS324", "idmap-overlaps", severity=Severity.ERROR, stage=Stage.START)
def idmap_overlaps(fs: MappedShare, context: Context) -> Iterator[Problem]:
    """The ranges of an id map do not overlap.

    Why: libvirt takes them as they are. The kernel refuses a map in which an id has two meanings, so
        newuidmap fails and the guest does not start.
    Bad (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='10'/><uid start='5' target='100000' count='10'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/><uid start='1' target='100000' count='10'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    See: Linux user_namespaces(7); libvirt qemu_virtiofs.c:qemuVirtioFSPrepareIdMap
    """
    if not context.session or fs.socket is not None:
        return
    for entries in (fs.uid_map, fs.gid_map):
        for position, entry in enumerate(entries):
            other = next((it for it in entries[:position] if it.overlaps(entry)), None)
            if other:
                yield Problem(
                    at=entry.node.start_span,
                    message=f"ids of <{entry.node.tag} {_spelt(entry)}> are in another entry already",
                    related=(Related(other.node.start_span, "the other one"),),
                    help="let each id of the guest and of the host be in one entry",
                )


def _spelt(entry: IdRange) -> str:
    return f"start='{entry.start}' target='{entry.target}' count='{entry.count}'"


@rule("VFS325", "idmap-without-root", severity=Severity.WARNING, stage=Stage.GUEST)
def idmap_without_root(fs: MappedShare, context: Context) -> Iterator[Problem]:
    """An id map says who the guest's root is.

    Why: without an entry that starts at 0 the guest's root, who mounts the share, is nobody on the host and
        may do nothing.
    Bad (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='1000' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    See: libvirt documentation, "Sharing files with Virtiofs", ID mapping
    """
    if not context.session or fs.socket is not None:
        return
    for entries in (fs.uid_map, fs.gid_map):
        if entries and not any(entry.broken or entry.start == 0 for entry in entries):
            yield Problem(
                at=entries[0].node.start_span,
                message=f"no <{entries[0].node.tag}> maps the guest's root, id 0",
                help="add an entry with start='0'",
            )


@rule(
    "VFS330",
    "snapshot-without-shared-files",
    severity=Severity.NOTE,
    stage=Stage.GUEST,
)
def snapshot_without_shared_files(shares: list[VirtioFS], context: Context) -> Iterator[Problem]:
    """A snapshot does not hold the files of a share.

    Why: the shared directory stays as it is when the guest goes back to an older state, so that what the
        guest remembers of files and what they are can differ.
    Bad:
        <?xml version='1.0'?><domainsnapshot><name>before</name>
          <domain type='kvm'><name>example</name><memory unit='GiB'>2</memory>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
            <devices><filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
              <target dir='data'/></filesystem></devices>
          </domain></domainsnapshot>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt documentation, "Sharing files with Virtiofs"
    """
    if shares and context.domain.is_in_snapshot:
        share = shares[0]
        yield Problem(
            at=share.node.start_span,
            message="the snapshot does not hold what is in the shared directories",
            help="unmount the shares in the guest before you revert to it",
        )
