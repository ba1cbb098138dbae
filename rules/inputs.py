"""Input devices."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.address import type_of
from vfslint.domain.device import NEW_PARSER, Input
from vfslint.domain.domain import Domain
from vfslint.domain.machine import S390
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version

# The release that can turn the PS/2 controller off.
PS2_FEATURE: Version = (10, 7, 0)


@rule("VFS277", "input-bus-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def input_bus_invalid(device: Input, context: Context) -> Iterator[Problem]:
    """The bus of an input device supports its type, its model and its address.

    Why: only a mouse and a keyboard exist for PS/2; passing through an input device of the host requires virtio, and
        an evdev device is not on a bus. A virtio model requires the bus virtio since libvirt 9.0.0 at the latest, and
        QEMU has no transitional models of these devices. Without a bus, libvirt chooses ps2 for a mouse and a keyboard
        of an x86 guest.
    Bad:
        <input type='tablet' bus='ps2'/>
    Bad:
        <input type='passthrough' bus='usb'><source evdev='/dev/input/event1'/></input>
    Bad:
        <input type='evdev' bus='usb'><source dev='/dev/input/event1'/></input>
    Bad:
        <input type='mouse' bus='xen'/>
    Bad:
        <input type='tablet' bus='usb'><address type='pci' domain='0' bus='0' slot='5' function='0'/></input>
    Bad:
        <input type='mouse' model='virtio'/>
    Bad:
        <input type='mouse' bus='virtio' model='virtio-transitional'/>
    Good:
        <input type='tablet' bus='usb'/>
    Good:
        <input type='mouse' bus='virtio' model='virtio'/>
    libvirt says: ps2 bus does not support tablet input device
    libvirt says: unsupported input bus xen
    libvirt says: Invalid address for a USB device
    libvirt says: only bus 'virtio' is supported for 'passthrough' input devices
    libvirt says: input evdev doesn't support bus element
    libvirt says: only bus 'virtio' is supported for input model 'virtio'
    libvirt says: virtio (non-)transitional models are not supported for input type=mouse
    See: libvirt domain_validate.c:virDomainInputDefValidate, qemu_validate.c:qemuValidateDomainDeviceDefInput
    """
    kind, bus, model = device.type, device.bus(context.domain.arch), device.node.value("model") or ""
    unsupported = _unsupported_type(device, bus)
    if unsupported:
        says, help = unsupported
        yield Problem(
            at=device.node.at("bus"),
            message=f"bus {bus!r} does not support input type {kind!r}",
            help=help,
            says=says,
        )
    elif device.address and type_of(device) not in (None, "usb") and _is_read_as_usb(device, bus):
        yield Problem(
            at=device.address.at("type"),
            message=f"a USB device cannot have an address of type {type_of(device)!r}",
            help="write type='usb', or remove <address>",
            stage=Stage.PARSE,
            says="Invalid address for a USB device",
        )
    elif model.startswith("virtio") and bus != "virtio" and context.target.libvirt >= (9, 0, 0):
        yield Problem(
            at=device.node.at("model"),
            message=f"bus {bus!r} does not support input model {model!r}",
            help="write bus='virtio', or remove model",
            says=f"only bus 'virtio' is supported for input model '{model}'",
        )
    elif (
        model.endswith("-transitional")
        and bus == "virtio"
        and (kind != "passthrough" or context.target.libvirt >= (9, 0, 0))
    ):
        yield Problem(
            at=device.node.at("model"),
            message=f"QEMU has no model {model!r} of an input device",
            help="write model='virtio', or remove model",
            says=f"virtio (non-)transitional models are not supported for input type={kind}",
        )


def _is_read_as_usb(device: Input, bus: str | None) -> bool:
    # Newer releases choose a missing bus after they have read the address.
    return bus == "usb" and (device.node.value("bus") is not None or device.libvirt <= (9, 0, 0))


def _unsupported_type(device: Input, bus: str | None) -> tuple[str, str] | None:
    """Return libvirt's message and the help if the bus does not support the type of the device."""
    kind = device.type
    if bus == "ps2" and kind in ("tablet", "passthrough", "evdev"):
        help = "write bus='usb'" if kind == "tablet" else "write bus='virtio', or remove it"
        return f"ps2 bus does not support {kind} input device", help
    if bus == "xen":
        return "unsupported input bus xen", "write bus='usb' or bus='virtio'"
    if kind == "passthrough" and bus in ("usb", "parallels", "none"):
        return "only bus 'virtio' is supported for 'passthrough' input devices", "write bus='virtio', or remove it"
    if kind == "evdev" and bus in ("usb", "virtio", "parallels") and device.libvirt >= NEW_PARSER:
        return "input evdev doesn't support bus element", "remove bus"
    return None


