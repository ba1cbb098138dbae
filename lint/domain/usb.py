"""Which devices are on a USB bus, and whether a domain has one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vfslint.domain.device import Input
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain


def has_bus(domain: Domain) -> bool | None:
    """Whether the domain has a USB controller, perhaps one that libvirt adds; None if that is not known.

    libvirt adds one to some boards if there is none, and none to a domain with a controller of the model `none`.
    """
    models = [each.node.value("model") for each in domain.controllers if each.node.value("type") == "usb"]
    if models:
        return models != ["none"]
    board = domain.machine_type.board
    return board.usb if board else None


def devices(domain: Domain) -> Iterator[Node]:
    """Yield the devices that are on a USB bus (virDomainDeviceIsUSB), as far as libvirt reads that from them."""
    for node in domain.outlines():
        kind = node.tag
        if kind in ("hub", "smartcard", "redirdev"):
            yield node
        elif kind == "input":
            if Input(node, domain.context.target.libvirt).bus(domain.arch) == "usb":
                yield node
        elif kind in _BY_ATTRIBUTE:
            path, name, value = _BY_ATTRIBUTE[kind]
            if _value(node, path, name) == value:
                yield node


# The attribute by which a device is on USB: the child that has it, its name and its value.
_BY_ATTRIBUTE: dict[str, tuple[str, str, Any]] = {
    "disk": ("target", "bus", "usb"),
    "hostdev": ("", "type", "usb"),
    "sound": ("", "model", "usb"),
    "serial": ("target", "type", "usb-serial"),
    "controller": ("", "type", "ccid"),
    "interface": ("model", "type", "usb-net"),
    "filesystem": ("driver", "type", "mtp"),
}


def _value(node: Node, path: str, name: str) -> str | None:
    found = node.child(path) if path else node
    return found.value(name) if found else None
