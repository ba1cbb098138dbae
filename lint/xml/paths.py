"""Names for elements that survive edits around them: `domain/devices/filesystem[data]/driver`.

Each step is the name of an element, and in brackets what distinguishes it from its siblings: the mount tag, the
target device, an id or a name, or else its number among siblings of the same name.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
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


class Paths:
    """The paths of a document's elements. Siblings are numbered once for all of them."""

    def __init__(self) -> None:
        self._numbers: dict[Any, dict[Any, int]] = {}
        self._named: dict[tuple[Any, str], list[Any]] = {}

    def of(self, element: Any) -> str:
        """Return the steps from the root to an element."""
        steps = [self.step(element), *(self.step(outer) for outer in element.iterancestors())]
        return "/".join(reversed(steps))

    def step(self, element: Any) -> str:
        """Return the step for one element: its name, with its key or number if it needs one."""
        name = str(element.tag)
        found = key(element) or self._number(element)
        return f"{name}[{found}]" if found else name

    def _number(self, element: Any) -> str:
        """Return an element's number among its siblings of the same name, or an empty string if it has none."""
        parent = element.getparent()
        if parent is None:
            return ""
        if parent not in self._numbers:
            numbers, counts = dict[Any, int](), Counter[Any]()
            for child in parent.iterchildren("*"):
                counts[child.tag] += 1
                numbers[child] = counts[child.tag]
            self._numbers[parent] = {child: number if counts[child.tag] > 1 else 0 for child, number in numbers.items()}
        return str(self._numbers[parent][element] or "")

    def matching(self, root: Any, wanted: str) -> list[Any]:
        """Return the elements that match the last steps of a path, such as `filesystem[data]` or `filesystem/driver`.

        A step without brackets matches every element of that name.
        """
        steps = [_STEP.match(piece) for piece in wanted.strip("/").split("/")]
        named = [(found[1], found[2]) for found in reversed(steps) if found]
        if len(named) < len(steps):
            return []
        name = named[0][0]
        if (root, name) not in self._named:
            self._named[root, name] = list(root.iter(name))
        return [element for element in self._named[root, name] if self._matches(element, named)]

    def _matches(self, element: Any, steps: list[tuple[str, str | None]]) -> bool:
        for name, wanted in steps:
            if element is None or element.tag != name:
                return False
            if wanted is not None and self.step(element) != f"{name}[{wanted}]":
                return False
            element = element.getparent()
        return True


class Finder:
    """Finds the element at an offset of a document's file."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.paths = Paths()
        self.elements = list(document.root.iter("*"))
        self._starts = [document.place(element).start for element in self.elements]

    def innermost(self, offset: int) -> Any:
        """Return the innermost element around an offset, or the root."""
        index = self.document.source.index(offset)
        element = self.elements[max(bisect_right(self._starts, index) - 1, 0)]
        while element.getparent() is not None and self.document.place(element).end <= index:
            element = element.getparent()
        return element
