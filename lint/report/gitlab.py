"""GitLab code quality, which merge requests show."""

from __future__ import annotations

import json
from typing import Any, TextIO

from vfslint.findings import Finding, Severity
from vfslint.report.fingerprints import unique
from vfslint.report.repository import in_repository
from vfslint.run import Run
from vfslint.terminal import PLAIN, Look
from vfslint.xml.printable import printable

_SEVERITY = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.NOTE: "info"}


def write(run: Run, out: TextIO, look: Look = PLAIN) -> None:
    """Write a list of issues, each with a fingerprint by which GitLab distinguishes new ones from old ones."""
    issues = map(_issue, run.findings, unique(run.findings, run.sources))
    json.dump(list(issues), out, indent=2)
    out.write("\n")


def _issue(finding: Finding, fingerprint: str) -> dict[str, Any]:
    return {
        "description": f"{finding.code} {finding.name}: {printable(finding.message)}",
        "check_name": finding.name,
        "fingerprint": fingerprint,
        "severity": _SEVERITY[finding.severity],
        "location": {
            "path": printable(in_repository(finding.file)),
            "lines": {"begin": finding.at.start.line, "end": finding.at.end.line},
        },
    }
