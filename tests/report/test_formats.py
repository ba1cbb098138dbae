"""Every report format: a golden file each, valid by its schema or a real reader, safe with hostile input."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lxml import etree

from tests.conftest import Golden
from tests.paths import DATA, GOLDEN, ROOT
from vfslint import report
from vfslint.cli.main import main
from vfslint.domain.domain import Domain
from vfslint.findings import Edit, Finding, Fix, Related, Severity, Span, Stage
from vfslint.report import sarif
from vfslint.report.github import SUMMARY_ROWS, write_summary
from vfslint.rule import Rule, rule
from vfslint.rules import RULES
from vfslint.run import Run
from vfslint.suppressions import Suppressed
from vfslint.xml.edits import apply
from vfslint.xml.source import Source

INPUT = GOLDEN / "input"
SCHEMAS = DATA / "schemas"

GOLDEN = {
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

HOSTILE = (
    "\x1b[31mred\x1b[0m \x07 \x00 \x85 \u202e \u2028 \udc80 \ufffe "
    "\n::error::owned\r\n::set-output name=x::y\n##[add-path]/tmp "
    "%0A %25 ]]> --> <script>alert(1)</script> &lt; &amp; \" ' ` | * _ # @user "
    "[click](https://evil.example) ![i](x) {0} \\ </failure><error/> $(id) ${{ github.token }} größe 🐧"
)


@rule("VFS100", "memory-is-private", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_is_private(domain: Domain) -> Iterator[Any]:
    """A manual page that stays as it is.

    Why: so that changes of real rules leave the golden files alone.
    Bad:
        <memoryBacking/>
    Good:
        <memoryBacking><access mode='shared'/></memoryBacking>
    libvirt says: 'virtiofs' requires shared memory
    Fix: add the access mode.
    See: nothing but this test.
    """
    yield domain


def fixed_rules() -> tuple[Rule, ...]:
    other = {
        "VFS200": ("mount-tag-not-ascii", Severity.WARNING, Stage.GUEST),
        "VFS500": ("memory-on-disk", Severity.NOTE, Stage.NEVER),
    }
    return (
        memory_is_private,
        *(rule(code, name, severity=level, stage=stage)(memory_is_private.check)
          for code, (name, level, stage) in other.items()),
    )  # fmt: skip


def source(name: str) -> Source:
    return Source((INPUT / name).read_bytes(), f"guests/{name}")


def span(source: Source, text: str) -> Span:
    start = source.text.index(text)
    return source.span(start, start + len(text))


def finding(code: str, at: Span, **changes: Any) -> Finding:
    found = next(rule for rule in fixed_rules() if rule.code == code)
    plain = Finding(
        code=code,
        name=found.name,
        severity=found.severity,
        stage=found.stage,
        at=at,
        message="something is wrong",
        help="",
        label="",
        related=(),
        fix=None,
        libvirt_says="",
    )
    return plain._replace(**changes)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Three findings in two files: related places in both, a fix, characters beyond ASCII."""
    monkeypatch.setattr(sarif, "RULES", fixed_rules())
    domain, conf = source("web.xml"), source("qemu.conf")
    end = domain.text.index("/>", domain.text.index("<source type")) + 2
    offset = domain.offset(end)
    folder = span(conf, '"/var/lib/libvirt/qemu/ram"')
    made = Run()
    made.files = [domain.name, conf.name, "guests/sound.xml"]
    made.sources = {domain.name: domain, conf.name: conf}
    made.findings = [
        finding(
            "VFS100",
            span(domain, "virtiofs"),
            message="virtio-fs share 'größe' needs shared memory, but this domain's memory is private",
            help="add <access mode='shared'/> to <memoryBacking>",
            label="virtiofsd serves this device 🐧",
            related=(
                Related(span(domain, '<source type="file"/>'), "private: no <access>"),
                Related(folder, "its memory is a file here"),
            ),
            fix=Fix("make the memory shared", (Edit(offset, offset, b'\n    <access mode="shared"/>'),)),
            libvirt_says="'virtiofs' requires shared memory",
        ),
        finding("VFS200", span(domain, 'größe"/>\n    </filesystem>\n'), message="the tag spans lines"),
        finding("VFS500", folder, message="memory lies in /var/lib/libvirt/qemu/ram"),
    ]
    return made


def hostile() -> Run:
    data = f"<a>{HOSTILE}</a>\n".encode("utf-8", "surrogateescape")
    name = f"-dir,x:1/{HOSTILE}.xml"
    text = Source(data, name)
    made = Run()
    made.files = [name]
    made.sources = {name: text}
    at = text.span(0, 3)
    made.findings = [
        finding(
            RULES[0].code if code is None else code,
            at,
            message=f"{HOSTILE} is wrong",
            help=HOSTILE,
            label=HOSTILE,
            related=(Related(at, HOSTILE),),
            fix=Fix(HOSTILE, (Edit(0, 3, HOSTILE.encode("utf-8", "surrogateescape")),)),
            libvirt_says=HOSTILE,
        )
        for code in ("VFS100", "VFS200", "VFS500")
    ]
    return made


