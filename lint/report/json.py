"""JSON for programs, described by schemas/report.schema.json."""

from __future__ import annotations

import json
from typing import Any, TextIO

from vfslint.findings import Finding, Fix, Position, Related
from vfslint.run import Run

REPORT_VERSION = 1


def write(run: Run, out: TextIO, color: str = "never") -> None:
    """Write one object with `version`, `findings` and `summary`, and `failures` if vfslint failed."""
    json.dump(
        {
            "version": REPORT_VERSION,
            "findings": [finding_object(finding, run) for finding in run.findings],
            "summary": summary_object(run),
            **failures_object(run),
        },
        out,
        indent=2,
    )
    out.write("\n")


def finding_object(finding: Finding, run: Run) -> dict[str, Any]:
    """Return a finding of a run as it is in the JSON report."""
    source = run.sources.get(finding.file)
    return {
        "file": finding.file,
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.word,
        "stage": finding.stage.value,
        "message": finding.message,
        "help": finding.help,
        "start": _position(finding.at.start),
        "end": _position(finding.at.end),
        "related": [_related(related) for related in finding.related],
        "fix": _fix(finding.fix, source.encoding if source else "utf-8") if finding.fix else None,
    }


def summary_object(run: Run) -> dict[str, Any]:
    """Return the counts of a run."""
    return {
        "files": run.checked,
        "skipped": len(run.skipped),
        "errors": run.count("error"),
        "warnings": run.count("warning"),
        "notes": run.count("note"),
        "fixable": run.fixable,
    }


def failures_object(run: Run) -> dict[str, Any]:
    """Return the internal errors of vfslint; empty if there are none."""
    failures = [
        {"file": failed.file, "rule": failed.rule or None, "message": failed.message} for failed in run.failures
    ]
    return {"failures": failures} if failures else {}


def _position(position: Position) -> dict[str, int]:
    return {"line": position.line, "column": position.column, "offset": position.offset}


def _related(related: Related) -> dict[str, Any]:
    return {
        "file": related.at.file,
        "label": related.label,
        "start": _position(related.at.start),
        "end": _position(related.at.end),
    }


def _fix(fix: Fix, encoding: str) -> dict[str, Any]:
    # The text of an edit is in characters, but its offsets are bytes of the file as it is stored.
    edits = [
        {"start": edit.start, "end": edit.end, "text": edit.text.decode(encoding, "replace")} for edit in fix.edits
    ]
    return {"title": fix.title, "safe": fix.safe, "edits": edits}
