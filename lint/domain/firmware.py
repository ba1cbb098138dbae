"""The firmware that a guest boots with, as `<os>` describes it."""

from __future__ import annotations

from collections.abc import Iterable

from vfslint.lazy import lazy
from vfslint.targets import Version
from vfslint.xml.document import Attribute, Node


class FirmwareChoice:
    """What all `<os>` elements say about firmware: the first `<loader>`, `<nvram>` and `<varstore>`, and all features.

    `kind` is bios or efi if libvirt selects the firmware, else None.
    """

    def __init__(self, systems: Iterable[Node], libvirt: Version) -> None:
        self.systems = list(systems)
        self.libvirt = libvirt

    def _first(self, tag: str) -> Node | None:
        return next((node for os in self.systems if (node := os.child(tag))), None)

    @lazy
    def kind_attribute(self) -> Attribute | None:
        """Where libvirt is told to select the firmware; an empty attribute counts as missing."""
        found = (os.attribute("firmware") for os in self.systems)
        return next((attribute for attribute in found if attribute and attribute.value), None)

    @lazy
    def kind(self) -> str | None:
        """Which firmware libvirt selects, or None if it selects none."""
        return self.kind_attribute.value if self.kind_attribute else None

    @lazy
    def loader(self) -> Node | None:
        """The `<loader>` that counts."""
        return self._first("loader")

    @lazy
    def nvram(self) -> Node | None:
        """The `<nvram>` that counts."""
        return self._first("nvram")

    @lazy
    def varstore(self) -> Node | None:
        """The `<varstore>` that counts, for releases that read it."""
        return self._first("varstore") if self.libvirt >= (12, 1, 0) else None

    @property
    def path(self) -> str:
        """The path of the firmware, or an empty string."""
        return self.loader.text if self.loader else ""

    @property
    def type(self) -> str | None:
        """The type of the loader, rom or pflash: rom if a path is given without type, None without both."""
        written = self.loader.value("type") if self.loader else None
        return written or ("rom" if self.path else None)

    def setting(self, name: str) -> str | None:
        """The value of an attribute of the loader; it is None before the release that reads it."""
        since = {"stateless": (8, 6, 0), "format": (9, 2, 0)}.get(name, (0, 0, 0))
        return self.loader.value(name) if self.loader and self.libvirt >= since else None

    @property
    def is_secure(self) -> bool:
        """Whether secure boot is required."""
        return self.setting("secure") == "yes"

    @lazy
    def is_uefi(self) -> bool:
        """Whether the firmware is UEFI: libvirt selects such one, or it is in flash memory."""
        return self.kind == "efi" or (self.type == "pflash" and bool(self.path))

    @lazy
    def features(self) -> dict[str, Node]:
        """The features that the firmware has to have or must not have, the last of each name; read since 7.2.0."""
        if self.libvirt < (7, 2, 0):
            return {}
        nodes = (node for os in self.systems for group in os.children("firmware") for node in group.children("feature"))
        return {node.value("name") or "": node for node in nodes}
