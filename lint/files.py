"""The file system: which files to check, and how one is replaced so that nothing can be lost."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    class Selection(Protocol):
        """What a configuration says about which files of a folder are to be checked."""

        def includes(self, path: str) -> bool:
            """Whether a file is to be checked."""

        def excludes(self, path: str) -> bool:
            """Whether a folder is to be left out with all that is in it."""


CONF_NAME = "qemu.conf"


def is_conf(path: str, kind: str) -> bool:
    """Whether a file is read as a qemu.conf: `kind` says so, or is auto and the name does."""
    return kind == "qemu-conf" or (kind == "auto" and os.path.basename(path) == CONF_NAME)


class Everything:
    """Checks every `*.xml` and every qemu.conf."""

    def includes(self, path: str) -> bool:
        """Whether a file is to be checked."""
        return path.endswith(".xml") or os.path.basename(path) == CONF_NAME

    def excludes(self, path: str) -> bool:
        """No folder is left out."""
        return False


def files_in(paths: Iterable[str], selection: Selection | None = None) -> Iterator[str]:
    """Yield the files to check: a file as it is named, of a folder those that the selection includes.

    Folders are walked in sorted order; hidden ones and links to folders are left out.
    """
    selected = selection or Everything()
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for folder, subfolders, names in os.walk(path):
            subfolders[:] = sorted(
                name
                for name in subfolders
                if not name.startswith(".") and not selected.excludes(os.path.join(folder, name))
            )
            for name in sorted(names):
                file = os.path.join(folder, name)
                if selected.includes(file):
                    yield file


class NotWritten(Exception):
    """A file was left as it is. The text says why, in words that follow the file's name."""


def replace(path: str, old: bytes, new: bytes) -> None:
    """Replace the content of a file in one step: whoever looks sees the old or the new, even after a crash.

    Links are followed; mode, owner and extended attributes stay. Raises `NotWritten` where the file does not
    hold `old` any more, where it is not meant to be written, or where the new one would differ in more than
    content.
    """
    target = os.path.realpath(path)
    try:
        before = os.stat(target)
        if not stat.S_ISREG(before.st_mode):
            raise NotWritten("it is no regular file")
        if not before.st_mode & 0o222 or not os.access(target, os.W_OK):
            raise NotWritten("it is read-only")
        _replace(target, before, old, new)
    except OSError as error:
        raise NotWritten(error.strerror or str(error)) from None


def write(path: str, data: bytes) -> None:
    """Write a file of vfslint's own, a report or a baseline: whole or not at all. Raises OSError."""
    from tempfile import mkstemp

    target = os.path.realpath(path)
    if os.path.lexists(target) and not os.path.isfile(target):
        with open(target, "wb") as device:
            device.write(data)
        return
    handle, temporary = mkstemp(prefix=".vfslint-", suffix=".tmp", dir=os.path.dirname(target))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, _mode_of(target))
        os.replace(temporary, target)
    except BaseException:  # Ctrl-C as well: the half-written copy must not stay
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _mode_of(target: str) -> int:
    """Return the mode of a file, or the one that a new file gets."""
    with suppress(FileNotFoundError):
        return stat.S_IMODE(os.stat(target).st_mode)
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _replace(target: str, before: os.stat_result, old: bytes, new: bytes) -> None:
    from tempfile import mkstemp

    folder = os.path.dirname(target)
    handle, temporary = mkstemp(prefix=".vfslint-", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(new)
            file.flush()
            _keep(target, before, file.fileno())
            os.fsync(file.fileno())
        with open(target, "rb") as current:
            if current.read(len(old) + 1) != old:
                raise NotWritten("it was changed meanwhile")
        os.replace(temporary, target)
    except BaseException:  # Ctrl-C as well: the half-written copy must not stay
        with suppress(OSError):
            os.unlink(temporary)
        raise
    # The file is written; that its name is not on the disk yet is no failure.
    with suppress(OSError):
        _sync_folder(folder)


def _keep(target: str, before: os.stat_result, file: int) -> None:
    """Give a new file the owner, mode and extended attributes (access lists among them) of the old one."""
    if hasattr(os, "fchown"):
        now = os.fstat(file)
        if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
            try:
                os.fchown(file, before.st_uid, before.st_gid)
            except PermissionError:
                raise NotWritten("it would get another owner") from None
        os.fchmod(file, stat.S_IMODE(before.st_mode))
    for name in _attributes(target):
        try:
            os.setxattr(file, name, os.getxattr(target, name))
        except OSError:
            # The kernel labels new files itself; the rest is the user's.
            if not name.startswith(("security.", "trusted.")):
                raise NotWritten(f"its attribute {name} cannot be kept") from None


def _attributes(target: str) -> list[str]:
    try:
        return os.listxattr(target) if hasattr(os, "listxattr") else []
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return []
        raise


def _sync_folder(folder: str) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
