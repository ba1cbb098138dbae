"""Virtual CPUs: how many there are, how they are laid out, and what model they are."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.processors import Topology
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import spell
from vfslint.xml import edits
from vfslint.xml.document import Node

# libvirt keeps a record of each vCPU and thread; at 100,000,000 all four releases asked ran out of memory.
DEADLY_COUNT = 50_000_000


@rule("VFS040", "vcpu-count-unreadable", severity=Severity.ERROR, stage=Stage.PARSE)
def vcpu_count_unreadable(domain: Domain) -> Iterator[Problem]:
    """`<vcpu>` holds a whole number.

    Why: blanks may stand before it, but not behind it, and an empty element is refused; a missing one means
        1.
    Bad:
        <vcpu>two</vcpu>
    Good:
        <vcpu>2</vcpu>
    libvirt says: maximum vcpus count must be an integer
    Fix: takes blanks behind the number away.
    See: libvirt domain_conf.c:virDomainVcpuParse
    """
    node = domain.first("vcpu")
    if node and domain.vcpus is None:
        number = node.text.strip()
        fix = Fix("take the blanks away", (edits.set_whole_text(node, number),))
        yield Problem(
            at=node.text_span,
            message=f"the number of vCPUs is {node.text!r}, which libvirt cannot read",
            help="write a whole number",
            fix=fix if number.isdigit() and number != node.text and int(number) < 2**32 else None,
        )


@rule("VFS041", "no-vcpu", severity=Severity.ERROR, stage=Stage.PARSE)
def no_vcpu(domain: Domain) -> Iterator[Problem]:
    """A guest has at least one vCPU, and it is there from the start.

    Why: nothing can run otherwise. libvirt's message for `<vcpu>0</vcpu>` talks of NUMA, even where there is
        none.
    Bad:
        <vcpu>0</vcpu>
    Bad:
        <vcpu current='0'>8</vcpu>
    Good:
        <vcpu current='1'>8</vcpu>
    libvirt says: CPU IDs in <numa> exceed the <vcpu> count
    libvirt says: vcpu 0 can't be offline
    See: libvirt domain_conf.c:virDomainDefParseXML, domain_validate.c:virDomainDefVcpuValidate
    """
    node = domain.first("vcpu")
    if node and domain.vcpus == 0:
        yield Problem(at=node.text_span, message="the guest has 0 vCPUs", help="write at least 1")
    elif node and domain.current_vcpus == 0:
        yield Problem(
            at=node.at("current"),
            message=f"none of the guest's {domain.vcpus} vCPUs is there at its start",
            help="write current='1' or more, or leave it out for all",
            stage=Stage.DEFINE,
        )


@rule("VFS042", "more-vcpus-than-machine", severity=Severity.ERROR, stage=Stage.DEFINE)
def more_vcpus_than_machine(domain: Domain, context: Context) -> Iterator[Problem]:
    """A machine takes a limited number of vCPUs.

    Why: isapc takes 1, pc 255, q35 255 (until 2.7), 288 (until 8.0), 1024 (until 8.2) or 4096 by its version.
    Bad:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <vcpu>256</vcpu>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <vcpu>256</vcpu>
    libvirt says: Maximum CPUs greater than specified machine type limit
    See: libvirt qemu_validate.c:qemuValidateDomainVCpuTopology; QEMU hw/i386/pc_q35.c, max_cpus
    """
    limit = domain.machine_type.cpu_limit
    if limit and domain.vcpus and limit < domain.vcpus < DEADLY_COUNT:
        machine = domain.machine_attribute
        name = repr(domain.machine) if domain.machine else "'pc', the default,"
        yield Problem(
            at=domain.vcpu_at,
            message=f"the guest has {domain.vcpus} vCPUs, but machine {name} of QEMU {spell(context.target.qemu)} "
            f"takes {limit}",
            help="lower the number, or choose another machine type",
            related=(Related(machine.span, f"takes {limit}"),) if machine else (),
        )


@rule("VFS043", "count-kills-libvirtd", severity=Severity.ERROR, stage=Stage.DEFINE)
def count_kills_libvirtd(domain: Domain) -> Iterator[Problem]:
    """A number of vCPUs or I/O threads is not so large that libvirt dies of it.

    Why: libvirt makes a record for each before it looks at any limit. Every release asked (7.0.0 to 12.8.0)
        allocated until it aborted, and took the connections of all other guests with it. -1 is read as
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
                message=f"{node.text.strip()!r} stands for {number} {things}: the libvirt daemon runs out of memory "
                "over it and dies",
                help="write the number that is meant",
            )


