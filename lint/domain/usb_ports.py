"""Which USB buses and ports a domain has, and which device is where: libvirt's set of USB addresses, on x86.

libvirt adds hubs if there are more devices than ports, reserves the ports of hubs and of other devices whose address is
written, and then gives ports to the others (qemu_domain_address.c:qemuDomainAssignUSBAddresses).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vfslint.domain import usb
from vfslint.domain.pci_slots import indexes
from vfslint.lazy import once
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.controller import Controller
    from vfslint.domain.domain import Domain

HUB_PORTS = 8
# Hubs can be connected to each other up to this depth.
_DEPTH = 4
# In a domain with more USB devices, only the written ports are checked.
_MOST_ASSIGNED = 128
# The ports of each model (virDomainUSBAddressControllerModelToPorts); that of XHCI controllers can be written.
_PORTS = {"ehci": 6, "ich9-ehci1": 6, "pci-ohci": 3, "piix3-uhci": 2, "piix4-uhci": 2, "vt82c686b-uhci": 2}
_XHCI = ("nec-xhci", "qemu-xhci")
_XHCI_PORTS = 4
# The devices in libvirt's order (virDomainDeviceInfoIterateFlags).
_ORDER = "disk interface sound hostdev controller serial input filesystem redirdev".split()


class Fault(NamedTuple):
    """A USB device that cannot be connected where it is written, or not at all.

    `kind`: `no-bus`, `no-port` (the bus or hub does not have it), `no-hub` (there
    is none at `part` of the port), `part` (this part of the port is out of range), `taken`, `taken-hub`, `full`.
    """

    kind: str
    node: Node
    bus: int = 0
    port: str = ""
    part: int = 0


class _Hub:
    """A bus, or a hub that is connected to one."""

    __slots__ = ("hubs", "ports", "used")

    def __init__(self, ports: int) -> None:
        self.ports = ports
        self.used: set[int] = set()
        self.hubs: dict[int, _Hub] = {}

    def free(self, depth: int = 0) -> tuple[int, ...] | None:
        """Return the path of a free port (virDomainUSBAddressFindFreePort), or None."""
        if len(self.used) < self.ports:
            return (next(port for port in range(1, self.ports + 1) if port not in self.used),)
        if depth < _DEPTH - 1:
            for port, hub in sorted(self.hubs.items()):
                found = hub.free(depth + 1)
                if found:
                    return (port, *found)
        return None


class _Ports:
    """The buses of a domain while libvirt reserves ports."""

    def __init__(self, controllers: list[tuple[int, int]]) -> None:
        self.buses: dict[int, _Hub] = {}
        for index, ports in sorted(controllers):
            if ports:
                self.buses.setdefault(index, _Hub(ports))

    def find(self, node: Node, bus: int, path: tuple[int, ...]) -> _Hub | Fault:
        """Return the bus or the hub that has the last port of a path (virDomainUSBAddressFindPort)."""
        port = ".".join(map(str, path))
        hub = self.buses.get(bus)
        if hub is None:
            return Fault("no-bus", node, bus, port)
        for part in path[:-1]:
            if not 0 < part <= hub.ports:
                return Fault("part", node, bus, port, part)
            following = hub.hubs.get(part)
            if following is None:
                return Fault("no-hub", node, bus, port, part)
            hub = following
        return hub if 0 < path[-1] <= hub.ports else Fault("no-port", node, bus, port)

    def reserve(self, node: Node, bus: int, path: tuple[int, ...], *, is_hub: bool = False) -> Fault | None:
        found = self.find(node, bus, path)
        if isinstance(found, Fault):
            return found
        port = path[-1]
        if port in (found.hubs if is_hub else found.used):
            return Fault("taken-hub" if is_hub else "taken", node, bus, ".".join(map(str, path)))
        found.used.add(port)
        if is_hub:
            found.hubs[port] = _Hub(HUB_PORTS)
        return None

    def assign(self, node: Node, bus: int | None, *, is_hub: bool = False) -> Fault | None:
        """Connect a device whose port is not written (virDomainUSBAddressAssign)."""
        if bus is not None and bus not in self.buses:
            return Fault("no-bus", node, bus)
        for index in sorted(self.buses) if bus is None else (bus,):
            path = self.buses[index].free()
            if path:
                return self.reserve(node, index, path, is_hub=is_hub)
        return Fault("full", node, bus or 0)


def _written(node: Node) -> tuple[int, tuple[int, ...]] | None:
    """Return the bus and the port as written, without parts if libvirt assigns the port; None without an address."""
    address = node.child("address")
    if address is None or address.value("type") != "usb":
        return None
    parts = [int(part) for part in (address.value("port") or "").split(".") if part.isdecimal() and len(part) < 10]
    while parts and not parts[-1]:
        parts.pop()
    bus = numbers.based(address.value("bus") or "0", 10, bits=32) or 0
    return bus, tuple(parts) if parts and parts[0] else ()


def _devices(domain: Domain) -> list[Node]:
    """Return the USB devices except for hubs, in libvirt's order. A smartcard is connected to a CCID controller."""
    found = [node for node in usb.devices(domain) if node.tag in _ORDER]
    return sorted(found, key=lambda node: _ORDER.index(node.tag))


