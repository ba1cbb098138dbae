"""`vfslint vocabulary`: a place in the domain XML: what libvirt knows there, since when, and what it does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, TextIO

from vfslint.cli.help import WIDTH, columns
from vfslint.targets import spell
from vfslint.terminal import width, wrap
from vfslint.usage import UsageError
from vfslint.vocabulary.describe import Description, Entry, describe, names_at
from vfslint.vocabulary.spelling import nearest
from vfslint.vocabulary.table import Release


def vocabulary(options: SimpleNamespace, out: TextIO) -> None:
    """Write a description of a path; raises UsageError if it is unknown."""
    path = options.operands[0].strip("/")
    found = describe(path)
    if found is None:
        raise UsageError(_unknown(path))
    if options.format == "json":
        json.dump(_object(path, found), out, indent=2)
        out.write("\n")
    else:
        out.write("\n".join(_lines(path, found, width(out, WIDTH))) + "\n")


def _unknown(path: str) -> str:
    known, names = "", path.split("/")
    for name in names:
        if name not in names_at(known):
            meant = nearest(name, names_at(known))
            where = f" in {known}" if known else ""
            return f"unknown element {name!r}{where}" + (f"; did you mean {meant}?" if meant else "")
        known = f"{known}/{name}".lstrip("/")
    return f"unknown path {path!r}"


def _lines(path: str, found: Description, width: int) -> Iterator[str]:
    yield path
    yield from wrap(_about(found.element), width)
    for title, entries in (("attributes", found.attributes), ("elements", found.children)):
        if entries:
            yield ""
            yield f"{title}:"
            yield from columns([(entry.name, _about(entry)) for entry in entries], width)
    if found.forms:
        yield ""
        yield "forms:"
        yield from columns([(condition, "") for condition in found.forms], width)


def _about(entry: Entry) -> str:
    """Return everything known about an element or an attribute, in one paragraph."""
    words = ", ".join(word + _since(since) for word, since in entry.values)
    parts = [entry.description, words or entry.form or ""]
    notes = ["required"] if entry.required else []
    notes += ["repeatable"] if entry.repeatable else []
    notes += [f"since {spell(entry.since)}"] if entry.since else []
    notes += [f"only if {', '.join(entry.only)}"] if entry.only else []
    return " ".join(filter(None, [*parts[:1], f"Values: {parts[1]}." if parts[1] else "", *_bracketed(notes)]))


def _bracketed(notes: Sequence[str]) -> list[str]:
    return [f"({'; '.join(notes)})"] if notes else []


def _since(since: Release | None) -> str:
    return f" ({spell(since)})" if since else ""


def _object(path: str, found: Description) -> dict[str, Any]:
    return {
        "path": path,
        **_entry(found.element),
        "forms": list(found.forms),
        "attributes": [_entry(entry) for entry in found.attributes],
        "elements": [_entry(entry) for entry in found.children],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "description": entry.description,
        "required": entry.required,
        "repeatable": entry.repeatable,
        "since": spell(entry.since) if entry.since else None,
        "values": [{"value": word, "since": spell(since) if since else None} for word, since in entry.values],
        "form": entry.form,
        "only_if": list(entry.only),
    }
