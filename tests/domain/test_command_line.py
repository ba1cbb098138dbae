"""The options of `<qemu:commandline>`."""

import pytest

from tests.domain.made import I440FX, Q35, domain
from vfslint.domain import command_line, pci
from vfslint.domain.command_line import NAMESPACE, Option
from vfslint.domain.domain import Domain

Q35_MACHINE, I440FX_MACHINE = f"<os>{Q35}</os>", f"<os>{I440FX}</os>"


def with_arguments(*words: str, body: str = Q35_MACHINE, given: str = "libvirt 12.8.0") -> Domain:
    arguments = "".join(f'<q:arg value="{word}"/>' for word in words)
    return domain(f"{body}<q:commandline xmlns:q='{NAMESPACE}'>{arguments}</q:commandline>", given=given)


def option(name: str, value: str) -> Option:
    [found] = command_line.options(with_arguments(f"-{name}", value.replace('"', "&quot;")))
    return found


def taken(*words: str, body: str = Q35_MACHINE, given: str = "libvirt 12.8.0") -> list[tuple[str, int]]:
    found = pci.taken_by_arguments(with_arguments(*words, body=body, given=given))
    return [(each.device.kind, each.slot) for each in found]


def test_an_option_is_followed_by_its_value() -> None:
    made = with_arguments("-nodefaults", "-device", "edu", "stray", "--object", "rng-random,id=r", "-device")
    assert [(each.name, each.value.value) for each in command_line.options(made)] == [
        ("device", "edu"),
        ("object", "rng-random,id=r"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "settings"),
    [
        ("device", "virtio-net-pci,netdev=n,mq=on", {"driver": "virtio-net-pci", "netdev": "n", "mq": "on"}),
        ("device", "driver=edu", {"driver": "edu"}),
        ("chardev", "socket,id=c,path=/a,,b,server", {"backend": "socket", "id": "c", "path": "/a,b", "server": "on"}),
        ("numa", "node,memdev=m", {"type": "node", "memdev": "m"}),
        ("cpu", "host,kvm=off", {"host": "on", "kvm": "off"}),
        (
            "device",
            '{"driver":"edu","addr":"0x5","x":1,"y":true}',
            {"driver": "edu", "addr": "0x5", "x": "1", "y": "on"},
        ),
        ("device", "{'driver':'edu'}", {"driver": "edu"}),
        ("device", "{broken", {}),
        ("device", "{" * 5000, {}),
    ],
)
def test_settings(name: str, value: str, settings: dict[str, str]) -> None:
    assert option(name, value).settings == settings


@pytest.mark.parametrize(
    ("addr", "place"),
    [("5", (5, 0)), ("0x1e", (0x1E, 0)), ("1e.7", (0x1E, 7)), ("0x2.0x1", (2, 1)), ("5.8", None), ("", None)],
)
def test_the_place_of_a_device(addr: str, place: tuple[int, int] | None) -> None:
    assert option("device", f"edu,addr={addr}").place == place


@pytest.mark.parametrize("kind", ["vfio-pci", "virtio-blk-pci-non-transitional", "qemu-xhci", "VGA"])
def test_pci_devices(kind: str) -> None:
    assert option("device", kind).is_pci


@pytest.mark.parametrize("kind", ["isa-applesmc", "usb-kbd", "virtio-blk", "intel-iommu", "scsi-hd"])
def test_other_devices(kind: str) -> None:
    assert not option("device", kind).is_pci


def test_devices_take_the_first_free_slots() -> None:
    video = "<devices><video><model type='vga'/><address type='pci' bus='0' slot='{}' function='0'/></video></devices>"
    body = Q35_MACHINE + video.format(2)
    assert taken("-device", "edu", body=body) == []
    assert taken("-device", "edu", "-device", "edu", body=body) == [("edu", 2)]
    assert taken("-device", "edu,addr=1", "-device", "edu", body=body) == [("edu", 2)]
    assert taken("-device", "edu,addr=2", body=body) == [("edu", 2)]
    assert taken("-device", "edu,addr=2.1", "-device", "edu,addr=5,bus=other", body=body) == []
    assert taken("-device", "edu", body=I440FX_MACHINE + video.format(2)) == [("edu", 2)]
    assert taken("-device", "edu", body=I440FX_MACHINE + video.format(3)) == []


def test_libvirt_gives_the_first_slot_to_a_device_of_its_own() -> None:
    assert taken("-device", "edu") == [("edu", 1)]
    assert taken("-device", "edu", body=I440FX_MACHINE) == [("edu", 2)]
    assert taken("-device", "edu", body=Q35_MACHINE + "<devices><memballoon model='none'/></devices>") == []
    assert taken("-device", "edu", body="<os><type arch='aarch64' machine='virt'>hvm</type></os>") == []


def test_what_is_written_in_json_comes_after_libvirts_devices() -> None:
    assert taken("-device", "{'driver':'edu'}") == []
    assert taken("-device", "edu", given="libvirt 7.0.0") == []
    less = f"<q:capabilities xmlns:q='{NAMESPACE}'><q:del capability='device.json'/></q:capabilities>"
    assert taken("-device", "edu", body=Q35_MACHINE + less) == []


def test_many_arguments_take_linear_time() -> None:
    assert len(taken(*["-device", "edu"] * 3000)) == 1
