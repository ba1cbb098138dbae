"""Network interfaces."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain.device import NEW_PARSER
from vfslint.domain.interface import Interface
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers


@rule(
    "VFS288",
    "mac-address-malformed",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def mac_address_malformed(nic: Interface) -> Iterator[Problem]:
    """A network interface has a unicast MAC address of six bytes.

    Why: libvirt reads six hexadecimal numbers separated by colons. An address with an odd first byte is a
        multicast address, which an interface cannot have.
    Bad:
        <interface type='user'><mac address='52-54-00-00-00-01'/></interface>
    Bad:
        <interface type='user'><mac address='01:00:5e:00:00:01'/></interface>
    Good:
        <interface type='user'><mac address='52:54:00:00:00:01'/></interface>
    libvirt says: unable to parse mac address
    libvirt says: expected unicast mac address, found multicast
    See: libvirt virmacaddr.c:virMacAddrParse; domain_conf.c:virDomainNetDefParseXML
    """
    mac = nic.node.child("mac")
    address = mac.attribute("address") if mac else None
    if address is None:
        return
    read = numbers.mac_address(address.value)
    if read is None or read[0] & 1:
        yield Problem(
            at=address.span,
            message=f"{address.value!r} is not a MAC address"
            if read is None
            else f"{address.value!r} is a multicast address, which an interface cannot have",
            help="write six bytes such as 52:54:00:12:34:56, or remove <mac>",
            says=f"unable to parse mac address '{address.value}'"
            if read is None
            else f"expected unicast mac address, found multicast '{address.value}'",
        )


# Since this release, a port of a distributed switch is named by the switch alone.
ONLY_SWITCHID: Version = (10, 7, 0)

# The attributes of <source> that libvirt requires, by the type of the interface.
_SOURCES = {
    "bridge": ("bridge",),
    "network": ("network",),
    "direct": ("dev",),
    "vdpa": ("dev",),
    "internal": ("name",),
    "server": ("port",),
    "client": ("address", "port"),
    "mcast": ("address", "port"),
    "udp": ("address", "port"),
    "vds": ("switchid", "portid", "portgroupid", "connectionid"),
}


@rule("VFS289", "interface-source-missing", severity=Severity.ERROR, stage=Stage.PARSE)
def interface_source_missing(nic: Interface) -> Iterator[Problem]:
    """An interface names what it is connected to.

    Why: libvirt requires a bridge, a network, a device or an address, depending on the type of the interface,
        each in its own attribute of `<source>`.
    Bad:
        <interface type='bridge'><source network='default'/></interface>
    Good:
        <interface type='bridge'><source bridge='br0'/></interface>
        <interface type='user'/>
    libvirt says: interface type='bridge' requires a 'source' element
    libvirt says: Missing required attribute 'bridge' in element 'source'
    libvirt says: No <source> 'bridge' attribute specified with <interface type='bridge'/>
    libvirt says: missing source address type
    See: libvirt domain_conf.c:virDomainNetDefParseXML
    """
    wanted = _SOURCES.get(nic.type, ())
    if nic.type == "vds" and nic.libvirt >= ONLY_SWITCHID:
        wanted = wanted[:1]
    sources = nic.node.children("source") if wanted else []
    missing = [name for name in wanted if all(source.value(name) is None for source in sources)]
    is_named = any(nic.node.child(f"source/{name}") for name in ("address", "vendor"))
    if nic.type == "hostdev" and not is_named:
        missing = ["<address>"]
    if missing:
        yield Problem(
            at=sources[0].start_span if sources else nic.node.start_span,
            message=f"the source of the {nic.type!r} interface has no {' and no '.join(missing)}",
            help=f"add {' and '.join(missing)} to <source>",
            says=_source_refusal(nic, missing[0]),
        )


def _source_refusal(nic: Interface, missing: str) -> str:
    if nic.type == "hostdev":
        if nic.libvirt > (9, 0, 0):
            return "unknown host device source address type '(null)'"
        return "missing source address type"
    if nic.libvirt >= NEW_PARSER:
        if nic.node.child("source") is None:
            return f"interface type='{nic.type}' requires a 'source' element"
        return f"Missing required attribute '{missing}' in element 'source'"
    if nic.type in ("server", "client", "mcast", "udp"):
        return f"No <source> '{missing}' attribute specified with socket interface"
    if nic.type in ("bridge", "network", "direct"):
        return f"No <source> '{missing}' attribute specified with <interface type='{nic.type}'/>"
    return ""
