"""Collects the facts of this machine: `vfslint host` and `--host`.

Everything is read below a root folder, so that tests can substitute another machine. Programs are run without a
shell, with a timeout, and only from the directories where the system installs them: a path from a domain's XML is
examined, but never run.
"""

from __future__ import annotations

import grp
import json
import os
import posixpath
import pwd
import re
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TextIO

from vfslint.domain.host_paths import KVM, Need, host_paths
from vfslint.host import sockets
from vfslint.host.facts import (
    DEFAULT_BACKING_DIRECTORY,
    Daemon,
    Discovery,
    Host,
    HugePages,
    IdRanges,
    Mount,
    Pool,
    Storage,
)
from vfslint.host.load import dump
from vfslint.lazy import lazy
from vfslint.qemu_conf import reader
from vfslint.targets import BINARIES, Version, is_c_daemon
from vfslint.vocabulary import numbers
from vfslint.xml.source import Source

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

Run = Callable[[Sequence[str]], "str | None"]

_LIBVIRT = ("/usr/sbin/virtqemud", "/usr/sbin/libvirtd", "/usr/bin/virsh")
_EMULATORS = ("/usr/bin/qemu-system-{arch}", "/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm", "/usr/bin/kvm")
_VHOST_USER = ("/usr/share/qemu/vhost-user", "/etc/qemu/vhost-user")

# qemu_vhost_user.c: the types in vhost-user files; any other type makes libvirt's search fail.
_TYPES = frozenset("9p balloon block caif console crypto gpu input net rng rpmsg rproc-serial scsi vsock fs".split())
_LONGEST_FILE = 1024 * 1024  # qemu_vhost_user.c: DOCUMENT_SIZE
_SECONDS = 5
# The switches that connect to a vhost-user socket of QEMU, by the names of their processes.
_SWITCHES = frozenset({"ovs-vswitchd", "vpp", "vpp_main", "snabb", "dpdk-testpmd", "testpmd", "contrail-vroute"})
_SHELL_SCRIPT = re.compile(r"#![ \t]*\S*/(?:env[ \t]+)?(?:\S*/)?(?:ba|da|k|z)?sh\b")
# A use of the script's own arguments, or another script that sees them.
_PASSES_ARGUMENTS = re.compile(r"\$\{?[@*1-9]|^\s*(?:\.|source)\s|\beval\b", re.MULTILINE)
_RELEASE = re.compile(r"\b(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")


def take(root: str = "/", *, session: bool = False, run: Run | None = None) -> Host:
    """Return the facts of this machine, or of the one whose files are below `root`.

    Directories of shares, sockets and programs are examined when a rule needs them.
    """
    machine = Machine(root, run or (_run if root == "/" else _run_nothing))
    arch = os.uname().machine
    mounts = machine.mounts
    discovery = machine.discovery(session)
    daemons = dict.fromkeys([*(discovery.binaries if discovery else ()), *BINARIES])
    return LiveHost(
        libvirt=machine.first_release(_LIBVIRT),
        qemu=machine.first_release([path.format(arch=arch) for path in _EMULATORS]),
        kernel=machine.line("/proc/sys/kernel/osrelease"),
        arch=arch,
        session=session,
        memory_kib=machine.meminfo("/proc/meminfo").get("MemTotal"),
        nodes=machine.nodes(),
        default_page_kib=machine.meminfo("/proc/meminfo").get("Hugepagesize"),
        hugepages=machine.hugepages(),
        hugetlbfs=None if mounts is None else tuple(machine.hugetlbfs(mounts, session)),
        backing_directory=machine.backing_directory(session),
        discovery=discovery,
        daemons={path: daemon for path in daemons if (daemon := machine.daemon(path))},
        can_map_ids=machine.can_map_ids(),
        cpus=machine.cpus(),
        uid=machine.user[0] if session else None,
        gid=machine.user[1] if session else None,
        subuids=machine.id_ranges("/etc/subuid", *_names_of_user(machine.user)) if session else None,
        subgids=machine.id_ranges("/etc/subgid", *_names_of_user(machine.user)) if session else None,
        configuration_directory=f"{_configuration_home()}/libvirt" if session else None,
        security_models=machine.security_models(session),
        switches=machine.switches(),
        machine=machine,
    )


# What a qemu.conf names on the host.
_CONF_USERS, _CONF_GROUPS = ("user", "swtpm_user"), ("group", "swtpm_group")
_CONF_PATHS = ("hugetlbfs_mount", "memory_backing_dir", "auto_dump_path")


