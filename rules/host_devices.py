"""Devices of the host that are passed through: sources, options and addresses."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.device import NEW_PARSER
from vfslint.domain.disk import DrivePlace
from vfslint.domain.domain import Domain
from vfslint.domain.host_device import Hostdev, Identity, identities
from vfslint.domain.interface import Interface
from vfslint.domain.machine import S390
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.rules.interface_options import rom_problems, untyped_teaming
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

# Since this release, a device must not be passed through twice, and ROMs are checked at define.
COMPARED: Version = (9, 0, 0)
# Since this release, a PCI device can have a display.
PCI_DISPLAY: Version = (10, 3, 0)
# Since this release, a USB device can be found by its port.
USB_PORTS: Version = (12, 8, 0)


@rule("VFS919", "hostdev-teaming-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def hostdev_teaming_invalid(device: Hostdev) -> Iterator[Problem]:
    """A device of the host can only be the transient one of a team, and only a PCI device can.

    Why: a card that is passed through is unplugged before a migration; its partner in `persistent` takes over.
        libvirt reads the team of a `<hostdev>` since 7.1.0.
    Bad (libvirt 9.0.0):
        <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='6' slot='0' function='0'/></source>
          <teaming type='persistent'/></hostdev>
    Bad (libvirt 9.0.0):
        <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='6' slot='0' function='0'/></source>
          <teaming persistent='ua-backup'/></hostdev>
    Bad (libvirt 9.0.0):
        <hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source>
          <teaming type='transient' persistent='ua-backup'/></hostdev>
    Good:
        <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='6' slot='0' function='0'/></source>
          <teaming type='transient' persistent='ua-backup'/></hostdev>
    libvirt says: teaming hostdev devices must have type='transient'
    libvirt says: unknown teaming type '(null)'
    libvirt says: missing required persistent attribute in hostdev teaming element
    libvirt says: teaming is only supported for pci hostdev devices
    See: libvirt domain_validate.c:virDomainHostdevDefValidate
    """
    teaming = device.node.child("teaming")
    if teaming is None or device.libvirt < NEW_PARSER:
        return
    kind, partner = teaming.value("type"), teaming.value("persistent")
    if not kind:
        yield from untyped_teaming(teaming, device.libvirt)
    elif kind == "persistent":
        yield Problem(
            at=teaming.at("type") if device.type == "pci" else teaming.name_span,
            message="a device of the host cannot be the persistent one of a team",
            help="write type='transient' and the partner's alias as persistent='ua-…'",
            says="teaming hostdev devices must have type='transient'",
        )
    elif kind == "transient" and not partner:
        yield Problem(
            at=teaming.start_span,
            message="the transient device of a team does not name its partner",
            help="write the alias of the persistent interface as persistent='ua-…'",
            says="missing required persistent attribute in hostdev teaming element",
        )
    elif kind == "transient" and device.type != "pci":
        yield Problem(
            at=teaming.name_span,
            message=f"a device of type {device.type!r} cannot be in a team",
            help="remove <teaming>",
            says="teaming is only supported for pci hostdev devices",
        )


@rule("VFS924", "hostdev-repeated", severity=Severity.ERROR, stage=Stage.DEFINE)
def hostdev_repeated(domain: Domain, context: Context) -> Iterator[Problem]:
    """Every device of the host is passed through once, to an address of its own; one of them can have a boot display.

    Why: libvirt compares devices since 9.0.0: USB devices by their address, or else by vendor and product. Two SCSI
        devices, or a SCSI device and a disk, cannot have the same address in the guest; a disk without an address has
        the one that belongs to its name. Only one virtual GPU can have
        `ramfb`, and only one device of an s390x guest can be its cryptographic adapters.
    Bad (libvirt 9.0.0):
        <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='6' slot='0' function='0'/></source>
        </hostdev>
        <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='6' slot='0' function='0'/></source>
        </hostdev>
    Bad (libvirt 9.0.0):
        <hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product id='0x2'/></source></hostdev>
        <hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product id='0x2'/></source></hostdev>
    Bad (libvirt 9.0.0):
        <interface type='hostdev'><source><address type='pci' domain='0' bus='6' slot='0' function='0'/></source>
        </interface>
        <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='6' slot='0' function='0'/></source>
        </hostdev>
    Bad:
        <hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/>
          </source><address type='drive' controller='0' bus='0' target='0' unit='3'/></hostdev>
        <hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/><address bus='0' target='0' unit='1'/>
          </source><address type='drive' controller='0' bus='0' target='0' unit='3'/></hostdev>
    Bad:
        <controller type='scsi' index='0' model='virtio-scsi'/>
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sdb' bus='scsi'/></disk>
        <hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/>
          </source><address type='drive' controller='0' bus='0' target='0' unit='1'/></hostdev>
    Bad (libvirt 9.0.0):
        <hostdev mode='subsystem' type='mdev' model='vfio-pci' ramfb='on' display='off'>
          <source><address uuid='c7a5fdbd-edaf-9455-926a-d65c16db1800'/></source></hostdev>
        <hostdev mode='subsystem' type='mdev' model='vfio-pci' ramfb='on' display='off'>
          <source><address uuid='c7a5fdbd-edaf-9455-926a-d65c16db1801'/></source></hostdev>
    Bad:
        <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-s390x</emulator><memballoon model='none'/>
        <hostdev mode='subsystem' type='mdev' model='vfio-ap'>
          <source><address uuid='c7a5fdbd-edaf-9455-926a-d65c16db1800'/></source></hostdev>
        <hostdev mode='subsystem' type='mdev' model='vfio-ap'>
          <source><address uuid='c7a5fdbd-edaf-9455-926a-d65c16db1801'/></source></hostdev>
    Good:
        <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='6' slot='0' function='0'/></source>
        </hostdev>
        <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='6' slot='0' function='1'/></source>
        </hostdev>
    libvirt says: Hostdev already exists in the domain configuration
    libvirt says: SCSI host address controller='0' bus='0' target='0' unit='3' in use by another SCSI host device
    libvirt says: Only one vgpu device can have 'ramfb' enabled
    See: libvirt domain_validate.c:virDomainDefHostdevValidate, domain_conf.c:virDomainHostdevMatch
    """
    libvirt = context.target.libvirt
    if libvirt >= COMPARED:
        yield from _repeated_sources(domain)
        ramfb = [
            device.node
            for device in domain.hostdevs
            if device.is_subsystem
            and device.node.value("ramfb") == "on"
            and (device.type == "mdev" or (device.type == "pci" and libvirt >= PCI_DISPLAY))
        ]
        for node in ramfb[1:]:
            yield Problem(
                at=node.at("ramfb"),
                message="two devices have ramfb",
                help="remove ramfb from one of them",
                related=(Related(ramfb[0].at("ramfb"), "the first"),),
                says="Only one vgpu device can have 'ramfb' enabled",
            )
    mediated = [device.node for device in domain.hostdevs if device.is_subsystem and device.type == "mdev"]
    cryptographic = [node for node in mediated if node.value("model") == "vfio-ap"]
    for node in cryptographic[1:]:
        yield Problem(
            at=node.start_span,
            message="the guest has a second device of model 'vfio-ap'",
            help="remove one of them, and add its domains and adapters to the other",
            related=(Related(cryptographic[0].start_span, "the first"),),
            says="Only one hostdev of model vfio-ap is supported",
        )
    yield from _repeated_places(domain)


def _repeated_sources(domain: Domain) -> Iterator[Problem]:
    passed = [(nic.node, _of_interface(nic)) for nic in domain.interfaces if nic.type == "hostdev"]
    passed += [(device.node, device.identities) for device in domain.hostdevs]
    seen: dict[Identity, Node] = {}
    for node, (kept, compared) in passed:
        first = next((seen[each] for each in compared if each in seen), None)
        if first:
            yield Problem(
                at=node.start_span,
                message="the same device of the host is passed through twice",
                help="remove one of them",
                related=(Related(first.start_span, "the first"),),
                says="Hostdev already exists in the domain configuration",
            )
        if kept:
            seen.setdefault(kept, node)


def _of_interface(nic: Interface) -> tuple[Identity | None, tuple[Identity, ...]]:
    source = nic.node.child("source")
    address = source.child("address") if source else None
    kind = address.value("type") if address else None
    if source is None or kind not in ("pci", "usb", None):
        return None, ()
    if kind is None and source.child("vendor") is None:
        return None, ()
    return identities(kind or "usb", source)


def _repeated_places(domain: Domain) -> Iterator[Problem]:
    scsi = {disk.place: disk for disk in domain.disks if disk.bus == "scsi" and disk.place}
    disks = {place for place, disk in scsi.items() if disk.address}
    seen: dict[DrivePlace, Node] = {}
    for device in domain.hostdevs:
        place = device.place
        if place is None or device.address is None:
            continue
        where = " ".join(f"{name}='{number}'" for name, number in place._asdict().items())
        if place in scsi and place not in disks:
            disk = scsi[place]
            yield Problem(
                at=disk.name.span if disk.name else disk.node.start_span,
                message=f"the drive address of disk {disk.short_name!r}, {where}, is already used",
                help="write another name, or give the disk or the host device another <address>",
                related=(Related(device.address.start_span, "used by this host device"),),
                says=f"using disk target name '{disk.short_name}' conflicts with SCSI host device address "
                + where.removesuffix("'"),
            )
        elif place in seen or place in disks:
            yield Problem(
                at=device.address.start_span,
                message=f"the drive address {where} is already used",
                help="write another unit",
                related=(Related(seen[place].start_span, "the first"),) if place in seen else (),
                says=f"SCSI host address {where} in use by "
                + ("a SCSI disk" if place in disks else "another SCSI host device"),
            )
        seen.setdefault(place, device.address)


_USB_ONLY = "USB host device must use 'usb' address type"
_PCI_ONLY = "PCI host devices must use 'pci' or 'unassigned' address type"
# By the type of a device: the types of guest addresses that it can have, and what libvirt says about another one.
_ADDRESSES = {
    "pci": (("pci", "unassigned"), _PCI_ONLY),
    "usb": (("usb",), _USB_ONLY),
    "scsi": (("drive",), "SCSI host device must use 'drive' address type"),
    "scsi_host": (("pci", "ccw"), "SCSI_host host device must use 'pci' or 'ccw' address type"),
}
_OF_MDEV = {"vfio-pci": "pci", "vfio-ccw": "ccw"}


@rule("VFS925", "hostdev-address-type", severity=Severity.ERROR, stage=Stage.DEFINE)
def hostdev_address_type(device: Hostdev) -> Iterator[Problem]:
    """The guest address of a device that is passed through is on the bus of its type.

    Why: the guest sees a PCI device on a PCI bus, a USB device on a USB bus and a SCSI device behind a SCSI
        controller.
    Bad:
        <hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product id='0x2'/></source>
          <address type='pci' domain='0' bus='0' slot='5' function='0'/></hostdev>
    Bad:
        <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='6' slot='0' function='0'/></source>
          <address type='drive' controller='0' bus='0' target='0' unit='0'/></hostdev>
    Bad:
        <hostdev mode='subsystem' type='mdev' model='vfio-pci'>
          <source><address uuid='c7a5fdbd-edaf-9455-926a-d65c16db1800'/></source>
          <address type='drive' controller='0' bus='0' target='0' unit='0'/></hostdev>
    Good:
        <hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product id='0x2'/></source>
          <address type='usb' bus='0' port='1'/></hostdev>
    libvirt says: USB host device must use 'usb' address type
    libvirt says: PCI host devices must use 'pci' or 'unassigned' address type
    libvirt says: SCSI host device must use 'drive' address type
    libvirt says: SCSI_host host device must use 'pci' or 'ccw' address type
    libvirt says: Unsupported address type 'drive' with mediated device model 'vfio-pci'
    See: libvirt domain_validate.c:virDomainHostdevDefValidate, virhostdev.c and domain_conf.c:virDomainDeviceInfo
    """
    written = device.address.attribute("type") if device.address else None
    if written is None or not written.value or not device.is_subsystem:
        return
    allowed, says = _ADDRESSES.get(device.type or "", ((), ""))
    if device.type == "mdev" and device.model in _OF_MDEV:
        allowed = (_OF_MDEV[device.model],)
        says = f"Unsupported address type '{written.value}' with mediated device model '{device.model}'"
    if allowed and written.value not in allowed:
        yield Problem(
            at=written.span,
            message=f"a host device of type {device.type!r} cannot have an address of type {written.value!r}",
            help=f"write an address of type {' or '.join(allowed)}, or remove it",
            says=says,
        )


@rule("VFS926", "hostdev-option-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def hostdev_option_unsupported(device: Hostdev, context: Context) -> Iterator[Problem]:
    """A device of the host has only options that QEMU supports for its type.

    Why: `mode='capabilities'` is for containers. QEMU does not filter writes to a PCI device's configuration, boots
        from no vhost-scsi or mediated device, and shows a virtual GPU only on a graphics device. libvirt no longer
        supports unfiltered SCSI commands. Mediated devices of the models vfio-ap and vfio-ccw are s390x hardware.
    Bad:
        <hostdev mode='capabilities' type='misc'><source><char>/dev/input/event3</char></source></hostdev>
    Bad:
        <hostdev mode='subsystem' type='pci'><source writeFiltering='no'>
          <address domain='0' bus='6' slot='0' function='0'/></source></hostdev>
    Bad:
        <hostdev mode='subsystem' type='mdev' model='vfio-pci' display='on'>
          <source><address uuid='c7a5fdbd-edaf-9455-926a-d65c16db1800'/></source></hostdev>
    Bad:
        <hostdev mode='subsystem' type='mdev' model='vfio-ap'>
          <source><address uuid='c7a5fdbd-edaf-9455-926a-d65c16db1800'/></source></hostdev>
    Bad:
        <hostdev mode='subsystem' type='scsi_host'><source protocol='vhost' wwpn='naa.5123456789abcde0'/>
          <boot order='1'/></hostdev>
    Bad (libvirt 9.0.0):
        <hostdev mode='subsystem' type='scsi' sgio='unfiltered'><source><adapter name='scsi_host0'/>
          <address bus='0' target='0' unit='0'/></source></hostdev>
    Bad (libvirt 9.0.0):
        <hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product id='0x2'/></source>
          <rom bar='on'/></hostdev>
    Good:
        <hostdev mode='subsystem' type='mdev' model='vfio-pci' display='on'>
          <source><address uuid='c7a5fdbd-edaf-9455-926a-d65c16db1800'/></source></hostdev><graphics type='vnc'/>
    libvirt says: hostdev mode 'capabilities' is not supported in qemu
    libvirt says: Write filtering of PCI device configuration space is not supported by qemu
    libvirt says: graphics device is needed for attribute value 'display=on' in <hostdev>
    libvirt says: VFIO AP device assignment is not supported by this version of QEMU
    libvirt says: booting from assigned devices is not supported by vhost SCSI devices
    libvirt says: unfiltered sgio is no longer supported
    libvirt says: ROM tuning is only supported for PCI devices
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefHostdev, domain_validate.c:virDomainHostdevDefValidate
    """
    node, domain = device.node, context.domain
    if not device.is_subsystem:
        if node.value("mode") == "capabilities":
            yield Problem(
                at=node.at("mode"),
                message="QEMU does not support mode 'capabilities', which is for containers",
                help="write mode='subsystem' and a device of the host",
                says=f"hostdev mode 'capabilities' is not supported in {domain.type}",
            )
        return
    yield from _source_options(device)
    yield from _guest_options(device, domain)
    rom = node.child("rom")
    if rom:
        yield from rom_problems(rom)
        is_tuned = any(rom.value(name) is not None for name in ("enabled", "bar", "file"))
        if device.type in ("usb", "scsi") and is_tuned and device.libvirt >= COMPARED:
            yield Problem(
                at=rom.start_span,
                message=f"a host device of type {device.type!r} has no ROM",
                help="remove <rom>",
                says="ROM tuning is only supported for PCI devices",
            )


def _source_options(device: Hostdev) -> Iterator[Problem]:
    filtering = device.source.attribute("writeFiltering") if device.type == "pci" and device.source else None
    if filtering and filtering.value in ("yes", "no"):
        yield Problem(
            at=filtering.name_span,
            message="QEMU does not filter writes to a device's configuration space",
            help="remove writeFiltering",
            says="Write filtering of PCI device configuration space is not supported by qemu",
        )
    sgio = device.node.attribute("sgio")
    if device.type == "scsi" and sgio and sgio.value == "unfiltered" and device.libvirt >= COMPARED:
        yield Problem(
            at=sgio.span,
            message="unfiltered SCSI commands are no longer supported",
            help="remove sgio",
            says="unfiltered sgio is no longer supported",
        )


def _guest_options(device: Hostdev, domain: Domain) -> Iterator[Problem]:
    kind, model = device.type, device.model
    if kind == "mdev" and model in ("vfio-ap", "vfio-ccw") and domain.arch not in S390:
        yield Problem(
            at=device.node.at("model"),
            message=f"mediated devices of model {model!r} exist only on s390x",
            help="write model='vfio-pci'",
            says=f"VFIO {'AP' if model == 'vfio-ap' else 'CCW'} device assignment is not supported by this version of "
            "QEMU",
        )
        return
    bootless = {"scsi_host": "vhost SCSI devices"}
    if kind == "mdev" and model in ("vfio-pci", "vfio-ap"):
        bootless["mdev"] = f"mediated devices of model {model}"
    if device.boot and device.boot.value("order") is not None and kind in bootless:
        yield Problem(
            at=device.boot.start_span,
            message=f"a guest cannot boot from {bootless[kind]}",
            help="remove <boot>",
            says=f"booting from assigned devices is not supported by {bootless[kind]}",
        )
    shows = (kind == "mdev" and model == "vfio-pci") or (kind == "pci" and device.libvirt >= PCI_DISPLAY)
    if shows and device.node.value("display") == "on" and not domain.graphics:
        yield Problem(
            at=device.node.at("display"),
            message="display is 'on', but the domain has no graphics device",
            help="add <graphics>, or write display='off'",
            says="graphics device is needed for attribute value 'display=on' in <hostdev>",
        )


@rule("VFS927", "hostdev-source-incomplete", severity=Severity.ERROR, stage=Stage.PARSE)
def hostdev_source_incomplete(device: Hostdev) -> Iterator[Problem]:
    """The source of a host device identifies it completely.

    Why: a USB device is found by its vendor and product, or by its bus and device number (since 12.8.0, its port). An
        iSCSI server requires a secret of type `iscsi`.
    Bad:
        <hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/></source></hostdev>
    Bad:
        <hostdev mode='subsystem' type='usb'><source><product id='0xbeef'/></source></hostdev>
    Bad:
        <hostdev mode='subsystem' type='usb'><source startupPolicy='optional'/></hostdev>
    Bad:
        <hostdev mode='subsystem' type='scsi'><source protocol='iscsi' name='iqn.2016-07.com.example'>
          <host name='example.org'/><auth username='u'><secret type='ceph' usage='s'/></auth></source></hostdev>
    Good:
        <hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/><product id='0xbeef'/></source></hostdev>
        <hostdev mode='subsystem' type='scsi'><source protocol='iscsi' name='iqn.2016-07.com.example'>
          <host name='example.org'/><auth username='u'><secret type='iscsi' usage='s'/></auth></source></hostdev>
    libvirt says: missing product
    libvirt says: missing vendor
    libvirt says: hostdev invalid secret type 'ceph'
    libvirt says: missing secret uuid or usage attribute
    See: libvirt domain_conf.c:virDomainHostdevSubsysUSBDefParseXML, virDomainHostdevSubsysSCSIiSCSIDefParseXML
    """
    source = device.source
    if source is None or not device.is_subsystem:
        return
    if device.type == "usb":
        yield from _usb_problems(device, source)
    elif device.is_iscsi:
        auth, server = source.child("auth"), source.child("host")
        if server:
            yield from _server_problems(device, server)
        if auth and auth.value("type") not in (None, "chap", "ceph", "none"):
            yield Problem(
                at=auth["type"].name_span,
                message=f"{auth.value('type')!r} is not a type of <auth>",
                help="remove type",
                says=f"unknown auth type '{auth.value('type')}'",
            )
        secret = auth.child("secret") if auth else None
        if secret:
            yield from _secret_problems(secret)
    elif device.type == "scsi":
        adapter = source.child("adapter")
        if adapter and not adapter.value("name"):
            yield Problem(
                at=adapter.start_span,
                message="the SCSI adapter has no name",
                help="write name='scsi_host…'",
                says="'adapter' name must be specified for scsi hostdev source",
            )


def _usb_problems(device: Hostdev, source: Node) -> Iterator[Problem]:
    vendor, product, address = source.child("vendor"), source.child("product"), source.child("address")
    if (vendor is None) != (product is None):
        missing = "product" if product is None else "vendor"
        yield Problem(
            at=(vendor or product or source).start_span,
            message=f"the USB device has no {missing}",
            help=f"add <{missing} id='…'/>",
            says=f"missing {missing}",
        )
    if vendor is None and product is None and address is None:
        yield Problem(
            at=source.start_span,
            message="nothing says which USB device it is",
            help="add <vendor id='…'/> and <product id='…'/>, or <address bus='…' device='…'/>",
            severity=Severity.WARNING,
            stage=Stage.SCHEMA,
            says="",
        )
    port = address.attribute("port") if address else None
    if address and port and address.value("bus") is not None:
        if address.value("device") is None and device.libvirt < USB_PORTS:
            yield Problem(
                at=port.name_span,
                message="the address of the USB device has no device number",
                help="write device='…'",
                says="usb address needs device id"
                if device.libvirt < NEW_PARSER
                else "Missing required attribute 'device' in element 'address'",
            )
        elif address.value("device") is not None and device.libvirt >= USB_PORTS:
            yield Problem(
                at=address["device"].name_span,
                message="the address of the USB device has both a device number and a port",
                help="remove one of them",
                says="found both device id and port in usb address (ambiguous setting)",
            )


def _server_problems(device: Hostdev, server: Node) -> Iterator[Problem]:
    transport, socket = server.value("transport"), server.value("socket")
    if transport not in (None, "tcp", "rdma", "unix"):
        yield Problem(
            at=server["transport"].name_span,
            message=f"{transport!r} is not a transport",
            help="remove transport",
            says=f"unknown protocol transport type '{transport}'"
            if device.libvirt <= COMPARED
            else f"Invalid value for attribute 'transport' in element 'host': '{transport}'.",
        )
    elif transport == "unix" and socket is None:
        yield Problem(
            at=server["transport"].name_span,
            message="transport 'unix' requires a socket",
            help="write socket='…', or remove transport",
            says="missing socket for unix transport",
        )
    elif transport != "unix" and socket is not None:
        said = transport or ("(null)" if device.libvirt <= COMPARED else "tcp")
        yield Problem(
            at=server["socket"].name_span,
            message="only transport 'unix' has a socket",
            help="remove socket",
            says=f"transport '{said}' does not support socket attribute",
        )


def _secret_problems(secret: Node) -> Iterator[Problem]:
    kind, uuid, usage = secret.value("type"), secret.value("uuid"), secret.value("usage")
    if uuid is None and usage is None:
        yield Problem(
            at=secret.start_span,
            message="the secret has neither a uuid nor a usage",
            help="write uuid='…' or usage='…'",
            says="missing secret uuid or usage attribute",
        )
    elif uuid is not None and usage is not None:
        yield Problem(
            at=secret["usage"].name_span,
            message="the secret has both a uuid and a usage",
            help="remove one of them",
            says="either secret uuid or usage expected",
        )
    elif uuid is not None and not numbers.is_uuid(uuid):
        yield Problem(
            at=secret.at("uuid"),
            message=f"{uuid!r} is not a UUID",
            help="write the UUID of the secret",
            says="",
        )
    elif kind != "iscsi":
        known = ("ceph", "volume", "tls", "vtpm", "none")
        yield Problem(
            at=secret.at("type") if kind is not None else secret.start_span,
            message=f"a secret of type {kind!r} cannot be used for iSCSI" if kind else "the secret has no type",
            help="write type='iscsi'",
            says=f"hostdev invalid secret type '{kind}'"
            if kind in known
            else f"invalid secret type {kind if kind is not None else '(null)'}",
        )
