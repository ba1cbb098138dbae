"""A network interface."""

from __future__ import annotations

from vfslint.domain.device import NEW_PARSER, VhostUserDevice
from vfslint.domain.machine import PPC64, X86
from vfslint.lazy import lazy
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

# The release that starts passt, which its schema already knows in 9.0.0.
PASST: Version = (9, 1, 0)


class Interface(VhostUserDevice):
    """An `<interface>`; one of type vhostuser is served by another process."""

    # All names of virtio models; case does not matter (virDomainNetModelTypeFromString).
    MODELS = ("virtio", "virtio-transitional", "virtio-non-transitional")

    @lazy
    def type(self) -> str:
        """The `type` attribute; user without one."""
        written = self.node.value("type")
        return "user" if written is None else written

    def read(self, tag: str, *names: str) -> Node | None:
        """The first child of a name, or None; the old parser reads the first with one of the attributes `names`."""
        found = self.node.children(tag)
        if len(found) > 1 and names and self.libvirt < NEW_PARSER:
            return next((node for node in found if any(node.value(name) is not None for name in names)), found[0])
        return found[0] if found else None

    @lazy
    def driver(self) -> Node | None:
        """The `<driver>` that libvirt reads: the first one, the last one for the old parser."""
        found = self.node.children("driver")
        return (found[-1] if self.libvirt < NEW_PARSER else found[0]) if found else None

    @property
    def uses_passt(self) -> bool:
        """Whether its backend is passt, in a release that knows it."""
        backend = self.node.child("backend")
        return backend is not None and backend.value("type") == "passt" and self.libvirt >= PASST

    @property
    def mac(self) -> str | None:
        """Its MAC address as libvirt writes it, or None if libvirt generates one."""
        node = self.read("mac", "address")
        read = numbers.mac_address(node.value("address") or "") if node else None
        return ":".join(f"{byte:02x}" for byte in read) if read else None

    @property
    def virtualport(self) -> Node | None:
        """The first `<virtualport>`, or None."""
        return self.node.child("virtualport")

    @lazy
    def source(self) -> Node | None:
        """The `<source>` that libvirt reads, or None: the first, or with the old parser, the first with a path."""
        sources = self.node.children("source")
        if len(sources) > 1 and self.libvirt < NEW_PARSER:
            return next((source for source in sources if source.value("path") is not None), sources[0])
        return sources[0] if sources else None

    @property
    def is_served_by_passt(self) -> bool:
        """Whether libvirt itself starts passt for it (11.1.0 and later); it has no source then."""
        backend = self.node.child("backend")
        return backend is not None and backend.value("type") == "passt" and self.libvirt >= (11, 1, 0)

    @property
    def _wanted(self) -> tuple[str, ...]:
        if self.is_served_by_passt:
            return ()
        return ("path",) if self.libvirt >= (11, 1, 0) else ("type", "path", "mode")

    @lazy
    def model(self) -> Attribute | None:
        """The network card, `model/@type`, or None if libvirt chooses it."""
        models = [model.attribute("type") for model in self.node.children("model")]
        found = (
            next((it for it in reversed(models) if it), None) if self.libvirt < NEW_PARSER else next(iter(models), None)
        )
        return found if found and found.value else None

    @property
    def reads_virtio_options(self) -> bool:
        """Whether the parser reads the options of `<driver>` that only virtio has."""
        return self.type != "hostdev" and self.model is not None and self.model.value.lower() in self.MODELS

    def is_virtio(self, arch: str) -> bool | None:
        """Whether the guest sees a virtio card; None if that depends on the QEMU binary."""
        if self.model is not None:
            return self.model.value.lower() in self.MODELS
        if self.type == "hostdev":
            return False
        if self.type in ("vdpa", "vhostuser"):
            return True
        return False if arch in X86 or arch in PPC64 else None

    @property
    def has_virtio_model(self) -> bool:
        """Whether the model is virtio; since 11.1.0 also if no model is written."""
        if self.model is None:
            return self.libvirt >= (11, 1, 0)
        return self.model.value.lower() in self.MODELS
