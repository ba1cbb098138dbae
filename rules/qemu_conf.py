"""qemu.conf, the configuration of libvirt's QEMU driver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.context import Context
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.qemu_conf.advice import advice
from vfslint.rule import rule
from vfslint.targets import spell

if TYPE_CHECKING:
    from vfslint.qemu_conf.conf import ConfSetting, Ports, QemuSettings
    from vfslint.qemu_conf.reader import Unreadable

NO_DRIVER = "the QEMU driver does not start, so no guest can start"

DEPRECATION_BEHAVIORS = ("none", "omit", "reject", "crash")


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
    See: libvirt virconf.c:virConfGetValueString, virConfGetValueBool, virConfGetValueUInt and similar functions
    """
    if setting.key.kind.takes(setting.value):
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
    if number is None or not setting.key.kind.takes(setting.value):
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
    See: libvirt virconf.c:virConfGetValue
    """
    for statement, first in conf.repeated:
        same = statement.value.written == first.value.written
        yield Problem(
            at=statement.span,
            message=f"{statement.name} is already set in line {first.span.start.line}",
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


@rule("VFS512", "migration-to-itself", severity=Severity.ERROR, stage=Stage.START)
def migration_to_itself(setting: ConfSetting) -> Iterator[Problem]:
    """migration_host and migration_address are reachable from other hosts.

    Why: other hosts use this address to migrate a guest to this host. libvirt rejects the address of the local
        machine (names that start with localhost, 127.0.0.1, ::1), and the QEMU driver does not start.
    Bad:
        migration_host = "localhost"
    Bad:
        migration_address = "[::1]"
    Good:
        migration_host = "host.example.com"
        migration_address = "0.0.0.0"
    libvirt says: migration_host must not be the address of the local machine
    libvirt says: migration_address must not be the address of the local machine
    See: libvirt qemu_conf.c:virQEMUDriverConfigLoadNetworkEntry
    """
    if setting.name in ("migration_host", "migration_address") and setting.is_loopback:
        yield Problem(
            at=setting.value.span,
            message=f"{setting.name} = {setting.shown} is not reachable from other hosts: {NO_DRIVER}",
            help="write a name or address of this host that other hosts can reach",
            says=f"{setting.name} must not be the address of the local machine",
        )


@rule("VFS513", "vnc-password-too-long", severity=Severity.WARNING, stage=Stage.NEVER)
def vnc_password_too_long(setting: ConfSetting) -> Iterator[Problem]:
    """vnc_password has at most 8 bytes.

    Why: VNC does not support longer passwords. libvirt truncates the password and reports that only in its
        log.
    Bad:
        vnc_password = "correct horse"
    Good:
        vnc_password = "XYZ12345"
    libvirt says: only 8 permitted, truncating
    See: libvirt qemu_conf.c:virQEMUDriverConfigLoadVNCEntry
    """
    size = len((setting.value.text or "").encode("utf-8", "surrogateescape"))
    if setting.name == "vnc_password" and size > 8:
        yield Problem(
            at=setting.value.span,
            message=f"vnc_password is {size} bytes long, but libvirt uses only the first 8",
            help="shorten it; VNC passwords are weak, so prefer a local socket, or TLS with SASL",
        )


@rule("VFS514", "dump-quota-unreadable", severity=Severity.ERROR, stage=Stage.START)
def dump_quota_unreadable(setting: ConfSetting) -> Iterator[Problem]:
    """auto_dump_max_size is a valid size.

    Why: it is a number of bytes, or a string with a whole number directly followed by a unit. libvirt rejects
        anything else, and the QEMU driver does not start.
    Bad:
        auto_dump_max_size = "10 GiB"
    Bad:
        auto_dump_max_size = "1.5G"
    Good:
        auto_dump_max_size = "10GiB"
    libvirt says: unknown suffix ' GiB'
    libvirt says: Unable to parse integer from size
    Fix: removes the whitespace.
    See: the qemu.conf of libvirt 12.8.0
    """
    size = setting.value.text
    if setting.name != "auto_dump_max_size" or size is None or setting.is_size:
        return
    joined = "".join(size.split())
    edit = setting.value.replaced_by(f'"{joined}"')
    yield Problem(
        at=setting.value.span,
        message=f"auto_dump_max_size = {setting.shown} is not a valid size: {NO_DRIVER}",
        help='write a whole number and a unit without whitespace, such as "10GiB"',
        fix=Fix(f'write "{joined}"', (edit,)) if joined != size else None,
        says=setting.size_refusal,
    )


@rule("VFS515", "deprecation-behavior-unknown", severity=Severity.WARNING, stage=Stage.NEVER)
def deprecation_behavior_unknown(setting: ConfSetting) -> Iterator[Problem]:
    """deprecation_behavior has a value that libvirt supports.

    Why: libvirt reads it when a guest starts. It only logs an unknown value, and QEMU runs as if the setting
        were missing.
    Bad:
        deprecation_behavior = "ignore"
    Good:
        deprecation_behavior = "omit"
    libvirt says: Unsupported deprecation behavior
    See: libvirt qemu_command.c:qemuBuildCompatDeprecatedCommandLine
    """
    known = DEPRECATION_BEHAVIORS
    if setting.name == "deprecation_behavior" and setting.value.text is not None and setting.value.text not in known:
        yield Problem(
            at=setting.value.span,
            message=f"{setting.shown} is not a valid value for deprecation_behavior, so libvirt ignores it",
            help="write one of " + ", ".join(f'"{word}"' for word in known),
        )


@rule("VFS516", "capabilities-filtered", severity=Severity.WARNING, stage=Stage.GUEST)
def capabilities_filtered(setting: ConfSetting) -> Iterator[Problem]:
    """capability_filters is not set outside of libvirt's tests.

    Why: it hides capabilities of QEMU from libvirt, for libvirt's own tests. Until 11.3.0 "vhost-user-fs" makes
        every guest with a virtio-fs share fail to start. An unknown capability, such as "capname" from the
        shipped file, makes every guest fail; with 12.8.0 even the QEMU driver does not start.
    Bad:
        capability_filters = [ "vhost-user-fs" ]
    Bad:
        capability_filters = [ "capname" ]
    Good:
        capability_filters = []
    libvirt says: invalid capability_filters capability
    See: libvirt qemu_process.c:qemuProcessStartUpdateCustomCaps
    """
    if setting.name != "capability_filters" or not setting.is_well_typed:
        return
    for value in setting.strings:
        is_placeholder = value.text == "capname"
        result = NO_DRIVER if setting.conf.libvirt >= (12, 8, 0) else "no guest can start"
        yield Problem(
            at=value.span,
            message=f"{value.written} in capability_filters is not a capability: {result}"
            if is_placeholder
            else f"capability_filters hides QEMU's {value.written} from libvirt",
            help="put a # before the setting; it is only for libvirt's own tests",
            severity=Severity.ERROR if is_placeholder else None,
            stage=Stage.START if is_placeholder else None,
            says=None if is_placeholder else "",
        )


@rule("VFS517", "virtiofsd-debug", severity=Severity.WARNING, stage=Stage.GUEST)
def virtiofsd_debug(setting: ConfSetting) -> Iterator[Problem]:
    """virtiofsd_debug is off in production.

    Why: with it every virtiofsd logs each request, which slows down shares and fills /var/log/libvirt/qemu.
    Bad:
        virtiofsd_debug = 1
    Good:
        virtiofsd_debug = 0
    Fix: disables it, only with --unsafe-fixes, because the log may be in use.
    See: libvirt qemu_virtiofs.c:qemuVirtioFSBuildCommandLine
    """
    if setting.name == "virtiofsd_debug" and setting.value.number == 1:
        yield Problem(
            at=setting.value.span,
            message="virtiofsd_debug = 1 makes every virtiofsd log each request of its guest",
            help="write 0 when you have finished debugging",
            fix=Fix("write 0", (setting.value.replaced_by("0"),), safe=False),
        )


@rule("VFS518", "device-acl-incomplete", severity=Severity.WARNING, stage=Stage.GUEST)
def device_acl_incomplete(setting: ConfSetting) -> Iterator[Problem]:
    """cgroup_device_acl includes the standard devices.

    Why: the list replaces libvirt's default list instead of extending it. QEMU cannot open devices that are
        missing from it: without /dev/kvm (not in the list of 12.8.0) no KVM guest starts, and without
        /dev/urandom or /dev/ptmx devices fail.
    Bad:
        cgroup_device_acl = [ "/dev/infiniband/rdma_cm" ]
    Good:
        cgroup_device_acl = [
            "/dev/null", "/dev/full", "/dev/zero",
            "/dev/random", "/dev/urandom",
            "/dev/ptmx", "/dev/userfaultfd"
        ]
    Fix: adds the missing ones.
    See: libvirt qemu_cgroup.c:qemuSetupDevicesCgroup; the comments of /etc/libvirt/qemu.conf
    """
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
        )


@rule("VFS519", "namespaces-in-session", severity=Severity.ERROR, stage=Stage.START)
def namespaces_in_session(setting: ConfSetting, context: Context) -> Iterator[Problem]:
    """A session daemon cannot use namespaces.

    Why: only root can create them. The unprivileged QEMU driver does not start if its qemu.conf lists one.
    Bad (session):
        namespaces = [ "mount" ]
    Good (session):
        namespaces = []
    Good:
        namespaces = [ "mount" ]
    libvirt says: cannot use namespaces in session mode
    Fix: writes an empty list.
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
    for value in conf.switched_off_drivers:
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


