"""What is known of a host: facts from a saved document, or from libvirt's own capabilities XML.

Every fact may be missing (None): what is not known gives no finding. `survey` takes the same facts live.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from vfslint.targets import Target, Version, contemporary, spell, version

# The `version` of a saved document (schemas/host.schema.json).
FORMAT = 1
MAXIMUM_BYTES = 16 * 1024 * 1024

# How a path is found on a host; a program is a file that may be executed.
KINDS = ("directory", "file", "program", "socket", "other", "missing")

# libvirt keeps each guest's files below this folder of memory_backing_dir (qemu_conf.c).
DEFAULT_BACKING_DIRECTORY = "/var/lib/libvirt/qemu/ram"

# File systems that keep their files in memory.
IN_MEMORY = frozenset({"tmpfs", "ramfs", "hugetlbfs"})

# The Rust virtiofsd says since this release that it takes options one by one, without `-o`.
_SEPARATE_OPTIONS = (1, 11, 1)

Kind = TypeVar("Kind")


class Unreadable(Exception):
    """The facts cannot be used. The text is one line."""


class Pool(NamedTuple):
    """Pages of one size on one NUMA node, or on the whole host where `node` is None.

    `free` is None where only the size of the pool is known. The kernel adds up to `overcommit` pages when
    they are asked for (nr_overcommit_hugepages).
    """

    size_kib: int
    total: int
    free: int | None = None
    node: int | None = None
    overcommit: int = 0

    @property
    def at_most(self) -> int:
        """How many pages a guest can get, as far as is known."""
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
        """The page sizes that the host's kernel knows, in KiB, the smallest first."""
        return tuple(sorted({pool.size_kib for pool in self.pools}))

    def pool(self, size_kib: int, node: int | None = None) -> Pool | None:
        """The pool of a size on a node, or on the whole host; None where nothing is known of it."""
        found = self._by_place.get((size_kib, node))
        if found or node is not None:
            return found
        parts = [pool for pool in self.pools if pool.size_kib == size_kib]
        if not parts:
            return None
        free = [pool.free for pool in parts if pool.free is not None]
        return Pool(size_kib, sum(pool.total for pool in parts), sum(free) if len(free) == len(parts) else None)

    def free(self, size_kib: int, node: int | None = None) -> int | None:
        """How many pages of a size a guest can get; None where nothing is known of them."""
        pool = self.pool(size_kib, node)
        return None if pool is None else pool.at_most

    def total(self, size_kib: int, node: int | None = None) -> int | None:
        """How many pages of a size the host has when no guest runs; None where that is not known."""
        pool = self.pool(size_kib, node)
        return None if pool is None else pool.total + pool.overcommit


class Mount(NamedTuple):
    """A mounted hugetlbfs and the size of its pages."""

    path: str
    size_kib: int


class Storage(NamedTuple):
    """The file system that a path lies on. Sizes are None where they are not known."""

    path: str
    filesystem: str
    size_kib: int | None = None
    free_kib: int | None = None

    @property
    def is_memory(self) -> bool:
        """Whether the files are kept in memory."""
        return self.filesystem in IN_MEMORY


class Daemon(NamedTuple):
    """A virtiofsd. `version` is None for the daemon in C, and where `is_known` is false.

    `features` is what `--print-capabilities` names; None where the program did not answer with JSON, which
    `has_answered` tells from not having been asked.
    """

    path: str
    version: Version | None = None
    is_c: bool = False
    features: frozenset[str] | None = None
    has_answered: bool = True

    @property
    def is_known(self) -> bool:
        """Whether it is known which virtiofsd this is."""
        return self.is_c or self.version is not None

    @property
    def has_separate_options(self) -> bool:
        """Whether libvirt 10.6.0 and newer give it its options one by one."""
        if self.features is not None:
            return "separate-options" in self.features
        return self.version is not None and self.version >= _SEPARATE_OPTIONS

    @property
    def title(self) -> str:
        """How messages call it."""
        if self.is_c:
            return "the virtiofsd in C"
        return f"virtiofsd {spell(self.version)}" if self.version else self.path


