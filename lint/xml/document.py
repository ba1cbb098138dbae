"""XML documents: hardened reading, and nodes that know their exact position.

The tree comes from libxml2, which is also libvirt's parser. Positions come from a scan of the same text, zipped with
the tree in document order. The scan only runs if a position is needed, which is never for a clean file.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from lxml import etree

from vfslint.findings import Span
from vfslint.lazy import lazy
from vfslint.xml.source import Source

# virsh reads at most 10 MiB of XML (tools/virsh.h: VSH_MAX_XML_FILE).
MAXIMUM_BYTES = 10 * 1024 * 1024

# The markup of a document that libxml2 has accepted as well-formed; nothing else can occur in it. No part can match in
# two ways, so that the time is linear, and all begin with the same character, which Python finds faster.
_TAG = r"""[^\s/>!?] [^>"']* (?: (?: "[^"]*" | '[^']*' ) [^>"']* )* >"""
_OTHER = r"""!--.*?--> | \?.*?\?> | !\[CDATA\[.*?\]\]>
  | !DOCTYPE [^\[>"']* (?: (?: "[^"]*" | '[^']*' ) [^\[>"']* )*
      (?:\[ (?: <!--.*?--> | <\?.*?\?> | [^\]"'] | "[^"]*" | '[^']*' )* \]\s*)? >"""
_START_TAG = rf"(?xs) < (?: ({_TAG}) | {_OTHER} )"
MARKUP = rf"(?xs) < (?: (/[^>]*>) | ({_TAG}) | {_OTHER} )"
END, START = 1, 2  # the groups of MARKUP
_UP_TO_END_TAG = rf"(?xs) [^<]* (?: < (?: {_OTHER} ) [^<]* )* </[^>]*>"
_ATTRIBUTE = r"""(?<!\s)\s+([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')"""
_NAMESPACE_ERRORS = range(200, 206)  # libxml2 xmlerror.h: XML_NS_ERR_*, which libvirt's reader tolerates
_EXTRA_CONTENT = 5  # XML_ERR_DOCUMENT_END
# vfslint's own numbers, which libxml2 does not use.
TOO_LARGE, UNSUPPORTED = 0, -1
# Reading an attribute takes libxml2 longer, the more there are. A smaller file cannot have enough of them to matter.
MAXIMUM_ATTRIBUTES = 1000
_MAY_HAVE_TOO_MANY = 32 * 1024


class Malformed(Exception):
    """The text is not well-formed XML, or is larger or deeper than libvirt would read.

    `line` and `column` are 1-based as libxml2 counts them, `code` is its error number, or one of vfslint's own.
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
        self._tags: _Tags | None = None
        self._places: dict[Any, Place] = {}

    @property
    def root_node(self) -> Node:
        """The root element."""
        return Node(self, self.root)

    def place(self, element: Any) -> Place:
        """Return the place of an element's tags in the source's text."""
        found = self._places.get(element)
        if found is None:
            if self._tags is None:
                self._tags = _Tags(self.root, self.source.text)
            found = self._places[element] = Place(self._tags, element)
        return found

    @property
    def first_entity(self) -> Any:
        """The first reference to an entity that the document declares, or None; those in attributes are expanded."""
        has_dtd = self.root.getroottree().docinfo.internalDTD is not None
        return next(self.root.iter(etree.Entity), None) if has_dtd else None

    def expanded(self, element: Any) -> str:
        """Return the text of an element in which entities are replaced by what they stand for.

        An entity that contains markup or other entities is left out.
        """
        declared = self.root.getroottree().docinfo.internalDTD
        contents = {each.name: each.content or "" for each in declared.iterentities()} if declared is not None else {}
        parts = [element.text or ""]
        for child in element:
            if child.tag is etree.Entity:
                content = contents.get(child.name, "")
                parts.append("" if "&" in content or "<" in content else content)
            elif child.tag.__class__ is str:
                parts.append(self.expanded(child))
            parts.append(child.tail or "")
        return "".join(parts)

    @lazy
    def comments(self) -> list[tuple[int, int]]:
        """Where each comment starts and ends in the text, in order."""
        found = re.finditer(MARKUP, self.source.text)
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

    Raises `Malformed` if libvirt's own parser would reject the text, or if vfslint does not support it.
    """
    if len(source.data) > MAXIMUM_BYTES:
        raise Malformed(f"the file is larger than {MAXIMUM_BYTES} bytes", 1, 1, TOO_LARGE)
    try:
        document = Document(source, etree.fromstring(source.data, _strict_parser()), False)
    except etree.XMLSyntaxError:
        document = _read_again(source)
    if source.is_foreign:
        raise Malformed(f"the encoding {source.declared!r} is not supported", 1, 1, UNSUPPORTED)
    if len(source.data) > _MAY_HAVE_TOO_MANY:
        for element in document.root.iter("*"):
            if len(element.attrib) > MAXIMUM_ATTRIBUTES:
                line = element.sourceline or 1
                raise Malformed(f"an element has {len(element.attrib)} attributes", line, 1, UNSUPPORTED)
    return document


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
    rest = re.compile(r"(?s)(?:[ \t\r\n]|<!--.*?-->|<\?.*?\?>)*").match(text, _end_of_root(text))
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


class _Tags:
    """The start tags of a document's elements in its text, and where each element ends."""

    def __init__(self, root: Any, text: str) -> None:
        self.text = text
        spans = [tag.span() for tag in re.finditer(_START_TAG, text) if tag.lastindex]
        self.spans: dict[Any, tuple[int, int]] = dict(zip(root.iter("*"), spans, strict=True))
        self._ends: dict[Any, int] = {}

    def end(self, element: Any) -> int:
        """Return where an element ends, by the last elements in it: no other tag is between these and its end tag."""
        unended: list[Any] = []
        inner = element
        while inner is not None and inner not in self._ends:
            unended.append(inner)
            inner = next(inner.iterchildren("*", reversed=True), None)
        at = 0 if inner is None else self._ends[inner]
        while unended:
            inner = unended.pop()
            _, tag_end = self.spans[inner]
            if self.text[tag_end - 2] == "/":
                at = tag_end
            else:
                found = re.compile(_UP_TO_END_TAG).match(self.text, max(at, tag_end))
                at = found.end() if found else len(self.text)
            self._ends[inner] = at
        return at


class Place:
    """Indices into the text: the start of the start tag, its end, and the end of the element."""

    __slots__ = ("_attributes", "_element", "_tags", "start", "tag_end")

    def __init__(self, tags: _Tags, element: Any) -> None:
        self._tags = tags
        self._element = element
        self._attributes: dict[str, re.Match[str]] | None = None
        self.start, self.tag_end = tags.spans[element]

    @property
    def end(self) -> int:
        """Where the element ends."""
        return self._tags.end(self._element)

    def attribute(self, name: str) -> re.Match[str] | None:
        """Return an attribute in the start tag; None if its value comes from a DTD inside the document."""
        if self._attributes is None:
            self._attributes = {}
            for found in re.compile(_ATTRIBUTE).finditer(self._tags.text, self.start, self.tag_end):
                self._attributes.setdefault(found[1], found)
                _, colon, local = found[1].partition(":")
                if colon:
                    # The tree has the namespace instead of the prefix.
                    self._attributes.setdefault("}" + local, found)
        return self._attributes.get(name[name.find("}") :] if name.startswith("{") else name)


def _end_of_root(text: str) -> int:
    """Return where the root element ends, whatever comes after it."""
    depth = 0
    for found in re.finditer(MARKUP, text):
        if found.lastindex == START:
            depth += found[0][-2] != "/"
        elif found.lastindex == END:
            depth -= 1
        else:
            continue
        if not depth:
            return found.end()
    return len(text)


class Attribute:
    """One attribute of a node: its name, its value, and their places."""

    __slots__ = ("name", "node", "value")

    def __init__(self, node: Node, name: str, value: str) -> None:
        self.node = node
        self.name = name
        self.value = value

    def _span(self, *groups: int) -> Span:
        """The first group that matched; the start tag if the attribute is not in it."""
        found = self.node.document.place(self.node.element).attribute(self.name)
        if found is None:
            return self.node.start_span
        return self.node.document.span(*next(found.span(group) for group in groups if found[group] is not None))

    @property
    def is_written(self) -> bool:
        """Whether it is in the start tag, and not only in a DTD inside the document."""
        return self.node.document.place(self.node.element).attribute(self.name) is not None

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
        """All text inside the element, as libvirt reads it (XPath `string()`), with entities expanded."""
        if len(self.element):
            if any(child.tag is etree.Entity for child in self.element):
                return self.document.expanded(self.element)
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
        found = self.document.place(self.element).attribute("xmlns")
        return self.document.span(*found.span()) if found else None

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
        # For a single name, parsing it as a path would take twice as long.
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

    def at_part(self, part: str | None) -> Span:
        """The value of the attribute `part`; the text if it is None, and the start tag if it is empty."""
        if part is None:
            return self.text_span
        return self.at(part) if part else self.start_span

    def at(self, name: str) -> Span:
        """The value of an attribute, or the start tag if the attribute is missing."""
        attribute = self.attribute(name)
        return self.start_span if attribute is None else attribute.span
