"""What an interface says about networks: addresses, routes, VLANs, bandwidth and virtual ports."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain.device import NEW_PARSER
from vfslint.domain.interface import Interface
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

# The last release known to reject repeated limits, and the first to compare bandwidths with the limits of tc.
LIMITS_REPEATED: Version = (9, 0, 0)
LIMITS_CHECKED: Version = (11, 3, 0)
# Since this release, a route can be the default route, without an address; and midonet ports are checked for extras.
NEWEST_CHECKS: Version = (12, 8, 0)
SPEED_LIMIT = 2**54
BURST_LIMIT = 2**22 - 1


@rule("VFS921", "interface-traffic-invalid", severity=Severity.ERROR, stage=Stage.PARSE)
def interface_traffic_invalid(nic: Interface) -> Iterator[Problem]:
    """VLANs and bandwidths of an interface are consistent, and can be set.

    Why: an interface with several VLANs is a trunk, and only one of them can be the native one. A bandwidth has an
        average, which peak and burst refer to, and is limited to what tc accepts.
    Bad:
        <interface type='bridge'><source bridge='br0'/><virtualport type='openvswitch'/>
          <vlan trunk='no'><tag id='4'/><tag id='5'/></vlan></interface>
    Bad:
        <interface type='bridge'><source bridge='br0'/><virtualport type='openvswitch'/>
          <vlan trunk='no'><tag id='4' nativeMode='tagged'/></vlan></interface>
    Bad:
        <interface type='bridge'><source bridge='br0'/><virtualport type='openvswitch'/>
          <vlan trunk='yes'><tag id='4' nativeMode='tagged'/><tag id='5' nativeMode='untagged'/></vlan></interface>
    Bad (libvirt 11.3.0):
        <interface type='user'><bandwidth><inbound average='1000' burst='4194304'/></bandwidth></interface>
    Good:
        <interface type='bridge'><source bridge='br0'/><virtualport type='openvswitch'/>
          <vlan trunk='yes'><tag id='4' nativeMode='tagged'/><tag id='5'/></vlan>
          <bandwidth><inbound average='1000' burst='4096'/></bandwidth></interface>
    libvirt says: invalid "trunk='no'" in <vlan> - trunk='yes' is required for more than one vlan tag
    libvirt says: invalid configuration in <vlan> - "trunk='no'" is not allowed with a native vlan id
    libvirt says: duplicate native vlan setting
    libvirt says: value '4194304' is too big for 'burst' parameter, maximum is '4194303'
    See: libvirt netdev_vlan_conf.c:virNetDevVlanParse, virnetdevbandwidth.c:virNetDevBandwidthValidate
    """
    vlans = nic.node.children("vlan")
    for vlan in vlans if nic.libvirt < NEW_PARSER else vlans[:1]:
        yield from _vlan_problems(vlan)
    bandwidth = nic.node.child("bandwidth")
    if bandwidth and nic.libvirt <= LIMITS_REPEATED:
        yield from _repeated_limits(bandwidth)
    bandwidth = bandwidth if nic.libvirt >= LIMITS_CHECKED else None
    for way in ("inbound", "outbound") if bandwidth else ():
        limits = bandwidth.child(way) if bandwidth else None
        for name in ("average", "peak", "burst", "floor") if limits else ():
            written = limits.attribute(name) if limits else None
            limit = BURST_LIMIT if name == "burst" else SPEED_LIMIT
            number = numbers.unsigned(written.value, bits=64) if written else None
            if written and number is not None and number > limit:
                yield Problem(
                    at=written.span,
                    message=f"{name} {number} is above {limit}, the limit of tc",
                    help="write a smaller number",
                    says=f"value '{number}' is too big for '{name}' parameter, maximum is '{limit}'",
                    stage=Stage.DEFINE,
                )


def _repeated_limits(bandwidth: Node) -> Iterator[Problem]:
    for way in ("inbound", "outbound"):
        for limits in bandwidth.children(way)[1:]:
            yield Problem(
                at=limits.name_span,
                message=f"the bandwidth has more than one <{way}>",
                help="keep one of them",
                says=f"Only one child <{way}> element allowed",
            )


def _vlan_problems(vlan: Node) -> Iterator[Problem]:
    tags, trunk = vlan.children("tag"), vlan.attribute("trunk")
    native = [tag for tag in tags if tag.value("nativeMode") in ("tagged", "untagged")]
    if len(native) > 1:
        yield Problem(
            at=native[1].at("nativeMode"),
            message="two VLANs of the interface are native",
            help="remove nativeMode from one of them",
            says="duplicate native vlan setting",
        )
    if trunk is None or trunk.value.lower() == "yes":
        return
    if len(tags) > 1:
        yield Problem(
            at=trunk.span,
            message=f"trunk is {trunk.value!r}, but the interface is in {len(tags)} VLANs",
            help="write trunk='yes'",
            says=f"invalid \"trunk='{trunk.value}'\" in <vlan> - trunk='yes' is required for more than one vlan tag",
        )
    elif native:
        yield Problem(
            at=trunk.span,
            message=f"trunk is {trunk.value!r}, but the interface has a native VLAN",
            help="write trunk='yes', or remove nativeMode",
            says="invalid configuration in <vlan> - \"trunk='no'\" is not allowed with a native vlan id",
        )


# By the type of a virtual port: the parameters that libvirt requires, in its order, and those that it rejects.
_REQUIRED = {
    "802.1Qbg": ("managerid", "typeid", "typeidversion"),
    "802.1Qbh": ("profileid",),
    "midonet": ("interfaceid",),
}
_EDGE = ("managerid", "typeid", "typeidversion", "instanceid")
_EXTRA = {
    "802.1Qbg": ("profileid", "interfaceid"),
    "802.1Qbh": (*_EDGE, "interfaceid"),
    "openvswitch": _EDGE,
    "midonet": _EDGE,
}


@rule("VFS922", "virtualport-parameters-invalid", severity=Severity.ERROR, stage=Stage.PARSE)
def virtualport_parameters_invalid(nic: Interface) -> Iterator[Problem]:
    """A virtual port has the parameters that its type requires, and no others.

    Why: each protocol of a switch identifies a port in its own way: 802.1Qbg by a manager and a type, 802.1Qbh by a
        profile, Open vSwitch and MidoNet by an interface. Only the port of an interface of type `network` can leave
        out what the network adds.
    Bad:
        <interface type='bridge'><source bridge='br0'/><virtualport type='802.1Qbg'>
          <parameters managerid='11'/></virtualport></interface>
    Bad:
        <interface type='bridge'><source bridge='br0'/><virtualport type='802.1Qbh'/></interface>
    Bad:
        <interface type='network'><source network='lan'/><virtualport type='openvswitch'>
          <parameters managerid='11'/></virtualport></interface>
    Good:
        <interface type='bridge'><source bridge='br0'/><virtualport type='802.1Qbh'>
          <parameters profileid='guests'/></virtualport></interface>
        <interface type='network'><source network='lan'/><virtualport type='802.1Qbg'/></interface>
    libvirt says: missing typeid in <virtualport type='802.1Qbg'>
    libvirt says: missing profileid in <virtualport type='802.1Qbh'>
    libvirt says: extra managerid unsupported in <virtualport type='openvswitch'>
    See: libvirt virnetdevvportprofile.c:virNetDevVPortProfileCheckComplete, virNetDevVPortProfileCheckNoExtras
    """
    port = nic.virtualport
    kind = port.value("type") if port else None
    if port is None or kind is None or nic.type not in ("network", "bridge", "direct", "hostdev"):
        return
    parameters = port.child("parameters")
    given = (
        {each.name for each in parameters.attributes if each.value or each.name != "profileid"} if parameters else set()
    )
    missing = next((name for name in _REQUIRED.get(kind, ()) if name not in given), None)
    if missing and nic.type != "network":
        yield Problem(
            at=parameters.start_span if parameters else port.start_span,
            message=f"a virtual port of type {kind!r} has no {missing}",
            help=f"write <parameters {missing}='…'/>",
            says=f"missing {missing} in <virtualport type='{kind}'>",
        )
        return
    extra = next((name for name in _EXTRA.get(kind, ()) if name in given), None)
    if parameters and extra and (kind != "midonet" or nic.libvirt >= NEWEST_CHECKS):
        yield Problem(
            at=parameters[extra].name_span,
            message=f"a virtual port of type {kind!r} cannot have {extra}",
            help=f"remove {extra}",
            says=f"extra {extra} unsupported in <virtualport type='{kind}'>",
        )


@rule("VFS923", "interface-address-malformed", severity=Severity.ERROR, stage=Stage.PARSE)
def interface_address_malformed(nic: Interface) -> Iterator[Problem]:
    """Addresses and routes are numeric, of the family that they name, and routes lead to a network.

    Why: libvirt reads addresses without asking DNS, as C does: 10.1 is 10.0.0.1. A route has a gateway of its family
        and the address of a network, whose bits after the prefix are 0; without a prefix, it would have 0 bits.
    Bad:
        <interface type='user'><ip address='guest.example.org'/></interface>
    Bad:
        <interface type='user'><ip family='ipv4' address='fe80::5'/></interface>
    Bad:
        <interface type='user'><ip address='10.0.0.5' prefix='33'/></interface>
    Bad:
        <interface type='ethernet'><source><route address='10.0.0.1' prefix='8' gateway='10.0.0.2'/></source>
        </interface>
    Bad:
        <interface type='ethernet'><source><route address='fe80::' prefix='64' gateway='fe80::1'/></source></interface>
    Bad:
        <interface type='ethernet'><source><route address='10.0.0.0' prefix='8' netmask='255.0.0.0'
          gateway='10.0.0.2'/></source></interface>
    Good:
        <interface type='ethernet'><source><ip address='10.0.0.5' prefix='8'/>
          <route address='10.0.0.0' prefix='8' gateway='10.0.0.2'/>
          <route family='ipv6' address='fe80::' prefix='64' gateway='fe80::1'/></source></interface>
    libvirt says: Invalid address 'guest.example.org' in <ip>
    libvirt says: Invalid prefix value '33' in <ip>
    libvirt says: interface host IP: Address '10.0.0.1' in route definition is not a network address
    libvirt says: No family specified for non-IPv4 address 'fe80::' in route definition
    libvirt says: Route definition cannot have both a prefix and a netmask
    See: libvirt domain_conf.c:virDomainNetIPParseXML, networkcommon_conf.c:virNetDevIPRouteCreate
    """
    sources = nic.node.children("source")
    for source in sources if nic.libvirt < NEW_PARSER else sources[:1]:
        for node in source.children("ip"):
            yield from _ip_problems(node)
        for node in source.children("route"):
            yield from _route_problems(node, nic.libvirt, "interface host IP")
    for node in nic.node.children("ip"):
        yield from _ip_problems(node)
    for node in nic.node.children("route"):
        yield from _route_problems(node, nic.libvirt, "guest interface")
    forwards = nic.node.children("portForward") if nic.libvirt >= (9, 0, 0) else []
    for node in forwards:
        address = node.attribute("address")
        if address and numbers.ip_address(address.value) is None:
            yield Problem(
                at=address.span,
                message=f"{address.value!r} is not an IP address",
                help="write an IPv4 or IPv6 address, or remove it",
                says=f"Invalid address '{address.value}' in <portForward>",
            )


def _ip_problems(node: Node) -> Iterator[Problem]:
    address, family = node.attribute("address"), {"ipv4": 4, "ipv6": 6}.get(node.value("family") or "")
    if address is None:
        return
    read = numbers.ip_address(address.value)
    if read is None or (family and read.version != family):
        yield Problem(
            at=address.span,
            message=f"{address.value!r} is not an IP{f'v{family}' if family else ''} address",
            help=f"write an IP{f'v{family}' if family else ''} address" + (", or another family" if read else ""),
            says=f"Invalid address '{address.value}' in <ip>",
        )
        return
    prefix, peer = node.attribute("prefix"), node.attribute("peer")
    length = numbers.unsigned(prefix.value, wraps=True) if prefix else 0
    if prefix and (length is None or length > (32 if read.version == 4 else 128)):
        yield Problem(
            at=prefix.span,
            message=f"{prefix.value!r} is not the length of an IPv{read.version} prefix",
            help=f"write a number up to {32 if read.version == 4 else 128}",
            says=f"Invalid prefix value '{prefix.value}' in <ip>",
        )
    other = numbers.ip_address(peer.value) if peer else None
    if peer and (other is None or other.version != read.version):
        yield Problem(
            at=peer.span,
            message=f"peer {peer.value!r} is not an IPv{read.version} address",
            help=f"write an IPv{read.version} address, or remove it",
            says=f"Invalid peer '{peer.value}' in <ip>",
        )


def _route_problems(node: Node, libvirt: Version, where: str) -> Iterator[Problem]:
    problem = _route_problem(node, libvirt)
    if problem:
        name, message, help, says = problem
        yield Problem(
            at=(node[name].name_span if name == "prefix" and node.value("netmask") else node.at(name))
            if node.value(name) is not None
            else node.start_span,
            message=message,
            help=help,
            says=f"{where}: {says}" if says else "",
        )


_FAMILIES = {None: 4, "ipv4": 4, "ipv6": 6}


def _route_problem(node: Node, libvirt: Version) -> tuple[str, str, str, str] | None:
    """Return the attribute of a route that libvirt rejects, what is wrong, what to do, and what libvirt says."""
    family, address, gateway = node.value("family"), node.value("address"), node.value("gateway")
    netmask, prefix = node.value("netmask"), numbers.unsigned(node.value("prefix") or "0")
    if gateway is None or prefix is None or family not in _FAMILIES or (address is None and libvirt < NEWEST_CHECKS):
        return None  # the vocabulary reports these
    version = _FAMILIES[family]
    read, via = (None if text is None else numbers.ip_address(text) for text in (address, gateway))
    if address is not None and read is None:
        return (
            "address",
            f"{address!r} is not an IP address",
            f"write an IPv{version} address",
            (f"Bad network address '{address}' in route definition"),
        )
    if via is None:
        return (
            "gateway",
            f"gateway {gateway!r} is not an IP address",
            f"write an IPv{version} address",
            (f"Bad gateway address '{gateway}' in route definition"),
        )
    for name, each, text in (("address", read, address), ("gateway", via, gateway)):
        if each is not None and each.version != version:
            help = f"write an IPv{version} address" if family else f"write family='ipv{each.version}' on <route>"
            return name, f"{text!r} is not an IPv{version} address", help, _other_family(family, name, address, gateway)
    if netmask is not None:
        return _netmask_problem(node, version, address, netmask)
    if prefix > (32 if version == 4 else 128):
        most = 32 if version == 4 else 128
        return (
            "prefix",
            f"a prefix of {prefix} bits is longer than an address",
            f"write a number up to {most}",
            (f"Invalid prefix {prefix} specified in route definition, must be 0 - {most}"),
        )
    if read is not None and int(read) & ((1 << (read.max_prefixlen - prefix)) - 1):
        return (
            "address",
            f"{address!r} is not the address of a network of {prefix} bits",
            ("write the network's address and its prefix"),
            f"Address '{address}' in route definition is not a network address",
        )
    return None


def _other_family(family: str | None, name: str, address: str | None, gateway: str | None) -> str:
    if family == "ipv6":
        if name == "address":
            return f"ipv6 family specified for non-IPv6 address '{address}' in route definition"
        return f"ipv6 specified for non-IPv6 gateway address '{gateway}' in route definition"
    said = "IPv4 family" if family else "No family"
    return f"{said} specified for non-IPv4 {name} '{address}' in route definition"


def _netmask_problem(node: Node, version: int, address: str | None, netmask: str) -> tuple[str, str, str, str] | None:
    mask = numbers.ip_address(netmask)
    if version == 6:
        return (
            "netmask",
            "an IPv6 route has no netmask",
            "write prefix='…' instead",
            (f"Specifying netmask invalid for IPv6 address '{address}' in route definition"),
        )
    if mask is None:
        return (
            "netmask",
            f"netmask {netmask!r} is not an IP address",
            "write a netmask such as 255.255.255.0",
            (f"Bad netmask address '{netmask}' in route definition"),
        )
    if mask.version != 4:
        return (
            "netmask",
            f"netmask {netmask!r} is not an IPv4 address",
            "write a netmask such as 255.255.255.0",
            (f"Invalid netmask '{netmask}' for address '{address}' (both must be IPv4)"),
        )
    if node.value("prefix") is not None:
        return (
            "prefix",
            "the route has both a prefix and a netmask",
            "remove one of them",
            ("Route definition cannot have both a prefix and a netmask"),
        )
    network = numbers.ip_address(address) if address else None
    if network is not None and int(network) & ~int(mask) & 0xFFFFFFFF:
        return (
            "address",
            f"{address!r} is not the address of a network with netmask {netmask}",
            ("write the network's address"),
            f"Address '{address}' in route definition is not a network address",
        )
    return None
