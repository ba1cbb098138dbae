"""Guest memory that other processes can map: regions, their access mode, and the devices that require sharing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint.domain import hugepages
from vfslint.domain.device import Device
from vfslint.findings import Span
from vfslint.lazy import once
from vfslint.xml.document import Attribute, Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

# Types of devices that another process serves, by their element; filesystems and video devices have a driver instead.
_SERVED = (("interface", frozenset({"vhostuser"})), ("disk", frozenset({"vhostuser", "vhostvdpa"})))


class Region(NamedTuple):
    """A region of guest memory with one access mode: all of it, or one NUMA cell.

    `decided_by` is the attribute that sets the mode; None if none does, which libvirt treats as private.
    """

    node: Node
    label: str
    size_kib: int | None
    is_shared: bool
    decided_by: Attribute | None

    @property
    def at(self) -> Span:
        """The place of the access mode, or else the region's own start tag."""
        return self.decided_by.span if self.decided_by else self.node.start_span


@once
def regions(domain: Domain) -> list[Region]:
    """Return the initial memory: each NUMA cell, or all of it if there are none.

    A cell's own memAccess takes precedence over memoryBacking's access mode
    (qemu_validate.c:qemuValidateDomainDefVhostUserRequireSharedMemory).
    """
    general = domain.backing.access
    if not domain.cells:
        node = domain.first("memory") or domain.node
        return [Region(node, "the guest's memory", domain.memory_kib, _is_shared(general), general)]
    found = []
    for cell in domain.cells:
        own = cell.node.attribute("memAccess")
        decided = own if own and own.value else general
        found.append(Region(cell.node, cell.label, cell.size_kib, _is_shared(decided), decided))
    return found


@once
def is_shared(domain: Domain) -> bool:
    """Return whether all initial memory is shared, as libvirt requires for every vhost-user device."""
    return all(region.is_shared for region in regions(domain))


@once
def private_regions(domain: Domain) -> list[Region]:
    """Return the private parts of the initial memory; none if the access mode is a word that libvirt rejects."""
    if any(r.decided_by and r.decided_by.value not in ("shared", "private") for r in regions(domain)):
        return []
    return [region for region in regions(domain) if not region.is_shared]


def _is_shared(access: Attribute | None) -> bool:
    return access is not None and access.value == "shared"


@once
def vhost_user_devices(domain: Domain) -> list[Device]:
    """Return every device that another process serves and that therefore needs shared guest memory."""
    found: list[Device] = list(domain.shares)
    served = [
        node
        for kind, types in _SERVED
        for node in domain.device_nodes(kind)
        if node.value("type") in types and not _is_empty_drive(node)
    ]
    for video in domain.device_nodes("video"):
        driver = video.child("driver")
        if driver and driver.value("name") == "vhostuser":
            served.append(video)
    return found + [Device(node, domain.context.target.libvirt) for node in served]


def _is_empty_drive(node: Node) -> bool:
    """Whether a disk is a drive without a medium, which nothing serves."""
    return node.value("device") in ("cdrom", "floppy") and node.child("source") is None


@once
def misplaced(domain: Domain) -> list[Node]:
    """Return every `<memoryBacking>` and `<numa>` that would share memory, but is where libvirt ignores it."""
    found = []
    for element in domain.node.element.iter("memoryBacking", "numa"):
        parent = element.getparent()
        is_home = parent is domain.node.element if element.tag == "memoryBacking" else parent.tag == "cpu"
        if not is_home and _would_share(element):
            found.append(Node(domain.document, element))
    return found


def _would_share(element: Any) -> bool:
    if element.tag == "memoryBacking":
        return any(access.get("mode") == "shared" for access in element.iterfind("access"))
    cells = element.findall("cell")
    return bool(cells) and all(cell.get("memAccess") == "shared" for cell in cells)


@once
def file_backed_kib(domain: Domain) -> int:
    """Return how much of the initial memory is a file below memory_backing_dir, in KiB.

    That is every part that is neither memfd nor huge pages and has either source file or any access mode,
    even private (qemu_command.c:qemuBuildMemoryBackendProps; tested with 9.0.0).
    """
    source = domain.backing.source
    if source and source.value == "memfd":
        return 0
    is_file = source is not None and source.value == "file"
    if not is_file and not any(region.decided_by for region in regions(domain)):
        return 0
    parts = zip(hugepages.parts(domain), regions(domain), strict=True)
    return sum(
        size or 0
        for (cell, size), region in parts
        if (is_file or region.decided_by) and not hugepages.has_huge_pages(domain, cell)
    )
