"""The command: what it prints where, its exit status, and that it says every mishap in one line."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT
from vfslint.cli import main as handlers
from vfslint.cli.completion import script
from vfslint.cli.help import description, signature
from vfslint.cli.main import main
from vfslint.cli.options import COMMANDS, LINT, SHELLS, Command, Option, read
from vfslint.cli.progress import PATIENCE, shown
from vfslint.rules import RULES
from vfslint.usage import UsageError
from vfslint.version import VERSION

LONG = "the-shared-directory-of-the-build-farm"
SOUND = """\
<domain type='kvm'>
  <name>example</name>
  <memory unit='GiB'>2</memory>
  <vcpu>8</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <devices>
    <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
  </devices>
</domain>
"""
FAULTY = SOUND.replace("data", LONG)
FINDING = f"error[VFS216] mount-tag-too-long: mount tag '{LONG}' is 38 bytes long, but the limit is 36\n"


def vfslint(*argv: str, stdin: str = "") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(argv, io.StringIO(stdin), out, err)
    return status, out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sound.xml").write_text(SOUND)
    (tmp_path / "faulty.xml").write_text(FAULTY)
    return tmp_path


def process(*argv: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", _START, *argv], capture_output=True, text=True, check=False, **settings
    )


# A bare checkout has no package: its conftest makes one.
_START = f"""\
import importlib.util, sys
if importlib.util.find_spec("vfslint") is None:
    sys.path.insert(0, {str(ROOT)!r})
    import conftest
