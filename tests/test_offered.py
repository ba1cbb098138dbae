"""Fixes that would damage a file are not offered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Edit, Finding, Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.rules import RULES
from vfslint.xml.document import Document
from vfslint.xml.edits import apply
from vfslint.xml.source import Source


def findings(data: bytes, name: str = "x.xml") -> list[Finding]:
    engine = Engine(RULES, Context())
    source = Source(data, name)
    outcome = engine.check_conf(source) if name == "qemu.conf" else engine.check_xml(source)
    return outcome.findings


TYPO = "<domain type='kvm'><name>{}</name><memory unit='GiB'>4</memory><memorybacking/></domain>"


@pytest.mark.parametrize(
    ("declared", "data", "is_offered"),
    [
        ("utf-8", "é".encode(), True),
        ("iso-8859-1", "é".encode("latin-1"), True),
        ("euc-jp", "日".encode("euc-jp"), True),
        # Another form of a character: the text does not encode back to these bytes.
        ("euc-jp", b"\x8f\xa2\xb7", False),
    ],
)
def test_no_fix_unless_the_text_is_exactly_the_files_bytes(declared: str, data: bytes, is_offered: bool) -> None:
    head, tail = TYPO.encode().split(b"{}")
    whole = f"<?xml version='1.0' encoding='{declared}'?>".encode() + head + data + tail
    fixes = [finding.fix for finding in findings(whole) if finding.code == "VFS010"]
    assert [fix is not None for fix in fixes] == [is_offered]
    for fix in fixes:
        assert fix is None or apply(whole, fix.edits) == whole.replace(b"yb", b"yB")


@rule("VFS010", "overwrites", severity=Severity.WARNING, stage=Stage.NEVER)
def overwrites(document: Document) -> Iterator[Problem]:
    """Replaces what is inside the root element, with or without the comments in it."""
    span = document.root_node.span
    data = document.source.data
    start, end = data.index(b">") + 1, data.rindex(b"<")
    for text in (b"", b"<!-- b -->", b"<!-- b --> <!-- a -->"):
        yield Problem(at=span, message=text.decode(), fix=Fix("", (Edit(start, end, text),)))


def test_no_fix_that_would_lose_a_comment() -> None:
    engine = Engine([overwrites], Context())

    def offered(text: str) -> list[bool]:
        return [finding.fix is not None for finding in engine.check_xml(Source(text.encode(), "x.xml")).findings]

    assert offered("<domain>x</domain><!-- after -->") == [True, True, True]
    assert offered("<domain>x<!-- a --></domain>") == [False, False, True]
    assert offered("<domain>x<!-- a --><!-- b --></domain>") == [False, False, True]
    assert offered("<!-- a --><domain><!-- b -->x</domain>") == [False, True, True]


def test_a_comment_after_a_removed_setting_stays() -> None:
    data = b'user = "a"\nuser = "a" # because\n'
    (finding,) = [finding for finding in findings(data, "qemu.conf") if finding.fix]
    assert finding.fix
    assert apply(data, finding.fix.edits) == b'user = "a"\n# because\n'
