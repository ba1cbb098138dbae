"""Reads the file that a command names."""

from __future__ import annotations

from vfslint.usage import UsageError
from vfslint.xml.document import MAXIMUM_BYTES
from vfslint.xml.source import Source


def read_source(path: str) -> Source:
    """Return the source in a file. Raises `UsageError` if it cannot be read."""
    try:
        with open(path, "rb") as file:
            # One byte more than libvirt reads shows that a file is too large.
            return Source(file.read(MAXIMUM_BYTES + 1), path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
