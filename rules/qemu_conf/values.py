"""Settings whose values have a syntax or a meaning of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.qemu_conf import capabilities
from vfslint.rule import rule
from vfslint.rules.qemu_conf import NO_DRIVER
from vfslint.targets import Version
from vfslint.vocabulary.spelling import nearest
from vfslint.vocabulary.table import values

if TYPE_CHECKING:
    from vfslint.qemu_conf.conf import ConfSetting, Ports, QemuSettings

# The plugins that come with libvirt; nop is built in.
LOCK_MANAGERS = ("lockd", "sanlock", "nop")


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
    Fixed:
        auto_dump_max_size = "10GiB"
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
    # The same words as for a single domain.
    known = values("QemuDeprecation/@behavior").listed
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
    Bad:
        capability_filters = [ "vhostuser-fs" ]
    Bad (libvirt 9.0.0):
        capability_filters = [ "no-such-capability" ]
    Good:
        capability_filters = []
    libvirt says: invalid capability_filters capability
    See: libvirt qemu_process.c:qemuProcessStartUpdateCustomCaps
    """
    if setting.name != "capability_filters" or not setting.is_well_typed:
        return
    for value in setting.strings:
        is_placeholder = _is_no_capability(value.text or "", setting.conf.libvirt)
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


def _is_no_capability(name: str, libvirt: Version) -> bool:
    """Whether libvirt certainly has no such capability: later releases have more than those that are listed."""
    if capabilities.is_known(name):
        return False
    return (
        libvirt <= capabilities.LISTED_UNTIL
        or name in ("capname", "")
        or nearest(name, capabilities.names()) is not None
    )


@rule("VFS525", "lock-manager-unknown", severity=Severity.ERROR, stage=Stage.START)
def lock_manager_unknown(setting: ConfSetting) -> Iterator[Problem]:
    """lock_manager is one of the lock managers that libvirt has: lockd, sanlock or nop.

    Why: libvirt loads the plugin of that name when the QEMU driver starts, and gives up if it does not exist.
    Bad:
        lock_manager = "lock"
    Good:
        lock_manager = "lockd"
    See: libvirt locking/lock_manager.c:virLockManagerPluginNew
    """
    text = setting.value.text
    if setting.name == "lock_manager" and text and text not in LOCK_MANAGERS:
        near = nearest(text, LOCK_MANAGERS)
        yield Problem(
            at=setting.value.span,
            message=f"{setting.shown} is not a lock manager: {NO_DRIVER}",
            help=f"did you mean {near}?" if near else f"write {', '.join(LOCK_MANAGERS[:-1])} or {LOCK_MANAGERS[-1]}",
            says="",
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
    Fixed:
        virtiofsd_debug = 0
    See: libvirt qemu_virtiofs.c:qemuVirtioFSBuildCommandLine
    """
    if setting.name == "virtiofsd_debug" and setting.value.number == 1:
        yield Problem(
            at=setting.value.span,
            message="virtiofsd_debug = 1 makes every virtiofsd log each request of its guest",
            help="write 0 when you have finished debugging",
            fix=Fix("write 0", (setting.value.replaced_by("0"),), safe=False),
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
