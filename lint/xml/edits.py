"""Edits of a document: byte ranges, with the file's own indentation, quotes and line ends.

A rule puts one or several edits into a `Fix`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vfslint.findings import Edit, Span
from vfslint.xml.document import Attribute, Document, Node
from vfslint.xml.source import FIRST_QUOTE, Source

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", "'": "&apos;"})


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
    """Add an attribute after the last one of a start tag."""
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
    """Replace everything between an element's tags, including whitespace; a missing end tag is added."""
    source = _source(node)
    place = node.document.place(node.element)
    written = text.translate(_ESCAPES)
    if place.end == place.tag_end:
        tag = source.text[place.start : place.tag_end]
        if not written:
            return Edit(source.offset(place.end), source.offset(place.end), b"")
        new = source.encode(f">{written}</{_tag_name(tag)}>")
        return Edit(source.offset(place.start + len(tag[:-2].rstrip())), source.offset(place.end), new)
    end = source.text.rindex("</", place.tag_end, place.end)
    return Edit(source.offset(place.tag_end), source.offset(end), source.encode(written))


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
    """Remove an element, and its line if nothing else is on it."""
    source = _source(node)
    start, end = _with_its_line(source.text, *_range(node))
    return Edit(source.offset(start), source.offset(end), b"")


def move_into(node: Node, parent: Node) -> list[Edit]:
    """Move an element to the end of another one, exactly as it is written."""
    return [remove_element(node), insert(parent, _as_written(node))]


def element(model: Node, tag: str, name: str, value: str) -> str:
    """Return an empty element with one attribute, in the quotes of the start tag of another element."""
    place = model.document.place(model.element)
    quote = _quote(model.document.source.text[place.start : place.tag_end], model.document.source)
    return f"<{tag} {name}={quote}{value.translate(_ESCAPES)}{quote}/>"


def insert(parent: Node, xml: str, *, after: Node | None = None) -> Edit:
    """Insert XML as the last child of `parent`, or after its child `after`.

    `xml` has two spaces for each level and apostrophes; it is inserted with the indentation and quotes of the file.
    """
    document = parent.document
    source = document.source
    place = document.place(parent.element)
    text = source.text
    outer = _indentation_before(text, place.start)
    if place.end == place.tag_end:
        tag = text[place.start : place.tag_end]
        name = _tag_name(tag)
        inner = _lay_out(document, xml, outer, unit=True)
        new = f"{tag[:-2].rstrip()}>{inner}{source.newline + outer if outer is not None else ''}</{name}>"
        return Edit(source.offset(place.start), source.offset(place.tag_end), source.encode(new))
    children = parent.children()
    if after is not None or children:
        last = after or children[-1]
        start, at = _range(last)
        indentation = _indentation_before(text, start)
        new = _lay_out(document, xml, indentation, unit=False)
    else:
        at = place.tag_end
        closing = text.rindex("</", place.tag_end, place.end)
        new = _lay_out(document, xml, outer, unit=True)
        if outer is not None and "\n" not in text[at:closing]:
            new += source.newline + outer
    return Edit(source.offset(at), source.offset(at), source.encode(new))


def _tag_name(tag: str, start: int = 1) -> str:
    """Return the name in a tag, with its prefix, as it is written."""
    return tag[start:].split(None, 1)[0].rstrip("/>")


def _source(node: Node) -> Source:
    return node.document.source


def _range(node: Node) -> tuple[int, int]:
    place = node.document.place(node.element)
    return place.start, place.end


def _as_written(node: Node) -> str:
    """Return an element's text with two spaces per level, as `insert` requires."""
    text = _source(node).text
    start, end = _range(node)
    outer = _indentation_before(text, start) or ""
    step = _source(node).indentation
    lines: list[str] = []
    for line in text[start:end].splitlines():
        indentation = len(line) - len(line.lstrip())
        depth = max(indentation - len(outer), 0) // len(step) if lines else 0
        lines.append("  " * depth + line.lstrip())
    return "\n".join(lines)


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


def _lay_out(document: Document, xml: str, indentation: str | None, *, unit: bool) -> str:
    source = document.source
    if source.quote == '"':
        xml = xml.replace("'", '"')
    lines = xml.split("\n")
    if indentation is None:
        return "".join(line.strip() for line in lines)
    step = source.indentation
    start = indentation + (step if unit else "")
    laid_out = []
    for line in lines:
        depth = (len(line) - len(line.lstrip(" "))) // 2
        laid_out.append(source.newline + start + step * depth + line.lstrip(" "))
    return "".join(laid_out)


def apply(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return `data` with the edits applied; of overlapping edits, the first one in the file wins."""
    pieces, done = [], 0
    for start, end, text in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if start >= done:
            pieces += [data[done:start], text]
            done = end
    return b"".join([*pieces, data[done:]])
