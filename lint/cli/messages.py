"""Messages on standard error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from vfslint.workflow_commands import in_github_actions, without_commands
from vfslint.xml.printable import printable


def write_messages(stderr: TextIO, messages: Iterable[str]) -> None:
    """Write messages, one per line."""
    for message in messages:
        write_line(stderr, f"vfslint: {printable(message)}")


def write_line(stderr: TextIO, line: str) -> None:
    """Write a line in which GitHub Actions finds no command, whatever it quotes."""
    stderr.write((without_commands(line) if in_github_actions() else line) + "\n")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural if it is not one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
