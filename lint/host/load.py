"""Reads and writes the facts of a host: the JSON of `vfslint host`, or libvirt's own capabilities XML."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable
from typing import Any

from vfslint import json_input
from vfslint.host import capabilities
from vfslint.host.facts import (
    FORMAT,
    KINDS,
    MAXIMUM_BYTES,
    Daemon,
    Discovery,
    Host,
    HugePages,
    IdRanges,
    Kind,
    Mount,
    Pool,
    Storage,
    Unreadable,
)
from vfslint.targets import Version, is_c_daemon, spell, version
from vfslint.vocabulary import numbers


def load(data: bytes) -> Host:
    """Read what `vfslint host` wrote, or the XML of `virsh capabilities` or `virsh domcapabilities`.

    Raises `Unreadable` for anything else.
    """
    if len(data) > MAXIMUM_BYTES:
        raise Unreadable(f"the facts are larger than {MAXIMUM_BYTES} bytes")
    if data.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<"):
        return capabilities.load(data)
    try:
        found = json_input.loads(data)
    except ValueError as error:
        raise Unreadable(f"neither JSON nor libvirt's capabilities XML: {_one_line(error)}") from None
    if not isinstance(found, dict):
        raise Unreadable("the facts are not a JSON object, as vfslint host writes it")
    if found.get("version") != FORMAT:
        raise Unreadable(f'unknown version of the facts; expected "version": {FORMAT}')
    return _Facts(found, "").host()


def dump(host: Host) -> dict[str, Any]:
    """Return a host's facts as the JSON object that `load` reads; unknown facts are omitted."""
    written: dict[str, Any] = {
        "version": FORMAT,
        "libvirt": _spelled(host.libvirt),
        "qemu": _spelled(host.qemu),
        "kernel": host.kernel,
        "arch": host.arch,
        "session": host.session,
        "memory_kib": host.memory_kib,
        "default_page_kib": host.default_page_kib,
        "hugepages": _dumped_all(host.hugepages.pools if host.hugepages else None),
        "hugetlbfs": None if host.hugetlbfs is None else [_dumped_mount(mount) for mount in host.hugetlbfs],
        "memory_backing_dir": host.backing_directory,
        "storage": _dumped_all(storage for _, storage in sorted(host.storage.items())),
        "paths": dict(sorted(host.paths.items())),
        "discovery": None if host.discovery is None else _dumped_discovery(host.discovery),
        "virtiofsd": [_dumped_daemon(daemon) for _, daemon in sorted(host.daemons.items())],
        "can_map_ids": host.can_map_ids,
        "filesystem_drivers": None if host.filesystem_drivers is None else sorted(host.filesystem_drivers),
        "memory_sources": None if host.memory_sources is None else sorted(host.memory_sources),
        "cpus": None if host.cpus is None else numbers.spell_set(host.cpus),
        "links": dict(sorted(host.links.items())) or None,
        "unreadable": sorted(host.unreadable) or None,
        "uid": host.uid,
        "gid": host.gid,
        "subuids": _dumped_ranges(host.subuids),
        "subgids": _dumped_ranges(host.subgids),
        "configuration_dir": host.configuration_directory,
        "security_models": None if host.security_models is None else sorted(host.security_models),
        "switches": None if host.switches is None else sorted(host.switches),
        "users": dict(sorted(host.users.items())) or None,
        "groups": dict(sorted(host.groups.items())) or None,
    }
    if host.nodes is not None:
        written["nodes"] = [{"id": node, "memory_kib": size} for node, size in sorted(host.nodes.items())]
    return {name: value for name, value in written.items() if value is not None}


def _spelled(release: Version | None) -> str | None:
    return None if release is None else spell(release)


def _dumped_all(records: Iterable[Any] | None) -> list[dict[str, Any]] | None:
    return None if records is None else [_dumped(record) for record in records]


def _dumped(record: Any) -> dict[str, Any]:
    return {name: value for name, value in record._asdict().items() if value is not None}


