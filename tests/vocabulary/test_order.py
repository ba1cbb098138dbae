"""Where libvirt's schema minds the order of elements, and in which releases."""

import itertools

import pytest

from tests.examples import document
from vfslint import lint_bytes
from vfslint.targets import contemporary, version

RELEASES = ("7.0.0", "9.0.0", "11.3.0", "12.8.0")
HEAD = "<name>a</name>"
MEMORY = "<memory unit='GiB'>1</memory>"
UUID = "<uuid>11111111-2222-4333-8444-555555555555</uuid>"
TITLE = "<title>t</title>"
BACKING = "<memoryBacking><source type='memfd'/></memoryBacking>"
OS = "<os><type machine='q35'>hvm</type></os>"
OFF, REBOOT, CRASH = (f"<on_{what}>destroy</on_{what}>" for what in ("poweroff", "reboot", "crash"))
PM = "<pm/>"


def refusing(*parts: str) -> list[str]:
    """Return the releases in which the order of these children of a domain is reported."""
    xml = f"<domain type='kvm'>{''.join(parts)}</domain>".encode()
    return [
        release
        for release in RELEASES
        if "VFS019" in {finding.code for finding in lint_bytes(xml, target=contemporary(version(release)))}
    ]


# The verdicts of four releases of real libvirt, with --validate.
@pytest.mark.parametrize(
    ("parts", "releases"),
    [
        ((HEAD, UUID, MEMORY, OS, OFF, REBOOT, CRASH), ()),
        ((OFF, REBOOT, CRASH, OS, MEMORY, BACKING, UUID, HEAD), ()),
        ((HEAD, MEMORY, UUID, OS), ()),
        ((HEAD, MEMORY, BACKING, UUID, OS), ()),
        ((HEAD, MEMORY, UUID, BACKING, OS), ("7.0.0", "9.0.0")),
        ((HEAD, MEMORY, OS, BACKING, UUID), ("7.0.0", "9.0.0")),
        ((HEAD, BACKING, UUID, MEMORY, OS), ("7.0.0", "9.0.0")),
        ((HEAD, OFF, UUID, MEMORY, OS), ()),
        ((HEAD, TITLE, UUID, OS, MEMORY), ()),
        ((HEAD, MEMORY, TITLE, OS, BACKING), ()),
        ((HEAD, MEMORY, OS, OFF, BACKING, REBOOT), RELEASES),
        ((HEAD, MEMORY, OFF, BACKING, OS), ()),
        ((HEAD, OFF, MEMORY, REBOOT, BACKING, OS), ()),
        ((HEAD, MEMORY, OFF, BACKING, REBOOT, OS), RELEASES),
        ((HEAD, MEMORY, OS, OFF, PM, REBOOT), ()),
    ],
)
def test_order_in_a_domain(parts: tuple[str, ...], releases: tuple[str, ...]) -> None:
    assert refusing(*parts) == list(releases)


DEVICES = [
    ("<hostdev mode='subsystem' type='usb'><source>{}</source></hostdev>",
     ["<vendor id='0x1234'/>", "<product id='0x1'/>"], RELEASES),
    ("<video><model type='virtio'>{}</model></video>",
     ["<acceleration accel3d='no'/>", "<resolution x='1' y='1'/>"], RELEASES),
    ("<serial type='tcp'>{}</serial>",
     ["<source mode='bind' host='h' service='1'/>", "<protocol type='raw'/>"], ("7.0.0",)),
    ("<controller type='pci' index='1' model='pcie-root-port'>{}</controller>",
     ["<model name='pcie-root-port'/>", "<target chassis='1'/>"], ("7.0.0",)),
]  # fmt: skip


@pytest.mark.parametrize(("around", "children", "releases"), DEVICES)
def test_order_in_a_device(around: str, children: list[str], releases: tuple[str, ...]) -> None:
    for order in itertools.permutations(children):
        xml = document(around.format("".join(order)))
        reporting = [
            release
            for release in RELEASES
            if "VFS019" in {finding.code for finding in lint_bytes(xml, target=contemporary(version(release)))}
        ]
        assert reporting == ([] if list(order) == children else list(releases))


@pytest.mark.parametrize("release", RELEASES)
def test_the_driver_of_a_host_device_is_next_to_its_source(release: str) -> None:
    parts = [
        "<driver name='vfio'/>",
        "<source><address domain='0x0' bus='0x6' slot='0x0' function='0x0'/></source>",
        "<rom bar='on'/>",
    ]
    for order in itertools.permutations(range(3)):
        xml = document(f"<hostdev mode='subsystem' type='pci'>{''.join(parts[i] for i in order)}</hostdev>")
        codes = {finding.code for finding in lint_bytes(xml, target=contemporary(version(release)))}
        assert ("VFS019" in codes) is (order.index(2) == 1)


def test_the_message_says_where_the_element_belongs() -> None:
    xml = f"<domain type='kvm'>{HEAD}{MEMORY}{OS}{OFF}{BACKING}{REBOOT}</domain>".encode()
    [finding] = [finding for finding in lint_bytes(xml) if finding.code == "VFS019"]
    assert finding.message == "<on_reboot> must be next to <on_poweroff>"
    assert finding.help == "move it up, next to <on_poweroff>"
