"""A file's bytes and its text, and the mapping between their positions."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from itertools import accumulate

from vfslint.findings import Position, Span
from vfslint.lazy import lazy

# How a file begins in an encoding that needs no declaration (libxml2 parserInternals: xmlDetectEncoding).
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00?\x00", "utf-16-le"),
    (b"\x00<\x00?", "utf-16-be"),
)
# Encodings that Python and libxml2 read alike, by their names in Python, but for single signs such as the backslash of
# Shift JIS. In all of them, a byte below 0x80 that is not part of a longer character is the character of ASCII, so that
# markup is found even if the rest cannot be decoded.
_READ_ALIKE = frozenset(
    """ascii utf-8 iso8859-1 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 iso8859-10
    iso8859-11 iso8859-13 iso8859-14 iso8859-15 iso8859-16 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257
    cp1258 cp850 cp862 cp866 koi8-r euc_jp euc_kr gb2312 gbk gb18030 big5 shift_jis cp932""".split()
)
# Any bytes can be read in it, one character for each.
_BYTES = "latin-1"
_DECODED_EXACTLY = frozenset({"utf-8", "ascii", "iso8859-1", _BYTES})
# The number of characters between two indices of which the byte offset is remembered.
_STEP = 1024
FIRST_QUOTE = r"""=\s*(["'])"""
_INDENTATION = r"\n([ \t]+)<"
_DECLARED = rb"""<\?xml[^>]*?[ \t\r\n]encoding[ \t\r\n]*=[ \t\r\n]*["']([A-Za-z0-9._:-]+)["']"""


class Source:
    """The bytes of one file, and the name that is printed for it.

    `text` is decoded once and not normalized (byte order mark, line ends and undecodable bytes are kept), so that
    every index into it can be converted to a `Position` and back to bytes.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name

    @lazy
    def declared(self) -> str | None:
        """The encoding that the XML declaration names; None if there is none, or a byte order mark decides."""
        if any(self.data.startswith(mark) for mark, _ in _MARKS):
            return None
        found = re.match(_DECLARED, self.data[: self.data.find(b"?>") + 1])
        return found[1].decode("ascii") if found else None

    @lazy
    def encoding(self) -> str:
        """The Python name of the encoding in which `text` is decoded: by byte order mark, by declaration, else UTF-8.

        It is Latin-1, in which each byte is a character, for an encoding that Python might read differently than
        libxml2, and for bytes that are not valid in their encoding or not written in its usual way.
        """
        encoding = self._meant_encoding
        if encoding is None:
            return _BYTES
        if encoding not in _DECODED_EXACTLY:
            try:
                # An index can be converted to an offset only if the text gives the same bytes again.
                if self.data.decode(encoding, "surrogateescape").encode(encoding, "surrogateescape") != self.data:
                    return _BYTES
            except UnicodeError:
                return _BYTES
        return encoding

    @lazy
    def _meant_encoding(self) -> str | None:
        for mark, encoding in _MARKS:
            if self.data.startswith(mark):
                return encoding
        if self.declared is None:
            return "utf-8"
        try:
            name = codecs.lookup(self.declared).name
        except LookupError:
            return None
        return name if name in _READ_ALIKE else None

    @property
    def is_foreign(self) -> bool:
        """Whether it declares an encoding in which `text` may not be what libxml2 reads."""
        return self._meant_encoding is None

    @property
    def is_exact(self) -> bool:
        """Whether `text` has the characters that libxml2 reads, so that a changed text can be written back."""
        return self.encoding == self._meant_encoding

    @lazy
    def text(self) -> str:
        """The whole file as characters; undecodable bytes become lone surrogates."""
        return self.data.decode(self.encoding, "surrogateescape")

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
        if self._is_bytes:
            return index
        step = min(index, len(self.text)) // _STEP
        return self._offsets[step] + len(self.encode(self.text[step * _STEP : index]))

    @lazy
    def _is_bytes(self) -> bool:
        """Whether every character is one byte."""
        return self.encoding == _BYTES or (self.encoding in _DECODED_EXACTLY and self.text.isascii())

    def _line(self, index: int) -> int:
        return bisect_right(self.line_starts, index)

    @lazy
    def _offsets(self) -> list[int]:
        """The byte offset of every 1024th character."""
        pieces = (self.text[start : start + _STEP] for start in range(0, len(self.text), _STEP))
        return [0, *accumulate(len(self.encode(piece)) for piece in pieces)]

    def index(self, offset: int) -> int:
        """Return the index into `text` of the character that starts at a byte offset, or contains it."""
        if self._is_bytes:
            return offset
        step = bisect_right(self._offsets, offset) - 1
        piece = self.data[self._offsets[step] : offset]
        try:
            return step * _STEP + len(piece.decode(self.encoding, "surrogateescape"))
        except UnicodeDecodeError:  # the offset is inside a character
            return step * _STEP + len(piece.decode(self.encoding, "ignore"))

    def at_offset(self, offset: int) -> Position:
        """Return the position of a byte offset, such as that of an edit."""
        return self.position(self.index(offset))

    def span(self, start: int, end: int) -> Span:
        """Return the span between two indices into `text`."""
        return Span(self.name, self.position(start), self.position(end))

    def index_of_line(self, line: int) -> int:
        """Return the index at which a 1-based line starts; past the end, the end of the text."""
        starts = self.line_starts
        return starts[line - 1] if 0 < line <= len(starts) else len(self.text)

    def line(self, number: int) -> str:
        """Return a 1-based line without its line end and without a byte order mark."""
        return self.text[slice(*self.indices_of_line(number))]

    def indices_of_line(self, number: int) -> tuple[int, int]:
        """Return where a 1-based line starts and ends in `text`, without its line end and a byte order mark."""
        starts, text = self.line_starts, self.text
        start = starts[number - 1]
        end = starts[number] - 1 if number < len(starts) else len(text)
        while end > start and text[end - 1] == "\r":
            end -= 1
        return start + text.startswith("\ufeff", start), end
