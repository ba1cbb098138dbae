"""Reporters: each turns a finished run into one format and computes nothing."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import NamedTuple, TextIO, cast

from vfslint import files
from vfslint.run import Run

# A run, where to write, and auto, always or never for colour.
Reporter = Callable[[Run, TextIO, str], None]

# Format name to module; a module is imported when its format is asked for.
FORMATS = {
    "text": "vfslint.report.text",
    "concise": "vfslint.report.concise",
    "json": "vfslint.report.json",
    "jsonl": "vfslint.report.jsonl",
    "sarif": "vfslint.report.sarif",
    "github": "vfslint.report.github",
    "gitlab": "vfslint.report.gitlab",
    "junit": "vfslint.report.junit",
    "checkstyle": "vfslint.report.checkstyle",
}

# What people read; in a log of GitHub Actions, lines that quote a file could otherwise be taken for commands.
_FOR_PEOPLE = ("text", "concise")


class Output(NamedTuple):
    """One report that is wanted: its format, and the file it goes to; without one, standard output."""

    format: str
    file: str = ""


def reporter(format_name: str) -> Reporter:
    """Return the function that writes a run in a format; raises KeyError for an unknown name."""
    return cast(Reporter, import_module(FORMATS[format_name]).write)


def outputs(wanted: Iterable[str], output_file: str = "") -> list[Output]:
    """Read what `--format NAME[=FILE]` and `--output-file` ask for; raises ValueError for what cannot be.

    Formats with a file come on top of the one for standard output, which is text unless another is named.
    In GitHub Actions its findings become annotations as well, unless a format is named.
    """
    asked = [Output(name, file) for name, _, file in (word.partition("=") for word in wanted)]
    for output in asked:
        if output.format not in FORMATS:
            raise ValueError(f"unknown format {output.format!r}{_did_you_mean(output.format)}")
    printed = [output for output in asked if not output.file]
    if len(printed) > 1:
        raise ValueError(
            f"--format {printed[1].format} needs a file: {printed[0].format} is on standard output already"
        )
    files = [output for output in asked if output.file]
    if output_file:
        return [Output(printed[0].format if printed else "text", output_file), *files]
    if not printed:
        printed = [Output("text"), *([Output("github")] if _in_github_actions() else [])]
    return printed + files


def write(run: Run, wanted: Iterable[Output], stdout: TextIO, color: str, *, quiet: bool = False) -> None:
    """Write a run in every format wanted. `quiet` leaves standard output empty where nothing was found.

    Raises `NotWritten` for a file that cannot be written.
    """
    for output in wanted:
        if output.file:
            text = io.StringIO()
            reporter(output.format)(run, text, "always" if color == "always" else "never")
            _save(output.file, text.getvalue())
        elif run.findings or not quiet:
            with shielded(stdout) if output.format in _FOR_PEOPLE else nullcontext():
                reporter(output.format)(run, stdout, color)
        if output.format == "github":
            _add_to_summary(run)


def _add_to_summary(run: Run) -> None:
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page and _in_github_actions():
        from vfslint.report.github import write_summary

        with _complaining_of(page), open(page, "a", encoding="utf-8") as out:
            write_summary(run, out)


def _save(file: str, text: str) -> None:
    with _complaining_of(file):
        files.write(file, text.encode("utf-8", "backslashreplace"))


@contextmanager
def _complaining_of(file: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise files.NotWritten(f"{file}: {error.strerror or error}") from None


@contextmanager
def shielded(stdout: TextIO) -> Iterator[None]:
    """Keep the runner of GitHub Actions from obeying `##[…]` and `::…` in text that quotes the input.

    Problem matchers still see the text.
    """
    if not _in_github_actions():
        yield
        return
    token = os.urandom(16).hex()
    stdout.write(f"::stop-commands::{token}\n")
    try:
        yield
    finally:
        stdout.write(f"::{token}::\n")


def _in_github_actions() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _did_you_mean(word: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, FORMATS, 1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(FORMATS)}"
