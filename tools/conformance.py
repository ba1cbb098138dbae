"""Compare vfslint with the results of real libvirt: `python tools/conformance.py CASES.jsonl[.gz] …`.

Prints, for each release, how well define and validate agree, and the differences by rule and by libvirt's message.
Exits with 1 if the agreement is below --floor (percent).
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Finding, Severity, Stage
from vfslint.rules import RULES
from vfslint.targets import contemporary, version
from vfslint.xml.source import Source

RELEASES = ("7.0.0", "9.0.0", "11.3.0", "12.8.0")


# What libvirt writes before a message, by the kind of the error (virerror.c).
_PREFIX = re.compile(
    r"(XML error|unsupported configuration|internal error|invalid argument|operation failed|argument unsupported|"
    r"numerical overflow|configuration file syntax error): "
)


class Disagreement(NamedTuple):
    """One case with different results in vfslint and libvirt."""

    release: str
    question: str
    false_alarm: bool
    case: dict[str, Any]
    codes: tuple[str, ...]
    message: str


def bare(message: str) -> str:
    """Return libvirt's message without its prefix."""
    return _PREFIX.sub("", message, count=1).strip() if _PREFIX.match(message) else message.strip()


def read_cases(path: Path) -> Iterator[dict[str, Any]]:
    data = path.read_bytes()
    for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
        yield json.loads(line)


def refuses_define(findings: Iterable[Finding]) -> list[Finding]:
    """Return the errors that mean that libvirt rejects a plain define."""
    return [
        finding
        for finding in findings
        if finding.severity is Severity.ERROR and finding.stage in (Stage.PARSE, Stage.DEFINE)
    ]


def refuses_validate(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that mean that libvirt rejects a define with validation."""
    return [
        finding
        for finding in findings
        if finding.stage is Stage.SCHEMA
        or (finding.stage in (Stage.PARSE, Stage.DEFINE) and finding.severity is not Severity.NOTE)
    ]


def compare(cases: Iterable[dict[str, Any]], releases: Iterable[str]) -> tuple[Counter[Any], list[Disagreement]]:
    """Lint every case for every release; return how many were compared, and the differences."""
    engines = {release: Engine(RULES, Context(contemporary(version(release)))) for release in releases}
    asked: Counter[Any] = Counter()
    differing = []
    for case in cases:
        source = Source(case["xml"].encode(), case.get("id", "case"))
        for release, engine in engines.items():
            said = case["libvirt"][release]
            if said["define"] == "crashed":
                continue
            findings = engine.check_xml(source).findings
            for question, refusing in (
                ("define", refuses_define(findings)),
                ("validate", refuses_validate(findings)),
            ):
                asked[release, question] += 1
                if bool(refusing) != (said[question] == "refused"):
                    codes = tuple(sorted({finding.code for finding in refusing}))
                    differing.append(
                        Disagreement(release, question, bool(refusing), case, codes, said.get("message", ""))
                    )
    return asked, differing


@cache
def compared(path: Path, release: str) -> tuple[Counter[Any], list[Disagreement]]:
    """Compare a file of cases with one release; cached, because tests and tables need the same results."""
    return compare(read_cases(path), [release])


def report(asked: Counter[Any], differing: list[Disagreement], examples: int) -> float:
    """Print the comparison; return the lowest agreement in percent."""
    lowest = 100.0
    for (release, question), number in sorted(asked.items(), key=lambda item: version(item[0][0])):
        here = [case for case in differing if (case.release, case.question) == (release, question)]
        alarms = [case for case in here if case.false_alarm]
        agreement = 100 * (1 - len(here) / number)
        lowest = min(lowest, agreement)
        print(
            f"libvirt {release} {question}: {agreement:.2f} % of {number} agree, "
            f"{len(here) - len(alarms)} missed rejections, {len(alarms)} false alarms"
        )
        groups: dict[str, list[Disagreement]] = {}
        for case in here:
            said = f"false alarm {'+'.join(case.codes)}" if case.false_alarm else f"missed: {case.message or 'schema'}"
            groups.setdefault(said[:110], []).append(case)
        for said, cases in sorted(groups.items(), key=lambda item: -len(item[1]))[: examples * 100]:
            print(f"  {len(cases):4} {said}")
            for case in cases[:examples]:
                print(
                    f"         {case.case.get('id')} {case.case.get('base')}: {'; '.join(case.case.get('faults', []))}"[
                        :200
                    ]
                )
    return lowest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", type=Path)
    parser.add_argument("--release", action="append", choices=RELEASES)
    parser.add_argument("--examples", type=int, default=2, help="cases to print for each kind of difference")
    parser.add_argument("--floor", type=float, default=0.0, help="exit 1 below this agreement, in percent")
    options = parser.parse_args()
    cases = [case for path in options.cases for case in read_cases(path)]
    asked, differing = compare(cases, options.release or RELEASES)
    return 1 if report(asked, differing, options.examples) < options.floor else 0


if __name__ == "__main__":
    sys.exit(main())
