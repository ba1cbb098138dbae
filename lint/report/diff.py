"""What fixing would change, as a unified diff that `patch` and `git apply` read."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff
from unicodedata import category

from vfslint.xml.printable import printable
from vfslint.xml.source import Source

_NO_LINE_END = "\n\\ No newline at end of file\n"
_COLOURS = {"+": "32", "-": "31", "@": "36"}


def diff(before: Source, after: Source, *, coloured: bool) -> str:
    """Return the lines that differ, with three around them; nothing where none do."""
    name = printable(before.name)
    lines = unified_diff(_lines(before.text), _lines(after.text), name, name)
    return "".join(_coloured(line) if coloured else line for line in _safe(lines))


def _lines(text: str) -> list[str]:
    # Unlike str.splitlines, as patch sees it: a line ends with a line feed and nothing else.
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


def _coloured(line: str) -> str:
    colour = "1" if line.startswith(("+++", "---")) else _COLOURS.get(line[0])
    body = line.rstrip("\r\n")
    return f"\033[{colour}m{body}\033[0m{line[len(body) :]}" if colour else line