def write(
    out: TextIO,
    domains: Iterable[Domain] = (),
    confs: Sequence[reader.QemuConf] = (),
    *,
    host: Host | None = None,
) -> None:
    """Write the facts as JSON, including what is at the paths, and who are the users, that the files name."""
    host = host or take()
    paths = {path for domain in domains for path in paths_of(domain)}
    paths.update(path for conf in confs for path in _texts(conf, _CONF_PATHS))
    paths.update(host.discovery.binaries if host.discovery else ())
    directory = host.backing_directory
    storage = host.storage_at(directory) if directory else None
    recorded = replace(
        host,
        paths={path: kind for path in paths if (kind := host.path_kind(path))},
        links={path: target for path in paths if (target := host.link_target(path)) is not None},
        unreadable=frozenset(path for path in paths if host.is_unreadable(path)),
        daemons={path: daemon for path in {*paths, *host.daemons} if (daemon := host.daemon_at(path))},
        storage={storage.path: storage} if storage else {},
        users=_known(host.has_user, confs, _CONF_USERS),
        groups=_known(host.has_group, confs, _CONF_GROUPS),
    )
    json.dump(dump(recorded), out, indent=2, ensure_ascii=True)
    out.write("\n")


def _known(
    ask: Callable[[str], bool | None], confs: Iterable[reader.QemuConf], settings: Sequence[str]
) -> dict[str, bool]:
    """Return whether the users or groups exist that some settings name, as far as that is known."""
    names = {name for conf in confs for name in _texts(conf, settings)}
    return {name: exists for name in names if (exists := ask(name)) is not None}


def _texts(conf: reader.QemuConf, names: Iterable[str]) -> Iterator[str]:
    """Yield the strings, other than empty ones, that some settings have."""
    for name in names:
        yield from (text for text in conf.texts(name) or () if text)


def paths_of(domain: Domain) -> Iterator[str]:
    """Yield the host paths that the rules examine for a domain."""
    if domain.emulator:
        yield domain.emulator.text
    for share in domain.shares:
        binary = share.binary.value("path") if share.binary and share.socket is None else None
        yield from (path for path in (share.directory, binary) if path)
    for found in host_paths(domain):
        yield found.folder if found.need is Need.FOLDER else found.path
    if domain.type == "kvm":
        yield KVM


@dataclass(frozen=True)
class LiveHost(Host):
    """The facts of the running machine: what has not been collected yet is looked up."""

    machine: Machine | None = None

    def path_kind(self, path: str) -> str | None:
        """What a path is, as far as the user may see it."""
        return self.machine.kind(path) if self.machine else super().path_kind(path)

    def link_target(self, path: str) -> str | None:
        """The target of a symbolic link."""
        return self.machine.link_target(path) if self.machine else super().link_target(path)

    def is_unreadable(self, path: str) -> bool:
        """Whether the session's user may not enter a directory."""
        if not self.machine:
            return super().is_unreadable(path)
        return self.session and self.machine.is_unreadable(path, self.subuids)

    def daemon_at(self, path: str) -> Daemon | None:
        """The virtiofsd of that path. One that only a domain names is not run: it is read if it is a script."""
        return super().daemon_at(path) or (self.machine.script(path) if self.machine else None)

    def has_user(self, name: str) -> bool | None:
        """Whether a user exists."""
        return self.machine.has_account("passwd", name) if self.machine else super().has_user(name)

    def has_group(self, name: str) -> bool | None:
        """Whether a group exists."""
        return self.machine.has_account("group", name) if self.machine else super().has_group(name)

    def storage_at(self, path: str) -> Storage | None:
        """The file system of a path, or of the nearest existing folder above it."""
        return self.machine.storage(path) if self.machine else super().storage_at(path)


class Mounted(NamedTuple):
    """A line of /proc/self/mounts."""

    path: str
    filesystem: str
    options: tuple[str, ...]


