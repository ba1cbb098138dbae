"""A qemu.conf as the QEMU driver reads it: the effective settings, and the meaning of their values."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from vfslint.lazy import lazy
from vfslint.qemu_conf.keys import BOOLEAN, CORE_SIZE, KEYS, LIST, STRING, STRING_OR_LIST, Key, Kind
from vfslint.qemu_conf.reader import QemuConf, Statement, Value
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.vocabulary.spelling import nearest


class ConfSetting:
    """A setting that a release reads: the effective statement, and what is known about its key."""

    def __init__(self, conf: QemuConf, statement: Statement, key: Key) -> None:
        self.conf = conf
        self.statement = statement
        self.key = key

    @property
    def name(self) -> str:
        """The setting's name."""
        return self.key.name

    @property
    def value(self) -> Value:
        """The value as libvirt reads it."""
        return self.statement.value

    @property
    def is_well_typed(self) -> bool:
        """Whether libvirt accepts a value of this type and size for the setting."""
        number = self.value.number
        return self.key.kind.accepts(self.value) and (number is None or number in self.key.numbers)

    @property
    def shown(self) -> str:
        """The value as written, for messages; for secrets and long values, only the kind."""
        written = self.value.written
        is_short = len(written) <= 60 and "\n" not in written
        return written if is_short and not self.name.endswith("password") else self.value.kind

    @property
    def type_refusal(self) -> str:
        """libvirt's message about a value of the wrong type."""
        is_list = self.value.items is not None and self.key.kind is STRING_OR_LIST
        expected = "a string list" if is_list else self.key.kind.expected
        return f"expected {expected} for '{self.name}' parameter"

    @property
    def range_refusal(self) -> str:
        """libvirt's message about a number that is out of range."""
        limits = "0 or 1" if self.key.kind is BOOLEAN else "in range"
        return f"value for '{self.name}' parameter must be {limits}"

    def refusal(self, text: str) -> str:
        """libvirt's message about a string that it does not allow."""
        if self.name == "auto_shutdown_try_save" and text in ("transient", "all"):
            return "managed save cannot be requested for transient domains"
        known = next((words for part, words in _REFUSALS.items() if part in self.name), "")
        return known.format(name=self.name, text=text)

    @property
    def size_refusal(self) -> str:
        """libvirt's message about a size that it cannot parse."""
        text = self.value.text or ""
        unit = text.lstrip(" \t\n\v\f\r").removeprefix("+").lstrip("0123456789")
        if unit == text or numbers.unsigned(text[: len(text) - len(unit)], bits=64) is None:
            return f"Unable to parse integer from size '{text}'"
        return "value too large" if numbers.unit_bytes(unit) else f"unknown suffix '{unit}'"

    @property
    def repaired(self) -> str | None:
        """A value of the wrong type as it was meant, if that is clear: for a number, `"1"` is 1."""
        kind, value = self.key.kind, self.value
        if value.text is not None:
            return _repaired_string(kind, value.text, self.key)
        if value.number is not None:
            if kind is STRING:
                return f'"{value.written}"'
            return f'[ "{value.written}" ]' if kind in (LIST, STRING_OR_LIST) else None
        items = value.items or ()
        if kind is STRING and len(items) == 1 and items[0].text is not None:
            return items[0].written
        if kind in (LIST, STRING_OR_LIST) and all(item.items is None for item in items):
            quoted = (item.written if item.text is not None else f'"{item.written}"' for item in items)
            return f"[ {', '.join(quoted)} ]"
        return None

    @property
    def strings(self) -> tuple[Value, ...]:
        """The strings of a well-typed value, which is a string or a list of strings."""
        if self.value.items is None:
            return (self.value,) if self.value.text is not None else ()
        return self.value.items

    @property
    def is_misread(self) -> bool:
        """Whether an old libvirt reads a number that exceeds 64 bits as another number."""
        return self.value.is_wrapped and self.key.kind is not CORE_SIZE

    @property
    def relative_directories(self) -> list[Value]:
        """The directories whose path is not absolute."""
        if not self.key.is_directory:
            return []
        return [value for value in self.strings if value.text and not value.text.startswith("/")]

    @property
    def is_not_creatable(self) -> bool:
        """Whether the release cannot create a directory with that relative path when it starts.

        libvirt's own virFileMakePath needs a slash at the start of the path; 7.1.0 replaced it with GLib's function.
        """
        path = self.value.text
        return self.conf.libvirt < (7, 1, 0) and bool(path) and not (path or "").startswith(("/", "."))

    @property
    def is_loopback(self) -> bool:
        """Whether libvirt considers the value an address of the local machine.

        These are names that start with `localhost`, 127.0.0.1 in any form that inet_aton accepts, and ::1, but not
        other addresses in 127.0.0.0/8 or names in upper case (virSocketAddrIsNumericLocalhost).
        """
        return _is_loopback(self.value.text or "")

    @property
    def is_size(self) -> bool:
        """Whether the string is a size that libvirt can parse."""
        return _can_scale(self.value.text or "")

    @property
    def missing_devices(self) -> list[str]:
        """The devices that libvirt grants by default, but that a list which replaces the default omits."""
        texts = self.value.texts or ()
        return [device for device in _standard_devices(self.conf.libvirt) if device not in texts]

    @property
    def repeated_drivers(self) -> list[Value]:
        """The security drivers that appear a second time."""
        if self.name != "security_driver":
            return []
        texts = [value.text for value in self.strings]
        return [value for index, value in enumerate(self.strings) if value.text in texts[:index]]

    @property
    def malformed_firmware(self) -> list[Value]:
        """The entries of nvram that are not two paths with a colon between them (virFirmwareParse)."""
        if self.name != "nvram" or not self.is_well_typed:
            return []
        return [value for value in self.strings if not _FIRMWARE.match(value.text or "")]

    @property
    def wrong_choices(self) -> list[Value]:
        """The strings that are not allowed."""
        choices = self.key.choices_of(self.conf.libvirt)
        return [value for value in self.strings if value.text not in choices] if choices else []


