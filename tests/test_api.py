"""The Python interface: pure, picklable, the same in every thread."""

import gc
import inspect
import io
import json
import os
import pickle
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import vfslint
from tests.command import vfslint as command
from tests.paths import ROOT
from vfslint.context import Context
from vfslint.distributions import NAMED
from vfslint.engine import Results
from vfslint.host import load
from vfslint.rule import Rule
from vfslint.rules import HOST_TOPICS, WITH_QEMU_CONF_TOPICS

PRIVATE = ROOT / "examples" / "faulty" / "private-memory.xml"


def test_path_and_bytes_give_the_same() -> None:
    by_path = vfslint.lint_path(PRIVATE)
    assert by_path == vfslint.lint_bytes(PRIVATE.read_bytes(), filename=str(PRIVATE))
    assert [finding.code for finding in by_path] == ["VFS101"]
    assert isinstance(by_path[0], vfslint.Finding)
    assert by_path[0].severity is vfslint.Severity.ERROR


def test_findings_are_picklable_and_hashable() -> None:
    findings = vfslint.lint_path(PRIVATE)
    assert pickle.loads(pickle.dumps(findings)) == findings
    assert len(set(findings)) == len(findings)


def test_target_and_session_count() -> None:
    data = (ROOT / "examples" / "faulty" / "lock-options.xml").read_bytes()
    assert [finding.code for finding in vfslint.lint_bytes(data)] == ["VFS302"]
    assert [finding.code for finding in vfslint.lint_bytes(data, target=NAMED["debian-12"])] == ["VFS310"]
    assert "VFS307" in {f.code for f in vfslint.lint_bytes(data, target=NAMED["debian-12"], session=True)}


def test_qemu_conf_beside_a_domain_and_by_itself() -> None:
    huge = (ROOT / "examples" / "sound" / "hugepages.xml").read_bytes()
    findings = vfslint.lint_bytes(huge, qemu_conf=b"hugetlbfs_mount = []\n")
    assert [finding.code for finding in findings] == ["VFS531"]
    assert "qemu.conf" in {related.at.file for related in findings[0].related}
    assert [finding.code for finding in vfslint.lint_bytes(b"user = root\n", filename="qemu.conf")] == ["VFS501"]


def test_threads_do_not_disturb_each_other() -> None:
    files = sorted((ROOT / "examples").glob("*/*.xml")) * 10
    alone = [vfslint.lint_path(file) for file in files]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(vfslint.lint_path, files)) == alone


def codes(findings: list[vfslint.Finding]) -> list[str]:
    return [finding.code for finding in findings]


# What a call can be given.

# The daemon is where Debian 12 has it.
LOCKS = (ROOT / "examples" / "faulty" / "lock-options.xml").read_bytes().replace(b"/usr/libexec/", b"/usr/lib/qemu/")


@pytest.mark.parametrize("target", [NAMED["debian-12"], "debian-12"])
def test_a_target_is_releases_or_a_name(target: vfslint.Target | str) -> None:
    assert codes(vfslint.lint_bytes(LOCKS)) == ["VFS302"]
    assert vfslint.lint_bytes(LOCKS, target=target) == []


def test_the_releases_of_a_target_count_one_by_one() -> None:
    """libvirt 12.8.0 with the C daemon is no stack that has a name."""
    mixed = vfslint.Target(libvirt=(12, 8, 0), qemu=(11, 1, 0), virtiofsd=None)
    assert vfslint.lint_bytes(LOCKS, target=mixed) == []


@pytest.mark.parametrize(
    "select", ["VFS101", ["VFS101"], "VFS1", {"memory-not-shared"}, "VFS101, VFS302", iter(["VFS1"])]
)
def test_rules_are_selected(select: Any) -> None:
    data = PRIVATE.read_bytes().replace(b"name>", b"nome>")
    assert len(vfslint.lint_bytes(data)) > 1
    assert codes(vfslint.lint_bytes(data, select=select)) == ["VFS101"]


def test_rules_are_ignored() -> None:
    data = PRIVATE.read_bytes()
    assert vfslint.lint_bytes(data, ignore=["VFS101"]) == []
    assert vfslint.lint_bytes(data, select=["VFS1"], ignore="memory-not-shared") == []


