"""Options of disks: identity, LUNs, the driver, transient changes and limits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.device import NEW_PARSER
from vfslint.domain.disk import Disk, limits_in
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

_WWN = r"(?:0x)?[0-9A-Fa-f]{16}\Z"
_PRINTABLE = r"[ -~]*\Z"
_SERIAL = r"[A-Za-z0-9\-_ .+]*\Z"
VENDOR_BYTES = 8


@rule("VFS903", "disk-identity-malformed", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_identity_malformed(disk: Disk) -> Iterator[Problem]:
    """The serial number, WWN, vendor and product of a disk have the form that the guest can be shown.

    Why: a WWN has 16 hexadecimal digits; the fields for vendor and product have 8 and 16 bytes on SCSI, and 40 for
        the product on IDE and SATA since 11.0.0; a serial number is part of QEMU's command line.
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/>
          <serial>WD/1</serial></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='scsi'/>
          <wwn>5000c50015ea</wwn></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='scsi'/>
          <vendor>SEAGATE TECHNOLOGY</vendor></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='scsi'/>
          <product>disque dur numéro un</product></disk>
    Good:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='scsi'/>
          <serial>WD-1</serial><wwn>5000c50015ea71aa</wwn><vendor>SEAGATE</vendor><product>ST3146707LC</product></disk>
    libvirt says: driver serial 'WD/1' contains unsafe characters
    libvirt says: Malformed wwn: 5000c50015ea
    libvirt says: disk vendor is more than 8 characters
    libvirt says: disk product is not printable string
    See: libvirt domain_validate.c:virDomainDiskDefValidate; virutil.c:virValidateWWN;
        qemu_validate.c:qemuValidateDomainDeviceDefDiskSerial
    """
    long = 16 if disk.libvirt < (11, 0, 0) or disk.bus == "scsi" else 40
    for name, form, size, help in (
        ("serial", _SERIAL, None, "write only letters, digits, spaces and -_.+"),
        ("wwn", _WWN, None, "write 16 hexadecimal digits, such as 5000c50015ea71aa"),
        ("vendor", _PRINTABLE, VENDOR_BYTES, f"write at most {VENDOR_BYTES} printable characters"),
        ("product", _PRINTABLE, long, f"write at most {long} printable characters"),
    ):
        node = disk.written(name)
        if node is None:
            continue
        if not re.match(form, node.text):
            says = {
                "serial": f"driver serial '{node.text}' contains unsafe characters",
                "wwn": f"Malformed wwn: {node.text}",
            }
            yield Problem(
                at=node.text_span,
                message=f"{node.text!r} is not a valid {name}",
                help=help,
                says=says.get(name, f"disk {name} is not printable string"),
            )
        elif size and len(node.text) > size:
            yield Problem(
                at=node.text_span,
                message=f"{name} {node.text!r} has {len(node.text)} characters, but at most {size} fit",
                help=help,
                says=f"disk {name} is more than {size} characters",
            )


@rule("VFS904", "lun-option-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def lun_option_invalid(disk: Disk) -> Iterator[Problem]:
    """A LUN is a raw device without options for images, and only a LUN has options for SCSI commands.

    Why: the guest's commands go to the device itself. QEMU neither reads a format nor decrypts, and the device
        shows its own identity. `rawio`, `sgio` and `<reservations>` are about these commands.
    Bad:
        <disk type='block' device='lun'><driver name='qemu' type='qcow2'/><source dev='/dev/sdb'/>
          <target dev='sda' bus='scsi'/></disk>
    Bad:
        <disk type='block' device='lun'><driver name='qemu' type='raw' copy_on_read='on'/><source dev='/dev/sdb'/>
          <target dev='sda' bus='scsi'/></disk>
    Bad:
        <disk type='block' device='lun'><driver name='qemu' type='raw'/><source dev='/dev/sdb'/>
          <target dev='sda' bus='scsi'/><serial>WD-1</serial></disk>
    Bad:
        <disk type='block' device='lun' sgio='unfiltered'><driver name='qemu' type='raw'/><source dev='/dev/sdb'/>
          <target dev='sda' bus='scsi'/></disk>
    Bad:
        <disk type='block' device='disk' rawio='yes'><driver name='qemu' type='raw'/><source dev='/dev/sdb'/>
          <target dev='sda' bus='scsi'/></disk>
    Bad:
        <disk type='block' device='disk'><source dev='/dev/sdb'><reservations managed='yes'/></source>
          <target dev='sda' bus='scsi'/></disk>
    Good:
        <disk type='block' device='lun' rawio='yes'><driver name='qemu' type='raw'/>
          <source dev='/dev/sdb'><reservations managed='yes'/></source><target dev='sda' bus='scsi'/></disk>
    libvirt says: disk device 'lun' must use 'raw' format
    libvirt says: copy_on_read is not compatible with 'lun' disk 'sda'
    libvirt says: scsi-block 'lun' devices do not support the serial property
    libvirt says: unfiltered sgio is no longer supported
    libvirt says: rawio can be used only with device='lun'
    libvirt says: <reservations/> allowed only for lun devices
    See: libvirt domain_validate.c:virDomainDiskDefSourceLUNValidate, virDomainDiskDefValidate;
        qemu_validate.c:qemuValidateDomainDeviceDefDiskFrontend
    """
    sgio = disk.node.attribute("sgio")
    if sgio and sgio.value == "unfiltered" and disk.libvirt >= (9, 0, 0):
        yield Problem(
            at=sgio.span,
            message="unfiltered SCSI commands are no longer supported",
            help="remove sgio",
            says="unfiltered sgio is no longer supported",
        )
    if disk.device == "lun":
        yield from _not_for_luns(disk)
        return
    for name in ("rawio", "sgio"):
        option = disk.node.attribute(name)
        if option and option.value in ("yes", "no", "filtered", "unfiltered"):
            yield Problem(
                at=option.span,
                message=f"a {disk.device} does not support {name}",
                help=f"remove {name}, or write device='lun'",
                says=f"{name} can be used only with device='lun'",
            )
    reservations = disk.source.child("reservations") if disk.source else None
    if reservations:
        yield Problem(
            at=reservations.start_span,
            message=f"a {disk.device} does not support persistent reservations",
            help="remove <reservations>, or write device='lun'",
            says="<reservations/> allowed only for lun devices",
        )


def _not_for_luns(disk: Disk) -> Iterator[Problem]:
    image = disk.image
    if image.format_attribute and image.format not in ("raw", None):
        yield Problem(
            at=image.format_attribute.span,
            message=f"a LUN cannot have format {image.format!r}",
            help="write type='raw'",
            says="disk device 'lun' must use 'raw' format",
        )
    copying = disk.option("copy_on_read")
    if copying and copying.value == "on":
        yield Problem(
            at=copying.span,
            message="a LUN does not support copy_on_read",
            help="remove copy_on_read",
            says=f"copy_on_read is not compatible with 'lun' disk '{disk.short_name}'",
        )
    is_encrypted = image.encryption is not None and image.encryption.value("format") != "default"
    identity = "Setting vendor or product is not supported for lun device"
    for node, text in (
        (image.slice, "disk device 'lun' doesn't support storage slice"),
        (image.encryption if is_encrypted else None, "disk device 'lun' doesn't support encryption"),
        (disk.written("wwn"), "Setting wwn is not supported for lun device"),
        (disk.written("vendor"), identity),
        (disk.written("product"), identity),
        (
            disk.written("serial") if disk.bus == "scsi" else None,
            "scsi-block 'lun' devices do not support the serial property",
        ),
    ):
        if node:
            yield Problem(
                at=node.start_span,
                message=f"a LUN does not support <{node.tag}>",
                help=f"remove <{node.tag}>",
                says=text,
            )


@rule("VFS905", "disk-driver-contradictory", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_driver_contradictory(disk: Disk) -> Iterator[Problem]:
    """The options of a disk's driver agree with each other and with the disk.

    Why: copying on read writes to the disk; asynchronous I/O of the kernel bypasses the page cache; the option
        `discard_no_unref` is one of qcow2 images that are written to; an image that several domains write to is raw;
        QEMU is the only driver of QEMU domains; and a histogram of latencies has ascending bins.
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw' copy_on_read='on'/><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio'/><readonly/></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw' io='native' cache='writeback'/>
          <source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw' discard_no_unref='on'/>
          <source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio'/><shareable/></disk>
    Bad:
        <disk type='file' device='disk'><driver name='tap'/><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw'><statistics>
            <latency-histogram><bin start='10'/><bin start='5'/></latency-histogram></statistics></driver>
          <source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>
    Good:
        <disk type='file' device='disk'><driver name='qemu' type='raw' io='native' cache='none'/>
          <source file='/srv/a.img'/><target dev='vda' bus='virtio'/><shareable/></disk>
        <disk type='file' device='disk'><driver name='qemu' type='qcow2' discard_no_unref='on' copy_on_read='on'/>
          <source file='/srv/b.img'/><target dev='vdb' bus='virtio'/></disk>
    libvirt says: copy_on_read is not compatible with read-only disk 'vda'
    libvirt says: io='native' needs either no disk cache or directsync cache mode
    libvirt says: 'discard_no_unref' only works with qcow2 disk format
    libvirt says: shared access for disk 'vda' requires use of supported storage format
    libvirt says: unsupported driver name 'tap' for disk 'vda'
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefDisk; domain_validate.c:virDomainDiskDefValidate
    """
    yield from _sharing(disk)
    if disk.driver is None:
        return
    for find in (_foreign_driver, _copying, _native_io, _histograms, _discarding):
        yield from find(disk)


def _sharing(disk: Disk) -> Iterator[Problem]:
    image = disk.image
    shareable = disk.node.child("shareable")
    has_luks = image.has_luks and disk.libvirt >= (10, 0, 0)  # 9.8.0 does not check it, 10.7.0 does
    if shareable and not disk.is_readonly and (image.format != "raw" or has_luks):
        yield Problem(
            at=shareable.start_span,
            message="only a raw image that is not encrypted can be shared between domains that write to it",
            help="write <driver name='qemu' type='raw'/>, or add <readonly/>, or remove <shareable>",
            says=f"shared access for disk '{disk.short_name}' requires use of supported storage format",
        )


def _foreign_driver(disk: Disk) -> Iterator[Problem]:
    driver = disk.option("name")
    if driver and driver.value != "qemu":
        yield Problem(
            at=driver.span,
            message=f"{driver.value!r} is not a driver that QEMU domains have",
            help="write name='qemu'",
            says=f"unsupported driver name '{driver.value}' for disk '{disk.short_name}'",
        )


def _copying(disk: Disk) -> Iterator[Problem]:
    copying = disk.option("copy_on_read")
    if copying and copying.value == "on" and (disk.is_readonly or disk.device == "floppy"):
        why = f"read-only disk '{disk.short_name}'" if disk.is_readonly else f"removable disk '{disk.short_name}'"
        yield Problem(
            at=copying.span,
            message=f"a {'read-only disk' if disk.is_readonly else 'floppy'} does not support copy_on_read",
            help="remove copy_on_read",
            says=f"copy_on_read is not {'compatible' if disk.is_readonly else 'supported'} with {why}",
        )


def _native_io(disk: Disk) -> Iterator[Problem]:
    io = disk.option("io")
    if io and io.value == "native" and disk.cache not in ("none", "directsync"):
        yield Problem(
            at=io.span,
            message=f"io='native' does not support cache mode {disk.cache or 'default'!r}",
            help="write cache='none', or io='threads'",
            says="native I/O needs either no disk cache or directsync cache mode, QEMU will fallback to aio=threads"
            if disk.libvirt < (7, 4, 0)
            else "io='native' needs either no disk cache or directsync cache mode",
        )


def _discarding(disk: Disk) -> Iterator[Problem]:
    keeping = disk.option("discard_no_unref")
    if keeping and keeping.value == "on" and disk.libvirt >= (9, 5, 0):
        has_wrong_format = disk.image.format != "qcow2"
        if has_wrong_format or disk.is_readonly:
            yield Problem(
                at=keeping.span,
                message="discard_no_unref requires a qcow2 image that is not read-only",
                help="remove discard_no_unref",
                says="'discard_no_unref' only works with qcow2 disk format"
                if has_wrong_format
                else "'discard_no_unref' is not compatible with read-only disk",
            )


def _histograms(disk: Disk) -> Iterator[Problem]:
    if disk.driver is None or disk.libvirt < (12, 0, 0):
        return
    seen: set[str | None] = set()
    for histogram in disk.driver.children("statistics/latency-histogram"):
        kind = histogram.value("type")
        starts = [numbers.unsigned(bin_.value("start") or "", bits=64) or 0 for bin_ in histogram.children("bin")]
        if kind in seen:
            yield Problem(
                at=histogram.start_span,
                message=f"a histogram of type {kind or 'all'!r} appears twice",
                help="remove one of them",
                says="only one latency-histogram of a given type is supported",
            )
        elif starts != sorted(starts):
            yield Problem(
                at=histogram.start_span,
                message="the bins of the histogram are not in ascending order",
                help="sort the bins by start",
                says="the values of 'start' attribute of a 'latency-histogram' 'bin' configuration "
                "must be sorted and non-overlapping",
            )
        seen.add(kind)


@rule("VFS906", "transient-disk-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def transient_disk_invalid(disk: Disk) -> Iterator[Problem]:
    """A transient disk is a hard disk in a file to which the guest can write.

    Why: libvirt creates an overlay file next to the image, and removes it when the guest stops. To share the image
        between guests, it plugs the disk in later, which IDE and SATA do not support.
    Bad:
        <disk type='block' device='disk'><source dev='/dev/sdb'/><target dev='vda' bus='virtio'/><transient/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/><readonly/>
          <transient/></disk>
    Bad:
        <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><transient/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='sata'/>
          <transient shareBacking='yes'/></disk>
    Good:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/>
          <transient shareBacking='yes'/></disk>
    libvirt says: transient disk supported only with 'file' type (vda)
    libvirt says: transient disk 'vda' must not be read-only
    libvirt says: transient disk 'sda' must not be empty
    libvirt says: disk bus 'sata' doesn't support transiend disk backing image sharing
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefDiskTransient
    """
    transient, name = disk.node.child("transient"), disk.short_name
    if transient is None:
        return
    message = help = says = ""
    if disk.is_empty:
        message, says = "a transient disk cannot be empty", f"transient disk '{name}' must not be empty"
    elif disk.is_readonly:
        message, says = "a transient disk cannot be read-only", f"transient disk '{name}' must not be read-only"
    elif disk.image.type != "file":
        message = f"a disk of type {disk.image.type!r} cannot be transient"
        says = f"transient disk supported only with 'file' type ({name})"
    elif disk.device != "disk":
        message, says = (
            f"a {disk.device} cannot be transient",
            f"transient disk supported only with 'disk' device ({name})",
        )
    elif (
        transient.value("shareBacking") == "yes"
        and disk.bus not in ("usb", "virtio", "scsi")
        and disk.libvirt >= (7, 4, 0)
    ):
        message = f"a transient disk on bus {disk.bus!r} cannot share its image"
        help = "remove shareBacking, or write bus='virtio'"
        says = f"disk bus '{disk.bus}' doesn't support transiend disk backing image sharing"
    if message:
        yield Problem(at=transient.start_span, message=message, help=help or "remove <transient>", says=says)


LARGEST_LIMIT = 10**15
_WITH_TOTAL = ("bytes_sec", "iops_sec", "bytes_sec_max", "iops_sec_max")
_LIMITED = ("size_iops_sec", *(f"{which}_{kind}" for which in ("total", "read", "write") for kind in _WITH_TOTAL))


@rule("VFS908", "disk-limits-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_limits_invalid(disk: Disk) -> Iterator[Problem]:
    """A disk's limits are either for all operations or for reads and writes, and at most 10^15.

    Why: QEMU cannot apply a total and a part of it at the same time, nor larger numbers. A group is
        one of limits, and an SD card cannot have any.
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/>
          <iotune><total_bytes_sec>10000000</total_bytes_sec><read_bytes_sec>5000000</read_bytes_sec></iotune></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/>
          <iotune><read_iops_sec>10000000000000000</read_iops_sec></iotune></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='sd'/>
          <iotune><read_iops_sec>100</read_iops_sec></iotune></disk>
    Good:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/>
          <iotune><write_bytes_sec>10000000</write_bytes_sec><read_bytes_sec>5000000</read_bytes_sec></iotune></disk>
    libvirt says: total and read/write bytes_sec cannot be set at the same time
    libvirt says: block I/O throttle limit must be no more than 1000000000000000 using QEMU
    libvirt says: <iotune> is not supported with bus='sd'
    See: libvirt domain_validate.c:virDomainDiskIoTuneValidate;
        qemu_validate.c:qemuValidateDomainDeviceDefDiskBlkdeviotune
    """
    limits = disk.limits
    tune = disk.node.child("iotune")
    if tune is None:
        return
    for limit in tune.children() if disk.libvirt >= NEW_PARSER else ():
        if "_sec" in limit.tag and limit.text.lstrip().startswith("-"):
            yield Problem(
                at=limit.text_span,
                message=f"<{limit.tag}> is negative",
                help="write a number from 0",
                says=f"disk iotune field '{limit.tag}' must be an integer",
                stage=Stage.PARSE,
            )
    refused = set(combined(limits))
    for kind, part in combined(disk.written_limits):
        is_refused = any(kind == other for other, _ in refused)
        yield Problem(
            at=_limit(disk, part).start_span,
            message=f"<{part}> cannot be combined with <total_{kind}>",
            help=f"remove <total_{kind}>, or the limits of reads and writes",
            says=f"total and read/write {kind} cannot be set at the same time" if is_refused else "",
            severity=None if is_refused else Severity.WARNING,
            stage=None if is_refused else Stage.SCHEMA,
        )
    for name in _LIMITED:
        if limits.get(name, 0) > LARGEST_LIMIT:
            yield Problem(
                at=_limit(disk, name).text_span,
                message=f"<{name}> is {limits[name]}, but at most {LARGEST_LIMIT} is possible",
                help=f"write at most {LARGEST_LIMIT}",
                says=f"block I/O throttle limit must be no more than {LARGEST_LIMIT} using QEMU",
            )
    if limits and disk.bus == "sd" and disk.libvirt >= (9, 8, 0):
        yield Problem(
            at=tune.start_span,
            message="an SD card cannot have limits",
            help="remove <iotune>, or write bus='virtio'",
            says="<iotune> is not supported with bus='sd'",
        )


def combined(limits: dict[str, int]) -> list[tuple[str, str]]:
    """The kinds of limits that have a total, each with a part of it that is also limited."""
    return [
        (kind, part)
        for kind in _WITH_TOTAL
        for part in [name for name in (f"read_{kind}", f"write_{kind}") if name in limits][:1]
        if f"total_{kind}" in limits
    ]


def _limit(disk: Disk, name: str) -> Node:
    """The first element of a limit that is set."""
    return disk.node.child(f"iotune/{name}") or disk.node


@rule("VFS907", "disk-limits-inconsistent", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_limits_inconsistent(disks: list[Disk], context: Context) -> Iterator[Problem]:
    """The disks of a group have the same limits, and a throttle filter names a group of the domain.

    Why: all disks of a group share its limits. A disk that only names the group gets them from another disk of
        the group, but one has to have some. Filters do the same with the groups in `<throttlegroups>`; they cannot
        be combined with a disk's own limits, and a CD-ROM drive cannot have any.
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/>
          <iotune><total_iops_sec>100</total_iops_sec><group_name>slow</group_name></iotune></disk>
        <disk type='file' device='disk'><source file='/srv/b.img'/><target dev='vdb' bus='virtio'/>
          <iotune><total_iops_sec>200</total_iops_sec><group_name>slow</group_name></iotune></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/>
          <iotune><group_name>slow</group_name></iotune></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/>
          <throttlefilters><throttlefilter group='slow'/></throttlefilters></disk>
    Bad:
        <throttlegroups><throttlegroup><group_name>slow</group_name><total_iops_sec>100</total_iops_sec></throttlegroup>
        </throttlegroups>
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/>
          <iotune><total_iops_sec>200</total_iops_sec></iotune>
          <throttlefilters><throttlefilter group='slow'/></throttlefilters></disk>
    Good:
        <throttlegroups><throttlegroup><group_name>slow</group_name><total_iops_sec>100</total_iops_sec></throttlegroup>
        </throttlegroups>
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/>
          <throttlefilters><throttlefilter group='slow'/></throttlefilters></disk>
        <disk type='file' device='disk'><source file='/srv/b.img'/><target dev='vdb' bus='virtio'/>
          <iotune><total_iops_sec>200</total_iops_sec><group_name>a</group_name></iotune></disk>
        <disk type='file' device='disk'><source file='/srv/c.img'/><target dev='vdc' bus='virtio'/>
          <iotune><group_name>a</group_name></iotune></disk>
    libvirt says: different iotunes for disks vda and vdb
    libvirt says: group_name can be configured only together with settings
    libvirt says: throttle group 'slow' not found
    libvirt says: block 'throttlefilters' can't be used together with 'iotune' for disk 'vda'
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefDiskBlkdeviotune;
        domain_validate.c:virDomainDiskDefValidate;
        domain_postparse.c:virDomainDiskExpandGroupIoTune
    """
    yield from _groups(disks)
    if context.target.libvirt >= (11, 2, 0):
        groups = [
            group for groups in context.domain.elements("throttlegroups") for group in groups.children("throttlegroup")
        ]
        named: set[str] = set()
        for group in groups:
            yield from _throttle_group(group, named, context.target.libvirt)
        for disk in disks:
            yield from _filters(disk, named)


def _throttle_group(group: Node, named: set[str], libvirt: Version) -> Iterator[Problem]:
    name = group.child("group_name")
    if name is None or not name.text:
        yield Problem(
            at=group.start_span,
            message="the throttle group has no name",
            help="add <group_name>",
            says="missing group name",
        )
    elif name.text in named:
        yield Problem(
            at=name.text_span,
            message=f"throttle group {name.text!r} appears twice",
            help="give each group its own name",
            says=f"duplicate group name '{name.text}' found",
        )
    else:
        named.add(name.text)
    limits = limits_in([group], libvirt)
    for kind, part in combined(limits):
        yield Problem(
            at=(group.child(part) or group).start_span,
            message=f"<{part}> cannot be combined with <total_{kind}>",
            help=f"remove <total_{kind}>, or the limits of reads and writes",
            says=f"total and read/write {kind} cannot be set at the same time",
        )


def _groups(disks: list[Disk]) -> Iterator[Problem]:
    first: dict[str, Disk] = {}
    for disk in disks:
        if disk.group and disk.limits:
            other = first.setdefault(disk.group.text, disk)
            if other.limits != disk.limits and other.group and other.short_name != disk.short_name:
                yield Problem(
                    at=disk.group.text_span,
                    message=f"{disk.label} has other limits than {other.label} of the same group",
                    related=(Related(other.group.text_span, "the other disk"),),
                    help="write the same limits, or another <group_name>",
                    says=f"different iotunes for disks {' and '.join(_in_order(other, disk))}",
                )
    for disk in disks:
        if disk.group and not disk.limits and disk.group.text not in first:
            yield Problem(
                at=disk.group.text_span,
                message=f"no disk of group {disk.group.text!r} has a limit",
                help="add a limit, such as <total_iops_sec>, or remove <group_name>",
                says="group_name can be configured only together with settings",
            )


def _in_order(*disks: Disk) -> list[str]:
    """The names of disks in libvirt's order, at least on one bus (virDomainDiskInsert)."""
    return [disk.short_name for disk in sorted(disks, key=lambda disk: disk.number or 0)]