# libvirt's messages, by a part of the setting's name.
_REFUSALS = {
    "stdio_handler": "Unknown stdio handler {text}",
    "sched_core": "Unknown sched_core value {text}",
    "namespaces": "Unknown namespace: {text}",
    "cgroup_controllers": "Unknown cgroup controller '{text}'",
    "max_core": "Unknown core size '{text}'",
    "security_driver": "Security driver {text} not found",
    "default_cpu": "Unknown {name} value {text}",
    "image_format": "Invalid {name} '{text}'",
    "auto_shutdown": "unknown {name} '{text}'",
    "cert_dir": "{name} directory '{text}' does not exist",
    "auto_dump_path": "Failed to create dump dir {text}",
    "lock_manager": "not accessible",
    "user": "Failed to parse user '{text}'",
    "group": "Failed to parse group '{text}'",
}
_FIRMWARE = re.compile(r"[ \t\n\v\f\r]*[^:\s][^:]*:[ \t\n\v\f\r]*[^:\s][^:]*\Z")
_ON = frozenset({"yes", "true", "on", "enabled"})
_OFF = frozenset({"no", "false", "off", "disabled"})


def _repaired_string(kind: Kind, text: str, key: Key) -> str | None:
    if kind is LIST:
        return f'[ "{text}" ]' if '"' not in text and "\n" not in text else None
    if kind is BOOLEAN and text.lower() in _ON | _OFF:
        return "1" if text.lower() in _ON else "0"
    number = numbers.integer(text.strip(), bits=64)
    return str(number) if number is not None and number in key.numbers else None


