"""qemu.conf, read byte for byte as libvirt reads it (src/util/virconf.c).

virConf stops at the first syntax error and discards the whole file; `read` then raises `Unreadable`. Keys, values, list
items and comments know their positions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfslint.findings import Edit, Span
from vfslint.lazy import lazy
from vfslint.targets import NEWEST, Version
from vfslint.xml.source import Source

# virconf.c: MAX_CONFIG_FILE_SIZE
MAXIMUM_BYTES = 10 * 1024 * 1024

# Numbers overflow silently in 9.0.0 and are rejected in 11.3.0 (both tested); the exact release is not known.
_OVERFLOW_REFUSED = (11, 3, 0)

_SPACES = re.compile(rb"[ \t]*")
_WHITESPACE = re.compile(rb"[ \t\r\n]*")
_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_NUMBER = re.compile(rb"([+-]?)([0-9]*)")
_REST_OF_LINE = re.compile(rb"[^\r\n]*")
_QUOTED = re.compile(rb"""'([^'\r\n]*)'|"([^"\r\n]*)\"""")


class Unreadable(Exception):
    """libvirt cannot read the file; every setting in it is lost.

    `message` is libvirt's own, `offset` the byte where it stopped, `opened` the first byte of the string or list
    that it was reading, or None.
    """

    def __init__(self, source: Source, message: str, offset: int, opened: int | None = None) -> None:
        super().__init__(message)
        self.source = source
        self.message = message
        self.offset = offset
        self.opened = opened

    @property
    def line(self) -> int:
        """The line number in libvirt's message."""
        return self.source.data.count(b"\n", 0, self.offset) + 1

    @property
    def span(self) -> Span:
        """The character at which libvirt stopped."""
        index = _index(self.source, self.offset)
        return self.source.span(index, min(index + 1, len(self.source.text)))

    @property
    def opened_span(self) -> Span | None:
        """The first character of the string or list that libvirt was reading, or None."""
        if self.opened is None:
            return None
        index = _index(self.source, self.opened)
        return self.source.span(index, index + 1)

    @property
    def rest_of_line(self) -> str:
        """The text from there to the end of the line."""
        return _decoded(_match(_REST_OF_LINE, self.source.data, self.offset).group())

    @property
    def start_of_line(self) -> str:
        """The text before that place on its line."""
        line = self.source.data.rfind(b"\n", 0, self.offset) + 1
        return _decoded(self.source.data[line : self.offset])


class Piece:
    """A range of bytes in the file, from `start` up to but not including `end`."""

    __slots__ = ("end", "source", "start")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end

    @property
    def span(self) -> Span:
        """Its place in the file."""
        return self.source.span(_index(self.source, self.start), _index(self.source, self.end))

    @property
    def written(self) -> str:
        """The text as it is written, with quotes, signs and brackets."""
        return _decoded(self.source.data[self.start : self.end])

    def replaced_by(self, text: str) -> Edit:
        """The edit that replaces it with other text."""
        return Edit(self.start, self.end, text.encode("utf-8", "surrogateescape"))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.written!r}>"


