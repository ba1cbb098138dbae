"""Controllers, as libvirt reads them."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain.device import REWRITTEN, Device
from vfslint.lazy import lazy
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

# What QEMU can make of each model (qemu_validate.c:virDomainControllerPCIModelNameToQEMUCaps).
NAMES: dict[str, tuple[str, ...]] = {
    "pci-bridge": ("pci-bridge",),
    "dmi-to-pci-bridge": ("i82801b11-bridge",),
    "pcie-to-pci-bridge": ("pcie-pci-bridge",),
    "pcie-root-port": ("pcie-root-port", "ioh3420"),
    "pcie-switch-upstream-port": ("x3130-upstream",),
    "pcie-switch-downstream-port": ("xio3130-downstream",),
    "pci-expander-bus": ("pxb",),
    "pcie-expander-bus": ("pxb-pcie",),
}
KNOWN_NAMES = frozenset(name for names in NAMES.values() for name in names) | {"spapr-pci-host-bridge"}
ROOTS = ("pci-root", "pcie-root")
# The first and the last of each number that a PCI controller has (qemuValidateDomainDeviceDefControllerPCI).
TARGET_LIMITS = {"chassisNr": (1, 255), "chassis": (0, 255), "port": (0, 255), "busNr": (1, 254)}
_PORTS = ("pcie-root-port", "pcie-switch-downstream-port")
_EXPANDERS = ("pci-expander-bus", "pcie-expander-bus")
# Which models have which attribute of <target> on x86, and the release that refuses it elsewhere.
_OPTIONS: dict[str, tuple[tuple[str, ...], Version]] = {
    "chassisNr": (("pci-bridge",), (0, 0, 0)),
    "chassis": (_PORTS, (0, 0, 0)),
    "port": (_PORTS, (0, 0, 0)),
    "busNr": (_EXPANDERS, (0, 0, 0)),
    "index": ((), (0, 0, 0)),
    "hotplug": ((*_PORTS, "pci-root"), (0, 0, 0)),
    "memReserve": (("pci-bridge", "pcie-root-port"), (11, 3, 0)),
}
# libvirt makes room for all controllers up to the largest index, and dies of this one.
DEADLY_INDEX = 2**31 - 1


def reads_period(text: str, libvirt: Version) -> bool:
    """Whether a release can read the period of the balloon's statistics; formerly an empty one was none."""
    if libvirt >= REWRITTEN:
        return numbers.integer(text) is not None
    return not text or numbers.unsigned(text) is not None


def _natural(text: str, base: int) -> int | None:
    """Read a number from 0 with virXMLPropInt, which takes -0 for one."""
    number = numbers.based(text, base, bits=31, signed=True)
    return None if number is None or number < 0 else number


class Controller(Device):
    """A `<controller>`.

    `type` is `ide` where it is absent, as libvirt has it; `index` is None where it is absent or no number.
    """

    def __init__(self, node: Node, libvirt: Version) -> None:
        super().__init__(node, libvirt)
        self.type: str = node.element.get("type", "ide")
        self.index = _natural(node.element.get("index", ""), 10)

    @lazy
    def model(self) -> Attribute | None:
        """The `model` attribute, or None."""
        return self.node.attribute("model")

    @lazy
    def name(self) -> Attribute | None:
        """QEMU's name of a PCI controller, `model/@name`, or None."""
        node = self.node.child("model") if self.type == "pci" else None
        return node.attribute("name") if node else None

    @property
    def is_root(self) -> bool:
        """Whether it is the root of the PCI buses, which on x86 is part of QEMU's machine."""
        return self.model is not None and self.model.value in ROOTS

    @lazy
    def target(self) -> Node | None:
        """The first `<target>` of a PCI controller, or None: others have none."""
        return self.node.child("target") if self.type == "pci" else None

    @property
    def beyond(self) -> Iterator[Attribute]:
        """The numbers of a PCI controller that PCI has no room for."""
        for name, (first, last) in TARGET_LIMITS.items() if self.target else ():
            found = self.target.attribute(name) if self.target else None
            number = _natural(found.value, 0) if found else None
            if found and number is not None and not first <= number <= last:
                yield found

    @property
    def unfit_options(self) -> Iterator[tuple[Attribute, tuple[str, ...]]]:
        """What `<target>` says that this model of PCI controller does not have on x86, with the models that do."""
        if not self.target or not self.model:
            return
        for attribute in self.target.attributes:
            models, since = _OPTIONS.get(attribute.name, ((self.model.value,), (0, 0, 0)))
            if self.model.value not in models and self.libvirt >= since and attribute.value != "-1":
                yield attribute, models

    @property
    def repeated(self) -> list[Node]:
        """The second `<model>` and `<target>`, which libvirt refuses."""
        return [node for name in ("model", "target") for node in self.node.children(name)[1:2]]

    @lazy
    def numa_node(self) -> Node | None:
        """`target/node`, a PCI controller's NUMA cell, or None where it is absent or empty."""
        node = self.target.child("node") if self.target else None
        return node if node and node.text else None

    @property
    def is_near_a_cell(self) -> bool:
        """Whether it can be assigned to a NUMA cell on x86, where only expander buses can."""
        return self.model is None or self.model.value in _EXPANDERS

    @property
    def queues(self) -> Attribute | None:
        """`driver/@queues`, or None."""
        return self.driver.attribute("queues") if self.driver else None

    @lazy
    def is_companion(self) -> bool:
        """Whether it is a USB controller that works for another one."""
        if self.type != "usb":
            return False
        return (self.node.value("model") or "").startswith("ich9-uhci") or self.node.child("master") is not None


class PciController(Controller):
    """A `<controller type='pci'>`: a bus, a bridge or a port."""
