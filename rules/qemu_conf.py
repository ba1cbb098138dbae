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

NO_DRIVER = "the QEMU driver does not start, so no guest can"

DEPRECATION_BEHAVIORS = ("none", "omit", "reject", "crash")


@rule("VFS501", "conf-syntax", severity=Severity.ERROR, stage=Stage.START)
def conf_syntax(failure: Unreadable) -> Iterator[Problem]:
    """A qemu.conf is read to its end.

    Why: libvirt stops at the first thing that it does not understand, and then the QEMU driver does not
        start: no guest can be started or even listed, whatever it needs. Strings and the members of lists
        stand in quotes, numbers and switches (1 and 0) do not, lists may span lines but hold no comments.
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
    Fix: quotes a bare word, writes 1 and 0 for yes and no, = for a colon, and takes away what does not
        belong.
    See: libvirt virconf.c:virConfParse; the comments of /etc/libvirt/qemu.conf
    """
    found = failure.rest_of_line.strip()
    what = f"found {found[:40]!r}" if found else "the line ends here"
    told = advice(failure)
    opened = failure.opened_span
    yield Problem(
        at=failure.span,
        message=f"{failure.message}, but {what}: {NO_DRIVER}",
        label=f"libvirt stops here (line {failure.line}) and takes nothing of the file",
        related=(Related(opened, "what it was reading begins here"),) if opened else (),
        help=told.help,
        fix=told.fix,
        says=failure.message,
    )


