"""A fault of vfslint itself in one rule or on one file takes nothing else away, and is reported."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

import vfslint
from tests import command
from tests.paths import ROOT
from vfslint import api
from vfslint.context import Context
from vfslint.domain.disk import Disk
from vfslint.domain.domain import Domain
from vfslint.domain.memory import Cell
from vfslint.engine import Engine
from vfslint.findings import Problem, Severity, Stage
from vfslint.qemu_conf.conf import ConfSetting
from vfslint.rule import Rule, rule
from vfslint.rules import RULES
from vfslint.run import Run, check
from vfslint.subjects import OF_DOMAINS, Subject
from vfslint.suppressions import Suppression
from vfslint.xml.source import Source

pytestmark = pytest.mark.internal_errors

NAME = "a-mount-tag-that-is-much-too-long-for-virtio-fs"
FAULTY = f"""\
<domain type='kvm'>
  <name>example</name>
  <memory unit='GiB'>2</memory>
  <vcpu>8</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <cpu mode='host-model' migratable='on'/>
  <devices>
    <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='{NAME}'/></filesystem>
  </devices>
</domain>
"""


@rule("VFS998", "failing", severity=Severity.ERROR, stage=Stage.PARSE)
def failing(domain: Domain) -> Iterator[Problem]:
    yield Problem(domain.node.start_span, "found before it fails")
    raise KeyError(domain.name)


@rule("VFS997", "failing-on-settings", severity=Severity.ERROR, stage=Stage.PARSE)
def failing_on_settings(chosen: ConfSetting) -> Iterator[Problem]:
    raise RecursionError(chosen.name)
    yield


@rule("VFS996", "failing-on-suppressions", severity=Severity.ERROR, stage=Stage.PARSE)
def failing_on_suppressions(suppression: Suppression) -> Iterator[Problem]:
    raise MemoryError
    yield


def codes(*rules: Rule, data: str = FAULTY, file: str = "x.xml") -> list[str]:
    return [
        finding.code for finding in check(Engine([*RULES, *rules], Context()), Source(data.encode(), file)).findings
    ]


def test_other_rules_go_on() -> None:
    assert codes() == ["VFS050", "VFS216"]
    assert codes(failing) == ["VFS998", "VFS050", "VFS216"]


def test_failure_names_file_rule_kind_and_place() -> None:
    outcome = check(Engine([failing, failing_on_settings], Context()), Source(FAULTY.encode(), "x.xml"))
    (failure,) = outcome.failures
    assert (failure.file, failure.rule, failure.kind) == ("x.xml", "VFS998", "KeyError")
    assert failure.place.startswith("tests.test_engine, line ") or failure.place.startswith("vfslint.engine, line ")
    assert failure.line.startswith("x.xml: internal error in rule VFS998 (KeyError in ")
    assert "please report it" in failure.line
    assert "example" not in failure.line


def test_rule_that_fails_on_many_subjects_is_reported_once() -> None:
    engine = Engine([failing_on_settings], Context())
    outcome = check(engine, Source(b"max_files = 1\nmax_core = 2\nuser = 'root'\n", "qemu.conf"))
    assert [(failure.rule, failure.kind) for failure in outcome.failures] == [("VFS997", "RecursionError")]


def test_nothing_is_called_unused_where_a_rule_failed() -> None:
    text = FAULTY.replace("  <vcpu>", "  <!-- vfslint: ignore-file[VFS218] no -->\n  <vcpu>")
    assert "VFS090" in codes(data=text)
    assert "VFS090" not in codes(failing, data=text)


def test_failing_rule_about_suppressions_suppresses_nonetheless() -> None:
    text = FAULTY.replace("  <vcpu>", "  <!-- vfslint: ignore-file[VFS216] known -->\n  <vcpu>")
    outcome = check(Engine([*RULES, failing_on_suppressions], Context()), Source(text.encode(), "x.xml"))
    assert [finding.code for finding in outcome.findings] == ["VFS050"]
    assert [failure.rule for failure in outcome.failures] == ["VFS996"]


def test_failing_model_costs_the_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RecursionError

    run, engine = Run(), Engine(RULES, Context())

    def add(name: str) -> None:
        source = Source(FAULTY.encode(), name)
        run.take(source, check(engine, source))

    with monkeypatch.context() as patch:
        patch.setattr("vfslint.engine.read", broken)
        add("one.xml")
    add("two.xml")
    assert [finding.file for finding in run.findings] == ["two.xml", "two.xml"]
    assert [(failure.file, failure.rule, failure.kind) for failure in run.failures] == [
        ("one.xml", "", "RecursionError")
    ]


def test_interrupt_is_let_through() -> None:
    @rule("VFS995", "interrupted", severity=Severity.ERROR, stage=Stage.PARSE)
    def interrupted(domain: Domain) -> Iterator[Problem]:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        codes(interrupted)


def test_python_interface_raises_with_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vfslint.config.profile.rules_for", lambda **_: (*RULES, failing))
    monkeypatch.setattr(api, "_kept", api._made)
    with pytest.raises(vfslint.InternalError, match="internal error in rule VFS998") as caught:
        vfslint.lint_bytes(FAULTY.encode())
    assert [finding.code for finding in caught.value.findings] == ["VFS998", "VFS050", "VFS216"]
    assert [failure.rule for failure in caught.value.failures] == ["VFS998"]


class TestCommand:
    """`vfslint` with a rule that fails on one of two files."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        @rule("VFS998", "failing", severity=Severity.ERROR, stage=Stage.PARSE)
        def failing(domain: Domain) -> Iterator[Problem]:
            if domain.name == "example":
                raise KeyError(domain.name)
            yield from ()

        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("vfslint.config.profile.rules_for", lambda **_: (*RULES, failing))
        (tmp_path / "bad.xml").write_text(FAULTY)
        (tmp_path / "good.xml").write_text(FAULTY.replace("<name>example", "<name>other"))
        return tmp_path

    @staticmethod
    def vfslint(*argv: str) -> tuple[int, str, str]:
        return command.vfslint(*argv, "bad.xml", "good.xml")

    def test_exit_status_and_a_line_on_standard_error(self) -> None:
        status, out, err = self.vfslint("--format", "concise")
        assert status == 2
        assert [line.split(":")[0] for line in out.splitlines()[:4]] == ["bad.xml", "bad.xml", "good.xml", "good.xml"]
        assert err.startswith("vfslint: bad.xml: internal error in rule VFS998 (KeyError in ")
        assert err.count("\n") == 1

    def test_exit_zero_does_not_hide_it(self) -> None:
        assert self.vfslint("--exit-zero")[0] == 2

    def test_every_format_is_written(self) -> None:
        from vfslint.report import FORMATS

        assert self.vfslint(*(word for name in FORMATS for word in ("--format", f"{name}=report.{name}")))[0] == 2
        for name in FORMATS:
            text = Path(f"report.{name}").read_text()
            assert "VFS216" in text
            assert ("internal error in rule VFS998" in text) == (name in ("json", "jsonl", "sarif", "junit"))
        report = json.loads(Path("report.json").read_text())
        assert [(failed["file"], failed["rule"]) for failed in report["failures"]] == [("bad.xml", "VFS998")]
        (run,) = json.loads(Path("report.sarif").read_text())["runs"]
        assert run["invocations"][0]["executionSuccessful"] is False
        suites = etree.parse("report.junit").findall("testsuite")
        assert [suite.get("errors") for suite in suites] == ["1", "0"]

    def test_reports_fit_their_schemas(self) -> None:
        import jsonschema

        schema = json.loads((ROOT / "schemas" / "report.schema.json").read_text())
        jsonschema.validate(json.loads(self.vfslint("--format", "json")[1]), schema)

    def test_fix_fixes_what_is_sound_and_says_so(self) -> None:
        status, _, err = self.vfslint("--fix")
        assert status == 2
        assert "Fixed 2 findings in 2 files." in err
        assert "migratable" not in Path("bad.xml").read_text() + Path("good.xml").read_text()

    def test_fault_while_fixing_leaves_the_other_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from vfslint.fixes import Fixer

        fix = Fixer.fix

        def failing(self, source):
            if source.name == "bad.xml":
                raise IndexError
            return fix(self, source)

        monkeypatch.setattr(Fixer, "fix", failing)
        status, out, err = self.vfslint("--fix", "--format", "concise")
        assert status == 2
        assert "bad.xml: internal error (IndexError in " in err
        assert "Fixed 1 finding in 1 file." in err
        assert "good.xml" in out

    def test_report_that_cannot_be_written_does_not_hide_what_was_fixed(self) -> None:
        status, _, err = self.vfslint("--fix", "--format", "json=/dev/null/report")
        assert status == 2
        assert "Fixed 2 findings in 2 files." in err


