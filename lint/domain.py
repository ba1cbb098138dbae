"""A domain, read as libvirt reads it: first of repeated elements, merged memory backing, effective access.

Rules ask this model and never the tree. All sizes are KiB, as in libvirt.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from vfslint import values
from vfslint.devices import Device, Filesystem, MemoryDevice, VirtioFS
from vfslint.documents import Attribute, Document, Node
from vfslint.findings import Span
from vfslint.setting import Setting

QEMU_FAMILY = frozenset({"kvm", "qemu", "hvf", "kqemu"})

# Architectures whose machines libvirt and QEMU know as x86.
X86 = frozenset({"x86_64", "i686"})


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

    @cached_property
    def id(self) -> int | None:
        """The cell's id, its position where none is written; None where it is no number."""
        text = self.node.value("id")
        return self.position if text is None else values.unsigned(text)

    @cached_property
    def cpus(self) -> frozenset[int] | None:
        """The vCPUs of the cell: empty where none are listed, None where the list cannot be read."""
        text = self.node.value("cpus")
        return frozenset() if text is None else values.bitmap(text)

    @cached_property
    def size_kib(self) -> int | None:
        """The memory in KiB, or None where it is missing or cannot be read."""
        text = self.node.value("memory")
        size = None if text is None else values.scaled(text, self.node.value("unit"))
        return None if size is None else values.kib(size)


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

    @cached_property
    def access(self) -> Attribute | None:
        """The first `access/@mode`, or None; an empty one counts as none."""
        found = self._first("access", "mode")
        return found if found and found.value else None

    @cached_property
    def source(self) -> Attribute | None:
        """The first `source/@type`, or None; an empty one counts as none."""
        found = self._first("source", "type")
        return found if found and found.value else None

    @cached_property
    def allocation(self) -> Attribute | None:
        """The first `allocation/@mode`, or None; an empty one counts as none."""
        found = self._first("allocation", "mode")
        return found if found and found.value else None

    @cached_property
    def hugepages(self) -> Node | None:
        """The first `<hugepages>`, or None."""
        return next(iter(self.elements("hugepages")), None)

    @cached_property
    def pages(self) -> list[Page]:
        """Every `hugepages/page`, over all `<memoryBacking>`."""
        return [Page(page) for element in self.elements("hugepages") for page in element.children("page")]

    @property
    def is_memfd(self) -> bool:
        """Whether the source is memfd, which needs no set-up of the host."""
        return self.source is not None and self.source.value == "memfd"


class Page:
    """One `hugepages/page`: a page size and the NUMA cells that it is for."""

    def __init__(self, node: Node) -> None:
        self.node = node

    @cached_property
    def size_kib(self) -> int | None:
        """The page size in KiB, or None where it is missing or cannot be read."""
        text = self.node.value("size")
        size = None if text is None else values.scaled(text, self.node.value("unit"))
        return None if size is None else values.kib(size)

    @cached_property
    def cells(self) -> frozenset[int] | None:
        """The cells of `nodeset`; None where there is no nodeset or it cannot be read."""
        text = self.node.value("nodeset")
        return None if text is None else values.bitmap(text)

    @property
    def at(self) -> Span:
        """Where the size stands."""
        return self.node.at("size")


