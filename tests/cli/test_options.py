"""Every option is read in each way it can be written, and shown in the help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import vfslint
from vfslint.cli import main as handlers
from vfslint.cli.help import description, signature
from vfslint.cli.options import COMMANDS, EXCLUSIVE, LINT, Command, Option, read
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


EVERY = {option.name: option for _, option in ALL}
FOREIGN = [
    (command, option)
    for command in (LINT, *COMMANDS.values())
    for option in EVERY.values()
    if option.name not in {own.name for own in command.options}
]


@pytest.mark.parametrize(
    ("command", "option"), FOREIGN, ids=lambda part: part.program if isinstance(part, Command) else part.name
)
def test_an_option_of_another_command_is_refused(command: Command, option: Option) -> None:
    operands = ["a.xml"] if command.operand else []
    for flag in option.flags:
        words = [flag, value_for(option)] if option.has_value else [flag]
        status, out, errors = vfslint(*filter(None, [command.name]), *operands, *words)
        assert (status, out) == (2, "")
        assert f"unknown option {flag}" in errors


def given(name: str) -> list[str]:
    option = EVERY[name]
    return [f"--{name}={value_for(option)}"] if option.has_value else [f"--{name}"]


@pytest.mark.parametrize(("one", "other"), EXCLUSIVE)
def test_options_of_which_one_would_be_ignored_exclude_each_other(one: str, other: str) -> None:
    checked = 0
    for command in (LINT, *COMMANDS.values()):
        if {one, other} <= {option.name for option in command.options}:
            before = [*filter(None, [command.name]), "a.xml", *(given("for") if command.name == "explain" else ())]
            for words in ([*given(one), *given(other)], [*given(other), *given(one)]):
                expected = f"vfslint: --{one} and --{other} exclude each other (see {command.program} --help)\n"
                assert vfslint(*before, *words) == (2, "", expected)
                checked += 1
    assert checked


@pytest.mark.parametrize(
    ("command", "name"),
    [(command, name) for command in (LINT, *COMMANDS.values()) for name in command.requires],
    ids=lambda part: part.program if isinstance(part, Command) else part,
)
def test_options_that_would_be_ignored_without_another_are_refused(command: Command, name: str) -> None:
    status, out, errors = vfslint(*filter(None, [command.name]), "a.xml", *given(name))
    assert (status, out) == (2, "")
    assert errors.startswith(f"vfslint: --{name} requires --{command.requires[name][0]}")


@pytest.mark.parametrize("form", ["concise", "sarif", "json=out.json"])
def test_statistics_in_a_format_that_it_does_not_have(form: str) -> None:
    assert vfslint("--statistics", "--format", form, "a.xml")[::2] == (
        2,
        "vfslint: --statistics has only the formats text and json, on standard output\n",
    )


def test_a_name_for_standard_input_requires_it() -> None:
    status, _, errors = vfslint("--stdin-filename", "b.xml", "a.xml")
    assert (status, errors[:44]) == (2, "vfslint: --stdin-filename requires standard ")


# For each option of a command, a command line whose output it changes.
SHARE = """<domain type='kvm'><name>a</name><memory unit='GiB'>1</memory>
<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices><filesystem type='mount'>
<driver type='virtiofs'/><binary><lock posix='on'/></binary><source dir='/srv/a'/><target dir='a'/>
</filesystem></devices></domain>
"""
EXPLAIN = ["explain", "operation failed: virtiofsd died unexpectedly"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.xml").write_text(SHARE)
    facts = {"version": 1, "libvirt": "9.0.0", "paths": {"/srv/a": "directory"}}
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    (tmp_path / "other.toml").write_text('target = "debian-11"\n')
    (tmp_path / "qemu.conf").write_text('memory_backing_dir = "/mnt/ram"\n')
    (tmp_path / "vfslint.toml").write_text('target = "debian-12"\n')
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("argv", "option"),
    [
        (["rules", "VFS1"], "--format=json"),
        (["rules", "VFS1"], "--format=markdown"),
        (["explain", "VFS101"], "--format=markdown"),
        ([*EXPLAIN], "--format=json"),
        ([*EXPLAIN], "--for=a.xml"),
        ([*EXPLAIN, "--for=a.xml"], "--isolated"),
        ([*EXPLAIN, "--for=a.xml"], "--config=missing.toml"),
        ([*EXPLAIN, "--for=a.xml"], "--target=newest"),
        ([*EXPLAIN, "--for=a.xml"], "--virtiofsd=1.13.0"),
        (["setup", "a.xml"], "--target=newest"),
        (["setup", "a.xml"], "--libvirt=11.0.0"),
        (["setup", "a.xml"], "--qemu=9.0.0"),
        (["setup", "a.xml"], "--virtiofsd=1.10.0"),
        (["setup", "a.xml"], "--session"),
        (["setup", "a.xml"], "--isolated"),
        (["setup", "a.xml"], "--config=other.toml"),
        (["setup", "a.xml"], "--host-facts=facts.json"),
        (["host"], "--session"),
        (["config", "a.xml"], "--format=json"),
        (["config", "a.xml"], "--select=VFS1"),
        (["config", "a.xml"], "--ignore=VFS1"),
        (["config", "a.xml"], "--target=newest"),
        (["config", "a.xml"], "--session"),
        (["config", "a.xml"], "--qemu-conf=qemu.conf"),
        (["config", "a.xml"], "--host-facts=facts.json"),
        (["config", "a.xml"], "--config=other.toml"),
        (["config", "a.xml"], "--isolated"),
        (["config", "a.xml"], "--fail-on=error"),
        (["config", "a.xml"], "--exit-zero"),
        (["targets"], "--format=json"),
        (["vocabulary", "domain"], "--format=json"),
    ],
    ids=str,
)
def test_an_option_changes_what_is_printed(argv: list[str], option: str) -> None:
    assert vfslint(*argv, option) != vfslint(*argv)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["explain", "VFS101", "--for", "a.xml"], "--for requires a message"),
        ([*EXPLAIN, "--format", "markdown"], "--format markdown requires rules"),
    ],
)
def test_options_that_do_not_apply_to_what_is_explained(argv: list[str], message: str) -> None:
    status, out, errors = vfslint(*argv)
    assert (status, out) == (2, "")
    assert message in errors
