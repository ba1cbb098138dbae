"""USB redirection and leases of the lock manager."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfslint.domain.device import NEW_PARSER, Lease, Redirection
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.xml.document import Node

# Two numbers as strtoul reads them, below 100 each.
_VERSION = r"[ \t\n\v\f\r]*\+?0*[0-9]{1,2}\.[ \t\n\v\f\r]*\+?0*[0-9]{1,2}\Z"


@rule("VFS928", "usb-redirection-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def usb_redirection_invalid(devices: list[Redirection]) -> Iterator[Problem]:
    """Redirected devices are on a USB bus, and the domain has one filter for them.

    Why: libvirt reads one `<redirfilter>` with all rules, and USB versions such as 1.10. The address of a redirected
        device in the guest is a port of a USB controller.
    Bad:
        <redirfilter><usbdev class='0x08' allow='yes'/></redirfilter><redirfilter><usbdev allow='no'/></redirfilter>
    Bad:
        <redirfilter><usbdev version='two' allow='yes'/></redirfilter>
    Bad:
        <redirdev bus='usb' type='tcp'><source mode='connect' host='localhost' service='4000'/>
          <address type='drive' controller='0' bus='0' target='0' unit='0'/></redirdev>
    Good:
        <redirdev bus='usb' type='tcp'><source mode='connect' host='localhost' service='4000'/>
          <address type='usb' bus='0' port='1'/></redirdev>
        <redirfilter><usbdev class='0x08' version='2.0' allow='yes'/><usbdev allow='no'/></redirfilter>
    libvirt says: only one set of redirection filter rule is supported
    libvirt says: Cannot parse USB device version two
    libvirt says: Invalid address for a USB device
    See: libvirt domain_conf.c:virDomainDefParseXML, virDomainRedirdevDefParseXML,
        virDomainRedirFilterUSBVersionHelper
    """
    filters = [device.node for device in devices if device.kind == "redirfilter"]
    for node in filters[1:]:
        yield Problem(
            at=node.start_span,
            message="the domain has more than one <redirfilter>",
            help="move its rules into the first one",
            related=(Related(filters[0].start_span, "the first"),),
            stage=Stage.PARSE,
            says="only one set of redirection filter rule is supported",
        )
    for allowed in (each for node in filters for each in node.children("usbdev")):
        version = allowed.attribute("version")
        if version and version.value != "-1" and not re.match(_VERSION, version.value):
            yield Problem(
                at=version.span,
                message=f"{version.value!r} is not the version of a USB device",
                help="write a version such as 1.10, or remove it",
                stage=Stage.PARSE,
                says=f"Cannot parse USB device version {version.value}",
            )
    for device in devices:
        if device.kind == "redirdev":
            yield from _device_problems(device)


def _device_problems(device: Redirection) -> Iterator[Problem]:
    kind = device.address.attribute("type") if device.address else None
    if kind and kind.value and kind.value != "usb":
        yield Problem(
            at=kind.span,
            message=f"a redirected USB device cannot have an address of type {kind.value!r}",
            help="write type='usb', or remove <address>",
            stage=Stage.PARSE,
            says="Invalid address for a USB device",
        )


@rule("VFS929", "lease-incomplete", severity=Severity.ERROR, stage=Stage.PARSE)
def lease_incomplete(lease: Lease) -> Iterator[Problem]:
    """A lease has a key, a lock space and the path of its file.

    Why: the lock manager finds the lease by these. Before the parser was rewritten, libvirt accepted empty names and
        a lease without a lock space.
    Bad:
        <lease><lockspace>vms</lockspace><target path='/srv/leases'/></lease>
    Bad:
        <lease><lockspace>vms</lockspace><key>web</key></lease>
    Bad (libvirt 9.0.0):
        <lease><key>web</key><target path='/srv/leases'/></lease>
    Bad (libvirt 9.0.0):
        <lease><lockspace>vms</lockspace><key/><target path='/srv/leases'/></lease>
    Bad:
        <lease><lockspace>vms</lockspace><key>web</key><target offset='1024'/></lease>
    Good:
        <lease><lockspace>vms</lockspace><key>web</key><target path='/srv/leases' offset='1024'/></lease>
    libvirt says: Missing 'key' element for lease
    libvirt says: Missing 'target' element for lease
    libvirt says: Missing 'path' attribute to 'target' element for lease
    See: libvirt domain_conf.c:virDomainLeaseDefParseXML
    """
    node, is_old = lease.node, lease.libvirt < NEW_PARSER
    key, space, target = node.child("key"), node.child("lockspace"), node.child("target")
    if _lacks(key, is_old=is_old):
        yield Problem(
            at=key.start_span if key else node.start_span,
            message="the lease has no key",
            help="add <key>…</key>",
            says="Missing 'key' element for lease",
        )
    elif _lacks(space, is_old=is_old) and not is_old:
        yield Problem(
            at=space.start_span if space else node.start_span,
            message="the lease has no lock space",
            help="add <lockspace>…</lockspace>",
            says="An error occurred, but the cause is unknown",
        )
    elif target is None or target.value("path") is None:
        yield Problem(
            at=target.start_span if target else node.start_span,
            message="the lease has no target" if target is None else "the target of the lease has no path",
            help="write <target path='…'/>",
            says="Missing 'target' element for lease"
            if target is None or is_old
            else "Missing 'path' attribute to 'target' element for lease",
        )


def _lacks(node: Node | None, *, is_old: bool) -> bool:
    """Whether an element is missing; the newer parser does not read an empty one."""
    return node is None or (not is_old and not node.text)
