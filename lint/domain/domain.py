"""A domain, read as libvirt reads it: first of repeated elements, merged memory backing, effective access.

Rules ask this model and never the tree. All sizes are KiB, as in libvirt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint.context import Context
from vfslint.domain import sizes
from vfslint.domain.addresses import Address, Buses
from vfslint.domain.controllers import Controller, PciController
from vfslint.domain.cpu import Bitset, Cpu, bitsets, pins
from vfslint.domain.devices import (
    ADDRESSED,
    BOOTABLE,
    Boot,
    Device,
    Disk,
    ExternalShare,
    Filesystem,
    Interface,
    ManagedShare,
    MemoryDevice,
    VirtioFS,
)
from vfslint.domain.machines import ARCHITECTURES, X86, MachineType, machine_type
from vfslint.domain.roots import name_of
from vfslint.findings import Span, Stage
from vfslint.lazy import lazy
from vfslint.vocabulary import check, numbers
from vfslint.xml.document import Attribute, Document, Node

if TYPE_CHECKING:
    from vfslint.domain import pages
    from vfslint.domain.deviation import Deviation, UnknownElement
    from vfslint.qemu_conf.conf import BackingDirectory
    from vfslint.qemu_conf.reader import Statement
    from vfslint.vocabulary.libvirt_schema import Objection

QEMU_FAMILY = frozenset({"kvm", "qemu", "hvf", "kqemu"})

QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
LIBOSINFO = "http://libosinfo.org/xmlns/libvirt/domain/1.0"

# What libvirt keeps of an alias (domain_conf.h: USER_ALIAS_PREFIX, USER_ALIAS_CHARS).
USER_ALIAS = r"ua-[A-Za-z0-9_.-]*\Z"


class Region(NamedTuple):
    """A stretch of guest memory with one access mode: all of it, one NUMA cell, or one memory device.

    `decided_by` is the attribute that made it shared or private; None where nothing says so, which libvirt
    takes as private.
    """

    node: Node
    label: str
    size_kib: int | None
    is_shared: bool
    decided_by: Attribute | None

    @property
    def at(self) -> Span:
        """Where the access mode is decided, else the region's own start tag."""
        return self.decided_by.span if self.decided_by else self.node.start_span


class Cell:
    """A guest NUMA cell, `cpu/numa/cell`."""

    def __init__(self, node: Node, position: int) -> None:
        self.node = node
        self.position = position

    @lazy
    def id(self) -> int | None:
        """The cell's id, its position where none is written; None where it is no number."""
        text = self.node.value("id")
        return self.position if text is None else numbers.unsigned(text)

    @lazy
    def cpus(self) -> frozenset[int] | None:
        """The vCPUs of the cell: empty where none are listed, None where the list cannot be read."""
        text = self.node.value("cpus")
        return frozenset() if text is None else numbers.bitmap(text)

    @lazy
    def size_kib(self) -> int | None:
        """The memory in KiB, or None where it is missing or cannot be read."""
        return sizes.Size(self.node, "memory").kib


