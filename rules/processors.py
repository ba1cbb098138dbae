"""Virtual CPUs: how many there are, how they are laid out, and what model they are."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.cpu import HOST_CPU, Cpu, Topology
from vfslint.domain.domain import Domain
from vfslint.domain.elements import CpuFeature, IoThread, VcpuState
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.rules.numa import about_cells
from vfslint.subjects import Deviating
from vfslint.targets import spell
from vfslint.vocabulary import numbers
from vfslint.xml import edits
from vfslint.xml.document import Node

# libvirt keeps a record of each vCPU and thread; with 100,000,000, all four tested releases ran out of memory.
DEADLY_COUNT = 50_000_000

# Old CPU models of QEMU without the x2APIC (target/i386/cpu.c).
WITHOUT_X2APIC = ("qemu32", "qemu64", "kvm32", "kvm64", "coreduo", "core2duo", "Conroe", "Penryn", "Nehalem")


@rule("VFS040", "vcpu-count-unreadable", severity=Severity.ERROR, stage=Stage.PARSE)
def vcpu_count_unreadable(domain: Deviating[Domain]) -> Iterator[Problem]:
    """The content of `<vcpu>` is a whole number.

    Why: libvirt accepts whitespace before the number, but not after it, and rejects an empty element. Without
        `<vcpu>` the guest has one vCPU.
    Bad:
        <vcpu>two</vcpu>
    Bad:
        <vcpu>8 </vcpu>
    Good:
        <vcpu>2</vcpu>
    libvirt says: maximum vcpus count must be an integer
    Fix: removes whitespace after the number.
    Fixed:
        <vcpu>8</vcpu>
    See: libvirt domain_conf.c:virDomainVcpuParse
    """
    node = domain.first("vcpu")
    if node and domain.vcpus is None:
        number = node.text.strip(" \t\r\n")
        fix = Fix("remove the whitespace", (edits.set_whole_text(node, number),))
        yield Problem(
            at=node.text_span,
            message=f"the number of vCPUs {node.text!r} is not a whole number",
            help="write a whole number",
            fix=fix if number != node.text and numbers.unsigned(number) is not None else None,
        )


@rule("VFS041", "no-vcpu", severity=Severity.ERROR, stage=Stage.PARSE)
def no_vcpu(domain: Domain) -> Iterator[Problem]:
    """A guest starts with at least one vCPU.

    Why: it cannot run without one. libvirt's message for `<vcpu>0</vcpu>` mentions NUMA even if the guest has
        no NUMA cells.
    Bad:
        <vcpu>0</vcpu>
    Bad:
        <vcpu current='0'>8</vcpu>
    Good:
        <vcpu current='1'>8</vcpu>
    libvirt says: CPU IDs in <numa> exceed the <vcpu> count
    libvirt says: vcpu 0 can't be offline
    See: libvirt domain_conf.c:virDomainDefParseXML; qemu_postparse.c:qemuDomainDefVcpusPostParse
    """
    node = domain.first("vcpu")
    if node and domain.vcpus == 0:
        yield Problem(
            at=node.text_span,
            message="the guest has no vCPU",
            help="write at least 1",
            says=about_cells(domain) if domain.current_vcpus in (None, 0) else "",
        )
    elif node and domain.current_vcpus == 0:
        yield Problem(
            at=node.at("current"),
            message=f"the guest starts with none of its {domain.vcpus} vCPUs",
            help="write current='1' or more, or remove it to start with all of them",
            stage=Stage.DEFINE,
            says="vcpu 0 can't be offline",
        )


@rule("VFS042", "more-vcpus-than-machine", severity=Severity.ERROR, stage=Stage.DEFINE)
def more_vcpus_than_machine(domain: Domain, context: Context) -> Iterator[Problem]:
    """The machine type supports the number of vCPUs.

    Why: isapc supports 1, pc 255, and q35 255 (up to version 2.7), 288 (up to 8.0), 1024 (up to 8.2) or 4096.
    Bad:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <vcpu>256</vcpu>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <vcpu>256</vcpu>
    libvirt says: Maximum CPUs greater than specified machine type limit 255
    See: libvirt qemu_validate.c:qemuValidateDomainVCpuTopology; QEMU hw/i386/pc_q35.c, max_cpus
    """
    limit = domain.machine_type.cpu_limit
    if limit and domain.vcpus and limit < domain.vcpus < DEADLY_COUNT:
        machine = domain.machine_attribute
        name = repr(domain.machine) if domain.machine else "'pc', the default,"
        yield Problem(
            at=domain.text_span("vcpu"),
            message=f"the guest has {domain.vcpus} vCPUs, but machine type {name} of QEMU "
            f"{spell(context.target.qemu)} supports {limit}",
            help="lower the number, or select another machine type",
            related=(Related(machine.span, f"supports {limit}"),) if machine else (),
            says=f"Maximum CPUs greater than specified machine type limit {limit}",
        )


@rule("VFS043", "count-kills-libvirtd", severity=Severity.ERROR, stage=Stage.DEFINE)
def count_kills_libvirtd(domain: Domain) -> Iterator[Problem]:
    """The number of vCPUs or I/O threads does not crash libvirtd.

    Why: libvirt allocates a record for each of them before it checks any limit. All tested releases (7.0.0 to
        12.8.0) ran out of memory and aborted, which drops the connections of all other clients. -1 is read as
        4294967295.
    Bad:
        <vcpu>-1</vcpu>
    Bad:
        <iothreads>4294967295</iothreads>
    Good:
        <vcpu>8</vcpu>
    libvirt says: End of file while reading data: Input/output error
    See: libvirt domain_conf.c:virDomainDefSetVcpusMax, virDomainIOThreadIDArrayInit
    """
    vcpu, iothreads = domain.first("vcpu"), domain.first("iothreads")
    for node, number, things in (
        (vcpu, domain.vcpus if vcpu else None, "vCPUs"),
        (iothreads, domain.iothreads, "I/O threads"),
    ):
        if node and number and number >= DEADLY_COUNT:
            yield Problem(
                at=node.text_span,
                message=f"{number} {things} crash libvirtd, which runs out of memory",
                help="write a smaller number",
            )


@rule("VFS044", "current-vcpus-above-maximum", severity=Severity.ERROR, stage=Stage.PARSE)
def current_vcpus_above_maximum(domain: Domain) -> Iterator[Problem]:
    """`vcpu/@current` is at most the number of vCPUs.

    Why: the content of the element is the largest number that the guest can have, and `current` is how many it
        starts with.
    Bad:
        <vcpu current='9'>8</vcpu>
    Good:
        <vcpu current='8'>9</vcpu>
    libvirt says: maximum vCPU count must not be less than current vCPU count
    See: libvirt domain_conf.c:virDomainVcpuParse
    """
    node = domain.first("vcpu")
    if node and domain.vcpus and (domain.current_vcpus or 0) > domain.vcpus:
        yield Problem(
            at=node.at("current"),
            message=f"the guest starts with {domain.current_vcpus} vCPUs, but its maximum is {domain.vcpus}",
            help="raise the maximum, or lower 'current'",
            related=(Related(node.text_span, "the maximum"),),
        )


@rule("VFS045", "many-vcpus-need-iommu", severity=Severity.ERROR, stage=Stage.DEFINE)
def many_vcpus_need_iommu(domain: Domain, context: Context) -> Iterator[Problem]:
    """More than 255 vCPUs require a q35 machine with extended interrupt mode.

    Why: x86 interrupts have 8-bit destinations unless an IOMMU in extended interrupt mode widens them, which
        only q35 supports. libvirt 9.0.0 and older require it in the XML; 11.3.0 and newer add it.
    Bad (libvirt 9.0.0):
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <vcpu>256</vcpu>
    Bad:
        <os><type arch='x86_64' machine='microvm'>hvm</type></os>
        <vcpu>256</vcpu>
        <controller type='usb' model='none'/><memballoon model='none'/>
    Good (libvirt 9.0.0):
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <vcpu>256</vcpu>
        <features><ioapic driver='qemu'/></features>
        <iommu model='intel'><driver intremap='on' eim='on'/></iommu>
    libvirt says: more than 255 vCPUs require extended interrupt mode enabled on the iommu device
    libvirt says: more than 255 vCPUs are only supported on q35-based machine types
    See: libvirt qemu_validate.c:qemuValidateDomainVCpuTopology
    """
    limit = domain.machine_type.cpu_limit
    if not limit or not domain.vcpus or not 255 < domain.vcpus <= limit:
        return
    if not domain.is_q35:
        reason, remedy = "only q35 machines support more than 255", "write machine='q35', or lower the number"
    elif context.target.libvirt < (9, 1, 0) and not _has_extended_interrupts(domain):
        reason = "more than 255 require an IOMMU with eim='on'"
        remedy = "add <iommu model='intel'><driver intremap='on' eim='on'/></iommu> and <ioapic driver='qemu'/>"
    else:
        return
    yield Problem(
        at=domain.text_span("vcpu"),
        message=f"the guest has {domain.vcpus} vCPUs, but {reason}",
        help=remedy,
        says="more than 255 vCPUs require extended interrupt mode enabled on the iommu device"
        if domain.is_q35
        else "more than 255 vCPUs are only supported on q35-based machine types",
    )


def _has_extended_interrupts(domain: Domain) -> bool:
    drivers = (iommu.child("driver") for iommu in domain.device_nodes("iommu"))
    return any(driver.value("eim") == "on" for driver in drivers if driver)


@rule("VFS046", "topology-mismatch", severity=Severity.ERROR, stage=Stage.DEFINE)
def topology_mismatch(topology: Topology, context: Context) -> Iterator[Problem]:
    """The CPU topology matches the number of vCPUs.

    Why: sockets, dies, clusters, cores and threads multiply to the number of vCPUs. Without `<vcpu>` the guest
        has one. (libvirt before 10.1.0 does not read clusters.) pSeries guests start with whole cores.
    Bad:
        <vcpu>8</vcpu>
        <cpu><topology sockets='1' cores='4' threads='1'/></cpu>
    Bad:
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <vcpu current='3'>8</vcpu>
        <cpu><topology sockets='1' cores='4' threads='2'/></cpu>
    Good:
        <vcpu>8</vcpu>
        <cpu><topology sockets='1' cores='4' threads='2'/></cpu>
    libvirt says: CPU topology doesn't match maximum vcpu count
    libvirt says: cpu topology results in more than 4294967295 cpus
    libvirt says: vCPUs count must be a multiple of the vCPU hotplug granularity (2)
    See: libvirt qemu_validate.c:qemuValidateDomainVCpuTopology, domain_conf.c:virDomainDefGetVcpusTopology
    """
    domain = context.domain
    if topology.cpus and domain.vcpus and topology.cpus != domain.vcpus:
        node = domain.first("vcpu")
        yield Problem(
            at=topology.node.start_span,
            message=f"the topology has {topology.product} = {topology.cpus} CPUs, but the guest has {domain.vcpus}",
            help="change one of them to match",
            related=(Related(node.text_span, "the number of vCPUs"),) if node else (),
            says=f"cpu topology results in more than {2**32 - 1} cpus"
            if topology.cpus >= 2**32
            else "CPU topology doesn't match maximum vcpu count",
        )
    threads, online = topology.factors.get("threads", 1), domain.online_vcpus
    if domain.is_pseries and online and online % threads:
        yield Problem(
            at=topology.node.start_span,
            message=f"the guest starts with {online} vCPUs, but pSeries guests have whole cores of {threads} threads",
            help=f"start with a multiple of {threads}",
            says=f"vCPUs count must be a multiple of the vCPU hotplug granularity ({threads})",
        )


@rule("VFS077", "host-cpu-without-kvm", severity=Severity.ERROR, stage=Stage.START)
def host_cpu_without_kvm(cpu: Cpu, context: Context) -> Iterator[Problem]:
    """The mode host-passthrough requires hardware virtualization.

    Why: a domain of type qemu is emulated, and does not run on the host's CPU.
    Bad:
        <domain type='qemu'>
        <cpu mode='host-passthrough'/>
    Good:
        <cpu mode='host-passthrough'/>
    Good:
        <domain type='qemu'>
        <cpu mode='maximum'/>
    libvirt says: CPU mode 'host-passthrough' for x86_64 qemu domain on x86_64 host is not supported by hypervisor
    See: libvirt qemu_capabilities.c:virQEMUCapsIsCPUModeSupported; tested with 7.0.0 to 12.8.0
    """
    if cpu.mode == "host-passthrough" and context.domain.type == "qemu":
        yield Problem(
            at=cpu.node.at("mode"),
            message="a domain of type 'qemu' does not support CPU mode 'host-passthrough'",
            help="write mode='maximum', or type='kvm' on a host with KVM",
        )


@rule("VFS078", "many-vcpus-without-x2apic", severity=Severity.ERROR, stage=Stage.START)
def many_vcpus_without_x2apic(domain: Domain, context: Context) -> Iterator[Problem]:
    """An emulated guest with more than 255 vCPUs has a CPU model with the x2APIC.

    Why: the number of the interrupt controller of the 256th vCPU requires it, and QEMU's default model has it only with
        KVM. vCPUs that are added later do not count.
    Bad:
        <domain type='qemu'>
        <vcpu>256</vcpu>
    Good:
        <domain type='qemu'>
        <vcpu current='2'>256</vcpu>
    Good:
        <domain type='qemu'>
        <vcpu>256</vcpu>
        <cpu mode='maximum'/>
    Good:
        <domain type='qemu'>
        <vcpu>256</vcpu>
        <cpu><model>SandyBridge</model></cpu>
    libvirt says: APIC ID 255 requires x2APIC feature in CPU
    See: QEMU hw/intc/apic_common.c; started with libvirt 11.3.0 and 12.8.0
    """
    if domain.type != "qemu" or not domain.is_x86 or (domain.online_vcpus or 0) <= 255:
        return
    cpu = domain.cpu
    model = cpu.model.text if cpu and cpu.model else None
    if cpu and (cpu.mode != "custom" or cpu.features or model not in (None, *WITHOUT_X2APIC)):
        return
    yield Problem(
        at=domain.text_span("vcpu"),
        message=f"the guest starts with {domain.online_vcpus} vCPUs, but {model or 'the default model'} supports 255",
        help="write <cpu mode='maximum'/>, or start with fewer",
    )


@rule("VFS050", "migratable-without-host-cpu", severity=Severity.ERROR, stage=Stage.PARSE)
def migratable_without_host_cpu(cpu: Cpu) -> Iterator[Problem]:
    """`migratable` requires mode='host-passthrough' or 'maximum'.

    Why: it hides features of the host's CPU that cannot be migrated; the other modes never have them.
    Bad:
        <cpu mode='host-model' migratable='on'/>
    Good:
        <cpu mode='host-passthrough' migratable='on'/>
    libvirt says: Attribute migratable is only allowed for 'host-passthrough' / 'maximum' CPU mode
    Fix: removes it.
    Fixed:
        <cpu mode='host-model'/>
    See: libvirt cpu_conf.c:virCPUDefParseXML; mode maximum since 7.1.0
    """
    attribute = cpu.node.attribute("migratable")
    if attribute and cpu.mode not in HOST_CPU:
        yield Problem(
            at=attribute.name_span,
            message=f"CPU mode {cpu.mode!r} does not support 'migratable'",
            help="remove it, or write mode='host-passthrough'",
            fix=Fix("remove migratable", (edits.remove_attribute(attribute),)),
            says="Attribute migratable is only allowed for "
            + ("host-passthrough CPU" if cpu.libvirt < (7, 1, 0) else "'host-passthrough' / 'maximum' CPU mode"),
        )


@rule("VFS051", "cpu-detail-without-model", severity=Severity.ERROR, stage=Stage.PARSE)
def cpu_detail_without_model(cpu: Cpu) -> Iterator[Problem]:
    """The features and the vendor of a custom CPU require a CPU model.

    Why: features are added to or removed from the CPU that `<model>` names. A custom CPU without a model is the
        default of QEMU, which libvirt does not change.
    Bad:
        <cpu><feature policy='require' name='vmx'/></cpu>
    Good:
        <cpu mode='host-model'><feature policy='require' name='vmx'/></cpu>
    libvirt says: Non-empty feature list specified without CPU model
    libvirt says: CPU vendor specified without CPU model
    See: libvirt cpu_conf.c:virCPUDefParseXML
    """
    if cpu.model and cpu.model.text:
        return
    vendor = [cpu.vendor] if cpu.vendor else []
    for node in vendor + (cpu.features if cpu.mode == "custom" else []):
        yield Problem(
            at=node.start_span,
            message=f"<{node.tag}> requires a CPU model",
            help="add <model>…</model>, or for features write mode='host-model' or 'host-passthrough'",
            says="CPU vendor specified without CPU model"
            if node.tag == "vendor"
            else "Non-empty feature list specified without CPU model",
        )


@rule("VFS052", "cpu-feature-name", severity=Severity.ERROR, stage=Stage.PARSE)
def cpu_feature_name(features: list[CpuFeature]) -> Iterator[Problem]:
    """Each CPU feature has a name, and appears only once.

    Why: two entries for a feature could have different policies.
    Bad:
        <cpu mode='host-model'><feature policy='require' name='vmx'/><feature policy='disable' name='vmx'/></cpu>
    Good:
        <cpu mode='host-model'><feature policy='require' name='vmx'/></cpu>
    libvirt says: Invalid CPU feature name
    libvirt says: CPU feature 'vmx' specified more than once
    See: libvirt cpu_conf.c:virCPUDefParseXML
    """
    seen: dict[str, Node] = {}
    for node in features:
        name = node.value("name")
        if not name:
            yield Problem(
                at=node.start_span,
                message="this CPU feature has no name",
                help="write name='…'",
                says="Invalid CPU feature name",
            )
        elif name in seen:
            yield Problem(
                at=node.at("name"),
                message=f"CPU feature {name!r} appears twice",
                help="keep one",
                related=(Related(seen[name].start_span, "the first"),),
                says=f"CPU feature '{name}' specified more than once",
            )
        else:
            seen[name] = node


@rule("VFS053", "cpu-model-detail", severity=Severity.ERROR, stage=Stage.PARSE)
def cpu_model_detail(cpu: Cpu) -> Iterator[Problem]:
    """The attributes of a CPU's `<model>` have valid values.

    Why: `fallback` is allow or forbid, and a vendor id is the 12 letters that the guest reads from its CPU.
        With mode='host-passthrough' or 'maximum' libvirt ignores `<model>`.
    Bad:
        <cpu mode='custom'><model vendor_id='Intel'>qemu64</model></cpu>
    Good:
        <cpu mode='custom'><model vendor_id='GenuineIntel'>qemu64</model></cpu>
    libvirt says: Invalid fallback attribute
    libvirt says: vendor_id must be exactly 12 characters long
    libvirt says: vendor id is invalid
    See: libvirt cpu_conf.c:virCPUDefParseXML
    """
    if cpu.model is None or cpu.mode in HOST_CPU:
        return
    fallback, vendor = cpu.model.attribute("fallback"), cpu.model.attribute("vendor_id")
    if fallback and fallback.value not in ("", "allow", "forbid"):
        yield Problem(
            at=fallback.span,
            message=f"fallback {fallback.value!r} is neither 'allow' nor 'forbid'",
            help="write one of them, or remove it",
            says="Invalid fallback attribute",
        )
    if vendor and vendor.value:
        letters = len(vendor.value.encode())
        if letters != 12 or "," in vendor.value:
            yield Problem(
                at=vendor.span,
                message=f"vendor_id {vendor.value!r} "
                + ("contains a comma" if letters == 12 else f"has {letters} characters instead of 12"),
                help="write 12 characters such as 'GenuineIntel', or remove it",
                says="vendor id is invalid" if letters == 12 else "vendor_id must be exactly 12 characters long",
            )


@rule("VFS054", "cpu-cache-impossible", severity=Severity.ERROR, stage=Stage.DEFINE)
def cpu_cache_impossible(cpu: Cpu, context: Context) -> Iterator[Problem]:
    """QEMU can provide the caches and the physical address bits of the CPU.

    Why: QEMU emulates a level 3 cache, passes the host's caches through to a passed-through CPU, or hides them;
        only emulated caches have a level. A number of address bits requires mode='emulate' (and before 9.3.0 the
        reverse), a limit mode='passthrough'. All of it is only for x86.
    Bad:
        <cpu mode='host-passthrough'><cache mode='passthrough' level='3'/></cpu>
    Bad:
        <cpu mode='host-model'><cache mode='passthrough'/></cpu>
    Bad:
        <cpu mode='host-passthrough'><maxphysaddr mode='passthrough' bits='42'/></cpu>
    Bad:
        <cpu mode='host-passthrough'><maxphysaddr mode='emulate' bits='42' limit='40'/></cpu>
    Bad (libvirt 9.0.0):
        <cpu mode='host-passthrough'><maxphysaddr mode='emulate'/></cpu>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <cpu mode='host-model'><cache mode='disable'/></cpu>
    Good:
        <cpu mode='host-passthrough'><cache mode='emulate' level='3'/><maxphysaddr mode='passthrough' limit='40'/></cpu>
    libvirt says: CPU cache mode 'emulate' can only be used with level='3'
    libvirt says: unsupported CPU cache level for mode 'passthrough'
    libvirt says: invalid CPU cache level, must be in range [1,3]
    libvirt says: CPU cache mode 'passthrough' can only be used with 'host-passthrough' / 'maximum' CPUs
    libvirt says: CPU cache specification is not supported for 'aarch64' architecture
    libvirt says: CPU maximum physical address bits number specification cannot be used with mode='passthrough'
    libvirt says: CPU maximum physical address bits specification is not supported for 'aarch64' architecture
    libvirt says: attribute 'limit' is only supported for maxphysaddr mode 'passthrough'
    See: libvirt qemu_validate.c:qemuValidateDomainDefCpu; cpu_conf.c:virCPUDefParseXML
    """
    domain = context.domain
    cache, address = cpu.node.child("cache"), cpu.node.child("maxphysaddr")
    fault = _cache_fault(cache, cpu, domain) if cache else None
    if cache and fault:
        yield Problem(
            at=cache.start_span,
            message=fault[0],
            help="write <cache mode='emulate' level='3'/>, or remove it" if domain.is_x86 else "remove it",
            says=fault[1],
        )
    if not address or cpu.libvirt < (8, 7, 0):
        return
    mode, bits = address.value("mode"), address.value("bits")
    if not domain.is_x86:
        yield Problem(
            at=address.start_span,
            message=f"{domain.arch} guests do not support <maxphysaddr>",
            help="remove it",
            says=f"CPU maximum physical address bits specification is not supported for '{domain.arch}' architecture",
        )
    elif mode == "passthrough" and bits is not None:
        yield Problem(
            at=address.at("bits"),
            message="<maxphysaddr mode='passthrough'> does not support a number of bits",
            help="remove bits, or write mode='emulate'",
            says="CPU maximum physical address bits number specification cannot be used with mode='passthrough'",
        )
    elif mode == "emulate" and bits is None and cpu.libvirt < (9, 3, 0):
        yield Problem(
            at=address.start_span,
            message="<maxphysaddr mode='emulate'> has no number of bits",
            help="write bits='…', or mode='passthrough'",
            says="if using CPU maximum physical address mode='emulate', bits= must be specified too",
        )
    if mode == "emulate" and address.value("limit") is not None and cpu.libvirt >= (9, 3, 0):
        yield Problem(
            at=address.at("limit"),
            message="<maxphysaddr mode='emulate'> does not support a limit",
            help="remove limit, or write mode='passthrough'",
            stage=Stage.PARSE,
            says="attribute 'limit' is only supported for maxphysaddr mode 'passthrough'",
        )


def _cache_fault(cache: Node, cpu: Cpu, domain: Domain) -> tuple[str, str] | None:
    """Return what is wrong with a cache, and what libvirt prints."""
    mode, level = cache.value("mode"), numbers.integer(cache.value("level") or "")
    if level is not None and not 1 <= level <= 3:
        return f"cache level {level} is out of range (1-3)", "invalid CPU cache level, must be in range [1,3]"
    if not domain.is_x86:
        says = f"CPU cache specification is not supported for '{domain.arch}' architecture"
        return f"{domain.arch} guests do not support <cache>", says
    if mode == "emulate" and level != 3:
        return "QEMU emulates only a level 3 cache", "CPU cache mode 'emulate' can only be used with level='3'"
    if mode == "passthrough" and cpu.mode not in HOST_CPU:
        modes = "'host-passthrough'" if cpu.libvirt < (7, 1, 0) else "'host-passthrough' / 'maximum'"
        return (
            f"CPU mode {cpu.mode!r} does not support cache mode 'passthrough'",
            f"CPU cache mode 'passthrough' can only be used with {modes} CPUs",
        )
    if mode in ("passthrough", "disable") and level is not None:
        return f"cache mode {mode!r} does not support a level", f"unsupported CPU cache level for mode '{mode}'"
    return None


@rule("VFS974", "sve-lengths-without-sve", severity=Severity.ERROR, stage=Stage.DEFINE)
def sve_lengths_without_sve(features: list[CpuFeature]) -> Iterator[Problem]:
    """A CPU with vector lengths of SVE has SVE.

    Why: features such as sve512 select the lengths of ARM's scalable vectors; they require the feature sve, which
        libvirt adds unless the domain switches it off.
    Bad:
        <cpu mode='host-passthrough'>
          <feature policy='disable' name='sve'/><feature policy='require' name='sve512'/></cpu>
    Good:
        <cpu mode='host-passthrough'><feature policy='require' name='sve512'/></cpu>
    libvirt says: SVE disabled, but SVE vector lengths provided
    See: libvirt qemu_postparse.c:qemuDomainDefCPUPostParse
    """
    names = [(node.value("name") or "", node) for node in features]
    off = next((node for name, node in names if name == "sve" and node.value("policy") in ("disable", "forbid")), None)
    length = next((node for name, node in names if name.startswith("sve") and name != "sve"), None)
    if off and length:
        yield Problem(
            at=off.start_span,
            message=f"feature 'sve' is off, but {length.value('name')!r} requires it",
            help="remove one of them",
            related=(Related(length.start_span, "a vector length"),),
        )


@rule("VFS056", "iothread-twice", severity=Severity.ERROR, stage=Stage.PARSE)
def iothread_twice(threads: list[IoThread]) -> Iterator[Problem]:
    """I/O threads have different ids.

    Why: disks refer to their thread by its id.
    Bad:
        <iothreadids><iothread id='1'/><iothread id='1'/></iothreadids>
    Good:
        <iothreadids><iothread id='1'/><iothread id='2'/></iothreadids>
    libvirt says: duplicate iothread id
    See: libvirt domain_conf.c:virDomainDefParseIOThreads
    """
    seen: dict[str | None, Node] = {}
    for node in threads:
        number = node.value("id")
        if number in seen:
            yield Problem(
                at=node.at("id"),
                message=f"I/O thread id {number} is used twice",
                help="give each its own id",
                related=(Related(seen[number].start_span, "the first"),),
            )
        seen.setdefault(number, node)


@rule("VFS057", "vcpus-contradictory", severity=Severity.ERROR, stage=Stage.DEFINE)
def vcpus_contradictory(states: list[VcpuState], context: Context) -> Iterator[Problem]:
    """`<vcpus>` lists vCPUs that exist, and in an order in which QEMU can plug them.

    Why: vCPU 0 is plugged first and stays. Then come, in ascending order, the others that stay, which are online, and
        then those that can be unplugged; either all online vCPUs have an order or none. What is not listed is offline.
    Bad:
        <vcpu>2</vcpu>
        <vcpus><vcpu id='0' enabled='no'/><vcpu id='1' enabled='yes'/></vcpus>
    Bad:
        <vcpu>2</vcpu>
        <vcpus><vcpu id='0' enabled='yes'/><vcpu id='2' enabled='yes'/></vcpus>
    Bad:
        <vcpu>2</vcpu>
        <vcpus><vcpu id='0' enabled='yes' hotpluggable='yes'/><vcpu id='1' enabled='yes'/></vcpus>
    Bad:
        <vcpu>2</vcpu>
        <vcpus><vcpu id='0' enabled='yes' order='2'/><vcpu id='1' enabled='yes' order='1'/></vcpus>
    Bad:
        <vcpu>2</vcpu>
        <vcpus><vcpu id='0' enabled='yes'/><vcpu id='1' enabled='yes' order='1'/></vcpus>
    Bad:
        <vcpu>2</vcpu>
        <vcpus><vcpu id='0' enabled='yes'/><vcpu id='1' enabled='no' hotpluggable='no'/></vcpus>
    Bad:
        <vcpu>3</vcpu>
        <vcpus><vcpu id='0' enabled='yes'/><vcpu id='1' enabled='yes' hotpluggable='yes'/>
          <vcpu id='2' enabled='yes' hotpluggable='no'/></vcpus>
    Bad:
        <vcpu>3</vcpu>
        <vcpus><vcpu id='0' enabled='yes' order='1'/><vcpu id='1' enabled='yes' order='3'/>
          <vcpu id='2' enabled='yes' hotpluggable='no' order='2'/></vcpus>
    Good:
        <vcpu>3</vcpu>
        <vcpus><vcpu id='0' enabled='yes' hotpluggable='no' order='1'/>
          <vcpu id='1' enabled='yes' hotpluggable='yes' order='2'/><vcpu id='2' enabled='no'/></vcpus>
    libvirt says: vcpu 0 can't be offline
    libvirt says: vcpu id '2' is out of range of maximum vcpu count
    libvirt says: vcpu0 can't be hotpluggable
    libvirt says: vcpu0 must be enabled first
    libvirt says: all vcpus must have either set or unset order
    libvirt says: vcpu '1' is both offline and not hotpluggable
    libvirt says: online non-hotpluggable vcpus need to be ordered prior to hotpluggable vcpus
    libvirt says: online non-hotpluggable vcpus must be ordered in ascending order
    See: libvirt domain_conf.c:virDomainVcpuParse; domain_postparse.c:virDomainVcpuDefPostParse;
        qemu_postparse.c:qemuDomainDefVcpusPostParse
    """
    vcpus = context.domain.vcpus
    listed = {number: node for node in states if (number := numbers.unsigned(node.value("id") or "")) is not None}
    if not vcpus or not listed:
        return
    beyond = next((number for number in listed if number >= vcpus), None)
    if beyond is not None:
        yield Problem(
            at=listed[beyond].at("id"),
            message=f"vCPU {beyond} does not exist; the last one is {vcpus - 1}",
            help="raise the number in <vcpu>, or remove it from the list",
            stage=Stage.PARSE,
            says=f"vcpu id '{beyond}' is out of range of maximum vcpu count",
        )
        return
    plugged = {number: _Plugged(node) for number, node in listed.items()}
    for number in sorted(plugged):
        vcpu = plugged[number]
        before = plugged.get(number - 1, _UNLISTED) if number else None
        fault = _fault_of_vcpu(number, vcpu, before, has_order=bool(plugged.get(0, _UNLISTED).order))
        if number == min(plugged) and (number != 0 or not vcpu.is_online):
            fault = "vCPU 0 is not enabled", "write <vcpu id='0' enabled='yes'/>", "vcpu 0 can't be offline"
        if fault:
            message, remedy, says = fault
            if context.target.libvirt < (9, 1, 0):
                says = says.replace("prior to hotpluggable", "prior to hotplugable")
            yield Problem(at=listed[number].start_span, message=message, help=remedy, says=says)
            return


class _Plugged:
    """A vCPU as `<vcpus>` describes it; it need not say whether it stays plugged or can be unplugged."""

    def __init__(self, node: Node | None) -> None:
        self.is_online = node is not None and node.value("enabled") == "yes"
        written = node.value("hotpluggable") if node else None
        self.stays, self.goes = written == "no", written == "yes"
        self.order = (numbers.unsigned(node.value("order") or "") or 0) if node else 0


_UNLISTED = _Plugged(None)


def _fault_of_vcpu(
    number: int, vcpu: _Plugged, before: _Plugged | None, *, has_order: bool
) -> tuple[str, str, str] | None:
    """Return what is wrong with a vCPU, the remedy, and what libvirt prints; `before`: the vCPU with the number before.

    libvirt looks at what is written, before it decides about vCPUs that do not say whether they are hot-pluggable.
    """
    if vcpu.stays and not vcpu.is_online:
        return (
            f"vCPU {number} is offline, and cannot be plugged later",
            "write hotpluggable='yes'",
            f"vcpu '{number}' is both offline and not hotpluggable",
        )
    if before is None:
        if vcpu.goes:
            return "vCPU 0 cannot be hot-pluggable", "write hotpluggable='no'", "vcpu0 can't be hotpluggable"
        if vcpu.order > 1:
            return "vCPU 0 is not the first in the order", "write order='1'", "vcpu0 must be enabled first"
        return None
    if vcpu.is_online and bool(vcpu.order) != has_order:
        return (
            f"vCPU {number} has {'an' if vcpu.order else 'no'} order, unlike vCPU 0",
            "write an order for all online vCPUs, or for none",
            "all vcpus must have either set or unset order",
        )
    if vcpu.stays and before.goes:
        return (
            f"vCPU {number} is not hot-pluggable, but vCPU {number - 1} is",
            "list those that are not hot-pluggable first",
            "online non-hotpluggable vcpus need to be ordered prior to hotpluggable vcpus",
        )
    if vcpu.stays and before.order > vcpu.order:
        return (
            f"vCPU {number} comes before vCPU {number - 1} in the order",
            "write ascending orders",
            "online non-hotpluggable vcpus must be ordered in ascending order",
        )
    return None
