"""Commands of GitHub Actions: its runner obeys lines of every output that begin with `::…` or contain `##[…]`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOBase
from typing import TextIO, cast

_COMMAND = re.compile(r"##(?=\[)|^(\s*):(?=:)", re.MULTILINE)


def in_github_actions() -> bool:
    """Whether the output is read by the runner of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def without_commands(text: str) -> str:
    """Return a text in which the runner finds no command: a space is inserted into what it would find."""
    return _COMMAND.sub(lambda found: "# #" if found[0] == "##" else f"{found[1]}: ", text)


@contextmanager
def stopped(out: TextIO) -> Iterator[None]:
    """Keep the runner from obeying commands in text for people, which problem matchers still see."""
    if not in_github_actions():
        yield
        return
    token = os.urandom(16).hex()
    out.write(f"::stop-commands::{token}\n")
    try:
        yield
    finally:
        out.write(f"::{token}::\n")


# How to write the second # of ##[ so that a program reads the same.
ESCAPES = {"json": r"\u0023", "xml": "&#35;"}


def escaped(out: TextIO, language: str) -> TextIO:
    """Return a stream for a report for programs, in which the runner finds no command; `language` is json or xml."""
    return cast(TextIO, _Escaping(out, ESCAPES[language])) if in_github_actions() else out


class _Escaping(TextIOBase):
    def __init__(self, out: TextIO, escape: str) -> None:
        self._out = out
        self._escape = escape

    def write(self, text: str, /) -> int:
        return self._out.write(text.replace("##[", f"#{self._escape}["))
