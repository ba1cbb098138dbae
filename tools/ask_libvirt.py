"""Tests every place of the vocabulary with the installed libvirt, and prints where vfslint differs.

`python -m tools.ask_libvirt [PATH ...]`, such as `domain/devices/watchdog`, as root. At each place of
schemas/domain.xsd that starts with one of the paths, a small domain that libvirt accepts gets a wrong value, an empty
one, none, or the element twice. What define does then belongs in the annotation vfs:refused.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple

from lxml import etree

from tests.conformance.live_libvirt import LiveLibvirt, Verdict, is_available
from tests.metamorphic.listed_values import Place, document, places
from tools.conformance import refuses_define
from vfslint import lint_bytes
from vfslint.targets import NEWEST, version

WRONG = "zz!"


class Variant(NamedTuple):
    """A domain with one fault at a place, and the name of the fault."""

    fault: str
    xml: bytes


class Difference(NamedTuple):
    """The results of libvirt and vfslint for one variant."""

    place: Place
    fault: str
    verdict: Verdict
    findings: list[str]

    def __str__(self) -> str:
        where = self.place.path + (f"/@{self.place.attribute}" if self.place.attribute else "")
        form = " ".join(f"{name}={value!r}" for name, value in self.place.steps[-1].attributes)
        said = self.verdict.message or self.verdict.define
        return f"{where} ({form}) {self.fault}: libvirt: {said} | vfslint: {', '.join(self.findings) or 'nothing'}"


def sound(place: Place) -> bytes:
    """Return a small domain with a valid value at a place."""
    known = dict(place.steps[-1].attributes)
    value = place.values[0][0] if place.values else known.get(place.attribute or "", place.steps[-1].text or "1")
    xml = document(place.steps, place.attribute, value)
    root = etree.fromstring(xml)
    for disk in root.iterfind("devices/disk"):
        if "/source" not in place.path and place.attribute != "type":
            # What all disks have is asked of one without a source, which only needs a medium that can be changed.
            disk.set("type", "file")
            for source in disk.findall("source"):
                disk.remove(source)
        if disk.find("source") is None and "device" not in disk.attrib:
            disk.set("device", "cdrom")
            disk.find("target").attrib.update({"dev": "sda", "bus": "sata"})
    return etree.tostring(root)


def variants(place: Place, xml: bytes) -> Iterator[Variant]:
    """Yield the domain with each fault that the place can have."""
    yield Variant("wrong", _changed(xml, place, WRONG))
    yield Variant("empty", _changed(xml, place, ""))
    if place.attribute is not None:
        yield Variant("missing", _changed(xml, place, None))
    else:
        yield Variant("repeated", _repeated(xml, place))


def _element(root: Any, place: Place) -> Any:
    element = root
    for step in place.steps[1:]:
        element = element.findall(step.name)[-1]
    return element


def _changed(xml: bytes, place: Place, value: str | None) -> bytes:
    root = etree.fromstring(xml)
    element = _element(root, place)
    if place.attribute is None:
        element.text = value
    elif value is None:
        element.attrib.pop(place.attribute, None)
    else:
        element.set(place.attribute, value)
    return etree.tostring(root)


def _repeated(xml: bytes, place: Place) -> bytes:
    root = etree.fromstring(xml)
    element = _element(root, place)
    element.addnext(deepcopy(element))
    return etree.tostring(root)


def differences(paths: list[str], counts: Counter[str]) -> Iterator[Difference]:
    """Test every place below the paths; count the tests, and yield the differences."""
    with LiveLibvirt() as libvirt:
        target = NEWEST._replace(libvirt=version(libvirt.release))
        for place in (place for forms in places().values() for place in forms):
            if place.since > target.libvirt or not place.path.startswith(tuple(paths)):
                continue
            xml = sound(place)
            if libvirt.ask(xml.decode()).define != "accepted":
                counts["not sound"] += 1
                continue
            for fault, changed in variants(place, xml):
                verdict = libvirt.ask(changed.decode())
                codes = [finding.code for finding in refuses_define(lint_bytes(changed, target=target))]
                counts["asked"] += 1
                if (verdict.define == "accepted") is bool(codes):
                    counts["different"] += 1
                    yield Difference(place, fault, verdict, codes)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="*", default=["domain"])
    paths = parser.parse_args().paths
    if not is_available():
        raise SystemExit("this requires root and libvirt with its QEMU driver")
    counts: Counter[str] = Counter()
    for difference in differences(paths, counts):
        print(difference)
    print(", ".join(f"{number} {what}" for what, number in counts.items()))


if __name__ == "__main__":
    main()
