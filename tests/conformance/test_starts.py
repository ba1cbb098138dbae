"""vfslint reports at which stage real libvirt rejected a domain that was defined and started, for each release.

tests/data/starts.jsonl.gz holds domains that four releases of libvirt defined and started with real QEMU and
virtiofsd, as root. Cases that depend on the host are left to the tests with host facts, and listed by name.
"""

import gzip
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.paths import DATA
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Finding, Severity, Stage
from vfslint.rules import RULES
from vfslint.targets import contemporary, version
from vfslint.xml.source import Source

STARTS = DATA / "starts.jsonl.gz"

# Whether these start is up to the host; each is still defined or refused as its XML says.
UP_TO_THE_HOST = {
    "hugepages 2M + shared, none allocated": "hugetlbfs is not mounted",
    "hugepages 2M + memfd + shared, none allocated": "the pool of huge pages is empty",
    "hugepages 1G + shared, none allocated": "hugetlbfs is not mounted",
    "hugepages (default size) + shared": "hugetlbfs is not mounted",
    "source dir does not exist": "the directory is missing",
    "source dir is a file": "the directory is a file",
    "external socket that does not exist": "nobody listens",
    "socket path is a plain file": "the socket is a file",
    "binary path does not exist": "the binary is missing",
}
# The second domain is rejected because of the first, which neither file shows by itself.
UP_TO_ANOTHER_DOMAIN = {"two domains, same external socket"}


class Start(NamedTuple):
    """One domain under one release, and what came of it."""

    case: str
    release: str
    position: int
    xml: str
    outcome: str
    validates: bool


def starts() -> Iterator[Start]:
    with gzip.open(STARTS, "rt", encoding="utf-8") as lines:
        for case in map(json.loads, lines):
            for release, answers in case["libvirt"].items():
                for position, (xml, answer) in enumerate(zip(case["xml"], answers, strict=True)):
                    validates = answer.get("validate") != "refused"
                    yield Start(case["case"], release, position, xml, answer["outcome"], validates)


def ids(start: Any) -> str:
    return f"{start.case} #{start.position + 1}, libvirt {start.release}"


def check(start: Start) -> list[Finding]:
    engine = Engine(RULES, Context(contemporary(version(start.release))))
    return engine.check_xml(Source(start.xml.encode(), start.case)).findings


def errors(findings: list[Finding], *stages: Stage) -> list[str]:
    return [
        f"{finding.code} {finding.message}"
        for finding in findings
        if finding.severity is Severity.ERROR and finding.stage in stages
    ]


def is_up_to_others(start: Start) -> bool:
    return start.case in UP_TO_THE_HOST or (start.case in UP_TO_ANOTHER_DOMAIN and start.position > 0)


CASES = list(starts())


@pytest.mark.parametrize("start", CASES, ids=ids)
def test_define_is_foretold(start: Start) -> None:
    refusing = errors(check(start), Stage.PARSE, Stage.DEFINE)
    assert bool(refusing) == (start.outcome == "refused at define"), refusing


@pytest.mark.parametrize("start", [case for case in CASES if not is_up_to_others(case)], ids=ids)
def test_start_is_foretold(start: Start) -> None:
    refusing = errors(check(start), Stage.START)
    if start.outcome == "refused at define":
        return
    assert bool(refusing) == (start.outcome in ("refused at start", "start hangs")), refusing


@pytest.mark.parametrize("start", [case for case in CASES if is_up_to_others(case)], ids=ids)
def test_what_is_up_to_others_was_refused_at_start_unless_at_define(start: Start) -> None:
    assert start.outcome in ("refused at define", "refused at start", "start hangs")


@pytest.mark.parametrize("start", CASES, ids=ids)
def test_validation_is_foretold(start: Start) -> None:
    if start.outcome == "refused at define":
        return
    refusing = [finding for finding in check(start) if finding.stage is Stage.SCHEMA]
    assert bool(refusing) == (not start.validates), refusing


def test_every_named_case_is_there() -> None:
    assert {case.case for case in CASES} >= {*UP_TO_THE_HOST, *UP_TO_ANOTHER_DOMAIN}
