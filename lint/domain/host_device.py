"""Devices of the host that are passed through."""

from __future__ import annotations

from vfslint.domain.device import Device
from vfslint.domain.disk import DrivePlace
from vfslint.lazy import lazy
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

# What identifies a device of the host.
Identity = tuple[str | int, ...]


class Hostdev(Device):
    """A `<hostdev>`: a device of the host that is passed through."""

    @property
    def is_subsystem(self) -> bool:
        """Whether it is a device of a bus, not one of those that only containers can have."""
        return (self.node.value("mode") or "subsystem") == "subsystem"

    @property
    def is_iscsi(self) -> bool:
        """Whether it is a LUN of an iSCSI server."""
        return self.type == "scsi" and self.source is not None and self.source.value("protocol") == "iscsi"

    @property
    def model(self) -> str | None:
        """The model of a mediated device or of a vhost-scsi device, as written."""
        return self.node.value("model")

    @lazy
    def identities(self) -> tuple[Identity | None, tuple[Identity, ...]]:
        """What libvirt compares of it with later devices, and what of it with earlier ones."""
        if self.source is None or not self.is_subsystem:
            return None, ()
        return identities(self.type or "", self.source)

    @property
    def place(self) -> DrivePlace | None:
        """The written address of a SCSI device, or None."""
        if self.type != "scsi" or self.address is None or self.address.value("type") != "drive":
            return None
        read = [numbers.unsigned(self.address.value(name) or "0") for name in DrivePlace._fields]
        return None if None in read else DrivePlace(*[number or 0 for number in read])


def identities(kind: str, source: Node) -> tuple[Identity | None, tuple[Identity, ...]]:
    """Return what libvirt compares of a device's source with later ones, and with earlier ones.

    A USB device without an address is compared by its vendor and product (virDomainHostdevMatchSubsysUSB).
    """
    if kind == "usb":
        place = _numbers(source.child("address"), "bus", "device")
        product = (*_numbers(source.child("vendor"), "id"), *_numbers(source.child("product"), "id"))
        if -1 in place or -1 in product:
            return None, ()
        both: tuple[Identity, Identity] = ("usb address", *place), ("usb product", *product)
        return (both[0] if all(place) else both[1]), both
    found = _identity(kind, source)
    return found, (found,) if found else ()


def _identity(kind: str, source: Node) -> Identity | None:
    address = source.child("address")
    if kind == "pci":
        place = _numbers(address, "domain", "bus", "slot", "function")
        return None if -1 in place else ("pci", *place)
    if kind == "mdev":
        uuid = address.value("uuid") if address else None
        return ("mdev", "".join(uuid.lower().replace("-", "").split())) if uuid and numbers.is_uuid(uuid) else None
    if kind == "scsi_host":
        wwpn = source.value("wwpn")
        return ("scsi_host", wwpn) if wwpn else None
    if kind != "scsi":
        return None
    if source.value("protocol") == "iscsi":
        host, name = source.child("host"), source.value("name")
        server = host.value("name") if host else None
        port = numbers.unsigned((host.value("port") if host else None) or "0")
        path = name if name is None or "/" in name else f"{name}/0"
        return ("iscsi", server, port, path) if server and path and port is not None else None
    adapter = source.child("adapter")
    adapter_name, place = (adapter.value("name") if adapter else None), _numbers(address, "bus", "target", "unit")
    return ("scsi", adapter_name, *place) if adapter_name and -1 not in place else None


def _numbers(node: Node | None, *names: str) -> tuple[int, ...]:
    """Read attributes in the notation of C; a missing one is 0, an unreadable one is -1."""
    read = [numbers.based((node.value(name) if node else None) or "0", 0, bits=64) for name in names]
    return tuple(-1 if number is None else number for number in read)
