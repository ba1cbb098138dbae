"""Character devices: serial and parallel ports, consoles, channels, and other devices with such a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.domain.device import NEW_PARSER, Device
from vfslint.domain.machine import ARM_VIRT, LOONGARCH_VIRT, PSERIES, RISCV_VIRT, S390
from vfslint.lazy import lazy
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

# Character devices proper: without a type, their source is a pseudo-terminal.
PORTS = ("serial", "parallel", "console", "channel")

# Models of the serial ports that boards have.
_SYSTEM_MODELS = {ARM_VIRT: "pl011", RISCV_VIRT: "16550a", LOONGARCH_VIRT: "16550a"}

# The address that each type of serial port has, None for those that have none.
ADDRESSES: dict[str, str | None] = {
    "isa-serial": "isa",
    "isa-debug": "isa",
    "usb-serial": "usb",
    "pci-serial": "pci",
    "spapr-vio-serial": "spapr-vio",
    "system-serial": None,
    "sclp-serial": None,
}
# The type of serial port that each model belongs to; the first model of a type is its default, except on boards
# whose default is named below.
MODELS = {
    "isa-serial": "isa-serial",
    "usb-serial": "usb-serial",
    "pci-serial": "pci-serial",
    "spapr-vty": "spapr-vio-serial",
    "pl011": "system-serial",
    "16550a": "system-serial",
    "sclpconsole": "sclp-serial",
    "sclplmconsole": "sclp-serial",
    "isa-debugcon": "isa-debug",
}


class CharacterDevice(Device):
    """A device whose other end is a character device of the host: a file, a socket, a pseudo-terminal …"""

    @lazy
    def type(self) -> str | None:
        """The type of the source."""
        return self.node.value("type") or ("pty" if self.node.tag in PORTS else None)

    @lazy
    def sources(self) -> list[Node]:
        """Every `<source>`. Only UDP has two."""
        return self.node.children("source")

    def value(self, name: str) -> str | None:
        """The attribute of the first source, or None."""
        return self.source.value(name) if self.source else None

    @lazy
    def target(self) -> Node | None:
        """The `<target>` that counts: the first one, the last one for the old parser."""
        targets = self.node.children("target")
        return targets[-1 if self.libvirt < NEW_PARSER else 0] if targets else None

    @property
    def target_type(self) -> str:
        """The type of the target as written, or none."""
        return (self.target.value("type") if self.target else None) or "none"

    @property
    def target_model(self) -> str:
        """The model of the target as written, or none."""
        models = self.target.children("model") if self.target else []
        return (models[-1 if self.libvirt < NEW_PARSER else 0].value("name") if models else None) or "none"

    @property
    def is_serial_console(self) -> bool:
        """Whether it is a console that is a serial port."""
        return self.node.tag == "console" and self.target_type in ("none", "serial")

    @property
    def listens(self) -> bool:
        """Whether QEMU waits for connections to the socket rather than connects to it.

        A Unix socket without a path is one that libvirt creates (qemuDomainChrDefPostParse).
        """
        is_libvirts = self.type == "unix" and (self.value("path") is None or self._has_generated_path)
        return self.value("mode") == "bind" or is_libvirts

    @property
    def _has_generated_path(self) -> bool:
        """Whether the path is one that libvirt generated for a domain, so that it drops it.

        Since 9.7.0, this depends on libvirt's own folders (qemuDomainChrDefDropDefaultPath).
        """
        if self.node.tag != "channel" or self.target_type != "virtio" or self.libvirt >= (9, 7, 0):
            return False
        folder, _, file = (self.value("path") or "").rpartition("/")
        name = (self.target.value("name") if self.target else None) or ""
        # The folder is named domain-1-NAME or domain-NAME.
        return file == name and "domain-" in folder.rpartition("/")[2][:-1]

    @property
    def label(self) -> str:
        """How messages name the device."""
        return {"backend": "rng backend"}.get(self.node.tag, self.node.tag)


class Console(CharacterDevice):
    """A `<console>`."""


class CharacterBackend(CharacterDevice):
    """A character device that libvirt keeps and validates."""


def devices(domain: Domain) -> list[CharacterDevice]:
    """Return every device with a character device as its source, as far as libvirt parses it."""
    return [CharacterDevice(node, domain.context.target.libvirt) for node in _nodes(domain)]


def _nodes(domain: Domain) -> Iterator[Node]:
    for tag in (*PORTS, "redirdev"):
        yield from domain.device_nodes(tag)
    for node in domain.device_nodes("smartcard"):
        if node.value("mode") == "passthrough":
            yield node
    for node in domain.device_nodes("rng"):
        backend = node.child("backend")
        if backend and backend.value("model") == "egd":
            yield backend


def backends(domain: Domain) -> list[CharacterBackend]:
    """Return the devices that libvirt keeps and validates.

    A console that stands for a `<serial>` is not one of them (virDomainDefAddConsoleCompat).
    """
    copy = serial_console(domain)
    found = [CharacterBackend(node, domain.context.target.libvirt) for node in _nodes(domain)]
    return [device for device in found if copy is None or device.node.element is not copy.element]


def serial_console(domain: Domain) -> Node | None:
    """Return the console that only stands for the first `<serial>`: libvirt keeps neither its source nor its place."""
    first = next(iter(domain.device_nodes("console")), None)
    if first is None or not domain.device_nodes("serial"):
        return None
    return first if CharacterDevice(first, domain.context.target.libvirt).is_serial_console else None


class SerialPort(CharacterDevice):
    """A `<serial>`, or the console that libvirt makes the only serial port from."""

    def __init__(self, node: Node, domain: Domain) -> None:
        super().__init__(node, domain.context.target.libvirt)
        self._board = domain.machine_type.board
        self._is_x86 = domain.is_x86
        self._is_s390 = domain.arch in S390
        # Without a name, the default of an unknown emulator; and libvirt 9.0.0 does not know LoongArch.
        is_new = self._board is LOONGARCH_VIRT and self.libvirt < (11, 3, 0)
        self.is_on_known_board = not is_new and (self._board is not None or domain.machine is not None)

    @property
    def is_known(self) -> bool:
        """Whether libvirt knows its type and model."""
        return self.port_type in (*ADDRESSES, "none") and self.port_model in (*MODELS, "none")

    @property
    def allows(self) -> tuple[str, ...] | None:
        """The types of address that it can have, or None if libvirt assigns one whatever is written."""
        if self.port_type == "none" or (self.port_type == "spapr-vio-serial" and self._board is PSERIES):
            return None
        expected = ADDRESSES[self.port_type]
        return () if expected is None else (expected,)

    @property
    def type_of_model(self) -> str | None:
        """The type of serial port that its model belongs to, or None without a model."""
        return MODELS.get(self.port_model)

    @property
    def number(self) -> int | None:
        """The number of the port, or None if libvirt assigns it."""
        written = numbers.unsigned((self.target.value("port") if self.target else None) or "", wraps=True)
        return None if written is None or written >= 2**31 else written

    @property
    def _default_type(self) -> str:
        """The type of serial port that the board has (qemuDomainChrDefPostParse)."""
        if self._is_x86:
            return "isa-serial"
        if self._board is PSERIES:
            return "spapr-vio-serial"
        if self._board in _SYSTEM_MODELS:
            return "system-serial"
        return "sclp-serial" if self._is_s390 else "none"

    @property
    def port_type(self) -> str:
        """The type of the serial port: that of the target, with isa-serial for the default of the board."""
        written = self.target_type if self.node.tag == "serial" else "none"
        return self._default_type if written in ("none", "isa-serial") else written

    @property
    def port_model(self) -> str:
        """The model of the serial port, or none."""
        written = self.target_model if self.node.tag == "serial" else "none"
        if written != "none":
            return written
        if self.port_type == "system-serial":
            return self._system_model
        return next((model for model, kind in MODELS.items() if kind == self.port_type), "none")

    @property
    def _system_model(self) -> str:
        return _SYSTEM_MODELS.get(self._board, "none") if self._board else "none"

    @property
    def fits_board(self) -> bool:
        """Whether the board can have a serial port of this type and model (qemuValidateDomainChrDef)."""
        match self.port_model:
            case "pl011" | "16550a":
                return self.port_model == self._system_model
            case "spapr-vty":
                return self._board is PSERIES
            case "sclpconsole" | "sclplmconsole":
                return self._is_s390
            case _:
                return True


def serial_ports(domain: Domain) -> list[SerialPort]:
    """Return the serial ports that libvirt validates: the first console is one if there is no `<serial>`."""
    nodes = domain.device_nodes("serial")
    if not nodes:
        consoles = domain.device_nodes("console")[:1]
        nodes = [node for node in consoles if CharacterDevice(node, domain.context.target.libvirt).is_serial_console]
    return [SerialPort(node, domain) for node in nodes]
