"""`<qemu:commandline>`: the options that libvirt adds to QEMU's command line, read as QEMU reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.lazy import lazy, once
from vfslint.xml.document import Attribute, Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
_COMMAND_LINE, _ARGUMENT = f"{{{NAMESPACE}}}commandline", f"{{{NAMESPACE}}}arg"
_CAPABILITIES, _DELETED = f"{{{NAMESPACE}}}capabilities", f"{{{NAMESPACE}}}del"

# The key of a first value without one, by option (QemuOptsList.implied_opt_name; for -object and -netdev qapi).
_FIRST_KEYS = {
    "chardev": "backend",
    "device": "driver",
    "machine": "type",
    "M": "type",
    "netdev": "type",
    "numa": "type",
    "object": "qom-type",
}
# PCI devices whose name does not end in -pci (QEMU: hw/, TYPE_PCI_DEVICE).
_PCI_DRIVERS = frozenset(
    """AC97 ES1370 VGA ahci am53c974 bochs-display cirrus-vga dc390 e1000 e1000-82544gc e1000-82545em e1000e edu
    i82801b11-bridge ich9-ahci ich9-intel-hda ich9-usb-ehci1 ich9-usb-ehci2 ich9-usb-uhci1 ich9-usb-uhci2
    ich9-usb-uhci3 ich9-usb-uhci4 ich9-usb-uhci5 ich9-usb-uhci6 igb intel-hda ioh3420 ivshmem-doorbell ivshmem-plain
    lsi53c810 lsi53c895a megasas megasas-gen2 mptsas1068 ne2k_pci nec-usb-xhci nvme pci-bridge pci-ohci pci-serial
    pcie-pci-bridge pcie-root-port pcnet piix3-usb-uhci piix4-usb-uhci pvscsi pxb pxb-pcie qemu-xhci qxl qxl-vga
    rtl8139 secondary-vga tulip usb-ehci vhost-user-vga virtio-vga virtio-vga-gl vmware-svga vmxnet3
    x3130-upstream""".split()
)
_PCI_NAME = re.compile(r"[a-z0-9-]+-pci(-non-transitional|-transitional)?\Z")
_SLOT = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,2})(?:\.(?:0[xX])?([0-7]))?\Z")


class Option:
    """One option with its value: `name` is `device` for `-device`, `value` the argument that contains the value."""

    def __init__(self, name: str, value: Attribute) -> None:
        self.name = name
        self.value = value

    @property
    def is_json(self) -> bool:
        """Whether the value is a JSON object, as libvirt writes it for QEMU 6.2 and later."""
        return self.value.value.startswith("{")

    @lazy
    def settings(self) -> dict[str, str]:
        """The keys and values; empty if QEMU cannot read them."""
        return _of_json(self.value.value) if self.is_json else _of_list(self.value.value, _FIRST_KEYS.get(self.name))

    @property
    def kind(self) -> str:
        """The driver of a device, or the type of another option; empty if there is none."""
        return self.settings.get(_FIRST_KEYS.get(self.name, ""), "")

    @property
    def id(self) -> str | None:
        """The name by which other options refer to it, or None."""
        return self.settings.get("id")

    @property
    def is_vhost_user(self) -> bool:
        """Whether another process serves it, and needs the guest's memory."""
        return self.name in ("device", "netdev") and (self.kind == "vhost-user" or self.kind.startswith("vhost-user-"))

    @property
    def is_shared_memory(self) -> bool:
        """Whether it is memory that other processes can map."""
        return (
            self.name == "object"
            and self.kind.startswith("memory-backend-")
            and self.settings.get("share") in ("on", "yes", "true", "y")
        )

    @property
    def is_pci(self) -> bool:
        """Whether it is certainly a PCI device."""
        return self.name == "device" and (self.kind in _PCI_DRIVERS or bool(_PCI_NAME.match(self.kind)))

    @property
    def place(self) -> tuple[int, int] | None:
        """The slot and the function of a PCI device as written; None if QEMU selects the slot, or cannot read it."""
        found = _SLOT.match(self.settings.get("addr", ""))
        return (int(found[1], 16), int(found[2] or "0")) if found else None


@once
def arguments(domain: Domain) -> list[Attribute]:
    """Return what libvirt adds to QEMU's command line, word by word."""
    args = (arg for line in domain.elements(_COMMAND_LINE) for arg in line.children(_ARGUMENT))
    found = (arg.attribute("value") for arg in args)
    return [value for value in found if value is not None]


@once
def options(domain: Domain) -> list[Option]:
    """Return the options that have a value."""
    return list(_options(arguments(domain)))


def _options(words: list[Attribute]) -> Iterator[Option]:
    name = ""
    for word in words:
        if word.value.startswith("-"):
            name = word.value.removeprefix("-").removeprefix("-")
        elif name:
            yield Option(name, word)
            name = ""


def named(domain: Domain, name: str) -> list[Option]:
    """Return all options of one name."""
    return [option for option in options(domain) if option.name == name]


def devices(domain: Domain) -> list[Option]:
    """Return the devices that QEMU creates before all of libvirt's: libvirt writes its own in JSON.

    QEMU creates those that are not written in JSON first (system/vl.c:qemu_create_cli_devices). libvirt writes JSON
    for QEMU 6.2 and later, unless the domain disables that (QEMU_CAPS_DEVICE_JSON); 9.0.0 is the oldest release of
    libvirt of which this was tested, and 7.0.0 does not.
    """
    target = domain.context.target
    deleted = [node.value("capability") or "" for node in _deleted_capabilities(domain)]
    writes_json = target.libvirt >= (9, 0, 0) and target.qemu >= (6, 2, 0)
    if not writes_json or any(name.startswith("device.json") for name in deleted):
        return []
    return [device for device in named(domain, "device") if not device.is_json]


def _deleted_capabilities(domain: Domain) -> list[Node]:
    return [node for capabilities in domain.elements(_CAPABILITIES) for node in capabilities.children(_DELETED)]


def _of_list(text: str, first_key: str | None) -> dict[str, str]:
    """Return the pairs of a text such as `virtio-net-pci,netdev=n`; two commas are one that belongs to a value."""
    found: dict[str, str] = {}
    for number, piece in enumerate(_pieces(text)):
        key, equals, value = piece.partition("=")
        if not equals and number == 0 and first_key:
            key, value = first_key, piece
        elif not equals:
            # A key alone is on; "no" before it was off until QEMU 6.0 removed this for most options.
            value = "on"
        found.setdefault(key, value)
    return found


def _pieces(text: str) -> list[str]:
    return [piece.replace("\0", ",") for piece in text.replace(",,", "\0").split(",")]


def _of_json(text: str) -> dict[str, str]:
    """Return the pairs of a JSON object; QEMU also accepts single quotes."""
    # Start time: few domains have such arguments.
    import json

    try:
        read = json.loads(text if '"' in text else text.replace("'", '"'))
    except (ValueError, RecursionError):
        return {}
    words = {True: "on", False: "off"}
    return {key: words[value] if isinstance(value, bool) else str(value) for key, value in read.items()}
