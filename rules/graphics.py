"""Displays of the guest's screen, and what depends on them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.device import NEW_PARSER
from vfslint.domain.display import Graphics
from vfslint.domain.domain import Domain
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers, table
from vfslint.xml.document import Node

# The target types that a spicevmc device can have. libvirt compares only a number, that of virtio channels, whatever
# the device is.
_AGENTS = {"channel": "virtio", "serial": "usb-serial", "console": "xen", "parallel": ""}

# The longest password of the VNC protocol.
VNC_PASSWORD_BYTES = 8

# The first tested release whose QEMU driver has RDP.
_RDP = (11, 3, 0)

# The first tested release that rejects several <listen>, although QEMU never used more than the first.
_ONE_LISTEN = (12, 8, 0)

# How libvirt reads the time at which a password expires: six numbers in the notation of C.
_NUMBER = r"[ \t\n\v\f\r]*[+-]?[0-9]{1,9}"
_MOMENT = re.compile(f"{_NUMBER}-{_NUMBER}-{_NUMBER}T{_NUMBER}:{_NUMBER}:{_NUMBER}\\Z")


@rule("VFS934", "spice-device-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def spice_device_invalid(domain: Domain, context: Context) -> Iterator[Problem]:
    """What uses SPICE requires SPICE graphics, and `spicevmc` is a virtio channel, a smartcard or a USB device.

    Why: the other end of spicevmc, spiceport and spice audio is the SPICE client, which connects to the display.
        libvirt 7.0.0 does not check this, and the guest fails to start. SPICE has a channel of its own for the agent
        of a guest, for smartcards and for USB devices, and none for serial ports.
    Bad (libvirt 9.0.0):
        <channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>
    Bad (libvirt 9.0.0):
        <graphics type='vnc'/><redirdev bus='usb' type='spicevmc'/>
    Bad (libvirt 9.0.0):
        <audio id='1' type='spice'/>
    Bad:
        <graphics type='spice' autoport='yes'/><serial type='spicevmc'/>
    Bad:
        <graphics type='spice' autoport='yes'/>
        <channel type='spicevmc'><target type='guestfwd' address='10.0.2.1' port='4600'/></channel>
    Good:
        <graphics type='spice' autoport='yes'/>
        <channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>
    libvirt says: chardev 'spicevmc' not supported without spice graphics
    See: libvirt qemu_validate.c:qemuValidateDomainChrSourceDef, qemuValidateDomainDeviceDefAudio;
        domain_conf.c:virDomainChrDefParseXML
    """
    for device in domain.character_devices:
        expected = _AGENTS.get(device.node.tag)
        is_other = expected is not None and device.target_type != expected
        if device.type == "spicevmc" and is_other and not domain.is_of_unknown_kind(device):
            yield Problem(
                at=device.node.at("type"),
                message=f"a {device.label} with target type {device.target_type!r} cannot be of type 'spicevmc'",
                help="write a <channel> with <target type='virtio'/>, or another type",
                stage=Stage.PARSE,
                says="spicevmc device type only supports virtio",
            )
    if context.target.libvirt < (9, 0, 0) or any(graphics.type == "spice" for graphics in domain.graphics):
        return
    if "graphics" in domain.unknown_kinds:
        return
    for device in domain.character_backends:
        if device.type in ("spicevmc", "spiceport"):
            yield Problem(
                at=device.node.at("type"),
                message=f"a {device.label} of type {device.type!r} requires SPICE graphics",
                help="add <graphics type='spice' autoport='yes'/>, or remove the device",
                says=f"chardev '{device.type}' not supported without spice graphics",
            )
    for audio in domain.device_nodes("audio"):
        if audio.value("type") == "spice":
            yield Problem(
                at=audio.at("type"),
                message="audio of type 'spice' requires SPICE graphics",
                help="add <graphics type='spice' autoport='yes'/>, or write type='none'",
                says="Spice audio is not supported without spice graphics",
            )


@rule("VFS940", "display-listen-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def display_listen_invalid(graphics: Graphics) -> Iterator[Problem]:
    """A display listens in one way, and its elements and attributes agree about it.

    Why: the attributes `listen` and `socket` of <graphics> are old forms of the first <listen>, which must say the
        same. Each type of <listen> has its own attribute. RDP has no sockets, and QEMU listens only once.
    Bad:
        <graphics type='vnc' listen='::'><listen type='address' address='::1'/></graphics>
    Bad:
        <graphics type='spice' socket='/run/a'><listen type='socket' socket='/run/b'/></graphics>
    Bad:
        <graphics type='vnc'><listen type='address' network='default'/></graphics>
    Bad (libvirt 9.0.0):
        <graphics type='vnc'><listen type='network'/></graphics>
    Bad (libvirt 12.8.0):
        <graphics type='vnc'><listen type='address' address='127.0.0.1'/>
          <listen type='address' address='192.0.2.1'/></graphics>
    Good:
        <graphics type='vnc' listen='127.0.0.1'><listen type='address' address='127.0.0.1'/></graphics>
    libvirt says: graphics 'listen' attribute '::' must match 'address' attribute of first listen element (found '::1')
    See: libvirt domain_conf.c:virDomainGraphicsListenDefParseXML;
        domain_validate.c:virDomainGraphicsDefListensValidate
    """
    for position, listen in enumerate(graphics.listens):
        kind = listen.value("type")
        if position == 0 and kind in ("address", "socket"):
            yield from _mismatch(graphics.node, listen, "listen" if kind == "address" else "socket", kind)
        for name in ("network", "socket"):
            if listen.value(name) and kind != name:
                yield Problem(
                    at=listen.at(name),
                    message=f"<listen> of type {kind!r} has the attribute {name!r}",
                    help=f"write type='{name}', or remove {name}",
                    stage=Stage.PARSE,
                    says=f"'{name}' attribute is valid only for listen type '{name}'",
                )
        if kind in ("socket", "none") and graphics.type == "rdp":
            yield Problem(
                at=listen.at("type"),
                message=f"a display of type 'rdp' cannot listen in the way {kind!r}",
                help="write <listen type='address'/>",
                says=f"listen type '{kind}' is not available for graphics type 'rdp'",
            )
        is_kept = position > 0 or not graphics.replaces_first_listen
        if kind == "network" and not listen.value("network") and is_kept and graphics.libvirt >= (9, 0, 0):
            yield Problem(
                at=listen.start_span,
                message="<listen> of type 'network' has no network",
                help="add network='…', the name of a libvirt network",
                says="'network' attribute is required for listen type 'network'",
            )
    if len(graphics.listens) > 1 and graphics.libvirt >= _ONE_LISTEN:
        yield Problem(
            at=graphics.listens[1].start_span,
            message=f"the display has {len(graphics.listens)} <listen>, but QEMU supports one",
            help="remove the others",
            says="QEMU does not support multiple listens for one graphics device.",
        )


def _mismatch(graphics: Node, listen: Node, old: str, kind: str) -> Iterator[Problem]:
    """Report that the old attribute of <graphics> and the first <listen> differ."""
    name = "address" if kind == "address" else "socket"
    outer, inner = graphics.value(old), listen.value(name)
    if outer is not None and inner is not None and outer != inner:
        yield Problem(
            at=graphics.at(old),
            message=f"{old} {outer!r} of <graphics> differs from {name} {inner!r} of its first <listen>",
            help=f"remove {old}",
            related=(Related(listen.at(name), "the other one"),),
            stage=Stage.PARSE,
            says=f"graphics '{old}' attribute '{outer}' must match '{name}' attribute of first listen element "
            f"(found '{inner}')",
        )


@rule("VFS941", "display-setting-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def display_setting_invalid(graphics: Graphics, context: Context) -> Iterator[Problem]:
    """The settings of a display are possible together with each other and with qemu.conf.

    Why: a VNC password has at most 8 bytes, which libvirt 7.0.0 does not check. What belongs to a password is read
        only if there is one. A port for TLS requires `spice_tls = 1` in qemu.conf, which is off by default. A D-Bus
        display is either reached at an address or point to point.
    Bad (libvirt 9.0.0):
        <graphics type='vnc' passwd='correct horse'/>
    Bad:
        <graphics type='vnc' passwd='horse' passwdValidTo='tomorrow'/>
    Bad:
        <graphics type='vnc' passwd='horse' connected='disconnect'/>
    Bad:
        <graphics type='spice' tlsPort='5901'/>
    Bad (libvirt 9.0.0):
        <graphics type='dbus' p2p='yes' address='unix:path=/run/bus'/>
    Good:
        <graphics type='vnc' passwd='horse' passwdValidTo='2030-01-31T12:00:00' connected='keep'/>
    Good:
        <graphics type='spice' autoport='yes' tlsPort='5901'/>
    Good (qemu.conf: spice_tls = 1):
        <graphics type='spice' tlsPort='5901'/>
    libvirt says: spice TLS port set in XML configuration, but TLS is disabled in qemu.conf
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefVNCGraphics, qemuValidateDomainDeviceDefSPICEGraphics;
        domain_validate.c:virDomainGraphicsDefValidate
    """
    node = graphics.node
    yield from _unreadable_password(graphics)
    yield from _unreadable_beside_socket(graphics)
    size = len((node.value("passwd") or "").encode())
    if graphics.type == "vnc" and size > VNC_PASSWORD_BYTES and graphics.libvirt >= (9, 0, 0):
        yield Problem(
            at=node.at("passwd"),
            message=f"the VNC password is {size} bytes long, but only {VNC_PASSWORD_BYTES} fit",
            help="write a shorter password",
            says=f"VNC password is {size} characters long, only 8 permitted",
        )
    elif graphics.type == "spice" and _needs_tls(graphics) and not _has_tls(context):
        yield Problem(
            at=node.at("tlsPort"),
            message="tlsPort requires TLS, which is off "
            + ("in qemu.conf" if context.conf else "unless qemu.conf turns it on"),
            help="set spice_tls = 1 in qemu.conf, or remove tlsPort",
        )
    elif graphics.type == "dbus" and node.value("p2p") == "yes" and node.value("address") is not None:
        yield Problem(
            at=node.at("p2p"),
            message="a D-Bus display with p2p='yes' has an address",
            help="remove p2p or address",
            says="D-Bus p2p with an address is not supported",
        )
    elif graphics.type == "rdp" and graphics.libvirt >= _RDP:
        yield from _rdp_settings(graphics)


def _rdp_settings(graphics: Graphics) -> Iterator[Problem]:
    """Report settings of RDP that only VirtualBox has (qemuValidateDomainDeviceDefRDPGraphics)."""
    # libvirt 12.8.0 fails while it reads either of them, without a message.
    is_newest = graphics.libvirt >= (12, 8, 0)
    for name in ("replaceUser", "multiUser"):
        value = graphics.node.value(name)
        if value == "yes" or (is_newest and value is not None):
            yield Problem(
                at=graphics.node.at(name),
                message=f"QEMU's RDP display does not support {name!r}",
                help=f"remove {name}",
                says="" if is_newest else f"RDP doesn't support '{name}'",
            )
    if graphics.node.value("passwd") is not None and graphics.node.value("passwdValidTo") is not None:
        yield Problem(
            at=graphics.node.at("passwdValidTo"),
            message="the password of QEMU's RDP display cannot expire",
            help="remove passwdValidTo",
            says="RDP password expiration isn't supported",
        )


def _unreadable_password(graphics: Graphics) -> Iterator[Problem]:
    """Report what belongs to a password (virDomainGraphicsAuthDefParseXML)."""
    node, kind = graphics.node, graphics.type
    readers = ("vnc", "spice", "rdp") if graphics.libvirt >= _RDP else ("vnc", "spice")
    if kind not in readers or node.value("passwd") is None:
        return
    expiry, connected = node.value("passwdValidTo"), node.value("connected")
    if expiry is not None and not _MOMENT.match(expiry):
        yield Problem(
            at=node.at("passwdValidTo"),
            message=f"passwdValidTo {expiry!r} is not a time",
            help="write a time in UTC such as 2030-01-31T12:00:00",
            stage=Stage.PARSE,
            says=f"cannot parse password validity time '{expiry}', expect YYYY-MM-DDTHH:MM:SS",
        )
    elif connected is not None and connected not in table.values("ConnectedClients").listed:
        yield Problem(
            at=node.at("connected"),
            message=f"{connected!r} is not a valid value for 'connected' of <graphics>",
            help="write connected='keep'",
            stage=Stage.PARSE,
            says=f"unknown connected value {connected}",
        )
    elif connected not in (None, "keep") and kind == "vnc":
        yield Problem(
            at=node.at("connected"),
            message=f"VNC does not support connected={connected!r}",
            help="write connected='keep'",
            stage=Stage.PARSE,
            says="VNC supports connected='keep' only",
        )


def _unreadable_beside_socket(graphics: Graphics) -> Iterator[Problem]:
    """Report what libvirt reads of VNC with a socket, too, although only VNC with a port has it."""
    if graphics.type != "vnc" or graphics.node.value("socket") is None:
        return
    known = table.form("VncSocketDisplay").attributes
    for name, attribute in table.form("VncDisplay").attributes.items():
        value = graphics.node.value(name)
        if name not in known and value is not None and attribute.is_rejected(value, graphics.libvirt):
            yield Problem(
                at=graphics.node.at(name),
                message=f"{value!r} is not a valid value for {name!r} of <graphics>",
                help=f"remove {name}, which has no effect next to socket",
                stage=Stage.PARSE,
                says=_says_of_vnc(name, value, graphics.libvirt, is_number=attribute.reads is not None),
            )


def _says_of_vnc(name: str, value: str, libvirt: Version, *, is_number: bool) -> str:
    """Return libvirt's message about an attribute of VNC."""
    if libvirt < NEW_PARSER or (name == "port" and libvirt < (12, 8, 0)):
        old = {"port": f"cannot parse vnc port {value}", "websocket": f"cannot parse vnc WebSocket port {value}"}
        return old.get(name, f"unknown vnc display sharing policy '{value}'")
    usual = f"Invalid value for attribute '{name}' in element 'graphics': '{value}'."
    return f"{usual} Expected integer value" if is_number else usual


