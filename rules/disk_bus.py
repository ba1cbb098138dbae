"""Disks and the bus that they are on."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.address import NUMBERS
from vfslint.domain.device import NEW_PARSER
from vfslint.domain.disk import Disk, DrivePlace
from vfslint.domain.domain import Domain
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers
from vfslint.vocabulary.table import values

# Attributes of <driver> that only virtio disks have, with libvirt's message (virDomainDiskDefValidate).
_OF_VIRTIO = {
    "event_idx": "disk event_idx mode supported only for virtio bus",
    "ioeventfd": "disk ioeventfd mode supported only for virtio bus",
    "iommu": "iommu driver option is only supported for virtio devices",
    "ats": "ats driver option is only supported for virtio devices",
    "packed": "packed driver option is only supported for virtio devices",
    "page_per_vq": "page_per_vq option is only supported for virtio devices",
}


@rule("VFS900", "disk-option-requires-virtio", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_option_requires_virtio(disk: Disk) -> Iterator[Problem]:
    """Queues and other options of virtio require a disk on the virtio bus, and models a disk on theirs.

    Why: they configure the virtqueues between QEMU and the guest's driver, which other disks do not have.
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw' queues='4'/><source file='/srv/a.img'/>
          <target dev='sda' bus='scsi'/></disk>
    Bad:
        <disk type='file' device='disk' model='virtio-transitional'><source file='/srv/a.img'/>
          <target dev='sda' bus='sata'/></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw' packed='on'/><source file='/srv/a.img'/>
          <target dev='sda' bus='usb'/></disk>
    Good:
        <disk type='file' device='disk'><driver name='qemu' type='raw' queues='4'/><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio'/></disk>
    libvirt says: queues attribute in disk driver element is only supported for virtio bus
    libvirt says: queue_size attribute in disk driver is only supported for virtio bus
    libvirt says: disk model 'virtio-transitional' not supported for bus 'sata'
    libvirt says: packed driver option is only supported for virtio devices
    See: libvirt domain_validate.c:virDomainDiskDefValidate
    """
    model = disk.node.attribute("model")
    is_usb_model = model is not None and model.value.startswith("usb-")
    if model and model.value.startswith("usb-" if disk.bus == "virtio" else "virtio"):
        yield Problem(
            at=model.span,
            message=f"a disk on bus {disk.bus!r} cannot have model {model.value!r}",
            help="remove model, or move the disk to the bus of this model",
            says="" if is_usb_model else f"disk model '{model.value}' not supported for bus '{disk.bus}'",
        )
    if disk.bus == "virtio":
        return
    since_9_8 = disk.libvirt >= (9, 8, 0)
    texts = dict(_OF_VIRTIO)
    if disk.libvirt < (7, 9, 0):
        del texts["page_per_vq"]
    if numbers.unsigned(disk.option_value("queues") or ""):
        by = "for virtio bus" if since_9_8 else "by virtio-blk"
        texts["queues"] = f"queues attribute in disk driver element is only supported {by}"
    if since_9_8 and numbers.unsigned(disk.option_value("queue_size") or ""):
        texts["queue_size"] = "queue_size attribute in disk driver is only supported for virtio bus"
    for name, text in texts.items():
        option = disk.option(name)
        if option and (name.startswith("queue") or option.value in ("on", "off")):
            yield Problem(
                at=option.span,
                message=f"a disk on bus {disk.bus!r} does not support {name}",
                help=f"remove {name}, or write bus='virtio'",
                says=text,
            )


@rule("VFS901", "disk-bus-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_bus_invalid(disk: Disk) -> Iterator[Problem]:
    """Each kind of disk is on a bus that has such disks.

    Why: floppies are on the floppy controller, and only they are; a virtio disk cannot be ejected; only SCSI disks
        receive SCSI commands; IDE and SATA disks are always writable; a USB disk has a medium.
    Bad:
        <disk type='file' device='cdrom'><source file='/srv/a.iso'/><target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='floppy'><source file='/srv/a.img'/><target dev='fda' bus='usb'/></disk>
    Bad:
        <disk type='file' device='cdrom'><source file='/srv/a.img'/><target dev='fda' bus='fdc'/></disk>
    Bad:
        <disk type='block' device='lun'><driver name='qemu' type='raw'/><source dev='/dev/sdb'/>
          <target dev='sda' bus='sata'/></disk>
    Bad:
        <disk type='block' device='lun'><driver name='qemu' type='raw'/><source dev='/dev/sdb'/>
          <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='sata'/><readonly/></disk>
    Bad (libvirt 11.3.0):
        <disk type='file' device='cdrom'><target dev='sda' bus='usb'/></disk>
    Good:
        <disk type='file' device='cdrom'><source file='/srv/a.iso'/><target dev='sda' bus='sata'/></disk>
        <disk type='file' device='floppy'><source file='/srv/a.img'/><target dev='fda' bus='fdc'/></disk>
    libvirt says: disk type of 'vda' does not support ejectable media
    libvirt says: Invalid bus type 'usb' for floppy disk
    libvirt says: disk device='lun' is not supported for bus='sata'
    libvirt says: readonly sata disks are not supported
    See: libvirt domain_validate.c:virDomainDiskDefValidate; qemu_validate.c:qemuValidateDomainDeviceDefDiskFrontend
    """
    device, bus = disk.device, disk.bus
    fault: tuple[str, str, str] | None = None
    if device == "floppy" and bus != "fdc":
        fault = (f"a floppy cannot be on bus {bus!r}", "write bus='fdc'", f"Invalid bus type '{bus}' for floppy disk")
    elif device != "floppy" and bus == "fdc":
        fault = (
            f"a {device} cannot be on bus 'fdc'",
            "write device='floppy', or another bus",
            "Invalid bus type 'fdc' for disk",
        )
    elif device == "cdrom" and bus in ("virtio", "sd"):
        fault = (
            f"a CD-ROM drive cannot be on bus {bus!r}",
            "write bus='sata', or bus='scsi'",
            f"disk type of '{disk.short_name}' does not support ejectable media",
        )
    elif device == "lun" and bus not in ("virtio", "scsi"):
        fault = (
            f"a LUN cannot be on bus {bus!r}",
            "write bus='scsi'",
            f"disk device='lun' is not supported for bus='{bus}'",
        )
    elif device == "lun" and bus == "virtio" and disk.libvirt >= (11, 3, 0):
        # QEMU's virtio-blk cannot pass SCSI commands on since 9.1; libvirt 9.8.0 does not check it, 10.7.0 does.
        fault = (
            "a LUN cannot be on bus 'virtio'",
            "write bus='scsi'",
            "This QEMU doesn't support SCSI emulation with 'virtio-blk' device",
        )
    elif device == "disk" and disk.is_readonly and bus in ("ide", "sata"):
        fault = (
            f"a disk on bus {bus!r} cannot be read-only",
            "remove <readonly>, or write bus='scsi' or bus='virtio'",
            f"readonly {bus} disks are not supported",
        )
    elif bus == "usb" and device == "cdrom" and disk.is_empty and _needs_medium(disk):
        fault = ("a USB drive cannot be empty", "add a <source>, or write bus='sata'", "'usb' disk must not be empty")
    if fault:
        place = disk.node.child("readonly") if "readonly" in fault[2] else None
        yield Problem(at=place.start_span if place else disk.bus_span, message=fault[0], help=fault[1], says=fault[2])


def _needs_medium(disk: Disk) -> bool:
    """Whether a USB drive cannot be empty: none can in 10.7.0 and 11.3.0, and one model cannot in 12.8.0."""
    model = disk.node.value("model")
    return disk.libvirt >= (10, 0, 0) and (disk.libvirt < (12, 0, 0) or model == "usb-storage")


@rule("VFS902", "disk-property-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_property_unsupported(disk: Disk) -> Iterator[Problem]:
    """A disk has only properties that its bus and its device have.

    Why: QEMU's devices differ: only SCSI disks have a vendor, only drives with a removable medium have a tray,
        and only images on the host can be missing when the domain starts.
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio' removable='on'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='scsi' tray='open'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='sata'/>
          <wwn>5000c50015ea71aa</wwn></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='sata'/>
          <vendor>SEAGATE</vendor></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/>
          <product>ST3146707LC</product></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio' rotation_rate='1'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='scsi'/>
          <geometry cyls='16383' heads='16' secs='63' trans='lba'/></disk>
    Bad:
        <disk type='network' device='disk'><source protocol='nbd' name='a' startupPolicy='optional'>
          <host name='h'/></source>
          <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img' startupPolicy='requisite'/>
          <target dev='vda' bus='virtio'/></disk>
    Good:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='scsi' rotation_rate='7200'/>
          <wwn>5000c50015ea71aa</wwn><vendor>SEAGATE</vendor><product>ST3146707LC</product></disk>
        <disk type='file' device='cdrom'><source file='/srv/a.iso' startupPolicy='requisite'/>
          <target dev='sdb' bus='scsi' tray='open'/></disk>
    libvirt says: removable is only valid for usb or scsi disks
    libvirt says: tray is only valid for cdrom and floppy
    libvirt says: Only ide and scsi disk support wwn
    libvirt says: Only scsi disk supports 'vendor'
    libvirt says: rotation rate is only valid for SCSI/IDE/SATA bus
    libvirt says: CHS translation mode can only be set for 'ide' bus not 'scsi'
    libvirt says: disk startupPolicy 'optional' is not allowed for disk of 'network' type
    See: libvirt domain_validate.c:virDomainDiskDefValidate, virDomainDiskDefValidateStartupPolicy;
        qemu_validate.c:qemuValidateDomainDeviceDefDiskFrontend
    """
    yield from _of_target(disk)
    yield from _of_identity(disk)
    yield from _of_geometry(disk)
    yield from _of_statistics(disk)
    yield from _of_startup(disk)


def _of_target(disk: Disk) -> Iterator[Problem]:
    target, bus, device = disk.target, disk.bus, disk.device
    if target is None:
        return
    removable = target.attribute("removable")
    also_scsi = disk.libvirt >= (9, 8, 0)
    is_removable = bus == "usb" or (also_scsi and bus == "scsi" and device == "disk")
    if removable and removable.value in ("on", "off") and not is_removable:
        yield Problem(
            at=removable.span,
            message=f"a {device} on bus {bus!r} cannot be removable",
            help="remove removable, or write bus='usb'",
            says=f"removable is only valid for usb {'or scsi ' if also_scsi else ''}disks",
        )
    tray = target.attribute("tray")
    # 11.3.0 reads closed as nothing, 12.8.0 does not.
    states = ("open", "closed") if disk.libvirt >= (12, 8, 0) else ("open",)
    if tray and tray.value in states and device in ("disk", "lun"):
        yield Problem(
            at=tray.span,
            message=f"a {device} does not have a tray",
            help="remove tray",
            says="tray is only valid for cdrom and floppy",
        )
    access = target.attribute("dpofua")
    if access and access.value in ("on", "off") and bus != "scsi" and disk.libvirt >= (12, 0, 0):
        yield Problem(
            at=access.span,
            message=f"a disk on bus {bus!r} does not support dpofua",
            help="remove dpofua, or write bus='scsi'",
            says="'dpofua' option is available only for SCSI disks",
        )
    rate = target.attribute("rotation_rate")
    if rate and numbers.unsigned(rate.value) and disk.libvirt >= (7, 3, 0):
        fits = bus in ("scsi", "ide", "sata")
        if not fits or device != "disk":
            yield Problem(
                at=rate.span,
                message=f"a {device} on bus {bus!r} does not have a rotation rate",
                help="remove rotation_rate",
                says=f"rotation rate is only valid for {'disk device' if fits else 'SCSI/IDE/SATA bus'}",
            )


def _of_statistics(disk: Disk) -> Iterator[Problem]:
    statistics = disk.driver.child("statistics") if disk.driver else None
    if statistics and disk.bus in ("sd", "xen", "uml") and statistics.child("statistic") and disk.libvirt >= (12, 0, 0):
        yield Problem(
            at=statistics.start_span,
            message=f"a disk on bus {disk.bus!r} does not have statistics",
            help="remove <statistics>",
            says=f"statistics collection is not supported by disks on bus '{disk.bus}'",
        )


def _of_identity(disk: Disk) -> Iterator[Problem]:
    apart = disk.libvirt >= (11, 0, 0)  # 10.7.0 requires SCSI for both
    together = "Only scsi disk supports vendor and product"
    for name, buses, text in (
        ("serial", None, f"Serial property not supported for drive bus '{disk.bus}'"),
        ("wwn", ("ide", "scsi"), "Only ide and scsi disk support wwn"),
        ("vendor", ("scsi",), "Only scsi disk supports 'vendor'" if apart else together),
        (
            "product",
            ("ide", "sata", "scsi") if apart else ("scsi",),
            "Only ide, sata and scsi disk supports 'product'" if apart else together,
        ),
    ):
        node = disk.written(name)
        if node and (disk.bus == "sd" if buses is None else disk.bus not in buses):
            yield Problem(
                at=node.start_span,
                message=f"a disk on bus {disk.bus!r} does not have a {name}",
                help=f"remove <{name}>",
                says=text,
            )


def _of_geometry(disk: Disk) -> Iterator[Problem]:
    node = disk.node.child("geometry")
    if node is None or len(disk.geometry) < 3:
        return
    translation = node.attribute("trans")
    if disk.bus in ("usb", "sd"):
        yield Problem(
            at=node.start_span,
            message=f"a disk on bus {disk.bus!r} does not have a geometry",
            help="remove <geometry>",
            says=f"CHS geometry can not be set for '{disk.bus}' bus",
        )
    elif translation and disk.bus != "ide":
        yield Problem(
            at=translation.span,
            message=f"a disk on bus {disk.bus!r} does not translate its geometry",
            help="remove trans",
            says=f"CHS translation mode can only be set for 'ide' bus not '{disk.bus}'",
        )


def _of_startup(disk: Disk) -> Iterator[Problem]:
    policy = disk.source.attribute("startupPolicy") if disk.source else None
    if policy is None:
        return
    value, type_ = policy.value, disk.image.type
    is_old = disk.libvirt < NEW_PARSER
    if value not in values("FileDiskSource/@startupPolicy").listed:
        # The vocabulary has the attribute for the other types.
        if type_ in ("network", "vhostuser", "vhostvdpa"):
            yield Problem(
                at=policy.span,
                message=f"{value!r} is not a startup policy",
                help="remove startupPolicy",
                says=f"unknown startupPolicy value '{value}'"
                if is_old
                else f"Invalid value for attribute 'startupPolicy' in element 'source': '{value}'.",
            )
        return
    if type_ == "network" if is_old else type_ not in ("file", "block", "dir", "volume"):
        yield Problem(
            at=policy.span,
            message=f"a disk of type {type_!r} does not have a startup policy",
            help="remove startupPolicy",
            says=f"Setting disk {value} is not allowed for disk of network type"
            if is_old
            else f"disk startupPolicy '{value}' is not allowed for disk of '{type_}' type",
        )
    elif value == "requisite" and disk.device not in ("cdrom", "floppy"):
        yield Problem(
            at=policy.span,
            message="only CD-ROM and floppy drives can have startup policy 'requisite'",
            help="write startupPolicy='optional', or 'mandatory'",
            says=f"{'Setting disk' if is_old else 'disk startupPolicy'} 'requisite' "
            "is allowed only for cdrom or floppy",
        )


# The parts of a drive's address that are 0 on each bus, with libvirt's message
# (qemuValidateDomainDeviceDefAddressDrive).
_FIXED = {
    "scsi": {"bus": "SCSI controller only supports 1 bus"},
    "ide": {"controller": "Only 1 IDE controller is supported", "target": "target must be 0 for ide controller"},
    "fdc": {
        "controller": "Only 1 fdc controller is supported",
        "bus": "Only 1 fdc bus is supported",
        "target": "target must be 0 for controller fdc",
    },
    "sata": {"bus": "bus must be 0 for sata controller", "target": "target must be 0 for sata controller"},
}


@rule("VFS909", "disk-address-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_address_invalid(disk: Disk) -> Iterator[Problem]:
    """The address of a disk is one on its bus.

    Why: a disk behind an IDE, SATA, SCSI or floppy controller has an address of type drive, a USB disk a USB port,
        and a virtio disk is a PCI device. There is one IDE and one floppy controller, and no controller has several
        buses apart from IDE.
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='sata'/>
          <address type='pci' domain='0' bus='0' slot='9' function='0'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='usb'/>
          <address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/>
          <address type='usb' bus='0' port='1'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='sata'/>
          <address type='drive' controller='0' bus='1' target='0' unit='0'/></disk>
    Bad:
        <disk type='file' device='floppy'><source file='/srv/a.img'/><target dev='fdc' bus='fdc'/></disk>
    Good:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='sata'/>
          <address type='drive' controller='0' bus='0' target='0' unit='3'/></disk>
    libvirt says: Invalid address type 'pci' for the disk 'sda' with the bus type 'sata'
    libvirt says: unexpected address type for usb disk
    libvirt says: virtio disk cannot have an address of type 'usb'
    libvirt says: bus must be 0 for sata controller
    libvirt says: Only 1 fdc controller is supported
    See: libvirt domain_validate.c:virDomainDiskAddressDiskBusCompatibility;
        qemu_validate.c:qemuValidateDomainDeviceDefAddressDrive;
        qemu_domain_address.c:qemuDomainAssignDevicePCISlots
    """
    bus, type_ = disk.bus, disk.address.value("type") if disk.address else None
    fixed = _FIXED.get(bus, {})
    wanted = "drive" if fixed or bus == "nvme" else {"usb": "usb", "virtio": "pci"}.get(bus)
    if disk.address and type_ and wanted and type_ != wanted and not _is_reported(disk, type_):
        old = disk.libvirt < NEW_PARSER
        if bus == "virtio":
            says = f"virtio disk cannot have an address of type '{type_}'"
        elif bus == "usb" or old:
            says = f"unexpected address type for {bus} disk"
        else:
            says = f"Invalid address type '{type_}' for the disk '{disk.short_name}' with the bus type '{bus}'"
        yield Problem(
            at=disk.address.at("type"),
            message=f"a disk on bus {bus!r} cannot have an address of type {type_!r}",
            help=f"write type={wanted!r}, or remove <address>",
            says=says,
        )
    if disk.place is None:
        return
    for name, says in fixed.items():
        number = getattr(disk.place, name)
        if number:
            yield Problem(
                at=disk.address.at(name) if disk.address else disk.bus_span,
                message=f"{name} {number} does not exist on bus {bus!r}",
                help=f"write {name}='0', or remove <address>" if disk.address else "write an earlier letter",
                says=says,
            )


def _is_reported(disk: Disk, type_: str) -> bool:
    """Whether the type is unknown, not one of disks at all, or depends on the machine."""
    if type_ not in NUMBERS:
        return True
    if disk.bus == "virtio" and type_ in ("ccw", "virtio-mmio"):
        return True
    return disk.libvirt >= NEW_PARSER and type_ in ("ccw", "unassigned")


@rule("VFS271", "drive-place-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def drive_place_invalid(disks: list[Disk], context: Context) -> Iterator[Problem]:
    """Each disk behind a controller has a place of its own, which the controller has.

    Why: only one drive can be in each place. A disk without `<address>` has the one that its name stands for: sdb is
        unit 1. A SCSI controller of model lsilogic, the default on x86, has only target 0. The controller of a disk on
        the bus nvme has a serial number, so libvirt cannot add it.
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='sata'/></disk>
        <disk type='file' device='disk'><source file='/srv/b.img'/><target dev='sdb' bus='sata'/>
          <address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='scsi'/>
          <address type='drive' controller='0' bus='0' target='1' unit='0'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='nvme0n1' bus='nvme'/></disk>
    Good:
        <controller type='scsi' index='0' model='virtio-scsi'/>
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='scsi'/></disk>
        <disk type='file' device='disk'><source file='/srv/b.img'/><target dev='sdb' bus='scsi'/>
          <address type='drive' controller='0' bus='0' target='1' unit='0'/></disk>
    libvirt says: Found duplicate drive address for disk with target name 'sda'
    libvirt says: target must be 0 for controller model 'lsilogic'
    libvirt says: Missing mandatory serial for NVMe controller
    See: libvirt domain_validate.c:virDomainDefDuplicateDriveAddressesValidate;
        qemu_validate.c:qemuValidateDomainDeviceDefAddressDrive
    """
    first: dict[object, Disk] = {}
    for disk in disks:
        if disk.place is None:
            continue
        yield from _without_controller(disk, disk.place, context.domain)
        other = first.setdefault((disk.bus, disk.place), disk)
        # The same name twice is reported as such.
        if other is not disk and other.short_name != disk.short_name:
            controller, bus, target, unit = disk.place
            place = f"controller='{controller}' bus='{bus}' target='{target}' unit='{unit}'"
            named = min(other, disk, key=_by_name)
            yield Problem(
                at=disk.address.start_span if disk.address else disk.bus_span,
                message=f"{disk.label} has the address of {other.label}: {place}",
                label="used again",
                related=(Related(other.address.start_span if other.address else other.bus_span, "used first"),),
                help="remove <address>, or give each disk its own",
                says=f"Found duplicate drive address for disk with target name '{named.short_name}' {place}",
            )


def _by_name(disk: Disk) -> int:
    """The order of a bus's disks in libvirt (virDomainDiskInsert)."""
    return disk.number or 0


