"""A domain together with its host's qemu.conf: memory files, huge pages, and other settings that must match."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain import sharing
from vfslint.domain.domain import Domain
from vfslint.domain.hugepages import demands
from vfslint.findings import Fix, Problem, Related, Severity, Span, Stage
from vfslint.host.needs import backing_storage
from vfslint.qemu_conf.conf import backing_directory
from vfslint.rule import rule
from vfslint.vocabulary.numbers import spell_size
from vfslint.xml.edits import insert, set_value

# The last tested release in which a filter hides a capability that libvirt checks; 12.8.0 ignores the filter.
FILTERS_WORK_UNTIL = (11, 3, 0)

# Saving a guest with a share requires both: the daemon provides its state, and QEMU saves it.
SAVING_QEMU = (8, 2, 0)
SAVING_VIRTIOFSD = (1, 11, 0)


@rule("VFS530", "memory-in-files-on-disk", severity=Severity.WARNING, stage=Stage.GUEST)
def memory_in_files_on_disk(domain: Domain, context: Context) -> Iterator[Problem]:
    """Files with guest memory are not on a disk.

    Why: shared memory without memfd or huge pages is a file below memory_backing_dir. Without that setting, or
        with a directory on a disk, all changes to guest memory are eventually written to that disk, which must
        have room for all of it.
    Bad (qemu.conf: user = "qemu"):
        <memoryBacking><access mode='shared'/></memoryBacking>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Bad (qemu.conf: memory_backing_dir = "/srv"):
        <memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good (qemu.conf: memory_backing_dir = "/dev/shm/"):
        <memoryBacking><access mode='shared'/></memoryBacking>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good (qemu.conf: user = "qemu"):
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Fix: sets the source to memfd; if the domain explicitly requests files, only with --unsafe-fixes.
    Fixed:
        <memoryBacking><access mode='shared'/><source type='memfd'/></memoryBacking>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    See: libvirt qemu_command.c:qemuBuildMemoryBackendProps; libvirt documentation, "Sharing files with
        Virtiofs", Host setup
    """
    directory = backing_directory(context.conf, session=context.session) if context.conf else None
    # If the host's file systems are known, VFS613 checks them; the path is only a guess.
    if directory is None or backing_storage(context) is not None or not sharing.vhost_user_devices(domain):
        return
    size_kib = sharing.file_backed_kib(domain) if directory.is_on_disk else 0
    if not size_kib:
        return
    statement = directory.statement
    yield Problem(
        at=_backing_span(domain),
        message=f"{spell_size(size_kib)} of guest memory goes to files in {directory.path!r}, which is on a disk",
        label="" if statement else "the default, because qemu.conf does not set memory_backing_dir",
        related=(Related(statement.value.span, "the files are created below this directory"),) if statement else (),
        help="use <source type='memfd'/>, or set memory_backing_dir = \"/dev/shm\" in qemu.conf",
        fix=use_memfd(domain),
    )


def _backing_span(domain: Domain) -> Span:
    source = domain.backing.source
    return source.span if source else sharing.regions(domain)[0].at


def use_memfd(domain: Domain) -> Fix | None:
    """Return the fix that replaces memory files with memfd; it is safe if the domain does not request files."""
    source = domain.backing.source
    if source:
        return Fix("use memfd", (set_value(source, "memfd"),), safe=False)
    if domain.backing.elements("source"):
        return None
    if domain.backing.nodes:
        return Fix("use memfd", (insert(domain.backing.nodes[0], "<source type='memfd'/>"),))
    xml = "<memoryBacking>\n  <source type='memfd'/>\n</memoryBacking>"
    return Fix("use memfd", (insert(domain.node, xml),))


@rule("VFS531", "hugepages-disabled", severity=Severity.ERROR, stage=Stage.START)
def hugepages_disabled(domain: Domain, context: Context) -> Iterator[Problem]:
    """Huge pages are not disabled in qemu.conf.

    Why: huge pages come from a hugetlbfs mount, except those of a memfd with an explicit size. With
        `hugetlbfs_mount = []` libvirt uses none, and a session daemon uses one only if hugetlbfs_mount contains it.
    Bad (qemu.conf: hugetlbfs_mount = []):
        <memoryBacking><hugepages/><access mode='shared'/></memoryBacking>
    Bad (session, qemu.conf: vnc_tls = 0):
        <memoryBacking><hugepages/><access mode='shared'/></memoryBacking>
    Bad (qemu.conf: hugetlbfs_mount = []):
        <memoryBacking><source type='memfd'/><hugepages/><access mode='shared'/></memoryBacking>
    Good (qemu.conf: hugetlbfs_mount = "/dev/hugepages"):
        <memoryBacking><hugepages/><access mode='shared'/></memoryBacking>
    Good (qemu.conf: hugetlbfs_mount = []):
        <memoryBacking><source type='memfd'/><hugepages><page size='2' unit='M'/></hugepages>
          <access mode='shared'/></memoryBacking>
    libvirt says: hugetlbfs filesystem is not mounted or disabled by administrator config
    See: libvirt qemu_command.c:qemuBuildMemoryGetDefaultPagesize, qemu_conf.c:virQEMUDriverConfigNew
    """
    if context.conf is None or domain.backing.hugepages is None:
        return
    statement = context.conf["hugetlbfs_mount"]
    if not (statement.value.content == () if statement else context.session):
        return
    for demand in demands(domain):
        if domain.backing.is_memfd and demand.size_kib is not None:
            continue
        yield Problem(
            at=demand.node.start_span,
            message="the guest requires huge pages, but libvirt has no hugetlbfs mount",
            label="these pages require a hugetlbfs mount",
            related=(Related(statement.span, "qemu.conf disables them"),) if statement else (),
            help="add a mount point to hugetlbfs_mount in qemu.conf, or use <source type='memfd'/> and <page size=…/>",
        )


@rule("VFS532", "capability-hidden", severity=Severity.ERROR, stage=Stage.START)
def capability_hidden(domain: Domain, context: Context) -> Iterator[Problem]:
    """A QEMU capability that a guest requires is not hidden by qemu.conf.

    Why: capability_filters hides capabilities of QEMU from libvirt. With "vhost-user-fs" guests with a virtio-fs
        share do not start, and with "memory-backend-memfd.hugetlb" neither do guests with huge pages from a
        memfd. libvirt 12.8.0 starts both.
    Bad (libvirt 11.3.0, qemu.conf: capability_filters = [ "vhost-user-fs" ]):
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Bad (libvirt 11.3.0, qemu.conf: capability_filters = [ "memory-backend-memfd.hugetlb" ]):
        <memoryBacking><source type='memfd'/><hugepages/><access mode='shared'/></memoryBacking>
    Good (libvirt 12.8.0, qemu.conf: capability_filters = [ "vhost-user-fs" ]):
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: virtiofs is not supported with this QEMU binary
    libvirt says: hugepages is not supported with memfd memory source
    See: libvirt qemu_process.c:qemuProcessStartUpdateCustomCaps
    """
    if context.conf is None or context.target.libvirt > FILTERS_WORK_UNTIL:
        return
    hidden = context.conf["capability_filters"]
    for value in (hidden.value.items or ()) if hidden else ():
        related = (Related(value.span, "hidden from libvirt here"),)
        help = "put a # before capability_filters in qemu.conf; it is only for libvirt's own tests"
        if value.text == "vhost-user-fs":
            for share in domain.shares:
                message = f"{share.label} requires vhost-user-fs, which qemu.conf hides from libvirt"
                yield Problem(at=share.node.start_span, message=message, related=related, help=help)
        elif value.text == "memory-backend-memfd.hugetlb" and domain.backing.is_memfd:
            for demand in demands(domain):
                message = "huge pages from a memfd require a QEMU capability that qemu.conf hides from libvirt"
                says = "hugepages is not supported with memfd memory source"
                yield Problem(demand.node.start_span, message, help, related=related, says=says)


@rule("VFS533", "save-at-shutdown-fails", severity=Severity.WARNING, stage=Stage.NEVER)
def save_at_shutdown_fails(domain: Domain, context: Context) -> Iterator[Problem]:
    """A guest to be saved when the host shuts down can be saved.

    Why: saving a guest with a virtio-fs share requires QEMU 8.2 and virtiofsd 1.11. With older versions
        auto_shutdown_try_save fails, and libvirt shuts down or powers off the guest instead.
    Bad (libvirt 11.3.0, virtiofsd 1.10.0, qemu.conf: auto_shutdown_try_save = "persistent"):
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good (libvirt 11.3.0, virtiofsd 1.13.0, qemu.conf: auto_shutdown_try_save = "persistent"):
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: migration with this virtiofs device is not supported
    See: libvirt qemu_migration.c:qemuMigrationSrcIsAllowed; virtiofsd 1.11.0
    """
    target = context.target
    statement = context.conf["auto_shutdown_try_save"] if context.conf else None
    if statement is None or statement.value.text != "persistent" or target.libvirt < (11, 2, 0):
        return
    if target.qemu >= SAVING_QEMU and target.virtiofsd is not None and target.virtiofsd >= SAVING_VIRTIOFSD:
        return
    for share in domain.shares:
        # libvirt does not check external daemons.
        if share.socket is None:
            yield Problem(
                at=share.node.start_span,
                message=f"{share.label} prevents libvirt from saving the guest when the host shuts down",
                related=(Related(statement.span, "qemu.conf requests saving"),),
                help="use QEMU 8.2 and virtiofsd 1.11 or later, or set auto_shutdown_try_shutdown instead",
            )
