"""Every rule's manual is true: Bad gives just this code, Good gives nothing, and the fix makes Bad clean."""

import re

import pytest

from tests.examples import check, document, engine, findings, fragment, is_conf
from vfslint.manual import Example
from vfslint.rule import Rule
from vfslint.rule_page import markdown
from vfslint.rules import RULES
from vfslint.vocabulary.spelling import nearest
from vfslint.xml.edits import apply

BAD = [(rule, example) for rule in RULES for example in rule.manual.bad]
GOOD = [(rule, example) for rule in RULES for example in rule.manual.good]
GENERIC = {rule.code for rule in RULES if rule.generic}


def name(value: object) -> str:
    return value.code if isinstance(value, Rule) else ""


@pytest.mark.parametrize(("rule", "example"), BAD, ids=name)
def test_bad_example_gives_this_code_and_no_other(rule: Rule, example: Example) -> None:
    # A fault that only shows at the start is one of the schema as well, and generic rules say so (VFS012).
    codes = {finding.code for finding in findings(example)}
    assert codes - (GENERIC - {rule.code}) == {rule.code}


@pytest.mark.parametrize(("rule", "example"), GOOD, ids=name)
def test_good_example_gives_nothing(rule: Rule, example: Example) -> None:
    assert [f"{finding.code} {finding.message}" for finding in findings(example)] == []


@pytest.mark.parametrize(("rule", "example"), BAD, ids=name)
def test_fix_makes_the_bad_example_clean_of_the_code(rule: Rule, example: Example) -> None:
    data = document(example.text)
    before = after = check(engine(example.given), data)
    for _ in range(10):
        fixes = [finding.fix for finding in after if finding.fix]
        if not fixes:
            break
        data = apply(data, fixes[0].edits)
        after = check(engine(example.given), data)
        assert "VFS001" not in {finding.code for finding in after}
    else:
        pytest.fail("the fixes never end")
    if all(finding.fix for finding in before if finding.code == rule.code):
        assert rule.code not in {finding.code for finding in after}


@pytest.mark.parametrize(("rule", "example"), BAD, ids=name)
def test_a_near_word_is_suggested_before_anything_else(rule: Rule, example: Example) -> None:
    """Where a fix corrects a typo, the help asks for the word that was probably meant."""
    data = document(example.text)
    for finding in findings(example):
        for edit in finding.fix.edits[:1] if finding.fix else ():
            written, meant = data[edit.start : edit.end].decode(), edit.text.decode()
            if all(re.fullmatch(r"[A-Za-z][\w-]*", word) for word in (written, meant)) and nearest(written, [meant]):
                assert finding.help.startswith("did you mean ")
                assert meant in finding.help


@pytest.mark.parametrize("rule", RULES, ids=name)
def test_fixed_example_is_what_the_fix_writes(rule: Rule) -> None:
    """Byte for byte, for the first bad example that has a fix."""
    for example in rule.manual.bad:
        data = document(example.text)
        fix = next(
            (found.fix for found in check(engine(example.given), data) if found.code == rule.code and found.fix), None
        )
        if fix:
            assert fragment(apply(data, fix.edits), example.text) == rule.manual.fixed
            assert rule.manual.fix, "the fix is not described"
            return
    assert not rule.manual.fix, "no example shows the fix"
    assert not rule.manual.fixed


@pytest.mark.parametrize("rule", RULES, ids=name)
def test_manual_is_complete(rule: Rule) -> None:
    manual = rule.manual
    assert manual.summary.endswith(".")
    assert manual.why
    assert manual.bad
    assert manual.good
    assert manual.see


def test_codes_and_names_are_unique_and_well_formed() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES) == len({rule.name for rule in RULES})
    for rule in RULES:
        assert rule.code[:3] == "VFS"
        assert len(rule.code) == 6
        assert rule.name == rule.name.lower().replace("_", "-")


def test_examples_in_markdown_are_marked_as_what_they_are() -> None:
    for rule in RULES:
        page = markdown(rule)
        assert ("```ini" in page) is any(map(is_conf, (example.text for example in rule.manual.bad))), rule