def _without_controller(disk: Disk, place: DrivePlace, domain: Domain) -> Iterator[Problem]:
    """Whether the disk's controller does not have such a place, or is not there and cannot be added."""
    kind = [controller.node for controller in domain.controllers if controller.type == disk.bus]
    if "controller" in domain.unknown_kinds or any(controller.value("index") is None for controller in kind):
        return
    own = next((each for each in kind if numbers.unsigned(each.value("index") or "") == place.controller), None)
    if disk.bus == "nvme" and own is None:
        yield Problem(
            at=disk.bus_span,
            message=f"the domain has no NVMe controller {place.controller}",
            help=f"add <controller type='nvme' index='{place.controller}'><serial>…</serial></controller>",
            says="Missing mandatory serial for NVMe controller",
        )
    if own is None and kind and disk.libvirt >= (12, 8, 0):
        return  # The controller that libvirt adds has the model of another one.
    model = own.value("model") if own else None
    if disk.bus == "scsi" and place.target and model in (None, "auto", "lsilogic") and domain.is_x86:
        yield Problem(
            at=disk.address.at("target") if disk.address else disk.bus_span,
            message=f"a SCSI controller of model 'lsilogic' has no target {place.target}",
            help="write target='0', or give the controller model='virtio-scsi'",
            says="target must be 0 for controller model 'lsilogic'",
        )
