"""Where PCI devices are connected: which bus accepts which device, and what the chipset has at a fixed place."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain import pci_slots
from vfslint.domain.device import Device
from vfslint.domain.domain import Domain
from vfslint.domain.pci_slots import Fault
from vfslint.findings import Problem, Severity, Span, Stage
from vfslint.rule import rule
from vfslint.targets import Version

# The release that added devices which are always on bus 0, and with them a flag.
_INTEGRATED_DEVICES: Version = (8, 3, 0)
# What needs a slot of PCI Express, which newer messages call so.
_EXPRESS = pci_slots.KINDS & ~(pci_slots.PCI | pci_slots.BRIDGE | pci_slots.EXPANDER)
# The controllers that are at a fixed place, with that place and libvirt's message.
_FIXED = {
    "sata": (
        "the first SATA controller of a q35 machine is at 0000:00:1f.2",
        "Primary SATA controller must have PCI address 0:0:1f.2",
    ),
    "ide": (
        "the first IDE controller of a pc machine is at 0000:00:01.1",
        "Primary IDE controller must have PCI address 0:0:1.1",
    ),
    "usb": (
        "the PIIX3 USB controller with index 0 is at 0000:00:01.2",
        "PIIX3 USB controller at index 0 must have PCI address 0:0:1.2",
    ),
}


def _at(fault: Fault, attribute: str = "bus") -> Span:
    return fault.address.node.at(attribute) if fault.address else fault.node.start_span


def _label(fault: Fault, domain: Domain) -> str:
    """Name a device, or the model of a controller."""
    model = fault.node.value("model") if fault.node.tag == "controller" else None
    return f"a {model}" if model else Device(fault.node, domain.context.target.libvirt).label


@rule("VFS976", "pci-bus-not-suitable", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_bus_not_suitable(domain: Domain) -> Iterator[Problem]:
    """A PCI device is on a bus that accepts it.

    Why: a root port can only be on the root or an expander bus, a downstream port only behind an upstream port, and a
        PCI bridge only on a conventional bus. Other devices can be on any bus for devices, which the buses of
        upstream ports and of `pcie-expander-bus` are not. The virtio IOMMU and pvpanic are on bus 0.
    Bad:
        <controller type='pci' index='1' model='pcie-root-port'/>
        <controller type='pci' index='2' model='pcie-root-port'>
          <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></controller>
    Bad:
        <controller type='pci' index='1' model='pcie-expander-bus'><target busNr='254'/></controller>
        <interface type='user'><address type='pci' domain='0x0000' bus='0x01' slot='0x02' function='0x0'/></interface>
    Bad (libvirt 11.3.0):
        <controller type='pci' index='1' model='pcie-root-port'/>
        <panic model='pvpanic'><address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></panic>
    Bad:
        <controller type='pci' index='1' model='dmi-to-pci-bridge'/>
        <controller type='pci' index='2' model='pci-bridge'>
          <address type='pci' domain='0x0000' bus='0x03' slot='0x01' function='0x0'/></controller>
        <controller type='pci' index='3' model='pci-bridge'>
          <address type='pci' domain='0x0000' bus='0x01' slot='0x02' function='0x0'/></controller>
    Bad:
        <controller type='usb' index='0' model='piix3-uhci'>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x2'/></controller>
    Good:
        <controller type='pci' index='1' model='pcie-root-port'>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/></controller>
        <interface type='user'><address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></interface>
    libvirt says: The device at PCI address 0000:01:00.0 cannot be plugged into the PCI controller with index='1'. It
        requires a controller that accepts a pcie-root-port.
    libvirt says: The device at PCI address 0000:01:00.0 needs to be an integrated device (bus=0)
    libvirt says: Bus 0 must be PCI for integrated PIIX3 USB or IDE controllers
    libvirt says: PCI controller at index 2 (0x02) has bus='0x03', but index must be larger than bus
    See: libvirt domain_addr.c:virDomainPCIAddressFlagsCompatible, qemu_domain_address.c:qemuDomainCollectPCIAddress
    """
    for fault in pci_slots.faults(domain):
        place = fault.place
        help_ = "remove <address> and let libvirt assign one"
        if fault.kind == "piix3":
            message = f"{_label(fault, domain)} is a device of the pc machine's chipset, and this machine is a q35"
            says = "Bus 0 must be PCI for integrated PIIX3 USB or IDE controllers"
        elif place is None:
            continue
        elif fault.kind == "connection":
            message = f"PCI bus {place.bus} does not accept {_label(fault, domain)}"
            says = (
                f"The device at PCI address {place} cannot be plugged into the PCI controller with "
                f"index='{place.bus}'. It requires a controller that accepts a {fault.name}."
            )
        elif fault.kind == "integrated":
            message = f"{_label(fault, domain)} must be on PCI bus 0, not on bus {place.bus}"
            says = f"The device at PCI address {place} needs to be an integrated device (bus=0)"
        elif fault.kind == "order":
            index = fault.first
            message = f"PCI bridge {index} is on bus {place.bus}, which is not before it"
            says = (
                f"PCI controller at index {index} (0x{index:02x}) has bus='0x{place.bus:02x}', "
                "but index must be larger than bus"
            )
            help_ = "give the bridge a larger index than that of its bus"
        else:
            continue
        yield Problem(at=_at(fault), message=message, help=help_, says=says)


@rule("VFS977", "pci-slot-missing", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_slot_missing(domain: Domain) -> Iterator[Problem]:
    """There is a PCI slot for each device, or libvirt can add one.

    Why: libvirt adds root ports on q35 and bridges on pc machines, as long as bus 0 has room for them: 30 slots with 8
        ports each. It does not add anything that a root port, a switch or an expander bus could be connected to, and
        up to 11.3.0 no port for a `pcie-to-pci-bridge`.
    Bad:
        <controller type='pci' index='1' model='pcie-root-port'/>
        <controller type='pci' index='2' model='pcie-root-port'>
          <address type='pci' domain='0x0000' bus='0x07' slot='0x00' function='0x0'/></controller>
    Bad:
        <controller type='pci' index='1' model='pcie-switch-downstream-port'/>
    Bad:
        <controller type='pci' index='255' model='pcie-root-port'/>
    Bad (libvirt 9.0.0):
        <controller type='pci' index='1' model='pcie-to-pci-bridge'/>
    Good:
        <controller type='pci' index='1' model='pcie-root-port'/>
        <controller type='pci' index='2' model='pcie-switch-upstream-port'/>
        <controller type='pci' index='3' model='pcie-switch-downstream-port'/>
    libvirt says: a PCI slot is needed to connect a PCI controller model='pcie-root-port', but none is available, and it
        cannot be automatically added
    libvirt says: Cannot automatically add a new PCI bus for a device with connect flags 1000
    See: libvirt domain_addr.c:virDomainPCIAddressSetGrow
    """
    for fault in pci_slots.faults(domain):
        if fault.kind not in ("no-bus", "no-slot"):
            continue
        if fault.kind == "no-bus" and fault.address:
            message = f"PCI bus {fault.address.node.value('bus')} does not exist, and libvirt cannot add it"
            help_ = "add the controller of that bus, or remove <address> and let libvirt assign one"
        else:
            message = f"there is no PCI slot for {_label(fault, domain)}"
            help_ = "add a controller that it can be connected to, or remove it"
        yield Problem(at=_at(fault), message=message, help=help_, says=_unplaced(fault, domain.context.target.libvirt))


def _unplaced(fault: Fault, libvirt: Version) -> str:
    """Return libvirt's message if it cannot add a bus."""
    if fault.required & (pci_slots.ENDPOINT | pci_slots.UPSTREAM):
        return ""
    if fault.name == "pcie-to-pci-bridge" and libvirt <= pci_slots.WITHOUT_PORT_FOR_BRIDGE:
        flags = "2000" if libvirt >= _INTEGRATED_DEVICES else "1000"
        return f"Cannot automatically add a new PCI bus for a device with connect flags {flags}"
    bus = "PCIe" if libvirt > pci_slots.WITHOUT_PORT_FOR_BRIDGE and fault.required & _EXPRESS else "PCI"
    return (
        f"a {bus} slot is needed to connect a PCI controller model='{fault.name}', but none is available, "
        "and it cannot be automatically added"
    )


