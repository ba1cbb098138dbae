"""Serial ports and consoles."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.address import NUMBERS
from vfslint.domain.character import Console, SerialPort
from vfslint.domain.machine import S390
from vfslint.findings import Problem, Severity, Span, Stage
from vfslint.rule import rule


@rule("VFS936", "serial-port-inconsistent", severity=Severity.ERROR, stage=Stage.DEFINE)
def serial_port_inconsistent(port: SerialPort, context: Context) -> Iterator[Problem]:
    """The target, the model and the address of a serial port belong together, and the machine can have it.

    Why: a target type stands for a bus, which determines the address and the models. Without a type, and for
        isa-serial, it is the port that the board has: ISA on x86, pl011 on the virt boards of ARM.
    Bad:
        <serial type='pty'><target type='isa-serial'><model name='pci-serial'/></target></serial>
    Bad:
        <serial type='pty'><target type='pci-serial'/><address type='isa' iobase='0x3f8'/></serial>
    Bad:
        <console type='pty'><target type='serial'/><address type='pci' slot='9'/></console>
    Bad:
        <serial type='pty'><target type='system-serial'/><address type='pci' slot='9'/></serial>
    Bad:
        <serial type='pty'><target type='sclp-serial'/></serial>
    Bad:
        <serial type='pty'><target type='system-serial'><model name='pl011'/></target></serial>
    Good:
        <serial type='pty'><target type='pci-serial'><model name='pci-serial'/></target></serial>
    Good:
        <serial type='pty'><target type='isa-serial' port='0'/></serial>
    libvirt says: Target model 'pci-serial' requires target type 'pci-serial'
    See: libvirt qemu_validate.c:qemuValidateDomainChrTargetDef, qemuValidateDomainChrDef
    """
    if not port.is_on_known_board or not port.is_known:
        return
    allowed, address = port.allows, port.address
    written = address.value("type") if address else None

    kind, model = port.port_type, port.port_model
    # Addresses of other types are rejected anyway, because libvirt does not know them, or only for other devices.
    if address and allowed is not None and written in NUMBERS and written not in (*allowed, "unassigned"):
        expected = next(iter(allowed), None)
        says = f"Target type '{kind}' requires address type '{expected}'"
        if expected is None:
            says = f"Target type '{kind}' cannot have an associated address"
        elif kind == "usb-serial":
            says = "usb-serial requires address of usb type"
        yield Problem(
            at=address.at("type"),
            message=f"a serial port of type {kind!r} has an address of type {written!r}",
            help=f"write type='{expected}', or remove the address" if expected else "remove the address",
            says=says,
        )
    elif port.type_of_model not in (None, kind):
        yield Problem(
            at=(port.target or port.node).start_span,
            message=f"model {model!r} is not one of target type {kind!r}",
            help=f"write <target type='{port.type_of_model}'>, or remove <model>",
            says=f"Target model '{model}' requires target type '{port.type_of_model}'",
        )
    elif kind == "isa-debug" and not context.domain.is_x86:
        yield Problem(
            at=(port.target or port.node).start_span,
            message=f"architecture {context.domain.arch!r} has no serial port of type 'isa-debug'",
            help="remove it, or write another type",
            says="isa-debug serial type only valid on x86 architecture",
        )
    elif not port.fits_board:
        yield Problem(
            at=(port.target or port.node).start_span,
            message=f"machine type {context.domain.machine or context.domain.arch!r} has no serial port of type "
            f"{kind!r} and model {model!r}",
            help="remove <target>: libvirt then uses the port of the board",
            says=f"Serial device with target type '{kind}' and target model '{model}' not compatible with guest "
            "architecture or machine type",
        )


# So many ISA serial ports have an address and an interrupt (VIR_MAX_ISA_SERIAL_PORTS).
ISA_PORTS = 4


@rule("VFS937", "isa-serial-ports-exhausted", severity=Severity.ERROR, stage=Stage.DEFINE)
def isa_serial_ports_exhausted(ports: list[SerialPort]) -> Iterator[Problem]:
    """A guest has at most four ISA serial ports, with the numbers 0 to 3, each once.

    Why: a PC has four of them, COM1 to COM4. libvirt counts those with the target type isa-serial; it does not check
        those that are ISA ports by default, nor does libvirt 7.0.0 check any.
    Bad (libvirt 9.0.0):
        <serial type='pty'><target type='isa-serial' port='0'/></serial>
        <serial type='pty'><target type='isa-serial' port='0'/></serial>
    Bad (libvirt 9.0.0):
        <serial type='pty'><target type='isa-serial' port='4'/></serial>
    Good:
        <serial type='pty'><target type='isa-serial' port='0'/></serial>
        <serial type='pty'><target type='isa-serial' port='1'/></serial>
    libvirt says: target port '0' already allocated
    See: libvirt domain_postparse.c:virDomainChrIsaSerialDefPostParse
    """
    found = [port for port in ports if port.node.tag == "serial" and port.target_type == "isa-serial"]
    if not found or found[0].libvirt < (9, 0, 0):
        return
    taken: set[int] = set()
    for position, port in enumerate(found):
        number = port.number
        if position >= ISA_PORTS or (number is not None and number >= ISA_PORTS):
            is_out = number is not None and number >= ISA_PORTS
            yield Problem(
                at=_target(port, "port"),
                message=f"port {number} of an ISA serial port is not in the range 0 to {ISA_PORTS - 1}"
                if is_out
                else f"the guest has more than {ISA_PORTS} ISA serial ports",
                help="write a port from 0 to 3" if is_out else "write <target type='pci-serial'/>",
                says=f"Maximum supported number of ISA serial ports is '{ISA_PORTS}'",
            )
        elif number is not None and number in taken:
            yield Problem(
                at=_target(port, "port"),
                message=f"port {number} of an ISA serial port is used twice",
                help="give each ISA serial port its own port, or remove port",
                says=f"target port '{number}' already allocated",
            )
        elif number is not None:
            taken.add(number)


_SCLP = {"sclp": "sclpconsole", "sclplm": "sclplmconsole"}


@rule("VFS938", "console-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def console_invalid(consoles: list[Console], context: Context) -> Iterator[Problem]:
    """Only the first console is a serial port, and the others are virtio consoles, or SCLP consoles on s390x.

    Why: the first console stands for the first `<serial>`, so that there cannot be a second one. Without a target, a
        console is a serial port. Consoles of Xen, LXC, UML and OpenVZ are not for QEMU.
    Bad:
        <console type='pty'/><console type='pty'/>
    Bad:
        <console type='pty'><target type='virtio'/></console><console type='pty'><target type='serial'/></console>
    Bad:
        <console type='pty'><target type='xen'/></console>
    Bad:
        <console type='pty'><target type='sclp'/></console>
    Good:
        <console type='pty'><target type='serial'/></console><console type='pty'><target type='virtio'/></console>
    libvirt says: Only the first console can be a serial port
    See: libvirt domain_conf.c:virDomainDefAddConsoleCompat; qemu_validate.c:qemuValidateDomainDefConsole
    """
    is_s390 = context.domain.arch in S390
    for position, console in enumerate(consoles):
        kind = console.target_type
        if console.is_serial_console and position > 0:
            yield Problem(
                at=_target(console, "type"),
                message="a console that is not the first one is a serial port",
                help="write <target type='virtio'/>, or remove this <console>",
            )
        elif kind in ("xen", "uml", "lxc", "openvz"):
            yield Problem(
                at=_target(console, "type"),
                message=f"QEMU has no console of type {kind!r}",
                help="write type='serial' or type='virtio'",
                says=f"unsupported console target type {kind}",
            )
        elif kind in _SCLP and not is_s390:
            yield Problem(
                at=_target(console, "type"),
                message=f"architecture {context.domain.arch!r} has no console of type {kind!r}",
                help="write type='serial' or type='virtio'",
                says=f"{_SCLP[kind]} is not supported in this QEMU binary",
            )


def _target(device: SerialPort | Console, name: str) -> Span:
    """Return where an attribute of the target is, or where the target is missing."""
    return device.target.at(name) if device.target else device.node.start_span
