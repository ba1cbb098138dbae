"""The virtiofsd that libvirt starts: its binary and its options."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.filesystem import BinaryShare, VirtioFS
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import BINARIES, spell
from vfslint.vocabulary import numbers
from vfslint.xml.edits import remove_attribute, remove_element

# Since this release libvirt queries the daemon's capabilities and rejects lock options that it lacks.
PROBES_DAEMON = (10, 6, 0)


SEPARATE_OPTIONS = (1, 11, 1)


# The minimum that virtiofsd requires (virtiofsd src/limits.rs), and the kernel's default limit (fs.nr_open).
FEWEST_FILES = 610


MOST_FILES = 1048576


MANY_THREADS = 1024


@rule("VFS301", "binary-not-absolute", severity=Severity.ERROR, stage=Stage.START)
def binary_not_absolute(fs: BinaryShare) -> Iterator[Problem]:
    """The path of the virtiofsd binary, if set, must be absolute.

    Why: libvirt does not search $PATH for it. Without a path libvirt finds virtiofsd through the vhost-user
        description files that its package installs.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary path='virtiofsd'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary path=''/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/usr/libexec/virtiofsd'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: virtiofsd binary is not executable
    libvirt says: Cannot find 'virtiofsd' in path
    Fix: removes an empty path.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><binary/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt qemu_vhost_user.c:qemuVhostUserFillFSCapabilities
    """
    path = fs.binary_path
    if path is None or path.value.startswith("/") or fs.socket is not None:
        return
    gone = Fix("remove the empty path", (remove_attribute(path),)) if not path.value else None
    yield Problem(
        at=path.span,
        message=f"virtiofsd's path {path.value!r} is not absolute",
        help="write the absolute path, such as /usr/libexec/virtiofsd, or remove it",
        fix=gone,
    )


@rule("VFS302", "lock-not-supported", severity=Severity.ERROR, stage=Stage.START)
def lock_not_supported(fs: BinaryShare, context: Context) -> Iterator[Problem]:
    """Lock options are set only for the C virtiofsd.

    Why: only the C daemon, which was part of QEMU until 7.2, supported locks on the host. libvirt 10.6.0 and
        later rejects `<lock>`, even with `off`, for virtiofsd 1.11.1 and later; in older combinations the
        daemon itself rejects `on`.
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
    Fix: removes `<lock>`, which the daemon never supported; for `on` with an older libvirt or virtiofsd, only
        with --unsafe-fixes.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><binary></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
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
            message=f"virtiofsd {spell(daemon)} does not support lock options"
            + (", so libvirt does not start it with them" if is_asked else " and does not start with them"),
            help="remove <lock>",
            fix=Fix("remove <lock>", (remove_element(node),), safe=is_asked),
        )


@rule("VFS303", "thread-pool-not-a-number", severity=Severity.ERROR, stage=Stage.PARSE)
def thread_pool_not_a_number(fs: BinaryShare) -> Iterator[Problem]:
    """The size of the thread pool is a whole number.

    Why: libvirt reads it as a signed 32-bit decimal number and rejects anything else.
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
            message=f"thread pool size {pool.value!r} is not a number",
            help="write the number of threads that virtiofsd may use, such as 16",
            says=f"cannot parse thread pool size '{pool.value}' for virtiofs",
        )


@rule("VFS304", "thread-pool-size-unreasonable", severity=Severity.WARNING, stage=Stage.NEVER)
def thread_pool_size_unreasonable(fs: BinaryShare) -> Iterator[Problem]:
    """A thread pool has at least one thread, but not thousands.

    Why: libvirt treats a negative size as not set and drops it; with thousands of threads virtiofsd reserves
        memory and file descriptors that it never uses.
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
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><binary></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    See: libvirt qemu_virtiofs.c:qemuVirtioFSBuildCommandLine; virtiofsd documentation, --thread-pool-size
    """
    pool = fs.thread_pool
    size = numbers.integer(pool.value) if pool else None
    if pool is None or size is None or 0 <= size <= MANY_THREADS:
        return
    if size < 0:
        yield Problem(
            at=pool.span,
            message=f"thread pool size {size} has no effect: libvirt drops it",
            help="remove <thread_pool>, or write the number of threads that virtiofsd may use",
            fix=Fix("remove <thread_pool>", (remove_element(pool.node),)),
        )
    else:
        yield Problem(
            at=pool.span,
            message=f"thread pool size {size} wastes memory and file descriptors on idle threads",
            help="write a small multiple of the number of the host's CPUs",
        )


@rule("VFS305", "openfiles-not-a-number", severity=Severity.ERROR, stage=Stage.PARSE)
def openfiles_not_a_number(fs: BinaryShare) -> Iterator[Problem]:
    """The limit of open files is a whole number.

    Why: libvirt reads it as a decimal number and rejects anything else.
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
            message=f"openfiles limit {limit.value!r} is not a number",
            help="write a number such as 100000",
            says=f"cannot parse openfiles '{limit.value}' for virtiofs",
        )