class MemoryBacking:
    """All `<memoryBacking>` elements together: libvirt merges them, the first value of each kind wins.

    virDomainDefParseMemory asks XPath `./memoryBacking/access/@mode` and the like.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    def _first(self, child: str, attribute: str) -> Attribute | None:
        for node in self.nodes:
            for element in node.children(child):
                found = element.attribute(attribute)
                if found:
                    return found
        return None

    def elements(self, child: str) -> list[Node]:
        """All children of that name, over all `<memoryBacking>`."""
        return [element for node in self.nodes for element in node.children(child)]

    @lazy
    def access(self) -> Attribute | None:
        """The first `access/@mode`, or None; an empty one counts as none."""
        found = self._first("access", "mode")
        return found if found and found.value else None

    @lazy
    def source(self) -> Attribute | None:
        """The first `source/@type`, or None; an empty one counts as none."""
        found = self._first("source", "type")
        return found if found and found.value else None

    @lazy
    def allocation(self) -> Attribute | None:
        """The first `allocation/@mode`, or None; an empty one counts as none."""
        found = self._first("allocation", "mode")
        return found if found and found.value else None

    @lazy
    def hugepages(self) -> Node | None:
        """The first `<hugepages>`, or None."""
        return next(iter(self.elements("hugepages")), None)

    @lazy
    def pages(self) -> list[Page]:
        """Every `hugepages/page`, over all `<memoryBacking>`."""
        return [Page(page) for element in self.elements("hugepages") for page in element.children("page")]

    @property
    def access_element(self) -> Node | None:
        """The `<access>` that a mode belongs into: the one that has it, else the first; None without any."""
        written = self._first("access", "mode")
        return written.node if written else next(iter(self.elements("access")), None)

    @property
    def allocation_threads(self) -> Attribute | None:
        """The first `allocation/@threads`, or None."""
        return self._first("allocation", "threads")

    @property
    def is_memfd(self) -> bool:
        """Whether the source is memfd, which needs no set-up of the host."""
        return self.source is not None and self.source.value == "memfd"


class Page:
    """One `hugepages/page`: a page size and the NUMA cells that it is for."""

    def __init__(self, node: Node) -> None:
        self.node = node

    @lazy
    def size_kib(self) -> int | None:
        """The page size in KiB, or None where it is missing or cannot be read."""
        return sizes.Size(self.node, "size").kib

    @lazy
    def cells(self) -> frozenset[int] | None:
        """The cells of `nodeset`; None where there is no nodeset or it cannot be read."""
        text = self.node.value("nodeset")
        return None if text is None else numbers.bitmap(text)

    @property
    def number(self) -> int | None:
        """The size without its unit, or None where it cannot be read."""
        return sizes.Size(self.node, "size").number

    @property
    def label(self) -> str:
        """How messages call the pages: `pages of 2 MiB`."""
        return f"pages of {numbers.spell_size(self.size_kib)}" if self.size_kib else "pages"

    @property
    def at(self) -> Span:
        """Where the size stands."""
        return self.node.at("size")


class Domain:
    """One `<domain>` (or `<inactiveDomain>`) of a document, under a context."""

    def __init__(self, document: Document, node: Node, context: Context) -> None:
        self.document = document
        self.node = node
        self.context = context
        children: dict[str, list[Node]] = {}
        for element in node.element.iterchildren("*"):
            children.setdefault(element.tag, []).append(Node(document, element))
        self._children = children

    def forget(self) -> None:
        """Drop everything that has been worked out.

        Devices point back at their domain: without this, each domain and its document would stay until Python
        looks for garbage, which takes a tenth of a run over many files.
        """
        kept = ("document", "node", "context", "_children")
        self.__dict__ = {name: self.__dict__[name] for name in kept}

    @lazy
    def deviations(self) -> list[Deviation]:
        """Where it leaves the vocabulary of the target's libvirt, in document order."""
        strays = check.strays(self.node.element, self.context.target.libvirt)
        if strays == []:
            return []
        from vfslint.domain.deviation import deviations

        return deviations(self, strays)

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
        """What libvirt's own schema says against it, where there is one to ask."""
        if self.context.libvirt_schema is None:
            return None
        from vfslint.vocabulary.libvirt_schema import objection

        return objection(self.context.libvirt_schema, self.node.element)

    @lazy
    def _strangers(self) -> dict[Any, list[UnknownElement]]:
        """The elements that are unknown where they are, by the element that holds them."""
        found: dict[Any, list[UnknownElement]] = {}
        for deviation in self.deviations_of("UnknownElement"):
            found.setdefault(deviation.node.element.getparent(), []).append(deviation)
        return found

    @lazy
    def _deviating(self) -> set[Any]:
        """The elements that deviate from the vocabulary themselves, and those around them."""
        found: set[Any] = set()
        for deviation in self.deviations:
            element = deviation.node.element
            found.update((element, *element.iterancestors()))
        return found

    def deviates(self, part: Any) -> bool:
        """Whether this node, or the `node` of this part, deviates from the vocabulary.

        Something in it can, or something around it: what is in a second `<devices>` is not looked at by itself.
        """
        element = getattr(part, "node", part).element
        if element in self._deviating:
            return True
        culprits = {deviation.node.element for deviation in self.deviations}
        return any(around in culprits for around in element.iterancestors())

    def strangers_in(self, node: Node) -> list[UnknownElement]:
        """Return the children of an element that are unknown there."""
        return self._strangers.get(node.element, [])

    def elements(self, tag: str) -> list[Node]:
        """All direct children of that name."""
        return self._children.get(tag, [])

    def first(self, tag: str) -> Node | None:
        """The first direct child of that name, the one that libvirt reads, or None."""
        found = self._children.get(tag)
        return found[0] if found else None

    @lazy
    def type(self) -> str | None:
        """The hypervisor, `domain/@type`."""
        return self.node.value("type")

    @lazy
    def is_qemu(self) -> bool:
        """Whether libvirt's QEMU driver is the one to read it."""
        return self.type in QEMU_FAMILY

    @property
    def is_live(self) -> bool:
        """Whether this is the definition of a running guest, with run-time data in it."""
        parent = self.node.parent
        return self.node.value("id") is not None or (parent is not None and name_of(parent) == "domstatus")

    @property
    def is_in_snapshot(self) -> bool:
        """Whether a snapshot holds this domain."""
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

    @property
    def bootloader(self) -> Node | None:
        """The `<bootloader>` of a paravirtualised Xen guest, or None; an empty one counts as none."""
        node = self.first("bootloader")
        return node if node and node.text else None

    @property
    def malformed_uuids(self) -> list[Node]:
        """The `<uuid>` and `<genid>` that libvirt cannot read; empty ones make it generate one."""
        found = [self.first("uuid"), self.first("genid")]
        return [node for node in found if node and node.text and not numbers.is_uuid(node.text)]

    @property
    def emulator_mismatch(self) -> str | None:
        """The architecture that the emulator's name stands for, where the guest's is another; else None."""
        name = self.emulator.text.rpartition("/")[2] if self.emulator else ""
        emulated = name.removeprefix("qemu-system-")
        runs = {"x86_64": X86, "ppc64": {"ppc64", "ppc64le", "ppc"}, "arm": {"armv6l", "armv7l", "armv7b"},
                "aarch64": {"aarch64", "armv7l", "armv6l", "armv7b"}, "s390x": {"s390x", "s390"}}  # fmt: skip
        if not name.startswith("qemu-system-") or emulated not in runs or self.arch not in ARCHITECTURES:
            return None
        return None if self.arch in runs[emulated] else emulated

    @lazy
    def uefi(self) -> Node | None:
        """Where the domain asks for UEFI firmware: `<os firmware='efi'>` or a pflash loader; else None."""
        for os in self.elements("os"):
            if os.value("firmware") == "efi":
                return os
            loader = os.child("loader")
            if loader and loader.value("type") == "pflash" and loader.text:
                return loader
        return None

    @lazy
    def lone_firmware(self) -> Node | None:
        """An element that describes firmware of a domain that names none and does not choose one; else None.

        Since 9.0.0 at the latest an `<nvram>` or `<firmware>` alone is refused like an empty `<loader>`.
        """
        for os in self.elements("os"):
            loader = os.child("loader")
            if os.value("firmware") or (loader and loader.text):
                return None
            others = ("nvram", "firmware/feature") if self.context.target.libvirt >= (9, 0, 0) else ()
            lone = loader or next((node for tag in others if (node := os.child(tag))), None)
            if lone:
                return lone
        return None

    @property
    def serial_bios(self) -> Node | None:
        """The `<bios useserial='yes'>` of a domain that has no serial port, or None."""
        if "serial" in self.devices or "console" in self.devices:
            return None
        found = (os.child("bios") for os in self.elements("os"))
        return next((bios for bios in found if bios and bios.value("useserial") == "yes"), None)

    @property
    def ps2_input(self) -> Node | None:
        """The first input device at a PS/2 port, or None."""
        return next((node for node in self.devices.get("input", ()) if node.value("bus") == "ps2"), None)

    def has_feature(self, name: str) -> bool:
        """Whether `<features>` has a child of that name."""
        return any(features.child(name) for features in self.elements("features"))

    @lazy
    def has_acpi(self) -> bool:
        """Whether the guest has ACPI."""
        return self.has_feature("acpi")

    @lazy
    def clock_faults(self) -> list[tuple[Node, str, str, Stage]]:
        """What the first `<clock>` lacks: its element, the fault, the remedy, and the stage."""
        clock = self.first("clock")
        if clock is None:
            return []
        found = []
        offset, adjustment = clock.value("offset"), clock.value("adjustment")
        if offset == "timezone" and not clock.value("timezone"):
            fault = "the clock is in a time zone, but names none"
            found.append((clock, fault, "write timezone='…'", Stage.PARSE))
        start = numbers.integer(clock.value("start") or "", bits=64)
        if offset == "absolute" and start is None and self.context.target.libvirt >= (8, 4, 0):
            remedy = "write start='…', in seconds since 1970"
            found.append((clock, "the clock is absolute, but has no start", remedy, Stage.PARSE))
        is_number = adjustment in (None, "reset") or numbers.integer(adjustment or "", bits=64) is not None
        if offset in ("utc", "localtime", "timezone", None, "") and not is_number:
            fault = f"the clock's adjustment {adjustment!r} is neither 'reset' nor a number"
            found.append((clock, fault, "write 'reset' or a number of seconds", Stage.PARSE))
        for timer in clock.children("timer"):
            if timer.value("name") == "platform":
                found.append((timer, "the timer 'platform' is for Xen", "take it away", Stage.DEFINE))
        return found

    @lazy
    def empty_resource(self) -> Node | None:
        """The first `<resource>` where libvirt finds nothing in it, or None."""
        node = self.first("resource")
        partition = node.child("partition") if node else None
        if node is None or (partition and partition.text):
            return None
        is_new = self.context.target.libvirt >= (9, 0, 0)
        return None if is_new and node.child("fibrechannel") else node

    @lazy
    def unsupported_actions(self) -> list[Node]:
        """The `<on_poweroff>`, `<on_reboot>` and `<on_crash>` whose action QEMU does not have."""
        is_new = self.context.target.libvirt >= (9, 0, 0)
        found = {tag: self.first(tag) for tag in ("on_poweroff", "on_reboot", "on_crash")}
        actions = {tag: node.text for tag, node in found.items() if node}
        faulty = []
        for tag, action in actions.items():
            for_crash_alone = action in ("coredump-destroy", "coredump-restart")
            refused = is_new and action == "rename-restart"
            if tag != "on_crash":
                refused = refused or for_crash_alone or (is_new and action == "preserve")
            if refused:
                faulty.append(tag)
        if is_new and (actions.get("on_poweroff"), actions.get("on_reboot")) == ("restart", "destroy"):
            faulty.append("on_reboot")
        return [node for tag in faulty if (node := found[tag])]

    @lazy
    def pci_root(self) -> Node | None:
        """The PCI controller with index 0, or None where none is written."""
        return next((controller.node for controller in self.pci_controllers if controller.index == 0), None)

    @lazy
    def pci_device(self) -> Node | None:
        """The first device that needs a PCI slot on x86, or None."""
        if self.pci_root and self.context.target.libvirt < (11, 4, 0):
            return None
        for tag, nodes in self.devices.items():
            for node in nodes:
                address = node.child("address")
                if _needs_pci(tag, node) and (address is None or address.value("type") == "pci"):
                    return node
        return self.pci_root

    @lazy
    def gets_pci_devices(self) -> bool:
        """Whether libvirt adds PCI devices by itself: a memory balloon, and USB except for isapc."""
        if self.pci_root:
            return False
        controllers = self.devices.get("controller", ())
        has_usb = any(node.value("type") == "usb" for node in controllers)
        return "memballoon" not in self.devices or (self.machine == "microvm" and not has_usb)

    @lazy
    def iommu_faults(self) -> list[tuple[Node, str, str]]:
        """The IOMMUs whose options lack what they build on, each with the fault and its remedy."""
        found = []
        ioapic = next((f.child("ioapic") for f in self.elements("features") if f.child("ioapic")), None)
        ioapic_driver = ioapic.value("driver") if ioapic else None
        # From 11.3.0 at the latest libvirt moves the I/O APIC by itself where nothing is written.
        moves = ioapic_driver is None and self.context.target.libvirt >= (9, 1, 0)
        for iommu in self.devices.get("iommu", ()):
            driver = iommu.child("driver")
            intremap = driver.value("intremap") if driver else None
            if driver and driver.value("eim") == "on" and intremap != "on":
                found.append((iommu, "the IOMMU has eim='on' without intremap='on'", "add intremap='on'"))
            elif intremap == "on" and ioapic_driver != "qemu" and not moves:
                fault = "the IOMMU has intremap='on', but the I/O APIC is not in QEMU"
                found.append((iommu, fault, "add <features><ioapic driver='qemu'/></features>"))
            elif iommu.value("model") == "virtio" and self.is_q35 and not self.has_acpi:
                found.append((iommu, "a virtio IOMMU needs ACPI", "add <features><acpi/></features>"))
        return found

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
        """Where the architecture is written, or None; an empty one counts as none."""
        return self._of_os_type("arch")

    @lazy
    def arch(self) -> str:
        """The architecture; where none is written, x86_64 is assumed for the host."""
        return self.arch_attribute.value if self.arch_attribute else "x86_64"

    @lazy
    def machine_attribute(self) -> Attribute | None:
        """Where the machine type is written, or None; an empty one counts as none."""
        return self._of_os_type("machine")

    @lazy
    def machine(self) -> str | None:
        """The machine type as written, or None: the emulator's default."""
        return self.machine_attribute.value if self.machine_attribute else None

    @lazy
    def machine_type(self) -> MachineType:
        """What is known of the machine type."""
        return machine_type(self.machine, self.arch, self.context.target.qemu)

    @lazy
    def vcpus(self) -> int | None:
        """The largest number of vCPUs; 1 where `<vcpu>` is missing, None where it is no number."""
        node = self.first("vcpu")
        return 1 if node is None else numbers.unsigned(node.text, wraps=True)

    @lazy
    def current_vcpus(self) -> int | None:
        """`vcpu/@current`, the vCPUs that are there from the start; None where absent or unreadable."""
        node = self.first("vcpu")
        text = node.value("current") if node else None
        return None if text is None else numbers.unsigned(text, wraps=True)

    @lazy
    def iothreads(self) -> int | None:
        """The number of I/O threads; None where it is absent or unreadable."""
        node = self.first("iothreads")
        return numbers.unsigned(node.text) if node else None

    @lazy
    def iothread_ids(self) -> list[Node]:
        """Every `<iothread>` of `<iothreadids>`."""
        return [node for ids in self.elements("iothreadids") for node in ids.children("iothread")]

    @lazy
    def _listed_threads(self) -> frozenset[int | None]:
        return frozenset(numbers.unsigned(node.value("id") or "") for node in self.iothread_ids)

    def has_iothread(self, number: int) -> bool:
        """Whether there is an I/O thread of that number, as far as can be told: it is listed, or one of the first free.

        libvirt gives the threads that are not listed the first free numbers (virDomainIOThreadIDDefArrayInit).
        """
        listed = self._listed_threads
        if number in listed or None in listed or (self.first("iothreads") and self.iothreads is None):
            return True
        free = number - sum(1 for other in listed if other is not None and other < number)
        return free <= (self.iothreads or 0) - len(listed)

    @lazy
    def vcpu_states(self) -> list[Node]:
        """Every `<vcpu>` of `<vcpus>`."""
        return [node for vcpus in self.elements("vcpus") for node in vcpus.children("vcpu")]

    @lazy
    def cpu(self) -> Cpu | None:
        """The first `<cpu>`, or None."""
        node = self.first("cpu")
        return Cpu(node, self.context.target.libvirt) if node else None

    @lazy
    def cpu_pins(self) -> list[Node]:
        """Every binding of a thread to host CPUs, by kind."""
        return pins(self)

    @lazy
    def bitsets(self) -> list[Bitset]:
        """Every set of CPUs or NUMA nodes that libvirt reads."""
        return list(bitsets(self))

    @lazy
    def memory_kib(self) -> int | None:
        """`<memory>` in KiB: 0 where it is missing or empty, None where it cannot be read."""
        return self._size_kib("memory")

    def _size_kib(self, tag: str) -> int | None:
        node = self.first(tag)
        return sizes.Size(node, "").kib if node and node.text else 0

    @lazy
    def current_memory_kib(self) -> int | None:
        """`<currentMemory>` in KiB: 0 where it is missing or empty, None where it cannot be read."""
        return self._size_kib("currentMemory")

    @lazy
    def max_memory_kib(self) -> int | None:
        """`<maxMemory>` in KiB: 0 where it is missing or empty, None where it cannot be read."""
        return self._size_kib("maxMemory")

    @lazy
    def memory_slots(self) -> int:
        """`maxMemory/@slots`, the places for memory devices; 0 where absent or unreadable."""
        node = self.first("maxMemory")
        return numbers.unsigned(node.value("slots") or "") or 0 if node else 0

    @lazy
    def total_kib(self) -> int | None:
        """All memory that the guest is defined with, in KiB; None where some size cannot be read.

        Cells decide where there are any; memory devices come on top of them, but are part of `<memory>`
        (domain_postparse.c:virDomainDefPostParseMemory).
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

    @property
    def backing_setting(self) -> Statement | None:
        """What qemu.conf says of where memory files go, memory_backing_dir; by itself it shares nothing."""
        return self.context.conf["memory_backing_dir"] if self.context.conf else None

    @property
    def backing_directory(self) -> BackingDirectory | None:
        """Where memory files go by the qemu.conf that is given; None without one."""
        if self.context.conf is None:
            return None
        from vfslint.qemu_conf.conf import backing_directory

        return backing_directory(self.context.conf, session=self.context.session)

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
        """The nodes inside `<devices>` by name, in the order of the document."""
        found: dict[str, list[Node]] = {}
        for devices in self.elements("devices"):
            for element in devices.element.iterchildren("*"):
                found.setdefault(element.tag, []).append(Node(self.document, element))
        return found

    @lazy
    def emulator(self) -> Node | None:
        """The first `<emulator>` inside `<devices>`, or None: the host's own for the architecture."""
        return next(iter(self.devices.get("emulator", ())), None)

    @lazy
    def filesystems(self) -> list[Filesystem]:
        """Every `<filesystem>`; those that virtiofsd serves are `VirtioFS`."""
        found = []
        for node in self.devices.get("filesystem", ()):
            filesystem = Filesystem(self, node)
            if filesystem.is_virtiofs:
                filesystem = (ManagedShare if filesystem.socket is None else ExternalShare)(self, node)
            found.append(filesystem)
        return found

    @lazy
    def shares(self) -> list[VirtioFS]:
        """Every filesystem that virtiofsd serves."""
        return [filesystem for filesystem in self.filesystems if isinstance(filesystem, VirtioFS)]

    @lazy
    def memory_devices(self) -> list[MemoryDevice]:
        """Every `<memory>` inside `<devices>`."""
        return [MemoryDevice(self, node) for node in self.devices.get("memory", ())]

    @lazy
    def disks(self) -> list[Disk]:
        """Every `<disk>`."""
        return [Disk(self, node) for node in self.devices.get("disk", ())]

    @lazy
    def controllers(self) -> list[Controller]:
        """Every `<controller>`."""
        nodes = self.devices.get("controller", ())
        return [(PciController if node.value("type") == "pci" else Controller)(self, node) for node in nodes]

    @lazy
    def pci_controllers(self) -> list[PciController]:
        """Every `<controller>` of PCI."""
        return [controller for controller in self.controllers if isinstance(controller, PciController)]

    def device_nodes(self, kind: str) -> list[Node]:
        """Every element of that name inside `<devices>`."""
        return self.devices.get(kind, [])

    def devices_of(self, kind: str) -> list[Device]:
        """Every device of that element name."""
        return [Device(self, node) for node in self.devices.get(kind, ())]

    @lazy
    def interfaces(self) -> list[Interface]:
        """Every `<interface>`."""
        return [Interface(self, node) for node in self.devices.get("interface", ())]

    def _first_in_devices(self, child: str, kinds: frozenset[str]) -> list[Any]:
        """Return the first child of that name in each device of some kinds, as elements."""
        if self.context.target.libvirt < (8, 0, 0):
            kinds -= {"iommu"}  # 7.0.0 takes neither address nor alias from it, 9.0.0 does
        first: dict[Any, Any] = {}
        for devices in self.elements("devices"):
            for element in devices.element.iter(child):
                device = element.getparent()
                if device.tag in kinds and device.getparent() is devices.element:
                    first.setdefault(device, element)
        return list(first.values())

    def _devices_with(self, child: str, kinds: frozenset[str]) -> list[tuple[Device, Node]]:
        """The devices of some kinds that have a child, each with the first child of that name."""
        return [
            (Device(self, Node(self.document, found.getparent())), Node(self.document, found))
            for found in self._first_in_devices(child, kinds)
        ]

    @lazy
    def addresses(self) -> list[Address]:
        """The guest address of every device that has one written."""
        return [Address(self, element) for element in self._first_in_devices("address", ADDRESSED)]

    @lazy
    def buses(self) -> Buses:
        """The PCI buses, of which only those of x86 machines are known."""
        return Buses(self)

    @lazy
    def boots(self) -> list[Boot]:
        """The boot order of every device that has one; filesystems have it since libvirt 7.1.0."""
        known = BOOTABLE if self.context.target.libvirt >= (7, 1, 0) else BOOTABLE - {"filesystem"}
        return [Boot(device, node) for device, node in self._devices_with("boot", known)]

    @lazy
    def os_boot(self) -> Node | None:
        """The first `os/boot`, which names kinds of devices to boot from, or None."""
        return next((boot for os in self.elements("os") for boot in os.children("boot")), None)

    @lazy
    def aliases(self) -> list[Attribute]:
        """The alias of every device as far as libvirt keeps it: `ua-` and plain characters.

        Serial devices and the console beside them may share one (virDomainDefValidateAliases).
        """
        kinds = ADDRESSED - {"serial", "console"}
        named = (node.attribute("name") for _, node in self._devices_with("alias", kinds))
        return [name for name in named if name and re.match(USER_ALIAS, name.value)]

    @property
    def unbound_command_lines(self) -> list[Node]:
        """Every `<qemu:commandline>` whose prefix is not declared, or stands for something else."""
        right = f"{{{QEMU_NAMESPACE}}}commandline"
        return [
            node
            for tag, nodes in self._children.items()
            if tag != right and tag.endswith(("}commandline", ":commandline"))
            for node in nodes
        ]

    @lazy
    def arguments(self) -> list[Attribute]:
        """What `<qemu:commandline>` adds to QEMU's command line."""
        lines = self.elements(f"{{{QEMU_NAMESPACE}}}commandline")
        args = (arg for line in lines for arg in line.children(f"{{{QEMU_NAMESPACE}}}arg"))
        found = [arg.attribute("value") for arg in args]
        return [value for value in found if value is not None]

    @property
    def has_shared_backend_argument(self) -> bool:
        """Whether the arguments bring a shared memory backend of their own."""
        return any(
            argument.value.startswith("memory-backend-") and "share=on" in argument.value for argument in self.arguments
        )

    @lazy
    def has_firmware(self) -> bool:
        """Whether the guest boots with UEFI: `os/@firmware` or a loader (one that is not named BIOS)."""
        for os in self.elements("os"):
            loaders = os.children("loader")
            if os.value("firmware") == "efi" or any(loader.value("type") == "pflash" for loader in loaders):
                return True
        return False

    @lazy
    def cmdline(self) -> Node | None:
        """The kernel's command line, or None."""
        return next((line for os in self.elements("os") for line in os.children("cmdline")), None)

    @lazy
    def guest_system(self) -> Attribute | None:
        """The guest's operating system, as libosinfo's metadata name it, or None."""
        path = f"{{{LIBOSINFO}}}libosinfo/{{{LIBOSINFO}}}os"
        found = (metadata.child(path) for metadata in self.elements("metadata"))
        return next((os.attribute("id") for os in found if os), None)

    @lazy
    def is_windows(self) -> bool:
        """Whether the metadata of libosinfo name Windows as the guest."""
        path = f"{{{LIBOSINFO}}}libosinfo/{{{LIBOSINFO}}}os"
        found = (system for metadata in self.elements("metadata") for system in metadata.children(path))
        return any("microsoft.com/" in (system.value("id") or "") for system in found)

    @lazy
    def is_x86(self) -> bool:
        """Whether the machine is one of x86."""
        return self.arch in X86

    @property
    def is_pseries(self) -> bool:
        """Whether the machine is a pSeries, which takes memory devices without NUMA cells."""
        return self.arch in ("ppc64", "ppc64le")

    @lazy
    def is_q35(self) -> bool:
        """Whether the machine has the q35 chipset, with PCI Express."""
        return self.machine is not None and (self.machine == "q35" or self.machine.startswith("pc-q35"))

    @lazy
    def is_i440fx(self) -> bool:
        """Whether the machine has the i440fx chipset, which x86 has where no machine is named."""
        if self.machine is None:
            return self.is_x86
        return self.machine == "pc" or self.machine.startswith(("pc-i440fx", "pc-0.", "pc-1."))

    @lazy
    def vhost_user_devices(self) -> list[Device]:
        """Every device that another process serves and that therefore needs shared guest memory."""
        found: list[Device] = list(self.shares)
        for kind, served in (("interface", {"vhostuser"}), ("disk", {"vhostuser", "vhostvdpa"})):
            found += [device for device in self.devices_of(kind) if device.type in served]
        for video in self.devices_of("video"):
            if video.driver and video.driver.value("name") == "vhostuser":
                found.append(video)
        return found

    @lazy
    def regions(self) -> list[Region]:
        """The initial memory: each NUMA cell, or the whole where there is none.

        A cell's own memAccess comes before memoryBacking's access mode
        (qemu_validate.c:qemuValidateDomainDefVhostUserRequireSharedMemory).
        """
        general = self.backing.access
        if not self.cells:
            node = self.first("memory") or self.node
            return [Region(node, "the guest's memory", self.memory_kib, _is_shared(general), general)]
        regions = []
        for cell in self.cells:
            own = cell.node.attribute("memAccess")
            decided = own if own and own.value else general
            regions.append(Region(cell.node, f"NUMA cell {cell.id}", cell.size_kib, _is_shared(decided), decided))
        return regions

    @lazy
    def is_shared(self) -> bool:
        """Whether all initial memory is shared, as libvirt asks for every vhost-user device."""
        return all(region.is_shared for region in self.regions)

    @lazy
    def distance_faults(self) -> list[tuple[Node, str]]:
        """The distances between NUMA cells that libvirt refuses, with the fault."""
        from vfslint.domain import numa

        return list(numa.distance_faults(self))

    @lazy
    def cell_cache_faults(self) -> list[tuple[Node, str]]:
        """The caches of NUMA cells that libvirt refuses, with the fault."""
        from vfslint.domain import numa

        return list(numa.cache_faults(self))

    @lazy
    def numatune_faults(self) -> list[tuple[Node, str, str]]:
        """The parts of `<numatune>` that libvirt refuses, with the fault and its remedy."""
        from vfslint.domain import numa

        return list(numa.numatune_faults(self))

    @lazy
    def file_backed_kib(self) -> int:
        """How much of the initial memory is a file below memory_backing_dir, in KiB."""
        from vfslint.domain import pages

        return pages.file_backed_kib(self)

    @lazy
    def hugepage_demands(self) -> list[pages.Demand]:
        """The huge pages that the guest takes when it starts, by size and by the host's nodes."""
        from vfslint.domain import pages

        return list(pages.demands(self))

    @lazy
    def default_pages(self) -> list[Page]:
        """The page sizes that are for all cells without one; without cells, nodeset 0 means all as well."""
        return [page for page in self.backing.pages if self._is_for_all(page)]

    def _is_for_all(self, page: Page) -> bool:
        return page.node.value("nodeset") is None or (not self.cells and page.cells == frozenset({0}))

    @lazy
    def overlapping_pages(self) -> list[tuple[Page, Page, frozenset[int]]]:
        """Each pair of page sizes for the same cell, with these cells."""
        limited = [page for page in self.backing.pages if page.cells and not self._is_for_all(page)]
        return [
            (first, second, both)
            for first, second in combinations(limited, 2)
            if (both := ((first.cells or frozenset()) & (second.cells or frozenset())))
        ]

    @lazy
    def pages_beyond_cells(self) -> list[tuple[Page, frozenset[int]]]:
        """Each page size whose nodeset names cells that do not exist, with these."""
        limited = [page for page in self.backing.pages if page.cells and not self._is_for_all(page)]
        exist = frozenset(range(len(self.cells)))
        return [(page, beyond) for page in limited if (beyond := (page.cells or frozenset()) - exist)]

    @lazy
    def cells_without_pages(self) -> frozenset[int]:
        """The NUMA cells that no page size is for, where there are some that one is for."""
        if not self.cells or not self.backing.pages or self.default_pages:
            return frozenset()
        covered = frozenset[int]().union(*(page.cells or () for page in self.backing.pages))
        return frozenset(range(len(self.cells))) - covered if covered else frozenset()

    @lazy
    def slot_faults(self) -> list[tuple[Node, str]]:
        """The memory modules that have no slot, or a slot that does not exist or is taken, with the fault."""
        modules = [device for device in self.memory_devices if device.model in ("dimm", "nvdimm")]
        found, taken = [], set[int]()
        slots = self.memory_slots
        if not self.max_memory_kib:
            return []
        for module in modules:
            text = module.address.value("slot") if module.address else None
            slot = None if text is None else numbers.unsigned(text)
            if slot is None:
                continue
            if slot >= slots:
                found.append((module.node, f"the {module.label} is in slot {slot}, but there are {slots}"))
            elif slot in taken:
                found.append((module.node, f"slot {slot} is taken by another memory module"))
            taken.add(slot)
        if not found and len(modules) > slots:
            count = len(modules)
            found.append((modules[slots].node, f"the domain has {count} memory modules, but {slots} slots"))
        return found

    @lazy
    def private_regions(self) -> list[Region]:
        """The parts of the initial memory that are private; none where a word that libvirt refuses decides."""
        if any(r.decided_by and r.decided_by.value not in ("shared", "private") for r in self.regions):
            return []
        return [region for region in self.regions if not region.is_shared]

    @lazy
    def misspelt_sharing(self) -> list[Any]:
        """The misspelt names that would probably share memory, so that libvirt drops what they hold."""
        return [each for each in self.deviations if each.would_share]

    @lazy
    def misplaced_sharing(self) -> list[Node]:
        """`<memoryBacking>` and `<numa>` that would share memory, but stand where libvirt does not read them."""
        found = []
        for element in self.node.element.iter("memoryBacking", "numa"):
            parent = element.getparent()
            home = self.node.element if element.tag == "memoryBacking" else None
            is_home = parent is home if home is not None else parent.tag == "cpu"
            if not is_home and _says_shared(element):
                found.append(Node(self.document, element))
        return found

    @lazy
    def has_unreadable_cell(self) -> bool:
        """Whether some NUMA cell's memory is missing or cannot be read."""
        return any(cell.size_kib is None for cell in self.cells)

    @lazy
    def has_hard_limit(self) -> bool:
        """Whether `<memtune>` limits QEMU's memory."""
        return any(memtune.child("hard_limit") for memtune in self.elements("memtune"))

    @lazy
    def void_backing_options(self) -> list[tuple[Node, str]]:
        """The children of `<memoryBacking>` that change nothing, each with what they do not act on."""
        found = []
        if self.backing.is_memfd:
            found += [(node, "memfd memory") for node in self.backing.elements("discard")]
        if self.is_shared:
            found += [(node, "shared memory") for node in self.backing.elements("nosharepages")]
        return found

    @lazy
    def video_blob(self) -> Attribute | None:
        """The first `video/model/@blob` that is on, or None."""
        for video in self.devices.get("video", ()):
            model = video.child("model")
            if model and model.value("blob") == "on":
                return model["blob"]
        return None

    @lazy
    def vfio_device(self) -> Node | None:
        """The first PCI or mediated device that is passed through, or None."""
        for hostdev in self.devices.get("hostdev", ()):
            if hostdev.value("type") in ("pci", "mdev"):
                return hostdev
        return None

    @lazy
    def initial_kib(self) -> int | None:
        """The memory that the guest starts with, without memory devices, in KiB; None where unreadable.

        Cells without any memory count as no cells (domain_postparse.c:virDomainDefPostParseMemory).
        """
        sizes = [cell.size_kib for cell in self.cells]
        if None in sizes:
            return None
        in_cells = sum(size for size in sizes if size is not None)
        if in_cells or self.memory_kib is None:
            return in_cells or None
        return self.memory_kib - sum(device.size_kib or 0 for device in self.memory_devices)


def _says_shared(element: Any) -> bool:
    if element.tag == "memoryBacking":
        return any(access.get("mode") == "shared" for access in element.iterfind("access"))
    cells = element.findall("cell")
    return bool(cells) and all(cell.get("memAccess") == "shared" for cell in cells)


def _is_shared(access: Attribute | None) -> bool:
    return access is not None and access.value == "shared"


# Devices that are on PCI for x86, by their element (qemu_domain_address.c).
_ALWAYS_PCI = frozenset("filesystem interface video graphics rng vsock shmem".split())


def _needs_pci(tag: str, node: Node) -> bool:
    model = node.child("model")
    if tag == "interface":
        return not (model and model.value("type") == "ne2k_isa")
    if tag in _ALWAYS_PCI:
        return True
    if tag == "disk":
        target = node.child("target")
        return target is not None and target.value("bus") == "virtio"
    if tag == "controller":
        kind = node.value("type")
        return kind in ("scsi", "virtio-serial") or (kind == "usb" and node.value("model") != "none")
    if tag == "memballoon":
        return node.value("model") != "none"
    if tag == "sound":
        return node.value("model") in ("ich6", "ich7", "ich9", "ac97", "es1370")
    return tag == "hostdev" and node.value("type") == "pci"
