"""Reads command lines. argparse would cost 10 ms of every start, and say less about a wrong option."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace

from vfslint.cli.options import LINT, Command, Option
from vfslint.config.errors import UsageError, did_you_mean, invalid


def read(command: Command, argv: Sequence[str]) -> SimpleNamespace:
    """Return the value of each option, by its attribute, and the operands. Raises `UsageError`."""
    return _Reader(command).read(argv)


def check_operands(command: Command, operands: Sequence[str]) -> None:
    """Raise `UsageError` if a command was not given what it works on."""
    operand = command.operand
    if operand is None:
        if operands:
            raise _error(command, f"unexpected argument {operands[0]!r}")
        return
    if len(operands) < operand.least or (operand.most is not None and len(operands) > operand.most):
        raise _error(command, operand.request)
    for word in operands:
        if operand.choices and word not in operand.choices:
            raise _error(command, invalid(word, operand.metavar.lower(), operand.choices))


def _error(command: Command, message: str) -> UsageError:
    return UsageError(f"{message} (see {command.program} --help)")


class _Reader:
    def __init__(self, command: Command) -> None:
        self.command = command
        self.flags = {flag: (option, on) for option in command.options for flag, on in option.flags.items()}

    def read(self, argv: Sequence[str]) -> SimpleNamespace:
        # Options that lint has and this command does not are not given.
        values = {option.attribute: option.initial for option in (*LINT.options, *self.command.options)}
        self.options = SimpleNamespace(**values, operands=[])
        words = iter(argv)
        for word in words:
            if word == "--":
                self.options.operands += words
            elif word == "-" or not word.startswith("-"):
                self.options.operands.append(word)
            elif word.startswith("--"):
                self._long(word, words)
            else:
                self._short(word)
        return self.options

    def _long(self, word: str, words: Iterator[str]) -> None:
        flag, has_value, value = word.partition("=")
        if flag not in self.flags:
            raise _error(self.command, f"unknown option {flag}{did_you_mean(flag, self.flags)}")
        option, on = self.flags[flag]
        if not option.has_value:
            if has_value:
                raise _error(self.command, f"{flag} does not accept a value")
            setattr(self.options, option.attribute, on)
            return
        if not has_value:
            value = next(words, "--")
            # A word that starts with a dash is the next option; --name=VALUE is how to give it as a value.
            if value.startswith("-") and value != "-":
                raise _error(self.command, f"{flag} requires a value")
        self._set(option, value)

    def _short(self, word: str) -> None:
        for letter in word[1:]:
            if f"-{letter}" not in self.flags:
                raise _error(self.command, f"unknown option {word}")
            option, on = self.flags[f"-{letter}"]
            setattr(self.options, option.attribute, on)

    def _set(self, option: Option, value: str) -> None:
        if option.choices and value not in option.choices:
            raise _error(self.command, invalid(value, f"value for --{option.name}", option.choices))
        before = getattr(self.options, option.attribute) or []
        setattr(self.options, option.attribute, [*before, value] if option.repeatable else value)