class Ports(NamedTuple):
    """A range of ports: two settings, of which one may have its default.

    `lowest` is the lowest port that libvirt accepts, `first` and `last` are the effective ports.
    """

    name: str
    lowest: int
    first: int
    last: int
    first_setting: ConfSetting | None
    last_setting: ConfSetting | None
    highest: int = 65535

    @property
    def refusal(self) -> str:
        """libvirt's message about the range."""
        if self.first < self.lowest:
            least = "greater than 0" if self.lowest == 1 else f"greater than or equal to {self.lowest}"
            return f"{self.name}_min: port must be {least}"
        if self.first == self.last:
            return f"start port {self.first} must be less than end port {self.last}"
        return f"{self.name}_max: port must be between the minimal port"


# The lowest port that each range can start at, and the default range (qemu_conf.h, qemu_conf.c).
_PORTS = {
    "remote_display": (5900, 5900, 65535),
    "remote_websocket": (5700, 5700, 65535),
    "migration": (1, 49152, 49215),
    "backup": (1, 10809, 10872),
}


def _number(setting: ConfSetting | None, default: int) -> int:
    number = setting.value.number if setting else None
    return default if number is None else number


# Settings of the daemons' own files that people look for in qemu.conf.
_OF_THE_DAEMON = frozenset(
    """listen_tls listen_tcp listen_addr tls_port tcp_port auth_unix_ro auth_unix_rw auth_tcp auth_tls
    unix_sock_group unix_sock_ro_perms unix_sock_rw_perms unix_sock_admin_perms unix_sock_dir log_level
    log_filters log_outputs audit_level audit_logging max_clients max_workers min_workers prio_workers
    max_client_requests host_uuid host_uuid_source key_file cert_file ca_file tls_allowed_dn_list
    sasl_allowed_username_list""".split()
)


class Unknown(NamedTuple):
    """A statement with an unknown name; `meant` is the setting that was probably meant."""

    statement: Statement
    meant: str | None
    is_of_the_daemon: bool

    @property
    def differs_by_case(self) -> bool:
        """Whether only the case is wrong."""
        return self.statement.name.lower() == self.meant


class QemuSettings:
    """The contents of a qemu.conf: what its release reads, and what it ignores."""

    def __init__(self, conf: QemuConf) -> None:
        self.conf = conf

    @lazy
    def settings(self) -> list[ConfSetting]:
        """Every setting that is read."""
        return [
            ConfSetting(self.conf, statement, key)
            for statement, key in self._known
            if key.is_read_by(self.conf.libvirt)
        ]

    @property
    def _known(self) -> Iterator[tuple[Statement, Key]]:
        for name, statement in self.conf.in_force.items():
            if name in KEYS:
                yield statement, KEYS[name]

    @property
    def unknown(self) -> Iterator[Unknown]:
        """The statements whose name is unknown to all releases."""
        for name, statement in self.conf.in_force.items():
            if name not in KEYS:
                is_of_the_daemon = name in _OF_THE_DAEMON
                meant = None if is_of_the_daemon else nearest(name, KEYS)
                yield Unknown(statement, meant if meant not in self.conf.in_force else None, is_of_the_daemon)

    @property
    def too_new(self) -> list[tuple[Statement, Key]]:
        """The statements that a later release would read."""
        return [(statement, key) for statement, key in self._known if key.since > self.conf.libvirt]

    @property
    def gone(self) -> list[Statement]:
        """The statements that earlier releases read."""
        return [statement for statement, key in self._known if key.is_gone_in(self.conf.libvirt)]

    @property
    def repeated(self) -> list[tuple[Statement, Statement]]:
        """The statements that are ignored because an earlier one sets the same name, each with that one."""
        first = self.conf.in_force
        return [(one, first[one.name]) for one in self.conf if one is not first[one.name]]

    @property
    def disabling_drivers(self) -> list[Value]:
        """Each "none" that appears as a security driver."""
        drivers = (setting for setting in self.settings if setting.name == "security_driver")
        return [value for driver in drivers for value in driver.strings if value.text == "none"]

    @property
    def required_confinement(self) -> Statement | None:
        """The statement by which no guest may run unconfined, or None."""
        statement = self.conf["security_require_confined"]
        return statement if statement and statement.value.number == 1 else None

    @property
    def port_ranges(self) -> list[Ports]:
        """The ranges of ports of which at least one end is set, as far as libvirt reads them."""
        by_name = {setting.name: setting for setting in self.settings if setting.is_well_typed}
        found = []
        for service, (lowest, first, last) in _PORTS.items():
            low, high = by_name.get(f"{service}_port_min"), by_name.get(f"{service}_port_max")
            if low or high:
                first, last = _number(low, first), _number(high, last)
                found.append(Ports(f"{service}_port", lowest, first, last, low, high))
        return found


