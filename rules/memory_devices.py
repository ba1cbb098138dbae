"""Memory devices: modules that can be plugged, persistent memory, virtio-mem."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from vfslint.context import Context
from vfslint.domain import sharing
from vfslint.domain.address import type_of
from vfslint.domain.domain import Domain
from vfslint.domain.hugepages import ORDINARY_KIB
from vfslint.domain.machine import HUGE_PAGES_KIB, PPC64, RISCV_VIRT, S390
from vfslint.domain.memory_device import MemoryDevice
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version, spell
from vfslint.vocabulary import numbers
from vfslint.vocabulary.numbers import spell_size
from vfslint.xml import edits

# The smallest block of virtio-mem, which is a large page of the host, 2 MiB on most; the smallest label of an nvdimm.
LEAST_BLOCK_KIB = 2048
LEAST_LABEL_KIB = 128
# The releases that count only modules in slots, read the UUID of an nvdimm for every architecture, support virtio-mem
# on IBM mainframes, and compare the addresses of memory devices; the last two at the latest.
MODULES_ONLY: Version = (9, 5, 0)
READS_UUID: Version = (9, 0, 0)
BOTH_KINDS: Version = (11, 3, 0)
COMPARES_RANGES: Version = (11, 3, 0)
# The first QEMU of which it is not known what its build for RISC-V lacks.
RISCV_UNKNOWN: Version = (10, 1, 0)


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
        yield Problem(
            at=device.node.start_span,
            message=f"{device.label} has no <target>",
            help=f"add {target}",
            says="missing <target> element for <memory> device",
        )
    elif size is None or not size.text:
        place = size or device.target
        help = "write <size unit='MiB'>…</size> in <target>"
        says = "missing element or attribute './size'"
        yield Problem(at=place.start_span, message=f"{device.label} has no size", help=help, says=says)
    path = device.source.child("path") if device.source else None
    if device.model in ("nvdimm", "virtio-pmem") and (path is None or not path.text):
        place = path or device.source or device.node
        help = "add <source><path>…</path></source>"
        says = f"path is required for model '{device.model}'"
        yield Problem(at=place.start_span, message=f"{device.label} has no file", help=help, says=says)


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
                says="virtio-pmem does not support NUMA nodes",
            )
        return
    if device.model == "sgx-epc":
        return
    cells = len(domain.cells) or int(context.target.libvirt >= (9, 6, 0) and not domain.is_pseries)
    if not device.has_node:
        # Without cells, libvirt 9.6.0 also chooses the node, and earlier releases reject the maximum memory.
        if domain.cells:
            yield Problem(
                at=device.node.start_span,
                message=f"{device.label} has no NUMA cell",
                help="write <node>0</node> in <target>",
                says="target NUMA node needs to be specified for memory device",
            )
    elif device.cell is not None and cells and device.cell >= cells:
        yield Problem(
            at=device.node_span,
            message=f"{device.label} belongs to NUMA cell {device.cell}, which does not exist",
            help="write the id of an existing cell",
            stage=Stage.START if context.target.libvirt < (7, 1, 0) else None,
            says=f"can't add memory backend for guest node '{device.cell}' as the guest has only '{cells}' NUMA nodes"
            " configured",
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
    Fixed:
        <features>
            <acpi/>
          </features>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memoryBacking><source type='memfd'/></memoryBacking>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
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
    Fixed:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
        <filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
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
    Fixed:
        <memory unit='GiB'>2</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memory model='virtio-pmem'>
          <source><path>/srv/pmem</path></source><target><size unit='MiB'>512</size></target></memory>
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


@rule("VFS189", "pmem-not-in-this-libvirt", severity=Severity.ERROR, stage=Stage.START)
def pmem_not_in_this_libvirt(device: MemoryDevice, context: Context) -> Iterator[Problem]:
    """libvirt 9.0.0 does not start an x86 guest with a virtio-pmem device.

    Why: it queries the memory devices from QEMU and does not know this type in the answer.
    Bad (libvirt 9.0.0):
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='KiB'>2621440</memory>
        <memory model='virtio-pmem' access='shared'>
          <source><path>/srv/pmem</path></source><target><size unit='MiB'>512</size></target></memory>
    Good:
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memory model='virtio-pmem' access='shared'>
          <source><path>/srv/pmem</path></source><target><size unit='MiB'>512</size></target></memory>
    libvirt says: virtio-pmem memory device info is not handled yet
    See: libvirt 9.0.0 qemu_monitor_json.c:qemuMonitorJSONGetMemoryDeviceInfo; 11.3.0 starts it
    """
    if device.model == "virtio-pmem" and device.libvirt == (9, 0, 0) and context.domain.is_x86:
        yield Problem(
            at=device.node.at("model"),
            message="libvirt 9.0.0 does not start a guest with a virtio-pmem device",
            help="use model='nvdimm', or another release of libvirt",
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
        yield from _block_problems(device, 0 if context.domain.arch in S390 else LEAST_BLOCK_KIB)
    label = device.part("target/label/size") if device.model == "nvdimm" else None
    size_kib = label.kib if label else None
    if label is None or size_kib is None:
        return
    if size_kib < LEAST_LABEL_KIB:
        yield Problem(
            at=label.at,
            message=f"the label of {device.label} is smaller than {spell_size(LEAST_LABEL_KIB)}",
            help=f"write at least {spell_size(LEAST_LABEL_KIB)}",
            says="nvdimm label must be at least 128KiB",
        )
    elif device.size_kib and size_kib >= device.size_kib:
        yield Problem(
            at=label.at,
            message=f"the label of {device.label} leaves no room for data",
            help="increase the size of the device, or make the label smaller",
            says="label size must be smaller than NVDIMM size",
        )


def _block_problems(device: MemoryDevice, least_kib: int) -> Iterator[Problem]:
    block, requested = device.part("target/block"), device.part("target/requested")
    block_kib, requested_kib = (block.kib if block else None) or 0, (requested.kib if requested else None) or 0
    if not block_kib or block_kib & (block_kib - 1):
        yield Problem(
            at=block.at if block else device.node.text_span,
            message=f"the block size of {device.label} is not a power of two",
            help="write a power of two, such as 2 MiB",
            says="block size must be a power of two",
        )
    elif block_kib < least_kib:
        yield Problem(
            at=block.at if block else device.node.text_span,
            message=f"the block size of {device.label} is below {spell_size(least_kib)}",
            help="write a power of two, such as 2 MiB",
            says=f"block size too small, must be at least {least_kib}KiB",
        )
    elif requested and requested_kib % block_kib:
        yield Problem(
            at=requested.at,
            message=f"the requested size of {device.label} is not a multiple of its block size {spell_size(block_kib)}",
            help=f"write a multiple of {spell_size(block_kib)}",
            says="requested size must be an integer multiple of block size",
        )
    if requested and device.size_kib is not None and requested_kib > device.size_kib:
        yield Problem(
            at=requested.at,
            message=f"the requested size of {device.label} exceeds its size",
            help="request less, or increase <size>",
            says=f"requested size must be smaller than or equal to @size ({device.size_kib}KiB)",
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

    Why: dimm and nvdimm devices use the slots of `<maxMemory>`; libvirt 9.0.0 counts the other devices as well.
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
    faults: list[tuple[MemoryDevice, str, str]] = []
    taken = set[int]()
    for module in modules:
        slot = module.slot
        if slot is None:
            continue
        if slot >= slots:
            fault = f"{module.label} is in slot {slot}, but the domain has {_count(slots, 'slot')}"
            faults.append((module, fault, f"memory device slot '{slot}' exceeds slots count '{slots}'"))
        elif slot in taken:
            says = f"memory device slot '{slot}' is already being used by another memory device"
            faults.append((module, f"slot {slot} is used by another memory module", says))
        taken.add(slot)
    if not faults and len(modules) > slots:
        fault = f"the domain has {_count(len(modules), 'memory module')}, but {_count(slots, 'slot')}"
        faults.append((modules[slots], fault, "failed to find an empty memory slot"))
    devices = domain.memory_devices
    if not faults and len(devices) > slots and domain.context.target.libvirt < MODULES_ONLY:
        fault = f"the domain has {_count(len(devices), 'memory device')}, but {_count(slots, 'slot')}"
        says = f"memory device count '{len(devices)}' exceeds slots count '{slots}'"
        faults.append((devices[slots], fault, says))
    for module, fault, says in faults:
        yield Problem(at=module.node.start_span, message=fault, help="increase the slots of <maxMemory>", says=says)


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


@rule("VFS182", "memory-device-not-on-this-machine", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_device_not_on_this_machine(device: MemoryDevice, context: Context) -> Iterator[Problem]:
    """QEMU has a memory device of this model for the machine.

    Why: QEMU for IBM mainframes has no modules that can be plugged, and QEMU for POWER, ARM, RISC-V and LoongArch lacks
        some of the virtio devices.
    Bad (libvirt 9.0.0):
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='2' unit='GiB'>8</maxMemory>
        <memory model='virtio-mem'><target><size unit='MiB'>512</size><node>0</node><block unit='MiB'>2</block>
          <requested unit='MiB'>0</requested></target></memory>
    Good (libvirt 9.0.0):
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='2' unit='GiB'>8</maxMemory>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>
    libvirt says: virtio-mem isn't supported by this QEMU binary
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefMemory; QEMU hw/mem/Kconfig, hw/virtio/Kconfig
    """
    board, model = context.domain.machine_type.board, device.model
    if board is None or model not in board.lacks_memory:
        return
    if board is RISCV_VIRT and context.target.qemu >= RISCV_UNKNOWN:
        return
    yield Problem(
        at=device.node.at("model"),
        message=f"QEMU for {context.domain.arch} has no memory device of model {model!r}",
        help="remove it, or use another model",
        says=f"{'memory hotplug' if model == 'dimm' else model} isn't supported by this QEMU binary",
    )


@rule("VFS957", "memory-device-option-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_device_option_invalid(devices: list[MemoryDevice], context: Context) -> Iterator[Problem]:
    """A memory device has only options of its model, and a range of addresses of its own.

    Why: memory in a file is not discarded; only an nvdimm of a pSeries machine has a UUID, and it requires a label.
        virtio-pmem and virtio-mem are PCI devices, and an sgx-epc device has no address. libvirt compares the ranges
        since 11.3.0 at the latest; that of virtio-mem starts at a multiple of its block size, that of virtio-pmem at a
        page.
    Bad:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <features><acpi/></features>
        <memory model='nvdimm' discard='yes'><source><path>/srv/nvdimm</path></source>
          <target><size unit='MiB'>512</size><node>0</node></target></memory>
    Bad:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <features><acpi/></features>
        <memory model='nvdimm'><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
          <source><path>/srv/nvdimm</path></source>
          <target><size unit='MiB'>512</size><node>0</node></target></memory>
    Bad:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memory model='virtio-pmem'><source><path>/srv/pmem</path></source><target><size unit='MiB'>512</size></target>
          <address type='dimm' slot='0'/></memory>
    Bad:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='GiB'>3</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <features><acpi/></features>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target>
          <address type='dimm' slot='0' base='0x100000000'/></memory>
        <memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target>
          <address type='dimm' slot='1' base='0x110000000'/></memory>
    Bad:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <memory model='virtio-mem'><target><size unit='MiB'>512</size><node>0</node><block unit='MiB'>2</block>
          <requested unit='MiB'>256</requested><address base='0x100100000'/></target></memory>
    Good:
        <cpu><numa><cell cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <memory unit='MiB'>2560</memory>
        <maxMemory slots='4' unit='GiB'>8</maxMemory>
        <features><acpi/></features>
        <memory model='dimm' discard='yes'><target><size unit='MiB'>512</size><node>0</node></target>
          <address type='dimm' slot='0' base='0x100000000'/></memory>
    libvirt says: discard is not supported for nvdimms
    libvirt says: discard is not supported for model 'virtio-pmem'
    libvirt says: UUID is not supported for NVDIMM device
    libvirt says: only 'pci' addresses are supported for the virtio-pmem device
    libvirt says: only 'pci' and 'ccw' addresses are supported for the virtio-mem device
    libvirt says: memory device address must be aligned to blocksize
    libvirt says: memory address must be aligned to 4096 bytes
    See: libvirt domain_validate.c:virDomainMemoryDefValidate, virDomainMemoryDefCheckConflict,
        qemu_domain.c:qemuDomainDefValidateMemoryHotplugDevice
    """
    for device in devices:
        yield from _option_problems(device, context)
    if context.target.libvirt >= COMPARES_RANGES:
        yield from _overlaps(devices)


def _option_problems(device: MemoryDevice, context: Context) -> Iterator[Problem]:
    model, libvirt, node, uuid = device.model, context.target.libvirt, device.node, device.node.child("uuid")
    is_pseries = context.domain.arch in PPC64
    if model in ("nvdimm", "virtio-pmem") and node.value("discard") == "yes":
        says = f"discard is not supported for {'nvdimms' if model == 'nvdimm' else 'model ' + repr(model)}"
        yield Problem(
            at=node.at("discard"), message=f"{device.label} cannot be discarded", help="remove discard", says=says
        )
    if model == "nvdimm" and uuid and uuid.text and (libvirt >= READS_UUID or is_pseries):
        is_valid = numbers.is_uuid(uuid.text)
        if not is_valid or not is_pseries:
            yield Problem(
                at=uuid.text_span,
                message=f"an nvdimm of {context.domain.arch} cannot have a UUID"
                if is_valid
                else f"{uuid.text.strip()!r} is not a UUID",
                help="write 32 hexadecimal digits" if is_pseries else "remove <uuid>",
                stage=None if is_valid else Stage.PARSE,
                says="UUID is not supported for NVDIMM device" if is_valid else "malformed uuid element",
            )
    if model == "nvdimm" and is_pseries and not device.label_kib:
        yield Problem(
            at=node.start_span,
            message="an nvdimm of a pSeries machine has no label",
            help="write <label><size unit='KiB'>128</size></label> in <target>",
            says="label size is required for NVDIMM device",
        )
    yield from _address_problems(device, context)


def _address_problems(device: MemoryDevice, context: Context) -> Iterator[Problem]:
    model, libvirt, address = device.model, context.target.libvirt, type_of(device)
    allowed = {"virtio-pmem": ("pci",), "virtio-mem": ("pci", "ccw"), "sgx-epc": ()}.get(model or "")
    if device.address and address not in (None, "unassigned") and allowed is not None and address not in allowed:
        kinds = "'pci' and 'ccw'" if model == "virtio-mem" and libvirt >= BOTH_KINDS else "'pci'"
        says = f"only {kinds} addresses are supported for the {model} device"
        if model == "sgx-epc":
            says = f"memory device address is not supported for model '{model}'"
        yield Problem(
            at=device.address.at("type"),
            message=f"{device.label} cannot have an address of type {address!r}",
            help="remove <address>",
            says=says,
        )
    base = device.base
    block = device.part("target/block") if model == "virtio-mem" else None
    step = (block.kib if block else None) or 4
    is_checked = model in ("virtio-pmem", "virtio-mem") and libvirt >= COMPARES_RANGES
    if is_checked and device.base_node and base % (step * 1024):
        yield Problem(
            at=device.base_node.at("base"),
            message=f"{device.label} starts at {base:#x}, which is not a multiple of {spell_size(step)}",
            help=f"write a multiple of {spell_size(step)}, or remove the address",
            says="memory device address must be aligned to blocksize"
            if model == "virtio-mem"
            else "memory address must be aligned to 4096 bytes",
        )


def _overlaps(devices: list[MemoryDevice]) -> Iterator[Problem]:
    ranges = sorted(
        (device.base, device.base + device.mapped_bytes, number)
        for number, device in enumerate(devices)
        if device.base and device.mapped_bytes
    )
    for one, two in pairwise(ranges):
        if two[0] < one[1]:
            # libvirt compares the devices in the order of the domain.
            (start, end, number), (other, _, second) = (one, two) if one[2] < two[2] else (two, one)
            place = devices[second].base_node or devices[second].node
            yield Problem(
                at=place.at("base"),
                message=f"the addresses of two memory devices, from {start:#x} and {other:#x}, overlap",
                help="move one of them, or let libvirt choose",
                related=(Related(devices[number].node.start_span, "the other device"),),
                says=f"memory device address [{start:#x}:{end:#x}] overlaps with other memory device ({other:#x})",
            )
            return
