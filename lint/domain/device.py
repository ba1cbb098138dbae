"""Devices of a domain: what they have in common, and the kinds with few properties of their own."""

from __future__ import annotations

import re
from typing import NamedTuple

from vfslint.domain.machine import PPC64, S390, X86
from vfslint.lazy import lazy
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

# The parsers of <filesystem> and others were rewritten between 7.1 and 9.0 (virXMLPropEnum was first used in 7.4). They
# read the first <driver> and the first <source>; the older ones read each attribute from the first element that has it.
NEW_PARSER: Version = (7, 4, 0)

# The release that gave q35 machines their own watchdog, and so allows several.
SEVERAL_WATCHDOGS: Version = (9, 1, 0)

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


# The children of a device that others depend on: where it is, what it is, and how it is called.
OUTLINED = frozenset({"acpi", "address", "alias", "boot", "driver", "model", "target"})


class Outline(Node):
    """A device without its source, its MAC address and the like, on which no other device depends.

    What is checked of many devices together reads their outlines, so that it need not be checked again in each
    domain with other images.
    """

    __slots__ = ()

    def child(self, path: str) -> Node | None:
        """The first element at a path of child names, or None; raises LookupError if an outline does not have it."""
        return super().child(_outlined(path))

    def children(self, path: str = "*") -> list[Node]:
        """All elements at a path of child names; raises LookupError if an outline does not have them."""
        return super().children(_outlined(path))


def _outlined(path: str) -> str:
    if path.partition("/")[0] not in OUTLINED:
        raise LookupError(f"an outline has no {path!r}")
    return path


class Input(Device):
    """An `<input>`: keyboard, mouse, tablet …"""

    def bus(self, arch: str) -> str | None:
        """Return its bus, or the one that libvirt chooses for the type (virDomainInputDefPostParse)."""
        written = self.node.value("bus")
        if written:
            return written
        if self.type in ("mouse", "keyboard") and arch in X86:
            return "ps2"
        if self.type == "passthrough" or arch in S390:
            return "virtio"
        return "none" if self.type == "evdev" else "usb"


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


class Redirection(Device):
    """A `<redirdev>` or a `<redirfilter>`: a USB device of a client, or which of them are allowed."""


class Lease(Device):
    """A `<lease>`: what the guest holds of a lock manager."""


class Watchdog(Device):
    """A `<watchdog>`."""

    @property
    def model(self) -> str | None:
        """The model as written."""
        return self.node.value("model")

    @property
    def action(self) -> str:
        """What happens when the guest does not answer."""
        return self.node.value("action") or "reset"


class Tpm(Device):
    """A `<tpm>`."""

    @property
    def backend(self) -> Node | None:
        """The first `<backend>`, or None."""
        return self.node.child("backend")

    @property
    def backend_type(self) -> str | None:
        """passthrough, emulator or external."""
        return self.backend.value("type") if self.backend else None

    @property
    def passed_through(self) -> Node | None:
        """The `<device>` with the path of the host's TPM that the guest uses, or None."""
        device = self.backend.child("device") if self.backend and self.backend_type == "passthrough" else None
        return device if device and device.value("path") else None

    def model(self, arch: str) -> str:
        """Return the model, or the one that libvirt chooses for the architecture (qemuDomainTPMDefPostParse)."""
        return self.node.value("model") or ("tpm-spapr" if arch in PPC64 else "tpm-tis")

    def version(self, arch: str) -> str:
        """Return the version of the TPM, or the one that libvirt chooses for the model."""
        written = self.backend.value("version") if self.backend else None
        if written:
            return written
        if self.libvirt < NEW_PARSER:
            return "2.0" if self.node.value("model") in ("tpm-spapr", "tpm-crb") else "1.2"
        is_old = self.model(arch) not in ("tpm-spapr", "tpm-crb") and not arch.startswith(("aarch64", "arm"))
        if self.libvirt >= (11, 3, 0):
            is_old = self.model(arch) == "tpm-tis" and arch in X86
        return "1.2" if is_old else "2.0"


class SharedMemory(Device):
    """A `<shmem>`: memory that guests share with each other."""

    @property
    def model(self) -> str:
        """The model; without one, the oldest."""
        node = self.node.child("model")
        return (node.value("type") if node else None) or "ivshmem"

    @property
    def size(self) -> Node | None:
        """The first `<size>`, or None."""
        return self.node.child("size")

    @property
    def size_bytes(self) -> int | None:
        """The size in bytes: 0 if it is not written, None if libvirt cannot read it."""
        if self.size is None or not self.size.text:
            return 0
        return numbers.scaled(self.size.text, self.size.value("unit"), default=1, largest=2**64 - 1)


class Panic(Device):
    """A `<panic>`: how the guest tells the host that it crashed."""


class PersistentStore(Device):
    """A `<pstore>`: memory that survives a crash of the guest."""


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
