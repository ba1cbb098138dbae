"""`vfslint --fix` and `--diff`: what they print; a file is replaced as a whole, and keeps its mode, owner and links."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command import vfslint
from tests.guest_to_fix import DOMAIN, FIXED, UNUSED
from vfslint import files
from vfslint.cli.main import main
from vfslint.files import NotWritten, replace
from vfslint.fixes import Fixed, Fixer
from vfslint.report.diff import diff
from vfslint.xml.source import Source


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web.xml").write_bytes(DOMAIN.encode())
    return tmp_path / "web.xml"


def test_fix_changes_the_file_and_reports_it(guest: Path) -> None:
    assert vfslint("--fix", "web.xml") == (
        0,
        "no problems found · 1 file checked\n",
        "Fixed 1 finding in 1 file.\n",
    )
    assert guest.read_bytes() == FIXED.encode()


def test_fix_of_a_sound_file_does_not_touch_it(guest: Path) -> None:
    guest.write_bytes(FIXED.encode())
    before = guest.stat()
    assert vfslint("--fix", "web.xml") == (0, "no problems found · 1 file checked\n", "")
    after = guest.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_show_fixes_lists_them(guest: Path) -> None:
    assert vfslint("--fix", "--show-fixes", "web.xml")[2] == (
        "Fixed 1 finding in 1 file:\n  web.xml\n    1 × VFS090 unused-suppression\n"
    )


def test_quiet_fix_says_nothing(guest: Path) -> None:
    assert vfslint("--fix", "-q", "web.xml") == (0, "", "")


def test_diff_shows_and_changes_nothing(guest: Path) -> None:
    assert vfslint("--diff", "web.xml") == (
        1,
        f"""\
--- web.xml
+++ web.xml
@@ -5,7 +5,6 @@
   <os><type arch='x86_64' machine='q35'>hvm</type></os>
   <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
   <devices>
-    {UNUSED}
     <filesystem type='mount'>
       <driver type='virtiofs'/>
       <source dir='/srv'/>
