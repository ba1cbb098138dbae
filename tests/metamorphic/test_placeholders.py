"""A word that no libvirt knows, such as a template's placeholder, is reported once: what depends on it is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree

from tests.live.sound import AREAS, base, parts, put
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Severity
from vfslint.rules import RULES
from vfslint.targets import contemporary, version
from vfslint.xml.source import Source

PLACEHOLDER = "GUESTDEVICE"
# What decides the kind of a device; a <source> has types of its own.
OF_KINDS = ("type", "model", "device", "bus", "protocol")
RELEASES = ("7.0.0", "9.0.0", "12.8.0")
# What is wrong with a filesystem is reported even if its type is unknown.
DEVICES = [area for area in AREAS if area != "system"]


def found_in(root: Any, release: str) -> dict[tuple[str, str], str]:
    """Return what is at the place of each error and warning, by its code and message."""
    engine, data = Engine(RULES, Context(contemporary(version(release)))), etree.tostring(root)
    findings = engine.check_xml(Source(data, "guest.xml")).findings
    return {
        (f.code, f.message): data[f.at.start.offset : f.at.end.offset].decode()
        for f in findings
        if f.severity is not Severity.NOTE
    }


def deciding(nodes: list[Any]) -> Iterator[tuple[Any, str]]:
    """Yield each attribute of devices that decides what they are, with its element."""
    for device in nodes:
        if device.tag == "filesystem":
            continue
        for element in device.iter("*"):
            for name in OF_KINDS:
                is_decisive = element.tag != "source" or name == "protocol"
                # libvirt leaves the models of interfaces to QEMU.
                if name in element.attrib and is_decisive and (device.tag, element.tag) != ("interface", "model"):
                    yield element, name


def cascades(root: Any, places: list[tuple[Any, str]], release: str) -> list[str]:
    """Replace one word after the other; return what is reported about anything but the placeholder."""
    before, others = found_in(root, release), []
    for element, name in places:
        word = element.get(name)
        element.set(name, PLACEHOLDER)
        others += [
            f"{element.tag}/@{name} {word}: {code} {message}"
            for (code, message), place in found_in(root, release).items()
            if (code, message) not in before and place != PLACEHOLDER
        ]
        element.set(name, word)
    return others


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("area", DEVICES)
def test_nothing_is_derived_from_an_unknown_kind_of_device(area, release):
    others = []
    for part in parts(area):
        root = base("q35")
        others += cascades(root, list(deciding(put(root, area, part))), release)
    assert others == []


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", ["arch", "machine"])
@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_nothing_is_derived_from_an_unknown_machine(machine, name, release):
    others = []
    for area in AREAS:
        for part in parts(area):
            root = base(machine)
            put(root, area, part)
            others += cascades(root, [(root.find("os/type"), name)], release)
    assert others == []


def test_an_unknown_machine_of_an_unknown_architecture_is_not_judged():
    root = base("q35")
    root.find("os/type").set("machine", "GUESTMACHINE")
    root.find("os/type").set("arch", "GUESTARCH")
    assert [code for code, _ in found_in(root, "12.8.0")] == ["VFS030"]
