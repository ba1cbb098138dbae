"""Which values libvirt's parser takes in a domain, attribute by attribute, release by release.

Only what a plain define refuses stands here: the schema asks for more. Asked of libvirt 7.0.0, 9.0.0, 11.3.0
and 12.8.0; where two of them differ and no release note dates the change, the later one is named.

What domain.xsd leaves open is looked at in every domain. A domain that passes the gate has nothing wrong in
all else, which is in `vfslint.domain.closed_fields` and loaded for the others alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

ALWAYS: Version = (0, 0, 0)
NEVER: Version = (999, 0, 0)

# The release whose parser refuses what libvirt 7.0.0 passed over (virXMLPropEnum and its kin).
PEDANTIC: Version = (9, 0, 0)

Words = dict[str, Version]


class Field(NamedTuple):
    """What one attribute may hold; with an empty `name`, the text of the element.

    `words` are the values and the release that brought each; None stands for a whole number between `low` and
    `high`, beside which `unlimited` lets numbers below 1 stand, and `signed` a minus sign. `since` is the release
    that reads the attribute, `strict` the one that refuses wrong values, `empty` the one that refuses an empty
    value, `required` the one that refuses its absence.
    """

    name: str
    words: Words | None
    since: Version = ALWAYS
    strict: Version = ALWAYS
    empty: Version = ALWAYS
    required: Version = NEVER
    low: int = 0
    high: int = 2**32 - 1
    unlimited: bool = False
    signed: bool = False

    def accepts(self, value: str, libvirt: Version) -> bool:
        """Whether that release of libvirt takes the value."""
        if libvirt < max(self.since, self.strict if value else self.empty):
            return True
        if self.words is not None:
            return libvirt >= self.words.get(value, NEVER)
        bits = 64 if self.high >= 2**32 else 32
        read = numbers.integer if self.signed or self.low < 0 else numbers.unsigned
        number = read(value, bits=bits)
        if number is None:
            return False
        return self.low <= number <= self.high or (self.unlimited and number < 1)


class Refusal(NamedTuple):
    """A value that libvirt refuses; `attribute` is None where it is missing, or where the text is meant."""

    node: Node
    field: Field
    attribute: Attribute | None
    value: str | None

    @property
    def place(self) -> str:
        """How messages call the place: `<cpu mode='…'>` without the value, or `<iothreads>`."""
        return f"'{self.field.name}' of <{self.node.tag}>" if self.field.name else f"<{self.node.tag}>"

    @property
    def is_number(self) -> bool:
        """Whether a number was wanted."""
        return self.field.words is None


def listed(name: str, words: str, *, newer: Words | None = None, **options: Any) -> Field:
    """Return a field for one of some words, those of `newer` with the release that brought each."""
    return Field(name, dict.fromkeys(words.split(), ALWAYS) | (newer or {}), **options)


def switch(name: str, words: str = "on off", **options: Any) -> Field:
    """Return a field for one of two words."""
    return listed(name, words, **options)


def number(name: str, **options: Any) -> Field:
    """Return a field for a whole number from 0."""
    return Field(name, None, **options)


def positive(name: str, **options: Any) -> Field:
    """Return a field for a whole number from 1."""
    return Field(name, None, low=1, **options)


_STATE = (switch("state"),)
_WANTED_STATE = (switch("state", required=ALWAYS),)

# Where libvirt reads the first element alone; of all others it reads each (XPath in domain_conf.c).
_FIRST = frozenset(
    """clock cpu cpu/cache cpu/maxphysaddr cpu/topology devices/iommu/driver devices/memory/target
    devices/memory/target/node iothreads launchSecurity maxMemory memory numatune/memory on_crash
    on_lockfailure on_poweroff on_reboot os/bios os/bootmenu os/loader os/smbios sysinfo vcpu""".split()
)

OPEN: dict[str, tuple[Field, ...]] = {
    "os/acpi/table": (Field("type", {}, strict=NEVER, empty=NEVER, required=ALWAYS),),
    "features/apic": (switch("eoi", empty=PEDANTIC),),
    "features/capabilities": (listed("policy", "default allow deny"),),
    "features/ioapic": (listed("driver", "qemu kvm"),),
    "features/msrs": (listed("unknown", "ignore fault", required=ALWAYS),),
    "features/hyperv": (listed("mode", "none custom passthrough", since=(8, 0, 0)),),
    **{f"features/{name}": _STATE for name in "hap pmu pvspinlock smm vmcoreinfo vmport".split()},
    **{f"features/{name}": _WANTED_STATE for name in "nested-hv htm ccf-assist ps2 ras".split()},
    **{f"features/kvm/{name}": _WANTED_STATE for name in "hidden hint-dedicated poll-control".split()},
    **{
        f"features/hyperv/{name}": _WANTED_STATE
        for name in """relaxed vapic spinlocks vpindex runtime synic stimer reset vendor_id frequencies
            reenlightenment tlbflush ipi evmcs""".split()
    },
    "clock": (
        listed("offset", "utc localtime variable timezone", newer={"absolute": (8, 4, 0)}, empty=NEVER),
        listed("basis", "utc localtime", empty=NEVER),
    ),
    "clock/timer": (
        listed("name", "platform pit rtc hpet tsc kvmclock hypervclock armvtimer", required=ALWAYS),
        switch("present", "yes no"),
        listed("tickpolicy", "delay catchup merge discard"),
        listed("track", "boot guest wall", newer={"realtime": (8, 8, 0)}),
        listed("mode", "auto native emulate paravirt smpsafe"),
        number("frequency", high=2**64 - 1, empty=PEDANTIC),
    ),
    "clock/timer/catchup": tuple(number(name, high=2**64 - 1) for name in ("threshold", "slew", "limit")),
    "cputune/vcpusched": (listed("scheduler", "batch idle fifo rr", required=ALWAYS),),
    "sysinfo": (listed("type", "smbios fwcfg", required=ALWAYS),),
    "launchSecurity": (
        listed(
            "type",
            "sev",
            newer={"s390-pv": (7, 6, 0), "sev-snp": (10, 5, 0), "tdx": (11, 6, 0)},
            required=ALWAYS,
        ),
    ),
    "devices/iommu": (
        listed("model", "intel smmuv3", newer={"virtio": (8, 3, 0), "amd": (11, 5, 0)}, required=ALWAYS),
    ),
    "devices/iommu/driver": (
        *(switch(name) for name in "intremap caching_mode eim iotlb".split()),
        number("aw_bits"),
    ),
}


# What may stand in <features>, <hyperv> and <kvm>, and the release that brought each of the younger ones.
_FEATURES: dict[str, Words] = {
    "features": dict.fromkeys(
        """acpi apic pae viridian hap privnet hyperv kvm pvspinlock capabilities pmu vmport gic smm ioapic hpt
        vmcoreinfo nested-hv htm xen msrs ccf-assist cfpc sbbc ibs""".split(),
        ALWAYS,
    )
    | {
        "tcg": (8, 0, 0),
        "async-teardown": (9, 6, 0),
        "ras": (10, 4, 0),
        "ps2": (10, 7, 0),
        "aia": (11, 1, 0),
    },
    "hyperv": dict.fromkeys(
        """relaxed vapic spinlocks vpindex runtime synic stimer reset vendor_id frequencies reenlightenment
        tlbflush ipi evmcs""".split(),
        ALWAYS,
    )
    | {"avic": (8, 10, 0), "emsr_bitmap": (10, 7, 0), "xmm_input": (10, 7, 0)},
    "kvm": dict.fromkeys("hidden hint-dedicated poll-control".split(), ALWAYS)
    | {"pv-ipi": (7, 10, 0), "dirty-ring": (8, 0, 0)},
}


def unknown_features(domain: Domain) -> Iterator[tuple[Node, list[str]]]:
    """Yield each feature that the target's libvirt does not know, with the names that it knows there."""
    for features in domain.elements("features"):
        yield from _strangers(features, domain.context.target.libvirt)
        for group in ("hyperv", "kvm"):
            for node in features.children(group):
                passes = node.value("mode") == "passthrough" and domain.context.target.libvirt >= (9, 1, 0)
                if not passes:
                    yield from _strangers(node, domain.context.target.libvirt)


