"""The file system: which files to check, and how to replace a file without the risk of losing its content."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    from vfslint.gitignore import GitIgnore

    class Selection(Protocol):
        """Decides which files of a folder are checked."""

        def includes(self, path: str) -> bool:
            """Whether to check a file."""

        def excludes(self, path: str) -> bool:
            """Whether to skip a folder and everything in it."""


CONF_NAME = "qemu.conf"
# How standard input is named in findings, unless --stdin-filename names it.
STDIN = "<stdin>"


def is_conf(path: str, kind: str) -> bool:
    """Whether a file is read as a qemu.conf: because of `kind`, or because of its name if `kind` is auto."""
    return kind == "qemu-conf" or (kind == "auto" and os.path.basename(path) == CONF_NAME)


class Everything:
    """Checks every `*.xml` and every qemu.conf."""

    def includes(self, path: str) -> bool:
        """Whether to check a file."""
        return path.endswith(".xml") or os.path.basename(path) == CONF_NAME

    def excludes(self, path: str) -> bool:
        """No folder is skipped."""
        return False


def files_in(
    paths: Iterable[str], selection: Selection | None = None, *, gitignore: GitIgnore | None = None
) -> Iterator[str]:
    """Yield the files to check: named files, and from named folders the files that the selection includes.

    Folders are walked in sorted order; hidden folders, links to folders and what `gitignore` ignores are skipped.
    """
    selected = selection or Everything()

    def skips(path: str, *, folder: bool) -> bool:
        return gitignore is not None and gitignore.ignores(path, folder=folder)

    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for folder, subfolders, names in os.walk(path):
            subfolders[:] = sorted(
                name
                for name in subfolders
                if not name.startswith(".")
                and not selected.excludes(os.path.join(folder, name))
                and not skips(os.path.join(folder, name), folder=True)
            )
            for name in sorted(names):
                file = os.path.join(folder, name)
                if selected.includes(file) and not skips(file, folder=False):
                    yield file


class NotWritten(Exception):
    """A file was not changed. The text is the reason, to be printed after the file's name."""


def replace(path: str, old: bytes, new: bytes) -> None:
    """Replace the content of a file atomically: readers see the old or the new content, even after a crash.

    Links are followed; mode, owner and extended attributes are kept. Raises `NotWritten` if the content is no
    longer `old`, if the file is read-only or has hard links, or if the new file would differ in more than its content.
    """
    target = os.path.realpath(path)
    try:
        before = os.stat(target)
        if not stat.S_ISREG(before.st_mode):
            raise NotWritten("it is not a regular file")
        if not before.st_mode & 0o222 or not os.access(target, os.W_OK):
            raise NotWritten("it is read-only")
        if before.st_nlink > 1:
            # The other names would keep the old content.
            raise NotWritten("it has another name, a hard link")
        _replace(target, before, old, new)
    except OSError as error:
        raise NotWritten(error.strerror or str(error)) from None


def write(path: str, data: bytes) -> None:
    """Write one of vfslint's own files, a report or a baseline, completely or not at all. Raises OSError."""
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
    except BaseException:  # Ctrl-C, too: do not leave an incomplete copy
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _mode_of(target: str) -> int:
    """Return the mode of a file, or the mode that a new file gets."""
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
                raise NotWritten("it changed in the meantime")
        os.replace(temporary, target)
    except BaseException:  # Ctrl-C, too: do not leave an incomplete copy
        with suppress(OSError):
            os.unlink(temporary)
        raise
    # The file is replaced; if only the folder cannot be synced, that is not an error.
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
                raise NotWritten("its owner cannot be kept") from None
        os.fchmod(file, stat.S_IMODE(before.st_mode))
    for name in _attributes(target):
        try:
            os.setxattr(file, name, os.getxattr(target, name))
        except OSError:
            # The kernel sets these on new files; all others are the user's.
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
