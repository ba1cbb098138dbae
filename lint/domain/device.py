"""Devices of a domain: what they have in common, and the kinds with few properties of their own."""

from __future__ import annotations

import re
from typing import NamedTuple

from vfslint.lazy import lazy
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

# The parsers of <filesystem> and others were rewritten between 7.1 and 9.0 (virXMLPropEnum was first used in 7.4). They
# read the first <driver> and the first <source>; the older ones read each attribute from the first element that has it.
NEW_PARSER: Version = (7, 4, 0)

# Elements inside <devices> that have an address and an alias, and those that a guest can boot from.
ADDRESSED = frozenset(
    """disk controller filesystem interface input sound hostdev redirdev smartcard watchdog memballoon rng
    nvram hub shmem tpm panic
    memory iommu vsock crypto video serial console parallel channel pstore""".split()
)
BOOTABLE = frozenset({"disk", "interface", "hostdev", "redirdev", "filesystem"})


class Device:
    """One element inside `<devices>`, read as the release `libvirt` reads it."""

    def __init__(self, node: Node, libvirt: Version) -> None:
        self.node = node
        self.libvirt = libvirt

    @property
    def kind(self) -> str:
        """The element's name: filesystem, interface, disk …"""
        return self.node.tag

    @lazy
    def type(self) -> str | None:
        """The `type` attribute, or None."""
        return self.node.value("type")

    @lazy
    def address(self) -> Node | None:
        """The guest address, or None if libvirt assigns one."""
        return self.node.child("address")

    @lazy
    def boot(self) -> Node | None:
        """The `<boot order=…/>` of the device, or None."""
        return self.node.child("boot")

    @lazy
    def driver(self) -> Node | None:
        """The first `<driver>`, or None."""
        return self.node.child("driver")

    @lazy
    def source(self) -> Node | None:
        """The first `<source>`, or None."""
        return self.node.child("source")

    @property
    def label(self) -> str:
        """How messages name the device: `interface`, `disk 'vda'` …"""
        target = self.node.child("target")
        name = target.value("dev") if target else None
        return f"{self.kind} {name!r}" if name else self.kind


class Input(Device):
    """An `<input>`: keyboard, mouse, tablet …"""


class Sound(Device):
    """A `<sound>`: a sound card of the guest."""


class Audio(Device):
    """An `<audio>`: how the host plays and records the guest's sound."""


class Smartcard(Device):
    """A `<smartcard>`: a reader of smartcards."""


class Balloon(Device):
    """A `<memballoon>`."""


class Iommu(Device):
    """An `<iommu>`."""


class Hostdev(Device):
    """A `<hostdev>`: a device of the host that is passed through."""


class Reconnect(NamedTuple):
    """`source/reconnect` of a vhost-user device."""

    node: Node

    @property
    def is_on(self) -> bool:
        """Whether QEMU reconnects when the other side closes the connection."""
        return self.node.value("enabled") == "yes"

    @property
    def fault(self) -> str | None:
        """The name of the attribute that libvirt rejects, or None."""
        enabled = self.node.value("enabled")
        if enabled not in (None, "yes", "no"):
            return "enabled"
        timeout = self.node.value("timeout")
        if self.is_on and (timeout is None or numbers.unsigned(timeout) is None):
            return "timeout"
        return None


class VhostUserDevice(Device):
    """A disk or an interface that another process serves over a socket."""

    @property
    def reconnect(self) -> Reconnect | None:
        """The first `source/reconnect`, or None."""
        node = self.source.child("reconnect") if self.source else None
        return Reconnect(node) if node else None

    @property
    def lacking(self) -> tuple[str, ...]:
        """The missing attributes of `<source>` that the target release requires, in libvirt's order."""
        return tuple(name for name in self._wanted if not self.source or self.source.value(name) is None)

    @property
    def _wanted(self) -> tuple[str, ...]:
        return ("type", "path")


_LOADPARM = r"[A-Za-z0-9. ]{1,8}\Z"


class Boot:
    """The `<boot order=…/>` of a device."""

    def __init__(self, device: Device, node: Node) -> None:
        self.device = device
        self.node = node

    @lazy
    def order(self) -> int | None:
        """The place in the boot order; None if it is missing, 0 or not a number."""
        return numbers.unsigned(self.node.value("order") or "") or None

    @property
    def invalid_loadparm(self) -> Attribute | None:
        """The boot parameter of s390x firmware if libvirt rejects it, or None."""
        found = self.node.attribute("loadparm")
        return None if found is None or re.match(_LOADPARM, found.value) else found
