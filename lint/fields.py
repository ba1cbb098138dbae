"""Which values libvirt's parser takes in a domain, attribute by attribute, release by release.

Only what a plain define refuses stands here: the schema asks for more. Asked of libvirt 7.0.0, 9.0.0, 11.3.0
and 12.8.0; where two of them differ and no release note dates the change, the later one is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint import values
from vfslint.documents import Attribute, Node
from vfslint.targets import Version

if TYPE_CHECKING:
    from vfslint.domain import Domain

ALWAYS: Version = (0, 0, 0)
NEVER: Version = (999, 0, 0)

# The release whose parser refuses what libvirt 7.0.0 passed over (virXMLPropEnum and its kin).
_PEDANTIC: Version = (9, 0, 0)

Words = dict[str, Version]


class Field(NamedTuple):
    """What one attribute may hold; with an empty `name`, the text of the element.

    `words` are the values and the release that brought each; None stands for a whole number between `low`
    and `high`. `since` is the release that reads the attribute, `strict` the one that refuses wrong values,
    `empty` the one that refuses an empty value, `required` the one that refuses its absence.
    """

    name: str
    words: Words | None
    since: Version = ALWAYS
    strict: Version = ALWAYS
    empty: Version = ALWAYS
    required: Version = NEVER
    low: int = 0
    high: int = 2**32 - 1

    def accepts(self, value: str, libvirt: Version) -> bool:
        """Whether that release of libvirt takes the value."""
        if libvirt < max(self.since, self.strict if value else self.empty):
            return True
        if self.words is not None:
            return libvirt >= self.words.get(value, NEVER)
        if self.low < 0:
            number = values.integer(value)
        else:
            number = values.unsigned(value, bits=64 if self.high >= 2**32 else 32)
        return number is not None and self.low <= number <= self.high


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


def _words(name: str, words: str, *, newer: Words | None = None, **options: Any) -> Field:
    return Field(name, dict.fromkeys(words.split(), ALWAYS) | (newer or {}), **options)


def _switch(name: str, words: str = "on off", **options: Any) -> Field:
    return _words(name, words, **options)


def _number(name: str, **options: Any) -> Field:
    return Field(name, None, **options)


def _positive(name: str, **options: Any) -> Field:
    return Field(name, None, low=1, **options)


_STATE = (_switch("state"),)
_WANTED_STATE = (_switch("state", required=ALWAYS),)
_ACTION = (_words("", "destroy restart preserve rename-restart coredump-destroy coredump-restart", empty=NEVER),)
_COUNT = "sockets cores threads".split()

# Where libvirt reads the first element alone; of all others it reads each (XPath in domain_conf.c).
_FIRST = frozenset(
    """clock cpu cpu/cache cpu/maxphysaddr cpu/topology devices/iommu/driver devices/memory/target
    devices/memory/target/node iothreads launchSecurity maxMemory memory numatune/memory on_crash
    on_lockfailure on_poweroff on_reboot os/bios os/bootmenu os/loader os/smbios sysinfo vcpu""".split()
)

FIELDS: dict[str, tuple[Field, ...]] = {
    "vcpu": (_words("placement", "static auto"), _number("current")),
    "memory": (_switch("dumpCore", empty=_PEDANTIC),),
    "maxMemory": (_number("slots", empty=NEVER),),
    "iothreads": (_number("", empty=NEVER),),
    "iothreadids/iothread": (_positive("id", required=ALWAYS),),
    "defaultiothread": (
        _number("thread_pool_min", low=-1, since=(8, 5, 0)),
        _number("thread_pool_max", low=-1, since=(8, 5, 0)),
    ),
    "vcpus/vcpu": (
        _number("id", required=ALWAYS),
        _switch("enabled", "yes no", required=ALWAYS),
        _switch("hotpluggable", "yes no"),
        _positive("order"),
    ),
    "os": (_words("firmware", "bios efi", empty=NEVER),),
    "os/boot": (_words("dev", "fd hd cdrom network", required=ALWAYS),),
    "os/bootmenu": (
        _switch("enable", "yes no", strict=_PEDANTIC, empty=_PEDANTIC),
        _number("timeout", high=65535),
    ),
    "os/bios": (_number("rebootTimeout", low=-1, high=65535),),
    "os/smbios": (_words("mode", "none emulate host sysinfo", empty=NEVER),),
    "os/loader": (
        _switch("readonly", "yes no"),
        _words("type", "rom pflash"),
        _switch("secure", "yes no"),
    ),
    "os/acpi/table": (Field("type", {}, strict=NEVER, empty=NEVER, required=ALWAYS),),
    "features/apic": (_switch("eoi", empty=_PEDANTIC),),
    "features/capabilities": (_words("policy", "default allow deny"),),
    "features/ioapic": (_words("driver", "qemu kvm"),),
    "features/msrs": (_words("unknown", "ignore fault", required=ALWAYS),),
    "features/hyperv": (_words("mode", "none custom passthrough", since=(8, 0, 0)),),
    **{f"features/{name}": _STATE for name in "hap pmu pvspinlock smm vmcoreinfo vmport".split()},
    **{f"features/{name}": _WANTED_STATE for name in "nested-hv htm ccf-assist ps2 ras".split()},
    **{f"features/kvm/{name}": _WANTED_STATE for name in "hidden hint-dedicated poll-control".split()},
    **{
        f"features/hyperv/{name}": _WANTED_STATE
        for name in """relaxed vapic spinlocks vpindex runtime synic stimer reset vendor_id frequencies
            reenlightenment tlbflush ipi evmcs""".split()
    },
    "clock": (
        _words("offset", "utc localtime variable timezone", newer={"absolute": (8, 4, 0)}, empty=NEVER),
        _words("basis", "utc localtime", empty=NEVER),
    ),
    "clock/timer": (
        _words("name", "platform pit rtc hpet tsc kvmclock hypervclock armvtimer", required=ALWAYS),
        _switch("present", "yes no"),
        _words("tickpolicy", "delay catchup merge discard"),
        _words("track", "boot guest wall", newer={"realtime": (8, 8, 0)}),
        _words("mode", "auto native emulate paravirt smpsafe"),
        _number("frequency", high=2**64 - 1, empty=_PEDANTIC),
    ),
    "clock/timer/catchup": tuple(_number(name, high=2**64 - 1) for name in ("threshold", "slew", "limit")),
    "on_poweroff": _ACTION,
    "on_reboot": _ACTION,
    "on_crash": _ACTION,
    "on_lockfailure": (_words("", "poweroff restart pause ignore", empty=NEVER),),
    "pm/suspend-to-mem": (_switch("enabled", "yes no", empty=_PEDANTIC),),
    "pm/suspend-to-disk": (_switch("enabled", "yes no", empty=_PEDANTIC),),
    "cpu": (
        _words("mode", "custom host-model host-passthrough", newer={"maximum": (7, 1, 0)}),
        _words("match", "minimum exact strict"),
        _words("check", "default none partial full"),  # `default` is for the parser alone
        _switch("migratable"),
    ),
    "cpu/feature": (_words("policy", "force require optional disable forbid"),),
    "cpu/cache": (
        _words("mode", "emulate passthrough disable", required=ALWAYS),
        _number("level", low=-(2**31), high=2**31 - 1),
    ),
    "cpu/maxphysaddr": (
        _words("mode", "emulate passthrough", since=(8, 7, 0), required=ALWAYS),
        _number("bits", low=-(2**31), high=2**31 - 1, since=(8, 7, 0)),
    ),
    "cpu/topology": (
        *(_positive(name, required=ALWAYS) for name in _COUNT),
        _positive("dies"),
        _positive("clusters", since=(10, 1, 0)),
    ),
    "cpu/numa/cell": (
        _number("id"),
        _words("memAccess", "shared private"),
        _switch("discard", "yes no"),
    ),
    "cpu/numa/cell/distances/sibling": (_number("id", required=ALWAYS), _number("value", required=ALWAYS)),
    "cpu/numa/cell/cache": (
        _positive("level", required=ALWAYS),
        _words("associativity", "none direct full", required=ALWAYS),
        _words("policy", "none writeback writethrough", required=ALWAYS),
    ),
    "cpu/numa/interconnects/latency": (
        _number("initiator", required=ALWAYS),
        _number("target", required=ALWAYS),
        _words("type", "access read write", required=ALWAYS),
        _number("value", required=ALWAYS),
    ),
    "cpu/numa/interconnects/bandwidth": (
        _number("initiator", required=ALWAYS),
        _number("target", required=ALWAYS),
        _words("type", "access read write", required=ALWAYS),
    ),
    "memoryBacking/allocation": (_number("threads", since=(8, 2, 0), empty=NEVER),),
    "numatune/memory": (
        _words("mode", "strict preferred interleave", newer={"restrictive": (7, 9, 0)}),
        _words("placement", "static auto"),
    ),
    "cputune/shares": (_number("", empty=NEVER, high=2**64 - 1),),
    **{
        f"cputune/{name}": (_number("", empty=NEVER, low=1000, high=1_000_000),)
        for name in "period global_period emulator_period iothread_period".split()
    },
    "cputune/vcpupin": (_number("vcpu", required=ALWAYS),),
    "cputune/iothreadpin": (_positive("iothread", required=ALWAYS),),
    "cputune/vcpusched": (_words("scheduler", "batch idle fifo rr", required=ALWAYS),),
    "seclabel": (_words("type", "none dynamic static"), _switch("relabel", "yes no")),
    "sysinfo": (_words("type", "smbios fwcfg", required=ALWAYS),),
    "launchSecurity": (
        _words(
            "type",
            "sev",
            newer={"s390-pv": (7, 6, 0), "sev-snp": (10, 5, 0), "tdx": (11, 6, 0)},
            required=ALWAYS,
        ),
    ),
    "devices/iommu": (
        _words("model", "intel smmuv3", newer={"virtio": (8, 3, 0), "amd": (11, 5, 0)}, required=ALWAYS),
    ),
    "devices/iommu/driver": (
        *(_switch(name) for name in "intremap caching_mode eim iotlb".split()),
        _number("aw_bits"),
    ),
    "devices/memory": (
        _words(
            "model",
            "dimm nvdimm",
            newer={"virtio-pmem": (7, 1, 0), "virtio-mem": (7, 9, 0), "sgx-epc": (8, 10, 0)},
            required=ALWAYS,
        ),
        _words("access", "shared private"),
        _switch("discard", "yes no"),
    ),
    "devices/memory/target": (_switch("dynamicMemslots", "yes no", since=(10, 1, 0)),),
    "devices/memory/target/node": (_number("", empty=NEVER),),
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
        yield from _strangers(features, domain.setting.target.libvirt)
        for group in ("hyperv", "kvm"):
            for node in features.children(group):
                passes = node.value("mode") == "passthrough" and domain.setting.target.libvirt >= (9, 1, 0)
                if not passes:
                    yield from _strangers(node, domain.setting.target.libvirt)


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


# What the schema leaves open; a domain that fits it has nothing wrong elsewhere.
_OPEN = ("os/acpi", "features", "clock", "cputune", "sysinfo", "launchSecurity", "devices/iommu")


def _tree(*, fits: bool) -> _Branch:
    root = _Branch()
    for path, every in FIELDS.items():
        if fits and not path.startswith(_OPEN):
            continue
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
    libvirt = domain.setting.target.libvirt
    if value is None:
        if libvirt >= max(field.required, field.since):
            found.append(Refusal(Node(domain.document, element), field, None, None))
    elif not field.accepts(value, libvirt):
        node = Node(domain.document, element)
        found.append(Refusal(node, field, node.attribute(field.name) if field.name else None, value))
