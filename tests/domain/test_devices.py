"""The model of devices: what libvirt takes from shares, addresses and controllers, release by release."""

import pytest

from vfslint.context import Context
from vfslint.domain.address import Place
from vfslint.domain.domain import Domain
from vfslint.domain.filesystem import Filesystem, VirtioFS
from vfslint.domain.interface import Interface
from vfslint.domain.pci import buses, clashes
from vfslint.targets import contemporary, version
from vfslint.vocabulary.numbers import based, mac_address
from vfslint.xml.document import Node, read
from vfslint.xml.source import Source

SHARE = "<driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>"
Q35 = "<type arch='x86_64' machine='q35'>hvm</type>"
I440FX = "<type arch='x86_64' machine='pc'>hvm</type>"


def domain(devices: str, libvirt: str = "12.8.0", os: str = Q35) -> Domain:
    text = f"<domain type='kvm'><os>{os}</os><devices>{devices}</devices></domain>"
    document = read(Source(text.encode(), "domain.xml"))
    return Domain(document, Node(document, document.root), Context(contemporary(version(libvirt))))


def filesystem(inside: str, libvirt: str = "12.8.0", attributes: str = "") -> Filesystem:
    return domain(f"<filesystem {attributes}>{inside}</filesystem>", libvirt).filesystems[0]


def pci(bus: str = "0", slot: str = "0x5", function: str = "0") -> str:
    return f"<address type='pci' domain='0x0000' bus='{bus}' slot='{slot}' function='{function}'/>"


def interface(*inside: str) -> str:
    return f"<interface type='user'>{''.join(inside)}</interface>"


@pytest.mark.parametrize(
    ("driver", "served"),
    [("<driver type='virtiofs'/>", "virtiofs"), ("", None), ("<driver name='virtiofs'/>", None)],
)
def test_the_driver_type_says_who_serves(driver: str, served: str | None) -> None:
    fs = filesystem(f"{driver}<source dir='/srv'/><target dir='data'/>")
    assert fs.driver_type == served
    assert isinstance(fs, VirtioFS) == (served == "virtiofs")
    assert fs.is_9p == (served is None)


@pytest.mark.parametrize(("libvirt", "type_"), [("7.0.0", "virtiofs"), ("9.0.0", None)])
def test_of_several_drivers_old_releases_take_the_first_with_a_type(libvirt: str, type_: str | None) -> None:
    assert filesystem("<driver queue='8'/><driver type='virtiofs'/>", libvirt).driver_type == type_


@pytest.mark.parametrize(("libvirt", "directory"), [("7.0.0", "/b"), ("9.0.0", None)])
def test_of_several_sources_old_releases_take_the_first_with_a_directory(libvirt: str, directory: str | None) -> None:
    assert filesystem("<source/><source dir='/b'/>", libvirt).directory == directory


@pytest.mark.parametrize("libvirt", ["7.0.0", "9.0.0", "12.8.0"])
def test_every_release_takes_the_first_target_with_a_tag(libvirt: str) -> None:
    assert filesystem("<target/><target dir='a'/><target dir='b'/>", libvirt).tag == "a"


def test_a_type_is_mount_where_it_is_absent_but_not_where_it_is_empty() -> None:
    assert filesystem(SHARE).type == "mount"
    assert filesystem(SHARE, attributes="type=''").type == ""


@pytest.mark.parametrize(
    ("source", "libvirt", "directory", "socket"),
    [
        ("<source dir='/a' socket='/b'/>", "9.0.0", None, "/b"),
        ("<source dir='/a' socket=''/>", "9.0.0", None, ""),
        ("<source dir='/a' socket='/b'/>", "7.0.0", "/a", None),
        ("<source dir='/a'/>", "9.0.0", "/a", None),
        ("<source path='/a'/>", "9.0.0", None, None),
    ],
)
def test_a_socket_wins_over_a_directory(source: str, libvirt: str, directory: str | None, socket: str | None) -> None:
    fs = filesystem(f"<driver type='virtiofs'/>{source}<target dir='data'/>", libvirt)
    assert (fs.directory, fs.socket) == (directory, socket)


@pytest.mark.parametrize(
    ("written", "libvirt", "unknown"),
    [
        ("<driver type='virtiofs' iommu='on' ats='off'/>", "12.8.0", []),
        ("<driver type='virtio-fs'/>", "12.8.0", ["type"]),
        ("<driver type='default'/>", "7.0.0", ["type"]),
        ("<driver type='default'/>", "9.0.0", []),
        ("<driver type='mtp'/>", "9.0.0", []),
        ("<driver type='mtp'/>", "11.3.0", []),
        ("<driver type='virtiofs' page_per_vq='x'/>", "7.0.0", []),
        ("<driver type='virtiofs' page_per_vq='x'/>", "9.0.0", ["page_per_vq"]),
        ("<driver type='virtiofs'/><driver iommu='x'/>", "9.0.0", []),
        ("<driver type='virtiofs'/><driver format='x'/>", "7.0.0", ["format"]),
        ("<driver type='virtiofs'/><binary xattr=''/>", "7.0.0", []),
        ("<driver type='virtiofs'/><binary xattr=''/>", "9.0.0", ["xattr"]),
        ("<driver type='virtiofs'/><binary/><binary xattr='x'/>", "7.0.0", ["xattr"]),
        ("<driver type='virtiofs'/><binary/><binary xattr='x'/>", "9.0.0", []),
        ("<driver type='virtiofs'/><binary/><binary><cache mode='x'/></binary>", "9.0.0", ["mode"]),
        ("<driver type='virtiofs'/><binary><sandbox mode='none'/></binary>", "7.0.0", []),
        ("<driver type='virtiofs'/><binary><sandbox mode='none'/></binary>", "9.0.0", ["mode"]),
        ("<binary xattr='x'/>", "9.0.0", []),
    ],
)
def test_words_are_known_release_by_release(written: str, libvirt: str, unknown: list[str]) -> None:
    assert [word.attribute.name for word in filesystem(written, libvirt).unknown_words] == unknown


