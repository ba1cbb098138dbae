"""Options of network interfaces that depend on the type and the model of the interface."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.device import NEW_PARSER
from vfslint.domain.interface import PASST, Interface
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.vocabulary.table import values
from vfslint.xml.document import Attribute, Node

# Since this release, QEMU's driver sets the MTU of an interface that passt serves, and passt can serve vhost-user.
PASST_OPTIONS: Version = (11, 1, 0)
# Since this release, a VLAN is rejected at define if nothing applies it.
VLAN_CHECKED: Version = (12, 8, 0)
# Since this release, passt sets default routes and IPv4 networks of any size.
DEFAULT_ROUTES: Version = (12, 8, 0)

_SWITCHED = ("network", "bridge", "direct", "hostdev")
_BRIDGED = ("network", "bridge")
_WITH_MTU = ("network", "bridge", "ethernet", "vhostuser")
# What a route has only if it is not the default route.
_OF_NETWORK = ("address", "netmask", "prefix", "metric")
_OTHER_BACKEND = "not supported for this interface type/backend"


def _from(nic: Interface) -> str:
    return f"an interface of type {nic.type!r}"


@rule("VFS912", "interface-option-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def interface_option_unsupported(nic: Interface) -> Iterator[Problem]:
    """An option of an interface is supported by the type of the interface.

    Why: libvirt applies most options to the device of the host that the interface is connected to, so they depend on
        what that is: an MTU requires a TAP device, coalescing and isolated ports require a bridge, a `<virtualport>`
        requires a switch. Addresses of the host's end and an unmanaged TAP device exist only for type `ethernet`.
    Bad:
        <interface type='user'><mtu size='1400'/></interface>
    Bad:
        <interface type='direct'><source dev='eth0'/><coalesce><rx><frames max='7'/></rx></coalesce></interface>
    Bad:
        <interface type='user'><virtualport type='openvswitch'/></interface>
    Bad:
        <interface type='bridge'><source bridge='br0'/><target dev='tap1' managed='no'/></interface>
    Bad:
        <interface type='bridge'><source bridge='br0'><ip address='10.0.0.1' prefix='8'/></source></interface>
    Bad:
        <interface type='ethernet'><port isolated='yes'/></interface>
    Bad:
        <interface type='bridge'><source bridge='br0'/><virtualport type='openvswitch'/>
          <port isolated='yes'/></interface>
    Bad (libvirt 12.8.0):
        <interface type='user'><vlan><tag id='42'/></vlan></interface>
    Bad (libvirt 7.0.0):
        <interface type='bridge'><source bridge='br0'/><coalesce/></interface>
    Bad:
        <interface type='user'><rom enabled='no' bar='on'/></interface>
    Good:
        <interface type='bridge'><source bridge='br0'/><mtu size='9000'/>
          <coalesce><rx><frames max='7'/></rx></coalesce><port isolated='yes'/></interface>
    Good:
        <interface type='ethernet'><source><ip address='10.0.0.1' prefix='8'/></source>
          <target dev='tap1' managed='no'/></interface>
    libvirt says: setting MTU on interface type user is not supported yet
    libvirt says: coalesce settings on interface type direct are not supported
    libvirt says: <virtualport> element unsupported for <interface type='user'>
    libvirt says: unmanaged target dev is not supported on interfaces of type 'bridge'
    libvirt says: Invalid attempt to set network interface host-side IP route and/or address info on interface of type
    libvirt says: <port isolated='yes'/> is not supported for network interfaces with type='ethernet'
    libvirt says: vlan tag not supported for this connection type
    libvirt says: ROM tuning is not supported when ROM is disabled
    See: libvirt domain_conf.c:virDomainNetDefParseXML, domain_validate.c:virDomainNetDefValidate,
        virDomainActualNetDefValidate; qemu_validate.c:qemuValidateDomainDeviceDefNetwork
    """
    yield from _device_options(nic)
    yield from _host_options(nic)
    yield from _port_options(nic)
    yield from _card_options(nic)
    rom = nic.node.child("rom")
    if rom:
        yield from rom_problems(rom)


def rom_problems(rom: Node) -> Iterator[Problem]:
    """Report the settings of a ROM that is disabled."""
    if rom.value("enabled") == "no" and (rom.value("bar") in ("on", "off") or rom.value("file") is not None):
        yield Problem(
            at=rom.start_span,
            message="a disabled ROM cannot have a bar or a file",
            help="remove bar and file, or enabled='no'",
            says="ROM tuning is not supported when ROM is disabled",
        )


def _card_options(nic: Interface) -> Iterator[Problem]:
    """Report what a PCI device of the host that is passed through as an interface cannot have."""
    source = nic.node.child("source")
    if nic.type == "ethernet" and nic.libvirt < NEW_PARSER:
        device = source.value("dev") if source else None
        if source and device is not None:
            yield Problem(
                at=source["dev"].name_span,
                message="the source of an ethernet interface cannot have dev",
                help="name the device in <target>",
                says="Invalid attempt to set <interface type='ethernet'> device name with "
                f"<source dev='{device}'/>. Use <target dev='{device}'/> (for host-side) or "
                f"<guest dev='{device}'/> (for guest-side) instead.",
            )
    address = source.child("address") if source else None
    if nic.type != "hostdev" or source is None or address is None or address.value("type") != "pci":
        return
    for name, says in _NOT_OF_CARDS.items():
        if source.value(name) is not None:
            yield Problem(
                at=source[name].name_span,
                message=f"the source of a PCI device cannot have {name}",
                help=f"remove {name}",
                says=says,
            )
    place = nic.address.attribute("type") if nic.address else None
    if place and place.value and place.value not in ("pci", "unassigned"):
        yield Problem(
            at=place.span,
            message=f"a PCI device that is passed through cannot have an address of type {place.value!r}",
            help="write type='pci', or remove <address>",
            says="PCI host devices must use 'pci' or 'unassigned' address type",
        )


_NOT_OF_CARDS = {
    "startupPolicy": "Setting startupPolicy is only allowed for USB devices",
    "writeFiltering": "Write filtering of PCI device configuration space is not supported by qemu",
}


def _device_options(nic: Interface) -> Iterator[Problem]:
    mtu = nic.read("mtu", "size")
    size = mtu.attribute("size") if mtu else None
    has_mtu = nic.type in _WITH_MTU or (nic.type == "user" and nic.uses_passt)
    if size and numbers.unsigned(size.value, wraps=True) and not has_mtu:
        yield Problem(
            at=size.node.start_span,
            message=f"{_from(nic)} cannot have an MTU",
            help="remove <mtu>, and set the MTU inside the guest",
            says=f"setting MTU on interface type {nic.type} is not supported yet",
        )
    coalesce = nic.node.child("coalesce")
    frames = coalesce.child("rx/frames") if coalesce else None
    most = frames.value("max") if frames else None
    if coalesce and not most and nic.libvirt < NEW_PARSER:
        yield Problem(
            at=coalesce.start_span,
            message="<coalesce> has no number of frames",
            help="write <rx><frames max='…'/></rx> in it, or remove <coalesce>",
            says="An error occurred, but the cause is unknown",
        )
    elif coalesce and most and numbers.unsigned(most, bits=64) is not None and nic.type not in _BRIDGED:
        yield Problem(
            at=coalesce.start_span,
            message=f"{_from(nic)} cannot coalesce packets",
            help="remove <coalesce>, or connect the interface to a bridge or a network",
            says=f"coalesce settings on interface type {nic.type} are not supported",
        )


def _host_options(nic: Interface) -> Iterator[Problem]:
    port = nic.virtualport
    if port and nic.type not in _SWITCHED:
        yield Problem(
            at=port.name_span,
            message=f"{_from(nic)} cannot have a <virtualport>",
            help="remove it, or connect the interface to a switch",
            says=f"<virtualport> element unsupported for <interface type='{nic.type}'>",
        )
    if nic.type == "ethernet":
        return
    target = nic.read("target", "dev")
    managed = target.attribute("managed") if target else None
    if managed and managed.value == "no":
        yield Problem(
            at=managed.span,
            message=f"the target of {_from(nic)} cannot be unmanaged",
            help="remove managed='no', or write type='ethernet'",
            says=f"unmanaged target dev is not supported on interfaces of type '{nic.type}'",
        )
    source = nic.node.child("source")
    address = (source.child("ip") or source.child("route")) if source else None
    if address:
        yield Problem(
            at=address.name_span,
            message=f"the host's end of {_from(nic)} cannot have addresses or routes",
            help="remove them, or write type='ethernet'",
            says="Invalid attempt to set network interface host-side IP route and/or address info on interface of type "
            f"'{nic.type}'. This is only supported on interfaces of type 'ethernet'",
        )


def _port_options(nic: Interface) -> Iterator[Problem]:
    kind = nic.virtualport.value("type") if nic.virtualport and nic.type in _SWITCHED else None
    port = nic.node.child("port")
    isolated = port.attribute("isolated") if port else None
    if isolated and isolated.value == "yes" and (kind or nic.type not in _BRIDGED):
        says = (
            f"interface {nic.mac} - <port isolated='yes'/> is not supported for network interfaces with "
            + (f"type='{nic.type}'" if nic.type not in _BRIDGED else f"virtualport type='{kind}'")
            if nic.mac
            else ""
        )
        yield Problem(
            at=isolated.span,
            message=f"{_from(nic)} cannot have an isolated port"
            if nic.type not in _BRIDGED
            else f"an interface with a virtualport of type {kind!r} cannot have an isolated port",
            help="remove <port>",
            says=says,
        )
    vlan = nic.node.child("vlan")
    if vlan and nic.libvirt >= VLAN_CHECKED and not _applies_vlan(nic):
        yield Problem(
            at=vlan.start_span,
            message=f"{_from(nic)} cannot be in a VLAN",
            help="remove <vlan>",
            says=f"interface {nic.mac} - vlan tag not supported for this connection type" if nic.mac else "",
        )


def _applies_vlan(nic: Interface) -> bool:
    if nic.type == "direct":
        source = nic.node.child("source")
        return source is not None and source.value("mode") == "passthrough"
    return nic.type in ("network", "bridge", "hostdev")


@rule("VFS913", "interface-guest-address-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def interface_guest_address_unsupported(nic: Interface) -> Iterator[Problem]:
    """QEMU sets addresses of the guest only for a user network, and only one of each family.

    Why: QEMU's user network tells the guest its address by DHCP: one IPv4 address in a network of 4 to 27 bits, and
        one IPv6 address in a network of 64 bits. Routes and peers, and addresses of other interfaces, are for
        containers.
    Bad:
        <interface type='bridge'><source bridge='br0'/><ip address='10.0.0.5' prefix='8'/></interface>
    Bad:
        <interface type='user'><route address='10.0.0.0' prefix='8' gateway='10.0.0.1'/></interface>
    Bad:
        <interface type='user'><ip address='10.0.0.5'/><ip address='10.0.0.6'/></interface>
    Bad:
        <interface type='user'><ip address='10.0.0.5' prefix='30'/></interface>
    Bad (libvirt 9.0.0):
        <interface type='user'><ip family='ipv6' address='fe80::5' prefix='48'/></interface>
    Bad:
        <interface type='user'><ip address='10.0.0.5' peer='10.0.0.6'/></interface>
    Good:
        <interface type='user'><ip address='10.0.0.5' prefix='24'/>
          <ip family='ipv6' address='fe80::5' prefix='64'/></interface>
    libvirt says: Invalid attempt to set network interface guest-side IP address info, not supported by QEMU
    libvirt says: Invalid attempt to set network interface guest-side IP route, not supported by QEMU
    libvirt says: Only one IPv4 address per interface is allowed
    libvirt says: invalid prefix, must be in range of 4-27
    libvirt says: unsupported IPv6 address prefix='48' - must be 64
    libvirt says: Invalid attempt to set peer IP for guest
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefNetwork
    """
    addresses, routes = nic.node.children("ip"), nic.node.children("route")
    if nic.type == "vdpa" and nic.libvirt < PASST:
        return
    with_passt = nic.uses_passt and nic.type in ("user", "vhostuser")
    if nic.libvirt >= DEFAULT_ROUTES and with_passt:
        routes = [node for node in routes if any(node.value(name) is not None for name in _OF_NETWORK)]
        says = (
            "<route> elements of an interface using the passt backend must be default routes, with only a gateway "
            "specified"
        )
    else:
        says = _route_refusal(nic)
    if routes:
        yield Problem(
            at=routes[0].start_span,
            message=f"libvirt cannot set this route in the guest for {_from(nic)}",
            help="remove <route>, and set the route inside the guest",
            says=says,
        )
    if nic.type == "user" or with_passt:
        yield from _user_addresses(nic, addresses, with_passt=with_passt)
    elif addresses:
        yield Problem(
            at=addresses[0].start_span,
            message=f"libvirt cannot set addresses in the guest for {_from(nic)}",
            help="remove <ip>, and set the address inside the guest",
            says=_address_refusal(nic),
        )


def _route_refusal(nic: Interface) -> str:
    if nic.libvirt < PASST and nic.type != "user":
        return _address_refusal(nic)
    until = _OTHER_BACKEND if nic.libvirt >= VLAN_CHECKED else "not supported by QEMU"
    return f"Invalid attempt to set network interface guest-side IP route, {until}"


def _address_refusal(nic: Interface) -> str:
    if nic.libvirt < PASST:
        return "Invalid attempt to set network interface guest-side IP route and/or address info, not supported by QEMU"
    until = _OTHER_BACKEND if nic.libvirt >= VLAN_CHECKED else "not supported by QEMU"
    return f"Invalid attempt to set network interface guest-side IP address info, {until}"


def _user_addresses(nic: Interface, addresses: list[Node], *, with_passt: bool) -> Iterator[Problem]:
    seen: set[int] = set()
    for node in addresses:
        text = node.value("address") or ""
        family = 6 if ":" in text else 4
        prefix = numbers.unsigned(node.value("prefix") or "0", wraps=True)
        if node.value("peer") is not None:
            yield Problem(
                at=node.at("peer"),
                message="a guest's address in a user network has no peer",
                help="remove peer",
                says="Invalid attempt to set peer IP for guest",
            )
        if family in seen:
            yield Problem(
                at=node.start_span,
                message=f"the interface has more than one IPv{family} address",
                help="keep one of them",
                says=f"Only one IPv{family} address per interface is allowed",
            )
        elif prefix and not _fits(nic, family, prefix, with_passt=with_passt):
            said = (
                "prefix too long"
                if nic.libvirt < NEW_PARSER
                else f"unsupported IPv6 address prefix='{prefix}' - must be 64"
            )
            yield Problem(
                at=node.at("prefix"),
                message=f"a prefix of {prefix} bits is not supported in a user network",
                help="write a prefix from 4 to 27" if family == 4 else "write prefix='64'",
                says="invalid prefix, must be in range of 4-27" if family == 4 else said,
            )
        seen.add(family)


def _fits(nic: Interface, family: int, prefix: int, *, with_passt: bool) -> bool:
    if family == 4:
        if with_passt and nic.libvirt >= DEFAULT_ROUTES:
            return True
        return 4 <= prefix <= 27 or prefix > 32
    if nic.libvirt < NEW_PARSER:
        return prefix <= 120
    return prefix == 64 or prefix > 128


@rule("VFS914", "interface-queue-size-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def interface_queue_size_invalid(nic: Interface) -> Iterator[Problem]:
    """The size of a queue of a virtio interface is a power of two.

    Why: a virtqueue is a ring with 2, 4, 8 … entries. libvirt reads the sizes only if the model is virtio.
    Bad:
        <interface type='user'><model type='virtio'/><driver rx_queue_size='300'/></interface>
    Bad:
        <interface type='user'><model type='virtio'/><driver tx_queue_size='1000'/></interface>
    Good:
        <interface type='user'><model type='virtio'/><driver rx_queue_size='512' tx_queue_size='1024'/></interface>
    Good:
        <interface type='user'><model type='e1000'/><driver rx_queue_size='300'/></interface>
    libvirt says: rx_queue_size has to be a power of two
    libvirt says: tx_queue_size has to be a power of two
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefNetwork
    """
    if nic.driver is None or not nic.reads_virtio_options:
        return
    for name in ("rx_queue_size", "tx_queue_size"):
        written = nic.driver.attribute(name)
        size = numbers.unsigned(written.value) if written else None
        if written and size and size & (size - 1):
            yield Problem(
                at=written.span,
                message=f"{name} {size} is not a power of two",
                help=f"write {1 << (size.bit_length() - 1)} or {1 << size.bit_length()}",
                says=f"{name} has to be a power of two",
            )


@rule("VFS915", "interface-virtio-option-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def interface_virtio_option_unsupported(nic: Interface, context: Context) -> Iterator[Problem]:
    """Only a virtio interface has the options of virtio devices.

    Why: `iommu`, `ats`, `packed` and `page_per_vq` describe how a virtio device accesses memory. Without a model, an
        x86 guest gets another card.
    Bad:
        <interface type='user'><driver iommu='on'/></interface>
    Bad:
        <interface type='user'><model type='e1000'/><driver packed='off'/></interface>
    Good:
        <interface type='user'><model type='virtio'/><driver iommu='on'/></interface>
    libvirt says: iommu driver option is only supported for virtio devices
    libvirt says: packed driver option is only supported for virtio devices
    See: libvirt domain_validate.c:virDomainCheckVirtioOptionsAreAbsent
    """
    driver = nic.node.child("driver")
    if driver is None or nic.is_virtio(context.domain.arch) is not False:
        return
    names = ("iommu", "ats", "packed") if nic.libvirt < NEW_PARSER else ("iommu", "ats", "packed", "page_per_vq")
    written = next((name for name in names if driver.value(name) in ("on", "off")), None)
    if written:
        yield Problem(
            at=driver.at(written),
            message=f"{written} is an option of virtio, but the model of the interface is "
            + (f"{nic.model.value!r}" if nic.model else "not virtio"),
            help=f"write <model type='virtio'/>, or remove {written}",
            says=f"{written} option is only supported for virtio devices"
            if written == "page_per_vq"
            else f"{written} driver option is only supported for virtio devices",
        )


_SWITCHES = ("ioeventfd", "event_idx", "rss", "rss_hash_report")
_QUEUES = ("queues", "rx_queue_size", "tx_queue_size")
_OF_HOST = ("csum", "gso", "tso4", "tso6", "ecn", "ufo", "mrg_rxbuf")
_OF_GUEST = ("csum", "tso4", "tso6", "ecn", "ufo")


@rule("VFS916", "interface-driver-value-invalid", severity=Severity.ERROR, stage=Stage.PARSE)
def interface_driver_value_invalid(nic: Interface) -> Iterator[Problem]:
    """The options of `<driver>` have valid values where libvirt reads them.

    Why: libvirt reads the queues, offloads and other options of `<driver>` only if `<model>` says virtio, and then
        rejects a wrong word or number. The driver's name is `qemu` or `vhost` for virtio, and that of a driver of the
        host for an interface of type `hostdev`.
    Bad:
        <interface type='user'><model type='virtio'/><driver txmode='fast'/></interface>
    Bad:
        <interface type='user'><model type='virtio'/><driver queues='many'/></interface>
    Bad:
        <interface type='user'><model type='virtio'/><driver><host csum='yes'/></driver></interface>
    Bad:
        <interface type='user'><model type='virtio'/><driver name='vfio'/></interface>
    Good:
        <interface type='user'><model type='virtio'/><driver name='vhost' queues='4' txmode='timer'/></interface>
    libvirt says: Invalid value for attribute 'txmode' in element 'driver': 'fast'.
    libvirt says: Invalid value for attribute 'queues' in element 'driver': 'many'. Expected non-negative integer value
    libvirt says: Invalid value for attribute 'csum' in element 'host': 'yes'.
    See: libvirt domain_conf.c:virDomainNetDefParseXMLDriver
    """
    if nic.driver is None:
        return
    for attribute, valid in _invalid_values(nic, nic.driver):
        is_number = attribute.name in _QUEUES
        says = (
            f"Invalid value for attribute '{attribute.name}' in element '{attribute.node.tag}': '{attribute.value}'."
            + (" Expected non-negative integer value" if is_number else "")
        )
        yield Problem(
            at=attribute.span,
            message=f"{attribute.value!r} is not a valid value for {attribute.name!r} of <{attribute.node.tag}>",
            help=f"write {valid}",
            says=_old_refusal(nic, attribute) if nic.libvirt < NEW_PARSER else says,
        )


def _old_refusal(nic: Interface, attribute: Attribute) -> str:
    """Return what the old parser says about a value."""
    name, value, tag = attribute.name, attribute.value, attribute.node.tag
    if name in _QUEUES:
        return f"'{name}' attribute must be positive number: {value}"
    if tag != "driver":
        return f"unknown {tag} {name} mode '{value}'"
    if name in _SWITCHES:
        return f"unknown interface {name} mode '{value}'"
    if nic.type == "hostdev":
        return f"Unknown PCI device <driver name='{value}'/> has been specified"
    return f"Unknown interface <driver {name}='{value}'> has been specified"


def _invalid_values(nic: Interface, driver: Node) -> Iterator[tuple[Attribute, str]]:
    name = driver.attribute("name")
    if nic.type == "hostdev":
        if name and name.value not in values("HostDeviceDriver/@name").listed:
            yield name, "vfio, or remove it"
        return
    if not nic.reads_virtio_options:
        return
    if name and name.value not in values("InterfaceDriver/@name").listed:
        yield name, "qemu or vhost, or remove it"
    txmode = driver.attribute("txmode")
    if txmode and txmode.value not in values("InterfaceDriver/@txmode").listed:
        yield txmode, "iothread or timer, or remove it"
    for queue in _QUEUES:
        number = driver.attribute(queue)
        if number and numbers.unsigned(number.value) is None:
            yield number, "a number, or remove it"
    with_rss = nic.libvirt >= (8, 3, 0)
    holders: list[tuple[Node | None, tuple[str, ...]]] = [
        (driver, _SWITCHES if with_rss else _SWITCHES[:2]),
        (driver.child("host"), _OF_HOST),
        (driver.child("guest"), _OF_GUEST),
    ]
    for holder, switches in holders:
        for switch in switches if holder else ():
            found = holder.attribute(switch) if holder else None
            if found and found.value not in ("on", "off"):
                yield found, "on or off, or remove it"


@rule("VFS917", "vdpa-interface-model", severity=Severity.ERROR, stage=Stage.DEFINE)
def vdpa_interface_model(nic: Interface) -> Iterator[Problem]:
    """The model of a vDPA interface is virtio.

    Why: the card in the host is itself a virtio device. Before 11.1.0, libvirt accepts neither the transitional nor
        the non-transitional model.
    Bad:
        <interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/><model type='e1000'/></interface>
    Bad (libvirt 9.0.0):
        <interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/><model type='virtio-transitional'/></interface>
    Good:
        <interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/><model type='virtio'/></interface>
    libvirt says: invalid model for interface of type 'vdpa': 'e1000' - must be 'virtio'
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefNetwork
    """
    if nic.type != "vdpa" or nic.model is None:
        return
    model = nic.model.value.lower()
    if model not in (nic.MODELS if nic.libvirt >= PASST_OPTIONS else nic.MODELS[:1]):
        is_known = model in _NAMED_MODELS
        says = f"invalid model for interface of type 'vdpa': '{model}'"
        yield Problem(
            at=nic.model.span,
            message=f"a vDPA interface cannot have model {nic.model.value!r}",
            help="write <model type='virtio'/>",
            says="" if not is_known else says + (" - must be 'virtio'" if nic.libvirt >= PASST_OPTIONS else ""),
        )


# Models that libvirt prints by name in such a message.
_NAMED_MODELS = ("e1000", "e1000e", "rtl8139", "virtio-transitional", "virtio-non-transitional")


@rule("VFS918", "interface-teaming-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def interface_teaming_invalid(nic: Interface, context: Context) -> Iterator[Problem]:
    """A team consists of a persistent virtio interface and a transient one that is passed through and names it.

    Why: during a migration, the transient card of the host is unplugged and the persistent interface takes over. So
        the transient one has type `hostdev` (or a network of such cards) and the alias of its partner in `persistent`.
    Bad:
        <interface type='bridge'><source bridge='br0'/><model type='e1000'/><teaming type='persistent'/></interface>
    Bad:
        <interface type='bridge'><source bridge='br0'/><teaming type='transient' persistent='ua-backup'/></interface>
    Bad:
        <interface type='network'><source network='vf'/><teaming type='transient'/></interface>
    Bad:
        <interface type='bridge'><source bridge='br0'/><model type='virtio'/>
          <teaming type='persistent' persistent='ua-backup'/></interface>
    Bad:
        <interface type='bridge'><source bridge='br0'/><model type='virtio'/>
          <teaming persistent='ua-backup'/></interface>
    Good:
        <interface type='bridge'><source bridge='br0'/><model type='virtio'/><teaming type='persistent'/>
          <alias name='ua-backup'/></interface>
        <interface type='network'><source network='vf'/><model type='virtio'/>
          <teaming type='transient' persistent='ua-backup'/></interface>
    libvirt says: virtio-net teaming persistent interface must be <model type='virtio'/>, not 'e1000'
    libvirt says: virtio-net teaming transient interface must be type='hostdev', not 'bridge'
    libvirt says: teaming persistent attribute must be set if teaming type is 'transient'
    libvirt says: teaming persistent attribute not allowed if teaming type is 'persistent'
    libvirt says: unknown teaming type '(null)'
    See: libvirt domain_conf.c:virDomainNetTeamingInfoParseXML, domain_validate.c:virDomainNetDefValidate,
        qemu_validate.c:qemuValidateDomainDeviceDefNetwork
    """
    teaming = nic.read("teaming", "type", "persistent")
    if teaming is None:
        return
    kind, partner = teaming.value("type"), teaming.value("persistent")
    if not kind:
        yield from untyped_teaming(teaming, nic.libvirt)
    elif kind == "persistent":
        if partner and not (nic.libvirt < NEW_PARSER and nic.is_virtio(context.domain.arch) is False):
            yield Problem(
                at=teaming["persistent"].name_span,
                message="the persistent interface of a team cannot have 'persistent'",
                help="remove persistent, or write type='transient'",
                says="teaming persistent attribute not allowed if teaming type is 'persistent'",
            )
        elif nic.is_virtio(context.domain.arch) is False:
            model = nic.model.value if nic.model else "(null)" if nic.type == "hostdev" else "rtl8139"
            yield Problem(
                at=teaming.start_span,
                message="the persistent interface of a team is not virtio",
                help="write <model type='virtio'/>",
                says=f"virtio-net teaming persistent interface must be <model type='virtio'/>, not '{model}'",
            )
    elif kind == "transient":
        if not partner and nic.libvirt >= NEW_PARSER:
            yield Problem(
                at=teaming.start_span,
                message="the transient interface of a team does not name its partner",
                help="write the alias of the persistent interface as persistent='ua-…'",
                says="teaming persistent attribute must be set if teaming type is 'transient'",
            )
        elif nic.type not in ("hostdev", "network"):
            yield Problem(
                at=teaming.start_span,
                message=f"{_from(nic)} cannot be the transient one of a team",
                help="pass a card of the host through with type='hostdev'",
                says=f"virtio-net teaming transient interface must be type='hostdev', not '{nic.type}'",
            )


def untyped_teaming(teaming: Node, libvirt: Version) -> Iterator[Problem]:
    """Report a `<teaming>` that names a partner but has no type."""
    if teaming.value("persistent") and not teaming.value("type"):
        yield Problem(
            at=teaming.start_span,
            message="<teaming> has no type",
            help="write type='persistent' or type='transient'",
            says="teaming persistent attribute not allowed if teaming type is 'none'"
            if libvirt < NEW_PARSER
            else "unknown teaming type '(null)'",
        )


@rule("VFS920", "interface-passt-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def interface_passt_invalid(nic: Interface) -> Iterator[Problem]:
    """passt serves interfaces of type `user` and `vhostuser`, and only passt forwards ports.

    Why: passt connects an interface to the host's sockets without privileges. Other interfaces have no use for it.
        libvirt 9.0.0 knows `type='passt'` in its schema, but does not read it yet.
    Bad:
        <interface type='bridge'><source bridge='br0'/><backend type='passt'/></interface>
    Bad (libvirt 11.3.0):
        <interface type='user'><portForward proto='tcp'><range start='22'/></portForward></interface>
    Bad (libvirt 11.3.0):
        <interface type='user'><backend type='passt'/>
          <portForward proto='tcp'><range to='22'/></portForward></interface>
    Bad (libvirt 9.0.0):
        <interface type='user'><backend type='passt'/></interface>
    Bad (libvirt 12.8.0):
        <interface type='user'><backend hostname='web'/></interface>
    Good:
        <interface type='user'><backend type='passt'/>
          <portForward proto='tcp'><range start='2222' to='22'/></portForward></interface>
    libvirt says: The 'passt' backend can only be used with interface type='user' or type='vhostuser'
    libvirt says: The <portForward> element can only be used with the 'passt' backend of interface type='user'
    libvirt says: The 'range' of a 'portForward' requires 'start' attribute if 'end', 'to', or 'exclude' is specified
    libvirt says: Invalid value for attribute 'type' in element 'backend': 'passt'.
    libvirt says: The 'fqdn' attribute of the <backend> element can only be used with the <backend> type='passt'
    See: libvirt domain_validate.c:virDomainNetDefValidate
    """
    backend = nic.node.child("backend")
    kind = backend.attribute("type") if backend else None
    if kind and kind.value == "passt" and nic.libvirt == (9, 0, 0):
        yield Problem(
            at=kind.span,
            message="libvirt 9.0.0 does not read backend 'passt'",
            help="remove type, or update libvirt",
            says="Invalid value for attribute 'type' in element 'backend': 'passt'.",
        )
    named = next((name for name in ("fqdn", "hostname") if backend and backend.value(name) is not None), None)
    if backend and named and nic.libvirt >= DEFAULT_ROUTES and not nic.uses_passt:
        yield Problem(
            at=backend.at(named),
            message=f"only passt gives the guest a {named}",
            help=f"write type='passt', or remove {named}",
            says="The 'fqdn' attribute of the <backend> element can only be used with the <backend> type='passt'",
        )
    served = ("user", "vhostuser") if nic.libvirt >= PASST_OPTIONS else ("user",)
    if kind and nic.uses_passt and nic.type not in ("user", "vhostuser"):
        yield Problem(
            at=kind.span,
            message=f"passt does not serve {_from(nic)}",
            help="remove type, or write type='user' on <interface>",
            says="The 'passt' backend can only be used with interface type='user' or type='vhostuser'"
            if nic.libvirt >= PASST_OPTIONS
            else "",
        )
        return
    forwards = nic.node.children("portForward")
    if not forwards or nic.libvirt < PASST_OPTIONS:
        return
    if not nic.uses_passt or nic.type not in served:
        yield Problem(
            at=forwards[0].start_span,
            message="only passt forwards ports",
            help="write <backend type='passt'/>, or remove <portForward>",
            says="The <portForward> element can only be used with the 'passt' backend of interface type='user' or "
            "type='vhostuser'",
        )
        return
    for reach in (reach for forward in forwards for reach in forward.children("range")):
        if reach.value("start") is None and any(reach.value(name) is not None for name in ("end", "to", "exclude")):
            yield Problem(
                at=reach.start_span,
                message="a range of ports has no start",
                help="write the first port as start='…'",
                says="The 'range' of a 'portForward' requires 'start' attribute if 'end', 'to', or 'exclude' is "
                "specified",
            )