class Machine:
    """Reads a machine's files below a root folder and runs its programs. The list of mounts is read once."""

    def __init__(self, root: str, run: Run) -> None:
        self.root = root
        self.run = run

    def path(self, path: str) -> str:
        """Return a path of the machine below the root folder."""
        return os.path.join(self.root, path.lstrip("/"))

    def text(self, path: str) -> str | None:
        """Return a small file's text, or None if it cannot be read."""
        try:
            with open(self.path(path), "rb") as file:
                return file.read(_LONGEST_FILE).decode(errors="replace")
        except (OSError, ValueError):
            return None

    def line(self, path: str) -> str | None:
        """Return the first line of a file, or None."""
        text = self.text(path)
        return text.strip().partition("\n")[0] if text and text.strip() else None

    def number(self, path: str) -> int | None:
        """Return the number in a file, or None."""
        line = self.line(path)
        return int(line) if line and line.isascii() and line.isdigit() else None

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted as strcmp does; empty if it cannot be read."""
        try:
            return sorted(os.listdir(self.path(folder)), key=os.fsencode)
        except OSError:
            return []

    def kind(self, path: str) -> str | None:
        """Return one of `facts.KINDS`; None if it is unknown, as for a relative path."""
        if not path.startswith("/"):
            return None
        try:
            mode = os.stat(self.path(path)).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return "missing"
        except (OSError, ValueError):
            return None
        if stat.S_ISREG(mode):
            return "program" if mode & 0o111 else "file"
        if stat.S_ISDIR(mode):
            return "directory"
        if not stat.S_ISSOCK(mode):
            return "other"
        bound = self.bound_sockets
        return "socket" if bound is None or posixpath.basename(path) in bound else "stale socket"

    @lazy
    def bound_sockets(self) -> frozenset[str] | None:
        """The names of all Unix sockets in use, without their folders; None if they cannot be read."""
        return sockets.bound(self.path("/proc"))

    def link_target(self, path: str) -> str | None:
        """Return the target of a symbolic link; None if the path is not one, as with a slash at its end."""
        if not path.startswith("/") or path.endswith("/"):
            return None
        try:
            return os.readlink(self.path(path))
        except (OSError, ValueError):
            return None

    @property
    def user(self) -> tuple[int, int]:
        """The user and group that vfslint runs as, which are those of the session."""
        return os.geteuid(), os.getegid()

    def is_unreadable(self, path: str, subuids: IdRanges | None) -> bool:
        """Whether the user may not enter a directory, not even as root of the namespace that virtiofsd runs in.

        There, it has every right to the directories of the user and of the user's own range of ids.
        """
        uid, _ = self.user
        if uid == 0 or not path.startswith("/"):
            return False
        try:
            owner = os.stat(self.path(path)).st_uid
        except PermissionError:
            return True
        except (OSError, ValueError):
            return False
        is_own = owner == uid or (subuids is not None and subuids.includes(owner, 1))
        return not is_own and not os.access(self.path(path), os.X_OK)

    def cpus(self) -> frozenset[int] | None:
        """Return the processors that are online, or None."""
        line = self.line("/sys/devices/system/cpu/online")
        found = numbers.bitmap(line) if line else None
        return None if found is None else frozenset(found)

    def id_ranges(self, file: str, *names: str) -> IdRanges | None:
        """Return the ranges that a file such as /etc/subuid gives to a user, by name or number; None without a file."""
        text = self.text(file)
        if text is None:
            return None
        fields = (line.split(":") for line in text.splitlines())
        return IdRanges(tuple(
            (int(found[1]), int(found[2]))
            for found in fields
            if len(found) == 3 and found[0] in names and found[1].isascii() and found[2].isascii()
            and found[1].isdigit() and found[2].isdigit() and len(found[1]) < 20 and len(found[2]) < 20
        ))  # fmt: skip

    def has_account(self, file: str, name: str) -> bool | None:
        """Whether a user (passwd) or group exists; of another machine's, only the file in /etc is known."""
        if self.root != "/":
            text = self.text(f"/etc/{file}")
            return None if text is None else any(line.startswith(f"{name}:") for line in text.splitlines())
        try:
            pwd.getpwnam(name) if file == "passwd" else grp.getgrnam(name)
        except KeyError:
            return False
        except ValueError:
            return None
        return True

    def security_models(self, session: bool) -> frozenset[str] | None:
        """Return the security drivers that libvirt can use: those of qemu.conf, else those of the kernel.

        Only the system's daemon has dac (qemu_driver.c:qemuSecurityInit).
        """
        own = frozenset() if session else frozenset({"dac"})
        conf = self.qemu_conf(session)
        configured = conf.texts("security_driver") if conf else None
        if configured:
            return own | set(configured)
        if not os.path.isdir(self.path("/sys/kernel")):
            return None
        places = {"selinux": "/sys/fs/selinux/enforce", "apparmor": "/sys/module/apparmor"}
        return own | {model for model, place in places.items() if self.kind(place) != "missing"}

    def switches(self) -> frozenset[str] | None:
        """Return the running programs that connect to the sockets of vhost-user interfaces; None if unknown."""
        processes = [name for name in self.names("/proc") if name.isdigit()]
        running = {self.line(f"/proc/{name}/comm") for name in processes}
        return frozenset(_SWITCHES & running) if processes else None

    def script(self, path: str) -> Daemon | None:
        """Return what is known of a virtiofsd without running it: whether it is a script that drops its arguments."""
        if self.kind(path) != "program":
            return None
        text = self.text(path) or ""
        if not _SHELL_SCRIPT.match(text):
            return None
        code = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
        return None if _PASSES_ARGUMENTS.search(code) else Daemon(path, drops_arguments=True)

    def meminfo(self, path: str) -> dict[str, int]:
        """Return the sizes of a meminfo file in KiB, by name."""
        found = re.findall(r"^(?:Node +\d+ +)?(\w+):\s+(\d{1,18})(?: kB)?$", self.text(path) or "", re.MULTILINE)
        return {name: int(size) for name, size in found}

    def _nodes(self) -> list[int]:
        names = self.names("/sys/devices/system/node")
        return sorted(int(found[1]) for name in names if (found := re.fullmatch(r"node(\d{1,6})", name)))

    def nodes(self) -> dict[int, int] | None:
        """Return the memory of each NUMA node, or None if the kernel shows none."""
        found = {}
        for node in self._nodes():
            size = self.meminfo(f"/sys/devices/system/node/node{node}/meminfo").get("MemTotal")
            if size is not None:
                found[node] = size
        return found or None

    def hugepages(self) -> HugePages | None:
        """Return the pools of the host and of each node; None if the kernel shows none."""
        places: list[tuple[int | None, str]] = [(None, "/sys/kernel/mm/hugepages")]
        places += [(node, f"/sys/devices/system/node/node{node}/hugepages") for node in self._nodes()]
        pools = [pool for node, folder in places for pool in self._pools(folder, node)]
        known = pools or os.path.isdir(self.path("/sys/kernel/mm"))
        return HugePages(tuple(pools)) if known else None

    def _pools(self, folder: str, node: int | None) -> Iterator[Pool]:
        for name in self.names(folder):
            size = re.fullmatch(r"hugepages-(\d{1,12})kB", name)
            total = self.number(f"{folder}/{name}/nr_hugepages")
            free = self.number(f"{folder}/{name}/free_hugepages")
            if size and total is not None and free is not None:
                reserved = self.number(f"{folder}/{name}/resv_hugepages") or 0
                limit = self.number(f"{folder}/{name}/nr_overcommit_hugepages") or 0
                surplus = self.number(f"{folder}/{name}/surplus_hugepages") or 0
                overcommit = max(limit - surplus, 0) if node is None else 0
                yield Pool(int(size[1]), total, max(free - reserved, 0), node, overcommit)

    @lazy
    def mounts(self) -> list[Mounted] | None:
        """The mounts, or None if they cannot be read."""
        text = self.text("/proc/self/mounts") or self.text("/proc/mounts")
        if text is None:
            return None
        lines = (line.split(" ") for line in text.splitlines())
        return [Mounted(_unescaped(f[1]), f[2], tuple(f[3].split(","))) for f in lines if len(f) >= 4]

    def hugetlbfs(self, mounts: Iterable[Mounted], session: bool) -> Iterator[Mount]:
        """Yield every hugetlbfs with its page size, which is the kernel's default if the mount does not set it."""
        conf = self.qemu_conf(session)
        configured = [posixpath.normpath(path) for path in (conf.texts("hugetlbfs_mount") if conf else None) or ()]
        for mounted in mounts:
            if mounted.filesystem != "hugetlbfs":
                continue
            size = self.meminfo("/proc/meminfo").get("Hugepagesize", 2048)
            for option in mounted.options:
                found = re.fullmatch(r"pagesize=(\d{1,9})([KMG])", option)
                if found:
                    size = int(found[1]) * {"K": 1, "M": 1024, "G": 1024**2}[found[2]]
            yield Mount(mounted.path, size, mounted.path in configured)

    def storage(self, path: str) -> Storage | None:
        """Return the file system of a path, or of the nearest existing folder above it."""
        mounts = self.mounts
        if mounts is None or not path.startswith("/"):
            return None
        path = posixpath.normpath(path)
        over = [mounted for mounted in mounts if path.startswith(mounted.path.rstrip("/") + "/")]
        over += [mounted for mounted in mounts if path == mounted.path]
        if not over:
            return None
        # The deepest mount counts, and of several on one folder the last.
        depth = max(len(mounted.path) for mounted in over)
        filesystem = [mounted.filesystem for mounted in over if len(mounted.path) == depth][-1]
        return Storage(path, filesystem, *self._room(path))

    def _room(self, path: str) -> tuple[int, int] | tuple[None, None]:
        """Return the size and the free space of a file system, in KiB."""
        while path != "/" and not os.path.isdir(self.path(path)):
            path = posixpath.dirname(path)
        try:
            found = os.statvfs(self.path(path))
        except OSError:
            return None, None
        return found.f_blocks * found.f_frsize // 1024, found.f_bavail * found.f_frsize // 1024

    def backing_directory(self, session: bool) -> str | None:
        """Return memory_backing_dir of the machine's qemu.conf, or None if that cannot be read."""
        folder = f"{_configuration_home()}/libvirt" if session else "/etc/libvirt"
        default = f"{folder}/qemu/ram" if session else DEFAULT_BACKING_DIRECTORY
        path = f"{folder}/qemu.conf"
        if self.kind(path) == "missing":
            return default
        conf = self.qemu_conf(session)
        return conf.text("memory_backing_dir") or default if conf else None

    def qemu_conf(self, session: bool) -> reader.QemuConf | None:
        """Return the machine's qemu.conf, or None if it cannot be read."""
        path = f"{_configuration_home()}/libvirt/qemu.conf" if session else "/etc/libvirt/qemu.conf"
        text = self.text(path)
        if text is None:
            return None
        try:
            return reader.read(Source(text.encode(), path))
        except reader.Unreadable:
            return None

    def discovery(self, session: bool) -> Discovery | None:
        """Search the vhost-user files as libvirt does (qemu_interop_config.c, qemu_vhost_user.c)."""
        folders = [*_VHOST_USER, *([f"{_configuration_home()}/qemu/vhost-user"] if session else ())]
        files: dict[str, str] = {}
        for folder in folders:
            for name in self.names(folder):
                path = f"{folder}/{name}"
                if not name.startswith(".") and self.kind(path) in ("file", "program"):
                    files[name] = path
        binaries = []
        for name in sorted(files, key=os.fsencode):
            text = self.text(files[name])
            if text is None:
                return None
            if not text:
                continue  # an empty file masks a file of the same name in an earlier folder
            fault, binary = _described(text)
            if fault:
                return Discovery((), f"{files[name]} {fault}")
            if binary:
                binaries.append(binary)
        return Discovery(tuple(binaries))

    def daemon(self, path: str) -> Daemon | None:
        """Run a virtiofsd to get its version and capabilities; None if there is none."""
        if self.kind(path) != "program":
            return None
        printed = self.run([path, "--version"]) or ""
        features = _features(self.run([path, "--print-capabilities"]))
        release = _release(printed)
        is_c = release is not None and is_c_daemon(release)
        return Daemon(path, None if is_c else release, is_c, features, features is not None)

    def first_release(self, paths: Iterable[str]) -> Version | None:
        """Return the version that the first of these programs prints, or None."""
        for path in paths:
            if self.kind(path) == "program":
                found = _release(self.run([path, "--version"]) or "")
                if found:
                    return found
        return None

    def can_map_ids(self) -> bool:
        """Whether an unprivileged virtiofsd can map more than one id (newuidmap and newgidmap)."""
        return all(self.kind(f"/usr/bin/{name}") == "program" for name in ("newuidmap", "newgidmap"))


