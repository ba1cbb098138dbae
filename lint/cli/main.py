"""The command `vfslint`: arguments and streams in, exit status out."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO

from vfslint.cli import options as command_line
from vfslint.cli.options import Complaint, Options

if TYPE_CHECKING:
    from vfslint.cli.lint import Check, Streams
    from vfslint.cli.parser import Parser
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
        command = _COMMANDS.get(argv[0]) if argv else None
        if command:
            return command(argv[1:], stdout)
        return _lint(argv, stdin, stdout, stderr)
    except Complaint as complaint:
        _complain(stderr, str(complaint).split("\n"))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        return FAILED
    finally:
        gc.set_threshold(*usual)


def _complain(stderr: TextIO, complaints: Sequence[str]) -> None:
    if complaints:
        from vfslint.xml.printable import printable

        for complaint in complaints:
            stderr.write(f"vfslint: {printable(complaint)}\n")


def _lint(argv: Sequence[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    options = command_line.read(argv)
    if options.help:
        from vfslint.cli.parser import lint_parser

        stdout.write(lint_parser().format_help())
        return CLEAN
    if options.version:
        from vfslint.version import VERSION

        stdout.write(f"vfslint {VERSION}\n")
        return CLEAN
    if not options.paths:
        raise Complaint("name at least one file or folder, or - for standard input (see vfslint --help)")

    from vfslint import report
    from vfslint.cli.lint import STANDARD_INPUT, Streams

    try:
        outputs = report.outputs(options.format or (), options.output_file or "")
    except ValueError as error:
        raise Complaint(str(error)) from None
    streams = Streams(stdin, stdout, stderr)
    if not options.watch:
        return _lint_once(options, streams, outputs)
    if STANDARD_INPUT in options.paths:
        raise Complaint("--watch needs files or folders, not standard input")
    from vfslint.cli.watch import watch

    def lint() -> None:
        try:
            _lint_once(options, streams, outputs)
        except Complaint as complaint:
            # Whoever is just editing the configuration will mend it.
            _complain(stderr, str(complaint).split("\n"))

    others = (options.config, options.qemu_conf, options.host_facts, options.baseline)
    watch(lint, [*options.paths, *filter(None, others)], stderr)
    return INTERRUPTED


def _lint_once(options: Options, streams: Streams, outputs: Sequence[Output]) -> int:
    from vfslint.cli.lint import Check

    check = Check(options, streams)
    paths = check.files()
    if len(paths) > 1 and streams.stderr.isatty():
        from vfslint.cli.progress import shown

        check.all(shown(paths, streams.stderr))
    else:
        check.all(paths)
    if options.write_baseline:
        _write_baseline(check, options.write_baseline)
    elif options.diff:
        _tell_fixes(check, "Would fix")
    else:
        if options.baseline:
            _apply_baseline(check, options.baseline)
        try:
            _report(check, outputs)
        finally:
            _tell_fixes(check, "Fixed")
    if options.verbose:
        _complain(streams.stderr, [f"skipped {skipped.file}: {skipped.reason}" for skipped in check.run.skipped])
    _complain(streams.stderr, [*check.complaints, *(failure.line for failure in check.run.failures)])
    return _status(check)


def _report(check: Check, outputs: Sequence[Output]) -> None:
    from vfslint import report
    from vfslint.files import NotWritten

    options, stdout = check.options, check.streams.stdout
    if check.mends and "-" in options.paths:
        # The mended document goes to standard output.
        stdout = check.streams.stderr
    if options.statistics:
        from vfslint.report.statistics import write

        write(check.run, stdout, as_json=any(output.format == "json" for output in outputs))
        return
    try:
        report.write(check.run, outputs, stdout, options.color, quiet=options.quiet)
    except NotWritten as error:
        raise Complaint(f"cannot write the report: {error}") from None


def _tell_fixes(check: Check, what: str) -> None:
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
        raise Complaint(f"cannot write {path}: {error.strerror or error}") from None
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
    if check.complaints or check.run.failures:
        return FAILED
    if check.options.diff:
        return FOUND if check.run.fixed and not check.options.exit_zero else CLEAN
    findings = check.run.findings
    return FOUND if any(check.choices.fails(found.file, found.severity) for found in findings) else CLEAN


def _rules(argv: Sequence[str], stdout: TextIO) -> int:
    from vfslint.rule_page import write_list

    parser = _parser("rules", "List every rule.")
    parser.add_argument("--format", default="text", choices=("text", "json", "markdown"))
    write_list(stdout, parser.parse_args(argv).format)
    return CLEAN


def _explain(argv: Sequence[str], stdout: TextIO) -> int:
    from vfslint.rule_page import find, write_manual

    parser = _parser("explain", "Print a rule's manual page.")
    parser.add_argument("what", nargs="+", help="a code, a name, or an error message of libvirt's")
    parser.add_argument("--format", default="text", choices=("text", "json", "markdown"))
    options = parser.parse_args(argv)
    what = " ".join(options.what)
    rules = find(what)
    if not rules:
        raise Complaint(f"no rule is called or foretells {what!r}; vfslint rules lists them all")
    write_manual(stdout, rules, options.format)
    return CLEAN


def _config(argv: Sequence[str], stdout: TextIO) -> int:
    from vfslint.cli.parser import lint_parser
    from vfslint.cli.show_config import write
    from vfslint.config.profile import Choices

    parser = lint_parser("vfslint config", "vfslint config [OPTION…] FILE")
    options = parser.parse_args(argv, Options())
    if options.help:
        stdout.write("usage: vfslint config [OPTION…] FILE\n\nShow what holds for a file, and where from.\n")
        return CLEAN
    if len(options.paths) != 1:
        raise Complaint("name one file (see vfslint config --help)")
    write(stdout, Choices(options), options.paths[0], as_json=options.format == ["json"])
    return CLEAN


def _completion(argv: Sequence[str], stdout: TextIO) -> int:
    from vfslint.cli.completion import SHELLS, script

    parser = _parser("completion", "Print a script that completes vfslint's options in a shell.")
    parser.add_argument("shell", choices=tuple(SHELLS))
    stdout.write(script(parser.parse_args(argv).shell))
    return CLEAN


def _host(argv: Sequence[str], stdout: TextIO) -> int:
    from vfslint.cli.host import host

    return host(argv, stdout)


def _setup(argv: Sequence[str], stdout: TextIO) -> int:
    from vfslint.cli.host import setup

    return setup(argv, stdout)


def _parser(command: str, description: str) -> Parser:
    from vfslint.cli.parser import Formatter, Parser

    return Parser(prog=f"vfslint {command}", allow_abbrev=False, description=description, formatter_class=Formatter)


_COMMANDS: dict[str, Callable[[Sequence[str], TextIO], int]] = {
    "rules": _rules,
    "explain": _explain,
    "config": _config,
    "completion": _completion,
    "host": _host,
    "setup": _setup,
}