@pytest.mark.parametrize(
    ("text", "size"), [("", None), ("128", 128), ("x", None), ("-1", 2**64 - 1), ("+5", 5), ("5 ", None)]
)
def test_a_queue_is_read_as_libvirt_reads_it(text: str, size: int | None) -> None:
    assert filesystem(f"<driver type='virtiofs' queue='{text}'/>").queue == size


def test_newer_options_are_not_there_for_older_releases() -> None:
    inside = (
        f"{SHARE}<binary><thread_pool size='4'/><openfiles max='9'/></binary>"
        "<idmap><uid start='0' target='1' count='1'/></idmap>"
    )
    old, new = filesystem(inside, "8.4.0"), filesystem(inside, "10.6.0")
    assert (old.thread_pool, old.openfiles, old.uid_map) == (None, None, [])
    assert new.thread_pool is not None
    assert new.openfiles is not None
    assert [entry.start for entry in new.uid_map] == [0]


def test_ranges_of_ids_overlap_in_the_guest_or_on_the_host() -> None:
    first, guest, host, apart = filesystem(
        "<idmap><uid start='0' target='100' count='10'/><uid start='9' target='900' count='1'/>"
        "<uid start='50' target='109' count='1'/><uid start='10' target='110' count='1'/></idmap>"
    ).uid_map
    assert first.overlaps(guest)
    assert first.overlaps(host)
    assert not first.overlaps(apart)


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


def test_bus_0_slot_0_stands_for_no_address() -> None:
    addresses = domain(interface(pci(slot="0", function="1")) + interface(pci())).addresses
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
    (found,) = domain(interface(address)).addresses
    assert (found.unreadable.name if found.unreadable else None) == attribute


def test_the_first_address_of_a_device_counts() -> None:
    (address,) = domain(interface(pci(slot="1"), pci(slot="2"))).addresses
    assert address.place == Place(0, 1, 0)


@pytest.mark.parametrize(
    ("devices", "os", "taken"),
    [
        (interface(pci()) + interface(pci()), Q35, ["0000:00:05.0"]),
        (interface(pci()) + interface(pci(function="1")), Q35, []),
        (interface(pci(slot="0x1f")), Q35, ["0000:00:1f.0"]),
        (interface(pci(slot="0x1f", function="1")), Q35, []),
        (interface(pci(slot="0x1f", function="2")), Q35, ["0000:00:1f.2"]),
        (f"<controller type='sata' index='0'>{pci(slot='0x1f', function='2')}</controller>", Q35, []),
        (interface(pci(slot="1")), I440FX, ["0000:00:01.0"]),
        (interface(pci(slot="0x1f")), I440FX, []),
    ],
)
def test_places_are_taken_by_devices_and_by_the_chipset(devices: str, os: str, taken: list[str]) -> None:
    assert [str(clash.address.place) for clash in clashes(domain(devices, os=os))] == taken


def test_ports_have_one_slot_and_bridges_have_no_slot_0() -> None:
    ports = "<controller type='pci' index='1' model='pcie-root-port'/>"
    bridges = "<controller type='pci' index='2' model='pcie-to-pci-bridge'/>"
    found = domain(ports + bridges + interface(pci(bus="1")))
    (address,) = found.addresses
    assert buses(found).slots(address, 0) == (0, 31)
    assert buses(found).slots(address, 1) == (0, 0)
    assert buses(found).slots(address, 2) == (1, 31)


def test_only_devices_that_boot_have_a_boot_order_and_filesystems_since_7_1() -> None:
    devices = f"<filesystem>{SHARE}<boot order='1'/></filesystem><sound model='ich9'><boot order='2'/></sound>"
    assert [boot.order for boot in domain(devices).boots] == [1]
    assert domain(devices, "7.0.0").boots == []


def test_aliases_count_as_far_as_libvirt_keeps_them() -> None:
    names = ["ua-a", "fs0", "ua-b c", "ua-", ""]
    devices = "".join(interface(f"<alias name='{name}'/>") for name in names)
    serial = "<serial type='pty'><alias name='ua-s'/></serial>"
    assert [alias.value for alias in domain(devices + serial).aliases] == ["ua-a", "ua-"]


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
    (nic,) = domain(f"<interface type='vhostuser'>{source}</interface>", libvirt).interfaces
    assert isinstance(nic, Interface)
    assert nic.lacking == lacking


def test_a_usb_companion_works_for_another_controller() -> None:
    devices = (
        "<controller type='usb' index='0' model='ich9-ehci1'/>"
        "<controller type='usb' index='0' model='ich9-uhci1'><master startport='0'/></controller>"
    )
    assert [controller.is_companion for controller in domain(devices).controllers] == [False, True]
