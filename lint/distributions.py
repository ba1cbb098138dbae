"""The named targets: what each distribution ships, with the source of its versions and the month they were read for."""

from __future__ import annotations

from typing import NamedTuple

from vfslint.targets import NEWEST, OLDEST, Target

_IN_QEMU = "/usr/lib/qemu/virtiofsd"
_LIBEXEC = "/usr/libexec/virtiofsd"


class Stack(NamedTuple):
    """The releases of one distribution, other names for it, and where and for which month they were found."""

    target: Target
    source: str
    date: str
    aliases: tuple[str, ...] = ()


STACKS: dict[str, Stack] = {
    "newest": Stack(NEWEST, "the newest releases that vfslint was tested with", "2026-11"),
    "oldest": Stack(OLDEST, "the oldest releases that vfslint was tested with", "2021-08"),
    "alpine-3.24": Stack(
        Target((12, 3, 0), (11, 0, 0), (1, 13, 3), _LIBEXEC), "Alpine package index, v3.24", "2026-06", ("alpine",)
    ),
    "arch-2025.10": Stack(
        Target((11, 8, 0), (10, 1, 0), (1, 13, 2), "/usr/lib/virtiofsd"), "Arch package index", "2025-10", ("arch",)
    ),
    "centos-stream-9": Stack(Target((11, 10, 0), (10, 1, 0), (1, 13, 0), _LIBEXEC), "CentOS Stream 9", "2026-11"),
    "centos-stream-10": Stack(Target((12, 5, 0), (10, 1, 0), (1, 13, 3), _LIBEXEC), "CentOS Stream 10", "2026-11"),
    "debian-11": Stack(Target((7, 0, 0), (5, 2, 0), None, _IN_QEMU), "Debian package index, bullseye", "2026-11"),
    "debian-12": Stack(Target((9, 0, 0), (7, 2, 0), None, _IN_QEMU), "Debian package index, bookworm", "2026-11"),
    "debian-13": Stack(Target((11, 3, 0), (10, 0, 0), (1, 13, 2), _LIBEXEC), "Debian package index, trixie", "2026-11"),
    "fedora-42": Stack(Target((11, 0, 0), (9, 2, 0), (1, 13, 2), _LIBEXEC), "Fedora package index", "2025-06"),
    "fedora-43": Stack(Target((11, 6, 0), (10, 1, 0), (1, 13, 2), _LIBEXEC), "Fedora package index", "2025-10"),
    "fedora-44": Stack(
        Target((12, 0, 0), (10, 2, 0), (1, 13, 2), _LIBEXEC),
        "Fedora package index; virtiofsd as in Fedora 43",
        "2026-04",
        ("fedora",),
    ),
    "opensuse-leap-15.6": Stack(
        Target((10, 0, 0), (8, 2, 0), (1, 10, 1)),
        "openSUSE package index; SLE 15 SP6 sources",
        "2024-06",
        ("opensuse-leap",),
    ),
    "rhel-8": Stack(
        Target((8, 0, 0), (6, 2, 0), None, _LIBEXEC),
        "RHEL 8.9, module virt:rhel",
        "2023-11",
        ("almalinux-8", "rocky-8"),
    ),
    "rhel-9": Stack(
        Target((10, 10, 0), (9, 1, 0), (1, 13, 0), _LIBEXEC), "RHEL 9.6", "2025-05", ("almalinux-9", "rocky-9")
    ),
    "rhel-10": Stack(
        Target((10, 10, 0), (9, 1, 0), (1, 13, 0), _LIBEXEC), "RHEL 10.0", "2025-05", ("almalinux-10", "rocky-10")
    ),
    "sles-15": Stack(Target((10, 0, 0), (8, 2, 0), (1, 10, 1)), "SLES 15 SP6 sources", "2024-06"),
    "ubuntu-20.04": Stack(Target((6, 0, 0), (4, 2, 0), None, _IN_QEMU), "Ubuntu package index, focal", "2020-04"),
    "ubuntu-22.04": Stack(Target((8, 0, 0), (6, 2, 0), None, _IN_QEMU), "Ubuntu package index, jammy", "2022-04"),
    "ubuntu-24.04": Stack(
        Target((10, 0, 0), (8, 2, 0), (1, 10, 0), _LIBEXEC), "Ubuntu package index, noble", "2024-04"
    ),
    "ubuntu-26.04": Stack(
        Target((12, 0, 0), (10, 2, 1), (1, 13, 2), _LIBEXEC), "Ubuntu package index, resolute", "2026-04"
    ),
}

# Every name of --target, other names included.
NAMED: dict[str, Target] = {name: stack.target for main, stack in STACKS.items() for name in (main, *stack.aliases)}
