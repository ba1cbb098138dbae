"""One pass over a domain: which of its elements deviate from the vocabulary of the target's release?

What deviates is explained by `vfslint.vocabulary.explain`, which is imported only then. Every element is checked by
itself, so that a mistake costs only its own explanation, and no report depends on another mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

from lxml.etree import tostring

from vfslint.vocabulary.order import is_in_order
from vfslint.vocabulary.table import NEWEST, Child, Form, Reads, Refused, Release, Values, roots

Accepts = Callable[[str], object]
Element = Any
# This many digits certainly fit in 64 bits; for very many, Python's time is quadratic.
_SHORT = 18
# Elements that consist of pieces, which are checked one by one.
_OF_PIECES = frozenset({"domain", "inactiveDomain", "devices"})
# The number of pieces that are cached, and the maximum length of their text, 4 MiB in total: of longer ones, a hash.
REMEMBERED, LONGEST_REMEMBERED = 4096, 1024
# The number of cached combinations of attributes: an input may contain any number of them.
_FORMS_KEPT = 512
_numbers = count()


class _Table:
    """The vocabulary of one release, prepared for the comparison."""

    def __init__(self, libvirt: Release) -> None:
        self.libvirt = libvirt
        self._contents: dict[str, _Content] = {}
        self._places: dict[Child, Place] = {}
        self.pieces: dict[tuple[Place, bytes], tuple[int, bool]] = {}

    def place(self, child: Child) -> Place:
        """Return what is allowed in an element in one of the places where it is known."""
        found = self._places.get(child)
        if found is None:
            found = self._places[child] = Place(self, child)
        return found

    def content(self, form: Form) -> _Content:
        """Return what a form may contain, whatever the place."""
        found = self._contents.get(form.name)
        if found is None:
            found = self._contents[form.name] = _Content(self, form)
        return found


class _Content:
    """What a form may contain in one release."""

    __slots__ = (
        "any_attribute", "any_child", "any_text", "attributes", "children", "needed_attributes",
        "needed_children", "single", "table",
    )  # fmt: skip

    def __init__(self, table: _Table, form: Form) -> None:
        libvirt = table.libvirt
        self.table = table
        self.attributes: dict[str, Accepts] = {
            each.name: _accepts(each.values, each.refused, each.reads, libvirt)
            for each in form.attributes.values()
            if _is_known(each.since, libvirt)
        }
        self.needed_attributes = tuple(
            each.name
            for each in form.attributes.values()
            if each.required or not _is_known(each.optional_since, libvirt)
        )
        known = [each for each in form.children.values() if _is_known(each.since, libvirt)]
        # A child is replaced with its place when it is first needed, because forms are recursive.
        self.children: dict[str, Child | Place] = {each.name: each for each in known}
        needed = [each.name for each in known if each.required or not _is_known(each.optional_since, libvirt)]
        self.needed_children = frozenset(needed)
        self.single = frozenset(each.name for each in known if not each.repeatable)
        self.any_attribute = form.any_attribute
        self.any_child = form.any_child
        self.any_text = form.any_text


class Place:
    """An element in one of the places where it is known, in one release."""

    __slots__ = ("_specs", "child", "libvirt", "only", "orders", "selectors", "table")

    def __init__(self, table: _Table, child: Child) -> None:
        self.table = table
        self.child = child
        self.selectors = child.selectors
        self._specs: dict[tuple[str | None, ...], tuple[_Content, Accepts | None] | None] = {}
        self.orders = tuple(order for order in child.orders if order.since <= table.libvirt < order.until)
        self.libvirt = table.libvirt
        self.only = None if self.selectors else self._spec(child.form_of(lambda _name: None))

    def spec(self, element: Element) -> tuple[_Content, Accepts | None] | None:
        """Return what an element may contain, and the test of its text if it has one; None if it has no known form."""
        get = element.get
        key = tuple([get(name) for name in self.selectors])
        try:
            return self._specs[key]
        except KeyError:
            found = self._spec(self.child.form_of(get))
        if len(self._specs) < _FORMS_KEPT:
            self._specs[key] = found
        return found

    def _spec(self, form: Form | None) -> tuple[_Content, Accepts | None] | None:
        if form is None:
            return None
        text = form.text and _accepts(form.text, self.child.refused, self.child.reads, self.libvirt)
        return self.table.content(form), text


def _is_known(since: Release | None, libvirt: Release) -> bool:
    return since is None or since <= libvirt


def _accepts(values: Values, refused: Refused, reads: Reads | None, libvirt: Release) -> Accepts:
    """Return a test that only valid values pass: those that both the schema and the parser accept.

    A valid value that is written in an unusual way may fail it; then `explain` decides.
    """
    if values.listed:
        unread = reads.unread if reads else ()
        known = [word for word, since in values.listed.items() if _is_known(since, libvirt) and word not in unread]
        return frozenset(known).__contains__
    if values.plain is None:
        return _nothing
    if values.plain == "(?s).*":
        plain: Accepts = _anything
    else:
        plain = re.compile(values.plain, re.ASCII).fullmatch
    if reads is None or not reads.is_number or not any(refused[:3]):
        return plain
    return lambda value: plain(value) and len(value) <= _SHORT and reads.accepts(value, libvirt)


def _anything(value: str) -> bool:
    # In XSD, the dot of a pattern does not match it.
    return "\r" not in value


def _nothing(_value: str) -> bool:
    return False


@lru_cache(16)
def _table(libvirt: Release) -> _Table:
    return _Table(libvirt)


def place(child: Child, libvirt: Release) -> Place:
    """Return what is allowed in an element in one of the places where it is known, in a release."""
    # Releases later than the newest one share its table.
    return _table(min(libvirt, NEWEST)).place(child)


def suspects(root: Element, libvirt: Release, texts: Texts | None = None) -> list[Examined] | None:
    """Return the elements of a domain that may deviate from a release; None if not even the root is known.

    `vfslint.vocabulary.explain.mismatches` decides about them. `texts` is filled with the texts of pieces.
    """
    declared = roots().get(root.tag) if isinstance(root.tag, str) else None
    if declared is None or None in root.nsmap:
        return None
    return suspects_among([(root, place(declared, libvirt), True)], texts)


# An element, what is allowed in it, and whether libvirt's parser reads it.
Examined = tuple[Element, Place, bool]
# The devices and other pieces of a domain, by element: two with the same number have the same text.
Texts = dict[Element, int]


def suspects_among(todo: list[Examined], texts: Texts | None = None) -> list[Examined]:
    """Return the elements that may deviate among these and below them, but none inside another one that may.

    `todo` is used up, `texts` is filled.
    """
    found: list[Examined] = []
    # With a DTD inside the document, an element has attributes that its text does not show.
    has_dtd = bool(todo) and todo[0][0].getroottree().docinfo.internalDTD is not None
    known = {} if texts is None else texts
    while todo:
        examined = todo.pop()
        if examined[0].tag not in _OF_PIECES:
            found += _suspects_below(examined) if has_dtd else _suspects_in_piece(examined, known)
            continue
        below = _below(*examined)
        if below is None:
            found.append(examined)
        else:
            todo += below
    return found


def _suspects_in_piece(piece: Examined, texts: Texts) -> list[Examined]:
    """Return the elements that may deviate in a device, or in another piece of a domain.

    Domains that libvirt prints contain the same few devices many times. What was found out about a piece is cached by
    its text, which takes a third of the time of checking it again.
    """
    element, place, _ = piece
    text = tostring(element, with_tail=False)
    if len(text) > LONGEST_REMEMBERED:
        # Start time: few domains have so long a piece.
        from hashlib import blake2b

        text = blake2b(text).digest()
    pieces = place.table.pieces
    known = pieces.get((place, text))
    if known and known[1]:
        texts[element] = known[0]
        return []
    found = _suspects_below(piece)
    if not known:
        if len(pieces) >= REMEMBERED:
            pieces.clear()
        known = pieces[place, text] = next(_numbers), not found
    texts[element] = known[0]
    return found


def _suspects_below(examined: Examined) -> list[Examined]:
    """Return the elements that may deviate: this one, or those below it."""
    found: list[Examined] = []
    todo = [examined]
    while todo:
        examined = todo.pop()
        below = _below(*examined)
        if below is None:
            found.append(examined)
        else:
            todo += below
    return found


def _below(element: Element, place: Place, is_read: bool) -> Sequence[Examined] | None:
    """Return the children of an element that are to be checked, or None if the element itself may deviate."""
    spec = place.only or place.spec(element)
    if spec is None or (place.orders and not is_in_order(element, place.orders)):
        return None
    content, text = spec
    if not content.any_attribute and not _has_right_attributes(element, content):
        return None
    written = element.text
    if content.any_child:
        texts = () if content.any_text else (written, *(inner.tail for inner in element))
        return None if any(each and not each.isspace() for each in texts) else ()
    # There may be a comment inside the text, whose parts `explain` joins.
    if text is not None and (len(element) or not text(written or "")):
        return None
    if text is None and written and not written.isspace() and not content.any_text:
        return None
    return _children(element, content, is_read)


def _has_right_attributes(element: Element, content: _Content) -> bool:
    """Whether an element has all attributes that it requires, and only known ones with valid values."""
    known = content.attributes
    written = element.attrib
    for name, value in written.items():
        accepts = known.get(name)
        if accepts is None or not accepts(value):
            return False
    return all(name in written for name in content.needed_attributes) if content.needed_attributes else True


def _children(element: Element, content: _Content, is_read: bool) -> Sequence[Examined] | None:
    """Return the children of an element, or None if one is unknown, missing or repeated."""
    if not len(element):
        return None if content.needed_children else ()
    children = content.children
    seen: set[str] = set()
    below: list[Examined] = []
    for inner in element:
        tail = inner.tail
        if tail and not tail.isspace() and not content.any_text:
            return None
        tag = inner.tag
        if tag.__class__ is not str:  # a comment
            continue
        expected = children.get(tag)
        if expected is None:
            return None
        if tag in seen and tag in content.single:
            return None
        if isinstance(expected, Child):
            expected = children[tag] = content.table.place(expected)
        seen.add(tag)
        below.append((inner, expected, is_read))
    return below if content.needed_children <= seen else None