def ports_of(controller: Controller) -> int:
    """Return how many ports a USB controller has for devices; companions have none of their own."""
    if controller.model in _XHCI:
        written = controller.node.value("ports")
        return _XHCI_PORTS if written is None else numbers.based(written, 10, bits=31) or 0
    return _PORTS.get(controller.model or "piix3-uhci", 0)


@once
def faults(domain: Domain) -> list[Fault]:
    """Return what is wrong with the USB ports of a q35 or pc machine."""
    if domain.unknown_kinds & {"controller", "hub"}:
        return []
    if not (domain.is_q35 or domain.is_i440fx) or not usb.has_bus(domain):
        return []
    devices = _devices(domain)
    hubs = [node for node in domain.outlines("hub") if node.value("type") == "usb"]
    return list(_faults(domain, devices, hubs)) if devices or hubs else []


def _faults(domain: Domain, devices: Sequence[Node], hubs: Sequence[Node]) -> Iterator[Fault]:
    known = indexes(domain)
    controllers = [
        (known.get(controller.node.element) or 0, controller)
        for controller in domain.controllers
        if controller.type == "usb"
    ]
    ports = [(index, ports_of(controller)) for index, controller in controllers]
    if not any(index == 0 for index, _ in ports):
        ports.append((0, _XHCI_PORTS if domain.is_q35 else _PORTS["piix3-uhci"]))
    available = sum(count for _, count in ports) + len(hubs) * HUB_PORTS
    buses = _Ports(ports)
    found = False
    unplaced_hubs = []
    for hub in hubs:
        written = _written(hub)
        if written and written[1]:
            fault = buses.reserve(hub, *written, is_hub=True)
            if fault:
                found = True
                yield fault
        else:
            unplaced_hubs.append((hub, written))
    unplaced = []
    for node in devices:
        written = _written(node)
        if written and written[1]:
            fault = buses.reserve(node, *written)
            if fault:
                found = True
                yield fault
        elif written or node.child("address") is None:
            unplaced.append((node, written))
    if found or len(devices) + len(hubs) > _MOST_ASSIGNED:
        return
    missing = len(devices) + len(hubs) - available
    added = -(-(missing + 1) // (HUB_PORTS - 1)) if missing > 0 else 0
    last = (devices or hubs)[-1]
    for node, written, is_hub in (
        *((hub, written, True) for hub, written in unplaced_hubs),
        *((last, None, True) for _ in range(added)),
        *((node, written, False) for node, written in unplaced),
    ):
        fault = buses.assign(node, written[0] if written else None, is_hub=is_hub)
        if fault:
            yield fault
            return
