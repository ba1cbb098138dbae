"""With a baseline, only what is new is reported, and what was fixed is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import command

LONG = "the-shared-directory-of-the-build-farm"


def share(tag: str) -> str:
    return f"""\
    <filesystem type='mount'>
      <driver type='virtiofs'/>
      <source dir='/srv'/>
      <target dir='{tag}'/>
    </filesystem>
"""


def domain(*tags: str) -> str:
    return f"""\
<domain type='kvm'>
  <name>example</name>
  <memory unit='GiB'>2</memory>
  <vcpu>8</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <devices>
{"".join(map(share, tags))}  </devices>
</domain>
"""


OLD, NEW = LONG, f"{LONG}-too"


def vfslint(*argv: str) -> tuple[int, str, str]:
    return command.vfslint(*argv, "--select", "VFS216", "--format", "concise")


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "web.xml"
    file.write_text(domain(OLD))
    assert vfslint("web.xml", "--write-baseline", "base.json") == (
        0,
        "",
        "vfslint: base.json now contains 1 finding\n",
    )
    return file


def test_the_baseline_says_what_it_holds(guest: Path) -> None:
    written = json.loads((guest.parent / "base.json").read_text())
    (entry,) = written["files"]["web.xml"]
    assert written["version"] == 1
    assert (entry["code"], entry["count"], len(entry["fingerprint"])) == ("VFS216", 1, 32)
    assert repr(OLD) in entry["message"]


def test_what_it_holds_is_not_reported(guest: Path) -> None:
    assert vfslint("web.xml")[0] == 1
    assert vfslint("web.xml", "--baseline", "base.json") == (0, "", "")


def test_what_is_new_is_reported(guest: Path) -> None:
    guest.write_text(domain(OLD, NEW))
    status, out, err = vfslint("web.xml", "--baseline", "base.json")
    assert (status, err) == (1, "")
    (line,) = out.splitlines()
    assert repr(NEW) in line


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\n\n" + text,
        lambda text: text.replace("  ", "\t\t"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("'", '"'),
        lambda text: text.replace("  <devices>", "  <!-- the devices -->\n  <devices><input type='mouse'/>"),
        lambda text: text.replace("<devices>\n", "<devices>\n" + share("data")),
        lambda text: text.replace("<source dir='/srv'/>", "<source dir='/home'/>"),
    ],
)
def test_it_survives_edits_around(guest: Path, change: object) -> None:
    assert callable(change)
    guest.write_bytes(change(domain(OLD)).encode())
    assert vfslint("web.xml", "--baseline", "base.json") == (0, "", "")


def test_it_survives_another_encoding(guest: Path) -> None:
    guest.write_bytes(domain(OLD).encode("utf-16"))
    assert vfslint("web.xml", "--baseline", "base.json") == (0, "", "")


def test_equal_findings_are_counted(guest: Path) -> None:
    guest.write_text(domain(OLD, OLD))
    status, out, _ = vfslint("web.xml", "--baseline", "base.json")
    assert (status, len(out.splitlines())) == (1, 1)


def test_what_is_fixed_is_told_and_harms_nothing(guest: Path) -> None:
    guest.write_text(domain("data"))
    assert vfslint("web.xml", "--baseline", "base.json") == (
        0,
        "",
        "vfslint: 1 entry is stale in base.json; --write-baseline base.json removes stale entries\n",
    )


def test_a_file_that_is_gone_is_stale_and_one_that_was_not_checked_is_not(guest: Path) -> None:
    (guest.parent / "other.xml").write_text(domain("data"))
    assert vfslint("other.xml", "--baseline", "base.json") == (0, "", "")
    guest.unlink()
    assert "1 entry is stale" in vfslint("other.xml", "--baseline", "base.json")[2]


def test_the_same_finding_in_another_file_is_new(guest: Path) -> None:
    (guest.parent / "other.xml").write_text(domain(OLD))
    status, out, _ = vfslint(".", "--baseline", "base.json")
    assert (status, len(out.splitlines())) == (1, 1)
    assert "other.xml" in out


def test_files_are_named_from_the_folder_of_the_baseline(guest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = guest.parent / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    assert vfslint("../web.xml", "--baseline", "../base.json") == (0, "", "")
    assert vfslint(str(guest), "--baseline", str(guest.parent / "base.json")) == (0, "", "")


def test_writing_it_anew_drops_what_is_fixed(guest: Path) -> None:
    guest.write_text(domain(NEW))
    assert vfslint("web.xml", "--baseline", "base.json", "--write-baseline", "base.json")[0] == 0
    assert vfslint("web.xml", "--baseline", "base.json") == (0, "", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"version": 2, "files": {}}',
        '{"version": 1}',
        '{"version": 1, "files": []}',
        '{"version": 1, "files": {"web.xml": {}}}',
        '{"version": 1, "files": {"web.xml": [1]}}',
        '{"version": 1, "files": {"web.xml": [{"fingerprint": 1, "count": 1}]}}',
        '{"version": 1, "files": {"web.xml": [{"fingerprint": "a", "count": "1"}]}}',
        "\ud800",
    ],
)
def test_what_is_no_baseline_is_said_in_one_line(guest: Path, text: str) -> None:
    (guest.parent / "base.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert vfslint("web.xml", "--baseline", "base.json") == (
        2,
        "",
        "vfslint: base.json is not a vfslint baseline; --write-baseline writes one\n",
    )


def test_a_baseline_that_is_not_there_is_said(guest: Path) -> None:
    assert vfslint("web.xml", "--baseline", "none.json") == (
        2,
        "",
        "vfslint: cannot read none.json: No such file or directory\n",
    )
    assert vfslint("web.xml", "--write-baseline", "none/base.json") == (
        2,
        "",
        "vfslint: cannot write none/base.json: No such file or directory\n",
    )
