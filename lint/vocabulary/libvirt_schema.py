"""libvirt's own RELAX NG, if it is installed: it covers a whole domain, including what is outside vfslint's scope."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, NamedTuple

from lxml import etree

GRAMMAR = "domain.rng"
# Where packages install it; Homebrew has its own prefix.
FOLDERS = ("/usr/share/libvirt/schemas", "/usr/local/share/libvirt/schemas", "/opt/homebrew/share/libvirt/schemas")


# libxml2 tries optional attributes in every combination: with 14 on one element it takes a third of a second, with 17
# already more than a minute.
MAXIMUM_ATTRIBUTES = 13


class NoSchema(Exception):
    """No usable schema was found; the message is one line."""


class Objection(NamedTuple):
    """Where libvirt's schema rejects a domain: a 1-based line, and libxml2's message."""

    line: int
    message: str


def locate(where: str) -> str:
    """Return the path of domain.rng in a folder, or of the installed one for `auto`. Raises `NoSchema`."""
    folders = FOLDERS if where == "auto" else (where,)
    for folder in folders:
        path = os.path.join(folder, GRAMMAR)
        if os.path.isfile(path):
            _relaxng(path)
            return path
    raise NoSchema(f"there is no {GRAMMAR} in {' or '.join(folders)}")


@cache
def _relaxng(path: str) -> Any:
    try:
        return etree.RelaxNG(file=path)
    except (etree.RelaxNGParseError, etree.XMLSyntaxError, OSError) as error:
        raise NoSchema(f"{path} is not a RELAX NG grammar: {str(error).splitlines()[0]}") from None


def objection(path: str, element: Any) -> Objection | None:
    """Return why the schema rejects a domain; None if it accepts it, or if validating it would take too long."""
    if any(len(inner.attrib) > MAXIMUM_ATTRIBUTES for inner in element.iter("*")):
        return None
    # A copy has no enclosing document, whose root the grammar does not know.
    relaxng = _relaxng(path)
    if relaxng.validate(element):
        return None
    entries = [entry for entry in relaxng.error_log if entry.line > 0]
    deepest = max(entries, key=lambda entry: entry.line, default=None)
    if deepest is None:
        return Objection(element.sourceline or 1, "libvirt's schema rejects it")
    return Objection(deepest.line, deepest.message)
