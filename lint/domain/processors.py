"""Virtual CPUs: the guest's topology, and the sets of host CPUs and nodes that they are bound to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import mul
from typing import TYPE_CHECKING, NamedTuple

from vfslint.lazy import lazy
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain
    from vfslint.targets import Version

_PINS = ("vcpupin", "emulatorpin", "iothreadpin")


class Bitset(NamedTuple):
    """A set of numbers in an attribute or a text; `may_be_empty` tells whether libvirt takes an empty one."""

    node: Node
    attribute: Attribute | None
    may_be_empty: bool

    @property
    def text(self) -> str:
        """The set as written."""
        return self.attribute.value if self.attribute else self.node.text

    @property
    def members(self) -> frozenset[int] | None:
        """The members, or None where libvirt cannot read the set."""
        return numbers.bitmap(self.text)

    @property
    def label(self) -> str:
        """How messages call the place."""
        return f"'{self.attribute.name}' of <{self.node.tag}>" if self.attribute else f"<{self.node.tag}>"


class Topology:
    """`cpu/topology`: sockets, dies, clusters, cores and threads."""

    def __init__(self, node: Node, libvirt: Version) -> None:
        self.node = node
        self._names = ["sockets", "dies", "cores", "threads"]
        if libvirt >= (10, 1, 0):
            self._names.insert(2, "clusters")

    @lazy
    def factors(self) -> dict[str, int]:
        """What is multiplied, by attribute; empty where one of them cannot be read."""
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
        """How many CPUs the topology has, or None where it cannot be read."""
        return reduce(mul, self.factors.values()) if self.factors else None

    @property
    def product(self) -> str:
        """The multiplication as messages write it: 2 sockets × 4 cores × 1 threads."""
        return " × ".join(f"{number} {name}" for name, number in self.factors.items())


def bitsets(domain: Domain) -> Iterator[Bitset]:
    """Yield every set of CPUs or NUMA nodes that libvirt reads."""
    vcpu = domain.first("vcpu")
    if vcpu and vcpu.value("placement") != "auto":
        yield from _attribute(vcpu, "cpuset")
    for cputune in domain.elements("cputune"):
        for tag in _PINS:
            for pin in cputune.children(tag):
                yield from _attribute(pin, "cpuset")
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
    for device in domain.memory_devices:
        mask = device.source.child("nodemask") if device.source else None
        if mask:
            yield Bitset(mask, None, False)


def _attribute(node: Node, name: str, *, may_be_empty: bool = False) -> Iterator[Bitset]:
    found = node.attribute(name)
    if found:
        yield Bitset(node, found, may_be_empty)


def vcpu_states(domain: Domain) -> Iterator[tuple[int, bool, Node]]:
    """Yield id, state and node of each vCPU that `<vcpus>` lists."""
    for vcpus in domain.elements("vcpus"):
        for node in vcpus.children("vcpu"):
            number = numbers.unsigned(node.value("id") or "")
            if number is not None:
                yield number, node.value("enabled") == "yes", node


def faulty_pins(domain: Domain) -> Iterator[tuple[Node, Node | None]]:
    """Yield each binding without a set, and each that repeats another one, with that one."""
    seen: dict[tuple[str, str | None], Node] = {}
    for cputune in domain.elements("cputune"):
        for tag, name in zip(_PINS, ("vcpu", "", "iothread"), strict=True):
            for pin in cputune.children(tag):
                key = tag, pin.value(name) if name else None
                if pin.value("cpuset") is None:
                    yield pin, None
                elif key in seen:
                    yield pin, seen[key]
                seen.setdefault(key, pin)


def details_without_model(domain: Domain) -> list[Node]:
    """Return the features of a custom CPU and the vendor of any CPU that lack a `<model>`."""
    cpu = domain.first("cpu")
    if cpu is None or domain.cpu_model:
        return []
    vendor = cpu.child("vendor")
    found = [vendor] if vendor and vendor.text else []
    return found + (domain.cpu_features if domain.cpu_mode == "custom" else [])


def model_faults(domain: Domain) -> Iterator[tuple[Attribute, str]]:
    """Yield the attributes of `<model>` that libvirt refuses; it does not look at a passed-through CPU's."""
    cpu = domain.first("cpu")
    model = cpu.child("model") if cpu else None
    if model is None or domain.cpu_mode in ("host-passthrough", "maximum"):
        return
    fallback, vendor = model.attribute("fallback"), model.attribute("vendor_id")
    if fallback and fallback.value not in ("", "allow", "forbid"):
        yield fallback, "is neither allow nor forbid"
    if vendor and vendor.value:
        if len(vendor.value.encode()) != 12:
            yield vendor, "does not have 12 letters"
        elif "," in vendor.value:
            yield vendor, "has a comma in it"


def cache_faults(domain: Domain) -> Iterator[tuple[Node, str]]:
    """Yield `<cache>` and `<maxphysaddr>` where QEMU cannot do what they ask for."""
    cpu = domain.first("cpu")
    cache = cpu.child("cache") if cpu else None
    if cache:
        mode, level = cache.value("mode"), numbers.integer(cache.value("level") or "")
        if level is not None and not 1 <= level <= 3:
            yield cache, f"a cache has level 1, 2 or 3, not {level}"
        elif mode == "emulate" and level != 3:
            yield cache, "QEMU emulates a cache of level 3 alone"
        elif mode in ("passthrough", "disable") and level is not None:
            yield cache, f"cache mode {mode!r} has no level"
        elif mode == "passthrough" and domain.cpu_mode not in ("host-passthrough", "maximum"):
            yield cache, f"the host's caches cannot be passed through to a CPU of mode {domain.cpu_mode!r}"
    address = cpu.child("maxphysaddr") if cpu and domain.context.target.libvirt >= (8, 7, 0) else None
    if address and address.value("mode") == "passthrough" and address.value("bits") is not None:
        yield address, "<maxphysaddr mode='passthrough'> takes no number of bits"
