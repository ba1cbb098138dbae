"""The paths of the host that a domain names, and what must be there when it starts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from vfslint.domain import command_line
from vfslint.domain.storage import LOCAL
from vfslint.findings import Span
from vfslint.lazy import once
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.character import CharacterDevice
    from vfslint.domain.domain import Domain
    from vfslint.domain.interface import Interface

# What libvirt opens for a vsock device (qemu_process.c:qemuProcessOpenVhostVsock), and QEMU for a domain of type kvm.
VSOCK = "/dev/vhost-vsock"
KVM = "/dev/kvm"

# Where the kernel shows the host's network devices.
_NETWORK = "/sys/class/net"
# The startupPolicy with which a guest starts without a medium whose file is missing.
_MAY_BE_MISSING = "optional"


# What the image of a disk of each type may not be, as QEMU opens it.
_UNFIT_IMAGES = {"block": ("file", "program", "directory"), "file": ("directory",), "dir": ("file", "program")}


class Need(Enum):
    """What must be at a path: anything, the folder that it is in, or a socket on which someone listens."""

    EXISTS = "exists"
    FOLDER = "folder"
    SOCKET = "socket"


class HostPath(NamedTuple):
    """A path, what must be there, and the element that names it.

    `attribute` names it within the element; None if it is the element's text, and an empty string if the element
    only implies it. `title` is how messages name its use, `unfit` are the kinds (`host.facts.KINDS`) that it may not
    be.
    """

    path: str
    need: Need
    title: str
    node: Node
    attribute: str | None = None
    unfit: tuple[str, ...] = ()

    @property
    def span(self) -> Span:
        """Where the path is written, or what implies it."""
        return self.node.at_part(self.attribute)

    @property
    def folder(self) -> str:
        """The folder that the path is in."""
        return posixpath.dirname(posixpath.normpath(self.path))


@once
def host_paths(domain: Domain) -> list[HostPath]:
    """Return every absolute path that a domain names, except those of virtio-fs directories and of programs."""
    found = [*_boot_files(domain), *_images(domain), *_character_devices(domain), *_vhost_user(domain)]
    found += _of_command_line(domain)
    found += [*_memory_files(domain), *_network_devices(domain)]
    found += [*_passed_through(domain), *_devices(domain)]
    return [each for each in found if each.path.startswith("/")]


def sockets(domain: Domain) -> list[HostPath]:
    """Return the sockets to which QEMU connects when the domain starts."""
    return [path for path in host_paths(domain) if path.need is Need.SOCKET]


def waiting(domain: Domain) -> list[Interface]:
    """Return the interfaces for which QEMU waits until another process connects to their socket.

    libvirt creates such a socket without `nowait` (qemu_command.c:qemuBuildInterfaceCommandLine).
    """
    return [
        interface
        for interface in domain.interfaces
        if interface.type == "vhostuser" and interface.source and interface.source.value("mode") == "server"
    ]


def _boot_files(domain: Domain) -> Iterator[HostPath]:
    firmware = domain.firmware
    if firmware.loader and firmware.path:
        yield HostPath(firmware.path, Need.EXISTS, "the firmware", firmware.loader)
    if firmware.nvram and firmware.nvram.text:
        yield HostPath(firmware.nvram.text, Need.FOLDER, "the firmware's variables", firmware.nvram)
    for tag, title in (("kernel", "the kernel"), ("initrd", "the initial RAM disk"), ("dtb", "the device tree")):
        node = next((node for os in domain.elements("os") for node in os.children(tag)), None)
        if node and node.text:
            yield HostPath(node.text, Need.EXISTS, title, node)


def _images(domain: Domain) -> Iterator[HostPath]:
    for disk in domain.disks:
        for image in disk.chain:
            node, attribute = image.node, LOCAL.get(image.type)
            path = node.value(attribute) if node and attribute else None
            if node and path and node.value("startupPolicy") != _MAY_BE_MISSING:
                unfit = _UNFIT_IMAGES.get(image.type, ())
                yield HostPath(path, Need.EXISTS, f"the source of {disk.label}", node, attribute, unfit)


def _character_devices(domain: Domain) -> Iterator[HostPath]:
    for device in domain.character_backends:
        source, path = device.source, device.value("path")
        need = _need(device)
        if source and path and need:
            yield HostPath(path, need, f"the {device.type} of {device.label}", source, "path")


def _need(device: CharacterDevice) -> Need | None:
    if device.type == "unix":
        return Need.FOLDER if device.listens else Need.SOCKET
    if device.type == "file":
        return Need.FOLDER
    return Need.EXISTS if device.type == "dev" else None


def _vhost_user(domain: Domain) -> Iterator[HostPath]:
    for share in domain.shares:
        if share.source and share.socket:
            yield HostPath(share.socket, Need.SOCKET, f"the socket of {share.label}", share.source, "socket")
    for disk in domain.disks:
        path = disk.source.value("path") if disk.source and disk.type == "vhostuser" else None
        if path and disk.source:
            yield HostPath(path, Need.SOCKET, f"the socket of {disk.label}", disk.source, "path")
    for interface in domain.interfaces:
        path = interface.source.value("path") if interface.source and interface.type == "vhostuser" else None
        if path and interface.source:
            need = Need.FOLDER if interface.source.value("mode") == "server" else Need.SOCKET
            yield HostPath(path, need, f"the socket of {interface.label}", interface.source, "path")


def _of_command_line(domain: Domain) -> Iterator[HostPath]:
    for option in command_line.named(domain, "chardev"):
        path, is_server = option.settings.get("path"), option.settings.get("server", "off") in ("", "on", "yes", "true")
        if path and option.kind == "socket" and not is_server:
            yield HostPath(path, Need.SOCKET, "the socket of QEMU's command line", option.value.node, option.value.name)


def _memory_files(domain: Domain) -> Iterator[HostPath]:
    # QEMU creates the file, unless libvirt first changes its owner (virSecurityDACSetMemoryLabel).
    conf = domain.context.conf
    ownership = conf["dynamic_ownership"] if conf else None
    keeps_owner = domain.context.session or (ownership is not None and ownership.value.number == 0)
    need = Need.FOLDER if keeps_owner else Need.EXISTS
    for device in domain.memory_devices:
        node = device.source.child("path") if device.source else None
        if node and node.text and device.model in ("nvdimm", "virtio-pmem"):
            yield HostPath(node.text, need, f"the file of {device.label}", node)


def _network_devices(domain: Domain) -> Iterator[HostPath]:
    for interface in domain.interfaces:
        source, name = interface.source, {"bridge": "bridge", "direct": "dev", "vdpa": "dev"}.get(interface.type)
        device = source.value(name) if source and name else None
        if source and device and "/" not in device and interface.virtualport is None:
            title = "the bridge" if name == "bridge" else "the network device"
            yield HostPath(f"{_NETWORK}/{device}", Need.EXISTS, title, source, name)
        elif source and device and interface.type == "vdpa":
            yield HostPath(device, Need.EXISTS, f"the source of {interface.label}", source, name)


def _passed_through(domain: Domain) -> Iterator[HostPath]:
    for device in domain.hostdevs:
        source, identity = device.source, device.identities[0]
        if source is None or identity is None:
            continue
        kind, place = identity[0], source.child("address") or source
        numbers = [int(number) for number in identity[1:]] if kind in ("pci", "usb address") else []
        if kind == "pci":
            path = "/sys/bus/pci/devices/{:04x}:{:02x}:{:02x}.{:x}".format(*numbers)
            yield HostPath(path, Need.EXISTS, "the PCI device", place, "")
        elif kind == "usb address" and source.value("startupPolicy") is None:
            yield HostPath("/dev/bus/usb/{:03d}/{:03d}".format(*numbers), Need.EXISTS, "the USB device", place, "")


def _devices(domain: Domain) -> Iterator[HostPath]:
    for filesystem in domain.filesystems:
        path = filesystem.source.value("dir") if filesystem.source and filesystem.is_9p else None
        if path and filesystem.source:
            yield HostPath(path, Need.EXISTS, f"the source of {filesystem.label}", filesystem.source, "dir")
    for vsock in domain.device_nodes("vsock"):
        yield HostPath(VSOCK, Need.EXISTS, "the device for vsock", vsock, "")
    for rng in domain.device_nodes("rng"):
        backend = rng.child("backend")
        if backend and backend.text and backend.value("model") == "random":
            yield HostPath(backend.text, Need.EXISTS, "the source of rng", backend)
    for tpm in domain.tpms:
        device = tpm.passed_through
        if device:
            yield HostPath(device["path"].value, Need.EXISTS, "the device of tpm", device, "path")
    for input_ in domain.inputs:
        source = input_.source
        name = {"passthrough": "evdev", "evdev": "dev"}.get(input_.type or "")
        path = source.value(name) if source and name else None
        if source and path:
            yield HostPath(path, Need.EXISTS, "the device of input", source, name)
