"""Suppressions: comments and metadata in a file that suppress findings in it.

`<!-- vfslint: ignore[VFS101, mount-tag-too-long] reason -->` applies to the next element and everything in it. After
a tag, at the end of its line, it applies to that tag's element; as the last thing inside an element, to that
element. `ignore-file[…]` applies to the whole file, wherever it is. libvirt drops comments but keeps foreign
metadata, so suppressions may also be in `<metadata>` (see `_in_metadata`). In a qemu.conf the comment starts with
`#`; it comes after the statement, or before it on a line of its own.

A finding is suppressed by its primary place; related places do not count.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint.findings import Edit, Finding, Span
from vfslint.lazy import lazy
from vfslint.qemu_conf.reader import QemuConf, Unreadable
from vfslint.selectors import codes_of, nearest_rule
from vfslint.xml import paths
from vfslint.xml.document import Attribute, Document, Node
from vfslint.xml.malformed import MalformedXml
from vfslint.xml.source import Source

if TYPE_CHECKING:
    from vfslint.engine import Engine, Results

NAMESPACE = "https://vfslint.dev/xmlns/1"
IGNORE = "ignore"
IGNORE_FILE = "ignore-file"

Holder = Document | MalformedXml | QemuConf | Unreadable
Range = tuple[int, int]

_DIRECTIVE = re.compile(r"\s*vfslint:\s*([\w-]*)\s*(?:\[([^\]]*)\])?(.*)", re.DOTALL)
_WORD = re.compile(r"[^\s,]+")
_END_OF_LINE = re.compile(r"[ \t]*\r?(?:\n|\Z)")

# More than anyone writes by hand; a hostile file of several megabytes must not cause hours of comparing.
MAXIMUM = 1000
MAXIMUM_WORDS = 100
MAXIMUM_GUESSES = 50


class Word(NamedTuple):
    """A code, the start of codes, or a name in a suppression, and its indices into the text."""

    text: str
    start: int
    end: int


class Suppressed(NamedTuple):
    """A finding that its file suppresses, and the reason given there."""

    finding: Finding
    reason: str


class Suppression:
    """One suppression as written: its verb, its list, its place and what it covers.

    `start`, `end`, `listing` and `covers`, which is in order, are indices into the text; `listing` is the range of the
    list, None if there is no list. `used` and `unused` are set after the rules have run.
    """

    def __init__(self, source: Source, start: int, end: int, verb: str, listing: Range | None, reason: str) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.verb = verb
        self.listing = listing
        self.reason = " ".join(reason.split())
        self.words = _words(source.text, listing) if listing else ()
        self.covers: tuple[Range, ...] = ()
        self.used: set[str] = set()
        self.unused: tuple[Word, ...] = ()
        self.may_guess = True
        # The second element of a namespace in <metadata>: libvirt keeps only the first.
        self.is_dropped_by_libvirt = False

    @property
    def span(self) -> Span:
        """The whole comment or element."""
        return self.source.span(self.start, self.end)

    def span_of(self, word: Word) -> Span:
        """The place of a word in the list."""
        return self.source.span(word.start, word.end)

    @property
    def unknown(self) -> list[Word]:
        """The words that match no rule."""
        return [word for word in self.words if not codes_of(word.text)]

    def meant_by(self, word: Word) -> str | None:
        """The code or name that a word was probably meant to be, or None."""
        return nearest_rule(word.text) if self.may_guess else None

    @property
    def has_known_verb(self) -> bool:
        """Whether the verb is `ignore` or `ignore-file`."""
        return self.verb in (IGNORE, IGNORE_FILE)

    @property
    def is_understood(self) -> bool:
        """Whether it is valid, and lists what to ignore."""
        return self.has_known_verb and bool(self.words)

    @lazy
    def codes(self) -> frozenset[str]:
        """The codes of all rules that it lists."""
        return frozenset().union(*(codes_of(word.text) for word in self.words))

    def matches(self, code: str, index: int) -> bool:
        """Whether a finding at an index of the text is suppressed; records the words that match it."""
        if code not in self.codes:
            return False
        before = bisect_right(self.covers, (index, sys.maxsize)) - 1
        if before < 0 or index >= self.covers[before][1]:
            return False
        self.used.update(word.text for word in self.words if code in codes_of(word.text))
        return True

    def without(self, dropped: Iterable[Word]) -> Edit:
        """Return the edit that removes words from the list, or the whole suppression if no word is left."""
        gone = set(dropped)
        kept = [word.text for word in self.words if word not in gone]
        if not kept or self.listing is None:
            return self._removal()
        start, end = self.listing
        joint = ", " if "," in self.source.text[start:end] else " "
        return self._edit(start, end, joint.join(kept))

    def replaced(self, word: Word, text: str) -> Edit:
        """Return the edit that replaces a word in the list."""
        return self._edit(word.start, word.end, text)

    def _removal(self) -> Edit:
        text = self.source.text
        line = text.rfind("\n", 0, self.start) + 1
        following = text.find("\n", self.end)
        before = text[line : self.start].removeprefix("\ufeff")
        if not before.strip() and following >= 0 and not text[self.end : following].strip():
            return self._edit(self.start - len(before), following + 1, "")
        whitespace = len(before) - len(before.rstrip(" \t"))
        return self._edit(self.start - whitespace, self.end, "")

    def _edit(self, start: int, end: int, text: str) -> Edit:
        source = self.source
        return Edit(source.offset(start), source.offset(end), source.encode(text))


def suppress(engine: Engine, holder: Holder, results: Results, is_whole: bool) -> tuple[Suppressed, ...]:
    """Remove the findings that the file suppresses, and add findings about the suppressions themselves.

    No suppression is reported as unused if the file could not be checked completely, or if a rule failed.
    """
    suppressions = list(islice(_suppressions(holder), MAXIMUM))
    if not suppressions:
        return ()
    unknown = 0
    for suppression in suppressions:
        unknown += len(suppression.unknown)
        suppression.may_guess = unknown <= MAXIMUM_GUESSES
    kept, suppressed = _split(holder.source, results.findings, suppressions)
    if is_whole and not results.failures:
        for suppression in suppressions:
            suppression.unused = tuple(
                word
                for word in suppression.words
                if word.text not in suppression.used and codes_of(word.text) and engine.decides(codes_of(word.text))
            )
    results.findings = []
    engine.run_on_suppressions(results, suppressions)
    about, more = _split(holder.source, results.findings, suppressions)
    results.findings = [*kept, *about]
    return (*suppressed, *more)


def _split(
    source: Source, findings: list[Finding], suppressions: list[Suppression]
) -> tuple[list[Finding], list[Suppressed]]:
    kept, suppressed = [], []
    by_code: dict[str, list[Suppression]] = {}
    for finding in findings:
        index = source.index(finding.at.start.offset)
        if finding.code not in by_code:
            by_code[finding.code] = [suppression for suppression in suppressions if finding.code in suppression.codes]
        # All of them are checked, so that none counts as unused because another one matched first.
        by = [suppression for suppression in by_code[finding.code] if suppression.matches(finding.code, index)]
        if by:
            suppressed.append(Suppressed(finding, by[0].reason))
        else:
            kept.append(finding)
    return kept, suppressed


def _words(text: str, listing: Range) -> tuple[Word, ...]:
    found = islice(_WORD.finditer(text, *listing), MAXIMUM_WORDS)
    return tuple(Word(word[0], *word.span()) for word in found)


def _suppressions(holder: Holder) -> Iterator[Suppression]:
    if isinstance(holder, Document):
        yield from _in_comments(holder)
        yield from _in_metadata(holder)
    elif isinstance(holder, QemuConf):
        yield from _in_conf(holder)
    else:
        yield from _in_unreadable(holder.source, *(_XML if isinstance(holder, MalformedXml) else _CONF))


def _directive(source: Source, start: int, end: int, inside: Range) -> Suppression | None:
    found = _DIRECTIVE.match(source.text[slice(*inside)])
    if not found:
        return None
    listing = None
    if found[2] is not None:
        listing = (inside[0] + found.start(2), inside[0] + found.end(2))
    suppression = Suppression(source, start, end, found[1], listing, found[3])
    if found[1] == IGNORE_FILE:
        suppression.covers = ((0, len(source.text) + 1),)
    return suppression


def _in_comments(document: Document) -> Iterator[Suppression]:
    spans = [comment for comment in document.comments if "vfslint" in document.source.text[slice(*comment)]]
    if not spans:
        return
    places = _Places(document)
    for start, end in spans:
        suppression = _directive(document.source, start, end, (start + len("<!--"), end - len("-->")))
        if suppression is None:
            continue
        if suppression.verb == IGNORE:
            place = places.meant_by_comment(start, end)
            suppression.covers = ((place.start, place.end),)
        yield suppression


class _Places:
    """The places of a document's tags in its text."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.text = document.source.text
        self.elements = list(document.root.iter("*"))
        self.places = [document.place(element) for element in self.elements]
        self.starts = [place.start for place in self.places]
        self.by_tag = {end: place for place in self.places for end in (place.tag_end, place.end)}

    def meant_by_comment(self, start: int, end: int) -> Any:
        """Return the place of the element that a comment applies to."""
        return self._on_the_line(start, end) or self._following(end) or self._around(start)

    def _on_the_line(self, start: int, end: int) -> Any:
        """The element of the tag before a comment that ends its line."""
        if not _END_OF_LINE.match(self.text, end):
            return None
        while start and self.text[start - 1] in " \t":
            start -= 1
        return self.by_tag.get(start)

    def _following(self, end: int) -> Any:
        """The next element, unless the enclosing element ends before it."""
        number = bisect_left(self.starts, end)
        if number == len(self.places):
            return None
        following = self.places[number]
        return following if number == 0 or following.start < self._around(end).end else None

    def _around(self, index: int) -> Any:
        element = self.elements[max(bisect_left(self.starts, index) - 1, 0)]
        while element.getparent() is not None and self.document.place(element).end <= index:
            element = element.getparent()
        return self.document.place(element)


