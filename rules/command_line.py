"""`<qemu:commandline>`: arguments that libvirt passes to QEMU unchecked."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain import sharing
from vfslint.domain.domain import Domain
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.subjects import Deviating
from vfslint.vocabulary.table import spelled
from vfslint.xml.document import Attribute, Node
from vfslint.xml.edits import add_attribute

QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
_COMMAND_LINE, _ARGUMENT = f"{{{QEMU_NAMESPACE}}}commandline", f"{{{QEMU_NAMESPACE}}}arg"


@rule("VFS290", "qemu-namespace-missing", severity=Severity.WARNING, stage=Stage.SCHEMA)
def qemu_namespace_missing(domain: Deviating[Domain]) -> Iterator[Problem]:
    """The namespace of `<qemu:commandline>` is declared.

    Why: libvirt identifies the element by its namespace, whatever the prefix. Without `xmlns:qemu` on `<domain>`,
        or with another URI there, libvirt silently drops the whole block.
    Bad:
        <qemu:commandline><qemu:arg value='-nodefaults'/></qemu:commandline>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <qemu:commandline><qemu:arg value='-nodefaults'/></qemu:commandline>
    Fix: declares the namespace.
    See: libvirt documentation, "QEMU/KVM hypervisor driver", Pass-through of arbitrary QEMU commands
    """
    for node in _unbound(domain):
        edit = add_attribute(domain.node, "xmlns:qemu", QEMU_NAMESPACE)
        yield Problem(
            at=node.name_span,
            message="libvirt drops <qemu:commandline>: its prefix is not bound to libvirt's namespace",
            help=f"write <domain … xmlns:qemu='{QEMU_NAMESPACE}'>",
            fix=Fix("declare the namespace", (edit,)) if node.tag == "qemu:commandline" else None,
        )


def _unbound(domain: Domain) -> list[Node]:
    """Return every `<qemu:commandline>` whose prefix is not declared or is bound to another namespace."""
    endings = ("}commandline", ":commandline")
    # In another of libvirt's namespaces, it is an element of another hypervisor.
    names = [tag for tag in domain.tags if tag.endswith(endings) and spelled(tag) == tag]
    return [node for name in names for node in domain.elements(name)]


def _arguments(domain: Domain) -> list[Attribute]:
    """Return what `<qemu:commandline>` adds to QEMU's command line."""
    args = (arg for line in domain.elements(_COMMAND_LINE) for arg in line.children(_ARGUMENT))
    found = [arg.attribute("value") for arg in args]
    return [value for value in found if value is not None]


@rule(
    "VFS291",
    "commandline-memory-not-shared",
    severity=Severity.WARNING,
    stage=Stage.GUEST,
)
def commandline_memory_not_shared(domain: Domain) -> Iterator[Problem]:
    """A vhost-user-fs device on QEMU's command line needs shared memory, too.

    Why: libvirt does not check these arguments. Without shared memory, from `<memoryBacking>` or from a memory
        backend in the arguments themselves, virtiofsd cannot access the guest's buffers, and mounts hang or
        fail.
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <memoryBacking><nosharepages/></memoryBacking>
          <qemu:commandline><qemu:arg value='-device'/>
            <qemu:arg value='vhost-user-fs-pci,chardev=c,tag=data'/></qemu:commandline>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
          <qemu:commandline><qemu:arg value='-device'/>
            <qemu:arg value='vhost-user-fs-pci,chardev=c,tag=data'/></qemu:commandline>
    libvirt says: HandleRequest(InvalidParam)
    See: QEMU docs/tools/virtiofsd.rst; libvirt documentation, "Sharing files with Virtiofs"
    """
    arguments = _arguments(domain)
    has_shared_backend = any(it.value.startswith("memory-backend-") and "share=on" in it.value for it in arguments)
    if has_shared_backend or not arguments or sharing.is_shared(domain):
        return
    for argument in arguments:
        if "vhost-user-fs" not in argument.value:
            continue
        yield Problem(
            at=argument.span,
            message="vhost-user-fs needs shared memory, and the guest's memory is private",
            help="share it with <filesystem> and <driver type='virtiofs'/>, or make the memory shared",
        )


@rule(
    "VFS292",
    "commandline-repeats-mount-tag",
    severity=Severity.WARNING,
    stage=Stage.GUEST,
)
def commandline_repeats_mount_tag(domain: Domain) -> Iterator[Problem]:
    """A mount tag is used once: by a `<filesystem>` or on QEMU's command line.

    Why: libvirt does not check the one in the arguments. The guest sees two devices with the same tag and
        mounts whichever it finds first.
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
          <qemu:commandline><qemu:arg value='-device'/>
            <qemu:arg value='vhost-user-fs-pci,chardev=c,tag=data'/></qemu:commandline>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
          <qemu:commandline><qemu:arg value='-device'/>
            <qemu:arg value='vhost-user-fs-pci,chardev=c,tag=more'/></qemu:commandline>
    See: libvirt documentation, "QEMU/KVM hypervisor driver", Pass-through of arbitrary QEMU commands
    """
    arguments = _arguments(domain)
    if not arguments or not domain.shares:
        return
    shares = {share.tag: share for share in domain.shares if share.tag}
    for argument in arguments:
        if not argument.value.startswith("vhost-user-fs"):
            continue
        options = dict(piece.partition("=")[::2] for piece in argument.value.split(","))
        share = shares.get(options.get("tag", ""))
        if share:
            yield Problem(
                at=argument.span,
                message=f"mount tag {share.tag!r} is already used by a <filesystem>",
                related=(Related(share.tag_span, "used here first"),),
                help="remove one of the two",
            )