def _needs_tls(graphics: Graphics) -> bool:
    """Whether SPICE has a fixed TLS port: autoport replaces it, and without a TCP port it is not used."""
    port = numbers.integer(graphics.node.value("tlsPort") or "")
    if port is None or port <= 0 or graphics.node.value("autoport") == "yes":
        return False
    return not graphics.listens or graphics.listens[0].value("type") in ("address", "network")


def _has_tls(context: Context) -> bool:
    statement = context.conf["spice_tls"] if context.conf else None
    return statement is not None and bool(statement.value.number)


_WITHOUT_HEADLESS = frozenset({"sdl", "rdp", "dbus"})


@rule("VFS942", "displays-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def displays_unsupported(displays: list[Graphics]) -> Iterator[Problem]:
    """Displays are of types that QEMU has, and egl-headless is only next to VNC and SPICE.

    Why: egl-headless renders the screen for other displays to show, which SDL and D-Bus do themselves, as does SPICE
        with OpenGL. The desktop display is one of VirtualBox, as is RDP before libvirt 11.
    Bad:
        <graphics type='egl-headless'/><graphics type='sdl'/>
    Bad:
        <graphics type='egl-headless'/><graphics type='spice'><gl enable='yes'/></graphics>
    Bad:
        <graphics type='desktop'/>
    Good:
        <graphics type='egl-headless'/><graphics type='vnc'/>
    libvirt says: graphics type 'egl-headless' is only supported with one of: 'vnc', 'spice' graphics types
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefGraphics
    """
    headless = next((graphics for graphics in displays if graphics.type == "egl-headless"), None)
    for graphics in displays:
        kind, node = graphics.type, graphics.node
        if kind == "desktop" or (kind == "rdp" and graphics.libvirt < (11, 0, 0)):
            yield Problem(
                at=node.at("type"),
                message=f"QEMU has no display of type {kind!r}",
                help="write type='vnc' or type='spice'",
                says=f"{kind} graphics are not supported with this QEMU",
            )
        elif headless is None:
            continue
        elif kind in _WITHOUT_HEADLESS:
            yield Problem(
                at=node.at("type"),
                message=f"a display of type {kind!r} is next to one of type 'egl-headless'",
                help="remove one of them, or write type='vnc' or type='spice'",
                related=(Related(headless.node.start_span, "the other display"),),
            )
        elif kind == "spice" and (gl := node.child("gl")) and gl.value("enable") == "yes":
            yield Problem(
                at=gl.at("enable"),
                message="SPICE with OpenGL is next to a display of type 'egl-headless'",
                help="remove <gl>, or the display of type 'egl-headless'",
                related=(Related(headless.node.start_span, "the other display"),),
                says="multiple OpenGL displays are not supported by QEMU",
            )
