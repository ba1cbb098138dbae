"""The source, the target and the I/O thread of disks."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.cpu import has_iothread
from vfslint.domain.disk import Disk
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
    if all(target.value("dev") is None for target in disk.node.children("target")):
        target = disk.node.child("target")
        yield Problem(
            at=target.start_span if target else disk.node.start_span,
            message="the disk has no target",
            help="add <target dev='vda' bus='virtio'/>",
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
    libvirt says: target 'vda' duplicated for disk sources
    See: libvirt domain_validate.c:virDomainDefCheckDuplicateDiskInfo
    """
    first: dict[str, Disk] = {}
    for disk in disks:
        if disk.name is None:
            continue
        other = first.setdefault(disk.name.value, disk)
        if other is not disk and other.name:
            yield Problem(
                at=disk.name.span,
                message=f"disk target {disk.name.value!r} is used twice",
                label="used again",
                related=(Related(other.name.span, "used first"),),
                help="give each disk its own target",
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
    libvirt says: missing source information for device
    See: libvirt domain_conf.c:virDomainDiskDefParseValidate; domain_validate.c:virDomainDiskDefSourceLUNValidate
    """
    # libvirt accepts an empty <source> for a LUN.
    if disk.is_empty and (disk.device == "disk" or (disk.device == "lun" and disk.source is None)):
        example = disk.source_attribute or "…"
        yield Problem(
            at=disk.source.start_span if disk.source else disk.node.start_span,
            message="the disk has no source",
            help=f"add <source {example}='…'/>, or write device='cdrom' for a drive that can be empty",
        )


@rule("VFS263", "lun-without-device", severity=Severity.ERROR, stage=Stage.DEFINE)
def lun_without_device(disk: Disk) -> Iterator[Problem]:
    """A LUN that is passed through is a block device of the host.

    Why: the device receives the guest's SCSI commands; a file cannot answer them.
    Bad:
        <disk type='file' device='lun'><source file='/srv/a.img'/><target dev='sda' bus='scsi'/></disk>
    Good:
        <disk type='block' device='lun'><source dev='/dev/sdb'/><target dev='sda' bus='scsi'/></disk>
    libvirt says: disk device='lun' is only valid for block type disk source
    See: libvirt domain_validate.c:virDomainDiskDefSourceLUNValidate
    """
    if disk.device == "lun" and disk.type in ("file", "dir", None):
        yield Problem(
            at=disk.node.at("device"),
            message=f"a disk of type {disk.type or 'file'!r} cannot be a LUN",
            help="write type='block' and <source dev='/dev/…'/>, or device='disk'",
        )


@rule("VFS264", "disk-name-unusable", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_name_unusable(disk: Disk) -> Iterator[Problem]:
    """The target of a disk is a name such as vda, sda or hda, and that of a floppy is fda.

    Why: the letters determine the disk's place on its bus, unless it has an `<address>`. A number after them
        would denote a partition.
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='Vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda1' bus='virtio'/></disk>
    Good:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>
    libvirt says: Unknown disk name
    libvirt says: partitions can't appear in disk targets
    libvirt says: Invalid harddisk device name
    See: libvirt virutil.c:virDiskNameParse; domain_conf.c:virDomainDiskDefParseXML
    """
    name = disk.name
    if name and not disk.address and not disk.has_usable_name:
        yield Problem(
            at=name.span,
            message=f"{name.value!r} is not a valid disk target",
            help="write only letters after vd, sd or hd, such as vda; for a floppy, write fda",
        )


@rule("VFS265", "disk-thread-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_thread_invalid(disk: Disk, context: Context) -> Iterator[Problem]:
    """A disk with an I/O thread is a virtio disk, and the domain has that thread.

    Why: only virtio disks can run outside QEMU's main loop. libvirt 7.0.0 reports the error when the domain
        starts.
    Bad:
        <iothreads>1</iothreads>
        <disk type='file' device='disk'><driver name='qemu' type='raw' iothread='1'/><source file='/srv/a.img'/>
          <target dev='sda' bus='sata'/></disk>
    Bad:
        <iothreads>1</iothreads>
        <disk type='file' device='disk'><driver name='qemu' type='raw' iothread='2'/><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio'/></disk>
    Good:
        <iothreads>1</iothreads>
        <disk type='file' device='disk'><driver name='qemu' type='raw' iothread='1'/><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio'/></disk>
    libvirt says: IOThreads not available for bus
    libvirt says: not defined in iothreadid
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefDiskIOThreads
    """
    thread, number = disk.iothread, disk.iothread_number
    if thread is None or number is None or disk.bus is None:
        return
    stage = Stage.START if context.target.libvirt < (9, 0, 0) else None
    if disk.bus != "virtio":
        yield Problem(
            at=thread.span,
            message=f"a disk on bus {disk.bus!r} does not support an I/O thread",
            help="write bus='virtio', or remove iothread",
            stage=stage,
        )
    elif not has_iothread(context.domain, number):
        yield Problem(
            at=thread.span,
            message=f"the domain has no I/O thread {number}",
            help="increase <iothreads>, or write the number of an existing I/O thread",
            stage=stage,
        )
