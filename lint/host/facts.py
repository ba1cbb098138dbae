"""Facts of a host, from a saved document or from libvirt's own capabilities XML.

Every fact may be missing (None), and a missing fact causes no finding. `survey` collects the same facts live.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from vfslint.targets import Target, Version, contemporary, spell

# The `version` of a saved document (schemas/host.schema.json).
FORMAT = 1
MAXIMUM_BYTES = 16 * 1024 * 1024

# What a path can be on a host, links followed; a program is an executable file, and nobody listens on a stale socket.
KINDS = ("directory", "file", "program", "socket", "stale socket", "other", "missing")

# libvirt keeps each guest's files below this folder of memory_backing_dir (qemu_conf.c).
DEFAULT_BACKING_DIRECTORY = "/var/lib/libvirt/qemu/ram"

# File systems that keep their files in memory.
IN_MEMORY = frozenset({"tmpfs", "ramfs", "hugetlbfs"})

# Since this release, the Rust virtiofsd reports that it accepts separate options, without `-o`.
_SEPARATE_OPTIONS = (1, 11, 1)

Kind = TypeVar("Kind")


class Unreadable(Exception):
    """The facts cannot be read. The text is one line."""


class Pool(NamedTuple):
    """Pages of one size on one NUMA node, or on the whole host if `node` is None.

    `free` is None if only the size of the pool is known. The kernel adds up to `overcommit` pages on demand
    (nr_overcommit_hugepages).
    """

    size_kib: int
    total: int
    free: int | None = None
    node: int | None = None
    overcommit: int = 0

    @property
    def at_most(self) -> int:
        """The most pages that a guest can get, as far as is known."""
        return (self.total if self.free is None else self.free) + self.overcommit


class HugePages:
    """The host's pools of huge pages."""

    def __init__(self, pools: tuple[Pool, ...]) -> None:
        self.pools = pools
        self._by_place = {(pool.size_kib, pool.node): pool for pool in pools}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HugePages) and self.pools == other.pools

    def __hash__(self) -> int:
        return hash(self.pools)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The page sizes that the host's kernel supports, in KiB, the smallest first."""
        return tuple(sorted({pool.size_kib for pool in self.pools}))

    def pool(self, size_kib: int, node: int | None = None) -> Pool | None:
        """The pool of a size on a node, or on the whole host; None if nothing is known about it."""
        found = self._by_place.get((size_kib, node))
        if found or node is not None:
            return found
        parts = [pool for pool in self.pools if pool.size_kib == size_kib]
        if not parts:
            return None
        free = [pool.free for pool in parts if pool.free is not None]
        return Pool(size_kib, sum(pool.total for pool in parts), sum(free) if len(free) == len(parts) else None)

    def free(self, size_kib: int, node: int | None = None) -> int | None:
        """How many pages of a size a guest can get; None if nothing is known about them."""
        pool = self.pool(size_kib, node)
        return None if pool is None else pool.at_most

    def total(self, size_kib: int, node: int | None = None) -> int | None:
        """How many pages of a size the host has when no guest runs; None if that is not known."""
        pool = self.pool(size_kib, node)
        return None if pool is None else pool.total + pool.overcommit


class Mount(NamedTuple):
    """A mounted hugetlbfs and its page size. `is_configured`: the host's qemu.conf lists it."""

    path: str
    size_kib: int
    is_configured: bool = False


class Storage(NamedTuple):
    """The file system of a path. Sizes are None if they are not known."""

    path: str
    filesystem: str
    size_kib: int | None = None
    free_kib: int | None = None

    @property
    def is_memory(self) -> bool:
        """Whether the files are kept in memory."""
        return self.filesystem in IN_MEMORY


class Daemon(NamedTuple):
    """A virtiofsd. `version` is None for the C daemon, and if `is_known` is false.

    `features` is what `--print-capabilities` lists; None if the program did not print JSON, or if it was not run.
    `has_answered` is false only in the first case. `drops_arguments`: it is a script that runs the daemon without
    its own arguments.
    """

    path: str
    version: Version | None = None
    is_c: bool = False
    features: frozenset[str] | None = None
    has_answered: bool = True
    drops_arguments: bool = False

    @property
    def is_known(self) -> bool:
        """Whether it is known which virtiofsd this is."""
        return self.is_c or self.version is not None

    @property
    def has_separate_options(self) -> bool:
        """Whether libvirt 10.6.0 and newer pass separate options to it."""
        if self.features is not None:
            return "separate-options" in self.features
        return self.version is not None and self.version >= _SEPARATE_OPTIONS

    @property
    def title(self) -> str:
        """How messages name it."""
        if self.is_c:
            return "the C virtiofsd"
        return f"virtiofsd {spell(self.version)}" if self.version else self.path


class Discovery(NamedTuple):
    """The programs that the vhost-user files name for virtio-fs shares, in libvirt's order.

    `fault` is the reason why libvirt does not search at all: one invalid file is enough.
    """

    binaries: tuple[str, ...] = ()
    fault: str = ""


