"""The Unix sockets in use on this machine."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator

# The columns before the path in /proc/net/unix.
_COLUMNS = 7


def bound(proc: str) -> frozenset[str] | None:
    """Return the names, without folders, of the Unix sockets that any process has; None if a table is unreadable.

    The kernel shows the sockets of one network namespace at a time, with the path as the process sees it, which can
    be another one in a container. `proc` is where /proc is.
    """
    names: set[str] = set()
    seen = set()
    for table in _tables(proc):
        try:
            namespace = os.stat(table).st_ino
            if namespace in seen:
                continue
            seen.add(namespace)
            with open(table, "rb") as file:
                names.update(_names(file.read().decode(errors="surrogateescape")))
        except (FileNotFoundError, ProcessLookupError):
            continue  # the process has ended
        except OSError:
            return None
    return frozenset(names) if seen else None


def _tables(proc: str) -> Iterator[str]:
    yield os.path.join(proc, "net", "unix")
    try:
        processes = [name for name in os.listdir(proc) if name.isdigit()]
    except OSError:
        return
    for process in processes:
        yield os.path.join(proc, process, "net", "unix")


def _names(table: str) -> Iterator[str]:
    for line in table.splitlines()[1:]:
        fields = line.split(None, _COLUMNS)
        if len(fields) > _COLUMNS:
            yield posixpath.basename(fields[_COLUMNS])
