"""The command `vfslint`: arguments and streams in, exit status out.

Imports stand in functions for the start time: checking one file takes an eighth of a second, of which every module
that it does not need would cost between one and twenty milliseconds, and `--version` needs none of them.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from types import SimpleNamespace
from typing import TYPE_CHECKING, TextIO

from vfslint.cli import command_line
from vfslint.cli.options import COMMANDS, LINT
from vfslint.config.errors import UsageError

if TYPE_CHECKING:
    from vfslint.cli.lint import Check, Streams
    from vfslint.report import Output

CLEAN, FOUND, FAILED, INTERRUPTED = 0, 1, 2, 130


def run() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        # A file name or a sign that the terminal cannot show must not end in a traceback.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    status = main(sys.argv[1:], sys.stdin, sys.stdout, sys.stderr)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        status = FAILED
    # All is written. Taking every module and tree apart again would cost a sixth of a run on one file.
    os._exit(status)


def main(argv: Sequence[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Run `vfslint` with the given arguments and streams; return the exit status."""
    usual = gc.get_threshold()
    # Most of what a run makes it keeps; looking for garbage all the while would cost a tenth of it.
    gc.set_threshold(100_000)
    try:
        return _run(argv, stdin, stdout, stderr)
    except UsageError as error:
        _complain(stderr, str(error).split("\n"))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        return FAILED
    finally:
        gc.set_threshold(*usual)


def _complain(stderr: TextIO, errors: Sequence[str]) -> None:
    if errors:
        from vfslint.xml.printable import printable

        for error in errors:
            stderr.write(f"vfslint: {printable(error)}\n")


def _run(argv: Sequence[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    command = COMMANDS.get(argv[0], LINT) if argv else LINT
    options = command_line.read(command, argv if command is LINT else argv[1:])
    if options.help:
        from vfslint.cli import help

        stdout.write(help.text(command))
        return CLEAN
    if command is LINT and options.version:
        from vfslint.version import VERSION

        stdout.write(f"vfslint {VERSION}\n")
        return CLEAN
    command_line.check_operands(command, options.operands)
    if command is not LINT:
        _HANDLERS[command.name](options, stdout)
        return CLEAN

    from vfslint import report
    from vfslint.cli.lint import Streams

    try:
        outputs = report.outputs(options.format or (), options.output_file or "")
    except ValueError as error:
        raise UsageError(str(error)) from None
    return _lint(options, Streams(stdin, stdout, stderr), outputs)


def _lint(options: SimpleNamespace, streams: Streams, outputs: Sequence[Output]) -> int:
    from vfslint.cli.lint import Check

    check = Check(options, streams)
    paths = check.files()
    check.resolve(paths)
    if len(paths) > 1 and streams.stderr.isatty():
        from vfslint.cli.progress import shown

        check.all(shown(paths, streams.stderr))
    else:
        check.all(paths)
    if options.write_baseline:
        _write_baseline(check, options.write_baseline)
    elif options.diff:
        _report_fixes(check, "Would fix")
    else:
        if options.baseline:
            _apply_baseline(check, options.baseline)
        _report(check, outputs)
        _report_fixes(check, "Fixed")
    if options.verbose:
        _complain(streams.stderr, [f"skipped {skipped.file}: {skipped.reason}" for skipped in check.run.skipped])
    _complain(streams.stderr, check.errors)
    return _status(check)


def _report(check: Check, outputs: Sequence[Output]) -> None:
    from vfslint import report
    from vfslint.files import NotWritten

    options, stdout = check.options, check.streams.stdout
    if check.fixes and "-" in options.operands:
        # The fixed document goes to standard output.
        stdout = check.streams.stderr
    if options.statistics:
        from vfslint.report.statistics import write

        write(check.run, stdout, as_json=any(output.format == "json" for output in outputs))
        return
    try:
        report.write(check.run, outputs, stdout, options.color, quiet=options.quiet)
    except NotWritten as error:
        raise UsageError(f"cannot write the report: {error}") from None


def _report_fixes(check: Check, what: str) -> None:
    run, options = check.run, check.options
    if not run.fixed or (options.quiet and not options.show_fixes):
        return
    from vfslint.cli.lint import fixes_by_file
    from vfslint.xml.printable import printable

    files = fixes_by_file(run.fixed)
    findings = "1 finding" if len(run.fixed) == 1 else f"{len(run.fixed)} findings"
    where = "1 file" if len(files) == 1 else f"{len(files)} files"
    check.streams.stderr.write(f"{what} {findings} in {where}{':' if options.show_fixes else '.'}\n")
    for file, counts in files.items() if options.show_fixes else ():
        check.streams.stderr.write(f"  {printable(file)}\n")
        for (code, name), number in counts.items():
            check.streams.stderr.write(f"    {number} × {code} {name}\n")


def _write_baseline(check: Check, path: str) -> None:
    from vfslint.cli import baseline

    try:
        baseline.write(path, check.run)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    findings = "1 finding" if len(check.run.findings) == 1 else f"{len(check.run.findings)} findings"
    _complain(check.streams.stderr, [f"{path} now holds {findings}"])
    check.run.findings = []


def _apply_baseline(check: Check, path: str) -> None:
    from vfslint.cli import baseline

    stale = baseline.read(path).apply(check.run)
    if stale:
        entries = "1 entry is" if stale == 1 else f"{stale} entries are"
        advice = f"{entries} stale in {path}; --write-baseline {path} drops what is fixed"
        _complain(check.streams.stderr, [advice])


def _status(check: Check) -> int:
    if check.errors:
        return FAILED
    if check.options.diff:
        return FOUND if check.run.fixed and not check.options.exit_zero else CLEAN
    findings = check.run.findings
    return FOUND if any(check.fails(found.file, found.severity) for found in findings) else CLEAN


def _rules(options: SimpleNamespace, stdout: TextIO) -> None:
    from vfslint.rule_page import write_list

    write_list(stdout, options.format)


def _explain(options: SimpleNamespace, stdout: TextIO) -> None:
    from vfslint.rule_page import find, write_manual

    what = " ".join(options.operands)
    rules = find(what)
    if not rules:
        raise UsageError(f"no rule matches {what!r}; vfslint rules lists them all")
    write_manual(stdout, rules, options.format)


def _config(options: SimpleNamespace, stdout: TextIO) -> None:
    from vfslint.cli.show_config import show_config

    show_config(options, stdout)


def _completion(options: SimpleNamespace, stdout: TextIO) -> None:
    from vfslint.cli.completion import script

    stdout.write(script(options.operands[0]))


def _host(options: SimpleNamespace, stdout: TextIO) -> None:
    from vfslint.cli.host import host

    host(options, stdout)


def _setup(options: SimpleNamespace, stdout: TextIO) -> None:
    from vfslint.cli.host import setup

    setup(options, stdout)


_HANDLERS: dict[str, Callable[[SimpleNamespace, TextIO], None]] = {
    "rules": _rules,
    "explain": _explain,
    "setup": _setup,
    "host": _host,
    "config": _config,
    "completion": _completion,
}
