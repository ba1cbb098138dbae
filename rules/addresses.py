"""Addresses of devices: PCI slots and the other types."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain import pci_slots
from vfslint.domain.address import NUMBERS, Address
from vfslint.domain.device import NEW_PARSER, Device
from vfslint.domain.domain import Domain
from vfslint.domain.filesystem import VirtioFS
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary.quotations import sentence
from vfslint.xml.document import Attribute
from vfslint.xml.edits import add_attribute, remove_element, set_value

# The address types that a virtio device can have; libvirt has more, for other kinds of devices.
USUAL_ADDRESSES = "pci, ccw on s390x, virtio-mmio on arm"

# The first tested release that reads the type with virXMLPropEnum.
TYPES_BY_NEW_PARSER = (11, 3, 0)

# What libvirt says of a number above the limit of PCI (virPCIDeviceAddressIsValid).
_TOO_LARGE = {
    "bus": "Invalid PCI address bus='0x{:x}', must be <= 0xFF",
    "slot": "Invalid PCI address slot='0x{:x}', must be <= 0x1F",
    "function": "Invalid PCI address function=0x{:x}, must be <= 7",
}


@rule("VFS240", "address-malformed", severity=Severity.ERROR, stage=Stage.PARSE)
def address_malformed(address: Address) -> Iterator[Problem]:
    """A device's address has a known type and valid numbers.

    Why: libvirt rejects an `<address>` with a missing or unknown type, or with a number that it cannot parse.
        PCI and CCW numbers may be hexadecimal, with 0x; those of other address types may not.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address bus='0x00' slot='0x05' function='0x0'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' bus='0x00' slot='1f' function='0x0'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x1d' function='0x0'/></filesystem>
    libvirt says: No type specified for device address
    libvirt says: unknown address type
    libvirt says: Missing required attribute 'type' in element 'address'
    libvirt says: Invalid value for attribute 'slot' in element 'address'
    libvirt says: Cannot parse <address> 'slot' attribute
    Fix: writes `pci` if only the type is missing.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address bus='0x00' slot='0x05' function='0x0' type='pci'/></filesystem>
    See: libvirt domain_conf.c:virDomainDeviceInfoParseXML, device_conf.c:virPCIDeviceAddressParseXML
    """
    node = address.node
    if address.type is None:
        looks_pci = node.value("slot") is not None and node.value("function") is not None
        yield Problem(
            at=node.start_span,
            message=f"the address of {address.device.label} has no type",
            help="write type='pci', or remove <address> and let libvirt assign one",
            fix=Fix("write type='pci'", (add_attribute(node, "type", "pci"),)) if looks_pci else None,
            says="No type specified for device address"
            if address.libvirt < TYPES_BY_NEW_PARSER
            else sentence("missing", "address", "type"),
        )
    elif address.type not in NUMBERS:
        type_ = node["type"]
        yield Problem(
            at=type_.span,
            message=f"unknown address type {type_.value!r}",
            help=f"write {USUAL_ADDRESSES}, or remove <address> and let libvirt assign one",
            says=f"unknown address type '{type_.value}'"
            if address.libvirt < TYPES_BY_NEW_PARSER
            else sentence("word", "address", "type", type_.value),
        )
    elif address.unreadable:
        wrong = address.unreadable
        yield Problem(
            at=wrong.span,
            message=f"{wrong.value!r} is not a valid value for {wrong.name!r} in <address>",
            help="write a number, or remove <address> and let libvirt assign one",
            says=_about_unreadable(wrong, address.libvirt),
        )
    elif address.lacking:
        yield Problem(
            at=node.start_span,
            message=f"an address of type {address.type!r} requires {' and '.join(address.lacking)}",
            help=f"add {' and '.join(address.lacking)}, or remove <address> and let libvirt assign one",
            says=_about_lacking(address),
        )


def _about_unreadable(wrong: Attribute, libvirt: Version) -> str:
    """Return what libvirt prints about an attribute of an address that it cannot read."""
    if wrong.name == "multifunction" and libvirt < NEW_PARSER:
        return f"Unknown value '{wrong.value}' for <address> 'multifunction' attribute"
    if wrong.node.value("type") == "dimm" and libvirt < NEW_PARSER:
        return f"invalid or missing dimm {wrong.name} {'id ' if wrong.name == 'slot' else ''}'{wrong.value}'"
    is_usb_port = wrong.name == "port" and wrong.node.value("type") == "usb"
    if is_usb_port or libvirt < NEW_PARSER:
        return f"Cannot parse <address> '{wrong.name}' attribute"
    return sentence("word" if wrong.name == "multifunction" else "natural", "address", wrong.name, wrong.value)


def _about_lacking(address: Address) -> str:
    """Return what libvirt prints about an address without all attributes of its type."""
    if address.type == "ccw":
        return "Invalid partial specification for virtio ccw address"
    if address.libvirt < NEW_PARSER:
        return "invalid or missing dimm slot id '<null>'"
    return sentence("missing", "address", address.lacking[0])


@rule("VFS241", "pci-number-too-large", severity=Severity.ERROR, stage=Stage.PARSE)
def pci_number_too_large(address: Address) -> Iterator[Problem]:
    """A PCI address is in range: 256 buses, 32 slots, 8 functions and PCI domain 0.

    Why: PCI has 256 buses of 32 slots with 8 functions each, and QEMU has one PCI domain. libvirt rejects
        larger numbers.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x20' function='0x0'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0001' bus='0x00' slot='0x05' function='0x0'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x1e' function='0x7'/></filesystem>
    libvirt says: Invalid PCI address slot='0x20', must be <= 0x1F
    libvirt says: Invalid PCI address function=0x8, must be <= 7
    libvirt says: Only PCI domain 0 is available
    Fix: writes PCI domain 0, if that is what is wrong.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/></filesystem>
    See: libvirt virpci.c:virPCIDeviceAddressIsValid; domain_addr.c:virDomainPCIAddressValidate
    """
    for number, largest in address.too_large:
        yield Problem(
            at=number.span,
            message=f"{number.name} {number.value} is out of range (0-{largest:#x})",
            help="write a smaller number, or remove <address> and let libvirt assign one",
            says=_TOO_LARGE.get(number.name, "").format(address.reading.numbers[number.name]),
        )
    if address.pci_domain and not address.unreadable:
        yield Problem(
            at=address.node.at("domain"),
            message=f"PCI domain must be 0, not {address.node.value('domain')}",
            help="write domain='0x0000'",
            fix=Fix("write domain='0x0000'", (set_value(address.node["domain"], "0x0000"),), safe=False),
            stage=Stage.DEFINE,
            says=_about_pci_domain(address),
        )


def _about_pci_domain(address: Address) -> str:
    """Return what libvirt prints about a PCI domain that it does not support."""
    numbers = [address.reading.numbers.get(name) or 0 for name in ("domain", "bus", "slot", "function")]
    return "Invalid PCI address {:04x}:{:02x}:{:02x}.{:x}. Only PCI domain 0 is available".format(*numbers)


@rule("VFS242", "pci-address-taken", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_address_taken(domain: Domain) -> Iterator[Problem]:
    """Each PCI address is used by one device.

    Why: two devices cannot share an address, and the chipset reserves some: on q35, slot 0x1f is used by the
        LPC bridge (function 0), SATA (2) and SMBus (3); on i440fx, slot 1 is used by the ISA bridge, IDE, USB
        and ACPI.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='a'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/></filesystem>
        <interface type='user'>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/></interface>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='a'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x1f' function='0x0'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='a'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/></filesystem>
        <interface type='user'>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x06' function='0x0'/></interface>
    libvirt says: Attempted double use of PCI Address
    Fix: removes the second one, so that libvirt assigns one; only with --unsafe-fixes, because the guest may
        depend on the address.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='a'/>
          </filesystem>
        <interface type='user'>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/></interface>
    See: libvirt domain_addr.c:virDomainPCIAddressReserveAddrInternal
    """
    for fault in pci_slots.faults(domain):
        if fault.kind != "taken":
            continue
        node, owner = fault.address.node if fault.address else fault.node, fault.owner
        yield Problem(
            at=node.start_span,
            message=f"PCI address {fault.place} of {Device(fault.node, domain.context.target.libvirt).label} "
            f"is already used by {owner.device.label if owner else 'the chipset'}",
            related=(Related(owner.node.start_span, "used first"),) if owner else (),
            help="remove <address> and let libvirt assign one",
            fix=Fix("remove <address>", (remove_element(node),), safe=False) if fault.address else None,
            says=f"Attempted double use of PCI Address {fault.place}",
        )


@rule("VFS243", "pci-slot-unavailable", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_slot_unavailable(domain: Domain) -> Iterator[Problem]:
    """A device is in a slot that exists on its PCI bus.

    Why: a PCI Express port has only slot 0, and a PCI bridge has slots 1 to 31. libvirt adds buses other than
        bus 0 that no controller provides: ports on q35, bridges on i440fx.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0000' bus='0x01' slot='0x05' function='0x0'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x00' function='0x3'/></filesystem>
        <interface type='user'><address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></interface>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></filesystem>
    libvirt says: Invalid PCI address 0000:01:05.0. slot must be <= 0
    libvirt says: Invalid PCI address 0000:02:00.0. slot must be >= 1
    See: libvirt domain_addr.c:virDomainPCIAddressValidate
    """
    for fault in pci_slots.faults(domain):
        address, place = fault.address, fault.place
        if fault.kind != "slot" or address is None or place is None:
            continue
        first, last = fault.first, fault.last
        only = f"only slot {first}" if first == last else f"only slots {first} to {last}"
        limit = f">= {first}" if place.slot < first else f"<= {last}"
        yield Problem(
            at=address.node.at("slot"),
            message=f"PCI bus {place.bus} has {only}, not slot {place.slot}",
            help="write another slot, or remove <address> and let libvirt assign one",
            says=f"Invalid PCI address {place}. slot must be {limit}",
        )


@rule("VFS244", "address-not-for-virtiofs", severity=Severity.ERROR, stage=Stage.START)
def address_not_for_virtiofs(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """A virtio-fs share is a PCI, CCW or virtio-mmio device.

    Why: QEMU provides it only for these buses: PCI on nearly all machines, CCW on s390x, virtio-mmio on arm
        and riscv. libvirt reports the error when it builds QEMU's command line.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='drive'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='virtio-mmio'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci'/></filesystem>
    libvirt says: Unexpected address type for 'vhost-user-fs'
    libvirt says: No 'virtio-bus' bus found for device
    Fix: removes the address, so that libvirt assigns one.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          </filesystem>
    See: libvirt qemu_command.c:qemuBuildVirtioDevGetConfig
    """
    address = fs.address
    type_ = address.value("type") if address else None
    if address is None or type_ not in NUMBERS or type_ in ("pci", "ccw", "unassigned"):
        return
    if type_ == "virtio-mmio" and not context.domain.is_x86:
        return
    yield Problem(
        at=address.at("type"),
        message=f"{fs.label} cannot have an address of type {type_!r}",
        help="remove <address> and let libvirt assign one",
        fix=Fix("remove <address>", (remove_element(address),)),
    )


def _is_replaced(address: Address, domain: Domain) -> bool:
    """Whether libvirt replaces the address: by the place of a chipset's controller, or by a USB or virtio port."""
    node = address.device.node
    if node.tag in ("hub", "channel", "console"):
        return True
    if node.tag != "controller" or pci_slots.indexes(domain).get(node.element) != 0:
        return False
    kind = node.value("type") or "ide"
    if domain.is_q35:
        return kind == "sata"
    return domain.is_i440fx and (kind == "ide" or (kind == "usb" and node.value("model") in (None, "piix3-uhci")))


