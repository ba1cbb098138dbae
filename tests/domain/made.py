"""Domains for the tests of the model."""

from __future__ import annotations

from tests.examples import context
from vfslint.domain.domain import Domain
from vfslint.domain.filesystem import Filesystem
from vfslint.xml.document import Node, read
from vfslint.xml.source import Source

SHARE = "<driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>"
Q35 = "<type arch='x86_64' machine='q35'>hvm</type>"
I440FX = "<type arch='x86_64' machine='pc'>hvm</type>"


def domain(body: str, *, given: str = "") -> Domain:
    """Return a domain with this inside, under circumstances as a manual's example gives them."""
    document = read(Source(f"<domain type='kvm'>{body}</domain>".encode(), "domain.xml"))
    return Domain(document, Node(document, document.root), context(given))


def with_devices(devices: str, libvirt: str = "12.8.0", os: str = Q35) -> Domain:
    """Return a domain with these devices, for a release of libvirt."""
    return domain(f"<os>{os}</os><devices>{devices}</devices>", given=f"libvirt {libvirt}")


def filesystem(inside: str, libvirt: str = "12.8.0", attributes: str = "") -> Filesystem:
    return with_devices(f"<filesystem {attributes}>{inside}</filesystem>", libvirt).filesystems[0]


def pci_address(bus: str = "0", slot: str = "0x5", function: str = "0") -> str:
    return f"<address type='pci' domain='0x0000' bus='{bus}' slot='{slot}' function='{function}'/>"


def interface(*inside: str) -> str:
    return f"<interface type='user'>{''.join(inside)}</interface>"