@rule("VFS978", "chipset-controller-moved", severity=Severity.ERROR, stage=Stage.DEFINE)
def chipset_controller_moved(domain: Domain) -> Iterator[Problem]:
    """The controllers of the chipset are at their place.

    Why: each q35 machine has a SATA controller, and each pc machine an IDE controller, at a fixed place that cannot be
        changed. So has the USB controller of the pc machine, which is the default.
    Bad:
        <controller type='sata' index='0'>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x1d' function='0x0'/></controller>
    Good:
        <controller type='sata' index='0'>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x1f' function='0x2'/></controller>
    libvirt says: Primary SATA controller must have PCI address 0:0:1f.2
    libvirt says: Primary IDE controller must have PCI address 0:0:1.1
    libvirt says: PIIX3 USB controller at index 0 must have PCI address 0:0:1.2
    See: libvirt qemu_domain_address.c:qemuDomainValidateDevicePCISlotsQ35, qemuDomainValidateDevicePCISlotsPIIX3
    """
    for fault in pci_slots.faults(domain):
        if fault.kind in _FIXED and fault.address:
            rule_, says = _FIXED[fault.kind]
            yield Problem(
                at=fault.address.node.start_span,
                message=f"{rule_}, not at {fault.address.place}",
                help="remove <address> and let libvirt assign one",
                says=says,
            )
