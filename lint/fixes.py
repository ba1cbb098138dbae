"""Mends a source: applies the fixes of its findings until there is nothing left to mend.

One fault often follows from another: where `<memorybacking>` gets its right name, nobody needs a second
`<memoryBacking>` any more. So it is one rule at a time, and of two orders the one that leaves less to mend.
A fix has to remove its finding. One that makes the file unreadable, or brings an error that was not there,
is left out, and the others go on.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from vfslint.engine import Outcome
from vfslint.findings import Edit, Finding, Severity, Stage
from vfslint.xml.document import MAXIMUM_BYTES
from vfslint.xml.edits import apply
from vfslint.xml.source import Source

Judge = Callable[[Source], Outcome]
Key = tuple[str, str]
Order = Callable[[Finding], int]

# A round for each rule that has something to mend, and then some.
ROUNDS = 60
# One by one, because together they do harm: enough for any file that people write.
CAREFUL_STEPS = 400

_URGENCY = {stage: number for number, stage in enumerate(Stage)}
ORDERS: tuple[Order, ...] = (
    lambda finding: _URGENCY[finding.stage],
    lambda finding: finding.at.start.offset,
)


class Mended(NamedTuple):
    """A source after mending, what is still found in it, and the findings that are mended."""

    source: Source
    outcome: Outcome
    fixed: tuple[Finding, ...] = ()


class Mender:
    """Mends sources. `judge` gives the findings to mend, `guard` asks every rule whether harm was done."""

    def __init__(self, judge: Judge, guard: Judge, *, unsafe: bool = False) -> None:
        self.judge = judge
        self.guard = guard
        self.unsafe = unsafe

    def mend(self, source: Source) -> Mended:
        """Return the source with every fix applied that does good and no harm."""
        current = Mended(source, self.judge(source))
        # What was read of a larger file is not all of it.
        if len(source.data) > MAXIMUM_BYTES:
            return current
        seen = {source.data}
        while self._fixable(current.outcome):
            following = self._best(current)
            if following.source.data in seen:
                break
            seen.add(following.source.data)
            current = following
        return current

    def _best(self, current: Mended) -> Mended:
        """Mend in each order, and return what is best: few errors, few findings, few fixes."""
        found = []
        for order in ORDERS:
            mended = self._together(current, order)
            if mended is None or self._is_worse(current.source, mended.source):
                mended = self._one_by_one(current, order)
            found.append(mended)
            if len({finding.code for finding in self._fixable(current.outcome)}) == 1:
                break
        return min(found, key=_what_is_left)

    def _together(self, current: Mended, order: Order) -> Mended | None:
        """Apply a rule's fixes as far as they do not overlap, round by round; None where this has no end."""
        seen = {current.source.data}
        for _ in range(ROUNDS):
            left = sorted(self._fixable(current.outcome), key=order)
            if not left:
                return current
            of_one_rule = [finding for finding in left if finding.code == left[0].code]
            following = self._applied(current, _compatible(of_one_rule))
            if following is None or following.source.data in seen:
                return None
            seen.add(following.source.data)
            current = following
        return None

    def _one_by_one(self, current: Mended, order: Order) -> Mended:
        seen = {current.source.data}
        refused: set[Key] = set()
        for _ in range(CAREFUL_STEPS):
            left = [finding for finding in self._fixable(current.outcome) if _key(finding) not in refused]
            if not left:
                break
            chosen = min(left, key=order)
            following = self._applied(current, [chosen])
            if following is None or following.source.data in seen or self._is_worse(current.source, following.source):
                refused.add(_key(chosen))
                continue
            seen.add(following.source.data)
            refused.clear()
            current = following
        return current

    def _fixable(self, outcome: Outcome) -> list[Finding]:
        return [finding for finding in outcome.findings if finding.fix and (finding.fix.safe or self.unsafe)]

    def _applied(self, current: Mended, chosen: list[Finding]) -> Mended | None:
        """Apply the fixes of these findings; None where one of the findings stays."""
        edits = {edit for finding in chosen if finding.fix for edit in finding.fix.edits}
        source = Source(apply(current.source.data, edits), current.source.name)
        outcome = self.judge(source)
        before, after = (Counter(map(_key, found)) for found in (current.outcome.findings, outcome.findings))
        mended = Counter(map(_key, chosen))
        if any(after[key] > before[key] - number for key, number in mended.items()):
            return None
        return Mended(source, outcome, (*current.fixed, *chosen))

    def _is_worse(self, before: Source, after: Source) -> bool:
        was, now = self.guard(before), self.guard(after)
        if was.is_whole != now.is_whole:
            # What a fault had hidden is no harm that mending it has done.
            return was.is_whole
        if not set(now.failures) <= set(was.failures):
            # Nobody knows what the rule would have found.
            return True
        return not _errors(now) <= _errors(was)


def _key(finding: Finding) -> Key:
    return finding.code, finding.message


def _what_is_left(mended: Mended) -> tuple[int, int, int]:
    findings = mended.outcome.findings
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    return errors, len(findings), len(mended.fixed)


def _errors(outcome: Outcome) -> set[Key]:
    found = [*outcome.findings, *(suppressed.finding for suppressed in outcome.suppressed)]
    return {_key(finding) for finding in found if finding.severity is Severity.ERROR}


def _compatible(findings: Iterable[Finding]) -> list[Finding]:
    """Choose, in order, the findings whose fixes do not touch each other; equal edits are made once."""
    chosen: list[Finding] = []
    taken: list[Edit] = []
    known: set[Edit] = set()
    for finding in findings:
        edits = finding.fix.edits if finding.fix else ()
        new = [edit for edit in dict.fromkeys(edits) if edit not in known]
        # Some edits of another fix are no fix.
        if len(new) not in (0, len(set(edits))):
            continue
        fitting: list[Edit] = []
        for edit in new:
            if _touches(edit, taken) or _touches(edit, fitting):
                break
            insort(fitting, edit)
        else:
            chosen.append(finding)
            known.update(new)
            for edit in new:
                insort(taken, edit)
    return chosen


def _touches(edit: Edit, others: list[Edit]) -> bool:
    """Whether an edit overlaps one of several that do not overlap each other, in order, or starts with it."""
    position = bisect_left(others, edit)
    if position < len(others):
        following = others[position]
        if following.start < edit.end or following.start == edit.start:
            return True
    before = others[position - 1] if position else None
    return before is not None and (before.end > edit.start or before.start == edit.start)
