"""Fixing: exactly the edits are written, nothing is lost, and nothing gets worse."""

from __future__ import annotations

import io
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfslint import files
from vfslint.cli.main import main
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.files import NotWritten, replace
from vfslint.findings import Edit, Fix, Problem, Severity, Stage
from vfslint.fixes import Fixed, Fixer
from vfslint.report.diff import diff
from vfslint.rule import Rule, rule
from vfslint.rules import RULES
from vfslint.xml.broken import Broken
from vfslint.xml.document import MAXIMUM_BYTES, Document, read
from vfslint.xml.edits import apply, insert, remove_element, set_value
from vfslint.xml.source import Source

UNUSED = "<!-- vfslint: ignore[mount-tag-too-long] not any more -->"

DOMAIN = f"""\
<domain type='kvm'>
  <name>example</name>
  <memory unit='GiB'>2</memory>
  <vcpu>8</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <devices>
    {UNUSED}
    <filesystem type='mount'>
      <driver type='virtiofs'/>
      <source dir='/srv'/>
      <target dir='data'/>
    </filesystem>
  </devices>
</domain>
"""
FIXED = DOMAIN.replace(f"    {UNUSED}\n", "")


# Rules for these tests: each checks one attribute of <domain> and has a good or a bad fix for it.


def _problems(document: Document, name: str, value: str, edits: list[Edit], *, safe: bool) -> Iterator[Problem]:
    root = document.root_node
    if root.value(name) == value:
        fix = Fix(f"fix {name}", tuple(edits), safe)
        yield Problem(at=root[name].span, message=f"{name} is {value}", fix=fix)


def _rule(code: str, name: str, value: str, better: str, *, safe: bool = True) -> Rule:
    def check(document: Document) -> Iterator[Problem]:
        root = document.root_node
        edits = [set_value(root[name], better)] if root.value(name) == value else []
        yield from _problems(document, name, value, edits, safe=safe)

    return rule(code, f"no-{value}-{name}", severity=Severity.WARNING, stage=Stage.NEVER)(check)


A_TO_B = _rule("VFS010", "a", "1", "2")
B_TO_C = _rule("VFS011", "a", "2", "3")
C_TO_A = _rule("VFS012", "a", "3", "1")
UNSAFE = _rule("VFS013", "b", "1", "2", safe=False)
USELESS = _rule("VFS014", "c", "1", "1")
HARMFUL = _rule("VFS015", "d", "1", "bad")


@rule("VFS016", "breaks", severity=Severity.WARNING, stage=Stage.NEVER)
def breaks(document: Document) -> Iterator[Problem]:
    root = document.root_node
    if root.value("e"):
        end = root["e"].span.end.offset
        yield from _problems(document, "e", "1", [Edit(end, end + 1, b"")], safe=True)


@rule("VFS017", "no-bad", severity=Severity.ERROR, stage=Stage.DEFINE)
def no_bad(document: Document) -> Iterator[Problem]:
    root = document.root_node
    for attribute in root.attributes:
        if attribute.value == "bad":
            yield Problem(at=attribute.span, message=f"{attribute.name} is bad")


@rule("VFS001", "malformed-xml", severity=Severity.ERROR, stage=Stage.PARSE)
def malformed(file: Broken) -> Iterator[Problem]:
    yield Problem(at=file.source.span(0, 1), message=file.failure.message)


@rule("VFS018", "has-child", severity=Severity.WARNING, stage=Stage.NEVER)
def has_child(document: Document) -> Iterator[Problem]:
    root = document.root_node
    for name in ("one", "two"):
        if root.child("child") is None:
            fix = Fix("add a child", (insert(root, "<child/>"),))
            yield Problem(at=root.start_span, message=f"no child for {name}", fix=fix)


def fixer(*rules: Rule, unsafe: bool = False) -> Fixer:
    check = Engine(rules, Context()).judge_xml
    guard = Engine([*rules, no_bad, malformed], Context()).judge_xml
    return Fixer(check, guard, unsafe=unsafe)


def fix(text: str, *rules: Rule, unsafe: bool = False) -> tuple[str, list[str]]:
    result = fixer(*rules, unsafe=unsafe).fix(Source(text.encode(), "x.xml"))
    return result.source.data.decode(), [finding.code for finding in result.fixed]


def test_goes_on_until_nothing_is_left() -> None:
    assert fix("<domain a='1'/>", A_TO_B, B_TO_C) == ("<domain a='3'/>", ["VFS010", "VFS011"])


def test_fixes_that_undo_each_other_come_to_an_end_and_leave_the_rest_fixed() -> None:
    text, fixed = fix("<domain a='1' b='1'/>", A_TO_B, B_TO_C, C_TO_A, UNSAFE, unsafe=True)
    assert "b='2'" in text
    assert sorted(fixed)[-1] == "VFS013"


def test_unsafe_fixes_only_where_they_are_wanted() -> None:
    assert fix("<domain a='1' b='1'/>", A_TO_B, UNSAFE) == ("<domain a='2' b='1'/>", ["VFS010"])
    assert fix("<domain a='1' b='1'/>", A_TO_B, UNSAFE, unsafe=True)[0] == "<domain a='2' b='2'/>"


def test_a_useless_fix_is_not_applied() -> None:
    assert fix("<domain a='1' c='1'/>", A_TO_B, USELESS) == ("<domain a='2' c='1'/>", ["VFS010"])


def test_a_fix_that_makes_a_new_error_is_left_out_and_the_others_go_on() -> None:
    assert fix("<domain a='1' d='1'/>", A_TO_B, HARMFUL) == ("<domain a='2' d='1'/>", ["VFS010"])


