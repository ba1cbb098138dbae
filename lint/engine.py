"""From one source to its findings: read it, model it, run the rules, report what they find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.reading import EVERYTHING, Memory, Reader, Silent
from vfslint.domain.roots import (
    FLEETS,
    HOLDERS,
    OTHER_LIBVIRT_ROOTS,
    UnknownRoot,
    domain_nodes,
    is_other,
    name_of,
    root_name,
)
from vfslint.failures import Failure
from vfslint.findings import Finding, Problem, Severity, Stage
from vfslint.rule import Rule
from vfslint.subjects import OF_DOMAINS, Subject, is_of_domains, part_of
from vfslint.vocabulary.check import REMEMBERED, Texts
from vfslint.xml.document import Document, Malformed, read
from vfslint.xml.source import Source

if TYPE_CHECKING:
    from vfslint.fleet import Member
    from vfslint.suppressions import Holder, Suppressed, Suppression

Failed = TypeVar("Failed", bound=Exception)

# So many sets of names of elements are remembered; hostile files could hold any number of them.
PLANS_KEPT = 1024


# Parts of devices that depend on other devices as well.
_IN_DEVICES = frozenset({"Address", "Boot"})
# As many findings of one rule in one file are listed; the others are counted.
MOST_OF_ONE_RULE = 1000
# After as many, the rule is no longer asked about the file.
MOST_COUNTED = 3000
# A longer text of a finding is cut: what it quotes can be as long as a file.
LONGEST_TEXT = 500

# The context of rules that have no such parameter.
NOWHERE = Context()


class Skipped(NamedTuple):
    """A file that was not checked, and why: it contains no domain, or else it is excluded.

    The configuration excludes it, or it is not a file of the folder, but a link out of it, a pipe or a device.
    """

    file: str
    reason: str
    is_excluded: bool = False
    is_no_file: bool = False


class Outcome(NamedTuple):
    """What came out of one source. Where it is not whole, a fault kept the rules from the rest.

    It is not readable if it is malformed XML, or a qemu.conf that libvirt cannot parse.
    `domains` are those that are checked together with others as well; `failures` are faults of vfslint itself.
    """

    findings: list[Finding]
    skipped: Skipped | None = None
    suppressed: tuple[Suppressed, ...] = ()
    is_whole: bool = True
    domains: tuple[Domain, ...] = ()
    failures: tuple[Failure, ...] = ()
    is_readable: bool = True

    def members(self) -> tuple[Member, ...]:
        """Return small records of the domains, for `Engine.check_fleet`."""
        from vfslint.fleet import record

        return tuple(record(domain, position) for position, domain in enumerate(self.domains))


class Together(NamedTuple):
    """What came out of several domains together, and the sources that this points into, by file name."""

    findings: list[Finding]
    suppressed: tuple[Suppressed, ...]
    sources: dict[str, Source]
    failures: tuple[Failure, ...] = ()


class Results:
    """What rules have found in a file so far, and which of them have failed on it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self._numbers: Counter[str] = Counter()
        self._unlisted: dict[str, tuple[Rule, Problem]] = {}
        self._finished: set[str] = set()
        self._failed: dict[str, Failure] = {}

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The first failure of each rule, and those outside of rules."""
        return tuple(self._failed.values())

    def found(self, find: Callable[[Domain], Sequence[Any]], domain: Domain) -> Sequence[Any] | None:
        """Return a domain's subjects of one type; None if vfslint fails to find them."""
        try:
            return find(domain)
        except Exception as error:  # as below
            failure = Failure.of(error, self.file)
            self._failed.setdefault(failure.place, failure)
            return None

    def run(self, rules: Iterable[Rule], subjects: Sequence[Any], context: Context) -> bool:
        """Run rules on subjects; return whether they were silent: they did not find anything, and did not fail.

        A rule that fails loses what it was about to report, and nothing else.
        """
        is_silent = True
        for rule in rules:
            check, wants_context = rule.check, rule.wants_context
            for subject in subjects:
                if rule.code in self._finished:
                    is_silent = False
                    break
                try:
                    for problem in check(subject, context) if wants_context else check(subject):
                        is_silent = False
                        if not self._add(rule, problem):
                            break
                except Exception as error:  # whatever it is: the other rules have found what they have found
                    is_silent = False
                    self._failed.setdefault(rule.code, Failure.of(error, self.file, rule.code))
        return is_silent

    def _add(self, rule: Rule, problem: Problem) -> bool:
        """Add a problem; return whether to go on with the rule."""
        self._numbers[rule.code] += 1
        if self._numbers[rule.code] <= MOST_OF_ONE_RULE:
            self.findings.append(_finding(rule, problem))
            return True
        self._unlisted.setdefault(rule.code, (rule, problem))
        if self._numbers[rule.code] >= MOST_COUNTED:
            self._finished.add(rule.code)
        return rule.code not in self._finished

    def count_unlisted(self) -> None:
        """Add a finding for each rule that has found more than is listed: it says how many."""
        for rule, problem in self._unlisted.values():
            number = self._numbers[rule.code] - MOST_OF_ONE_RULE
            least = "at least " if rule.code in self._finished else ""
            more = f"from here on there {'is one more' if number == 1 else f'are {least}{number} more'}, not listed"
            self.findings.append(
                _finding(
                    rule, Problem(problem.at, _MORE, more, severity=problem.severity, stage=problem.stage, says="")
                )
            )
        self._unlisted.clear()

    def run_on_devices(self, rules: Iterable[Rule], devices: Sequence[Any], texts: Texts, silent: set[int]) -> bool:
        """Run rules without a context on devices; return whether they were silent.

        They are silent about a device whose text is one of those in `silent`, to which this adds.
        """
        is_silent = True
        for device in devices:
            text = texts.get(device.node.element)
            if text is not None and text in silent:
                continue
            if not self.run(rules, (device,), NOWHERE):
                is_silent = False
            elif text is not None:
                if len(silent) >= REMEMBERED:
                    silent.clear()
                silent.add(text)
        return is_silent