def _in_metadata(document: Document) -> Iterator[Suppression]:
    """Read `<vfslint:ignore xmlns:vfslint='https://vfslint.dev/xmlns/1' rules='…' element='…' reason='…'/>`.

    It applies to the enclosing domain, or to the elements that `element` names, such as `filesystem[data]` (see
    vfslint.xml.paths). libvirt keeps only one element per namespace in `<metadata>`, so several have to be inside
    one `<vfslint:suppressions>`.
    """
    covered = _Covered(document)
    for element in document.root.iter(f"{{{NAMESPACE}}}{IGNORE}"):
        node = Node(document, element)
        domain = next((outer for outer in element.iterancestors("domain", "inactiveDomain")), document.root)
        suppression = _metadata_suppression(node, node.attribute("rules"))
        suppression.covers = covered.by(domain, node.value("element"))
        yield suppression


class _Covered:
    """What the attribute `element` of suppressions in metadata names; each of its values is looked up once."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._paths = paths.Paths()
        self._known: dict[tuple[Any, str | None], tuple[Range, ...]] = {}

    def by(self, domain: Any, wanted: str | None) -> tuple[Range, ...]:
        """Return the places of the elements that a value names, or of the whole domain without one."""
        if (domain, wanted) not in self._known:
            meant = [domain] if wanted is None else self._paths.matching(domain, wanted)
            places = [self.document.place(element) for element in meant]
            self._known[domain, wanted] = _merged((place.start, place.end) for place in places)
        return self._known[domain, wanted]


def _merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return ranges in order without those that are inside another one; elements overlap in no other way."""
    outer: list[Range] = []
    for start, end in ranges:
        if not outer or start >= outer[-1][1]:
            outer.append((start, end))
    return tuple(outer)


