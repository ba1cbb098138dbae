"""The file itself: well-formed XML, and a root that libvirt knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.context import Context
from vfslint.domain.roots import FLEETS, UnknownRoot, name_of
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.xml.document import TOO_LARGE, UNSUPPORTED, Document, Node
from vfslint.xml.edits import remove

if TYPE_CHECKING:
    from vfslint.xml.malformed import MalformedXml


@rule("VFS001", "malformed-xml", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def malformed_xml(file: MalformedXml) -> Iterator[Problem]:
    """A file is well-formed XML.

    Why: libvirt reads the file with libxml2, which stops at the first error and reports little about its cause.
        A frequent cause: an element is closed immediately by '/>', and again further down.
    Bad:
        <domain type='kvm'>
          <name>example</name>
          <devices>
            <filesystem type='mount'/>
              <driver type='virtiofs' queue='1024'/>
              <source socket='/var/virtiofsd.sock'/>
              <target dir='tag'/>
            </filesystem>
          </devices>
        </domain>
    Bad:
        <domain type='kvm'><name>R&D</name></domain>
    Good:
        <filesystem type='mount'>
          <driver type='virtiofs' queue='1024'/>
          <source socket='/var/virtiofsd.sock'/>
          <target dir='tag'/>
        </filesystem>
    libvirt says: Opening and ending tag mismatch
    libvirt says: xmlParseEntityRef: no name
    libvirt says: Extra content at the end of the document
    libvirt says: Premature end of data in tag
    libvirt says: Unescaped '<' not allowed in attributes values
    Fix: removes the '/' from a start tag that closes itself by mistake; writes '&amp;' for a bare '&'.
    Fixed:
        <domain type='kvm'>
          <name>example</name>
          <devices>
            <filesystem type='mount'>
              <driver type='virtiofs' queue='1024'/>
              <source socket='/var/virtiofsd.sock'/>
              <target dir='tag'/>
            </filesystem>
          </devices>
        </domain>
    See: W3C Extensible Markup Language (XML) 1.0, section 2.1; libvirt virxml.c:virXMLParseHelper
    """
    from vfslint.xml.causes import explain

    if file.failure.code != UNSUPPORTED:
        yield explain(file)._replace(says="" if file.failure.code == TOO_LARGE else file.failure.message)


@rule("VFS002", "default-namespace", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def default_namespace(document: Document) -> Iterator[Problem]:
    """A domain's elements are in no namespace.

    Why: libvirt looks up elements by their bare names. A default namespace on the root applies to every
        element, so libvirt finds none of them and reports the first one that it requires as missing.
    Bad:
        <domain type='kvm' xmlns='http://libvirt.org/schemas/domain/qemu/1.0'></domain>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
    libvirt says: missing name information
    Fix: removes the declaration of the default namespace.
    Fixed:
        <domain type='kvm'></domain>
    See: libvirt domain_conf.c:virDomainDefParseIDs
    """
    root = document.root_node
    declared = root.default_namespace
    if declared is None:
        return
    yield Problem(
        at=declared,
        message=f"the default namespace {root.namespace!r} hides every element from libvirt",
        help="remove the declaration; a prefix such as xmlns:qemu is for <qemu:commandline> and its like",
        fix=Fix("remove the default namespace", (remove(declared),)),
    )


@rule("VFS003", "entity-in-text", severity=Severity.WARNING, stage=Stage.SCHEMA, any_hypervisor=True)
def entity_in_text(document: Document) -> Iterator[Problem]:
    """A domain's text has no entities of its own.

    Why: libvirt reads what an entity stands for, but its schema rejects the reference, so `virsh edit` and `virsh
        define --validate` do.
    Bad:
        <!DOCTYPE domain [<!ENTITY size "2">]>
        <domain type='kvm'><name>a</name><memory unit='GiB'>&size;</memory>
          <os><type machine='q35'>hvm</type></os></domain>
    Good:
        <domain type='kvm'><name>a</name><memory unit='GiB'>2</memory>
          <os><type machine='q35'>hvm</type></os></domain>
    See: libvirt virxml.c:virXMLValidateAgainstSchema
    """
    entity = document.first_entity
    if entity is not None:
        around = Node(document, entity.getparent())
        yield Problem(
            at=around.name_span,
            message=f"libvirt's schema rejects the entity &{entity.name}; in <{around.tag}>",
            help="write what the document's entities stand for",
        )


@rule("VFS004", "unsupported-file", severity=Severity.NOTE, stage=Stage.NEVER, any_hypervisor=True)
def unsupported_file(file: MalformedXml) -> Iterator[Problem]:
    """A file is one that vfslint can check.

    Why: libxml2, with which libvirt reads the file, supports some encodings that other programs read differently, or
        not at all. vfslint does not guess. Nor does it check an element with more than 1000 attributes.
    Bad:
        <?xml version='1.0' encoding='UTF-7'?><domain type='kvm'><name>a</name></domain>
    Good:
        <?xml version='1.0' encoding='UTF-8'?><network/>
    See: libxml2 encoding.c
    """
    if file.failure.code == UNSUPPORTED:
        declared = file.source.declared if file.source.is_foreign else None
        index = file.text.find(declared) if declared else 0
        yield Problem(
            at=file.span(index, index + len(declared)) if declared else file.here,
            message=f"{file.failure.message}, so nothing was checked",
            help="save the file as UTF-8, and declare that encoding or none" if declared else "",
        )


@rule("VFS006", "not-a-domain", severity=Severity.NOTE, stage=Stage.NEVER, any_hypervisor=True)
def not_a_domain(file: UnknownRoot, context: Context) -> Iterator[Problem]:
    """A file to check contains a domain.

    Why: libvirt does not read this root element, so there is nothing to check. Only files that are named get this
        note: the others of a folder are only counted, and with --only-domains, the named ones as well. With
        --strict-root, this is an error.
    Bad:
        <?xml version='1.0'?><project/>
    Good:
        <?xml version='1.0'?><network><name>default</name></network>
    libvirt says: expecting root element of 'domain', not 'project'
    See: libvirt domain_conf.c:virDomainDefParseNode, virxml.c:virXMLValidateRoot
    """
    name = name_of(file.root)
    says = f"unexpected root element <{name}>, expecting <domain>"
    if context.target.libvirt >= (9, 0, 0):
        says = f"expecting root element of 'domain', not '{name}'"
    yield Problem(
        at=file.root.name_span,
        message=f"<{name}> is not a libvirt domain, so nothing was checked",
        severity=Severity.ERROR if file.strict else None,
        stage=Stage.PARSE if file.strict else None,
        says="" if name in FLEETS else says,
    )
