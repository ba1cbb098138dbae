"""The mount tag, by which the guest mounts a share."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.elements import Cmdline
from vfslint.domain.filesystem import Filesystem, VirtioFS
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.xml.document import Node
from vfslint.xml.edits import (
    rename_attribute,
    rename_element,
)

MOUNT_TAG_BYTES = 36


MOUNT_TAG_BYTES_9P = 31


@rule("VFS211", "target-missing", severity=Severity.ERROR, stage=Stage.DEFINE)
def target_missing(filesystems: list[Filesystem], context: Context) -> Iterator[Problem]:
    """A filesystem has a mount tag, `<target dir='…'/>`.

    Why: the guest mounts the filesystem by this name. It is also required with an external socket, although
        older documentation says otherwise. libvirt 7.0.0 accepts an empty one; QEMU then fails to start.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dev='data'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <traget dir='data'/></filesystem>
    Bad (libvirt 7.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir=''/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: missing target information for device
    libvirt says: tag property cannot be empty
    Fix: writes `dir` for `dev`, `tag` or `name`, or corrects a misspelled `<target>`.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt domain_validate.c:virDomainFSDefValidate
    """
    without_tag = [fs for fs in filesystems if not fs.tag]
    misspelled = _misspelled_targets(context.domain) if without_tag else {}
    for fs in without_tag:
        if fs.node in misspelled:
            culprit = misspelled[fs.node]
            yield Problem(
                at=culprit.name_span,
                message=f"the filesystem has no mount tag: unknown element <{culprit.tag}>",
                help="did you mean <target>?",
                fix=Fix("rename it to <target>", tuple(rename_element(culprit, "target"))),
                says=_about_target(fs, filesystems),
            )
        else:
            yield _missing_tag(fs, filesystems)


def _misspelled_targets(domain: Domain) -> dict[Node, Node]:
    """Return elements that were probably meant to be a required `<target>`, by the element that contains them."""
    found: dict[Node, Node] = {}
    for unknown in domain.deviations_of("UnknownElement"):
        parent = unknown.node.parent
        if parent and unknown.suggestion == "target" and unknown.is_refused:
            found.setdefault(parent, unknown.node)
    return found


def _missing_tag(fs: Filesystem, filesystems: list[Filesystem]) -> Problem:
    # 7.0.0 rejects only a missing tag, in its parser; 9.0.0 also rejects an empty one, in its validation.
    starts_empty = fs.tag == "" and fs.libvirt < (9, 0, 0)
    wrong = None
    if fs.target and fs.tag is None:
        wrong = next((it for name in ("dev", "tag", "name") if (it := fs.target.attribute(name))), None)
    at = fs.target.start_span if fs.target else fs.node.start_span
    return Problem(
        at=wrong.name_span if wrong else at,
        message="the filesystem has no mount tag",
        help="add <target dir='a-name'/>, and run in the guest: mount -t virtiofs a-name /mnt",
        fix=Fix(f"write dir instead of {wrong.name}", (rename_attribute(wrong, "dir"),)) if wrong else None,
        stage=Stage.START if starts_empty else None,
        says="" if starts_empty else _about_target(fs, filesystems),
    )


def _about_target(fs: Filesystem, filesystems: list[Filesystem]) -> str:
    """Return libvirt's message: it names the source, if there is one.

    Since 11.3.0, it first looks for tags of shares that are used twice, if the first filesystem has one, and fails.
    """
    if fs.libvirt >= (11, 3, 0) and fs.is_virtiofs and fs.tag is None and filesystems[0].tag:
        return "An error occurred, but the cause is unknown"
    source = fs.source
    name = next((value for name in ("dir", "socket") if source and (value := source.value(name))), "")
    return f"missing target information for device {name}".rstrip()


@rule("VFS216", "mount-tag-too-long", severity=Severity.ERROR, stage=Stage.START)
def mount_tag_too_long(fs: VirtioFS) -> Iterator[Problem]:
    """A virtio-fs mount tag has at most 36 bytes.

    Why: the device stores the tag in 36 bytes of its configuration space. libvirt defines the domain and
        passes the tag on; QEMU then fails to start. The limit is in bytes, not characters: 'é' has two.
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
            message=f"mount tag {fs.tag!r} is {size} bytes long, but the limit is {MOUNT_TAG_BYTES}",
            help="shorten it, and use the same tag in the guest's mount command and fstab",
        )


@rule("VFS217", "mount-tag-too-long-for-9p", severity=Severity.ERROR, stage=Stage.START)
def mount_tag_too_long_for_9p(fs: Filesystem) -> Iterator[Problem]:
    """A 9p mount tag has at most 31 bytes.

    Why: QEMU reserves 32 bytes for it, including the terminating NUL. The limit is in bytes, not characters.
    Bad:
        <filesystem type='mount'><source dir='/srv'/>
          <target dir='thirty-two-bytes-are-one-too-many'/></filesystem>
    Good:
        <filesystem type='mount'><source dir='/srv'/><target dir='not-so-long'/></filesystem>
    libvirt says: is longer than maximum (31 bytes)
    See: QEMU hw/9pfs/9p.c:v9fs_device_realize_common
    """
    if not fs.is_9p or not fs.tag:
        return
    size = len(fs.tag.encode())
    if size > MOUNT_TAG_BYTES_9P:
        yield Problem(
            at=fs.tag_span,
            message=f"9p mount tag {fs.tag!r} is {size} bytes long, but the limit is {MOUNT_TAG_BYTES_9P}",
            help="shorten it, and use the same tag in the guest's mount command and fstab",
        )


