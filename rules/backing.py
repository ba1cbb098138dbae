"""A domain and the qemu.conf of its host: memory files, huge pages, and what else the two must agree on."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.pages import demands
from vfslint.findings import Fix, Problem, Related, Severity, Span, Stage
from vfslint.host.needs import backing_storage
from vfslint.rule import rule
from vfslint.vocabulary.numbers import spell_size
from vfslint.xml.edits import insert, set_value

# The last release asked in which a filter hides a capability that libvirt needs; 12.8.0 takes no notice.
FILTERS_WORK_UNTIL = (11, 3, 0)

# Both are needed to save a guest with a share: QEMU hands the daemon's state on, the daemon gives it.
SAVING_QEMU = (8, 2, 0)
SAVING_VIRTIOFSD = (1, 11, 0)


@rule("VFS530", "memory-in-files-on-disk", severity=Severity.WARNING, stage=Stage.GUEST)
def memory_in_files_on_disk(domain: Domain, context: Context) -> Iterator[Problem]:
    """Memory that is kept in files is kept in memory files.

    Why: shared memory without memfd or huge pages is a file below memory_backing_dir. Without that setting,
        or with a directory on a disk, all that the guest does to its memory is written to that disk sooner or
        later, and the disk must have room for the whole of it.
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
    Fix: makes the source memfd; where the domain asks for files itself, only with --unsafe-fixes.
    See: libvirt qemu_command.c:qemuBuildMemoryBackendProps; libvirt documentation, "Sharing files with
        Virtiofs", Host setup
    """
    directory = domain.backing_directory
    # The facts of a host tell of its file systems; then there is nothing to guess from a path.
    if directory is None or backing_storage(context) is not None or not domain.vhost_user_devices:
        return
    size_kib = domain.file_backed_kib if directory.is_on_disk else 0
    if not size_kib:
        return
    statement = directory.statement
    yield Problem(
        at=_backing_span(domain),
        message=f"{spell_size(size_kib)} of memory become files in {directory.path!r}, which is on a disk",
        label="" if statement else "qemu.conf sets no memory_backing_dir, so this is where they go",
        related=(Related(statement.value.span, "the files go below this directory"),) if statement else (),
        help="use <source type='memfd'/>, or set memory_backing_dir = \"/dev/shm\" in qemu.conf",
        fix=use_memfd(domain),
    )


def _backing_span(domain: Domain) -> Span:
    source = domain.backing.source
    return source.span if source else domain.regions[0].at


def use_memfd(domain: Domain) -> Fix | None:
    """Return the fix that takes memory out of files; a safe one where no file was asked for."""
    source = domain.backing.source
    if source:
        return Fix("use memfd", (set_value(source, "memfd"),), safe=False)
    if domain.backing.elements("source"):
        return None
    if domain.backing.nodes:
        return Fix("use memfd", (insert(domain.backing.nodes[0], "<source type='memfd'/>"),))
    xml = "<memoryBacking>\n  <source type='memfd'/>\n</memoryBacking>"
    return Fix("use memfd", (insert(domain.node, xml),))


@rule("VFS531", "hugepages-switched-off", severity=Severity.ERROR, stage=Stage.START)
def hugepages_switched_off(domain: Domain, context: Context) -> Iterator[Problem]:
    """Huge pages are not switched off in qemu.conf.

    Why: huge pages other than those of a memfd come from a hugetlbfs mount. `hugetlbfs_mount = []` tells
        libvirt to use none, and a session daemon knows none unless hugetlbfs_mount names one.
    Bad (qemu.conf: hugetlbfs_mount = []):
        <memoryBacking><hugepages/><access mode='shared'/></memoryBacking>
    Bad (session, qemu.conf: vnc_tls = 0):
        <memoryBacking><hugepages/><access mode='shared'/></memoryBacking>
    Good (qemu.conf: hugetlbfs_mount = "/dev/hugepages"):
        <memoryBacking><hugepages/><access mode='shared'/></memoryBacking>
    Good (qemu.conf: hugetlbfs_mount = []):
        <memoryBacking><source type='memfd'/><hugepages/><access mode='shared'/></memoryBacking>
    libvirt says: hugetlbfs filesystem is not mounted or disabled by administrator config
    See: libvirt qemu_command.c:qemuBuildMemoryGetDefaultPagesize, qemu_conf.c:virQEMUDriverConfigNew
    """
    if context.conf is None or domain.backing.hugepages is None or domain.backing.is_memfd:
        return
    statement = context.conf["hugetlbfs_mount"]
    if not (statement.value.content == () if statement else context.session):
        return
    for demand in demands(domain):
        yield Problem(
            at=demand.node.start_span,
            message="the guest asks for huge pages, but libvirt is to use no hugetlbfs mount",
            label="these pages need a hugetlbfs mount",
            related=(Related(statement.span, "qemu.conf switches them off"),) if statement else (),
            help="name a mount in hugetlbfs_mount of qemu.conf, or use a memfd source, which needs none",
        )


@rule("VFS532", "capability-hidden", severity=Severity.ERROR, stage=Stage.START)
def capability_hidden(domain: Domain, context: Context) -> Iterator[Problem]:
    """What a guest needs of QEMU is not hidden by qemu.conf.

    Why: capability_filters makes libvirt believe that QEMU lacks something. With "vhost-user-fs" no guest
        with a virtio-fs share starts, with "memory-backend-memfd.hugetlb" none with huge pages of a memfd.
        libvirt 12.8.0 starts them all the same.
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
        help = "put a # before capability_filters in qemu.conf; it is meant for libvirt's own tests"
        if value.text == "vhost-user-fs":
            for share in domain.shares:
                message = f"{share.label} needs vhost-user-fs, which qemu.conf hides from libvirt"
                yield Problem(at=share.node.start_span, message=message, related=related, help=help)
        elif value.text == "memory-backend-memfd.hugetlb" and domain.backing.is_memfd:
            for demand in demands(domain):
                message = "huge pages of a memfd need a capability of QEMU that qemu.conf hides from libvirt"
                says = "hugepages is not supported with memfd memory source"
                yield Problem(demand.node.start_span, message, help, related=related, says=says)


@rule("VFS533", "save-at-shutdown-fails", severity=Severity.WARNING, stage=Stage.NEVER)
def save_at_shutdown_fails(domain: Domain, context: Context) -> Iterator[Problem]:
    """A guest that is to be saved when the host shuts down can be saved.

    Why: to save a guest with a virtio-fs share takes QEMU 8.2 and virtiofsd 1.11. With older ones
        auto_shutdown_try_save fails, and libvirt goes on with shutting the guest down or cutting its power.
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
        # With an external daemon libvirt takes the user's word for it and never refuses.
        if share.socket is None:
            yield Problem(
                at=share.node.start_span,
                message=f"{share.label} keeps the guest from being saved when the host shuts down",
                related=(Related(statement.span, "qemu.conf asks for that"),),
                help="use QEMU 8.2 and virtiofsd 1.11 or newer, or set auto_shutdown_try_shutdown instead",
            )
