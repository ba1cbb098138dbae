"""Character devices: which of them libvirt keeps, and what their serial ports are on each board."""

import pytest

from tests.domain.made import Q35, with_devices

ARM = "<type arch='aarch64' machine='virt-7.2'>hvm</type>"
PSERIES = "<type arch='ppc64' machine='pseries'>hvm</type>"
RASPI = "<type arch='aarch64' machine='raspi3b'>hvm</type>"
S390X = "<type arch='s390x' machine='s390-ccw-virtio'>hvm</type>"
LOONGARCH = "<type arch='loongarch64' machine='virt'>hvm</type>"


def tags(devices: str) -> list[str]:
    return [device.node.tag for device in with_devices(devices).character_backends]


def test_the_first_console_stands_for_the_first_serial_port() -> None:
    virtio = "<console type='pty'><target type='virtio'/></console>"
    assert tags("<serial type='pty'/><console type='file'/>" + virtio) == ["serial", "console"]
    assert tags("<console type='file'/>" + virtio) == ["console", "console"]
    assert tags(f"<serial type='pty'/>{virtio}<console type='pty'/>") == ["serial", "console", "console"]


def test_other_devices_with_a_character_device_are_found() -> None:
    smartcards = "<smartcard mode='host'/><smartcard mode='passthrough' type='tcp'/>"
    others = "<redirdev bus='usb' type='tcp'/><rng><backend model='egd' type='tcp'/></rng><rng><backend/></rng><rng/>"
    assert tags(smartcards + others) == ["redirdev", "smartcard", "backend"]


def test_a_port_without_a_type_is_a_pseudo_terminal() -> None:
    devices = with_devices("<serial/><redirdev bus='usb'/>").character_devices
    assert [device.type for device in devices] == ["pty", None]


@pytest.mark.parametrize(("libvirt", "kind"), [("7.0.0", "usb-serial"), ("9.0.0", "isa-serial")])
def test_one_of_several_targets_counts(libvirt: str, kind: str) -> None:
    serial = "<serial type='pty'><target type='isa-serial'/><target type='usb-serial'/></serial>"
    assert with_devices(serial, libvirt).serial_ports[0].target_type == kind


@pytest.mark.parametrize(
    ("os", "inside", "port"),
    [
        (Q35, "", ("isa-serial", "isa-serial")),
        (Q35, "<target type='pci-serial'/>", ("pci-serial", "pci-serial")),
        (Q35, "<target type='system-serial'/>", ("system-serial", "none")),
        (ARM, "<target type='isa-serial'/>", ("system-serial", "pl011")),
        (PSERIES, "", ("spapr-vio-serial", "spapr-vty")),
        (S390X, "", ("sclp-serial", "sclpconsole")),
        (S390X, "<target type='sclp-serial'><model name='sclplmconsole'/></target>", ("sclp-serial", "sclplmconsole")),
        (RASPI, "<target type='isa-serial'/>", ("none", "none")),
        (LOONGARCH, "", ("system-serial", "16550a")),
    ],
)
def test_the_default_is_the_port_of_the_board(os: str, inside: str, port: tuple[str, str]) -> None:
    [serial] = with_devices(f"<serial type='pty'>{inside}</serial>", os=os).serial_ports
    assert (serial.port_type, serial.port_model) == port
    assert serial.is_known
    assert serial.is_on_known_board
    assert serial.fits_board


def test_boards_that_a_release_does_not_know_are_not_judged() -> None:
    assert not with_devices("<serial/>", "9.0.0", LOONGARCH).serial_ports[0].is_on_known_board
    assert not with_devices("<serial/>", os="<type arch='mips'>hvm</type>").serial_ports[0].is_on_known_board


def test_a_console_is_the_only_serial_port() -> None:
    console = "<console type='pty'><target type='serial'/></console>"
    assert [port.node.tag for port in with_devices(console * 2).serial_ports] == ["console"]
    assert [port.node.tag for port in with_devices("<serial/>" + console).serial_ports] == ["serial"]


@pytest.mark.parametrize(("port", "number"), [("3", 3), ("-1", None), ("4294967295", None), ("x", None), ("", None)])
def test_numbers_of_ports_are_as_libvirt_stores_them(port: str, number: int | None) -> None:
    [serial] = with_devices(f"<serial type='pty'><target port='{port}'/></serial>").serial_ports
    assert serial.number == number
