"""Guest addresses of devices, and which places of the PCI buses are free, as libvirt counts them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint.domain.devices import Device
from vfslint.lazy import lazy
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

# Base of each number (0: as C writes it) in each type of address (device_conf.c, domain_conf.c:
# virDomainDeviceAddressParseXML).
NUMBERS: dict[str, dict[str, int]] = {
    "pci": {"domain": 0, "bus": 0, "slot": 0, "function": 0},
    "drive": {"controller": 10, "bus": 10, "target": 10, "unit": 10},
    "virtio-serial": {"controller": 10, "bus": 10, "port": 10},
    "ccid": {"controller": 10, "slot": 10},
    "usb": {"bus": 10},
    "spapr-vio": {"reg": 16},
    "virtio-mmio": {},
    "ccw": {"cssid": 0, "ssid": 0, "devno": 0},
    "isa": {"iobase": 16, "irq": 16},
    "dimm": {"slot": 10, "base": 16},
    "unassigned": {},
}
_WIDE = frozenset({"reg", "base"})
_USB_PORT = r"[0-9]+(\.[0-9]+){0,3}\Z"
# On bus 0 there is room for some 240 ports: 30 slots with 8 functions each.
MOST_PORTS = 240
PCI_LIMITS = {"bus": 0xFF, "slot": 0x1F, "function": 7}


class Place(NamedTuple):
    """A PCI address without its domain, which is always 0."""

    bus: int
    slot: int
    function: int

    def __str__(self) -> str:
        return f"0000:{self.bus:02x}:{self.slot:02x}.{self.function}"


_SATA = Place(0, 0x1F, 2)


class Reading(NamedTuple):
    """What libvirt makes of an address's attributes.

    `numbers` are those that are written, None for what it cannot read as one; `unreadable` is the name of the
    first attribute that it cannot read as the number or word it has to be; `lacking` are the attributes that
    this type of address cannot do without; `beyond` are the numbers of a PCI address that are larger than PCI
    has them; `place` is the place on a PCI bus, None where libvirt is to choose one.
    """

    numbers: dict[str, int | None]
    unreadable: str | None
    lacking: tuple[str, ...]
    beyond: tuple[str, ...]
    place: Place | None


# Domains that libvirt prints are full of the same few addresses.
@lru_cache(4096)
def read(attributes: tuple[tuple[str, str], ...]) -> Reading:
    """Read an address from the names and values of its attributes."""
    written = dict(attributes)
    kind = written.get("type", "")
    bases = NUMBERS.get(kind, {})
    written_numbers = {
        name: numbers.based(text, bases[name], bits=64 if name in _WIDE else 32)
        for name, text in attributes
        if name in bases
    }
    unreadable = _unreadable(kind, written, written_numbers)
    beyond: tuple[str, ...] = ()
    place = None
    if kind == "pci":
        # An address of zeros alone is none, whatever its function (virPCIDeviceAddressIsEmpty).
        if any(written_numbers.get(name) for name in ("domain", "bus", "slot")):
            beyond = tuple(
                name for name, number in written_numbers.items() if number and number > PCI_LIMITS.get(name, number)
            )
        if not (unreadable or beyond or written_numbers.get("domain")):
            place = _place(written_numbers)
    return Reading(written_numbers, unreadable, _lacking(kind, written), beyond, place)


def _unreadable(kind: str, written: dict[str, str], written_numbers: dict[str, int | None]) -> str | None:
    if None in written_numbers.values():
        return next(name for name, number in written_numbers.items() if number is None)
    if kind == "usb" and "port" in written and not re.match(_USB_PORT, written["port"]):
        return "port"
    if kind == "pci" and written.get("multifunction", "on") not in ("on", "off"):
        return "multifunction"
    return None


def _lacking(kind: str, written: dict[str, str]) -> tuple[str, ...]:
    if kind == "dimm":
        return () if "slot" in written else ("slot",)
    if kind == "ccw":
        missing = tuple(name for name in NUMBERS["ccw"] if name not in written)
        return missing if len(missing) < len(NUMBERS["ccw"]) else ()
    return ()


def _place(numbers: dict[str, int | None]) -> Place | None:
    bus, slot, function = (numbers.get(name) or 0 for name in ("bus", "slot", "function"))
    return Place(bus, slot, function) if bus or slot else None


class Address:
    """The first `<address>` of a device, the one that counts. `type` is None where it is missing."""

    def __init__(self, domain: Domain, element: Any) -> None:
        self.domain = domain
        self._element = element
        self.type: str | None = element.get("type")
        self.reading = read(tuple(element.items()))

    @property
    def node(self) -> Node:
        """The element."""
        return Node(self.domain.document, self._element)

    @property
    def kind(self) -> str:
        """The element name of the device that has it."""
        return str(self._element.getparent().tag)

    @property
    def device(self) -> Device:
        """The device that has it."""
        return Device(self.domain, Node(self.domain.document, self._element.getparent()))

    @property
    def unreadable(self) -> Attribute | None:
        """The first attribute that libvirt cannot read as the number or word it has to be, or None."""
        return self.node[self.reading.unreadable] if self.reading.unreadable else None

    @property
    def lacking(self) -> tuple[str, ...]:
        """The attributes that this type of address cannot do without."""
        return self.reading.lacking

    @property
    def beyond(self) -> Iterator[tuple[Attribute, int]]:
        """The numbers of a PCI address that are larger than PCI has them, each with the largest there is."""
        for name in self.reading.beyond:
            yield self.node[name], PCI_LIMITS[name]

    @property
    def pci_domain(self) -> int:
        """The PCI domain, 0 where it is not written."""
        return (self.reading.numbers.get("domain") or 0) if self.type == "pci" else 0

    @property
    def place(self) -> Place | None:
        """The place on a PCI bus; None for other addresses and where libvirt is to choose one."""
        return self.reading.place


# First and last slot of what a controller offers, of those that a device can be plugged into.
_SLOTS = {
    "pcie-root-port": (0, 0),
    "pcie-switch-downstream-port": (0, 0),
    "pci-bridge": (1, 31),
    "pcie-to-pci-bridge": (1, 31),
}


class Taken(NamedTuple):
    """Two devices at one place; `owner` is None where the machine itself has a device there."""

    address: Address
    owner: Address | None


class Buses:
    """The PCI buses of a domain on an x86 machine."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain

    @lazy
    def _models(self) -> dict[int, str | None]:
        found: dict[int, str | None] = {}
        for controller in self.domain.pci_controllers:
            if controller.index is not None:
                found.setdefault(controller.index, controller.node.value("model"))
        return found

    def slots(self, address: Address, bus: int) -> tuple[int, int]:
        """The first and the last slot of a device's bus.

        libvirt adds a bus that no controller offers: for virtio devices on q35 a port, else a bridge. Which
        other devices want a port there is not looked up.
        """
        if bus in self._models or bus == 0:
            model = self._models.get(bus)
        elif self.domain.is_q35:
            model = "pcie-root-port" if address.kind == "filesystem" else None
        else:
            model = "pci-bridge"
        return _SLOTS.get(model or "", (0, 31))

    def is_reachable(self, bus: int) -> bool:
        """Whether there is such a bus, or room for all that libvirt has to add up to it."""
        return bus in self._models or bus <= MOST_PORTS

    @lazy
    def _built_in(self) -> frozenset[Place]:
        """What the chipset has on bus 0 (qemuDomainValidateDevicePCISlotsQ35 and …PIIX3)."""
        if self.domain.is_q35:
            return frozenset({Place(0, 0x1F, 0), Place(0, 0x1F, 3)})
        return frozenset({Place(0, 1, 0), Place(0, 1, 3)})

    @property
    def clashes(self) -> Iterator[Taken]:
        """Every address that something else has already."""
        owners: dict[Place, Address] = {}
        for address in self.domain.addresses:
            place = address.place
            # The first console is the first serial port once more, address and all.
            if place is None or address.kind == "console":
                continue
            if place in self._built_in or place in owners or self._is_sata(address, place):
                yield Taken(address, owners.get(place))
            owners.setdefault(place, address)

    def _is_sata(self, address: Address, place: Place) -> bool:
        """Whether another device has the place of the SATA controller that every q35 has, the one with index 0."""
        if place != _SATA or not self.domain.is_q35:
            return False
        device = address.device.node
        return not (
            device.tag == "controller" and device.value("type") == "sata" and device.value("index") in (None, "0")
        )
