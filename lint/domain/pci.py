"""PCI in a domain: the slots that QEMU's arguments take, and the devices that need one."""

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

# Devices that are PCI devices on x86, by their element (qemu_domain_address.c).
_ALWAYS_PCI = frozenset("filesystem interface video graphics rng vsock shmem".split())


class TakenSlot(NamedTuple):
    """A slot of bus 0 that a device of the command line takes from one of libvirt's.

    `owner` is the address of that device, None if libvirt only assigns it when it reads the domain.
    """

    device: Option
    slot: int
    owner: Address | None


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


@once
def root(domain: Domain) -> Node | None:
    """Return the PCI controller with index 0, or None if none is written."""
    return next((controller.node for controller in domain.pci_controllers if controller.index == 0), None)


def first_device(domain: Domain) -> Node | None:
    """Return the first device that needs a PCI slot on x86, or None."""
    if root(domain) and domain.context.target.libvirt < (11, 4, 0):
        return None
    for node in domain.outlines():
        address = node.child("address")
        if _needs_pci(node.tag, node) and (address is None or address.value("type") == "pci"):
            return node
    return root(domain)


def gets_devices(domain: Domain) -> bool:
    """Whether libvirt adds PCI devices by itself: a memory balloon, and USB except for isapc."""
    if root(domain):
        return False
    controllers = domain.devices.get("controller", ())
    has_usb = any(node.value("type") == "usb" for node in controllers)
    return not domain.outlines("memballoon") or (domain.machine == "microvm" and not has_usb)


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