@pytest.fixture
def attack(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(sarif, "RULES", fixed_rules())
    return hostile()


def written(run: Run, format_name: str) -> str:
    out = io.StringIO()
    report.reporter(format_name)(run, out, "never")
    return out.getvalue()


# whole output


def test_every_format_has_a_golden_file() -> None:
    assert set(GOLDEN) == set(report.FORMATS)


@pytest.mark.parametrize("format_name", GOLDEN)
def test_whole_output(format_name: str, run: Run, golden: Golden) -> None:
    golden.check(GOLDEN[format_name], written(run, format_name))


def test_whole_summary_page(run: Run, golden: Golden) -> None:
    out = io.StringIO()
    write_summary(run, out)
    golden.check("github-summary.md", out.getvalue())


# valid, whatever the input


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text())


def valid_sarif(text: str) -> None:
    jsonschema.Draft4Validator(schema("sarif-2.1.0-rtm.5.json")).validate(json.loads(text))


def valid_gitlab(text: str) -> None:
    issues = json.loads(text)
    jsonschema.Draft202012Validator(schema("gitlab-code-quality.json")).validate(issues)
    prints = [issue["fingerprint"] for issue in issues]
    assert len(set(prints)) == len(prints)


def report_schema() -> Any:
    return json.loads((ROOT / "schemas" / "report.schema.json").read_text())


def valid_json(text: str) -> None:
    jsonschema.Draft202012Validator(report_schema()).validate(json.loads(text))


def valid_jsonl(text: str) -> None:
    *findings, last = map(json.loads, text.splitlines())
    # A program that collects the lines gets the JSON report.
    valid_json(json.dumps({"findings": findings, **last}))


def valid_xml(schema_name: str) -> Callable[[str], None]:
    grammar = etree.XMLSchema(etree.parse(SCHEMAS / schema_name))
    return lambda text: grammar.assertValid(etree.fromstring(text.encode("ascii")))


VALID: dict[str, Callable[[str], None]] = {
    "json": valid_json,
    "jsonl": valid_jsonl,
    "sarif": valid_sarif,
    "gitlab": valid_gitlab,
    "junit": valid_xml("junit-10.xsd"),
    "checkstyle": valid_xml("checkstyle.xsd"),
}


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


@pytest.mark.parametrize("format_name", GOLDEN)
def test_hostile_input_puts_no_control_characters_into_the_output(format_name: str, attack: Run) -> None:
    text = written(attack, format_name)
    assert [character for character in text if not character.isprintable() and character != "\n"] == []


@pytest.mark.parametrize("format_name", ["text", "concise"])
def test_hostile_input_starts_no_line(format_name: str, attack: Run) -> None:
    assert not re.search(r"^\s*::", written(attack, format_name), re.MULTILINE)


# SARIF


def test_sarif_names_the_places_of_the_terminal(run: Run) -> None:
    log = json.loads(written(run, "sarif"))
    places = []
    for result in log["runs"][0]["results"]:
        physical = result["locations"][0]["physicalLocation"]
        region = physical["region"]
        places.append(f"{physical['artifactLocation']['uri']}:{region['startLine']}:{region['startColumn']}")
    concise = written(run, "concise").splitlines()
    assert places == [line.split(": ")[0] for line in concise]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_sarif_regions_and_replacements_hold_in_bytes_and_in_lines(encoding: str, run: Run) -> None:
    text = (INPUT / "web.xml").read_text(encoding="utf-8").replace("🐧", "").replace("UTF-8", encoding[:10])
    domain = Source(text.replace("utf-8-sig", "utf-8").encode(encoding), "guests/web.xml")
    start = domain.text.index("<source type")
    end = domain.text.index("/>", start) + 2
    edit = Edit(domain.offset(start), domain.offset(end), domain.encode("<access größe='ß'/>"))
    run.sources[domain.name] = domain
    run.findings = [finding("VFS200", span(domain, "größe"), fix=Fix("fix", (edit,)))]
    result = json.loads(written(run, "sarif"))["runs"][0]["results"][0]
    region = result["locations"][0]["physicalLocation"]["region"]
    covered = domain.data[region["byteOffset"] : region["byteOffset"] + region["byteLength"]]
    assert domain.encode("größe") == covered
    replacement = result["fixes"][0]["artifactChanges"][0]["replacements"][0]
    deleted = replacement["deletedRegion"]
    lines = domain.text.removeprefix("\ufeff").split("\n")
    line = lines[deleted["startLine"] - 1]
    assert line[deleted["startColumn"] - 1 : deleted["endColumn"] - 1] == '<source type="file"/>'
    assert deleted["byteOffset"] == edit.start
    assert deleted["byteOffset"] + deleted["byteLength"] == edit.end
    assert replacement["insertedContent"]["text"] == "<access größe='ß'/>"


