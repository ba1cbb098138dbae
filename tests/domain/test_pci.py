"""Each PCI bus has its slots, and no two devices the same place."""

from __future__ import annotations

import pytest

from tests.domain.made import I440FX, Q35, interface, pci_address, with_devices
from vfslint.domain import pci


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
    assert [str(clash.address.place) for clash in pci.clashes(with_devices(devices, os=os))] == taken


def test_ports_have_one_slot_and_bridges_have_no_slot_0() -> None:
    ports = "<controller type='pci' index='1' model='pcie-root-port'/>"
    bridges = "<controller type='pci' index='2' model='pcie-to-pci-bridge'/>"
    found = with_devices(ports + bridges + interface(pci_address(bus="1")))
    (address,) = found.addresses
    assert pci.buses(found).slots(address, 0) == (0, 31)
    assert pci.buses(found).slots(address, 1) == (0, 0)
    assert pci.buses(found).slots(address, 2) == (1, 31)


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
