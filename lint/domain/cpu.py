"""Virtual CPUs: model, topology, and the sets of host CPUs that the threads of a guest are bound to."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Set
from functools import reduce
from operator import mul
from typing import TYPE_CHECKING, NamedTuple

from vfslint.findings import Span
from vfslint.lazy import lazy, once
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.vocabulary.bitmap import Bitmap
from vfslint.xml.document import Attribute, Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain
    from vfslint.targets import Version

# Modes in which the guest sees the host's CPU; libvirt ignores `<model>` in them.
HOST_CPU = ("host-passthrough", "maximum")


class Cpu:
    """The first `<cpu>` of a domain."""

    def __init__(self, node: Node, libvirt: Version) -> None:
        self.node = node
        self.libvirt = libvirt

    @lazy
    def mode(self) -> str:
        """`cpu/@mode`; custom if it is missing."""
        return self.node.value("mode") or "custom"

    @lazy
    def model(self) -> Node | None:
        """The first `<model>`, or None."""
        return self.node.child("model")

    @property
    def vendor(self) -> Node | None:
        """The first nonempty `<vendor>`, or None."""
        vendor = self.node.child("vendor")
        return vendor if vendor and vendor.text else None

    @property
    def features(self) -> list[Node]:
        """Every `<feature>`."""
        return self.node.children("feature")

    @lazy
    def topology(self) -> Topology | None:
        """The first `<topology>`, or None."""
        node = self.node.child("topology")
        return Topology(node, self.libvirt) if node else None


class Bitset(NamedTuple):
    """A set of numbers in an attribute or a text; `may_be_empty`: libvirt accepts an empty one."""

    node: Node
    attribute: Attribute | None
    may_be_empty: bool

    @property
    def text(self) -> str:
        """The set as written."""
        return self.attribute.value if self.attribute else self.node.text

    @property
    def members(self) -> Bitmap | None:
        """The members, or None if libvirt cannot read the set."""
        return numbers.bitmap(self.text)

    @property
    def span(self) -> Span:
        """Where the set is written."""
        return self.attribute.span if self.attribute else self.node.text_span

    @property
    def label(self) -> str:
        """How messages name the place."""
        return f"{self.attribute.name!r} of <{self.node.tag}>" if self.attribute else f"<{self.node.tag}>"


class Topology:
    """`cpu/topology`: sockets, dies, clusters, cores and threads."""

    def __init__(self, node: Node, libvirt: Version) -> None:
        self.node = node
        self._names = ["sockets", "dies", "cores", "threads"]
        if libvirt >= (10, 1, 0):
            self._names.insert(2, "clusters")

    @lazy
    def factors(self) -> dict[str, int]:
        """The factors of the number of CPUs, by attribute; empty if one of them cannot be read."""
        found = {}
        for name in self._names:
            text = self.node.value(name)
            number = numbers.unsigned(text or "")
            if number:
                found[name] = number
            elif text is not None or name in ("sockets", "cores", "threads"):
                return {}
        return found

    @lazy
    def cpus(self) -> int | None:
        """How many CPUs the topology has, or None if it cannot be read."""
        return reduce(mul, self.factors.values()) if self.factors else None

    @property
    def product(self) -> str:
        """The multiplication as messages write it: 2 sockets × 4 cores × 1 threads."""
        return " × ".join(f"{number} {name}" for name, number in self.factors.items())


PINS = ("vcpupin", "emulatorpin", "iothreadpin")


def pins(domain: Domain) -> list[Node]:
    """Return every binding of a thread to host CPUs, by kind, without those of vCPUs that do not exist."""
    found = (pin for cputune in domain.elements("cputune") for tag in PINS for pin in cputune.children(tag))
    return [pin for pin in found if pin.tag != "vcpupin" or _is_of_vcpu(domain, pin)]


def _is_of_vcpu(domain: Domain, pin: Node) -> bool:
    number = numbers.unsigned(pin.value("vcpu") or "")
    return number is None or domain.vcpus is None or number < domain.vcpus


class ThreadTuning(Node):
    """An `<iothreadpin>`, or the scheduler of threads: a `<vcpusched>`, `<iothreadsched>` or `<emulatorsched>`."""

    __slots__ = ()

    @property
    def named_by(self) -> str | None:
        """The attribute that names its threads; None for the emulator."""
        return {"iothreadpin": "iothread", "iothreadsched": "iothreads", "vcpusched": "vcpus"}.get(self.tag)

    @property
    def threads(self) -> Set[int]:
        """The numbers of its threads; empty if they are missing or cannot be read."""
        written = self.value(self.named_by) if self.named_by else None
        if self.tag == "iothreadpin":
            number = numbers.unsigned(written or "")
            return frozenset() if number is None else frozenset({number})
        return numbers.bitmap(written or "") or Bitmap()


class ResourceGroup(Node):
    """A `<cachetune>`, `<memorytune>` or `<energytune>`: a group of vCPUs that shares resources or is measured."""

    __slots__ = ()


def resource_groups(domain: Domain) -> list[Node]:
    """Return the groups of vCPUs in the order in which libvirt reads them; 12.8.0 also reads `<energytune>`."""
    tags = ["cachetune", "memorytune"] + (["energytune"] if domain.context.target.libvirt >= (12, 8, 0) else [])
    return [group for tag in tags for cputune in domain.elements("cputune") for group in cputune.children(tag)]


# The release that reads the NUMA nodes in a device's <acpi>.
_ACPI_NODES: Version = (12, 8, 0)
TUNINGS = ("iothreadpin", "vcpusched", "iothreadsched", "emulatorsched")


def thread_tunings(domain: Domain) -> list[ThreadTuning]:
    """Return what names the threads that it tunes, except the bindings of vCPUs."""
    found = (node for cputune in domain.elements("cputune") for tag in TUNINGS for node in cputune.children(tag))
    return [ThreadTuning(node.document, node.element) for node in found]


@once
def _listed_threads(domain: Domain) -> list[int] | None:
    """Return the numbers of the listed I/O threads, in order; None if one of them cannot be read."""
    found = {numbers.unsigned(node.value("id") or "") for node in domain.iothread_ids}
    return None if None in found else sorted(number for number in found if number is not None)


def has_iothread(domain: Domain, number: int) -> bool:
    """Return whether the domain has an I/O thread with that number: it is listed, or one of the first free numbers.

    libvirt gives the threads that are not listed the first free numbers (virDomainIOThreadIDDefArrayInit).
    """
    listed = _listed_threads(domain)
    if listed is None or (domain.first("iothreads") and domain.iothreads is None):
        return True
    before = bisect_left(listed, number)
    return listed[before : before + 1] == [number] or number - before <= (domain.iothreads or 0) - len(listed)


def bitsets(domain: Domain) -> Iterator[Bitset]:
    """Yield every set of CPUs or NUMA nodes that libvirt reads."""
    vcpu = domain.first("vcpu")
    if vcpu and vcpu.value("placement") != "auto":
        yield from _attribute(vcpu, "cpuset")
    for pin in pins(domain):
        yield from _attribute(pin, "cpuset")
    for cputune in domain.elements("cputune"):
        for scheduler, threads in (("vcpusched", "vcpus"), ("iothreadsched", "iothreads")):
            for node in cputune.children(scheduler):
                yield from _attribute(node, threads)
        for group in (*cputune.children("cachetune"), *cputune.children("memorytune")):
            yield from _attribute(group, "vcpus", may_be_empty=True)
            for monitor in group.children("monitor"):
                yield from _attribute(monitor, "vcpus")
    for cell in domain.cells:
        yield from _attribute(cell.node, "cpus", may_be_empty=True)
    for page in domain.backing.pages:
        yield from _attribute(page.node, "nodeset")
    for numatune in domain.elements("numatune")[:1]:
        memory = numatune.child("memory")
        if memory and memory.value("placement") != "auto":
            yield from _attribute(memory, "nodeset")
        for memnode in numatune.children("memnode") if domain.cells else ():
            yield from _attribute(memnode, "nodeset", may_be_empty=True)
    if domain.context.target.libvirt >= _ACPI_NODES:
        for outline in domain.outlines():
            acpi = outline.child("acpi")
            yield from _attribute(acpi, "nodeset") if acpi else ()
    for device in domain.memory_devices:
        mask = device.source.child("nodemask") if device.source else None
        if mask:
            yield Bitset(mask, None, False)


def _attribute(node: Node, name: str, *, may_be_empty: bool = False) -> Iterator[Bitset]:
    found = node.attribute(name)
    if found:
        yield Bitset(node, found, may_be_empty)
