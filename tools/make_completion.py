"""Make lint/completions/, the completion scripts, from the table of options and the rules.

Run python -m tools.make_completion after each change of an option or a rule's name. The templates are in
tools/completion/. tests/cli/test_completion.py checks that the scripts are up to date, and runs them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Template

from vfslint.cli.help import description, words
from vfslint.cli.options import COMMANDS, FILES, FORMATS, LINT, SHELLS, Command, Option
from vfslint.cli.options import RULES as RULE_WORDS
from vfslint.report import FORMATS as REPORTS
from vfslint.rules import RULES

FOLDER = Path(__file__).resolve().parent.parent / "lint" / "completions"
NOTICE = "Made by tools/make_completion.py. Do not edit."

ALL = (LINT, *COMMANDS.values())
# What the scripts call the command that lints, which has no name.
LINTING = "lint"


def name_of(command: Command) -> str:
    return command.name or LINTING


def kind(option: Option) -> str:
    """Return how the value of an option is completed: as rules, formats, files, words, or not at all."""
    if option.completion:
        return option.completion
    return "words" if words(option) else ""


def with_values() -> Iterator[tuple[Command, Option]]:
    return ((command, option) for command in ALL for option in command.options if option.has_value)


def make(shell: str) -> str:
    """Return the script for a shell."""
    lines = {"bash": bash, "zsh": zsh, "fish": fish}[shell]
    template = Template((Path(__file__).parent / "completion" / f"vfslint.{shell}").read_text(encoding="utf-8"))
    return template.substitute(
        notice=NOTICE,
        commands=" ".join(COMMANDS),
        # A line for each rule, so that rules that are added at the same time do not conflict.
        rules="\n".join(f"    {rule.code} {rule.name}" for rule in RULES),
        formats=" ".join(REPORTS),
        **lines(),
    )


# bash


def bash() -> dict[str, str]:
    flags = [
        f"    {name_of(command)}) flags='{' '.join(flag for option in command.options for flag in option.flags)}' ;;"
        for command in ALL
    ]
    cases: dict[str, list[str]] = {}
    for command, option in with_values():
        action = {FILES: "_vfslint_files", FORMATS: "_vfslint_formats", RULE_WORDS: "_vfslint_rules", "": ":"}.get(
            kind(option), f"_vfslint_words '{' '.join(words(option))}'"
        )
        cases.setdefault(action, []).append(f"{name_of(command)}:--{option.name}")
    operands = [
        f"    {command.name}) {action} ;;" for command in COMMANDS.values() if (action := bash_operand(command))
    ]
    return {
        "flags": "\n".join(flags),
        "values": "\n".join(f"      {'|'.join(patterns)}) {action} ;;" for action, patterns in cases.items()),
        "operands": "\n".join(operands),
    }


def bash_operand(command: Command) -> str:
    operand = command.operand
    if operand is None:
        return ""
    actions = [f"_vfslint_words '{' '.join(operand.choices)}'"] if operand.choices else []
    actions += ["_vfslint_rules"] if RULE_WORDS in operand.completion else []
    actions += ["_vfslint_files"] if FILES in operand.completion else []
    return "; ".join(actions)


# zsh


def zsh() -> dict[str, str]:
    cases = []
    for command in ALL:
        specs = [zsh_quoted(spec) for option in command.options for spec in zsh_specs(option)]
        specs.append(zsh_quoted(zsh_operand(command)) if command.operand else "")
        cases.append(f"    {name_of(command)})\n      specs=(\n        " + "\n        ".join(specs).rstrip())
        cases.append("      ) ;;")
    return {
        "described": "\n".join(f"    {zsh_quoted(f'{one.name}:{one.summary}')}" for one in COMMANDS.values()),
        "specs": "\n".join(cases),
    }


def zsh_specs(option: Option) -> Iterator[str]:
    actions = {FILES: "_files", FORMATS: "_vfslint_formats", RULE_WORDS: "_vfslint_rules", "": " "}
    action = actions.get(kind(option), f"({' '.join(words(option))})")
    for flag in option.flags:
        value = f":value:{action}" if option.has_value else ""
        spelled = f"{flag}=" if value else flag
        yield f"{'*' if option.repeatable else ''}{spelled}[{zsh_text(description(option))}]{value}"


def zsh_operand(command: Command) -> str:
    operand = command.operand
    if operand is None:
        return ""
    if command is LINT:
        return "*:file:_vfslint_paths"
    if operand.choices:
        return f"*:{operand.metavar.lower()}:({' '.join(operand.choices)})"
    both = RULE_WORDS in operand.completion and FILES in operand.completion
    action = "_vfslint_topics" if both else "_vfslint_rules" if RULE_WORDS in operand.completion else "_files"
    return f"*:argument:{action if operand.completion else ' '}"


def zsh_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def zsh_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# fish


def fish() -> dict[str, str]:
    lines = [
        f"complete -c vfslint -n __vfslint_first -a {one.name} -d {fish_quoted(one.summary)}"
        for one in COMMANDS.values()
    ]
    for command in ALL:
        condition = f"complete -c vfslint -n '__vfslint_is {name_of(command)}'"
        lines += ["", *fish_operand(command, condition)]
        for option in command.options:
            flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
            lines.append(f"{condition} {flags}{fish_value(option)} -d {fish_quoted(description(option))}")
    return {"lines": "\n".join(lines)}


def fish_operand(command: Command, condition: str) -> Iterable[str]:
    operand = command.operand
    if operand is None or FILES not in operand.completion:
        yield f"{condition} -f"
    if operand and operand.choices:
        yield f"{condition} -a {fish_quoted(' '.join(operand.choices))}"
    if operand and RULE_WORDS in operand.completion:
        yield f"{condition} -a '(__vfslint_rules)'"


def fish_value(option: Option) -> str:
    if not option.has_value:
        return ""
    values = {
        FILES: " -r -F",
        FORMATS: " -x -a '(__vfslint_formats)'",
        RULE_WORDS: " -x -a '(__vfslint_rules)'",
        "": " -x",
    }
    return values.get(kind(option), f" -x -a {fish_quoted(' '.join(words(option)))}")


def fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def write(shell: str) -> None:
    (FOLDER / f"vfslint.{shell}").write_text(make(shell), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    for shell in SHELLS:
        write(shell)