def test_nothing_selected_is_everything() -> None:
    assert codes(vfslint.lint_bytes(PRIVATE.read_bytes(), select=[], ignore=[])) == ["VFS101"]


def test_configuration_as_a_file_or_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "vfslint.toml"
    file.write_text('ignore = ["VFS302"]\n[severity]\nVFS101 = "note"\n')
    values = {"ignore": ("VFS302",), "severity": {"VFS101": "note"}}
    for config in (file, str(file), values):
        assert vfslint.lint_bytes(LOCKS, config=config) == []
        [finding] = vfslint.lint_path(PRIVATE, config=config)
        assert finding.severity is vfslint.Severity.NOTE


def test_a_pyproject_is_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text('[tool.vfslint]\ntarget = "debian-12"\n')
    assert vfslint.lint_bytes(LOCKS, config=file) == []
    file.write_text("[tool.other]\n")
    with pytest.raises(vfslint.UsageError, match=r"has no \[tool.vfslint\]"):
        vfslint.lint_bytes(LOCKS, config=file)


def test_a_changed_configuration_and_the_files_that_it_names_are_read_again(tmp_path: Path) -> None:
    file, conf = tmp_path / "vfslint.toml", tmp_path / "other.conf"
    huge = (ROOT / "examples" / "sound" / "hugepages.xml").read_bytes()
    file.write_text('qemu-conf = "other.conf"\n')
    conf.write_text("hugetlbfs_mount = []\n")
    assert codes(vfslint.lint_bytes(huge, config=file)) == ["VFS531"]
    conf.write_text("")
    assert vfslint.lint_bytes(huge, config=file) == []
    file.write_text('select = ["VFS1"]\n')
    assert codes(vfslint.lint_bytes(PRIVATE.read_bytes(), config=file)) == ["VFS101"]
    file.write_text('select = ["VFS2"]\n')
    assert vfslint.lint_bytes(PRIVATE.read_bytes(), config=file) == []


def test_patterns_of_a_mapping_are_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"per-file-ignores": {"old/*.xml": ["VFS101"]}}
    data = PRIVATE.read_bytes()
    monkeypatch.chdir(tmp_path)
    assert vfslint.lint_bytes(data, filename="old/guest.xml", config=config) == []
    assert codes(vfslint.lint_bytes(data, filename="new/guest.xml", config=config)) == ["VFS101"]
    (tmp_path / "old").mkdir()
    monkeypatch.chdir("old")
    assert vfslint.lint_bytes(data, filename=f"{tmp_path}/old/old/guest.xml", config=config) == []
    assert codes(vfslint.lint_bytes(data, filename=f"{tmp_path}/old/guest.xml", config=config)) == ["VFS101"]


def test_parameters_come_before_the_configuration() -> None:
    config = {"target": "debian-12", "session": True}
    assert "VFS307" in codes(vfslint.lint_bytes(LOCKS, config=config))
    assert codes(vfslint.lint_bytes(LOCKS, config=config, target="newest", session=False)) == ["VFS302"]


def test_without_a_configuration_none_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "vfslint.toml").write_text('ignore = ["VFS101"]\n')
    file = tmp_path / "guest.xml"
    file.write_bytes(PRIVATE.read_bytes())
    assert codes(vfslint.lint_path(file)) == ["VFS101"]


FACTS = {"version": 1, "libvirt": "9.0.0", "qemu": "7.2.0"}


