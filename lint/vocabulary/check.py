"""One pass over a domain: where does it leave the vocabulary, at the target's release?

What fits is found out as fast as Python can; what does not is explained by `vfslint.vocabulary.explain`, which is
loaded only then. Every element is judged by itself, so a fault costs what it costs to explain, and nothing that is
said depends on another fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from vfslint.vocabulary.table import NEWEST, Child, Form, Reads, Refused, Release, Values, roots

Accepts = Callable[[str], object]
Element = Any
# Digits that are certainly within 64 bits: Python takes quadratic time for very many.
_SHORT = 18
# Elements select their form by what an input holds, which may be anything.
_FORMS_KEPT = 512
_MISSING = object()


class _Table:
    """The vocabulary at one release, ready to be compared with."""

    def __init__(self, libvirt: Release) -> None:
        self.libvirt = libvirt
        self._contents: dict[str, _Content] = {}
        self._places: dict[Child, Place] = {}

    def place(self, child: Child) -> Place:
        """Return what an element has to be in one of the places where it is known."""
        found = self._places.get(child)
        if found is None:
            found = self._places[child] = Place(self, child)
        return found

    def content(self, form: Form) -> _Content:
        """Return what a form may hold, whatever the place."""
        found = self._contents.get(form.name)
        if found is None:
            found = self._contents[form.name] = _Content(self, form)
        return found


class _Content:
    """What a form may hold at one release."""

    __slots__ = (
        "any_attribute", "any_child", "any_text", "attributes", "children", "foreign", "needed_attributes",
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
        # Filled when first asked for: shapes are recursive.
        self.children: dict[str, Child | Place] = {each.name: each for each in known}
        needed = [each.name for each in known if each.required or not _is_known(each.optional_since, libvirt)]
        self.needed_children = frozenset(needed)
        self.single = frozenset(each.name for each in known if not each.repeatable)
        self.foreign = form.foreign
        self.any_attribute = form.any_attribute
        self.any_child = form.any_child
        self.any_text = form.any_text


class Place:
    """An element in one of the places where it is known, at one release."""

    __slots__ = ("_selectors", "_specs", "child", "libvirt", "only", "table", "together")

    def __init__(self, table: _Table, child: Child) -> None:
        self.table = table
        self.child = child
        self._selectors = child.selectors
        self._specs: dict[tuple[str | None, ...], tuple[_Content, Accepts | None] | None] = {}
        kept = child.together
        self.together = kept if kept and table.libvirt < kept.until else None
        self.libvirt = table.libvirt
        self.only = None if self._selectors else self._spec(child.form_of(lambda _name: None))

    def spec(self, element: Element) -> tuple[_Content, Accepts | None] | None:
        """Return what an element may hold and what its text has to be, if it has one; None if it has no known form."""
        get = element.get
        key = tuple([get(name) for name in self._selectors])
        found = self._specs.get(key, _MISSING)
        if found is _MISSING:
            found = self._spec(self.child.form_of(get))
            if len(self._specs) < _FORMS_KEPT:
                self._specs[key] = found
        return found  # type: ignore[return-value]  # _MISSING is gone

    def _spec(self, form: Form | None) -> tuple[_Content, Accepts | None] | None:
        if form is None:
            return None
        text = form.text and _accepts(form.text, self.child.refused, self.child.reads, self.table.libvirt)
        return self.table.content(form), text


def _is_known(since: Release | None, libvirt: Release) -> bool:
    return since is None or since <= libvirt


def _accepts(values: Values, refused: Refused, reads: Reads | None, libvirt: Release) -> Accepts:
    """Return a test that only right values pass: those that the schema lets through and the parser takes.

    Some right values do not pass, when they are written in an unusual way: `explain` has the last word.
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
    # What a pattern's dot does not match in XSD.
    return "\r" not in value


def _nothing(_value: str) -> bool:
    return False


@lru_cache(16)
def _table(libvirt: Release) -> _Table:
    return _Table(libvirt)


def place(child: Child, libvirt: Release) -> Place:
    """Return what an element has to be in one of the places where it is known, at a release."""
    # For the newest and later ones there is nothing to leave out.
    return _table(min(libvirt, NEWEST)).place(child)


def strays(root: Element, libvirt: Release) -> list[Examined] | None:
    """Return the elements of a domain that do not certainly fit a release; None where not even the root is known.

    `vfslint.vocabulary.explain.mismatches` has the last word.
    """
    declared = roots().get(root.tag) if isinstance(root.tag, str) else None
    if declared is None or None in root.nsmap:
        return None
    return stray([(root, place(declared, libvirt), True)])


# An element, what it has to be, and whether libvirt's parser looks at it.
Examined = tuple[Element, Place, bool]


def stray(todo: list[Examined]) -> list[Examined]:
    """Return the elements among these, and below them, that do not fit; nothing is looked at below one that does not.

    `todo` is used up.
    """
    found: list[Examined] = []
    pop, push = todo.pop, todo.append
    while todo:
        examined = pop()
        element, place, is_read = examined
        spec = place.only or place.spec(element)
        if spec is None or place.together:
            found.append(examined)
            continue
        content, text = spec
        fits = True
        if not content.any_attribute:
            known = content.attributes
            names = element.attrib
            for name, value in names.items():
                accepts = known.get(name)
                if accepts is None or not accepts(value):
                    fits = False
            for name in content.needed_attributes:
                if name not in names:
                    fits = False
        if not content.any_child and fits:
            written = element.text
            if len(element):
                if text is not None or (written and not written.isspace() and not content.any_text):
                    # A comment may stand inside a text.
                    fits = False
                children = content.children
                seen = set()
                below: list[Examined] = []
                for inner in element:
                    tag = inner.tag
                    tail = inner.tail
                    if tail and not tail.isspace() and not content.any_text:
                        fits = False
                    if tag.__class__ is not str:
                        continue
                    expected = children.get(tag)
                    if expected is None:
                        if tag[0] != "{" or tag[1:].partition("}")[0] not in content.foreign:
                            fits = False
                        continue
                    if isinstance(expected, Child):
                        expected = children[tag] = content.table.place(expected)
                    if tag in seen:
                        if tag in content.single:
                            fits = False
                    else:
                        seen.add(tag)
                    below.append((inner, expected, is_read))
                if not content.needed_children <= seen:
                    fits = False
                if fits:
                    for each in below:
                        push(each)
            elif content.needed_children:
                fits = False
            elif text is not None:
                fits = bool(text(written or ""))
            elif written and not written.isspace() and not content.any_text:
                fits = False
        if not fits:
            found.append(examined)
    return found
