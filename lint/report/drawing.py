"""Findings drawn with rich: the source lines, a mark under each place, and where libvirt would have failed.

Lines break between words at the terminal's width; what is longer than a line, such as a path, stays whole. Widths are
in cells: a wide character, such as a Chinese one, has two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from vfslint.findings import Finding, Severity, Span, Stage
from vfslint.run import Run
from vfslint.terminal import Codes, width
from vfslint.xml.printable import printable
from vfslint.xml.source import Source

PLAIN_WIDTH = 120
TAB = "    "
# A label begins beside its mark only if this many cells, or all of it, fit there.
LABEL_WIDTH = 24

# The terminal's palette decides what a color is, and no color of it is readable on every background: yellow, cyan and
# green are not on white, dark blue is not on black. So text has the terminal's own color, except for one bold word of a
# finding, and red, magenta and bright blue are the most readable ones for that and for lines.
_COLOR = {Severity.ERROR: "bold red", Severity.WARNING: "bold magenta", Severity.NOTE: "bold"}
_FRAME = "bright_blue"
_TEXT = "bold"

# Text with its style.
Piece = tuple[str, str]
_WORDS = re.compile(r"( *)([^ ]*)")

_STAGES = {
    Stage.PARSE: "virsh define rejects this",
    Stage.SCHEMA: "plain virsh define accepts this, virsh define --validate rejects it",
    Stage.DEFINE: "virsh define rejects this",
    Stage.START: "virsh start fails",
    Stage.GUEST: "starts, but fails or misbehaves in the guest",
    Stage.NEVER: "libvirt never reports this",
}
# What is not an error depends on more than the file shows.
_POSSIBLE_STAGES = {
    Stage.PARSE: "virsh define can reject this",
    Stage.DEFINE: "virsh define can reject this",
    Stage.START: "virsh start can fail",
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


def draw(run: Run, out: TextIO, codes: Codes, *, colored: bool) -> None:
    """Draw every finding of a run."""
    console = _console(out, colored)
    glyphs = _BOX if _can_write(out, "".join(_BOX)) else _ASCII
    for finding in run.findings:
        first, *others = _drawn(glyphs, finding, run, console.width)
        console.print(Text("\n").join([_linked(first, finding, codes), *others]), soft_wrap=True)


def _linked(first: Text, finding: Finding, codes: Codes) -> Text:
    """Return the first line of a finding with a hyperlink; the widths of lines are computed without it."""
    title = _title(finding)
    before, after = codes.link(title, finding.code).split(title)
    return Text.assemble(before, first[: len(title)], after, first[len(title) :])


def _title(finding: Finding) -> str:
    return f"{finding.severity.word}[{finding.code}]"


def _console(out: TextIO, colored: bool) -> Console:
    return Console(
        file=out,
        force_terminal=colored,
        color_system="standard" if colored else None,
        no_color=not colored,
        highlight=False,
        markup=False,
        emoji=False,
        # rich also reads variables of the environment, and fails if they are not numbers.
        width=width(out, PLAIN_WIDTH),
        height=PLAIN_WIDTH,
        legacy_windows=False,
    )


def _can_write(out: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(out, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _drawn(glyphs: Glyphs, finding: Finding, run: Run, width: int) -> Iterator[Text]:
    """Yield the lines that show a finding, the last of which is empty."""
    color = _COLOR[finding.severity]
    yield from _flowing(
        [], [(_title(finding), color), (f" {finding.name}: {printable(finding.message)}", "bold")], [("  ", "")], width
    )
    marks = [Mark(finding.at, finding.label, True)]
    marks += [Mark(related.at, related.label, False) for related in finding.related]
    files = [finding.file, *(mark.at.file for mark in marks if mark.at.file != finding.file)]
    gutter = len(str(max(mark.at.start.line for mark in marks)))
    for file in dict.fromkeys(files):
        here = sorted((mark for mark in marks if mark.at.file == file), key=lambda mark: mark.at)
        first = next((mark for mark in here if mark.is_primary), here[0]).at.start
        place = f"{printable(file)}:{first.line}:{first.column}"
        yield Text.assemble((" " * gutter + f" {glyphs.top} ", _FRAME), place)
        if file in run.sources:
            yield from _excerpt(glyphs, here, run.sources[file], gutter, color, width)
    where = where_it_surfaces(finding, in_conf=finding.file in run.confs)
    margin = " " * (gutter + 4)
    yield from _flowing([(" " * gutter + f" {glyphs.bottom} ", _FRAME)], [(where, "")], [(margin, "")], width)
    if finding.help:
        option = "   [--fix]" if finding.fix and finding.fix.safe else "   [--unsafe-fixes]" if finding.fix else ""
        advice = [(f": {printable(finding.help)}", ""), (option, _TEXT)]
        yield from _flowing([("help", _TEXT)], advice, [("      ", "")], width)
    yield Text()


def where_it_surfaces(finding: Finding, *, in_conf: bool) -> str:
    """Return where the mistake would surface without vfslint, with libvirt's message if it is known."""
    is_error = finding.severity is Severity.ERROR
    where = _STAGES[finding.stage] if is_error else _POSSIBLE_STAGES.get(finding.stage, _STAGES[finding.stage])
    if in_conf and is_error:
        where = "libvirt's QEMU driver does not start with this"
    if finding.libvirt_says and finding.stage in _POSSIBLE_STAGES:
        where += f": {finding.libvirt_says}"
    return printable(where)


