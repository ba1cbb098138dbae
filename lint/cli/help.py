"""The text of `--help`, and the parts of it that the manual page and the completion scripts use, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vfslint import report, rules
from vfslint.cli.options import COMMANDS, EXIT_STATUS, FORMATS, LINT, RULES, Command, Option
from vfslint.config.keys import KEYS
from vfslint.terminal import wrap

# The width if the output is not a terminal.
WIDTH = 100
_INDENT, _NARROW_INDENT = 26, 6
# Beside the left column, a narrower terminal has no room for sentences.
_NARROW = 60

Row = tuple[str, str]


def text(command: Command, width: int) -> str:
    """Return the help of a command, in lines of at most `width` columns."""
    summary = command.summary if command is LINT else f"{command.summary[0].upper()}{command.summary[1:]}."
    lines = [*wrap(f"usage: {usage(command)}", width, "", "  "), "", *wrap(summary, width)]
    for title, rows in sections(command):
        lines += ["", f"{title}:", *columns(rows, width)]
    if command is LINT:
        lines += ["", *wrap(f"exit status: {EXIT_STATUS}", width)]
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


def columns(rows: Iterable[Row], width: int) -> Iterator[str]:
    """Yield the lines of two columns, of which the right one is wrapped; in narrow terminals, it is below the left."""
    is_narrow = width < _NARROW
    margin = " " * (_NARROW_INDENT if is_narrow else _INDENT)
    for left, right in rows:
        if is_narrow or len(left) + 4 > _INDENT:
            yield f"  {left}"
            yield from wrap(right, width, margin, margin)
        else:
            yield from wrap(right, width, f"  {left:<{_INDENT - 2}}", margin) or [f"  {left}"]
