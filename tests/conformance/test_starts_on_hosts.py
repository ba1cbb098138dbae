"""Given the facts of a host, vfslint reports at which step real libvirt stopped when domains were started there.

tests/data/host-starts.jsonl.gz holds starts on prepared hosts, of the system's libvirt and of a session's: links, stale
sockets, programs that are missing, directories of other users, several domains at once.
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

with gzip.open(DATA / "host-starts.jsonl.gz", "rt", encoding="utf-8") as lines:
    CASES = {(case["case"], case["session"]): case for case in map(json.loads, lines)}


class Start(NamedTuple):
    """One case under one release: domains that were started in order, and what came of each."""

    case: str
    session: bool
    release: str

    @property
    def outcomes(self) -> list[str]:
        """What real libvirt did."""
        return [answer["outcome"] for answer in CASES[self.case, self.session]["libvirt"][self.release]]


def starts() -> Iterator[Start]:
    for case, session in CASES:
        for release in CASES[case, session]["libvirt"]:
            yield Start(case, session, release)


def ids(start: Any) -> str:
    return f"{start.case}{', session' if start.session else ''}, libvirt {start.release}"


def check(start: Start) -> list[list[Finding]]:
    """Return the findings about each domain of a case, also those that only show next to the others."""
    case = CASES[start.case, start.session]
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


@pytest.mark.parametrize("start", list(starts()), ids=ids)
def test_stage_of_every_start_is_reported(start: Start) -> None:
    for findings, outcome in zip(check(start), start.outcomes, strict=True):
        at_define = errors(findings, Stage.PARSE, Stage.DEFINE)
        at_start = errors(findings, Stage.START)
        assert bool(at_define) == (outcome == "refused at define"), at_define
        if not at_define:
            assert bool(at_start) == (outcome in ("refused at start", "start hangs")), at_start


def test_all_cases_are_there() -> None:
    assert len(CASES) == 82
    assert {start.release for start in starts()} == {"7.0.0", "9.0.0", "11.3.0", "12.8.0"}
    assert any(start.session for start in starts())
