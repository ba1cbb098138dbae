"""domain.xsd knows every place, and every listed value, that libvirt's own schemas of four releases know."""

from __future__ import annotations

from typing import Any

import pytest

from tests.metamorphic.variants import vocabulary
from vfslint.vocabulary import table
from vfslint.vocabulary.table import Attribute, Form

# libvirt's schemas have these names with a content that they never allow in a domain.
NEVER_IN_A_DOMAIN = ("privateData",)
# Names of other programs can be in them.
OF_OTHERS = ("domain/metadata",)
# The schema has these here, and define rejects the domain for them, whatever their value (vfs:refuses).
ALWAYS_REJECTED = {
    ("domain/devices/interface/bandwidth", "classID"),
    ("domain/devices/interface/bandwidth/outbound", "floor"),
}
# Types of text of which no value is wrong.
ANY_TEXT = {"string", "text"}


def forms_at(path: str) -> list[Form]:
    """The forms of an element at a path; none if the path is unknown."""
    _, *names = path.split("/")
    children = [table.roots()["domain"]]
    for name in names:
        forms = (form for child in children for form in child.all_forms())
        found = {id(form.children[name]): form.children[name] for form in forms if name in form.children}
        children = list(found.values())
    return [form for child in children for form in child.all_forms()]


def attributes_at(path: str, name: str) -> list[Attribute]:
    return [form.attributes[name] for form in forms_at(path) if name in form.attributes]


ROWS = [
    row
    for row in vocabulary()
    if not {*row["path"].split("/")} & {*NEVER_IN_A_DOMAIN}
    and (row["path"], row.get("attribute")) not in ALWAYS_REJECTED
]


def test_what_define_always_rejects_is_said_to_be() -> None:
    for path, name in ALWAYS_REJECTED:
        assert all(name in form.refuses for form in forms_at(path))


def test_the_list_is_long() -> None:
    assert len(ROWS) > 3500


def test_every_element_is_known_and_closed() -> None:
    paths = {row["path"] for row in ROWS} - {*OF_OTHERS}
    unknown = [path for path in paths if not forms_at(path)]
    assert not unknown
    open_ones = [path for path in paths if any(form.any_attribute or form.any_child for form in forms_at(path))]
    assert not open_ones


def test_every_attribute_is_known() -> None:
    named = [(row["path"], row["attribute"]) for row in ROWS if row.get("attribute", "*") != "*"]
    assert not [place for place in named if not attributes_at(*place)]


def values_of(row: dict[str, Any]) -> dict[str, object]:
    return {value: known for value, known in row.get("values", {}).items() if value != "*"}


@pytest.mark.parametrize("of", ["attributes", "texts"])
def test_every_listed_value_is_one_that_some_form_accepts(of: str) -> None:
    missing = []
    for row in ROWS:
        if ("attribute" in row) is not (of == "attributes") or row.get("attribute") == "*":
            continue
        if of == "attributes":
            values = [attribute.values for attribute in attributes_at(row["path"], row["attribute"])]
        else:
            values = [form.text for form in forms_at(row["path"]) if form.text]
        listed = {word for each in values for word in each.listed}
        is_typed = any(not each.listed for each in values)
        missing += [
            (row["path"], row.get("attribute"), word) for word in values_of(row) if word not in listed and not is_typed
        ]
    assert not missing


def test_every_attribute_with_a_type_has_one() -> None:
    untyped = []
    for row in ROWS:
        if row.get("attribute", "*") == "*" or not row.get("types") or ANY_TEXT & {*row["types"]}:
            continue
        known = [attribute.values for attribute in attributes_at(row["path"], row["attribute"])]
        if all(values.plain == "(?s).*" and not values.listed for values in known):
            untyped.append((row["path"], row["attribute"]))
    assert not untyped
