"""What `vfslint setup` does on the host: KVM, virtiofsd, directories, huge pages, memory files, sockets."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vfslint.domain import sharing
from vfslint.host.needs import backing_storage, missing_mounts, needs, spell_pages
from vfslint.host.shell import Step, note, quoted
from vfslint.vocabulary.numbers import spell_size

if TYPE_CHECKING:
    from vfslint.context import Context
    from vfslint.domain.domain import Domain
    from vfslint.domain.filesystem import VirtioFS

# The size of <hugepages/> without a size if the host is not known: the default of nearly every x86 kernel.
_DEFAULT_PAGE_KIB = 2048

# The programs of QEMU's own virtiofsd, and of the separate one, where distributions install them.
_C_DAEMONS = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd", "/usr/lib/virtiofsd")
_DAEMONS = ("/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib/qemu/virtiofsd")

_QEMU_CONF = "/etc/libvirt/qemu.conf"
_SESSION_QEMU_CONF = '"${XDG_CONFIG_HOME:-$HOME/.config}/libvirt/qemu.conf"'


def host_steps(domains: Sequence[Domain], context: Context) -> Iterator[Step]:
    """Yield what a host needs to run these domains together; with facts of the host, only what is missing there."""
    shares = [share for domain in domains for share in domain.shares]
    if any(domain.type == "kvm" for domain in domains) and _kind(context, "/dev/kvm") in (None, "missing"):
        yield Step(
            "The domain uses KVM: the module for the processor must be loaded.",
            (
                "[ -e /dev/kvm ] || as_root modprobe kvm_intel || as_root modprobe kvm_amd ||",
                '    echo "there is no /dev/kvm: enable virtualization in the firmware setup" >&2',
            ),
        )
    yield from _daemon(shares, context)
    yield from _directories(shares, context)
    yield from _pages(domains, context)
    yield from _mounts(domains, context)
    yield from _memory_files(domains, context)
    # Last, because they require to know the directories.
    yield from _sockets(shares, context)


def _kind(context: Context, path: str) -> str | None:
    return context.host.path_kind(path) if context.host else None


def _find_daemon(context: Context) -> str:
    paths = _C_DAEMONS if context.target.virtiofsd is None else _DAEMONS
    daemon = context.host.daemon(context.target.libvirt) if context.host else None
    return f"find_daemon {' '.join((quoted(daemon.path),) if daemon else paths)}"


def _daemon(shares: Sequence[VirtioFS], context: Context) -> Iterator[Step]:
    host, target = context.host, context.target
    if not shares or (host and host.daemon(target.libvirt)):
        return
    if target.virtiofsd is None:
        of_debian, reason = "qemu-system-common", "virtiofsd is part of QEMU (Fedora, RHEL: package virtiofsd)."
    else:
        of_debian, reason = "virtiofsd", "virtiofsd is a separate package since QEMU 8.0."
    yield Step(
        f"{reason} --undo leaves packages installed.",
        (f"{_find_daemon(context)} || install {of_debian} virtiofsd virtiofsd virtiofsd virtiofsd",),
    )
    if context.session and not (host and host.can_map_ids):
        yield Step(
            "An unprivileged virtiofsd requires newuidmap and newgidmap.",
            (
                "if ! command -v newuidmap > /dev/null || ! command -v newgidmap > /dev/null; then",
                "    install uidmap shadow-utils shadow shadow shadow-uidmap",
                "fi",
            ),
        )


def _directories(shares: Sequence[VirtioFS], context: Context) -> Iterator[Step]:
    wanted = dict.fromkeys(share.directory for share in shares if (share.directory or "").startswith("/"))
    missing = [path for path in wanted if path and _kind(context, path) != "directory"]
    if missing:
        yield Step(
            "The directories to share; libvirt does not create them.",
            tuple(f"take_directory {note('directory', path)} {quoted(path)}" for path in missing),
            tuple(f"free_directory {note('directory', path)} {quoted(path)}" for path in reversed(missing)),
        )


def _pages(domains: Sequence[Domain], context: Context) -> Iterator[Step]:
    demand: dict[tuple[int, tuple[int, ...]], int] = {}
    for domain in domains:
        for (size, nodes), (_, number) in needs(domain, context.host, _DEFAULT_PAGE_KIB).items():
            # A demand on several nodes is already part of the demand on the whole host.
            if len(nodes) < 2:
                demand[size, nodes] = demand.get((size, nodes), 0) + number
    for size in sorted({size for size, _ in demand}):
        wanted = _wanted(size, demand, context)
        if wanted:
            named = [
                (note("pages", str(size), node), f"{size} {spell_pages(size)} {quoted(node)}", number)
                for node, number in wanted
            ]
            yield Step(
                f"{demand[size, ()]} huge pages of {spell_size(size)}: virsh allocpages {spell_pages(size)} "
                f"{demand[size, ()]} on a host that has none.\n"
                f"To allocate them at every boot: {_at_boot(size, demand[size, ()])}.",
                tuple(f"take_pages {name} {place} {number}" for name, place, number in named),
                tuple(f"free_pages {name} {place}" for name, place, _ in reversed(named)),
            )


def _wanted(size: int, demand: dict[tuple[int, tuple[int, ...]], int], context: Context) -> list[tuple[str, int]]:
    """Return how many free pages there must be: on single nodes first, then on the whole host (an empty name)."""
    pools = context.host.hugepages if context.host else None
    whole = demand[size, ()]
    places = sorted((nodes, number) for (at, nodes), number in demand.items() if at == size and nodes)
    # The pages of the nodes are also in the pool of the host.
    if whole > sum(number for _, number in places):
        places.append(((), whole))
    wanted = []
    for nodes, number in places:
        pool = pools.pool(size, *nodes) if pools else None
        if pool is None or pool.at_most < number:
            wanted.append(("".join(map(str, nodes)), number))
    return wanted


def _at_boot(size: int, number: int) -> str:
    if size == _DEFAULT_PAGE_KIB:
        return f"vm.nr_hugepages = {number} in /etc/sysctl.d"
    return f"hugepagesz={spell_pages(size)} hugepages={number} on the kernel's command line"


def _mounts(domains: Sequence[Domain], context: Context) -> Iterator[Step]:
    sizes: set[int] = set()
    for domain in domains:
        if context.host:
            found = [size or context.host.page_kib for _, size in missing_mounts(domain, context)]
        elif domain.backing.is_memfd:
            found = []
        else:
            found = [size for size, _ in needs(domain, None, _DEFAULT_PAGE_KIB)]
        sizes.update(size for size in found if size)
    for size in sorted(sizes):
        folder = "/dev/hugepages" if size == _DEFAULT_PAGE_KIB else f"/dev/hugepages{spell_pages(size)}"
        name = note("hugetlbfs", folder)
        yield Step(
            f"A hugetlbfs with pages of {spell_size(size)}; libvirt's daemon looks for it when it starts.",
            (
                f"if ! is_mounted_at {folder}; then",
                f"    take_hugetlbfs {name} {spell_pages(size)} {folder}",
                *_restart(context),
                "fi",
            ),
            (f"free_mount {name} {folder}",),
        )


def _restart(context: Context) -> tuple[str, ...]:
    # A session's daemon ends by itself when nobody uses it.
    return () if context.session else ("    restart_libvirt",)


def _memory_files(domains: Sequence[Domain], context: Context) -> Iterator[Step]:
    size = sum(sharing.file_backed_kib(domain) for domain in domains)
    storage = backing_storage(context)
    configured = context.conf and context.conf["memory_backing_dir"]
    if not size or configured or (storage and storage.is_memory):
        return
    path = _SESSION_QEMU_CONF if context.session else _QEMU_CONF
    line = quoted('memory_backing_dir = "/dev/shm/"')
    name, folder = note("memory_backing_dir"), note("directory", "qemu.conf")
    reason = (
        f"Guest memory is in files of up to {spell_size(size)} in memory_backing_dir, by default on a disk.\n"
        "/dev/shm keeps them in memory; its size is half of the host's memory by default.\n"
        "<source type='memfd'/> does not require this."
    )
    if context.session:
        reason += "\nThe session's daemon reads the file when it starts the next time."
    yield Step(
        reason,
        (
            f"conf={path}",
            "if ! grep -q '^[[:space:]]*memory_backing_dir' \"$conf\" 2> /dev/null; then",
            f'    take_directory {folder} "${{conf%/*}}"',
            f'    take_line {name} {line} "$conf"',
            *_restart(context),
            "fi",
        ),
        (
            f"conf={path}",
            f'free_line {name} {line} "$conf"',
            f'free_directory {folder} "${{conf%/*}}"',
        ),
    )


def _sockets(shares: Sequence[VirtioFS], context: Context) -> Iterator[Step]:
    number = 0
    for share in shares:
        if not share.socket or _kind(context, share.socket) == "socket":
            continue
        number += 1
        name, folder = note("socket", share.socket), posixpath.dirname(share.socket)
        directory = f'"${{SHARED_DIR_{number}:?set it to the directory to share}}"'
        options = [f"--socket-path={quoted(share.socket)}"]
        if context.target.virtiofsd is None:
            options += ["-o", f"source={directory}"]
        else:
            options.append(f"--shared-dir={directory}")
        if share.readonly and context.target.virtiofsd:
            options.append("--readonly")
        yield Step(
            "A share with a socket requires its own virtiofsd, started each time before the domain.\n"
            f"Set SHARED_DIR_{number} to the directory. QEMU's user must be able to open the socket: see\n"
            "--socket-group.",
            (
                f"take_directory {note('directory', folder)} {quoted(folder)}",
                f'{_find_daemon(context)} || {{ echo "virtiofsd is not installed" >&2; exit 1; }}',
                f'take_socket {name} {quoted(share.socket)} "$daemon" {" ".join(options)}',
            ),
            (
                f"free_socket {name} {quoted(share.socket)}",
                f"free_directory {note('directory', folder)} {quoted(folder)}",
            ),
        )
