"""GitHub Actions: workflow commands that become annotations, and the job summary."""

from __future__ import annotations

import re
from typing import TextIO

from vfslint.findings import Finding, Severity, Span
from vfslint.report.repository import in_repository
from vfslint.run import Run
from vfslint.terminal import PLAIN, Look
from vfslint.xml.printable import printable

_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}

# GitHub rejects a summary of more than 1 MiB, and a table of thousands of rows is of no use.
SUMMARY_ROWS = 100

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def write(run: Run, out: TextIO, look: Look = PLAIN) -> None:
    """Write one workflow command for each finding."""
    for finding in run.findings:
        properties = ",".join(f"{name}={_property(value)}" for name, value in _properties(finding).items())
        out.write(f"::{_COMMAND[finding.severity]} {properties}::{_data(_message(finding))}\n")


def write_summary(run: Run, out: TextIO) -> None:
    """Write a table of the findings in Markdown, for the job summary."""
    out.write("### vfslint\n\n")
    if not run.findings:
        out.write("No problems found.\n")
        return
    out.write("| severity | rule | place | finding |\n|---|---|---|---|\n")
    for finding in run.findings[:SUMMARY_ROWS]:
        cells = (finding.severity.word, f"{finding.code} {finding.name}", _place(finding.at), finding.message)
        out.write(f"| {' | '.join(map(_markdown, cells))} |\n")
    left = len(run.findings) - SUMMARY_ROWS
    if left > 0:
        out.write(f"\nand {left} more\n")


def _properties(finding: Finding) -> dict[str, str]:
    start, end = finding.at.start, finding.at.end
    properties = {
        "title": f"{finding.code} {finding.name}",
        "file": printable(in_repository(finding.file)),
        "line": str(start.line),
        "endLine": str(end.line),
    }
    if start.line == end.line:
        # GitHub ignores the columns of annotations that span several lines.
        properties |= {"col": str(start.column), "endColumn": str(end.column)}
    return properties


def _message(finding: Finding) -> str:
    # The log shows only the message, so the message contains the place and the code.
    lines = [f"{_place(finding.at)}: {finding.code} {printable(finding.message)}"]
    lines += [f"{_place(related.at)}: {printable(related.label)}" for related in finding.related]
    if finding.help:
        lines.append(f"help: {printable(finding.help)}")
    return "\n".join(lines)


def _place(at: Span) -> str:
    return f"{printable(in_repository(at.file))}:{at.start.line}:{at.start.column}"


# actions/runner, ActionCommand.cs: the separators, and the escapes that it decodes.
def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _markdown(text: str) -> str:
    """Escape all punctuation, so that the input cannot add markup, links, mentions or table cells."""
    return _PUNCTUATION.sub(r"\\\1", printable(text))
