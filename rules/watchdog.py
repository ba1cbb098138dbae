"""Watchdogs."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.address import type_of
from vfslint.domain.device import SEVERAL_WATCHDOGS, Watchdog
from vfslint.domain.machine import S390
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule


@rule("VFS948", "watchdog-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def watchdog_unsupported(watchdogs: list[Watchdog], context: Context) -> Iterator[Problem]:
    """A watchdog is on a machine, and at an address, that its model supports; all watchdogs have the same action.

    Why: i6300esb is a PCI device, ib700 an ISA device of the pc machine, itco a part of the q35 chipset, and diag288 a
        function of IBM mainframes; only i6300esb can have an address. libvirt 7.0.0 and 9.0.0 accept ib700 on every
        machine. QEMU has one action for all watchdogs.
    Bad:
        <watchdog model='ib700'/>
    Bad:
        <watchdog model='diag288'/>
    Bad:
        <watchdog model='i6300esb'><address type='isa' iobase='0x505'/></watchdog>
    Bad:
        <watchdog model='itco'><address type='pci' domain='0' bus='0' slot='5' function='0'/></watchdog>
    Bad:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <watchdog model='itco'/>
    Bad:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <watchdog model='ib700'><address type='pci' domain='0' bus='0' slot='5' function='0'/></watchdog>
    Bad:
        <watchdog model='i6300esb' action='reset'/>
        <watchdog model='itco' action='poweroff'/>
    Good:
        <watchdog model='i6300esb' action='poweroff'/>
    Good:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <watchdog model='ib700'/>
    libvirt says: ib700 model of watchdog cannot be used with this machine type
    libvirt says: ib700 model of watchdog does not support configuring the address
    libvirt says: diag288 model of watchdog is allowed for s390 and s390x only
    libvirt says: diag288 model of watchdog is virtual and cannot go on any bus.
    libvirt says: i6300esb model of watchdog can go only on PCI bus
    libvirt says: itco model of watchdog is only part of q35 machine
    libvirt says: itco model of watchdog is part of the machine and cannot have any address set.
    libvirt says: watchdogs with different actions are not supported with this QEMU binary
    See: libvirt qemu_validate.c:qemuValidateDomainWatchdogDef
    """
    for watchdog in watchdogs:
        yield from _unsupported(watchdog, context)
    if context.target.libvirt < SEVERAL_WATCHDOGS:
        return
    for watchdog in watchdogs[1:]:
        if watchdog.action != watchdogs[0].action:
            yield Problem(
                at=watchdog.node.at("action"),
                message=f"watchdogs have different actions, {watchdogs[0].action!r} and {watchdog.action!r}",
                help="write the same action for all watchdogs",
                related=(Related(watchdogs[0].node.at("action"), "the first action"),),
                says="watchdogs with different actions are not supported with this QEMU binary",
            )


def _unsupported(watchdog: Watchdog, context: Context) -> Iterator[Problem]:
    model, address = watchdog.model, type_of(watchdog)
    wrong_machine, wrong_address = _on_machine(watchdog, context), _at_address(model, address)
    # libvirt looks at the machine first for ib700, and at the address first for the others.
    if wrong_machine and (model == "ib700" or not wrong_address):
        board, says = wrong_machine
        machine = context.domain.machine_attribute
        yield Problem(
            at=watchdog.node.at("model"),
            message=f"watchdog {model!r} requires {board}",
            help="write model='i6300esb'",
            related=(Related(machine.span, "the machine type"),) if machine else (),
            says=says,
        )
    elif wrong_address and watchdog.address:
        yield Problem(
            at=watchdog.address.at("type"),
            message=f"watchdog {model!r} cannot have an address of type {address!r}",
            help="remove <address>",
            says=wrong_address,
        )


def _on_machine(watchdog: Watchdog, context: Context) -> tuple[str, str] | None:
    """Return the machine that the model requires, and libvirt's message, if the domain has another one."""
    domain, model = context.domain, watchdog.model
    if domain.machine_type.is_vendors or domain.machine_type.is_unknown:
        return None
    if model == "ib700" and not domain.is_i440fx and context.target.libvirt >= SEVERAL_WATCHDOGS:
        return "a pc machine", "ib700 model of watchdog cannot be used with this machine type"
    if model == "itco" and not domain.is_q35 and context.target.libvirt >= SEVERAL_WATCHDOGS:
        return "a q35 machine", "itco model of watchdog is only part of q35 machine"
    if model == "diag288" and domain.arch not in S390:
        return "an s390x machine", "diag288 model of watchdog is allowed for s390 and s390x only"
    return None


def _at_address(model: str | None, address: str | None) -> str | None:
    """Return libvirt's message if the model cannot have such an address."""
    if address is None or address == "unassigned":
        return None
    return {
        "i6300esb": None if address == "pci" else "i6300esb model of watchdog can go only on PCI bus",
        "ib700": "ib700 model of watchdog does not support configuring the address",
        "diag288": "diag288 model of watchdog is virtual and cannot go on any bus.",
        "itco": "itco model of watchdog is part of the machine and cannot have any address set.",
    }.get(model or "")