@pytest.mark.parametrize(
    ("file", "uri", "base"),
    [
        ("web.xml", "web.xml", "%SRCROOT%"),
        ("./guests/../web.xml", "web.xml", "%SRCROOT%"),
        ("a b#c?d%e:f.xml", "a%20b%23c%3Fd%25e%3Af.xml", "%SRCROOT%"),
        ("größe\udcff.xml", "gr%C3%B6%C3%9Fe%FF.xml", "%SRCROOT%"),
        ("/etc/libvirt/qemu.conf", "file:///etc/libvirt/qemu.conf", None),
        ("../qemu.conf", "file:///srv/qemu.conf", None),
    ],
)
def test_sarif_addresses_are_relative_and_escaped(
    file: str, uri: str, base: str | None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getcwd", lambda: "/srv/repository")
    run.findings = [finding("VFS100", source("web.xml").span(0, 1)._replace(file=file))]
    run.sources[file] = source("web.xml")
    result = json.loads(written(run, "sarif"))["runs"][0]["results"][0]
    location = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert (location["uri"], location.get("uriBaseId")) == (uri, base)


def test_sarif_makes_no_links_of_input(attack: Run) -> None:
    log = json.loads(written(attack, "sarif"))
    messages = [made["text"] for made in every(log, "message")] + [made["text"] for made in every(log, "description")]
    assert len(messages) >= 12
    assert [text for text in messages if "](" in text] == []


def every(tree: Any, name: str) -> Iterator[Any]:
    """Every value of that name in a JSON tree."""
    if isinstance(tree, dict):
        yield from [tree[name]] if name in tree else []
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for value in inner:
        yield from every(value, name)


def test_sarif_tells_what_is_suppressed(run: Run) -> None:
    run.suppressed = [Suppressed(run.findings.pop(1), "because ]( of that")]
    results = json.loads(written(run, "sarif"))["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == ["VFS100", "VFS500", "VFS200"]
    assert [result.get("suppressions") for result in results] == [
        None, None, [{"kind": "inSource", "justification": "because ]( of that"}],
    ]  # fmt: skip
    valid_sarif(written(run, "sarif"))


def test_sarif_tells_new_findings_from_those_of_the_baseline(run: Run) -> None:
    assert "baselineState" not in written(run, "sarif")
    run.known = [run.findings.pop(0)]
    results = json.loads(written(run, "sarif"))["runs"][0]["results"]
    assert [(result["ruleId"], result["baselineState"]) for result in results] == [
        ("VFS200", "new"),
        ("VFS500", "new"),
        ("VFS100", "unchanged"),
    ]
    valid_sarif(written(run, "sarif"))


# GitHub


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


# several formats, files


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


def test_in_github_actions_text_is_joined_by_annotations(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    out = io.StringIO()
    report.write(run, report.outputs([]), out, "never")
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


def test_reports_are_written_to_files_whole(run: Run, tmp_path: Path) -> None:
    old = tmp_path / "report.sarif"
    old.write_text("old " * 10_000)
    out = io.StringIO()
    wanted = report.outputs([f"sarif={old}", f"text={tmp_path / 'new.txt'}", "concise"])
    report.write(run, wanted, out, "auto")
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
    report.write(run, [report.Output("concise", str(pipe))], io.StringIO(), "auto")
    assert reader.communicate(timeout=20)[0] == written(run, "concise")
    assert pipe.is_fifo()


def test_quiet_run_without_findings_still_writes_its_files(tmp_path: Path) -> None:
    out = io.StringIO()
    wanted = report.outputs([f"sarif={tmp_path / 'out.sarif'}"])
    report.write(Run(), wanted, out, "auto", quiet=True)
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


def test_command_line_keeps_a_hostile_file_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    attack = "&#10;::error::owned&#13;##[add-path]/tmp ]]>&lt;script>%0A \u202e [x](https://evil.example)"
    text = (INPUT / "web.xml").read_text(encoding="utf-8")
    name = "größe, 100%0A::error a:b #[x](y).xml"
    Path(name).write_text(text.replace('type="mount"', f'type="{attack}"'), encoding="utf-8")
    wanted = [f"--format={format_name}={format_name}.out" for format_name in GOLDEN]
    out = io.StringIO()
    assert main([*wanted, name], io.StringIO(), out, io.StringIO()) == 1
    written = {format_name: Path(f"{format_name}.out").read_text(encoding="utf-8") for format_name in GOLDEN}
    for format_name, check in VALID.items():
        check(written[format_name])
    commands = [runner(line) for line in written["github"].splitlines()]
    assert commands
    assert {command[0] if command else "" for command in commands} <= {"error", "warning", "notice"}
    assert {command[1]["file"] if command else "" for command in commands} == {name}
    assert not re.search(r"^\s*::", written["concise"] + written["text"], re.MULTILINE)
    assert "owned" in written["concise"]


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


def test_fix_in_the_golden_files_is_real(run: Run) -> None:
    fix = run.findings[0].fix
    assert fix
    assert b'<source type="file"/>\n    <access mode="shared"/>\n' in apply(
        run.sources["guests/web.xml"].data, fix.edits
    )
