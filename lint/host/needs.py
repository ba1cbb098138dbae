"""What a domain requires of a host, and what the host lacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from vfslint.domain import sharing
from vfslint.domain.hugepages import Demand, demands, device_demands
from vfslint.domain.machine import HUGE_PAGES_KIB
from vfslint.findings import Span
from vfslint.targets import Version
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.context import Context
    from vfslint.domain.domain import Domain
    from vfslint.domain.filesystem import Filesystem
    from vfslint.host.facts import Daemon, Host, Storage

# How messages name what is at a path.
ARTICLES = {
    "file": "a file",
    "program": "a file",
    "socket": "a socket",
    "stale socket": "a socket",
    "directory": "a directory",
    "other": "neither a file nor a directory",
}
# The units that virsh allocpages accepts.
_UNITS = (("T", 1024**3), ("G", 1024**2), ("M", 1024), ("K", 1))


class Shortage(NamedTuple):
    """A lack of pages of one size. If it is not exact, `free` is the size of the whole pool."""

    node: Node
    size_kib: int
    needed: int
    free: int
    total: int
    is_exact: bool
    nodes: tuple[int, ...]

    @property
    def where(self) -> str:
        """The part of the host, for messages."""
        if not self.nodes:
            return ""
        return f" on NUMA node{'s' * (len(self.nodes) > 1)} {', '.join(map(str, self.nodes))}"

    @property
    def command(self) -> str:
        """The command that allocates the missing pages."""
        return allocation(self.size_kib, self.needed, self.free, self.total, self.nodes[:1])


def allocation(size_kib: int, needed: int, free: int, total: int, nodes: tuple[int, ...] = ()) -> str:
    """Return the `virsh allocpages` that leaves `needed` pages free: an empty pool is set, others are extended."""
    place = "".join(f" --cellno {node}" for node in nodes)
    if total == 0:
        return f"virsh allocpages {spell_pages(size_kib)} {needed}{place}"
    return f"virsh allocpages {spell_pages(size_kib)} {needed - free}{place} --add"


def spell_pages(size_kib: int) -> str:
    """Return a page size as virsh accepts it: 2M."""
    unit, factor = next((unit, factor) for unit, factor in _UNITS if size_kib % factor == 0)
    return f"{size_kib // factor}{unit}"


class _Place(NamedTuple):
    size_kib: int
    nodes: tuple[int, ...]


def needs(domain: Domain, host: Host | None, default_kib: int | None = None) -> dict[_Place, tuple[Node, int]]:
    """Return how many pages a domain needs, by size and by the nodes of the host that they must come from.

    Pages bound to nodes also count for the whole host, under no node. `default_kib` is the default page size if
    no host is known.
    """
    found: dict[_Place, tuple[Node, int]] = {}
    for demand in _all_demands(domain):
        size = demand.size_kib or (host.page_kib if host else default_kib)
        if not size:
            continue
        places = [_Place(size, ())]
        if demand.nodes:
            places.append(_Place(size, tuple(sorted(demand.nodes))))
        for place in places:
            node, pages = found.get(place, (demand.node, 0))
            found[place] = node, pages + demand.pages(size)
    return found


def _all_demands(domain: Domain) -> Iterator[Demand]:
    if domain.backing.hugepages is not None:
        yield from demands(domain)
    if domain.memory_devices:
        yield from device_demands(domain)


def shortages(domain: Domain, host: Host) -> Iterator[Shortage]:
    """Yield each page size that the host has too few of; a single node only if the host as a whole has enough."""
    if host.hugepages is None:
        return
    short: set[int] = set()
    for (size, nodes), (node, needed) in needs(domain, host).items():
        if size not in host.hugepages.sizes or size in short:
            continue
        pools = [host.hugepages.pool(size, number) for number in nodes or (None,)]
        known = [pool for pool in pools if pool is not None]
        free = sum(pool.at_most for pool in known)
        if len(known) == len(pools) and free < needed:
            short.add(size)
            is_exact = all(pool.free is not None for pool in known)
            yield Shortage(node, size, needed, free, sum(pool.total for pool in known), is_exact, nodes)


def missing_mounts(domain: Domain, context: Context) -> Iterator[tuple[Node, int | None]]:
    """Yield the entry and page size of memory for which no hugetlbfs is mounted.

    memfd needs a mount only without an explicit size: libvirt then uses the size of a mount (tested with 9.0.0).
    A session's libvirt finds no mount by itself (qemu_conf.c:virQEMUDriverConfigNew).
    """
    host = context.host
    if host is None or host.hugetlbfs is None or host.session != context.session:
        return
    if context.conf and (context.session or context.conf["hugetlbfs_mount"]):
        return  # the setting replaces what is mounted, and VFS531 reads it
    mounts = [mount for mount in host.hugetlbfs if mount.is_configured] if context.session else host.hugetlbfs
    mounted = {mount.size_kib for mount in mounts}
    sizes = host.hugepages.sizes if host.hugepages else None
    seen: set[Node] = set()
    for demand in _all_demands(domain):
        size = demand.size_kib
        if demand.node in seen or (domain.backing.is_memfd and size is not None):
            continue
        seen.add(demand.node)
        is_there = size in mounted if size else bool(mounted)
        if not is_there and (size is None or sizes is None or size in sizes):
            yield demand.node, size


def unknown_sizes(domain: Domain, host: Host) -> Iterator[tuple[Node, int]]:
    """Yield the entries whose page size exists on other hosts of the architecture, but not on this one."""
    sizes = host.hugepages.sizes if host.hugepages else ()
    of_others = HUGE_PAGES_KIB.get(domain.arch)
    seen: set[Node] = set()
    for demand in _all_demands(domain) if sizes else ():
        size = demand.size_kib
        is_missing = size and size not in sizes and (of_others is None or size in of_others)
        if size and is_missing and demand.node not in seen:
            seen.add(demand.node)
            yield demand.node, size


def backing_directory(context: Context) -> str | None:
    """Return memory_backing_dir: of the qemu.conf, else of the host; None if it is not known."""
    configured = context.conf.text("memory_backing_dir") if context.conf else None
    return configured or (context.host.backing_directory if context.host else None)


def backing_storage(context: Context) -> Storage | None:
    """Return the file system of the guests' memory files, or None if it is not known."""
    directory = backing_directory(context) if context.host else None
    return context.host.storage_at(directory) if context.host and directory else None


