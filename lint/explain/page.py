"""The answers of `vfslint explain` to messages, as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from vfslint.explain.answers import Answer, Judged, judged
from vfslint.findings import Finding
from vfslint.rule import Rule
from vfslint.rules import RULES
from vfslint.terminal import Codes, wrap
from vfslint.xml.printable import printable

MORE = "vfslint explain CODE shows the whole page of a rule."


def write_text(
    out: TextIO, answers: Sequence[Answer], findings: Sequence[Finding] | None, width: int, codes: Codes
) -> None:
    """Write the answers for people; `findings` are those about the domain that was given, None without one."""
    for answer in answers:
        out.write("\n".join(_lines(answer, findings, width, codes)) + "\n\n")
    out.write("\n".join(wrap(MORE, width)) + "\n")


def _lines(answer: Answer, findings: Sequence[Finding] | None, width: int, codes: Codes) -> Iterator[str]:
    yield from wrap(printable(answer.message), width, "", "  ")
    if answer.is_guess:
        yield from _paragraph("No message like this is known. The nearest ones, which are guesses:", width, 2)
    for symptom in answer.symptoms:
        yield from _paragraph(f"From {symptom.who}. {symptom.meaning}", width, 2)
        for number, cause in enumerate(judged(symptom.causes, findings), 1):
            yield ""
            yield from _cause(number, cause, width, codes)
    if answer.rules:
        yield ""
        for rule in answer.rules:
            says = next(iter(rule.manual.libvirt_says), "")
            if answer.is_guess:
                yield from _paragraph(f"{says}", width, 2)
            yield from _summary(rule, width, 4 if answer.is_guess else 2, codes)
            yield from (f"     {_place(finding)}" for finding in findings or () if finding.code == rule.code)


def _cause(number: int, judged: Judged, width: int, codes: Codes) -> Iterator[str]:
    cause, findings = judged
    start = f"  {number}. "
    is_name = cause.what.startswith(("virtiofsd ", "libvirt ", "mount "))
    sentence = f"{cause.what if is_name else cause.what[0].upper() + cause.what[1:]}."
    yield from wrap(sentence, width, start, "     ")
    yield from (f"     Found: {_place(finding)}" for finding in findings or ())
    if findings == () and cause.rules:
        yield "     Not found in the given files."
    yield from _paragraph(f"Look at {cause.look}.", width, 5)
    yield from (f"       $ {command}" for command in cause.commands)
    for code in cause.rules:
        yield from _summary(_rule(code), width, 5, codes)


def _summary(rule: Rule, width: int, indent: int, codes: Codes) -> Iterator[str]:
    first, *others = _paragraph(f"{rule.code} {rule.name}: {rule.manual.summary}", width, indent)
    yield first.replace(rule.code, codes.link(rule.code, rule.code), 1)
    yield from others


def _place(finding: Finding) -> str:
    start = finding.at.start
    return printable(f"{finding.file}:{start.line}:{start.column}: {finding.code} {finding.message}")


def _paragraph(text: str, width: int, indent: int) -> list[str]:
    margin = " " * indent
    return wrap(text, width, margin, margin)


def _rule(code: str) -> Rule:
    return next(rule for rule in RULES if rule.code == code)


def write_json(out: TextIO, answers: Iterable[Answer], findings: Sequence[Finding] | None) -> None:
    """Write the answers as a JSON list, an object for each message."""
    json.dump([_as_object(answer, findings) for answer in answers], out, indent=2)
    out.write("\n")


def _as_object(answer: Answer, findings: Sequence[Finding] | None) -> dict[str, Any]:
    return {
        "message": answer.message,
        "guess": answer.is_guess,
        "meaning": [{"who": symptom.who, "meaning": symptom.meaning} for symptom in answer.symptoms],
        "causes": [
            {
                "what": cause.what,
                "look": cause.look,
                "commands": list(cause.commands),
                "rules": list(cause.rules),
                "found": None if found is None else [_place(finding) for finding in found],
            }
            for symptom in answer.symptoms
            for cause, found in judged(symptom.causes, findings)
        ],
        "rules": [rule.code for rule in answer.rules],
    }
