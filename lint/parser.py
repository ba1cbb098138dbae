"""The command line's parser, made of `vfslint.options`."""

from __future__ import annotations

import argparse
import os
from typing import Any, NoReturn

from vfslint.options import DESCRIPTION, EPILOG, GROUPS, Complaint, Option

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
