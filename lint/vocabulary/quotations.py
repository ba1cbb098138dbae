"""What libvirt's parser prints about a fault at a place of the vocabulary.

schemas/domain.xsd has it (vfs:says), as templates for the releases that were asked. It is imported only for a domain
that plain define rejects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vfslint.vocabulary.table import Release

# The releases whose messages are known. Between two of them, a message is known if both print the same one.
TESTED: tuple[Release, ...] = ((7, 0, 0), (9, 0, 0), (11, 3, 0), (12, 8, 0))

_INVALID = "Invalid value for attribute '{attribute}' in element '{element}': "
# libvirt's messages about attributes (virxml.c: virXMLPropEnum, virXMLPropInt and the like), by short names.
SENTENCES = {
    "word": _INVALID + "'{value}'.",
    "integer": _INVALID + "'{value}'. Expected integer value",
    "natural": _INVALID + "'{value}'. Expected non-negative integer value",
    "non-negative": _INVALID + "'{value}'. Expected non-negative value",
    "long": _INVALID + "'{value}'. Expected long long integer value",
    "positive": _INVALID + "Zero is not permitted",
    "uuid": _INVALID + "'{value}'. Expected UUID",
    "missing": "Missing required attribute '{attribute}' in element '{element}'",
}
# Digits of the largest number with 31 bits.
_DIGITS = 10


def known() -> set[str]:
    """Return every template and every name of one of the SENTENCES that some place has."""
    texts = [text for faults in _quotations().values() for text in faults.values()]
    return {each for text in texts for each in ([text] if isinstance(text, str) else text)}


def sentence(name: str, element: str, attribute: str, value: str = "") -> str:
    """Return one of the SENTENCES about an attribute and its value."""
    return SENTENCES[name].format(element=element, attribute=attribute, value=value)


def of_value(
    places: Iterable[str], libvirt: Release, value: str, element: str, attribute: str = "", parent: str = ""
) -> str:
    """Return what a release prints about an invalid value; an empty string if that is not known.

    `places` are names such as "Disk/@type" (a form and its attribute) or "<vcpu>" (an element with a text): those where
    the value may be; those whose message is known must agree.
    """
    faults = [_fault_of(value), "value"]
    return _filled(places, faults, libvirt, parent, value=value, attribute=attribute, element=element)


def of_fault(
    places: Iterable[str],
    fault: str,
    libvirt: Release,
    element: str,
    attribute: str = "",
    parent: str = "",
    value: str = "",
) -> str:
    """Return what a release prints if something is "missing", "repeated" or "unknown"; an empty string if unknown.

    A `fault` such as "@model" is an unknown attribute with a `value`.
    """
    return _filled(places, [fault], libvirt, parent, value=value, attribute=attribute, element=element)


def _fault_of(value: str) -> str:
    if not value:
        return "empty"
    number = re.fullmatch(r"\s*([+-]?)0*([0-9]*)", value)
    if not number:
        return "value"
    sign, digits = number.groups()
    if not digits and value[-1] != "0":
        return "value"
    if sign == "-":
        return "negative"
    if not digits:
        return "zero"
    return "range" if len(digits) <= _DIGITS and int(digits) < 2**31 else "large"


def _filled(places: Iterable[str], faults: list[str], libvirt: Release, parent: str, **parts: str) -> str:
    found = {_template(place, _name_of(place, faults, parent), libvirt) for place in places} - {""}
    template = found.pop() if len(found) == 1 else ""
    said = SENTENCES.get(template, template)
    # The value comes last, because it is the only part that may have braces.
    for name in ("element", "attribute", "value"):
        said = said.replace(f"{{{name}}}", parts[name])
    return said


def _name_of(place: str, faults: list[str], parent: str) -> str:
    """Return under which name a place has a message about one of these faults."""
    known = _quotations().get(place, {})
    for fault in faults:
        for name in (f"{fault} in {parent}", fault):
            if name in known:
                return name
    return faults[-1]


def _template(place: str, fault: str, libvirt: Release) -> str:
    said = _quotations().get(place, {}).get(fault)
    if said is None or libvirt < TESTED[0]:
        return ""
    if isinstance(said, str):
        return said
    before = max(index for index, tested in enumerate(TESTED) if tested <= libvirt)
    after = before if libvirt == TESTED[before] else min(before + 1, len(TESTED) - 1)
    return said[before] if said[before] == said[after] else ""


@cache
def _quotations() -> dict[str, dict[str, str | tuple[str, ...]]]:
    from vfslint.schemas import _quotations as made

    return made.QUOTATIONS
