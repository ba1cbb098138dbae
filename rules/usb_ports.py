"""USB: its controllers, and the ports that devices are connected to."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain import usb_ports
from vfslint.domain.controller import Controller
from vfslint.domain.device import Device
from vfslint.domain.domain import Domain
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule

# The most ports of a controller of USB 3 (qemu_domain.c:qemuDomainControllerDefPostParse).
MOST_XHCI_PORTS = 15


@rule("VFS980", "usb-port-unavailable", severity=Severity.ERROR, stage=Stage.DEFINE)
def usb_port_unavailable(domain: Domain) -> Iterator[Problem]:
    """A USB device is connected to a port that exists and that no other device uses.

    Why: each controller is a bus, which has the number of its index. Controllers have 2 to 15 ports, hubs have 8; the
        port 1.2 is the second one of the hub at port 1. libvirt adds a controller with index 0, and hubs if there are
        more devices than ports.
    Bad:
        <input type='tablet' bus='usb'><address type='usb' bus='0' port='2'/></input>
        <input type='mouse' bus='usb'><address type='usb' bus='0' port='2'/></input>
    Bad:
        <input type='tablet' bus='usb'><address type='usb' bus='1' port='1'/></input>
    Bad:
        <input type='tablet' bus='usb'><address type='usb' bus='1'/></input>
    Bad:
        <controller type='usb' index='0' model='qemu-xhci' ports='8'/>
        <input type='tablet' bus='usb'><address type='usb' bus='0' port='9'/></input>
    Bad:
        <input type='tablet' bus='usb'><address type='usb' bus='0' port='1.1'/></input>
    Bad:
        <input type='tablet' bus='usb'><address type='usb' bus='0' port='7.1'/></input>
    Bad:
        <hub type='usb'><address type='usb' bus='0' port='1'/></hub>
        <hub type='usb'><address type='usb' bus='0' port='1'/></hub>
    Good:
        <controller type='usb' index='0' model='qemu-xhci' ports='8'/>
        <hub type='usb'><address type='usb' bus='0' port='1'/></hub>
        <input type='tablet' bus='usb'><address type='usb' bus='0' port='1.2'/></input>
    libvirt says: Duplicate USB address bus 0 port 2
    libvirt says: Duplicate USB hub on bus 0 port 1
    libvirt says: Missing USB bus 1
    libvirt says: USB bus 1 requested but no controller with that index is present
    libvirt says: requested USB port 9 not present on USB bus 0
    libvirt says: there is no hub at port 1 in USB address bus: 0 port: 1.1
    libvirt says: port 7 out of range in USB address bus: 0 port: 7.1
    libvirt says: No free USB ports
    See: libvirt domain_addr.c:virDomainUSBAddressFindPort, virDomainUSBAddressReserve
    """
    for fault in usb_ports.faults(domain):
        bus, port, part = fault.bus, fault.port, fault.part
        texts = {
            "taken": (f"USB port {port} of bus {bus} is used twice", f"Duplicate USB address bus {bus} port {port}"),
            "taken-hub": (
                f"there are two USB hubs at port {port} of bus {bus}",
                f"Duplicate USB hub on bus {bus} port {port}",
            ),
            "no-bus": (
                f"there is no USB bus {bus}",
                f"Missing USB bus {bus}"
                if port
                else f"USB bus {bus} requested but no controller with that index is present",
            ),
            "no-port": (
                f"USB bus {bus} has no port {port}",
                f"requested USB port {port} not present on USB bus {bus}",
            ),
            "no-hub": (
                f"there is no hub at port {part} of USB bus {bus}",
                f"there is no hub at port {part} in USB address bus: {bus} port: {port}",
            ),
            "part": (
                f"port {part} of {port} is out of range on USB bus {bus}",
                f"port {part} out of range in USB address bus: {bus} port: {port}",
            ),
            "full": (
                f"there is no free USB port for {Device(fault.node, domain.context.target.libvirt).label}",
                "No free USB ports",
            ),
        }
        if fault.kind not in texts:
            continue
        message, says = texts[fault.kind]
        address = fault.node.child("address")
        yield Problem(
            at=address.start_span if address else fault.node.start_span,
            message=message,
            help="remove <address> and let libvirt assign one, or add the controller or the hub"
            if address
            else "add a USB controller with more ports",
            says=says,
        )


@rule("VFS981", "usb-controller-next-to-none", severity=Severity.ERROR, stage=Stage.PARSE)
def usb_controller_next_to_none(controllers: list[Controller]) -> Iterator[Problem]:
    """A domain without USB has no other USB controllers.

    Why: a controller with `model='none'` removes the one that libvirt adds otherwise.
    Bad:
        <controller type='usb' index='0' model='none'/>
        <controller type='usb' index='1' model='qemu-xhci'/>
    Good:
        <controller type='usb' index='0' model='qemu-xhci'/>
        <controller type='usb' index='1' model='qemu-xhci'/>
    libvirt says: Can't add another USB controller: USB is disabled for this domain
    See: libvirt domain_conf.c:virDomainDefControllersParse
    """
    found = [controller for controller in controllers if controller.type == "usb"]
    if len(found) > 1 and any(controller.model == "none" for controller in found):
        yield Problem(
            at=found[1].node.start_span,
            message="there is another USB controller next to one of model 'none'",
            help="remove the one with model='none'",
            says="Can't add another USB controller: USB is disabled for this domain",
        )


@rule("VFS982", "usb-controller-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def usb_controller_invalid(controller: Controller) -> Iterator[Problem]:
    """A USB controller has a model that QEMU has, and not too many ports.

    Why: the models qusb1 and qusb2 are Xen's. Only XHCI controllers have a number of ports, 15 at most.
    Bad:
        <controller type='usb' index='0' model='qusb2'/>
    Bad:
        <controller type='usb' index='0' model='qemu-xhci' ports='16'/>
    Good:
        <controller type='usb' index='0' model='qemu-xhci' ports='15'/>
    libvirt says: USB controller model type 'qusb1' or 'qusb2' is not supported in kvm
    libvirt says: 'qemu-xhci' controller only supports up to '15' ports
    See: libvirt qemu_domain.c:qemuDomainControllerDefPostParse
    """
    if controller.type != "usb":
        return
    if controller.model in ("qusb1", "qusb2"):
        yield Problem(
            at=controller.node.at("model"),
            message=f"QEMU has no USB controller of model {controller.model!r}",
            help="write model='qemu-xhci'",
            says="",
        )
    elif controller.model in ("nec-xhci", "qemu-xhci") and usb_ports.ports_of(controller) > MOST_XHCI_PORTS:
        yield Problem(
            at=controller.node.at("ports"),
            message=f"a USB controller has at most {MOST_XHCI_PORTS} ports, not {usb_ports.ports_of(controller)}",
            help="write a smaller number, and add another controller or a hub",
            says=f"'{controller.model}' controller only supports up to '{MOST_XHCI_PORTS}' ports",
        )
