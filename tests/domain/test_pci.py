"""Each PCI bus has its slots, and no two devices the same place."""

from __future__ import annotations

import pytest

from tests.domain.made import I440FX, Q35, interface, pci_address, with_devices
from vfslint.domain import pci, pci_slots


@pytest.mark.parametrize(
    ("devices", "os", "taken"),
    [
        (interface(pci_address()) + interface(pci_address()), Q35, ["0000:00:05.0"]),
        (interface(pci_address()) + interface(pci_address(function="1")), Q35, []),
        (interface(pci_address(slot="0x1f")), Q35, ["0000:00:1f.0"]),
        (interface(pci_address(slot="0x1f", function="1")), Q35, []),
        (interface(pci_address(slot="0x1f", function="2")), Q35, ["0000:00:1f.2"]),
        (f"<controller type='sata' index='0'>{pci_address(slot='0x1f', function='2')}</controller>", Q35, []),
        (interface(pci_address(slot="1")), I440FX, ["0000:00:01.0"]),
        (interface(pci_address(slot="0x1f")), I440FX, []),
    ],
)
def test_places_are_taken_by_devices_and_by_the_chipset(devices: str, os: str, taken: list[str]) -> None:
    assert [str(fault.place) for fault in pci_slots.faults(with_devices(devices, os=os))] == taken


@pytest.mark.parametrize(
    ("controllers", "address", "kinds"),
    [
        ("<controller type='pci' index='1' model='pcie-root-port'/>", pci_address(bus="1"), ["slot"]),
        ("<controller type='pci' index='1' model='pcie-root-port'/>", pci_address(bus="1", slot="0"), []),
        ("<controller type='pci' index='1' model='pcie-switch-upstream-port'/>", pci_address(bus="1"), ["connection"]),
        ("<controller type='pci' index='1' model='dmi-to-pci-bridge'/>", pci_address(bus="1", slot="0"), []),
    ],
)
def test_a_bus_has_its_slots_and_accepts_its_devices(controllers: str, address: str, kinds: list[str]) -> None:
    assert [fault.kind for fault in pci_slots.faults(with_devices(controllers + interface(address)))] == kinds


ROOT = "<controller type='pci' index='0' model='pci-root'/>"
NO_BALLOON = "<memballoon model='none'/>"


@pytest.mark.parametrize(
    ("devices", "libvirt", "device"),
    [
        ("", "12.8.0", None),
        ("<input type='mouse' bus='ps2'/>" + NO_BALLOON, "12.8.0", None),
        (interface(), "12.8.0", "interface"),
        (interface("<address type='isa'/>"), "12.8.0", None),
        ("<interface type='user'><model type='ne2k_isa'/></interface>", "12.8.0", None),
        ("<disk><target dev='vda' bus='virtio'/></disk>", "12.8.0", "disk"),
        ("<disk><target dev='sda' bus='sata'/></disk>", "12.8.0", None),
        (ROOT, "12.8.0", "controller"),
        (ROOT + interface(), "11.3.0", None),
    ],
)
def test_the_first_device_that_needs_pci(devices: str, libvirt: str, device: str | None) -> None:
    found = pci.first_device(with_devices(devices, libvirt))
    assert (found.tag if found else None) == device


@pytest.mark.parametrize(
    ("devices", "machine", "gets"),
    [
        ("", "isapc", True),
        (NO_BALLOON, "isapc", False),
        (NO_BALLOON, "microvm", True),
        (NO_BALLOON + "<controller type='usb' model='none'/>", "microvm", False),
        (ROOT, "isapc", False),
    ],
)
def test_libvirt_adds_a_balloon_and_usb_unless_they_are_written(devices: str, machine: str, gets: bool) -> None:
    assert pci.gets_devices(with_devices(devices, os=f"<type machine='{machine}'>hvm</type>")) is gets
