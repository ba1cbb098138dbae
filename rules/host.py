"""The target host: directories, sockets, programs and memory. These rules need facts about a host."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain import sharing
from vfslint.domain.domain import Domain
from vfslint.domain.filesystem import VirtioFS
from vfslint.findings import Problem, Severity, Stage
from vfslint.host.needs import (
    ARTICLES,
    backing_span,
    backing_storage,
    daemon_of,
    lacks,
    missing_mounts,
    shortages,
    unknown_sizes,
)
from vfslint.rule import rule
from vfslint.rules.qemu_conf.memory_backing import use_memfd
from vfslint.vocabulary.numbers import spell_size


@rule("VFS601", "source-missing-on-host", severity=Severity.ERROR, stage=Stage.START)
def source_missing(share: VirtioFS, context: Context) -> Iterator[Problem]:
    """The directory to share exists on the host.

    Why: libvirt checks for the directory when the domain starts, and does not create it.
    Bad (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/gone'/>
          <target dir='data'/></filesystem>
    Good (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: the virtiofs export directory '…' does not exist
    See: libvirt qemu_virtiofs.c:qemuVirtioFSStart
    """
    directory = share.directory
    if context.host and share.source and directory and context.host.path_kind(directory) == "missing":
        yield Problem(
            at=share.source.at("dir"),
            message=f"the directory {directory!r} does not exist on the host",
            help="create it before the domain starts; vfslint setup prints the command",
        )


@rule("VFS602", "source-not-a-directory", severity=Severity.ERROR, stage=Stage.START)
def source_not_a_directory(share: VirtioFS, context: Context) -> Iterator[Problem]:
    """The source of a virtio-fs share is a directory.

    Why: libvirt only checks that the path exists; virtiofsd, which cannot share a single file, exits, and QEMU
        reports only that the connection to its socket was refused.
    Bad (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/notes.txt'/>
          <target dir='data'/></filesystem>
    Good (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: fs0-fs.sock': Connection refused
    See: libvirt 7.0.0 to 12.8.0, started with a file as source
    """
    if context.host and share.source and share.directory:
        kind = context.host.path_kind(share.directory)
        if kind not in (None, "directory", "missing"):
            yield Problem(
                at=share.source.at("dir"),
                message=f"{share.directory!r} is {ARTICLES[kind]} on the host, not a directory",
                help="share the directory that contains it",
            )


@rule("VFS605", "binary-missing-on-host", severity=Severity.ERROR, stage=Stage.START)
def binary_missing(share: VirtioFS, context: Context) -> Iterator[Problem]:
    """The virtiofsd in `<binary path=…/>` exists and is executable.

    Why: libvirt runs only this program, even if a virtiofsd is installed elsewhere.
    Bad (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/opt/gone/virtiofsd'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/usr/libexec/virtiofsd'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: virtiofsd binary '…' is not executable
    libvirt says: unexpected exit status 127: libvirt: error : cannot execute binary …
    See: libvirt qemu_virtiofs.c:qemuVirtioFSStart; since 10.6.0 qemu_vhost_user.c, which first queries its
        capabilities
    """
    path = share.binary_path
    if context.host and path and share.socket is None:
        kind = context.host.path_kind(path.value)
        if kind not in (None, "program"):
            what = "does not exist" if kind == "missing" else "is not executable"
            daemon = context.host.daemon(context.target.libvirt)
            yield Problem(
                at=path.span,
                message=f"the virtiofsd {path.value!r} {what} on the host",
                help=f"remove the path; libvirt then finds {daemon.path}"
                if daemon
                else "install virtiofsd and write its path, or remove the path",
            )


@rule("VFS606", "no-virtiofsd-on-host", severity=Severity.ERROR, stage=Stage.START)
def no_virtiofsd(share: VirtioFS, context: Context) -> Iterator[Problem]:
    """libvirt finds a virtiofsd if a virtio-fs share does not name one.

    Why: it reads the JSON files in /usr/share/qemu/vhost-user and /etc/qemu/vhost-user (session: also in
        ~/.config/qemu/vhost-user) in the order of their names and uses the first of type fs, even if its program is
        missing. A file that is not JSON or has an unknown type makes the whole search fail. Since QEMU 8.0 virtiofsd
        is a separate package.
    Bad (host without-virtiofsd):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Bad (host spoiled):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Bad (host uninstalled):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: Unable to find a satisfying virtiofsd
    libvirt says: virtiofsd binary '…' is not executable
    libvirt says: unable to parse json file '…'
    libvirt says: unknown vhost-user type: '…'
    See: libvirt qemu_vhost_user.c:qemuVhostUserFillDomainFS, qemu_interop_config.c:qemuInteropFetchConfigs
    """
    host = context.host
    if host is None or host.discovery is None or share.socket is not None or share.binary_path is not None:
        return
    # A session libvirt searches different directories.
    if host.session != context.session:
        return
    at = share.driver.at("type") if share.driver else share.node.start_span
    daemon = host.daemon(context.target.libvirt)
    if daemon is None:
        fault = host.discovery.fault
        yield Problem(
            at=at,
            message=f"libvirt finds no virtiofsd on the host for {share.label}" + (f": {fault}" if fault else ""),
            help="fix or remove that file" if fault else "install the package virtiofsd, or write <binary path=…/>",
        )
    elif host.path_kind(daemon.path) in ("missing", "file"):
        yield Problem(
            at=at,
            message=f"for {share.label}, libvirt selects the virtiofsd {daemon.path!r}, which cannot be executed",
            help="remove the vhost-user file that names it, or write <binary path=…/>",
            says=f"virtiofsd binary '{daemon.path}' is not executable",
        )


@rule("VFS607", "daemon-lacks-option", severity=Severity.ERROR, stage=Stage.START)
def daemon_lacks_option(share: VirtioFS, context: Context) -> Iterator[Problem]:
    """The host's virtiofsd supports every option that the virtio-fs share sets.

    Why: libvirt passes the options on, and virtiofsd exits if it does not support one; QEMU then reports only a
        refused connection. This rule applies if the host's daemon is not the target release.
    Bad (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/opt/old/virtiofsd'/>
          <source dir='/srv'/><target dir='data'/><readonly/></filesystem>
    Bad (host bare, libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/>
          <binary path='/opt/old/virtiofsd'><lock posix='on'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/usr/libexec/virtiofsd'/>
          <source dir='/srv'/><target dir='data'/><readonly/></filesystem>
    libvirt says: Invalid compat argument '-o posix_lock'
    libvirt says: fs0-fs.sock': Connection refused
    See: virtiofsd: readonly since 1.13.0, uid and gid maps since 1.5.0, no remote locks since 1.0.0
    """
    daemon = daemon_of(share, context)
    if daemon is None or daemon.version == context.target.virtiofsd:
        return
    for node, needed in lacks(share, daemon, context.target.libvirt):
        yield Problem(
            at=node.start_span,
            message=f"<{node.tag}> requires {needed}, but {daemon.path} is {daemon.title}",
            help=f"remove <{node.tag}>, or use another virtiofsd",
        )


@rule("VFS608", "daemon-gives-no-capabilities", severity=Severity.ERROR, stage=Stage.START)
def daemon_gives_no_capabilities(share: VirtioFS, context: Context) -> Iterator[Problem]:
    """The virtiofsd of a share answers `--print-capabilities` with JSON.

    Why: libvirt 10.6.0 and later queries its capabilities before starting it. A wrapper script that drops its
        arguments, or first prints something else, does not answer correctly.
    Bad (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/opt/wrapper'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/usr/libexec/virtiofsd'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good (host bare, libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><binary path='/opt/wrapper'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: unable to parse json capabilities
    See: libvirt qemu_vhost_user.c:qemuVhostUserFillFSCapabilities
    """
    daemon = daemon_of(share, context)
    if daemon and share.binary_path and not daemon.has_answered and context.target.libvirt >= (10, 6, 0):
        yield Problem(
            at=share.binary_path.span,
            message=f"{daemon.path} does not answer --print-capabilities",
            help='if it is a wrapper script, end it with: exec /usr/libexec/virtiofsd "$@"',
        )


@rule("VFS609", "no-id-mapping-on-host", severity=Severity.ERROR, stage=Stage.START)
def no_id_mapping(domain: Domain, context: Context) -> Iterator[Problem]:
    """A virtiofsd that does not run as root requires newuidmap and newgidmap.

    Why: libvirt's session daemon starts virtiofsd without root and passes it a map of users and groups;
        virtiofsd runs these two programs to set up the map, and exits if they are missing.
    Bad (host without-newuidmap, session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good (host bare, session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good (host without-newuidmap):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: fs0-fs.sock': Connection refused
    See: libvirt qemu_virtiofs.c:qemuVirtioFSPrepareIdMap (10.0.0); libvirt documentation, "Sharing files with
        Virtiofs", Running unprivileged
    """
    if not context.session or context.host is None or context.host.can_map_ids is not False:
        return
    share = next((share for share in domain.shares if share.socket is None), None)
    if share and context.target.libvirt >= (10, 0, 0):
        yield Problem(
            at=share.driver.at("type") if share.driver else share.node.start_span,
            message="virtiofsd without root requires newuidmap and newgidmap, but the host does not have both",
            help="install them (Debian: uidmap, Fedora: shadow-utils-subid), or run the domain as qemu:///system",
        )


@rule("VFS610", "too-few-huge-pages", severity=Severity.ERROR, stage=Stage.START)
def too_few_huge_pages(domain: Domain, context: Context) -> Iterator[Problem]:
    """The host has enough free huge pages for the guest, of the right size and on the right nodes.

    Why: huge pages come from a pool that the host reserves; QEMU exits if the pool is exhausted. 2 GiB requires
        1024 pages of 2 MiB. Memory that `<numatune>` binds to host nodes must come from their pools.
    Bad (host mounted):
        <memoryBacking><hugepages><page size='2' unit='M'/></hugepages><access mode='shared'/></memoryBacking>
    Bad (host lopsided):
        <memoryBacking><hugepages><page size='2' unit='M'/></hugepages><access mode='shared'/></memoryBacking>
        <numatune><memory mode='strict' nodeset='0'/></numatune>
    Good (host paged):
        <memoryBacking><hugepages><page size='2' unit='M'/></hugepages><access mode='shared'/></memoryBacking>
    libvirt says: unable to map backing store for guest RAM: Cannot allocate memory
    libvirt says: Memory backend 'pc.ram' not found
    See: libvirt documentation, "Sharing files with Virtiofs", Host setup: virsh allocpages
    """
    if context.host is None or domain.is_live:
        return
    for shortage in shortages(domain, context.host):
        there = f"{shortage.free} free" if shortage.is_exact else f"a pool of {shortage.free}"
        yield Problem(
            at=shortage.node.start_span,
            message=f"the guest requires {shortage.needed} pages of {spell_size(shortage.size_kib)}"
            f"{shortage.where}, but the host has {there}",
            help=f"allocate them: {shortage.command}",
        )


@rule("VFS611", "no-hugetlbfs-on-host", severity=Severity.ERROR, stage=Stage.START)
def no_hugetlbfs(domain: Domain, context: Context) -> Iterator[Problem]:
    """A hugetlbfs with the page size is mounted, unless the huge pages come from a memfd.

    Why: libvirt creates the guest's memory as a file on a mount with that page size. memfd does not need one if
        `<page>` sets the size; without it libvirt uses the page size of a mount. A session's libvirt uses only the
        mounts in its qemu.conf.
    Bad (host paged-unmounted):
        <memoryBacking><hugepages><page size='2' unit='M'/></hugepages><access mode='shared'/></memoryBacking>
    Bad (host paged-unmounted):
        <memoryBacking><hugepages/><source type='memfd'/><access mode='shared'/></memoryBacking>
    Bad (host paged-session, session):
        <memoryBacking><hugepages/><source type='memfd'/><access mode='shared'/></memoryBacking>
    Good (host paged-session, session):
        <memoryBacking><hugepages><page size='2' unit='M'/></hugepages><source type='memfd'/>
          <access mode='shared'/></memoryBacking>
    Good (host paged-unmounted):
        <memoryBacking><hugepages><page size='2' unit='M'/></hugepages><source type='memfd'/>
          <access mode='shared'/></memoryBacking>
    libvirt says: hugetlbfs filesystem is not mounted or disabled by administrator config
    libvirt says: Unable to find any usable hugetlbfs mount for … KiB
    See: libvirt qemu_conf.c:qemuGetDomainHupageMemPath, qemu_command.c:qemuBuildMemoryGetDefaultPagesize
    """
    for node, size_kib in missing_mounts(domain, context):
        size = f" with pages of {spell_size(size_kib)}" if size_kib else ""
        yield Problem(
            at=node.start_span,
            message=f"the session's libvirt uses no hugetlbfs{size}"
            if context.session
            else f"no hugetlbfs{size} is mounted on the host",
            help="add the mount to hugetlbfs_mount in ~/.config/libvirt/qemu.conf, or use <page size=…/> and memfd"
            if context.session
            else "mount one and restart libvirt's daemon, or use <source type='memfd'/> and <page size=…/>",
        )


@rule("VFS612", "page-size-not-on-host", severity=Severity.ERROR, stage=Stage.START)
def page_size_not_on_host(domain: Domain, context: Context) -> Iterator[Problem]:
    """The host's kernel supports the page size that the guest requires.

    Why: the available sizes depend on the processor and on the kernel's boot options; 1 GiB pages require a
        processor with pdpe1gb.
    Bad (host paged):
        <memoryBacking><hugepages><page size='1' unit='G'/></hugepages><source type='memfd'/>
          <access mode='shared'/></memoryBacking>
    Good (host paged):
        <memoryBacking><hugepages><page size='2' unit='M'/></hugepages><access mode='shared'/></memoryBacking>
    libvirt says: Unable to find any usable hugetlbfs mount for … KiB
    See: Linux documentation, hugetlbpage; libvirt qemu_conf.c:qemuGetDomainHupageMemPath
    """
    if context.host is None or context.host.hugepages is None:
        return
    sizes = ", ".join(spell_size(size) for size in context.host.hugepages.sizes) or "none"
    for node, size_kib in unknown_sizes(domain, context.host):
        yield Problem(
            at=node.start_span,
            message=f"the host has no huge pages of {spell_size(size_kib)}; its sizes: {sizes}",
            help="write a size that the host has, or boot its kernel with hugepagesz=…",
        )


@rule("VFS613", "memory-file-on-disk", severity=Severity.WARNING, stage=Stage.GUEST)
def memory_file_on_disk(domain: Domain, context: Context) -> Iterator[Problem]:
    """The directory for memory files is on a file system in memory.

    Why: with shared access and neither memfd nor huge pages, the guest's memory is a file in
        memory_backing_dir. On a disk, every page that the guest changes is eventually written there.
    Bad (host on-disk):
        <memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good (host bare):
        <memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good (host on-disk):
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Fix: sets the source to memfd; if the domain explicitly requests files, only with --unsafe-fixes.
    Fixed:
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt qemu_command.c:qemuBuildMemoryBackendProps; libvirt documentation, "Sharing files with
        Virtiofs", Host setup
    """
    if context.host is None or not sharing.vhost_user_devices(domain) or not sharing.file_backed_kib(domain):
        return
    storage = backing_storage(context)
    if storage is None or storage.is_memory:
        return
    yield Problem(
        at=backing_span(domain),
        message=f"the guest's memory is a file in {storage.path}, which is on {storage.filesystem}",
        help="use <source type='memfd'/>, or set memory_backing_dir = \"/dev/shm/\" in qemu.conf",
        fix=use_memfd(domain),
    )


@rule("VFS614", "memory-file-too-large", severity=Severity.WARNING, stage=Stage.GUEST)
def memory_file_too_large(domain: Domain, context: Context) -> Iterator[Problem]:
    """memory_backing_dir has room for the guest's memory.

    Why: the file starts empty and grows as the guest uses its memory; when the file system is full, the guest is
        killed (SIGBUS). With `<allocation mode='immediate'/>` it does not even start.
    Bad (host cramped):
        <memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>
    Good (host bare):
        <memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>
    libvirt says: unable to map backing store for guest RAM: No space left on device
    See: libvirt documentation, domain XML, memoryBacking allocation
    """
    needed = sharing.file_backed_kib(domain) if context.host and not domain.is_live else 0
    storage = backing_storage(context) if needed else None
    if storage is None or storage.free_kib is None or needed <= storage.free_kib:
        return
    immediate = domain.backing.allocation is not None and domain.backing.allocation.value == "immediate"
    yield Problem(
        at=backing_span(domain),
        message=f"the guest's memory is a file of {spell_size(needed)}, but {storage.path} has "
        f"{spell_size(storage.free_kib // 1024 * 1024)} free",
        help="use <source type='memfd'/>, or set memory_backing_dir to a larger tmpfs",
        severity=Severity.ERROR if immediate else None,
        stage=Stage.START if immediate else None,
    )


@rule("VFS615", "more-memory-than-host", severity=Severity.WARNING, stage=Stage.GUEST)
def more_memory_than_host(domain: Domain, context: Context) -> Iterator[Problem]:
    """The guest does not have more memory than the host.

    Why: libvirt and QEMU start it anyway; the host runs out of memory when the guest uses all of its memory.
    Bad (host small):
        <memory unit='GiB'>2</memory>
    Good (host bare):
        <memory unit='GiB'>2</memory>
    See: libvirt 7.0.0 to 12.8.0, started with 512 GiB on a smaller host
    """
    if context.host is None or context.host.memory_kib is None:
        return
    initial, there = domain.initial_kib, context.host.memory_kib
    if initial and initial > there:
        node = domain.cells[0].node if domain.cells else domain.first("memory") or domain.node
        yield Problem(
            at=node.start_span if domain.cells else node.text_span,
            message=f"the guest has {spell_size(initial)} of memory, but the host has only {spell_size(there)}",
            help="reduce the guest's memory, or run it on a larger host",
        )


@rule("VFS616", "emulator-missing-on-host", severity=Severity.ERROR, stage=Stage.DEFINE)
def emulator_missing(domain: Domain, context: Context) -> Iterator[Problem]:
    """The QEMU in `<emulator>` exists and is executable.

    Why: libvirt queries its capabilities when the domain is defined.
    Bad (host bare):
        <devices><emulator>/opt/qemu/qemu-system-x86_64</emulator></devices>
    Good (host bare):
        <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices>
    libvirt says: Cannot check QEMU binary …: No such file or directory
    libvirt says: QEMU binary … is not executable: Permission denied
    See: libvirt qemu_capabilities.c:virQEMUCapsNewForBinaryInternal
    """
    if context.host and domain.emulator:
        path = domain.emulator.text
        kind = context.host.path_kind(path)
        if kind not in (None, "program"):
            what = "does not exist" if kind == "missing" else "is not executable"
            yield Problem(
                at=domain.emulator.text_span,
                message=f"the emulator {path!r} {what} on the host",
                help="install QEMU there, or remove <emulator>; libvirt then finds the host's own",
            )


@rule("VFS620", "virtiofs-not-on-host", severity=Severity.ERROR, stage=Stage.DEFINE)
def virtiofs_not_on_host(share: VirtioFS, context: Context) -> Iterator[Problem]:
    """The host's QEMU has the virtio-fs device.

    Why: `virsh domcapabilities` lists the filesystem drivers of a QEMU; if it is older than 4.2 or was built
        without vhost-user-fs, virtiofs is missing.
    Bad (host old-qemu):
        <memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good (host bare):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: virtiofs is not supported with this QEMU binary
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS; virsh domcapabilities, devices/filesystem
    """
    drivers = context.host.drivers_for(context.domain.arch) if context.host else None
    if drivers is not None and "virtiofs" not in drivers and share.driver:
        yield Problem(
            at=share.driver.at("type"),
            message=f"the host's QEMU has no virtio-fs device for {share.label}",
            help="install a QEMU with vhost-user-fs (4.2.0 or later)",
        )


@rule("VFS621", "memfd-not-on-host", severity=Severity.ERROR, stage=Stage.DEFINE)
def memfd_not_on_host(domain: Domain, context: Context) -> Iterator[Problem]:
    """The host's QEMU supports memfd.

    Why: `virsh domcapabilities` lists the memory sources of a QEMU; memfd requires QEMU 2.12 and Linux.
    Bad (host old-qemu):
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
    Good (host bare):
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
    libvirt says: memory-backend-memfd is not supported with this QEMU binary
    See: libvirt qemu_validate.c:qemuValidateDomainDefMemory; virsh domcapabilities, memoryBacking
    """
    sources = context.host.sources_for(domain.arch) if context.host else None
    if sources is not None and "memfd" not in sources and domain.backing.is_memfd and domain.backing.source:
        yield Problem(
            at=domain.backing.source.span,
            message="the host's QEMU does not support memfd",
            help="use <source type='file'/> with memory_backing_dir on a tmpfs, or a newer QEMU",
        )
