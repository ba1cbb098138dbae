"""How a command line is read; one with nothing but switches and paths, as pre-commit writes it, without argparse."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any


class Complaint(Exception):
    """Something the caller must mend: a wrong option, an unreadable file. Its text has a line for each."""


class Options(SimpleNamespace):
    """What a command line asks for: an attribute for each option, and `paths`."""


# What every option is where it is not given; a test holds that vfslint.cli.parser has the same.
DEFAULTS: dict[str, Any] = {
    "help": False,
    "version": False,
    "quiet": False,
    "verbose": False,
    "select": None,
    "ignore": None,
    "kind": "auto",
    "stdin_filename": None,
    "strict_root": False,
    "force_exclude": False,
    "fix": False,
    "unsafe_fixes": False,
    "diff": False,
    "show_fixes": False,
    "target": None,
    "libvirt": None,
    "qemu": None,
    "virtiofsd": None,
    "session": None,
    "qemu_conf": None,
    "libvirt_schema": None,
    "host": False,
    "host_facts": None,
    "config": None,
    "isolated": False,
    "baseline": None,
    "write_baseline": None,
    "format": None,
    "output_file": None,
    "color": "auto",
    "statistics": False,
    "fail_on": None,
    "exit_zero": False,
    "watch": False,
}

_SWITCHES = {f"--{name.replace('_', '-')}": name for name, value in DEFAULTS.items() if value is False} | {
    "-q": "quiet",
    "-v": "verbose",
    "-h": "help",
}


def read(argv: Sequence[str]) -> Options:
    """Read a command line. Raises `Complaint` where it cannot be."""
    words = argv[1:] if argv and argv[0] == "--" else argv
    options = Options(**DEFAULTS, paths=[word for word in words if word == "-" or not word.startswith("-")])
    for word in words:
        if word == "-" or not word.startswith("-"):
            continue
        if word not in _SWITCHES or argv[0] == "--":
            from vfslint.cli.parser import lint_parser

            return lint_parser().parse_args(argv, Options())
        setattr(options, _SWITCHES[word], True)
    return options
