"""A memory device: a DIMM, persistent memory or virtio-mem."""

from __future__ import annotations

from vfslint.domain.device import Device
from vfslint.domain.sizes import Size
from vfslint.findings import Span
from vfslint.lazy import lazy
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node


class MemoryDevice(Device):
    """A hot-pluggable or persistent memory device, `<memory model=…>` inside `<devices>`."""

    @lazy
    def model(self) -> str | None:
        """dimm, nvdimm, virtio-pmem, virtio-mem, sgx-epc, or None if the attribute is absent."""
        return self.node.value("model")

    @lazy
    def access(self) -> str | None:
        """The device's own access mode, or None if it inherits."""
        return self.node.value("access") or None

    @lazy
    def target(self) -> Node | None:
        """The first `<target>`, or None."""
        return self.node.child("target")

    @lazy
    def size_kib(self) -> int | None:
        """The size in KiB, or None if libvirt cannot read it."""
        size = self.target.child("size") if self.target else None
        found = numbers.scaled(size.text, size.value("unit")) if size else None
        return None if found is None else numbers.kib(found)

    @lazy
    def _node(self) -> Node | None:
        found = self.target.child("node") if self.target else None
        return found if found and found.text else None

    @lazy
    def cell(self) -> int | None:
        """The guest NUMA cell of the device, or None."""
        return numbers.unsigned(self._node.text) if self._node else None

    @property
    def has_node(self) -> bool:
        """Whether a NUMA cell is written; an empty `<node>` does not count."""
        return self._node is not None

    @property
    def node_span(self) -> Span:
        """Where the NUMA cell is written, or where it is missing."""
        return self._node.text_span if self._node else self.node.start_span

    @lazy
    def dynamic_slots(self) -> Attribute | None:
        """`target/@dynamicMemslots` if it is on, or None."""
        found = self.target.attribute("dynamicMemslots") if self.target else None
        return found if found and found.value == "yes" else None

    def part(self, path: str) -> Size | None:
        """The size at a path below the device, such as `target/block`; None if libvirt cannot read it."""
        node = self.node.child(path)
        size = Size(node, "") if node and node.text else None
        return size if size and size.kib is not None else None

    @property
    def label_kib(self) -> int | None:
        """The size of the label of an nvdimm in KiB, or None if it has none."""
        size = self.part("target/label/size")
        return size.kib if size else None

    @property
    def slot(self) -> int | None:
        """The slot of a module, or None if libvirt chooses one or cannot read it."""
        if self.address is None or self.address.value("type") != "dimm":
            return None
        return numbers.unsigned(self.address.value("slot") or "")

    @lazy
    def base_node(self) -> Node | None:
        """The element with the address in guest memory: the address of a module, or that in `<target>`."""
        if self.model in ("dimm", "nvdimm"):
            return self.address if self.address and self.address.value("type") == "dimm" else None
        found = self.target.child("address") if self.target else None
        return found if self.model in ("virtio-pmem", "virtio-mem") else None

    @lazy
    def base(self) -> int:
        """The address in guest memory, 0 if QEMU chooses it."""
        return numbers.based(self.base_node.value("base") or "", 16, bits=64) or 0 if self.base_node else 0

    @property
    def mapped_bytes(self) -> int:
        """The bytes of guest memory that the device takes: an nvdimm's label, rounded up, is not mapped."""
        size, label = self.size_kib or 0, self.label_kib or 0
        if self.model == "nvdimm" and label:
            alignment = self.part("source/alignsize")
            step = (alignment.kib if alignment else None) or 4
            size -= -(-label // step) * step
        return max(size, 0) * 1024

    @property
    def label(self) -> str:
        """How messages name the device."""
        return f"memory device {self.model!r}" if self.model else "memory device"
