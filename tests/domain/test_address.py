"""Addresses of devices are read as libvirt reads them, each type with its own numbers."""

from __future__ import annotations

import pytest

from tests.domain.made import interface, pci_address, with_devices
from vfslint.domain.address import Place


def test_bus_0_slot_0_stands_for_no_address() -> None:
    addresses = with_devices(interface(pci_address(slot="0", function="1")) + interface(pci_address())).addresses
    assert [address.place for address in addresses] == [None, Place(0, 5, 0)]


@pytest.mark.parametrize(
    ("address", "attribute"),
    [
        ("<address type='pci' slot='1f'/>", "slot"),
        ("<address type='pci' slot='0x1f'/>", None),
        ("<address type='pci' multifunction='yes'/>", "multifunction"),
        ("<address type='drive' unit='0x1'/>", "unit"),
        ("<address type='usb' bus='0' port='1.2'/>", None),
        ("<address type='usb' bus='0' port=''/>", "port"),
        ("<address type='usb' bus='0' port='a'/>", "port"),
        ("<address type='isa' iobase='3f8'/>", None),
        ("<address type='virtio-mmio' reg='x'/>", None),
    ],
)
def test_numbers_of_addresses_depend_on_their_type(address: str, attribute: str | None) -> None:
    (found,) = with_devices(interface(address)).addresses
    assert (found.unreadable.name if found.unreadable else None) == attribute


def test_the_first_address_of_a_device_counts() -> None:
    (address,) = with_devices(interface(pci_address(slot="1"), pci_address(slot="2"))).addresses
    assert address.place == Place(0, 1, 0)