@rule("VFS502", "unknown-setting", severity=Severity.WARNING, stage=Stage.NEVER)
def unknown_setting(conf: QemuSettings) -> Iterator[Problem]:
    """A setting bears a name that libvirt looks for.

    Why: libvirt asks for the settings that it knows and never looks at the rest, so a misspelt one has no
        effect and nothing says so. Upper and lower case differ.
    Bad:
        Memory_Backing_Dir = "/dev/shm"
    Bad:
        memory_backing_directory = "/dev/shm"
    Bad:
        unix_sock_group = "libvirt"
    Good:
        memory_backing_dir = "/dev/shm"
    Fix: writes the name that is the same but for case; one that is merely similar only with --unsafe-fixes.
    See: libvirt virconf.c:virConfGetValue, which compares names to the letter
    """
    for unknown in conf.unknown:
        name = unknown.statement.name_piece
        if unknown.is_of_the_daemon:
            help = "it belongs into libvirtd.conf, or into virtqemud.conf where that daemon runs"
        elif unknown.meant:
            help = f"did you mean {unknown.meant}?"
        else:
            help = "take it away, or look its name up in the comments of libvirt's own qemu.conf"
        yield Problem(
            at=name.span,
            message=f"libvirt knows no setting {name.written!r} in qemu.conf and ignores it",
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
def setting_type(chosen: ConfSetting) -> Iterator[Problem]:
    """A setting has a value of its type.

    Why: libvirt reads each setting as one type and converts nothing: a number in quotes is no number, a bare
        string no list. One setting of a wrong type keeps the QEMU driver from starting.
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
    Fix: puts the value into or out of quotes or brackets where it is plain what was meant.
    See: libvirt virconf.c:virConfGetValueString, virConfGetValueBool, virConfGetValueUInt and their like
    """
    if chosen.key.kind.takes(chosen.value):
        return
    repaired = chosen.repaired
    edit = chosen.value.replaced_by(repaired) if repaired else None
    yield Problem(
        at=chosen.value.span,
        message=f"{chosen.name} is given {chosen.shown}, which libvirt refuses: {NO_DRIVER}",
        label=f"{chosen.name} takes {chosen.key.kind.value}",
        help=f"write {chosen.name} = {repaired}" if repaired else f"write {chosen.key.kind.value}",
        fix=Fix(f"write {repaired}", (edit,)) if edit else None,
        says=chosen.type_refusal,
    )


@rule("VFS504", "setting-value", severity=Severity.ERROR, stage=Stage.START)
def setting_value(chosen: ConfSetting) -> Iterator[Problem]:
    """A setting has one of the values that libvirt allows it.

    Why: where libvirt knows a closed set of values it refuses any other, and the QEMU driver does not start.
        Upper and lower case differ. A directory, user, group or lock manager cannot be an empty string
        either.
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
    if not chosen.is_well_typed:
        return
    is_checked = chosen.conf.libvirt >= chosen.key.checked_since
    consequence = NO_DRIVER if is_checked else "libvirt finds out when it comes to use it"
    choices = chosen.key.choices_of(chosen.conf.libvirt)
    for value in chosen.wrong_choices:
        close = next((choice for choice in choices if choice == (value.text or "").lower()), None)
        yield Problem(
            at=value.span,
            message=f"{chosen.name} does not know {value.written}: {consequence}",
            help="one of " + ", ".join(f'"{choice}"' for choice in choices),
            fix=Fix(f'write "{close}"', (value.replaced_by(f'"{close}"'),)) if close else None,
            severity=None if is_checked else Severity.WARNING,
            says=chosen.refusal(value.text or "") if is_checked else "",
        )
    for value in chosen.repeated_drivers:
        yield Problem(
            at=value.span,
            message=f"security_driver names {value.written} twice: {NO_DRIVER}",
            help="name each driver once",
            says=f"Duplicate security driver {value.text}",
        )
    if chosen.value.text == "" and not chosen.key.may_be_empty:
        yield Problem(
            at=chosen.value.span,
            message=f"{chosen.name} is empty, which libvirt refuses: {NO_DRIVER}",
            help="name one, or put a # before the line to have the default",
            says=chosen.refusal(""),
        )


@rule("VFS505", "setting-out-of-range", severity=Severity.ERROR, stage=Stage.START)
def setting_out_of_range(chosen: ConfSetting) -> Iterator[Problem]:
    """A number fits the setting.

    Why: a switch is 0 or 1, other numbers must fit 32 bits (core sizes 64). libvirt refuses what does not,
        and the QEMU driver does not start. Numbers beyond 64 bits wrapped around silently before they were
        refused.
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
    number = chosen.value.number
    if number is None or not chosen.key.kind.takes(chosen.value):
        return
    numbers = chosen.key.numbers
    if number not in numbers:
        yield Problem(
            at=chosen.value.span,
            message=f"{chosen.name} is {chosen.shown}, which libvirt refuses: {NO_DRIVER}",
            help=f"write a number from {numbers.start} to {numbers.stop - 1}",
            says=chosen.range_refusal,
        )
    elif chosen.is_misread:
        yield Problem(
            at=chosen.value.span,
            message=f"libvirt {spell(chosen.conf.libvirt)} takes {chosen.name} = {chosen.shown} for {number}",
            help="write the number that is meant; newer releases refuse this one",
            severity=Severity.WARNING,
            stage=Stage.NEVER,
            says="",
        )


@rule("VFS506", "duplicate-setting", severity=Severity.WARNING, stage=Stage.NEVER)
def duplicate_setting(conf: QemuSettings) -> Iterator[Problem]:
    """A setting is set once.

    Why: of several the first counts and the others are never looked at, unlike in most other programs, where
        the last one wins: a line added at the end of the file changes nothing.
    Bad:
        memory_backing_dir = "/var/lib/libvirt/qemu/ram"
        memory_backing_dir = "/dev/shm"
    Good:
        memory_backing_dir = "/dev/shm"
    Fix: takes the void one away; where it says something else than the first, only with --unsafe-fixes.
    See: libvirt virconf.c:virConfGetValue
    """
    for statement, first in conf.repeated:
        same = statement.value.written == first.value.written
        yield Problem(
            at=statement.span,
            message=f"{statement.name} is set already in line {first.span.start.line}, and that one counts",
            label="void: libvirt takes the first",
            related=(Related(first.span, "this one counts"),),
            help="take this one away" if same else "keep the one that is meant",
            fix=Fix("take the void one away", (statement.removal,), safe=same),
        )


@rule("VFS507", "obsolete-setting", severity=Severity.WARNING, stage=Stage.NEVER)
def obsolete_setting(conf: QemuSettings) -> Iterator[Problem]:
    """A setting still does something.

    Why: some settings outlived what they were for. libvirt ignores them, except that it refuses to start the
        QEMU driver with allow_disk_format_probing switched on, because guests could read host files with it.
    Bad:
        clear_emulator_capabilities = 1
    Bad:
        vxhs_tls = 1
    Bad:
        allow_disk_format_probing = 1
    Good:
        nbd_tls = 1
    libvirt says: allow_disk_format_probing is no longer supported
    Fix: takes the line away.
    See: libvirt qemu_conf.c:virQEMUDriverConfigLoadDeviceEntry; the strings of libvirt 12.8.0's QEMU driver
    """
    for statement in conf.gone:
        yield Problem(
            at=statement.span,
            message=f"{statement.name} is ignored by libvirt {spell(conf.conf.libvirt)}",
            help="take the line away",
            fix=Fix("take the line away", (statement.removal,)),
            says="",
        )
    probing = conf.conf["allow_disk_format_probing"]
    if probing and probing.value.number in (0, 1) and not probing.value.has_minus:
        is_on = probing.value.number == 1
        yield Problem(
            at=probing.span,
            message=f"allow_disk_format_probing = {probing.value.written} is refused: {NO_DRIVER}"
            if is_on
            else "allow_disk_format_probing = 0 says what cannot be otherwise any more",
            help="take the line away, and give each disk its format with <driver type='…'/>"
            if is_on
            else "take the line away",
            fix=Fix("take the line away", (probing.removal,)),
            severity=Severity.ERROR if is_on else Severity.NOTE,
            stage=Stage.START if is_on else None,
            says=None if is_on else "",
        )


@rule("VFS508", "setting-too-new", severity=Severity.WARNING, stage=Stage.NEVER)
def setting_too_new(conf: QemuSettings) -> Iterator[Problem]:
    """A setting is known to the libvirt that reads the file.

    Why: an older libvirt does not look for a setting that came later, and so does without it silently.
    Bad (libvirt 9.0.0):
        auto_shutdown_wait = 30
    Good (libvirt 11.3.0):
        auto_shutdown_wait = 30
    See: libvirt news; the qemu.conf and the augeas lens of 7.0.0, 9.0.0, 11.3.0 and 12.8.0
    """
    for statement, key in conf.too_new:
        yield Problem(
            at=statement.name_piece.span,
            message=f"libvirt {spell(conf.conf.libvirt)} does not know {statement.name} and ignores it",
            help=f"it needs libvirt {spell(key.since)}",
        )


@rule("VFS509", "directory-not-absolute", severity=Severity.WARNING, stage=Stage.NEVER)
def directory_not_absolute(chosen: ConfSetting) -> Iterator[Problem]:
    """A directory is named by its absolute path.

    Why: libvirt takes a relative path from where the daemon happens to run, which is the root directory, and
        `~` is a name like any other.
    Bad:
        auto_dump_path = "dumps"
    Bad:
        vnc_tls_x509_cert_dir = "~/pki"
    Good:
        auto_dump_path = "/var/lib/libvirt/qemu/dump"
    libvirt says: Failed to create dump dir
    See: libvirt qemu_conf.c:virQEMUDriverConfigValidate, qemu_driver.c:qemuStateInitialize
    """
    for value in chosen.relative_directories:
        is_fatal = chosen.name == "auto_dump_path" and chosen.is_not_creatable
        result = NO_DRIVER if is_fatal else f"libvirt takes it for {'/' + (value.text or '')!r}"
        yield Problem(
            at=value.span,
            message=f"{chosen.name} is {value.written}, a relative path: {result}",
            help="write the whole path, from / on",
            severity=Severity.ERROR if is_fatal else None,
            stage=Stage.START if is_fatal else None,
            says=None if is_fatal else "",
        )


@rule("VFS510", "backing-dir-not-absolute", severity=Severity.WARNING, stage=Stage.NEVER)
def backing_dir_not_absolute(chosen: ConfSetting) -> Iterator[Problem]:
    """memory_backing_dir is an absolute path.

    Why: libvirt puts the files that hold guests' memory into `libvirt/qemu` below this directory. With an
        empty string that is /libvirt/qemu, with a relative path a directory below the root of the host's file
        system: a disk in either case. libvirt before 7.1.0 does not start with a relative path at all.
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
    path = chosen.value.text
    if chosen.name != "memory_backing_dir" or path is None or path.startswith("/"):
        return
    is_fatal = chosen.is_not_creatable
    below = f"/{path}/libvirt/qemu" if path else "/libvirt/qemu"
    yield Problem(
        at=chosen.value.span,
        message=f"memory_backing_dir is {chosen.shown}: {NO_DRIVER}"
        if is_fatal
        else f"memory_backing_dir is {chosen.shown}, so guests' memory goes into files below {below!r}",
        help='write the whole path, such as "/dev/shm"',
        severity=Severity.ERROR if is_fatal else None,
        stage=Stage.START if is_fatal else None,
        says=None if is_fatal else "",
    )


@rule("VFS511", "hugetlbfs-mount-empty", severity=Severity.ERROR, stage=Stage.START)
def hugetlbfs_mount_empty(chosen: ConfSetting) -> Iterator[Problem]:
    """hugetlbfs_mount names mount points, or is an empty list.

    Why: the comment in qemu.conf offers "" as the way to switch huge pages off. libvirt looks for a mount
        point of that name all the same, and the QEMU driver does not start. An empty list is what switches
        them off.
    Bad:
        hugetlbfs_mount = ""
    Good:
        hugetlbfs_mount = []
    libvirt says: cannot determine filesystem for ''
    Fix: writes an empty list.
    See: libvirt qemu_conf.c:virQEMUDriverConfigHugeTLBFSInit; asked of 7.0.0, 9.0.0, 11.3.0 and 12.8.0
    """
    if chosen.name != "hugetlbfs_mount":
        return
    for value in chosen.strings:
        if value.text == "":
            whole = len(chosen.strings) == 1
            yield Problem(
                at=value.span,
                message=f"hugetlbfs_mount names the mount point '', which there cannot be: {NO_DRIVER}",
                help="write [] to switch huge pages off" if whole else "take the empty string away",
                fix=Fix("write an empty list", (chosen.value.replaced_by("[]"),)) if whole else None,
            )


@rule("VFS512", "migration-to-itself", severity=Severity.ERROR, stage=Stage.START)
def migration_to_itself(chosen: ConfSetting) -> Iterator[Problem]:
    """migration_host and migration_address are reachable from elsewhere.

    Why: other hosts are told this address when a guest is to move here. libvirt refuses the address of the
        local machine (names that begin with localhost, 127.0.0.1, ::1), and the QEMU driver does not start.
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
    if chosen.name in ("migration_host", "migration_address") and chosen.is_loopback:
        yield Problem(
            at=chosen.value.span,
            message=f"{chosen.name} is {chosen.shown}, which only this host can reach: {NO_DRIVER}",
            help="write the name or address that other hosts know this one by",
            says=f"{chosen.name} must not be the address of the local machine",
        )


@rule("VFS513", "vnc-password-too-long", severity=Severity.WARNING, stage=Stage.NEVER)
def vnc_password_too_long(chosen: ConfSetting) -> Iterator[Problem]:
    """vnc_password has at most 8 bytes.

    Why: VNC knows no longer ones. libvirt cuts it and says so in its log only; what follows protects nothing.
    Bad:
        vnc_password = "correct horse"
    Good:
        vnc_password = "XYZ12345"
    libvirt says: only 8 permitted, truncating
    See: libvirt qemu_conf.c:virQEMUDriverConfigLoadVNCEntry
    """
    size = len((chosen.value.text or "").encode("utf-8", "surrogateescape"))
    if chosen.name == "vnc_password" and size > 8:
        yield Problem(
            at=chosen.value.span,
            message=f"vnc_password is {size} bytes long, of which libvirt keeps 8",
            help="VNC passwords protect little; keep VNC on a local socket or use TLS with SASL",
        )


@rule("VFS514", "dump-quota-unreadable", severity=Severity.ERROR, stage=Stage.START)
def dump_quota_unreadable(chosen: ConfSetting) -> Iterator[Problem]:
    """auto_dump_max_size is a size that libvirt can read.

    Why: it is a number of bytes, or a string of a whole number and a unit directly behind it. libvirt refuses
        anything else, and the QEMU driver does not start.
    Bad:
        auto_dump_max_size = "10 GiB"
    Bad:
        auto_dump_max_size = "1.5G"
    Good:
        auto_dump_max_size = "10GiB"
    libvirt says: unknown suffix ' GiB'
    libvirt says: Unable to parse integer from size
    Fix: takes out the blanks.
    See: the qemu.conf of libvirt 12.8.0
    """
    size = chosen.value.text
    if chosen.name != "auto_dump_max_size" or size is None or chosen.is_size:
        return
    joined = "".join(size.split())
    edit = chosen.value.replaced_by(f'"{joined}"')
    yield Problem(
        at=chosen.value.span,
        message=f"auto_dump_max_size is {chosen.shown}, which libvirt cannot read: {NO_DRIVER}",
        help='write a whole number and a unit without a blank between them, such as "10GiB"',
        fix=Fix(f'write "{joined}"', (edit,)) if joined != size else None,
        says=chosen.size_refusal,
    )


@rule("VFS515", "deprecation-behavior-unknown", severity=Severity.WARNING, stage=Stage.NEVER)
def deprecation_behavior_unknown(chosen: ConfSetting) -> Iterator[Problem]:
    """deprecation_behavior is one of the words that libvirt knows.

    Why: libvirt looks at it when a guest starts. A word that it does not know goes into its log, and QEMU
        runs as if nothing had been set.
    Bad:
        deprecation_behavior = "ignore"
    Good:
        deprecation_behavior = "omit"
    libvirt says: Unsupported deprecation behavior
    See: libvirt qemu_command.c:qemuBuildCompatDeprecatedCommandLine
    """
    known = DEPRECATION_BEHAVIORS
    if chosen.name == "deprecation_behavior" and chosen.value.text is not None and chosen.value.text not in known:
        yield Problem(
            at=chosen.value.span,
            message=f"deprecation_behavior does not know {chosen.shown}, so nothing comes of it",
            help="one of " + ", ".join(f'"{word}"' for word in known),
        )


@rule("VFS516", "capabilities-filtered", severity=Severity.WARNING, stage=Stage.GUEST)
def capabilities_filtered(chosen: ConfSetting) -> Iterator[Problem]:
    """capability_filters is left alone outside of tests.

    Why: it makes libvirt believe that QEMU lacks something, and is meant for libvirt's own tests. Until
        11.3.0 "vhost-user-fs" makes every guest with a virtio-fs share fail at its start. A word that is no
        capability, as the "capname" of the shipped file, makes every guest fail; 12.8.0 does not even start
        the QEMU driver.
    Bad:
        capability_filters = [ "vhost-user-fs" ]
    Bad:
        capability_filters = [ "capname" ]
    Good:
        capability_filters = []
    libvirt says: invalid capability_filters capability
    See: libvirt qemu_process.c:qemuProcessStartUpdateCustomCaps
    """
    if chosen.name != "capability_filters" or not chosen.is_well_typed:
        return
    for value in chosen.strings:
        is_placeholder = value.text == "capname"
        result = NO_DRIVER if chosen.conf.libvirt >= (12, 8, 0) else "no guest can start"
        yield Problem(
            at=value.span,
            message=f"capability_filters names {value.written}, which is no capability: {result}"
            if is_placeholder
            else f"capability_filters hides {value.written} of QEMU from libvirt",
            help="put a # before the setting; it is meant for libvirt's own tests",
            severity=Severity.ERROR if is_placeholder else None,
            stage=Stage.START if is_placeholder else None,
            says=None if is_placeholder else "",
        )


@rule("VFS517", "virtiofsd-debug", severity=Severity.WARNING, stage=Stage.GUEST)
def virtiofsd_debug(chosen: ConfSetting) -> Iterator[Problem]:
    """virtiofsd_debug is off where guests work.

    Why: with it every virtiofsd logs each request, which slows shares down and fills /var/log/libvirt/qemu.
    Bad:
        virtiofsd_debug = 1
    Good:
        virtiofsd_debug = 0
    Fix: switches it off (only with --unsafe-fixes: somebody may be reading that log).
    See: libvirt qemu_virtiofs.c:qemuVirtioFSBuildCommandLine
    """
    if chosen.name == "virtiofsd_debug" and chosen.value.number == 1:
        yield Problem(
            at=chosen.value.span,
            message="virtiofsd_debug = 1 makes every virtiofsd log each request of its guest",
            help="switch it off once the fault is found",
            fix=Fix("switch it off", (chosen.value.replaced_by("0"),), safe=False),
        )


@rule("VFS518", "device-acl-incomplete", severity=Severity.WARNING, stage=Stage.GUEST)
def device_acl_incomplete(chosen: ConfSetting) -> Iterator[Problem]:
    """cgroup_device_acl holds the standard devices too.

    Why: the list replaces libvirt's own instead of adding to it. QEMU may then not open what is left out:
        without /dev/kvm (not part of the list in 12.8.0) no KVM guest starts, without /dev/urandom or
        /dev/ptmx devices fail.
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
    texts = chosen.value.texts
    if chosen.name != "cgroup_device_acl" or texts is None:
        return
    missing = chosen.missing_devices
    if missing:
        whole = "[ " + ", ".join(f'"{device}"' for device in (*texts, *missing)) + " ]"
        edit = chosen.value.replaced_by(whole)
        yield Problem(
            at=chosen.value.span,
            message=f"cgroup_device_acl lacks {', '.join(missing)}, which QEMU may then not open",
            help="add to the standard list, do not replace it",
            fix=Fix("add the standard devices", (edit,), safe=False),
        )


@rule("VFS519", "namespaces-in-session", severity=Severity.ERROR, stage=Stage.START)
def namespaces_in_session(chosen: ConfSetting, context: Context) -> Iterator[Problem]:
    """A session daemon is given no namespaces.

    Why: only root may make them. The unprivileged QEMU driver does not start when its qemu.conf names one.
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
    if context.session and chosen.name == "namespaces" and chosen.value.texts:
        yield Problem(
            at=chosen.value.span,
            message=f"namespaces is {chosen.shown} in a session's qemu.conf: {NO_DRIVER}",
            help="write [] or put a # before the setting",
            fix=Fix("write an empty list", (chosen.value.replaced_by("[]"),)),
        )


@rule("VFS520", "confinement-off", severity=Severity.WARNING, stage=Stage.NEVER)
def confinement_off(conf: QemuSettings) -> Iterator[Problem]:
    """Guests are kept apart by the host's security driver.

    Why: "none" switches SELinux or AppArmor off for every guest, often because a share could not be read. A
        guest that breaks out of its QEMU then reaches the files of all others. Labelling the shared
        directory, or an AppArmor rule for it, solves the same problem for that directory alone.
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
            help="put a # before it to have the host's own, and label the directories that are shared",
        )


@rule("VFS521", "qemu-as-root", severity=Severity.NOTE, stage=Stage.NEVER)
def qemu_as_root(chosen: ConfSetting) -> Iterator[Problem]:
    """QEMU does not run as root.

    Why: a guest that breaks out of its QEMU is then root of the host. Shares do not need it: libvirt's own
        virtiofsd runs as root whatever this setting says.
    Bad:
        user = "root"
    Good:
        user = "libvirt-qemu"
    See: libvirt documentation, "QEMU driver", POSIX users/groups
    """
    if chosen.name == "user" and chosen.value.text in ("root", "0", "+0"):
        yield Problem(
            at=chosen.value.span,
            message=f"user is {chosen.shown}: every guest's QEMU runs as root",
            help="put a # before it to have the distribution's user; virtio-fs shares work without it",
        )


@rule("VFS522", "port-range", severity=Severity.ERROR, stage=Stage.START)
def port_range(conf: QemuSettings) -> Iterator[Problem]:
    """A range of ports holds two ports at least and none that is out of reach.

    Why: libvirt wants the lowest port to be at least 5900 for displays, 5700 for web sockets and 1 otherwise,
        the highest to be at most 65535, and the lowest to be smaller than the highest, where the one that is
        not set has its default. It refuses the rest, and the QEMU driver does not start.
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
            message=f"{first.name} is {ports.first}, below {ports.lowest}: {NO_DRIVER}",
            help=f"write a port from {ports.lowest} on",
            says=ports.refusal,
        )
    elif last and ports.last > ports.highest:
        yield Problem(
            at=last.value.span,
            message=f"{last.name} is {ports.last}, above {ports.highest}: {NO_DRIVER}",
            help=f"write a port up to {ports.highest}",
            says=ports.refusal,
        )
    elif ports.first >= ports.last:
        at, other = (last, first) if last else (first, None)
        assert at, "a range is reported only where one of its settings is there"
        yield Problem(
            at=at.value.span,
            message=f"ports {ports.first} to {ports.last} are no range of two or more: {NO_DRIVER}",
            label="" if other else "the other end has its default",
            related=(Related(other.value.span, "the other end"),) if other else (),
            help="let the lowest port be smaller than the highest, setting both",
            says=ports.refusal,
        )


