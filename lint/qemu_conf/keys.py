"""Every setting of qemu.conf up to libvirt 12.8.0: type, default, first release, allowed values.

Types and limits are those that the QEMU drivers of 7.0.0, 9.0.0, 11.3.0 and 12.8.0 enforce (src/qemu/qemu_conf.c),
tested key by key. The release 7.0.0 means 7.0.0 or older; if libvirt's news does not name the release, 9.0.0, 11.3.0
and 12.8.0 mean that one or an earlier one after the previous of these four.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from vfslint.qemu_conf.reader import Value
from vfslint.targets import Version

UNSIGNED_INT = range(2**32)
SIGNED_INT = range(-(2**31), 2**31)
# libvirt reads a number above 2^63 as negative, then converts it to unsigned.
UNSIGNED_LONG = range(-(2**63), 2**63)


class Kind(Enum):
    """The type of a setting, by libvirt's accessor; the value describes what it accepts, for messages."""

    BOOLEAN = "0 or 1, without quotes"
    SIGNED = "a whole number without quotes"
    UNSIGNED = "a non-negative whole number without quotes"
    STRING = "one string in quotes"
    LIST = "a list of strings in brackets"
    STRING_OR_LIST = "a string, or a list of strings in brackets"
    CORE_SIZE = 'a non-negative whole number without quotes, or "unlimited"'
    BYTES = 'a non-negative whole number without quotes, or a string such as "10GiB"'

    @property
    def expected(self) -> str:
        """What libvirt calls this type in its message about a wrong type."""
        return _EXPECTED[self]

    def accepts(self, value: Value) -> bool:
        """Whether libvirt accepts a value of this type, regardless of its content."""
        if value.number is not None:
            if self is Kind.SIGNED:
                return True
            return self in _NUMBERS and not value.has_minus
        if value.text is not None:
            return self in _STRINGS
        return self in _LISTS and value.texts is not None


BOOLEAN, SIGNED, UNSIGNED, STRING, LIST, STRING_OR_LIST, CORE_SIZE, BYTES = Kind

_NUMBERS = frozenset({BOOLEAN, UNSIGNED, CORE_SIZE, BYTES})
_STRINGS = frozenset({STRING, STRING_OR_LIST, CORE_SIZE, BYTES})
_LISTS = frozenset({LIST, STRING_OR_LIST})

_EXPECTED = {
    BOOLEAN: "a bool",
    SIGNED: "a signed integer",
    UNSIGNED: "an unsigned integer",
    STRING: "a string",
    LIST: "a string list",
    STRING_OR_LIST: "a string or string list",
    CORE_SIZE: "an unsigned integer",
    BYTES: "an unsigned integer or a size string",
}

_7_0: Version = (7, 0, 0)
_7_3: Version = (7, 3, 0)
_8_9: Version = (8, 9, 0)
_10_0: Version = (10, 0, 0)
_11_2: Version = (11, 2, 0)
_11_3: Version = (11, 3, 0)
_11_6: Version = (11, 6, 0)
_12_5: Version = (12, 5, 0)
_12_8: Version = (12, 8, 0)


class Key(NamedTuple):
    """One setting of libvirt.

    `choices` are the only strings allowed; `later_choices` are more of them, with the release that added each.
    `checked_since` is the first release whose driver does not start with another string. `may_be_empty` is False
    if it does not start with an empty string. `is_directory`: the value is the path of a directory. `gone_since` is
    the first tested release that no longer reads the setting.
    """

    name: str
    kind: Kind
    default: str
    since: Version = _7_0
    choices: tuple[str, ...] = ()
    later_choices: tuple[tuple[str, Version], ...] = ()
    checked_since: Version = _7_0
    may_be_empty: bool = True
    is_directory: bool = False
    gone_since: Version | None = None

    @property
    def numbers(self) -> range:
        """The numbers that fit into the C variable (virConfGetValueBool, …Int, …UInt, …ULLong)."""
        if self.kind is Kind.BOOLEAN:
            return range(2)
        if self.kind is Kind.SIGNED:
            return SIGNED_INT
        return UNSIGNED_INT if self.kind is Kind.UNSIGNED else UNSIGNED_LONG

    def choices_of(self, libvirt: Version) -> tuple[str, ...]:
        """The strings that a release allows; empty if it allows any."""
        return self.choices + tuple(choice for choice, since in self.later_choices if libvirt >= since)

    def is_read_by(self, libvirt: Version) -> bool:
        """Whether a release reads the setting."""
        return libvirt >= self.since and not self.is_gone_in(libvirt)

    def is_gone_in(self, libvirt: Version) -> bool:
        """Whether a release no longer reads the setting."""
        return self.gone_since is not None and libvirt >= self.gone_since


def _cert_dir(service: str, since: Version = _7_0, gone_since: Version | None = None) -> Key:
    default = f"/etc/pki/libvirt-{service} if it exists, else default_tls_x509_cert_dir"
    name = f"{service}_tls_x509_cert_dir"
    return Key(name, STRING, default, since, may_be_empty=False, is_directory=True, gone_since=gone_since)


