"""Panic devices."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.address import type_of
from vfslint.domain.device import Panic
from vfslint.domain.domain import Domain
from vfslint.domain.machine import S390
from vfslint.domain.panic import default_model
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule

# libvirt's message about a machine that lacks a model, and about an address that a model cannot have.
_MACHINES = {
    "s390": "only S390 guests support panic device of model 's390'",
    "hyperv": "only i686 and x86_64 guests support panic device of model 'hyperv'",
    "pseries": "only pSeries guests support panic device of model 'pseries'",
    "isa": "the QEMU binary does not support the ISA panic device",
    "pvpanic": "the QEMU binary does not support the PCI pvpanic device",
}
_ADDRESSES = {
    "s390": "setting the panic device address is not supported for model 's390'",
    "hyperv": "setting the panic device address is not supported for model 'hyperv'",
    "pseries": "setting the panic device address is not supported for model 'pseries'",
    "isa": "panic is supported only with ISA address type",
    "pvpanic": "pvpanic is supported only with PCI address type",
}
# Architectures whose QEMU is built without the ISA device.
_WITHOUT_ISA = S390 | {"riscv64"}
# The types of address that a model can have.
_BUSES = {"isa": "isa", "pvpanic": "pci"}


@rule("VFS949", "panic-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def panic_unsupported(panic: Panic, context: Context) -> Iterator[Problem]:
    """A panic device is on a machine, and at an address, that its model supports.

    Why: isa is an ISA device and pvpanic a PCI device; the other models are part of the guest's interface to Hyper-V,
        to pSeries firmware or to an IBM mainframe, and have no address.
    Bad:
        <panic model='s390'/>
    Bad:
        <panic model='hyperv'><address type='isa' iobase='0x505'/></panic>
    Bad:
        <panic model='isa'><address type='pci' domain='0' bus='0' slot='5' function='0'/></panic>
    Bad:
        <panic model='pvpanic'><address type='isa' iobase='0x505'/></panic>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <panic model='isa'/>
    Good:
        <panic model='isa'><address type='isa' iobase='0x505'/></panic>
    Good:
        <panic model='hyperv'/>
    libvirt says: only S390 guests support panic device of model 's390'
    libvirt says: setting the panic device address is not supported for model 'hyperv'
    libvirt says: panic is supported only with ISA address type
    libvirt says: pvpanic is supported only with PCI address type
    libvirt says: the QEMU binary does not support the ISA panic device
    See: libvirt qemu_validate.c:qemuValidateDomainDefPanic
    """
    domain = context.domain
    model = panic.node.value("model") or default_model(domain)
    address = type_of(panic)
    if model is None:
        yield Problem(
            at=panic.node.start_span,
            message=f"a panic device of architecture {domain.arch!r} has no model, and libvirt has no default for it",
            help="write model='pvpanic'",
            says="no panic model provided, and no default for the architecture and machine type",
        )
    elif _lacks(domain, model) and model in _MACHINES:
        machine = domain.machine_attribute
        yield Problem(
            at=panic.node.at("model"),
            message=f"a machine of architecture {domain.arch!r} does not support panic model {model!r}",
            help="remove model, so that libvirt chooses one",
            related=(Related(machine.span, "the machine type"),) if machine else (),
            says=_MACHINES[model],
        )
    elif panic.address and address not in (None, "unassigned", _BUSES.get(model)) and model in _ADDRESSES:
        yield Problem(
            at=panic.address.at("type"),
            message=f"panic model {model!r} cannot have an address of type {address!r}",
            help="remove <address>",
            says=_ADDRESSES[model],
        )


def _lacks(domain: Domain, model: str) -> bool:
    """Whether the domain's machine, or QEMU for its architecture, certainly lacks the model."""
    has_isa = domain.is_x86 or not (domain.is_arm_virt or domain.is_pseries or domain.arch in _WITHOUT_ISA)
    return {
        "s390": domain.arch not in S390,
        "hyperv": not domain.is_x86,
        "pseries": not domain.is_pseries,
        "isa": not has_isa,
        "pvpanic": domain.arch in S390,
    }.get(model, False)