@rule("VFS306", "openfiles-out-of-range", severity=Severity.ERROR, stage=Stage.START)
def openfiles_out_of_range(fs: BinaryShare) -> Iterator[Problem]:
    """virtiofsd is allowed enough open files, and no more than the kernel allows.

    Why: virtiofsd needs about 600 for itself and exits with fewer; the kernel rejects more than `fs.nr_open`,
        by default 1048576. libvirt reads a negative number as a huge one, and 0 as not set.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><openfiles max='100'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><openfiles max='4000000'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><openfiles max='0'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><binary><openfiles max='2048'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: Failed to connect to fs0-fs.sock: Connection refused
    libvirt says: It cannot be increased above
    libvirt says: Maximum number of file descriptors too small
    Fix: removes a limit of 0.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><binary></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
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
            message="openfiles limit 0 has no effect: libvirt drops it",
            help="remove <openfiles>, or write a number such as 100000",
            fix=Fix("remove <openfiles>", (remove_element(limit.node),)),
            severity=Severity.WARNING,
            stage=Stage.NEVER,
        )
        return
    few = number < FEWEST_FILES
    yield Problem(
        at=limit.span,
        message=f"openfiles limit {limit.value.strip()} is "
        + (
            f"below virtiofsd's minimum of {FEWEST_FILES}"
            if few
            else f"above the kernel's default limit of {MOST_FILES}"
        ),
        help="write a number such as 100000",
    )


@rule("VFS307", "session-mode-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def session_mode_unsupported(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """A share in session mode requires libvirt 10.0.0 or an external virtiofsd.

    Why: before that, virtiofsd had to run as root, and qemu:///session rejected virtio-fs unless the daemon
        was started externally.
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
            message=f"libvirt {spell(context.target.libvirt)} does not support virtio-fs in session mode",
            help="start virtiofsd yourself and write <source socket='…'/>, or use qemu:///system",
        )


@rule("VFS308", "sandbox-needs-root", severity=Severity.ERROR, stage=Stage.START)
def sandbox_needs_root(fs: BinaryShare, context: Context) -> Iterator[Problem]:
    """An unprivileged virtiofsd does not use the sandbox `chroot`.

    Why: only root may call chroot. Without root the daemon creates a user namespace, which is the sandbox
        `namespace`; an id map requires it too.
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
            help="write <sandbox mode='namespace'/>, or remove it",
        )


@rule("VFS309", "virtiofs-unknown-to-qemu", severity=Severity.ERROR, stage=Stage.DEFINE)
def virtiofs_unknown_to_qemu(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """virtio-fs requires QEMU 4.2.

    Why: QEMU 4.2 added the device vhost-user-fs; libvirt checks that the binary has it.
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
            message=f"QEMU {spell(context.target.qemu)} does not support virtio-fs",
            help="use QEMU 4.2 or later",
        )


@rule("VFS310", "binary-of-another-distribution", severity=Severity.WARNING, stage=Stage.START)
def binary_of_another_distribution(fs: BinaryShare, context: Context) -> Iterator[Problem]:
    """The path of the virtiofsd binary is the one that the target installs.

    Why: Debian 12 has it in /usr/lib/qemu, newer releases of Debian, Fedora and RHEL in /usr/libexec, and Arch in
        /usr/lib. A domain that was moved from another host may name a program that does not exist. With host facts,
        VFS605 reports it instead.
    Bad (target debian-12):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/usr/libexec/virtiofsd'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good (target debian-12):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/usr/lib/qemu/virtiofsd'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good (target debian-12):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/opt/virtiofsd'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: virtiofsd binary '…' is not executable
    See: the packages of the named targets
    """
    path, usual = fs.binary_path, context.target.binary
    if path is None or usual is None or context.host is not None or fs.socket is not None:
        return
    if path.value in BINARIES and path.value != usual:
        yield Problem(
            at=path.span,
            message=f"the target installs virtiofsd as {usual}, not as {path.value}",
            help="write that path, or remove it; libvirt then finds virtiofsd itself",
            says=f"virtiofsd binary '{path.value}' is not executable",
        )


@rule(
    "VFS330",
    "snapshot-without-shared-files",
    severity=Severity.NOTE,
    stage=Stage.GUEST,
)
def snapshot_without_shared_files(shares: list[VirtioFS], context: Context) -> Iterator[Problem]:
    """A snapshot does not include the files of a virtio-fs share.

    Why: reverting to a snapshot does not change the shared directory, so the guest's view of its files can
        become inconsistent with their real state.
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
            message="the snapshot does not include the contents of shared directories",
            help="unmount the shares in the guest before reverting to it",
        )
