"""The installed libvirt and vfslint agree about fresh mutants of all kinds of devices, area by area.

By hand, with new mutants, and with the libvirt of another system if `--root` names its root folder:
`python -m tests.live.test_devices --count 1000 --seed 1 disks`.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.conformance.explained import explanation
from tests.live.libvirt import LiveLibvirt
from tests.live.record import recorded
from tests.live.sound import AREAS
from tools.conformance import Disagreement, compare

COUNT = 60
# Percent of an area's mutants about which both must agree, and percent of false alarms that is allowed. A mutant more
# or less is up to two percent here; tests/conformance/test_given.py has the strict floors, over more mutants.
FLOOR, ALARMS = 95.0, 1.7


def differences(
    areas: Sequence[str], count: int, seed: int, libvirt: LiveLibvirt
) -> Iterator[tuple[str, Counter[str], list[Disagreement]]]:
    """Yield each area with the numbers of comparisons and the differences that nothing explains."""
    for area in areas:
        asked, differing = compare(recorded([area], count, seed, [libvirt]), [libvirt.release])
        numbers = Counter({question: number for (_, question), number in asked.items()})
        yield area, numbers, [case for case in differing if not explanation(case.message, frozenset(case.codes))]


@pytest.mark.slow
@pytest.mark.parametrize("area", AREAS)
def test_agreement_about_an_area(area: str, libvirt: LiveLibvirt) -> None:
    for _, numbers, differing in differences([area], COUNT, 20261127, libvirt):
        for question, number in numbers.items():
            here = [case for case in differing if case.question == question]
            alarms = [case for case in here if case.false_alarm]
            assert 100 * (1 - len(here) / number) >= FLOOR, [(case.codes, case.message) for case in here]
            assert 100 * len(alarms) / number <= ALARMS, [(case.codes, case.case["xml"]) for case in alarms]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("areas", nargs="*", default=AREAS)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--root", type=Path, help="root folder of another system, whose libvirt is asked")
    options = parser.parse_args()
    with LiveLibvirt(options.root) as libvirt:
        print(f"libvirt {libvirt.release}, seed {options.seed}")
        for area, numbers, differing in differences(options.areas, options.count, options.seed, libvirt):
            for question, number in numbers.items():
                here = [case for case in differing if case.question == question]
                alarms = sum(case.false_alarm for case in here)
                agreement = 100 * (1 - len(here) / number)
                print(f"{area}, {question}: {agreement:.2f} % of {number} agree, {alarms} false alarms")
            kinds = defaultdict(list)
            for case in differing:
                said = f"false alarm {'+'.join(case.codes)}" if case.false_alarm else f"missed {case.message}"
                kinds[re.sub(r"'[^']*'|\d+", "*", said)].append(case)
            for kind, cases in sorted(kinds.items(), key=lambda item: -len(item[1])):
                print(f"{len(cases):4} {kind}\n     {cases[0].case['xml']}")


if __name__ == "__main__":
    main()