def _is_old_ccw(address: Address) -> bool:
    """Whether libvirt 7.0.0 also rejects it when the domain is defined."""
    return address.type == "ccw" and address.kind == "controller"


@rule("VFS245", "address-type-refused", severity=Severity.ERROR, stage=Stage.DEFINE)
def address_type_refused(addresses: list[Address], context: Context) -> Iterator[Problem]:
    """CCW addresses require s390x, and `unassigned` requires a host device.

    Why: only s390x machines have a channel subsystem. libvirt 9.0.0 rejects both when the domain is defined,
        7.0.0 when it starts.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='ccw'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='unassigned'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci'/></filesystem>
    libvirt says: cannot use CCW address type for device
    libvirt says: address of type 'unassigned' is supported only for hostdevs
    Fix: removes the address, so that libvirt assigns one.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          </filesystem>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceInfo; domain_validate.c:virDomainDeviceInfoValidate
    """
    domain = context.domain
    for address in addresses:
        if address.unreadable or address.lacking:
            continue
        foreign_ccw = address.type == "ccw" and domain.is_x86 and not _is_replaced(address, domain)
        unassigned = address.type == "unassigned" and address.kind != "hostdev"
        if foreign_ccw or unassigned:
            why = f"{domain.arch} does not support CCW" if foreign_ccw else "only host devices can be unassigned"
            yield Problem(
                at=address.node.at("type"),
                message=f"{address.device.label} cannot have an address of type {address.type!r}: {why}",
                help="remove <address> and let libvirt assign one",
                fix=Fix("remove <address>", (remove_element(address.node),)),
                stage=None if address.device.libvirt >= (9, 0, 0) or _is_old_ccw(address) else Stage.START,
                says=f"address of type '{address.type}' is supported only for hostdevs"
                if unassigned
                else _about_ccw(address, domain),
            )