class Engine:
    """A selection of rules under a context. Threads can share one: it only remembers what changes no result.

    `severities` has the severity of a rule's findings, by code, if the rule does not decide it. `others` are rules
    that are not selected: their findings are not reported, but where one is more specific than a generic rule, the
    generic one is silent, whatever is selected. Without `suppressions`, those in files have no effect.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        context: Context,
        *,
        strict_root: bool = False,
        severities: Mapping[str, Severity] | None = None,
        others: Iterable[Rule] = (),
        suppressions: bool = True,
    ) -> None:
        self.context = context
        self.suppressions = suppressions
        self.strict_root = strict_root
        self.severities = severities or {}
        self._rules: dict[str, list[Rule]] = {}
        for rule in rules:
            self._rules.setdefault(rule.subject, []).append(rule)
        # What depends on the release, on the host or on other files is decided elsewhere, too.
        self._codes = {
            rule.code
            for subject, chosen in self._rules.items()
            for rule in chosen
            if subject != "Fleet" and not rule.varies
        }
        self._gives_way = {rule.code: rule.gives_way_to for all in self._rules.values() for rule in all if rule.generic}
        self._plans: dict[bool, _Plans] = {}
        particular = [rule for rule in others if not rule.generic]
        self._unselected = Engine(particular, context) if particular else None

    def check_xml(self, source: Source, *, is_named: bool = True) -> Outcome:
        """Return what the rules find in an XML file.

        `is_named`: somebody has named the file, so that it is worth a note if it is not a domain.
        """
        results = Results(source.name)
        try:
            document = read(source)
        except Malformed as failure:
            if not is_named:
                name = root_name(source.text)
                if name != "domain" and name not in HOLDERS:
                    return Outcome([], Skipped(source.name, _not_a_domain(name)))
            from vfslint.xml.malformed import MalformedXml

            malformed = MalformedXml(source, _without_frames(failure))
            self._run(results, "MalformedXml", [malformed])
            return self._finish(malformed, results, is_whole=False)._replace(is_readable=False)
        root = document.root_node
        name = name_of(root)
        skipped = Skipped(source.name, _not_a_domain(name))
        if name in OTHER_LIBVIRT_ROOTS:
            return Outcome([], skipped)
        if is_other(root):
            # Other programs' domains have the name that libvirt's have, so nobody has mistaken them for these.
            if self.strict_root or (is_named and name not in FLEETS):
                self._run(results, "UnknownRoot", [UnknownRoot(document, root, self.strict_root)])
            return self._finish(document, results)._replace(skipped=skipped)
        self._run(results, "Document", [document])
        unselected = Results(source.name)
        if self._unselected:
            self._unselected._run(unselected, "Document", [document])
        # A fault that keeps libvirt from the domain does so whether or not its rule is selected.
        found = (*results.findings, *unselected.findings)
        is_whole = not any(finding.severity is Severity.ERROR for finding in found)
        domains = domains_in(document, self.context) if is_whole else []
        for domain in domains:
            self._check_domain(results, domain)
        if any(finding.code in self._gives_way for finding in results.findings):
            if self._unselected:
                for domain in domains:
                    self._unselected._check_domain(unselected, domain)
            known = [*results.findings, *unselected.findings]
            results.findings = _said_once(results.findings, known, self._gives_way)
        outcome = self._finish(document, results, is_whole=is_whole)
        if name not in FLEETS or "Fleet" not in self._rules:
            return outcome
        return outcome._replace(domains=tuple(domains))

    def check_fleet(self, members: Sequence[Member], reopen: Callable[[str], Source]) -> Together:
        """Return what is wrong with the domains of several outcomes together.

        `reopen` returns a source by its name once more; it may raise OSError.
        """
        if len(members) < 2 or "Fleet" not in self._rules:
            return Together([], (), {})
        from vfslint.fleet import Fleet

        fleet = Fleet(members, self.context, reopen)
        whole = Results("")
        self._run(whole, "Fleet", [fleet])
        whole.count_unlisted()
        found: dict[str, Results] = {}
        for finding in whole.findings:
            found.setdefault(finding.file, Results(finding.file)).findings.append(finding)
        findings: list[Finding] = []
        suppressed: list[Suppressed] = []
        failures = whole.failures
        for file, here in found.items():
            document = fleet.document(file)
            codes = {finding.code for finding in here.findings}
            outcome = self._finish(document, here, is_whole=False) if document else Outcome(here.findings)
            # What is wrong with the suppressions themselves has been said of the file alone.
            findings += [finding for finding in outcome.findings if finding.code in codes]
            suppressed += [silent for silent in outcome.suppressed if silent.finding.code in codes]
            failures += outcome.failures
        return Together(findings, tuple(suppressed), fleet.sources, failures)

    def decides(self, codes: Iterable[str]) -> bool:
        """Whether each of these rules is chosen, and says in every run the same about a file."""
        return self._codes.issuperset(codes)

    def check_conf(self, source: Source) -> Outcome:
        """Return what the rules find in a qemu.conf."""
        from vfslint.qemu_conf import reader
        from vfslint.qemu_conf.conf import QemuSettings

        results = Results(source.name)
        try:
            conf = reader.read(source, self.context.target.libvirt)
        except reader.Unreadable as failure:
            self._run(results, "Unreadable", [_without_frames(failure)])
            return self._finish(failure, results, is_whole=False)._replace(is_readable=False)
        whole = QemuSettings(conf)
        self._run(results, "QemuSettings", [whole])
        self._run(results, "ConfSetting", whole.settings)
        return self._finish(conf, results)

    def _finish(self, holder: Holder, results: Results, *, is_whole: bool = True) -> Outcome:
        """Remove what the file suppresses, then give each finding its configured severity."""
        results.count_unlisted()
        suppressed: tuple[Suppressed, ...] = ()
        source = holder.source
        if self.suppressions and source.encode("vfslint") in source.data:
            from vfslint.suppressions import suppress

            suppressed = suppress(self, holder, results, is_whole)
        findings = results.findings
        if any(finding.fix for finding in findings):
            # Start time: most files have nothing to fix.
            from vfslint.offered import with_offered_fixes

            findings = with_offered_fixes(findings, holder)
        if source.encoding != "utf-8":
            findings = [_in_encoding(finding, source) for finding in findings]
        if self.severities:
            wanted = self.severities
            findings = [f._replace(severity=wanted.get(f.code, f.severity)) for f in findings]
        return Outcome(_in_order(findings), None, suppressed, is_whole, failures=results.failures)

    def _check_domain(self, results: Results, domain: Domain) -> None:
        deviations = results.found(_deviations, domain)
        key = domain.is_qemu
        plans = self._plans.get(key)
        if plans is None:
            plans = self._plans[key] = _Plans(
                rule
                for subject, rules in self._rules.items()
                if is_of_domains(subject)
                for rule in rules
                if domain.is_qemu or rule.any_hypervisor
            )
        plan = plans.of(domain, deviates=bool(deviations))
        if deviations or not domain.texts:
            for step in plan:
                self._take(step, results, domain, domain.texts)
        else:
            self._take_what_is_new(plan, plans, results, domain)

    def _take_what_is_new(self, plan: Sequence[_Step], plans: _Plans, results: Results, domain: Domain) -> None:
        """Take the steps that were not silent about the same in another domain."""
        reader = Reader(domain)
        # Another thread may be using the memory.
        memory = plans.memories.pop() if plans.memories else Memory()
        silent = memory.silent(reader)
        for step in plan:
            if step.number in silent:
                continue
            reads = reader.known(step.silent)
            if reads is None:
                view = reader.view()
                if not self._take(step, results, view, domain.texts) or EVERYTHING in view.reads:
                    continue
                reads = tuple(sorted(view.reads))
                reader.remember(step.silent, reads)
            memory.note(step.number, reads, reader)
        plans.memories.append(memory)

    def _take(self, step: _Step, results: Results, domain: Domain, texts: Texts) -> bool:
        """Run the rules of a step; return whether they were silent."""
        subjects = results.found(step.subject.find, domain)
        if not subjects:
            return subjects is not None
        context = self.context._replace(current=domain)
        is_silent = not step.together or results.run(step.together, (subjects,), context)
        if domain.deviations:
            if step.of_deviating:
                deviating = [each for each in subjects if domain.deviates(each)]
                is_silent &= results.run(step.of_deviating, deviating, context)
            if step.is_of_devices:
                subjects = [each for each in subjects if not domain.is_of_unknown_kind(each)]
        if step.of_devices:
            is_silent &= results.run_on_devices(step.of_devices, subjects, texts, step.silent_texts)
        return results.run(step.each, subjects, context) and is_silent

    def run_on_suppressions(self, results: Results, suppressions: Sequence[Suppression]) -> None:
        """Add what is wrong with a file's suppressions themselves."""
        self._run(results, "Suppression", suppressions)

    def _run(self, results: Results, subject: str, subjects: Sequence[Any]) -> None:
        results.run(self._rules.get(subject, ()), subjects, self.context)