class Discovery(NamedTuple):
    """Which programs the vhost-user files name for a share, in libvirt's order.

    `fault` tells why libvirt gives up the search before it starts: one unreadable file spoils it.
    """

    binaries: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class Host:
    """The facts. `paths` maps a path to one of `KINDS`, `nodes` a NUMA node to its memory in KiB."""

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

    def path_kind(self, path: str) -> str | None:
        """What a path is, one of `KINDS`; None where that is not known."""
        return self.paths.get(path) or self.paths.get(posixpath.normpath(path))

    def storage_at(self, path: str) -> Storage | None:
        """The file system that a path lies on, or None where that is not known."""
        return self.storage.get(path) or self.storage.get(posixpath.normpath(path))

    @property
    def page_kib(self) -> int | None:
        """The size that `<hugepages/>` without a `<page>` stands for, or None where that is not known.

        libvirt takes the mount with the kernel's own default size, else the first one
        (qemu_command.c:qemuBuildMemoryGetDefaultPagesize).
        """
        sizes = [mount.size_kib for mount in self.hugetlbfs or ()]
        if self.default_page_kib in sizes or not sizes:
            return self.default_page_kib
        return sizes[0]

    def drivers_for(self, arch: str) -> frozenset[str] | None:
        """The filesystem drivers of the host's QEMU for an architecture, or None where they are not known."""
        return self.filesystem_drivers if arch == self.arch else None

    def sources_for(self, arch: str) -> frozenset[str] | None:
        """The memory sources of the host's QEMU for an architecture, or None where they are not known."""
        return self.memory_sources if arch == self.arch else None

    def daemon_at(self, path: str) -> Daemon | None:
        """The virtiofsd of that path, or None where nothing is known of it."""
        return self.daemons.get(path)

    def daemon(self, libvirt: Version) -> Daemon | None:
        """The virtiofsd that libvirt chooses for a share that names none, or None.

        Since 10.6.0 it asks each for its capabilities and passes over those that do not answer.
        """
        for path in self.discovery.binaries if self.discovery else ():
            daemon = self.daemon_at(path) or Daemon(path)
            if daemon.has_answered or libvirt < (10, 6, 0):
                return daemon
        return None

    def target(self, otherwise: Target) -> Target:
        """Return the stack of this host; what is not known of it is what `otherwise` has."""
        target = contemporary(self.libvirt) if self.libvirt else otherwise
        if self.qemu:
            target = target._replace(qemu=self.qemu)
        daemon = self.daemon(target.libvirt)
        if daemon and daemon.is_known:
            target = target._replace(virtiofsd=daemon.version)
        return target


def load(data: bytes) -> Host:
    """Read what `vfslint host` wrote, or the XML of `virsh capabilities` or `virsh domcapabilities`.

    Raises `Unreadable` for anything else.
    """
    if len(data) > MAXIMUM_BYTES:
        raise Unreadable(f"the facts are larger than {MAXIMUM_BYTES} bytes")
    if data.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<"):
        from vfslint.host import capabilities

        return capabilities.load(data)
    try:
        found = json.loads(data)
    except RecursionError:
        raise Unreadable("the facts are nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"neither JSON nor libvirt's capabilities XML: {_one_line(error)}") from None
    if not isinstance(found, dict):
        raise Unreadable("the facts are no JSON object; vfslint host writes one")
    if found.get("version") != FORMAT:
        raise Unreadable(f'the facts are not of version {FORMAT}: there is no "version": {FORMAT}')
    return _Facts(found, "").host()


def dump(host: Host) -> dict[str, Any]:
    """Return a host's facts as the JSON object that `load` reads; facts that are not known are left out."""
    written: dict[str, Any] = {
        "version": FORMAT,
        "libvirt": _spelt(host.libvirt),
        "qemu": _spelt(host.qemu),
        "kernel": host.kernel,
        "arch": host.arch,
        "session": host.session,
        "memory_kib": host.memory_kib,
        "default_page_kib": host.default_page_kib,
        "hugepages": _dumped_all(host.hugepages.pools if host.hugepages else None),
        "hugetlbfs": _dumped_all(host.hugetlbfs),
        "memory_backing_dir": host.backing_directory,
        "storage": _dumped_all(storage for _, storage in sorted(host.storage.items())),
        "paths": dict(sorted(host.paths.items())),
        "discovery": None if host.discovery is None else _dumped_discovery(host.discovery),
        "virtiofsd": [_dumped_daemon(daemon) for _, daemon in sorted(host.daemons.items())],
        "can_map_ids": host.can_map_ids,
        "filesystem_drivers": None if host.filesystem_drivers is None else sorted(host.filesystem_drivers),
        "memory_sources": None if host.memory_sources is None else sorted(host.memory_sources),
    }
    if host.nodes is not None:
        written["nodes"] = [{"id": node, "memory_kib": size} for node, size in sorted(host.nodes.items())]
    return {name: value for name, value in written.items() if value is not None}


def _spelt(release: Version | None) -> str | None:
    return None if release is None else spell(release)


def _dumped_all(records: Iterable[Any] | None) -> list[dict[str, Any]] | None:
    return None if records is None else [_dumped(record) for record in records]


def _dumped(record: Any) -> dict[str, Any]:
    return {name: value for name, value in record._asdict().items() if value is not None}


def _dumped_discovery(discovery: Discovery) -> dict[str, Any]:
    fault = {"fault": discovery.fault} if discovery.fault else {}
    return {"binaries": list(discovery.binaries), **fault}


def _dumped_daemon(daemon: Daemon) -> dict[str, Any]:
    written: dict[str, Any] = {"path": daemon.path}
    if daemon.is_known:
        written["version"] = spell(daemon.version) if daemon.version else "C"
    if daemon.features is not None:
        written["features"] = sorted(daemon.features)
    elif not daemon.has_answered:
        written["features"] = None
    return written


def _one_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error))[:200]


