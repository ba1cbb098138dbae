"""A file's bytes and its text, and the mapping between their positions."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from itertools import accumulate, pairwise

from vfslint.findings import Position, Span
from vfslint.lazy import lazy

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
FIRST_QUOTE = r"""=\s*(["'])"""
_INDENTATION = r"\n([ \t]+)<"
_DECLARED = rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']"""


class Source:
    """The bytes of one file, and the name that is printed for it.

    `text` is decoded once and not normalized (byte order mark, line ends and undecodable bytes are kept), so that
    every index into it can be converted to a `Position` and back to bytes.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name
        self._encoding = ""

    @property
    def encoding(self) -> str:
        """The Python name of the file's encoding: by byte order mark, by XML declaration, else UTF-8."""
        if not self._encoding:
            self._encoding = _encoding_of(self.data)
        return self._encoding

    @lazy
    def text(self) -> str:
        """The whole file as characters; undecodable bytes become lone surrogates."""
        try:
            return self.data.decode(self.encoding, "surrogateescape")
        except UnicodeDecodeError:
            # Multi-byte encodings reject incomplete characters; one byte per character keeps the offsets right.
            self._encoding = "latin-1"
            return self.data.decode("latin-1")

    @lazy
    def line_starts(self) -> list[int]:
        """The index into `text` at which each line starts."""
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    @lazy
    def newline(self) -> str:
        """The line end of an inserted line: that of Windows if the file has any."""
        return "\r\n" if "\r\n" in self.text else "\n"

    @lazy
    def quote(self) -> str:
        """The quote of the first attribute after the XML declaration; an apostrophe if there is none."""
        start = self.text.find("<", self.text.find("?>") + 1)
        found = re.compile(FIRST_QUOTE).search(self.text, max(start, 0))
        return found[1] if found else "'"

    @lazy
    def indentation(self) -> str:
        """The unit of indentation: that of the least indented tag, or two spaces."""
        found: list[str] = re.findall(_INDENTATION, self.text)
        return min(found, key=len) if found else "  "

    def encode(self, text: str) -> bytes:
        """Return `text` in the file's encoding; characters that it lacks become character references."""
        try:
            return text.encode(self.encoding, "surrogateescape")
        except UnicodeEncodeError:
            return text.encode(self.encoding, "xmlcharrefreplace")

    def position(self, index: int) -> Position:
        """Return the position of an index into `text`: 1-based line and column, byte offset."""
        line = self._line(index)
        column = index - self.line_starts[line - 1] + 1
        if line == 1 and self.text.startswith("\ufeff") and column > 1:
            column -= 1
        return Position(line, column, self.offset(index))

    def offset(self, index: int) -> int:
        """Return the byte offset of an index into `text`."""
        if self.text.isascii() and self.encoding in ("utf-8", "latin-1"):
            return index
        line = self._line(index) - 1
        return self._line_offsets[line] + len(self.encode(self.text[self.line_starts[line] : index]))

    def _line(self, index: int) -> int:
        return bisect_right(self.line_starts, index)

    @lazy
    def _line_offsets(self) -> list[int]:
        """The byte offset at which each line starts."""
        starts, text = self.line_starts, self.text
        sizes = (len(self.encode(text[start:end])) for start, end in pairwise(starts))
        return [0, *accumulate(sizes)]

    def index(self, offset: int) -> int:
        """Return the index into `text` of the character that starts at a byte offset."""
        if self.text.isascii() and self.encoding in ("utf-8", "latin-1"):
            return offset
        return len(self.data[:offset].decode(self.encoding, "surrogateescape"))

    def at_offset(self, offset: int) -> Position:
        """Return the position of a byte offset, such as that of an edit."""
        return self.position(len(self.data[:offset].decode(self.encoding, "surrogateescape")))

    def span(self, start: int, end: int) -> Span:
        """Return the span between two indices into `text`."""
        return Span(self.name, self.position(start), self.position(end))

    def index_of_line(self, line: int) -> int:
        """Return the index at which a 1-based line starts; past the end, the end of the text."""
        starts = self.line_starts
        return starts[line - 1] if 0 < line <= len(starts) else len(self.text)

    def line(self, number: int) -> str:
        """Return a 1-based line without its line end and without a byte order mark."""
        starts = self.line_starts
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n").removeprefix("\ufeff")


def _encoding_of(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    declared = re.match(_DECLARED, data[:200])
    if declared:
        try:
            return codecs.lookup(declared[1].decode("ascii")).name
        except LookupError:
            return "latin-1"
    return "utf-8"
