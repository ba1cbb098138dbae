"""The shells complete every command, option, value, rule and file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.shells import started
from tests.command import vfslint
from tools.make_completion import FOLDER, make, write
from vfslint.cli.completion import script
from vfslint.cli.options import COMMANDS, LINT, SHELLS, Command
from vfslint.rules import RULES

needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_scripts_are_up_to_date(shell: str, request: pytest.FixtureRequest) -> None:
    """With --update-golden, this writes them, as python -m tools.make_completion does."""
    if request.config.getoption("--update-golden"):
        write(shell)
    assert (FOLDER / f"vfslint.{shell}").read_text() == make(shell), "run python -m tools.make_completion"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_prints_the_script(shell: str) -> None:
    text = vfslint("completion", shell)[1]
    assert "vfslint" in text
    assert all(f" {command} " in text for command in COMMANDS)
    assert all(rule.code in text and rule.name in text for rule in RULES)


def completed(*words: str, breaks: str = "=") -> list[str]:
    """What bash offers for the last word; it passes words that are split at `breaks`."""
    split = [piece for word in words for piece in (word.replace("=", "\0=\0").split("\0") if breaks else [word])]
    # After an equals sign, bash passes no empty word.
    given = [piece for number, piece in enumerate(split) if piece or number == 0 or split[number - 1] != "="]
    line = " ".join("'" + word.replace("'", "'\\''") + "'" for word in given)
    code = (
        f"{script('bash')}\ncompopt() {{ :; }}\nCOMP_WORDBREAKS=$' \\t\\n{breaks}'\n"
        f"COMP_WORDS=({line}); COMP_CWORD={len(given) - 1}; _vfslint\n"
        '[[ ${#COMPREPLY[@]} -eq 0 ]] || printf "%s\\n" "${COMPREPLY[@]}"'
    )
    ended = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    return ended.stdout.splitlines()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("my guest.xml", "don't.xml", "rulesheet.xml", "qemu.conf"):
        (tmp_path / name).touch()
    (tmp_path / "other guests").mkdir()
    (tmp_path / "other guests" / "one.xml").touch()


@needs_bash
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["--fi"], ["--fix"]),
        (["--no-se"], ["--no-session"]),
        (["--target", "debian-1"], ["debian-11", "debian-12", "debian-13"]),
        (["-q", "--color", ""], ["auto", "always", "never"]),
        (["--select", "memory-not-sh"], ["memory-not-shared"]),
        (["--select", "VFS101,memory-not-sh"], ["VFS101,memory-not-shared"]),
        (["my"], ["my guest.xml"]),
        (["exp"], ["explain"]),
        (["rule"], ["rules", "rulesheet.xml"]),
        (["my guest.xml", "rule"], ["rulesheet.xml"]),
        (["explain", "VFS21"], [rule.code for rule in RULES if rule.code.startswith("VFS21")]),
        (["rules", "memory-not-sh"], ["memory-not-shared"]),
        (["rules", "my"], []),
        (["completion", "z"], ["zsh"]),
        (["targets", "my"], []),
        (["setup", "my"], ["my guest.xml"]),
        (["--qemu-conf", "qem"], ["qemu.conf"]),
        (["--qemu-conf", "my"], ["my guest.xml"]),
        (["--libvirt", "my"], []),
        (["--format", "sarif=my"], ["my guest.xml"]),
        (["rules", "--format", ""], ["text", "json", "markdown"]),
        (["explain", "--f"], ["--format", "--for"]),
    ],
)
def test_bash_offers(words: list[str], offered: list[str]) -> None:
    assert completed("vfslint", *words) == offered


@needs_bash
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("word", "offered"),
    [
        ("--target=debian-12", ["debian-12"]),
        ("--color=", ["auto", "always", "never"]),
        ("--qemu-conf=my", ["my guest.xml"]),
        ("--select=VFS101,memory-not-sh", ["VFS101,memory-not-shared"]),
        ("--format=sar", ["sarif"]),
        ("--format=sarif=my", ["my guest.xml"]),
        ("--libvirt=my", []),
    ],
)
def test_bash_offers_values_after_an_equals_sign(word: str, offered: list[str]) -> None:
    """By default, bash replaces only what follows the last one; people can change that."""
    assert completed("vfslint", word) == completed("vfslint", "-q", word) == offered
    before = word[: word.rindex("=") + 1]
    assert completed("vfslint", word, breaks="") == [f"{before}{value}" for value in offered]


@needs_bash
@pytest.mark.parametrize("command", [LINT, *COMMANDS.values()], ids=lambda command: command.program)
def test_bash_offers_every_option_of_a_command_and_no_other(command: Command) -> None:
    expected = [flag for option in command.options for flag in option.flags]
    assert completed(*command.program.split(), "-") == expected


# What is typed before the Tab key, and what is in the command line after it.
TYPED = {
    "vfslint comp": "vfslint completion ",
    "vfslint my": "vfslint my\\ guest.xml ",
    'vfslint "my': 'vfslint "my guest.xml" ',
    "vfslint 'my g": "vfslint 'my guest.xml' ",
    "vfslint don": "vfslint don\\'t.xml ",
    "vfslint other": "vfslint other\\ guests/",
    "vfslint other\\ guests/": "vfslint other\\ guests/one.xml ",
    "vfslint my\\ guest.xml --no-ses": "vfslint my\\ guest.xml --no-session ",
    "vfslint --target ubuntu-24": "vfslint --target ubuntu-24.04 ",
    "vfslint --target=ubuntu-24": "vfslint --target=ubuntu-24.04 ",
    "vfslint --qemu-conf my\\ g": "vfslint --qemu-conf my\\ guest.xml ",
    "vfslint --qemu-conf=my": "vfslint --qemu-conf=my\\ guest.xml ",
    "vfslint --config=~/my": "vfslint --config=~/my\\ guest.xml ",
    "vfslint --format=sarif=my": "vfslint --format=sarif=my\\ guest.xml ",
    "vfslint --select VFS101,memory-not-sh": "vfslint --select VFS101,memory-not-shared ",
    "vfslint --select=VFS101,memory-not-sh": "vfslint --select=VFS101,memory-not-shared ",
    "vfslint --libvirt my": "vfslint --libvirt my",
    "vfslint explain memory-not-sh": "vfslint explain memory-not-shared ",
    "vfslint explain my": "vfslint explain my\\ guest.xml ",
    "vfslint rules --format=mark": "vfslint rules --format=markdown ",
    "vfslint targets my": "vfslint targets my",
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_what_is_typed(shell: str) -> None:
    with started(shell, FOLDER / f"vfslint.{shell}") as terminal:
        assert {typed: terminal.completed(typed) for typed in TYPED} == TYPED


@pytest.mark.usefixtures("files")
def test_zsh_finds_the_script_in_its_function_path(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "_vfslint").write_text(script("zsh"))
    again = tmp_path / "again"
    again.write_text("fpath=($PWD/functions $fpath); compinit -u -D")
    with started("zsh", again) as terminal:
        # The first time loads the script.
        assert terminal.completed("vfslint --target=debian-12") == "vfslint --target=debian-12 "
        assert terminal.completed("vfslint my") == "vfslint my\\ guest.xml "


@pytest.mark.parametrize(
    ("shell", "check"), [("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"]), ("bash", ["bash", "-n"])]
)
def test_scripts_are_sound(shell: str, check: list[str]) -> None:
    if not shutil.which(check[0]):
        pytest.skip(f"{check[0]} is not installed")
    ended = subprocess.run([*check, FOLDER / f"vfslint.{shell}"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
