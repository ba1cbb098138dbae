"""The list of rules and their manual pages, for `vfslint rules`, `vfslint explain` and SARIF."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from vfslint.rule import Rule
from vfslint.rules import RULES
from vfslint.subjects import OF_QEMU_CONF
from vfslint.terminal import NEVER, WIDEST, Codes, wrap
from vfslint.terminal import width as width_of


def named(what: Sequence[str]) -> list[Rule]:
    """Return the rules that words name: codes, names, their beginnings, or `error[VFS101]`; none if one names none."""
    found: dict[str, Rule] = {}
    for word in what:
        bare = re.sub(r"^\w+\[(VFS\d{3})\]:?$", r"\1", word.strip().rstrip(",;"))
        rules = [rule for rule in RULES if bare.upper() == rule.code or bare.lower() == rule.name]
        if not rules and re.fullmatch(r"VFS\d{1,2}|[a-z]+(-[a-z]*)*", bare):
            rules = [rule for rule in RULES if rule.code.startswith(bare) or rule.name.startswith(f"{bare}-")]
        if not rules:
            return []
        found.update((rule.code, rule) for rule in rules)
    return list(found.values())


def write_list(out: TextIO, format_name: str, rules: Iterable[Rule] = RULES, hyperlinks: str = NEVER) -> None:
    """Write rules: as one line each, as JSON, or as a Markdown table."""
    if format_name == "json":
        json.dump([_as_object(rule) for rule in rules], out, indent=2)
        out.write("\n")
    elif format_name == "markdown":
        out.write("| code | name | severity | stage | what must hold |\n|---|---|---|---|---|\n")
        for rule in rules:
            summary = rule.manual.summary.replace("|", "\\|")
            out.write(f"| {rule.code} | {rule.name} | {rule.severity.word} | {rule.stage.value} | {summary} |\n")
    else:
        codes, longest = Codes(out, hyperlinks), max(len(rule.name) for rule in RULES)
        columns = width_of(out, WIDEST) if out.isatty() else None
        for rule in rules:
            for line in _listed(rule, longest, columns):
                out.write(line.replace(rule.code, codes.link(rule.code, rule.code), 1) + "\n")


def _listed(rule: Rule, longest: int, columns: int | None) -> list[str]:
    """Return a rule in one line for other programs; on a terminal, in lines that break between words."""
    first = f"{rule.code}  {rule.name:<{longest}}  {rule.severity.word:<7}  "
    if columns is None:
        return [first + rule.manual.summary]
    if columns >= 2 * len(first):
        return wrap(rule.manual.summary, columns, first, " " * len(first))
    margin = " " * (len(rule.code) + 2)
    title = wrap(f"{rule.code}  {rule.name}  {rule.severity.word}", columns)
    return [*title, *wrap(rule.manual.summary, columns, margin, margin)]


def write_manual(out: TextIO, rules: Iterable[Rule], format_name: str, width: int, hyperlinks: str = NEVER) -> None:
    """Write the manual pages of some rules; as text, in lines of at most `width` characters."""
    if format_name == "json":
        json.dump([_as_object(rule) for rule in rules], out, indent=2)
        out.write("\n")
        return
    codes = Codes(out, hyperlinks if format_name == "text" else NEVER)
    pages = [
        markdown(rule)
        if format_name == "markdown"
        else page(rule, width).replace(rule.code, codes.link(rule.code, rule.code), 1)
        for rule in rules
    ]
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
        "fixed": manual.fixed,
        "see": manual.see,
    }


def page(rule: Rule, width: int | None = None) -> str:
    """Return a rule's manual page as plain text: what it requires, one bad and one good example, then the rest.

    Lines have at most `width` characters, except those of examples; without a width, a paragraph is one line.
    """
    manual = rule.manual
    parts = [_wrapped(f"{rule.code} {rule.name} ({rule.severity.word}, stage {rule.stage.value})", width)]
    parts += [_wrapped(manual.summary, width), _wrapped(f"Why: {manual.why}", width)]
    for title, example in _examples(rule):
        parts.append(f"{title}:\n" + _indented(example))
    parts += [_wrapped(f"libvirt says: {says}", width) for says in manual.libvirt_says]
    if manual.fix:
        parts.append(_wrapped(f"Fix: {manual.fix}", width))
        parts += ["Fixed:\n" + _indented(manual.fixed)] if manual.fixed else []
    parts.append(_wrapped(f"See: {manual.see}", width))
    return "\n\n".join(parts)


def _examples(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield the titles and texts of a rule's examples: a bad one, a good one, then the others."""
    bad, good = (
        [(title, each) for each in examples]
        for title, examples in (("Bad", rule.manual.bad), ("Good", rule.manual.good))
    )
    for title, example in (*bad[:1], *good[:1], *bad[1:], *good[1:]):
        yield f"{title} ({example.given})" if example.given else title, example.text


def markdown(rule: Rule) -> str:
    """Return a rule's manual page in Markdown."""
    manual = rule.manual
    parts = [f"# {rule.code} {rule.name}", manual.summary]
    parts.append(f"Severity **{rule.severity.word}**, stage **{rule.stage.value}**.")
    parts.append(f"## Why\n\n{manual.why}")
    language = "ini" if rule.subject in OF_QEMU_CONF else "xml"
    for title, example in _examples(rule):
        parts.append(f"## {title}\n\n```{language}\n{example}\n```")
    if manual.libvirt_says:
        said = "\n".join(f"> {says}" for says in manual.libvirt_says)
        parts.append(f"## What libvirt says\n\n{said}")
    if manual.fix:
        shown = f"\n\n```{language}\n{manual.fixed}\n```" if manual.fixed else ""
        parts.append(f"## Fix\n\n{manual.fix}{shown}")
    parts.append(f"## See\n\n{manual.see}")
    return "\n\n".join(parts)


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def _wrapped(text: str, width: int | None) -> str:
    if width is None:
        return text
    return "\n".join(wrap(text, width))
