"""A disk."""

from __future__ import annotations

import re
from typing import NamedTuple

from vfslint.domain.device import NEW_PARSER, VhostUserDevice
from vfslint.domain.storage import StorageSource, backing_stores
from vfslint.findings import Span
from vfslint.lazy import lazy
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

# The bus of a disk without one, by the beginning of its name (virDomainDiskDefPostParse).
_BUSES = {"hd": "ide", "sd": "scsi", "vd": "virtio", "xvd": "xen", "ubd": "uml"}


# Letters, which count the disks, and the number of a partition (virDiskNameParse).
_NAME = r"(?:fd|hd|vd|sd|xvd|ubd)([a-z]{1,6})([0-9]*)\Z"
_NVME_NAME = r"nvme([0-9]{1,9})n([1-9][0-9]{0,8})(?:p[0-9]{1,9})?\Z"


def limits_in(holders: list[Node], libvirt: Version) -> dict[str, int]:
    """Read the limits in `<iotune>` or `<throttlegroup>`; the first of each name counts."""
    wraps = libvirt < NEW_PARSER
    found: dict[str, int] = {}
    for holder in holders:
        for limit in holder.children():
            if "_sec" in limit.tag:
                found.setdefault(str(limit.tag), numbers.unsigned(limit.text, bits=64, wraps=wraps) or 0)
    return found


class DrivePlace(NamedTuple):
    """An address of type drive."""

    controller: int
    bus: int
    target: int
    unit: int