def _image_format(name: str) -> Key:
    formats = ("raw", "gzip", "bzip2", "xz", "lzop")
    late = (("zstd", _11_3), ("sparse", _11_3))
    return Key(name, STRING, '"raw"', choices=formats, later_choices=late, checked_since=_11_3)


_UNSET = "unset"
_OF_QEMU = "unset: QEMU's own"
_SECRET = "default_tls_x509_secret_uuid"
_CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "net_cls",
                "perf_event", "name=systemd")  # fmt: skip

KEYS: dict[str, Key] = {
    key.name: key
    for key in (
        Key("allow_disk_format_probing", BOOLEAN, "obsolete: 0"),
        Key("auto_dump_bypass_cache", BOOLEAN, "0"),
        Key("auto_dump_max_size", BYTES, "0: no limit", _12_8),
        Key("auto_dump_path", STRING, '"/var/lib/libvirt/qemu/dump"', may_be_empty=False, is_directory=True),
        Key("auto_save_bypass_cache", BOOLEAN, "0", _11_3),
        Key(
            "auto_shutdown_poweroff",
            STRING,
            '"none"; in session mode "all"',
            _11_2,
            choices=("none", "persistent", "transient", "all"),
        ),
        Key("auto_shutdown_restore", BOOLEAN, "1", _11_3),
        Key(
            "auto_shutdown_try_save",
            STRING,
            '"none"; in session mode "persistent"',
            _11_2,
            choices=("none", "persistent"),
        ),
        Key(
            "auto_shutdown_try_shutdown",
            STRING,
            '"none"; in session mode "all"',
            _11_2,
            choices=("none", "persistent", "transient", "all"),
        ),
        Key("auto_shutdown_wait", UNSIGNED, "0", _11_2),
        Key("auto_start_bypass_cache", BOOLEAN, "0"),
        Key("auto_start_delay", UNSIGNED, "0", _11_3),
        Key("backup_port_max", UNSIGNED, "10872", _12_8),
        Key("backup_port_min", UNSIGNED, "10809", _12_8),
        Key("backup_tls_priority", STRING, _OF_QEMU, _11_6),
        _cert_dir("backup"),
        Key("backup_tls_x509_secret_uuid", STRING, _SECRET),
        Key("backup_tls_x509_verify", BOOLEAN, "1, or default_tls_x509_verify"),
        Key("bridge_helper", STRING, "QEMU's qemu-bridge-helper"),
        Key("capability_filters", LIST, _UNSET),
        Key("cgroup_controllers", LIST, "those that are mounted; none in session mode", choices=_CONTROLLERS),
        Key("cgroup_device_acl", LIST, "the standard devices"),
        Key("chardev_tls", BOOLEAN, "0"),
        Key("chardev_tls_priority", STRING, _OF_QEMU, _11_6),
        _cert_dir("chardev"),
        Key("chardev_tls_x509_secret_uuid", STRING, _SECRET),
        Key("chardev_tls_x509_verify", BOOLEAN, "1, or default_tls_x509_verify"),
        Key("clear_emulator_capabilities", BOOLEAN, "obsolete", gone_since=_7_0),
        Key("dbus_daemon", STRING, '"dbus-daemon"'),
        Key("default_cpu_deprecated_features", STRING, '"off"', _11_6, choices=("off", "on", "none")),
        Key("default_tls_priority", STRING, _OF_QEMU, _11_6),
        Key("default_tls_x509_cert_dir", STRING, '"/etc/pki/qemu"', may_be_empty=False, is_directory=True),
        Key("default_tls_x509_secret_uuid", STRING, _UNSET),
        Key("default_tls_x509_verify", BOOLEAN, "unset: each service decides"),
        Key("deprecation_behavior", STRING, '"none"', _7_3),
        Key("dump_guest_core", BOOLEAN, "0 on Linux"),
        _image_format("dump_image_format"),
        Key("dynamic_ownership", BOOLEAN, "1; in session mode 0"),
        Key("gluster_debug_level", UNSIGNED, "4"),
        Key("group", STRING, "the distribution's", may_be_empty=False),
        Key(
            "hugetlbfs_mount",
            STRING_OR_LIST,
            "those in /proc/mounts; none in session mode",
            is_directory=True,
        ),
        Key("keepalive_count", UNSIGNED, "5"),
        Key("keepalive_interval", SIGNED, "5"),
        Key("lock_manager", STRING, _UNSET, may_be_empty=False),
        Key("log_timestamp", BOOLEAN, "1"),
        Key("mac_filter", BOOLEAN, "0"),
        Key("max_core", CORE_SIZE, '"unlimited"', choices=("unlimited",)),
        Key("max_files", UNSIGNED, "0"),
        Key("max_processes", UNSIGNED, "0"),
        Key("max_queued", UNSIGNED, "0"),
        Key("max_threads_per_process", UNSIGNED, "0"),
        Key(
            "memory_backing_dir",
            STRING,
            '"/var/lib/libvirt/qemu/ram"; in session mode "$XDG_CONFIG_HOME/libvirt/qemu/ram"',
        ),
        Key("migrate_tls_force", BOOLEAN, "0"),
        Key("migrate_tls_priority", STRING, _OF_QEMU, _11_6),
        _cert_dir("migrate"),
        Key("migrate_tls_x509_secret_uuid", STRING, _SECRET),
        Key("migrate_tls_x509_verify", BOOLEAN, "1, or default_tls_x509_verify"),
        Key("migration_address", STRING, '"::" or "0.0.0.0"'),
        Key("migration_host", STRING, _UNSET),
        Key("migration_port_max", UNSIGNED, "49215"),
        Key("migration_port_min", UNSIGNED, "49152"),
        Key("namespaces", LIST, '[ "mount" ]; none in session mode', choices=("mount",)),
        Key("nbd_tls", BOOLEAN, "0"),
        Key("nbd_tls_priority", STRING, _OF_QEMU, _11_6),
        _cert_dir("nbd"),
        Key("nbd_tls_x509_secret_uuid", STRING, _SECRET),
        Key("nographics_allow_host_audio", BOOLEAN, "0"),
        Key("nvram", LIST, "built in"),
        Key("pr_helper", STRING, "QEMU's qemu-pr-helper"),
        Key("qemu_rdp", STRING, '"qemu-rdp"', _11_3),
        Key("qemu_vnc", STRING, '"qemu-vnc"', _12_5),
        Key("rdp_listen", STRING, '"127.0.0.1"', _11_3),
        Key("rdp_password", STRING, _UNSET, _11_3),
        _cert_dir("rdp", _11_3),
        Key("rdp_username", STRING, _UNSET, _11_3),
        Key("relaxed_acs_check", BOOLEAN, "0"),
        Key("remember_owner", BOOLEAN, "1 if extended attributes work; in session mode 0"),
        Key("remote_display_port_max", UNSIGNED, "65535"),
        Key("remote_display_port_min", UNSIGNED, "5900"),
        Key("remote_websocket_port_max", UNSIGNED, "65535"),
        Key("remote_websocket_port_min", UNSIGNED, "5700"),
        _image_format("save_image_format"),
        Key("sched_core", STRING, '"none"', _8_9, choices=("none", "vcpus", "emulator", "full")),
        Key("seccomp_sandbox", SIGNED, "-1: automatic"),
        Key("security_default_confined", BOOLEAN, "1"),
        Key(
            "security_driver",
            STRING_OR_LIST,
            "the one that the host uses",
            choices=("none", "selinux", "apparmor"),
        ),
        Key("security_require_confined", BOOLEAN, "0"),
        Key("set_process_name", BOOLEAN, "0"),
        Key("shared_filesystems", LIST, _UNSET, _11_3),
        Key("slirp_helper", STRING, '"slirp-helper"'),
        _image_format("snapshot_image_format"),
        Key("spice_auto_unix_socket", BOOLEAN, "0"),
        Key("spice_listen", STRING, '"127.0.0.1"'),
        Key("spice_password", STRING, _UNSET),
        Key("spice_sasl", BOOLEAN, "0"),
        Key("spice_sasl_dir", STRING, _UNSET, is_directory=True),
        Key("spice_tls", BOOLEAN, "0"),
        _cert_dir("spice"),
        Key("stdio_handler", STRING, '"logd"', choices=("logd", "file")),
        Key("storage_use_nbdkit", BOOLEAN, "the build's", _10_0),
        Key("swtpm_group", STRING, '"tss" if it exists', may_be_empty=False),
        Key("swtpm_user", STRING, '"tss" if it exists', may_be_empty=False),
        Key("user", STRING, "the distribution's", may_be_empty=False),
        Key("virtiofsd_debug", BOOLEAN, "0"),
        Key("vnc_allow_host_audio", BOOLEAN, "0"),
        Key("vnc_auto_unix_socket", BOOLEAN, "0"),
        Key("vnc_listen", STRING, '"127.0.0.1"'),
        Key("vnc_password", STRING, _UNSET),
        Key("vnc_sasl", BOOLEAN, "0"),
        Key("vnc_sasl_dir", STRING, _UNSET, is_directory=True),
        Key("vnc_tls", BOOLEAN, "0"),
        # Documented since 11.6.0, and in the augeas lens of 12.8.0, but the QEMU driver of 12.8.0 ignores it.
        Key("vnc_tls_priority", STRING, _OF_QEMU, _11_6, gone_since=_12_8),
        _cert_dir("vnc"),
        Key("vnc_tls_x509_secret_uuid", STRING, _SECRET),
        Key("vnc_tls_x509_verify", BOOLEAN, "0, or default_tls_x509_verify"),
        Key("vxhs_tls", BOOLEAN, "0", gone_since=_12_8),
        _cert_dir("vxhs", gone_since=_12_8),
        Key("vxhs_tls_x509_secret_uuid", STRING, _SECRET, gone_since=_12_8),
    )
}