def _about_ccw(address: Address, domain: Domain) -> str:
    """Return what libvirt prints about a CCW address, with the machine type of QEMU that an alias stands for."""
    machine = domain.machine or ""
    if address.libvirt < (11, 3, 0) or not machine[-1:].isdigit() or machine == "q35":
        return ""
    return f"CCW addresses are not supported by machine type '{machine}'"


@rule("VFS990", "drive-address-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def drive_address_invalid(addresses: list[Address], context: Context) -> Iterator[Problem]:
    """The address of a SCSI host device has bus 0, and target 0 behind an lsilogic controller.

    Why: QEMU's SCSI controllers have one bus. libvirt reads each drive address as one of SCSI unless it is a disk's,
        whose bus VFS909 considers. A SCSI controller without a model is an lsilogic on x86.
    Bad (libvirt 9.0.0):
        <hostdev mode='subsystem' type='scsi'>
          <source><adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/></source>
          <address type='drive' controller='0' bus='1' target='0' unit='0'/></hostdev>
    Bad (libvirt 9.0.0):
        <controller type='scsi' index='0' model='lsilogic'/>
        <hostdev mode='subsystem' type='scsi'>
          <source><adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/></source>
          <address type='drive' controller='0' bus='0' target='1' unit='0'/></hostdev>
    Good:
        <controller type='scsi' index='0' model='virtio-scsi'/>
        <hostdev mode='subsystem' type='scsi'>
          <source><adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/></source>
          <address type='drive' controller='0' bus='0' target='1' unit='0'/></hostdev>
    libvirt says: SCSI controller only supports 1 bus
    libvirt says: target must be 0 for controller model 'lsilogic'
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefAddressDrive
    """
    domain = context.domain
    if context.target.libvirt < (9, 0, 0) or not domain.is_x86:
        return
    index = pci_slots.indexes(domain)
    models = {index.get(each.node.element): each.model for each in domain.controllers if each.type == "scsi"}
    for address in addresses:
        if address.type != "drive" or address.unreadable or address.kind == "disk" or _is_replaced(address, domain):
            continue
        numbers = address.reading.numbers
        controller = numbers.get("controller") or 0
        is_scsi = address.kind == "hostdev" and address.device.type == "scsi"
        is_lsilogic = models.get(controller, "" if not is_scsi else None) in (None, "auto", "lsilogic")
        if numbers.get("bus"):
            fault = ("bus", "QEMU's SCSI controllers have one bus", "SCSI controller only supports 1 bus")
        elif numbers.get("target") and is_lsilogic:
            says = "target must be 0 for controller model 'lsilogic'"
            fault = ("target", f"SCSI controller {controller} is an lsilogic, which has only target 0", says)
        else:
            continue
        name, why, says = fault
        yield Problem(
            at=address.node.at(name),
            message=f"{address.device.label} cannot have {name} {numbers.get(name)}: {why}",
            help=f"write {name}='0', or remove <address> and let libvirt assign one",
            says=says,
        )