def _described(text: str) -> tuple[str, str | None]:
    """Return what is wrong with a vhost-user file, and the program that it names for virtio-fs shares."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "is not JSON", None
    kind = found.get("type") if isinstance(found, dict) else None
    if not isinstance(kind, str) or kind not in _TYPES:
        return f"has an unknown type {kind!r}"[:200], None
    binary = found.get("binary")
    if not isinstance(binary, str):
        return "names no binary", None
    return "", binary if kind == "fs" else None


def _features(text: str | None) -> frozenset[str] | None:
    """Return the features in the output of --print-capabilities, or None if it is not valid."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    features = found.get("features", []) if isinstance(found, dict) else None
    if not isinstance(features, list):
        return None
    return frozenset(feature for feature in features if isinstance(feature, str))


def _release(text: str) -> Version | None:
    found = _RELEASE.search(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _unescaped(path: str) -> str:
    """Decode the octal escapes of whitespace and backslashes in /proc/self/mounts."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def _names_of_user(user: tuple[int, int]) -> tuple[str, ...]:
    """Return how /etc/subuid and /etc/subgid name a user: by name or number."""
    try:
        return pwd.getpwuid(user[0]).pw_name, str(user[0])
    except KeyError:
        return (str(user[0]),)


def _configuration_home() -> str:
    return os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")


def _run(argv: Sequence[str]) -> str | None:
    """Run a program and return what it prints, or None if it fails, hangs or does not exist."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout[:_LONGEST_FILE].decode(errors="replace")


def _run_nothing(_: Sequence[str]) -> str | None:
    """Replace the programs of a machine whose files are below a folder."""
    return None
