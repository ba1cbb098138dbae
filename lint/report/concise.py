"""One line per finding, as compilers print them, for editors and problem matchers."""

from __future__ import annotations

from typing import TextIO

from vfslint.run import Run
from vfslint.terminal import PLAIN, Look
from vfslint.xml.printable import printable


def write(run: Run, out: TextIO, look: Look = PLAIN) -> None:
    """Write `file:line:column: severity[CODE] name: message` for each finding."""
    for finding in run.findings:
        line, column, _ = finding.at.start
        place = f"{printable(finding.file)}:{line}:{column}"
        text = f"{finding.severity.word}[{finding.code}] {finding.name}: {printable(finding.message)}"
        out.write(f"{place}: {text}\n")
