"""Every report format: a golden file each, valid by its schema or a real reader, safe with hostile input."""

import io
import re
from pathlib import Path

import pytest
from lxml import etree

from tests.conftest import Golden
from tests.report.runs import INPUT, written
from tests.report.test_github import runner
from tests.report.valid import VALID
from vfslint import report
from vfslint.cli.main import main
from vfslint.findings import Severity
from vfslint.report.github import write_summary
from vfslint.run import Run
from vfslint.xml.edits import apply

EXPECTED = {
    "text": "text.txt",
    "concise": "concise.txt",
    "json": "json.json",
    "jsonl": "jsonl.jsonl",
    "sarif": "sarif.sarif",
    "github": "github.txt",
    "gitlab": "gitlab.json",
    "junit": "junit.xml",
    "checkstyle": "checkstyle.xml",
}


# whole output


def test_every_format_has_a_golden_file() -> None:
    assert set(EXPECTED) == set(report.FORMATS)


@pytest.mark.parametrize("format_name", EXPECTED)
def test_whole_output(format_name: str, run: Run, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    golden.check(EXPECTED[format_name], written(run, format_name))


def test_whole_summary_page(run: Run, golden: Golden) -> None:
    out = io.StringIO()
    write_summary(run, out)
    golden.check("github-summary.md", out.getvalue())


@pytest.mark.parametrize("format_name", VALID)
def test_output_is_valid(format_name: str, run: Run) -> None:
    VALID[format_name](written(run, format_name))


@pytest.mark.parametrize("format_name", VALID)
def test_output_without_findings_is_valid(format_name: str) -> None:
    clean = Run()
    VALID[format_name](written(clean, format_name))
    clean.files = ["sound.xml"]
    VALID[format_name](written(clean, format_name))


@pytest.mark.parametrize("format_name", VALID)
def test_hostile_input_leaves_the_output_valid(format_name: str, attack: Run) -> None:
    VALID[format_name](written(attack, format_name))


@pytest.mark.parametrize("format_name", EXPECTED)
def test_hostile_input_puts_no_control_characters_into_the_output(format_name: str, attack: Run) -> None:
    text = written(attack, format_name)
    assert [character for character in text if not character.isprintable() and character != "\n"] == []


@pytest.mark.parametrize("format_name", ["text", "concise"])
def test_hostile_input_starts_no_line(format_name: str, attack: Run) -> None:
    assert not re.search(r"^\s*::", written(attack, format_name), re.MULTILINE)


# JUnit and checkstyle


def test_junit_counts_failures_and_lists_clean_files(run: Run) -> None:
    root = etree.fromstring(written(run, "junit").encode())
    counted = [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root]
    assert counted == [
        ("guests/web.xml", "2", "2"),
        ("guests/qemu.conf", "1", "0"),
        ("guests/sound.xml", "1", "0"),
    ]


def test_junit_is_read_by_junitparser(run: Run) -> None:
    junitparser = pytest.importorskip("junitparser")
    suites = junitparser.JUnitXml.fromstring(written(run, "junit").encode())
    failed = [case.result[0].message for suite in suites for case in suite if case.result]
    assert failed == [finding.message for finding in run.findings if finding.severity is not Severity.NOTE]


def test_checkstyle_is_read_by_diff_quality(run: Run, tmp_path: Path) -> None:
    drivers = pytest.importorskip("diff_cover.violationsreporters.java_violations_reporter")
    (tmp_path / "report.xml").write_text(written(run, "checkstyle"))
    found = drivers.CheckstyleXmlDriver().parse_reports([written(run, "checkstyle")])
    assert [violation.line for violation in found["guests/web.xml"]] == [11, 13]


def test_command_line_keeps_a_hostile_file_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    attack = "&#10;::error::owned&#13;##[add-path]/tmp ]]>&lt;script>%0A \u202e [x](https://evil.example)"
    text = (INPUT / "web.xml").read_text(encoding="utf-8")
    name = "größe, 100%0A::error a:b #[x](y).xml"
    Path(name).write_text(text.replace('type="mount"', f'type="{attack}"'), encoding="utf-8")
    wanted = [f"--format={format_name}={format_name}.out" for format_name in EXPECTED]
    out = io.StringIO()
    assert main([*wanted, name], io.StringIO(), out, io.StringIO()) == 1
    written = {format_name: Path(f"{format_name}.out").read_text(encoding="utf-8") for format_name in EXPECTED}
    for format_name, check in VALID.items():
        check(written[format_name])
    commands = [runner(line) for line in written["github"].splitlines()]
    assert commands
    assert {command[0] if command else "" for command in commands} <= {"error", "warning", "notice"}
    assert {command[1]["file"] if command else "" for command in commands} == {name}
    assert not re.search(r"^\s*::", written["concise"] + written["text"], re.MULTILINE)
    assert "owned" in written["concise"]


def test_fix_in_the_golden_files_is_real(run: Run) -> None:
    fix = run.findings[0].fix
    assert fix
    assert b'<source type="file"/>\n    <access mode="shared"/>\n' in apply(
        run.sources["guests/web.xml"].data, fix.edits
    )
