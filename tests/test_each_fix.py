"""Every fix that is offered can be applied alone: the file stays well-formed, and no comment is lost or moved.

Editors apply one fix of a JSON or SARIF report, without what `--fix` checks after each.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from lxml import etree

from tests.examples import check, document, engine, is_conf
from tests.paths import DATA
from tests.test_crashes import variants
from vfslint.findings import Edit, Finding
from vfslint.manual import Example
from vfslint.qemu_conf.reader import read as read_conf
from vfslint.report import reporter
from vfslint.rule import Rule
from vfslint.rules import RULES
from vfslint.run import Run
from vfslint.targets import NEWEST
from vfslint.xml.document import Malformed, read
from vfslint.xml.edits import apply
from vfslint.xml.source import Source

BAD = [(rule, example) for rule in RULES for example in rule.manual.bad]
TAG = r"<[^!?<>][^<>]*>"
COMMENT = r"(?s)<!--.*?-->"


def name(value: object) -> str:
    return value.code if isinstance(value, Rule) else ""


def with_comments_inside(text: str) -> str:
    """Put a comment after each start tag and before each end tag inside the root element."""
    numbers = iter(range(100_000))

    def commented(found: re.Match[str]) -> str:
        tag = found[0]
        if tag.endswith("/>"):
            return tag
        return f"<!-- {next(numbers)} -->{tag}" if tag.startswith("</") else f"{tag}<!-- {next(numbers)} -->"

    return re.sub(TAG, commented, text)


def with_comments_at_line_ends(text: str) -> str:
    """Put each tag that follows another one on a line of its own, and a comment at the end of each such line."""
    numbers = iter(range(100_000))
    lines = re.sub(rf"({TAG})\s*(?={TAG})", r"\1\n", text)
    return re.sub(r"(?<=>)(?=\n)", lambda _: f" <!-- '{next(numbers)}' \"because\" -->", lines.rstrip() + "\n")


def with_comments_in_conf(text: str) -> str:
    return "".join(f"# {number}\n{line} # after {number}\n" for number, line in enumerate(text.splitlines()))


def comments(text: str) -> Counter[str]:
    return Counter(found for found in re.findall(COMMENT, text) if "vfslint:" not in found)


def is_well_formed(data: bytes) -> bool:
    try:
        read(Source(data, "x.xml"))
    except Malformed:
        return False
    return True


def separated(data: bytes, finding: Finding) -> Iterator[str]:
    """Yield the tags that a fix separates from the comment that follows them on their line, and does not change."""
    assert finding.fix
    after = apply(data, finding.fix.edits)
    for found in re.finditer(rb"(<[^!?<>][^<>]*>)[ \t]*<!--.*?-->", data):
        is_changed = any(edit.start < found.end(1) and edit.end > found.start(1) for edit in finding.fix.edits)
        if not is_changed and found[0] not in after:
            yield found[0].decode()


def faults(given: str, data: bytes) -> list[str]:
    """Return what is wrong with the fixes of a document when each is applied alone."""
    found = []
    was_well_formed = is_well_formed(data)
    for finding in check(engine(given), data):
        if finding.fix:
            after = apply(data, finding.fix.edits)
            if was_well_formed and not is_well_formed(after):
                found.append(f"{finding.code} malformed: {after.decode()}")
            if comments(data.decode()) != comments(after.decode()):
                found.append(f"{finding.code} loses a comment: {after.decode()}")
            found += [f"{finding.code} separates {line}" for line in separated(data, finding)]
    return found


@pytest.mark.parametrize(("rule", "example"), BAD, ids=name)
def test_no_fix_of_an_example_loses_a_comment(rule: Rule, example: Example) -> None:
    text = document(example.text).decode()
    if is_conf(example.text):
        data = with_comments_in_conf(text).encode()
        for finding in check(engine(example.given), data):
            if finding.fix:
                after = Source(apply(data, finding.fix.edits), "qemu.conf")
                before = Counter(re.findall(rb"#.*", data))
                assert Counter(re.findall(rb"#.*", after.data)) == before
                read_conf(after, NEWEST.libvirt)
        return
    assert faults(example.given, text.encode()) == []
    assert faults(example.given, with_comments_inside(text).encode()) == []
    assert faults(example.given, with_comments_at_line_ends(text).encode()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "example"), BAD, ids=name)
def test_no_fix_of_a_changed_example_makes_it_malformed(rule: Rule, example: Example) -> None:
    try:
        root = etree.fromstring(document(example.text))
    except etree.XMLSyntaxError:
        return
    for changed in variants(root, set()):
        text = etree.tostring(changed).decode()
        assert faults(example.given, text.encode()) == []


@pytest.mark.parametrize("every", [23, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("file", ["cases", "more-cases", "devices", "kinds"])
def test_no_fix_of_a_case_makes_it_malformed_or_loses_a_comment(file: str, every: int) -> None:
    with gzip.open(DATA / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number % every == 0:
                text = json.loads(line)["xml"]
                for data in (text, with_comments_inside(text), with_comments_at_line_ends(text)):
                    assert faults("", data.encode()) == []


def edits_of_json(report: Any, number: int) -> list[Edit]:
    edits = report["findings"][number]["fix"]["edits"]
    return [Edit(edit["start"], edit["end"], edit["text"].encode()) for edit in edits]


def edits_of_sarif(report: Any, number: int, data: bytes) -> list[Edit]:
    """Return the edits by lines and columns; they must be those by bytes."""
    (change,) = report["runs"][0]["results"][number]["fixes"][0]["artifactChanges"]
    starts = [0, *(found.end() for found in re.finditer("\n", data.decode()))]
    edits = []
    for replacement in change["replacements"]:
        region = replacement["deletedRegion"]
        start, end = (
            len(data.decode()[: starts[region[f"{side}Line"] - 1] + region[f"{side}Column"] - 1].encode())
            for side in ("start", "end")
        )
        assert (start, end) == (region["byteOffset"], region["byteOffset"] + region["byteLength"])
        edits.append(Edit(start, end, replacement["insertedContent"]["text"].encode()))
    return edits


@pytest.mark.parametrize(("rule", "example"), BAD, ids=name)
def test_edits_of_reports_are_those_of_the_fix(rule: Rule, example: Example) -> None:
    data = document(example.text)
    source = Source(data, "qemu.conf" if is_conf(example.text) else "x.xml")
    chosen = engine(example.given)
    run = Run()
    run.take(source, chosen.check_conf(source) if is_conf(example.text) else chosen.check_xml(source))
    as_json, as_sarif = StringIO(), StringIO()
    reporter("json")(run, as_json, "never")
    reporter("sarif")(run, as_sarif, "never")
    for number, finding in enumerate(run.findings):
        if finding.fix:
            after = apply(data, finding.fix.edits)
            assert apply(data, edits_of_json(json.loads(as_json.getvalue()), number)) == after
            assert apply(data, edits_of_sarif(json.loads(as_sarif.getvalue()), number, data)) == after
