"""The output fits the terminal: its width, its colors, and hyperlinks where it has them."""

from __future__ import annotations

import io
import os
import pty
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.command import vfslint
from tests.paths import ROOT
from vfslint import terminal
from vfslint.cli.options import COMMANDS, LINT, Command
from vfslint.rule_page import write_list
from vfslint.rules import RULES
from vfslint.terminal import Codes, _documentation, cells, wants_color, wants_hyperlinks, width, wrap

FAULTY = str(ROOT / "examples" / "faulty" / "private-memory.xml")
SITE = "https://docs.example/vfslint/"
LINK = re.compile(r"\033\]8;;([^\033]*)\033\\")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"]})
    _documentation.cache_clear()
    yield
    _documentation.cache_clear()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_documentation", lambda: SITE)


# Hyperlinks.


@pytest.mark.parametrize(
    ("environ", "has"),
    [
        ("", False),
        ("TERM=xterm-256color", False),
        ("TERM=linux", False),
        ("TERM=xterm-kitty", True),
        ("TERM=foot-extra", True),
        ("TERM=alacritty", True),
        ("TERM=xterm-ghostty TERM_PROGRAM=ghostty TERM_PROGRAM_VERSION=1.0.1", True),
        ("TERM_PROGRAM=Apple_Terminal TERM_PROGRAM_VERSION=455", False),
        ("TERM_PROGRAM=iTerm.app TERM_PROGRAM_VERSION=3.0.15", False),
        ("TERM_PROGRAM=iTerm.app TERM_PROGRAM_VERSION=3.1.0", True),
        ("TERM_PROGRAM=iTerm.app TERM_PROGRAM_VERSION=3.5.0beta2", True),
        ("TERM_PROGRAM=WezTerm TERM_PROGRAM_VERSION=20240203-110809-5046fc22", True),
        ("TERM_PROGRAM=WezTerm TERM_PROGRAM_VERSION=20190925-000000-0", False),
        ("TERM_PROGRAM=vscode TERM_PROGRAM_VERSION=1.71.2", False),
        ("TERM_PROGRAM=vscode TERM_PROGRAM_VERSION=1.95.3", True),
        ("TERM_PROGRAM=vscode TERM_PROGRAM_VERSION=what", False),
        ("VTE_VERSION=4602", False),
        ("VTE_VERSION=5000", False),
        ("VTE_VERSION=7006", True),
        ("VTE_VERSION=²", False),
        ("KONSOLE_VERSION=201199", False),
        ("KONSOLE_VERSION=220401", True),
        ("WT_SESSION=3a7b", True),
        ("DOMTERM=version=3", True),
        # A multiplexer hides the terminal around it.
        ("TERM=screen-256color VTE_VERSION=7006", False),
        ("TERM=screen STY=1.x TERM_PROGRAM=iTerm.app TERM_PROGRAM_VERSION=3.5", False),
        ("TERM=screen-256color TERM_PROGRAM=iTerm.app TERM_PROGRAM_VERSION=3.5", False),
        ("TERM=tmux-256color TERM_PROGRAM=tmux TERM_PROGRAM_VERSION=3.3a", False),
        ("TERM=tmux-256color TERM_PROGRAM=tmux TERM_PROGRAM_VERSION=3.4", True),
        # Some CI systems give their jobs a terminal.
        ("TERM=xterm-kitty CI=true", False),
        ("VTE_VERSION=7006 GITHUB_ACTIONS=true", False),
        ("VTE_VERSION=7006 TEAMCITY_VERSION=2024", False),
        ("TERM=dumb VTE_VERSION=7006", False),
        # NO_COLOR is about colors.
        ("TERM=xterm-kitty NO_COLOR=1", True),
        ("TERM=xterm-kitty FORCE_HYPERLINK=0", False),
        ("TERM=dumb CI=true FORCE_HYPERLINK=1", True),
        ("TERM=xterm-kitty FORCE_HYPERLINK=", True),
    ],
)
def test_terminals_with_hyperlinks(environ: str, has: bool) -> None:
    os.environ.update(dict(setting.split("=", 1) for setting in environ.split()))
    assert wants_hyperlinks(Terminal(), "auto") is has
    assert wants_hyperlinks(Terminal(), "always")
    assert not wants_hyperlinks(Terminal(), "never")