class Comment(Piece):
    """A comment from its `#` to the end of the line."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """The comment without the `#` and surrounding whitespace."""
        return self.written[1:].strip()


class Value(Piece):
    """A value: `content` is a string, a whole number, or a tuple of the values of a list."""

    __slots__ = ("content",)

    def __init__(self, source: Source, start: int, end: int, content: str | int | tuple[Value, ...]) -> None:
        super().__init__(source, start, end)
        self.content = content

    @property
    def text(self) -> str | None:
        """The string, or None if the value is something else."""
        return self.content if isinstance(self.content, str) else None

    @property
    def number(self) -> int | None:
        """The number, or None if the value is something else."""
        return self.content if isinstance(self.content, int) else None

    @property
    def items(self) -> tuple[Value, ...] | None:
        """The values in the list, or None if the value is not a list."""
        return self.content if isinstance(self.content, tuple) else None

    @property
    def texts(self) -> tuple[str, ...] | None:
        """The strings in the list, or None if the value is not a list of strings."""
        if not isinstance(self.content, tuple):
            return None
        texts = tuple(item.content for item in self.content if isinstance(item.content, str))
        return texts if len(texts) == len(self.content) else None

    @property
    def has_minus(self) -> bool:
        """Whether a number is written with a minus sign; to libvirt, `-0` is not an unsigned number."""
        return self.source.data[self.start] == ord("-")

    @property
    def is_wrapped(self) -> bool:
        """Whether the number differs from the one written, because that one overflows in an old libvirt."""
        return isinstance(self.content, int) and _long(self.source.data[self.start : self.end].lstrip(b"+-")) is None

    @property
    def kind(self) -> str:
        """What it is, for messages."""
        if isinstance(self.content, str):
            return "a string"
        return "a number" if isinstance(self.content, int) else "a list"


class Statement(Piece):
    """`name = value` with the comment that follows it on the line; the piece ends with the value."""

    __slots__ = ("comment", "name", "value")

    def __init__(self, source: Source, start: int, name: str, value: Value, comment: Comment | None) -> None:
        super().__init__(source, start, value.end)
        self.name = name
        self.value = value
        self.comment = comment

    @property
    def name_piece(self) -> Piece:
        """The name, without the value."""
        return Piece(self.source, self.start, self.start + len(self.name))

    @property
    def removal(self) -> Edit:
        """The edit that removes it with its semicolon, and its line if nothing else is on it. A comment stays."""
        if self.comment:
            return Edit(self.start, self.comment.start, b"")
        data = self.source.data
        end = _match(_SPACES, data, self.end).end()
        if data[end : end + 1] == b";":
            end = _match(_SPACES, data, end + 1).end()
        start = max(data.rfind(b"\n", 0, self.start), data.rfind(b"\r", 0, self.start)) + 1
        if data[start : self.start].strip(b" \t"):
            start = self.start
        elif data[end : end + 2] == b"\r\n":
            end += 2
        elif data[end : end + 1] in (b"\r", b"\n"):
            end += 1
        else:
            start = self.start
        return Edit(start, end, b"")


class QemuConf:
    """A qemu.conf that libvirt can read; iterating gives every statement in the order of the file."""

    def __init__(self, source: Source, libvirt: Version, statements: list[Statement], comments: list[Comment]) -> None:
        self.source = source
        self.libvirt = libvirt
        self.statements = statements
        self.comments = comments

    def __iter__(self) -> Iterator[Statement]:
        return iter(self.statements)

    @lazy
    def in_force(self) -> dict[str, Statement]:
        """The effective statements by name: of several, the first (virconf.c:virConfGetValue)."""
        found: dict[str, Statement] = {}
        for statement in self.statements:
            found.setdefault(statement.name, statement)
        return found

    def __getitem__(self, name: str) -> Statement | None:
        """The statement that sets `name`, or None."""
        return self.in_force.get(name)

    def text(self, name: str) -> str | None:
        """The string that `name` is set to, or None."""
        statement = self.in_force.get(name)
        return statement.value.text if statement else None

    def texts(self, name: str) -> tuple[str, ...] | None:
        """The list that `name` is set to, a single string counting as a list of one, or None."""
        statement = self.in_force.get(name)
        if statement is None:
            return None
        text = statement.value.text
        return statement.value.texts if text is None else (text,)


def read(source: Source, libvirt: Version = NEWEST.libvirt) -> QemuConf:
    """Read a qemu.conf as that release does; raises `Unreadable` at a syntax error."""
    if len(source.data) > MAXIMUM_BYTES:
        raise Unreadable(source, "Value too large for defined data type", 0)
    return _Reader(source, libvirt).conf()


class _Reader:
    """One pass over the bytes; `at` is the next one."""

    def __init__(self, source: Source, libvirt: Version) -> None:
        self.source = source
        self.data = source.data
        self.libvirt = libvirt
        self.at = 0
        self.comments: list[Comment] = []

    def conf(self) -> QemuConf:
        statements = []
        while self.at < len(self.data):
            self.skip(_WHITESPACE)
            if self.here == b"#":
                self.comment()
            else:
                statements.append(self.statement())
            self.separator()
        return QemuConf(self.source, self.libvirt, statements, self.comments)

    @property
    def here(self) -> bytes:
        """The next byte; empty at the end of the file."""
        return self.data[self.at : self.at + 1]

    def skip(self, pattern: re.Pattern[bytes]) -> None:
        self.at = _match(pattern, self.data, self.at).end()

    def fault(self, message: str, opened: int | None = None) -> Unreadable:
        return Unreadable(self.source, message, self.at, opened)

    def comment(self) -> Comment:
        start = self.at
        self.skip(_REST_OF_LINE)
        self.comments.append(Comment(self.source, start, self.at))
        return self.comments[-1]

    def separator(self) -> None:
        self.skip(_SPACES)
        if self.here == b";":
            self.at += 1
        elif self.here not in (b"", b"\r", b"\n"):
            raise self.fault("expecting a separator")
        self.skip(_WHITESPACE)

    def statement(self) -> Statement:
        start = self.at
        name = _NAME.match(self.data, start)
        if not name:
            raise self.fault("expecting a name")
        self.at = name.end()
        self.skip(_SPACES)
        if self.here != b"=":
            raise self.fault("expecting an assignment")
        self.at += 1
        value = self.value()
        self.skip(_SPACES)
        comment = self.comment() if self.here == b"#" else None
        return Statement(self.source, start, name.group().decode("ascii"), value, comment)

    def value(self) -> Value:
        enclosing: list[tuple[int, list[Value]]] = []
        while True:
            self.skip(_SPACES)
            done: Value | None = None
            if self.here == b"[":
                enclosing.append((self.at, []))
                self.at += 1
                self.skip(_WHITESPACE)
                if self.here not in (b"", b"]"):
                    continue
            else:
                done = self.scalar(enclosing[-1][0] if enclosing else None)
            done = self.close(enclosing, done)
            if done:
                return done

    def close(self, enclosing: list[tuple[int, list[Value]]], done: Value | None) -> Value | None:
        """Add a value to its list and close the lists that end here; None if another value follows."""
        while enclosing:
            start, items = enclosing[-1]
            if done:
                items.append(done)
                self.skip(_WHITESPACE)
                if self.here == b",":
                    self.at += 1
                    self.skip(_WHITESPACE)
                    if self.here != b"]":
                        return None
            if self.here != b"]":
                at_end = self.at == len(self.data)
                raise self.fault("list is not closed with ]" if at_end else "expecting a separator in list", start)
            self.at += 1
            enclosing.pop()
            done = Value(self.source, start, self.at, tuple(items))
        return done

    def scalar(self, opened: int | None) -> Value:
        here = self.here
        if here in (b'"', b"'"):
            return self.string()
        if here.isdigit() or here in (b"+", b"-"):
            return self.number()
        raise self.fault("expecting a value", opened)

    def string(self) -> Value:
        start = self.at
        # To virConfParseString, six quotes at the end of the file are not a triple-quoted string.
        if self.data.startswith(b'"""', start) and start + 6 < len(self.data):
            end = self.data.find(b'"""', start + 3)
            if end < 0:
                self.at = max(start + 3, len(self.data) - 2)
                raise self.fault("unterminated string", start)
            self.at = end + 3
            return Value(self.source, start, self.at, _c_string(self.data[start + 3 : end]))
        found = _QUOTED.match(self.data, start)
        if not found:
            self.at += 1
            self.skip(_REST_OF_LINE)
            raise self.fault("unterminated string", start)
        self.at = found.end()
        return Value(self.source, start, self.at, _c_string(self.data[start + 1 : self.at - 1]))

    def number(self) -> Value:
        start = self.at
        found = _match(_NUMBER, self.data, start)
        self.at = found.end()
        sign, digits = found.groups()
        if not digits:
            raise self.fault("unterminated number")
        number = _long(digits)
        if number is None:
            if self.libvirt >= _OVERFLOW_REFUSED:
                raise self.fault("numeric overflow in conf value", start)
            number = _wrapped(digits)
        return Value(self.source, start, self.at, -number if sign == b"-" else number)


def _long(digits: bytes) -> int | None:
    """Return a number if it fits into signed 64 bits, else None."""
    significant = digits.lstrip(b"0") or b"0"
    if len(significant) > 19:
        return None
    number = int(significant)
    return number if number < 2**63 else None


def _wrapped(digits: bytes) -> int:
    """Return a number reduced to 64 bits, as virConfParseLong of 9.0.0 computes it digit by digit."""
    number = 0
    for start in range(0, len(digits), 18):
        piece = digits[start : start + 18]
        number = (number * 10 ** len(piece) + int(piece)) % 2**64
    return number - 2**64 if number >= 2**63 else number


def _match(pattern: re.Pattern[bytes], data: bytes, start: int) -> re.Match[bytes]:
    found = pattern.match(data, start)
    assert found, "the pattern matches the empty string"
    return found


def _c_string(data: bytes) -> str:
    """Return the text up to the first NUL, which ends a string in C."""
    return _decoded(data.partition(b"\0")[0])


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _index(source: Source, offset: int) -> int:
    """Return the index into the source's text of a byte.

    virConf stops at the first byte of a file that is not UTF-8 by its byte order mark or XML declaration.
    """
    return source.index(offset) if offset else 0
