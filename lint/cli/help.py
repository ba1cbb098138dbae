"""The text of `--help`, and the parts of it that the manual page and the completion scripts use, too."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from textwrap import wrap

from vfslint import report, rules
from vfslint.cli.options import COMMANDS, EXIT_STATUS, FORMATS, LINT, RULES, Command, Option
from vfslint.config.keys import KEYS

WIDTH = 100
_INDENT = 26

Row = tuple[str, str]


def text(command: Command) -> str:
    """Return the help of a command."""
    columns_wide = width()
    summary = command.summary if command is LINT else f"{command.summary[0].upper()}{command.summary[1:]}."
    lines = [f"usage: {usage(command)}", "", *wrap(summary, columns_wide)]
    for title, rows in sections(command):
        lines += ["", f"{title}:", *columns(rows, columns_wide)]
    if command is LINT:
        lines += ["", *wrap(f"exit status: {EXIT_STATUS}", columns_wide)]
    return "\n".join(lines) + "\n"


def usage(command: Command) -> str:
    """Return the usage of a command, in one line."""
    return f"{command.program} [OPTION…] {command.operand.metavar if command.operand else ''}".rstrip()


def sections(command: Command) -> Iterator[tuple[str, list[Row]]]:
    """Yield the headings of the help, each with its rows: what to type, and what it means."""
    if command.operand:
        yield "arguments", [(command.operand.metavar.strip("[…]"), command.operand.help)]
    for title, options in command.groups.items():
        yield title, [(signature(option), description(option)) for option in options]
    if command is LINT:
        rows = ((usage(one).replace(" [OPTION…]", ""), one.summary) for one in COMMANDS.values())
        yield "commands", list(rows)


def signature(option: Option) -> str:
    """Return all spellings of an option, and the placeholder for its value."""
    flags = ", ".join(option.flags)
    if not option.has_value:
        return flags
    return f"{flags} {option.metavar or '{' + ','.join(option.choices) + '}'}"


def description(option: Option) -> str:
    """Return the description of an option, with its default."""
    help = option.help.replace("{words}", ", ".join(words(option)))
    default = option.default or (KEYS[option.name].default if option.name in KEYS and option.has_value else "")
    return f"{help}; default: {default}" if default and default != "none" else help


def words(option: Option) -> tuple[str, ...]:
    """Return the words that the value of an option can be, if they can be listed."""
    if option.completion == RULES:
        return rule_words()
    return tuple(report.FORMATS) if option.completion == FORMATS else option.choices


def rule_words() -> tuple[str, ...]:
    """Return the code and the name of every rule."""
    return tuple(word for rule in rules.RULES for word in (rule.code, rule.name))


def width() -> int:
    """Return how many columns a text may use, by the environment variable COLUMNS."""
    given = os.environ.get("COLUMNS", "")
    return max(int(given) - 2, 40) if given.isascii() and given.isdigit() else WIDTH - 2


def columns(rows: Iterable[Row], width: int) -> Iterator[str]:
    """Yield the lines of two columns, of which the right one is wrapped."""
    for left, right in rows:
        lines = wrap(right, width - _INDENT, break_on_hyphens=False)
        if len(left) + 4 > _INDENT:
            yield f"  {left}"
        else:
            yield f"  {left:<{_INDENT - 2}}{lines.pop(0) if lines else ''}".rstrip()
        for line in lines:
            yield f"{'':<{_INDENT}}{line}"
