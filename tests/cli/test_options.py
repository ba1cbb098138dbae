"""Every option is read in each way it can be written, and shown in the help."""

from __future__ import annotations

import pytest

from tests.command import vfslint
from vfslint.cli import main as handlers
from vfslint.cli.help import description, signature
from vfslint.cli.options import COMMANDS, LINT, Command, Option, read
from vfslint.usage import UsageError

ALL = [(command, option) for command in (LINT, *COMMANDS.values()) for option in command.options]


def value_for(option: Option) -> str:
    return option.choices[0] if option.choices else "x"


def test_every_command_has_a_handler() -> None:
    assert list(COMMANDS) == list(handlers._HANDLERS)


@pytest.mark.parametrize("command", [LINT, *COMMANDS.values()], ids=lambda command: command.program)
def test_help_shows_every_option_with_its_description_and_every_command(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    status, out, err = vfslint(*filter(None, [command.name]), "--help")
    assert (status, err) == (0, "")
    text = " ".join(out.split())
    for option in command.options:
        assert f"{signature(option)} {description(option)}" in text
    assert len({flag for option in command.options for flag in option.flags}) == sum(
        len(option.flags) for option in command.options
    )
    assert max(len(line) for line in out.splitlines() if " | " not in line and not line.startswith("usage")) <= 60
    if command is LINT:
        for other in COMMANDS.values():
            assert f"{other.program} " in text
            assert other.summary in text
        assert vfslint("-h")[1] == out


@pytest.mark.parametrize(
    ("command", "option"), ALL, ids=lambda part: part.program if isinstance(part, Command) else part.name
)
def test_every_option_is_read_in_every_way_it_can_be_written(command: Command, option: Option) -> None:
    assert getattr(read(command, ["a.xml"]), option.attribute) == option.initial
    for flag, on in option.flags.items():
        if not option.has_value:
            options = read(command, ["a.xml", flag, "-"])
            assert (getattr(options, option.attribute), options.operands) == (on, ["a.xml", "-"])
            continue
        assert flag.startswith("--"), "a short option has no value"
        value = value_for(option)
        for argv in ([flag, value, "a.xml"], ["a.xml", f"{flag}={value}"]):
            options = read(command, argv)
            expected = [value] if option.repeatable else value
            assert (getattr(options, option.attribute), options.operands) == (expected, ["a.xml"])
        twice = getattr(read(command, [flag, value, f"{flag}={value}"]), option.attribute)
        assert twice == ([value, value] if option.repeatable else value)


def test_short_options_can_be_joined_and_two_dashes_end_the_options() -> None:
    options = read(LINT, ["-qv", "a.xml", "--", "--fix", "--", "-q"])
    assert (options.quiet, options.verbose, options.fix) == (True, True, False)
    assert options.operands == ["a.xml", "--fix", "--", "-q"]
    assert read(LINT, ["--stdin-filename", "-", "--select=-x"]).select == ["-x"]
    with pytest.raises(UsageError):
        read(LINT, ["--quie"])


def test_a_description_is_a_phrase() -> None:
    for _, option in ALL:
        assert description(option), option.name
        assert not description(option).endswith((".", ":")), option.name
        assert "{words}" not in description(option)
