"""The source and the target of disks."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain.device import NEW_PARSER
from vfslint.domain.disk import Disk
from vfslint.domain.storage import LOCAL
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule


@rule("VFS293", "disk-target-missing", severity=Severity.ERROR, stage=Stage.PARSE)
def disk_target_missing(disk: Disk) -> Iterator[Problem]:
    """A disk has a target, `<target dev='…'/>`.

    Why: libvirt identifies disks by this name and derives their place on the bus from it.
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/></disk>
    Good:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>
    libvirt says: missing target information for device
    See: libvirt domain_conf.c:virDomainDiskDefParseXML
    """
    if disk.target is None or disk.target.value("dev") is None:
        image = disk.image
        content = image.path
        if image.node and image.type == "volume":
            content = f"pool = '{image.node.value('pool')}', volume = '{image.node.value('volume')}'"
        yield Problem(
            at=disk.target.start_span if disk.target else disk.node.start_span,
            message="the disk has no target",
            help="add <target dev='vda' bus='virtio'/>",
            says=f"missing target information for device {content}"
            if content
            else "missing target information for device",
        )


@rule("VFS294", "disk-target-repeated", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_target_repeated(disks: list[Disk]) -> Iterator[Problem]:
    """Every disk has its own target.

    Why: libvirt and its clients identify disks by `target/@dev`.
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>
        <disk type='file' device='disk'><source file='/srv/b.img'/><target dev='vda' bus='virtio'/></disk>
    Good:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>
        <disk type='file' device='disk'><source file='/srv/b.img'/><target dev='vdb' bus='virtio'/></disk>
    libvirt says: target 'vda' duplicated for disk sources '/srv/a.img' and '/srv/b.img'
    See: libvirt domain_validate.c:virDomainDefCheckDuplicateDiskInfo
    """
    first: dict[str, Disk] = {}
    for disk in disks:
        if disk.name is None:
            continue
        other = first.setdefault(disk.short_name, disk)
        if other is not disk and other.name:
            yield Problem(
                at=disk.name.span,
                message=f"disk target {disk.name.value!r} is used twice",
                label="used again",
                related=(Related(other.name.span, "used first"),),
                help="give each disk its own target",
                says=f"target '{disk.short_name}' duplicated for disk sources "
                f"'{other.image.path or '<null>'}' and '{disk.image.path or '<null>'}'",
            )


@rule("VFS262", "disk-source-missing", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_source_missing(disk: Disk) -> Iterator[Problem]:
    """A disk has a source; only CD-ROM and floppy drives can be empty.

    Why: QEMU needs a file, a device or a volume to read from.
    Bad:
        <disk type='file' device='disk'><target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='block' device='disk'><source/><target dev='vda' bus='virtio'/></disk>
    Good:
        <disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>
    libvirt says: missing source information for device vda
    See: libvirt domain_validate.c:virDomainDiskDefValidate
    """
    if disk.is_empty and disk.device == "disk":
        example = LOCAL.get(disk.image.type, "file")
        name = disk.short_name
        yield Problem(
            at=disk.source.start_span if disk.source else disk.node.start_span,
            message="the disk has no source",
            help=f"add <source {example}='…'/>, or write device='cdrom' for a drive that can be empty",
            says=f"missing source information for device {name}" if name else "missing source information for device",
        )


@rule("VFS263", "lun-without-device", severity=Severity.ERROR, stage=Stage.DEFINE)
def lun_without_device(disk: Disk) -> Iterator[Problem]:
    """A LUN that is passed through is a block device of the host.

    Why: the device receives the guest's SCSI commands; a file cannot answer them.
    Bad:
        <disk type='file' device='lun'><source file='/srv/a.img'/><target dev='sda' bus='scsi'/></disk>
    Bad:
        <disk type='network' device='lun'><source protocol='nbd' name='a'><host name='h'/></source>
          <target dev='sda' bus='scsi'/></disk>
    Good:
        <disk type='block' device='lun'><source dev='/dev/sdb'/><target dev='sda' bus='scsi'/></disk>
    libvirt says: disk device='lun' is only valid for block type disk source
    libvirt says: disk device='lun' is not supported for protocol='nbd'
    See: libvirt domain_validate.c:virDomainDiskDefSourceLUNValidate
    """
    type_, protocol = disk.image.type, disk.image.protocol
    if disk.device != "lun" or type_ == "block" or protocol == "iscsi":
        return
    if type_ == "volume" and disk.libvirt >= NEW_PARSER:
        return
    says = "disk device='lun' is only valid for block type disk source"
    if protocol:
        says = f"disk device='lun' is not supported for protocol='{protocol}'"
    yield Problem(
        at=disk.node.at("device"),
        message=f"a disk of {f'protocol {protocol!r}' if protocol else f'type {type_!r}'} cannot be a LUN",
        help="write type='block' and <source dev='/dev/…'/>, or device='disk'",
        says=says,
    )


@rule("VFS264", "disk-name-unusable", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_name_unusable(disk: Disk) -> Iterator[Problem]:
    """The target of a disk is a name such as vda, sda or hda, and that of a floppy is fda.

    Why: the letters determine the disk's place on its bus, unless it has an `<address>`. A number after them
        would denote a partition. Since 11.5.0, there are also names such as nvme0n1.
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='Vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda1' bus='virtio'/></disk>
    Good:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>
    libvirt says: Unknown disk name 'Vda' and no address specified
    libvirt says: invalid disk target 'vda1', partitions can't appear in disk targets
    libvirt says: Invalid harddisk device name: Vda
    See: libvirt virutil.c:virDiskNameParse; domain_validate.c:virDomainDiskDefValidate;
        qemu_validate.c:qemuValidateDomainDeviceDefDisk
    """
    name = disk.short_name
    if disk.name is None:
        return
    prefixes = ("fd",) if disk.device == "floppy" else ("hd", "sd", "vd", "xvd", "ubd", *_newer_prefixes(disk))
    has_prefix = disk.device == "cdrom" or name.startswith(prefixes)
    digits = disk.partition
    if has_prefix and disk.number is not None and digits in ("", "0"):
        return
    if disk.number is None and not disk.address and (has_prefix or disk.libvirt >= NEW_PARSER):
        says = f"Unknown disk name '{name}' and no address specified"
    elif not has_prefix:
        says = f"Invalid {'floppy' if disk.device == 'floppy' else 'harddisk'} device name: {name}"
    elif disk.number is None or digits.startswith("0") or len(digits) > 9:
        says = f"invalid disk target '{name}'"
    else:
        says = f"invalid disk target '{name}', partitions can't appear in disk targets"
    yield Problem(
        at=disk.name.span,
        message=f"{disk.name.value!r} is not a valid disk target",
        help="write only letters after vd, sd or hd, such as vda; for a floppy, write fda",
        says=says,
    )


def _newer_prefixes(disk: Disk) -> tuple[str, ...]:
    return ("nvme",) if disk.libvirt >= (11, 5, 0) else ()
