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
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree

from tests.live.libvirt import DriverFailed, LiveLibvirt, Verdict, is_available
from tests.live.sound import AREAS, base, parts, put
from tests.metamorphic.listed_values import Place, Step, document, places
from tools.conformance import refuses_define
from vfslint import lint_bytes
from vfslint.targets import NEWEST, version

WRONG = "zz!"
# In how many domains a place is tried before none of them is found to be valid.
MOST_CANDIDATES = 12


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


def _small(place: Place) -> Any:
    known = dict(place.steps[-1].attributes)
    value = place.values[0][0] if place.values else known.get(place.attribute or "", place.steps[-1].text or "1")
    return etree.fromstring(document(place.steps, place.attribute, value))


def sound(place: Place) -> bytes:
    """Return a small domain with a valid value at a place."""
    root = _small(place)
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


def in_valid_parts(place: Place) -> Iterator[bytes]:
    """Yield larger domains with a valid value at a place: its element put into the valid parts that can contain it."""
    small = _small(place)
    for area in AREAS:
        for part in parts(area):
            root = base("q35")
            added = put(root, area, part)
            if _grafted(root, deepcopy(small), place.steps[1:]) in added:
                yield etree.tostring(root)


def _grafted(root: Any, small: Any, steps: tuple[Step, ...]) -> Any:
    """Add to a domain what a small one has at a path; return the device or other part that contains it now.

    Returns None if the domain has none, or one of another form.
    """
    part = None
    for step in steps:
        small = small.findall(step.name)[-1]
        found = root.findall(step.name)
        if not found:
            if part is not None:
                root.append(small)
            return part
        root = found[-1]
        for attribute, value in small.attrib.items():
            if attribute not in root.attrib:
                root.set(attribute, value)
        if any(root.get(name) != value for name, value in step.attributes):
            return None
        if part is None and step.name != "devices":
            part = root
    if small.text and not root.text:
        root.text = small.text
    return part


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


def differences(paths: list[str], counts: Counter[str], root: Path | None = None) -> Iterator[Difference]:
    """Test every place below the paths; count the tests, and yield the differences."""
    with LiveLibvirt(root) as libvirt:
        target = NEWEST._replace(libvirt=version(libvirt.release))
        for place in (place for forms in places().values() for place in forms):
            if place.since > target.libvirt or not place.path.startswith(tuple(paths)):
                continue
            candidates = islice(chain([sound(place)], in_valid_parts(place)), MOST_CANDIDATES)
            xml = next((each for each in candidates if libvirt.ask(each.decode()).define == "accepted"), None)
            if xml is None:
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
    parser.add_argument("--root", type=Path, help="root folder of another system, whose libvirt is asked")
    options = parser.parse_args()
    if not is_available():
        raise SystemExit("this requires root and libvirt with its QEMU driver")
    counts: Counter[str] = Counter()
    try:
        for difference in differences(options.paths, counts, options.root):
            print(difference)
    except DriverFailed as error:
        raise SystemExit(str(error)) from None
    print(", ".join(f"{number} {what}" for what, number in counts.items()))


if __name__ == "__main__":
    main()
