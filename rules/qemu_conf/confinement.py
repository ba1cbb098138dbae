"""Isolation of guests from the host and from each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.context import Context
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.rules.qemu_conf import NO_DRIVER

if TYPE_CHECKING:
    from vfslint.qemu_conf.conf import ConfSetting, QemuSettings


# The device that only post-copy migration requires.
_FOR_POST_COPY = "/dev/userfaultfd"


@rule("VFS518", "device-acl-incomplete", severity=Severity.WARNING, stage=Stage.GUEST)
def device_acl_incomplete(setting: ConfSetting) -> Iterator[Problem]:
    """cgroup_device_acl includes the standard devices.

    Why: the list replaces libvirt's default list instead of extending it. QEMU cannot open devices that are
        missing from it: without /dev/kvm (not in the list of 12.8.0) no KVM guest starts, and without
        /dev/urandom or /dev/ptmx devices fail. /dev/userfaultfd is for post-copy migration only: a note.
    Bad:
        cgroup_device_acl = [ "/dev/infiniband/rdma_cm" ]
    Good:
        cgroup_device_acl = [
            "/dev/null", "/dev/full", "/dev/zero",
            "/dev/random", "/dev/urandom",
            "/dev/ptmx", "/dev/userfaultfd"
        ]
    Fix: adds the missing ones.
    Fixed:
        cgroup_device_acl = [ "/dev/infiniband/rdma_cm", "/dev/null", "/dev/full", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/ptmx", "/dev/userfaultfd" ]
    See: libvirt qemu_cgroup.c:qemuSetupDevicesCgroup; the comments of /etc/libvirt/qemu.conf
    """  # noqa: E501 - the fix writes the list on one line
    texts = setting.value.texts
    if setting.name != "cgroup_device_acl" or texts is None:
        return
    missing = setting.missing_devices
    if missing:
        whole = "[ " + ", ".join(f'"{device}"' for device in (*texts, *missing)) + " ]"
        edit = setting.value.replaced_by(whole)
        yield Problem(
            at=setting.value.span,
            message=f"cgroup_device_acl lacks {', '.join(missing)}, which QEMU then cannot open",
            help="add the missing devices; the list replaces libvirt's default list",
            fix=Fix("add the standard devices", (edit,), safe=False),
            severity=Severity.NOTE if missing == [_FOR_POST_COPY] else None,
        )


@rule("VFS519", "namespaces-in-session", severity=Severity.ERROR, stage=Stage.START)
def namespaces_in_session(setting: ConfSetting, context: Context) -> Iterator[Problem]:
    """A session daemon does not use namespaces.

    Why: only root can create them. The unprivileged QEMU driver does not start if its qemu.conf lists one.
    Bad (session):
        namespaces = [ "mount" ]
    Good (session):
        namespaces = []
    Good:
        namespaces = [ "mount" ]
    libvirt says: cannot use namespaces in session mode
    Fix: writes an empty list.
    Fixed:
        namespaces = []
    See: libvirt qemu_conf.c:virQEMUDriverConfigLoadSecurityEntry
    """
    if context.session and setting.name == "namespaces" and setting.value.texts:
        yield Problem(
            at=setting.value.span,
            message=f"namespaces = {setting.shown} is not supported in session mode: {NO_DRIVER}",
            help="write [], or put a # before the setting",
            fix=Fix("write an empty list", (setting.value.replaced_by("[]"),)),
        )


@rule("VFS520", "confinement-off", severity=Severity.WARNING, stage=Stage.NEVER)
def confinement_off(conf: QemuSettings) -> Iterator[Problem]:
    """Guests are confined by the host's security driver.

    Why: "none" disables SELinux or AppArmor for every guest, often because a share could not be read. A guest
        that escapes from its QEMU can then access the files of all others. Labeling the shared directory, or
        adding an AppArmor rule for it, solves the same problem for only that directory.
    Bad:
        security_driver = "none"
    Good:
        security_driver = "selinux"
    See: libvirt documentation, "QEMU driver", Security driver
    """
    if conf.required_confinement:
        return
    for value in conf.disabling_drivers:
        yield Problem(
            at=value.span,
            message='security_driver = "none" leaves every guest of this host unconfined',
            help="put a # before it to use the host's default, and label the shared directories",
        )


@rule("VFS521", "qemu-as-root", severity=Severity.NOTE, stage=Stage.NEVER)
def qemu_as_root(setting: ConfSetting) -> Iterator[Problem]:
    """QEMU does not run as root.

    Why: a guest that escapes from its QEMU is then root on the host. Shares do not need it: the virtiofsd that
        libvirt starts runs as root regardless of this setting.
    Bad:
        user = "root"
    Good:
        user = "libvirt-qemu"
    See: libvirt documentation, "QEMU driver", POSIX users/groups
    """
    if setting.name == "user" and setting.value.text in ("root", "0", "+0"):
        yield Problem(
            at=setting.value.span,
            message=f"user = {setting.shown} makes every guest's QEMU run as root",
            help="put a # before it to use the distribution's default; virtio-fs shares do not need root",
        )


@rule("VFS523", "confinement-required-but-off", severity=Severity.ERROR, stage=Stage.START)
def confinement_required_but_off(conf: QemuSettings) -> Iterator[Problem]:
    """Confinement is not required if the security driver is disabled.

    Why: security_require_confined rejects guests that no security driver confines, and "none" does not confine
        any. The QEMU driver does not start with both.
    Bad:
        security_driver = "none"
        security_require_confined = 1
    Good:
        security_driver = "selinux"
        security_require_confined = 1
    libvirt says: Security driver "none" cannot create confined guests
    See: libvirt security_manager.c:virSecurityManagerNew; tested with 7.0.0, 9.0.0, 11.3.0 and 12.8.0
    """
    required = conf.required_confinement
    if required is None:
        return
    for value in conf.disabling_drivers:
        yield Problem(
            at=value.span,
            message=f'security_driver = "none" cannot confine guests, but confinement is required: {NO_DRIVER}',
            related=(Related(required.span, "confinement is required here"),),
            help="put a # before one of the two",
        )