""",
        "Would fix 1 finding in 1 file.\n",
    )
    assert guest.read_bytes() == DOMAIN.encode()


def test_diff_of_a_sound_file_is_empty_and_succeeds(guest: Path) -> None:
    guest.write_bytes(FIXED.encode())
    assert vfslint("--diff", "web.xml") == (0, "", "")


def test_diff_is_colored_on_demand(guest: Path) -> None:
    lines = vfslint("--diff", "--color", "always", "web.xml")[1].splitlines()
    assert lines[0] == "\033[1m--- web.xml\033[0m"
    assert f"\033[31m-    {UNUSED}\033[0m" in lines


def test_diff_marks_a_missing_line_end_and_hides_control_characters() -> None:
    before = Source("<a>\n<b/>\u202e\x9b</a>".encode(), "a\x1b.xml")
    after = Source("<a>\n<c/>\u00a0\t</a>\n".encode(), "a\x1b.xml")
    assert diff(before, after, colored=False) == (
        "--- a␛.xml\n+++ a␛.xml\n@@ -1,2 +1,2 @@\n <a>\n"
        "-<b/>\ufffd\ufffd</a>\n\\ No newline at end of file\n+<c/>\u00a0\t</a>\n"
    )


def test_diff_keeps_carriage_returns(guest: Path) -> None:
    guest.write_bytes(DOMAIN.replace("\n", "\r\n").encode())
    assert f"-    {UNUSED}\r\n" in vfslint("--diff", "web.xml")[1]


def test_standard_input_is_fixed_to_standard_output() -> None:
    status, out, err = vfslint("--fix", "--isolated", "-", stdin=DOMAIN)
    assert (status, out) == (0, FIXED)
    assert err == "no problems found · 1 file checked\nFixed 1 finding in 1 file.\n"


def test_sound_standard_input_is_passed_through() -> None:
    assert vfslint("--fix", "-q", "--isolated", "-", stdin=FIXED) == (0, FIXED, "")


def test_standard_input_keeps_its_bytes() -> None:
    data = ("\ufeff" + DOMAIN.replace("example", "größe")).encode("utf-16-le")
    stdin, stdout = io.TextIOWrapper(io.BytesIO(data)), io.TextIOWrapper(io.BytesIO())
    assert main(["--fix", "--isolated", "-q", "-"], stdin, stdout, io.StringIO()) == 0
    expected = ("\ufeff" + FIXED.replace("example", "größe")).encode("utf-16-le")
    assert stdout.buffer.getvalue() == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(lambda text: b"\xef\xbb\xbf" + text.encode(), id="BOM"),
        pytest.param(lambda text: text.encode("utf-16"), id="UTF-16"),
        pytest.param(
            lambda text: ("<?xml version='1.0' encoding='iso-8859-1'?>\n" + text).encode("latin-1"),
            id="Latin-1",
        ),
        pytest.param(lambda text: text.replace("  ", "\t").encode(), id="tabs"),
        pytest.param(lambda text: text.rstrip("\n").encode(), id="no line end"),
    ],
)
def test_every_other_byte_stays(guest: Path, encoded: object) -> None:
    assert callable(encoded)
    guest.write_bytes(encoded(DOMAIN.replace("example", "größe")))
    assert vfslint("--fix", "-q", "web.xml")[0] == 0
    assert guest.read_bytes() == encoded(FIXED.replace("example", "größe"))


def test_links_are_followed_and_stay(guest: Path) -> None:
    folder = guest.parent / "links"
    folder.mkdir()
    (folder / "a.xml").symlink_to("../web.xml")
    (folder / "b.xml").symlink_to("a.xml")
    assert vfslint("--fix", "-q", "links/b.xml")[0] == 0
    assert os.readlink(folder / "b.xml") == "a.xml"
    assert os.readlink(folder / "a.xml") == "../web.xml"
    assert guest.read_bytes() == FIXED.encode()
    assert sorted(path.name for path in folder.iterdir()) == ["a.xml", "b.xml"]


def test_mode_and_attributes_stay(guest: Path) -> None:
    guest.chmod(0o640)
    has_attributes = hasattr(os, "setxattr")
    if has_attributes:
        try:
            os.setxattr(guest, "user.note", b"mine")
        except OSError:
            has_attributes = False  # a file system without them, such as an older tmpfs
    assert vfslint("--fix", "-q", "web.xml")[0] == 0
    assert stat.S_IMODE(guest.stat().st_mode) == 0o640
    if has_attributes:
        assert os.getxattr(guest, "user.note") == b"mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_owner_stays(guest: Path) -> None:
    os.chown(guest, 12345, 54321)
    assert vfslint("--fix", "-q", "web.xml")[0] == 0
    assert (guest.stat().st_uid, guest.stat().st_gid) == (12345, 54321)


def test_a_file_with_another_name_is_left_alone(guest: Path) -> None:
    other = guest.parent / "backup.xml"
    os.link(guest, other)
    status, _, err = vfslint("--fix", "--format", "concise", "web.xml")
    assert (status, err) == (2, "vfslint: cannot fix web.xml: it has another name, a hard link\n")
    assert os.path.samefile(guest, other)
    assert guest.read_bytes() == DOMAIN.encode()


def test_a_read_only_file_is_left_alone(guest: Path) -> None:
    guest.chmod(0o444)
    status, out, err = vfslint("--fix", "--format", "concise", "web.xml")
    assert status == 2
    assert "web.xml:8:26: warning[VFS090]" in out
    assert err == "vfslint: cannot fix web.xml: it is read-only\n"
    assert guest.read_bytes() == DOMAIN.encode()


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """Act as somebody whom permissions stop; root is nobody for as long."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.parents):
        if path.stat().st_uid == 0 and path.stat().st_mode & 0o777 == 0o700:
            path.chmod(0o711)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
