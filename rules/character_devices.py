"""Character devices of all kinds, and the sources on the host that they are connected to."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.character import PORTS, CharacterBackend, CharacterDevice
from vfslint.domain.device import NEW_PARSER, Smartcard
from vfslint.domain.domain import Domain
from vfslint.domain.machine import S390
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers, table
from vfslint.xml.document import Node

# The attributes of <source> that each type of source requires, in libvirt's order.
REQUIRED: dict[str, tuple[str, ...]] = {
    "file": ("path",),
    "dev": ("path",),
    "pipe": ("path",),
    "unix": ("path",),
    "tcp": ("host", "service"),
    "udp": ("service",),
    "spiceport": ("channel",),
    "dbus": ("channel",),
}
_CHANNEL_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_SOCKETS = ("tcp", "unix")
# So many certificates does an emulated smartcard have (VIR_DOMAIN_SMARTCARD_NUM_CERTIFICATES).
CERTIFICATES = 3


@rule("VFS930", "character-source-incomplete", severity=Severity.ERROR, stage=Stage.DEFINE)
def character_source_incomplete(device: CharacterBackend) -> Iterator[Problem]:
    """The source of a character device has the attributes that its type requires.

    Why: QEMU has to know which file, address or channel to open. The Unix socket of a channel to the guest has a
        default path, and a redirected USB device on D-Bus a default channel.
    Bad:
        <serial type='file'><target port='0'/></serial>
    Bad:
        <serial type='unix'><source mode='bind'/></serial>
    Bad:
        <console type='tcp'><source mode='connect' service='2445'/></console>
    Bad:
        <serial type='udp'><source mode='bind' host='127.0.0.1' service='2445'/></serial>
    Bad:
        <graphics type='spice'/>
        <channel type='spiceport'><source/><target type='virtio' name='org.spice-space.webdav.0'/></channel>
    Bad:
        <graphics type='spice'/>
        <channel type='spiceport'><source channel='org spice'/><target type='virtio'/></channel>
    Bad:
        <serial type='nmdm'><source master='/dev/nmdm0A'/></serial>
    Good:
        <serial type='file'><source path='/srv/log'/></serial>
    Good:
        <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    Good:
        <redirdev bus='usb' type='dbus'/>
    Good:
        <serial type='udp'><source mode='bind' service='2445'/><source mode='connect' service='2446'/></serial>
    libvirt says: Missing source path attribute for char device
    See: libvirt domain_validate.c:virDomainChrSourceDefValidate
    """
    kind = device.type or ""
    if kind == "nmdm":
        yield from _half_of_a_pair(device)
        return
    required = () if _has_default(device) else REQUIRED.get(kind, ())
    lacking = next((name for name in required if _written(device, name) is None), None)

    if lacking:
        bound = " of mode 'connect'" if kind == "udp" else ""
        yield Problem(
            at=(device.source or device.node).start_span,
            message=f"a {device.label} of type {kind!r} has no source{bound} with {lacking!r}",
            help=f"add <source {lacking}='…'/>" if not bound else "add <source mode='connect' service='…'/>",
            says=f"Missing source {lacking} attribute for char device",
        )
    elif required == ("channel",) and device.source and set(device.value("channel") or "") - _CHANNEL_CHARACTERS:
        yield Problem(
            at=device.source.at("channel"),
            message=f"source channel {device.value('channel')!r} contains characters that are not allowed",
            help="write only letters, digits, dots, hyphens and underscores",
            says="Invalid character in source channel for char device",
        )


def _has_default(device: CharacterBackend) -> bool:
    """Whether libvirt has a path or a channel of its own for the device."""
    if device.node.tag == "redirdev":
        return device.type == "dbus" and device.value("channel") is None
    return device.type == "unix" and device.node.tag == "channel" and device.target_type in ("virtio", "xen")


def _written(device: CharacterBackend, name: str) -> str | None:
    """Return the attribute of the source that counts: that of UDP is the first one that connects to something."""
    if device.type != "udp":
        return device.value(name)
    ends = (source for source in device.sources if source.value("mode") in (None, "connect"))
    found = next((source for source in ends if source.value("host") is not None or source.value(name)), None)
    return found.value(name) if found else None


def _half_of_a_pair(device: CharacterBackend) -> Iterator[Problem]:
    """Both ends of a null modem; libvirt 9.0.0 and later accept a device without either."""
    lacking = [name for name in ("master", "slave") if device.value(name) is None]
    is_old = device.libvirt < (9, 0, 0)
    if not lacking or (len(lacking) == 2 and not is_old):
        return
    says = "Should define both master and slave path attributes for nmdm device"
    yield Problem(
        at=device.source.start_span if device.source else device.node.start_span,
        message=f"a {device.label} of type 'nmdm' has no source with {lacking[0]!r}",
        help="add <source master='…' slave='…'/>",
        says=f"Missing {lacking[0]} path attribute for nmdm device" if is_old else says,
    )


@rule("VFS931", "character-source-unreadable", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def character_source_unreadable(device: CharacterDevice) -> Iterator[Problem]:
    """The source of a character device appears once, and what its type reads is valid.

    Why: libvirt reads only what belongs to the type of the device: the mode of sockets, `append` of files, `tls` and
        the protocol of TCP. It rejects invalid values there, and ignores them elsewhere. Only UDP has two sources,
        one for each direction. libvirt 7.0.0 also reads each of several targets.
    Bad:
        <serial type='pty'><source path='/dev/pts/3'/><source path='/dev/pts/4'/></serial>
    Bad:
        <serial type='unix'><source mode='listen' path='/run/s'/></serial>
    Bad:
        <serial type='file'><source path='/srv/log' append='yes'/></serial>
    Bad:
        <serial type='tcp'><source host='127.0.0.1' service='2445' tls='on'/></serial>
    Bad:
        <serial type='tcp'><source host='127.0.0.1' service='2445'/><protocol type='ssh'/></serial>
    Bad:
        <serial type='unix'><source path='/run/s'><reconnect enabled='yes'/></source></serial>
    Bad:
        <channel type='qemu-vdagent'><source><clipboard copypaste='on'/></source>
          <target type='virtio' name='com.redhat.spice.0'/></channel>
    Good:
        <serial type='tcp'><source mode='bind' host='127.0.0.1' service='2445' tls='no'/>
          <protocol type='telnet'/></serial>
    Good:
        <serial type='unix'><source path='/run/s'><reconnect enabled='yes' timeout='5'/></source></serial>
    libvirt says: only one source element is allowed for character device
    See: libvirt domain_conf.c:virDomainChrSourceDefParseXML
    """
    allowed = 2 if device.type == "udp" else 1
    if len(device.sources) > allowed:
        yield Problem(
            at=device.sources[allowed].start_span,
            message=f"a {device.label} of type {device.type!r} has {len(device.sources)} sources",
            help="remove the others" if allowed == 1 else "keep one that binds and one that connects",
            says=_TOO_MANY[allowed],
        )
        return
    for source in device.sources:
        yield from _unreadable_source(device, source)
    if device.libvirt < NEW_PARSER:
        yield from _unreadable_targets(device)
    protocol = device.node.child("protocol")
    if device.type == "tcp" and protocol:
        old = "Unknown protocol {!r}" if device.libvirt < (11, 3, 0) else None
        yield from _unlisted(device, protocol, "type", "CharacterProtocolName", old)


_TOO_MANY = {
    1: "only one source element is allowed for character device",
    2: "only two source elements are allowed for character device",
}


def _unreadable_source(device: CharacterDevice, source: Node) -> Iterator[Problem]:
    is_old = device.libvirt < NEW_PARSER
    mode = source.value("mode")
    match device.type:
        case "tcp" | "udp" | "unix" if mode not in (None, "connect", "bind"):
            yield _invalid(source, "mode", "'connect' or 'bind'", "Unknown source mode {!r}" if is_old else None)
        case "file":
            yield from _unlisted(
                device, source, "append", "OnOff", "Invalid append attribute value {!r}" if is_old else None
            )
        case "tcp":
            yield from _unlisted(
                device, source, "tls", "YesNo", "unknown chardev 'tls' setting {!r}" if is_old else None
            )
        case "qemu-vdagent":
            for child, name, kind in (("clipboard", "copypaste", "YesNo"), ("mouse", "mode", "PointerMode")):
                node = source.child(child)
                if node:
                    yield from _unlisted(device, node, name, kind, None, required=True)
    reconnect = source.child("reconnect")
    if device.type in _SOCKETS and reconnect:
        yield from _unreadable_reconnect(reconnect, is_old=is_old)


# The forms of a target in the vocabulary, by the device.
_TARGETS = {"serial": "SerialTarget", "console": "ConsoleTarget"}


def _unreadable_targets(device: CharacterDevice) -> Iterator[Problem]:
    """Report targets after the first, and models after the first, which only the old parser reads."""
    targets = device.node.children("target") if device.node.tag in PORTS else []
    form = table.form(_TARGETS[device.node.tag]) if device.node.tag in _TARGETS else None
    for target in targets[1:]:
        kind = target.value("type")
        if kind is not None and form and not form.attributes["type"].is_read(kind, device.libvirt):
            yield _unknown(target, "type", f"unknown target type '{kind}' specified for character device")
        port = target.value("port")
        if port is not None and device.node.tag != "channel" and numbers.unsigned(port, wraps=True) is None:
            yield _unknown(target, "port", f"Invalid port number: {port}")
    for target in targets:
        *others, last = target.children("model") or (None,)
        name = last.value("name") if last and device.node.tag == "serial" else None
        # What the vocabulary says about the only model is said of all releases, which ignore an empty name.
        if (
            last
            and name is not None
            and (others or not name)
            and not table.form("SerialModel").attributes["name"].is_read(name, device.libvirt)
        ):
            yield _unknown(last, "name", f"unknown target model '{name}' specified for character device")


def _unknown(node: Node, name: str, says: str) -> Problem:
    return Problem(
        at=node.at(name),
        message=f"{node.value(name)!r} is not a valid value for {name!r} of <{node.tag}>",
        help=f"remove this <{node.tag}>, which appears more than once",
        says=says,
    )


def _unreadable_reconnect(reconnect: Node, *, is_old: bool) -> Iterator[Problem]:
    enabled, timeout = reconnect.value("enabled"), reconnect.value("timeout")
    if enabled not in (None, "yes", "no") and not (is_old and enabled == "default"):
        yield _invalid(
            reconnect, "enabled", "'yes' or 'no'", "invalid reconnect enabled value: {!r}" if is_old else None
        )
    elif enabled == "yes" and timeout is None:
        old = "missing timeout for chardev with reconnect enabled"
        yield Problem(
            at=reconnect.start_span,
            message="<reconnect> has no timeout",
            help="add timeout='…', the seconds after which QEMU tries again",
            says=old if is_old else "Missing required attribute 'timeout' in element 'reconnect'",
        )
    elif enabled == "yes" and numbers.unsigned(timeout or "", wraps=is_old) is None:
        yield _invalid(
            reconnect,
            "timeout",
            "a number of seconds",
            "invalid reconnect timeout value: {!r}" if is_old else "{} Expected non-negative integer value",
        )


def _unlisted(
    device: CharacterDevice, node: Node, name: str, kind: str, old: str | None, *, required: bool = False
) -> Iterator[Problem]:
    """Report an attribute whose value is not in a list of the vocabulary, or that is missing."""
    value = node.value(name)
    words = tuple(table.values(kind).listed)
    if value is None and required:
        yield Problem(
            at=node.start_span,
            message=f"<{node.tag}> of a {device.label} has no {name!r}",
            help=f"write {name}='{words[0]}' or '{words[1]}'",
            says=f"Missing required attribute '{name}' in element '{node.tag}'",
        )
    elif value is not None and value not in words:
        yield _invalid(node, name, " or ".join(map(repr, words)), old)


def _invalid(node: Node, name: str, expected: str, says: str | None) -> Problem:
    """Return the problem of an invalid value; `says` is libvirt's message if it is not the usual one."""
    value = node.value(name) or ""
    usual = f"Invalid value for attribute '{name}' in element '{node.tag}': '{value}'."
    return Problem(
        at=node.at(name),
        message=f"{value!r} is not a valid value for {name!r} of <{node.tag}>",
        help=f"write {expected}",
        says=usual if says is None else says.replace("{!r}", f"'{value}'").replace("{}", usual),
    )


