"""The command `vfslint`: arguments and streams in, exit status out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn, TextIO

from vfslint.version import VERSION

if TYPE_CHECKING:
    from vfslint.engine import Engine
    from vfslint.rule import Rule
    from vfslint.run import Run
    from vfslint.source import Source
    from vfslint.targets import Target

CLEAN, FOUND, FAILED, INTERRUPTED = 0, 1, 2, 130
STANDARD_INPUT = "-"


class Complaint(Exception):
    """Something the caller must mend: a wrong option or an unreadable file. Its text is one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Complaint(f"{message} (see vfslint --help)")


def run() -> None:
    """Entry point of the console script."""
    sys.exit(main(sys.argv[1:], sys.stdin, sys.stdout, sys.stderr))


def main(argv: Sequence[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Run `vfslint` with the given arguments and streams; return the exit status."""
    try:
        command = _COMMANDS.get(argv[0]) if argv else None
        if command:
            return command(argv[1:], stdout)
        return _lint(argv, stdin, stdout, stderr)
    except Complaint as complaint:
        stderr.write(f"vfslint: {complaint}\n")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough. Python would try to flush once more at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _lint(argv: Sequence[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    parser = _lint_parser()
    options = parser.parse_args(argv)
    if options.help:
        stdout.write(parser.format_help())
        return CLEAN
    if options.version:
        stdout.write(f"vfslint {VERSION}\n")
        return CLEAN
    if not options.paths:
        raise Complaint("name at least one file or folder, or - for standard input (see vfslint --help)")

    from vfslint.findings import Severity
    from vfslint.report import reporter

    result, unreadable = _judge(options, stdin)
    if result.findings or not options.quiet:
        reporter(options.format)(result, stdout, options.color)
    if options.verbose:
        for skipped in result.skipped:
            stderr.write(f"vfslint: skipped {skipped.file}: {skipped.reason}\n")
    for complaint in unreadable:
        stderr.write(f"vfslint: {complaint}\n")
    if unreadable:
        return FAILED
    worst = result.worst()
    if worst is None or options.fail_on == "never":
        return CLEAN
    return FOUND if worst >= Severity[options.fail_on.upper()] else CLEAN


def _lint_parser() -> _Parser:
    parser = _Parser(
        prog="vfslint",
        usage="vfslint [OPTION…] PATH…",
        add_help=False,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Tells before libvirt does what will go wrong with virtio-fs in domain XML and qemu.conf.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="files, folders (every *.xml and qemu.conf in them), or -")
    add("-h", "--help", action="store_true", help="show this help and exit")
    add("--version", action="store_true", help="show the version and exit")
    add("-q", "--quiet", action="store_true", help="print nothing when there are no findings")
    add("-v", "--verbose", action="store_true", help="say which files were skipped, and why")

    group = parser.add_argument_group("what to check")
    add = group.add_argument
    add(
        "--select", action="append", metavar="RULES", help="only these rules: codes, prefixes (VFS1) or names"
    )
    add("--ignore", action="append", metavar="RULES", help="not these rules")
    add("--stdin-filename", metavar="NAME", help="what to call standard input in the report")
    add("--strict-root", action="store_true", help="a file that holds no domain is an error")

    group = parser.add_argument_group("what it is meant for")
    add = group.add_argument
    add("--target", metavar="NAME", help="a stack by name: newest (default), oldest, debian-12, rhel-9 …")
    add(
        "--libvirt",
        metavar="VERSION",
        help="libvirt's release; QEMU and virtiofsd default to those of its time",
    )
    add("--qemu", metavar="VERSION", help="QEMU's release")
    add(
        "--virtiofsd",
        metavar="VERSION",
        help="virtiofsd's release; none: the daemon in C of QEMU 7.2 and older",
    )
    add("--session", action="store_true", help="an unprivileged libvirt (qemu:///session); default: system")

    group = parser.add_argument_group("output")
    add = group.add_argument
    add("--format", default="text", choices=("text", "concise", "json"), help="default: text")
    add("--color", default="auto", choices=("auto", "always", "never"), help="default: auto")
    add(
        "--fail-on",
        default="warning",
        choices=("error", "warning", "note", "never"),
        help="the lowest severity that gives exit status 1; default: warning",
    )
    return parser


_EPILOG = """\
commands:
  vfslint rules           list every rule
  vfslint explain WHAT    a rule's manual page, by code, name or libvirt's error message

exit status: 0 clean, 1 findings at or above --fail-on, 2 wrong usage, unreadable file"""


def _judge(options: argparse.Namespace, stdin: TextIO) -> tuple[Run, list[str]]:
    from vfslint.engine import Engine
    from vfslint.run import Run, files_in
    from vfslint.setting import Setting

    rules = _chosen_rules(options.select, options.ignore)
    engine = Engine(rules, Setting(_target(options), options.session), strict_root=options.strict_root)
    result = Run()
    unreadable = []
    for path in dict.fromkeys(files_in(options.paths)):
        try:
            result.add(engine, _read(path, stdin, options.stdin_filename))
        except OSError as error:
            unreadable.append(f"cannot read {path}: {error.strerror or error}")
    return result, unreadable


def _read(path: str, stdin: TextIO, stdin_filename: str | None) -> Source:
    from vfslint.documents import MAXIMUM_BYTES
    from vfslint.source import Source

    # One byte more than libvirt would read: enough to tell that a file is too large, even an endless one.
    if path == STANDARD_INPUT:
        stream = getattr(stdin, "buffer", None)
        data = stream.read(MAXIMUM_BYTES + 1) if stream else stdin.read().encode()
        return Source(data, stdin_filename or "<stdin>")
    with open(path, "rb") as file:
        return Source(file.read(MAXIMUM_BYTES + 1), path)


def _target(options: argparse.Namespace) -> Target:
    from vfslint.targets import NAMED, NEWEST, contemporary, version

    target = NEWEST
    try:
        if options.target:
            target = NAMED[options.target]
        if options.libvirt:
            libvirt = version(options.libvirt)
            target = target._replace(libvirt=libvirt) if options.target else contemporary(libvirt)
        if options.qemu:
            target = target._replace(qemu=version(options.qemu))
        if options.virtiofsd:
            daemon = None if options.virtiofsd == "none" else version(options.virtiofsd)
            target = target._replace(virtiofsd=daemon)
    except KeyError:
        raise Complaint(f"unknown target {options.target!r}{_did_you_mean(options.target, NAMED)}") from None
    except ValueError as error:
        raise Complaint(str(error)) from None
    return target


def _chosen_rules(select: list[str] | None, ignore: list[str] | None) -> list[Rule]:
    from vfslint.rules import RULES

    def matching(choices: list[str]) -> set[str]:
        codes: set[str] = set()
        for word in (word.strip() for choice in choices for word in choice.split(",")):
            found = {rule.code for rule in RULES if rule.name == word or rule.code.startswith(word.upper())}
            if not word or not found:
                known = [name for rule in RULES for name in (rule.code, rule.name)]
                raise Complaint(f"no rule is called {word!r}{_did_you_mean(word, known)}")
            codes |= found
        return codes

    chosen = matching(select) if select else {rule.code for rule in RULES}
    if ignore:
        chosen -= matching(ignore)
    return [rule for rule in RULES if rule.code in chosen]


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, known, 1)
    return f"; did you mean {close[0]}?" if close else ""


def _rules(argv: Sequence[str], stdout: TextIO) -> int:
    from vfslint.explain import write_list

    parser = _Parser(prog="vfslint rules", allow_abbrev=False, description="List every rule.")
    parser.add_argument("--format", default="text", choices=("text", "json", "markdown"))
    write_list(stdout, parser.parse_args(argv).format)
    return CLEAN


def _explain(argv: Sequence[str], stdout: TextIO) -> int:
    from vfslint.explain import find, write_manual

    parser = _Parser(prog="vfslint explain", allow_abbrev=False, description="Print a rule's manual page.")
    parser.add_argument("what", nargs="+", help="a code, a name, or an error message of libvirt's")
    parser.add_argument("--format", default="text", choices=("text", "json", "markdown"))
    options = parser.parse_args(argv)
    what = " ".join(options.what)
    rules = find(what)
    if not rules:
        raise Complaint(f"no rule is called or foretells {what!r}; vfslint rules lists them all")
    write_manual(stdout, rules, options.format)
    return CLEAN


_COMMANDS: dict[str, Callable[[Sequence[str], TextIO], int]] = {"rules": _rules, "explain": _explain}
