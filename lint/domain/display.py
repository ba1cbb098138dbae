"""Graphics and video devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vfslint.domain.device import NEW_PARSER, Device
from vfslint.domain.machine import ARM_VIRT, LOONGARCH_VIRT, PPC64, RISCV_VIRT, S390
from vfslint.lazy import lazy, once
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

# From the release after this on, libvirt reads all of a video device's model from its first <model>.
_MODELS_READ_TOGETHER = (9, 0, 0)


class Graphics(Device):
    """A `<graphics>`: how the guest's screen is displayed."""

    @lazy
    def listens(self) -> list[Node]:
        """Every `<listen>` that libvirt reads."""
        return self.node.children("listen") if self.type in ("vnc", "spice", "rdp") else []

    @property
    def replaces_first_listen(self) -> bool:
        """Whether its own `socket` counts instead of the first `<listen>`."""
        first = self.listens[0].value("type") if self.listens else None
        return self.type == "vnc" and self.node.value("socket") is not None and first in ("address", "network")


class Video(Device):
    """A `<video>`: a graphics card of the guest."""

    @lazy
    def models(self) -> list[Node]:
        """The `<model>` elements that libvirt reads."""
        found = self.node.children("model")
        if self.libvirt > _MODELS_READ_TOGETHER:
            return found[:1]
        if self.libvirt >= NEW_PARSER:
            return found
        counts = (node for node in found if any(node.value(name) for name in ("type", "vram", "ram", "heads")))
        return [next(counts, found[-1])] if found else []

    def model_with(self, name: str) -> Node | None:
        """The `<model>` whose attribute of that name counts, or None."""
        return next((model for model in self.models if model.value(name) is not None), None)

    def value(self, name: str) -> str | None:
        """The attribute of the model, or None."""
        model = self.model_with(name)
        return model.value(name) if model else None

    @property
    def model(self) -> Node | None:
        """The `<model>` that counts first, or None."""
        return self.models[0] if self.models else None

    @lazy
    def model_type(self) -> str | None:
        """The type of the model as written, or None: the default of the machine."""
        written = self.value("type")
        return None if written in (None, "", "default") else written

    @property
    def is_none(self) -> bool:
        """Whether it says that the guest has no graphics card, so that nothing else in it counts."""
        return self.model_type == "none"

    @property
    def is_marked_primary(self) -> bool:
        """Whether it is the first graphics card of the guest, wherever it is written."""
        return self.value("primary") == "yes"

    @lazy
    def driver(self) -> Node | None:
        """The `<driver>` whose name counts: the first one, the last one for the old parser."""
        found = self.node.children("driver")
        return found[-1 if self.libvirt < NEW_PARSER else 0] if found else None

    @property
    def is_vhost_user(self) -> bool:
        """Whether another process emulates it."""
        return self.driver is not None and self.driver.value("name") == "vhostuser"

    @property
    def device_name(self) -> str | None:
        """The virtio device that libvirt 12.8.0 and later read, or None."""
        return self.value("device") if self.model_type == "virtio" else None

    def child(self, name: str) -> Node | None:
        """The first such child of the model, or None."""
        return next((found for model in self.models if (found := model.child(name))), None)


@once
def default_model(domain: Domain) -> str | None:
    """Return the model of a video device without one, or None if that is not known (qemuDomainDefaultVideoDevice).

    Apart from the boards below, it is cirrus, or vga if QEMU was built without that.
    """
    board = domain.machine_type.board
    if domain.arch in PPC64:
        return "vga"
    if domain.arch in S390 or board in (ARM_VIRT, RISCV_VIRT):
        return "virtio"
    return None if board is LOONGARCH_VIRT else "cirrus"