# Where libvirt keeps memory files by default; unlike to a configured directory, nothing is appended to it.
DEFAULT_BACKING_DIRECTORY = "/var/lib/libvirt/qemu/ram"
SESSION_BACKING_DIRECTORY = "~/.config/libvirt/qemu/ram"

# Directories of the Filesystem Hierarchy Standard that are on a disk, and exceptions below them.
_ON_DISK = ("/boot", "/etc", "/home", "/opt", "/root", "/srv", "/usr", "/var", "~")
_IN_MEMORY = ("/var/run", "/var/lock")


class BackingDirectory(NamedTuple):
    """The directory of guests' memory files, and the statement that sets it, None for the default."""

    path: str
    statement: Statement | None

    @property
    def is_on_disk(self) -> bool:
        """Whether it is certainly on a disk, unlike a possible mount point such as /mnt/ram."""
        if not self.path.startswith(("/", "~")):
            return True
        path = posixpath.normpath(self.path)
        return _is_below(path, _ON_DISK) and not _is_below(path, _IN_MEMORY)


def _is_below(path: str, directories: tuple[str, ...]) -> bool:
    return any(path == directory or path.startswith(directory + "/") for directory in directories)


def backing_directory(conf: QemuConf, *, session: bool) -> BackingDirectory:
    """Return where libvirt puts memory files (qemu_conf.c:virQEMUDriverConfigLoadMemoryEntry)."""
    statement = conf["memory_backing_dir"]
    if statement is None:
        return BackingDirectory(SESSION_BACKING_DIRECTORY if session else DEFAULT_BACKING_DIRECTORY, None)
    return BackingDirectory(f"{statement.value.text or ''}/libvirt/qemu", statement)


def _is_loopback(address: str) -> bool:
    import socket

    if address.startswith("[") and address.endswith("]") and ":" in address:
        address = address[1:-1]
    if address.startswith("localhost"):
        return True
    try:
        if ":" in address:
            return socket.inet_pton(socket.AF_INET6, address) == b"\0" * 15 + b"\1"
        return not address[-1:].isspace() and socket.inet_aton(address) == b"\x7f\0\0\1"
    except (OSError, ValueError):
        return False


def _can_scale(size: str) -> bool:
    """Whether libvirt can parse a size with its unit directly after the number (virScaleInteger)."""
    digits = size.lstrip(" \t\n\v\f\r").removeprefix("+")
    unit = digits.lstrip("0123456789")
    number = numbers.unsigned(digits[: len(digits) - len(unit)], bits=64)
    factor = numbers.unit_bytes(unit) if unit else 1
    return number is not None and factor is not None and number * factor < 2**64


# What the QEMU process of every guest needs to open (qemu_cgroup.c: defaultDeviceACL).
_DEVICES = ("/dev/null", "/dev/full", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/ptmx")


def _standard_devices(libvirt: Version) -> tuple[str, ...]:
    if libvirt >= (12, 8, 0):
        return (*_DEVICES, "/dev/userfaultfd")
    return (*_DEVICES, "/dev/kvm", "/dev/userfaultfd") if libvirt >= (11, 3, 0) else (*_DEVICES, "/dev/kvm")