def test_a_read_only_folder_is_left_alone(guest: Path) -> None:
    guest.chmod(0o666)
    guest.parent.chmod(0o555)
    try:
        with unprivileged(guest.parent):
            status, _, err = vfslint("--fix", "--format", "concise", "web.xml")
    finally:
        guest.parent.chmod(0o755)
    assert (status, err) == (2, "vfslint: cannot fix web.xml: Permission denied\n")
    assert guest.read_bytes() == DOMAIN.encode()
    assert [path.name for path in guest.parent.iterdir()] == ["web.xml"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_a_file_of_somebody_else_is_left_alone(guest: Path) -> None:
    guest.chmod(0o666)
    guest.parent.chmod(0o777)
    with unprivileged(guest.parent):
        status, _, err = vfslint("--fix", "--format", "concise", "web.xml")
    assert (status, err) == (2, "vfslint: cannot fix web.xml: its owner cannot be kept\n")
    assert guest.read_bytes() == DOMAIN.encode()
    assert [path.name for path in guest.parent.iterdir()] == ["web.xml"]


def test_the_other_files_are_fixed_nevertheless(guest: Path) -> None:
    (guest.parent / "a.xml").write_bytes(DOMAIN.encode())
    guest.chmod(0o444)
    assert vfslint("--fix", "-q", ".")[0] == 2
    assert (guest.parent / "a.xml").read_bytes() == FIXED.encode()


def test_a_file_that_was_changed_meanwhile_is_left_alone(guest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fix_and_change(self: Fixer, source: Source) -> Fixed:
        result = original(self, source)
        guest.write_bytes(b"<domain/>")
        return result

    original = Fixer.fix
    monkeypatch.setattr(Fixer, "fix", fix_and_change)
    status, _, err = vfslint("--fix", "-q", "web.xml")
    assert (status, err) == (2, "vfslint: cannot fix web.xml: it changed in the meantime\n")
    assert guest.read_bytes() == b"<domain/>"
    assert [path.name for path in guest.parent.iterdir()] == ["web.xml"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_on_the_way_leaves_the_old_file_and_no_litter(
    guest: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, step, full)
    with pytest.raises(NotWritten, match="No space left on device"):
        replace(str(guest), DOMAIN.encode(), FIXED.encode())
    monkeypatch.undo()
    assert guest.read_bytes() == DOMAIN.encode()
    assert [path.name for path in guest.parent.iterdir()] == ["web.xml"]


def test_an_interruption_leaves_the_old_file_and_no_litter(guest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", interrupted)
    assert vfslint("--fix", "-q", str(guest))[0] == 130
    monkeypatch.undo()
    assert guest.read_bytes() == DOMAIN.encode()
    assert [path.name for path in guest.parent.iterdir()] == ["web.xml"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotWritten, match="it is not a regular file"):
        replace(str(tmp_path / "pipe"), b"", b"x")


def test_the_new_file_is_on_the_disk_before_it_gets_the_name(guest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)

        def noted(*arguments: object, name: str = name, original: object = original) -> object:
            steps.append(name)
            assert callable(original)
            return original(*arguments)

        monkeypatch.setattr(files.os, name, noted)
    replace(str(guest), DOMAIN.encode(), FIXED.encode())
    assert steps == (["fsync", "replace", "fsync"] if sys.platform != "win32" else ["fsync", "replace"])


HIDING = FIXED.replace("filesystem", "filesytem").replace("<target", "<boot order='0'/><target")


def counts(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"(\d+) (?:fixable|with --unsafe|finding)", text)]


@pytest.mark.parametrize("options", [(), ("--select", "VFS010"), ("--select", "VFS010,VFS253")])
def test_fix_keeps_the_promise_whatever_is_selected(guest: Path, options: tuple[str, ...]) -> None:
    guest.write_text(HIDING)
    promised = counts(vfslint(*options, "web.xml")[1])[:1]
    assert promised == [1]
    summary = json.loads(vfslint("--format", "json", *options, "web.xml")[1])["summary"]
    assert summary["fixable"] == 1
    assert counts(vfslint("--fix", *options, "web.xml")[2])[:1] == promised
    assert "<filesystem" in guest.read_text()


def test_fixable_counts_what_the_baseline_lists(guest: Path) -> None:
    vfslint("--write-baseline", "known.json", "web.xml")
    out = vfslint("--baseline", "known.json", "web.xml")[1]
    assert "1 fixable with --fix" in out
    assert vfslint("--fix", "--baseline", "known.json", "web.xml")[2].endswith("Fixed 1 finding in 1 file.\n")


@pytest.mark.parametrize(
    "options",
    [
        ("--output-file", "web.xml"),
        ("--format", "json=web.xml"),
        ("--format", "concise", "--format", "sarif=./web.xml"),
        ("--format", "json=link.xml"),
        ("--format", "json=hard.xml"),
        ("--write-baseline", "web.xml"),
        ("--write-baseline", "vfslint.toml", "--config", "vfslint.toml"),
        ("--output-file", "qemu.conf", "--qemu-conf", "qemu.conf"),
        ("--output-file", "host.json", "--host-facts", "host.json"),
        ("--output-file", "known.json", "--baseline", "known.json"),
    ],
)
@pytest.mark.parametrize("operands", [("web.xml",), (".",)])
def test_no_report_overwrites_what_is_read(guest: Path, options: tuple[str, ...], operands: tuple[str, ...]) -> None:
    vfslint("--write-baseline", "known.json", "web.xml")
    (guest.parent / "vfslint.toml").write_text("")
    (guest.parent / "qemu.conf").write_text("")
    (guest.parent / "host.json").write_text('{"version": 1}')
    (guest.parent / "link.xml").symlink_to("web.xml")
    before = {path.name: path.read_bytes() for path in guest.parent.iterdir()}
    os.link(guest, guest.parent / "hard.xml")
    status, out, err = vfslint(*options, *operands)
    (guest.parent / "hard.xml").unlink()
    assert (status, out) == (2, "")
    assert "is also an input" in err
    assert err.count("\n") == 1
    assert {path.name: path.read_bytes() for path in guest.parent.iterdir()} == before


@pytest.mark.parametrize("name", ["junit", "checkstyle"])
def test_a_report_in_a_folder_that_is_checked_is_written_again(guest: Path, name: str) -> None:
    for _ in range(2):
        assert vfslint("--format", f"{name}=report.xml", "--exit-zero", ".")[::2] == (0, "")


def test_a_baseline_is_written_again(guest: Path) -> None:
    for _ in range(2):
        assert vfslint("--write-baseline", "known.json", "--baseline", "known.json", "web.xml")[0] == 0
        assert vfslint("--format", "json=report.json", "--output-file", "out.txt", "web.xml")[2] == ""
