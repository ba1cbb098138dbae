"""JSON Lines: one finding per line as in the JSON report, then a line with `version` and `summary`."""

from __future__ import annotations

import json
from typing import TextIO

from vfslint.report.json import REPORT_VERSION, failures_object, summary_object
from vfslint.run import Run
from vfslint.terminal import PLAIN, Look


def write(run: Run, out: TextIO, look: Look = PLAIN) -> None:
    """Write one line per finding; the last line, without a `code`, is the summary."""
    for finding in run.findings:
        out.write(json.dumps(finding.to_dict()) + "\n")
    last = {"version": REPORT_VERSION, "summary": summary_object(run), **failures_object(run)}
    out.write(json.dumps(last) + "\n")