@rule("VFS044", "current-vcpus-above-maximum", severity=Severity.ERROR, stage=Stage.PARSE)
def current_vcpus_above_maximum(domain: Domain) -> Iterator[Problem]:
    """`vcpu/@current` is at most the number of vCPUs.

    Why: the element's text is the largest number that the guest can have; `current` is how many it starts
        with.
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
            message=f"the guest starts with {domain.current_vcpus} vCPUs, but has {domain.vcpus} at most",
            help="raise the number in the element, or lower 'current'",
            related=(Related(node.text_span, "at most"),),
        )


@rule("VFS045", "many-vcpus-need-iommu", severity=Severity.ERROR, stage=Stage.DEFINE)
def many_vcpus_need_iommu(domain: Domain, context: Context) -> Iterator[Problem]:
    """More than 255 vCPUs need a machine whose interrupts can reach them.

    Why: x86 interrupts have 8-bit destinations unless an IOMMU in extended interrupt mode widens them, which
        only q35 has. libvirt 9.0.0 and older wants it written; 11.3.0 and newer adds it.
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
        reason, remedy = "only q35 machines take more than 255", "write machine='q35', or lower the number"
    elif context.target.libvirt < (9, 1, 0) and not domain.has_extended_interrupts:
        reason = "more than 255 need an IOMMU with eim='on'"
        remedy = "add <iommu model='intel'><driver intremap='on' eim='on'/></iommu> and <ioapic driver='qemu'/>"
    else:
        return
    yield Problem(at=domain.vcpu_at, message=f"the guest has {domain.vcpus} vCPUs, but {reason}", help=remedy)


@rule("VFS046", "topology-mismatch", severity=Severity.ERROR, stage=Stage.DEFINE)
def topology_mismatch(topology: Topology, context: Context) -> Iterator[Problem]:
    """The CPU topology has as many CPUs as `<vcpu>` says.

    Why: sockets, dies, clusters, cores and threads are multiplied, and each CPU needs its place. Without
        `<vcpu>` the guest has one. (libvirt before 10.1.0 does not read clusters.)
    Bad:
        <vcpu>8</vcpu>
        <cpu><topology sockets='1' cores='4' threads='1'/></cpu>
    Good:
        <vcpu>8</vcpu>
        <cpu><topology sockets='1' cores='4' threads='2'/></cpu>
    libvirt says: CPU topology doesn't match maximum vcpu count
    libvirt says: cpu topology results in more than
    See: libvirt qemu_validate.c:qemuValidateDomainVCpuTopology, cpu_conf.c:virCPUDefParseXML
    """
    domain = context.domain
    if topology.cpus and domain.vcpus and topology.cpus != domain.vcpus:
        node = domain.first("vcpu")
        yield Problem(
            at=topology.node.start_span,
            message=f"the topology has {topology.product} = {topology.cpus} CPUs, but the guest has {domain.vcpus}",
            help="make them equal",
            related=(Related(node.text_span, "the number of vCPUs"),) if node else (),
            stage=Stage.PARSE if topology.cpus >= 2**32 else None,
        )


@rule("VFS050", "migratable-without-host-cpu", severity=Severity.ERROR, stage=Stage.PARSE)
def migratable_without_host_cpu(domain: Domain) -> Iterator[Problem]:
    """`migratable` belongs to a CPU that is passed through.

    Why: it hides the host's features that cannot be migrated; other modes have none of them anyhow.
    Bad:
        <cpu mode='host-model' migratable='on'/>
    Good:
        <cpu mode='host-passthrough' migratable='on'/>
    libvirt says: Attribute migratable is only allowed for
    Fix: takes `migratable` away.
    See: libvirt cpu_conf.c:virCPUDefParseXML; mode maximum since 7.1.0
    """
    cpu = domain.first("cpu")
    attribute = cpu.attribute("migratable") if cpu else None
    if attribute and domain.cpu_mode not in ("host-passthrough", "maximum"):
        yield Problem(
            at=attribute.name_span,
            message=f"'migratable' is only for passed-through CPUs, but the mode is {domain.cpu_mode!r}",
            help="take it away, or write mode='host-passthrough'",
            fix=Fix("take migratable away", (edits.remove_attribute(attribute),)),
        )