class Domain:
    """One `<domain>` (or `<inactiveDomain>`) of a document, under a setting."""

    def __init__(self, document: Document, node: Node, setting: Setting) -> None:
        self.document = document
        self.node = node
        self.setting = setting
        children: dict[str, list[Node]] = {}
        for element in node.element.iterchildren("*"):
            children.setdefault(element.tag, []).append(Node(document, element))
        self._children = children

    def elements(self, tag: str) -> list[Node]:
        """All direct children of that name."""
        return self._children.get(tag, [])

    def first(self, tag: str) -> Node | None:
        """The first direct child of that name, the one that libvirt reads, or None."""
        found = self._children.get(tag)
        return found[0] if found else None

    @cached_property
    def type(self) -> str | None:
        """The hypervisor, `domain/@type`."""
        return self.node.value("type")

    @cached_property
    def is_qemu(self) -> bool:
        """Whether libvirt's QEMU driver is the one to read it."""
        return self.type in QEMU_FAMILY

    @property
    def is_live(self) -> bool:
        """Whether this is the definition of a running guest, with run-time data in it."""
        parent = self.node.parent
        return self.node.value("id") is not None or (parent is not None and parent.tag == "domstatus")

    @cached_property
    def name(self) -> str:
        """The domain's name, or an empty string."""
        node = self.first("name")
        return node.text if node else ""

    @cached_property
    def os_type(self) -> Node | None:
        """The first `<type>` of the first `<os>`, or None."""
        return next((kind for os in self.elements("os") for kind in os.children("type")), None)

    @cached_property
    def arch(self) -> str:
        """The architecture; where none is written, x86_64 is assumed for the host."""
        return (self.os_type.value("arch") if self.os_type else None) or "x86_64"

    @cached_property
    def machine(self) -> str | None:
        """The machine type as written, or None: the emulator's default."""
        return (self.os_type.value("machine") if self.os_type else None) or None

    @cached_property
    def vcpus(self) -> int | None:
        """The largest number of vCPUs; 1 where `<vcpu>` is missing, None where it is no number."""
        node = self.first("vcpu")
        return 1 if node is None else values.unsigned(node.text, wraps=True)

    @cached_property
    def memory_kib(self) -> int | None:
        """`<memory>` in KiB: 0 where it is missing or empty, None where it cannot be read."""
        node = self.first("memory")
        if node is None or not node.text:
            return 0
        size = values.scaled(node.text, node.value("unit"))
        return None if size is None else values.kib(size)

    @cached_property
    def backing(self) -> MemoryBacking:
        """The memory backing, over all `<memoryBacking>` elements."""
        return MemoryBacking(self.elements("memoryBacking"))

    @cached_property
    def numa(self) -> list[Node]:
        """The `<numa>` that counts in each `<cpu>`: XPath `./cpu/numa[1]`."""
        found = (cpu.child("numa") for cpu in self.elements("cpu"))
        return [numa for numa in found if numa is not None]

    @cached_property
    def cells(self) -> list[Cell]:
        """The guest's NUMA cells, over all `<cpu>` elements: XPath `./cpu/numa[1]/cell`."""
        nodes = [node for numa in self.numa for node in numa.children("cell")]
        return [Cell(node, position) for position, node in enumerate(nodes)]

    @cached_property
    def devices(self) -> dict[str, list[Node]]:
        """The nodes inside `<devices>` by name, in the order of the document."""
        found: dict[str, list[Node]] = {}
        for devices in self.elements("devices"):
            for element in devices.element.iterchildren("*"):
                found.setdefault(element.tag, []).append(Node(self.document, element))
        return found

    @cached_property
    def filesystems(self) -> list[Filesystem]:
        """Every `<filesystem>`; those that virtiofsd serves are `VirtioFS`."""
        found = []
        for node in self.devices.get("filesystem", ()):
            filesystem = Filesystem(self, node)
            found.append(VirtioFS(self, node) if filesystem.is_virtiofs else filesystem)
        return found

    @cached_property
    def shares(self) -> list[VirtioFS]:
        """Every filesystem that virtiofsd serves."""
        return [filesystem for filesystem in self.filesystems if isinstance(filesystem, VirtioFS)]

    @cached_property
    def memory_devices(self) -> list[MemoryDevice]:
        """Every `<memory>` inside `<devices>`."""
        return [MemoryDevice(self, node) for node in self.devices.get("memory", ())]

    def devices_of(self, kind: str) -> list[Device]:
        """Every device of that element name."""
        return [Device(self, node) for node in self.devices.get(kind, ())]

    @cached_property
    def vhost_user_devices(self) -> list[Device]:
        """Every device that another process serves and that therefore needs shared guest memory."""
        found: list[Device] = list(self.shares)
        for kind, served in (("interface", {"vhostuser"}), ("disk", {"vhostuser", "vhostvdpa"})):
            found += [device for device in self.devices_of(kind) if device.type in served]
        for video in self.devices_of("video"):
            if video.driver and video.driver.value("name") == "vhostuser":
                found.append(video)
        return found

    @cached_property
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
            regions.append(
                Region(cell.node, f"NUMA cell {cell.id}", cell.size_kib, _is_shared(decided), decided)
            )
        return regions

    @cached_property
    def is_shared(self) -> bool:
        """Whether all initial memory is shared, as libvirt asks for every vhost-user device."""
        return all(region.is_shared for region in self.regions)

    @cached_property
    def initial_kib(self) -> int | None:
        """The memory that the guest starts with, without memory devices, in KiB; None where unreadable."""
        if self.cells:
            sizes = [cell.size_kib for cell in self.cells]
            return None if None in sizes else sum(size for size in sizes if size is not None)
        if self.memory_kib is None:
            return None
        return self.memory_kib - sum(device.size_kib or 0 for device in self.memory_devices)


def _is_shared(access: Attribute | None) -> bool:
    return access is not None and access.value == "shared"
