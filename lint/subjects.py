"""The subjects of rules: their types, and where in a domain each of them is found.

A rule about a `Disk` is called for every disk, one about a `list[Disk]` once for all disks of a domain together, and
one about a `Deviating[Disk]` for every disk that deviates from the vocabulary: such a rule reports nothing else, so
that it costs nothing in most domains.
A type determines what a rule may use; if its class adds nothing to `Device` or `Node`, the subject is one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

Part = TypeVar("Part")
Deviating = Annotated[Part, "only if it deviates from the vocabulary"]

# Rules are registered before the model of a domain is needed.
Domain = Any


class Subject(NamedTuple):
    """The local names of elements, one of which a domain with this subject has (empty: every domain), and a finder.

    `of_deviations`: only a domain that deviates from the vocabulary has one. `is_device`: it is an element inside
    `<devices>` and refers to nothing else, so that what a rule without a context reports depends on its text only.
    """

    elements: frozenset[str]
    find: Callable[[Domain], Sequence[Any]]
    of_deviations: bool = False
    is_device: bool = False


def _of(elements: str, find: Callable[[Domain], Iterable[Any]]) -> Subject:
    return Subject(frozenset(elements.split()), lambda domain: list(find(domain)))


def _first(element: str) -> Subject:
    return Subject(frozenset({element}), lambda domain: domain.elements(element)[:1])


def _devices(element: str) -> Subject:
    return Subject(frozenset({element}), lambda domain: domain.devices_of(element), is_device=True)


def _device(elements: str, find: Callable[[Domain], Iterable[Any]]) -> Subject:
    return _of(elements, find)._replace(is_device=True)


def _in_os(elements: str) -> Subject:
    names = elements.split()
    return _of(
        elements, lambda domain: (node for os in domain.elements("os") for node in os.children() if node.tag in names)
    )


def _deviations(kind: str) -> Subject:
    return Subject(frozenset(), lambda domain: domain.deviations_of(kind), of_deviations=True)


# The classes of vfslint.domain.deviation.
_DEVIATIONS = """MisplacedAttribute MisplacedElement MissingAttribute MissingElement RepeatedElement
    RequiredAttribute TooNew UnexpectedText UnknownAttribute UnknownElement UnknownWord UnreadableNumber WrongOrder
    WrongValue""".split()

# The parts of a domain by the names of their types: rules are registered before these classes are needed.
OF_DOMAINS: dict[str, Subject] = {
    "Domain": _of("", lambda domain: (domain,)),
    "Address": _of("address", lambda domain: domain.addresses),
    "Audio": _devices("audio"),
    "Balloon": _devices("memballoon"),
    "Bitset": _of("", lambda domain: domain.bitsets),
    "Bios": _in_os("bios"),
    "BinaryShare": _device("binary", lambda domain: [fs for fs in domain.shares if fs.binary]),
    "Boot": _of("boot", lambda domain: domain.boots),
    "Bootloader": _first("bootloader"),
    "Cell": _of("cell", lambda domain: domain.cells),
    "CharacterBackend": _device(
        "serial parallel console channel smartcard redirdev rng", lambda domain: domain.character_backends
    ),
    "CharacterDevice": _device(
        "serial parallel console channel smartcard redirdev rng", lambda domain: domain.character_devices
    ),
    "Clock": _first("clock"),
    "Console": _device("console", lambda domain: domain.consoles),
    "Controller": _device("controller", lambda domain: domain.controllers),
    "Cmdline": _in_os("cmdline"),
    "Cpu": _of("cpu", lambda domain: (domain.cpu,) if domain.cpu else ()),
    "CpuFeature": _of("feature", lambda domain: domain.cpu.features if domain.cpu else ()),
    "CpuPin": _of("vcpupin emulatorpin iothreadpin", lambda domain: domain.cpu_pins),
    "CpuShares": _of(
        "shares",
        lambda domain: [node for cputune in domain.elements("cputune") for node in cputune.children("shares")[:1]][:1],
    ),
    "Disk": _device("disk", lambda domain: domain.disks),
    "ExternalShare": _device("filesystem", lambda domain: [fs for fs in domain.shares if fs.socket is not None]),
    "Feature": _of("features", lambda domain: domain.features),
    "Filesystem": _device("filesystem", lambda domain: domain.filesystems),
    "Firmware": _in_os("loader nvram firmware"),
    "Graphics": _device("graphics", lambda domain: domain.graphics),
    "Hostdev": _device("hostdev", lambda domain: domain.hostdevs),
    "HugePages": _of("hugepages", lambda domain: domain.backing.elements("hugepages")[:1]),
    "IdRange": _of("idmap", lambda domain: (ids for fs in domain.shares for ids in (*fs.uid_map, *fs.gid_map))),
    "Init": _in_os("init initarg initenv initdir inituser initgroup"),
    "Input": _device("input", lambda domain: domain.inputs),
    "Interface": _device("interface", lambda domain: domain.interfaces),
    "Interconnect": _of(
        "interconnects",
        lambda domain: [
            path
            for numa in domain.numa
            for group in numa.children("interconnects")[:1]
            for path in group.children()
            if path.tag in ("latency", "bandwidth")
        ],
    ),
    "Iommu": _devices("iommu"),
    "IoThread": _of("iothread", lambda domain: domain.iothread_ids),
    "IoThreadPool": _of(
        "iothread defaultiothread", lambda domain: (*domain.iothread_ids, *domain.elements("defaultiothread")[:1])
    ),
    "LaunchSecurity": _first("launchSecurity"),
    "Lease": _devices("lease"),
    "ManagedShare": _device("filesystem", lambda domain: [fs for fs in domain.shares if fs.socket is None]),
    "MappedShare": _device("idmap", lambda domain: [fs for fs in domain.shares if fs.idmap]),
    "MemoryBacking": _of("memoryBacking", lambda domain: (domain.backing,) if domain.backing.nodes else ()),
    "MemoryDevice": _device("memory", lambda domain: domain.memory_devices),
    "Numatune": _of("numatune", lambda domain: domain.elements("numatune")),
    "Page": _of("page", lambda domain: domain.backing.pages),
    "Panic": _devices("panic"),
    "PersistentStore": _devices("pstore"),
    "PciController": _device("controller", lambda domain: domain.pci_controllers),
    "ReadonlyShare": _device("readonly", lambda domain: [fs for fs in domain.shares if fs.readonly]),
    "Redirection": _device(
        "redirdev redirfilter", lambda domain: (*domain.devices_of("redirdev"), *domain.devices_of("redirfilter"))
    ),
    "ResourceGroup": _of("cachetune memorytune energytune", lambda domain: domain.resource_groups),
    "Resource": _first("resource"),
    "SecurityLabel": _of("seclabel", lambda domain: domain.elements("seclabel")),
    "SharedMemory": _device("shmem", lambda domain: domain.shared_memories),
    "SystemInfo": _of("sysinfo", lambda domain: domain.elements("sysinfo")),
    "SerialPort": _device("serial console", lambda domain: domain.serial_ports),
    "Smartcard": _devices("smartcard"),
    "Sound": _devices("sound"),
    "ThreadTuning": _of("vcpusched iothreadsched emulatorsched iothreadpin", lambda domain: domain.thread_tunings),
    "Timer": _of(
        "timer", lambda domain: (node for clock in domain.elements("clock") for node in clock.children("timer"))
    ),
    "Title": _first("title"),
    "Topology": _of("topology", lambda domain: (domain.cpu.topology,) if domain.cpu and domain.cpu.topology else ()),
    "Tpm": _device("tpm", lambda domain: domain.tpms),
    "UnreadableSize": _of("", lambda domain: domain.unreadable_sizes),
    "VcpuState": _of("vcpus", lambda domain: domain.vcpu_states),
    "Video": _device("video", lambda domain: domain.videos),
    "VirtioFS": _device("filesystem", lambda domain: domain.shares),
    "Watchdog": _device("watchdog", lambda domain: domain.watchdogs),
    **{kind: _deviations(kind) for kind in _DEVIATIONS},
}
# Subjects that are not part of a domain: whole files, settings, several domains together.
OF_QEMU_CONF = frozenset({"ConfSetting", "QemuSettings", "Unreadable"})
OTHERS = OF_QEMU_CONF | {"MalformedXml", "Document", "Fleet", "UnknownRoot", "Suppression"}
_TOGETHER, _DEVIATING = "list[", "Deviating["


def subject_of(annotation: object) -> str:
    """Return the name of the subject that an annotation names; raises LookupError if it is not a subject."""
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    if is_deviating(name):
        name = name[len(_DEVIATING) : -1]
    if part_of(name) in OF_DOMAINS or name in OTHERS:
        return name
    raise LookupError(f"{name} is not one of {', '.join(sorted({*OF_DOMAINS, *OTHERS}))}, or a list of these")


def is_deviating(annotation: object) -> bool:
    """Whether an annotation names only subjects that deviate from the vocabulary: `Deviating[Disk]`."""
    return isinstance(annotation, str) and annotation.startswith(_DEVIATING)


def part_of(subject: str) -> str:
    """Return the type of one item of a subject: `Disk` for `list[Disk]`."""
    return subject[len(_TOGETHER) : -1] if subject.startswith(_TOGETHER) else subject


def is_of_domains(subject: str) -> bool:
    """Whether a subject is a domain or a part of one."""
    return part_of(subject) in OF_DOMAINS