class TestSubjects:
    """Rules are called for what their first parameter is, and for nothing else."""

    @staticmethod
    def asked(annotation: object, data: str, release: str = "12.8.0") -> list[object]:
        seen: list[object] = []

        def noting(subject: object) -> Iterator[Problem]:
            seen.append(subject)
            yield from ()

        noting.__annotations__["subject"] = annotation
        noted = rule("VFS994", "noting", severity=Severity.ERROR, stage=Stage.PARSE)(noting)
        outcome = check(Engine([noted], Context()), Source(data.encode(), "x.xml"))
        assert not outcome.failures
        return seen

    def test_unknown_subject_is_refused_at_import(self) -> None:
        with pytest.raises(TypeError, match=r"rule VFS994 noting: .* Dommain is not one of Address, .*VirtioFS"):
            self.asked("Dommain", FAULTY)

    def test_second_parameter_is_called_context(self) -> None:
        with pytest.raises(TypeError, match="its subject and perhaps `context`"):

            @rule("VFS994", "misnamed", severity=Severity.ERROR, stage=Stage.PARSE)
            def misnamed(domain: Domain, setting: Context) -> Iterator[Problem]:
                yield from ()

    def test_each_and_all_together(self) -> None:
        two = FAULTY.replace("<devices>", "<devices><disk/><disk type='file'/>")
        assert [type(disk).__name__ for disk in self.asked("Disk", two)] == ["Disk", "Disk"]
        (disks,) = self.asked("list[Disk]", two)
        assert len(disks) == 2
        assert self.asked("list[Disk]", FAULTY) == []

    def test_the_same_device_is_asked_about_once_unless_the_rule_wants_its_context(self) -> None:
        two = FAULTY.replace("<devices>", "<devices><disk/><disk/>")
        assert len(self.asked("Disk", two)) == 1
        seen = []

        @rule("VFS994", "noting", severity=Severity.ERROR, stage=Stage.PARSE)
        def noting(disk: Disk, context: Context) -> Iterator[Problem]:
            seen.append(disk)
            yield from ()

        check(Engine([noting], Context()), Source(two.encode(), "x.xml"))
        assert len(seen) == 2

    def test_what_only_a_dtd_tells_is_not_remembered(self) -> None:
        two = FAULTY.replace("<devices>", "<devices><disk/><disk/>")
        assert len(self.asked("Disk", "<!DOCTYPE domain [<!ATTLIST disk type CDATA 'file'>]>" + two)) == 2

    def test_shares_by_who_starts_their_daemon(self) -> None:
        assert len(self.asked("ManagedShare", FAULTY)) == 1
        assert self.asked("ExternalShare", FAULTY) == []
        external = FAULTY.replace("dir='/srv'", "socket='/run/s'")
        assert self.asked("ManagedShare", external) == []
        assert len(self.asked("ExternalShare", external)) == 1

    @pytest.mark.parametrize("subject", sorted(set(OF_DOMAINS) - {"Domain"}))
    def test_nothing_is_asked_about_what_a_domain_does_not_have(self, subject: str) -> None:
        assert self.asked(subject, "<domain type='kvm'><name>a</name></domain>") == []

    def test_domain_of_a_part_is_in_the_context(self) -> None:
        seen = []

        @rule("VFS994", "noting", severity=Severity.ERROR, stage=Stage.PARSE)
        def noting(cell: Cell, context: Context) -> Iterator[Problem]:
            seen.append(context.domain.name)
            yield from ()

        domain = "<domain type='kvm'><name>{}</name><cpu><numa><cell/></numa></cpu></domain>"
        both = f"<domains>{domain.format('a')}{domain.format('b')}</domains>"
        assert check(Engine([noting], Context()), Source(both.encode(), "x.xml")).failures == ()
        assert seen == ["a", "b"]

    def test_what_passes_its_context_on_varies(self) -> None:
        # Engine.judges relies on it: a suppression of a rule that depends on the run is never called unused.
        for it in RULES:
            source = inspect.getsource(it.check)
            body = source[source.index('"""', source.index('"""') + 3) :]
            if it.wants_context and not it.varies:
                assert not re.search(r"\bcontext\b(?!\.domain\b)", body), it


def test_failure_to_find_subjects_costs_only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise IndexError

    monkeypatch.setitem(OF_DOMAINS, "Filesystem", Subject(frozenset({"filesystem"}), fail))
    outcome = check(Engine(RULES, Context()), Source(FAULTY.encode(), "x.xml"))
    assert "VFS050" in [finding.code for finding in outcome.findings]
    assert [(failure.rule, failure.kind) for failure in outcome.failures] == [("", "IndexError")]