def test_a_fix_that_makes_the_file_malformed_is_left_out() -> None:
    assert fix("<domain a='1' e='1'/>", A_TO_B, breaks) == ("<domain a='2' e='1'/>", ["VFS010"])


def test_an_error_that_was_there_before_is_no_harm() -> None:
    assert fix("<domain a='1' f='bad'/>", A_TO_B)[0] == "<domain a='2' f='bad'/>"


def test_equal_edits_of_two_findings_are_made_once_and_fix_both() -> None:
    assert fix("<domain/>", has_child) == ("<domain><child/></domain>", ["VFS018", "VFS018"])


def test_files_not_read_completely_are_not_fixed() -> None:
    data = b"<domain a='1'>" + b" " * MAXIMUM_BYTES + b"</domain>"
    source = Source(data, "x.xml")
    assert fixer(A_TO_B).fix(source).source is source


def test_suppressed_findings_are_not_fixed() -> None:
    text = "<!-- vfslint: ignore-file[VFS001, VFS216] because -->\n<domain a='1'/>"
    assert fix(text, A_TO_B)[0] == text.replace("a='1'", "a='2'")


def test_of_two_orders_the_one_that_leaves_less_is_taken() -> None:
    # Renaming the attribute after the wrong type would leave a share that no fix can help.
    share = "<filesystem type='block'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>"
    text = FIXED[: FIXED.index("    <filesystem")] + share + "</filesystem></devices></domain>\n"
    engine = Engine(RULES, Context()).judge_xml
    result = Fixer(engine, engine).fix(Source(text.encode(), "x.xml"))
    assert result.source.data.decode() == text.replace("'block'", "'mount'")


def test_what_follows_from_another_fault_is_not_fixed_twice() -> None:
    text = DOMAIN.replace("memoryBacking", "memorybacking")
    engine = Engine(RULES, Context()).judge_xml
    codes = {finding.code for finding in engine(Source(text.encode(), "x.xml")).findings}
    assert "VFS101" in codes
    result = Fixer(engine, engine).fix(Source(text.encode(), "x.xml"))
    assert result.source.data.decode() == FIXED
    assert "VFS101" not in {finding.code for finding in result.fixed}


# Properties: any well-formed file, any of these fixes.

_VALUES = st.sampled_from(["1", "2", "3", "bad", "x"])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    quote = draw(st.sampled_from("'\""))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    names = draw(st.permutations("abcde"))
    spaces = draw(st.sampled_from([" ", "  ", f"{end}\t"]))
    attributes = "".join(f"{spaces}{name}={quote}{draw(_VALUES)}{quote}" for name in names)
    inside = draw(st.sampled_from(["", "é", f"{end}  <name>ü&amp;</name>{end}", "<!-- c --><?p i?>"]))
    text = f"<domain{attributes}>{inside}</domain>{end}"
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    declared = "iso-8859-1" if encoding == "latin-1" else "utf-16" if encoding == "utf-16" else "utf-8"
    return f"<?xml version={quote}1.0{quote} encoding={quote}{declared}{quote}?>{end}{text}".encode(encoding)


ALL = (A_TO_B, B_TO_C, UNSAFE, USELESS, HARMFUL, breaks, has_child)


@settings(max_examples=150, deadline=None)
@given(documents(), st.booleans())
def test_fixing_keeps_files_well_formed_and_is_idempotent(data: bytes, unsafe: bool) -> None:
    once = fixer(*ALL, unsafe=unsafe).fix(Source(data, "x.xml"))
    read(once.source)
    twice = fixer(*ALL, unsafe=unsafe).fix(once.source)
    assert twice.source.data == once.source.data
    assert twice.fixed == ()


@settings(max_examples=150, deadline=None)
@given(documents())
def test_nothing_but_the_fixed_values_changes(data: bytes) -> None:
    once = fixer(A_TO_B, B_TO_C, UNSAFE, unsafe=True).fix(Source(data, "x.xml"))
    old, new = Source(data, "x").text, once.source.text
    digits = re.compile(r"""(?<=[\s][ab]=["'])[123]""")
    assert digits.sub("_", old) == digits.sub("_", new)
    assert len(once.source.data) == len(data)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8), st.binary(max_size=3)), max_size=6))
def test_edits_change_their_ranges_and_nothing_else(ranges: list[tuple[int, int, bytes]]) -> None:
    data = bytes(range(48))
    edits, end = [], -1
    for start, size, text in sorted(ranges):
        if start > end:
            edits.append(Edit(start, start + size, text))
            end = start + size
    after = apply(data, edits)
    position = done = 0
    for edit in edits:
        kept = data[done : edit.start]
        assert after[position : position + len(kept)] == kept
        position += len(kept)
        assert after[position : position + len(edit.text)] == edit.text
        position += len(edit.text)
        done = edit.end
    assert after[position:] == data[done:]


# Complete files, through the command.


def vfslint(*argv: str, stdin: str = "") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(argv, io.StringIO(stdin), out, err)
    return status, out.getvalue(), err.getvalue()


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


def test_another_name_of_the_file_keeps_the_old_content(guest: Path) -> None:
    other = guest.parent / "backup.xml"
    os.link(guest, other)
    assert vfslint("--fix", "-q", "web.xml")[0] == 0
    assert other.read_bytes() == DOMAIN.encode()


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


def test_a_removed_element_takes_its_line_with_it() -> None:
    source = Source(DOMAIN.encode(), "x.xml")
    node = read(source).root_node.child("devices/filesystem")
    assert node is not None
    assert apply(source.data, [remove_element(node)]).decode() == (
        DOMAIN[: DOMAIN.index("    <filesystem")] + DOMAIN[DOMAIN.index("  </devices>") :]
    )
