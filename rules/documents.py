"""The file itself: well-formed XML, and a root that libvirt knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.domain.roots import UnknownRoot
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.xml.document import Document
from vfslint.xml.edits import remove

if TYPE_CHECKING:
    from vfslint.xml.broken import Broken


@rule("VFS001", "malformed-xml", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def malformed_xml(file: Broken) -> Iterator[Problem]:
    """A file is well-formed XML.

    Why: libvirt reads the file with libxml2, which stops at the first fault and tells little about its cause.
        A frequent one: an element is closed at once by '/>' and closed again further down.
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
    Fix: a start tag that closes itself by mistake loses its '/'; a bare '&' becomes '&amp;'.
    See: W3C Extensible Markup Language (XML) 1.0, section 2.1; libvirt virxml.c:virXMLParseHelper
    """
    from vfslint.xml.malformed import explain

    # 0 is vfslint's own number for a file that is too large.
    yield explain(file)._replace(says=file.failure.message if file.failure.code else "")


@rule("VFS002", "default-namespace", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def default_namespace(document: Document) -> Iterator[Problem]:
    """A domain's elements are in no namespace.

    Why: libvirt looks its elements up by bare names. A default namespace on the root puts every element into
        it, so that libvirt finds none of them and misses the first one that it needs.
    Bad:
        <domain type='kvm' xmlns='http://libvirt.org/schemas/domain/qemu/1.0'></domain>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
    libvirt says: missing name information
    Fix: the declaration of the default namespace goes.
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


@rule("VFS006", "not-a-domain", severity=Severity.NOTE, stage=Stage.PARSE, any_hypervisor=True)
def not_a_domain(file: UnknownRoot) -> Iterator[Problem]:
    """A file given to vfslint holds a domain.

    Why: the root element is nothing that libvirt reads, so there is nothing to check. With --strict-root this
        is an error.
    Bad:
        <?xml version='1.0'?><project/>
    Good:
        <?xml version='1.0'?><network><name>default</name></network>
    libvirt says: expecting root element of 'domain', not 'project'
    See: libvirt domain_conf.c:virDomainDefParseNode, virxml.c:virXMLValidateRoot
    """
    yield Problem(
        at=file.root.name_span,
        message=f"<{file.root.tag}> is not a libvirt domain, so nothing was checked",
        severity=Severity.ERROR if file.strict else None,
    )
