"""Findings for people. A run without any is told in one line, for which rich is not loaded."""

from __future__ import annotations

import os
from typing import TextIO

from vfslint.findings import Severity
from vfslint.run import Run

_STYLES = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "1;36", None: "1;32"}


def write(run: Run, out: TextIO, color: str = "auto") -> None:
    """Draw every finding, then a line that sums up."""
    coloured = wants_colour(out, color)
    if run.findings:
        from vfslint.report.drawing import draw

        draw(run, out, coloured=coloured)
    counts, rest = summary(run)
    if coloured:
        counts = f"\033[{_STYLES[run.worst()]}m{counts}\033[0m"
    out.write(f"{counts}{rest}\n")


def summary(run: Run) -> tuple[str, str]:
    """Return the closing line in two parts: the counts by severity, and what else there is to say."""
    counted = [(run.count(severity.word), severity.word) for severity in sorted(Severity, reverse=True)]
    counts = " · ".join(_counted(number, word) for number, word in counted if number) or "no faults found"
    rest = [f"{_counted(run.checked, 'file')} checked"]
    if run.skipped:
        rest.append(f"{len(run.skipped)} skipped")
    if run.fixable:
        rest.append(f"{run.fixable} fixable with --fix")
    return counts, "".join(f" · {part}" for part in rest)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def wants_colour(out: TextIO, color: str) -> bool:
    """Whether to colour what goes there, by the option `--color` and the usual variables."""
    if color != "auto":
        return color == "always"
    # https://no-color.org and https://force-color.org: any value but the empty one counts.
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return out.isatty() and os.environ.get("TERM") != "dumb"
