"""What a qemu.conf names on its host: users, groups, mounts and directories. These rules need facts about a host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.context import Context
from vfslint.findings import Problem, Severity, Stage
from vfslint.host.needs import ARTICLES
from vfslint.rule import rule
from vfslint.rules.qemu_conf import NO_DRIVER
from vfslint.vocabulary import numbers

if TYPE_CHECKING:
    from vfslint.qemu_conf.conf import ConfSetting

USERS, GROUPS = ("user", "swtpm_user"), ("group", "swtpm_group")
# The directories that libvirt creates when the driver starts (qemu_driver.c:qemuStateInitialize).
CREATED = ("memory_backing_dir", "auto_dump_path")


@rule("VFS540", "conf-user-not-on-host", severity=Severity.ERROR, stage=Stage.START)
def user_not_on_host(setting: ConfSetting, context: Context) -> Iterator[Problem]:
    """The users and groups in qemu.conf exist.

    Why: libvirt looks up the name, and then reads it as a number; `"+107"` is always a number. If it is neither, the
        QEMU driver does not start. Names differ: qemu on Fedora, libvirt-qemu on Debian.
    Bad (host accounts):
        user = "qemu"
    Bad (host accounts):
        group = "qemu"
    Good (host accounts):
        user = "libvirt-qemu"
    Good (host accounts):
        user = "+107"
    libvirt says: Failed to parse user '…'
    See: libvirt virutil.c:virGetUserID, virGetGroupID
    """
    text, host = setting.value.text, context.host
    if host is None or not text or setting.name not in (*USERS, *GROUPS) or _is_number(text):
        return
    kind = "user" if setting.name in USERS else "group"
    exists = host.has_user(text) if kind == "user" else host.has_group(text)
    if exists is False:
        yield Problem(
            at=setting.value.span,
            message=f"the host has no {kind} {text!r}: {NO_DRIVER}",
            help="write the name that the host's packages use: libvirt-qemu, qemu or root",
            says=f"Failed to parse {kind} '{text}'",
        )


def _is_number(text: str) -> bool:
    return numbers.unsigned(text.removeprefix("+")) is not None


@rule("VFS541", "hugetlbfs-mount-not-on-host", severity=Severity.ERROR, stage=Stage.START)
def hugetlbfs_mount_not_on_host(setting: ConfSetting, context: Context) -> Iterator[Problem]:
    """A hugetlbfs is mounted at each path in hugetlbfs_mount.

    Why: libvirt reads the page size of each when the QEMU driver starts, and gives up if it is another file system or
        does not exist.
    Bad (host mounted):
        hugetlbfs_mount = "/mnt/huge"
    Good (host mounted):
        hugetlbfs_mount = "/dev/hugepages"
    libvirt says: not a hugetlbfs mount: '…'
    libvirt says: cannot determine filesystem for '…'
    See: libvirt virfile.c:virFileGetHugepageSize, qemu_conf.c:virQEMUDriverConfigHugeTLBFSInit
    """
    mounts = context.host.hugetlbfs if context.host else None
    if setting.name != "hugetlbfs_mount" or mounts is None:
        return
    for value in setting.strings:
        path = value.text or ""
        is_inside = any(f"{path}/".startswith(f"{mount.path.rstrip('/')}/") for mount in mounts)
        is_linked = context.host is not None and context.host.link_target(path) is not None
        if path.startswith("/") and not is_inside and not is_linked:
            is_missing = context.host is not None and context.host.path_kind(path) == "missing"
            yield Problem(
                at=value.span,
                message=f"no hugetlbfs is mounted at {path!r} on the host: {NO_DRIVER}",
                help="mount one there before libvirt's daemon starts, or remove the path",
                says=f"cannot determine filesystem for '{path}'" if is_missing else f"not a hugetlbfs mount: '{path}'",
            )


@rule("VFS542", "conf-directory-not-creatable", severity=Severity.ERROR, stage=Stage.START)
def directory_not_creatable(setting: ConfSetting, context: Context) -> Iterator[Problem]:
    """memory_backing_dir and auto_dump_path are directories.

    Why: libvirt creates them, and the folders above them, when the QEMU driver starts. It cannot do so if there is a
        file at the path.
    Bad (host bare):
        memory_backing_dir = "/srv/notes.txt"
    Good (host bare):
        memory_backing_dir = "/srv/gone"
    libvirt says: Failed to create memory backing dir
    libvirt says: Failed to create dump dir
    See: libvirt qemu_driver.c:qemuStateInitialize
    """
    path = setting.value.text
    if context.host is None or setting.name not in CREATED or not path:
        return
    kind = context.host.path_kind(path)
    if kind not in (None, "directory", "missing"):
        what = "memory backing" if setting.name == "memory_backing_dir" else "dump"
        yield Problem(
            at=setting.value.span,
            message=f"{setting.name} = {setting.shown} is {ARTICLES[kind]} on the host: {NO_DRIVER}",
            help="write the path of a directory",
            says=f"Failed to create {what} dir",
        )
