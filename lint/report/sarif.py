"""SARIF 2.1.0, for code scanning services and viewers.

A region has lines and columns for viewers, and bytes for programs that edit.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, TextIO
from urllib.parse import quote

from vfslint.failures import ADVICE, Failure
from vfslint.findings import Edit, Finding, Fix, Position, Span
from vfslint.report.fingerprints import unique
from vfslint.report.repository import in_repository
from vfslint.report.text import not_domains
from vfslint.rule import Rule
from vfslint.rule_page import markdown, page
from vfslint.rules import RULES
from vfslint.run import Run
from vfslint.terminal import PLAIN, Look
from vfslint.version import VERSION
from vfslint.xml.printable import printable
from vfslint.xml.source import Source

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"

# The document that the rules are derived from.
_HELP = "https://libvirt.org/kbase/virtiofs.html"

Json = dict[str, Any]


def write(run: Run, out: TextIO, look: Look = PLAIN) -> None:
    """Write a log with one run; it lists only rules that have a result."""
    reported = {finding.code for finding, _ in _stated(run)}
    rules = [rule for rule in RULES if rule.code in reported]
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(rules)},
                "automationDetails": {"id": "vfslint/"},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
                "invocations": [_invocation(run)],
                "results": _results(run, [rule.code for rule in rules]),
            }
        ],
    }
    json.dump(log, out, indent=2)
    out.write("\n")


def _stated(run: Run) -> Iterator[tuple[Finding, Json]]:
    """Yield new findings, findings in the baseline and suppressed findings, each with the property that shows it."""
    known = run.known
    for finding in run.findings:
        yield finding, {} if known is None else {"baselineState": "new"}
    for finding in known or ():
        yield finding, {"baselineState": "unchanged"}
    for suppressed in run.suppressed:
        suppression = {"kind": "inSource", "justification": printable(suppressed.reason)}
        yield suppressed.finding, {"suppressions": [suppression]}


def _driver(rules: list[Rule]) -> Json:
    return {
        "name": "vfslint",
        "version": VERSION,
        "semanticVersion": VERSION,
        "informationUri": _HELP,
        "rules": [_rule(rule) for rule in rules],
    }


def _rule(rule: Rule) -> Json:
    manual = rule.manual
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": manual.summary},
        "fullDescription": {"text": manual.why},
        "help": {"text": page(rule), "markdown": markdown(rule)},
        "helpUri": _HELP,
        "defaultConfiguration": {"level": rule.severity.word},
        "properties": {"stage": rule.stage.value, "tags": ["libvirt", "virtio-fs"]},
    }


def _invocation(run: Run) -> Json:
    notices: list[Json] = [
        {
            "level": "note",
            "message": _message(f"skipped: {skipped.reason}"),
            "locations": [{"physicalLocation": {"artifactLocation": _artifact(skipped.file)}}],
        }
        for skipped in run.skipped
        if skipped.is_excluded
    ]
    # A folder can contain thousands of them.
    others = not_domains(run)
    if others:
        notices.append({"level": "note", "message": _message(others)})
    notices += [_failure(failure) for failure in run.failures]
    return {"executionSuccessful": not run.failures, "toolExecutionNotifications": notices}


def _failure(failure: Failure) -> Json:
    notice: Json = {"level": "error", "message": _message(f"{failure.message}; {ADVICE}")}
    if failure.file:
        notice["locations"] = [{"physicalLocation": {"artifactLocation": _artifact(failure.file)}}]
    if failure.rule:
        notice["associatedRule"] = {"id": failure.rule}
    return notice


def _results(run: Run, codes: list[str]) -> list[Json]:
    stated = list(_stated(run))
    fingerprints = unique((finding for finding, _ in stated), run.sources)
    return [
        {
            **_result(finding, run.sources[finding.file]),
            "ruleIndex": codes.index(finding.code),
            "partialFingerprints": {"vfslint/v1": fingerprint},
            **state,
        }
        for (finding, state), fingerprint in zip(stated, fingerprints, strict=True)
    ]


def _result(finding: Finding, source: Source) -> Json:
    advice = [f"help: {finding.help}"] if finding.help else []
    result: Json = {
        "ruleId": finding.code,
        "level": finding.severity.word,
        "message": _message(finding.message, *advice),
        "locations": [_location(finding.at, finding.label)],
        "properties": {"stage": finding.stage.value, "libvirt_says": finding.libvirt_says},
    }
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, **_location(related.at, related.label)} for number, related in enumerate(finding.related, 1)
        ]
    if finding.fix:
        result["fixes"] = [_fix(finding.fix, source)]
    return result


def _location(at: Span, label: str) -> Json:
    location: Json = {"physicalLocation": {"artifactLocation": _artifact(at.file), "region": _region(at.start, at.end)}}
    if label:
        location["message"] = _message(label)
    return location


def _artifact(file: str) -> Json:
    path = in_repository(file)
    uri = quote(path.encode("utf-8", "surrogateescape"))
    # Outside of the repository a path is absolute: /etc/…, or C:/… on Windows.
    if path.startswith("/"):
        return {"uri": f"file://{uri}"}
    if path[1:3] == ":/":
        return {"uri": f"file:///{path[0]}:{uri[4:]}"}
    return {"uri": uri, "uriBaseId": _ROOT}


def _region(start: Position, end: Position) -> Json:
    return {
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
        "byteOffset": start.offset,
        "byteLength": end.offset - start.offset,
    }


def _fix(fix: Fix, source: Source) -> Json:
    return {
        "description": _message(fix.title),
        "artifactChanges": [
            {
                "artifactLocation": _artifact(source.name),
                "replacements": [_replacement(edit, source) for edit in fix.edits],
            }
        ],
        "properties": {"safe": fix.safe},
    }


def _replacement(edit: Edit, source: Source) -> Json:
    return {
        "deletedRegion": _region(source.at_offset(edit.start), source.at_offset(edit.end)),
        "insertedContent": {
            "text": edit.text.decode(source.encoding, "replace"),
            "binary": b64encode(edit.text).decode("ascii"),
        },
    }


def _message(*lines: str) -> Json:
    """Return a message whose text may come from the input, in which `[text](target)` must not become a link."""
    return {"text": "\n".join(map(printable, lines)).replace("](", "] (")}
