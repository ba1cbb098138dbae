"""JSON for programs, described by schemas/report.schema.json."""

from __future__ import annotations

import json
from typing import Any, TextIO

from vfslint.run import Run
from vfslint.terminal import PLAIN, Look

REPORT_VERSION = 1


def write(run: Run, out: TextIO, look: Look = PLAIN) -> None:
    """Write one object with `version`, `findings` and `summary`, and `failures` if vfslint failed."""
    json.dump(
        {
            "version": REPORT_VERSION,
            "findings": [finding.to_dict() for finding in run.findings],
            "summary": summary_object(run),
            **failures_object(run),
        },
        out,
        indent=2,
    )
    out.write("\n")


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
