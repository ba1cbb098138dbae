"""A file that is not well-formed XML: where the parser stopped, and which elements were open there."""

from __future__ import annotations

import re
from typing import NamedTuple

from vfslint.findings import Span
from vfslint.lazy import lazy
from vfslint.xml.document import Malformed
from vfslint.xml.source import Source

# Up to its first error a text is well-formed, so that no tag contains a '<'. What is never closed goes on to the end.
_TAG = re.compile(
    r"""<!--(?:.*?-->|.*)|<\?(?:.*?\?>|.*)|<!\[CDATA\[(?:.*?\]\]>|.*)
    |<(/?)([^\s/<>!?]+)([^<>"']*(?:(?:"[^"<]*"|'[^'<]*')[^<>"']*)*)>""",
    re.DOTALL | re.VERBOSE,
)


class Tag(NamedTuple):
    """A tag of the text: its name, and the indices of its first character and after its last."""

    name: str
    start: int
    end: int
    is_end: bool
    is_empty: bool


class MalformedXml:
    """A source, and libxml2's first error in it."""

    def __init__(self, source: Source, failure: Malformed) -> None:
        self.source = source
        self.failure = failure

    @property
    def text(self) -> str:
        """The file's text."""
        return self.source.text

    @lazy
    def index(self) -> int:
        """The index into the text at which libxml2 stopped. libxml2 counts columns in bytes of UTF-8."""
        start = self.source.index_of_line(self.failure.line)
        line = self.text[start:].split("\n", 1)[0]
        reached = line.encode("utf-8", "surrogateescape")[: self.failure.column - 1]
        return min(start + len(reached.decode("utf-8", "ignore")), max(len(self.text) - 1, 0))

    @lazy
    def tags(self) -> list[Tag]:
        """Every tag up to where libxml2 stopped."""
        found = []
        for tag in _TAG.finditer(self.text, 0, min(self.index + 1, len(self.text))):
            if tag[2]:
                found.append(Tag(tag[2], tag.start(), tag.end(), tag[1] == "/", tag[3].endswith("/")))
        return found

    @lazy
    def open_tags(self) -> list[Tag]:
        """The start tags that are still open before the last tag, outermost first."""
        stack: list[Tag] = []
        for tag in self.tags[:-1]:
            if not tag.is_end:
                if not tag.is_empty:
                    stack.append(tag)
            elif stack and stack[-1].name == tag.name:
                stack.pop()
        return stack

    def span(self, start: int, end: int) -> Span:
        """Return the span between two indices into the text."""
        return self.source.span(start, min(end, len(self.text)))

    @property
    def here(self) -> Span:
        """The character at which libxml2 stopped."""
        return self.span(self.index, self.index + 1)

    def edit_offsets(self, start: int, end: int) -> tuple[int, int]:
        """Return byte offsets for two indices into the text."""
        return self.source.offset(start), self.source.offset(end)
