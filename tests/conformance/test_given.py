"""vfslint's verdict is libvirt's: what four real releases said of thousands of domains.

tests/data/cases.jsonl.gz are the cases that vfslint was written against; more-cases.jsonl.gz are others of the
same kinds, and domains as `virsh dumpxml` prints them with faults put in. docs/conformance.md explains what
is left.
"""

import gzip
import json
from collections import Counter

import pytest

from tests.conformance.explained import explanation
from tests.paths import DATA
from tools.conformance import RELEASES, Disagreement, compared, read_cases
from vfslint import lint_bytes
from vfslint.findings import Severity
from vfslint.targets import contemporary, version

# Comparisons are remembered in a process, so that the workers of pytest-xdist must not share them out.
pytestmark = pytest.mark.xdist_group("conformance")

FLOORS = {  # per cent that must agree, and per cent of false alarms that is allowed
    ("cases.jsonl.gz", "define"): (99.5, 0.2),
    ("cases.jsonl.gz", "validate"): (98.0, 0.2),
    ("more-cases.jsonl.gz", "define"): (99.5, 0.2),
    ("more-cases.jsonl.gz", "validate"): (98.0, 0.2),
}


@pytest.mark.slow
@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("file", ["cases.jsonl.gz", "more-cases.jsonl.gz"])
def test_agreement_with_real_libvirt(file: str, release: str) -> None:
    asked, differing = compared(DATA / file, release)
    for question in ("define", "validate"):
        floor, alarms_allowed = FLOORS[file, question]
        here = [case for case in differing if case.question == question]
        alarms = [case for case in here if case.false_alarm]
        number = asked[release, question]
        assert number > 2000
        assert 100 * (1 - len(here) / number) >= floor, [(case.codes, case.message) for case in here[:20]]
        assert 100 * len(alarms) / number <= alarms_allowed, [case.codes for case in alarms]


# Percent of an area's mutants about which plain define must agree: at least this, and at most so many false alarms.
AREA_FLOOR, ALL_FLOOR, ALARMS = 99.0, 99.5, 0.2
# libvirt 7.0.0 reads most devices with parsers that were rewritten since.
OLDEST_FLOOR = 99.0


@pytest.mark.slow
@pytest.mark.parametrize("release", RELEASES)
def test_agreement_about_every_area_of_devices(release: str) -> None:
    """Mutants of all kinds of devices, made by tests.live.record with a seed that was not used before."""
    path = DATA / "devices.jsonl.gz"
    asked = Counter(case["area"] for case in read_cases(path))
    _, differing = compared(path, release)
    left = [case for case in differing if case.question == "define" and not _is_explained(case)]
    wrong = Counter(case.case["area"] for case in left)
    alarms = [(case.codes, case.case["id"]) for case in left if case.false_alarm]
    assert len(asked) >= 8
    for area, number in asked.items():
        assert 100 * (1 - wrong[area] / number) >= AREA_FLOOR, area
    floor = OLDEST_FLOOR if release == RELEASES[0] else ALL_FLOOR
    assert 100 * (1 - wrong.total() / asked.total()) >= floor
    assert 100 * len(alarms) / asked.total() <= ALARMS, alarms


@pytest.mark.parametrize("release", RELEASES)
def test_agreement_about_one_domain_for_each_kind_of_check(release: str) -> None:
    asked, differing = compared(DATA / "kinds.jsonl.gz", release)
    assert asked[release, "define"] > 50
    assert [(case.case["id"], case.question) for case in differing] == []


def _is_explained(case: Disagreement) -> bool:
    return explanation(case.message, frozenset(case.codes)) is not None


def test_what_kills_libvirt_is_an_error() -> None:
    crashing = 0
    for case in read_cases(DATA / "cases.jsonl.gz"):
        for release, said in case["libvirt"].items():
            if said["define"] == "crashed":
                crashing += 1
                findings = lint_bytes(case["xml"].encode(), target=contemporary(version(release)))
                assert Severity.ERROR in {finding.severity for finding in findings}
    assert crashing


def printed_domains() -> list[dict[str, str]]:
    with gzip.open(DATA / "dumps.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_what_libvirt_prints_is_clean_for_the_release_that_printed_it() -> None:
    dumps = printed_domains()
    assert len(dumps) > 100
    alarms = []
    for dump in dumps:
        findings = lint_bytes(dump["xml"].encode(), target=contemporary(version(dump["release"])))
        alarms += [
            (dump["base"], dump["release"], finding.code, finding.message)
            for finding in findings
            if finding.severity is Severity.ERROR and finding.stage.value in ("parse", "schema", "define")
        ]
    assert alarms == []


def test_what_the_test_driver_prints_is_clean() -> None:
    assert lint_bytes((DATA / "test-driver.xml").read_bytes()) == []


@pytest.mark.parametrize("part", [40, pytest.param(5, marks=pytest.mark.slow)])
def test_rules_that_are_not_loaded_for_a_file_have_nothing_to_say_of_it(part: int) -> None:
    from vfslint.context import Context
    from vfslint.engine import Engine
    from vfslint.rules import RULES, rules_for
    from vfslint.xml.source import Source

    every = Engine(RULES, Context())
    for number, case in enumerate(read_cases(DATA / "more-cases.jsonl.gz")):
        if number % part == 0:
            source = Source(case["xml"].encode(), "case.xml")
            few = rules_for(qemu_conf=False, with_qemu_conf=False, host=False, fleet=False, text=source.data)
            assert Engine(few, Context()).check_xml(source).findings == every.check_xml(source).findings
