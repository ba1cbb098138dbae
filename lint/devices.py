"""Devices of a domain, read as libvirt reads them: the first of repeated children counts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from vfslint import values
from vfslint.documents import Node
from vfslint.findings import Span

if TYPE_CHECKING:
    from vfslint.domain import Domain

NO_NODES: tuple[Node, ...] = ()


class Device:
    """One element inside `<devices>`."""

    def __init__(self, domain: Domain, node: Node) -> None:
        self.domain = domain
        self.node = node

    @property
    def kind(self) -> str:
        """The element's name: filesystem, interface, disk …"""
        return self.node.tag

    @cached_property
    def type(self) -> str | None:
        """The `type` attribute, or None."""
        return self.node.value("type")

    @cached_property
    def address(self) -> Node | None:
        """The guest address, or None while libvirt is to choose one."""
        return self.node.child("address")

    @cached_property
    def boot(self) -> Node | None:
        """The `<boot order=…/>` of the device, or None."""
        return self.node.child("boot")

    @cached_property
    def driver(self) -> Node | None:
        """The first `<driver>`, or None."""
        return self.node.child("driver")

    @cached_property
    def source(self) -> Node | None:
        """The first `<source>`, or None."""
        return self.node.child("source")

    @property
    def label(self) -> str:
        """How messages call the device: `interface`, `disk 'vda'` …"""
        target = self.node.child("target")
        name = target.value("dev") if target else None
        return f"{self.kind} {name!r}" if name else self.kind


class Filesystem(Device):
    """A `<filesystem>`: virtiofs, 9p or whatever its driver says."""

    @cached_property
    def type(self) -> str:
        """The type; libvirt takes `mount` where it is absent or empty (virDomainFSDefParseXML)."""
        return self.node.value("type") or "mount"

    @cached_property
    def driver_type(self) -> str | None:
        """`driver/@type`, or None: QEMU then serves 9p itself."""
        return self.driver.value("type") if self.driver else None

    @cached_property
    def is_virtiofs(self) -> bool:
        """Whether virtiofsd serves it."""
        return self.driver_type == "virtiofs"

    @cached_property
    def is_9p(self) -> bool:
        """Whether QEMU itself serves it as 9p: no driver type, or `path` or `handle`."""
        return self.driver_type in (None, "default", "path", "handle")

    @cached_property
    def accessmode(self) -> str | None:
        """The access mode as written, or None."""
        return self.node.value("accessmode")

    @cached_property
    def target(self) -> Node | None:
        """The first `<target>`, or None."""
        return self.node.child("target")

    @cached_property
    def tag(self) -> str | None:
        """The mount tag, which despite its name stands in `target/@dir`; None where it is absent."""
        return self.target.value("dir") if self.target else None

    @property
    def tag_span(self) -> Span:
        """Where the mount tag stands, or where it is missing."""
        return self.target.at("dir") if self.target else self.node.start_span

    @cached_property
    def directory(self) -> str | None:
        """The shared host directory, `source/@dir`; None where an external socket takes its place."""
        return self.source.value("dir") if self.source and self.socket is None else None

    @cached_property
    def socket(self) -> str | None:
        """The external virtiofsd's socket, `source/@socket`, or None.

        Known since libvirt 7.3.0; it wins over `dir` (virDomainFSDefParseXML).
        """
        if not self.source or not self.is_virtiofs or self.domain.setting.target.libvirt < (7, 3, 0):
            return None
        return self.source.value("socket")

    @cached_property
    def binary(self) -> Node | None:
        """The first `<binary>`, which configures libvirt's own virtiofsd, or None."""
        return self.node.child("binary")

    @cached_property
    def readonly(self) -> Node | None:
        """The first `<readonly>`, or None."""
        return self.node.child("readonly")

    @cached_property
    def idmap(self) -> Node | None:
        """The first `<idmap>`, or None."""
        return self.node.child("idmap")

    @cached_property
    def queue(self) -> int | None:
        """`driver/@queue`; None where it is absent, empty or no number. A minus sign wraps to 64 bits."""
        text = self.driver.value("queue") if self.driver else None
        return values.unsigned(text, bits=64, wraps=True) if text else None

    @property
    def label(self) -> str:
        """How messages call the share."""
        kind = "virtio-fs share" if self.is_virtiofs else "filesystem"
        return f"{kind} {self.tag!r}" if self.tag else kind


class VirtioFS(Filesystem):
    """A `<filesystem>` that virtiofsd serves; rules that take one are never asked about 9p."""


class MemoryDevice(Device):
    """A hot-pluggable or persistent memory device, `<memory model=…>` inside `<devices>`."""

    @cached_property
    def model(self) -> str | None:
        """dimm, nvdimm, virtio-pmem, virtio-mem, sgx-epc, or None where the attribute is absent."""
        return self.node.value("model")

    @cached_property
    def access(self) -> str | None:
        """The device's own access mode, or None where it inherits."""
        return self.node.value("access") or None

    @cached_property
    def target(self) -> Node | None:
        """The first `<target>`, or None."""
        return self.node.child("target")

    @cached_property
    def size_kib(self) -> int | None:
        """The size in KiB, or None where libvirt cannot read it."""
        size = self.target.child("size") if self.target else None
        found = values.scaled(size.text, size.value("unit")) if size else None
        return None if found is None else values.kib(found)

    @cached_property
    def cell(self) -> int | None:
        """The guest NUMA cell that the device belongs to, or None."""
        node = self.target.child("node") if self.target else None
        return values.unsigned(node.text) if node else None

    @property
    def label(self) -> str:
        """How messages call the device."""
        return f"memory device {self.model!r}" if self.model else "memory device"
