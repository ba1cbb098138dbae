"""The filesystem device: type, driver, access mode, source, mount tag, queue."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.devices import PASSTHROUGH, Filesystem, ReadonlyShare, UnknownWord, VirtioFS
from vfslint.domain.domain import Domain
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import spell
from vfslint.vocabulary import numbers
from vfslint.vocabulary.spelling import nearest
from vfslint.xml.document import Attribute
from vfslint.xml.edits import (
    add_attribute,
    insert,
    move_into,
    remove_attribute,
    remove_element,
    rename_attribute,
    rename_element,
    set_value,
)

MOUNT_TAG_BYTES = 36
MOUNT_TAG_BYTES_9P = 31
LARGEST_QUEUE = 1024

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
    Fix: corrects the value where it is clear which one was intended, and removes an empty switch or `<cache
        mode='auto'/>`, which is the daemon's default.
    See: libvirt domain_conf.c:virDomainFSDefParseXML, virDomainVirtioOptionsParseXML
    """
    for unknown in fs.unknown_words:
        attribute = unknown.attribute
        words = " or ".join(f"'{word}'" for word in unknown.words)
        yield Problem(
            at=attribute.span,
            message=f"{attribute.value!r} is not a valid value for {attribute.name!r} in <{attribute.node.tag}>",
            help=_word_help(unknown) or f"write {words}",
            fix=_word_fix(unknown),
        )


def _meant(unknown: UnknownWord) -> str | None:
    value = unknown.attribute.value.strip().lower()
    meant = _MEANT.get(value, value)
    return meant if meant in unknown.words else None


def _word_help(unknown: UnknownWord) -> str:
    value, tag = unknown.attribute.value, unknown.attribute.node.tag
    if tag == "cache" and value == "auto":
        return "remove <cache>; 'auto' is virtiofsd's default"
    if tag == "cache" and value == "metadata":
        return "write another mode; cache=metadata requires an external virtiofsd, with <source socket='…'/>"
    guess = _meant(unknown) or nearest(value, unknown.words)
    return f"write '{guess}'" if guess else ""


def _word_fix(unknown: UnknownWord) -> Fix | None:
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
    Fix: writes `mount` where a virtio-fs share has a directory or a socket.
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS
    """
    if fs.type == "mount" or any(unknown.attribute.node == fs.node for unknown in fs.unknown_words):
        return
    is_clear = fs.is_virtiofs and (fs.directory is not None or fs.socket is not None)
    attribute = fs.node["type"]
    yield Problem(
        at=attribute.span,
        message=f"QEMU does not support filesystems of type {fs.type!r}",
        help="write type='mount' and <source dir='…'/>",
        fix=Fix("write type='mount'", (set_value(attribute, "mount"),)) if is_clear else None,
    )


@rule("VFS203", "filesystem-driver-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def filesystem_driver_unsupported(fs: Filesystem) -> Iterator[Problem]:
    """QEMU serves filesystems as virtio-fs, as 9p or, since libvirt 10.2.0, as MTP.

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
    )


@rule("VFS205", "not-for-virtiofs", severity=Severity.ERROR, stage=Stage.DEFINE)
def not_for_virtiofs(fs: VirtioFS) -> Iterator[Problem]:
    """Model, multidevs, write policy and format apply only to 9p and to images.

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
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS
    """
    policy = fs.wrpolicy if fs.socket is None else None
    found = [it for it in (fs.node.attribute("model"), fs.multidevs, policy, fs.format) if it]
    if not found:
        return
    unknown = [word.attribute.name for word in fs.unknown_words]
    for attribute in found:
        if attribute.name not in unknown:
            yield Problem(
                at=attribute.name_span,
                message=f"{fs.label} cannot have {attribute.name!r}: virtiofs does not support it",
                help=f"remove {attribute.name}",
                fix=Fix(f"remove {attribute.name!r}", (remove_attribute(attribute),)),
            )


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
            )


@rule("VFS207", "mode-not-octal", severity=Severity.ERROR, stage=Stage.PARSE)
def mode_not_octal(fs: Filesystem) -> Iterator[Problem]:
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
            )


