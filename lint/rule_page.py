"""`vfslint rules` and `vfslint explain`: the manual of one rule or the list of all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, TextIO

from vfslint.rule import Rule
from vfslint.rules import RULES
from vfslint.subjects import OF_QEMU_CONF

# The parts of libvirt's messages that vary: quoted values, numbers, paths.
_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|%\w+|\d+|/\S+")
_PREFIXES = re.compile(
    r"^(error:\s*)?((Failed to \w+ domain( from \S+)?|unsupported configuration|XML error|internal error|"
    r"invalid argument|operation failed|Requested operation is not valid)[:\s]*)*",
    re.IGNORECASE,
)
_SIMILAR_ENOUGH = 0.6


def find(what: str) -> list[Rule]:
    """Return the rules for a code, a name, or a message that libvirt, QEMU or virtiofsd printed.

    For a message, these are the rules whose `libvirt says` has the most words in common with it; none if there are few.
    """
    named = [rule for rule in RULES if what.upper() == rule.code or what.lower() == rule.name]
    if named:
        return named
    scored = [(_likeness(what, says), rule) for rule in RULES for says in rule.manual.libvirt_says]
    best = max((score for score, _ in scored), default=0.0)
    if best < _SIMILAR_ENOUGH:
        return []
    return list(dict.fromkeys(rule for score, rule in scored if score == best))


def _words(message: str) -> set[str]:
    bare = _VALUES.sub(" ", _PREFIXES.sub("", message.strip()))
    return set(re.findall(r"[a-z_<]+", bare.lower()))


def _likeness(message: str, says: str) -> float:
    if says.lower() in message.lower():
        return 1.0 + len(says) / 1000
    asked, known = _words(message), _words(says)
    return len(asked & known) / len(asked | known) if asked and known else 0.0


def write_list(out: TextIO, format_name: str) -> None:
    """Write all rules: as one line each, as JSON, or as a Markdown table."""
    if format_name == "json":
        json.dump([_as_object(rule) for rule in RULES], out, indent=2)
        out.write("\n")
    elif format_name == "markdown":
        out.write("| code | name | severity | stage | what must hold |\n|---|---|---|---|---|\n")
        for rule in RULES:
            summary = rule.manual.summary.replace("|", "\\|")
            out.write(f"| {rule.code} | {rule.name} | {rule.severity.word} | {rule.stage.value} | {summary} |\n")
    else:
        width = max(len(rule.name) for rule in RULES)
        for rule in RULES:
            out.write(f"{rule.code}  {rule.name:<{width}}  {rule.severity.word:<7}  {rule.manual.summary}\n")


def write_manual(out: TextIO, rules: Iterable[Rule], format_name: str) -> None:
    """Write the manual pages of some rules."""
    if format_name == "json":
        json.dump([_as_object(rule) for rule in rules], out, indent=2)
        out.write("\n")
        return
    pages = [markdown(rule) if format_name == "markdown" else page(rule) for rule in rules]
    out.write("\n\n".join(pages) + "\n")


def _as_object(rule: Rule) -> dict[str, Any]:
    manual = rule.manual
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.word,
        "stage": rule.stage.value,
        "summary": manual.summary,
        "why": manual.why,
        "bad": [example._asdict() for example in manual.bad],
        "good": [example._asdict() for example in manual.good],
        "libvirt_says": list(manual.libvirt_says),
        "fix": manual.fix,
        "see": manual.see,
    }


def page(rule: Rule) -> str:
    """Return a rule's manual page as plain text."""
    manual = rule.manual
    parts = [f"{rule.code} {rule.name} ({rule.severity.word}, stage {rule.stage.value})", manual.summary]
    parts.append(f"Why: {manual.why}")
    for title, examples in (("Bad", manual.bad), ("Good", manual.good)):
        for example in examples:
            given = f" ({example.given})" if example.given else ""
            parts.append(f"{title}{given}:\n" + _indented(example.text))
    parts += [f"libvirt says: {says}" for says in manual.libvirt_says]
    if manual.fix:
        parts.append(f"Fix: {manual.fix}")
    parts.append(f"See: {manual.see}")
    return "\n\n".join(parts)


def markdown(rule: Rule) -> str:
    """Return a rule's manual page in Markdown."""
    manual = rule.manual
    parts = [f"# {rule.code} {rule.name}", manual.summary]
    parts.append(f"Severity **{rule.severity.word}**, stage **{rule.stage.value}**.")
    parts.append(f"## Why\n\n{manual.why}")
    for title, examples in (("Bad", manual.bad), ("Good", manual.good)):
        for example in examples:
            given = f" ({example.given})" if example.given else ""
            language = "ini" if rule.subject in OF_QEMU_CONF else "xml"
            parts.append(f"## {title}{given}\n\n```{language}\n{example.text}\n```")
    if manual.libvirt_says:
        said = "\n".join(f"> {says}" for says in manual.libvirt_says)
        parts.append(f"## What libvirt says\n\n{said}")
    if manual.fix:
        parts.append(f"## Fix\n\n{manual.fix}")
    parts.append(f"## See\n\n{manual.see}")
    return "\n\n".join(parts)


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())
