"""What a repository contains cannot reach outside of it, act in a log, or silence vfslint without being mentioned."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.command import vfslint
from vfslint import report
from vfslint.cli.options import CLEAN, FAILED, FOUND
from vfslint.workflow_commands import without_commands

FAULTY = "<domain type='kvm'><name>a</name><memorybacking/></domain>\n"
SECRET = "s3cr3t"
COMMANDS = (
    "##[add-mask]x",
    "::add-mask::x",
    "\n::error::x",
    "\x1b[31mx",
    "\u202ex",
    "[bold]x[/bold]",
    "\r::set-env x::",
)


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, next to a file that is nobody's business."""
    (tmp_path / "secret").write_text(f"root {SECRET}\n")
    (tmp_path / "other.xml").write_text(FAULTY)
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    (folder / "sub").mkdir()
    (folder / "a.xml").write_text(FAULTY)
    monkeypatch.chdir(folder)
    return folder


# links and special files


@pytest.mark.parametrize("name", ["b.xml", "qemu.conf", "sub/b.xml"])
@pytest.mark.parametrize("folder", [".", "sub"])
def test_a_walk_skips_links_out_of_the_repository_and_says_so(repository: Path, name: str, folder: str) -> None:
    if folder == "sub" and "/" not in name:
        name = f"sub/{name}"
    os.symlink(repository.parent / "secret", name)
    status, out, err = vfslint(folder, "-v")
    assert SECRET not in out + err
    assert "1 link or special file skipped" in out
    assert f"skipped {os.path.join(folder, os.path.relpath(name, folder))}: it is a link to a file outside" in err
    assert status in (CLEAN, FOUND)


