"""The libvirt that is installed here rejects no domain that `--fix` changed and that it accepted before.

The test takes some of the cases; `python -m tests.live.test_fixes` takes all and says how many it repairs.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pytest

from tests.live.libvirt import LiveLibvirt, is_available
from tests.paths import DATA
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.fixes import Fixed, Fixer
from vfslint.rules import RULES
from vfslint.targets import contemporary, version
from vfslint.xml.document import Malformed, read
from vfslint.xml.source import Source

CASES = DATA / "cases.jsonl.gz"
ORDER = {"accepted": 0, "refused": 1, "crashed": 2}


class Case(NamedTuple):
    """A case that fixing changes."""

    id: str
    before: Source
    after: Fixed


def cases(release: str, *, unsafe: bool = False, every: int = 1) -> Iterator[Case]:
    engine = Engine(RULES, Context(contemporary(version(release))))
    fixer = Fixer(engine.check_xml, engine.check_xml, unsafe=unsafe)
    with gzip.open(CASES, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number % every == 0:
                case = json.loads(line)
                source = Source(case["xml"].encode(), case["id"])
                after = fixer.fix(source)
                if after.source.data != source.data:
                    yield Case(case["id"], source, after)


@pytest.mark.slow
@pytest.mark.parametrize("unsafe", [False, True])
def test_fixing_a_case_twice_equals_fixing_it_once(unsafe: bool) -> None:
    engine = Engine(RULES, Context())
    fixer = Fixer(engine.check_xml, engine.check_xml, unsafe=unsafe)
    for case in cases("12.8.0", unsafe=unsafe, every=4):
        assert fixer.fix(case.after.source).source.data == case.after.source.data, case.id
        try:
            read(case.before)
        except Malformed:
            continue
        read(case.after.source)


class Tally(NamedTuple):
    """How many cases libvirt rejected before and accepts now, and those that it rejects only now."""

    changed: int
    repaired: Counter[str]
    worse: list[str]


def compared(libvirt: LiveLibvirt, changed: Iterable[Case]) -> Tally:
    repaired: Counter[str] = Counter()
    worse = []
    number = 0
    for case in changed:
        number += 1
        before, after = (libvirt.ask(source.data.decode()) for source in (case.before, case.after.source))
        for question in ("define", "validate"):
            was, now = getattr(before, question), getattr(after, question)
            if ORDER[now] > ORDER[was]:
                codes = ", ".join(finding.code for finding in case.after.fixed)
                worse.append(f"{case.id}: {question} was {was}, is {now} ({codes}; {after.message})")
            elif ORDER[now] < ORDER[was]:
                repaired[question] += 1
    return Tally(number, repaired, worse)


@pytest.mark.slow
@pytest.mark.skipif(
    not is_available(),
    reason="needs root, libvirt's QEMU driver and qemu-system-x86_64: .ci/run installs them",
)
def test_no_fixed_case_is_rejected_more_than_before() -> None:
    with LiveLibvirt() as libvirt:
        tally = compared(libvirt, cases(libvirt.release, every=25))
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
            worse += len(tally.worse)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
