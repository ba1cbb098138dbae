"""The reader of qemu.conf: what libvirt reads, where it gives up, and that nothing else ever happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Position
from vfslint.qemu_conf.reader import MAXIMUM_BYTES, QemuConf, Unreadable, read
from vfslint.rules import RULES
from vfslint.xml.edits import apply
from vfslint.xml.source import Source


def conf(text: str | bytes, libvirt: tuple[int, int, int] = (12, 8, 0)) -> QemuConf:
    return read(Source(text if isinstance(text, bytes) else text.encode(), "qemu.conf"), libvirt)


def fault(text: str | bytes, libvirt: tuple[int, int, int] = (12, 8, 0)) -> Unreadable:
    with pytest.raises(Unreadable) as raised:
        conf(text, libvirt)
    return raised.value


def value(written: str) -> object:
    statement = conf(f"a = {written}\n")["a"]
    assert statement is not None
    assert statement.value.written == written
    return statement.value.content


@pytest.mark.parametrize(
    ("written", "content"),
    [
        ('"x"', "x"),
        ("'it\"s'", 'it"s'),
        (r'"back\slash"', r"back\slash"),
        ('"""two\nlines"""', "two\nlines"),
        ('""', ""),
        ('"é"', "é"),
        ("010", 10),
        ("+1", 1),
        ("-1", -1),
    ],
)
def test_values(written: str, content: str | int) -> None:
    assert value(written) == content


@pytest.mark.parametrize("written", ['["x","y"]', '[ "x", "y", ]', '[\n  "x",\n\n  "y"\n]', "['x' , 'y']"])
def test_lists(written: str) -> None:
    statement = conf(f"a = {written}")["a"]
    assert statement is not None
    assert statement.value.texts == ("x", "y")


def test_nested_lists_of_any_depth() -> None:
    depth = 20_000
    statement = conf("a = " + "[" * depth + "]" * depth)["a"]
    assert statement is not None
    assert statement.value.texts is None


def test_everything_keeps_its_place() -> None:
    text = "# dés\r\n  a = [ 'é', \"y\" ] # why\r\nb=1;c = 2"
    found = conf(text)
    a, b, c = found
    assert a.span.start == Position(2, 3, 10)
    assert a.name_piece.written == "a"
    assert a.value.written == "[ 'é', \"y\" ]"
    assert [item.written for item in a.value.items or ()] == ["'é'", '"y"']
    assert (a.value.items or ())[1].span.start == Position(2, 14, 22)
    assert a.comment is not None
    assert a.comment.text == "why"
    assert (b.span.start.line, b.value.content, c.span.start.column, c.value.content) == (3, 1, 5, 2)
    assert [comment.text for comment in found.comments] == ["dés", "why"]


def test_the_first_of_several_counts() -> None:
    found = conf('a = 1\nb = 2\na = "x"\n')
    assert [statement.name for statement in found] == ["a", "b", "a"]
    assert found["a"] is not None
    assert found["a"].value.content == 1
    assert found["c"] is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a = 1\nb = 2\nc = 3\n", "a = 1\nc = 3\n"),
        ("a = 1\n  b = [ 'x',\n 'y' ]  # why\r\nc = 3\n", "a = 1\n  # why\r\nc = 3\n"),
        ("a = 1; b = 2; c = 3\n", "a = 1; c = 3\n"),
        ("a = 1\nb = 2", "a = 1\n"),
    ],
)
def test_removal_takes_the_line_along_and_nothing_more(before: str, after: str) -> None:
    statement = conf(before)["b"]
    assert statement is not None
    assert apply(before.encode(), [statement.removal]) == after.encode()


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("a = 1\nb = x\n", "expecting a value", 2, 5),
        ("a =\n1\n", "expecting a value", 1, 4),
        ('a = [ "x", # c\n "y" ]\n', "expecting a value", 1, 12),
        ("a: 1\n", "expecting an assignment", 1, 2),
        ("\ufeffa = 1\n", "expecting a name", 1, 1),
        ("  \n\n", "expecting a name", 3, 1),
        ("a = 1,\n", "expecting a separator", 1, 6),
        ('a = "é" b = 1\n', "expecting a separator", 1, 9),
        ('a = [ "x" "y" ]\n', "expecting a separator in list", 1, 11),
        ('a = [ "x"\nb = 1\n', "expecting a separator in list", 2, 1),
        ('a = [ "x",\n "y"\n', "list is not closed with ]", 3, 1),
        ('\na = "x\n', "unterminated string", 2, 7),
        ("a = - 1\n", "unterminated number", 1, 6),
        ("a = 99999999999999999999\n", "numeric overflow in conf value", 1, 25),
    ],
)
def test_where_libvirt_gives_up(text: str, message: str, line: int, column: int) -> None:
    failure = fault(text)
    assert (failure.message, failure.line) == (message, line)
    assert failure.span.start[:2] == (line, column)


def test_a_fault_knows_what_was_being_read() -> None:
    failure = fault('a = 1\nb = [ "x",\n\n')
    assert failure.opened_span is not None
    assert failure.opened_span.start[:2] == (2, 5)


def test_numbers_wrap_in_old_releases() -> None:
    statement = conf("a = 18446744073709551626", (9, 0, 0))["a"]
    assert statement is not None
    assert (statement.value.content, statement.value.is_wrapped) == (10, True)
    assert conf("a = " + "9" * 10_000, (9, 0, 0))["a"] is not None


def test_a_file_of_more_than_10_mib_is_not_read() -> None:
    assert conf(b"#" * MAXIMUM_BYTES).statements == []
    assert fault(b"#" * (MAXIMUM_BYTES + 1)).offset == 0


# Bytes that lie near what virConf reads, so that most files get further than their first line.
PIECES = st.sampled_from(
    [
        *(b"memory_backing_dir", b"vnc_tls", b"Max_Files", b"auto_dump_max_size", b"hugetlbfs_mount"),
        *(b"migration_host", b"cgroup_device_acl = [ 1, [ ] ]\n", b"clear_emulator_capabilities = 1 # c\n"),
        *(
            b" = ",
            b"=",
            b"[",
            b"]",
            b", ",
            b";",
            b"\n",
            b"\r\n",
            b"#",
            b'"',
            b"'",
            b'"""',
            b"\\",
            b" ",
            b"\t",
        ),
        *(b"-", b"+", b"1", b"9" * 5000, b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", "é“”".encode()),
        *(b"yes", b"10 GiB", b"{x}", b"localhost", b"[::1]"),
    ]
)


@given(st.one_of(st.binary(), st.lists(PIECES, max_size=20).map(b"".join)), st.booleans())
def test_any_bytes_give_findings_and_no_traceback(data: bytes, is_old: bool) -> None:
    target = Context().target._replace(libvirt=(7, 0, 0) if is_old else (12, 8, 0))
    engine = Engine(RULES, Context(target))
    for finding in engine.check_conf(Source(data, "qemu.conf")).findings:
        assert 0 <= finding.at.start.offset <= finding.at.end.offset <= len(data)
        assert finding.at.start.line >= 1
        if finding.fix:
            engine.check_conf(Source(apply(data, finding.fix.edits), "qemu.conf"))
