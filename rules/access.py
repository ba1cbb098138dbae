"""Who may do what in a share: access mode, file modes, read-only shares."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.device import NEW_PARSER
from vfslint.domain.filesystem import PASSTHROUGH, Filesystem, ReadonlyShare
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.subjects import Deviating
from vfslint.targets import Version, spell
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute
from vfslint.xml.edits import (
    insert,
    remove_attribute,
    set_value,
)


@rule("VFS204", "accessmode-not-passthrough", severity=Severity.ERROR, stage=Stage.DEFINE)
def accessmode_not_passthrough(fs: Filesystem) -> Iterator[Problem]:
    """A virtio-fs share passes ownership and permissions through.

    Why: `mapped` and `squash` are modes of QEMU's 9p server. virtiofsd passes users, groups and modes on
        unchanged, as do the drivers `handle` and `mtp`. libvirt does not check a share with an external
        socket.
    Bad:
        <filesystem type='mount' accessmode='mapped'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount' accessmode='mapped'><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: virtiofs only supports passthrough accessmode
    libvirt says: only supports passthrough accessmode
    Fix: writes `passthrough`, only with --unsafe-fixes: the guest then decides who owns new files.
    Fixed:
        <filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS
    """
    if fs.driver_type not in ("virtiofs", "handle", "mtp"):
        return
    if fs.accessmode is None:
        # libvirt defaults to passthrough only without a socket.
        if fs.driver_type != "virtiofs" and fs.socket is not None and fs.driver_attribute:
            yield Problem(
                at=fs.driver_attribute.span,
                message=f"driver {fs.driver_type!r} with a socket requires accessmode='passthrough'",
                help="share a directory with <source dir='…'/>",
                says=_about_mode(fs),
            )
        return
    if fs.accessmode not in ("mapped", "squash") or (fs.is_virtiofs and fs.socket is not None):
        return
    attribute = fs.node["accessmode"]
    yield Problem(
        at=attribute.span,
        message=f"{fs.label} cannot have accessmode {fs.accessmode!r}, only 'passthrough'",
        help="write accessmode='passthrough', or remove it",
        fix=Fix("write 'passthrough'", (set_value(attribute, PASSTHROUGH),), safe=False),
        says=_about_mode(fs),
    )


def _about_mode(fs: Filesystem) -> str:
    return f"{'' if fs.driver_type == 'handle' else f'{fs.driver_type} '}only supports passthrough accessmode"


@rule("VFS206", "fmode-without-mapped", severity=Severity.ERROR, stage=Stage.DEFINE)
def fmode_without_mapped(fs: Filesystem) -> Iterator[Problem]:
    """File and directory modes require 9p with `accessmode='mapped'`.

    Why: QEMU gives new files these modes only if it stores the guest's own modes separately, which is what
        `mapped` means; virtiofsd has no equivalent. 0 counts as not set.
    Bad:
        <filesystem type='mount' fmode='0644'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Bad:
        <filesystem type='mount' accessmode='squash' dmode='0755'><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount' accessmode='mapped' fmode='0644' dmode='0755'><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: fmode and dmode must be used with accessmode=mapped
    libvirt says: virtiofs does not support fmode and dmode
    Fix: removes them from a virtio-fs share.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS
    """
    for mode in fs.modes:
        if numbers.based(mode.value, 8) and (fs.is_virtiofs or fs.accessmode != "mapped"):
            gone = Fix(f"remove {mode.name!r}", (remove_attribute(mode),)) if fs.is_virtiofs else None
            yield Problem(
                at=mode.span,
                message=f"{mode.name!r} of {fs.label} requires 9p with accessmode='mapped'",
                help=f"remove {mode.name}" if fs.is_virtiofs else f"write accessmode='mapped', or remove {mode.name}",
                fix=gone,
                says="fmode and dmode must be used with accessmode=mapped",
            )


@rule("VFS207", "mode-not-octal", severity=Severity.ERROR, stage=Stage.PARSE)
def mode_not_octal(fs: Deviating[Filesystem]) -> Iterator[Problem]:
    """File and directory modes are octal numbers up to 0777.

    Why: libvirt reads them in base 8 and rejects trailing characters, signs and any bits other than the nine
        permission bits.
    Bad:
        <filesystem type='mount' accessmode='mapped' fmode='rw'><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Bad:
        <filesystem type='mount' accessmode='mapped' dmode='1755'><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount' accessmode='mapped' dmode='0755'><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: invalid fmode
    libvirt says: invalid dmode
    libvirt says: Invalid value for attribute 'fmode' in element 'filesystem'
    See: libvirt domain_conf.c:virDomainFSDefParseXML
    """
    for mode in fs.modes:
        number = numbers.based(mode.value, 8)
        if number is None or number > 0o777:
            yield Problem(
                at=mode.span,
                message=f"{mode.value!r} is not an octal mode up to 0777",
                help="write a mode such as 0644",
                says=_about_bits(mode, number, fs.libvirt),
            )


def _about_bits(mode: Attribute, number: int | None, libvirt: Version) -> str:
    if libvirt < NEW_PARSER:
        return f"invalid {mode.name}: '{mode.value}'"
    if number is None:
        return (
            f"Invalid value for attribute '{mode.name}' in element 'filesystem': '{mode.value}'."
            " Expected non-negative integer value"
        )
    return f"invalid {mode.name}: '0{number:o}'"


@rule("VFS221", "readonly-refused", severity=Severity.ERROR, stage=Stage.DEFINE)
def readonly_refused(fs: ReadonlyShare, context: Context) -> Iterator[Problem]:
    """A read-only virtio-fs share requires libvirt 11.0.0.

    Why: libvirt 6.4.0 to 10.x rejects `<readonly/>` for virtio-fs; older releases silently drop it, so the
        guest can write.
    Bad (libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <readonly/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <readonly/></filesystem>
    Good (libvirt 9.0.0):
        <filesystem type='mount'><source dir='/srv'/><target dir='data'/><readonly/></filesystem>
    libvirt says: virtiofs does not yet support read-only mode
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS; NEWS 11.0.0
    """
    if fs.readonly is None or fs.socket is not None or context.target.libvirt >= (11, 0, 0):
        return
    yield Problem(
        at=fs.readonly.start_span,
        message=f"libvirt {spell(context.target.libvirt)} cannot share {fs.tag or 'it'!r} read-only",
        help="use libvirt 11.0.0 or later, or share a read-only bind mount",
    )


@rule(
    "VFS222",
    "readonly-needs-newer-virtiofsd",
    severity=Severity.ERROR,
    stage=Stage.START,
)
def readonly_needs_newer_virtiofsd(fs: ReadonlyShare, context: Context) -> Iterator[Problem]:
    """A read-only share requires virtiofsd 1.13.0.

    Why: libvirt passes `--readonly` to the daemon, and an older one exits because it does not support it.
    Bad (libvirt 11.0.0, virtiofsd 1.12.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <readonly/></filesystem>
    Good (libvirt 11.0.0, virtiofsd 1.13.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <readonly/></filesystem>
    libvirt says: Failed to connect to fs0-fs.sock: Connection refused
    See: libvirt documentation, "Domain XML format", Filesystems; virtiofsd 1.13.0 release notes
    """
    if fs.readonly is None or fs.socket is not None or context.target.libvirt < (11, 0, 0):
        return
    daemon = context.target.virtiofsd
    if daemon is None or daemon < (1, 13, 0):
        name = f"virtiofsd {spell(daemon)}" if daemon else "QEMU's own virtiofsd"
        yield Problem(
            at=fs.readonly.start_span,
            message=f"{name} does not support read-only shares",
            help="use virtiofsd 1.13.0 or later",
        )


@rule("VFS224", "readonly-as-attribute", severity=Severity.ERROR, stage=Stage.SCHEMA)
def readonly_as_attribute(fs: Deviating[Filesystem]) -> Iterator[Problem]:
    """A filesystem is made read-only with a `<readonly/>` element.

    Why: libvirt silently drops an attribute of that name, so the guest can write.
    Bad:
        <filesystem type='mount' readonly='yes'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <readonly/></filesystem>
    Fix: adds the element if the target release accepts it for this driver.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/>
          <readonly/></filesystem>
    See: libvirt documentation, "Domain XML format", Filesystems
    """
    if fs.readonly is not None:
        return
    for node in (fs.node, fs.source, fs.target, fs.driver):
        attribute = node.attribute("readonly") if node else None
        if attribute and attribute.value not in ("no", "off", "false", "0"):
            yield Problem(
                at=attribute.name_span,
                message=f"{fs.label} is not read-only: libvirt ignores the attribute 'readonly'",
                help="write <readonly/> inside <filesystem>",
                fix=_readonly_fix(fs, attribute),
            )


def _readonly_fix(fs: Filesystem, attribute: Attribute) -> Fix | None:
    if fs.is_virtiofs and (fs.libvirt < (11, 0, 0) or fs.socket is not None):
        return None
    return Fix("write <readonly/>", (remove_attribute(attribute), insert(fs.node, "<readonly/>")))
