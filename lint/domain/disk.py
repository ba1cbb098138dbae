"""A disk."""

from __future__ import annotations

import re

from vfslint.domain.device import VhostUserDevice
from vfslint.lazy import lazy
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute


class Disk(VhostUserDevice):
    """A `<disk>`; one of type vhostuser or vhostvdpa is served by another process or device."""

    @property
    def _wanted(self) -> tuple[str, ...]:
        return ("type", "path") if self.type == "vhostuser" else ("dev",)

    @property
    def cache(self) -> str | None:
        """The cache mode, `driver/@cache`, or None."""
        return self.driver.value("cache") if self.driver else None

    @lazy
    def name(self) -> Attribute | None:
        """The name in the guest, `target/@dev`, or None."""
        names = (target.attribute("dev") for target in self.node.children("target"))
        return next((name for name in names if name), None)

    @property
    def bus(self) -> str | None:
        """`target/@bus`; if it is absent, the bus that libvirt derives from the name in `target/@dev`."""
        target = self.node.child("target")
        if target is None:
            return None
        named = (target.value("dev") or "")[:2]
        return target.value("bus") or {"vd": "virtio", "sd": "scsi", "hd": "ide"}.get(named)

    @property
    def device(self) -> str:
        """The kind of device that the guest sees: disk, cdrom, floppy or lun."""
        return self.node.value("device") or "disk"

    @property
    def source_attribute(self) -> str | None:
        """The attribute of `<source>` that names the content of a disk of this type, or None if it requires several."""
        return {None: "file", "file": "file", "block": "dev", "dir": "dir"}.get(self.type)

    @property
    def is_empty(self) -> bool:
        """Whether it has no source."""
        if self.type not in (None, "file", "block", "dir", "network", "volume"):
            return False
        if self.source is None:
            return True
        return self.source_attribute is not None and not self.source.value(self.source_attribute)

    @property
    def has_usable_name(self) -> bool:
        """Whether libvirt can derive the place on the bus from the name."""
        kinds = "fd" if self.device == "floppy" else "hd|vd|sd|xvd|ubd"
        others = "|nvme[0-9]" if self.libvirt >= (11, 5, 0) else ""
        return self.name is None or re.match(rf"(?:{kinds})[a-z]{{1,6}}\Z{others}", self.name.value) is not None

    @property
    def iothread(self) -> Attribute | None:
        """`driver/@iothread`, or None."""
        return self.driver.attribute("iothread") if self.driver else None

    @property
    def iothread_number(self) -> int | None:
        """The number of the disk's I/O thread, from 1; None if it is absent or not such a number."""
        return numbers.unsigned(self.iothread.value) or None if self.iothread else None
