"""Fixes are applied until nothing is left to fix; none makes a file worse, and nothing else in it changes."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.guest_to_fix import DOMAIN, FIXED
from tests.paths import DATA
from tests.properties import tried
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Edit, Fix, Problem, Severity, Stage
from vfslint.fixes import Fixer
from vfslint.rule import Rule, rule
from vfslint.rules import RULES
from vfslint.xml.document import MAXIMUM_BYTES, Document, read
from vfslint.xml.edits import insert, set_value
from vfslint.xml.malformed import MalformedXml
from vfslint.xml.source import Source

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
def malformed(file: MalformedXml) -> Iterator[Problem]:
    yield Problem(at=file.source.span(0, 1), message=file.failure.message)


@rule("VFS018", "has-child", severity=Severity.WARNING, stage=Stage.NEVER)
def has_child(document: Document) -> Iterator[Problem]:
    root = document.root_node
    for name in ("one", "two"):
        if root.child("child") is None:
            fix = Fix("add a child", (insert(root, "<child/>"),))
            yield Problem(at=root.start_span, message=f"no child for {name}", fix=fix)


def fixer(*rules: Rule, unsafe: bool = False) -> Fixer:
    check = Engine(rules, Context()).check_xml
    guard = Engine([*rules, no_bad, malformed], Context()).check_xml
    return Fixer(check, guard, unsafe=unsafe)


def fix(text: str, *rules: Rule, unsafe: bool = False) -> tuple[str, list[str]]:
    result = fixer(*rules, unsafe=unsafe).fix(Source(text.encode(), "x.xml"))
    return result.source.data.decode(), [finding.code for finding in (*result.fixed, *result.uncovered)]


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
    engine = Engine(RULES, Context()).check_xml
    result = Fixer(engine, engine).fix(Source(text.encode(), "x.xml"))
    assert result.source.data.decode() == text.replace("'block'", "'mount'")


def test_what_follows_from_another_fault_is_not_fixed_twice() -> None:
    text = DOMAIN.replace("memoryBacking", "memorybacking")
    engine = Engine(RULES, Context()).check_xml
    codes = {finding.code for finding in engine(Source(text.encode(), "x.xml")).findings}
    assert "VFS101" in codes
    result = Fixer(engine, engine).fix(Source(text.encode(), "x.xml"))
    assert result.source.data.decode() == FIXED
    assert "VFS101" not in {finding.code for finding in result.fixed}


# What is promised

HIDDEN = """\
<domain type='kvm'>
  <name>example</name>
  <memory unit='GiB'>2</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <devices>
    <filesytem type='mount' accessmode='mapped'>
      <driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
      <boot order='0'/>
    </filesytem>
  </devices>
</domain>
"""


def test_an_error_that_the_fault_had_hidden_is_no_harm() -> None:
    engine = Engine(RULES, Context()).check_xml
    result = Fixer(engine).fix(Source(HIDDEN.encode(), "x.xml"))
    assert "<filesystem type" in result.source.text
    assert [finding.code for finding in result.fixed] == ["VFS010"]
    assert "VFS204" in {finding.code for finding in result.outcome.findings}


def test_what_was_hidden_is_fixed_and_counted_separately() -> None:
    engine = Engine(RULES, Context()).check_xml
    result = Fixer(engine, unsafe=True).fix(Source(HIDDEN.encode(), "x.xml"))
    assert [finding.code for finding in result.fixed] == ["VFS010"]
    assert "VFS204" in {finding.code for finding in result.uncovered}


def test_an_error_that_a_fix_writes_is_harm_even_if_only_the_guard_sees_it() -> None:
    check = Engine([HARMFUL], Context()).check_xml
    guard = Engine([HARMFUL, no_bad], Context()).check_xml
    text = "<domain d='1'/>"
    assert Fixer(check, guard).fix(Source(text.encode(), "x.xml")).source.text == text
    assert Fixer(check).fix(Source(text.encode(), "x.xml")).source.text == "<domain d='bad'/>"


@pytest.mark.parametrize(
    ("text", "promised"),
    [
        ("<domain a='1'/>", {"VFS010": True}),
        ("<domain b='1'/>", {"VFS013": False}),
        ("<domain c='1'/>", {"VFS014": None}),
        ("<domain d='1'/>", {"VFS015": None}),
        ("<domain a='1' b='1' d='1'/>", {"VFS010": True, "VFS013": False, "VFS015": None}),
    ],
)
def test_only_fixes_that_will_be_applied_are_promised(text: str, promised: dict[str, bool | None]) -> None:
    rules = fixer(A_TO_B, UNSAFE, USELESS, HARMFUL)
    source = Source(text.encode(), "x.xml")
    outcome = rules.with_kept_promises(source, rules.check(source))
    assert {finding.code: finding.fix and finding.fix.safe for finding in outcome.findings} == promised


def promised(rules: Fixer, source: Source) -> tuple[int, int]:
    """How many findings the safe fixes, and the others, are said to fix."""
    fixes = [finding.fix for finding in rules.with_kept_promises(source, rules.check(source)).findings if finding.fix]
    return sum(fix.safe for fix in fixes), sum(not fix.safe for fix in fixes)


@pytest.mark.parametrize("every", [41, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("file", ["cases", "more-cases", "devices", "kinds"])
def test_what_is_promised_for_a_case_is_what_is_fixed(file: str, every: int) -> None:
    engine = Engine(RULES, Context()).check_xml
    fixable = 0
    with gzip.open(DATA / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number % every == 0:
                source = Source(json.loads(line)["xml"].encode(), "x.xml")
                safe, unsafe = promised(Fixer(engine), source)
                assert len(Fixer(engine).fix(source).fixed) == safe, line
                assert len(Fixer(engine, unsafe=True).fix(source).fixed) == safe + unsafe, line
                fixable += safe + unsafe
    assert fixable or file == "kinds"


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


@tried(150)
@given(documents(), st.booleans())
def test_fixing_keeps_files_well_formed_and_is_idempotent(data: bytes, unsafe: bool) -> None:
    once = fixer(*ALL, unsafe=unsafe).fix(Source(data, "x.xml"))
    read(once.source)
    twice = fixer(*ALL, unsafe=unsafe).fix(once.source)
    assert twice.source.data == once.source.data
    assert twice.fixed == ()


@tried(150)
@given(documents())
def test_nothing_but_the_fixed_values_changes(data: bytes) -> None:
    once = fixer(A_TO_B, B_TO_C, UNSAFE, unsafe=True).fix(Source(data, "x.xml"))
    old, new = Source(data, "x").text, once.source.text
    digits = re.compile(r"""(?<=[\s][ab]=["'])[123]""")
    assert digits.sub("_", old) == digits.sub("_", new)
    assert len(once.source.data) == len(data)
