"""Refusals of plain define whose message no finding quotes, with the reason of each."""

from __future__ import annotations

import re
from typing import NamedTuple


class Unquoted(NamedTuple):
    """A kind of message, by a pattern that it matches, and why it is not quoted."""

    message: str
    reason: str


HOST = "It depends on which emulators the host has, and on the machine type that an alias stands for."
OTHER_FAULT = "libvirt stumbles over a consequence of what vfslint reports."
NOT_REPORTED = "vfslint reports another fault of the same domain, but not this one."
UNQUOTED = (
    Unquoted(r"No emulator found for arch", HOST),
    Unquoted(r"(CCW addresses are not|Configuring the 'armvtimer' timer is not) supported", HOST),
    Unquoted(r"cannot use CCW address type for device", HOST),
    Unquoted(r"(cannot create|Failed to create) file", "It names the folder of the daemon's configuration."),
    Unquoted(r"The PCI controller with index='0' must be model=", OTHER_FAULT),
    Unquoted(r"Machine type '.*' supports PCI but no PCI controller added", OTHER_FAULT),
    Unquoted(r"a PCIe? slot is needed to connect a PCI controller", OTHER_FAULT),
    Unquoted(r"unsupported input bus ps2", OTHER_FAULT),
    Unquoted(r"Maximum CPUs greater than specified machine type limit", OTHER_FAULT),
    Unquoted(r"maximum vCPU count must not be less than current vCPU count", OTHER_FAULT),
    Unquoted(r"USB controller model '.*' requires PCI but machine type", OTHER_FAULT),
    Unquoted(r"Cannot automatically add a new PCI bus for a device with unrecognized connect flags", OTHER_FAULT),
    Unquoted(r"boot order '\d+' used for more than one device", "Of several, libvirt names the one of a later device."),
    Unquoted(r"target '.*' duplicated for disk sources 'vol/", "It names the file inside the storage pool."),
    Unquoted(r"cpu topology results in more than|Invalid CPU topology", "libvirt 7.0.0 reads large numbers in part."),
    Unquoted(r"Invalid 'level' attribute in cache element for NUMA node", "It names the NUMA cell by its position."),
    Unquoted(r"Unknown model type '.*'", "The domain is for another architecture, which is reported first."),
    Unquoted(r"unknown host device source address type|in element 'hostdev'", "The mode is reported, not the type."),
    Unquoted(r"missing (target|source) information for device", "vfslint reports a type that libvirt reads later."),
    Unquoted(r"setting the panic device address is not supported", NOT_REPORTED),
    Unquoted(r"in element 'master'|Cannot parse <master> 'startport'", NOT_REPORTED),
    Unquoted(r"in element 'zpci'|Cannot parse <address> 'uid'", NOT_REPORTED),
    Unquoted(r"Missing mandatory serial for NVMe controller", NOT_REPORTED),
    Unquoted(r"Invalid value for attribute 'uuid' in element 'secret'", NOT_REPORTED),
    Unquoted(r"invalid geometry settings", NOT_REPORTED),
    Unquoted(r"No <source> 'dev' attribute specified with <interface type='vdpa'/>", NOT_REPORTED),
)


def reason_of(message: str) -> str | None:
    """Return why a message is not quoted; None if that is not known."""
    return next((each.reason for each in UNQUOTED if re.search(each.message, message)), None)
