"""I/O threads of disks and of SCSI controllers."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.controller import VIRTIO_SCSI, Controller
from vfslint.domain.cpu import has_iothread
from vfslint.domain.disk import Disk
from vfslint.domain.thread_mapping import mapping_fault
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

# The release that was tried and reads <iothreads> of controllers.
_MAPPING: Version = (11, 3, 0)


@rule("VFS265", "disk-thread-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_thread_invalid(disk: Disk, context: Context) -> Iterator[Problem]:
    """A disk with I/O threads is a virtio disk, and the domain has these threads.

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
    Bad:
        <iothreads>2</iothreads>
        <disk type='file' device='disk'><driver name='qemu' type='raw'><iothreads>
          <iothread id='3'/></iothreads></driver>
          <source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>
    Good:
        <iothreads>1</iothreads>
        <disk type='file' device='disk'><driver name='qemu' type='raw' iothread='1'/><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio'/></disk>
    libvirt says: IOThreads not available for bus sata target sda
    libvirt says: Disk iothread '2' not defined in iothreadid
    libvirt says: iothread '3' not defined in iothreadid
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefDiskIOThreads, qemuDomainValidateIothreadMapping
    """
    thread, mapping = disk.iothread, disk.thread_mapping if context.target.libvirt >= (10, 0, 0) else []
    number = disk.iothread_number
    place = thread.span if thread else mapping[0].start_span if mapping else None
    if place is None or (number is None and not mapping):
        return
    stage = Stage.START if context.target.libvirt < (9, 0, 0) else None
    if thread and number and mapping:
        yield Problem(
            at=thread.span,
            message="the disk has an I/O thread and <iothreads>",
            help="remove iothread, or <iothreads>",
            says="disk driver 'iothread' attribute can't be used together with 'iothreads' subelement",
        )
    elif disk.bus != "virtio":
        yield Problem(
            at=place,
            message=f"a disk on bus {disk.bus!r} does not support an I/O thread",
            help="write bus='virtio', or remove it",
            says=f"IOThreads not available for bus {disk.bus} target {disk.short_name}",
            stage=stage,
        )
    elif number and not has_iothread(context.domain, number):
        yield Problem(
            at=place,
            message=f"the domain has no I/O thread {number}",
            help="increase <iothreads>, or write the number of an existing I/O thread",
            says=f"Disk iothread '{number}' not defined in iothreadid",
            stage=stage,
        )
    elif fault := mapping_fault(context.domain, mapping, numbers.unsigned(disk.option_value("queues") or "") or 0):
        yield _mapping_problem(*fault)


@rule("VFS984", "controller-iothread-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def controller_iothread_invalid(controllers: list[Controller], context: Context) -> Iterator[Problem]:
    """The I/O thread of a SCSI controller is one of the domain, and the controller is on PCI or CCW.

    Why: `iothread` is the number of a thread in `<iothreads>` or `<iothreadids>`. A mapping gives each queue to one
        thread, or names the threads only.
    Bad:
        <iothreads>1</iothreads>
        <controller type='scsi' index='0' model='virtio-scsi'><driver iothread='2'/></controller>
    Bad:
        <iothreads>1</iothreads>
        <controller type='scsi' index='0' model='virtio-scsi'><driver iothread='1'/><address type='virtio-mmio'/>
          </controller>
    Bad (libvirt 11.3.0):
        <iothreads>1</iothreads>
        <controller type='scsi' index='0' model='virtio-scsi'>
          <driver><iothreads><iothread id='2'/></iothreads></driver></controller>
    Bad (libvirt 11.3.0):
        <iothreads>2</iothreads>
        <controller type='scsi' index='0' model='virtio-scsi'>
          <driver iothread='2'><iothreads><iothread id='1'/></iothreads></driver></controller>
    Bad (libvirt 11.3.0):
        <iothreads>1</iothreads>
        <controller type='scsi' index='0' model='virtio-scsi'>
          <driver queues='2'><iothreads><iothread id='1'><queue id='0'/></iothread></iothreads></driver></controller>
    Good:
        <iothreads>1</iothreads>
        <controller type='scsi' index='0' model='virtio-scsi'><driver iothread='1'/></controller>
    Good (libvirt 11.3.0):
        <iothreads>1</iothreads>
        <controller type='scsi' index='0' model='virtio-scsi'>
          <driver queues='1'><iothreads><iothread id='1'><queue id='0'/></iothread></iothreads></driver></controller>
    libvirt says: controller iothread '2' not defined in iothreadid
    libvirt says: iothread '2' not defined in iothreadid
    libvirt says: virtio-scsi IOThreads only available for virtio pci and virtio ccw controllers
    See: libvirt qemu_validate.c:qemuValidateCheckSCSIControllerIOThreads
    """
    for controller in controllers:
        if controller.type != "scsi" or controller.model not in VIRTIO_SCSI or controller.driver is None:
            continue
        thread = controller.driver.attribute("iothread")
        number = numbers.unsigned(thread.value) if thread else None
        mapping = controller.driver.child("iothreads") if controller.libvirt >= _MAPPING else None
        if mapping and thread and number:
            yield Problem(
                at=thread.span,
                message="the controller has an I/O thread and <iothreads>",
                help="remove iothread, or <iothreads>",
                says="controller driver 'iothread' attribute can't be used together with 'iothreads' subelement",
            )
            continue
        queues = numbers.unsigned(controller.driver.value("queues") or "") or 0
        fault = mapping_fault(context.domain, mapping.children("iothread"), queues) if mapping else None
        if fault:
            yield _mapping_problem(*fault)
        if thread is None or not number:
            continue
        address = controller.address
        if address and address.value("type") not in (None, "pci", "ccw"):
            yield Problem(
                at=address.at("type"),
                message=f"a controller with an I/O thread cannot have an address of type {address.value('type')!r}",
                help="remove <address> and let libvirt assign one",
                says="virtio-scsi IOThreads only available for virtio pci and virtio ccw controllers",
            )
        elif not has_iothread(context.domain, number):
            yield Problem(
                at=thread.span,
                message=f"the domain has no I/O thread {number}",
                help="increase <iothreads>, or write the number of an existing I/O thread",
                says=f"controller iothread '{number}' not defined in iothreadid",
            )


def _mapping_problem(place: Node, says: str) -> Problem:
    """Return the problem of a disk or a controller whose queues have no thread each."""
    return Problem(
        at=place.start_span,
        message="<iothreads> does not give each queue to one of the domain's I/O threads",
        help="list each I/O thread once, and either no queue or each of them once",
        says=says,
    )
