"""GitHub's commands and summary page: read as meant, whatever the input."""

import io
from pathlib import Path

import pytest
from lxml import etree

from tests.report.runs import INPUT, written
from vfslint import report
from vfslint.cli.main import main
from vfslint.report.github import SUMMARY_ROWS, write_summary
from vfslint.run import Run
from vfslint.terminal import PLAIN


def runner(line: str) -> tuple[str, dict[str, str], str] | None:
    """Read a line as actions/runner does, ActionCommand.TryParseV2."""
    line = line.lstrip()
    if not line.startswith("::") or "::" not in line[2:]:
        return None
    info, _, data = line[2:].partition("::")
    command, _, properties = info.partition(" ")

    def plain(text: str, *escapes: tuple[str, str]) -> str:
        for code, character in (("%0D", "\r"), ("%0A", "\n"), *escapes, ("%25", "%")):
            text = text.replace(code, character)
        return text

    pairs = (pair.split("=", 1) for pair in properties.strip().split(",") if "=" in pair)
    read = {name: plain(value, ("%3A", ":"), ("%2C", ",")) for name, value in pairs}
    return command, read, plain(data)


def test_github_commands_read_as_meant(run: Run) -> None:
    commands = [runner(line) for line in written(run, "github").splitlines()]
    assert [command[0] for command in commands if command] == ["error", "warning", "notice"]
    first, second = commands[:2]
    assert first
    assert first[1] == {
        "title": "VFS100 memory-is-private",
        "file": "guests/web.xml",
        "line": "11",
        "endLine": "11",
        "col": "21",
        "endColumn": "29",
    }
    assert first[2].splitlines() == [
        "guests/web.xml:11:21: VFS100 virtio-fs share 'größe' needs shared memory, but this domain's memory is private",
        "guests/web.xml:7:5: private: no <access>",
        "guests/qemu.conf:2:22: its memory is a file here",
        "help: add <access mode='shared'/> to <memoryBacking>",
    ]
    assert second
    assert "col" not in second[1]


def test_hostile_input_is_one_github_command_a_finding(attack: Run) -> None:
    lines = written(attack, "github").splitlines()
    assert len(lines) == len(attack.findings)
    for line, expected in zip(lines, ("error", "warning", "notice"), strict=True):
        command = runner(line)
        assert command
        assert command[0] == expected
        assert set(command[1]) == {"title", "file", "line", "endLine", "col", "endColumn"}
        assert command[1]["file"].startswith("-dir,x:1/")
        assert "%0A %25 ]]>" in command[2]


def test_summary_page_shows_hostile_input_as_it_is(attack: Run) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    out = io.StringIO()
    write_summary(attack, out)
    html = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).render(out.getvalue())
    page = etree.HTML(html)
    assert {element.tag for element in page.iter("*")} <= {
        "html", "body", "h3", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert len(page.findall(".//tbody/tr")) == len(attack.findings)
    assert all(len(row) == 4 for row in page.iter("tr"))
    assert "[click](https://evil.example) ![i](x) {0} \\ </failure>" in "".join(page.itertext())


def test_summary_page_of_many_findings_is_cut(run: Run) -> None:
    run.findings *= SUMMARY_ROWS
    out = io.StringIO()
    write_summary(run, out)
    assert out.getvalue().endswith(f"\nand {2 * SUMMARY_ROWS} more\n")


def test_in_github_actions_text_is_joined_by_annotations(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    out = io.StringIO()
    report.write(run, report.outputs([]), out, PLAIN)
    first, *text = out.getvalue().splitlines()
    token = first.removeprefix("::stop-commands::")
    assert len(token) >= 32
    end = text.index(f"::{token}::")
    assert "\n".join(text[:end]) + "\n" == written(run, "text")
    assert [runner(line) is not None for line in text[end + 1 :]] == [True] * 3
    assert page.read_text().startswith("before\n### vfslint\n")


def test_in_github_actions_a_format_that_was_named_stays_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert report.outputs(["concise"]) == [("concise", "")]
    assert report.outputs(["sarif=x"]) == [("text", ""), ("github", ""), ("sarif", "x")]


def test_in_github_actions_a_diff_gives_no_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    guest = tmp_path / "guest.xml"
    text = (INPUT / "web.xml").read_text(encoding="utf-8").replace("memoryBacking", "memorybacking")
    guest.write_text(text.replace("  <name>web", "<!--\n::error::owned\n--><name>web"), encoding="utf-8")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    out = io.StringIO()
    main(["--diff", str(guest)], io.StringIO(), out, io.StringIO())
    first, *shown, last = out.getvalue().splitlines()
    assert first.startswith("::stop-commands::")
    assert last == f"::{first.removeprefix('::stop-commands::')}::"
    assert " ::error::owned" in shown
