"""What QEMU has only on some machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vfslint.domain import usb
from vfslint.domain.address import type_of
from vfslint.domain.device import Device, Input
from vfslint.domain.domain import Domain
from vfslint.domain.machine import PPC64, S390
from vfslint.domain.sizes import Size
from vfslint.findings import Problem, Severity, Span, Stage
from vfslint.rule import rule
from vfslint.targets import Version

# The first release with one message for all types of launch security, and the first that reads the ACPI index.
_ONE_MESSAGE: Version = (11, 3, 0)
ACPI_INDEX: Version = (7, 3, 0)
# Where a device is if it has no address, by its bus; without an entry it is on PCI, or nothing is certain.
_OTHER_BUSES = frozenset({"ide", "fdc", "sata", "scsi", "usb", "sd"})


class _Lack(NamedTuple):
    at: Span
    what: str
    help: str
    says: str


@rule("VFS952", "unsupported-on-this-machine", severity=Severity.ERROR, stage=Stage.DEFINE)
def unsupported_on_this_machine(domain: Domain) -> Iterator[Problem]:
    """A domain uses only what QEMU has on its machine.

    Why: some elements are for other hypervisors or other architectures: the NVRAM device is for pSeries machines, S3
        and S4 are states of x86 machines, a generation id is a device of x86 machines, and each type of launch
        security is a feature of one kind of processor; sets of ACPI tables are for Xen. QEMU cannot guarantee memory,
        and its balloon is a virtio device. An ACPI index is for PCI devices. A USB device requires a USB controller:
        libvirt adds one on x86 and on pSeries machines, unless there is one of the model none.
    Bad:
        <nvram><address type='spapr-vio' reg='0x3000'/></nvram>
    Bad:
        <memtune><min_guarantee unit='MiB'>512</min_guarantee></memtune>
    Bad:
        <os><type arch='x86_64' machine='q35'>hvm</type><acpi><table type='rawset'>/srv/tables</table></acpi></os>
    Bad:
        <launchSecurity type='s390-pv'/>
    Bad:
        <memballoon model='xen'/>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <genid/>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <pm><suspend-to-mem enabled='no'/></pm>
    Bad:
        <input type='tablet' bus='usb'><acpi index='1'/></input>
    Bad:
        <controller type='usb' model='none'/><input type='tablet' bus='usb'/>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <hub type='usb'/>
    Good:
        <genid/>
    Good:
        <pm><suspend-to-mem enabled='no'/></pm>
    libvirt says: nvram device is only supported for PPC64
    libvirt says: Parameter 'min_guarantee' not supported by QEMU.
    libvirt says: ACPI table type 'rawset' is not supported
    libvirt says: 's390-pv' launch security is not supported with this QEMU binary
    libvirt says: this QEMU does not support the 'genid' capability
    libvirt says: setting ACPI S3/S4 not supported
    libvirt says: ACPI index is only supported for PCI devices
    libvirt says: USB is disabled for this domain, but USB devices are present in the domain XML
    libvirt says: Can't add USB input device. USB bus is disabled
    See: libvirt qemu_validate.c:qemuValidateDomainDef, qemuValidateDomainDeviceDefNVRAM, qemuValidateDomainDeviceInfo
    """
    for find in (_of_devices, _of_memory_and_tables, _of_power, _of_security, _of_usb, _of_acpi_index):
        for lack in find(domain):
            yield Problem(at=lack.at, message=f"QEMU does not support {lack.what}", help=lack.help, says=lack.says)


def _of_devices(domain: Domain) -> Iterator[_Lack]:
    for nvram in domain.devices_of("nvram")[:1]:
        if not domain.is_pseries:
            yield _Lack(
                nvram.node.start_span,
                f"<nvram> as a device of {domain.arch}",
                "remove it; the variables of UEFI are in <nvram> of <os>",
                "nvram device is only supported for PPC64",
            )
    for balloon in domain.devices_of("memballoon")[:1]:
        if balloon.node.value("model") == "xen":
            says = "Cannot automatically add a new PCI bus for a device with connect flags 00"
            if not domain.is_x86 or domain.machine_type.lacks_pci or domain.context.target.libvirt > (11, 3, 0):
                says = ""
            if domain.arch in S390 or (balloon.address and type_of(balloon) == "pci"):
                says = "Memory balloon device type 'xen' is not supported by this version of qemu"
            yield _Lack(balloon.node.at("model"), "a balloon of model 'xen'", "write model='virtio'", says)


def _of_memory_and_tables(domain: Domain) -> Iterator[_Lack]:
    tuning = domain.first("memtune")
    guarantee = tuning.child("min_guarantee") if tuning else None
    if guarantee and guarantee.text and Size(guarantee, "").kib:
        says = "Parameter 'min_guarantee' not supported by QEMU."
        yield _Lack(guarantee.start_span, "<min_guarantee>", "remove it", says)

    for table in (table for os in domain.elements("os") for table in os.children("acpi/table")):
        kind = table.value("type")
        if kind == "rawset" and domain.context.target.libvirt >= (11, 2, 0):
            says = f"ACPI table type '{kind}' is not supported"
            yield _Lack(table.at("type"), f"ACPI tables of type {kind!r}", "write a <table type='raw'> for each", says)


def _of_power(domain: Domain) -> Iterator[_Lack]:
    if domain.is_x86:
        return
    genid = domain.first("genid")
    if genid:
        says = "this QEMU does not support the 'genid' capability"
        yield _Lack(genid.start_span, f"<genid> on {domain.arch}", "remove it", says)
    target = domain.context.target
    # Before libvirt looked at the architecture, it accepted what QEMU's binary for POWER has for other boards.
    has_other_board = domain.arch in PPC64 and target.libvirt < _ONE_MESSAGE and target.qemu >= (6, 0, 0)
    for name, state in (("suspend-to-mem", "S3"), ("suspend-to-disk", "S4")) if not has_other_board else ():
        nodes = (node for pm in domain.elements("pm") for node in pm.children(name))
        node = next(nodes, None)
        if node and node.value("enabled") in ("yes", "no"):
            is_new = domain.context.target.libvirt >= _ONE_MESSAGE
            says = f"setting ACPI {'S3/S4' if is_new else state} not supported"
            yield _Lack(node.start_span, f"<{name}> on {domain.arch}", "remove it", says)


def _of_security(domain: Domain) -> Iterator[_Lack]:
    security = domain.first("launchSecurity")
    kind = security.value("type") if security else None
    if security is None or kind not in ("sev", "sev-snp", "tdx", "s390-pv"):
        return
    if domain.arch in S390 if kind == "s390-pv" else domain.is_x86:
        return
    libvirt = domain.context.target.libvirt
    says = f"'{kind}' launch security is not supported with this QEMU binary" if libvirt >= _ONE_MESSAGE else ""
    if libvirt <= (9, 0, 0):
        name = {"sev": "SEV", "s390-pv": "S390 PV"}.get(kind)
        says = f"{name} launch security is not supported with this QEMU binary" if name else ""
    help = "remove <launchSecurity>, or write the type of this architecture"
    yield _Lack(security.at("type"), f"launch security {kind!r} on {domain.arch}", help, says)


def _of_usb(domain: Domain) -> Iterator[_Lack]:
    if usb.has_bus(domain) is not False:
        return
    is_off = any(each.node.value("type") == "usb" for each in domain.controllers)
    for node in usb.devices(domain):
        says = "USB is disabled for this domain, but USB devices are present in the domain XML"
        if is_off and node.tag == "hub":
            says = "Can't add USB hub: USB is disabled for this domain"
        elif is_off and node.tag == "hostdev":
            says = "Can't add host USB device: USB is disabled in this host"
        elif is_off and node.tag == "input" and (node.value("bus") or domain.context.target.libvirt <= (9, 0, 0)):
            says = "Can't add USB input device. USB bus is disabled"
        help = (
            "remove it, or the controller of model none" if is_off else "add <controller type='usb' model='qemu-xhci'/>"
        )
        yield _Lack(node.start_span, f"<{node.tag}> as a USB device of a domain without USB", help, says)


def _of_acpi_index(domain: Domain) -> Iterator[_Lack]:
    if domain.context.target.libvirt < ACPI_INDEX:
        return
    for node in domain.outlines():
        acpi = node.child("acpi")
        if acpi and acpi.value("index") and _is_certainly_not_pci(Device(node, domain.context.target.libvirt), domain):
            says = "ACPI index is only supported for PCI devices"
            what = f"an ACPI index of a {node.tag} that is not a PCI device"
            yield _Lack(acpi.start_span, what, "remove <acpi>", says)


def _is_certainly_not_pci(device: Device, domain: Domain) -> bool:
    address = type_of(device)
    if address is not None:
        return address not in ("pci", "unassigned")
    if device.kind == "input":
        return Input(device.node, device.libvirt).bus(domain.arch) == "usb"
    target = device.node.child("target")
    kind = target.value("type") if target else None
    if device.kind == "disk":
        return target is not None and target.value("bus") in _OTHER_BUSES
    if device.kind == "sound":
        return device.node.value("model") == "usb"
    # Virtio consoles have no address yet when libvirt checks this.
    if device.kind in ("channel", "serial"):
        return kind == {"channel": "virtio", "serial": "usb-serial"}[device.kind]
    return device.kind in ("hub", "redirdev", "smartcard")
