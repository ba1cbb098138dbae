"""The check before an upgrade or a move: which domains start on one stack or host and will not on another."""

from __future__ import annotations

from typing import NamedTuple

from vfslint.domain.roots import domain_nodes
from vfslint.engine import Outcome
from vfslint.findings import Finding, Severity, Stage
from vfslint.xml.document import Document, Malformed, Node, read
from vfslint.xml.source import Source

_BEFORE_RUNNING = frozenset({Stage.PARSE, Stage.DEFINE, Stage.START})
# The part of a file that is in no domain: a fault there affects all of them.
_OUTSIDE = -1


class Moved(NamedTuple):
    """What a move means for the domains of one file: the errors that stop them, and the names of those domains.

    `starting` is the number of domains that start at the origin.
    """

    findings: list[Finding]
    stopped: tuple[str, ...] = ()
    starting: int = 0


def moved(source: Source, there: Outcome, here: Outcome) -> Moved:
    """Return the errors that keep a domain from starting here, of domains that start there.

    A file that is not a domain, such as a qemu.conf, counts as one whose name is that of the file.
    """
    try:
        document: Document | None = read(source)
    except Malformed:
        document = None
    domains = domain_nodes(document.root_node) if document else []
    failing = {_place(domains, finding) for finding in there.findings if _stops(finding)}
    if _OUTSIDE in failing or (not there.is_whole and not domains):
        return Moved([])
    found = [each for each in here.findings if _stops(each) and _place(domains, each) not in failing]
    places = {_place(domains, finding) for finding in found}
    stopped = range(len(domains)) if _OUTSIDE in places else sorted(places)
    names = tuple(_name(domains[number], source) for number in stopped if number not in failing)
    return Moved(found, names, len(domains) - len(failing))


def _stops(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR and finding.stage in _BEFORE_RUNNING


def _place(domains: list[Node], finding: Finding) -> int:
    """Return the number of the domain that a finding is in."""
    if len(domains) == 1:
        return 0
    offset = finding.at.start.offset
    for number, node in enumerate(domains):
        span = node.span
        if span.start.offset <= offset < span.end.offset:
            return number
    return _OUTSIDE


def _name(domain: Node, source: Source) -> str:
    name = domain.child("name")
    return name.text if name and name.text else source.name