class _Facts:
    """A JSON object of the document, and where it stands there. Keys that it does not know are left alone."""

    def __init__(self, found: dict[str, Any], where: str) -> None:
        self.found = found
        self.where = where

    def get(self, name: str, kind: type[Kind]) -> Kind | None:
        """Return a value of that type; None where it is absent or null."""
        value = self.found.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise Unreadable(f"{self.where}{name} is not {_WORDS[kind]}")
        return value

    def need(self, name: str, kind: type[Kind]) -> Kind:
        """Return a value of that type, which must be there."""
        value = self.get(name, kind)
        if value is None:
            raise Unreadable(f"{self.where}{name} is missing")
        return value

    def size(self, name: str) -> int | None:
        """Return a number that is not negative."""
        number = self.get(name, int)
        if number is not None and number < 0:
            raise Unreadable(f"{self.where}{name} is negative")
        return number

    def amount(self, name: str) -> int:
        """Return a number that must be there and is not negative."""
        self.need(name, int)
        return self.size(name) or 0

    def release(self, name: str) -> Version | None:
        """Return a version such as 9.0.0."""
        text = self.get(name, str)
        try:
            return None if text is None else version(text)
        except ValueError as error:
            raise Unreadable(f"{self.where}{name}: {_one_line(error)}") from None

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return a list of strings."""
        found = self.get(name, list)
        if found is None:
            return None
        if not all(isinstance(text, str) for text in found):
            raise Unreadable(f"{self.where}{name} holds something that is not a string")
        return tuple(found)

    def set_of(self, name: str) -> frozenset[str] | None:
        """Return a list of strings as a set."""
        found = self.texts(name)
        return None if found is None else frozenset(found)

    def objects(self, name: str) -> list[_Facts] | None:
        """Return a list of objects."""
        found = self.get(name, list)
        if found is None:
            return None
        where = f"{self.where}{name}"
        for position, each in enumerate(found):
            if not isinstance(each, dict):
                raise Unreadable(f"{where}[{position}] is not an object")
        return [_Facts(each, f"{where}[{position}].") for position, each in enumerate(found)]

    def host(self) -> Host:
        """Return the facts of a whole document."""
        pools = self.objects("hugepages")
        mounts = self.objects("hugetlbfs")
        nodes = self.objects("nodes")
        discovery = self.get("discovery", dict)
        storage = [each.storage() for each in self.objects("storage") or ()]
        daemons = [each.daemon() for each in self.objects("virtiofsd") or ()]
        return Host(
            libvirt=self.release("libvirt"),
            qemu=self.release("qemu"),
            kernel=self.get("kernel", str),
            arch=self.get("arch", str),
            session=bool(self.get("session", bool)),
            memory_kib=self.size("memory_kib"),
            nodes=None if nodes is None else {n.amount("id"): n.amount("memory_kib") for n in nodes},
            default_page_kib=self.size("default_page_kib") or None,
            hugepages=None if pools is None else HugePages(tuple(each.pool() for each in pools)),
            hugetlbfs=None if mounts is None else tuple(each.mount() for each in mounts),
            backing_directory=self.get("memory_backing_dir", str),
            storage={posixpath.normpath(each.path): each for each in storage},
            paths=self.paths(),
            discovery=None if discovery is None else _Facts(discovery, "discovery.").discovery(),
            daemons={each.path: each for each in daemons},
            can_map_ids=self.get("can_map_ids", bool),
            filesystem_drivers=self.set_of("filesystem_drivers"),
            memory_sources=self.set_of("memory_sources"),
        )

    def paths(self) -> dict[str, str]:
        """Return what the paths are."""
        found = self.get("paths", dict) or {}
        for path, kind in found.items():
            if kind not in KINDS:
                raise Unreadable(f"paths[{json.dumps(path)}] is none of {', '.join(KINDS)}"[:300])
        return found

    def pool(self) -> Pool:
        """Return a pool of huge pages."""
        return Pool(
            self.amount("size_kib"),
            self.amount("total"),
            self.size("free"),
            self.size("node"),
            self.size("overcommit") or 0,
        )

    def mount(self) -> Mount:
        """Return a mounted hugetlbfs."""
        return Mount(self.need("path", str), self.amount("size_kib"))

    def storage(self) -> Storage:
        """Return the file system of a path."""
        return Storage(
            self.need("path", str), self.need("filesystem", str), self.size("size_kib"), self.size("free_kib")
        )

    def discovery(self) -> Discovery:
        """Return what the vhost-user files say."""
        return Discovery(self.texts("binaries") or (), self.get("fault", str) or "")

    def daemon(self) -> Daemon:
        """Return a virtiofsd; a null for its features tells that it did not answer."""
        is_c = self.get("version", str) == "C"
        return Daemon(
            self.need("path", str),
            None if is_c else self.release("version"),
            is_c,
            self.set_of("features"),
            "features" not in self.found or self.found["features"] is not None,
        )


_WORDS: dict[type, str] = {
    int: "a whole number",
    str: "a string",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
