"""Patterns as in .gitignore (https://git-scm.com/docs/gitignore), matched in time linear in the pattern and the path.

The patterns of a repository can be hostile, and as plain regular expressions, few asterisks take exponential time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

_DEEP = "**"
# A character of a segment: one that is escaped, a set in brackets, or any other.
_UNIT = re.compile(r"\\(.)|\[([!^]?)(\]?(?:\\.|\[:[a-z]+:\]|[^\]\\])*)\]|(.)", re.DOTALL)
_CLASSES = {
    "[:alnum:]": "a-zA-Z0-9",
    "[:alpha:]": "a-zA-Z",
    "[:blank:]": r" \t",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:punct:]": r"!-/:-@\[-`{-~",
    "[:space:]": r"\s",
    "[:upper:]": "A-Z",
    "[:xdigit:]": "0-9A-Fa-f",
}


class _Pattern(NamedTuple):
    """A pattern: whether it takes paths back, whether it is for folders only, and what each segment must match."""

    is_negative: bool
    only_folders: bool
    segments: tuple[re.Pattern[str] | None, ...]

    def matches(self, path: list[str], *, folder: bool) -> bool:
        """Whether it matches the segments of a path itself; None in `segments` stands for any number of them."""
        if self.only_folders and not folder:
            return False
        reached = {0}
        for segment in self.segments:
            if segment is None:
                reached = set(range(min(reached), len(path) + 1))
            else:
                reached = {place + 1 for place in reached if place < len(path) and segment.match(path[place])}
            if not reached:
                return False
        # What `**` at the end matches is not empty.
        return len(path) in reached and (self.segments[-1] is not None or len(path) > min(reached))


class Patterns:
    """Patterns in their order: of those that match a path, the last one counts."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Read one pattern per line. Raises ValueError for one that can match nothing."""
        self._patterns = [pattern for line in lines if (pattern := _read(line)) is not None]

    @classmethod
    def valid_of(cls, lines: Iterable[str]) -> Patterns:
        """Return the valid ones of the patterns in some lines; git ignores the others, too."""
        found = cls(())
        for line in lines:
            with suppress(ValueError):
                found._patterns += cls((line,))._patterns
        return found

    def decision(self, path: str, *, folder: bool) -> bool | None:
        """Return whether a relative path with slashes is matched; None if no pattern says anything about it."""
        segments = path.split("/")
        for pattern in reversed(self._patterns):
            if pattern.matches(segments, folder=folder):
                return not pattern.is_negative
        return None

    def match(self, path: str, *, folder: bool = False) -> bool:
        """Whether a path, or a folder that contains it, is matched."""
        segments = path.split("/")
        above = ("/".join(segments[:size]) for size in range(1, len(segments)))
        return any(self.decision(outer, folder=True) for outer in above) or bool(self.decision(path, folder=folder))


def _read(line: str) -> _Pattern | None:
    """Return the pattern of a line; None for an empty line and a comment."""
    text = re.sub(r"(?<!\\)(?<! ) +\Z", "", line.rstrip("\r\n"))
    if not text or text.startswith("#"):
        return None
    is_negative = text.startswith("!")
    body = text[is_negative:]
    only_folders = body.endswith("/")
    names = body.removesuffix("/").removeprefix("/").split("/")
    if not all(names):
        raise ValueError(f"{line!r} has an empty part")
    if "/" not in body.removesuffix("/"):
        # Without a slash, a pattern matches in every folder.
        names = [_DEEP, *names]
    return _Pattern(is_negative, only_folders, tuple(None if name == _DEEP else _segment(name) for name in names))


def _segment(name: str) -> re.Pattern[str]:
    """Return the regular expression of one part of a path, in which nothing but the last asterisk backtracks.

    What is between two asterisks is best matched at its first place. Python 3.10 has no atomic groups; a lookahead with
    a reference to what it has found is one.
    """
    first, *others = ["".join(_unit(found) for found in _UNIT.finditer(piece)) for piece in _between_asterisks(name)]
    if not others:
        return re.compile(rf"(?s){first}\Z")
    *middle, last = others
    atoms = "".join(f"(?=(?P<p{number}>.*?{piece}))(?P=p{number})" for number, piece in enumerate(middle) if piece)
    return re.compile(rf"(?s){first}{atoms}.*{last}\Z")


def _between_asterisks(name: str) -> list[str]:
    """Return the pieces of a name between its asterisks, without those that are escaped or in brackets."""
    pieces, start = [], 0
    for found in _UNIT.finditer(name):
        if found[4] == "*":
            pieces.append(name[start : found.start()])
            start = found.end()
    return [*pieces, name[start:]]


def _unit(found: re.Match[str]) -> str:
    """Return the regular expression of one character of a name."""
    escaped, negation, members, plain = found.groups()
    if members is None:
        return "." if plain == "?" else re.escape(escaped or plain)
    # Python would read some of it in another way than a shell.
    written = re.sub(r"\[:[a-z]+:\]|[\[&|~]", lambda inner: _CLASSES.get(inner[0], f"\\{inner[0][0]}"), members)
    # A hyphen after a hyphen would be the difference of two sets in a later Python.
    written = re.sub("-(?=-)", r"-\\", rf"\{written}" if written.startswith(("]", "^")) else written)
    try:
        re.compile(f"[{written}]")
    except re.error:  # such as a range that ends before it starts
        return "(?!)"
    return f"[{'^' if negation else ''}{written}]"
