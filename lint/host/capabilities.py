"""Host facts in the XML that `virsh capabilities` and `virsh domcapabilities` print."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfslint.host.facts import Host, HugePages, Pool, Unreadable
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Malformed, Node, read
from vfslint.xml.source import Source

# Machine types that contain the QEMU release that introduced them; a distribution's own types do not.
_VERSIONED = re.compile(r"(?:pc-i440fx|pc-q35|virt|pseries|s390-ccw-virtio)-([0-9]{1,3})\.([0-9]{1,3})\Z")


def load(data: bytes) -> Host:
    """Return the facts; raises `Unreadable` if the XML is something else."""
    try:
        document = read(Source(data, "facts"))
    except Malformed as failure:
        raise Unreadable(f"not well-formed XML: {failure.message} (line {failure.line})") from None
    root = Node(document, document.root)
    if root.tag == "capabilities":
        return _of_host(root)
    if root.tag == "domainCapabilities":
        return _of_domains(root)
    raise Unreadable(
        f"<{root.tag[:80]}> does not contain facts of a host; "
        "use the output of vfslint host, virsh capabilities or virsh domcapabilities"
    )


def _of_host(root: Node) -> Host:
    cells = root.children("host/topology/cells/cell")
    # The smallest size is that of regular pages, of which there is no shortage.
    regular = min((pool.size_kib for cell in cells for pool in _pools(cell)), default=0)
    pools = tuple(pool for cell in cells for pool in _pools(cell) if pool.size_kib > regular)
    nodes = {_number(cell, "id"): size for cell in cells if (size := _memory(cell)) is not None}
    arch = root.child("host/cpu/arch")
    return Host(
        qemu=max((found for machine in root.children("guest/arch/machine") for found in _release(machine)),
                 default=None),
        arch=arch.text if arch else None,
        memory_kib=sum(nodes.values()) if nodes else None,
        nodes=nodes or None,
        hugepages=HugePages(pools) if cells else None,
    )  # fmt: skip


def _of_domains(root: Node) -> Host:
    arch = root.child("arch")
    return Host(
        arch=arch.text if arch else None,
        filesystem_drivers=_choices(root, "devices/filesystem", "driverType"),
        memory_sources=_choices(root, "memoryBacking", "sourceType"),
    )


def _pools(cell: Node) -> Iterator[Pool]:
    """Yield a cell's pools. The XML has their sizes only; `virsh freepages` shows what is free."""
    for pages in cell.children("pages"):
        size = numbers.scaled(pages.value("size") or "", pages.value("unit"))
        total = numbers.unsigned(pages.text, bits=64)
        if size and total is not None:
            yield Pool(numbers.kib(size), total, None, _number(cell, "id"))


def _memory(cell: Node) -> int | None:
    memory = cell.child("memory")
    size = numbers.scaled(memory.text, memory.value("unit")) if memory else None
    return None if size is None else numbers.kib(size)


def _number(node: Node, name: str) -> int:
    return numbers.unsigned(node.value(name) or "") or 0


def _release(machine: Node) -> Iterator[Version]:
    """Yield the QEMU release of an alias such as q35: the newest machine type has the release in its name."""
    found = _VERSIONED.match(machine.value("canonical") or "")
    if found:
        yield int(found[1]), int(found[2]), 0


def _choices(root: Node, path: str, enumeration: str) -> frozenset[str] | None:
    """Return the values of an enumeration; None if this libvirt does not report it."""
    found = root.child(path)
    for enum in found.children("enum") if found else ():
        if enum.value("name") == enumeration:
            return frozenset(value.text for value in enum.children("value"))
    return None
