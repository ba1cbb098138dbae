"""A domain, read as libvirt reads it: the first of repeated elements, all `<memoryBacking>` together.

Rules read this model and never the tree. All sizes are KiB, as in libvirt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from vfslint.context import Context
from vfslint.domain import sizes
from vfslint.domain.address import Address
from vfslint.domain.controller import Controller, PciController
from vfslint.domain.cpu import Bitset, Cpu, ThreadTuning, bitsets, pins, resource_groups, thread_tunings
from vfslint.domain.device import ADDRESSED, BOOTABLE, Boot, Device, Outline
from vfslint.domain.features import Feature, features
from vfslint.domain.filesystem import ExternalShare, Filesystem, ManagedShare, VirtioFS
from vfslint.domain.machine import (
    ARM_VIRT,
    I440FX,
    PSERIES,
    Q35,
    X86,
    MachineType,
    architectures,
    machine_type,
    usual_arch,
)
from vfslint.domain.memory import Cell, MemoryBacking
from vfslint.domain.roots import is_in_status, name_of
from vfslint.lazy import lazy
from vfslint.vocabulary import check, numbers
from vfslint.xml.document import Attribute, Document, Node

if TYPE_CHECKING:
    from vfslint.domain.character import CharacterBackend, CharacterDevice, Console, SerialPort
    from vfslint.domain.deviation import Deviation
    from vfslint.domain.device import Input, SharedMemory, Tpm, Watchdog
    from vfslint.domain.disk import Disk
    from vfslint.domain.display import Graphics, Video
    from vfslint.domain.firmware import FirmwareChoice
    from vfslint.domain.host_device import Hostdev
    from vfslint.domain.interface import Interface
    from vfslint.domain.memory_device import MemoryDevice
    from vfslint.findings import Span
    from vfslint.vocabulary.libvirt_schema import Objection

Value = TypeVar("Value")

# The classes of devices that have one of their own, each with its module, which is loaded if there is such a device.
_CLASSES = {
    "console": ("character", "Console"),
    "disk": ("disk", "Disk"),
    "graphics": ("display", "Graphics"),
    "hostdev": ("host_device", "Hostdev"),
    "input": ("device", "Input"),
    "interface": ("interface", "Interface"),
    "memory": ("memory_device", "MemoryDevice"),
    "shmem": ("device", "SharedMemory"),
    "tpm": ("device", "Tpm"),
    "video": ("display", "Video"),
    "watchdog": ("device", "Watchdog"),
}

QEMU_FAMILY = frozenset({"kvm", "qemu", "hvf", "kqemu"})
# How the names of its binaries begin.
CLOUD_HYPERVISOR = "cloud-hypervisor"

# What libvirt keeps of an alias (domain_conf.h: USER_ALIAS_PREFIX, USER_ALIAS_CHARS).
USER_ALIAS = r"ua-[A-Za-z0-9_.-]*\Z"


def _is_absent(device: Any) -> bool:
    """Whether a balloon or a USB controller has the model none, so that libvirt does not read its address."""
    return bool(device.get("model") == "none" and device.get("type", "usb") == "usb")


class Domain:
    """One `<domain>` (or `<inactiveDomain>`) of a document, under a context.

    Its parts do not refer to it. `sharing`, `hugepages` and `pci` derive facts from several parts; `known`
    holds their results (`vfslint.lazy.once`).
    """

    def __init__(self, document: Document, node: Node, context: Context) -> None:
        self.document = self._document = document
        self.node = node
        self.context = context
        self.known: dict[Callable[[Domain], Any], Any] = {}
        # Filled with the deviations.
        self.texts: check.Texts = {}
        self._libvirt = context.target.libvirt
        children: dict[str, list[Node]] = {}
        for element in node.element.iterchildren("*"):
            children.setdefault(element.tag, []).append(Node(document, element))
        self._children = children

    def recall(self, compute: Callable[[Domain], Value]) -> Value:
        """Return what a function makes of the domain; `vfslint.lazy.once` keeps it."""
        return compute(self)

    @lazy
    def deviations(self) -> list[Deviation]:
        """Where it deviates from the vocabulary of the target's libvirt, in document order."""
        suspects = check.suspects(self.node.element, self._libvirt, self.texts)
        if suspects == []:
            return []
        from vfslint.domain.deviation import deviations

        return deviations(self, suspects)

    @lazy
    def _deviations_by_kind(self) -> dict[str, list[Deviation]]:
        found: dict[str, list[Deviation]] = {}
        for deviation in self.deviations:
            found.setdefault(type(deviation).__name__, []).append(deviation)
        return found

    def deviations_of(self, kind: str) -> Sequence[Any]:
        """Return its deviations of one class, by the name of the class."""
        return self._deviations_by_kind.get(kind, ())

    @lazy
    def libvirts_objection(self) -> Objection | None:
        """The error that libvirt's own schema reports, if it is used and rejects the domain."""
        if self.context.libvirt_schema is None:
            return None
        from vfslint.vocabulary.libvirt_schema import objection

        return objection(self.context.libvirt_schema, self.node.element)

    @lazy
    def _culprits(self) -> set[Any]:
        """The elements that deviate from the vocabulary themselves."""
        return {deviation.node.element for deviation in self.deviations}

    @lazy
    def _deviating(self) -> set[Any]:
        """The elements that deviate from the vocabulary themselves, and those around them."""
        found: set[Any] = set()
        for element in self._culprits:
            found.update((element, *element.iterancestors()))
        return found

    def deviates(self, part: Any) -> bool:
        """Whether this node, or the `node` of this part, deviates from the vocabulary.

        Something in it can, or something around it: what is in a second `<devices>` is not looked at by itself.
        """
        element = getattr(part, "node", part).element
        return element in self._deviating or any(around in self._culprits for around in element.iterancestors())

    @lazy
    def _of_unknown_kind(self) -> set[Any]:
        """The devices whose kind libvirt does not know, except filesystems."""
        if not self.deviations_of("UnknownWord"):
            return set()
        from vfslint.domain.deviation import of_unknown_kind

        return of_unknown_kind(self)

    @lazy
    def unknown_kinds(self) -> frozenset[str]:
        """The names of the elements in `<devices>` of which one is of a kind that libvirt does not know."""
        return frozenset(element.tag for element in self._of_unknown_kind)

    def is_of_unknown_kind(self, part: Any) -> bool:
        """Whether this part is, or is in, a device of a kind that libvirt does not know."""
        element = getattr(part, "node", part).element
        return not self._of_unknown_kind.isdisjoint((element, *element.iterancestors()))

    @property
    def tags(self) -> Iterable[str]:
        """The names of its direct children."""
        return self._children

    def elements(self, tag: str) -> list[Node]:
        """All direct children of that name."""
        return self._children.get(tag, [])

    def first(self, tag: str) -> Node | None:
        """The first direct child of that name, the one that libvirt reads, or None."""
        found = self._children.get(tag)
        return found[0] if found else None

    def text_span(self, tag: str) -> Span:
        """The text of the first direct child of that name; the start tag of the domain if it is missing."""
        node = self.first(tag)
        return node.text_span if node else self.node.start_span

    @lazy
    def type(self) -> str | None:
        """The hypervisor, `domain/@type`."""
        return self.node.value("type")

    @lazy
    def is_qemu(self) -> bool:
        """Whether libvirt's QEMU driver reads it. Cloud Hypervisor's domains can have the type kvm as well."""
        if self.type not in QEMU_FAMILY:
            return False
        return self.emulator is None or not self.emulator.text.rpartition("/")[2].startswith(CLOUD_HYPERVISOR)

    @lazy
    def is_live(self) -> bool:
        """Whether this is the definition of a running guest, with run-time data."""
        return self.node.value("id") is not None or is_in_status(self.node)

    @lazy
    def is_in_snapshot(self) -> bool:
        """Whether this domain is part of a snapshot."""
        parent = self.node.parent
        return parent is not None and name_of(parent) == "domainsnapshot"

    @lazy
    def name(self) -> str:
        """The domain's name, or an empty string."""
        node = self.first("name")
        return node.text if node else ""

    @lazy
    def os_type(self) -> Node | None:
        """The first `<type>` of the first `<os>`, or None."""
        return next((kind for os in self.elements("os") for kind in os.children("type")), None)

    @property
    def os_type_name(self) -> str:
        """The type of operating system, or an empty string."""
        return self.os_type.text if self.os_type else ""

    @lazy
    def firmware(self) -> FirmwareChoice:
        """The firmware that the guest boots with."""
        from vfslint.domain.firmware import FirmwareChoice

        return FirmwareChoice(self.elements("os"), self._libvirt)

    @property
    def features(self) -> list[Feature]:
        """The features of the guest, the last of each name."""
        return list(features(self).values())

    @lazy
    def has_acpi(self) -> bool:
        """Whether the guest has ACPI."""
        return any(features.child("acpi") for features in self.elements("features"))

    def _of_os_type(self, name: str) -> Attribute | None:
        """The first such attribute on the first `<type>` of each `<os>`: XPath `./os/type[1]/@arch`."""
        for os in self.elements("os"):
            kind = os.child("type")
            found = kind.attribute(name) if kind else None
            if found:
                return found if found.value else None
        return None

    @lazy
    def arch_attribute(self) -> Attribute | None:
        """Where the architecture is written, or None; an empty one counts as missing."""
        return self._of_os_type("arch")

    @lazy
    def arch(self) -> str:
        """The architecture: if none is written, x86_64 as the host; for one that is unknown, that of the machine."""
        written = self.arch_attribute.value if self.arch_attribute else "x86_64"
        return written if written in architectures() else usual_arch(self.machine)

    @lazy
    def machine_attribute(self) -> Attribute | None:
        """Where the machine type is written, or None; an empty one counts as missing."""
        return self._of_os_type("machine")

    @lazy
    def machine(self) -> str | None:
        """The machine type as written, or None: the emulator's default."""
        return self.machine_attribute.value if self.machine_attribute else None

    @lazy
    def machine_type(self) -> MachineType:
        """The facts known about the machine type."""
        return machine_type(self.machine, self.arch, self.context.target.qemu)

    @lazy
    def vcpus(self) -> int | None:
        """The largest number of vCPUs; 1 if `<vcpu>` is missing, None if it is not a number."""
        node = self.first("vcpu")
        return 1 if node is None else numbers.unsigned(node.text, wraps=True)

    @lazy
    def current_vcpus(self) -> int | None:
        """`vcpu/@current`, the vCPUs that are online from the start; None if absent, unreadable or overruled."""
        node = self.first("vcpu")
        text = None if self.vcpu_states else node.value("current") if node else None
        return None if text is None else numbers.unsigned(text, wraps=True)

    @lazy
    def vcpu_states(self) -> list[Node]:
        """Every `<vcpu>` of `<vcpus>`, which overrules `vcpu/@current`."""
        return [node for group in self.elements("vcpus") for node in group.children("vcpu")]

    @property
    def online_vcpus(self) -> int | None:
        """How many vCPUs the guest starts with; None if that cannot be read."""
        if self.vcpu_states:
            states = {node.value("id"): node.value("enabled") for node in self.vcpu_states}
            return sum(state == "yes" for state in states.values())
        return self.vcpus if self.current_vcpus is None else self.current_vcpus

    @lazy
    def iothreads(self) -> int | None:
        """The number of I/O threads; None if it is absent or unreadable."""
        node = self.first("iothreads")
        return numbers.unsigned(node.text) if node else None

    @lazy
    def iothread_ids(self) -> list[Node]:
        """Every `<iothread>` of `<iothreadids>`."""
        return [node for ids in self.elements("iothreadids") for node in ids.children("iothread")]

    @lazy
    def cpu(self) -> Cpu | None:
        """The first `<cpu>`, or None."""
        node = self.first("cpu")
        return Cpu(node, self._libvirt) if node else None

    @lazy
    def cpu_pins(self) -> list[Node]:
        """Every binding of a thread to host CPUs, by kind."""
        return pins(self)

    @lazy
    def thread_tunings(self) -> list[ThreadTuning]:
        """What names the threads that it tunes, except the bindings of vCPUs."""
        return thread_tunings(self)

    @lazy
    def resource_groups(self) -> list[Node]:
        """The groups of vCPUs that share resources of the host."""
        return resource_groups(self)

    @lazy
    def bitsets(self) -> list[Bitset]:
        """Every set of CPUs or NUMA nodes that libvirt reads."""
        return list(bitsets(self))

    @lazy
    def memory_kib(self) -> int | None:
        """`<memory>` in KiB: 0 if it is missing or empty, None if it cannot be read."""
        return self._size_kib("memory")

    def _size_kib(self, tag: str) -> int | None:
        node = self.first(tag)
        return sizes.Size(node, "").kib if node and node.text else 0

    @lazy
    def current_memory_kib(self) -> int | None:
        """`<currentMemory>` in KiB: 0 if it is missing or empty, None if it cannot be read."""
        return self._size_kib("currentMemory")

    @lazy
    def max_memory_kib(self) -> int | None:
        """`<maxMemory>` in KiB: 0 if it is missing or empty, None if it cannot be read."""
        return self._size_kib("maxMemory")

    @lazy
    def memory_slots(self) -> int:
        """`maxMemory/@slots`, the places for memory devices; 0 if absent or unreadable."""
        node = self.first("maxMemory")
        return numbers.unsigned(node.value("slots") or "") or 0 if node else 0

    @lazy
    def total_kib(self) -> int | None:
        """The total memory in the guest's definition, in KiB; None if a size cannot be read.

        If there are cells, their sizes count, and memory devices are added to them; `<memory>` already
        includes the devices (domain_postparse.c:virDomainDefPostParseMemory).
        """
        if not any(cell.size_kib for cell in self.cells):
            return None if self.has_unreadable_cell else self.memory_kib
        device_sizes = [device.size_kib for device in self.memory_devices]
        if self.initial_kib is None or None in device_sizes:
            return None
        return self.initial_kib + sum(size or 0 for size in device_sizes)

    @property
    def unreadable_sizes(self) -> list[sizes.Size]:
        """Every size of memory that libvirt reads and rejects."""
        return sizes.unreadable(self)

    @lazy
    def backing(self) -> MemoryBacking:
        """The memory backing, over all `<memoryBacking>` elements."""
        return MemoryBacking(self.elements("memoryBacking"))

    @lazy
    def numa(self) -> list[Node]:
        """The `<numa>` that counts in each `<cpu>`: XPath `./cpu/numa[1]`."""
        found = (cpu.child("numa") for cpu in self.elements("cpu"))
        return [numa for numa in found if numa is not None]

    @lazy
    def cells(self) -> list[Cell]:
        """The guest's NUMA cells, over all `<cpu>` elements: XPath `./cpu/numa[1]/cell`."""
        nodes = [node for numa in self.numa for node in numa.children("cell")]
        return [Cell(node, position) for position, node in enumerate(nodes)]

    @lazy
    def devices(self) -> dict[str, list[Node]]:
        """The nodes inside `<devices>` by name, in document order."""
        found: dict[str, list[Node]] = {}
        for devices in self.elements("devices"):
            for element in devices.element.iterchildren("*"):
                found.setdefault(element.tag, []).append(Node(self.document, element))
        return found

    def _read(self, kind: str) -> list[Any]:
        """Every device of that element name, as the class in `_CLASSES`."""
        nodes = self.devices.get(kind)
        if not nodes:
            return []
        module, name = _CLASSES[kind]
        device = getattr(import_module(f"vfslint.domain.{module}"), name)
        return [device(node, self._libvirt) for node in nodes]

    @lazy
    def emulator(self) -> Node | None:
        """The first `<emulator>` inside `<devices>`, or None: libvirt then uses the host's own for the architecture."""
        return next(iter(self.devices.get("emulator", ())), None)

    @lazy
    def filesystems(self) -> list[Filesystem]:
        """Every `<filesystem>`; those that virtiofsd serves are `VirtioFS`."""
        found = []
        for node in self.devices.get("filesystem", ()):
            filesystem = Filesystem(node, self._libvirt)
            if filesystem.is_virtiofs:
                filesystem = (ManagedShare if filesystem.socket is None else ExternalShare)(node, self._libvirt)
            found.append(filesystem)
        return found

    @lazy
    def shares(self) -> list[VirtioFS]:
        """Every filesystem that virtiofsd serves."""
        return [filesystem for filesystem in self.filesystems if isinstance(filesystem, VirtioFS)]

    @lazy
    def memory_devices(self) -> list[MemoryDevice]:
        """Every `<memory>` inside `<devices>`."""
        return self._read("memory")

    @lazy
    def disks(self) -> list[Disk]:
        """Every `<disk>`."""
        return self._read("disk")

    @lazy
    def controllers(self) -> list[Controller]:
        """Every `<controller>`."""
        nodes = self.devices.get("controller", ())
        return [(PciController if node.value("type") == "pci" else Controller)(node, self._libvirt) for node in nodes]

    @lazy
    def pci_controllers(self) -> list[PciController]:
        """Every PCI `<controller>`."""
        return [controller for controller in self.controllers if isinstance(controller, PciController)]

    def device_nodes(self, kind: str) -> list[Node]:
        """Every element of that name inside `<devices>`."""
        return self.devices.get(kind, [])

    def devices_of(self, kind: str) -> list[Device]:
        """Every device of that element name."""
        return [Device(node, self._libvirt) for node in self.devices.get(kind, ())]

    def outlines(self, kind: str | None = None) -> list[Outline]:
        """The outlines of all devices, or of those of a kind, in the order of `devices`."""
        if kind is not None:
            return [Outline(self._document, node.element) for node in self.devices.get(kind, ())]
        return [Outline(self._document, node.element) for nodes in self.devices.values() for node in nodes]

    @lazy
    def hostdevs(self) -> list[Hostdev]:
        """Every `<hostdev>`."""
        return self._read("hostdev")

    @lazy
    def interfaces(self) -> list[Interface]:
        """Every `<interface>`."""
        return self._read("interface")

    @lazy
    def inputs(self) -> list[Input]:
        """Every `<input>`."""
        return self._read("input")

    @lazy
    def watchdogs(self) -> list[Watchdog]:
        """Every `<watchdog>`."""
        return self._read("watchdog")

    @lazy
    def tpms(self) -> list[Tpm]:
        """Every `<tpm>`."""
        return self._read("tpm")

    @lazy
    def shared_memories(self) -> list[SharedMemory]:
        """Every `<shmem>`."""
        return self._read("shmem")

    @lazy
    def character_devices(self) -> list[CharacterDevice]:
        """Every device whose other end is a character device of the host."""
        from vfslint.domain.character import devices

        return devices(self)

    @lazy
    def character_backends(self) -> list[CharacterBackend]:
        """The character devices that libvirt keeps and validates."""
        from vfslint.domain.character import backends

        return backends(self)

    @lazy
    def consoles(self) -> list[Console]:
        """Every `<console>`."""
        return self._read("console")

    @lazy
    def serial_ports(self) -> list[SerialPort]:
        """The serial ports that libvirt validates."""
        from vfslint.domain.character import serial_ports

        return serial_ports(self)

    @lazy
    def graphics(self) -> list[Graphics]:
        """Every `<graphics>`."""
        return self._read("graphics")

    @lazy
    def videos(self) -> list[Video]:
        """Every `<video>`."""
        return self._read("video")

    def _first_in_devices(self, child: str, kinds: frozenset[str]) -> dict[Any, Any]:
        """Return the first child of that name in each device of some kinds, by device; both are elements."""
        if self._libvirt < (8, 0, 0):
            kinds -= {"iommu"}  # 7.0.0 reads neither address nor alias from it, 9.0.0 does
        first: dict[Any, Any] = {}
        for devices in self.elements("devices"):
            for element in devices.element.iter(child):
                device = element.getparent()
                if device.tag in kinds and device.getparent() is devices.element:
                    first.setdefault(device, element)
        return first

    def _devices_with(self, child: str, kinds: frozenset[str]) -> list[tuple[Device, Node]]:
        """The devices of some kinds that have a child, each with the first child of that name."""
        return [
            (Device(Outline(self._document, device), self._libvirt), Node(self._document, found))
            for device, found in self._first_in_devices(child, kinds).items()
        ]

    @lazy
    def addresses(self) -> list[Address]:
        """The guest address of every device that has one in the document."""
        found = self._first_in_devices("address", ADDRESSED)
        return [
            Address(self._document, device, element, self._libvirt)
            for device, element in found.items()
            if not (device.tag in ("controller", "memballoon") and _is_absent(device))
        ]

    @lazy
    def boots(self) -> list[Boot]:
        """The boot order of every device that has one; filesystems have it since libvirt 7.1.0."""
        known = BOOTABLE if self._libvirt >= (7, 1, 0) else BOOTABLE - {"filesystem"}
        return [Boot(device, node) for device, node in self._devices_with("boot", known)]

    @lazy
    def aliases(self) -> list[Attribute]:
        """Every alias of a device that libvirt keeps: `ua-` and plain characters.

        Serial devices and the console next to them may share one (virDomainDefValidateAliases).
        """
        kinds = ADDRESSED - {"serial", "console"}
        named = (node.attribute("name") for _, node in self._devices_with("alias", kinds))
        return [name for name in named if name and re.match(USER_ALIAS, name.value)]

    @lazy
    def is_x86(self) -> bool:
        """Whether the machine is an x86 machine."""
        return self.arch in X86

    @property
    def is_pseries(self) -> bool:
        """Whether the machine is a pSeries, which supports memory devices without NUMA cells."""
        return self.machine_type.board is PSERIES

    @property
    def is_arm_virt(self) -> bool:
        """Whether the machine is QEMU's virtual ARM board."""
        return self.machine_type.board is ARM_VIRT

    @property
    def is_q35(self) -> bool:
        """Whether the machine has the q35 chipset, with PCI Express."""
        return self.machine_type.board is Q35

    @property
    def is_i440fx(self) -> bool:
        """Whether the machine has the i440fx chipset, the default on x86."""
        return self.machine_type.board is I440FX

    @lazy
    def has_unreadable_cell(self) -> bool:
        """Whether the memory of a NUMA cell is missing or cannot be read."""
        return any(cell.size_kib is None for cell in self.cells)

    @lazy
    def initial_kib(self) -> int | None:
        """The memory that the guest starts with, without memory devices, in KiB; None if unreadable.

        Cells without any memory count as no cells (domain_postparse.c:virDomainDefPostParseMemory).
        """
        sizes = [cell.size_kib for cell in self.cells]
        if None in sizes:
            return None
        in_cells = sum(size for size in sizes if size is not None)
        if in_cells or self.memory_kib is None:
            return in_cells or None
        return self.memory_kib - sum(device.size_kib or 0 for device in self.memory_devices)
