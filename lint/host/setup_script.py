"""`vfslint setup`: the commands that prepare a host and a guest for a domain, as a shell script.

The script is POSIX sh, can be run repeatedly, and contains values of the domain only in quotes: a mount tag may be any
text.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

from vfslint.domain import sharing
from vfslint.host.needs import backing_storage, missing_mounts, needs, spell_pages
from vfslint.vocabulary.numbers import spell_size
from vfslint.xml.printable import printable

if TYPE_CHECKING:
    from vfslint.context import Context
    from vfslint.domain.domain import Domain
    from vfslint.domain.filesystem import VirtioFS
    from vfslint.host.facts import Host

# The size of <hugepages/> without a size if the host is not known: the default of nearly every x86 kernel.
_DEFAULT_PAGE_KIB = 2048

_QEMU_CONF = "/etc/libvirt/qemu.conf"
_RESTART = "systemctl try-restart virtqemud.service libvirtd.service"

# fstab(5): characters that end a field, or start a comment or an escape.
_FSTAB = str.maketrans({sign: f"\\{ord(sign):03o}" for sign in " \t\n\\#"})


class Step(NamedTuple):
    """Commands, and their purpose as a comment."""

    reason: str
    commands: tuple[str, ...] = ()


def write(domains: Domain | Sequence[Domain], context: Context, out: TextIO) -> None:
    """Write the script for one domain, or for several that run together on one host.

    If facts of the host are known, only what is missing there is written.
    """
    together = list(domains) if isinstance(domains, Sequence) else [domains]
    host = list(_host_steps(together, context))
    guests = [(domain.name, list(_guest_steps(domain, context))) for domain in together]
    out.write(_script(host, guests, context))


def quoted(text: str) -> str:
    """Return a word of a shell command. Text that is not printable is written as escaped bytes."""
    if text.isprintable():
        return shlex.quote(text)
    plain = re.compile(rb"[A-Za-z0-9_./ -]")
    encoded = "".join(
        chr(byte) if plain.match(bytes([byte])) else f"\\0{byte:03o}" for byte in text.encode(errors="replace")
    )
    return f"\"$(printf '%b' '{encoded}')\""


def _host_steps(domains: Sequence[Domain], context: Context) -> Iterator[Step]:
    shares = [share for domain in domains for share in domain.shares]
    if any(domain.type == "kvm" for domain in domains) and _kind(context, "/dev/kvm") in (None, "missing"):
        yield Step(
            "The domain uses KVM: the module for the processor must be loaded.",
            ("[ -e /dev/kvm ] || modprobe kvm_intel || modprobe kvm_amd",),
        )
    yield from _daemon(shares, context)
    yield from _directories(shares, context)
    yield from _sockets(shares, context)
    yield from _pages(domains, context)
    yield from _memory_files(domains, context)


def _kind(context: Context, path: str) -> str | None:
    return context.host.path_kind(path) if context.host else None


def _daemon(shares: Sequence[VirtioFS], context: Context) -> Iterator[Step]:
    host, target = context.host, context.target
    if not shares or (host and host.daemon(target.libvirt)):
        return
    if target.virtiofsd is None:
        package, reason = "qemu-system-common", "virtiofsd is part of QEMU (Fedora, RHEL: package virtiofsd)."
    else:
        package, reason = "virtiofsd", "virtiofsd is a separate package since QEMU 8.0."
    yield Step(
        reason,
        (
            "ls /usr/libexec/virtiofsd /usr/lib/virtiofsd /usr/lib/qemu/virtiofsd 2>/dev/null | grep -q . ||",
            f"    apt-get install {package} || dnf install virtiofsd || zypper install virtiofsd",
        ),
    )
    if context.session and not (host and host.can_map_ids):
        yield Step(
            "An unprivileged virtiofsd requires newuidmap and newgidmap.",
            ("command -v newuidmap newgidmap || apt-get install uidmap || dnf install shadow-utils-subid",),
        )


def _directories(shares: Sequence[VirtioFS], context: Context) -> Iterator[Step]:
    wanted = dict.fromkeys(share.directory for share in shares if (share.directory or "").startswith("/"))
    missing = [path for path in wanted if path and _kind(context, path) != "directory"]
    if missing:
        yield Step(
            "The directories to share; libvirt does not create them.",
            tuple(f"mkdir -p -- {quoted(path)}" for path in missing),
        )


def _sockets(shares: Sequence[VirtioFS], context: Context) -> Iterator[Step]:
    number = 0
    for share in shares:
        if not share.socket or _kind(context, share.socket) == "socket":
            continue
        number += 1
        directory = f'"${{SHARED_DIR_{number}:?the directory to share}}"'
        options = [f"--socket-path={quoted(share.socket)}"]
        if context.target.virtiofsd is None:
            options.append(f"-o source={directory}")
        else:
            options.append(f"--shared-dir={directory}")
        if share.readonly and context.target.virtiofsd:
            options.append("--readonly")
        yield Step(
            "A share with a socket requires its own virtiofsd, started each time before the domain.\n"
            f"Set SHARED_DIR_{number} to the directory. QEMU's user must be able to open the socket: see\n"
            "--socket-group.",
            (f"{_daemon_path(context)} {' '.join(options)} &",),
        )


def _daemon_path(context: Context) -> str:
    daemon = context.host.daemon(context.target.libvirt) if context.host else None
    if daemon:
        return quoted(daemon.path)
    return "/usr/lib/qemu/virtiofsd" if context.target.virtiofsd is None else "/usr/libexec/virtiofsd"


def _pages(domains: Sequence[Domain], context: Context) -> Iterator[Step]:
    host = context.host
    demand: dict[tuple[int, tuple[int, ...]], int] = {}
    for domain in domains:
        for (size, nodes), (_, number) in needs(domain, host, _DEFAULT_PAGE_KIB).items():
            place = size, nodes if len(nodes) == 1 else ()
            # A demand on several nodes is already part of the demand on the whole host.
            if len(nodes) < 2:
                demand[place] = demand.get(place, 0) + number
    for size in sorted({size for size, _ in demand}):
        commands = tuple(_allocations(size, demand, host))
        if commands:
            yield Step(
                f"{demand[size, ()]} huge pages of {spell_size(size)}. To allocate them at every boot:\n"
                f"{_at_boot(size, demand[size, ()])}",
                commands,
            )
    yield from _mounts(domains, context)


def _allocations(size: int, demand: dict[tuple[int, tuple[int, ...]], int], host: Host | None) -> Iterator[str]:
    """Yield the commands that set the pools of single nodes, then the one for the rest on the whole host."""
    bound = {nodes: number for (at, nodes), number in demand.items() if at == size and nodes}
    unbound = demand[size, ()] - sum(bound.values())
    for nodes, number in sorted([*bound.items(), ((), unbound)], key=lambda item: (not item[0], item[0])):
        pool = host.hugepages.pool(size, *nodes) if host and host.hugepages else None
        # The pages of the nodes are also in the pool of the host.
        taken = sum(bound.values()) if not nodes else 0
        missing = max(number + taken - max(pool.at_most, taken), 0) if pool else number
        place = "".join(f" --cellno {node}" for node in nodes)
        if missing and (bound and not nodes):
            yield f"virsh allocpages {spell_pages(size)} {missing} --add"
        elif missing:
            grows = " --add" if pool and pool.total else ""
            yield f"virsh allocpages {spell_pages(size)} {missing}{place}{grows}"


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
        mount = f"mount -t hugetlbfs -o pagesize={spell_pages(size)} hugetlbfs {folder}"
        yield Step(
            f"A hugetlbfs with pages of {spell_size(size)}; libvirt's daemon looks for it when it starts.",
            (
                f"mkdir -p {folder}",
                f"grep -q '^[^ ]* {folder} hugetlbfs ' /proc/mounts || {{ {mount} && {_RESTART}; }}",
            ),
        )


def _memory_files(domains: Sequence[Domain], context: Context) -> Iterator[Step]:
    size = sum(sharing.file_backed_kib(domain) for domain in domains)
    storage = backing_storage(context)
    configured = context.conf and context.conf["memory_backing_dir"]
    if not size or configured or (storage and storage.is_memory):
        return
    path = "~/.config/libvirt/qemu.conf" if context.session else _QEMU_CONF
    line = 'memory_backing_dir = "/dev/shm/"'
    restart = _RESTART.replace("systemctl", "systemctl --user") if context.session else _RESTART
    yield Step(
        f"Guest memory is in files of up to {spell_size(size)} in memory_backing_dir, by default on a disk.\n"
        "/dev/shm keeps them in memory; its size is half of the host's memory by default.\n"
        "<source type='memfd'/> does not require this.",
        (
            f"grep -q '^ *memory_backing_dir' {path} || printf '%s\\n' '{line}' >> {path}",
            restart,
        ),
    )


def _guest_steps(domain: Domain, context: Context) -> Iterator[Step]:
    tags = [share for share in domain.shares if share.tag]
    if not tags:
        return
    yield Step(
        "A Linux guest requires Linux 5.4 or newer. Windows: install the driver viofs of virtio-win\n"
        "and WinFsp, start the service VirtioFsSvc, and give the device queue='1024'.",
        ("modprobe virtiofs || grep -w virtiofs /proc/filesystems",),
    )
    points: set[str] = set()
    for share in tags:
        yield _mounted(share, share.tag or "", points)


def _mounted(share: VirtioFS, tag: str, points: set[str]) -> Step:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", tag).strip("-.") or "share"
    point, number = f"/mnt/{name}", 2
    while point in points:
        point, number = f"/mnt/{name}-{number}", number + 1
    points.add(point)
    options = "ro" if share.readonly else "rw"
    field = tag.translate(_FSTAB)
    line = quoted(f"{field} {point} virtiofs {options},nofail 0 0")
    end = "-- " if tag.startswith("-") else ""
    mount = f"mount -t virtiofs {'-o ro ' if share.readonly else ''}{end}{quoted(tag)} {point}"
    return Step(
        f"Mount the share {printable(tag)!r}, now and at every boot; {point} can be any folder.",
        (
            f"mkdir -p {point}",
            f"mountpoint -q {point} || {mount}",
            f"grep -qxF -e {line} /etc/fstab || printf '%s\\n' {line} >> /etc/fstab",
        ),
    )


def _script(host: Sequence[Step], guests: Sequence[tuple[str, Sequence[Step]]], context: Context) -> str:
    names = ", ".join(repr(printable(name)) for name, _ in guests)
    several = len(guests) > 1
    nothing = "Nothing is missing on the host." if context.host else "Nothing needs to be done on the host."
    pieces = [
        "#!/bin/sh",
        f"# Prepares a host and a guest for {names}: {context.target}.",
        "# Written by vfslint setup. Read it first. Then run it as root, on the host: sh FILE host, and in the",
        f"# guest: sh FILE guest{' NAME' if several else ''}.",
        "set -eu",
        "",
        *_function("host", host or [Step(nothing)]),
    ]
    for number, (_, steps) in enumerate(guests, 1):
        pieces += _function(f"guest_{number}", steps or [Step("Nothing needs to be mounted in the guest.")])
    pieces += ['case "$*" in', "host) host ;;"]
    for number, (name, _) in enumerate(guests, 1):
        words = f'"guest "{quoted(name)}' if several else "guest"
        pieces.append(f"{words}) guest_{number} ;;")
    usage = "host | guest NAME" if several else "host | guest"
    pieces += ["*)", f'    echo "usage: $0 {usage}" >&2', "    exit 2", "    ;;", "esac", ""]
    return "\n".join(pieces)


def _function(name: str, steps: Iterable[Step]) -> list[str]:
    lines = [f"{name}() {{"]
    for step in steps:
        lines += [f"    # {line}" for line in step.reason.split("\n")]
        lines += [f"    {command}" for command in step.commands or (":",)]
    return [*lines, "}", ""]