class Disk(VhostUserDevice):
    """A `<disk>`; one of type vhostuser or vhostvdpa is served by another process or device."""

    @property
    def _wanted(self) -> tuple[str, ...]:
        return ("type", "path") if self.type == "vhostuser" else ("dev",)

    @property
    def cache(self) -> str | None:
        """The cache mode, `driver/@cache`, or None."""
        return self.driver.value("cache") if self.driver else None

    @lazy
    def name(self) -> Attribute | None:
        """The name in the guest, `target/@dev`, or None."""
        return self.target.attribute("dev") if self.target else None

    @lazy
    def target(self) -> Node | None:
        """The `<target>` that counts, or None: the first; before 7.4.0, the first one with a name."""
        targets = self.node.children("target")
        named = (target for target in targets if target.value("dev") is not None)
        first = targets[0] if targets else None
        return next(named, first) if self.libvirt < NEW_PARSER else first

    @lazy
    def bus(self) -> str:
        """The bus in the guest: `target/@bus`, or what libvirt derives from the device and the name."""
        written = self.target.value("bus") if self.target else None
        if written is not None:
            return written
        if self.device == "floppy":
            return "fdc"
        name = (self.target.value("dev") or "").removeprefix("ioemu:") if self.target else ""
        buses = _BUSES if self.libvirt < (11, 5, 0) else {**_BUSES, "nvme": "nvme"}
        return next((bus for prefix, bus in buses.items() if name.startswith(prefix)), "ide")

    @property
    def device(self) -> str:
        """The kind of device that the guest sees: disk, cdrom, floppy or lun."""
        return self.node.value("device") or "disk"

    @lazy
    def image(self) -> StorageSource:
        """The disk's own image. Without a `<source>`, the disk counts as one of type file."""
        type_ = (self.type or "file") if self.source else "file"
        written = self.driver.value("type") if self.driver else None
        format_ = {"aio": "raw", None: None if type_ == "volume" else "raw"}.get(written, written)
        return StorageSource(self.node, self.source, type_, self.driver, format_, self.is_readonly)

    @lazy
    def chain(self) -> tuple[StorageSource, ...]:
        """The disk's image and those below it, as far as they are written."""
        return (self.image, *backing_stores(self.node))

    @property
    def is_readonly(self) -> bool:
        """Whether the guest cannot write to it; a CD-ROM is always read-only."""
        return self.device == "cdrom" or self.node.child("readonly") is not None

    @property
    def is_empty(self) -> bool:
        """Whether it has no content."""
        return self.image.is_empty

    def option(self, name: str) -> Attribute | None:
        """An attribute of `<driver>`, or None."""
        return self.driver.attribute(name) if self.driver else None

    def option_value(self, name: str) -> str | None:
        """The value of an attribute of `<driver>`, or None."""
        return self.driver.value(name) if self.driver else None

    @property
    def bus_span(self) -> Span:
        """Where the bus is written, or the name from which libvirt derives it."""
        if self.target is None:
            return self.node.start_span
        return self.target.at("bus" if self.target.value("bus") is not None else "dev")

    @lazy
    def written_limits(self) -> dict[str, int]:
        """The limits in `<iotune>` by name; 0 is none."""
        return limits_in(self.node.children("iotune"), self.libvirt)

    @property
    def limits(self) -> dict[str, int]:
        """The limits in `<iotune>` that are not 0, by name."""
        return {name: value for name, value in self.written_limits.items() if value}

    @property
    def group(self) -> Node | None:
        """The `<group_name>` of `<iotune>`, or None if it is missing or empty."""
        node = self.node.child("iotune/group_name")
        return node if node and node.text else None

    @property
    def geometry(self) -> dict[str, int]:
        """The numbers in `<geometry>` that are not 0, by name."""
        node = self.node.child("geometry")
        read = (
            {name: numbers.unsigned(node.value(name) or "") or 0 for name in ("cyls", "heads", "secs")} if node else {}
        )
        return {name: number for name, number in read.items() if number}

    def written(self, name: str) -> Node | None:
        """The first such child if it has text; releases with the older parser keep an empty one, too."""
        node = self.node.child(name)
        return node if node and (node.text or self.libvirt < NEW_PARSER) else None

    @lazy
    def number(self) -> int | None:
        """The number that the letters of its name stand for, from 0; None if libvirt cannot read the name."""
        found = re.match(_NAME, self.short_name)
        if found is None:
            found = re.match(_NVME_NAME, self.short_name) if self.libvirt >= (11, 5, 0) else None
            return int(found[1]) if found else None
        number = 0
        for letter in found[1]:
            number = number * 26 + ord(letter) - ord("a") + 1
        return number - 1

    @property
    def partition(self) -> str:
        """The digits after the letters of its name, which stand for a partition; empty if there are none."""
        found = re.match(_NAME, self.short_name)
        return found[2] if found else ""

    @lazy
    def short_name(self) -> str:
        """The name without a prefix that libvirt skips."""
        name = self.target.value("dev") if self.target else None
        return (name or "").removeprefix("ioemu:")

    @lazy
    def place(self) -> DrivePlace | None:
        """The place of a disk on a bus of drives, None on other buses or if its address or name cannot be read.

        Without an address, the name determines it (virDomainDiskDefAssignAddress).
        """
        if self.bus not in ("ide", "sata", "scsi", "fdc", "nvme"):
            return None
        if self.address:
            if self.address.value("type") != "drive":
                return None
            read = [numbers.unsigned(self.address.value(name) or "0") for name in DrivePlace._fields]
            return None if None in read else DrivePlace(*[number or 0 for number in read])
        namespace = re.match(_NVME_NAME, self.short_name)
        if self.number is None or (namespace and self.bus != "nvme"):
            return None
        if namespace:
            return DrivePlace(self.number, 0, 0, int(namespace[2]) - 1)
        if self.bus == "nvme":
            return DrivePlace(0, 0, 0, self.number)
        if self.bus == "ide":
            return DrivePlace(self.number // 4, self.number % 4 // 2, 0, self.number % 2)
        if self.bus == "scsi":
            return DrivePlace(self.number // 7, 0, 0, self.number % 7)
        units = 6 if self.bus == "sata" else 2
        return DrivePlace(self.number // units, 0, 0, self.number % units)

    @property
    def iothread(self) -> Attribute | None:
        """`driver/@iothread`, or None."""
        return self.driver.attribute("iothread") if self.driver else None

    @property
    def iothread_number(self) -> int | None:
        """The number of the disk's I/O thread, from 1; None if it is absent or not such a number."""
        return numbers.unsigned(self.iothread.value) or None if self.iothread else None

    @property
    def thread_mapping(self) -> list[Node]:
        """Every `<iothread>` of the driver's `<iothreads>`."""
        mapping = self.driver.child("iothreads") if self.driver else None
        return mapping.children("iothread") if mapping else []