@rule("VFS947", "input-source-misplaced", severity=Severity.ERROR, stage=Stage.PARSE)
def input_source_misplaced(device: Input, context: Context) -> Iterator[Problem]:
    """Before libvirt 7.4.0, an input device that is passed through, and no other, has a source.

    Why: libvirt reads the path of the host's device there, and rejects one for a device that QEMU emulates. Later
        releases ignore it.
    Bad (libvirt 7.0.0):
        <input type='mouse' bus='virtio'><source evdev='/dev/input/event1'/></input>
    Bad (libvirt 7.0.0):
        <input type='passthrough' bus='virtio'/>
    Good:
        <input type='passthrough' bus='virtio'><source evdev='/dev/input/event1'/></input>
    libvirt says: setting source evdev path only supported for passthrough input devices
    libvirt says: Missing evdev path for input device passthrough
    See: libvirt domain_conf.c:virDomainInputDefParseXML, virDomainInputDefValidate
    """
    if context.target.libvirt >= NEW_PARSER:
        return
    sources = [source["evdev"] for source in device.node.children("source") if source.value("evdev")]
    if device.type == "passthrough" and not sources:
        yield Problem(
            at=device.node.start_span,
            message="an input device that is passed through has no source",
            help="add <source evdev='/dev/input/…'/>",
            says="Missing evdev path for input device passthrough",
        )
    elif device.type not in (None, "passthrough", "evdev") and sources:
        yield Problem(
            at=sources[0].span,
            message=f"input type {device.type!r} cannot have a source",
            help="write type='passthrough', or remove <source>",
            stage=Stage.DEFINE,
            says="setting source evdev path only supported for passthrough input devices",
        )


@rule("VFS047", "input-not-on-this-machine", severity=Severity.ERROR, stage=Stage.DEFINE)
def input_not_on_this_machine(inputs: list[Input], context: Context) -> Iterator[Problem]:
    """A PS/2 input device is on a machine type with PS/2 ports.

    Why: only x86 machines have an i8042 controller, except for microvm and a machine on which it is turned off. A
        domain that libvirt printed for another machine type contains a PS/2 mouse and keyboard. libvirt 9.0.0 does not
        check this for microvm, 11.3.0 does.
    Bad:
        <os><type arch='x86_64' machine='microvm'>hvm</type></os>
        <input type='keyboard' bus='ps2'/><controller type='usb' model='none'/><memballoon model='none'/>
    Bad:
        <features><acpi/><ps2 state='off'/></features>
        <input type='mouse'/>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <input type='keyboard' bus='ps2'/>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <input type='keyboard' bus='ps2'/>
    libvirt says: ps2 is not supported by this QEMU binary
    libvirt says: ps2 bus inputs require the ps2 feature not to be disabled
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefInput, domain_validate.c:virDomainInputDefValidate
    """
    domain, libvirt = context.domain, context.target.libvirt
    device = next((device for device in inputs if device.bus(domain.arch) == "ps2"), None)
    if device is None:
        return
    feature = next((ps2 for features in domain.elements("features") for ps2 in features.children("ps2")), None)
    if feature and feature.value("state") == "off" and libvirt >= PS2_FEATURE:
        yield Problem(
            at=device.node.start_span,
            message="a PS/2 input device requires PS/2 ports, which are turned off",
            help="remove the input device, or write <ps2 state='on'/>",
            related=(Related(feature.start_span, "turned off here"),),
            says="ps2 bus inputs require the ps2 feature not to be disabled",
        )
    elif (domain.machine == "microvm" and libvirt >= (11, 3, 0)) or _lacks_ps2(domain, libvirt):
        yield Problem(
            at=device.node.at("bus"),
            message=f"machine type {domain.machine or domain.arch!r} has no PS/2 ports",
            help="remove the input device, or write bus='usb'"
            if domain.machine != "microvm"
            else "remove the input device, or write machine='q35'",
            says="ps2 is not supported by this QEMU binary",
        )


def _lacks_ps2(domain: Domain, libvirt: Version) -> bool:
    # QEMU for ppc64 has an i8042 controller for other boards than pSeries; libvirt 9.0.0 does not look at the board.
    return domain.is_arm_virt or domain.arch in (*S390, "riscv64") or (domain.is_pseries and libvirt >= (11, 3, 0))
