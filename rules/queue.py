"""The virtqueue of a virtio-fs device."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.elements import GUEST_SYSTEM
from vfslint.domain.filesystem import VirtioFS
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.subjects import Deviating
from vfslint.xml.edits import (
    set_value,
)

LARGEST_QUEUE = 1024


@rule("VFS230", "queue-not-a-number", severity=Severity.ERROR, stage=Stage.PARSE)
def queue_not_a_number(fs: Deviating[VirtioFS]) -> Iterator[Problem]:
    """The queue size is a number.

    Why: libvirt reads `driver/@queue` as decimal digits and rejects anything else, such as a unit or 0x.
    Bad:
        <filesystem type='mount'><driver type='virtiofs' queue='1k'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs' queue='1024'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: cannot parse queue size for virtiofs
    See: libvirt domain_conf.c:virDomainFSDefParseXML
    """
    queue = fs.queue_attribute
    if queue and fs.queue is None:
        yield Problem(
            at=queue.span,
            message=f"queue size {queue.value!r} is not a number",
            help=f"write a power of two up to {LARGEST_QUEUE}",
            says=f"cannot parse queue size '{queue.value}' for virtiofs",
        )


@rule("VFS231", "queue-size-refused", severity=Severity.ERROR, stage=Stage.START)
def queue_size_refused(fs: VirtioFS) -> Iterator[Problem]:
    """The queue size is a power of two up to 1024.

    Why: it is the length of a virtqueue, and QEMU rejects any other value. libvirt does not check it, and
        reads a negative number as a huge one.
    Bad:
        <filesystem type='mount'><driver type='virtiofs' queue='1000'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs' queue='2048'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs' queue='512'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: queue-size property must be a power of 2
    libvirt says: queue-size property must be 1024 or smaller
    libvirt says: expects uint16_t
    Fix: writes 1024; for a smaller number that is not a power of two, only with --unsafe-fixes.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs' queue='1024'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: QEMU hw/virtio/vhost-user-fs.c:vuf_device_realize
    """
    size = fs.queue
    if not size or (size <= LARGEST_QUEUE and size & (size - 1) == 0):
        return
    queue = fs.queue_attribute
    if queue is None:
        return
    is_large = LARGEST_QUEUE < size < 2**16
    fix = Fix(f"write {LARGEST_QUEUE}", (set_value(queue, str(LARGEST_QUEUE)),), safe=is_large)
    reason = f"larger than {LARGEST_QUEUE}" if size > LARGEST_QUEUE else "not a power of two"
    yield Problem(
        at=queue.span,
        message=f"queue size {queue.value.strip()} is {reason}",
        help=f"write a power of two up to {LARGEST_QUEUE}",
        fix=fix if size < 2**16 else None,
    )


@rule("VFS232", "small-queue-for-windows", severity=Severity.NOTE, stage=Stage.GUEST)
def small_queue_for_windows(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """A Windows guest should have a queue size of 1024.

    Why: with QEMU's default of 128 the Windows driver is very slow, and some versions hang.
    Bad:
        <metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
          <libosinfo:os id='http://microsoft.com/win/11'/></libosinfo:libosinfo></metadata>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
          <libosinfo:os id='http://microsoft.com/win/11'/></libosinfo:libosinfo></metadata>
        <filesystem type='mount'><driver type='virtiofs' queue='1024'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: virtio-win documentation, "Virtiofs: shared file system", quick start
    """
    if (fs.queue or 128) >= LARGEST_QUEUE or not fs.driver or not _is_windows(context.domain):
        return
    yield Problem(
        at=fs.queue_attribute.span if fs.queue_attribute else fs.driver.start_span,
        message=f"queue size {fs.queue or 128} is too small for a Windows guest",
        help=f"write <driver type='virtiofs' queue='{LARGEST_QUEUE}'/>",
    )


def _is_windows(domain: Domain) -> bool:
    """Whether the metadata of libosinfo name Windows as the guest."""
    found = (system for metadata in domain.elements("metadata") for system in metadata.children(GUEST_SYSTEM))
    return any("microsoft.com/" in (system.value("id") or "") for system in found)