def test_host_facts_as_a_file_bytes_a_mapping_or_an_object(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text(json.dumps(FACTS))
    for host in (file, file.read_bytes(), FACTS, load.load(file.read_bytes())):
        # The host's libvirt 9.0.0 comes with the C daemon, which has these options.
        assert vfslint.lint_bytes(LOCKS, host=host) == []
        assert codes(vfslint.lint_bytes(LOCKS, host=host, target="newest")) == ["VFS302"]


def test_hosts_that_differ_are_not_confused() -> None:
    old = load.load(json.dumps(FACTS).encode())
    for host, found in ((old, []), (replace(old, libvirt=(12, 8, 0), qemu=(11, 1, 0)), ["VFS302"]), (old, [])):
        assert codes(vfslint.lint_bytes(LOCKS, host=host)) == found


def test_capabilities_are_host_facts() -> None:
    capabilities = (ROOT / "tests" / "data" / "capabilities.xml").read_bytes()
    assert isinstance(vfslint.lint_bytes(LOCKS, host=capabilities), list)
    assert isinstance(vfslint.lint_bytes(LOCKS, host=vfslint.this_host()), list)


def test_qemu_conf_as_a_file_or_bytes(tmp_path: Path) -> None:
    huge = (ROOT / "examples" / "sound" / "hugepages.xml").read_bytes()
    file = tmp_path / "qemu.conf"
    file.write_text("hugetlbfs_mount = []\n")
    for conf in (file, str(file), file.read_bytes()):
        [finding] = vfslint.lint_bytes(huge, qemu_conf=conf)
        assert finding.code == "VFS531"
        assert finding.related[0].at.file == ("qemu.conf" if isinstance(conf, bytes) else str(file))


# Several files.

ONE = b"""<domain type='kvm'><name>one</name><uuid>7a1ad4a0-0d54-4c44-8a13-9a32b2a2bf1b</uuid><memory>1048576</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
"""
TWO = ONE.replace(b">one<", b">two<")


def test_domains_of_several_files_are_checked_together(tmp_path: Path) -> None:
    paths = [tmp_path / "one.xml", tmp_path / "two.xml"]
    for path, data in zip(paths, (ONE, TWO), strict=True):
        path.write_bytes(data)
        assert vfslint.lint_path(path) == []
    found = vfslint.lint_together(paths)
    assert codes(found) == ["VFS803"]
    by_bytes = vfslint.lint_together({str(path): path.read_bytes() for path in paths})
    assert by_bytes == found == vfslint.lint_together(iter(map(str, paths)))
    assert {finding.file for finding in found} <= set(map(str, paths))
    assert vfslint.lint_together([paths[0], paths[0]]) == []


def test_findings_are_in_the_order_of_the_files() -> None:
    broken = PRIVATE.read_bytes()
    files = dict.fromkeys(("z.xml", "a.xml", "m.xml"), broken)
    found = vfslint.lint_together(files, select="VFS101")
    assert [finding.file for finding in found] == ["z.xml", "a.xml", "m.xml"]


def test_each_file_has_its_own_ignored_rules() -> None:
    """The finding is in two.xml."""
    for file, found in (("one.xml", ["VFS803"]), ("two.xml", [])):
        config = {"per-file-ignores": {file: ["VFS803"]}}
        assert codes(vfslint.lint_together({"one.xml": ONE, "two.xml": TWO}, config=config)) == found


# Fixing.

NEARLY = (ROOT / "examples" / "faulty" / "closed-twice.xml").read_bytes()


def test_fixing_returns_the_bytes_and_what_was_fixed_and_remains() -> None:
    [finding] = vfslint.lint_bytes(NEARLY)
    fixed = vfslint.fix_bytes(NEARLY)
    assert isinstance(fixed, vfslint.Fixed)
    assert codes(fixed.applied) == [finding.code]
    assert fixed.remaining == vfslint.lint_bytes(fixed.data) == []
    assert fixed == vfslint.fix_bytes(NEARLY)


def test_nothing_to_fix_returns_the_same_bytes() -> None:
    assert vfslint.fix_bytes(LOCKS, ignore="VFS") == (LOCKS, [], [])
    assert vfslint.fix_bytes(b"\xff\xfe broken").data == b"\xff\xfe broken"


def test_only_selected_findings_are_fixed() -> None:
    assert vfslint.fix_bytes(NEARLY, ignore=["VFS001"]).data == NEARLY


def test_unsafe_fixes_are_applied_on_request() -> None:
    """The command applies the same ones."""
    seen = 0
    for path in sorted((ROOT / "examples" / "faulty").glob("*.xml")):
        data = path.read_bytes()
        safe, unsafe = vfslint.fix_bytes(data, filename="<stdin>"), vfslint.fix_bytes(data, unsafe=True)
        seen += unsafe.data != safe.data
        text = data.decode()
        assert command("--isolated", "--fix", "-", stdin=text)[1] == safe.data.decode()
        assert command("--isolated", "--unsafe-fixes", "-", stdin=text)[1] == unsafe.data.decode()
        assert all(found.fix is None or not found.fix.safe for found in safe.remaining)
    assert seen


# Findings as data.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_a_finding_as_a_dictionary_is_what_the_json_report_has(tmp_path: Path, encoding: str) -> None:
    text = PRIVATE.read_text().replace("utf-8", encoding).replace("UTF-8", encoding)
    text = text.replace("<domain", "<!-- ä --><domain", 1)
    if not text.startswith("<?xml"):
        text = f"<?xml version='1.0' encoding='{encoding}'?>{text}"
    file = tmp_path / "guest.xml"
    file.write_bytes(text.encode(encoding))
    reported = json.loads(command("--isolated", "--format", "json", str(file))[1])["findings"]
    found = [finding.to_dict() for finding in vfslint.lint_path(file)]
    assert found == reported
    assert found[0]["fix"]["edits"][0]["text"].isprintable() or "\n" in found[0]["fix"]["edits"][0]["text"]
    assert json.loads(json.dumps(found)) == found


# Errors.


@pytest.mark.parametrize(
    ("parameter", "value", "mentioned"),
    [
        ("target", 12, "int"),
        ("target", b"debian-12", "bytes"),
        ("target", vfslint.Target("9.0.0", (7, 2, 0), None), "target.libvirt"),  # type: ignore[arg-type]
        ("session", "yes", "str"),
        ("select", 101, "int"),
        ("select", [101], "int"),
        ("select", b"VFS101", "bytes"),
        ("ignore", None, "NoneType"),
        ("ignore", [None], "NoneType"),
        ("config", ["select"], "list"),
        ("config", {"select": date(2026, 1, 1)}, "date"),
        ("config", {("a", "b"): 1}, "tuple"),
        ("qemu_conf", 5, "int"),
        ("qemu_conf", io.BytesIO(), "BytesIO"),
        ("host", 5, "int"),
        ("host", {"version": {1, "a"}}, "str"),
        ("filename", b"guest.xml", "bytes"),
    ],
)
def test_a_wrong_type_is_named_with_its_parameter(parameter: str, value: object, mentioned: str) -> None:
    given: dict[str, Any] = {parameter: value}
    for call in (vfslint.lint_bytes, vfslint.fix_bytes):
        with pytest.raises(TypeError, match=parameter) as raised:
            call(b"<domain/>", **given)
        assert mentioned in str(raised.value)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: vfslint.lint_bytes("<domain/>"), "data must be bytes, not str; encode it"),  # type: ignore[arg-type]
        (lambda: vfslint.lint_bytes(None), "data must be bytes, not NoneType"),  # type: ignore[arg-type]
        (lambda: vfslint.lint_path(b"<domain/>"), "path must be a path"),  # type: ignore[arg-type]
        (lambda: vfslint.lint_together("guest.xml"), "files must be"),  # type: ignore[arg-type]
        (lambda: vfslint.lint_together(None), "files must be"),  # type: ignore[call-overload, arg-type]
        (lambda: vfslint.lint_together([1]), "files must be"),  # type: ignore[list-item]
        (lambda: vfslint.lint_together({"a.xml": "<domain/>"}), "data must be"),  # type: ignore[dict-item]
        (lambda: vfslint.lint_bytes(b"", taget="newest"), "taget"),  # type: ignore[call-arg]
    ],
)
def test_wrong_types_of_data_and_paths(call: Callable[[], object], expected: str) -> None:
    with pytest.raises(TypeError, match=expected):
        call()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"target": "debian12"}, "'debian12' is not a valid target; did you mean debian-12"),
        ({"select": ["VFS999"]}, "no rule matches 'VFS999'"),
        ({"select": "memory-not-share"}, "did you mean memory-not-shared"),
        ({"ignore": [""]}, "no rule matches ''"),
        ({"config": "gone.toml"}, "cannot read .*gone.toml: No such file"),
        ({"config": "a\0b"}, "cannot read .*null"),
        ({"config": {"selekt": []}}, r"config\['selekt'\]: unknown key 'selekt'; did you mean select"),
        ({"config": {"select": ["VFS1", "VFS999"]}}, r"config\['select'\]\[1\]: no rule matches 'VFS999'"),
        ({"config": {"severity": {"VFS1": "eror"}}}, r"config\['severity'\]\['VFS1'\]: 'eror' is not"),
        ({"config": {"target": None}}, "found None"),
        ({"qemu_conf": "gone.conf"}, "cannot read gone.conf: No such file"),
        ({"qemu_conf": b"user = [\n"}, "qemu.conf:"),
        ({"host": "gone.json"}, "cannot read gone.json: No such file"),
        ({"host": b"{}"}, "unknown version of the facts"),
        ({"host": {"version": 1, "memory_kib": "a lot"}}, "memory_kib is not a whole number"),
        ({"host": ROOT}, "cannot read .*: Is a directory"),
    ],
)
def test_wrong_values_are_usage_errors(
    given: dict[str, Any], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(vfslint.UsageError, match=expected):
        vfslint.lint_bytes(b"<domain/>", **given)


def test_unreadable_files_are_usage_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.xml", tmp_path, "a\0b"):
        for call in (vfslint.lint_path, lambda path: vfslint.lint_together([path])):
            with pytest.raises(vfslint.UsageError, match="cannot read"):
                call(path)


def test_a_mapping_that_contains_itself() -> None:
    config: dict[str, Any] = {}
    config["severity"] = config
    with pytest.raises(vfslint.UsageError, match="config contains itself"):
        vfslint.lint_bytes(b"<domain/>", config=config)


# What every function promises.

FUNCTIONS = (vfslint.lint_bytes, vfslint.lint_path, vfslint.lint_together, vfslint.fix_bytes)


def test_all_functions_have_the_same_parameters() -> None:
    own = {"data", "path", "files", "filename", "unsafe"}
    parameters = [
        [each for each in inspect.signature(function).parameters.values() if each.name not in own]
        for function in FUNCTIONS
    ]
    assert all(each == parameters[0] for each in parameters)
    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for each in parameters[0])