@rule("VFS523", "confinement-required-but-off", severity=Severity.ERROR, stage=Stage.START)
def confinement_required_but_off(conf: QemuSettings) -> Iterator[Problem]:
    """Confinement is not required while the security driver is switched off.

    Why: security_require_confined forbids guests that no security driver confines, and "none" confines
        nothing. The QEMU driver does not start with both.
    Bad:
        security_driver = "none"
        security_require_confined = 1
    Good:
        security_driver = "selinux"
        security_require_confined = 1
    libvirt says: Security driver "none" cannot create confined guests
    See: libvirt security_manager.c:virSecurityManagerNew; asked of 7.0.0, 9.0.0, 11.3.0 and 12.8.0
    """
    required = conf.required_confinement
    if required is None:
        return
    for value in conf.switched_off_drivers:
        yield Problem(
            at=value.span,
            message=f'security_driver = "none" cannot confine guests as is required: {NO_DRIVER}',
            related=(Related(required.span, "confinement is required here"),),
            help="put a # before one of the two",
        )


@rule("VFS524", "nvram-entry-malformed", severity=Severity.WARNING, stage=Stage.START)
def nvram_entry_malformed(chosen: ConfSetting) -> Iterator[Problem]:
    """An entry of nvram names a firmware and the template of its variables.

    Why: each is two paths with one colon between them. Where no firmware descriptions are installed (*.json
        in /usr/share/qemu/firmware) libvirt reads the list, and the QEMU driver does not start with a
        malformed entry; elsewhere it ignores nvram altogether.
    Bad:
        nvram = [ "/usr/share/OVMF/OVMF_CODE.fd" ]
    Good:
        nvram = [ "/usr/share/OVMF/OVMF_CODE.fd:/usr/share/OVMF/OVMF_VARS.fd" ]
    libvirt says: Invalid nvram format
    See: libvirt virfirmware.c:virFirmwareParse, qemu_conf.c:virQEMUDriverConfigLoadNVRAMEntry
    """
    for value in chosen.malformed_firmware:
        yield Problem(
            at=value.span,
            message=f"nvram has {value.written}, with which the QEMU driver may not start",
            help='write "firmware:variables", or leave nvram out where firmware descriptions are installed',
        )