@rule("VFS522", "port-range", severity=Severity.ERROR, stage=Stage.START)
def port_range(conf: QemuSettings) -> Iterator[Problem]:
    """A port range has at least two ports, all of them allowed.

    Why: libvirt requires the lowest port to be at least 5900 for displays, 5700 for WebSockets and 1 otherwise,
        the highest to be at most 65535, and the lowest to be smaller than the highest; one that is not set has
        its default. It rejects other ranges, and the QEMU driver does not start.
    Bad:
        remote_display_port_min = 5800
    Bad:
        migration_port_min = 50000
    Bad:
        remote_display_port_min = 6000
        remote_display_port_max = 6000
    Bad:
        migration_port_max = 70000
    Good:
        migration_port_min = 50000
        migration_port_max = 50100
    libvirt says: port must be greater than or equal to
    libvirt says: port must be between the minimal port
    libvirt says: start port must be less than end port
    See: libvirt qemu_conf.c:virQEMUDriverConfigLoadRemoteDisplayEntry,
        virportallocator.c:virPortAllocatorRangeNew
    """
    for ports in conf.port_ranges:
        yield from _wrong_ports(ports)


def _wrong_ports(ports: Ports) -> Iterator[Problem]:
    first, last = ports.first_setting, ports.last_setting
    if first and ports.first < ports.lowest:
        yield Problem(
            at=first.value.span,
            message=f"{first.name} = {ports.first} is below {ports.lowest}: {NO_DRIVER}",
            help=f"write a port of at least {ports.lowest}",
            says=ports.refusal,
        )
    elif last and ports.last > ports.highest:
        yield Problem(
            at=last.value.span,
            message=f"{last.name} = {ports.last} is above {ports.highest}: {NO_DRIVER}",
            help=f"write a port of at most {ports.highest}",
            says=ports.refusal,
        )
    elif ports.first >= ports.last:
        at, other = (last, first) if last else (first, None)
        assert at, "a range is reported only if one of its ends is set"
        yield Problem(
            at=at.value.span,
            message=f"the port range {ports.first}-{ports.last} does not contain at least two ports: {NO_DRIVER}",
            label="" if other else "the other end has its default",
            related=(Related(other.value.span, "the other end"),) if other else (),
            help="set both, the lowest port smaller than the highest",
            says=ports.refusal,
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
    for value in conf.switched_off_drivers:
        yield Problem(
            at=value.span,
            message=f'security_driver = "none" cannot confine guests, but confinement is required: {NO_DRIVER}',
            related=(Related(required.span, "confinement is required here"),),
            help="put a # before one of the two",
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
