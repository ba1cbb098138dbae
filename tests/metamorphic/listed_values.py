"""Every listed value of the vocabulary, and a small domain that holds it.

The places come from schemas/domain.xsd: the path of an element, the attribute of it or its text, and what must be
written around them so that the form is the one that knows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from lxml import etree

from tests.metamorphic.variants import BOGUS, RELEASES, vocabulary
from vfslint import schemas
from vfslint.targets import Version, version

XS = "{http://www.w3.org/2001/XMLSchema}"
VFS = "{urn:vfslint:schema}"

# What a domain needs, whatever else it holds.
NEEDED = {
    "name": "<name>a</name>",
    "memory": "<memory unit='GiB'>1</memory>",
    "vcpu": "<vcpu>2</vcpu>",
    "os": "<os><type arch='x86_64' machine='q35'>hvm</type></os>",
}
# What to write where a value is needed and none are listed, by the name of the attribute or element.
RIGHT = {
    "address": "52:54:00:00:00:01",
    "backend": "/dev/urandom",
    "dev": "vda",
    "dir": "/a",
    "file": "/a",
    "path": "/a",
    "retries": "4095",
    "size": "1024",
    "socket": "/a",
    "type": "hvm",
    "unit": "KiB",
}
# Shapes that hold themselves: once is enough, or twice where another element of the name is in it (a disk's source).
DEEPEST = 8
MOST_OF_A_NAME = 2

Attributes = tuple[tuple[str, str], ...]
OLDEST: Version = (0, 0, 0)


class Step(NamedTuple):
    """An element on the way to a place, with the attributes that make it the form that is meant."""

    name: str
    attributes: Attributes
    needed: tuple[str, ...] = ()
    """Children that the form must have, as small as they may be."""
    text: str | None = None


class Place(NamedTuple):
    """Where a value stands: an attribute of the last step, or its text where `attribute` is None."""

    steps: tuple[Step, ...]
    attribute: str | None
    since: Version
    """The release that brought the place."""
    values: tuple[tuple[str, Version], ...]
    """Listed values with the releases that brought them; none where values are not listed."""

    @property
    def path(self) -> str:
        return "/".join(step.name for step in self.steps)


class _Schema:
    def __init__(self) -> None:
        root = etree.parse(schemas.DOMAIN_XSD, etree.XMLParser(remove_comments=True)).getroot()
        self.root = root
        self.named = {(etree.QName(node).localname, node.get("name")): node for node in root}
        # A shape looks the same at a path, whatever the forms of the elements around it.
        self._visited: set[tuple[tuple[str, ...], str]] = set()

    def children(self, model: etree._Element) -> Iterator[etree._Element]:
        for node in model:
            local = etree.QName(node).localname
            if local in ("all", "sequence", "choice"):
                yield from self.children(node)
            elif local == "group":
                yield from self.children(self.named["group", node.get("ref")])
            elif local == "element" and node.get("ref") is None:
                yield node

    def attributes(self, model: etree._Element) -> Iterator[etree._Element]:
        extension = model.find(f"{XS}simpleContent/{XS}extension")
        for node in model if extension is None else extension:
            local = etree.QName(node).localname
            if local == "attributeGroup":
                yield from self.attributes(self.named["attributeGroup", node.get("ref")])
            elif local == "attribute":
                yield node

    def forms(self, element: etree._Element) -> Iterator[tuple[str, dict[str, str]]]:
        """The types of an element, each with attributes that select it."""
        alternatives = element.findall(XS + "alternative")
        for alternative in alternatives:
            yield alternative.get("type", ""), _witness(alternative.get("test"))
        if not alternatives:
            yield element.get("type", ""), {}

    def listed(self, name: str | None, inline: etree._Element | None) -> tuple[tuple[str, Version], ...]:
        declared = self.named.get(("simpleType", name)) if inline is None else inline
        if declared is None:
            return ()
        union = declared.find(XS + "union")
        if union is not None:
            return ()
        nodes = declared.findall(f"{XS}restriction/{XS}enumeration")
        return tuple((node.get("value", ""), _since(node)) for node in nodes)

    def text(self, type_name: str) -> str | None:
        """The name of the simple type that an element of this type holds."""
        declared = self.named.get(("complexType", type_name))
        if declared is None:
            return type_name
        extension = declared.find(f"{XS}simpleContent/{XS}extension")
        return None if extension is None else extension.get("base")

    def places(self) -> Iterator[Place]:
        yield from self._below(self.named["element", "domain"], (), OLDEST, ())

    def _below(
        self, element: etree._Element, above: tuple[Step, ...], since: Version, seen: tuple[str, ...]
    ) -> Iterator[Place]:
        since = max(since, _since(element))
        for type_name, witness in self.forms(element):
            path = (*(step.name for step in above), element.get("name", ""))
            if (
                type_name == "xs:error"
                or type_name in seen
                or len(above) > DEEPEST
                or (path, type_name) in self._visited
            ):
                continue
            if path.count(path[-1]) > MOST_OF_A_NAME:
                continue
            self._visited.add((path, type_name))
            declared = self.named.get(("complexType", type_name))
            attributes = [] if declared is None else list(self.attributes(declared))
            written = dict(witness)
            for attribute in attributes:
                if attribute.get("use") == "required":
                    written.setdefault(attribute.get("name", ""), self._right(attribute))
            text = self.text(type_name)
            needed = tuple(self._needed(declared))
            said = None if text is None else self._right_text(element, text)
            steps = (*above, Step(element.get("name", ""), tuple(written.items()), needed, said))
            if text is not None:
                yield Place(steps, None, since, self.listed(text, None))
            for attribute in attributes:
                values = self.listed(attribute.get("type"), attribute.find(XS + "simpleType"))
                yield Place(steps, attribute.get("name"), max(since, _since(attribute)), values)
            if declared is not None:
                for child in self.children(declared):
                    yield from self._below(child, steps, since, (*seen, type_name))

    def _needed(self, declared: etree._Element | None) -> Iterator[str]:
        for child in () if declared is None else self.children(declared):
            if child.get("minOccurs") != "0":
                yield etree.tostring(self._smallest(child), encoding="unicode")

    def _smallest(self, element: etree._Element) -> etree._Element:
        """The smallest element of its first form."""
        type_name, witness = next(self.forms(element))
        declared = self.named.get(("complexType", type_name))
        made = etree.Element(element.get("name", ""), witness)
        for attribute in () if declared is None else self.attributes(declared):
            if attribute.get("use") == "required" and attribute.get("name") not in made.attrib:
                made.set(attribute.get("name", ""), self._right(attribute))
        text = self.text(type_name)
        if text is not None:
            made.text = self._right_text(element, text)
        for child in self._needed(declared):
            made.append(etree.fromstring(child))
        return made

    def _right(self, attribute: etree._Element) -> str:
        listed = self.listed(attribute.get("type"), attribute.find(XS + "simpleType"))
        return listed[0][0] if listed else RIGHT.get(attribute.get("name", ""), "1")

    def _right_text(self, element: etree._Element, type_name: str) -> str:
        listed = self.listed(type_name, None)
        return listed[0][0] if listed else RIGHT.get(element.get("name", ""), "1")


def _since(node: etree._Element) -> Version:
    written = node.get(VFS + "since")
    return version(written) if written else OLDEST


def _witness(test: str | None) -> dict[str, str]:
    """Attributes that make a test true: the first side of each `or`, all of each `and`."""
    chosen: dict[str, str] = {}
    for clause in re.split(r" and ", test or ""):
        first = re.split(r" or ", clause.strip(" ()"))[0]
        found = re.match(r"@(\w+)(?:\s*=\s*'([^']*)')?", first)
        if found:
            chosen[found[1]] = RIGHT.get(found[1], "1") if found[2] is None else found[2]
    return chosen


@cache
def places() -> dict[tuple[str, str | None], list[Place]]:
    """The places of schemas/domain.xsd by path and attribute: one for each form that knows it."""
    made: dict[tuple[str, str | None], list[Place]] = {}
    for place in _Schema().places():
        forms = made.setdefault((place.path, place.attribute), [])
        if place not in forms:
            forms.append(place)
    return made


class Listed(NamedTuple):
    """A value that a schema of libvirt's lists at a place, and the releases that know it there."""

    path: str
    attribute: str | None
    value: str
    releases: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.path}/{'text()' if self.attribute is None else '@' + self.attribute} = {self.value!r}"