@rule("VFS051", "cpu-detail-without-model", severity=Severity.ERROR, stage=Stage.PARSE)
def cpu_detail_without_model(domain: Domain) -> Iterator[Problem]:
    """Features and vendor of a custom CPU belong to a named model.

    Why: they are added to or taken from what `<model>` names; a custom CPU without a model is the emulator's
        default, to which nothing can be added.
    Bad:
        <cpu><feature policy='require' name='vmx'/></cpu>
    Good:
        <cpu mode='host-model'><feature policy='require' name='vmx'/></cpu>
    libvirt says: Non-empty feature list specified without CPU model
    libvirt says: CPU vendor specified without CPU model
    See: libvirt cpu_conf.c:virCPUDefParseXML
    """
    for node in domain.cpu_details_without_model:
        yield Problem(
            at=node.start_span,
            message=f"<{node.tag}> adds to a CPU model, but <cpu> names none",
            help="add <model>…</model>, or for features write mode='host-model' or 'host-passthrough'",
        )


@rule("VFS052", "cpu-feature-name", severity=Severity.ERROR, stage=Stage.PARSE)
def cpu_feature_name(domain: Domain) -> Iterator[Problem]:
    """Each CPU feature has a name, and is written once.

    Why: libvirt could not tell which policy holds.
    Bad:
        <cpu mode='host-model'><feature policy='require' name='vmx'/><feature policy='disable' name='vmx'/></cpu>
    Good:
        <cpu mode='host-model'><feature policy='require' name='vmx'/></cpu>
    libvirt says: Invalid CPU feature name
    libvirt says: specified more than once
    See: libvirt cpu_conf.c:virCPUDefParseXML
    """
    seen: dict[str, Node] = {}
    for node in domain.cpu_features:
        name = node.value("name")
        if not name:
            yield Problem(at=node.start_span, message="the CPU feature has no name", help="write name='…'")
        elif name in seen:
            yield Problem(
                at=node.at("name"),
                message=f"CPU feature {name!r} is written twice",
                help="keep one",
                related=(Related(seen[name].start_span, "the first"),),
            )
        else:
            seen[name] = node


@rule("VFS053", "cpu-model-detail", severity=Severity.ERROR, stage=Stage.PARSE)
def cpu_model_detail(domain: Domain) -> Iterator[Problem]:
    """The attributes of a CPU's `<model>` have values that libvirt takes.

    Why: `fallback` is allow or forbid, and a vendor id is the 12 letters that the guest reads from the CPU.
        With mode='host-passthrough' or 'maximum' libvirt does not look at `<model>`.
    Bad:
        <cpu mode='custom'><model vendor_id='Intel'>qemu64</model></cpu>
    Good:
        <cpu mode='custom'><model vendor_id='GenuineIntel'>qemu64</model></cpu>
    libvirt says: Invalid fallback attribute
    libvirt says: vendor_id must be exactly 12 characters long
    libvirt says: vendor id is invalid
    See: libvirt cpu_conf.c:virCPUDefParseXML
    """
    for attribute, fault in domain.cpu_model_faults:
        yield Problem(
            at=attribute.span,
            message=f"'{attribute.name}' is {attribute.value!r}, which {fault}",
            help="write another value, or leave it out",
        )


@rule("VFS054", "cpu-cache-impossible", severity=Severity.ERROR, stage=Stage.DEFINE)
def cpu_cache_impossible(domain: Domain) -> Iterator[Problem]:
    """The cache and address bits that a CPU shows are ones that QEMU can show.

    Why: QEMU emulates a level 3 cache, or passes the host's caches through to a passed-through CPU, or shows
        none; the other modes have no level. A number of address bits is for mode='emulate'.
    Bad:
        <cpu mode='host-passthrough'><cache mode='passthrough' level='3'/></cpu>
    Good:
        <cpu mode='host-passthrough'><cache mode='emulate' level='3'/></cpu>
    libvirt says: can only be used with level='3'
    libvirt says: unsupported CPU cache level for mode
    libvirt says: invalid CPU cache level, must be in range [1,3]
    libvirt says: CPU cache mode 'passthrough' can only be used with
    libvirt says: CPU maximum physical address bits number specification cannot be used with mode='passthrough'
    See: libvirt qemu_validate.c:qemuValidateDomainDefCpu; cpu_conf.c:virCPUDefParseXML
    """
    for node, fault in domain.cpu_cache_faults:
        yield Problem(at=node.start_span, message=fault, help="write <cache mode='emulate' level='3'/>, or take it out")


