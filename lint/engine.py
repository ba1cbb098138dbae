"""From one source to its findings: read, model, ask the rules, say where and how bad."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from vfslint.broken import Broken
from vfslint.documents import Document, Malformed, Node, read
from vfslint.domain import Domain
from vfslint.findings import Finding, Problem, Severity, Stage
from vfslint.rule import Rule
from vfslint.setting import Setting
from vfslint.source import Source

# Roots that hold domains, and the paths at which they do (a snapshot may hold two different ones).
_HOLDERS = {
    "domainsnapshot": ("domain", "inactiveDomain"),
    "domaincheckpoint": ("domain",),
    "domainbackup": ("domain",),
    "domstatus": ("domain",),
    "domains": ("domain",),
}
_OTHER_LIBVIRT_ROOTS = frozenset(
    """network networkstatus networkport pool poolstate volume nwfilter filterbinding filterbindingb
    interface secret device capabilities domainCapabilities storagepoolCapabilities cpu hostsummary sysinfo
    cputest allocations source disk""".split()
)


class Skipped(NamedTuple):
    """A file that is not for vfslint, and why."""

    file: str
    reason: str


class Strange(NamedTuple):
    """A document whose root is nothing that libvirt knows; `strict` asks for an error."""

    document: Document
    root: Node
    strict: bool


class Outcome(NamedTuple):
    """What came out of one source."""

    findings: list[Finding]
    skipped: Skipped | None = None


class Engine:
    """A choice of rules under a setting. Judging changes nothing in it, so threads can share one."""

    def __init__(self, rules: Iterable[Rule], setting: Setting, *, strict_root: bool = False) -> None:
        self.setting = setting
        self.strict_root = strict_root
        self._rules: dict[str, list[Rule]] = {}
        for rule in rules:
            self._rules.setdefault(rule.subject, []).append(rule)
        self._for_any = {
            subject: [rule for rule in chosen if rule.any_hypervisor]
            for subject, chosen in self._rules.items()
        }

    def judge_xml(self, source: Source) -> Outcome:
        """Return what the rules find in an XML file."""
        try:
            document = read(source)
        except Malformed as failure:
            return Outcome(self._ask("Broken", [Broken(source, failure)]))
        root = Node(document, document.root)
        name = root.tag.rpartition("}")[2]
        if name in _OTHER_LIBVIRT_ROOTS:
            return Outcome([], Skipped(source.name, f"<{name}> is not a domain"))
        if name != "domain" and name not in _HOLDERS:
            return Outcome(self._ask("Strange", [Strange(document, root, self.strict_root)]))
        findings = self._ask("Document", [document])
        if not any(finding.severity is Severity.ERROR for finding in findings):
            for node in [root] if name == "domain" else _held(root, name):
                findings += self._judge_domain(Domain(document, node, self.setting))
        return Outcome(_in_order(_said_once(findings)))

    def _judge_domain(self, domain: Domain) -> list[Finding]:
        rules = self._rules if domain.is_qemu else self._for_any
        findings: list[Finding] = []
        for subject, subjects in (
            ("Domain", (domain,)),
            ("Filesystem", domain.filesystems),
            ("VirtioFS", domain.shares),
            ("MemoryDevice", domain.memory_devices),
        ):
            chosen = rules.get(subject)
            if chosen and subjects:
                findings += self._ask_rules(chosen, subjects)
        return findings

    def _ask(self, subject: str, subjects: Iterable[Any]) -> list[Finding]:
        return list(self._ask_rules(self._rules.get(subject, ()), subjects))

    def _ask_rules(self, rules: Iterable[Rule], subjects: Iterable[Any]) -> list[Finding]:
        return [
            _finding(rule, problem)
            for subject in subjects
            for rule in rules
            for problem in rule(subject, self.setting)
        ]


def _held(root: Node, name: str) -> Iterator[Node]:
    for path in _HOLDERS[name]:
        yield from root.children(path)


def _finding(rule: Rule, problem: Problem) -> Finding:
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=rule.severity if problem.severity is None else problem.severity,
        stage=rule.stage if problem.stage is None else problem.stage,
        at=problem.at,
        message=problem.message,
        help=problem.help,
        label=problem.label,
        related=problem.related,
        fix=problem.fix,
        libvirt_says=next(iter(rule.manual.libvirt_says), ""),
    )


def _said_once(findings: list[Finding]) -> list[Finding]:
    """Leave out schema faults of places that libvirt's parser refuses anyway."""
    refused = {
        finding.at.start.offset
        for finding in findings
        if finding.stage in (Stage.PARSE, Stage.DEFINE) and finding.severity is Severity.ERROR
    }
    return [
        finding
        for finding in findings
        if finding.stage is not Stage.SCHEMA or finding.at.start.offset not in refused
    ]


def _in_order(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.at.start.offset, -finding.severity, finding.code))
