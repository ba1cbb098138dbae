"""Which ports of virtio-serial controllers are used: libvirt's set of virtio-serial addresses.

libvirt adds the controllers that written addresses refer to, reserves the written ports, and then gives ports to the
other consoles and channels (qemu_domain_address.c:qemuDomainAssignVirtioSerialAddresses).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vfslint.domain.pci_slots import indexes
from vfslint.lazy import once
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

# The ports of a controller if their number is not written.
_PORTS = 31


class Fault(NamedTuple):
    """A device without a port of its own.

    `kind`: `absent` (there is no such controller), `missing` (it has no such port), `taken`, `full` (no port is free).
    """

    kind: str
    node: Node
    controller: int
    port: int = 0


@once
def faults(domain: Domain) -> list[Fault]:
    """Return what is wrong with the ports of virtio-serial controllers."""
    if domain.unknown_kinds & {"controller", "channel", "console"}:
        return []
    written = [address for address in domain.addresses if address.type == "virtio-serial" and not address.unreadable]
    if not written:
        return []
    known = indexes(domain)
    ports: dict[int, int] = {}
    for controller in domain.controllers:
        index = known.get(controller.node.element)
        if controller.type == "virtio-serial" and index is not None:
            text = controller.node.value("ports")
            count = _PORTS if text is None else numbers.based(text, 10, bits=31)
            ports.setdefault(index, _PORTS if count is None else count)
    for address in written:
        if _is_virtio(address.device.node):
            ports.setdefault(address.reading.numbers.get("controller") or 0, _PORTS)
    used: dict[int, set[int]] = {}
    found = []
    incomplete = []
    for address in written:
        numbers_ = address.reading.numbers
        index, port = numbers_.get("controller") or 0, numbers_.get("port") or 0
        if not port:
            incomplete.append((address.device.node, index))
        elif index not in ports:
            found.append(Fault("absent", address.device.node, index, port))
        elif port >= ports[index]:
            found.append(Fault("missing", address.device.node, index, port))
        elif port in used.setdefault(index, set()):
            found.append(Fault("taken", address.device.node, index, port))
        else:
            used[index].add(port)
    if found:
        return found
    for node, index in incomplete:
        if node.tag != "channel" or not _is_virtio(node):
            continue
        taken = used.setdefault(index, set())
        free = next((port for port in range(1, ports.get(index, _PORTS)) if port not in taken), None)
        if free is None:
            return [Fault("full", node, index)]
        taken.add(free)
    return []


def _is_virtio(node: Node) -> bool:
    """Whether it is a channel or console of virtio, for which libvirt adds the controller."""
    target = node.child("target")
    return node.tag in ("channel", "console") and target is not None and target.value("type") == "virtio"
