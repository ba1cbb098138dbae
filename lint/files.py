"""The file system: which files to check, how to read them, and how to replace one without the risk of losing it."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from typing import Protocol

    from vfslint.gitignore import GitIgnore

    class Selection(Protocol):
        """Decides which files of a folder are checked."""

        def includes(self, path: str) -> bool:
            """Whether to check a file."""

        def excludes(self, path: str) -> bool:
            """Whether to skip a folder and everything in it."""

        def excludes_file(self, path: str) -> bool:
            """Whether a file that would be checked is excluded by name."""


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

    def excludes_file(self, path: str) -> bool:
        """No file is excluded."""
        return False


def open_input(path: str) -> BinaryIO:
    """Open a file for reading. A pipe to which no program writes is empty, so it does not block. Raises OSError."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    handle = os.open(path, flags)
    try:
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(handle, True)
        return open(handle, "rb")
    except BaseException:  # whatever it is, Ctrl-C too: nothing else closes the handle
        os.close(handle)
        raise


def read_input(path: str, most: int) -> bytes:
    """Return the content of a file, but at most one byte more than `most`, even of an endless one. Raises OSError."""
    with open_input(path) as file:
        # Python allocates as many bytes as are requested, so request only the size of a regular file.
        size = os.fstat(file.fileno()).st_size or most
        return file.read(min(size, most) + 1)


@lru_cache(1024)
def repository_of(folder: str) -> str | None:
    """Return the top folder of the Git repository that contains an absolute folder, or None."""
    if os.path.lexists(os.path.join(folder, ".git")):
        return folder
    above = os.path.dirname(folder)
    return None if above == folder else repository_of(above)


def leaves(path: str) -> bool:
    """Whether a path is a link to what is outside: of its repository, else of the working directory or its folder."""
    if not os.path.islink(path):
        return False
    full = os.path.abspath(path)
    working = os.getcwd()
    around = repository_of(os.path.dirname(full)) or (working if _is_inside(full, working) else os.path.dirname(full))
    return not _is_inside(os.path.realpath(full), os.path.realpath(around))


def _is_inside(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))


# Why a file of a folder is not read.
LINK_OUT = "it is a link to a file outside of the repository or folder"
NOT_A_FILE = "it is not a regular file"
EXCLUDED = "the configuration excludes it"


def _obstacle(path: str) -> str:
    """Return why a file that was found in a folder is not read, or an empty string."""
    if leaves(path):
        return LINK_OUT
    try:
        return "" if stat.S_ISREG(os.stat(path).st_mode) else NOT_A_FILE
    except OSError:  # reported when it is read
        return ""


def files_in(
    paths: Iterable[str],
    selection: Selection | None = None,
    *,
    gitignore: GitIgnore | None = None,
    skip: Callable[[str, str], None] = lambda path, reason: None,
    fail: Callable[[OSError], None] = lambda error: None,
) -> Iterator[str]:
    """Yield the files to check: named files, and from named folders the files that the selection includes.

    Folders are walked in sorted order; hidden folders, links to folders and what `gitignore` ignores are skipped.
    `skip` is called with the path and the reason if a file or folder is excluded, if a file is not a regular one, or
    a link out of its repository; `fail` if a folder cannot be read.
    """
    selected = selection or Everything()

    def skips(path: str, *, folder: bool) -> bool:
        return gitignore is not None and gitignore.ignores(path, folder=folder)

    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for folder, subfolders, names in os.walk(path, onerror=fail):
            inner = [name for name in subfolders if not name.startswith(".")]
            inner = [name for name in inner if not skips(os.path.join(folder, name), folder=True)]
            excluded = {name for name in inner if selected.excludes(os.path.join(folder, name))}
            for name in sorted(excluded):
                skip(os.path.join(folder, name), EXCLUDED)
            subfolders[:] = sorted(name for name in inner if name not in excluded)
            for name in sorted(names):
                file = os.path.join(folder, name)
                if skips(file, folder=False):
                    continue
                if selected.includes(file):
                    obstacle = _obstacle(file)
                elif Everything().includes(file) and selected.excludes_file(file):
                    obstacle = EXCLUDED
                else:
                    continue
                if obstacle:
                    skip(file, obstacle)
                else:
                    yield file


class NotWritten(Exception):
    """A file was not changed. The text is the reason, to be printed after the file's name."""


def replace(path: str, old: bytes, new: bytes) -> None:
    """Replace the content of a file atomically: readers see the old or the new content, even after a crash.

    Links inside of the repository are followed; mode, owner and extended attributes are kept. Raises `NotWritten` if
    the content is no longer `old`, if the file is read-only or has hard links, or if the new file would differ in more
    than its content.
    """
    target = os.path.realpath(path)
    try:
        if leaves(path):
            raise NotWritten(LINK_OUT)
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
    target = os.path.realpath(path)
    if os.path.lexists(target) and not os.path.isfile(target):
        with _open_device(target) as device:
            device.write(data)
        return
    if leaves(path):
        raise OSError(errno.ELOOP, LINK_OUT)
    with _temporary(os.path.dirname(target)) as (file, temporary):
        file.write(data)
        file.flush()
        os.chmod(temporary, _mode_of(target))
        _rename(file, temporary, target)


def _open_device(path: str) -> BinaryIO:
    """Open a pipe or a device for writing. It fails if no program reads the pipe, or starts to in a moment."""
    if not hasattr(os, "O_NONBLOCK"):
        return open(path, "wb")
    for _ in range(_WAITS):
        try:
            handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            time.sleep(_WAIT)
    else:
        raise OSError(errno.ENXIO, "no program reads this pipe")
    os.set_blocking(handle, True)
    return open(handle, "wb")


# How often, and with how many seconds in between, a pipe without a reader is tried.
_WAITS, _WAIT = 50, 0.1


_PREFIX, _SUFFIX = ".vfslint-", ".tmp"


@contextmanager
def _temporary(folder: str) -> Iterator[tuple[BinaryIO, str]]:
    """Yield a new file in a folder and its name. It is removed unless it gets another name.

    It is locked, so that `remove_leftovers` of another process recognizes it as being in use.
    """
    from tempfile import mkstemp

    handle, path = mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            _lock(file)
            yield file, path
    except BaseException:  # Ctrl-C, too
        with suppress(OSError):
            os.unlink(path)
        raise


def _rename(file: BinaryIO, temporary: str, target: str) -> None:
    if os.name == "nt":  # no open file can be renamed there
        file.close()
    os.replace(temporary, target)


def remove_leftovers(folder: str) -> None:
    """Remove the temporary files that processes which were killed have left in a folder."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        if name.startswith(_PREFIX) and name.endswith(_SUFFIX) and not os.path.islink(path):
            with suppress(OSError), open(path, "rb") as file:
                if _lock(file):
                    os.unlink(path)


def _lock(file: BinaryIO) -> bool:
    """Lock a file as long as it is open; False if another process has, or if the system cannot."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _mode_of(target: str) -> int:
    """Return the mode of a file, or the mode that a new file gets."""
    with suppress(FileNotFoundError):
        return stat.S_IMODE(os.stat(target).st_mode)
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _replace(target: str, before: os.stat_result, old: bytes, new: bytes) -> None:
    folder = os.path.dirname(target)
    with _temporary(folder) as (file, temporary):
        file.write(new)
        file.flush()
        _keep(target, before, file.fileno())
        os.fsync(file.fileno())
        with open(target, "rb") as current:
            if current.read(len(old) + 1) != old:
                raise NotWritten("it changed in the meantime")
        _rename(file, temporary, target)
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