def _filters(disk: Disk, named: set[str]) -> Iterator[Problem]:
    filters = disk.node.children("throttlefilters/throttlefilter")
    if not filters:
        return
    place = filters[0]
    if disk.limits or disk.group:
        yield Problem(
            at=place.start_span,
            message="throttle filters cannot be combined with <iotune>",
            help="remove <iotune>, or <throttlefilters>",
            says=f"block 'throttlefilters' can't be used together with 'iotune' for disk '{disk.short_name}'",
        )
    elif disk.device == "cdrom":
        yield Problem(
            at=place.start_span,
            message="a CD-ROM drive cannot have throttle filters",
            help="remove <throttlefilters>",
            says="cdrom device with throttle filters isn't supported",
        )
    seen: set[str] = set()
    for each in filters:
        group = each.attribute("group")
        if group and group.value in seen:
            yield Problem(
                at=group.span,
                message=f"throttle filter {group.value!r} is used twice",
                help="name each group once",
                says=f"duplicate filter name '{group.value}' found",
            )
        elif group is None or group.value not in named:
            yield Problem(
                at=each.at("group"),
                message=f"the domain has no throttle group {group.value!r}" if group else "the filter has no group",
                help="add it to <throttlegroups>, or name another one",
                says=f"throttle group '{group.value if group else '(null)'}' not found",
            )
        if group:
            seen.add(group.value)
