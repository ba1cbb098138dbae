"""Domains of all kinds of devices with one to three changes, made from valid parts and the vocabulary.

A change is what people do: another listed value, a number too big, an attribute or element removed, added, repeated
or misspelled, an address moved, a device put beside another one. Most changes are valid in libvirt's eyes, or wrong
only together with something else, which is where a linter goes wrong.
"""

from __future__ import annotations

import random
from copy import deepcopy
from functools import cache
from typing import Any

from lxml import etree

from tests.live.sound import AREAS, base, parts, put
from vfslint.vocabulary.describe import Description, Entry, describe

NUMBERS = [
    "0",
    "1",
    "2",
    "3",
    "4",
    "7",
    "8",
    "16",
    "31",
    "32",
    "64",
    "255",
    "256",
    "1000",
    "1024",
    "65536",
    "4294967296",
]
WRONG = ["", "x", "-1", "yes", "on", "none", "auto", "default"]
_TEXTS = ["", "x", "0", "1", "1024", "/srv/x"]
# What libvirt reads without bound, and dies of.
DEADLY = frozenset({"retries"})


@cache
def _known(path: str) -> Description | None:
    return describe(path)


def mutant(area: str, rnd: random.Random) -> str:
    """Return a domain with a part of an area, and mostly changes in it."""
    root = base("pc" if rnd.random() < 0.2 else "q35")
    added = []
    for _ in range(rnd.choice([1, 1, 1, 2, 3])):
        another = area if rnd.random() < 0.8 else rnd.choice(AREAS)
        nodes = put(root, another, rnd.choice(parts(another)))
        if another == area:
            added += nodes
    for _ in range(rnd.choice([0, 1, 1, 1, 2])):
        if added:
            _change(rnd.choice(added), rnd)
    return etree.tostring(root, encoding="unicode")


def _path(node: Any) -> str:
    return "/".join([each.tag for each in reversed([node, *node.iterancestors()])])


def _change(part: Any, rnd: random.Random) -> None:
    if part.getparent() is None:
        return  # An earlier change removed it.
    node = rnd.choice(list(part.iter("*")))
    ways = [_set, _set, _set, _add_attribute, _add_attribute, _drop, _add_child, _remove, _repeat, _text, _misspell]
    rnd.choice(ways)(node, rnd)


def _value(entry: Entry | None, rnd: random.Random) -> str:
    listed = [value for value, _ in entry.values] if entry else []
    if listed and rnd.random() < 0.8:
        return rnd.choice(listed)
    if entry and entry.form and "number" not in entry.form and rnd.random() < 0.3:
        return rnd.choice(["/srv/a", "a", "c7a5fdbd-edaf-9455-926a-d65c16db1800", "52:54:00:00:00:0b", "0x10"])
    return rnd.choice(NUMBERS if rnd.random() < 0.75 else WRONG)


def _entry(node: Any, name: str) -> Entry | None:
    known = _known(_path(node))
    return next((each for each in known.attributes if each.name == name), None) if known else None


def _set(node: Any, rnd: random.Random) -> None:
    if node.attrib:
        name = rnd.choice(sorted(node.attrib))
        if name not in DEADLY:
            node.set(name, _value(_entry(node, name), rnd))


def _add_attribute(node: Any, rnd: random.Random) -> None:
    known = _known(_path(node))
    entries = [each for each in known.attributes if each.name not in node.attrib] if known else []
    if entries:
        entry = rnd.choice(entries)
        if entry.name not in DEADLY:
            node.set(entry.name, _value(entry, rnd))


def _drop(node: Any, rnd: random.Random) -> None:
    if node.attrib:
        del node.attrib[rnd.choice(sorted(node.attrib))]


def _add_child(node: Any, rnd: random.Random) -> None:
    known = _known(_path(node))
    if known is None or not known.children:
        return
    child = rnd.choice(known.children)
    if ":" in child.name or child.name == "*":
        return
    added = etree.SubElement(node, child.name)
    inside = _known(_path(added))
    for entry in inside.attributes if inside else ():
        if (entry.required or rnd.random() < 0.4) and entry.name not in DEADLY:
            added.set(entry.name, _value(entry, rnd))
    if inside and not inside.children and (inside.element.values or inside.element.form):
        added.text = _value(inside.element, rnd)


def _remove(node: Any, _: random.Random) -> None:
    parent = node.getparent()
    if parent.tag not in ("domain", "devices"):
        parent.remove(node)


def _repeat(node: Any, _: random.Random) -> None:
    node.addnext(deepcopy(node))


def _text(node: Any, rnd: random.Random) -> None:
    if len(node) == 0 and (node.text or "").strip():
        node.text = rnd.choice(_TEXTS)


def _misspell(node: Any, rnd: random.Random) -> None:
    if rnd.random() < 0.3 and len(node.tag) > 3 and node.getparent().tag not in ("domain", "devices"):
        node.tag += "s"
    elif node.attrib:
        name = rnd.choice(sorted(node.attrib))
        node.set(name, node.get(name).upper() or "X")
