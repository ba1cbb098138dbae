"""Valid domains and parts of domains, by area, from which mutants are made."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

from lxml import etree

from tests.paths import DATA

AREAS = tuple(sorted(path.stem for path in (DATA / "sound").glob("*.xml")))
# The area of what is not a device, but a child of <domain>.
SYSTEM = "system"

_BASES = {
    "q35": """<domain type='qemu'><name>a</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
<memory unit='MiB'>1024</memory><vcpu>4</vcpu><iothreads>2</iothreads>
<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/><apic/></features>
<devices></devices></domain>""",
    "pc": """<domain type='qemu'><name>a</name><memory unit='MiB'>1024</memory><vcpu>2</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
<devices></devices></domain>""",
}


def base(machine: str) -> Any:
    """Return a small domain with machine type q35 or pc, as a tree."""
    return etree.fromstring(_BASES[machine])


@cache
def parts(area: str) -> list[Any]:
    """Return the parts of an area: elements `<part>` that contain one or more elements of a domain."""
    return list(etree.parse(DATA / "sound" / f"{area}.xml", etree.XMLParser(remove_blank_text=True)).iter("part"))


def put(root: Any, area: str, part: Any) -> list[Any]:
    """Put a part into a domain, and return its elements there; one outside `<devices>` replaces its namesake."""
    devices = root.find("devices")
    added = list(deepcopy(part))
    for node in added:
        if area == SYSTEM:
            for old in root.findall(node.tag):
                root.remove(old)
            devices.addprevious(node)
        else:
            devices.append(node)
    return added
