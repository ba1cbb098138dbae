"""The command `vfslint`: arguments and streams in, exit status out.

Imports are in functions to keep the start fast: the linter would cost `--version` 30 ms, and what only one command
needs would cost a run on one file between 1 and 20 ms.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from io import TextIOBase, TextIOWrapper
from types import SimpleNamespace
from typing import TextIO, cast

from vfslint.cli.messages import write_messages
from vfslint.cli.options import (
    CLEAN,
    COMMANDS,
    FAILED,
    INTERRUPTED,
    LINT,
    TERMINATED,
    check_combination,
    check_operands,
    read,
)
from vfslint.usage import UsageError
from vfslint.version import VERSION
from vfslint.vocabulary.spelling import nearest
from vfslint.workflow_commands import stopped


def run() -> None:
    """Entry point of the console script."""
    status = FAILED
    stderr: TextIO | None = None
    try:
        signal.signal(signal.SIGTERM, _terminate)
        stdin, stdout, stderr = _streams()
        status = main(sys.argv[1:], stdin, stdout, stderr)
        stdout.flush()
        stderr.flush()
    except _Terminated:
        status = TERMINATED
    except KeyboardInterrupt:  # before or after the work itself
        status = INTERRUPTED
    except BrokenPipeError:
        status = FAILED
    except OSError as error:
        status = FAILED
        with suppress(OSError):
            if stderr:
                write_messages(stderr, [_sentence(error)])
                stderr.flush()
    # Everything is written. Deallocating all modules and trees would take a sixth of a run on one file.
    os._exit(status)


def _streams() -> tuple[TextIO, TextIO, TextIO]:
    """Return the standard streams; one that the caller has closed fails when it is used."""
    while True:
        # A file that is opened must not get the number of a closed stream, or a message would be written into it.
        number = os.open(os.devnull, os.O_RDWR)
        if number > 2:
            os.close(number)
            break
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal cannot encode must not cause a traceback.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return (
        sys.stdin or cast(TextIO, _Closed("standard input")),
        sys.stdout or cast(TextIO, _Closed("standard output")),
        sys.stderr or open(os.devnull, "w", encoding="utf-8"),
    )


class _Closed(TextIOBase):
    """A standard stream that the caller has closed."""

    def __init__(self, name: str) -> None:
        self._error = OSError(errno.EBADF, f"{name} is closed")

    def read(self, size: int | None = -1, /) -> str:
        raise self._error

    def write(self, text: str, /) -> int:
        raise self._error


def _terminate(number: int, frame: object) -> None:
    # The same as Ctrl-C: temporary files are removed.
    raise _Terminated


class _Terminated(KeyboardInterrupt):
    """The process is asked to end."""


def _sentence(error: OSError) -> str:
    """Return a system error in one sentence."""
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return "the working directory does not exist any more"
    where = f"{error.filename}: " if error.filename is not None else ""
    return f"{where}{error.strerror or error}"


def main(argv: Sequence[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Run `vfslint` with the given arguments and streams; return the exit status."""
    usual = gc.get_threshold()
    # Most objects live until the end of the run; collecting garbage more often takes a tenth of it.
    gc.set_threshold(100_000)
    try:
        return _run(argv, stdin, stdout, stderr)
    except UsageError as error:
        with suppress(OSError):
            write_messages(stderr, str(error).split("\n"))
        return FAILED
    except _Terminated:
        return TERMINATED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed it.
        return FAILED
    except OSError as error:
        # A file that cannot be read has a message of its own; this is a stream, or the working directory.
        with suppress(OSError):
            write_messages(stderr, [_sentence(error)])
        return FAILED
    finally:
        gc.set_threshold(*usual)


def _run(argv: Sequence[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    command = COMMANDS.get(argv[0], LINT) if argv else LINT
    if command is LINT and argv and argv[0][:1] != "-" and not os.path.lexists(argv[0]):
        # Before the options, which are those of the command that was meant.
        _check_command(argv[0])
    options = read(command, argv if command is LINT else argv[1:])
    if options.help:
        from vfslint.cli import help
        from vfslint.terminal import width

        stdout.write(help.text(command, width(stdout, help.WIDTH)))
        return CLEAN
    if command is LINT and options.version:
        stdout.write(f"vfslint {VERSION}\n")
        return CLEAN
    if command is LINT and options.stdin_filename and not options.operands:
        options.operands = ["-"]
    check_operands(command, options.operands)
    check_combination(command, options)
    if command is not LINT:
        with stopped(stdout) if command.name in _QUOTING and options.format == "text" else nullcontext():
            _HANDLERS[command.name](options, stdin, stdout)
        return CLEAN
    from vfslint.cli.lint import Streams, lint

    return lint(options, Streams(stdin, stdout, stderr))


def _check_command(word: str) -> None:
    """Raise `UsageError` if a word that is not a file is probably a misspelled command."""
    meant = {"help": "--help", "version": "--version"}.get(word) or nearest(word, COMMANDS)
    if meant:
        raise UsageError(f"{word} is neither a file nor a command; did you mean vfslint {meant}?")


def _rules(options: SimpleNamespace, _: TextIO, stdout: TextIO) -> None:
    from vfslint.rule_page import named, write_list
    from vfslint.rules import RULES

    rules = named(options.operands) if options.operands else RULES
    if not rules:
        raise UsageError(f"no rule is named {' '.join(options.operands)}; run vfslint rules for a list of all rules")
    write_list(stdout, options.format, rules, options.hyperlinks)


def _explain(options: SimpleNamespace, stdin: TextIO, stdout: TextIO) -> None:
    from vfslint.cli.explain import explain

    explain(options, stdin, stdout)


def _config(options: SimpleNamespace, _: TextIO, stdout: TextIO) -> None:
    from vfslint.cli.show_config import show_config

    show_config(options, stdout)


def _targets(options: SimpleNamespace, _: TextIO, stdout: TextIO) -> None:
    from vfslint.cli.targets import targets

    targets(options, stdout)


def _vocabulary(options: SimpleNamespace, _: TextIO, stdout: TextIO) -> None:
    from vfslint.cli.vocabulary import vocabulary

    vocabulary(options, stdout)


def _completion(options: SimpleNamespace, _: TextIO, stdout: TextIO) -> None:
    from vfslint.cli.completion import script

    stdout.write(script(options.operands[0]))


def _host(options: SimpleNamespace, _: TextIO, stdout: TextIO) -> None:
    from vfslint.cli.host import host

    host(options, stdout)


def _setup(options: SimpleNamespace, _: TextIO, stdout: TextIO) -> None:
    from vfslint.cli.host import setup

    setup(options, stdout)


# Commands that show what a file contains, in text for people.
_QUOTING = ("explain", "config")
_HANDLERS: dict[str, Callable[[SimpleNamespace, TextIO, TextIO], None]] = {
    "rules": _rules,
    "explain": _explain,
    "setup": _setup,
    "host": _host,
    "config": _config,
    "targets": _targets,
    "vocabulary": _vocabulary,
    "completion": _completion,
}