@cache
def listed() -> tuple[Listed, ...]:
    """Every value that libvirt's own schemas list."""
    return tuple(
        Listed(row["path"], row.get("attribute"), value, tuple(known or RELEASES))
        for row in vocabulary()
        if row.get("attribute") != "*"
        for value, known in row.get("values", {}).items()
        if value != "*"
    )


def document(steps: tuple[Step, ...], attribute: str | None, value: str, *, with_bogus: bool = False) -> bytes:
    """A small domain that holds a value at a place."""
    root = etree.Element("domain", type="kvm")
    root.text = "\n"
    top = steps[1].name if len(steps) > 1 else ""
    for name, needed in NEEDED.items():
        if name != top:
            root.append(etree.fromstring(needed))
    chain = [root]
    for step in steps[1:]:
        element = etree.SubElement(chain[-1], step.name)
        for name, written in step.attributes:
            element.set(name, written)
        element.text = step.text
        chain.append(element)
    for step, element in zip(steps[1:], chain[1:], strict=True):
        for needed in map(etree.fromstring, step.needed):
            if element.find(needed.tag) is None:
                element.append(needed)
    element = chain[-1]
    if attribute is None:
        element.text = value
    else:
        element.set(attribute, value)
    if top == "os" and root.find("os/type") is None:
        root.find("os").append(etree.fromstring("<type arch='x86_64' machine='q35'>hvm</type>"))
    if root.find("devices") is None:
        etree.SubElement(root, "devices")
    if with_bogus:
        etree.SubElement(root, BOGUS.decode())
    return etree.tostring(root)
