"""Edits of a document: byte ranges, with the file's own indentation, quotes and line ends.

A rule puts one or several edits into a `Fix`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vfslint.findings import Edit, Span
from vfslint.xml.document import END, MARKUP, START, Attribute, Node
from vfslint.xml.source import FIRST_QUOTE, Source

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", "'": "&apos;"})
_TRAILING_COMMENTS = r"(?s)((?:[ \t]*<!--(?:(?!-->).)*-->)+)[ \t]*(?:\r?\n|</|\Z)"


def set_value(attribute: Attribute, value: str) -> Edit:
    """Replace the value of an attribute; its quotes stay. One that is only in a DTD is written into the tag."""
    if not attribute.is_written:
        return add_attribute(attribute.node, attribute.name, value)
    span = attribute.span
    return Edit(span.start.offset, span.end.offset, _source(attribute.node).encode(value.translate(_ESCAPES)))


def rename_attribute(attribute: Attribute, name: str) -> Edit:
    """Rename an attribute. One that is only in a DTD is written into the tag under the new name."""
    if not attribute.is_written:
        return add_attribute(attribute.node, name, attribute.value)
    span = attribute.name_span
    return Edit(span.start.offset, span.end.offset, _source(attribute.node).encode(name))


def remove_attribute(attribute: Attribute) -> Edit:
    """Remove an attribute and the whitespace before it. One that is only in a DTD stays."""
    span = attribute.whole_span
    return remove(span) if attribute.is_written else Edit(span.end.offset, span.end.offset, b"")


def add_attribute(node: Node, name: str, value: str) -> Edit:
    """Add an attribute after the last one of a start tag; if the tag has it already, its value is replaced."""
    known = node.attribute(name)
    if known and known.is_written:
        return set_value(known, value)
    place = node.document.place(node.element)
    text = node.document.source.text
    end = place.tag_end - (2 if text[place.tag_end - 2] == "/" else 1)
    while text[end - 1] in " \t\r\n":
        end -= 1
    quote = _quote(text[place.start : place.tag_end], node.document.source)
    offset = node.document.source.offset(end)
    new = f" {name}={quote}{value.translate(_ESCAPES)}{quote}"
    return Edit(offset, offset, node.document.source.encode(new))


def remove(span: Span) -> Edit:
    """Remove a range of the file."""
    return Edit(span.start.offset, span.end.offset, b"")


def set_whole_text(node: Node, text: str) -> Edit:
    """Replace an element's text, including whitespace; a missing end tag is added.

    Comments and elements inside stay before or after the text, as they are written.
    """
    source = _source(node)
    place = node.document.place(node.element)
    written = text.translate(_ESCAPES)
    if place.end == place.tag_end:
        tag = source.text[place.start : place.tag_end]
        if not written:
            return Edit(source.offset(place.end), source.offset(place.end), b"")
        new = source.encode(f">{written}</{_tag_name(tag)}>")
        return Edit(source.offset(place.start + len(tag[:-2].rstrip())), source.offset(place.end), new)
    start, end = place.tag_end, source.text.rindex("</", place.tag_end, place.end)
    return Edit(source.offset(start), source.offset(end), source.encode(_with_text(source.text[start:end], written)))


def _with_text(inside: str, text: str) -> str:
    """Return the content of an element with another text, in the place of the first text in it."""
    before, after, own = "", "", ""
    depth = at = 0
    for markup in [*re.finditer(MARKUP, inside), None]:
        between = inside[at : markup.start() if markup else len(inside)]
        is_text = markup is not None and markup[0].startswith("<![CDATA[")
        if depth == 0 and not own:
            own = between.strip() or (markup[0] if markup and is_text else "")
        kept = (between if depth else "") + (markup[0] if markup and (depth or not is_text) else "")
        before, after = (before, after + kept) if own else (before + kept, after)
        if markup:
            at = markup.end()
            depth += (markup.lastindex == START and markup[0][-2] != "/") - (markup.lastindex == END)
    return f"{before}{text}{after}" if own else f"{text}{before}"


def rename_element(node: Node, name: str) -> list[Edit]:
    """Rename an element, in its start tag and in its end tag."""
    source = _source(node)
    span = node.name_span
    edits = [Edit(span.start.offset, span.end.offset, source.encode(name))]
    place = node.document.place(node.element)
    if place.end > place.tag_end:
        start = source.text.rindex("</", place.tag_end, place.end)
        end = start + 2 + len(_tag_name(source.text[start : place.end], 2))
        edits.append(Edit(source.offset(start + 2), source.offset(end), source.encode(name)))
    return edits


def remove_element(node: Node) -> Edit:
    """Remove an element, and its line if nothing else is on it. Comments inside stay where the element was."""
    source = _source(node)
    start, end = _range(node)
    comments = [source.text[slice(*span)] for span in node.document.comments if start <= span[0] < end]
    if comments:
        between = source.newline + (_indentation_before(source.text, start) or "")
        return Edit(source.offset(start), source.offset(end), source.encode(between.join(comments)))
    start, end = _with_its_line(source.text, start, end)
    return Edit(source.offset(start), source.offset(end), b"")


def move_into(node: Node, parent: Node) -> list[Edit]:
    """Move an element to the end of another one, as it is written, with the comments that follow it on its line."""
    moved = _moved(node)
    first, last = _with_its_line(moved.source.text, moved.start, moved.end)
    return [moved.replaced(first, last, ""), _insert(parent, moved.written, None)]


def move_into_new(nodes: Sequence[Node], tag: str, after: Node | None = None) -> list[Edit]:
    """Move elements of one parent into a new element, after `after` or in the place of the first one."""
    moved = [_moved(node) for node in nodes]
    source = moved[0].source
    new = _Around(tag, [each.written for each in moved], source.indentation)
    gone = [each.replaced(*_with_its_line(source.text, each.start, each.end), "") for each in moved]
    if after is not None:
        parent = after.parent
        return [*gone, _insert(parent, new, after)] if parent else []
    first = moved[0]
    indentation = _indentation_before(source.text, first.start)
    text = new.laid_out(source.newline, indentation).removeprefix(f"{source.newline}{indentation}")
    return [first.replaced(first.start, first.end, text), *gone[1:]]


def merge_into(node: Node, other: Node) -> list[Edit]:
    """Move everything inside an element, comments too, to the end of another one, and remove the element."""
    source = _source(node)
    place = node.document.place(node.element)
    start, end = _with_its_line(source.text, place.start, place.end)
    gone = Edit(source.offset(start), source.offset(end), b"")
    inside = (
        source.text[place.tag_end : source.text.rindex("</", place.tag_end, place.end)]
        if place.end > place.tag_end
        else ""
    )
    if not inside.strip():
        return [gone]
    indentation = re.search(r"\n([ \t]*)\S", inside)
    return [gone, _insert(other, _Written(inside.strip(), indentation[1] if indentation else ""), None)]


class _Moved(NamedTuple):
    """An element on the move, with the comments that follow it on its line: indices into the text, and the text."""

    source: Source
    start: int
    end: int
    written: _Written

    def replaced(self, start: int, end: int, text: str) -> Edit:
        """Return the edit that replaces a range of the text."""
        return Edit(self.source.offset(start), self.source.offset(end), self.source.encode(text))


def _moved(node: Node) -> _Moved:
    source = _source(node)
    start, end = _range(node)
    indentation = _indentation_before(source.text, start)
    if indentation is not None:
        end = _after_comments(source.text, end)
    return _Moved(source, start, end, _Written(source.text[start:end], indentation or ""))


def element(model: Node, tag: str, name: str, value: str) -> str:
    """Return an empty element with one attribute, in the quotes of the start tag of another element."""
    place = model.document.place(model.element)
    quote = _quote(model.document.source.text[place.start : place.tag_end], model.document.source)
    return f"<{tag} {name}={quote}{value.translate(_ESCAPES)}{quote}/>"


def insert(parent: Node, xml: str, *, after: Node | None = None) -> Edit:
    """Insert XML as the last child of `parent`, or after its child `after`; comments stay on their lines.

    `xml` has two spaces for each level and apostrophes; it is inserted with the indentation and quotes of the file.
    """
    source = parent.document.source
    if source.quote == '"':
        xml = xml.replace("'", '"')
    lines = xml.split("\n")
    depths = [(len(line) - len(line.lstrip(" "))) // 2 for line in lines]
    return _insert(
        parent,
        _New([source.indentation * depth + line.lstrip(" ") for depth, line in zip(depths, lines, strict=True)]),
        after,
    )


class _New(NamedTuple):
    """Lines to insert, indented relative to the first."""

    lines: list[str]

    def laid_out(self, newline: str, indentation: str | None) -> str:
        """Return the text to insert; without an indentation, everything is on one line."""
        if indentation is None:
            return "".join(line.strip() for line in self.lines)
        return "".join(f"{newline}{indentation}{line}" for line in self.lines)


class _Written(NamedTuple):
    """An element as it is written, after its indentation in the file."""

    text: str
    indentation: str

    def laid_out(self, newline: str, indentation: str | None) -> str:
        """Return the text to insert. Only line ends between tags are indented anew: others are content."""
        if indentation is None:
            return self.text
        pieces, done = [], 0
        for markup in [*re.finditer(MARKUP, self.text), None]:
            between = self.text[done : markup.start() if markup else len(self.text)]
            pieces.append(self._indented(between, indentation) if not between.strip() else between)
            if markup:
                pieces.append(markup[0])
                done = markup.end()
        return newline + indentation + "".join(pieces)

    def _indented(self, whitespace: str, indentation: str) -> str:
        return whitespace.replace("\n" + self.indentation, "\n" + indentation)


class _Around(NamedTuple):
    """A new element around others, which are indented one `step` more."""

    tag: str
    inside: list[_Written]
    step: str

    def laid_out(self, newline: str, indentation: str | None) -> str:
        """Return the text to insert."""
        inner = None if indentation is None else indentation + self.step
        start = "" if indentation is None else newline + indentation
        inside = "".join(each.laid_out(newline, inner) for each in self.inside)
        return f"{start}<{self.tag}>{inside}{start}</{self.tag}>"


def _insert(parent: Node, new: _New | _Written | _Around, after: Node | None) -> Edit:
    document = parent.document
    source = document.source
    place = document.place(parent.element)
    text = source.text
    outer = _indentation_before(text, place.start)
    inner = None if outer is None else outer + source.indentation
    if place.end == place.tag_end:
        tag = text[place.start : place.tag_end]
        if _after_comments(text, place.end) > place.end:
            # The comment after the tag stays on the tag's line.
            outer = inner = None
        closing = f"{'' if outer is None else source.newline + outer}</{_tag_name(tag)}>"
        start = place.start + len(tag[:-2].rstrip())
        xml = f">{new.laid_out(source.newline, inner)}{closing}"
        return Edit(source.offset(start), source.offset(place.tag_end), source.encode(xml))
    children = parent.children()
    if after is not None or children:
        start, end = _range(after or children[-1])
        at = _after_comments(text, end)
        xml = new.laid_out(source.newline, _indentation_before(text, start))
    else:
        at = _after_comments(text, place.tag_end)
        closing_tag = text.rindex("</", at, place.end)
        xml = new.laid_out(source.newline, inner)
        if outer is not None and "\n" not in text[at:closing_tag]:
            xml += source.newline + outer
    return Edit(source.offset(at), source.offset(at), source.encode(xml))


def _after_comments(text: str, index: int) -> int:
    """Return the end of the comments that follow an index on its line; the index itself if more than these follow."""
    found = re.compile(_TRAILING_COMMENTS).match(text, index)
    return found.end(1) if found else index


def _tag_name(tag: str, start: int = 1) -> str:
    """Return the name in a tag, with its prefix, as it is written."""
    return tag[start:].split(None, 1)[0].rstrip("/>")


def _source(node: Node) -> Source:
    return node.document.source


def _range(node: Node) -> tuple[int, int]:
    place = node.document.place(node.element)
    return place.start, place.end


def _with_its_line(text: str, start: int, end: int) -> tuple[int, int]:
    line = text.rfind("\n", 0, start) + 1
    following = text.find("\n", end)
    rest = following if following >= 0 else len(text)
    if not text[line:start].strip() and not text[end:rest].strip() and following >= 0:
        return line, following + 1
    return start, end


def _indentation_before(text: str, index: int) -> str | None:
    """Return the indentation of the line up to an index; None if something else comes before the index."""
    line = text.rfind("\n", 0, index) + 1
    before = text[line:index]
    return before if not before.strip(" \t\ufeff") and (line or "\n" in text) else None


def _quote(tag: str, source: Source) -> str:
    """Return the quote that a tag uses, or else the file."""
    found = re.search(FIRST_QUOTE, tag)
    return found[1] if found else source.quote


def apply(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return `data` with the edits applied; of overlapping edits, the first one in the file wins."""
    pieces, done = [], 0
    for start, end, text in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if start >= done:
            pieces += [data[done:start], text]
            done = end
    return b"".join([*pieces, data[done:]])