@rule("VFS218", "mount-tag-repeated", severity=Severity.ERROR, stage=Stage.DEFINE)
def mount_tag_repeated(filesystems: list[Filesystem]) -> Iterator[Problem]:
    """Every mount tag of a domain is unique.

    Why: the guest finds a filesystem by its tag and uses whichever of two it finds first. libvirt 9.0.0
        rejects the same tag for two virtio-fs shares, and 11.3.0 also for a virtio-fs share and another
        filesystem. Older releases, and every release for two 9p filesystems, start the guest anyway.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/a'/>
          <target dir='data'/></filesystem>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/b'/>
          <target dir='data'/></filesystem>
    Bad (libvirt 7.0.0):
        <filesystem type='mount'><source dir='/srv/a'/><target dir='data'/></filesystem>
        <filesystem type='mount'><source dir='/srv/b'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/a'/>
          <target dir='data'/></filesystem>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/b'/>
          <target dir='Data'/></filesystem>
    libvirt says: filesystem target specified twice
    See: libvirt domain_validate.c:virDomainDefFSValidate (9.0.0), virDomainFSDefValidate (11.3.0)
    """
    if len(filesystems) < 2:
        return
    first: dict[str, Filesystem] = {}
    for fs in filesystems:
        other = first.setdefault(fs.tag or "", fs)
        if not fs.tag or other is fs:
            continue
        shares = fs.is_virtiofs + other.is_virtiofs
        is_refused = (shares == 2 and fs.libvirt >= (9, 0, 0)) or (shares and fs.libvirt >= (11, 3, 0))
        yield Problem(
            at=fs.tag_span,
            message=f"mount tag {fs.tag!r} is used twice",
            label="used again",
            related=(Related(other.tag_span, "used first"),),
            help="give each filesystem its own tag",
            severity=None if is_refused else Severity.WARNING,
            stage=None if is_refused else Stage.GUEST,
            says=f"filesystem target '{fs.tag}' specified twice" if is_refused else "",
        )


@rule("VFS219", "mount-tag-looks-like-a-path", severity=Severity.NOTE, stage=Stage.GUEST)
def mount_tag_looks_like_a_path(fs: VirtioFS) -> Iterator[Problem]:
    """A mount tag is a name, not a path.

    Why: despite its name, the attribute `target/@dir` is not a directory. Nothing is mounted there
        automatically; the guest can mount the tag, including its slashes, on any directory.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='/mnt/data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt documentation, "Sharing files with Virtiofs", Guest setup
    """
    if fs.tag and fs.tag.startswith("/") and len(fs.tag.encode()) <= MOUNT_TAG_BYTES:
        yield Problem(
            at=fs.tag_span,
            message=f"{fs.tag!r} is a mount tag, not the place where the guest mounts it",
            help=f"run in the guest: mount -t virtiofs {fs.tag} /a/directory",
        )


_ROOT_OPTION = r"(?:^|\s)(root|rootfstype)=(\S+)"


@rule("VFS233", "root-not-a-mount-tag", severity=Severity.WARNING, stage=Stage.GUEST)
def root_not_a_mount_tag(lines: list[Cmdline], context: Context) -> Iterator[Problem]:
    """A guest that boots from a share must name its mount tag.

    Why: with `rootfstype=virtiofs` the kernel mounts the tag that `root=` names; if no share has that tag,
        the kernel panics because it cannot find its root filesystem.
    Bad:
        <os><type arch='x86_64' machine='q35'>hvm</type><kernel>/boot/vmlinuz</kernel>
          <cmdline>rootfstype=virtiofs root=rootfs rw</cmdline></os>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type><kernel>/boot/vmlinuz</kernel>
          <cmdline>rootfstype=virtiofs root=rootfs rw</cmdline></os>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='rootfs'/></filesystem>
    See: Linux Documentation/filesystems/virtiofs.rst
    """
    cmdline, domain = lines[0], context.domain
    if "virtiofs" not in cmdline.text:
        return
    options = dict(re.findall(_ROOT_OPTION, cmdline.text))
    root = options.get("root", "")
    if options.get("rootfstype") != "virtiofs" or root in [fs.tag for fs in domain.shares]:
        return
    yield Problem(
        at=cmdline.text_span,
        message=f"the kernel's root {root!r} is not the mount tag of a share" if root else "the kernel has no root=",
        related=tuple(Related(fs.tag_span, "a mount tag") for fs in domain.shares),
        help="write root= with the mount tag of the share that contains the root filesystem",
    )