def test_everything_public_is_listed_typed_and_described() -> None:
    assert sorted(vfslint.__all__) == vfslint.__all__
    for name in vfslint.__all__:
        assert getattr(vfslint, name) is not None
        assert name.startswith("_") or getattr(vfslint, name).__doc__
    with pytest.raises(AttributeError):
        _ = vfslint.nothing  # type: ignore[attr-defined]
    assert (Path(vfslint.__file__).parent / "py.typed").is_file()


SEVERAL = b"<domains>" + ONE + TWO + b"</domains>"


@pytest.mark.parametrize(
    "call",
    [
        *(
            lambda data=data: vfslint.lint_bytes(data)
            for data in (PRIVATE.read_bytes(), NEARLY, SEVERAL, b"", b"<a", b"\xff\xfe<\0", b"<network/>")
        ),
        lambda: vfslint.lint_bytes(b"user = root\nx = [\n", filename="qemu.conf"),
        lambda: vfslint.lint_together({"one.xml": ONE, "two.xml": TWO}),
        lambda: vfslint.fix_bytes(NEARLY),
        lambda: vfslint.fix_bytes(PRIVATE.read_bytes(), unsafe=True),
        lambda: vfslint.lint_bytes(ONE, host=FACTS, qemu_conf=b"user = 'root'\n", config={"ignore": ["VFS8"]}),
    ],
)
def test_no_reference_cycles_are_left(call: Callable[[], object]) -> None:
    """A program that checks many domains must not depend on the garbage collector to free them."""
    call()
    gc.collect()
    gc.disable()
    try:
        call()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_rules_about_a_qemu_conf_or_a_host_run_only_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    run = Results.run

    def spied(self: Results, rules: Iterable[Rule], subjects: Sequence[Any], context: Context) -> bool:
        chosen = list(rules)
        ran.extend(rule.check.__module__.removeprefix("vfslint.rules.") for rule in chosen)
        return run(self, chosen, subjects, context)

    monkeypatch.setattr(Results, "run", spied)
    for given, topics in (({}, ()), ({"qemu_conf": b""}, WITH_QEMU_CONF_TOPICS), ({"host": FACTS}, HOST_TOPICS)):
        ran.clear()
        vfslint.lint_bytes(PRIVATE.read_bytes(), **given)
        assert {*WITH_QEMU_CONF_TOPICS, *HOST_TOPICS} & set(ran) <= set(topics)
        assert bool(topics) == bool(set(topics) & set(ran))


def test_nothing_is_printed_or_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "guest.xml"
    file.write_bytes(NEARLY)
    vfslint.lint_path(file)
    vfslint.fix_bytes(NEARLY, filename=str(file))
    assert capfd.readouterr() == ("", "")
    assert os.listdir(tmp_path) == ["guest.xml"]
    assert file.read_bytes() == NEARLY
