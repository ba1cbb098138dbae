"""Input devices."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.device import Input
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule


@rule("VFS277", "input-bus-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def input_bus_invalid(device: Input) -> Iterator[Problem]:
    """A PS/2 input device is a mouse or a keyboard.

    Why: a tablet requires USB or virtio, and passing through an input device of the host requires virtio.
    Bad:
        <input type='tablet' bus='ps2'/>
    Good:
        <input type='tablet' bus='usb'/>
    libvirt says: ps2 bus does not support tablet input device
    libvirt says: only bus 'virtio' is supported for 'passthrough' input devices
    See: libvirt domain_postparse.c, domain_conf.c:virDomainInputDefParseXML
    """
    kind, bus = device.node.value("type"), device.node.value("bus")
    ps2 = bus == "ps2" and kind in ("tablet", "passthrough", "evdev")
    if ps2 or (bus in ("usb", "none") and kind == "passthrough"):
        yield Problem(
            at=device.node.at("bus"),
            message=f"bus {bus!r} does not support input type {kind!r}",
            help="write bus='usb'" if kind == "tablet" else "write bus='virtio', or remove it",
        )


@rule("VFS047", "input-not-on-this-machine", severity=Severity.ERROR, stage=Stage.DEFINE)
def input_not_on_this_machine(inputs: list[Input], context: Context) -> Iterator[Problem]:
    """A PS/2 input device is on a machine type with PS/2 ports.

    Why: microvm has no i8042 controller. A domain that libvirt printed for another machine type contains a PS/2
        mouse and keyboard. libvirt 9.0.0 does not check this, 11.3.0 does.
    Bad:
        <os><type arch='x86_64' machine='microvm'>hvm</type></os>
        <input type='keyboard' bus='ps2'/><controller type='usb' model='none'/><memballoon model='none'/>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <input type='keyboard' bus='ps2'/>
    libvirt says: ps2 is not supported by this QEMU binary
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefInput
    """
    if context.domain.machine != "microvm" or context.target.libvirt < (11, 3, 0):
        return
    device = next((device for device in inputs if device.node.value("bus") == "ps2"), None)
    if device:
        yield Problem(
            at=device.node.at("bus"),
            message="machine type 'microvm' has no PS/2 ports",
            help="remove the input device, or write machine='q35'",
        )
