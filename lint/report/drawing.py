"""Findings drawn with rich: the source lines, a mark under each place, and where libvirt would have failed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from vfslint.findings import Finding, Severity, Span, Stage
from vfslint.run import Run
from vfslint.xml.printable import printable
from vfslint.xml.source import Source

PLAIN_WIDTH = 120
TAB = "    "

# Colors of the terminal's own palette, which are readable on light and on dark backgrounds.
_COLOR = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold cyan"}
_FRAME = "blue"

_STAGES = {
    Stage.PARSE: "virsh define rejects this",
    Stage.SCHEMA: "plain virsh define silently drops it; --validate rejects it",
    Stage.DEFINE: "virsh define rejects this",
    Stage.START: "virsh start fails",
    Stage.GUEST: "starts, but fails or misbehaves in the guest",
    Stage.NEVER: "libvirt never reports this",
}


class Glyphs(NamedTuple):
    """The characters of the frame and the marks."""

    top: str
    side: str
    gap: str
    bottom: str
    primary: str
    related: str


_BOX = Glyphs("╭─", "│", "⋮ │", "╰─", "━", "─")
_ASCII = Glyphs("-->", "|", "...", "==>", "^", "-")


class Mark(NamedTuple):
    """One labeled range in a source: the finding's own place or a related one."""

    at: Span
    label: str
    is_primary: bool


def draw(run: Run, out: TextIO, *, colored: bool) -> None:
    """Draw every finding of a run."""
    console = _console(out, colored)
    glyphs = _BOX if _can_write(out, "".join(_BOX)) else _ASCII
    for finding in run.findings:
        _draw(console, glyphs, finding, run)


def _console(out: TextIO, colored: bool) -> Console:
    return Console(
        file=out,
        force_terminal=colored,
        color_system="standard" if colored else None,
        no_color=not colored,
        highlight=False,
        markup=False,
        emoji=False,
        width=None if out.isatty() else int(os.environ.get("COLUMNS") or PLAIN_WIDTH),
        legacy_windows=False,
    )


def _can_write(out: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(out, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _draw(console: Console, glyphs: Glyphs, finding: Finding, run: Run) -> None:
    color = _COLOR[finding.severity]
    head = Text.assemble(
        (f"{finding.severity.word}[{finding.code}]", color),
        (f" {finding.name}", "bold"),
        (f": {printable(finding.message)}", "bold"),
    )
    console.print(head, soft_wrap=True)
    marks = [Mark(finding.at, finding.label, True)]
    marks += [Mark(related.at, related.label, False) for related in finding.related]
    files = [finding.file, *(mark.at.file for mark in marks if mark.at.file != finding.file)]
    gutter = len(str(max(mark.at.start.line for mark in marks)))
    for file in dict.fromkeys(files):
        here = sorted((mark for mark in marks if mark.at.file == file), key=lambda mark: mark.at)
        first = next((mark for mark in here if mark.is_primary), here[0]).at.start
        place = f"{printable(file)}:{first.line}:{first.column}"
        _print(console, (" " * gutter + f" {glyphs.top} ", _FRAME), (place, "default"))
        if file in run.sources:
            for line in _excerpt(glyphs, here, run.sources[file], gutter, color, console.width):
                console.print(line, soft_wrap=True)
    _print(
        console,
        (" " * gutter + f" {glyphs.bottom} ", _FRAME),
        (where_it_surfaces(finding, in_conf=finding.file in run.confs), "default"),
    )
    if finding.help:
        option = "   [--fix]" if finding.fix and finding.fix.safe else "   [--unsafe-fixes]" if finding.fix else ""
        _print(console, ("help", "bold green"), (f": {printable(finding.help)}", "default"), (option, "green"))
    console.print()


def where_it_surfaces(finding: Finding, *, in_conf: bool) -> str:
    """Return where the mistake would surface without vfslint, with libvirt's message if it is known."""
    if finding.stage in (Stage.PARSE, Stage.DEFINE, Stage.START) and finding.severity is not Severity.ERROR:
        return "libvirt accepts this"
    where = _STAGES[finding.stage]
    if in_conf and finding.severity is Severity.ERROR:
        where = "libvirt's QEMU driver does not start with this"
    if finding.libvirt_says and finding.stage in (Stage.PARSE, Stage.DEFINE, Stage.START):
        where += f": {finding.libvirt_says}"
    return printable(where)


def _print(console: Console, *parts: tuple[str, str]) -> None:
    console.print(Text.assemble(*parts), soft_wrap=True)


def _excerpt(glyphs: Glyphs, marks: list[Mark], source: Source, gutter: int, color: str, width: int) -> Iterator[Text]:
    previous = 0
    for mark in marks:
        line = mark.at.start.line
        if previous and line > previous + 1:
            yield Text(" " * max(gutter - 1, 0) + glyphs.gap, style=_FRAME)
        text = source.line(line)
        start = mark.at.start.column - 1
        end = len(text) if mark.at.end.line > line else mark.at.end.column - 1
        shown, before, marked = _window(text, start, max(end, start + 1), width - gutter - 4)
        if line != previous:
            yield Text.assemble((f"{line:>{gutter}} {glyphs.side} ", _FRAME), (shown, "default"))
        style = color if mark.is_primary else _FRAME
        ruler = (glyphs.primary if mark.is_primary else glyphs.related) * marked
        label = f" {printable(mark.label)}" if mark.label else ""
        yield Text.assemble((" " * gutter + f" {glyphs.side} ", _FRAME), (" " * before + ruler, style), (label, style))
        previous = line


def _window(text: str, start: int, end: int, width: int) -> tuple[str, int, int]:
    """Shorten a long line around the mark.

    Returns the text to show, the cells before the mark, and the cells of the mark.
    """
    head, marked, tail = (_shown(piece) for piece in (text[:start], text[start:end], text[end:]))
    if cell_len(head) + cell_len(marked) > width:
        head = "…" + head[-max(width // 3, 1) :]
        marked = marked if cell_len(marked) <= width // 2 else marked[: max(width // 2, 1)] + "…"
    before, size = cell_len(head), max(cell_len(marked), 1)
    room = width - before - size
    if cell_len(tail) > room:
        tail = tail[: max(room - 1, 0)] + "…"
    return head + marked + tail, before, size


def _shown(text: str) -> str:
    return printable(text.replace("\t", TAB))
