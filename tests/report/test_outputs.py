"""Which report goes where: standard output, files, and several at once."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.runs import INPUT, written
from tests.report.valid import valid_gitlab, valid_sarif
from vfslint import report
from vfslint.cli.main import main
from vfslint.run import Run
from vfslint.terminal import Look


def test_formats_with_a_file_come_on_top_of_text() -> None:
    assert report.outputs([]) == [("text", "")]
    assert report.outputs(["concise"]) == [("concise", "")]
    assert report.outputs(["sarif=a=b.sarif"]) == [("text", ""), ("sarif", "a=b.sarif")]
    assert report.outputs(["concise", "junit=j.xml"]) == [("concise", ""), ("junit", "j.xml")]


def test_output_file_takes_the_format_without_a_file() -> None:
    assert report.outputs([], "out.txt") == [("text", "out.txt")]
    assert report.outputs(["json"], "out.json") == [("json", "out.json")]
    assert report.outputs(["json", "sarif=s"], "out.json") == [("json", "out.json"), ("sarif", "s")]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["sariff"], "unknown format 'sariff'; did you mean sarif?"),
        (["zzz"], "unknown format 'zzz'; expected text, concise, json"),
        (["text", "json"], "--format json requires a file: text already goes to standard output"),
    ],
)
def test_wrong_formats_are_explained(wanted: list[str], expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)):
        report.outputs(wanted)


def test_reports_are_written_to_files_whole(run: Run, tmp_path: Path) -> None:
    old = tmp_path / "report.sarif"
    old.write_text("old " * 10_000)
    out = io.StringIO()
    wanted = report.outputs([f"sarif={old}", f"text={tmp_path / 'new.txt'}", "concise"])
    report.write(run, wanted, out, Look())
    assert old.read_text(encoding="utf-8") == written(run, "sarif")
    assert (tmp_path / "new.txt").read_text(encoding="utf-8") == written(run, "text")
    assert out.getvalue() == written(run, "concise")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.txt", "report.sarif"]


@pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX's")
def test_reports_can_go_to_what_is_no_plain_file(run: Run, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen([sys.executable, "-c", f"print(open({str(pipe)!r}).read(), end='')"],
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    report.write(run, [report.Output("concise", str(pipe))], io.StringIO(), Look())
    assert reader.communicate(timeout=20)[0] == written(run, "concise")
    assert pipe.is_fifo()


def test_quiet_run_without_findings_still_writes_its_files(tmp_path: Path) -> None:
    out = io.StringIO()
    wanted = report.outputs([f"sarif={tmp_path / 'out.sarif'}"])
    report.write(Run(), wanted, out, Look(), quiet=True)
    assert out.getvalue() == ""
    valid_sarif((tmp_path / "out.sarif").read_text())


def test_command_line_writes_several_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("guest.xml").write_bytes((INPUT / "web.xml").read_bytes())
    out, err = io.StringIO(), io.StringIO()
    arguments = ["--format=concise", "--format=sarif=out.sarif", "--format", "gitlab=out.json", "guest.xml"]
    assert main(arguments, io.StringIO(), out, err) == 1
    log = json.loads(Path("out.sarif").read_text())
    places = []
    for result in log["runs"][0]["results"]:
        physical = result["locations"][0]["physicalLocation"]
        start = f"{physical['region']['startLine']}:{physical['region']['startColumn']}"
        places.append(f"{physical['artifactLocation']['uri']}:{start}: {result['level']}[{result['ruleId']}]")
    assert places == [line.rpartition("] ")[0] + "]" for line in out.getvalue().splitlines()]
    assert places
    valid_sarif(Path("out.sarif").read_text())
    valid_gitlab(Path("out.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--format=sarfi"], "vfslint: unknown format 'sarfi'; did you mean sarif?\n"),
        (["--format=sarif=/nowhere/out"], "vfslint: cannot write the report: /nowhere/out: "),
        (["--output-file=."], "vfslint: cannot write the report: .: "),
    ],
)
def test_wrong_usage_is_reported_in_one_line(arguments: list[str], expected: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert main([*arguments, str(INPUT / "web.xml")], io.StringIO(), out, err) == 2
    assert err.getvalue().startswith(expected)
    assert err.getvalue().count("\n") == 1
