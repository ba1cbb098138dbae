"""The few places where libvirt's schema minds the order of elements (vfs:order)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from vfslint.vocabulary.table import Order

# An element of lxml, whose classes are opaque to the type checker where time matters.
Element = Any
BEFORE, NEXT_TO = "before", "next to"


class Displaced(NamedTuple):
    """A child that is out of order: it must be `relation` ("before" or "next to") the others, which precede it."""

    child: Element
    relation: str
    others: tuple[str, ...]


# A name's place among the children that must be elsewhere, how, and the names of those that precede it.
_Displaced = tuple[int, str, tuple[str, ...]]


def is_in_order(element: Element, orders: Sequence[Order]) -> bool:
    """Whether the children of an element are in an order that the schema accepts."""
    return not _out_of_order(*_names(element, orders))


def out_of_order(element: Element, orders: Sequence[Order]) -> Iterator[Displaced]:
    """Yield the children of an element that are out of order."""
    children = [child for child in element if child.tag.__class__ is str]
    for place, relation, others in _out_of_order(*_names(element, orders)):
        yield Displaced(children[place], relation, others)


def _names(element: Element, orders: Sequence[Order]) -> tuple[tuple[str, ...], tuple[Order, ...]]:
    """Return the names of the children of an element, and the orders that its attributes require."""
    names = [child.tag for child in element if child.tag.__class__ is str]
    required = [each for each in orders if each.attribute is None or element.get(each.attribute) in each.values]
    return tuple(names), tuple(required)


# Most domains have the same children in the same order.
@lru_cache(512)
def _out_of_order(children: tuple[str, ...], orders: tuple[Order, ...]) -> tuple[_Displaced, ...]:
    found: list[_Displaced] = []
    for order in orders:
        if order.kind == "sequence":
            found += _not_in_sequence(children, order.groups[0])
        elif order.kind == "together":
            found += _not_together(children, order.groups[0])
        else:
            found += _mixed(children, order.groups)
    return tuple(found)


def _not_in_sequence(children: tuple[str, ...], names: tuple[str, ...]) -> Iterator[_Displaced]:
    passed: list[str] = []
    for place, child in enumerate(children):
        if child in names:
            position = names.index(child)
            later = tuple(dict.fromkeys(name for name in passed if names.index(name) > position))
            if later:
                yield place, BEFORE, later
            passed.append(child)


def _not_together(children: tuple[str, ...], names: tuple[str, ...]) -> Iterator[_Displaced]:
    before = None
    for place, child in enumerate(children):
        if child in names:
            if before is not None and place != before + 1:
                yield place, NEXT_TO, (children[before],)
            before = place


def _mixed(children: tuple[str, ...], groups: tuple[tuple[str, ...], ...]) -> Iterator[_Displaced]:
    """Yield the first child with which a group goes on after others, where libxml2 does not find it.

    libxml2 collects the children of each group (`<interleave>`), and checks the groups in the order of the schema.
    After a group that is an `<interleave>` itself, it links all children from its first to its last one as in the
    document (xmlRelaxNGValidateInterleave). A later group with a child there must then go on with the next child.
    """
    positions = [[at for at, child in enumerate(children) if child in names] for names in groups]
    for number, (names, places) in enumerate(zip(groups, positions, strict=True)):
        if len(names) < 2 or len(places) < 2:
            continue
        for later in positions[number + 1 :]:
            for at, following in pairwise(later):
                if places[0] < at < places[-1] and following != at + 1:
                    yield following, NEXT_TO, (children[at],)
                    return
