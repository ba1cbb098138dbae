"""Controllers, as libvirt reads them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from vfslint.domain.device import Device
from vfslint.lazy import lazy
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

# The models of the root of the PCI buses, which on x86 is part of QEMU's machine.
ROOTS = ("pci-root", "pcie-root")
VIRTIO_SCSI = frozenset({"virtio-scsi", "virtio-transitional", "virtio-non-transitional"})


@lru_cache(1024)
def natural(text: str, base: int) -> int | None:
    """Read a number from 0 as virXMLPropInt does, which accepts -0."""
    number = numbers.based(text, base, bits=31, signed=True)
    return None if number is None or number < 0 else number


class Controller(Device):
    """A `<controller>`.

    `type` is `ide`, libvirt's default, if it is missing; `index` is None if it is missing or not a number.
    """

    def __init__(self, node: Node, libvirt: Version) -> None:
        super().__init__(node, libvirt)
        self.type: str = node.element.get("type", "ide")
        self.index = natural(node.element.get("index", ""), 10)

    @lazy
    def _first(self) -> dict[str, Any]:
        """The first child of each name, as an element: rules read three of them."""
        return {child.tag: child for child in self.node.element.iterchildren("*", reversed=True)}

    def _child(self, name: str) -> Node | None:
        found = self._first.get(name)
        return None if found is None else Node(self.node.document, found)

    @lazy
    def model(self) -> str | None:
        """The `model` attribute, or None."""
        return self.node.value("model")

    @property
    def queues(self) -> Attribute | None:
        """`driver/@queues`, or None."""
        driver = self._child("driver")
        return driver.attribute("queues") if driver else None

    @property
    def is_companion(self) -> bool:
        """Whether it is a companion of another USB controller."""
        return self.type == "usb" and ((self.model or "").startswith("ich9-uhci") or "master" in self._first)


class PciController(Controller):
    """A `<controller type='pci'>`: a bus, a bridge or a port."""

    @property
    def is_root(self) -> bool:
        """Whether it is the root of the PCI buses."""
        return self.model in ROOTS

    @property
    def name(self) -> Attribute | None:
        """The name of QEMU's device, `model/@name`, or None."""
        node = self._child("model")
        return node.attribute("name") if node else None

    @lazy
    def options(self) -> tuple[tuple[str, str], ...]:
        """The attributes of the first `<target>`: names and values."""
        target = self._first.get("target")
        return () if target is None else tuple(target.items())

    def option(self, name: str) -> Attribute:
        """Return an attribute that the first `<target>` has."""
        return Node(self.node.document, self._first["target"])[name]

    @property
    def target_index(self) -> int | None:
        """The number of a pSeries host bridge; None if it is missing or not a number."""
        text = dict(self.options).get("index")
        return None if text is None else natural(text, 0)

    @property
    def numa_node(self) -> Node | None:
        """`target/node`, its NUMA cell, or None if it is missing or empty."""
        target = self._first.get("target")
        node = None if target is None or not len(target) else Node(self.node.document, target).child("node")
        return node if node and node.text else None
