"""Any setting of qemu.conf: its name, its type, its value, its release."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.qemu_conf.advice import advice
from vfslint.rule import rule
from vfslint.rules.qemu_conf import NO_DRIVER
from vfslint.targets import spell

if TYPE_CHECKING:
    from vfslint.qemu_conf.conf import ConfSetting, QemuSettings
    from vfslint.qemu_conf.reader import Unreadable


@rule("VFS501", "conf-syntax", severity=Severity.ERROR, stage=Stage.START)
def conf_syntax(failure: Unreadable) -> Iterator[Problem]:
    """The syntax of qemu.conf is valid.

    Why: libvirt stops at the first syntax error, and the QEMU driver does not start: no guest can be started
        or even listed. Strings and list members must be quoted, numbers and switches (1 and 0) must not be.
        Lists can span lines but cannot contain comments.
    Bad:
        memory_backing_dir = /dev/shm
    Bad:
        virtiofsd_debug = no
    Bad:
        cgroup_device_acl = [
            "/dev/null", "/dev/full", "/dev/zero", "/dev/random", "/dev/urandom",
            "/dev/ptmx", "/dev/userfaultfd",   # all the standard ones
        ]
    Bad:
        user: "qemu"
    Good:
        memory_backing_dir = "/dev/shm"
        virtiofsd_debug = 0
    libvirt says: expecting a value
    libvirt says: expecting an assignment
    libvirt says: expecting a name
    libvirt says: expecting a separator
    libvirt says: unterminated string
    libvirt says: list is not closed with ]
    Fix: quotes a bare word, writes 1 and 0 for yes and no and = for a colon, and removes stray
        characters.
    Fixed:
        memory_backing_dir = "/dev/shm"
    See: libvirt virconf.c:virConfParse; the comments of /etc/libvirt/qemu.conf
    """
    found = failure.rest_of_line.strip()
    what = f"found {found[:40]!r}" if found else "the line ends here"
    advised = advice(failure)
    opened = failure.opened_span
    yield Problem(
        at=failure.span,
        message=f"{failure.message}, but {what}: {NO_DRIVER}",
        label=f"libvirt stops here (line {failure.line}) and ignores the whole file",
        related=(Related(opened, "opened here"),) if opened else (),
        help=advised.help,
        fix=advised.fix,
        says=failure.message,
    )


@rule("VFS502", "unknown-setting", severity=Severity.WARNING, stage=Stage.NEVER)
def unknown_setting(conf: QemuSettings) -> Iterator[Problem]:
    """A setting has a name that libvirt reads.

    Why: libvirt looks up the settings that it supports and silently ignores all others, so a misspelled one
        has no effect. Names are case-sensitive.
    Bad:
        Memory_Backing_Dir = "/dev/shm"
    Bad:
        memory_backing_directory = "/dev/shm"
    Bad:
        unix_sock_group = "libvirt"
    Good:
        memory_backing_dir = "/dev/shm"
    Fix: corrects the case of the name; writes a similar name only with --unsafe-fixes.
    Fixed:
        memory_backing_dir = "/dev/shm"
    See: libvirt virconf.c:virConfGetValue, which compares names exactly
    """
    for unknown in conf.unknown:
        name = unknown.statement.name_piece
        if unknown.is_of_the_daemon:
            help = "move it to libvirtd.conf, or to virtqemud.conf if that daemon runs"
        elif unknown.meant:
            help = f"did you mean {unknown.meant}?"
        else:
            help = "remove it, or look up its name in the comments of libvirt's default qemu.conf"
        yield Problem(
            at=name.span,
            message=f"unknown setting {name.written!r} in qemu.conf is ignored",
            help=help,
            fix=Fix(
                f"rename it to {unknown.meant}",
                (name.replaced_by(unknown.meant),),
                safe=unknown.differs_by_case,
            )
            if unknown.meant
            else None,
        )


@rule("VFS503", "setting-type", severity=Severity.ERROR, stage=Stage.START)
def setting_type(setting: ConfSetting) -> Iterator[Problem]:
    """A setting has a value of its type.

    Why: libvirt reads each setting as one type and does not convert values: a quoted number is not a number,
        and a single string is not a list. One setting of the wrong type keeps the QEMU driver from starting.
    Bad:
        max_files = "32768"
    Bad:
        namespaces = "mount"
    Bad:
        user = 64055
    Bad:
        virtiofsd_debug = "off"
    Good:
        max_files = 32768
        namespaces = [ "mount" ]
        user = "64055"
    libvirt says: expected a bool for
    libvirt says: expected a string for
    libvirt says: expected an unsigned integer for
    libvirt says: expected a string list for
    Fix: adds or removes quotes or brackets if the intention is clear.
    Fixed:
        max_files = 32768
    See: libvirt virconf.c:virConfGetValueString, virConfGetValueBool, virConfGetValueUInt and similar functions
    """
    if setting.key.kind.accepts(setting.value):
        return
    repaired = setting.repaired
    edit = setting.value.replaced_by(repaired) if repaired else None
    yield Problem(
        at=setting.value.span,
        message=f"{setting.name} = {setting.shown} has the wrong type: {NO_DRIVER}",
        label=f"{setting.name} requires {setting.key.kind.value}",
        help=f"write {setting.name} = {repaired}" if repaired else f"write {setting.key.kind.value}",
        fix=Fix(f"write {repaired}", (edit,)) if edit else None,
        says=setting.type_refusal,
    )


@rule("VFS504", "setting-value", severity=Severity.ERROR, stage=Stage.START)
def setting_value(setting: ConfSetting) -> Iterator[Problem]:
    """A setting has a value that libvirt allows.

    Why: if a setting has a fixed set of values, libvirt rejects any other, and the QEMU driver does not start.
        Values are case-sensitive. A directory, user, group or lock manager cannot be an empty string.
    Bad:
        stdio_handler = "syslog"
    Bad:
        cgroup_controllers = [ "cpu", "io" ]
    Bad:
        user = ""
    Bad:
        security_driver = "dac"
    Good:
        stdio_handler = "logd"
        cgroup_controllers = [ "cpu", "blkio" ]
    libvirt says: Unknown stdio handler
    libvirt says: Unknown cgroup controller
    libvirt says: Unknown namespace
    libvirt says: Unknown core size
    libvirt says: Failed to parse user
    libvirt says: Invalid save_image_format
    libvirt says: managed save cannot be requested for transient domains
    libvirt says: Security driver dac not found
    libvirt says: Duplicate security driver
    See: libvirt qemu_conf.c:virQEMUDriverConfigLoadFile
    """
    if not setting.is_well_typed:
        return
    is_checked = setting.conf.libvirt >= setting.key.checked_since
    consequence = NO_DRIVER if is_checked else "libvirt fails when it uses the setting"
    choices = setting.key.choices_of(setting.conf.libvirt)
    for value in setting.wrong_choices:
        close = next((choice for choice in choices if choice == (value.text or "").lower()), None)
        yield Problem(
            at=value.span,
            message=f"{value.written} is not a valid value for {setting.name}: {consequence}",
            help="write one of " + ", ".join(f'"{choice}"' for choice in choices),
            fix=Fix(f'write "{close}"', (value.replaced_by(f'"{close}"'),)) if close else None,
            severity=None if is_checked else Severity.WARNING,
            says=setting.refusal(value.text or "") if is_checked else "",
        )
    for value in setting.repeated_drivers:
        yield Problem(
            at=value.span,
            message=f"security_driver names {value.written} twice: {NO_DRIVER}",
            help="name each driver once",
            says=f"Duplicate security driver {value.text}",
        )
    if setting.value.text == "" and not setting.key.may_be_empty:
        yield Problem(
            at=setting.value.span,
            message=f"{setting.name} is empty: {NO_DRIVER}",
            help="write a value, or put a # before the line to use the default",
            says=setting.refusal(""),
        )


@rule("VFS505", "setting-out-of-range", severity=Severity.ERROR, stage=Stage.START)
def setting_out_of_range(setting: ConfSetting) -> Iterator[Problem]:
    """A number is in the range of its setting.

    Why: a switch is 0 or 1, and other numbers must fit in 32 bits (core sizes in 64). libvirt rejects others,
        and the QEMU driver does not start. Older releases silently wrap numbers of more than 64 bits around.
    Bad:
        virtiofsd_debug = 2
    Bad:
        max_files = 4294967296
    Bad (libvirt 9.0.0):
        max_files = 18446744073709551626
    Good:
        virtiofsd_debug = 0
        max_files = 32768
    libvirt says: parameter must be 0 or 1
    libvirt says: parameter must be in range
    See: libvirt virconf.c:virConfGetValueBool, virConfGetValueInt, virConfGetValueUInt
    """
    number = setting.value.number
    if number is None or not setting.key.kind.accepts(setting.value):
        return
    numbers = setting.key.numbers
    if number not in numbers:
        yield Problem(
            at=setting.value.span,
            message=f"{setting.name} = {setting.shown} is out of range: {NO_DRIVER}",
            help=f"write a number from {numbers.start} to {numbers.stop - 1}",
            says=setting.range_refusal,
        )
    elif setting.is_misread:
        yield Problem(
            at=setting.value.span,
            message=f"libvirt {spell(setting.conf.libvirt)} reads {setting.name} = {setting.shown} as {number}",
            help="write the intended number; newer releases reject this one",
            severity=Severity.WARNING,
            stage=Stage.NEVER,
            says="",
        )


@rule("VFS506", "duplicate-setting", severity=Severity.WARNING, stage=Stage.NEVER)
def duplicate_setting(conf: QemuSettings) -> Iterator[Problem]:
    """A setting is set only once.

    Why: libvirt uses the first one and ignores the others, unlike most programs, which use the last one. A
        line added at the end of the file has no effect.
    Bad:
        memory_backing_dir = "/var/lib/libvirt/qemu/ram"
        memory_backing_dir = "/dev/shm"
    Good:
        memory_backing_dir = "/dev/shm"
    Fix: removes the ignored one; if its value differs from the first, only with --unsafe-fixes.
    Fixed:
        memory_backing_dir = "/var/lib/libvirt/qemu/ram"
    See: libvirt virconf.c:virConfGetValue
    """
    for statement, first in conf.repeated:
        same = statement.value.written == first.value.written
        yield Problem(
            at=statement.span,
            message=f"{statement.name} is already set on line {first.span.start.line}",
            label="ignored: libvirt uses the first one",
            related=(Related(first.span, "libvirt uses this one"),),
            help="remove this one" if same else "keep only the intended one",
            fix=Fix("remove the ignored one", (statement.removal,), safe=same),
        )


@rule("VFS507", "obsolete-setting", severity=Severity.WARNING, stage=Stage.NEVER)
def obsolete_setting(conf: QemuSettings) -> Iterator[Problem]:
    """A setting is still supported.

    Why: libvirt ignores settings of removed features. The exception is allow_disk_format_probing: if it is on,
        the QEMU driver does not start, because guests could use it to read files of the host.
    Bad:
        clear_emulator_capabilities = 1
    Bad:
        vxhs_tls = 1
    Bad:
        allow_disk_format_probing = 1
    Good:
        nbd_tls = 1
    libvirt says: allow_disk_format_probing is no longer supported
    Fix: removes the line.
    See: libvirt qemu_conf.c:virQEMUDriverConfigLoadDeviceEntry; the strings of libvirt 12.8.0's QEMU driver
    """
    for statement in conf.gone:
        yield Problem(
            at=statement.span,
            message=f"{statement.name} is ignored by libvirt {spell(conf.conf.libvirt)}",
            help="remove the line",
            fix=Fix("remove the line", (statement.removal,)),
            says="",
        )
    probing = conf.conf["allow_disk_format_probing"]
    if probing and probing.value.number in (0, 1) and not probing.value.has_minus:
        is_on = probing.value.number == 1
        yield Problem(
            at=probing.span,
            message=f"allow_disk_format_probing = {probing.value.written} is not supported: {NO_DRIVER}"
            if is_on
            else "allow_disk_format_probing = 0 is obsolete: libvirt always behaves this way",
            help="remove the line, and set the format of each disk with <driver type='…'/>"
            if is_on
            else "remove the line",
            fix=Fix("remove the line", (probing.removal,)),
            severity=Severity.ERROR if is_on else Severity.NOTE,
            stage=Stage.START if is_on else None,
            says=None if is_on else "",
        )


@rule("VFS508", "setting-too-new", severity=Severity.WARNING, stage=Stage.NEVER)
def setting_too_new(conf: QemuSettings) -> Iterator[Problem]:
    """A setting is supported by the target release of libvirt.

    Why: an older libvirt silently ignores a setting that was added later.
    Bad (libvirt 9.0.0):
        auto_shutdown_wait = 30
    Good (libvirt 11.3.0):
        auto_shutdown_wait = 30
    See: libvirt news; the qemu.conf and the augeas lens of 7.0.0, 9.0.0, 11.3.0 and 12.8.0
    """
    for statement, key in conf.too_new:
        yield Problem(
            at=statement.name_piece.span,
            message=f"{statement.name} is ignored by libvirt {spell(conf.conf.libvirt)}",
            help=f"remove it, or use libvirt {spell(key.since)} or later",
        )
