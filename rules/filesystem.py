"""The filesystem device: type, driver, access mode, source, mount tag."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.devices import VirtioFS
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule

MOUNT_TAG_BYTES = 36


@rule("VFS216", "mount-tag-too-long", severity=Severity.ERROR, stage=Stage.START)
def mount_tag_too_long(fs: VirtioFS) -> Iterator[Problem]:
    """A virtio-fs mount tag has at most 36 bytes.

    Why: the device keeps the tag in 36 bytes of its configuration space. libvirt defines the domain and hands the
        tag on; QEMU then refuses to start. Bytes count, not characters: 'é' takes two.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='the-shared-directory-of-the-build-farm'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='build-farm'/></filesystem>
    libvirt says: tag property must be 36 bytes or less
    See: QEMU hw/virtio/vhost-user-fs.c; libvirt documentation, "Sharing files with Virtiofs"
    """
    size = len((fs.tag or "").encode())
    if size > MOUNT_TAG_BYTES:
        yield Problem(
            at=fs.tag_span,
            message=f"mount tag {fs.tag!r} is {size} bytes long, but only {MOUNT_TAG_BYTES} fit",
            help="shorten it, and use the same tag in the guest's mount command and fstab",
        )
