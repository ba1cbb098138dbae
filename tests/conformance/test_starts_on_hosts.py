"""Given the facts of a host, vfslint reports at which step real libvirt stopped when domains were started there.

tests/data/host-starts.jsonl.gz holds starts on prepared hosts, of the system's libvirt and of a session's: links, stale
sockets, programs that are missing, directories of other users, several domains at once. Those of
more-host-starts.jsonl.gz were made later, with missing files, devices and processors, and pairs of domains that use the
same image, port or address.
"""

import gzip
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.conformance.test_starts import errors
from tests.paths import DATA
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Finding, Stage
from vfslint.host.load import load
from vfslint.rules import RULES
from vfslint.targets import contemporary, version
from vfslint.xml.source import Source

GIVEN, MORE = "host-starts.jsonl.gz", "more-host-starts.jsonl.gz"
# Per cent of the later starts about which vfslint must agree.
FLOOR = 95.0


def _read(file: str) -> dict[tuple[str, bool], Any]:
    with gzip.open(DATA / file, "rt", encoding="utf-8") as lines:
        return {(case["case"], case["session"]): case for case in map(json.loads, lines)}


FILES = {file: _read(file) for file in (GIVEN, MORE)}


class Start(NamedTuple):
    """One case under one release: domains that were started in order, and what came of each."""

    file: str
    case: str
    session: bool
    release: str

    @property
    def outcomes(self) -> list[str]:
        """What real libvirt did."""
        return [answer["outcome"] for answer in self.facts_and_answers["libvirt"][self.release]]

    @property
    def facts_and_answers(self) -> Any:
        """The case as it was recorded."""
        return FILES[self.file][self.case, self.session]


def starts(file: str) -> Iterator[Start]:
    for (case, session), recorded in FILES[file].items():
        for release in recorded["libvirt"]:
            yield Start(file, case, session, release)


def ids(start: Any) -> str:
    return f"{start.case}{', session' if start.session else ''}, libvirt {start.release}"


def check(start: Start) -> list[list[Finding]]:
    """Return the findings about each domain of a case, also those that only show next to the others."""
    case = start.facts_and_answers
    facts = load(json.dumps(case["facts"][start.release]).encode())
    target = facts.target(contemporary(version(start.release)))
    engine = Engine(RULES, Context(target, host=facts, session=start.session))
    sources = {f"{number}.xml": Source(xml.encode(), f"{number}.xml") for number, xml in enumerate(case["xml"])}
    outcomes = [engine.check_xml(source) for source in sources.values()]
    members = [member for outcome in outcomes for member in outcome.members()]
    together = engine.check_fleet(members, sources.__getitem__).findings
    return [
        outcome.findings + [finding for finding in together if finding.file == file]
        for file, outcome in zip(sources, outcomes, strict=True)
    ]


def expected_and_reported(start: Start) -> list[tuple[str, str]]:
    """Return at which step each domain of a case stopped, and at which it stops according to vfslint."""
    found = []
    for findings, outcome in zip(check(start), start.outcomes, strict=True):
        step = "define" if errors(findings, Stage.PARSE, Stage.DEFINE) else ""
        step = step or ("start" if errors(findings, Stage.START) else "runs")
        found.append((STEPS[outcome], step))
    return found


STEPS = {"refused at define": "define", "refused at start": "start", "start hangs": "start", "runs": "runs"}


@pytest.mark.parametrize("start", list(starts(GIVEN)), ids=ids)
def test_stage_of_every_start_is_reported(start: Start) -> None:
    for expected, reported in expected_and_reported(start):
        assert reported == expected, [each.message for findings in check(start) for each in findings]


def test_later_starts_agree_without_a_false_alarm() -> None:
    pairs = [(start, *pair) for start in starts(MORE) for pair in expected_and_reported(start)]
    wrong = [(start.case, start.release, step) for start, expected, step in pairs if step != expected]
    assert len(pairs) > 200
    assert [each for each in pairs if each[1] == "runs" != each[2]] == []
    assert 100 * (1 - len(wrong) / len(pairs)) >= FLOOR, wrong


def test_all_cases_are_there() -> None:
    assert len(FILES[GIVEN]) == 82
    assert {start.release for start in starts(GIVEN)} == {"7.0.0", "9.0.0", "11.3.0", "12.8.0"}
    assert any(start.session for start in starts(GIVEN))
