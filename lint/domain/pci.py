"""PCI in a domain: its buses, the places in use, and the devices that need one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from vfslint.domain import command_line
from vfslint.domain.address import Address, Place
from vfslint.domain.command_line import Option
from vfslint.lazy import once
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

# Bus 0 has room for about 240 ports: 30 slots with 8 functions each.
MOST_PORTS = 240

# The first and the last slot of the bus of each controller that devices can be plugged into.
_SLOTS = {
    "pcie-root-port": (0, 0),
    "pcie-switch-downstream-port": (0, 0),
    "pci-bridge": (1, 31),
    "pcie-to-pci-bridge": (1, 31),
}
_SATA = Place(0, 0x1F, 2)
# The places of the chipset's own devices on bus 0 (qemuDomainValidateDevicePCISlotsQ35 and …PIIX3).
_OF_Q35 = frozenset({Place(0, 0x1F, 0), Place(0, 0x1F, 3)})
_OF_I440FX = frozenset({Place(0, 1, 0), Place(0, 1, 3)})
# Devices that are PCI devices on x86, by their element (qemu_domain_address.c).
_ALWAYS_PCI = frozenset("filesystem interface video graphics rng vsock shmem".split())


class Buses(NamedTuple):
    """The PCI buses of a domain on an x86 machine: the models of its PCI controllers, by index."""

    models: dict[int, str | None]
    is_q35: bool

    def slots(self, address: Address, bus: int) -> tuple[int, int]:
        """The first and the last slot of a device's bus.

        libvirt adds a bus that no controller provides: a port for virtio devices on q35, else a bridge. Other
        devices that require a port are not considered.
        """
        if bus in self.models or bus == 0:
            model = self.models.get(bus)
        elif self.is_q35:
            model = "pcie-root-port" if address.kind == "filesystem" else None
        else:
            model = "pci-bridge"
        return _SLOTS.get(model or "", (0, 31))

    def is_reachable(self, bus: int) -> bool:
        """Whether the bus exists, or bus 0 has room for all ports that libvirt has to add up to it."""
        return bus in self.models or bus <= MOST_PORTS


class Taken(NamedTuple):
    """Two devices at one place; `owner` is None for a device of the machine itself."""

    address: Address
    owner: Address | None


class TakenSlot(NamedTuple):
    """A slot of bus 0 that a device of the command line takes from one of libvirt's.

    `owner` is the address of that device, None if libvirt only assigns it when it reads the domain.
    """

    device: Option
    slot: int
    owner: Address | None


def buses(domain: Domain) -> Buses:
    """Return the PCI buses of a domain; of controllers with the same index, only the first one."""
    models: dict[int, str | None] = {}
    for controller in domain.pci_controllers:
        if controller.index is not None:
            models.setdefault(controller.index, controller.node.value("model"))
    return Buses(models, domain.is_q35)


def clashes(domain: Domain) -> Iterator[Taken]:
    """Yield every address on an x86 machine that another device already uses."""
    built_in = _OF_Q35 if domain.is_q35 else _OF_I440FX
    owners: dict[Place, Address] = {}
    for address in domain.addresses:
        place = address.place
        # The first console is the same device as the first serial port, including its address.
        if place is None or address.kind == "console":
            continue
        if place in built_in or place in owners or (domain.is_q35 and _is_sata(address, place)):
            yield Taken(address, owners.get(place))
        owners.setdefault(place, address)


def taken_by_arguments(domain: Domain) -> Iterator[TakenSlot]:
    """Yield every slot of an x86 machine that a device of `<qemu:commandline>` takes from one of libvirt's."""
    devices = [device for device in command_line.devices(domain) if device.is_pci]
    if not devices or not (domain.is_q35 or domain.is_i440fx):
        return
    root_bus, used = ("pcie.0", {0, 0x1F}) if domain.is_q35 else ("pci.0", {0, 1})
    owners = {address.place: address for address in domain.addresses if address.place and address.kind != "console"}
    given = _given_by_libvirt(domain) if not any(place.bus == 0 for place in owners) else None
    for device in devices:
        if device.settings.get("bus", root_bus) != root_bus:
            continue
        is_automatic = "addr" not in device.settings
        slot, function = next((slot for slot in range(32) if slot not in used), None), 0
        if not is_automatic:
            slot, function = device.place or (None, 0)
        if slot is None:
            continue
        used.add(slot)
        owner = owners.get(Place(0, slot, function))
        if owner or (is_automatic and slot == given):
            yield TakenSlot(device, slot, owner)


def _given_by_libvirt(domain: Domain) -> int | None:
    """Return the first slot that libvirt gives to a device itself if no device has an address on bus 0.

    On q35, this is slot 1: of the primary video device, or else of the first root port, which the memory balloon
    needs. On i440fx, it is slot 2: of the primary video device, or else of the first other one, such as the balloon
    (qemu_domain_address.c:qemuDomainValidateDevicePCISlots…).
    """
    if any(node.value("model") != "virtio" for node in domain.device_nodes("memballoon")):
        return None
    return 1 if domain.is_q35 else 2


def _is_sata(address: Address, place: Place) -> bool:
    """Whether another device has the place of the SATA controller with index 0, which every q35 machine has."""
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
