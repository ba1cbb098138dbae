"""The filesystem device: its values, its type, its driver and what it can contain."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain.device import NEW_PARSER
from vfslint.domain.domain import Domain
from vfslint.domain.filesystem import Filesystem, InvalidWord, VirtioFS
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.subjects import Deviating
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.vocabulary.spelling import nearest
from vfslint.xml.document import Attribute
from vfslint.xml.edits import (
    move_into,
    remove_attribute,
    remove_element,
    rename_attribute,
    set_value,
)

# Common spellings of values that libvirt spells differently.
_MEANT = {
    "yes": "on", "true": "on", "1": "on", "enable": "on", "enabled": "on",
    "no": "off", "false": "off", "0": "off", "disable": "off", "disabled": "off",
    "never": "none", "virtio-fs": "virtiofs", "virtio_fs": "virtiofs", "virtiofsd": "virtiofs",
}  # fmt: skip


@rule("VFS201", "filesystem-word-unknown", severity=Severity.ERROR, stage=Stage.PARSE)
def filesystem_word_unknown(fs: Filesystem) -> Iterator[Problem]:
    """Types, modes and switches of a filesystem have values that libvirt accepts.

    Why: libvirt's parser compares them exactly, including whitespace and case, and rejects the whole domain
        for any other value. Switches are `on` and `off`, never `yes` or `true`.
    Bad:
        <filesystem type='mount'><driver type='virtio-fs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><cache mode='auto'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Bad (libvirt 7.0.0):
        <filesystem type='mount' accessmode=''><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/>
          <binary xattr='on'><cache mode='none'/></binary><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: Invalid value for attribute 'type' in element 'driver'
    libvirt says: unknown fs driver type
    libvirt says: unknown accessmode
    libvirt says: unknown filesystem type
    libvirt says: unknown model
    libvirt says: unknown multidevs
    libvirt says: unknown filesystem write policy
    libvirt says: unknown driver format value
    libvirt says: cannot parse cache mode 'auto' for virtiofs
    libvirt says: unknown xattr value
    libvirt says: unknown posix lock value
    libvirt says: unknown flock value
    libvirt says: invalid iommu value
    Fix: corrects the value if it is clear which one was intended, and removes an empty switch or `<cache
        mode='auto'/>`, which is the daemon's default.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt domain_conf.c:virDomainFSDefParseXML, virDomainVirtioOptionsParseXML
    """
    for unknown in fs.invalid_words:
        attribute = unknown.attribute
        words = " or ".join(f"'{word}'" for word in unknown.words)
        yield Problem(
            at=attribute.span,
            message=f"{attribute.value!r} is not a valid value for {attribute.name!r} in <{attribute.node.tag}>",
            help=_word_help(unknown) or f"write {words}",
            fix=_word_fix(unknown),
            says=_about_word(attribute, fs.libvirt),
        )


# What libvirt 7.0.0 says of an attribute; later releases say the same of all but the format.
_OLD_MESSAGES = {
    "filesystem/type": "unknown filesystem type '{}'",
    "filesystem/accessmode": "unknown accessmode '{}'",
    "filesystem/model": "unknown model '{}'",
    "filesystem/multidevs": "unknown multidevs '{}'",
    "driver/type": "unknown fs driver type '{}'",
    "driver/wrpolicy": "unknown filesystem write policy '{}'",
    "driver/iommu": "invalid iommu value",
    "driver/ats": "invalid ats value",
    "driver/packed": "invalid packed value",
    "binary/xattr": "unknown xattr value '{}'",
    "cache/mode": "cannot parse cache mode '{}' for virtiofs",
    "lock/posix": "unknown posix lock value '{}'",
    "lock/flock": "unknown flock value '{}'",
}


def _about_word(attribute: Attribute, libvirt: Version) -> str:
    """Return libvirt's message about an unknown word."""
    tag, name, value = attribute.node.tag, attribute.name, attribute.value
    if (tag, name) == ("driver", "format"):
        return f"unknown driver format value '{value}'"
    if libvirt >= NEW_PARSER:
        return f"Invalid value for attribute '{name}' in element '{tag}': '{value}'."
    return _OLD_MESSAGES.get(f"{tag}/{name}", "").format(value)