@rule(
    "VFS055",
    "pinned-twice",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def pinned_twice(domain: Domain) -> Iterator[Problem]:
    """Each vCPU, the emulator and each I/O thread are bound to host CPUs once, and the set is written.

    Why: libvirt could not tell which set holds.
    Bad:
        <cputune><vcpupin vcpu='0' cpuset='1'/><vcpupin vcpu='0' cpuset='2'/></cputune>
    Good:
        <cputune><vcpupin vcpu='0' cpuset='1-2'/></cputune>
    libvirt says: duplicate vcpupin for vcpu
    libvirt says: missing cpuset for vcpupin
    libvirt says: only one emulatorpin is supported
    See: libvirt domain_conf.c:virDomainVcpuPinDefParseXML, virDomainEmulatorPinDefParseXML
    """
    for node, first in domain.faulty_pins:
        yield Problem(
            at=node.start_span,
            message=f"<{node.tag}> repeats another one" if first else f"<{node.tag}> has no 'cpuset'",
            help="keep one" if first else "write cpuset='…'",
            related=(Related(first.start_span, "the first"),) if first else (),
        )


@rule("VFS056", "iothread-twice", severity=Severity.ERROR, stage=Stage.PARSE)
def iothread_twice(domain: Domain) -> Iterator[Problem]:
    """Each I/O thread has an id of its own.

    Why: disks name their thread by its id.
    Bad:
        <iothreadids><iothread id='1'/><iothread id='1'/></iothreadids>
    Good:
        <iothreadids><iothread id='1'/><iothread id='2'/></iothreadids>
    libvirt says: duplicate iothread id
    See: libvirt domain_conf.c:virDomainDefParseIOThreads
    """
    seen: dict[str | None, Node] = {}
    for node in domain.iothread_ids:
        number = node.value("id")
        if number in seen:
            yield Problem(
                at=node.at("id"),
                message=f"I/O thread {number} is written twice",
                help="give each its own id",
                related=(Related(seen[number].start_span, "the first"),),
            )
        seen.setdefault(number, node)


@rule("VFS057", "vcpus-contradictory", severity=Severity.ERROR, stage=Stage.DEFINE)
def vcpus_contradictory(domain: Domain) -> Iterator[Problem]:
    """`<vcpus>` lists vCPUs that exist, and leaves the first one on.

    Why: a guest cannot start without vCPU 0, and ids go from 0 to one less than `<vcpu>` says.
    Bad:
        <vcpu>2</vcpu>
        <vcpus><vcpu id='0' enabled='no'/><vcpu id='1' enabled='yes'/></vcpus>
    Good:
        <vcpu>2</vcpu>
        <vcpus><vcpu id='0' enabled='yes'/><vcpu id='1' enabled='no'/></vcpus>
    libvirt says: vcpu 0 can't be offline
    libvirt says: is out of range of maximum vcpu count
    See: libvirt domain_conf.c:virDomainVcpuParse, domain_validate.c:virDomainDefVcpuValidate
    """
    if not domain.vcpus or not domain.vcpu_states:
        return
    for number, _, node in domain.vcpu_states:
        if number >= domain.vcpus:
            yield Problem(
                at=node.at("id"),
                message=f"vCPU {number} is listed, but the last one is {domain.vcpus - 1}",
                help="raise <vcpu>, or take it out of the list",
                stage=Stage.PARSE,
            )
    if not any(number == 0 and is_on for number, is_on, _ in domain.vcpu_states):
        first = domain.vcpu_states[0][2]
        yield Problem(
            at=first.start_span,
            message="vCPU 0 is not switched on",
            help="write <vcpu id='0' enabled='yes'/>",
        )