def test_a_file_or_a_pipe_has_no_hyperlinks_unless_forced() -> None:
    os.environ["TERM"] = "xterm-kitty"
    assert not wants_hyperlinks(io.StringIO(), "auto")
    assert wants_hyperlinks(io.StringIO(), "always")
    os.environ["FORCE_HYPERLINK"] = "1"
    assert wants_hyperlinks(io.StringIO(), "auto")


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "argv",
    [
        ["--isolated", FAULTY],
        ["--isolated", "--color=always", FAULTY],
        ["rules", "VFS101"],
        ["explain", "VFS101"],
        ["explain", "virtiofs requires shared memory"],
        ["explain", "virtio-fs: tag <data> not found"],
    ],
)
def test_codes_are_links_and_nothing_else_changes(argv: list[str]) -> None:
    plain, linked = (vfslint(*argv, f"--hyperlinks={when}")[1] for when in ("never", "always"))
    targets = LINK.findall(linked)
    assert targets
    assert targets[1::2] == [""] * (len(targets) // 2), "each link ends"
    for url, code in re.findall(r"\033\]8;;([^\033]+)\033\\.*?(VFS\d{3}).*?\033\]8;;\033\\", linked):
        assert url == f"{SITE}rules/{code}/"
    assert LINK.sub("", linked) == plain


@pytest.mark.usefixtures("site")
def test_only_text_has_links() -> None:
    os.environ["FORCE_HYPERLINK"] = "1"
    assert LINK.search(vfslint("--isolated", FAULTY)[1])
    for output in ("concise", "json", "sarif", "github", "junit"):
        assert not LINK.search(vfslint("--isolated", f"--format={output}", "--hyperlinks=always", FAULTY)[1])
    for output in ("json", "markdown"):
        assert not LINK.search(vfslint("rules", "VFS1", f"--format={output}", "--hyperlinks=always")[1])
        assert not LINK.search(vfslint("explain", "VFS101", f"--format={output}", "--hyperlinks=always")[1])


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("when", ["auto", "always"])
def test_a_report_in_a_file_has_links_only_on_request(tmp_path: os.PathLike[str], when: str) -> None:
    os.environ["FORCE_HYPERLINK"] = "1"
    file = os.path.join(tmp_path, "report.txt")
    vfslint("--isolated", f"--output-file={file}", f"--hyperlinks={when}", FAULTY)
    with open(file) as report:
        assert bool(LINK.search(report.read())) == (when == "always")


@pytest.mark.parametrize(
    ("urls", "linked"),
    [
        (["Documentation, https://a.example/docs/"], "https://a.example/docs/rules/VFS101/"),
        (["Issues, https://a.example/i/", "Documentation, https://b.example/"], "https://b.example/rules/VFS101/"),
        # Not a site that has pages of rules.
        (["Documentation, https://a.example/tree/main/docs/index.md"], None),
        (["Issues, https://a.example/i/"], None),
        ([], None),
    ],
)
def test_the_site_is_the_one_of_the_package(
    urls: list[str], linked: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = metadata.metadata("vfslint")
    del package["Project-URL"]
    for url in urls:
        package["Project-URL"] = url
    monkeypatch.setattr(metadata, "metadata", lambda _: package)
    found = LINK.search(Codes(io.StringIO(), "always").link("error[VFS101]", "VFS101"))
    assert (found and found[1]) == linked


def test_without_an_installed_package_there_are_no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "metadata", missing)
    assert Codes(io.StringIO(), "always").link("VFS101", "VFS101") == "VFS101"


# Colors.


@pytest.mark.parametrize(
    ("environ", "colored"),
    [
        ({}, True),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_colors(environ: dict[str, str], colored: bool) -> None:
    os.environ.update(environ)
    assert wants_color(Terminal(), "auto") is colored


# The width.


@contextmanager
def terminal_of(columns: int) -> Iterator[TextIO]:
    """A real terminal of that many columns; 0 if it does not know."""
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with open(slave, "w", closefd=False) as out:
            yield out
    finally:
        os.close(slave)
        os.close(master)


@pytest.mark.parametrize(("columns", "used"), [(0, 100), (1, 40), (40, 40), (87, 87), (200, 200), (500, 200)])
def test_the_width_is_that_of_the_terminal(columns: int, used: int) -> None:
    with terminal_of(columns) as out:
        assert width(out, 100) == used
        os.environ["COLUMNS"] = "77"
        assert width(out, 100) == 77


@pytest.mark.parametrize(
    ("columns", "used"),
    [
        ("60", 60),
        ("0", 40),
        ("39", 40),
        ("9" * 30, 100),
        ("201", 200),
        ("", 100),
        ("wide", 100),
        ("-5", 100),
        ("²", 100),
    ],
)
def test_the_width_without_a_terminal(columns: str, used: int) -> None:
    os.environ["COLUMNS"] = columns
    assert width(io.StringIO(), 100) == used
    assert width(Terminal(), 100) == used, "it has no size"
    assert vfslint("--isolated", FAULTY)[0] == 1


PAGES = [
    *([*filter(None, [command.name]), "--help"] for command in (LINT, *COMMANDS.values())),
    ["explain", "VFS101"],
    ["explain", "virtio-fs: tag <data> not found"],
    ["vocabulary", "domain/devices/filesystem"],
]


@pytest.mark.parametrize("argv", PAGES, ids=" ".join)
def test_pages_follow_the_width_and_break_no_word(argv: list[str]) -> None:
    os.environ["COLUMNS"] = "200"
    words = vfslint(*argv)[1].split()
    for columns in range(40, 200, 16):
        os.environ["COLUMNS"] = str(columns)
        text = vfslint(*argv)[1]
        # Commands and examples, which are indented by four spaces or more, stay whole, and so does a URL.
        prose = [line for line in text.splitlines() if not line.startswith("    ") and len(line.split()) > 1]
        assert max(map(cells, prose)) <= columns
        assert text.split() == words
    narrow = vfslint(*argv)[1].count("\n")
    os.environ["COLUMNS"] = "40"
    assert vfslint(*argv)[1].count("\n") > narrow


@pytest.mark.parametrize("command", [LINT, *COMMANDS.values()], ids=lambda command: command.program)
@pytest.mark.parametrize("columns", [40, 59, 60, 80, 200])
def test_every_line_of_the_help_fits(command: Command, columns: int) -> None:
    os.environ["COLUMNS"] = str(columns)
    lines = vfslint(*filter(None, [command.name]), "--help")[1].splitlines()
    assert [line for line in lines if cells(line) > columns] == []


@given(
    st.lists(st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=30), min_size=1),
    st.integers(20, 60),
)
def test_wrapping_keeps_every_word_whole(words: list[str], columns: int) -> None:
    lines = wrap(" ".join(words), columns, "> ", "  ")
    assert [word for line in lines for word in line[2:].split()] == words
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        assert cells(line) <= columns or len(line.split()) <= (2 if line.startswith("> ") else 1)
        if following is not None:
            assert cells(line) + 1 + cells(following.split()[0]) > columns


@pytest.mark.parametrize("text", ["plain", "größe", "共享目录", "日本 fs", "é", "👍"])
def test_cells_are_those_of_the_report(text: str) -> None:
    assert cells(text) == cell_len(text)


@pytest.mark.parametrize("columns", [40, 80, 109, 110, 200])
def test_the_list_of_rules_breaks_no_word_on_a_terminal(columns: int) -> None:
    plain = io.StringIO()
    write_list(plain, "text")
    assert plain.getvalue().count("\n") == len(RULES), "a line for each rule, for other programs"
    os.environ["COLUMNS"] = str(columns)
    shown = Terminal()
    write_list(shown, "text")
    assert shown.getvalue().split() == plain.getvalue().split()
    assert max(map(cells, shown.getvalue().splitlines())) <= columns