def _strangers(node: Node, libvirt: Version) -> Iterator[tuple[Node, list[str]]]:
    names = _FEATURES[node.tag]
    for child in node.element.iterchildren("*"):
        if libvirt < names.get(child.tag, NEVER):
            known = [name for name, since in names.items() if libvirt >= since]
            yield Node(node.document, child), known


class _Branch:
    """The fields of one element and of what lies below it."""

    __slots__ = ("children", "fields", "is_first")

    def __init__(self) -> None:
        self.fields: tuple[Field, ...] = ()
        self.children: dict[str, _Branch] = {}
        self.is_first = False


def _tree(*, fits: bool) -> _Branch:
    fields = OPEN
    if not fits:
        from vfslint.domain.closed_fields import CLOSED

        fields = OPEN | CLOSED
    root = _Branch()
    for path, every in fields.items():
        branch = root
        for tag in path.split("/"):
            branch = branch.children.setdefault(tag, _Branch())
        branch.fields = every
        branch.is_first = path in _FIRST
    return root


class _Tree:
    """What to look at at the top of a domain, in its devices and in its NUMA cells."""

    def __init__(self, *, fits: bool) -> None:
        self.top = _tree(fits=fits)
        self.devices = self.top.children.pop("devices")
        cpu = self.top.children.get("cpu", _Branch())
        self.numa = cpu.children.pop("numa", _Branch())


@cache
def _tree_for(fits: bool) -> _Tree:
    return _Tree(fits=fits)


def refusals(domain: Domain) -> list[Refusal]:
    """Return each value that the target's libvirt refuses."""
    found: list[Refusal] = []
    tree = _tree_for(domain.fits_schema)
    for tag, branch in tree.top.children.items():
        nodes = domain.elements(tag)
        for node in nodes[:1] if branch.is_first else nodes:
            _look(domain, node.element, branch, found)
    for numa in domain.numa if tree.numa.children else ():
        _look(domain, numa.element, tree.numa, found)
    for tag, branch in tree.devices.children.items():
        for node in domain.devices.get(tag, ()):
            _look(domain, node.element, branch, found)
    return found


def _look(domain: Domain, element: Any, branch: _Branch, found: list[Refusal]) -> None:
    """Add what is refused in an element and below it."""
    get = element.get
    for field in branch.fields:
        value = get(field.name) if field.name else Node(domain.document, element).text
        words = field.words
        # Most values are words that every release knows, or are not there.
        if words is not None and value in words and words[value] == ALWAYS:
            continue
        if value is not None or field.required != NEVER:
            _judge(domain, element, field, value, found)
    if branch.children and len(element):
        done = set()
        for child in element.iterchildren("*"):
            below = branch.children.get(child.tag)
            if below and child.tag not in done:
                if below.is_first:
                    done.add(child.tag)
                _look(domain, child, below, found)


def _judge(domain: Domain, element: Any, field: Field, value: str | None, found: list[Refusal]) -> None:
    libvirt = domain.context.target.libvirt
    if value is None:
        if libvirt >= max(field.required, field.since):
            found.append(Refusal(Node(domain.document, element), field, None, None))
    elif not field.accepts(value, libvirt):
        node = Node(domain.document, element)
        found.append(Refusal(node, field, node.attribute(field.name) if field.name else None, value))