@rule(
    "VFS208",
    "space-limit-refused",
    severity=Severity.ERROR,
    stage=Stage.DEFINE,
)
def space_limit_refused(fs: Filesystem) -> Iterator[Problem]:
    """QEMU cannot limit the space used in a shared directory.

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
            )


@rule("VFS210", "source-missing", severity=Severity.ERROR, stage=Stage.PARSE)
def source_missing(fs: Filesystem, context: Context) -> Iterator[Problem]:
    """A filesystem names the directory that it shares, or the socket that virtiofsd listens on.

    Why: libvirt accepts only `source/@dir` and, since 7.3.0, `source/@socket`; not `path` or `file`, text or a
        child element. It reads `dir` from the first `<source>`.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source path='/srv'/>
          <target dir='data'/></filesystem>
    Bad (libvirt 7.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/>
          <target dir='data'/></filesystem>
    libvirt says: missing source information for device
    Fix: writes `dir` for `path` or `file`, and turns `<socket path='…'/>` or text into the attribute.
    See: libvirt domain_conf.c:virDomainFSDefParseXML
    """
    if fs.type != "mount" or fs.directory is not None or fs.socket is not None:
        return
    source = fs.source
    if source is None:
        yield Problem(
            at=fs.node.start_span,
            message=f"{fs.label} has no <source>",
            help="add <source dir='/a/directory'/>",
        )
    elif source.value("socket") is not None:
        yield Problem(
            at=source["socket"].name_span,
            message=f"libvirt {spell(context.target.libvirt)} does not support a socket as the source",
            help="share a directory with <source dir='…'/>, or use libvirt 7.3.0 or later",
        )
    else:
        wrong = next((it for name in ("path", "file", "name") if (it := source.attribute(name))), None)
        yield Problem(
            at=wrong.name_span if wrong else source.start_span,
            message=f"<source> of {fs.label} has no directory",
            help="write the directory as <source dir='…'/>",
            fix=_source_fix(fs, wrong),
        )


def _source_fix(fs: Filesystem, wrong: Attribute | None) -> Fix | None:
    if fs.source is None:
        return None
    if wrong and wrong.name != "name":
        return Fix(f"write dir instead of {wrong.name}", (rename_attribute(wrong, "dir"),))
    for name, child in ((name, fs.source.child(name)) for name in ("socket", "dir")):
        path = (child.value("path") or child.text.strip()) if child else ""
        if child and path.startswith("/") and (name == "dir" or fs.libvirt >= (7, 3, 0)):
            edits = (remove_element(child), add_attribute(fs.source, name, path))
            return Fix(f"write {name} as an attribute", edits)
    return None


@rule("VFS211", "target-missing", severity=Severity.ERROR, stage=Stage.DEFINE)
def target_missing(fs: Filesystem) -> Iterator[Problem]:
    """A filesystem has a mount tag, `<target dir='…'/>`.

    Why: the guest mounts the filesystem by this name. It is also required with an external socket, although
        older documentation says otherwise. libvirt 7.0.0 accepts an empty one; QEMU then fails to start.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dev='data'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <traget dir='data'/></filesystem>
    Bad (libvirt 7.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir=''/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: missing target information for device
    libvirt says: tag property cannot be empty
    Fix: writes `dir` for `dev`, `tag` or `name`, or corrects a misspelled `<target>`.
    See: libvirt domain_validate.c:virDomainFSDefValidate
    """
    if fs.tag:
        return
    misspelt = fs.misspelt_target
    if misspelt:
        yield Problem(
            at=misspelt.name_span,
            message=f"the filesystem has no mount tag: unknown element <{misspelt.name}>",
            help="did you mean <target>?",
            fix=Fix("rename it to <target>", tuple(rename_element(misspelt.node, "target"))),
        )
        return
    # 7.0.0 rejects only a missing tag, in its parser; 9.0.0 also rejects an empty one, in its validation.
    starts_empty = fs.tag == "" and fs.libvirt < (9, 0, 0)
    wrong = None
    if fs.target and fs.tag is None:
        wrong = next((it for name in ("dev", "tag", "name") if (it := fs.target.attribute(name))), None)
    at = fs.target.start_span if fs.target else fs.node.start_span
    yield Problem(
        at=wrong.name_span if wrong else at,
        message="the filesystem has no mount tag",
        help="add <target dir='a-name'/>, and run in the guest: mount -t virtiofs a-name /mnt",
        fix=Fix(f"write dir instead of {wrong.name}", (rename_attribute(wrong, "dir"),)) if wrong else None,
        stage=Stage.START if starts_empty else None,
    )


@rule("VFS212", "source-not-absolute", severity=Severity.ERROR, stage=Stage.START)
def source_not_absolute(fs: VirtioFS) -> Iterator[Problem]:
    """The shared directory is given by its absolute path.

    Why: libvirt resolves the path from its own working directory and does not expand `~` or `$HOME`. The
        domain can be defined, but not started.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='~/share'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/home/me/share'/>
          <target dir='data'/></filesystem>
    libvirt says: the virtiofs export directory does not exist
    See: libvirt qemu_virtiofs.c:qemuVirtioFSStart
    """
    if fs.directory is None or fs.directory.startswith("/") or fs.source is None:
        return
    directory = fs.source["dir"]
    yield Problem(
        at=directory.span,
        message=f"source directory {directory.value!r} is not an absolute path",
        help="write the absolute path, starting with /",
    )


@rule("VFS213", "source-is-root", severity=Severity.WARNING, stage=Stage.GUEST)
def source_is_root(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """Sharing the host's root directory exposes the whole host to the guest.

    Why: the guest's root user can then access /etc, /dev and every secret of the host. The Rust virtiofsd
        before 1.14.0 does not even start with it, because it cannot change its root to the current one.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/'/><target dir='data'/></filesystem>
    Bad (libvirt 11.3.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: Failed to connect to fs0-fs.sock: Connection refused
    See: virtiofsd 1.14.0 release notes
    """
    if not fs.directory or fs.directory.strip("/") or fs.source is None:
        return
    daemon = context.target.virtiofsd
    fails = daemon is not None and daemon < (1, 14, 0)
    yield Problem(
        at=fs.source.at("dir"),
        message=f"virtiofsd {spell(daemon)} cannot share the host's root directory"
        if fails
        else "the guest can access the host's whole root directory",
        help="share only the directory that the guest needs",
        severity=Severity.ERROR if fails else None,
        stage=Stage.START if fails else None,
    )


@rule("VFS214", "comma-in-source", severity=Severity.ERROR, stage=Stage.START)
def comma_in_source(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """With the C virtiofsd, the path of the shared directory cannot contain a comma.

    Why: until 10.5 libvirt passes the path in a comma-separated list of options. It doubles the commas in the
        path, which the C daemon does not support.
    Bad (libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/a,b'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/a,b'/>
          <target dir='data'/></filesystem>
    Good (libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/a-b'/>
          <target dir='data'/></filesystem>
    libvirt says: Failed to connect to fs0-fs.sock: Connection refused
    See: libvirt qemu_virtiofs.c:qemuVirtioFSBuildCommandLine
    """
    if fs.directory and "," in fs.directory and context.target.virtiofsd is None and fs.source:
        yield Problem(
            at=fs.source.at("dir"),
            message=f"QEMU's own virtiofsd cannot share {fs.directory!r}: its path contains a comma",
            help="rename the directory, or bind-mount it to a path without a comma",
        )


@rule("VFS216", "mount-tag-too-long", severity=Severity.ERROR, stage=Stage.START)
def mount_tag_too_long(fs: VirtioFS) -> Iterator[Problem]:
    """A virtio-fs mount tag has at most 36 bytes.

    Why: the device stores the tag in 36 bytes of its configuration space. libvirt defines the domain and
        passes the tag on; QEMU then fails to start. The limit is in bytes, not characters: 'é' has two.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='the-shared-directory-of-the-build-farm'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='build-farm'/></filesystem>
    libvirt says: tag property must be 36 bytes or less
    See: QEMU hw/virtio/vhost-user-fs.c; libvirt documentation, "Sharing files with Virtiofs"
    """
    size = len((fs.tag or "").encode())
    if size > MOUNT_TAG_BYTES:
        yield Problem(
            at=fs.tag_span,
            message=f"mount tag {fs.tag!r} is {size} bytes long, but the limit is {MOUNT_TAG_BYTES}",
            help="shorten it, and use the same tag in the guest's mount command and fstab",
        )


@rule("VFS217", "mount-tag-too-long-for-9p", severity=Severity.ERROR, stage=Stage.START)
def mount_tag_too_long_for_9p(fs: Filesystem) -> Iterator[Problem]:
    """A 9p mount tag has at most 31 bytes.

    Why: QEMU reserves 32 bytes for it, including the terminating NUL. The limit is in bytes, not characters.
    Bad:
        <filesystem type='mount'><source dir='/srv'/>
          <target dir='thirty-two-bytes-are-one-too-many'/></filesystem>
    Good:
        <filesystem type='mount'><source dir='/srv'/><target dir='not-so-long'/></filesystem>
    libvirt says: is longer than maximum (31 bytes)
    See: QEMU hw/9pfs/9p.c:v9fs_device_realize_common
    """
    if not fs.is_9p or not fs.tag:
        return
    size = len(fs.tag.encode())
    if size > MOUNT_TAG_BYTES_9P:
        yield Problem(
            at=fs.tag_span,
            message=f"9p mount tag {fs.tag!r} is {size} bytes long, but the limit is {MOUNT_TAG_BYTES_9P}",
            help="shorten it, and use the same tag in the guest's mount command and fstab",
        )


@rule("VFS218", "mount-tag-repeated", severity=Severity.ERROR, stage=Stage.DEFINE)
def mount_tag_repeated(filesystems: list[Filesystem]) -> Iterator[Problem]:
    """Every mount tag of a domain is unique.

    Why: the guest finds a filesystem by its tag and uses whichever of two it finds first. libvirt 9.0.0
        rejects the same tag for two virtio-fs shares, and 11.3.0 also for a virtio-fs share and another
        filesystem. Older releases, and every release for two 9p filesystems, start the guest anyway.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/a'/>
          <target dir='data'/></filesystem>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/b'/>
          <target dir='data'/></filesystem>
    Bad (libvirt 7.0.0):
        <filesystem type='mount'><source dir='/srv/a'/><target dir='data'/></filesystem>
        <filesystem type='mount'><source dir='/srv/b'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/a'/>
          <target dir='data'/></filesystem>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/b'/>
          <target dir='Data'/></filesystem>
    libvirt says: filesystem target specified twice
    See: libvirt domain_validate.c:virDomainDefFSValidate (9.0.0), virDomainFSDefValidate (11.3.0)
    """
    if len(filesystems) < 2:
        return
    first: dict[str, Filesystem] = {}
    for fs in filesystems:
        other = first.setdefault(fs.tag or "", fs)
        if not fs.tag or other is fs:
            continue
        shares = fs.is_virtiofs + other.is_virtiofs
        is_refused = (shares == 2 and fs.libvirt >= (9, 0, 0)) or (shares and fs.libvirt >= (11, 3, 0))
        yield Problem(
            at=fs.tag_span,
            message=f"mount tag {fs.tag!r} is used twice",
            label="used again",
            related=(Related(other.tag_span, "used first"),),
            help="give each filesystem its own tag",
            severity=None if is_refused else Severity.WARNING,
            stage=None if is_refused else Stage.GUEST,
        )


@rule("VFS219", "mount-tag-looks-like-a-path", severity=Severity.NOTE, stage=Stage.GUEST)
def mount_tag_looks_like_a_path(fs: VirtioFS) -> Iterator[Problem]:
    """A mount tag is a name, even where it looks like a path.

    Why: despite its name, the attribute `target/@dir` is not a directory. Nothing is mounted there
        automatically; the guest can mount the tag, including its slashes, on any directory.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='/mnt/data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt documentation, "Sharing files with Virtiofs", Guest setup
    """
    if fs.tag and fs.tag.startswith("/") and len(fs.tag.encode()) <= MOUNT_TAG_BYTES:
        yield Problem(
            at=fs.tag_span,
            message=f"{fs.tag!r} is a mount tag, not the place where the guest mounts it",
            help=f"run in the guest: mount -t virtiofs {fs.tag} /a/directory",
        )


@rule("VFS220", "directory-cached-twice", severity=Severity.WARNING, stage=Stage.GUEST)
def directory_cached_twice(shares: list[VirtioFS]) -> Iterator[Problem]:
    """A directory that is shared twice is not shared with `cache mode='always'`.

    Why: with that mode the guest never reads again what it has cached, so it does not see changes made
        through the other share.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><cache mode='always'/></binary>
          <source dir='/srv'/><target dir='a'/></filesystem>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='b'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='a'/></filesystem>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='b'/></filesystem>
    See: virtiofsd documentation, --cache
    """
    if len(shares) < 2:
        return
    by_directory: dict[str, list[VirtioFS]] = {}
    for fs in shares:
        if fs.directory:
            by_directory.setdefault(fs.directory.rstrip("/"), []).append(fs)
    for together in by_directory.values():
        for fs in together:
            other = next((it for it in together if it is not fs), None)
            if other and other.source and fs.cache and fs.cache.value == "always":
                yield Problem(
                    at=fs.cache.span,
                    message=f"{fs.label} has cache mode 'always', but {other.label} shares the same directory",
                    related=(Related(other.source.at("dir"), "the same directory"),),
                    help="write <cache mode='none'/>, or remove <cache>",
                )


@rule("VFS221", "readonly-refused", severity=Severity.ERROR, stage=Stage.DEFINE)
def readonly_refused(fs: ReadonlyShare, context: Context) -> Iterator[Problem]:
    """Before libvirt 11.0.0 a virtio-fs share cannot be read-only.

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
def readonly_as_attribute(fs: Filesystem) -> Iterator[Problem]:
    """A filesystem is made read-only with a `<readonly/>` element.

    Why: libvirt silently drops an attribute of that name, so the guest can write.
    Bad:
        <filesystem type='mount' readonly='yes'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <readonly/></filesystem>
    Fix: adds the element if the target release accepts it for this driver.
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


@rule("VFS225", "virtiofs-as-driver-name", severity=Severity.ERROR, stage=Stage.SCHEMA)
def virtiofs_as_driver_name(fs: Filesystem) -> Iterator[Problem]:
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
    See: libvirt domain_conf.c:virDomainFSDefParseXML
    """
    wrong = fs.misplaced_driver
    if wrong is None:
        return
    is_name = wrong.node.tag == "driver" and wrong.name == "name"
    yield Problem(
        at=wrong.node.name_span if wrong.node.tag == "model" else wrong.name_span,
        message=f"{fs.label} becomes a 9p device: libvirt ignores {wrong.name!r} in <{wrong.node.tag}>",
        help="write <driver type='virtiofs'/>",
        fix=Fix("write type instead of name", (rename_attribute(wrong, "type"),), safe=False) if is_name else None,
    )


@rule("VFS226", "filesystem-outside-devices", severity=Severity.ERROR, stage=Stage.SCHEMA)
def filesystem_outside_devices(domain: Domain) -> Iterator[Problem]:
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


@rule("VFS230", "queue-not-a-number", severity=Severity.ERROR, stage=Stage.PARSE)
def queue_not_a_number(fs: VirtioFS) -> Iterator[Problem]:
    """The queue size is a number.

    Why: libvirt reads `driver/@queue` as decimal digits and rejects anything else, such as a unit or 0x.
    Bad:
        <filesystem type='mount'><driver type='virtiofs' queue='1k'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs' queue='1024'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: cannot parse queue size for virtiofs
    See: libvirt domain_conf.c:virDomainFSDefParseXML
    """
    queue = fs.queue_attribute
    if queue and fs.queue is None:
        yield Problem(
            at=queue.span,
            message=f"queue size {queue.value!r} is not a number",
            help=f"write a power of two up to {LARGEST_QUEUE}",
        )


@rule("VFS231", "queue-size-refused", severity=Severity.ERROR, stage=Stage.START)
def queue_size_refused(fs: VirtioFS) -> Iterator[Problem]:
    """The queue size is a power of two up to 1024.

    Why: it is the length of a virtqueue, and QEMU rejects any other value. libvirt does not check it, and
        reads a negative number as a huge one.
    Bad:
        <filesystem type='mount'><driver type='virtiofs' queue='1000'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs' queue='2048'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs' queue='512'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: queue-size property must be a power of 2
    libvirt says: queue-size property must be 1024 or smaller
    libvirt says: expects uint16_t
    Fix: writes 1024; for a smaller number that is not a power of two, only with --unsafe-fixes.
    See: QEMU hw/virtio/vhost-user-fs.c:vuf_device_realize
    """
    size = fs.queue
    if not size or (size <= LARGEST_QUEUE and size & (size - 1) == 0):
        return
    queue = fs.queue_attribute
    if queue is None:
        return
    is_large = LARGEST_QUEUE < size < 2**16
    fix = Fix(f"write {LARGEST_QUEUE}", (set_value(queue, str(LARGEST_QUEUE)),), safe=is_large)
    reason = f"larger than {LARGEST_QUEUE}" if size > LARGEST_QUEUE else "not a power of two"
    yield Problem(
        at=queue.span,
        message=f"queue size {queue.value.strip()} is {reason}",
        help=f"write a power of two up to {LARGEST_QUEUE}",
        fix=fix if size < 2**16 else None,
    )


@rule("VFS232", "small-queue-for-windows", severity=Severity.NOTE, stage=Stage.GUEST)
def small_queue_for_windows(fs: VirtioFS) -> Iterator[Problem]:
    """A Windows guest should have a queue size of 1024.

    Why: with QEMU's default of 128 the Windows driver is very slow, and some versions hang.
    Bad:
        <metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
          <libosinfo:os id='http://microsoft.com/win/11'/></libosinfo:libosinfo></metadata>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
          <libosinfo:os id='http://microsoft.com/win/11'/></libosinfo:libosinfo></metadata>
        <filesystem type='mount'><driver type='virtiofs' queue='1024'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: virtio-win documentation, "Virtiofs: shared file system", quick start
    """
    if (fs.queue or 128) >= LARGEST_QUEUE or not fs.driver or not fs.domain.is_windows:
        return
    yield Problem(
        at=fs.queue_attribute.span if fs.queue_attribute else fs.driver.start_span,
        message=f"queue size {fs.queue or 128} is too small for a Windows guest",
        help=f"write <driver type='virtiofs' queue='{LARGEST_QUEUE}'/>",
    )


_ROOT_OPTION = r"(?:^|\s)(root|rootfstype)=(\S+)"


@rule("VFS233", "root-not-a-mount-tag", severity=Severity.WARNING, stage=Stage.GUEST)
def root_not_a_mount_tag(domain: Domain) -> Iterator[Problem]:
    """A guest that boots from a share must name its mount tag.

    Why: with `rootfstype=virtiofs` the kernel mounts the tag that `root=` names; if no share has that tag,
        the kernel panics because it cannot find its root filesystem.
    Bad:
        <os><type arch='x86_64' machine='q35'>hvm</type><kernel>/boot/vmlinuz</kernel>
          <cmdline>rootfstype=virtiofs root=rootfs rw</cmdline></os>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type><kernel>/boot/vmlinuz</kernel>
          <cmdline>rootfstype=virtiofs root=rootfs rw</cmdline></os>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='rootfs'/></filesystem>
    See: Linux Documentation/filesystems/virtiofs.rst
    """
    cmdline = domain.cmdline
    if cmdline is None or "virtiofs" not in cmdline.text:
        return
    options = dict(re.findall(_ROOT_OPTION, cmdline.text))
    root = options.get("root", "")
    if options.get("rootfstype") != "virtiofs" or root in [fs.tag for fs in domain.shares]:
        return
    yield Problem(
        at=cmdline.text_span,
        message=f"the kernel's root {root!r} is not the mount tag of a share" if root else "the kernel has no root=",
        related=tuple(Related(fs.tag_span, "a mount tag") for fs in domain.shares),
        help="write root= with the mount tag of the share that contains the root filesystem",
    )
