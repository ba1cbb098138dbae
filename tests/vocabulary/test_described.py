"""Every element and attribute has a description of one sentence, which says more than its name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfslint.schemas._descriptions import DESCRIPTIONS
from vfslint.vocabulary import table
from vfslint.vocabulary.table import Child

# Words that add nothing to a name.
EMPTY = {"the", "of", "a", "an", "this", "its", "mode", "name", "type", "number"}


def places() -> Iterator[tuple[str, Child]]:
    """Every element with the name of the form around it."""
    pending: list[tuple[str, Child]] = [("", child) for child in table.roots().values()]
    seen: set[str] = set()
    for around, child in pending:
        yield around, child
        for form in child.all_forms():
            if form.name not in seen:
                seen.add(form.name)
                pending += [(form.name, inner) for inner in form.children.values()]


PLACES = list(places())
OF_ATTRIBUTES = {place: text for place, text in DESCRIPTIONS.items() if "/@" in place}


def test_every_element_is_described() -> None:
    assert len(PLACES) > 1000
    assert not [f"{around}/{child.name}" for around, child in PLACES if f"{around}/{child.name}" not in DESCRIPTIONS]


def test_every_attribute_is_described_in_a_form_of_its_element() -> None:
    missing = set()
    for _, child in PLACES:
        forms = list(child.all_forms())
        described = {name for form in forms for name in form.attributes if f"{form.name}/@{name}" in DESCRIPTIONS}
        missing |= {f"{form.name}/@{name}" for form in forms for name in form.attributes if name not in described}
    assert not missing
    assert len(OF_ATTRIBUTES) > 800


def test_descriptions_of_attributes_are_short_sentences() -> None:
    assert not {text for text in OF_ATTRIBUTES.values() if not re.fullmatch(r"[A-Z/].{5,112}\.", text)}


def test_no_description_only_repeats_the_name() -> None:
    repeating = []
    for place, text in OF_ATTRIBUTES.items():
        words = {word.lower() for word in re.findall(r"[A-Za-z]+", text)}
        if words <= EMPTY | {place.partition("/@")[2].lower()}:
            repeating.append(place)
    assert not repeating