def backing_span(domain: Domain) -> Span:
    """Return the place that makes the guest's memory a file."""
    decided = domain.backing.source or domain.backing.access
    return decided.span if decided else sharing.regions(domain)[0].at


def daemon_of(share: Filesystem, context: Context) -> Daemon | None:
    """Return the virtiofsd of the host that serves a share, or None if nothing is known about it."""
    if context.host is None or share.socket is not None:
        return None
    if share.binary_path:
        return context.host.daemon_at(share.binary_path.value)
    return context.host.daemon(context.target.libvirt)


class Lack(NamedTuple):
    """An option that a daemon does not support, and the daemon that would."""

    node: Node
    needed: str


def lacks(share: Filesystem, daemon: Daemon, libvirt: Version) -> Iterator[Lack]:
    """Yield the options of a share that a daemon of the host does not support."""
    if not daemon.is_known:
        return
    release = daemon.version or (0, 0, 0)
    if share.readonly and libvirt >= (11, 0, 0) and release < (1, 13, 0):
        yield Lack(share.readonly, "virtiofsd 1.13.0 or newer")
    if share.idmap and share.uid_map and release < (1, 5, 0):
        yield Lack(share.idmap, "virtiofsd 1.5.0 or newer")
    if share.locks and not daemon.is_c:
        # If libvirt passes separate options, it rejects both values itself.
        rejects_off = daemon.has_separate_options and libvirt >= (10, 6, 0)
        if rejects_off or any(lock.value == "on" for lock in share.locks):
            yield Lack(share.locks[0].node, "the C virtiofsd")
