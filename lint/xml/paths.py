"""Names for elements that survive edits around them: `domain/devices/filesystem[data]/driver`.

Each step is the name of an element, and in brackets what distinguishes it from its siblings: the mount tag, the
target device, an id or a name, or else its number among siblings of the same name.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Any

from vfslint.xml.document import Document

_STEP = re.compile(r"^([^\[\]/]+)(?:\[([^\]]*)\])?$")
_KEY_ATTRIBUTES = ("id", "name", "index")


def key(element: Any) -> str:
    """Return what distinguishes an element from its siblings, or an empty string."""
    target = element.find("target")
    if target is not None:
        found = target.get("dir") or target.get("dev")
        if found:
            return str(found)
    if element.getparent() is not None:
        if element.tag == "domain":
            return str(element.findtext("name") or "")
        for name in _KEY_ATTRIBUTES:
            if element.get(name):
                return str(element.get(name))
    return ""


def step(element: Any) -> str:
    """Return the step for one element: its name, with its key or number if it needs one."""
    name = str(element.tag)
    found = key(element)
    if found:
        return f"{name}[{found}]"
    before = sum(1 for _ in element.itersiblings(name, preceding=True))
    if before or next(element.itersiblings(name), None) is not None:
        return f"{name}[{before + 1}]"
    return name


def path(element: Any) -> str:
    """Return the steps from the root to an element."""
    steps = [step(element), *(step(outer) for outer in element.iterancestors())]
    return "/".join(reversed(steps))


def matching(root: Any, wanted: str) -> list[Any]:
    """Return the elements that match the last steps of a path, such as `filesystem[data]` or `filesystem/driver`.

    A step without brackets matches every element of that name.
    """
    steps = [_STEP.match(piece) for piece in wanted.strip("/").split("/")]
    named = [(found[1], found[2]) for found in reversed(steps) if found]
    if len(named) < len(steps):
        return []
    return [element for element in root.iter(named[0][0]) if _matches(element, named)]


def _matches(element: Any, steps: list[tuple[str, str | None]]) -> bool:
    for name, wanted in steps:
        if element is None or element.tag != name:
            return False
        if wanted is not None and step(element) != f"{name}[{wanted}]":
            return False
        element = element.getparent()
    return True


class Finder:
    """Finds the element at an offset of a document's file."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.elements = list(document.root.iter("*"))
        self._starts = [document.place(element).start for element in self.elements]

    def innermost(self, offset: int) -> Any:
        """Return the innermost element around an offset, or the root."""
        index = self.document.source.index(offset)
        element = self.elements[max(bisect_right(self._starts, index) - 1, 0)]
        while element.getparent() is not None and self.document.place(element).end <= index:
            element = element.getparent()
        return element