def test_a_walk_follows_links_inside_the_repository() -> None:
    os.symlink("../a.xml", "sub/b.xml")
    assert "sub/b.xml:1:" in vfslint("sub", "--format=concise")[1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs special files")
def test_a_walk_skips_what_is_not_a_file() -> None:
    os.mkfifo("b.xml")
    os.symlink("/dev/zero", "c.xml")
    assert "2 links or special files skipped" in vfslint(".")[1]


@pytest.mark.parametrize("argv", [(), ("--format=json",), ("--format=sarif",), ("--fix",), ("--diff",)])
def test_nothing_is_shown_of_a_link_to_something_else(repository: Path, argv: tuple[str, ...]) -> None:
    for name in ("b.xml", "qemu.conf"):
        os.symlink(repository.parent / "secret", name)
        _, out, err = vfslint(*argv, name)
        assert SECRET not in out + err
    assert (repository.parent / "secret").read_text() == f"root {SECRET}\n"
    assert vfslint("--strict-root", "b.xml")[0] == FAILED


def test_a_named_link_to_a_domain_is_checked_but_not_fixed_outside(repository: Path) -> None:
    os.symlink(repository.parent / "other.xml", "b.xml")
    assert "memorybacking" in vfslint("b.xml")[1]
    status, _, err = vfslint("--fix", "b.xml")
    assert status == FAILED
    assert err == "vfslint: cannot fix b.xml: it is a link to a file outside of the repository or folder\n"
    assert (repository.parent / "other.xml").read_text() == FAULTY


@pytest.mark.parametrize("name", ["vfslint.toml", ".vfslint.toml", "pyproject.toml"])
def test_a_configuration_that_links_out_is_not_read(repository: Path, name: str) -> None:
    (repository.parent / "outside.toml").write_text(f"{SECRET} = 1\n[tool.vfslint]\n{SECRET} = 1\n")
    os.symlink(repository.parent / "outside.toml", name)
    status, out, err = vfslint("a.xml")
    assert SECRET not in out + err
    assert status == FOUND


@pytest.mark.parametrize("key", ["qemu-conf", "host-facts"])
@pytest.mark.parametrize("value", ["../secret", "/etc/passwd", "link", "sub/../../secret", "a\\u0000b"])
def test_a_configuration_names_only_files_in_its_folder(repository: Path, key: str, value: str) -> None:
    os.symlink(repository.parent / "secret", "link")
    Path("vfslint.toml").write_text(f'{key} = "{value}"')
    status, out, err = vfslint("a.xml")
    assert (status, out) == (FAILED, "")
    assert "is outside the folder of this file" in err


@pytest.mark.parametrize("option", ["--output-file", "--format=json", "--write-baseline"])
def test_a_report_is_not_written_through_a_link_out(repository: Path, option: str) -> None:
    target = repository.parent / "secret"
    os.symlink(target, "report")
    status, _, err = vfslint(f"{option}=report", "a.xml")
    assert status == FAILED
    assert len(err.splitlines()) == 1
    assert target.read_text() == f"root {SECRET}\n"


# commands in a log


def printed(text: str) -> list[str]:
    """The lines of a log in which the runner would find a command."""
    stopped, found = "", []
    for line in text.splitlines():
        if line == f"::{stopped}::":
            stopped = ""
        elif line.startswith("::stop-commands::"):
            stopped = line.removeprefix("::stop-commands::")
        elif not stopped and ("##[" in line or line.lstrip().startswith("::")):
            found.append(line)
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_no_input_gives_a_command_in_a_message(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    key = json.dumps(command)
    for name, text, argv in (
        ("vfslint.toml", f"{key} = 1", ("a.xml",)),
        ("vfslint.toml", f"select = [{key}]", ("a.xml",)),
        ("b.json", f'{{"version": 1, "paths": {{{key}: {key}}}}}', ("--host-facts=b.json", "a.xml")),
        ("b", "x", ("--select", command, "a.xml")),
        ("b", "x", (command,)),
        ("b", "x", ("--fix", "--show-fixes", "-q", "--exit-zero", "c")),
    ):
        if "vfslint.toml" in os.listdir():
            os.unlink("vfslint.toml")
        Path(name).write_text(text)
        folder = Path("c", command.replace("\n", "").replace("/", ""))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "::x.xml").write_text(FAULTY)
        _, _, err = vfslint(*argv)
        assert printed(err) == []
        assert err.isprintable() or all(line.isprintable() for line in err.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("form", report.FORMATS)
def test_no_input_gives_a_command_in_a_report(command: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    text = command.replace("\x1b", "").replace("<", "&lt;").replace("'", "&apos;")
    Path("::a.xml").write_text(f"<domain type='kvm'><name>{text}</name><vcpu>{text}</vcpu><{'x' * 9}/></domain>")
    status, out, _ = vfslint(f"--format={form}", "::a.xml")
    assert status == FOUND
    found = printed(out)
    assert (
        all(line.startswith(("::error ", "::warning ", "::notice ")) for line in found)
        if form == "github"
        else not found
    )
    assert all(line.isprintable() for line in out.split("\n"))


def test_an_escaped_report_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.xml").write_text("<domain type='kvm'><vcpu>##[x]</vcpu></domain>")
    plain = {form: vfslint(f"--format={form}", "a.xml")[1] for form in ("json", "junit")}
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    shielded = {form: vfslint(f"--format={form}", "a.xml")[1] for form in ("json", "junit")}
    assert "##[" in plain["json"]
    assert "##[" not in shielded["json"] + shielded["junit"]
    assert json.loads(shielded["json"]) == json.loads(plain["json"])
    both = [ElementTree.tostring(ElementTree.fromstring(text["junit"])) for text in (plain, shielded)]
    assert both[0].replace(b"time", b"") == both[1].replace(b"time", b"")


def test_without_commands() -> None:
    assert without_commands("a ##[b] ::c\n  ::d") == "a # #[b] ::c\n  : :d"


# silence


@pytest.mark.parametrize(
    ("text", "silent"),
    [
        ("select = ['VFS801']", "2 ignored by vfslint.toml"),
        ("ignore = ['VFS']", "2 ignored by vfslint.toml"),
        ("severity.VFS = 'off'", "2 ignored by vfslint.toml"),
        ("[per-file-ignores]\n'*' = ['VFS']", "2 ignored by vfslint.toml"),
        ("exclude = ['*']", " excluded"),
    ],
)
def test_what_a_configuration_silences_is_counted(text: str, silent: str) -> None:
    number = len(vfslint("--format=concise", ".", "--isolated")[1].splitlines())
    Path("vfslint.toml").write_text(text)
    status, out, _ = vfslint(".")
    assert status == CLEAN
    assert silent.replace("2", str(number)) in out
    assert vfslint("--isolated", ".")[0] == FOUND


def test_what_the_command_line_ignores_is_not_counted() -> None:
    Path("vfslint.toml").write_text("ignore = ['VFS801']")
    assert "ignored" not in vfslint(".", "--ignore=VFS")[1]
    assert "ignored" not in vfslint(".")[1]


@pytest.mark.parametrize(
    "comment",
    [
        "<!-- vfslint: ignore-file[VFS] -->",
        "<metadata><v:ignore xmlns:v='https://vfslint.dev/xmlns/1' rules='VFS'/></metadata>",
    ],
)
def test_what_a_file_silences_is_counted_and_can_be_shown(comment: str) -> None:
    Path("a.xml").write_text(FAULTY.replace("<memory", f"{comment}<memory"))
    status, out, _ = vfslint("a.xml")
    assert status == CLEAN
    assert " suppressed" in out
    assert vfslint("--no-suppressions", "a.xml")[0] == FOUND


def test_a_stream_that_escapes_writes_what_it_is_given() -> None:
    out = io.StringIO()
    report.escaped(out, "json").write("##[")
    assert out.getvalue() == "##["
