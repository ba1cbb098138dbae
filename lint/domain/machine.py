"""Machine types: which QEMU has them, how many CPUs they support, and what their boards have.

Only certain facts are included: distributions rename machine types and keep some that QEMU removed.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from vfslint.lazy import lazy
from vfslint.targets import Version
from vfslint.vocabulary import numbers, table

X86 = frozenset({"x86_64", "i686"})
PPC64 = frozenset({"ppc64", "ppc64le"})
S390 = frozenset({"s390x", "s390"})

# Sizes of huge pages by architecture, for all kernel configurations (Linux arch/*/mm/hugetlbpage.c), in KiB.
HUGE_PAGES_KIB: dict[str, tuple[int, ...]] = {
    "x86_64": (2048, 1048576),
    "i686": (2048, 4096, 1048576),
    "aarch64": (64, 2048, 32768, 524288, 1048576, 16777216),
    "ppc64": (2048, 16384, 1048576, 16777216),
    "ppc64le": (2048, 16384, 1048576, 16777216),
    "s390x": (1024, 2097152),
}

_VERSIONED = r"pc-(q35|i440fx)-([0-9]+)\.([0-9]+)(?:\.([0-9]+))?\Z"
_VERSIONED_ELSEWHERE = r"(virt|pseries|s390-ccw-virtio)-([0-9]+)\.([0-9]+)()(?:-sxxm)?\Z"
_ANCIENT = r"pc-[01]\.[0-9]+\Z"
_VENDOR = r"rhel|ubuntu|pc-(?:q35|i440fx)-[a-z]"

# x86 boards without a version in their name, and the QEMU release that introduced each (hw/i386).
_PLAIN: dict[str, Version] = {
    "pc": (0, 0, 0),
    "q35": (0, 0, 0),
    "isapc": (0, 0, 0),
    "microvm": (4, 2, 0),
    "x-remote": (6, 0, 0),
    "nitro-enclave": (9, 2, 0),
    "nitro": (10, 1, 0),
}
# Boards that exist only on other architectures, by the start of their name.
_FOREIGN: dict[str, frozenset[str]] = {
    "pseries": frozenset({"ppc64", "ppc64le"}),
    "powernv": frozenset({"ppc64", "ppc64le"}),
    "s390-ccw-virtio": frozenset({"s390x", "s390"}),
}


class Board(NamedTuple):
    """What all machine types of one kind have: `names` is a pattern of their names, on `arches` only.

    `pci_root`: the model of PCI controller 0, or None without PCI. `usb`: libvirt adds a USB controller if the domain
    has none. `acpi`, `uefi`, `numa`: whether QEMU has it for this board. `pc_devices`: the devices of a PC, such as the
    PS/2 controller and VMware's port. `lacks_memory`: the models of memory devices that QEMU for this
    architecture does not have (the Kconfig of hw/mem, hw/virtio and the boards; tried up to QEMU 11.1, RISC-V up to
    10.0).
    """

    name: str
    arches: frozenset[str]
    names: str
    pci_root: str | None = None
    usb: bool = False
    acpi: bool = False
    uefi: bool = False
    numa: bool = True
    pc_devices: bool = False
    lacks_memory: frozenset[str] = frozenset()


_ARM = frozenset({"aarch64", "armv7l", "armv6l"})
_RISCV = frozenset({"riscv64", "riscv32"})
_VIRT = r"virt(-.*)?\Z"
_MODULES = frozenset({"dimm", "nvdimm"})
_VIRTIO_MEMORY = frozenset({"virtio-mem", "virtio-pmem"})

# libvirt: qemu_domain.c, qemuDomainMachineIs…; qemu_postparse.c, qemuDomainDefAddDefaultDevices.
I440FX = Board(
    "i440fx", X86, r"pc\Z|pc-[01]\.|pc-i440fx-|rhel", "pci-root", usb=True, acpi=True, uefi=True, pc_devices=True
)
Q35 = Board("q35", X86, r"q35\Z|pc-q35-", "pcie-root", usb=True, acpi=True, uefi=True, pc_devices=True)
ISAPC = Board("isapc", X86, r"isapc\Z", acpi=True, pc_devices=True)
# libvirt tries to add a USB controller, but the board has no PCI bus for it.
MICROVM = Board("microvm", X86, r"microvm\Z", usb=True, acpi=True, uefi=True)
ARM_VIRT = Board("virt", _ARM, _VIRT, "pcie-root", acpi=True, uefi=True, lacks_memory=frozenset({"virtio-pmem"}))
RISCV_VIRT = Board("virt", _RISCV, _VIRT, "pcie-root", acpi=True, uefi=True, lacks_memory=_MODULES | _VIRTIO_MEMORY)
LOONGARCH_VIRT = Board(
    "virt", frozenset({"loongarch64"}), _VIRT, "pcie-root", acpi=True, uefi=True, lacks_memory=_VIRTIO_MEMORY
)
PSERIES = Board("pseries", PPC64, r"pseries(-.*)?\Z", "pci-root", usb=True, lacks_memory=_VIRTIO_MEMORY)
S390_CCW = Board("s390-ccw", S390, r"s390-ccw", "pci-root", numa=False, lacks_memory=_MODULES)
BOARDS = (I440FX, Q35, ISAPC, MICROVM, ARM_VIRT, RISCV_VIRT, LOONGARCH_VIRT, PSERIES, S390_CCW)

# The machine type that libvirt selects if the domain names none (qemu_capabilities.c: preferredMachines).
_PREFERRED = {
    "x86_64": "pc", "i686": "pc", "aarch64": "virt", "armv7l": "virt", "armv7b": "virt", "ppc64": "pseries",
    "ppc64le": "pseries", "riscv64": "virt", "riscv32": "virt", "s390x": "s390-ccw-virtio", "loongarch64": "virt",
}  # fmt: skip
# Series of QEMU releases that did not end with .2.
_LAST_MINOR = {1: 7, 2: 12, 3: 1}


class MachineType:
    """A machine type under a release of QEMU; `name` is None for the emulator's default."""

    def __init__(self, name: str | None, arch: str, qemu: Version) -> None:
        self.name = name
        self.qemu = qemu
        self.arch = arch
        self.is_x86 = arch in X86

    @lazy
    def board(self) -> Board | None:
        """Its board, or None if nothing is known about that."""
        # Releases of libvirt that were current before QEMU 10.0 prefer other boards on ARM and RISC-V.
        is_decided = self.arch not in _ARM | _RISCV or self.qemu >= (10, 0, 0)
        name = self.name or (_PREFERRED.get(self.arch, "") if is_decided else "")
        return next((board for board in BOARDS if self.arch in board.arches and re.match(board.names, name)), None)

    @lazy
    def _versioned(self) -> tuple[str, Version] | None:
        found = re.match(_VERSIONED if self.is_x86 else _VERSIONED_ELSEWHERE, self.name or "")
        if not found:
            return None
        major, minor, patch = (numbers.whole(part or "") for part in found.groups()[1:])
        return found[1], (major, minor, patch)

    @lazy
    def is_vendors(self) -> bool:
        """Whether its name is a distribution's own, so nothing is known about it."""
        return self.name is not None and re.search(_VENDOR, self.name) is not None

    @lazy
    def is_unknown(self) -> bool:
        """Whether no QEMU of this architecture has or had such a machine."""
        if self.name is None or self.is_vendors:
            return False
        if not self.is_x86 and (self._is_foreign or not self._versioned):
            return self._is_foreign
        if self._versioned:
            (major, minor, patch) = self._versioned[1]
            return minor > _LAST_MINOR.get(major, 2) or (patch != 0 and self.name != "pc-q35-4.0.1")
        return self.name not in _PLAIN and not re.match(_ANCIENT, self.name)

    @property
    def _is_foreign(self) -> bool:
        name = self.name or ""
        if name in _PLAIN or name == "none" or name.startswith(("pc-q35", "pc-i440fx")):
            return True
        # Names of boards begin with a letter, except for an old board of POWER.
        if not name[:1].isalpha() and name != "40p":
            return True
        # QEMU for s390 has one board, and it compares names letter by letter.
        if self.board is None and (self.arch in S390 or machine_type(name.lower(), self.arch, self.qemu).board):
            return True
        if self.arch in PPC64 and re.match(_VIRT, name):
            return True
        return any(name.startswith(start) and self.arch not in arches for start, arches in _FOREIGN.items())

    @lazy
    def comes_with(self) -> Version | None:
        """The QEMU release that introduced the machine, if that is later than the target's, else None."""
        if self._versioned:
            return self._versioned[1] if self._versioned[1][:2] > self.qemu[:2] else None
        since = _PLAIN.get(self.name or "", (0, 0, 0))
        return since if self.is_x86 and since > self.qemu else None

    @lazy
    def gone_since(self) -> Version | None:
        """The QEMU release that removed the machine, if the target's is that or later, else None."""
        gone = self._end()
        return gone if gone and self.qemu >= gone else None

    def _end(self) -> Version | None:
        if not self._versioned or not self.is_x86:
            ancient = self.is_x86 and re.match(_ANCIENT, self.name or "")
            return (6, 0, 0) if ancient else None
        family, (major, minor, _) = self._versioned
        if family == "q35" and (major, minor) < (2, 4):
            return (4, 0, 0)
        if (major, minor) < (2, 0):
            return (8, 2, 0)
        if (major, minor) < (2, 4):
            return (9, 1, 0)
        # From 10.1 on, QEMU drops machines that are six years old (include/hw/boards.h).
        return max((10, 1, 0), (major + 6, minor, 0))

    @lazy
    def cpu_limit(self) -> int | None:
        """How many vCPUs the board supports, or None if that is not known."""
        if not self.is_x86 or self.is_vendors:
            return None
        if self._versioned:
            family, version = self._versioned
            return _q35_limit(version) if family == "q35" else 255
        limits = {"isapc": 1, "x-remote": 1, "pc": 255, "microvm": 288, "q35": _q35_limit(self.qemu)}
        return 255 if self.name is None else limits.get(self.name)

    @property
    def is_xens(self) -> bool:
        """Whether only Xen starts this QEMU machine."""
        return self.is_x86 and (self.name or "").startswith(("xenfv", "xenpv"))

    @property
    def lacks_pci(self) -> bool:
        """Whether the board has no PCI."""
        return self.board is not None and self.board.pci_root is None


@cache
def architectures() -> frozenset[str]:
    """Return the names of architectures that libvirt accepts in some release."""
    known = [form.attributes["arch"] for kind in table.elements_at("os", "type") for form in kind.all_forms()]
    read = (word for arch in known if arch.reads for word, _ in arch.reads.words)
    return frozenset(read).union(*(arch.values.listed for arch in known))


def usual_arch(machine: str | None) -> str:
    """Return the most common architecture with a machine type of this name; x86_64 if none is known."""
    usual = ("x86_64", "aarch64", "ppc64", "s390x")
    boards = ((arch, board) for arch in usual for board in BOARDS if arch in board.arches)
    return next((arch for arch, board in boards if re.match(board.names, machine or "")), usual[0])


@lru_cache(256)
def machine_type(name: str | None, arch: str, qemu: Version) -> MachineType:
    """Return the facts known about a machine; cached, because most domains have the same few."""
    return MachineType(name, arch, qemu)


def _q35_limit(version: Version) -> int:
    """Return the limit of pc-q35 by its version (hw/i386/pc_q35.c: max_cpus)."""
    if version >= (9, 0, 0):
        return 4096
    if version >= (8, 1, 0):
        return 1024
    return 288 if version >= (2, 8, 0) else 255