class IdRanges(NamedTuple):
    """Ranges of user or group ids that a user may map, each with its first id and its length."""

    ranges: tuple[tuple[int, int], ...]

    def includes(self, first: int, count: int) -> bool:
        """Whether the ranges have all of these ids; newuidmap accepts ids of adjacent ranges (shadow's have_range)."""
        last = first + count
        for start, length in sorted(self.ranges):
            if start <= first:
                first = max(first, start + length)
        return first >= last


@dataclass(frozen=True)
class Host:
    """The facts.

    `paths` maps a path to one of `KINDS`, `links` a symbolic link to its target, `nodes` a NUMA node to its memory in
    KiB. `cpus` are the processors that are online. `unreadable` are directories that the session's user may not enter;
    `uid`, `gid`, `subuids` and `subgids` are those of this user. `configuration_directory` is where libvirt keeps its
    files: below ~/.config for a session. `security_models` are the security drivers in use, `switches` the running
    programs that connect to vhost-user sockets. `users` and `groups` map a name to whether it exists.
    """

    libvirt: Version | None = None
    qemu: Version | None = None
    kernel: str | None = None
    arch: str | None = None
    session: bool = False
    memory_kib: int | None = None
    nodes: Mapping[int, int] | None = None
    default_page_kib: int | None = None
    hugepages: HugePages | None = None
    hugetlbfs: tuple[Mount, ...] | None = None
    backing_directory: str | None = None
    storage: Mapping[str, Storage] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    discovery: Discovery | None = None
    daemons: Mapping[str, Daemon] = field(default_factory=dict)
    can_map_ids: bool | None = None
    filesystem_drivers: frozenset[str] | None = None
    memory_sources: frozenset[str] | None = None
    cpus: frozenset[int] | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()
    uid: int | None = None
    gid: int | None = None
    subuids: IdRanges | None = None
    subgids: IdRanges | None = None
    configuration_directory: str | None = None
    security_models: frozenset[str] | None = None
    switches: frozenset[str] | None = None
    users: Mapping[str, bool] = field(default_factory=dict)
    groups: Mapping[str, bool] = field(default_factory=dict)

    def path_kind(self, path: str) -> str | None:
        """The kind of a path, one of `KINDS`; None if that is not known."""
        return self.paths.get(path) or self.paths.get(posixpath.normpath(path))

    def link_target(self, path: str) -> str | None:
        """The target of a symbolic link; None if the path is not one, or if that is not known."""
        return self.links.get(path)

    def is_unreadable(self, path: str) -> bool:
        """Whether the session's user is known not to be able to enter a directory."""
        return path in self.unreadable or posixpath.normpath(path) in self.unreadable

    def has_user(self, name: str) -> bool | None:
        """Whether a user exists, or None if that is not known."""
        return self.users.get(name)

    def has_group(self, name: str) -> bool | None:
        """Whether a group exists, or None if that is not known."""
        return self.groups.get(name)

    def storage_at(self, path: str) -> Storage | None:
        """The file system of a path, or None if that is not known."""
        return self.storage.get(path) or self.storage.get(posixpath.normpath(path))

    @property
    def page_kib(self) -> int | None:
        """The page size of `<hugepages/>` without a `<page>`, or None if that is not known.

        libvirt uses the mount with the kernel's default size, else the first one
        (qemu_command.c:qemuBuildMemoryGetDefaultPagesize).
        """
        sizes = [mount.size_kib for mount in self.hugetlbfs or ()]
        if self.default_page_kib in sizes or not sizes:
            return self.default_page_kib
        return sizes[0]

    def drivers_for(self, arch: str) -> frozenset[str] | None:
        """The filesystem drivers of the host's QEMU for an architecture, or None if they are not known."""
        return self.filesystem_drivers if arch == self.arch else None

    def sources_for(self, arch: str) -> frozenset[str] | None:
        """The memory sources of the host's QEMU for an architecture, or None if they are not known."""
        return self.memory_sources if arch == self.arch else None

    def daemon_at(self, path: str) -> Daemon | None:
        """The virtiofsd of that path, or None if nothing is known about it."""
        return self.daemons.get(path)

    def daemon(self, libvirt: Version) -> Daemon | None:
        """The virtiofsd that libvirt selects for a share that does not name one, or None.

        Since 10.6.0 it queries the capabilities of each, and skips those that do not answer.
        """
        for path in self.discovery.binaries if self.discovery else ():
            daemon = self.daemon_at(path) or Daemon(path)
            if daemon.has_answered or libvirt < (10, 6, 0):
                return daemon
        return None

    def target(self, otherwise: Target) -> Target:
        """Return the releases on this host; those that are not known come from `otherwise`."""
        target = contemporary(self.libvirt) if self.libvirt else otherwise
        if self.qemu:
            target = target._replace(qemu=self.qemu)
        daemon = self.daemon(target.libvirt)
        if daemon and daemon.is_known:
            target = target._replace(virtiofsd=daemon.version)
        return target
