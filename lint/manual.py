"""A rule's manual page: the sections of its docstring."""

from __future__ import annotations

import re
from functools import cache
from inspect import cleandoc
from typing import NamedTuple

SECTIONS = ("Why", "Bad", "Good", "libvirt says", "Fix", "Fixed", "See")
_HEADING = re.compile(rf"^({'|'.join(SECTIONS)})(?: \(([^)]*)\))?:[ ]?(.*)$")


class Example(NamedTuple):
    """A piece of a domain (or of a qemu.conf), and the circumstances in which it applies, such as `libvirt 9.0.0`."""

    text: str
    given: str


class Manual(NamedTuple):
    """One rule's documentation. `bad`, `good` and `libvirt_says` contain every section of that title.

    Examples are fragments of a domain, or a whole document if they start with `<domain` or `<?xml`.
    `fixed` is what the fix makes of the first bad example that has one; it is empty if there is no fix.
    A heading may name circumstances in brackets: `Bad (libvirt 9.0.0, session):`.
    """

    summary: str
    why: str
    bad: tuple[Example, ...]
    good: tuple[Example, ...]
    libvirt_says: tuple[str, ...]
    fix: str
    fixed: str
    see: str


@cache
def read_manual(docstring: str) -> Manual:
    """Split a docstring into its sections; a missing section is empty."""
    sections: dict[str, list[str]] = {"summary": [""]}
    circumstances: dict[str, list[str]] = {}
    current = "summary"
    for line in cleandoc(docstring).splitlines():
        heading = _HEADING.match(line)
        if heading:
            current = heading[1]
            sections.setdefault(current, []).append(heading[3])
            circumstances.setdefault(current, []).append(heading[2] or "")
        else:
            sections[current][-1] += "\n" + line
    texts = {title: tuple(_flush_left(text) for text in found) for title, found in sections.items()}
    return Manual(
        summary=" ".join(texts["summary"][0].split()),
        why=_paragraph(texts, "Why"),
        bad=tuple(map(Example, texts.get("Bad", ()), circumstances.get("Bad", ()))),
        good=tuple(map(Example, texts.get("Good", ()), circumstances.get("Good", ()))),
        libvirt_says=tuple(" ".join(text.split()) for text in texts.get("libvirt says", ())),
        fix=_paragraph(texts, "Fix"),
        fixed=next(iter(texts.get("Fixed", ())), ""),
        see=_paragraph(texts, "See"),
    )


def _flush_left(text: str) -> str:
    first, _, rest = text.partition("\n")
    return (first + "\n" + cleandoc("\n" + rest)).strip("\n")


def _paragraph(texts: dict[str, tuple[str, ...]], title: str) -> str:
    return " ".join(" ".join(texts.get(title, ())).split())
