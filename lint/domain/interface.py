"""A network interface."""

from __future__ import annotations

from vfslint.domain.device import NEW_PARSER, VhostUserDevice
from vfslint.lazy import lazy
from vfslint.xml.document import Attribute, Node


class Interface(VhostUserDevice):
    """An `<interface>`; one of type vhostuser is served by another process."""

    # All names of virtio models; case does not matter (virDomainNetModelTypeFromString).
    MODELS = ("virtio", "virtio-transitional", "virtio-non-transitional")

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
    def has_virtio_model(self) -> bool:
        """Whether the model is virtio; since 11.1.0 also if no model is written."""
        if self.model is None:
            return self.libvirt >= (11, 1, 0)
        return self.model.value.lower() in self.MODELS
