"""Runs the commands in documentation pages, so that the pages show what vfslint prints.

In a page, a fenced block with a title is a file with that name:

    ```xml title="guest.xml"

A block ```console contains commands after `$ `, each with its output. They run in order in a folder for the page, which
contains the page's files and a copy of examples/. Commands that cannot run in a test (they need a network, root or
libvirt) are in a block ```sh, without output.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from vfslint.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = "100"

_FENCE = re.compile(
    r'^(?P<indent> *)```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)^(?P=indent)```$',
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A fenced block: its language, its file name, its text, and the position of the text in the page."""

    language: str
    title: str | None
    body: str
    indent: str
    start: int
    end: int


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    for found in _FENCE.finditer(page):
        indent = found["indent"]
        body = "".join(line.removeprefix(indent) for line in found["body"].splitlines(keepends=True))
        yield Block(found["language"], found["title"], body, indent, *found.span("body"))


def executed(page: str, folder: Path) -> str:
    """Return a page with the actual output of its commands, run in an empty folder."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    pieces, end = [], 0
    with at_home(folder):
        shell = Shell()
        for block in blocks(page):
            if block.title:
                file = folder / block.title
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.body, encoding="utf-8", newline="\n")
            elif block.language == "console":
                printed = "".join(shell.shown(line) for line in block.body.splitlines() if line[:2] == "$ ")
                indented = "".join(
                    block.indent + line if line.strip() else line for line in printed.splitlines(keepends=True)
                )
                pieces += [page[end : block.start], indented]
                end = block.end
    return "".join(pieces) + page[end:]


@contextlib.contextmanager
def at_home(folder: Path) -> Iterator[None]:
    """Change to a folder, with environment variables that are the same everywhere."""
    before, environment = os.getcwd(), dict(os.environ)
    for name in ("FORCE_COLOR", "NO_COLOR", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "CI_PROJECT_DIR"):
        os.environ.pop(name, None)
    os.environ["COLUMNS"] = COLUMNS
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)


class Shell:
    """What the pages need of a shell: vfslint, cat, echo $?, python FILE ARGUMENT…, sed, pipes and `> FILE`."""

    def __init__(self) -> None:
        self.status = 0

    def shown(self, line: str) -> str:
        """Return a line `$ command` and the output of the command."""
        command, _, file = line.removeprefix("$ ").partition(" > ")
        text = ""
        for piece in command.split(" | "):
            text = self._call(shlex.split(piece), text)
        if file:
            Path(file).write_text(text, encoding="utf-8", newline="\n")
            text = ""
        if text and not text.endswith("\n"):
            text += "\n"
        return f"{line}\n{text}"

    def _call(self, words: list[str], given: str) -> str:
        out = io.StringIO()
        match words:
            case ["vfslint", *arguments]:
                self.status = main(arguments, io.StringIO(given), out, out)
            case ["cat", file]:
                out.write(Path(file).read_text(encoding="utf-8"))
            case ["echo", "$?"]:
                out.write(f"{self.status}\n")
            case ["sed", "-n", lines]:
                first, last = (
                    re.compile(word.replace("()", r"\(\)"), re.MULTILINE) for word in lines.strip("/p").split("/,/")
                )
                start = first.search(given)
                end = last.search(given, start.end()) if start else None
                out.write(given[start.start() : end.end()] + "\n" if start and end else "")
            case ["python", *arguments]:
                with contextlib.redirect_stdout(out), patch("sys.argv", arguments):
                    runpy.run_path(arguments[0], run_name="__main__")
            case _:
                raise ValueError(f"unknown command in a page: {shlex.join(words)}")
        return out.getvalue()
