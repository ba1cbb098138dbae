"""Reporters: each writes a finished run in one format."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import NamedTuple, TextIO, cast

from vfslint import files
from vfslint.run import Run
from vfslint.terminal import Look
from vfslint.workflow_commands import escaped, in_github_actions, stopped

# Called with a run, a stream, and how to draw on a terminal.
Reporter = Callable[[Run, TextIO, Look], None]

# The module of each format; it is imported only if the format is used.
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

# Formats that show which findings can be fixed.
SHOWING_FIXES = ("text", "json", "jsonl", "sarif")
# Formats for people, and the language of each other one: both can quote what a log would take for a command.
_FOR_PEOPLE = ("text", "concise")
_LANGUAGES = {"json": "json", "jsonl": "json", "sarif": "json", "gitlab": "json", "junit": "xml", "checkstyle": "xml"}


class Output(NamedTuple):
    """One requested report: its format, and the file to write; without a file, standard output."""

    format: str
    file: str = ""


def reporter(format_name: str) -> Reporter:
    """Return the function that writes a run in a format; raises KeyError for an unknown name."""
    return cast(Reporter, import_module(FORMATS[format_name]).write)


def outputs(wanted: Iterable[str], output_file: str = "") -> list[Output]:
    """Return the reports that `--format NAME[=FILE]` and `--output-file` request; raises ValueError if invalid.

    Formats with a file are in addition to the one for standard output, which is text unless another one is named.
    In GitHub Actions, unless a format is named, the findings also become annotations.
    """
    requested = [Output(name, file) for name, _, file in (word.partition("=") for word in wanted)]
    for output in requested:
        if output.format not in FORMATS:
            raise ValueError(f"unknown format {output.format!r}{_did_you_mean(output.format)}")
    printed = [output for output in requested if not output.file]
    if len(printed) > 1:
        raise ValueError(
            f"--format {printed[1].format} requires a file: {printed[0].format} already goes to standard output"
        )
    files = [output for output in requested if output.file]
    if output_file:
        return [Output(printed[0].format if printed else "text", output_file), *files]
    if not printed:
        printed = [Output("text"), *([Output("github")] if in_github_actions() else [])]
    return printed + files


def write(run: Run, wanted: Iterable[Output], stdout: TextIO, look: Look, *, quiet: bool = False) -> None:
    """Write a run in every requested format. With `quiet`, standard output stays empty if there are no findings.

    Raises `NotWritten` if a file cannot be written.
    """
    for output in wanted:
        if output.file:
            text = io.StringIO()
            reporter(output.format)(run, text, look.in_file())
            _save(output.file, text.getvalue())
        elif run.findings or not quiet:
            out = escaped(stdout, _LANGUAGES[output.format]) if output.format in _LANGUAGES else stdout
            with stopped(stdout) if output.format in _FOR_PEOPLE else nullcontext():
                reporter(output.format)(run, out, look)
        if output.format == "github":
            _add_to_summary(run)


def _add_to_summary(run: Run) -> None:
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page and in_github_actions():
        from vfslint.report.github import write_summary

        with _with_file_name(page), open(page, "a", encoding="utf-8") as out:
            write_summary(run, out)


def _save(file: str, text: str) -> None:
    with _with_file_name(file):
        files.write(file, text.encode("utf-8", "backslashreplace"))


@contextmanager
def _with_file_name(file: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise files.NotWritten(f"{file}: {error.strerror or error}") from None


def _did_you_mean(word: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, FORMATS, 1)
    return f"; did you mean {close[0]}?" if close else f"; expected {', '.join(FORMATS)}"