def _dumped_mount(mount: Mount) -> dict[str, Any]:
    configured = {"configured": True} if mount.is_configured else {}
    return {"path": mount.path, "size_kib": mount.size_kib, **configured}


def _dumped_ranges(ids: IdRanges | None) -> list[dict[str, int]] | None:
    return None if ids is None else [{"start": start, "count": count} for start, count in ids.ranges]


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
    if daemon.drops_arguments:
        written["drops_arguments"] = True
    return written


def _one_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error))[:200]


class _Facts:
    """A JSON object in the document, and its place there. Unknown keys are ignored."""

    def __init__(self, found: dict[str, Any], where: str) -> None:
        self.found = found
        self.where = where

    def get(self, name: str, kind: type[Kind]) -> Kind | None:
        """Return a value of that type; None if it is missing or null."""
        value = self.found.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise Unreadable(f"{self.where}{name} is not {_WORDS[kind]}")
        return value

    def need(self, name: str, kind: type[Kind]) -> Kind:
        """Return a value of that type, which must exist."""
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
        """Return a number that must exist and is not negative."""
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
            raise Unreadable(f"{self.where}{name} contains something that is not a string")
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
            cpus=self.cpus(),
            links=self.mapping("links", str),
            unreadable=self.set_of("unreadable") or frozenset(),
            uid=self.size("uid"),
            gid=self.size("gid"),
            subuids=self.ranges("subuids"),
            subgids=self.ranges("subgids"),
            configuration_directory=self.get("configuration_dir", str),
            security_models=self.set_of("security_models"),
            switches=self.set_of("switches"),
            users=self.mapping("users", bool),
            groups=self.mapping("groups", bool),
        )

    def cpus(self) -> frozenset[int] | None:
        """Return the processors, which are written as the kernel writes them: 0-3,8."""
        text = self.get("cpus", str)
        found = None if text is None else numbers.bitmap(text)
        if text is not None and found is None:
            raise Unreadable(f"{self.where}cpus is not a list of numbers such as 0-3,8")
        return None if found is None else frozenset(found)

    def mapping(self, name: str, kind: type[Kind]) -> dict[str, Kind]:
        """Return an object whose values have that type; empty if it is missing."""
        found = self.get(name, dict) or {}
        for key, value in found.items():
            if not isinstance(value, kind):
                raise Unreadable(f"{self.where}{name}[{json.dumps(key)}] is not {_WORDS[kind]}"[:300])
        return found

    def ranges(self, name: str) -> IdRanges | None:
        """Return ranges of ids."""
        found = self.objects(name)
        return (
            None if found is None else IdRanges(tuple((each.amount("start"), each.amount("count")) for each in found))
        )

    def paths(self) -> dict[str, str]:
        """Return what the paths are."""
        found = self.get("paths", dict) or {}
        for path, kind in found.items():
            if kind not in KINDS:
                raise Unreadable(f"paths[{json.dumps(path)}] is not one of {', '.join(KINDS)}"[:300])
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
        return Mount(self.need("path", str), self.amount("size_kib"), bool(self.get("configured", bool)))

    def storage(self) -> Storage:
        """Return the file system of a path."""
        return Storage(
            self.need("path", str), self.need("filesystem", str), self.size("size_kib"), self.size("free_kib")
        )

    def discovery(self) -> Discovery:
        """Return the contents of the vhost-user files."""
        return Discovery(self.texts("binaries") or (), self.get("fault", str) or "")

    def daemon(self) -> Daemon:
        """Return a virtiofsd; its features are null if it did not answer."""
        release = None if self.get("version", str) == "C" else self.release("version")
        is_c = self.get("version", str) is not None and (release is None or is_c_daemon(release))
        return Daemon(
            self.need("path", str),
            None if is_c else release,
            is_c,
            self.set_of("features"),
            "features" not in self.found or self.found["features"] is not None,
            bool(self.get("drops_arguments", bool)),
        )


_WORDS: dict[type, str] = {
    int: "a whole number",
    str: "a string",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
