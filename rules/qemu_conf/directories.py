"""Directories and files that qemu.conf names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.rules.qemu_conf import NO_DRIVER

if TYPE_CHECKING:
    from vfslint.qemu_conf.conf import ConfSetting


@rule("VFS509", "directory-not-absolute", severity=Severity.WARNING, stage=Stage.NEVER)
def directory_not_absolute(setting: ConfSetting) -> Iterator[Problem]:
    """A directory has an absolute path.

    Why: libvirt resolves a relative path from the daemon's working directory, which is the root directory, and
        does not expand `~`.
    Bad:
        auto_dump_path = "dumps"
    Bad:
        vnc_tls_x509_cert_dir = "~/pki"
    Good:
        auto_dump_path = "/var/lib/libvirt/qemu/dump"
    libvirt says: Failed to create dump dir
    See: libvirt qemu_conf.c:virQEMUDriverConfigValidate, qemu_driver.c:qemuStateInitialize
    """
    for value in setting.relative_directories:
        is_fatal = setting.name == "auto_dump_path" and setting.is_not_creatable
        result = NO_DRIVER if is_fatal else f"libvirt uses {'/' + (value.text or '')!r}"
        yield Problem(
            at=value.span,
            message=f"{setting.name} = {value.written} is not an absolute path: {result}",
            help="write the absolute path, starting with /",
            severity=Severity.ERROR if is_fatal else None,
            stage=Stage.START if is_fatal else None,
            says=None if is_fatal else "",
        )


@rule("VFS510", "backing-dir-not-absolute", severity=Severity.WARNING, stage=Stage.NEVER)
def backing_dir_not_absolute(setting: ConfSetting) -> Iterator[Problem]:
    """memory_backing_dir is an absolute path.

    Why: libvirt creates the files with guest memory in `libvirt/qemu` below this directory. With an empty
        string that is /libvirt/qemu, with a relative path it is a directory below the host's root directory:
        usually on a disk. Before libvirt 7.1.0 the QEMU driver does not start with a relative path.
    Bad:
        memory_backing_dir = ""
    Bad:
        memory_backing_dir = "ram"
    Bad (libvirt 7.0.0):
        memory_backing_dir = "~/ram"
    Good:
        memory_backing_dir = "/dev/shm"
    libvirt says: Failed to create memory backing dir
    See: libvirt qemu_conf.c:virQEMUDriverConfigLoadMemoryEntry, qemu_driver.c:qemuStateInitialize
    """
    path = setting.value.text
    if setting.name != "memory_backing_dir" or path is None or path.startswith("/"):
        return
    is_fatal = setting.is_not_creatable
    below = f"/{path}/libvirt/qemu" if path else "/libvirt/qemu"
    yield Problem(
        at=setting.value.span,
        message=f"memory_backing_dir = {setting.shown} is not an absolute path: {NO_DRIVER}"
        if is_fatal
        else f"memory_backing_dir = {setting.shown} is not an absolute path: guest memory goes to files in {below!r}",
        help='write the absolute path, such as "/dev/shm"',
        severity=Severity.ERROR if is_fatal else None,
        stage=Stage.START if is_fatal else None,
        says=None if is_fatal else "",
    )


@rule("VFS511", "hugetlbfs-mount-empty", severity=Severity.ERROR, stage=Stage.START)
def hugetlbfs_mount_empty(setting: ConfSetting) -> Iterator[Problem]:
    """hugetlbfs_mount contains mount points, or is an empty list.

    Why: the comment in qemu.conf suggests "" to disable huge pages, but libvirt looks for a mount point of that
        name, and the QEMU driver does not start. An empty list disables them.
    Bad:
        hugetlbfs_mount = ""
    Good:
        hugetlbfs_mount = []
    libvirt says: cannot determine filesystem for ''
    Fix: writes an empty list.
    Fixed:
        hugetlbfs_mount = []
    See: libvirt qemu_conf.c:virQEMUDriverConfigHugeTLBFSInit; tested with 7.0.0, 9.0.0, 11.3.0 and 12.8.0
    """
    if setting.name != "hugetlbfs_mount":
        return
    for value in setting.strings:
        if value.text == "":
            whole = len(setting.strings) == 1
            yield Problem(
                at=value.span,
                message=f"hugetlbfs_mount contains an empty mount point: {NO_DRIVER}",
                help="write [] to disable huge pages" if whole else "remove the empty string",
                fix=Fix("write an empty list", (setting.value.replaced_by("[]"),)) if whole else None,
            )


@rule("VFS524", "nvram-entry-malformed", severity=Severity.WARNING, stage=Stage.START)
def nvram_entry_malformed(setting: ConfSetting) -> Iterator[Problem]:
    """An entry in nvram contains a firmware and its variable template.

    Why: each entry is two paths separated by one colon. If no firmware descriptions are installed (*.json in
        /usr/share/qemu/firmware), libvirt reads the list, and the QEMU driver does not start with a malformed
        entry; otherwise it ignores nvram.
    Bad:
        nvram = [ "/usr/share/OVMF/OVMF_CODE.fd" ]
    Good:
        nvram = [ "/usr/share/OVMF/OVMF_CODE.fd:/usr/share/OVMF/OVMF_VARS.fd" ]
    libvirt says: Invalid nvram format
    See: libvirt virfirmware.c:virFirmwareParse, qemu_conf.c:virQEMUDriverConfigLoadNVRAMEntry
    """
    for value in setting.malformed_firmware:
        yield Problem(
            at=value.span,
            message=f"nvram entry {value.written} is malformed, so the QEMU driver may not start",
            help='write "firmware:variables", or remove nvram if firmware descriptions are installed',
        )
