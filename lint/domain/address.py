"""Guest addresses of devices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from vfslint.domain.device import Device, Outline
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Document, Node

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
PCI_LIMITS = {"bus": 0xFF, "slot": 0x1F, "function": 7}


def type_of(device: Device) -> str | None:
    """Return the type of a device's address; None if libvirt assigns one, or does not know the type."""
    found = device.address.value("type") if device.address else None
    return found if found in NUMBERS else None


class Place(NamedTuple):
    """A PCI address without its domain, which is always 0."""

    bus: int
    slot: int
    function: int

    def __str__(self) -> str:
        return f"0000:{self.bus:02x}:{self.slot:02x}.{self.function}"


class Reading(NamedTuple):
    """How libvirt reads the attributes of an address.

    `numbers` are the numbers as written, None for those that libvirt cannot read; `unreadable` is the name of
    the first attribute whose value libvirt cannot read; `lacking` are the missing attributes that this type of
    address requires; `too_large` are the numbers above the limit of PCI; `place` is the place on a PCI bus,
    None if libvirt assigns one.
    """

    numbers: dict[str, int | None]
    unreadable: str | None
    lacking: tuple[str, ...]
    too_large: tuple[str, ...]
    place: Place | None


# Domains that libvirt prints contain the same few addresses many times.
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
    too_large: tuple[str, ...] = ()
    place = None
    if kind == "pci":
        # An address of only zeros counts as no address, whatever its function (virPCIDeviceAddressIsEmpty).
        if any(written_numbers.get(name) for name in ("domain", "bus", "slot")):
            too_large = tuple(
                name for name, number in written_numbers.items() if number and number > PCI_LIMITS.get(name, number)
            )
        if not (unreadable or too_large or written_numbers.get("domain")):
            place = _place(written_numbers)
    return Reading(written_numbers, unreadable, _lacking(kind, written), too_large, place)


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
    """The first `<address>` of a device, the one that libvirt reads. `type` is None if it is missing.

    `libvirt` is the release that reads it.
    """

    __slots__ = ("_device", "_document", "_element", "libvirt", "reading", "type")

    def __init__(self, document: Document, device: Any, element: Any, libvirt: Version) -> None:
        self._document = document
        self._device = device
        self._element = element
        self.libvirt = libvirt
        self.type: str | None = element.get("type")
        self.reading = read(tuple(element.items()))

    @property
    def node(self) -> Node:
        """The element."""
        return Node(self._document, self._element)

    @property
    def kind(self) -> str:
        """The element name of the device that has it."""
        return str(self._device.tag)

    @property
    def device(self) -> Device:
        """The device that has it."""
        return Device(Outline(self._document, self._device), self.libvirt)

    @property
    def unreadable(self) -> Attribute | None:
        """The first attribute whose value libvirt cannot read, or None."""
        return self.node[self.reading.unreadable] if self.reading.unreadable else None

    @property
    def lacking(self) -> tuple[str, ...]:
        """The missing attributes that this type of address requires."""
        return self.reading.lacking

    @property
    def too_large(self) -> Iterator[tuple[Attribute, int]]:
        """The numbers of a PCI address that are above the limit of PCI, each with that limit."""
        for name in self.reading.too_large:
            yield self.node[name], PCI_LIMITS[name]

    @property
    def pci_domain(self) -> int:
        """The PCI domain, 0 if it is not written."""
        return (self.reading.numbers.get("domain") or 0) if self.type == "pci" else 0

    @property
    def place(self) -> Place | None:
        """The place on a PCI bus; None for other addresses, or if libvirt assigns one."""
        return self.reading.place
