"""Machine types are known by name, with their limits and the releases of QEMU that have them."""

from __future__ import annotations

import pytest

from vfslint.domain.machine import MachineType


@pytest.mark.parametrize(
    ("name", "qemu", "limit"),
    [
        ("pc", (7, 2, 0), 255),
        (None, (7, 2, 0), 255),
        ("isapc", (7, 2, 0), 1),
        ("q35", (7, 2, 0), 288),
        ("q35", (8, 2, 0), 1024),
        ("q35", (10, 0, 0), 4096),
        ("pc-q35-2.4", (10, 0, 0), 255),
        ("pc-q35-8.0", (10, 0, 0), 288),
        ("pc-q35-noble", (10, 0, 0), None),
    ],
)
def test_cpu_limit(name: str | None, qemu: tuple[int, int, int], limit: int | None) -> None:
    assert MachineType(name, "x86_64", qemu).cpu_limit == limit


@pytest.mark.parametrize(
    ("name", "arch", "is_unknown"),
    [
        ("i440fx", "x86_64", True),
        ("virt", "x86_64", True),
        ("none", "x86_64", True),
        ("Q35", "x86_64", True),
        ("pc-q35-9.9", "x86_64", True),
        ("pc-q35-4.0.1", "x86_64", False),
        ("pc-q35-rhel9.2.0", "x86_64", False),
        ("ubuntu", "x86_64", False),
        ("q35", "aarch64", True),
        ("virt", "aarch64", False),
        ("some-board", "aarch64", False),
    ],
)
def test_unknown_machines(name: str, arch: str, is_unknown: bool) -> None:
    assert MachineType(name, arch, (11, 1, 0)).is_unknown is is_unknown


@pytest.mark.parametrize(
    ("name", "qemu", "comes_with", "gone_since"),
    [
        ("pc-q35-10.0", (7, 2, 0), (10, 0, 0), None),
        ("pc-q35-7.2", (7, 2, 0), None, None),
        ("pc-q35-2.12", (10, 0, 0), None, None),
        ("pc-q35-5.1", (11, 1, 0), None, (11, 1, 0)),
        ("pc-q35-5.2", (11, 1, 0), None, None),
        ("microvm", (4, 1, 0), (4, 2, 0), None),
    ],
)
def test_releases_of_machines(
    name: str,
    qemu: tuple[int, int, int],
    comes_with: tuple[int, int, int] | None,
    gone_since: tuple[int, int, int] | None,
) -> None:
    machine = MachineType(name, "x86_64", qemu)
    assert (machine.comes_with, machine.gone_since) == (comes_with, gone_since)
