"""The model of devices: what libvirt reads of boot orders, aliases, interfaces and controllers, release by release."""

import pytest

from tests.domain.made import SHARE, interface, with_devices
from vfslint.domain.interface import Interface
from vfslint.vocabulary.numbers import based, mac_address


@pytest.mark.parametrize(
    ("text", "base", "number"),
    [
        ("0x1f", 0, 31), ("037", 0, 31), ("31", 0, 31), ("1f", 0, None), ("08", 0, None), ("0", 0, 0),
        ("0x1f", 10, None), ("0644", 8, 0o644), ("8", 8, None), (" +5", 10, 5), ("-1", 10, None),
        ("5 ", 10, None),
        ("1f", 16, 31), ("0x1f", 16, 31), ("", 10, None), ("4294967296", 10, None), ("٣", 10, None),
    ],
)  # fmt: skip
def test_numbers_are_read_in_their_base(text: str, base: int, number: int | None) -> None:
    assert based(text, base) == number


@pytest.mark.parametrize(
    ("text", "first"),
    [("52:54:00:12:34:56", 0x52), ("1:2:3:4:5:6", 1), ("52:54:00:12:34", None), ("52-54-00-12-34-56", None),
     (" 52:54:00:12:34:56", None), ("52:54:00:12:34:100", None)],
)  # fmt: skip
def test_mac_addresses_have_six_bytes(text: str, first: int | None) -> None:
    read_bytes = mac_address(text)
    assert (read_bytes[0] if read_bytes else None) == first


def test_only_devices_that_boot_have_a_boot_order_and_filesystems_since_7_1() -> None:
    devices = f"<filesystem>{SHARE}<boot order='1'/></filesystem><sound model='ich9'><boot order='2'/></sound>"
    assert [boot.order for boot in with_devices(devices).boots] == [1]
    assert with_devices(devices, "7.0.0").boots == []


def test_aliases_count_as_far_as_libvirt_keeps_them() -> None:
    names = ["ua-a", "fs0", "ua-b c", "ua-", ""]
    devices = "".join(interface(f"<alias name='{name}'/>") for name in names)
    serial = "<serial type='pty'><alias name='ua-s'/></serial>"
    assert [alias.value for alias in with_devices(devices + serial).aliases] == ["ua-a", "ua-"]


@pytest.mark.parametrize(
    ("source", "libvirt", "lacking"),
    [
        ("<source type='unix' path='/v' mode='client'/>", "9.0.0", ()),
        ("<source path='/v'/>", "9.0.0", ("type", "mode")),
        ("<source path='/v'/>", "11.3.0", ()),
        ("<source type='unix'/>", "11.3.0", ("path",)),
        ("<backend type='passt'/>", "11.3.0", ()),
        ("<backend type='passt'/>", "9.0.0", ("type", "path", "mode")),
    ],
)
def test_what_a_vhost_user_interface_needs(source: str, libvirt: str, lacking: tuple[str, ...]) -> None:
    (nic,) = with_devices(f"<interface type='vhostuser'>{source}</interface>", libvirt).interfaces
    assert isinstance(nic, Interface)
    assert nic.lacking == lacking


def test_a_usb_companion_works_for_another_controller() -> None:
    devices = (
        "<controller type='usb' index='0' model='ich9-ehci1'/>"
        "<controller type='usb' index='0' model='ich9-uhci1'><master startport='0'/></controller>"
    )
    assert [controller.is_companion for controller in with_devices(devices).controllers] == [False, True]
