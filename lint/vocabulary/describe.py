"""A description of a place in the vocabulary: what can be there, since when, and what it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from vfslint.schemas._descriptions import DESCRIPTIONS
from vfslint.vocabulary.table import Child, Form, Release, Values, form, roots, spelled


class Entry(NamedTuple):
    """An element or an attribute in another element: its name, what it can have, since when, and what it does.

    `values` are the listed words with their releases, `form` describes other values. `only` are the forms of the
    element around it that have it, if not all do.
    """

    name: str
    description: str
    required: bool
    repeatable: bool
    since: Release | None
    values: tuple[tuple[str, Release | None], ...]
    form: str | None
    only: tuple[str, ...]


class Description(NamedTuple):
    """An element at a path: itself, its attributes, its children, and the conditions that select its forms."""

    element: Entry
    attributes: tuple[Entry, ...]
    children: tuple[Entry, ...]
    forms: tuple[str, ...]


def describe(path: str) -> Description | None:
    """Return what is known about an element, such as `domain/devices/disk`; None if the path is unknown."""
    first, *names = path.strip("/").split("/")
    root = roots().get(first)
    if root is None:
        return None
    places = [("", root)]
    for name in names:
        places = [
            (each.name, child)
            for _, each in _forms(places)
            for child in each.children.values()
            if spelled(child.name) == name
        ]
        if not places:
            return None
    return _description(places)


def names_at(path: str) -> tuple[str, ...]:
    """Return the names of the elements that an element can contain; none if the path is unknown."""
    found = describe(path) if path else None
    if found is None:
        return () if path else tuple(roots())
    return tuple(child.name for child in found.children)


def _forms(places: Sequence[tuple[str, Child]]) -> Iterator[tuple[str, Form]]:
    """Yield the forms of an element, each with the condition that selects it."""
    seen = set()
    for _, child in places:
        for test, name in child.forms:
            if name is not None and name not in seen:
                seen.add(name)
                yield _spelled(test), form(name)


def _description(places: Sequence[tuple[str, Child]]) -> Description:
    around, child = places[0]
    forms = list(_forms(places))
    text = next((each.text for _, each in forms if each.text), None)
    element = Entry(
        spelled(child.name),
        DESCRIPTIONS.get(f"{around}/{child.name}", ""),
        child.required,
        child.repeatable,
        child.since,
        _words(text),
        text.form if text else None,
        (),
    )
    attributes: dict[str, list[tuple[str, Entry]]] = {}
    children: dict[str, list[tuple[str, Entry]]] = {}
    for condition, each in forms:
        for attribute in each.attributes.values():
            described = DESCRIPTIONS.get(f"{each.name}/@{attribute.name}", "")
            values = attribute.values
            entry = Entry(
                attribute.name, described, attribute.required, False, attribute.since, _words(values), values.form, ()
            )
            attributes.setdefault(attribute.name, []).append((condition, entry))
        for inner in each.children.values():
            described = DESCRIPTIONS.get(f"{each.name}/{inner.name}", "")
            named = spelled(inner.name)
            entry = Entry(named, described, inner.required, inner.repeatable, inner.since, (), None, ())
            children.setdefault(inner.name, []).append((condition, entry))
    number = len(forms)
    return Description(
        element,
        tuple(_united(entries, number) for entries in attributes.values()),
        tuple(_united(entries, number) for entries in children.values()),
        tuple(condition for condition, _ in forms) if number > 1 else (),
    )


def _words(values: Values | None) -> tuple[tuple[str, Release | None], ...]:
    return tuple(values.listed.items()) if values else ()


def _united(entries: list[tuple[str, Entry]], forms: int) -> Entry:
    """Return one entry for those of several forms: required if all are, with the values of all."""
    _, first = entries[0]
    return first._replace(
        description=_described([(condition, entry.description) for condition, entry in entries if entry.description]),
        required=len(entries) == forms and all(entry.required for _, entry in entries),
        values=tuple(dict(pair for _, entry in entries for pair in entry.values).items()),
        only=tuple(condition for condition, _ in entries) if len(entries) < forms else (),
    )


def _described(texts: list[tuple[str, str]]) -> str:
    """Return the description of what has several forms: each different one with the conditions that it is for."""
    conditions: dict[str, list[str]] = {}
    for condition, text in texts:
        conditions.setdefault(text, []).append(condition)
    if len(conditions) < 2:
        return next(iter(conditions), "")
    return " ".join(f"{' or '.join(those)}: {text}" for text, those in conditions.items())


def _spelled(test: tuple[Any, ...] | None) -> str:
    """Return the condition of a form as people write it, such as type='pci' and model."""
    if test is None:
        return "otherwise"
    operator, *operands = test
    match operator:
        case "=":
            return f"{operands[0]}='{operands[1]}'"
        case "@":
            return f"with {operands[0]}"
        case "not":
            return f"not ({_spelled(operands[0])})"
        case _:
            return f" {operator} ".join(_inner(operator, each) for each in operands)


def _inner(operator: str, test: tuple[Any, ...]) -> str:
    return f"({_spelled(test)})" if test[0] in ("and", "or") and test[0] != operator else _spelled(test)
