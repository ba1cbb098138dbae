"""PCI in a domain: which buses there are, which places are taken, and which devices need one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from vfslint.domain.address import Address, Place
from vfslint.lazy import once
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

# On bus 0 there is room for some 240 ports: 30 slots with 8 functions each.
MOST_PORTS = 240

# First and last slot of what a controller offers, of those that a device can be plugged into.
_SLOTS = {
    "pcie-root-port": (0, 0),
    "pcie-switch-downstream-port": (0, 0),
    "pci-bridge": (1, 31),
    "pcie-to-pci-bridge": (1, 31),
}
_SATA = Place(0, 0x1F, 2)
# What the chipset has on bus 0 (qemuDomainValidateDevicePCISlotsQ35 and …PIIX3).
_OF_Q35 = frozenset({Place(0, 0x1F, 0), Place(0, 0x1F, 3)})
_OF_I440FX = frozenset({Place(0, 1, 0), Place(0, 1, 3)})
# Devices that are on PCI for x86, by their element (qemu_domain_address.c).
_ALWAYS_PCI = frozenset("filesystem interface video graphics rng vsock shmem".split())


class Buses(NamedTuple):
    """The PCI buses of a domain on an x86 machine: the models of its PCI controllers, by index."""

    models: dict[int, str | None]
    is_q35: bool

    def slots(self, address: Address, bus: int) -> tuple[int, int]:
        """The first and the last slot of a device's bus.

        libvirt adds a bus that no controller offers: for virtio devices on q35 a port, else a bridge. Which
        other devices require a port there is not looked up.
        """
        if bus in self.models or bus == 0:
            model = self.models.get(bus)
        elif self.is_q35:
            model = "pcie-root-port" if address.kind == "filesystem" else None
        else:
            model = "pci-bridge"
        return _SLOTS.get(model or "", (0, 31))

    def is_reachable(self, bus: int) -> bool:
        """Whether there is such a bus, or room for all that libvirt has to add up to it."""
        return bus in self.models or bus <= MOST_PORTS


class Taken(NamedTuple):
    """Two devices at one place; `owner` is None if the machine itself has a device there."""

    address: Address
    owner: Address | None


def buses(domain: Domain) -> Buses:
    """Return the PCI buses of a domain; of controllers with the same index the first counts."""
    models: dict[int, str | None] = {}
    for controller in domain.pci_controllers:
        if controller.index is not None:
            models.setdefault(controller.index, controller.node.value("model"))
    return Buses(models, domain.is_q35)


def clashes(domain: Domain) -> Iterator[Taken]:
    """Yield every address on an x86 machine that something else has already."""
    built_in = _OF_Q35 if domain.is_q35 else _OF_I440FX
    owners: dict[Place, Address] = {}
    for address in domain.addresses:
        place = address.place
        # The first console is the first serial port once more, address and all.
        if place is None or address.kind == "console":
            continue
        if place in built_in or place in owners or (domain.is_q35 and _is_sata(address, place)):
            yield Taken(address, owners.get(place))
        owners.setdefault(place, address)


def _is_sata(address: Address, place: Place) -> bool:
    """Whether another device has the place of the SATA controller that every q35 has, the one with index 0."""
    if place != _SATA:
        return False
    device = address.device.node
    is_controller = device.tag == "controller" and device.value("type") == "sata"
    return not (is_controller and device.value("index") in (None, "0"))


@once
def root(domain: Domain) -> Node | None:
    """Return the PCI controller with index 0, or None if none is written."""
    return next((controller.node for controller in domain.pci_controllers if controller.index == 0), None)


def first_device(domain: Domain) -> Node | None:
    """Return the first device that needs a PCI slot on x86, or None."""
    if root(domain) and domain.context.target.libvirt < (11, 4, 0):
        return None
    for tag, nodes in domain.devices.items():
        for node in nodes:
            address = node.child("address")
            if _needs_pci(tag, node) and (address is None or address.value("type") == "pci"):
                return node
    return root(domain)


def gets_devices(domain: Domain) -> bool:
    """Whether libvirt adds PCI devices by itself: a memory balloon, and USB except for isapc."""
    if root(domain):
        return False
    controllers = domain.devices.get("controller", ())
    has_usb = any(node.value("type") == "usb" for node in controllers)
    return "memballoon" not in domain.devices or (domain.machine == "microvm" and not has_usb)


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