from vfslint.cli.main import run
run()
"""


# exit status


def test_clean() -> None:
    assert vfslint("sound.xml") == (0, "no problems found · 1 file checked\n", "")


def test_findings() -> None:
    status, out, err = vfslint("--format", "concise", "faulty.xml")
    assert (status, out, err) == (1, f"faulty.xml:8:88: {FINDING}", "")


@pytest.mark.parametrize(("level", "status"), [("error", 1), ("warning", 1), ("note", 1), ("never", 0)])
def test_fail_on(level: str, status: int) -> None:
    assert vfslint("--fail-on", level, "faulty.xml")[0] == status


def test_exit_zero() -> None:
    assert vfslint("--exit-zero", "faulty.xml")[0] == 0
    assert vfslint("--exit-zero", "--fail-on", "error", "faulty.xml")[0] == 0
    assert vfslint("--exit-zero", "none.xml")[0] == 2


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], "name at least one file or folder, or - for standard input (see vfslint --help)"),
        (["--nonsense", "sound.xml"], "unknown option --nonsense (see vfslint --help)"),
        (["--selct=VFS1", "sound.xml"], "unknown option --selct; did you mean --select? (see vfslint --help)"),
        (["--strict_root", "a.xml"], "unknown option --strict_root; did you mean --strict-root? "),
        (["-quiet", "a.xml"], "unknown option -quiet (see vfslint --help)"),
        (["--quiet=yes", "sound.xml"], "--quiet does not accept a value (see vfslint --help)"),
        (["sound.xml", "--select"], "--select requires a value (see vfslint --help)"),
        (["--select", "--fix", "sound.xml"], "--select requires a value (see vfslint --help)"),
        (
            ["--fail-on", "x", "sound.xml"],
            "'x' is not a valid value for --fail-on; expected error, warning, note or never (see vfslint --help)",
        ),
        (["--select", "VFS999", "sound.xml"], "no rule matches 'VFS999'"),
        (
            ["--ignore", "memory-not-shard", "sound.xml"],
            "no rule matches 'memory-not-shard'; did you mean memory-not-shared?",
        ),
        (["--select", "", "sound.xml"], "no rule matches ''"),
        (
            ["--target", "debain-12", "sound.xml"],
            "'debain-12' is not a valid value for --target; did you mean debian-12? ",
        ),
        (["--libvirt", "nine", "sound.xml"], "'nine' is not a version such as 9.0.0"),
        (["--format", "xml", "sound.xml"], "unknown format 'xml'"),
        (["--qemu-conf", "none.conf", "sound.xml"], "cannot read none.conf: No such file or directory"),
        (["--host-facts", "none.json", "sound.xml"], "cannot read none.json: No such file or directory"),
        (["--output-file", "no/where", "sound.xml"], "cannot write the report: no/where: No such file"),
        (["explain"], "name a rule or an error message (see vfslint explain --help)"),
        (["explain", "zzz"], "no rule matches 'zzz'; vfslint rules lists them all"),
        (["rules", "x"], "unexpected argument 'x' (see vfslint rules --help)"),
        (["rules", "--fix"], "unknown option --fix (see vfslint rules --help)"),
        (
            ["completion", "elvish"],
            "'elvish' is not a valid shell; expected bash, zsh or fish (see vfslint completion --help)",
        ),
        (["completion"], "name a shell: bash, zsh or fish (see vfslint completion --help)"),
        (["setup"], "name at least one file with a domain (see vfslint setup --help)"),
    ],
)
def test_wrong_usage_is_reported_in_one_line(argv: list[str], expected: str) -> None:
    status, out, err = vfslint(*argv)
    assert (status, out) == (2, "")
    assert err.startswith(f"vfslint: {expected}")
    assert err.count("\n") == 1


def test_unreadable_files_are_reported_and_the_others_checked() -> None:
    status, out, err = vfslint("--format", "concise", "none.xml", "faulty.xml", "a\x1bb.xml")
    assert (status, out) == (2, f"faulty.xml:8:88: {FINDING}")
    assert err == (
        "vfslint: cannot read none.xml: No such file or directory\n"
        "vfslint: cannot read a␛b.xml: No such file or directory\n"
    )


def test_help_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    status, out, _ = vfslint("--help")
    assert (status, out.splitlines()[0]) == (0, "usage: vfslint [OPTION…] PATH…")
    assert max(map(len, out.splitlines())) <= 100
    assert vfslint("--version") == (0, f"vfslint {VERSION}\n", "")


# which files


def test_folders_are_searched_and_files_checked_once(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "b.xml").write_text("<network/>")
    (folder / "a" / "notes.txt").write_text("<domain>")
    (folder / ".git").mkdir()
    (folder / ".git" / "c.xml").write_text("<domain>")
    (folder / "a" / "loop").symlink_to(folder)
    status, out, err = vfslint("-v", "--exit-zero", "--select", "VFS216", ".", "./sound.xml")
    assert (status, out.splitlines()[-1]) == (0, "1 error · 3 files checked · 1 skipped")
    assert err == "vfslint: skipped ./a/b.xml: <network> is not a domain\n"


def test_standard_input_has_a_name() -> None:
    assert vfslint("-", "--format", "concise", stdin=FAULTY)[1] == f"<stdin>:8:88: {FINDING}"
    named = vfslint("-", "--stdin-filename", "web.xml", "--format", "concise", stdin=FAULTY)
    assert named[1] == f"web.xml:8:88: {FINDING}"


def test_quiet() -> None:
    assert vfslint("-q", "sound.xml") == (0, "", "")
    assert vfslint("-q", "--format", "concise", "faulty.xml")[1] == f"faulty.xml:8:88: {FINDING}"


def test_kind(folder: Path) -> None:
    (folder / "other.conf").write_text("nonsense\n")
    (folder / "qemu.conf").write_text("nonsense\n")
    for argv in (["--kind", "qemu-conf", "other.conf"], ["qemu.conf"]):
        assert "VFS501" in vfslint("--format", "concise", *argv)[1]
    assert "VFS501" not in vfslint("--format", "concise", "--kind", "domain", "qemu.conf")[1]
    stdin = vfslint("--format", "concise", "--kind", "qemu-conf", "-", stdin="nonsense\n")
    assert "VFS501" in stdin[1]


# statistics


def test_statistics_count_by_rule(folder: Path) -> None:
    (folder / "unused.xml").write_text(SOUND.replace("<vcpu", "<!-- vfslint: ignore[VFS216] -->\n  <vcpu"))
    argv = ("--statistics", "--select", "VFS216,VFS09", ".")
    (folder / "more.xml").write_text(FAULTY)
    assert vfslint(*argv) == (
        1,
        "2  VFS216  mount-tag-too-long\n1  VFS090  unused-suppression  (1 fixable with --fix)\n",
        "",
    )
    assert json.loads(vfslint(*argv, "--format", "json")[1]) == [
        {"code": "VFS216", "name": "mount-tag-too-long", "count": 2, "fixable": 0},
        {"code": "VFS090", "name": "unused-suppression", "count": 1, "fixable": 1},
    ]
    assert vfslint("--statistics", "sound.xml") == (0, "", "")


# a long run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ticking(step: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += step


@pytest.mark.parametrize(("step", "drawn"), [(PATIENCE, True), (PATIENCE / 100, False)])
def test_a_bar_is_drawn_when_a_run_takes_longer_than_a_moment(step: float, drawn: bool) -> None:
    stderr = Terminal()
    paths = [f"{number}.xml" for number in range(20)]
    assert list(shown(paths, stderr, ticking(step).__next__)) == paths
    assert ("20/20" in stderr.getvalue()) is drawn


def test_no_bar_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vfslint.cli.progress.PATIENCE", -1)
    assert vfslint("sound.xml", "faulty.xml")[2] == ""


def test_an_interruption_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vfslint.cli.lint.Check.all", interrupted)
    assert vfslint("sound.xml") == (130, "", "")


# streams


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_reader_that_has_seen_enough_causes_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-c", _START, "faulty.xml"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert ended.stderr == ""


def test_an_output_that_cannot_show_a_sign_causes_no_traceback(folder: Path) -> None:
    (folder / "größe.xml").write_text(FAULTY)
    ended = process("größe.xml", "--format", "concise", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert ended.stderr == ""
    assert ended.stdout == f"gr\\xf6\\xdfe.xml:8:88: {FINDING}"


# what a clean run costs


def test_a_clean_run_imports_nothing_that_it_does_not_need() -> None:
    code = _START.replace("run()\n", "import io\nfrom vfslint.cli.main import main\n").replace(
        "from vfslint.cli.main import run\n", ""
    ) + (
        "assert main(['sound.xml'], sys.stdin, io.StringIO(), sys.stderr) == 0\n"
        "print(*sorted(set(name.partition('.')[0] for name in sys.modules)))\n"
        "print(*sorted(name for name in sys.modules if name.startswith('vfslint.')))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules, ours = (set(line.split()) for line in ended.stdout.splitlines())
    assert modules.isdisjoint(
        "rich xmlschema tomllib tomli pathspec difflib json argparse textwrap subprocess shutil tempfile".split()
    )
    needless = (
        "cli.baseline cli.completion cli.help cli.host cli.show_config config.file config.toml_lines fixes host "
        "qemu_conf.conf report.fingerprints suppressions"
    )
    assert ours.isdisjoint(f"vfslint.{name}" for name in needless.split())


# completion


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_complete_every_option_and_rule(shell: str) -> None:
    text = vfslint("completion", shell)[1]
    for option in LINT.options:
        for flag in option.flags:
            assert (f"-l {flag[2:]} " if shell == "fish" and flag.startswith("--") else flag) in text
    for rule in RULES:
        assert rule.code in text
        assert rule.name in text
    assert text == script(shell)


def completed(*words: str) -> list[str]:
    """What bash offers for the last word."""
    line = " ".join(f"'{word}'" for word in words)
    code = (
        f"{script('bash')}\ncompopt() {{ :; }}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _vfslint\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    ended = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    return ended.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes() -> None:
    assert completed("vfslint", "--fi") == ["--fix"]
    assert completed("vfslint", "--no-s") == ["--no-session"]
    assert completed("vfslint", "--target", "debian-1") == ["debian-11", "debian-12", "debian-13"]
    assert completed("vfslint", "-q", "--color", "") == ["auto", "always", "never"]
    assert completed("vfslint", "--select", "memory-not-sh") == ["memory-not-shared"]
    assert completed("vfslint", "fau") == ["faulty.xml"]
    assert completed("vfslint", "exp") == ["explain"]
    assert completed("vfslint", "explain", "VFS21") == [r.code for r in RULES if r.code.startswith("VFS21")]
    assert completed("vfslint", "completion", "z") == ["zsh"]
    assert completed("vfslint", "--qemu-conf", "so") == ["sound.xml"]


@pytest.mark.parametrize(
    ("shell", "check"), [("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"]), ("bash", ["bash", "-n"])]
)
def test_scripts_are_sound(folder: Path, shell: str, check: list[str]) -> None:
    if not shutil.which(check[0]):
        pytest.skip(f"{check[0]} is not installed")
    (folder / "script").write_text(script(shell))
    ended = subprocess.run([*check, "script"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


# speed


def test_looking_for_a_configuration_takes_no_time(folder: Path) -> None:
    deep = folder.joinpath(*"abcdefghij")
    deep.mkdir(parents=True)
    for number in range(300):
        (deep / f"{number}.xml").write_text("<network/>")
    start = time.perf_counter()
    assert vfslint("-q", "a")[0] == 0
    assert time.perf_counter() - start < 2


# the table of options

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
