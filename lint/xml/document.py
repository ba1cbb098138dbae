"""XML documents: hardened reading, and nodes that know their exact position.

The tree comes from libxml2, which is also libvirt's parser. Positions come from a scan of the same text, zipped with
the tree in document order. The scan only runs if a position is needed, which is never for a clean file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from lxml import etree

from vfslint.findings import Span
from vfslint.xml.source import Source

# virsh reads at most 10 MiB of XML (tools/virsh.h: VSH_MAX_XML_FILE).
MAXIMUM_BYTES = 10 * 1024 * 1024

# The markup of a document that libxml2 has accepted as well-formed; nothing else can occur in it. Most of it is tags,
# which come first, and no part can match in two ways, so that the time is linear.
_MARKUP = r"""(?xs)
    (</[^>]*>)
  | (<[^\s/>!?] [^>"']* (?: (?: "[^"]*" | '[^']*' ) [^>"']* )* >)
  | <!--.*?-->
  | <\?.*?\?>
  | <!\[CDATA\[.*?\]\]>
  | <!DOCTYPE [^\[>"']* (?: (?: "[^"]*" | '[^']*' ) [^\[>"']* )*
      (?:\[ (?: <!--.*?--> | <\?.*?\?> | [^\]"'] | "[^"]*" | '[^']*' )* \]\s*)? >
    """
_END, _START = 1, 2  # the groups of the tags
_ATTRIBUTE = r"""\s+([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')"""
_NAMESPACE_ERRORS = range(200, 206)  # libxml2 xmlerror.h: XML_NS_ERR_*, which libvirt's reader tolerates
_EXTRA_CONTENT = 5  # XML_ERR_DOCUMENT_END


class Malformed(Exception):
    """The text is not well-formed XML, or is larger or deeper than libvirt would read.

    `line` and `column` are 1-based as libxml2 counts them, `code` is its error number.
    """

    def __init__(self, message: str, line: int, column: int, code: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.code = code


class Document:
    """A well-formed XML file. `undeclared_prefixes`: it has prefixes without a declaration."""

    def __init__(self, source: Source, root: Any, undeclared_prefixes: bool) -> None:
        self.source = source
        self.root = root
        self.undeclared_prefixes = undeclared_prefixes
        self._numbers: dict[Any, int] = {}
        self._places: list[list[int]] = []
        self._scan: Iterator[bool] | None = None

    @property
    def root_node(self) -> Node:
        """The root element."""
        return Node(self, self.root)

    def place(self, element: Any) -> _Place:
        """Return the place of an element's tags in the source's text, which is scanned no further than needed."""
        if self._scan is None:
            self._numbers = {element: number for number, element in enumerate(self.root.iter("*"))}
            self._scan = _scan(self.source.text, self._places)
        number = self._numbers[element]
        while len(self._places) <= number or not self._places[number][_CLOSED]:
            if next(self._scan, None) is None:
                raise LookupError("the text has fewer elements than the tree")
        return _Place(*self._places[number])

    @property
    def comments(self) -> list[tuple[int, int]]:
        """Where each comment starts and ends in the text, in order."""
        found = re.finditer(_MARKUP, self.source.text)
        return [comment.span() for comment in found if comment[0].startswith("<!--")]

    def span(self, start: int, end: int) -> Span:
        """Return the span between two indices into the text."""
        return self.source.span(start, end)

    def line_span(self, number: int) -> Span:
        """Return the span of a 1-based line without surrounding whitespace."""
        start = self.source.index_of_line(number)
        line = self.source.text[start:].split("\n", 1)[0]
        inner = line.strip()
        first = start + line.index(inner)
        return self.span(first, first + len(inner))


def read(source: Source) -> Document:
    """Parse a source without expanding entities and without reading anything else.

    Raises `Malformed` if libvirt's own parser would reject the text.
    """
    if len(source.data) > MAXIMUM_BYTES:
        raise Malformed(f"the file is larger than {MAXIMUM_BYTES} bytes", 1, 1, 0)
    try:
        return Document(source, etree.fromstring(source.data, _strict_parser()), False)
    except etree.XMLSyntaxError:
        return _read_again(source)


def _read_again(source: Source) -> Document:
    """Read a text that the strict parser rejects, with a new parser, whose error log is for this text only."""
    parser = _parser(recover=False)
    try:
        return Document(source, etree.fromstring(source.data, parser), False)
    except etree.XMLSyntaxError as error:
        faults = list(parser.error_log)
        if faults and all(fault.type in _NAMESPACE_ERRORS for fault in faults):
            _check_end(source)
            return Document(source, etree.fromstring(source.data, _parser(recover=True)), True)
        raise _malformed(error, faults) from None


def _check_end(source: Source) -> None:
    """Reject content after the root element, which libxml2 2.14 ignores after an error in a namespace."""
    text = source.text
    places: list[list[int]] = []
    for _ in _scan(text, places):
        pass
    rest = re.compile(r"(?s)(?:[ \t\r\n]|<!--.*?-->|<\?.*?\?>)*").match(text, places[0][_CLOSED])
    end = rest.end() if rest else len(text)
    if end < len(text):
        place = source.position(end)
        raise Malformed("Extra content at the end of the document", place.line, place.column, _EXTRA_CONTENT)


def _parser(*, recover: bool) -> Any:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=recover)


@cache
def _strict_parser() -> Any:
    # lxml locks a parser that threads share. Creating one takes as long as reading a small file.
    return _parser(recover=False)


def _malformed(error: Any, faults: list[Any]) -> Malformed:
    if not faults:
        line, column = error.position or (1, 1)
        return Malformed(error.msg or "not well-formed", line, column, error.code or 0)
    first = faults[0]
    return Malformed(first.message.strip(), max(first.line, 1), max(first.column, 1), first.type)


class _Place(NamedTuple):
    """Indices into the text: the start of the start tag, its end, and the end of the element."""

    start: int
    tag_end: int
    end: int


_CLOSED = 2  # the end of the element in a place that is still being found; 0 until then


def _scan(text: str, places: list[list[int]]) -> Iterator[bool]:
    """Add the places of the root element and all elements in it, in document order, tag by tag."""
    open_places: list[list[int]] = []
    for found in re.finditer(_MARKUP, text):
        kind = found.lastindex
        if kind == _START:
            start, end = found.span()
            place = [start, end, 0]
            places.append(place)
            if text[end - 2] == "/":
                place[_CLOSED] = end
            else:
                open_places.append(place)
        elif kind == _END:
            open_places.pop()[_CLOSED] = found.end()
        yield True
        if kind is not None and not open_places:
            break


class Attribute:
    """One attribute of a node: its name, its value, and their places."""

    __slots__ = ("name", "node", "value")

    def __init__(self, node: Node, name: str, value: str) -> None:
        self.node = node
        self.name = name
        self.value = value

    def _match(self) -> re.Match[str] | None:
        """The attribute in the start tag; None if its value comes from a DTD inside the document."""
        document = self.node.document
        place = document.place(self.node.element)
        tag = document.source.text[place.start : place.tag_end]
        local = self.name.rpartition("}")[2]
        for found in re.finditer(_ATTRIBUTE, tag):
            if found[1] == self.name or (self.name.startswith("{") and found[1].endswith(":" + local)):
                return found
        return None

    def _span(self, *groups: int) -> Span:
        """The first group that matched; the start tag if the attribute is not in it."""
        found = self._match()
        if found is None:
            return self.node.start_span
        start, end = next(found.span(group) for group in groups if found[group] is not None)
        base = self.node.document.place(self.node.element).start
        return self.node.document.span(base + start, base + end)

    @property
    def is_written(self) -> bool:
        """Whether it is in the start tag, and not only in a DTD inside the document."""
        return self._match() is not None

    @property
    def span(self) -> Span:
        """The value without its quotes."""
        return self._span(2, 3)

    @property
    def name_span(self) -> Span:
        """The attribute's name."""
        return self._span(1)

    @property
    def whole_span(self) -> Span:
        """The whitespace before the name, the name and the quoted value: what removing the attribute removes."""
        return self._span(0)


class Node:
    """An element of a document, with exact spans for each of its parts."""

    __slots__ = ("document", "element")

    def __init__(self, document: Document, element: Any) -> None:
        self.document = document
        self.element = element

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.element is other.element

    def __hash__(self) -> int:
        return hash(self.element)

    def __repr__(self) -> str:
        return f"<Node {self.tag}>"

    @property
    def tag(self) -> str:
        """The element's name, with `{namespace}` before it if it has one."""
        return str(self.element.tag)

    @property
    def text(self) -> str:
        """All text inside the element, as libvirt reads it (XPath `string()`)."""
        if len(self.element):
            return str(self.element.xpath("string()"))
        return self.element.text or ""

    @property
    def namespace(self) -> str | None:
        """The namespace that the element is in, or None."""
        uri, brace, _ = self.tag[1:].partition("}")
        return uri if brace else None

    @property
    def default_namespace(self) -> Span | None:
        """Where the element's own start tag declares a default namespace, or None."""
        if not self.element.nsmap.get(None):
            return None
        found = self._default_namespace()
        return self.document.span(*found) if found else None

    def _default_namespace(self) -> tuple[int, int] | None:
        place = self.document.place(self.element)
        for found in re.compile(_ATTRIBUTE).finditer(self.document.source.text, place.start, place.tag_end):
            if found[1] == "xmlns":
                return found.span()
        return None

    def value(self, name: str) -> str | None:
        """The value of an attribute, or None if it is missing."""
        value: str | None = self.element.get(name)
        return value

    def __getitem__(self, name: str) -> Attribute:
        """The attribute of that name, which must exist."""
        return Attribute(self, name, self.element.attrib[name])

    def attribute(self, name: str) -> Attribute | None:
        """The attribute of that name, or None."""
        value = self.element.get(name)
        return None if value is None else Attribute(self, name, value)

    @property
    def attributes(self) -> list[Attribute]:
        """All attributes, in the order of the document."""
        return [Attribute(self, name, value) for name, value in self.element.attrib.items()]

    def child(self, path: str) -> Node | None:
        """The first element at a path of child names, or None."""
        # For a single name, lxml's parsing of paths would take twice as long.
        found = self.element.find(path) if "/" in path else next(self.element.iterchildren(path), None)
        return None if found is None else Node(self.document, found)

    def children(self, path: str = "*") -> list[Node]:
        """All elements at a path of child names, in the order of the document."""
        found = self.element.iterfind(path) if "/" in path else self.element.iterchildren(path)
        return [Node(self.document, element) for element in found]

    @property
    def parent(self) -> Node | None:
        """The parent element, or None for the root."""
        parent = self.element.getparent()
        return None if parent is None else Node(self.document, parent)

    @property
    def span(self) -> Span:
        """The whole element, from the start of its start tag to the end of its end tag."""
        place = self.document.place(self.element)
        return self.document.span(place.start, place.end)

    @property
    def start_span(self) -> Span:
        """The start tag."""
        place = self.document.place(self.element)
        return self.document.span(place.start, place.tag_end)

    @property
    def name_span(self) -> Span:
        """The element's name in its start tag."""
        place = self.document.place(self.element)
        text = self.document.source.text
        end = place.start + 1
        while text[end] not in " \t\r\n/>":
            end += 1
        return self.document.span(place.start + 1, end)

    @property
    def text_span(self) -> Span:
        """The text after the start tag without surrounding whitespace; the start tag if there is none."""
        place = self.document.place(self.element)
        text = self.document.source.text
        end = text.find("<", place.tag_end)
        piece = text[place.tag_end : end] if place.end > place.tag_end else ""
        if not piece.strip():
            return self.start_span
        start = place.tag_end + len(piece) - len(piece.lstrip())
        return self.document.span(start, start + len(piece.strip()))

    def at(self, name: str) -> Span:
        """The value of an attribute, or the start tag if the attribute is missing."""
        attribute = self.attribute(name)
        return self.start_span if attribute is None else attribute.span
