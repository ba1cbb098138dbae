"""The features of a guest: which machines have them, what they require, and their settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from vfslint.context import Context
from vfslint.domain import sizes
from vfslint.domain.domain import Domain
from vfslint.domain.features import Feature, enlightenments, features, is_enlightened
from vfslint.domain.machine import ARM_VIRT, PPC64, PSERIES, RISCV_VIRT
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node


class _Requirement(NamedTuple):
    """Which machines have a feature.

    `asks`: whether the element asks for something that not all machines have; `machines`: how messages name those
    that do; `says`: what libvirt prints, or nothing if that contains the machine type with its version; `since`: the
    libvirt that reads it.
    """

    asks: Callable[[Feature], bool]
    fits: Callable[[Domain], bool]
    machines: str
    says: str = ""
    since: Version = (0, 0, 0)


def _is_written(feature: Feature) -> bool:
    return True


def _has(name: str) -> Callable[[Feature], bool]:
    return lambda feature: feature.value(name) is not None


def _is_on(feature: Feature) -> bool:
    return feature.is_on


def _sets_page_table(feature: Feature) -> bool:
    size = feature.child("maxpagesize")
    return feature.value("resizing") is not None or bool(size and sizes.Size(size, "").kib)


def _is_x86(domain: Domain) -> bool:
    return domain.is_x86


def _is_pseries(domain: Domain) -> bool:
    return domain.machine_type.board is PSERIES


def _is_arm_virt(domain: Domain) -> bool:
    return domain.machine_type.board is ARM_VIRT


def _is_riscv_virt(domain: Domain) -> bool:
    return domain.machine_type.board is RISCV_VIRT


def _is_x86_or_arm_virt(domain: Domain) -> bool:
    return domain.is_x86 or domain.machine_type.board is ARM_VIRT


def _is_pc(domain: Domain) -> bool:
    board = domain.machine_type.board
    return bool(board and board.pc_devices)


def _can_pass_crash_information(domain: Domain) -> bool:
    # The device needs the interface fw_cfg, which the virt machine of RISC-V has since QEMU 6.0.
    board, qemu = domain.machine_type.board, domain.context.target.qemu
    return not (board is PSERIES or domain.arch == "s390x" or (board is RISCV_VIRT and qemu < (6, 0, 0)))


# libvirt: qemu_validate.c, qemuValidateDomainDefFeatures and qemuValidateDomainDefPSeriesFeature.
_REQUIREMENTS = {
    "ioapic": _Requirement(_has("driver"), _is_x86, "x86 machines"),
    "hpt": _Requirement(_sets_page_table, _is_pseries, "pSeries machines"),
    "htm": _Requirement(_has("state"), _is_pseries, "pSeries machines"),
    "nested-hv": _Requirement(_has("state"), _is_pseries, "pSeries machines"),
    "ccf-assist": _Requirement(_has("state"), _is_pseries, "pSeries machines"),
    "cfpc": _Requirement(_has("value"), _is_pseries, "pSeries machines"),
    "sbbc": _Requirement(_has("value"), _is_pseries, "pSeries machines"),
    "ibs": _Requirement(_has("value"), _is_pseries, "pSeries machines"),
    "gic": _Requirement(_is_written, _is_arm_virt, "virt machines of ARM"),
    "virtualization": _Requirement(_is_written, _is_arm_virt, "virt machines of ARM", since=(12, 8, 0)),
    "vmport": _Requirement(_is_written, _is_pc, "PCs", "vmport is not available with this QEMU binary"),
    "vmcoreinfo": _Requirement(
        _is_on, _can_pass_crash_information, "machines with fw_cfg", "vmcoreinfo is not available with this QEMU binary"
    ),
    "apic": _Requirement(_has("eoi"), _is_x86, "x86 machines"),
    "pvspinlock": _Requirement(_is_written, _is_x86, "x86 machines"),
    "hyperv": _Requirement(_is_written, _is_x86_or_arm_virt, "x86 and ARM virt machines"),
    "ras": _Requirement(
        _has("state"),
        _is_arm_virt,
        "virt machines of ARM",
        "ras feature is only supported with ARM Virt machines",
        since=(10, 4, 0),
    ),
    "ps2": _Requirement(
        _has("state"), _is_pc, "PCs", "ps2 feature is not available with this QEMU binary", since=(10, 7, 0)
    ),
    "aia": _Requirement(
        _has("value"),
        _is_riscv_virt,
        "virt machines of RISC-V",
        "aia feature is only supported with RISC-V Virt machines",
        since=(11, 1, 0),
    ),
}


@rule("VFS962", "feature-not-on-this-machine", severity=Severity.ERROR, stage=Stage.DEFINE)
def feature_not_on_this_machine(feature: Feature, context: Context) -> Iterator[Problem]:
    """The guest's machine has the feature.

    Why: some features belong to an architecture or a board: the I/O APIC, paravirtual spinlocks and the end of
        interrupts to x86, page tables and mitigations to POWER, interrupt controllers to ARM and RISC-V, and the
        PS/2 controller and VMware's port to PCs with the chipset i440fx or q35 or without PCI. On POWER, the
        performance counters cannot be switched off.
    Bad:
        <features><gic version='3'/></features>
    Bad:
        <features><htm state='off'/></features>
    Bad:
        <features><hpt resizing='enabled'/></features>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <features><vmport state='off'/></features>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <features><apic eoi='on'/></features>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <features><ioapic driver='kvm'/></features>
    Bad:
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <features><pmu state='off'/></features>
    Bad:
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <features><hyperv><relaxed state='on'/></hyperv></features>
    Bad (libvirt 11.3.0):
        <features><ras state='on'/></features>
    Bad (libvirt 11.3.0):
        <features><aia value='aplic'/></features>
    Good:
        <features><vmport state='off'/><pvspinlock state='on'/><apic eoi='on'/></features>
    Good:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <features><gic version='3'/><apic/></features>
    libvirt says: vmport is not available with this QEMU binary
    libvirt says: PMU is always enabled for architecture 'ppc64'
    See: libvirt qemu_validate.c:qemuValidateDomainDefFeatures, qemuValidateDomainDefPSeriesFeature
    """
    domain, name = context.domain, feature.tag
    required = _REQUIREMENTS.get(name)
    is_read = required and context.target.libvirt >= required.since and not domain.machine_type.is_unknown
    if required and is_read and required.asks(feature) and not required.fits(domain):
        what = "'eoi' of <apic>" if name == "apic" else f"<{name}>"
        yield Problem(
            at=feature.start_span,
            message=f"only {required.machines} have {what}, but the machine type is {domain.machine!r} on {domain.arch}"
            if domain.machine
            else f"only {required.machines} have {what}, but the guest is a {domain.arch} guest",
            help="remove it" if name != "apic" else "remove eoi",
            says=required.says,
        )
    elif name == "pmu" and feature.is_off and domain.arch in PPC64:
        yield Problem(
            at=feature.start_span,
            message=f"{domain.arch} guests always have performance counters",
            help="remove <pmu>",
            says=f"PMU is always enabled for architecture '{domain.arch}'",
        )


@rule("VFS963", "feature-requires-another", severity=Severity.ERROR, stage=Stage.DEFINE)
def feature_requires_another(feature: Feature, context: Context) -> Iterator[Problem]:
    """A feature has what it requires of the rest of the domain.

    Why: VMware's port is part of the PS/2 controller, the size of SMM's memory can be set only on q35, options of
        TCG are for guests without KVM, and before 7.1.0 libvirt lets only a passed-through CPU be dedicated.
    Bad (libvirt 11.3.0):
        <features><vmport state='on'/><ps2 state='off'/></features>
    Bad:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <features><smm state='on'><tseg unit='MiB'>48</tseg></smm></features>
    Bad:
        <features><tcg><tb-cache unit='MiB'>64</tb-cache></tcg></features>
    Bad (libvirt 7.0.0):
        <features><kvm><hint-dedicated state='on'/></kvm></features>
    Good:
        <features><vmport state='off'/><smm state='on'><tseg unit='MiB'>48</tseg></smm></features>
    Good:
        <cpu mode='host-passthrough'/>
        <features><kvm><hint-dedicated state='on'/></kvm></features>
    libvirt says: vmport feature requires the ps2 feature not to be disabled
    libvirt says: SMM TSEG is only supported with q35 machine type
    libvirt says: TCG features are incompatible with domain type 'kvm'
    libvirt says: kvm-hint-dedicated=on is only applicable for cpu host-passthrough
    See: libvirt qemu_validate.c:qemuValidateDomainDefFeatures; qemu_domain.c:qemuDomainDefTsegPostParse
    """
    domain, libvirt = context.domain, context.target.libvirt
    ps2 = features(domain).get("ps2")
    if feature.tag == "vmport" and feature.is_on and ps2 and ps2.is_off and libvirt >= (10, 7, 0):
        yield Problem(
            at=feature.start_span,
            message="<vmport> requires the PS/2 controller, which is switched off",
            help="remove <vmport> or <ps2>",
            related=(Related(ps2.start_span, "switched off"),),
            says="vmport feature requires the ps2 feature not to be disabled",
        )
    size = _smm_size(feature)
    if size and not domain.is_q35 and not domain.machine_type.is_unknown:
        yield Problem(
            at=size.start_span,
            message="<tseg> requires machine type q35",
            help="remove it, or write machine='q35'",
            says="SMM TSEG is only supported with q35 machine type",
        )
    cache = _tcg_cache(feature, libvirt)
    if cache and domain.type != "qemu" and _kib(cache):
        yield Problem(
            at=cache.start_span,
            message=f"<tcg> has no effect on a domain of type {domain.type!r}",
            help="remove it, or write type='qemu'",
            says=f"TCG features are incompatible with domain type '{domain.type}'",
        )
    if feature.tag == "kvm" and libvirt < (7, 1, 0):
        dedicated = feature.child("hint-dedicated")
        mode = domain.cpu.mode if domain.cpu else "custom"
        if dedicated and dedicated.value("state") == "on" and mode != "host-passthrough":
            yield Problem(
                at=dedicated.start_span,
                message=f"<hint-dedicated> requires CPU mode 'host-passthrough', but the mode is {mode!r}",
                help="write <cpu mode='host-passthrough'/>, or remove it",
                says="kvm-hint-dedicated=on is only applicable for cpu host-passthrough",
            )


def _smm_size(feature: Feature) -> Node | None:
    """Return the `<tseg>` that libvirt reads: the first one, unless it is empty or SMM is off."""
    size = feature.child("tseg") if feature.tag == "smm" and feature.is_on else None
    return size if size and size.text else None


def _tcg_cache(feature: Feature, libvirt: Version) -> Node | None:
    return feature.child("tb-cache") if feature.tag == "tcg" and libvirt >= (8, 0, 0) else None


def _kib(size: Node) -> int:
    """Return a size in KiB; 0 if it cannot be read, which other rules report."""
    return sizes.Size(size, "").kib or 0


@rule("VFS964", "feature-setting-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def feature_setting_invalid(feature: Feature, context: Context) -> Iterator[Problem]:
    """The sizes and numbers in a feature are what QEMU accepts.

    Why: TCG's cache and SMM's memory are whole MiB, KVM's ring of dirty pages has a power of 2 of entries, and
        spinlocks wait for at least 4095 attempts.
    Bad:
        <domain type='qemu'>
        <features><tcg><tb-cache unit='KiB'>1000</tb-cache></tcg></features>
    Bad:
        <features><smm state='on'><tseg unit='KiB'>100</tseg></smm></features>
    Bad:
        <features><kvm><dirty-ring state='on' size='4095'/></kvm></features>
    Good:
        <domain type='qemu'>
        <features><tcg><tb-cache unit='KiB'>2048</tb-cache></tcg></features>
    Good:
        <features><smm state='on'><tseg unit='MiB'>48</tseg></smm>
          <kvm><dirty-ring state='on' size='4096'/></kvm></features>
    libvirt says: tb-cache size must be an integer multiple of MiB
    libvirt says: SMM TSEG size must be divisible by 1 MiB
    libvirt says: dirty ring must be power of 2 and ranges [1024, 65536]
    See: libvirt qemu_validate.c:qemuValidateDomainDefFeatures; qemu_domain.c:qemuDomainDefTsegPostParse;
        domain_conf.c:virDomainFeaturesKVMDefParse
    """
    domain, libvirt = context.domain, context.target.libvirt
    cache = _tcg_cache(feature, libvirt)
    if cache and domain.type == "qemu" and _kib(cache) % 1024:
        yield Problem(
            at=cache.text_span,
            message=f"the size of TCG's cache, {numbers.spell_size(_kib(cache))}, is not a whole number of MiB",
            help="write a multiple of 1 MiB",
            says="tb-cache size must be an integer multiple of MiB",
        )
    size = _smm_size(feature)
    in_bytes = numbers.scaled(size.text, size.value("unit"), default=1024**2, largest=2**64 - 1) if size else None
    if size and in_bytes and in_bytes % 1024**2 and domain.is_q35:
        yield Problem(
            at=size.text_span,
            message=f"the size of SMM's memory, {in_bytes} bytes, is not a whole number of MiB",
            help="write a multiple of 1 MiB",
            says="SMM TSEG size must be divisible by 1 MiB",
        )
    ring = feature.child("dirty-ring") if feature.tag == "kvm" and libvirt >= (8, 0, 0) else None
    entries = numbers.based(ring.value("size") or "", 0) if ring and ring.value("state") == "on" else None
    if ring and entries and 1024 <= entries <= 65536 and entries & (entries - 1):
        yield Problem(
            at=ring.at("size"),
            message=f"the size of the dirty ring, {entries}, is not a power of 2",
            help="write 1024, 2048, 4096 … or 65536",
            stage=Stage.PARSE,
            says="dirty ring must be power of 2 and ranges [1024, 65536]",
        )


# What a feature of Hyper-V requires.
_DEPENDENCIES = {"stimer": "synic", "tlbflush": "vpindex", "ipi": "vpindex", "evmcs": "vapic"}


@rule("VFS965", "hyperv-feature-requires-another", severity=Severity.ERROR, stage=Stage.DEFINE)
def hyperv_feature_requires_another(feature: Feature, context: Context) -> Iterator[Problem]:
    """A feature of Hyper-V has the features that it requires.

    Why: synthetic timers require the synthetic interrupt controller and the clock of Hyper-V; calls that name several
        CPUs require their numbers. libvirt checks this since 12.8.0 at the latest; before, QEMU does at the start.
    Bad (libvirt 12.8.0):
        <features><hyperv><stimer state='on'/><synic state='on'/></hyperv></features>
    Bad (libvirt 12.8.0):
        <features><hyperv><stimer state='on'/></hyperv></features>
        <clock offset='utc'><timer name='hypervclock' present='yes'/></clock>
    Bad (libvirt 12.8.0):
        <features><hyperv><tlbflush state='on'/></hyperv></features>
    Bad (libvirt 12.8.0):
        <features><hyperv><vpindex state='on'/><tlbflush state='on'><direct state='on'/></tlbflush></hyperv></features>
    Good:
        <features><hyperv>
          <vpindex state='on'/><synic state='on'/><stimer state='on'/><ipi state='on'/></hyperv></features>
        <clock offset='utc'><timer name='hypervclock' present='yes'/></clock>
    libvirt says: 'stimer' hyperv feature requires 'hypervclock' timer
    libvirt says: 'stimer' hyperv feature requires 'synic' feature
    libvirt says: 'tlbflush' hyperv feature requires 'vpindex' feature
    libvirt says: 'hv-tlbflush-direct' hyperv feature requires 'vapic' feature
    See: libvirt qemu_validate.c
    """
    domain = context.domain
    if feature.tag != "hyperv" or context.target.libvirt < (12, 8, 0):
        return
    for name, required in _DEPENDENCIES.items():
        if not is_enlightened(domain, name):
            continue
        node = enlightenments(domain)[name]
        if name == "stimer" and not _has_hyperv_clock(domain):
            yield Problem(
                at=node.start_span,
                message="<stimer> requires the timer 'hypervclock'",
                help="add <timer name='hypervclock' present='yes'/> to <clock>",
                says="'stimer' hyperv feature requires 'hypervclock' timer",
            )
        if not is_enlightened(domain, required):
            yield Problem(
                at=node.start_span,
                message=f"<{name}> requires <{required}>, which is not on",
                help=f"add <{required} state='on'/>",
                says=f"'{name}' hyperv feature requires '{required}' feature",
            )
        direct = node.children("direct")[-1:] if name == "tlbflush" else []
        if direct and direct[0].value("state") == "on" and not is_enlightened(domain, "vapic"):
            yield Problem(
                at=direct[0].start_span,
                message="<direct> in <tlbflush> requires <vapic>, which is not on",
                help="add <vapic state='on'/>",
                says="'hv-tlbflush-direct' hyperv feature requires 'vapic' feature",
            )


def _has_hyperv_clock(domain: Domain) -> bool:
    timers = (timer for clock in domain.elements("clock") for timer in clock.children("timer"))
    return any(timer.value("name") == "hypervclock" and timer.value("present") == "yes" for timer in timers)
