"""What fixing changes, as a unified diff for `patch` and `git apply`."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff
from unicodedata import category

from vfslint.xml.printable import printable
from vfslint.xml.source import Source

_NO_LINE_END = "\n\\ No newline at end of file\n"
_COLORS = {"+": "32", "-": "31", "@": "36"}


def diff(before: Source, after: Source, *, colored: bool) -> str:
    """Return the lines that differ, with three lines of context; empty if there are none."""
    name = printable(before.name)
    lines = unified_diff(_lines(before.text), _lines(after.text), name, name)
    return "".join(_colored(line) if colored else line for line in _safe(lines))


def _lines(text: str) -> list[str]:
    # Unlike for str.splitlines, only a line feed ends a line, as for patch.
    return [*(line + "\n" for line in text.split("\n")[:-1]), *filter(None, [text.rpartition("\n")[2]])]


def _safe(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        body = line.removesuffix("\n").removesuffix("\r")
        shown = "".join(
            character if character == "\t" or category(character) == "Zs" else printable(character)
            for character in body
        )
        end = line[len(body) :]
        yield shown + (end if end.endswith("\n") else _NO_LINE_END)


def _colored(line: str) -> str:
    color = "1" if line.startswith(("+++", "---")) else _COLORS.get(line[0])
    body = line.rstrip("\r\n")
    return f"\033[{color}m{body}\033[0m{line[len(body) :]}" if color else line
