"""Messages on standard error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from vfslint.xml.printable import printable


def write_messages(stderr: TextIO, messages: Iterable[str]) -> None:
    """Write messages, one per line."""
    for message in messages:
        stderr.write(f"vfslint: {printable(message)}\n")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural if it is not one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