def _meant(unknown: InvalidWord) -> str | None:
    value = unknown.attribute.value.strip().lower()
    meant = _MEANT.get(value, value)
    return meant if meant in unknown.words else None


def _word_help(unknown: InvalidWord) -> str:
    value, tag = unknown.attribute.value, unknown.attribute.node.tag
    if tag == "cache" and value == "auto":
        return "remove <cache>; 'auto' is virtiofsd's default"
    if tag == "cache" and value == "metadata":
        return "write another mode; cache=metadata requires an external virtiofsd, with <source socket='…'/>"
    guess = _meant(unknown) or nearest(value, unknown.words)
    return f"did you mean '{guess}'?" if guess else ""


def _word_fix(unknown: InvalidWord) -> Fix | None:
    attribute = unknown.attribute
    meant = _meant(unknown)
    if meant:
        return Fix(f"write '{meant}'", (set_value(attribute, meant),))
    if attribute.node.tag == "cache" and attribute.value == "auto":
        return Fix("remove <cache>", (remove_element(attribute.node),))
    if not attribute.value and not (attribute.node.tag == "driver" and attribute.name == "type"):
        return Fix(f"remove the empty {attribute.name!r}", (remove_attribute(attribute),))
    return None


@rule("VFS202", "filesystem-type-not-mount", severity=Severity.ERROR, stage=Stage.DEFINE)
def filesystem_type_not_mount(fs: Filesystem) -> Iterator[Problem]:
    """QEMU shares only directories, so the type of a filesystem must be `mount`.

    Why: `file`, `block`, `template`, `ram`, `bind` and `volume` are for containers (LXC, OpenVZ, Virtuozzo);
        the QEMU driver rejects them for both virtio-fs and 9p.
    Bad:
        <filesystem type='bind'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Bad:
        <filesystem type='ram'><source usage='1024'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: only supports mount filesystem type
    libvirt says: missing 'usage' attribute for RAM filesystem
    libvirt says: cannot parse usage for RAM filesystem
    Fix: writes `mount` if a virtio-fs share has a directory or a socket.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS
    """
    if fs.type == "mount" or any(unknown.attribute.node == fs.node for unknown in fs.invalid_words):
        return
    is_clear = fs.is_virtiofs and (fs.directory is not None or fs.socket is not None)
    attribute = fs.node["type"]
    yield Problem(
        at=attribute.span,
        message=f"QEMU does not support filesystems of type {fs.type!r}",
        help="write type='mount' and <source dir='…'/>",
        fix=Fix("write type='mount'", (set_value(attribute, "mount"),)) if is_clear else None,
        says=_about_type(fs),
    )


def _about_type(fs: Filesystem) -> str:
    """Return libvirt's message about a type for containers: it first reads the source that the type requires."""
    source = fs.source
    if fs.type == "ram":
        usage, units = (source.value("usage"), source.value("units")) if source else (None, None)
        if usage is None:
            return "missing 'usage' attribute for RAM filesystem"
        if numbers.unsigned(usage, bits=64, wraps=True) is None:
            return f"cannot parse usage '{usage}' for RAM filesystem"
        if units and numbers.unit_bytes(units) is None:
            return f"unknown suffix '{units}'"
    attribute = {"file": "file", "block": "dev", "template": "name", "bind": "dir"}.get(fs.type)
    if attribute and not (source and (source.value(attribute) is not None or source.value("socket") is not None)):
        return f"missing source information for device {fs.tag or ''}".rstrip()
    return "only supports mount filesystem type"


