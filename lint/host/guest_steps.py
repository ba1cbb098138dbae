"""What `vfslint setup` does in a guest: mount its shares, now and at every boot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vfslint.host.shell import Step, note, quoted
from vfslint.xml.printable import printable

if TYPE_CHECKING:
    from vfslint.domain.filesystem import VirtioFS

# fstab(5): characters that end a field, or start a comment or an escape; /proc/mounts has the same.
_FSTAB = str.maketrans({sign: f"\\{ord(sign):03o}" for sign in " \t\n\\#"})

_REQUIREMENT = Step(
    "A Linux guest requires Linux 5.4 or newer.",
    ("grep -qw virtiofs /proc/filesystems || modprobe virtiofs",),
)


class _Mount(NamedTuple):
    """A share in a guest, and the folder where it is mounted."""

    tag: str
    folder: str
    mode: str

    @property
    def field(self) -> str:
        """The tag as fstab spells it."""
        return self.tag.translate(_FSTAB)

    @property
    def unit(self) -> str:
        """The name of the unit, which systemd requires to be the folder's (systemd.unit(5), string escaping)."""
        pieces = self.folder.strip("/").split("/")
        return "-".join(map(_escaped, pieces)) + ".mount"

    @property
    def can_be_a_unit(self) -> bool:
        """Whether a unit can have the tag: its values have no escapes, and no whitespace at their ends."""
        return self.tag.isprintable() and self.tag == self.tag.strip() and not self.tag.endswith("\\")


def _escaped(name: str) -> str:
    return "".join(
        sign if sign.isalnum() or sign in ":_" or (sign == "." and position) else f"\\x{ord(sign):02x}"
        for position, sign in enumerate(name)
    )


def fstab_steps(shares: Iterable[VirtioFS]) -> Iterator[Step]:
    """Yield what a Linux guest does to mount these shares with /etc/fstab."""
    mounts = _mounts(shares)
    if mounts:
        yield _REQUIREMENT
    for mount in mounts:
        folder, share, line = (note(kind, mount.tag) for kind in ("folder", "share", "fstab"))
        tag, field = quoted(mount.tag), quoted(mount.field)
        entry = quoted(f"{mount.field} {mount.folder} virtiofs {mount.mode},nofail 0 0")
        yield Step(
            f"Mount the share {printable(mount.tag)!r}, now and at every boot; {mount.folder} can be any folder.",
            (
                f"take_directory {folder} {mount.folder}",
                f"take_share {share} {field} {tag} {mount.folder} {mount.mode}",
                f"take_fstab {line} {field} {entry}",
            ),
            (
                f"free_line {line} {entry} /etc/fstab",
                f"free_mount {share} {mount.folder}",
                f"free_directory {folder} {mount.folder}",
            ),
        )


def unit_steps(shares: Iterable[VirtioFS]) -> Iterator[Step]:
    """Yield what a Linux guest does to mount these shares with units of systemd, in place of /etc/fstab."""
    mounts = _mounts(shares)
    if mounts:
        yield _REQUIREMENT
    for mount in mounts:
        name = printable(mount.tag)
        if not mount.can_be_a_unit:
            yield Step(f"A unit cannot name the share {name!r}: mount it with /etc/fstab.")
            continue
        folder, unit = note("folder", mount.tag), note("unit", mount.tag)
        lines = (
            "[Unit]",
            f"Description=virtio-fs share in {mount.folder}",
            "[Mount]",
            f"What={mount.tag.replace('%', '%%')}",
            f"Where={mount.folder}",
            "Type=virtiofs",
            f"Options={mount.mode}",
            "[Install]",
            "WantedBy=multi-user.target",
        )
        words = " ".join(map(quoted, lines))
        yield Step(
            f"Mount the share {name!r}, now and at every boot; {mount.folder} can be any folder.",
            (
                f"take_directory {folder} {mount.folder}",
                f"take_unit {unit} {quoted(mount.unit)} {words}",
            ),
            (
                f"free_unit {unit} {quoted(mount.unit)}",
                f"free_directory {folder} {mount.folder}",
            ),
        )


def _mounts(shares: Iterable[VirtioFS]) -> Sequence[_Mount]:
    """Return the shares that have a tag, each with a folder of its own."""
    mounts: list[_Mount] = []
    folders: set[str] = set()
    for share in shares:
        if share.tag:
            name = re.sub(r"[^A-Za-z0-9._-]+", "-", share.tag).strip("-.") or "share"
            folder, number = f"/mnt/{name}", 2
            while folder in folders:
                folder, number = f"/mnt/{name}-{number}", number + 1
            folders.add(folder)
            mounts.append(_Mount(share.tag, folder, "ro" if share.readonly else "rw"))
    return mounts
