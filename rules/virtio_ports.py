"""Ports of virtio-serial controllers."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain import virtio_ports
from vfslint.domain.device import Device
from vfslint.domain.domain import Domain
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule


@rule("VFS987", "virtio-serial-port-unavailable", severity=Severity.ERROR, stage=Stage.DEFINE)
def virtio_serial_port_unavailable(domain: Domain) -> Iterator[Problem]:
    """A channel or console has a port of its own that its virtio-serial controller has.

    Why: a controller has 31 ports, or those of its attribute `ports`. They are counted from 0, which is for consoles:
        an address with port 0 lets libvirt choose one.
    Bad:
        <channel type='pty'><target type='virtio' name='a'/>
          <address type='virtio-serial' controller='0' bus='0' port='1'/></channel>
        <channel type='pty'><target type='virtio' name='b'/>
          <address type='virtio-serial' controller='0' bus='0' port='1'/></channel>
    Bad:
        <controller type='virtio-serial' index='0' ports='4'/>
        <channel type='pty'><target type='virtio' name='a'/>
          <address type='virtio-serial' controller='0' bus='0' port='4'/></channel>
    Bad:
        <controller type='virtio-serial' index='0' ports='1'/>
        <channel type='pty'><target type='virtio' name='a'/><address type='virtio-serial' controller='0'/></channel>
    Bad:
        <interface type='user'><model type='virtio'/><address type='virtio-serial' controller='2' port='1'/></interface>
    Good:
        <controller type='virtio-serial' index='0' ports='4'/>
        <channel type='pty'><target type='virtio' name='a'/>
          <address type='virtio-serial' controller='0' bus='0' port='3'/></channel>
    libvirt says: virtio serial port 1 on controller 0 is already occupied
    libvirt says: virtio serial controller 0 does not have port 4
    libvirt says: virtio serial controller 2 is missing
    libvirt says: Unable to find a free port on virtio-serial controller 0
    See: libvirt domain_addr.c:virDomainVirtioSerialAddrReserve, virDomainVirtioSerialAddrNextFromController
    """
    for kind, node, controller, port in virtio_ports.faults(domain):
        label = Device(node, domain.context.target.libvirt).label
        if kind == "taken":
            message = f"port {port} of virtio-serial controller {controller} is used twice"
            says = f"virtio serial port {port} on controller {controller} is already occupied"
        elif kind == "absent":
            message = f"there is no virtio-serial controller {controller}"
            says = f"virtio serial controller {controller} is missing"
        elif kind == "missing":
            message = f"virtio-serial controller {controller} has no port {port}"
            says = f"virtio serial controller {controller} does not have port {port}"
        else:
            message = f"virtio-serial controller {controller} has no free port for {label}"
            says = f"Unable to find a free port on virtio-serial controller {controller}"
        address = node.child("address")
        yield Problem(
            at=address.start_span if address else node.start_span,
            message=message,
            help="remove <address> and let libvirt assign one",
            says=says,
        )
