"""GitHub's problem matcher reads every line of the concise format, and is not misled by hostile input."""

import io
import json
import re
from typing import Any

from tests.paths import ROOT
from vfslint.report import concise
from vfslint.run import Run


def matchers() -> dict[str, Any]:
    described = json.loads((ROOT / ".github" / "vfslint-matcher.json").read_text())
    return {matcher["owner"]: matcher for matcher in described["problemMatcher"]}


def matched(line: str) -> list[dict[str, str]]:
    """Return what each matcher reads in a line; the runner takes error, warning and notice for a severity."""
    read = []
    for matcher in matchers().values():
        (pattern,) = matcher["pattern"]
        found = re.match(pattern["regexp"], line)
        if found:
            groups = {name: found[group] for name, group in pattern.items() if name != "regexp"}
            read.append({"severity": matcher.get("severity", ""), **groups})
    return read


def test_problem_matcher_reads_real_output(run: Run) -> None:
    out = io.StringIO()
    concise.write(run, out)
    read = [matched(line) for line in out.getvalue().splitlines()]
    assert [len(found) for found in read] == [1, 1, 1]
    assert read[0][0] == {
        "severity": "error",
        "file": "guests/web.xml",
        "line": "11",
        "column": "21",
        "code": "VFS100",
        "message": "memory-is-private: virtio-fs share 'größe' needs shared memory, "
        "but this domain's memory is private",
    }
    assert [found[0]["severity"] for found in read] == ["error", "warning", "notice"]


def test_problem_matcher_is_not_misled_by_hostile_input(attack: Run) -> None:
    out = io.StringIO()
    concise.write(attack, out)
    lines = out.getvalue().splitlines()
    assert len(lines) == len(attack.findings)
    assert [found["code"] for line in lines for found in matched(line)] == ["VFS100", "VFS200", "VFS500"]
