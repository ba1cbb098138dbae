"""The few places where libvirt's schema minds the order of elements (vfs:order)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def is_in_order(element: Element, orders: Sequence[Order]) -> bool:
    """Whether the children of an element are in an order that the schema accepts."""
    return next(out_of_order(element, orders), None) is None


def out_of_order(element: Element, orders: Sequence[Order]) -> Iterator[Displaced]:
    """Yield the children of an element that are out of order."""
    for order in orders:
        if order.attribute is not None and element.get(order.attribute) not in order.values:
            continue
        children = [child for child in element if child.tag.__class__ is str]
        if order.kind == "sequence":
            yield from _not_in_sequence(children, order.groups[0])
        elif order.kind == "together":
            yield from _not_together(children, order.groups[0])
        else:
            yield from _mixed(children, order.groups)


def _not_in_sequence(children: Sequence[Element], names: tuple[str, ...]) -> Iterator[Displaced]:
    passed: list[str] = []
    for child in children:
        if child.tag in names:
            position = names.index(child.tag)
            later = tuple(dict.fromkeys(name for name in passed if names.index(name) > position))
            if later:
                yield Displaced(child, BEFORE, later)
            passed.append(child.tag)


def _not_together(children: Sequence[Element], names: tuple[str, ...]) -> Iterator[Displaced]:
    before = None
    for position, child in enumerate(children):
        if child.tag in names:
            if before is not None and position != before + 1:
                yield Displaced(child, NEXT_TO, (children[before].tag,))
            before = position


def _mixed(children: Sequence[Element], groups: tuple[tuple[str, ...], ...]) -> Iterator[Displaced]:
    """Yield the first child with which a group goes on after others, where libxml2 does not find it.

    libxml2 collects the children of each group (`<interleave>`), and checks the groups in the order of the schema.
    After a group that is an `<interleave>` itself, it links all children from its first to its last one as in the
    document (xmlRelaxNGValidateInterleave). A later group with a child there must then go on with the next child.
    """
    positions = [[at for at, child in enumerate(children) if child.tag in names] for names in groups]
    for number, (names, places) in enumerate(zip(groups, positions, strict=True)):
        if len(names) < 2 or len(places) < 2:
            continue
        for later in positions[number + 1 :]:
            for at, following in pairwise(later):
                if places[0] < at < places[-1] and following != at + 1:
                    yield Displaced(children[following], NEXT_TO, (children[at].tag,))
                    return
