"""Reads the file that a command names."""

from __future__ import annotations

from vfslint.files import read_input
from vfslint.usage import UsageError
from vfslint.xml.document import MAXIMUM_BYTES
from vfslint.xml.source import Source


def read_source(path: str) -> Source:
    """Return the source in a file. Raises `UsageError` if it cannot be read."""
    try:
        return Source(read_input(path, MAXIMUM_BYTES), path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
