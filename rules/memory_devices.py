"""Memory devices: modules that can be plugged, persistent memory, virtio-mem."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain import sharing
from vfslint.domain.domain import Domain
from vfslint.domain.hugepages import ORDINARY_KIB
from vfslint.domain.machine import HUGE_PAGES_KIB
from vfslint.domain.memory_device import MemoryDevice
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import spell
from vfslint.vocabulary import numbers
from vfslint.vocabulary.numbers import spell_size
from vfslint.xml import edits

# The page size of a guest's memory on x86, which is the smallest block of virtio-mem; the smallest label of an nvdimm.
LEAST_BLOCK_KIB = 2048
LEAST_LABEL_KIB = 128


@rule("VFS170", "memory-device-without-maximum", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_device_without_maximum(domain: Domain) -> Iterator[Problem]:
    """Memory devices require `<maxMemory>`.

    Why: it reserves their addresses and slots.
    Bad:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <memoryBacking><source type='memfd'/></memoryBacking>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
    Good:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memoryBacking><source type='memfd'/></memoryBacking>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
    libvirt says: cannot use/hotplug a memory device when domain 'maxMemory' is not defined
    See: libvirt domain_validate.c, qemu_domain.c:qemuDomainDefValidateMemoryHotplug
    """
    if domain.memory_devices and domain.max_memory_kib == 0:
        device = domain.memory_devices[0]
        yield Problem(
            at=device.node.start_span,
            message=f"the domain has a {device.label}, but no <maxMemory>",
            help="add <maxMemory slots='…' unit='GiB'>…</maxMemory>",
        )


@rule("VFS171", "memory-device-incomplete", severity=Severity.ERROR, stage=Stage.PARSE)
def memory_device_incomplete(device: MemoryDevice) -> Iterator[Problem]:
    """A memory device has a size, and a file if it requires one.

    Why: nvdimm and virtio-pmem are backed by files of the host; every device has a `<target>` with a `<size>`.
    Bad:
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <features><acpi/></features>
        <memory model='dimm'><target><node>0</node></target></memory>
    Good:
        <memory unit='GiB'>3</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='GiB'>1</size><node>0</node></target></memory>
    libvirt says: missing element or attribute './size'
    libvirt says: missing <target> element for <memory> device
    libvirt says: path is required for model
    See: libvirt domain_conf.c:virDomainMemoryDefParseXML
    """
    size = device.target.child("size") if device.target else None
    if device.target is None:
        target = "<target><size unit='MiB'>…</size><node>0</node></target>"
        yield Problem(at=device.node.start_span, message=f"{device.label} has no <target>", help=f"add {target}")
    elif size is None or not size.text:
        place = size or device.target
        help = "write <size unit='MiB'>…</size> in <target>"
        yield Problem(at=place.start_span, message=f"{device.label} has no size", help=help)
    path = device.source.child("path") if device.source else None
    if device.model in ("nvdimm", "virtio-pmem") and (path is None or not path.text):
        place = path or device.source or device.node
        help = "add <source><path>…</path></source>"
        yield Problem(at=place.start_span, message=f"{device.label} has no file", help=help)


@rule("VFS172", "memory-device-node", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_device_node(device: MemoryDevice, context: Context) -> Iterator[Problem]:
    """A memory device belongs to an existing NUMA cell.

    Why: the guest sees it as part of that node. virtio-pmem does not belong to any. libvirt 7.0.0 rejects a
        wrong node only when the domain starts; without cells, libvirt 9.6.0 adds cell 0.
    Bad:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memoryBacking><source type='memfd'/></memoryBacking>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>1</node></target></memory>
    Good:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memoryBacking><source type='memfd'/></memoryBacking>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
    libvirt says: can't add memory backend for guest node
    libvirt says: target NUMA node needs to be specified for memory device
    libvirt says: virtio-pmem does not support NUMA nodes
    See: libvirt domain_validate.c:virDomainMemoryDefValidate, qemu_command.c
    """
    domain = context.domain
    if device.model == "virtio-pmem":
        if device.has_node:
            yield Problem(
                at=device.node_span,
                message="a virtio-pmem device cannot belong to a NUMA cell",
                help="remove <node>",
            )
        return
    if device.model == "sgx-epc":
        return
    cells = len(domain.cells) or int(context.target.libvirt >= (9, 6, 0) and not domain.is_pseries)
    if not device.has_node:
        if cells or (domain.max_memory_kib and not domain.is_pseries):
            yield Problem(
                at=device.node.start_span,
                message=f"{device.label} has no NUMA cell",
                help="write <node>0</node> in <target>",
            )
    elif device.cell is not None and cells and device.cell >= cells:
        yield Problem(
            at=device.node_span,
            message=f"{device.label} belongs to NUMA cell {device.cell}, which does not exist",
            help="write the id of an existing cell",
            stage=Stage.START if context.target.libvirt < (7, 1, 0) else None,
        )


@rule("VFS173", "memory-device-without-acpi", severity=Severity.ERROR, stage=Stage.START)
def memory_device_without_acpi(device: MemoryDevice, context: Context) -> Iterator[Problem]:
    """Memory modules require ACPI.

    Why: on x86 and ARM a guest detects a dimm or nvdimm only through ACPI; QEMU does not start without it.
    Bad:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memoryBacking><source type='memfd'/></memoryBacking>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
    Good:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memoryBacking><source type='memfd'/></memoryBacking>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
    libvirt says: memory hotplug is not enabled: missing acpi device or acpi disabled
    Fix: adds `<acpi/>`.
    See: QEMU hw/i386/pc.c:pc_memory_pre_plug
    """
    domain = context.domain
    if device.model not in ("dimm", "nvdimm") or domain.has_acpi:
        return
    if not (domain.is_x86 or domain.arch in ("aarch64", "armv7l")):
        return
    features = domain.first("features")
    xml = "<acpi/>" if features else "<features>\n  <acpi/>\n</features>"
    edit = edits.insert(features, xml) if features else edits.insert(domain.node, xml, after=domain.first("os"))
    yield Problem(
        at=device.node.start_span,
        message=f"{device.label} requires ACPI",
        help="add <features><acpi/></features>",
        fix=Fix("add <acpi/>", (edit,)),
    )


@rule("VFS174", "private-memory-device", severity=Severity.ERROR, stage=Stage.GUEST)
def private_memory_device(device: MemoryDevice, context: Context) -> Iterator[Problem]:
    """If another process serves a device, memory devices are shared, too.

    Why: virtiofsd and similar processes must map all memory in which the guest may place a buffer. libvirt
        checks only the initial memory and starts the guest; I/O then fails if a buffer is in the private part.
    Bad:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
        <features><acpi/></features>
        <memory model='dimm' access='private'><target><size unit='MiB'>512</size><node>0</node></target></memory>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Fix: removes the access mode, so the device inherits it.
    See: libvirt qemu_command.c:qemuBuildMemoryBackendProps, where nothing compares the two
    """
    if device.access != "private" or device.model not in ("dimm", "nvdimm", "virtio-mem"):
        return
    served = sharing.vhost_user_devices(context.domain)
    if served and sharing.is_shared(context.domain):
        access = device.node["access"]
        yield Problem(
            at=access.span,
            message=f"{device.label} is private, but {served[0].label} requires all memory to be shared",
            help="remove access, so the device inherits the access mode",
            related=(Related(served[0].node.start_span, "another process serves this device"),),
            fix=Fix("remove the access mode", (edits.remove_attribute(access),)),
        )


@rule("VFS175", "private-pmem", severity=Severity.ERROR, stage=Stage.DEFINE)
def private_pmem(device: MemoryDevice) -> Iterator[Problem]:
    """virtio-pmem devices are shared.

    Why: what the guest writes must reach the file.
    Bad:
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memory model='virtio-pmem' access='private'>
          <source><path>/srv/pmem</path></source><target><size unit='MiB'>512</size></target></memory>
    Good:
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memory model='virtio-pmem'>
          <source><path>/srv/pmem</path></source><target><size unit='MiB'>512</size></target></memory>
    libvirt says: shared access mode required for virtio-pmem device
    Fix: removes the access mode.
    See: libvirt domain_validate.c:virDomainMemoryDefValidate
    """
    if device.model == "virtio-pmem" and device.access == "private":
        access = device.node["access"]
        yield Problem(
            at=access.span,
            message="a virtio-pmem device cannot be private",
            help="remove access",
            fix=Fix("remove the access mode", (edits.remove_attribute(access),)),
        )


@rule("VFS176", "memory-device-geometry", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_device_geometry(device: MemoryDevice, context: Context) -> Iterator[Problem]:
    """The sizes of a memory device match each other.

    Why: virtio-mem provides memory in blocks; their size is a power of two and at least 2 MiB. The requested
        size is a multiple of it and at most the size of the device. The label of an nvdimm has at least 128 KiB
        and leaves room for data.
    Bad:
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memory unit='GiB'>4</memory>
        <memory model='virtio-mem'><target><size unit='GiB'>1</size><node>0</node><block unit='MiB'>3</block>
          <requested unit='MiB'>512</requested></target></memory>
    Good:
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memory unit='GiB'>4</memory>
        <memory model='virtio-mem'><target><size unit='GiB'>1</size><node>0</node><block unit='MiB'>2</block>
          <requested unit='MiB'>512</requested></target></memory>
    libvirt says: block size must be a power of two
    libvirt says: block size too small, must be at least
    libvirt says: requested size must be an integer multiple of block size
    libvirt says: requested size must be smaller than or equal to @size
    libvirt says: nvdimm label must be at least 128KiB
    libvirt says: label size must be smaller than NVDIMM size
    See: libvirt domain_validate.c:virDomainMemoryDefValidate, domain_conf.c:virDomainMemoryTargetDefParseXML
    """
    if device.model == "virtio-mem":
        yield from _block_problems(device, LEAST_BLOCK_KIB if context.domain.is_x86 else 0)
    label = device.part("target/label/size") if device.model == "nvdimm" else None
    size_kib = label.kib if label else None
    if label is None or size_kib is None:
        return
    if size_kib < LEAST_LABEL_KIB:
        yield Problem(
            at=label.at,
            message=f"the label of {device.label} is smaller than {spell_size(LEAST_LABEL_KIB)}",
            help=f"write at least {spell_size(LEAST_LABEL_KIB)}",
        )
    elif device.size_kib and size_kib >= device.size_kib:
        yield Problem(
            at=label.at,
            message=f"the label of {device.label} leaves no room for data",
            help="increase the size of the device, or make the label smaller",
        )


def _block_problems(device: MemoryDevice, least_kib: int) -> Iterator[Problem]:
    block, requested = device.part("target/block"), device.part("target/requested")
    block_kib, requested_kib = (block.kib if block else None) or 0, (requested.kib if requested else None) or 0
    if not block_kib or block_kib & (block_kib - 1):
        yield Problem(
            at=block.at if block else device.node.text_span,
            message=f"the block size of {device.label} is not a power of two",
            help="write a power of two, such as 2 MiB",
        )
    elif block_kib < least_kib:
        yield Problem(
            at=block.at if block else device.node.text_span,
            message=f"the block size of {device.label} is below {spell_size(least_kib)}",
            help="write a power of two, such as 2 MiB",
        )
    elif requested and requested_kib % block_kib:
        yield Problem(
            at=requested.at,
            message=f"the requested size of {device.label} is not a multiple of its block size {spell_size(block_kib)}",
            help=f"write a multiple of {spell_size(block_kib)}",
        )
    if requested and device.size_kib is not None and requested_kib > device.size_kib:
        yield Problem(
            at=requested.at,
            message=f"the requested size of {device.label} exceeds its size",
            help="request less, or increase <size>",
        )


@rule("VFS177", "dynamic-memory-slots", severity=Severity.WARNING, stage=Stage.START)
def dynamic_memory_slots(device: MemoryDevice, context: Context) -> Iterator[Problem]:
    """Dynamic memory slots require a daemon that supports many memory slots.

    Why: QEMU then adds memory in many pieces; older vhost-user daemons, such as virtiofsd before 1.13, support
        only a few and may fail.
    Bad (libvirt 10.1.0, virtiofsd 1.10.0):
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memory unit='GiB'>4</memory>
        <memory model='virtio-mem'><target dynamicMemslots='yes'><size unit='GiB'>1</size><node>0</node>
          <block unit='MiB'>2</block><requested unit='MiB'>512</requested></target></memory>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good (libvirt 11.3.0, virtiofsd 1.13.2):
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memory unit='GiB'>4</memory>
        <memory model='virtio-mem'><target dynamicMemslots='yes'><size unit='GiB'>1</size><node>0</node>
          <block unit='MiB'>2</block><requested unit='MiB'>512</requested></target></memory>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    See: libvirt documentation, Domain XML format, Memory devices; since 10.1.0
    """
    slots = device.dynamic_slots
    daemon = context.target.virtiofsd
    if slots is None or context.target.libvirt < (10, 1, 0) or (daemon and daemon >= (1, 13, 0)):
        return
    if sharing.vhost_user_devices(context.domain):
        name = f"virtiofsd {spell(daemon)}" if daemon else "QEMU's own virtiofsd"
        yield Problem(
            at=slots.span,
            message=f"{name} may not support the many memory slots that dynamicMemslots adds",
            help="write dynamicMemslots='no', or use virtiofsd 1.13.0 or later",
        )


@rule("VFS178", "memory-devices-exceed-memory", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_devices_exceed_memory(domain: Domain) -> Iterator[Problem]:
    """Without NUMA cells, `<memory>` includes the memory devices.

    Why: it is the total: the guest starts with what remains after subtracting the memory devices.
    Bad:
        <memory unit='GiB'>1</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='GiB'>2</size><node>0</node></target></memory>
    Good:
        <memory unit='GiB'>3</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='GiB'>2</size><node>0</node></target></memory>
    libvirt says: Total size of memory devices exceeds the total memory size
    See: libvirt domain_postparse.c:virDomainDefPostParseMemory
    """
    initial, memory = domain.initial_kib, domain.first("memory")
    if initial is not None and initial < 0 and memory and domain.memory_kib:
        devices = spell_size(domain.memory_kib - initial)
        yield Problem(
            at=memory.text_span,
            message=f"<memory> is {spell_size(domain.memory_kib)}, but the memory devices have {devices}",
            help="write the total in <memory>: the initial memory plus the devices",
            related=(Related(domain.memory_devices[0].node.start_span, "part of <memory>"),),
        )


@rule("VFS179", "memory-slots-exhausted", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_slots_exhausted(domain: Domain) -> Iterator[Problem]:
    """Each memory module has its own slot.

    Why: dimm and nvdimm devices use the slots of `<maxMemory>`.
    Bad:
        <memory unit='GiB'>3</memory>
        <maxMemory slots='1' unit='GiB'>8</maxMemory>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
    Good:
        <memory unit='GiB'>3</memory>
        <maxMemory slots='2' unit='GiB'>8</maxMemory>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
    libvirt says: failed to find an empty memory slot
    libvirt says: exceeds slots count
    libvirt says: is already being used by another memory device
    See: libvirt domain_postparse.c:virDomainDefPostParseMemtune, virDomainAssignMemoryDeviceSlot
    """
    modules = [device for device in domain.memory_devices if device.model in ("dimm", "nvdimm")]
    slots = domain.memory_slots
    if not domain.max_memory_kib:
        return
    faults, taken = [], set[int]()
    for module in modules:
        slot = numbers.unsigned((module.address.value("slot") if module.address else None) or "")
        if slot is None:
            continue
        if slot >= slots:
            faults.append((module, f"{module.label} is in slot {slot}, but the domain has {_count(slots, 'slot')}"))
        elif slot in taken:
            faults.append((module, f"slot {slot} is used by another memory module"))
        taken.add(slot)
    if not faults and len(modules) > slots:
        faults.append(
            (modules[slots], f"the domain has {_count(len(modules), 'memory module')}, but {_count(slots, 'slot')}")
        )
    for module, fault in faults:
        yield Problem(at=module.node.start_span, message=fault, help="increase the slots of <maxMemory>")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


@rule("VFS180", "memory-device-page-size", severity=Severity.ERROR, stage=Stage.START)
def memory_device_page_size(device: MemoryDevice, context: Context) -> Iterator[Problem]:
    """The pages of a memory device have a size that the architecture supports.

    Why: as for `<hugepages>`, x86 has pages of 2 MiB and 1 GiB, and the default unit is KiB. A device consists
        of whole pages.
    Bad:
        <memory unit='GiB'>3</memory>
        <maxMemory slots='2' unit='GiB'>8</maxMemory>
        <features><acpi/></features>
        <memory model='dimm'><source><pagesize>2</pagesize></source>
          <target><size unit='MiB'>512</size><node>0</node></target></memory>
    Good:
        <memory unit='GiB'>3</memory>
        <maxMemory slots='2' unit='GiB'>8</maxMemory>
        <features><acpi/></features>
        <memory model='dimm'><source><pagesize unit='MiB'>2</pagesize></source>
          <target><size unit='MiB'>512</size><node>0</node></target></memory>
    libvirt says: Unable to find any usable hugetlbfs mount for
    See: libvirt qemu_command.c:qemuBuildMemoryGetPagesize
    """
    arch = context.domain.arch
    known, page = HUGE_PAGES_KIB.get(arch), device.part("source/pagesize")
    if not known or not page or not page.kib or page.kib == ORDINARY_KIB or device.model not in ("dimm", "virtio-mem"):
        return
    if page.kib not in known:
        fault = f"{arch} does not support pages of {spell_size(page.kib)}"
    elif device.size_kib and device.size_kib % page.kib:
        fault = f"{spell_size(device.size_kib)} is not a multiple of pages of {spell_size(page.kib)}"
    else:
        return
    yield Problem(at=page.at, message=fault, help="write <pagesize unit='MiB'>2</pagesize>")