@rule("VFS932", "socket-options-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def socket_options_unsupported(device: CharacterBackend) -> Iterator[Problem]:
    """The options of a character device's socket are ones that QEMU has.

    Why: QEMU reconnects only a socket that it connects to, after at least one second; on one that it listens on, even
        `enabled='no'` is rejected. A channel's Unix socket without a path is one that QEMU listens on. QEMU's TCP
        protocols are raw and telnet; libvirt 9.0.0 and older ignore the others.
    Bad:
        <serial type='unix'><source mode='bind' path='/run/s'><reconnect enabled='yes' timeout='5'/></source></serial>
    Bad:
        <channel type='unix'><source><reconnect enabled='no'/></source><target type='virtio' name='a'/></channel>
    Bad:
        <serial type='unix'><source path='/run/s'><reconnect enabled='yes' timeout='0'/></source></serial>
    Bad:
        <serial type='tcp'><source host='127.0.0.1' service='2445'/><protocol type='telnets'/></serial>
    Good:
        <serial type='unix'><source path='/run/s'><reconnect enabled='yes' timeout='5'/></source></serial>
    Good:
        <serial type='tcp'><source host='127.0.0.1' service='2445' tls='yes'/><protocol type='raw'/></serial>
    libvirt says: chardev reconnect is possible only for connect mode
    See: libvirt domain_validate.c:virDomainChrSourceDefValidate; qemu_validate.c:qemuValidateDomainChrSourceDef
    """
    if device.type not in _SOCKETS:
        return
    protocol = device.node.child("protocol")
    name = protocol.value("type") if protocol else None
    if protocol and device.type == "tcp" and name in ("telnets", "tls") and device.libvirt >= (11, 3, 0):
        yield Problem(
            at=protocol.at("type"),
            message=f"QEMU does not support the TCP protocol {name!r}",
            help="write type='raw' or 'telnet', and tls='yes' in <source> to encrypt it",
            says=f"tcp chardev protocol '{name}' not supported",
        )
    reconnect = device.source.child("reconnect") if device.source else None
    enabled = reconnect.value("enabled") if reconnect else None
    if reconnect and device.listens and enabled in ("yes", "no"):
        yield Problem(
            at=reconnect.start_span,
            message="QEMU cannot reconnect to a socket that it listens on",
            help="remove <reconnect>, or write mode='connect' and the path of the socket",
        )
    elif reconnect and enabled == "yes" and numbers.unsigned(reconnect.value("timeout") or "") == 0:
        yield Problem(
            at=reconnect.at("timeout"),
            message="the reconnect timeout is 0",
            help="write the seconds after which QEMU tries again, at least 1",
            says="chardev reconnect source timeout cannot be '0'",
        )


@rule("VFS933", "legacy-device-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def legacy_device_unsupported(domain: Domain, context: Context) -> Iterator[Problem]:
    """Parallel ports and sound cards are ones that QEMU has on this machine.

    Why: s390x and pSeries machines have no parallel ports. The sound card ich7 is one of VMware.
    Bad (libvirt 11.3.0):
        <sound model='ich7'/>
    Bad:
        <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-s390x</emulator><parallel type='pty'/>
    Good:
        <sound model='ich9'/><parallel type='pty'/>
    libvirt says: parallel ports are not supported
    libvirt says: sound card model 'ich7' is not supported by qemu
    See: libvirt qemu_validate.c:qemuValidateDomainChrDef, qemuValidateDomainDeviceDefSound
    """
    if domain.is_pseries or domain.arch in S390:
        for parallel in domain.device_nodes("parallel"):
            yield Problem(
                at=parallel.start_span,
                message=f"a guest with architecture {domain.arch!r} has no parallel ports",
                help="remove it, or use a <serial>",
                says="parallel ports are not supported",
            )
    for sound in domain.device_nodes("sound"):
        if sound.value("model") == "ich7":
            says = "sound card model 'ich7' is not supported by qemu"
            if sound.child("address") is None:
                # libvirt fails before, because it does not know on which bus to put the card.
                unknown = "unrecognized " if context.target.libvirt >= (12, 8, 0) else ""
                says = f"Cannot automatically add a new PCI bus for a device with {unknown}connect flags 00"
            yield Problem(
                at=sound.at("model"),
                message="QEMU has no sound card of model 'ich7'",
                help="write model='ich9' or model='ich6'",
                says=says,
            )


@rule("VFS939", "smartcard-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def smartcard_invalid(smartcards: list[Smartcard]) -> Iterator[Problem]:
    """A guest has one smartcard reader, in slot 0 of CCID controller 0, and an emulated card has three certificates.

    Why: QEMU has one reader for each CCID controller, and libvirt uses only the first controller. libvirt 7.0.0
        does not check the number, but requires an address of type `ccid`, too.
    Bad (libvirt 9.0.0):
        <smartcard mode='host'/><smartcard mode='host'/>
    Bad (libvirt 9.0.0):
        <smartcard mode='host'><address type='ccid' controller='0' slot='1'/></smartcard>
    Bad:
        <smartcard mode='host'><address type='usb' bus='0' port='1'/></smartcard>
    Bad:
        <smartcard mode='host-certificates'><certificate>cert1</certificate></smartcard>
    Good:
        <smartcard mode='host'><address type='ccid' controller='0' slot='0'/></smartcard>
    libvirt says: this QEMU binary lacks multiple smartcard support
    See: libvirt qemu_validate.c:qemuValidateDomainSmartcardDef; domain_validate.c:virDomainSmartcardDefValidate
    """
    is_limited = bool(smartcards) and smartcards[0].libvirt >= (9, 0, 0)
    for position, smartcard in enumerate(smartcards):
        certificates = smartcard.node.children("certificate")
        if smartcard.node.value("mode") == "host-certificates" and len(certificates) != CERTIFICATES:
            yield Problem(
                at=smartcard.node.start_span,
                message=f"the smartcard has {len(certificates)} certificates, not {CERTIFICATES}",
                help="name three certificates, each in a <certificate>",
                stage=Stage.PARSE,
                says="host-certificates mode needs exactly three certificates",
            )
        alias = smartcard.node.child("alias")
        if alias and is_limited:
            yield Problem(
                at=alias.start_span,
                message="<alias> does not belong in <smartcard>, although libvirt reads it",
                help="remove it",
                severity=Severity.WARNING,
                stage=Stage.SCHEMA,
                says="",
            )
        address = smartcard.address
        kind = address.value("type") if address else None
        if address and kind is not None and kind != "ccid":
            yield Problem(
                at=address.at("type"),
                message=f"the address of a smartcard is of type {kind!r}, not 'ccid'",
                help="write <address type='ccid' controller='0' slot='0'/>, or remove it",
                says="Controllers must use the 'ccid' address type",
            )
        elif is_limited and position > 0:
            yield Problem(
                at=smartcard.node.start_span, message="the guest has a second smartcard reader", help="remove it"
            )
        elif is_limited and address:
            for name in ("controller", "slot"):
                number = numbers.unsigned(address.value(name) or "0")
                if number:
                    yield Problem(
                        at=address.at(name),
                        message=f"{name} of the smartcard reader is {number}, but must be 0",
                        help="write controller='0' slot='0'",
                    )
