"""Applies the fixes of a source's findings until none is left, and finds out in advance which findings that fixes.

One finding often follows from another: once `<memorybacking>` is renamed to `<memoryBacking>`, no second
`<memoryBacking>` is needed. So fixes are applied for one rule at a time, in several orders, and the order that leaves
the fewest findings wins. A fix has to remove its finding. A fix that makes the file unreadable, or writes an error into
it, is skipped, and the others are still applied. An error that was hidden by the fault which a fix corrects is not the
fix's: libvirt reads the accessmode of a `<filesytem>` only when it is a `<filesystem>`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from vfslint.engine import Outcome
from vfslint.findings import Edit, Finding, Severity, Span, Stage
from vfslint.xml.document import MAXIMUM_BYTES
from vfslint.xml.edits import apply
from vfslint.xml.source import Source

Check = Callable[[Source], Outcome]
Key = tuple[str, str]
Order = Callable[[Finding], int]

# More than the number of rules whose fixes one file can need, with a margin.
ROUNDS = 60
# The limit when fixes are applied one by one, because together they cause errors: enough for any real file.
CAREFUL_STEPS = 400
# The limit of bytes that these steps check, since each checks the whole file; some steps are always made.
CAREFUL_BYTES = 1_000_000
FEWEST_STEPS = 20

_OF_DEFINE = (Stage.PARSE, Stage.SCHEMA, Stage.DEFINE)
_URGENCY = {stage: number for number, stage in enumerate(Stage)}
ORDERS: tuple[Order, ...] = (
    lambda finding: _URGENCY[finding.stage],
    lambda finding: finding.at.start.offset,
    # Typos of names have low codes.
    lambda finding: int(finding.code[3:]),
)


class Fixed(NamedTuple):
    """A source after fixing, what is still found in it, and what was fixed.

    `fixed` are findings of the first check, `uncovered` those that were found only when others had been fixed.
    """

    source: Source
    outcome: Outcome
    fixed: tuple[Finding, ...] = ()
    uncovered: tuple[Finding, ...] = ()


class _Step(NamedTuple):
    """A source on the way, what the selected rules and all rules find in it, and the fixes applied so far."""

    source: Source
    outcome: Outcome
    guarded: Outcome
    applied: tuple[Finding, ...] = ()


class Fixer:
    """Fixes sources. `check` returns the findings to fix, `guard` runs every rule to find new errors.

    Without a `guard`, `check` runs every rule.
    """

    def __init__(self, check: Check, guard: Check | None = None, *, unsafe: bool = False) -> None:
        self.check = check
        self.guard = guard if guard != check else None
        self.unsafe = unsafe

    def fix(self, source: Source, outcome: Outcome | None = None) -> Fixed:
        """Return the source with every fix applied that removes its finding and writes no error into the file.

        `outcome` is what `check` returns for the source, if that is known.
        """
        outcome = outcome or self.check(source)
        if not _fixable(outcome, unsafe=self.unsafe):
            return Fixed(source, outcome)
        first = self._step(source, outcome)
        last = self._fix(first, unsafe=False)
        if self.unsafe:
            last = self._fix(last, unsafe=True)
        return _result(first, last, unsafe=self.unsafe)

    def with_kept_promises(self, source: Source, outcome: Outcome) -> Outcome:
        """Return what was found in a source with only those fixes that remove their finding when they are applied.

        A fix is safe if this does not take others that are not.
        """
        first = safely = self._step(source, outcome)
        fixes = [finding.fix for finding in outcome.findings if finding.fix]
        if any(fix.safe for fix in fixes):
            safely = self._fix(first, unsafe=False)
        safe = Counter(_result(first, safely, unsafe=False).fixed)
        last = self._fix(safely, unsafe=True) if safe.total() < len(fixes) else safely
        unsafe = Counter(_result(first, last, unsafe=True).fixed)
        return outcome._replace(findings=[_promised(finding, safe, unsafe) for finding in outcome.findings])

    def _step(self, source: Source, outcome: Outcome, applied: tuple[Finding, ...] = ()) -> _Step:
        return _Step(source, outcome, self.guard(source) if self.guard else outcome, applied)

    def _fix(self, current: _Step, *, unsafe: bool) -> _Step:
        # A larger file was read only in part.
        if len(current.source.data) > MAXIMUM_BYTES:
            return current
        seen = {current.source.data}
        while _fixable(current.outcome, unsafe=unsafe):
            following = self._best(current, unsafe=unsafe)
            if following.source.data in seen:
                break
            seen.add(following.source.data)
            current = following
        return current

    def _best(self, current: _Step, *, unsafe: bool) -> _Step:
        """Apply the fixes in each order and return the best result: fewest errors, then findings, then fixes."""
        results = []
        fixable = _fixable(current.outcome, unsafe=unsafe)
        for order in ORDERS:
            result = self._together(current, order, unsafe=unsafe)
            results.append(result or self._one_by_one(current, order, unsafe=unsafe))
            if not results[-1].outcome.findings or len({finding.code for finding in fixable}) == 1:
                break
        return min(results, key=lambda result: _what_is_left(result, fixable))

    def _together(self, current: _Step, order: Order, *, unsafe: bool) -> _Step | None:
        """Apply the fixes of one rule that do not overlap, round by round; None if this does not end, or does harm."""
        seen = {current.source.data}
        for _ in range(ROUNDS):
            left = sorted(_fixable(current.outcome, unsafe=unsafe), key=order)
            if not left:
                return current
            of_one_rule = [finding for finding in left if finding.code == left[0].code]
            following = self._applied(current, _compatible(of_one_rule))
            if following is None or following.source.data in seen:
                return None
            seen.add(following.source.data)
            current = following
        return None

    def _one_by_one(self, current: _Step, order: Order, *, unsafe: bool) -> _Step:
        seen = {current.source.data}
        rejected: set[Key] = set()
        affordable = max(CAREFUL_BYTES // max(len(current.source.data), 1), FEWEST_STEPS)
        for _ in range(min(CAREFUL_STEPS, affordable)):
            left = [finding for finding in _fixable(current.outcome, unsafe=unsafe) if _key(finding) not in rejected]
            if not left:
                break
            selected = min(left, key=order)
            following = self._applied(current, [selected])
            if following is None or following.source.data in seen:
                rejected.add(_key(selected))
                continue
            seen.add(following.source.data)
            rejected.clear()
            current = following
        return current

    def _applied(self, current: _Step, selected: list[Finding]) -> _Step | None:
        """Apply the fixes of these findings; None if one of the findings remains, or if that does harm."""
        edits = {edit for finding in selected if finding.fix for edit in finding.fix.edits}
        source = Source(apply(current.source.data, edits), current.source.name)
        outcome = self.check(source)
        before, after = (Counter(map(_key, found)) for found in (current.outcome.findings, outcome.findings))
        fixed = Counter(map(_key, selected))
        if any(after[key] > before[key] - number for key, number in fixed.items()):
            return None
        following = self._step(source, outcome, (*current.applied, *selected))
        written = _written(edits)
        moved = _moves(selected, current.source)
        return None if _is_worse(current.guarded, following.guarded, selected, written, moved) else following


def _is_worse(
    was: Outcome, now: Outcome, fixed: Sequence[Finding], written: Mapping[Edit, tuple[int, int]], moved: set[Edit]
) -> bool:
    """Whether fixes make a file unreadable or write an error into it.

    `written` are the byte ranges of the new text, `moved` the edits whose text was somewhere else: a fault in it is the
    author's, but libvirt does not reject it there.
    """
    if was.is_readable != now.is_readable or was.is_whole != now.is_whole:
        # Errors that become visible because the file is readable now were not caused by the fix.
        return was.is_readable > now.is_readable or was.is_whole > now.is_whole
    if not set(now.failures) <= set(was.failures):
        # It is unknown what the rule that failed would have found.
        return True
    errors = _errors(was)
    own = [place for edit, place in written.items() if edit not in moved]
    return any(
        key not in errors
        and _is_in(finding, list(written.values()) if finding.stage in _OF_DEFINE else own)
        and not _gets_further(finding, fixed)
        for key, finding in _errors(now).items()
    )


def _gets_further(error: Finding, fixed: Sequence[Finding]) -> bool:
    """Whether libvirt rejected the domain earlier than it does now because of an error, or the error is fixed next.

    Plain define accepts what is only against the schema.
    """
    is_next = error.fix is not None and error.fix.safe
    least = _URGENCY[error.stage] + is_next
    return all(
        finding.severity is Severity.ERROR and finding.stage is not Stage.SCHEMA and _URGENCY[finding.stage] < least
        for finding in fixed
    )


def _moves(fixed: Iterable[Finding], source: Source) -> set[Edit]:
    """Return the edits that insert what another edit of the same fix removes."""
    moves = set()
    for finding in fixed:
        edits = finding.fix.edits if finding.fix else ()
        removed = [b"".join(source.data[edit.start : edit.end].split()) for edit in edits]
        for edit in edits:
            text = b"".join(edit.text.split())
            if any(piece and piece in text for piece in removed):
                moves.add(edit)
    return moves


def _written(edits: Iterable[Edit]) -> dict[Edit, tuple[int, int]]:
    """Return the byte ranges of the new text after the edits, which do not overlap."""
    ranges, moved = {}, 0
    for edit in sorted(edits):
        start = edit.start + moved
        if edit.text:
            ranges[edit] = start, start + len(edit.text)
        moved += len(edit.text) - (edit.end - edit.start)
    return ranges


def _is_in(finding: Finding, ranges: Sequence[tuple[int, int]]) -> bool:
    """Whether the finding, or a place that explains it, is inside of one of these ranges."""

    def contains(span: Span) -> bool:
        return any(start <= span.start.offset and span.end.offset <= end for start, end in ranges)

    return contains(finding.at) or any(contains(related.at) for related in finding.related)


def _fixable(outcome: Outcome, *, unsafe: bool) -> list[Finding]:
    return [finding for finding in outcome.findings if finding.fix and (finding.fix.safe or unsafe)]


def _result(first: _Step, last: _Step, *, unsafe: bool) -> Fixed:
    """Return what the fixes between two steps have fixed: a finding can disappear with the fix of another one."""
    left = Counter(map(_key, last.outcome.findings))
    fixable = _fixable(first.outcome, unsafe=unsafe)
    # Of equal findings, those remain that have no fix.
    left.subtract(Counter(map(_key, first.outcome.findings)) - Counter(map(_key, fixable)))
    fixed = []
    for finding in fixable if last.applied else ():
        key = _key(finding)
        if left[key] > 0:
            left[key] -= 1
        else:
            fixed.append(finding)
    known = Counter(map(_key, first.outcome.findings))
    uncovered = []
    for finding in last.applied:
        known[_key(finding)] -= 1
        if known[_key(finding)] < 0:
            uncovered.append(finding)
    return Fixed(last.source, last.outcome, tuple(fixed), tuple(uncovered))


def _promised(finding: Finding, safe: Counter[Finding], unsafe: Counter[Finding]) -> Finding:
    if not finding.fix:
        return finding
    if safe[finding]:
        safe[finding] -= 1
        unsafe[finding] -= 1
        return finding
    if unsafe[finding] > 0:
        unsafe[finding] -= 1
        return finding._replace(fix=finding.fix._replace(safe=False))
    return finding._replace(fix=None)


def _key(finding: Finding) -> Key:
    return finding.code, finding.message


def _what_is_left(result: _Step, fixable: Sequence[Finding]) -> tuple[int, int, int, int]:
    findings = result.outcome.findings
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    unfixed = Counter(map(_key, fixable)) & Counter(map(_key, findings))
    return errors, len(findings), unfixed.total(), len(result.applied)


def _errors(outcome: Outcome) -> dict[Key, Finding]:
    found = [*outcome.findings, *(suppressed.finding for suppressed in outcome.suppressed)]
    return {_key(finding): finding for finding in found if finding.severity is Severity.ERROR}


def _compatible(findings: Iterable[Finding]) -> list[Finding]:
    """Select, in order, the findings whose fixes do not touch each other; equal edits are made once."""
    selected: list[Finding] = []
    taken: list[Edit] = []
    known: set[Edit] = set()
    for finding in findings:
        edits = finding.fix.edits if finding.fix else ()
        new = [edit for edit in dict.fromkeys(edits) if edit not in known]
        # A fix of which other fixes contain only some edits cannot be applied with them.
        if len(new) not in (0, len(set(edits))):
            continue
        fitting: list[Edit] = []
        for edit in new:
            if _touches(edit, taken) or _touches(edit, fitting):
                break
            insort(fitting, edit)
        else:
            selected.append(finding)
            known.update(new)
            for edit in new:
                insort(taken, edit)
    return selected


def _touches(edit: Edit, others: list[Edit]) -> bool:
    """Whether an edit overlaps one of several that do not overlap each other, in order, or starts with it."""
    position = bisect_left(others, edit)
    if position < len(others):
        following = others[position]
        if following.start < edit.end or following.start == edit.start:
            return True
    before = others[position - 1] if position else None
    return before is not None and (before.end > edit.start or before.start == edit.start)
