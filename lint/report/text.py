"""Findings for people. A run without findings is one line, for which rich is not loaded."""

from __future__ import annotations

from typing import TextIO

from vfslint.findings import Severity
from vfslint.run import Run
from vfslint.terminal import PLAIN, Codes, Look, wants_color
from vfslint.xml.printable import printable

_STYLES = {Severity.ERROR: "1;31", Severity.WARNING: "1;35", Severity.NOTE: "1", None: "1"}


def write(run: Run, out: TextIO, look: Look = PLAIN) -> None:
    """Draw every finding, then a summary line."""
    colored = wants_color(out, look.color)
    if run.findings:
        from vfslint.report.drawing import draw

        draw(run, out, Codes(out, look.hyperlinks), colored=colored)
    counts, rest = summary(run)
    if colored:
        counts = f"\033[{_STYLES[run.worst()]}m{counts}\033[0m"
    out.write(f"{counts}{rest}\n")


def summary(run: Run) -> tuple[str, str]:
    """Return the summary line in two parts: the counts by severity, and the rest."""
    counted = [(run.count(severity.word), severity.word) for severity in sorted(Severity, reverse=True)]
    nothing = "no problems found" if run.checked else "nothing was checked"
    counts = " · ".join(_counted(number, word) for number, word in counted if number) or nothing
    rest = [f"{_counted(run.checked, 'file')} checked"]
    others = not_domains(run)
    if others:
        rest.append(others)
    no_files = sum(skipped.is_no_file for skipped in run.skipped)
    excluded = sum(skipped.is_excluded for skipped in run.skipped) - no_files
    if excluded:
        rest.append(f"{excluded} excluded")
    if no_files:
        rest.append("1 link or special file skipped" if no_files == 1 else f"{no_files} links or special files skipped")
    if run.known:
        rest.append(f"{len(run.known)} in the baseline")
    if run.suppressed:
        rest.append(f"{len(run.suppressed)} suppressed")
    rest += [f"{number} ignored by {printable(file)}" for file, number in run.silenced.items() if number]
    if run.fixable:
        rest.append(f"{run.fixable} fixable with --fix")
    if run.unsafely_fixable:
        rest.append(f"{run.unsafely_fixable} with --unsafe-fixes")
    return counts, "".join(f" · {part}" for part in rest)


def not_domains(run: Run) -> str:
    """Return how many files were skipped because they contain no domain; empty if there are none."""
    number = len(run.not_domains)
    if number == 1:
        return "1 file is not a libvirt domain"
    return f"{number} files are not libvirt domains" if number else ""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
