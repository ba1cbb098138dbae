"""The line of each key in a TOML text, which tomllib does not provide. The text must be valid TOML."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|\n|[\[\]{}=,.]|[^\s\[\]{}=,.#"\']+|["\']',
    re.DOTALL,
)
Key = tuple[str, ...]


def lines_of(text: str) -> dict[Key, int]:
    """Return the line of each table, key and item (with its index as text) by its full key."""
    return _Scan(text).lines


def depth(text: str) -> int:
    """Return the largest number of parts of a key in a text, which may be invalid TOML."""
    most = parts = 0
    was_dot = False
    for found in _TOKEN.finditer(text):
        if found[0] in ("'", '"'):
            # tomllib stops at an open quote, too.
            break
        is_dot = found[0] == "."
        # A part follows a dot, or begins a key.
        parts = parts if is_dot else parts + 1 if was_dot else 1
        most = max(most, parts)
        was_dot = is_dot
    return most


class _Scan:
    def __init__(self, text: str) -> None:
        self.lines: dict[Key, int] = {}
        self._tokens: list[tuple[str, int]] = []
        line, end = 1, 0
        for found in _TOKEN.finditer(text):
            line += text.count("\n", end, found.start())
            end = found.start()
            if not found[0].startswith("#"):
                self._tokens.append((found[0], line))
        self._at = 0
        table: Key = ()
        while self._at < len(self._tokens):
            token, line = self._take()
            if token == "[":
                table = self._key(("[",), stop="]")
                self._note(table, line)
                self._skip("]")
            elif token != "\n":
                self._at -= 1
                self._statement(table, stop="=")

    def _take(self) -> tuple[str, int]:
        self._at += 1
        return self._tokens[self._at - 1]

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _skip(self, token: str) -> None:
        while self._peek() == token:
            self._at += 1

    def _note(self, key: Key, line: int) -> None:
        for size in range(1, len(key) + 1):
            self.lines.setdefault(key[:size], line)

    def _key(self, skipped: tuple[str, ...], stop: str) -> Key:
        parts = []
        while self._peek() not in (stop, ""):
            token, _ = self._take()
            if token not in (*skipped, "."):
                parts.append(token[1:-1] if token[0] in "\"'" else token)
        return tuple(parts)

    def _statement(self, table: Key, stop: str) -> None:
        line = self._tokens[self._at][1]
        key = table + self._key((), stop)
        self._note(key, line)
        self._skip(stop)
        self._value(key)

    def _value(self, key: Key) -> None:
        token, _ = self._take()
        if token == "[":
            self._items(key)
        elif token == "{":
            while self._peek() not in ("}", ""):
                if self._peek() in (",", "\n"):
                    self._at += 1
                else:
                    self._statement(key, stop="=")
            self._at += 1
        else:
            # A number with a decimal point, or a date with a time, is several tokens.
            while self._peek() not in ("\n", ",", "]", "}", ""):
                self._at += 1

    def _items(self, key: Key) -> None:
        number = 0
        while self._peek() not in ("]", ""):
            if self._peek() in (",", "\n"):
                self._at += 1
                continue
            item = (*key, str(number))
            self._note(item, self._tokens[self._at][1])
            self._value(item)
            number += 1
        self._at += 1
