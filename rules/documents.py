"""The file itself: well-formed XML, and a root that libvirt knows."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.engine import Broken, Strange
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule


@rule("VFS001", "malformed-xml", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def malformed_xml(file: Broken) -> Iterator[Problem]:
    """A domain is well-formed XML.

    Why: libvirt reads the file with libxml2, which stops at the first fault.
    Bad:
        <?xml version='1.0'?><domain><name>web</domain>
    Good:
        <name>web</name>
    libvirt says: Opening and ending tag mismatch
    See: libvirt virxml.c:virXMLParseHelper
    """
    source, failure = file
    index = min(source.index_of_line(failure.line) + failure.column - 1, max(len(source.text) - 1, 0))
    yield Problem(at=source.span(index, index + 1), message=f"not well-formed XML: {failure.message}")


@rule("VFS006", "not-a-domain", severity=Severity.NOTE, stage=Stage.PARSE, any_hypervisor=True)
def not_a_domain(file: Strange) -> Iterator[Problem]:
    """A file given to vfslint holds a domain.

    Why: the root element is nothing that libvirt reads, so there is nothing to check.
    Bad:
        <?xml version='1.0'?><project/>
    Good:
        <name>web</name>
    See: libvirt domain_conf.c:virDomainDefParse
    """
    yield Problem(
        at=file.root.name_span,
        message=f"<{file.root.tag}> is not a libvirt domain, so nothing was checked",
        severity=Severity.ERROR if file.strict else None,
    )