def _metadata_suppression(node: Node, rules: Attribute | None) -> Suppression:
    document, source = node.document, node.document.source
    place = document.place(node.element)
    listing = None
    if rules:
        written = rules.span
        listing = (source.index(written.start.offset), source.index(written.end.offset))
    reason = node.value("reason") or ""
    suppression = Suppression(source, place.start, place.end, IGNORE, listing, reason)
    suppression.is_dropped_by_libvirt = _is_dropped(node.element)
    return suppression


def _is_dropped(element: Any) -> bool:
    """Whether the element, or its ancestor in `<metadata>`, is not the first one there of its namespace."""
    within = (outer for outer in (element, *element.iterancestors()) if outer.getparent() is not None)
    top = next((outer for outer in within if outer.getparent().tag == "metadata"), None)
    if top is None:
        return False
    return next(top.itersiblings(f"{{{NAMESPACE}}}*", preceding=True), None) is not None


def _in_conf(conf: QemuConf) -> Iterator[Suppression]:
    source = conf.source
    statements = {statement.comment.start: statement for statement in conf if statement.comment}
    for comment in conf.comments:
        if b"vfslint" not in source.data[comment.start : comment.end]:
            continue
        start, end = source.index(comment.start), source.index(comment.end)
        suppression = _directive(source, start, end, (start + 1, end))
        if suppression is None:
            continue
        if suppression.verb == IGNORE:
            following = (statement for statement in conf if statement.start >= comment.end)
            meant = statements.get(comment.start) or next(following, None)
            if meant:
                suppression.covers = ((source.index(meant.start), source.index(meant.end)),)
        yield suppression


# The start and the end of a comment.
_XML = ("<!--", "-->")
_CONF = ("#", "\n")


def _in_unreadable(source: Source, opening: str, closing: str) -> Iterator[Suppression]:
    """Yield only `ignore-file` suppressions: in a file that cannot be parsed, nothing else can be located."""
    text = source.text + ("\n" if closing == "\n" else "")
    end = 0
    while (start := text.find(opening, end)) >= 0:
        inside = start + len(opening)
        end = text.find(closing, inside)
        if end < 0:
            return
        suppression = _directive(source, start, end + len(closing.strip()), (inside, end))
        if suppression and suppression.verb == IGNORE_FILE:
            yield suppression
