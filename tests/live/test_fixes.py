"""The libvirt that is installed here rejects no domain that `--fix` changed and that it accepted before.

Unless the fault had hidden another one, which is reported then: an unknown element's content was not read. The test
takes some of the cases; `python -m tests.live.test_fixes` takes all and shows how many it repairs.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pytest

from tests.live.libvirt import LiveLibvirt
from tests.paths import DATA
from vfslint.context import Context
from vfslint.engine import Engine, Outcome
from vfslint.findings import Severity
from vfslint.fixes import Fixed, Fixer
from vfslint.rules import RULES
from vfslint.targets import contemporary, version
from vfslint.xml.document import Malformed, read
from vfslint.xml.source import Source

FILES = ("cases", "more-cases", "devices", "kinds")
ORDER = {"accepted": 0, "refused": 1, "crashed": 2}


class Case(NamedTuple):
    """A case that fixing changes; `uncovered` are the errors that are reported only after that."""

    id: str
    before: Source
    after: Fixed
    uncovered: tuple[str, ...]


def cases(release: str, *, unsafe: bool = False, every: int = 1) -> Iterator[Case]:
    engine = Engine(RULES, Context(contemporary(version(release))))
    fixer = Fixer(engine.check_xml, unsafe=unsafe)
    for number, case in enumerate(_given()):
        if number % every == 0:
            source = Source(case["xml"].encode(), case["id"])
            before = engine.check_xml(source)
            after = fixer.fix(source, before)
            if after.source.data != source.data:
                yield Case(case["id"], source, after, _new_errors(before, after.outcome))


def _given() -> Iterator[dict[str, str]]:
    for file in FILES:
        with gzip.open(DATA / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _new_errors(before: Outcome, after: Outcome) -> tuple[str, ...]:
    was, now = (
        Counter(f"{found.code} {found.message}" for found in outcome.findings if found.severity is Severity.ERROR)
        for outcome in (before, after)
    )
    return tuple((now - was).elements())


@pytest.mark.slow
@pytest.mark.parametrize("unsafe", [False, True])
def test_fixing_a_case_twice_equals_fixing_it_once(unsafe: bool) -> None:
    engine = Engine(RULES, Context())
    fixer = Fixer(engine.check_xml, unsafe=unsafe)
    for case in cases("12.8.0", unsafe=unsafe, every=12):
        assert fixer.fix(case.after.source).source.data == case.after.source.data, case.id
        try:
            read(case.before)
        except Malformed:
            continue
        read(case.after.source)


class Tally(NamedTuple):
    """How many cases libvirt rejected before and accepts now, and those that it rejects only now.

    `uncovered` are those of the latter in which an error is reported now that the fault had hidden.
    """

    changed: int
    repaired: Counter[str]
    uncovered: list[str]
    worse: list[str]


def compared(libvirt: LiveLibvirt, changed: Iterable[Case]) -> Tally:
    repaired: Counter[str] = Counter()
    worse: list[str] = []
    uncovered: list[str] = []
    number = 0
    for case in changed:
        number += 1
        before, after = (libvirt.ask(source.data.decode()) for source in (case.before, case.after.source))
        for question in ("define", "validate"):
            was, now = getattr(before, question), getattr(after, question)
            if ORDER[now] > ORDER[was]:
                codes = ", ".join(finding.code for finding in case.after.fixed)
                line = f"{case.id}: {question} was {was}, is {now} ({codes}; {after.message})"
                if case.uncovered:
                    uncovered.append(f"{line} {case.uncovered[0]}")
                else:
                    worse.append(line)
            elif ORDER[now] < ORDER[was]:
                repaired[question] += 1
    return Tally(number, repaired, uncovered, worse)


@pytest.mark.slow
def test_no_fixed_case_is_rejected_more_than_before(libvirt: LiveLibvirt) -> None:
    tally = compared(libvirt, cases(libvirt.release, every=75))
    assert tally.worse == []
    assert tally.repaired["define"] > 0


def main() -> int:
    worse = 0
    with LiveLibvirt() as libvirt:
        print(f"libvirt {libvirt.release}")
        for unsafe in (False, True):
            tally = compared(libvirt, cases(libvirt.release, unsafe=unsafe))
            repaired = f"{tally.repaired['define']} repaired for define, {tally.repaired['validate']} for validate"
            kind = "all" if unsafe else "safe"
            print(f"{kind} fixes: {tally.changed} cases changed, {repaired}, {len(tally.worse)} worse")
            print(*tally.worse, sep="\n")
            print(f"{len(tally.uncovered)} rejected for an error that the fault had hidden")
            print(*tally.uncovered, sep="\n")
            worse += len(tally.worse)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