class _Step(NamedTuple):
    """How to find the subjects of one type, and the rules about each, about all together, and about deviating ones.

    `silent` has what was read when none of the rules reported anything. `is_of_devices`: the subjects are devices or
    parts of devices. `of_devices` are rules about each device without a context, and `silent_texts` the texts about
    which none of them reported anything.
    """

    number: int
    subject: Subject
    is_of_devices: bool
    silent: Silent
    of_devices: list[Rule]
    silent_texts: set[int]
    each: list[Rule]
    together: list[Rule]
    of_deviating: list[Rule]

    def may_find(self, elements: frozenset[str], deviates: bool) -> bool:
        """Whether a domain with these elements may have a subject that a rule has something to report about."""
        if not deviates and (self.subject.of_deviations or not (self.of_devices or self.each or self.together)):
            return False
        return not self.subject.elements or not self.subject.elements.isdisjoint(elements)


class _Plans:
    """Which rules to run on a domain, by the elements that it contains: most types occur in few domains."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        steps: dict[str, _Step] = {}
        for rule in rules:
            part = part_of(rule.subject)
            subject = OF_DOMAINS[part]
            name = rule.code if part == "Domain" else part
            step = steps.get(name)
            if step is None:
                is_of_devices = subject.is_device or part in _IN_DEVICES
                step = steps[name] = _Step(len(steps), subject, is_of_devices, {}, [], set(), [], [], [])
            if rule.of_deviating:
                step.of_deviating.append(rule)
            elif part != rule.subject:
                step.together.append(rule)
            elif subject.is_device and not rule.wants_context:
                step.of_devices.append(rule)
            else:
                step.each.append(rule)
        self._steps = tuple(steps.values())
        self._known: frozenset[str] = frozenset[str]().union(*(step.subject.elements for step in self._steps))
        self._plans: dict[tuple[frozenset[str], bool], list[_Step]] = {}
        self.memories: list[Memory] = []

    def of(self, domain: Domain, *, deviates: bool) -> list[_Step]:
        """Return the steps for a domain, with one pass over its elements."""
        held = self._known.intersection([element.tag for element in domain.node.element.iter("*")])
        plan = self._plans.get((held, deviates))
        if plan is None:
            plan = [step for step in self._steps if step.may_find(held, deviates)]
            if len(self._plans) < PLANS_KEPT:
                self._plans[held, deviates] = plan
        return plan


def _deviations(domain: Domain) -> Sequence[Any]:
    return domain.deviations


def _without_frames(failure: Failed) -> Failed:
    """Return an exception that can be stored: the frames in its traceback refer to it, which is a reference cycle."""
    failure.__traceback__ = failure.__context__ = None
    return failure


def _not_a_domain(name: str) -> str:
    if not name:
        return "it contains no element"
    return f"the <{name}> is another program's" if name in FLEETS else f"<{name}> is not a domain"


def domains_in(document: Document, context: Context) -> list[Domain]:
    """Return the domains that a document holds; none where its root is something else."""
    return [Domain(document, node, context) for node in domain_nodes(document.root_node)]


_MORE = f"the rule has found more than {MOST_OF_ONE_RULE} problems in this file"


def _finding(rule: Rule, problem: Problem) -> Finding:
    says = problem.says
    if says is None:
        # What libvirt says of structure depends on what it stumbles over; the manual has examples only.
        known = () if rule.generic else rule.manual.libvirt_says
        says = known[0] if len(known) == 1 else ""
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=rule.severity if problem.severity is None else problem.severity,
        stage=rule.stage if problem.stage is None else problem.stage,
        at=problem.at,
        message=_cut(problem.message),
        help=_cut(problem.help),
        label=_cut(problem.label),
        related=problem.related,
        fix=problem.fix,
        libvirt_says=_cut(says),
    )


def _in_encoding(finding: Finding, source: Source) -> Finding:
    """Return a finding whose fix names the encoding of its file."""
    if finding.fix is None or finding.file != source.name:
        return finding
    return finding._replace(fix=finding.fix._replace(encoding=source.encoding))


def _cut(text: str) -> str:
    """Leave out the middle of a text that is too long."""
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[: LONGEST_TEXT - LONGEST_TEXT // 3]} … {text[-LONGEST_TEXT // 3 :]}"


def _said_once(
    findings: list[Finding], known: list[Finding], gives_way: Mapping[str, frozenset[Stage]]
) -> list[Finding]:
    """Leave out what a generic rule reports at a place of which another rule knows more."""
    known_better = {(f.at.start.offset, f.stage) for f in known if f.code not in gives_way}
    return [
        f
        for f in findings
        if not any((f.at.start.offset, stage) in known_better for stage in gives_way.get(f.code, ()))
    ]


def _in_order(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.at.start.offset, -finding.severity, finding.code))
