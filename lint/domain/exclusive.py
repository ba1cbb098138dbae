"""What of the host only one running domain can use: images that it writes, ports, passed-through devices."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from vfslint.domain.host_device import Identity, identities
from vfslint.domain.host_paths import Need, host_paths
from vfslint.findings import Span
from vfslint.lazy import once
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.disk import Disk
    from vfslint.domain.display import Graphics
    from vfslint.domain.domain import Domain

IMAGE, PORT, DEVICE, SOCKET = "image", "port", "device", "socket"
# What listens on any address of the host.
_ANY_ADDRESS = ("0.0.0.0", "::", "")
_PORTS = ("port", "tlsPort", "websocket")
# Devices that accept one connection each; others, such as serial ports, connect to servers for many.
_VHOST_USER = frozenset({"filesystem", "disk", "interface"})


class Exclusive(NamedTuple):
    """Something that a domain uses, and that no other domain can use at the same time.

    `kind` and `key` identify it on the host, `title` is how messages name it. `node` has it in `attribute`: None for
    its text, an empty string for the whole. Two domains that only read (`is_reader`) can use it together.
    """

    kind: str
    key: Identity
    title: str
    node: Node
    attribute: str | None
    is_reader: bool = False

    @property
    def span(self) -> Span:
        """Where the domain names it."""
        return self.node.at_part(self.attribute)


@once
def exclusives(domain: Domain) -> list[Exclusive]:
    """Return everything that a domain needs for itself, in document order within each kind."""
    return [*_images(domain), *_sockets(domain), *_ports(domain), *_devices(domain)]


def _images(domain: Domain) -> Iterator[Exclusive]:
    for disk in domain.disks:
        for number, image in enumerate(disk.chain):
            path = image.node.value("file") if image.node and image.type == "file" else None
            if path and path.startswith("/") and image.node and not _is_shareable(disk):
                is_reader = number > 0 or disk.is_readonly or _is_discarded(disk)
                yield Exclusive(IMAGE, _path(path), f"the image {path!r}", image.node, "file", is_reader)
    nvram = domain.firmware.nvram
    if nvram and nvram.text.startswith("/") and nvram.value("type") in (None, "file"):
        title = f"the file {nvram.text!r} with the firmware's variables"
        yield Exclusive(IMAGE, _path(nvram.text), title, nvram, None)


def _path(path: str) -> Identity:
    return (posixpath.normpath(path),)


def _is_shareable(disk: Disk) -> bool:
    return disk.node.child("shareable") is not None


def _is_discarded(disk: Disk) -> bool:
    """Whether what the guest writes goes to a file of its own, and the image itself is only read."""
    transient = disk.node.child("transient")
    return transient is not None and transient.value("shareBacking") == "yes"


def _sockets(domain: Domain) -> Iterator[Exclusive]:
    for path in host_paths(domain):
        device = path.node.parent
        if path.need is Need.SOCKET and device and device.tag in _VHOST_USER:
            yield Exclusive(SOCKET, _path(path.path), "the socket", path.node, path.attribute)


def _ports(domain: Domain) -> Iterator[Exclusive]:
    for graphics in domain.graphics:
        for name, port in _written_ports(graphics):
            # libvirt reserves the port on all addresses (virPortAllocatorSetUsed).
            yield Exclusive(PORT, ("graphics", port), f"the port {port}", graphics.node, name)
    for device in domain.character_backends:
        source = device.source
        if device.type != "tcp" or not device.listens or source is None:
            continue
        host, service = source.value("host") or "", source.value("service")
        if service:
            address = "any" if host in _ANY_ADDRESS else "127.0.0.1" if host == "localhost" else host
            yield Exclusive(PORT, ("tcp", address, service), f"the port {service}", source, "service")


def _written_ports(graphics: Graphics) -> Iterator[tuple[str, int]]:
    """Yield the ports that a VNC or SPICE server sets, by attribute; 0 and -1 leave the choice to libvirt."""
    listen = graphics.listens[0].value("type") if graphics.listens else None
    if graphics.type not in ("vnc", "spice") or listen in ("socket", "none") or graphics.node.value("socket"):
        return
    for name in _PORTS:
        is_libvirts = name != "websocket" and graphics.node.value("autoport") == "yes"
        port = None if is_libvirts else numbers.unsigned(graphics.node.value(name) or "")
        if port and port < 65536:
            yield name, port


def _devices(domain: Domain) -> Iterator[Exclusive]:
    for hostdev in domain.hostdevs:
        is_shared = hostdev.node.child("shareable") is not None or hostdev.node.child("readonly") is not None
        identity = None if is_shared else hostdev.identities[0]
        if identity and hostdev.source:
            yield Exclusive(DEVICE, identity, f"the {hostdev.type} device", *_place(hostdev.source))
    for interface in domain.interfaces:
        if interface.type == "hostdev" and interface.source:
            identity = identities("pci", interface.source)[0]
            if identity:
                yield Exclusive(DEVICE, identity, "the pci device", *_place(interface.source))
    for vsock in domain.device_nodes("vsock"):
        cid = vsock.child("cid")
        number = numbers.unsigned(cid.value("address") or "") if cid and cid.value("auto") != "yes" else None
        if cid and number:
            yield Exclusive(DEVICE, ("vsock", number), f"the vsock address {number}", cid, "address")
    for tpm in domain.tpms:
        device = tpm.passed_through
        if device:
            path = device["path"].value
            yield Exclusive(DEVICE, ("tpm", path), f"the TPM {path!r}", device, "path")


def _place(source: Node) -> tuple[Node, str]:
    return source.child("address") or source, ""
