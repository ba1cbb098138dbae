"""JUnit's XML: a test suite for each file, with a failed test for each error and warning."""

from __future__ import annotations

from typing import TextIO

from lxml import etree

from vfslint.failures import ADVICE
from vfslint.findings import Finding, Severity
from vfslint.run import Run
from vfslint.terminal import PLAIN, Look
from vfslint.xml.printable import XML_DECLARATION, printable


def write(run: Run, out: TextIO, look: Look = PLAIN) -> None:
    """Write each checked file as a suite; a file without errors and warnings is one passed test."""
    root = etree.Element("testsuites", name="vfslint")
    for name, findings in run.by_file().items():
        failures = [finding for finding in findings if finding.severity is not Severity.NOTE]
        failed = [failure.message for failure in run.failures if failure.file == name]
        suite = etree.SubElement(
            root,
            "testsuite",
            name=printable(name),
            tests=str(len(failures) + len(failed) or 1),
            failures=str(len(failures)),
            errors=str(len(failed)),
            skipped="0",
        )
        for finding in failures:
            _failed(suite, finding)
        for message in failed:
            test = etree.SubElement(suite, "testcase", name="vfslint", classname=printable(name))
            etree.SubElement(test, "error", type="internal-error", message=f"{message}; {ADVICE}")
        if not failures and not failed:
            etree.SubElement(suite, "testcase", name="vfslint", classname=printable(name))
        advice = [_text(finding) for finding in findings if finding.severity is Severity.NOTE]
        if advice:
            etree.SubElement(suite, "system-out").text = "\n".join(advice)
    out.write(XML_DECLARATION + etree.tostring(root, pretty_print=True).decode("ascii"))


def _failed(suite: etree._Element, finding: Finding) -> None:
    place = f"{finding.at.start.line}:{finding.at.start.column}"
    test = etree.SubElement(
        suite,
        "testcase",
        name=f"{finding.code} {finding.name} {place}",
        classname=printable(finding.file),
    )
    failure = etree.SubElement(test, "failure", type=finding.severity.word, message=printable(finding.message))
    failure.text = _text(finding)


def _text(finding: Finding) -> str:
    places = [(finding.at, finding.message), *((related.at, related.label) for related in finding.related)]
    lines = [f"{at.file}:{at.start.line}:{at.start.column}: {text}" for at, text in places]
    if finding.help:
        lines.append(f"help: {finding.help}")
    return "\n".join(map(printable, lines))
