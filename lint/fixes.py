"""Applies the fixes of a source's findings until none is left.

One finding often follows from another: once `<memorybacking>` is renamed to `<memoryBacking>`, no second
`<memoryBacking>` is needed. So fixes are applied for one rule at a time, in two orders, and the order that leaves
fewer findings wins. A fix has to remove its finding. A fix that makes the file unreadable, or causes an error that
was not there before, is skipped, and the others are still applied.
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

Check = Callable[[Source], Outcome]
Key = tuple[str, str]
Order = Callable[[Finding], int]

# More than the number of rules whose fixes one file can need, with a margin.
ROUNDS = 60
# The limit when fixes are applied one by one, because together they cause errors: enough for any real file.
CAREFUL_STEPS = 400

_URGENCY = {stage: number for number, stage in enumerate(Stage)}
ORDERS: tuple[Order, ...] = (
    lambda finding: _URGENCY[finding.stage],
    lambda finding: finding.at.start.offset,
)


class Fixed(NamedTuple):
    """A source after fixing, what is still found in it, and the findings that were fixed."""

    source: Source
    outcome: Outcome
    fixed: tuple[Finding, ...] = ()


class Fixer:
    """Fixes sources. `check` returns the findings to fix, `guard` runs every rule to find new errors."""

    def __init__(self, check: Check, guard: Check, *, unsafe: bool = False) -> None:
        self.check = check
        self.guard = guard
        self.unsafe = unsafe

    def fix(self, source: Source) -> Fixed:
        """Return the source with every fix applied that removes its finding and causes no new error."""
        current = Fixed(source, self.check(source))
        # A larger file was read only in part.
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

    def _best(self, current: Fixed) -> Fixed:
        """Apply the fixes in each order and return the best result: fewest errors, then findings, then fixes."""
        results = []
        for order in ORDERS:
            result = self._together(current, order)
            if result is None or self._is_worse(current.source, result.source):
                result = self._one_by_one(current, order)
            results.append(result)
            if len({finding.code for finding in self._fixable(current.outcome)}) == 1:
                break
        return min(results, key=_what_is_left)

    def _together(self, current: Fixed, order: Order) -> Fixed | None:
        """Apply the fixes of one rule that do not overlap, round by round; None if this does not end."""
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

    def _one_by_one(self, current: Fixed, order: Order) -> Fixed:
        seen = {current.source.data}
        rejected: set[Key] = set()
        for _ in range(CAREFUL_STEPS):
            left = [finding for finding in self._fixable(current.outcome) if _key(finding) not in rejected]
            if not left:
                break
            selected = min(left, key=order)
            following = self._applied(current, [selected])
            if following is None or following.source.data in seen or self._is_worse(current.source, following.source):
                rejected.add(_key(selected))
                continue
            seen.add(following.source.data)
            rejected.clear()
            current = following
        return current

    def _fixable(self, outcome: Outcome) -> list[Finding]:
        return [finding for finding in outcome.findings if finding.fix and (finding.fix.safe or self.unsafe)]

    def _applied(self, current: Fixed, selected: list[Finding]) -> Fixed | None:
        """Apply the fixes of these findings; None if one of the findings remains."""
        edits = {edit for finding in selected if finding.fix for edit in finding.fix.edits}
        source = Source(apply(current.source.data, edits), current.source.name)
        outcome = self.check(source)
        before, after = (Counter(map(_key, found)) for found in (current.outcome.findings, outcome.findings))
        fixed = Counter(map(_key, selected))
        if any(after[key] > before[key] - number for key, number in fixed.items()):
            return None
        return Fixed(source, outcome, (*current.fixed, *selected))

    def _is_worse(self, before: Source, after: Source) -> bool:
        was, now = self.guard(before), self.guard(after)
        if was.is_whole != now.is_whole:
            # Errors that become visible because the file is readable now were not caused by the fix.
            return was.is_whole
        if not set(now.failures) <= set(was.failures):
            # It is unknown what the rule that failed would have found.
            return True
        return not _errors(now) <= _errors(was)


def _key(finding: Finding) -> Key:
    return finding.code, finding.message


def _what_is_left(result: Fixed) -> tuple[int, int, int]:
    findings = result.outcome.findings
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    return errors, len(findings), len(result.fixed)


def _errors(outcome: Outcome) -> set[Key]:
    found = [*outcome.findings, *(suppressed.finding for suppressed in outcome.suppressed)]
    return {_key(finding) for finding in found if finding.severity is Severity.ERROR}


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
