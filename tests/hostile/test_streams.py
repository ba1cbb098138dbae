"""Streams, signals and the environment: one line and a status, never a traceback, and no file is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command import vfslint
from vfslint import files
from vfslint.cli.options import CLEAN, FAILED, FOUND, INTERRUPTED, TERMINATED

FAULTY = "<domain type='kvm'><name>a</name><memorybacking/></domain>\n"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="shells, signals and devices")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.xml").write_text(FAULTY)


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the shell in which `vfslint` is the command line."""
    script = f'vfslint() {{ "{sys.executable}" -m vfslint "$@"; }}; {command}'
    return subprocess.run(
        ["sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("command", "status", "lines"),
    [
        ("vfslint a.xml >/dev/full", FAILED, 1),
        ("vfslint --format=sarif a.xml >/dev/full", FAILED, 1),
        ("vfslint --version >/dev/full", FAILED, 1),
        ("vfslint rules >/dev/full", FAILED, 1),
        ("vfslint a.xml >&-", FAILED, 1),
        ("vfslint --fix - <a.xml >&-", FAILED, 1),
        ("vfslint - <&-", FAILED, 1),
        ("vfslint explain - <&-", FAILED, 1),
        ("vfslint a.xml 2>&- >&-", FAILED, 0),
        ("vfslint none.xml 2>/dev/full", FAILED, 0),
        ("vfslint none.xml 2>&-", FAILED, 0),
        ("vfslint a.xml --output-file=/dev/full", FAILED, 1),
        ("vfslint a.xml --write-baseline=/dev/full", FAILED, 1),
        ("vfslint a.xml --output-file=none/a.json", FAILED, 1),
        ("vfslint a.xml <&-", FOUND, 0),
        ("mkdir gone; cd gone; rmdir ../gone; vfslint a.xml", FAILED, 1),
        ("mkdir gone; cd gone; rmdir ../gone; vfslint .", FAILED, 1),
    ],
)
def test_a_stream_that_fails_gives_one_line(command: str, status: int, lines: int) -> None:
    done = shell(command)
    assert "Traceback" not in done.stderr
    assert done.returncode == status, done.stderr
    assert len(done.stderr.splitlines()) == lines, done.stderr


@pytest.mark.parametrize("name", ["COLUMNS", "LINES"])
@pytest.mark.parametrize("value", ["abc", "-1", "0", "²", "9" * 5000, "1e3", ""])
def test_a_width_that_is_no_number_changes_nothing(name: str, value: str) -> None:
    for command in ("vfslint a.xml", "vfslint --help", "vfslint explain VFS101"):
        done = shell(command, **{name: value})
        assert done.returncode in (CLEAN, FOUND), done.stderr
        assert done.stdout


def test_no_locale_no_home_and_names_that_are_not_utf_8() -> None:
    Path(os.fsdecode(b"\xff\xfe.xml")).write_text(FAULTY)
    for form in ("text", "concise", "json", "sarif", "junit", "checkstyle", "gitlab", "github"):
        done = shell(f"vfslint --format={form} .", LC_ALL="C", LANG="C", HOME="/none", PYTHONUTF8="0")
        assert (done.returncode, done.stderr) == (FOUND, ""), done.stderr
    assert shell("vfslint --fix .", LC_ALL="POSIX", HOME="/none").returncode == FOUND
    assert all("memoryBacking" in path.read_text() for path in Path().glob("*.xml"))


@pytest.mark.parametrize("path", ["a.xml", "--config=p", "--qemu-conf=p", "--host-facts=p", "--baseline=p"])
def test_a_pipe_that_nobody_writes_to_does_not_block(path: str) -> None:
    os.mkfifo("p")
    done = shell(f"vfslint {'p' if path == 'a.xml' else f'{path} a.xml'}; vfslint --output-file=p a.xml")
    assert "Traceback" not in done.stderr
    assert done.returncode == FAILED


def test_a_pipe_that_a_program_writes_to_is_read() -> None:
    done = shell("mkfifo p; (sleep 0.2; cat a.xml) >p & sleep 0.1; vfslint --format=concise p")
    assert "memorybacking" in done.stdout


# Faults while files are replaced.


@pytest.mark.parametrize(("sign", "status"), [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, TERMINATED)])
def test_a_signal_ends_the_run_without_a_traceback(sign: signal.Signals, status: int) -> None:
    for number in range(300):
        Path(f"{number}.xml").write_text(FAULTY)
    for wait in (0.3, 0.6):
        process = subprocess.Popen(
            [sys.executable, "-m", "vfslint", "--fix", "--unsafe-fixes", "."],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(wait)
        process.send_signal(sign)
        errors = process.communicate(timeout=60)[1]
        if process.returncode not in (CLEAN, FOUND):  # else it was faster
            # Before vfslint itself runs, Python reports Ctrl-C in its own way.
            assert process.returncode in (status, -sign), errors
            assert "vfslint/" not in errors or "<frozen" in errors, errors
    assert not list(Path().glob(".vfslint-*"))
    for path in Path().glob("*.xml"):
        assert path.read_text().endswith("</domain>\n")


def test_what_a_killed_process_leaves_is_removed_by_the_next_run() -> None:
    Path(".vfslint-abc.tmp").write_text("half")
    Path(".vfslint-keep").write_text("not ours")
    with files._temporary(".") as (file, used):
        assert vfslint("--fix", "a.xml")[0] in (CLEAN, FOUND)
        assert not Path(".vfslint-abc.tmp").exists()
        assert Path(used).exists(), "another process uses it"
        file.write(b"x")
    assert Path(".vfslint-keep").exists()


def test_a_run_that_fixes_nothing_removes_nothing() -> None:
    Path(".vfslint-abc.tmp").write_text("half")
    for argv in (("a.xml",), ("--diff", "a.xml")):
        vfslint(*argv)
        assert Path(".vfslint-abc.tmp").exists()


def test_a_full_disk_keeps_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    status, _, err = vfslint("--fix", "a.xml")
    assert (status, err) == (FAILED, "vfslint: cannot fix a.xml: No space left on device\n")
    assert Path("a.xml").read_text() == FAULTY
    assert os.listdir() == ["a.xml"]


@pytest.mark.parametrize(
    "argv",
    [
        ("--output-file=a.xml", "a.xml"),
        ("--format=json=a.xml", "a.xml"),
        ("--write-baseline=a.xml", "."),
        ("--output-file=link.xml", "a.xml"),
        ("--format=sarif=vfslint.toml", "a.xml"),
        ("--config=c.toml", "--output-file=c.toml", "a.xml"),
        ("--qemu-conf=q.conf", "--output-file=q.conf", "a.xml"),
        ("--host-facts=f.json", "--write-baseline=f.json", "a.xml"),
    ],
)
def test_a_report_does_not_replace_an_input(argv: tuple[str, ...]) -> None:
    os.link("a.xml", "link.xml")
    contents = {"a.xml": FAULTY, "vfslint.toml": "", "c.toml": "", "q.conf": "", "f.json": '{"version": 1}'}
    for name, text in contents.items():
        Path(name).write_text(text)
    status, out, err = vfslint(*argv)
    assert (status, out) == (FAILED, "")
    assert "is also an input" in err
    assert {name: Path(name).read_text() for name in contents} == contents


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root can read everything")
def test_a_folder_that_cannot_be_read() -> None:
    Path("b").mkdir(mode=0)
    check_folder()


def test_a_folder_that_cannot_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("b").mkdir()
    scandir = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    check_folder()


def check_folder() -> None:
    status, out, err = vfslint("--format=concise", ".")
    assert (status, err) == (FAILED, "vfslint: cannot read ./b: Permission denied\n")
    assert "memorybacking" in out
