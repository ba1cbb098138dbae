"""The options of `vfslint PATH…`, what they are for, and the parser made of them."""

from __future__ import annotations

import argparse
import os
from typing import Any, NamedTuple, NoReturn

from vfslint.cli.options import Complaint

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


class Option(NamedTuple):
    """One option. `metavar` names its value; without one it is a switch.

    `repeatable` collects values in a list; `negatable` brings a `--no-…` along, and None where neither is given.
    """

    flags: tuple[str, ...]
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default: str | None = None
    repeatable: bool = False
    negatable: bool = False

    @property
    def name(self) -> str:
        """The attribute of `Options` that holds its value."""
        return self.flags[-1].lstrip("-").replace("-", "_")

    @property
    def is_switch(self) -> bool:
        """Whether it stands alone, without a value, and is off where it is not given."""
        return not self.metavar and not self.choices and not self.negatable


_RULES = "codes, prefixes (VFS1) or names"
_FORMATS = "text (default), concise, json, jsonl, sarif, github, gitlab, junit or checkstyle; repeatable"

GROUPS: tuple[tuple[str, tuple[Option, ...]], ...] = (
    (
        "",
        (
            Option(("-h", "--help"), "show this help and exit"),
            Option(("--version",), "show the version and exit"),
            Option(("-q", "--quiet"), "print nothing when there are no findings"),
            Option(("-v", "--verbose"), "say which files were skipped, and why"),
        ),
    ),
    (
        "what to check",
        (
            Option(("--select",), f"only these rules: {_RULES}", "RULES", repeatable=True),
            Option(("--ignore",), "not these rules", "RULES", repeatable=True),
            Option(
                ("--kind",),
                "what the files are; default: by their name",
                choices=("auto", "domain", "qemu-conf"),
                default="auto",
            ),
            Option(("--stdin-filename",), "what to call standard input in the report", "NAME"),
            Option(("--strict-root",), "a file that holds no domain is an error"),
            Option(("--force-exclude",), "the configuration's exclude holds for named files too"),
        ),
    ),
    (
        "fixing",
        (
            Option(("--fix",), "mend what can be mended safely"),
            Option(("--unsafe-fixes",), "mend what may change the guest, too"),
            Option(("--diff",), "print what fixing would change, and change nothing"),
            Option(("--show-fixes",), "list what was mended"),
        ),
    ),
    (
        "what it is meant for",
        (
            Option(("--target",), "a stack by name: newest (default), oldest, debian-12, rhel-9 …", "NAME"),
            Option(
                ("--libvirt",),
                "libvirt's release; QEMU and virtiofsd default to those of its time",
                "VERSION",
            ),
            Option(("--qemu",), "QEMU's release", "VERSION"),
            Option(
                ("--virtiofsd",),
                "virtiofsd's release; none: the daemon in C of QEMU 7.2 and older",
                "VERSION",
            ),
            Option(
                ("--session",), "an unprivileged libvirt (qemu:///session); default: system", negatable=True
            ),
            Option(("--qemu-conf",), "the qemu.conf of the libvirt that it is for", "FILE"),
            Option(
                ("--libvirt-schema",),
                "validate all of a domain with libvirt's own schema as well: a folder that holds it, or auto",
                "auto|DIR",
            ),
            Option(("--host",), "check against this machine"),
            Option(
                ("--host-facts",), "check against a machine, as vfslint host or virsh described it", "FILE"
            ),
        ),
    ),
    (
        "configuration and baseline",
        (
            Option(("--config",), "use this configuration; default: the one nearest to each file", "FILE"),
            Option(("--isolated",), "use no configuration file"),
            Option(("--baseline",), "report only what is not in this baseline", "FILE"),
            Option(("--write-baseline",), "take what is found now for a baseline", "FILE"),
        ),
    ),
    (
        "output",
        (
            Option(("--format",), _FORMATS, "NAME[=FILE]", repeatable=True),
            Option(("--output-file",), "write the report there instead of to standard output", "FILE"),
            Option(
                ("--color",), "default: auto", choices=("auto", "always", "never"), default="auto"
            ),
            Option(("--statistics",), "print how often each rule speaks, instead of the findings"),
            Option(
                ("--fail-on",),
                "the lowest severity that gives exit status 1; default: warning",
                choices=("error", "warning", "note", "never"),
            ),
            Option(("--exit-zero",), "exit with 0 whatever is found"),
            Option(("--watch",), "lint again whenever a file changes"),
        ),
    ),
)  # fmt: skip


WIDTH = 100


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
    paths = "files, folders (every *.xml and qemu.conf in them), or -"
    parser.add_argument("paths", nargs="*", metavar="PATH", help=paths)
    for title, options in GROUPS:
        group = parser.add_argument_group(title) if title else parser
        for option in options:
            group.add_argument(*option.flags, **_arguments(option))
    return parser


def _arguments(option: Option) -> dict[str, Any]:
    if option.negatable:
        return {"help": option.help, "action": argparse.BooleanOptionalAction}
    if option.is_switch:
        return {"help": option.help, "action": "store_true"}
    arguments: dict[str, Any] = {"help": option.help, "default": option.default}
    if option.metavar:
        arguments["metavar"] = option.metavar
    if option.choices:
        arguments["choices"] = option.choices
    if option.repeatable:
        arguments["action"] = "append"
    return arguments
