"""Network interfaces and disks that another process provides through vhost-user or vDPA."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain.device import NEW_PARSER
from vfslint.domain.disk import Disk
from vfslint.domain.interface import Interface
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version, spell
from vfslint.vocabulary import numbers
from vfslint.vocabulary.quotations import sentence
from vfslint.xml.document import Attribute, Node
from vfslint.xml.edits import add_attribute, insert, remove_attribute, remove_element, set_value

# Options that only the other process can implement (domain_validate.c:virDomainDiskVhostUserValidate).
_NOT_ON_DRIVER = (
    "cache", "error_policy", "rerror_policy", "io", "ioeventfd", "copy_on_read", "discard", "iothread",
    "detect_zeroes",
)  # fmt: skip
_NOT_IN_DISK = ("readonly", "shareable", "transient", "encryption", "backingStore", "auth")


@rule("VFS280", "vhostuser-interface-source", severity=Severity.ERROR, stage=Stage.PARSE)
def vhostuser_interface_source(nic: Interface) -> Iterator[Problem]:
    """A vhost-user interface names the socket of its back end.

    Why: libvirt accepts `type='unix'`, a path, and the mode of QEMU, `client` or `server`. Before 11.1.0 it
        requires all three; since then type and mode are optional, and passt does not need a source.
    Bad:
        <interface type='vhostuser'><source type='unix' mode='client'/><model type='virtio'/></interface>
    Bad (libvirt 9.0.0):
        <interface type='vhostuser'><source path='/run/vhost.sock'/><model type='virtio'/></interface>
    Bad:
        <interface type='vhostuser'><source type='tcp' path='/run/vhost.sock' mode='client'/>
          <model type='virtio'/></interface>
    Good:
        <interface type='vhostuser'><source type='unix' path='/run/vhost.sock' mode='client'/>
          <model type='virtio'/></interface>
    libvirt says: No <source> 'type' attribute specified for <interface type='vhostuser'/>
    libvirt says: No <source> 'path' attribute specified with <interface type='vhostuser'/>
    libvirt says: No <source> 'mode' attribute specified with <interface type='vhostuser'/>
    libvirt says: Wrong <source> 'mode' attribute specified with <interface type='vhostuser'/>
    libvirt says: unsupported for <interface type='vhostuser'>
    libvirt says: interface type='vhostuser' requires a 'source' element
    libvirt says: Missing required attribute 'path' in element 'source'
    See: libvirt domain_conf.c:virDomainNetDefParseXML
    """
    if nic.type != "vhostuser":
        return
    example = "write <source type='unix' path='/a/socket' mode='client'/>"
    if nic.lacking:
        yield Problem(
            at=nic.source.start_span if nic.source else nic.node.start_span,
            message=f"the source of the vhost-user interface has no {' and no '.join(nic.lacking)}",
            help=example,
            says=_about_source(nic),
        )
    if nic.source is None:
        return
    for name, words in (("type", ("unix",)), ("mode", ("client", "server"))):
        found = nic.source.attribute(name)
        if found and found.value not in words:
            yield Problem(
                at=found.span,
                message=f"{found.value!r} is not a valid {name} for the source of a vhost-user interface",
                help=f"write {' or '.join(words)}",
                says=_about_word(found, nic.libvirt),
            )
    yield from _reconnect_problems(nic)


def _about_source(nic: Interface) -> str:
    """Return what libvirt prints about the first attribute that a source lacks."""
    name = nic.lacking[0]
    if nic.libvirt >= NEW_PARSER:
        if nic.source is None and nic.libvirt < (11, 3, 0):
            return "interface type='vhostuser' requires a 'source' element"
        return sentence("missing", "source", name)
    if name == "type":
        return "No <source> 'type' attribute specified for <interface type='vhostuser'>"
    return f"No <source> '{name}' attribute specified with <interface type='vhostuser'/>"


def _about_word(attribute: Attribute, libvirt: Version) -> str:
    """Return what libvirt prints about an invalid type or mode of a source."""
    if attribute.name == "type":
        return f"Type='{attribute.value}' unsupported for <interface type='vhostuser'>"
    if libvirt >= NEW_PARSER:
        return sentence("word", "source", "mode", attribute.value)
    return "Wrong <source> 'mode' attribute specified with <interface type='vhostuser'/>"


def _reconnect_problems(device: Interface | Disk) -> Iterator[Problem]:
    reconnect = device.reconnect
    if reconnect is None:
        return
    fault = reconnect.fault
    if fault:
        yield Problem(
            at=reconnect.node.at(fault) if reconnect.node.value(fault) else reconnect.node.start_span,
            message=f"<reconnect> has no valid {fault!r}",
            help="write <reconnect enabled='yes' timeout='10'/>",
            says=_about_reconnect(fault, reconnect.node.value(fault), device.libvirt),
        )
    elif reconnect.is_on and device.source and device.source.value("mode") == "server":
        yield Problem(
            at=reconnect.node.start_span,
            message="<reconnect> is not supported with mode 'server'",
            help="remove <reconnect>, or write mode='client'",
            says=_about_server(device),
        )


def _about_reconnect(name: str, value: str | None, libvirt: Version) -> str:
    """Return what libvirt prints about an invalid or missing attribute of <reconnect>."""
    if libvirt < NEW_PARSER:
        invalid = f"invalid reconnect {name} value: '{value}'"
        return "missing timeout for chardev with reconnect enabled" if value is None else invalid
    if value is None:
        return sentence("missing", "reconnect", name)
    return sentence("word" if name == "enabled" else "natural", "reconnect", name, value)


def _about_server(device: Interface | Disk) -> str:
    """Return what libvirt prints about a listening socket with <reconnect>."""
    if device.kind != "interface":
        return ""
    if device.libvirt < (11, 3, 0):
        blanks = "  " if device.libvirt < NEW_PARSER else " "
        return f"'reconnect' attribute{blanks}unsupported 'server' mode for <interface type='vhostuser'>"
    return "'reconnect' attribute is not supported when source mode='server' for <interface type='vhostuser'>"


@rule("VFS281", "vhostuser-interface-model", severity=Severity.ERROR, stage=Stage.DEFINE)
def vhostuser_interface_model(nic: Interface) -> Iterator[Problem]:
    """The model of a vhost-user interface is virtio.

    Why: the back end serves virtqueues. libvirt accepts only `<model type='virtio'/>`, and before 11.1.0
        requires it explicitly.
    Bad:
        <interface type='vhostuser'><source type='unix' path='/run/vhost.sock' mode='client'/>
          <model type='e1000'/></interface>
    Bad (libvirt 9.0.0):
        <interface type='vhostuser'><source type='unix' path='/run/vhost.sock' mode='client'/></interface>
    Good:
        <interface type='vhostuser'><source type='unix' path='/run/vhost.sock' mode='client'/>
          <model type='virtio'/></interface>
    libvirt says: invalid model for interface of type 'vhostuser'
    libvirt says: Wrong or no <model> 'type' attribute specified with <interface type='vhostuser'/>
    Fix: writes `virtio`.
    Fixed:
        <interface type='vhostuser'><source type='unix' path='/run/vhost.sock' mode='client'/>
          <model type='virtio'/></interface>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefNetwork
    """
    if nic.type != "vhostuser" or nic.has_virtio_model:
        return
    written = nic.node.child("model")
    if nic.model:
        edit = set_value(nic.model, "virtio")
    elif written and written.attribute("type"):
        edit = set_value(written["type"], "virtio")
    else:
        edit = add_attribute(written, "type", "virtio") if written else insert(nic.node, "<model type='virtio'/>")
    yield Problem(
        at=nic.model.span if nic.model else nic.node.start_span,
        message=f"a vhost-user interface cannot have model {nic.model.value!r}"
        if nic.model
        else f"libvirt {spell(nic.libvirt)} requires the model of a vhost-user interface",
        help="write <model type='virtio'/>",
        fix=Fix("write <model type='virtio'/>", (edit,)),
        says=_about_model(nic),
    )


# The models that libvirt prints by their names (domain_conf.c:virDomainNetModel).
_MODELS = frozenset(
    "netfront rtl8139 e1000 e1000e usb-net spapr-vlan lan9118 scm91c111 vlance vmxnet vmxnet2 vmxnet3 Am79C970A "
    "Am79C973 82540EM 82545EM 82543GC".split()
)


def _about_model(nic: Interface) -> str:
    """Return what libvirt prints about a model that is not virtio."""
    if nic.libvirt <= (9, 0, 0):
        return (
            "Wrong or no <model> 'type' attribute specified with <interface type='vhostuser'/>. vhostuser requires the "
            "virtio-net* frontend"
        )
    model = nic.model.value if nic.model and nic.model.value in _MODELS else "unknown"
    return f"invalid model for interface of type 'vhostuser': '{model}' - must be 'virtio'"


@rule("VFS282", "vhost-disk-source", severity=Severity.ERROR, stage=Stage.PARSE)
def vhost_disk_source(disk: Disk) -> Iterator[Problem]:
    """A vhost-user disk names its socket, a vhost-vdpa disk its device.

    Why: libvirt accepts only `<source type='unix' path='…'/>` for the former, and `<source dev='…'/>` for the
        latter.
    Bad:
        <disk type='vhostuser' device='disk'><source path='/run/disk.sock'/>
          <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='vhostuser' device='disk'><source type='tcp' path='/run/disk.sock'/>
          <target dev='vda' bus='virtio'/></disk>
    Good:
        <disk type='vhostuser' device='disk'><source type='unix' path='/run/disk.sock'/>
          <target dev='vda' bus='virtio'/></disk>
    libvirt says: missing 'type' attribute for vhostuser disk source
    libvirt says: missing 'path' attribute for vhostuser disk source
    libvirt says: invalid 'type' attribute for vhostuser disk source
    See: libvirt domain_conf.c:virDomainDiskSourceVHostUserParse
    """
    if disk.type not in ("vhostuser", "vhostvdpa") or disk.source is None:
        return
    example = "<source type='unix' path='/a/socket'/>" if disk.type == "vhostuser" else "<source dev='/dev/…'/>"
    if disk.lacking:
        yield Problem(
            at=disk.source.start_span,
            message=f"the source of {disk.label} has no {' and no '.join(disk.lacking)}",
            help=f"write {example}",
            says=f"missing '{disk.lacking[0]}' attribute for vhostuser disk source"
            if disk.type == "vhostuser"
            else "Missing required attribute 'dev' in element 'source'",
        )
    found = disk.source.attribute("type") if disk.type == "vhostuser" else None
    if found and found.value != "unix":
        yield Problem(
            at=found.span,
            message=f"{found.value!r} is not a valid type for the source of a vhost-user disk",
            help="write type='unix'",
            says="invalid 'type' attribute for vhostuser disk source",
        )
    yield from _reconnect_problems(disk)


@rule("VFS283", "not-for-vhostuser-disk", severity=Severity.ERROR, stage=Stage.DEFINE)
def not_for_vhostuser_disk(disk: Disk) -> Iterator[Problem]:
    """A vhost-user disk is a virtio disk without options for QEMU's block layer.

    Why: the back end opens the image and handles all reads and writes. libvirt cannot pass it options such as
        caching, discarding, limits and encryption, and rejects them.
    Bad:
        <disk type='vhostuser' device='disk'><driver name='qemu' type='raw' cache='none'/>
          <source type='unix' path='/run/disk.sock'/><target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='vhostuser' device='disk'><source type='unix' path='/run/disk.sock'/>
          <target dev='sda' bus='scsi'/></disk>
    Good:
        <disk type='vhostuser' device='disk'><driver name='qemu' type='raw' queues='4'/>
          <source type='unix' path='/run/disk.sock'/><target dev='vda' bus='virtio'/></disk>
    libvirt says: cache is not supported with vhostuser disk
    libvirt says: readonly is not supported with vhostuser disk
    libvirt says: vhostuser disk supports only virtio bus
    Fix: removes the option.
    Fixed:
        <disk type='vhostuser' device='disk'><driver name='qemu' type='raw'/>
          <source type='unix' path='/run/disk.sock'/><target dev='vda' bus='virtio'/></disk>
    See: libvirt domain_validate.c:virDomainDiskVhostUserValidate
    """
    if disk.image.type != "vhostuser":
        return
    for option in _unsupported_options(disk):
        shown = "error_policy" if option.name == "rerror_policy" else option.name
        yield Problem(
            at=option.span,
            message=f"a vhost-user disk does not support {option.name!r}",
            help=f"remove {option.name}",
            fix=Fix(f"remove {option.name!r}", (remove_attribute(option),)),
            says="only snapshot=no is supported with vhostuser disk"
            if shown == "snapshot"
            else f"{shown} is not supported with vhostuser disk",
        )
    for child in _unsupported_children(disk):
        yield Problem(
            at=child.start_span,
            message=f"a vhost-user disk does not support <{child.tag}>",
            help=f"remove <{child.tag}>",
            fix=Fix(f"remove <{child.tag}>", (remove_element(child),), safe=child.tag != "readonly"),
            says=f"{child.tag} is not supported with vhostuser disk",
        )
    if disk.bus != "virtio":
        yield Problem(
            at=disk.bus_span,
            message=f"a vhost-user disk cannot be on bus {disk.bus!r}",
            help="write <target dev='vda' bus='virtio'/>",
            says="vhostuser disk supports only virtio bus",
        )


def _unsupported_options(disk: Disk) -> list[Attribute]:
    """Return the attributes of a vhost-user disk and of its `<driver>` that libvirt rejects."""
    written = map(disk.option, _NOT_ON_DRIVER)
    found = [option for option in written if option and option.value != "default"]
    snapshot = disk.node.attribute("snapshot")
    if snapshot and snapshot.value not in ("no", "default"):
        found.append(snapshot)
    return found


def _unsupported_children(disk: Disk) -> list[Node]:
    """Return the children of a vhost-user disk that libvirt rejects, unless they change nothing."""
    found = [child for child in map(disk.node.child, _NOT_IN_DISK) if child]
    found += [child for child in map(disk.written, ("serial", "wwn", "vendor", "product")) if child]
    cache = disk.image.metadata_cache
    if cache and cache.parent:
        found.append(cache.parent)
    tune, geometry, sizes = (disk.node.child(name) for name in ("iotune", "geometry", "blockio"))
    if tune and (disk.limits or disk.group):
        found.append(tune)
    if geometry and (disk.geometry or geometry.value("trans") is not None):
        found.append(geometry)
    names = ("logical_block_size", "physical_block_size") + (
        ("discard_granularity",) if disk.libvirt >= (9, 8, 0) else ()
    )
    if sizes and any(numbers.unsigned(sizes.value(name) or "") for name in names):
        found.append(sizes)
    return found


@rule("VFS284", "vhostvdpa-cache-mode", severity=Severity.ERROR, stage=Stage.DEFINE)
def vhostvdpa_cache_mode(disk: Disk) -> Iterator[Problem]:
    """A vhost-vdpa disk has the cache mode `none` or `directsync`.

    Why: the device bypasses the host's page cache, and libvirt requires a matching cache mode.
    Bad:
        <disk type='vhostvdpa' device='disk'><driver name='qemu' type='raw'/>
          <source dev='/dev/vhost-vdpa-0'/><target dev='vda' bus='virtio'/></disk>
    Good:
        <disk type='vhostvdpa' device='disk'><driver name='qemu' type='raw' cache='none'/>
          <source dev='/dev/vhost-vdpa-0'/><target dev='vda' bus='virtio'/></disk>
    libvirt says: disk type 'vhostvdpa' requires cache mode 'directsync' or 'none'
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefDisk
    """
    if disk.image.type == "vhostvdpa" and disk.cache not in ("none", "directsync"):
        yield Problem(
            at=disk.driver.at("cache") if disk.driver else disk.node.start_span,
            message=f"{disk.label} requires cache mode 'none' or 'directsync'",
            help="write <driver name='qemu' type='raw' cache='none'/>",
            says="disk type 'vhostvdpa' requires cache mode 'directsync' or 'none'",
        )