def _flowing(first: list[Piece], pieces: list[Piece], margin: list[Piece], width: int) -> Iterator[Text]:
    """Yield lines of at most `width` cells that break between words: `first` begins the first, `margin` the others."""
    line, used = list(first), _cells(first)
    is_empty = True
    for word in _words(pieces):
        size = _cells(word)
        if not is_empty and used + size > width:
            yield Text.assemble(*line)
            (space, style), *rest = word
            word = [(space.lstrip(), style), *rest]
            line, used = list(margin), _cells(margin)
            size = _cells(word)
        line += word
        used += size
        is_empty = False
    yield Text.assemble(*line)


def _words(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Yield the words of a text with the spaces before them; a word can consist of several pieces."""
    word: list[Piece] = []
    for text, style in pieces:
        for spaces, letters in _WORDS.findall(text):
            if spaces and word:
                yield word
                word = []
            if spaces or letters:
                word.append((spaces + letters, style))
    if word:
        yield word


def _cells(pieces: list[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces)


def _excerpt(glyphs: Glyphs, marks: list[Mark], source: Source, gutter: int, color: str, width: int) -> Iterator[Text]:
    previous, above = 0, ""
    frame = (" " * gutter + f" {glyphs.side} ", _FRAME)
    for mark in marks:
        line = mark.at.start.line
        if previous and line > previous + 1:
            yield Text(" " * max(gutter - 1, 0) + glyphs.gap, style=_FRAME)
        first, last = source.indices_of_line(line)
        start = first + mark.at.start.column - 1
        end = last if mark.at.end.line > line else first + mark.at.end.column - 1
        shown, before, marked = _window(source.text, (first, last), (start, max(end, start + 1)), width - gutter - 3)
        # Two marks in a long line can need different parts of it.
        if line != previous or shown != above:
            yield Text.assemble(f"{line:>{gutter}}", (f" {glyphs.side} ", _FRAME), shown)
        style = color if mark.is_primary else _FRAME
        ruler = (" " * before + (glyphs.primary if mark.is_primary else glyphs.related) * marked, style)
        yield from _labeled(frame, ruler, (printable(mark.label), _TEXT), width)
        previous, above = line, shown


def _labeled(frame: Piece, ruler: Piece, label: Piece, width: int) -> Iterator[Text]:
    """Yield a mark with its label: beside it if there is room, else below."""
    beside = _cells([frame, ruler]) + 1
    size = cell_len(label[0])
    if not size or width - beside >= min(size, LABEL_WIDTH):
        pieces = [(" ", ""), label] if size else []
        yield from _flowing([frame, ruler], pieces, [frame, (" " * (beside - _cells([frame])), "")], width)
        return
    yield Text.assemble(frame, ruler)
    room = max(width - _cells([frame]) - max(min(size, LABEL_WIDTH * 2), 0), 0)
    indent = (" " * min(len(ruler[0]) - len(ruler[0].lstrip()), room), "")
    yield from _flowing([frame, indent], [label], [frame, indent], width)


def _window(text: str, line: tuple[int, int], mark: tuple[int, int], width: int) -> tuple[str, int, int]:
    """Shorten a long line around the mark to a width in cells; `line` and `mark` are indices into the text.

    Returns the text to show, the cells before the mark, and the cells of the mark.
    """
    (first, last), (start, end) = line, mark
    # A line can be as long as a file. Nobody writes so many characters that occupy no cell.
    most = 4 * width
    pieces = (max(first, start - most), start), (start, min(end, last, start + most)), (end, min(last, end + most))
    head, marked, tail = (_shown(text[slice(*piece)]) for piece in pieces)
    if cell_len(head) + cell_len(marked) + min(len(tail), 1) > width:
        head = "…" + _last(head, max(width // 3, 1) - 1)
        room = width - cell_len(head) - 2
        marked = marked if cell_len(marked) <= room else _first(marked, room) + "…"
    before, size = cell_len(head), max(cell_len(marked), 1)
    room = width - before - size
    if cell_len(tail) > room:
        tail = _first(tail, max(room - 1, 0)) + "…"
    return head + marked + tail, before, size


def _first(text: str, cells: int) -> str:
    """Return as much of the beginning of a text as fits."""
    return text if cell_len(text) <= cells else set_cell_size(text, cells)


def _last(text: str, cells: int) -> str:
    """Return as much of the end of a text as fits."""
    return _first(text[::-1], cells)[::-1]


def _shown(text: str) -> str:
    return printable(text.replace("\t", TAB))
