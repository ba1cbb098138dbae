"""Checkstyle's XML, which Jenkins, reviewdog and many other tools read."""

from __future__ import annotations

from typing import TextIO

from lxml import etree

from vfslint.findings import Severity
from vfslint.run import Run
from vfslint.terminal import PLAIN, Look
from vfslint.xml.printable import XML_DECLARATION, printable

_SEVERITY = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "info"}


def write(run: Run, out: TextIO, look: Look = PLAIN) -> None:
    """Write an element for each checked file, with its findings."""
    # A version of Checkstyle's own reports, which some readers require.
    root = etree.Element("checkstyle", version="4.3")
    for name, findings in run.by_file().items():
        file = etree.SubElement(root, "file", name=printable(name))
        for finding in findings:
            etree.SubElement(
                file,
                "error",
                line=str(finding.at.start.line),
                column=str(finding.at.start.column),
                severity=_SEVERITY[finding.severity],
                message=printable(finding.message),
                source=f"vfslint.{finding.code}",
            )
    out.write(XML_DECLARATION + etree.tostring(root, pretty_print=True).decode("ascii"))
