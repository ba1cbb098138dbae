"""The command line of `vfslint PATH…`: which options there are, and what they are for."""

from __future__ import annotations

import argparse
import os
from typing import NoReturn

WIDTH = 100
DESCRIPTION = "Tells before libvirt does what will go wrong with virtio-fs in domain XML and qemu.conf."

# Name, what follows it, and what it is for.
COMMANDS = (
    ("rules", "", "list every rule"),
    ("explain", "WHAT", "a rule's manual page, by code, name or libvirt's error message"),
    ("setup", "FILE", "a script with what host and guest need for a domain"),
    ("host", "[FILE]", "the facts of this machine, for --host-facts elsewhere"),
    ("config", "FILE", "what holds for a file, and where that comes from"),
    ("completion", "SHELL", "a completion script for bash, zsh or fish"),
)
EPILOG = (
    "commands:\n"
    + "".join(f"  vfslint {f'{name} {what}':<16}  {about}\n" for name, what, about in COMMANDS)
    + """
exit status: 0 clean, 1 findings at or above --fail-on, 2 wrong usage, unreadable file"""
)


class Complaint(Exception):
    """Something the caller must mend: a wrong option, an unreadable file. Its text has a line for each."""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help in the width of COLUMNS. Left to itself, argparse imports shutil even where no help is printed."""

    def __init__(self, prog: str) -> None:
        columns = os.environ.get("COLUMNS", "")
        width = int(columns) if columns.isascii() and columns.isdigit() else WIDTH
        super().__init__(prog, max_help_position=26, width=max(width - 2, 40))


class Parser(argparse.ArgumentParser):
    """A parser that complains in one line."""

    def error(self, message: str) -> NoReturn:
        """Complain about what was given."""
        raise Complaint(f"{message} (see {self.prog} --help)")


def lint_parser(prog: str = "vfslint", usage: str = "vfslint [OPTION…] PATH…") -> Parser:
    """Return the parser of the command that lints."""
    parser = Parser(
        prog=prog,
        usage=usage,
        add_help=False,
        allow_abbrev=False,
        formatter_class=Formatter,
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="files, folders (every *.xml and qemu.conf in them), or -")
    add("-h", "--help", action="store_true", help="show this help and exit")
    add("--version", action="store_true", help="show the version and exit")
    add("-q", "--quiet", action="store_true", help="print nothing when there are no findings")
    add("-v", "--verbose", action="store_true", help="say which files were skipped, and why")
    _add_checks(parser.add_argument_group("what to check"))
    _add_fixes(parser.add_argument_group("fixing"))
    _add_setting(parser.add_argument_group("what it is meant for"))
    _add_configuration(parser.add_argument_group("configuration and baseline"))
    _add_output(parser.add_argument_group("output"))
    return parser


def _add_checks(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    words = "codes, prefixes (VFS1) or names"
    add("--select", action="append", metavar="RULES", help=f"only these rules: {words}")
    add("--ignore", action="append", metavar="RULES", help="not these rules")
    kinds = ("auto", "domain", "qemu-conf")
    add("--kind", default="auto", choices=kinds, help="what the files are; default: by their name")
    add("--stdin-filename", metavar="NAME", help="what to call standard input in the report")
    add("--strict-root", action="store_true", help="a file that holds no domain is an error")
    add("--force-exclude", action="store_true", help="the configuration's exclude holds for named files too")


def _add_fixes(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--fix", action="store_true", help="mend what can be mended safely")
    add("--unsafe-fixes", action="store_true", help="mend what may change the guest, too")
    add("--diff", action="store_true", help="print what fixing would change, and change nothing")
    add("--show-fixes", action="store_true", help="list what was mended")


def _add_setting(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--target", metavar="NAME", help="a stack by name: newest (default), oldest, debian-12, rhel-9 …")
    release = "libvirt's release; QEMU and virtiofsd default to those of its time"
    add("--libvirt", metavar="VERSION", help=release)
    add("--qemu", metavar="VERSION", help="QEMU's release")
    release = "virtiofsd's release; none: the daemon in C of QEMU 7.2 and older"
    add("--virtiofsd", metavar="VERSION", help=release)
    session = "an unprivileged libvirt (qemu:///session); default: system"
    add("--session", action=argparse.BooleanOptionalAction, help=session)
    add("--qemu-conf", metavar="FILE", help="the qemu.conf of the libvirt that it is for")
    add("--host", action="store_true", help="check against this machine")
    add("--host-facts", metavar="FILE", help="check against a machine, as vfslint host or virsh described it")


def _add_configuration(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--config", metavar="FILE", help="use this configuration; default: the one nearest to each file")
    add("--isolated", action="store_true", help="use no configuration file")
    add("--baseline", metavar="FILE", help="report only what is not in this baseline")
    add("--write-baseline", metavar="FILE", help="take what is found now for a baseline")


def _add_output(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    formats = "text (default), concise, json, jsonl, sarif, github, gitlab, junit or checkstyle; repeatable"
    add("--format", action="append", metavar="NAME[=FILE]", help=formats)
    add("--output-file", metavar="FILE", help="write the report there instead of to standard output")
    add("--color", default="auto", choices=("auto", "always", "never"), help="default: auto")
    add("--statistics", action="store_true", help="print how often each rule speaks, instead of the findings")
    levels = ("error", "warning", "note", "never")
    status = "the lowest severity that gives exit status 1; default: warning"
    add("--fail-on", choices=levels, help=status)
    add("--exit-zero", action="store_true", help="exit with 0 whatever is found")
    add("--watch", action="store_true", help="lint again whenever a file changes")