@rule("VFS203", "filesystem-driver-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def filesystem_driver_unsupported(fs: Filesystem) -> Iterator[Problem]:
    """The driver of a filesystem is virtio-fs, 9p or, since libvirt 10.2.0, MTP.

    Why: `loop` and `nbd` mount images for LXC, and `ploop` is Virtuozzo's. `handle` was a 9p back end that
        QEMU 4.0 removed; libvirt rejects it since 12.2.0, and before that the guest does not start. For a
        driver that it cannot assign to a PCI bus, libvirt reports an error about PCI buses first.
    Bad:
        <filesystem type='mount'><driver type='loop'/><source dir='/srv'/><target dir='data'/></filesystem>
    Bad (libvirt 9.0.0):
        <filesystem type='mount'><driver type='handle'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='path'/><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: Filesystem driver type not supported
    libvirt says: Cannot automatically add a new PCI bus for a device with connect flags 00
    libvirt says: fsdriver handle not found
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS; NEWS 12.2.0
    """
    if fs.driver_type not in ("loop", "nbd", "ploop", "handle") or fs.driver_attribute is None:
        return
    yield Problem(
        at=fs.driver_attribute.span,
        message=f"QEMU does not support filesystem driver {fs.driver_type!r}",
        help="write <driver type='virtiofs'/>, or type='path' for 9p",
        stage=Stage.START if fs.driver_type == "handle" and fs.libvirt < (12, 2, 0) else None,
        says=_about_driver(fs),
    )


def _about_driver(fs: Filesystem) -> str:
    if fs.driver_type == "handle":
        return "Filesystem driver type not supported" if fs.libvirt >= (12, 2, 0) else "fsdriver handle not found"
    if fs.address or fs.libvirt < (7, 0, 0):
        return "Filesystem driver type not supported"
    kind = "unrecognized " if fs.libvirt >= (12, 8, 0) else ""
    return f"Cannot automatically add a new PCI bus for a device with {kind}connect flags 00"


@rule("VFS205", "not-for-virtiofs", severity=Severity.ERROR, stage=Stage.DEFINE)
def not_for_virtiofs(fs: VirtioFS) -> Iterator[Problem]:
    """A virtio-fs share has no model, multidevs, write policy or format.

    Why: they configure QEMU's 9p server, or how LXC mounts an image. virtiofsd is a separate process, and
        libvirt rejects options that it cannot pass to it.
    Bad:
        <filesystem type='mount' model='virtio'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Bad:
        <filesystem type='mount' multidevs='remap'><driver type='virtiofs' wrpolicy='immediate' format='raw'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount' multidevs='default'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: virtiofs does not support model
    libvirt says: virtiofs does not support multidevs
    libvirt says: virtiofs does not support wrpolicy
    libvirt says: virtiofs does not support format
    Fix: removes the attribute.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS
    """
    policy = fs.wrpolicy if fs.socket is None else None
    found = [it for it in (fs.node.attribute("model"), fs.multidevs, policy, fs.format) if it]
    if not found:
        return
    unknown = [word.attribute.name for word in fs.invalid_words]
    for attribute in found:
        if attribute.name not in unknown:
            yield Problem(
                at=attribute.name_span,
                message=f"{fs.label} cannot have {attribute.name!r}: virtiofs does not support it",
                help=f"remove {attribute.name}",
                fix=Fix(f"remove {attribute.name!r}", (remove_attribute(attribute),)),
                says=f"virtiofs does not support {attribute.name}",
            )


@rule(
    "VFS208",
    "space-limit-refused",
    severity=Severity.ERROR,
    stage=Stage.DEFINE,
)
def space_limit_refused(fs: Filesystem) -> Iterator[Problem]:
    """The space in a shared directory is not limited in the domain.

    Why: space limits are for containers. libvirt 11.3.0 rejects them for QEMU; 9.0.0 and older ignore them,
        so the guest can fill the host's filesystem.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <space_hard_limit unit='GiB'>10</space_hard_limit></filesystem>
    Bad (libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <space_soft_limit>1048576</space_soft_limit></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <space_hard_limit>0</space_hard_limit></filesystem>
    libvirt says: filesystem usage limits are not supported with QEMU
    Fix: removes the limit.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          </filesystem>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS (11.3.0)
    """
    for limit in fs.space_limits:
        if not limit.size:
            continue
        # Rejected by 11.3.0, ignored by 9.0.0; the release notes do not mention the change.
        is_refused = fs.libvirt >= (11, 3, 0)
        yield Problem(
            at=limit.node.span,
            message=f"<{limit.node.tag}> of {fs.label} has no effect: QEMU does not support space limits",
            help="remove it, and use a quota or a separate filesystem on the host",
            fix=Fix(f"remove <{limit.node.tag}>", (remove_element(limit.node),)),
            severity=None if is_refused else Severity.WARNING,
            stage=None if is_refused else Stage.NEVER,
        )


@rule(
    "VFS209",
    "space-limit-malformed",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def space_limit_malformed(fs: Filesystem) -> Iterator[Problem]:
    """A space limit is a number with a unit.

    Why: libvirt reads it like any other size: only digits, with the unit in its own attribute.
    Bad:
        <filesystem type='mount'><source dir='/srv'/><target dir='data'/>
          <space_hard_limit>10G</space_hard_limit></filesystem>
    Good:
        <filesystem type='mount'><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: Invalid value for element or attribute './space_hard_limit
    libvirt says: unknown suffix
    See: libvirt domain_conf.c:virDomainParseScaledValue
    """
    for limit in fs.space_limits:
        if limit.size is None:
            unit = limit.node.attribute("unit")
            is_unit = unit is not None and unit.value and numbers.unit_bytes(unit.value) is None
            wrong = unit.value if unit and is_unit else limit.node.text
            yield Problem(
                at=unit.span if unit and is_unit else limit.node.text_span,
                message=f"{wrong!r} is not a valid {'unit' if is_unit else 'size'} in <{limit.node.tag}>",
                help="remove it; QEMU does not support space limits",
                says=f"unknown suffix '{wrong}'"
                if is_unit
                else f"Invalid value '{wrong}' for element or attribute './{limit.node.tag}[1]'",
            )


@rule("VFS225", "virtiofs-as-driver-name", severity=Severity.ERROR, stage=Stage.SCHEMA)
def virtiofs_as_driver_name(fs: Deviating[Filesystem]) -> Iterator[Problem]:
    """The driver of a filesystem is set with `driver/@type`.

    Why: disks and interfaces have `driver/@name`, but filesystems do not. libvirt drops it, QEMU serves 9p
        instead, and `mount -t virtiofs` fails in the guest.
    Bad:
        <filesystem type='mount'><driver name='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Bad:
        <filesystem type='mount'><model type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Fix: renames `name` to `type`, only with --unsafe-fixes: the guest then gets a different device.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt domain_conf.c:virDomainFSDefParseXML
    """
    wrong = _misplaced_driver(fs)
    if wrong is None:
        return
    is_name = wrong.node.tag == "driver" and wrong.name == "name"
    yield Problem(
        at=wrong.node.name_span if wrong.node.tag == "model" else wrong.name_span,
        message=f"{fs.label} becomes a 9p device: libvirt ignores {wrong.name!r} in <{wrong.node.tag}>",
        help="write <driver type='virtiofs'/>",
        fix=Fix("write type instead of name", (rename_attribute(wrong, "type"),), safe=False) if is_name else None,
    )


def _misplaced_driver(fs: Filesystem) -> Attribute | None:
    """Return an attribute in which libvirt ignores the value virtiofs, so that the share becomes 9p, or None."""
    if fs.driver_type is not None:
        return None
    for node, name in ((fs.driver, "name"), (fs.node.child("model"), "type"), (fs.node, "driver")):
        found = node.attribute(name) if node else None
        if found and found.value.startswith("virtiofs"):
            return found
    return None


@rule("VFS226", "filesystem-outside-devices", severity=Severity.ERROR, stage=Stage.SCHEMA)
def filesystem_outside_devices(domain: Deviating[Domain]) -> Iterator[Problem]:
    """A filesystem must be inside `<devices>`.

    Why: libvirt reads devices only there and silently drops this one, so the guest starts without the
        share.
    Bad:
        <domain type='kvm'><name>example</name><memory unit='GiB'>2</memory><vcpu>8</vcpu>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <filesystem type='mount'><source dir='/srv'/><target dir='data'/></filesystem>
          <devices/>
        </domain>
    Good:
        <filesystem type='mount'><source dir='/srv'/><target dir='data'/></filesystem>
    Fix: moves it into `<devices>`.
    Fixed:
        <domain type='kvm'><name>example</name><memory unit='GiB'>2</memory><vcpu>8</vcpu>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <devices>
            <filesystem type='mount'><source dir='/srv'/><target dir='data'/></filesystem>
          </devices>
        </domain>
    See: libvirt domain_conf.c:virDomainDefParseXML
    """
    for node in domain.elements("filesystem"):
        devices = domain.first("devices")
        yield Problem(
            at=node.name_span,
            message="<filesystem> outside <devices> is ignored",
            help="move it into <devices>",
            fix=Fix("move it into <devices>", tuple(move_into(node, devices))) if devices else None,
        )
