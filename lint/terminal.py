"""What the terminal that the output goes to can show: its width, colors, and hyperlinks to the pages of rules."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import TextIO

WHEN = ("auto", "always", "never")
AUTO, ALWAYS, NEVER = WHEN

NARROWEST, WIDEST = 40, 200


class Look:
    """How to draw: when to use colors and hyperlinks, each auto, always or never."""

    def __init__(self, color: str = AUTO, hyperlinks: str = AUTO) -> None:
        self.color = color
        self.hyperlinks = hyperlinks

    def in_file(self) -> Look:
        """Return how to draw in a file: what depends on the terminal is left out, whatever the environment says."""
        return Look(*(ALWAYS if when == ALWAYS else NEVER for when in (self.color, self.hyperlinks)))


PLAIN = Look(NEVER, NEVER)


def width(out: TextIO, otherwise: int) -> int:
    """Return how many columns the output may use: those of COLUMNS, those of the terminal, or `otherwise`."""
    given, columns = os.environ.get("COLUMNS", ""), otherwise
    if _is_number(given):
        columns = int(given)
    elif out.isatty():
        with suppress(OSError):  # a stream that only claims to be a terminal
            # A terminal that does not know its size has 0 columns.
            columns = os.get_terminal_size(out.fileno()).columns or otherwise
    return min(max(columns, NARROWEST), WIDEST)


def wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """Return a paragraph in lines of at most `width` columns that break only between words.

    A longer word has a line of its own. `first` begins the first line, `rest` the others.
    """
    lines, line, used = [], first, len(first)
    begins = True
    for word in text.split():
        size = cells(word)
        if not begins and used + 1 + size > width:
            lines.append(line)
            line, used, begins = rest, len(rest), True
        line += word if begins else f" {word}"
        used += size if begins else size + 1
        begins = False
    return lines if begins and not lines else [*lines, line]


def cells(text: str) -> int:
    """Return how many columns a text fills: two for each wide character, none for one that combines with another."""
    if text.isascii():
        return len(text)
    # Start time: most texts are in ASCII.
    from unicodedata import category, east_asian_width

    return sum(0 if category(c) in ("Mn", "Me", "Cf") else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def wants_color(out: TextIO, color: str) -> bool:
    """Whether to color the output, by the option `--color` and the usual environment variables."""
    if color != AUTO:
        return color == ALWAYS
    # https://no-color.org and https://force-color.org: any value except an empty one counts.
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return out.isatty() and os.environ.get("TERM") != "dumb"


def wants_hyperlinks(out: TextIO, hyperlinks: str) -> bool:
    """Whether to write hyperlinks, by the option `--hyperlinks`, FORCE_HYPERLINK and what the terminal is."""
    if hyperlinks != AUTO:
        return hyperlinks == ALWAYS
    forced = os.environ.get("FORCE_HYPERLINK")
    if forced:
        return forced != "0"
    return out.isatty() and _has_hyperlinks(os.environ)


class Codes:
    """Writes the codes of rules, as hyperlinks (OSC 8) to their pages if the terminal has them."""

    def __init__(self, out: TextIO, hyperlinks: str) -> None:
        self._site = _documentation() if wants_hyperlinks(out, hyperlinks) else ""

    def link(self, text: str, code: str) -> str:
        """Return a text that links to the page of the rule with that code."""
        if not self._site:
            return text
        return f"\033]8;;{self._site}rules/{code}/\033\\{text}\033]8;;\033\\"


@cache
def _documentation() -> str:
    """Return the URL of the site with the documentation, which ends with a slash; empty if there is none.

    The URL is in the package's metadata, to which pyproject.toml adds it.
    """
    # Start time: 20 ms that only a terminal with hyperlinks needs.
    from importlib import metadata

    try:
        urls = metadata.metadata("vfslint").get_all("Project-URL") or ()
    except metadata.PackageNotFoundError:
        return ""
    named = dict(url.split(", ", 1) for url in urls)
    url: str = named.get("Documentation", "")
    return url if url.endswith("/") else ""


# Terminals with hyperlinks, according to https://github.com/Alhadis/OSC8-Adoption and their own release notes: the
# first release that has them, by TERM_PROGRAM.
_PROGRAMS = {
    "ghostty": (0,),
    "iTerm.app": (3, 1),
    "mintty": (3, 4),
    "rio": (0,),
    "tmux": (3, 4),
    "vscode": (1, 72),
    "WezTerm": (20200620,),
}
# The beginnings of TERM.
_TERMS = ("alacritty", "contour", "foot", "wezterm", "xterm-ghostty", "xterm-kitty")
_VTE = 5000  # 0.50.0; this very release crashes
_KONSOLE = 201200


def _has_hyperlinks(environ: Mapping[str, str]) -> bool:
    """Whether the environment variables show a terminal that has hyperlinks; CI systems have none."""
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if term == "dumb" or any(environ.get(name) for name in ("CI", "GITHUB_ACTIONS", "TEAMCITY_VERSION", "TF_BUILD")):
        return False
    if program in _PROGRAMS and not environ.get("STY"):
        # tmux before 3.2 keeps the TERM_PROGRAM of the terminal around it.
        is_inside = term.startswith(("screen", "tmux")) and program != "tmux"
        return not is_inside and _release(environ.get("TERM_PROGRAM_VERSION", "")) >= _PROGRAMS[program]
    if term.startswith(("screen", "tmux")):
        return False
    vte, konsole = (_number(environ.get(name, "")) for name in ("VTE_VERSION", "KONSOLE_VERSION"))
    return (
        term.startswith(_TERMS)
        or vte > _VTE
        or konsole >= _KONSOLE
        or bool(environ.get("WT_SESSION") or environ.get("DOMTERM"))
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _number(text: str) -> int:
    return int(text) if _is_number(text) else 0


def _release(text: str) -> tuple[int, ...]:
    """Return the numbers at the beginning of a release such as 3.4a or 20240203-110809-5046fc22."""
    return tuple(_number("".join(c for c in part if c.isdigit())) for part in text.split("-")[0].split("."))
