"""`vfslint FILE…`: what it prints where, its exit status, and one line for every mishap."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.guests import FAULTY, FINDING, SOUND
from tests.command import vfslint
from tests.paths import ROOT
from vfslint.version import VERSION

pytestmark = pytest.mark.usefixtures("folder")


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
        (["explain"], "name a rule, a message or a log file (see vfslint explain --help)"),
        (["explain", "zzz"], "no rule or message matches 'zzz'; run vfslint rules for a list of all rules"),
        (["rules", "x"], "no rule is named x; run vfslint rules for a list of all rules"),
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
    assert (status, out.splitlines()[-1]) == (0, "1 error · 2 files checked · 1 file is not a libvirt domain")
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
        "rich xmlschema tomllib tomli difflib json argparse textwrap subprocess shutil tempfile".split()
    )
    needless = (
        "cli.baseline cli.completion cli.help cli.host cli.show_config config.file config.toml_lines fixes host "
        "qemu_conf.conf report.fingerprints suppressions"
    )
    assert ours.isdisjoint(f"vfslint.{name}" for name in needless.split())


# speed


def test_a_configuration_is_looked_for_once_in_a_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = folder.joinpath(*"abcdefghij")
    deep.mkdir(parents=True)
    asked = Counter[str]()
    isfile = os.path.isfile
    monkeypatch.setattr(os.path, "isfile", lambda path: asked.update([str(path)]) or isfile(path))
    for number in range(30):
        (deep / f"{number}.xml").write_text("<network/>")
    assert vfslint("-q", "a")[0] == 0
    looked_for = {path: times for path, times in asked.items() if os.path.basename(path) == "vfslint.toml"}
    assert str(deep / "vfslint.toml") in looked_for
    assert set(looked_for.values()) == {1}
