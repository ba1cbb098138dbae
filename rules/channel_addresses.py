"""Addresses by which s390x and pSeries guests find devices: CCW, zPCI and VIO."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.address import NUMBERS, Address
from vfslint.domain.character import serial_console
from vfslint.domain.machine import PSERIES, S390
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute
from vfslint.xml.edits import remove_element

# The largest user-defined identifier of zPCI (libvirt: domain_addr.h).
LARGEST_UID = 0xFFFF
# The largest VIO register (libvirt: qemu_validate.c:qemuValidateDomainDeviceDefAddress).
LARGEST_REGISTER = 0xFFFFFFFF


@rule("VFS988", "zpci-not-supported", severity=Severity.ERROR, stage=Stage.DEFINE)
def zpci_not_supported(addresses: list[Address], context: Context) -> Iterator[Problem]:
    """Only PCI addresses on s390x have the identifiers of zPCI.

    Why: they are how s390x identifies PCI devices; QEMU has them for no other architecture.
    Bad:
        <rng model='virtio'><backend model='random'>/dev/urandom</backend>
          <address type='pci' slot='0x04'><zpci uid='1'/></address></rng>
    Good:
        <rng model='virtio'><backend model='random'>/dev/urandom</backend>
          <address type='pci' slot='0x04'/></rng>
    libvirt says: This QEMU binary doesn't support zPCI
    Fix: removes `<zpci>`.
    Fixed:
        <rng model='virtio'><backend model='random'>/dev/urandom</backend>
          <address type='pci' slot='0x04'></address></rng>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefZPCIAddress
    """
    if not context.domain.is_x86:
        return
    for address in addresses:
        zpci = address.node.child("zpci") if address.type == "pci" else None
        if zpci and (zpci.value("uid") is not None or zpci.value("fid") is not None):
            yield Problem(
                at=zpci.start_span,
                message=f"{address.device.label} cannot have a zPCI address on {context.domain.arch}",
                help="remove <zpci>",
                fix=Fix("remove <zpci>", (remove_element(zpci),)),
                says="This QEMU binary doesn't support zPCI",
            )


@rule("VFS992", "zpci-identifier-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def zpci_identifier_invalid(addresses: list[Address], context: Context) -> Iterator[Problem]:
    """The zPCI identifiers of an s390x guest are in range, and each is used by one device.

    Why: the guest names a PCI device by its `uid`, and its slot for hot-plugging by its `fid`. libvirt assigns free
        ones to devices without.
    Bad:
        <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-s390x</emulator><memballoon model='none'/>
        <rng model='virtio'><backend model='random'>/dev/urandom</backend>
          <address type='pci'><zpci uid='0x0'/></address></rng>
    Bad:
        <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-s390x</emulator><memballoon model='none'/>
        <rng model='virtio'><backend model='random'>/dev/urandom</backend>
          <address type='pci'><zpci fid='8'/></address></rng>
        <rng model='virtio'><backend model='random'>/dev/urandom</backend>
          <address type='pci'><zpci uid='1' fid='0x8'/></address></rng>
    Good:
        <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-s390x</emulator><memballoon model='none'/>
        <rng model='virtio'><backend model='random'>/dev/urandom</backend>
          <address type='pci'><zpci uid='0x1' fid='0x8'/></address></rng>
        <rng model='virtio'><backend model='random'>/dev/urandom</backend>
          <address type='pci'><zpci uid='0x2' fid='0x9'/></address></rng>
    libvirt says: Invalid PCI address uid='0x0000', must be > 0x0000 and <= 0xffff
    libvirt says: zPCI fid 10 is already reserved
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefZPCIAddress, domain_addr.c:virDomainZPCIAddressReserveId
    """
    if context.domain.arch not in S390:
        return
    first: dict[tuple[str, int], Attribute] = {}
    for address in addresses:
        zpci = address.node.child("zpci") if address.type == "pci" else None
        for identifier in zpci.attributes if zpci else ():
            number = numbers.based(identifier.value, 0) if identifier.name in ("uid", "fid") else None
            if number is None:
                continue
            if identifier.name == "uid" and not 0 < number <= LARGEST_UID:
                yield Problem(
                    at=identifier.span,
                    message=f"uid {identifier.value} is out of range (1-{LARGEST_UID:#x})",
                    help="write another number, or remove uid and let libvirt assign one",
                    says=f"Invalid PCI address uid='0x{number:04x}', must be > 0x0000 and <= 0xffff",
                )
                continue
            used = first.setdefault((identifier.name, number), identifier)
            if used is not identifier:
                yield Problem(
                    at=identifier.span,
                    message=f"{identifier.name} {identifier.value} is used by two devices",
                    help=f"write another number, or remove {identifier.name} and let libvirt assign one",
                    related=(Related(used.span, "used first"),),
                    says=f"zPCI {identifier.name} {number:o} is already reserved",
                )


@rule("VFS991", "channel-address-taken", severity=Severity.ERROR, stage=Stage.DEFINE)
def channel_address_taken(addresses: list[Address], context: Context) -> Iterator[Problem]:
    """Each CCW address of an s390x guest, and each VIO address of a pSeries guest, is used by one device.

    Why: the guest finds a device by its address; libvirt assigns free ones to devices without. A console that stands
        for a serial port has the port's address.
    Bad:
        <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-s390x</emulator><memballoon model='none'/>
        <disk type='file' device='disk'><source file='/srv/a'/><target dev='vda' bus='virtio'/>
          <address type='ccw' cssid='0xfe' ssid='0x0' devno='0x0001'/></disk>
        <interface type='user'><model type='virtio'/>
          <address type='ccw' cssid='0xfe' ssid='0x0' devno='0x0001'/></interface>
    Bad:
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <serial type='pty'><address type='spapr-vio' reg='0x30000000'/></serial>
        <serial type='pty'><address type='spapr-vio' reg='0x30000000'/></serial>
    Good:
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <serial type='pty'><address type='spapr-vio' reg='0x30000000'/></serial>
        <console type='pty'><target type='serial'/><address type='spapr-vio' reg='0x30000000'/></console>
    Good:
        <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-s390x</emulator><memballoon model='none'/>
        <disk type='file' device='disk'><source file='/srv/a'/><target dev='vda' bus='virtio'/>
          <address type='ccw' cssid='0xfe' ssid='0x0' devno='0x0001'/></disk>
        <interface type='user'><model type='virtio'/>
          <address type='ccw' cssid='0xfe' ssid='0x0' devno='0x0002'/></interface>
    libvirt says: The CCW devno 'fe.0.0001' is in use already
    libvirt says: spapr-vio address 0x4000 already in use
    See: libvirt domain_addr.c:virDomainCCWAddressAssign, qemu_domain_address.c:qemuDomainAssignSpaprVIOAddress
    """
    domain = context.domain
    kind = "ccw" if domain.arch in S390 else "spapr-vio" if domain.machine_type.board is PSERIES else None
    if kind is None:
        return
    copy = serial_console(domain)
    first: dict[tuple[int, ...], Address] = {}
    for address in addresses:
        if copy is not None and address.device.node.element is copy.element:
            continue
        written = address.reading.numbers
        numbers = tuple(number for name in NUMBERS[kind] if (number := written.get(name)) is not None)
        if address.type != kind or len(numbers) < len(NUMBERS[kind]):
            continue
        owner = first.setdefault(numbers, address)
        if owner is not address:
            place = "{:x}.{:x}.{:04x}".format(*numbers) if kind == "ccw" else f"{numbers[0]:#x}"
            yield Problem(
                at=address.node.start_span,
                message=f"address {place} of {address.device.label} is already used by {owner.device.label}",
                related=(Related(owner.node.start_span, "used first"),),
                help="remove <address> and let libvirt assign one",
                says=f"The CCW devno '{place}' is in use already"
                if kind == "ccw"
                else f"spapr-vio address {place} already in use",
            )


@rule("VFS993", "vio-register-too-large", severity=Severity.ERROR, stage=Stage.DEFINE)
def vio_register_too_large(address: Address) -> Iterator[Problem]:
    """The VIO address of a pSeries guest's device has at most 32 bits.

    Why: libvirt reads 64 bits, but the bus has 32.
    Bad:
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <serial type='pty'><address type='spapr-vio' reg='0x100000000'/></serial>
    Good:
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <serial type='pty'><address type='spapr-vio' reg='0x30000000'/></serial>
    libvirt says: spapr-vio reg='0x100000000' exceeds maximum possible value (0xffffffff)
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefAddress
    """
    register = address.reading.numbers.get("reg") if address.type == "spapr-vio" else None
    if register is not None and register > LARGEST_REGISTER:
        yield Problem(
            at=address.node.at("reg"),
            message=f"register {address.node.value('reg')} is out of range (0-{LARGEST_REGISTER:#x})",
            help="write a smaller number, or remove <address> and let libvirt assign one",
            says=f"spapr-vio reg='{register:#x}' exceeds maximum possible value (0xffffffff)",
        )
