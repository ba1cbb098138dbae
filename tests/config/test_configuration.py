"""Configuration files: found, read, checked, obeyed, and unable to do harm."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path

import jsonschema
import pytest

from tools import make_configuration_schema
from vfslint.cli.lint import Check, Streams
from vfslint.cli.main import main
from vfslint.cli.options import LINT, read
from vfslint.config import file as configuration
from vfslint.config.file import CHECKS
from vfslint.config.keys import KEYS
from vfslint.config.nearest import NAMES
from vfslint.config.profile import Profile, Resolver
from vfslint.config.toml_lines import lines_of
from vfslint.findings import Severity
from vfslint.schemas import HERE
from vfslint.targets import NAMED
from vfslint.usage import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LONG = "the-shared-directory-of-the-build-farm"
DOMAIN = f"""\
<domain type='kvm'>
  <name>example</name>
  <memory unit='GiB'>2</memory>
  <vcpu>8</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <devices>
    <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='{LONG}'/></filesystem>
  </devices>
</domain>
"""


def vfslint(*argv: str, stdin: str = "") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(argv, io.StringIO(stdin), out, err)
    return status, out.getvalue(), err.getvalue()


def found(*argv: str, stdin: str = "") -> list[str]:
    """The severity and code of each finding."""
    _, out, err = vfslint("--format", "concise", *argv, stdin=stdin)
    assert err == ""
    return re.findall(r"(\w+\[\w+\])", out)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "guests").mkdir()
    (tmp_path / "guests" / "web.xml").write_text(DOMAIN)
    return tmp_path


FAULTY = ["error[VFS216]"]


def test_without_a_configuration_every_rule_is_asked(folder: Path) -> None:
    assert found("guests/web.xml") == FAULTY


# which file counts


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("vfslint.toml", "ignore = ['VFS216']"),
        (".vfslint.toml", "ignore = ['VFS216']"),
        ("pyproject.toml", "[tool.vfslint]\nignore = ['VFS216']"),
    ],
)
@pytest.mark.parametrize("where", [".", "guests"])
def test_it_is_found_above_the_file(folder: Path, name: str, text: str, where: str) -> None:
    (folder / where / name).write_text(text)
    assert found("guests/web.xml") == []
    assert found(".") == []
    assert found(str(folder / "guests")) == []


def test_the_nearest_to_the_file_counts_alone_not_the_one_of_the_working_folder(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("ignore = ['VFS216']")
    (folder / "guests" / "vfslint.toml").write_text("severity.VFS216 = 'note'")
    (folder / "web.xml").write_text(DOMAIN)
    assert found("guests/web.xml", "web.xml") == ["note[VFS216]"]


def test_in_one_folder_the_hidden_one_comes_first_and_pyproject_last(folder: Path) -> None:
    for name, level in zip(NAMES, ("error", "warning", "note"), strict=True):
        table = "[tool.vfslint.severity]" if name == "pyproject.toml" else "[severity]"
        (folder / name).write_text(f"{table}\nVFS216 = '{level}'")
    for name, level in zip(NAMES, ("error", "warning", "note"), strict=True):
        assert found("guests/web.xml") == [f"{level}[VFS216]"]
        (folder / name).unlink()


def test_a_pyproject_of_others_is_passed_over(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("ignore = ['VFS216']")
    for text in ("[tool.black]", "[project]\nname = 'vfslint'", "[tool]\n# vfslint\n"):
        (folder / "guests" / "pyproject.toml").write_text(text)
        assert found("guests/web.xml") == []
    (folder / "guests" / "pyproject.toml").write_text("this is no TOML")
    assert found("guests/web.xml") == []


def test_standard_input_has_the_configuration_of_its_name_or_of_the_working_folder(folder: Path) -> None:
    (folder / "guests" / "vfslint.toml").write_text("ignore = ['VFS216']")
    assert found("-", stdin=DOMAIN) == FAULTY
    assert found("--stdin-filename", "guests/new.xml", "-", stdin=DOMAIN) == []
    (folder / "vfslint.toml").write_text("ignore = ['VFS216']")
    assert found("-", stdin=DOMAIN) == []


def test_one_can_be_named_or_all_be_passed_over(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("ignore = ['VFS216']")
    (folder / "other.toml").write_text("severity.VFS216 = 'note'")
    assert found("--config", "other.toml", "guests/web.xml") == ["note[VFS216]"]
    assert found("--isolated", "guests/web.xml") == FAULTY


def test_one_that_is_named_has_to_be_there(folder: Path) -> None:
    assert vfslint("--config", "none.toml", "guests/web.xml") == (
        2,
        "",
        "vfslint: cannot read none.toml: No such file or directory\n",
    )
    (folder / "pyproject.toml").write_text("")
    assert vfslint("--config", "pyproject.toml", "guests/web.xml") == (
        2,
        "",
        "vfslint: pyproject.toml has no [tool.vfslint]\n",
    )


# what it says


def profile(path: str, *argv: str) -> Profile:
    return Resolver(read(LINT, [*argv, path])).profile(path)


def configured(folder: Path, text: str) -> list[str]:
    (folder / "vfslint.toml").write_text(text)
    return found("guests/web.xml")


def test_select_and_ignore(folder: Path) -> None:
    assert configured(folder, "select = ['VFS1']") == []
    assert configured(folder, "select = ['mount-tag-too-long']") == FAULTY
    assert configured(folder, "select = ['VFS2']\nignore = ['VFS21']") == []
    assert configured(folder, "") == FAULTY


def test_severity_and_the_more_exact_word_counts(folder: Path) -> None:
    assert configured(folder, "[severity]\nVFS216 = 'warning'") == ["warning[VFS216]"]
    assert configured(folder, "[severity]\nVFS216 = 'off'") == []
    both = ["VFS2 = 'off'", "mount-tag-too-long = 'note'"]
    for lines in (both, both[::-1]):
        assert configured(folder, "\n".join(["[severity]", *lines])) == ["note[VFS216]"]


def test_severity_decides_the_exit_status(folder: Path) -> None:
    configured(folder, "[severity]\nVFS216 = 'note'")
    assert vfslint("guests/web.xml")[0] == 0
    configured(folder, "fail-on = 'note'\n[severity]\nVFS216 = 'note'")
    assert vfslint("guests/web.xml")[0] == 1
    assert vfslint("guests/web.xml", "--fail-on", "warning")[0] == 0
    configured(folder, "fail-on = 'never'")
    assert vfslint("guests/web.xml")[0] == 0


def test_fail_on_is_that_of_the_file(folder: Path) -> None:
    (folder / "guests" / "vfslint.toml").write_text("fail-on = 'never'")
    (folder / "web.xml").write_text(DOMAIN)
    assert vfslint("guests/web.xml")[0] == 0
    assert vfslint("guests/web.xml", "web.xml")[0] == 1


def test_per_file_ignores(folder: Path) -> None:
    (folder / "web.xml").write_text(DOMAIN)
    for pattern, expected in {
        "guests/": 1,
        "guests/*.xml": 1,
        "/web.xml": 1,
        "web.xml": 0,
        "*.xml": 0,
        "**/guests/**": 1,
        "x": 2,
    }.items():
        (folder / "vfslint.toml").write_text(f"[per-file-ignores]\n'{pattern}' = ['VFS216']")
        assert len(found("guests/web.xml", "web.xml")) == expected, pattern


def test_target_and_session(folder: Path) -> None:
    (folder / "guests" / "web.xml").write_text(DOMAIN.replace(LONG, "data"))

    def holds(text: str) -> list[str]:
        (folder / "vfslint.toml").write_text(text)
        lines = vfslint("config", "guests/web.xml")[1].splitlines()
        return [" ".join(line.split()) for line in lines if line.startswith(("target", "session"))]

    assert holds("target = 'debian-12'\nsession = true") == [
        f"target {NAMED['debian-12']} vfslint.toml:1",
        "session yes vfslint.toml:2",
    ]
    assert holds("[target]\nlibvirt = '9.0.0'\nvirtiofsd = 'none'")[0] == (
        "target libvirt 9.0.0, QEMU 7.2.0, QEMU's own virtiofsd vfslint.toml:1"
    )
    assert holds("[target]\nname = 'rhel-9'\nqemu = '9.2'")[0] == (
        "target libvirt 10.10.0, QEMU 9.2.0, virtiofsd 1.13.0 vfslint.toml:1"
    )


def test_include_and_exclude(folder: Path) -> None:
    (folder / "web.xml").write_text(DOMAIN)
    (folder / "web.domain").write_text(DOMAIN)
    for text, expected in {
        "": ["./guests/web.xml", "./web.xml"],
        "exclude = ['guests']": ["./web.xml"],
        "exclude = ['guests/']": ["./web.xml"],
        "exclude = ['/web.xml']": ["./guests/web.xml"],
        "exclude = ['*.xml', '!guests/web.xml']": ["./guests/web.xml"],
        "include = ['*.domain']": ["./web.domain"],
        "include = ['*.domain', '/*.xml']": ["./web.domain", "./web.xml"],
    }.items():
        (folder / "vfslint.toml").write_text(text)
        lines = vfslint("--format", "concise", "--select", "VFS216", ".")[1].splitlines()
        assert sorted(line.split(":")[0] for line in lines) == expected, text


def test_what_is_excluded_is_checked_where_it_is_named_unless_forced(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("exclude = ['guests']")
    assert found("guests/web.xml") == FAULTY
    assert vfslint("--force-exclude", "-v", "guests/web.xml") == (
        0,
        "no problems found · 0 files checked · 1 skipped\n",
        "vfslint: skipped guests/web.xml: the configuration excludes it\n",
    )


def test_the_command_line_comes_first(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("ignore = ['VFS216']\ntarget = 'debian-12'")
    assert found("guests/web.xml", "--select", "VFS216") == FAULTY
    (folder / "vfslint.toml").write_text("[severity]\nVFS216 = 'off'")
    assert found("guests/web.xml", "--select", "VFS2") == FAULTY
    (folder / "vfslint.toml").write_text("select = ['VFS2']")
    assert found("guests/web.xml", "--ignore", "VFS216") == []


# what is wrong with it


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("selct = ['VFS1']", "1: unknown key 'selct'; did you mean select?"),
        ("\nnonsense = 1", "2: unknown key 'nonsense'"),
        ("select = 'VFS1'", "1: expected a list of strings, found a string"),
        ("select = [\n  'VFS1',\n  7,\n]", "3: expected a string, found a number"),
        (
            "select = [\n  'VFS1',\n  'memory-not-shard',\n]",
            "3: no rule matches 'memory-not-shard'; did you mean memory-not-shared?",
        ),
        ("ignore = ['VFS999']", "1: no rule matches 'VFS999'"),
        ("severity = 'error'", "1: expected a table of rules and severities, found a string"),
        (
            "[severity]\nVFS216 = 'eror'",
            "2: 'eror' is not a valid severity; did you mean error?",
        ),
        ("[severity]\nVFS216 = 1", "2: expected a string, found a number"),
        ("[severity]\nVFS999 = 'off'", "2: no rule matches 'VFS999'"),
        ("\nseverity = { VFS216 = }\n", "2: invalid TOML: "),
        ("per-file-ignores = ['x']", "1: expected a table of file patterns and rules, found a list"),
        ("[per-file-ignores]\n'*.xml' = 'VFS1'", "2: expected a list of strings, found a string"),
        ("[per-file-ignores]\n'*.xml' = ['nope']", "2: no rule matches 'nope'"),
        ("target = 'debain-12'", "1: 'debain-12' is not a valid target; did you mean debian-12?"),
        ("[target]\nlibvrt = '9.0.0'", "2: unknown key 'libvrt'; did you mean libvirt?"),
        ("[target]\nlibvirt = 9.0", "2: expected a version in quotes, found a number"),
        ("[target]\nlibvirt = 'nine'", "2: 'nine' is not a version such as 9.0.0"),
        ("[target]\nname = 'x'", "2: 'x' is not a valid target; expected newest, oldest, "),
        ("session = 'yes'", "1: expected true or false, found a string"),
        ("qemu-conf = 1", "1: expected a path, found a number"),
        ("qemu-conf = '/etc/libvirt/qemu.conf'", "1: '/etc/libvirt/qemu.conf' is outside the folder"),
        ("host-facts = '../facts.json'", "1: '../facts.json' is outside the folder"),
        ("host-facts = 'a/../../facts.json'", "1: 'a/../../facts.json' is outside the folder"),
        ("host-facts = 'link'", "1: 'link' is outside the folder"),
        ('host-facts = "a\\u0000b"', "1: 'a\\x00b' is outside the folder"),
        ("include = '*.xml'", "1: expected a list of strings, found a string"),
        ("exclude = ['a', '*a*b*c*d*']", "1: the pattern '*a*b*c*d*' has too many asterisks"),
        ("exclude = ['!']", "1: '!' is not a valid .gitignore pattern"),
        ("fail-on = 'warn'", "1: 'warn' is not a valid fail-on; expected error, warning, note or never"),
        ("fail-on = 1979-05-27", "1: expected a string, found a date or time"),
        ("ignore = [\n'VFS1'", "2: invalid TOML: "),
        ("a = 1\na = 2", "2: invalid TOML: "),
        ("a = " + "[" * 10_000, "1: nested too deeply"),
    ],
)
def test_faults_are_reported_with_their_line(folder: Path, text: str, expected: str) -> None:
    (folder / "link").symlink_to("/etc")
    (folder / "vfslint.toml").write_text(text)
    status, out, err = vfslint("guests/web.xml")
    assert (status, out) == (2, "")
    assert err.startswith(f"vfslint: vfslint.toml:{expected.replace(chr(0), '')}")
    assert err.count("\n") == 1


def test_all_faults_are_reported_at_once(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("a = 1\nb = 2\n")
    assert vfslint("guests/web.xml")[2] == (
        "vfslint: vfslint.toml:1: unknown key 'a'\nvfslint: vfslint.toml:2: unknown key 'b'\n"
    )


def test_lines_of_a_pyproject_are_those_of_its_table(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[project]\nselct = 1\n\n[tool.vfslint]\nfail-on = 'never'\nselct = 1\n")
    assert vfslint("guests/web.xml")[2] == ("vfslint: pyproject.toml:6: unknown key 'selct'; did you mean select?\n")
    (folder / "pyproject.toml").write_text("[tool]\nvfslint = 1\n")
    assert vfslint("guests/web.xml")[2] == "vfslint: pyproject.toml:1: [tool.vfslint] is not a table\n"


def test_other_encodings_and_sizes_are_reported(folder: Path) -> None:
    (folder / "vfslint.toml").write_bytes("# größe\nignore = []".encode("latin-1"))
    assert vfslint("guests/web.xml")[2] == "vfslint: vfslint.toml:1: not valid UTF-8, as TOML requires\n"
    (folder / "vfslint.toml").write_bytes(b"#" * (configuration.MAXIMUM_BYTES + 1))
    assert vfslint("guests/web.xml")[2] == "vfslint: vfslint.toml:1: larger than 1048576 bytes\n"


def test_paths_start_at_the_folder_of_the_configuration(folder: Path) -> None:
    (folder / "guests" / "my.conf").write_text('memory_backing_dir = "/dev/shm"\n')
    (folder / "guests" / "vfslint.toml").write_text("qemu-conf = 'my.conf'")
    conf = profile("guests/web.xml").context.conf
    assert conf is not None
    assert conf.source.name == "guests/my.conf"
    assert conf.text("memory_backing_dir") == "/dev/shm"


def test_what_is_named_but_cannot_be_read_is_reported(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("qemu-conf = 'my.conf'")
    assert vfslint("guests/web.xml") == (
        2,
        "",
        "vfslint: cannot read my.conf: No such file or directory\n",
    )
    (folder / "my.conf").write_text("\nuser = \n")
    assert vfslint("guests/web.xml")[2] == "vfslint: my.conf:2: expecting a value\n"
    (folder / "vfslint.toml").write_text("host-facts = 'my.conf'")
    status, out, err = vfslint("guests/web.xml")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("vfslint: my.conf: ")


# the schema


SCHEMA = json.loads((Path(HERE) / "configuration.schema.json").read_text())


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_is_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_configuration_schema.main(["--check"]) == 0, "run python tools/make_configuration_schema.py"
    monkeypatch.setattr(make_configuration_schema, "SCHEMA", tmp_path / "schema.json")
    (tmp_path / "schema.json").write_text("")
    assert make_configuration_schema.main(["--check"]) == 1
    assert make_configuration_schema.main([]) == 0
    assert make_configuration_schema.main(["--check"]) == 0


def test_every_key_has_a_type_that_is_checked() -> None:
    assert {key.type for key in KEYS.values()} == set(CHECKS)


def test_an_option_overrides_each_key_that_says_so() -> None:
    options = {option.name for option in LINT.options}
    assert {key.name for key in KEYS.values() if key.option} == options & set(KEYS)


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("", True),
        ("select = ['VFS1', 'memory-not-shared']\nfail-on = 'note'", True),
        ("[target]\nlibvirt = '9.0'\nvirtiofsd = 'none'", True),
        ("[severity]\nVFS1 = 'off'\n[per-file-ignores]\n'*.xml' = ['VFS2']", True),
        ("session = true\nqemu-conf = 'a/b'\ninclude = []\nexclude = ['a']", True),
        ("selct = []", False),
        ("select = 'VFS1'", False),
        ("target = 'x'", False),
        ("[target]\nlibvirt = 9.0", False),
        ("[severity]\nVFS1 = 'bad'", False),
        ("qemu-conf = '/etc'", False),
    ],
)
def test_the_schema_agrees_with_the_reader(folder: Path, text: str, sound: bool) -> None:
    (folder / "vfslint.toml").write_text(text)
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(tomllib.loads(text)) is sound
    try:
        configuration.read("vfslint.toml")
    except UsageError:
        assert not sound
    else:
        assert sound


# vfslint config


def test_config_shows_what_applies_and_from_where(folder: Path) -> None:
    (folder / "vfslint.toml").write_text(
        "ignore = ['VFS1']\nfail-on = 'note'\nexclude = ['x']\n\n"
        "[severity]\nVFS216 = 'note'\n\n[per-file-ignores]\n'guests/' = ['VFS3']\n"
    )
    assert vfslint("config", "--target", "debian-12", "guests/web.xml") == (
        0,
        """\
guests/web.xml: vfslint.toml
select                    all                                              default
ignore                    VFS1                                             vfslint.toml:1
severity VFS216           note                                             vfslint.toml:6
per-file-ignores guests/  VFS3                                             vfslint.toml:9
target                    libvirt 9.0.0, QEMU 7.2.0, QEMU's own virtiofsd  --target debian-12
session                   no                                               default
qemu-conf                 none                                             default
host                      none                                             default
fail-on                   note                                             vfslint.toml:2
exclude                   x                                                vfslint.toml:3
""",
        "",
    )


def test_config_as_json(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("ignore = ['VFS1']")
    told = json.loads(vfslint("config", "--format", "json", "--ignore", "VFS2", "guests/web.xml")[1])
    assert told["configuration"] == "vfslint.toml"
    assert told["values"]["ignore"] == {
        "value": ["VFS1", "VFS2"],
        "origin": "vfslint.toml:1 and --ignore",
    }


def test_config_requires_one_file() -> None:
    assert vfslint("config") == (2, "", "vfslint: name one file (see vfslint config --help)\n")
    assert vfslint("config", "--help")[0] == 0


# lines of keys


def test_lines_of_keys() -> None:
    text = '''\
# comment = 1
select = ["VFS1",
  # no = 1
  "x]y", """a
b""", 'z']
target.libvirt = "9.0.0"
[severity]
VFS101 = "off"
"a.b" = {x = 1.5, y = [ {z=1},
 2]}
[[tool."v f".x]]
d = 1979-05-27 07:32:00
'''
    assert {".".join(key): line for key, line in lines_of(text).items()} == {
        "select": 2,
        "select.0": 2,
        "select.1": 4,
        "select.2": 4,
        "select.3": 5,
        "target": 6,
        "target.libvirt": 6,
        "severity": 7,
        "severity.VFS101": 8,
        "severity.a.b": 9,
        "severity.a.b.x": 9,
        "severity.a.b.y": 9,
        "severity.a.b.y.0": 9,
        "severity.a.b.y.0.z": 9,
        "severity.a.b.y.1": 10,
        "tool": 11,
        "tool.v f": 11,
        "tool.v f.x": 11,
        "tool.v f.x.d": 12,
    }


def test_many_files_in_one_folder_read_its_configuration_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (folder / "guests" / f"{number}.xml").write_text(DOMAIN.replace("example", f"guest{number}"))
    (folder / "vfslint.toml").write_text("ignore = ['VFS216']")
    reads = []

    def counted(file: str) -> configuration.Configuration | None:
        reads.append(os.path.basename(file))
        return original(file)

    original = configuration.read
    monkeypatch.setattr(configuration, "read", counted)
    assert found(".") == []
    assert reads == ["vfslint.toml"]


# profiles


def test_a_profile_holds_what_applies_to_a_file_and_is_frozen(folder: Path) -> None:
    (folder / "vfslint.toml").write_text(
        "select = ['VFS2']\ntarget = 'debian-12'\nsession = true\nfail-on = 'error'\n[severity]\nVFS216 = 'note'"
    )
    found = profile("guests/web.xml", "--ignore", "VFS21,VFS22", "--strict-root")
    assert {rule.code[:4] for rule in found.rules} == {"VFS2"}
    assert not any(rule.code.startswith(("VFS21", "VFS22")) for rule in found.rules)
    assert dict(found.severities) == {"VFS216": Severity.NOTE}
    assert found.context.target == NAMED["debian-12"]
    assert found.context.session
    assert found.strict_root
    assert found.fails(Severity.ERROR)
    assert not found.fails(Severity.WARNING)
    with pytest.raises(AttributeError):
        found.strict_root = False  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.severities["VFS216"] = Severity.ERROR  # type: ignore[index]


def test_files_with_the_same_configuration_share_a_profile(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("[per-file-ignores]\n'guests/c.xml' = ['VFS216']")
    resolver = Resolver(read(LINT, []))
    first = resolver.profile("guests/a.xml")
    assert resolver.profile("guests/b.xml") is resolver.profile("d.xml") is first
    assert resolver.profile("guests/c.xml") is not first
    assert resolver.profile("guests/qemu.conf") is not first
    assert resolver.guard("guests/c.xml") is resolver.guard("guests/a.xml")
    assert any(rule.code == "VFS216" for rule in resolver.guard("guests/c.xml").rules)


def test_a_faulty_configuration_is_reported_before_any_file_is_linted(folder: Path) -> None:
    (folder / "a.xml").write_text(DOMAIN)
    (folder / "guests" / "vfslint.toml").write_text("fail-on = 'x'")
    before = (folder / "a.xml").read_bytes()
    status, out, err = vfslint("--fix", "--unsafe-fixes", "a.xml", "guests/web.xml")
    assert (status, out) == (2, "")
    assert err.startswith("vfslint: guests/vfslint.toml:1: 'x' is not a valid fail-on")
    assert (folder / "a.xml").read_bytes() == before


def test_a_finding_in_a_qemu_conf_counts_if_any_file_says_so(folder: Path) -> None:
    (folder / "my.conf").write_text('user = "qemu"\n')
    (folder / "guests" / "vfslint.toml").write_text("fail-on = 'never'")
    (folder / "web.xml").write_text(DOMAIN)
    for paths, expected in ((["guests/web.xml"], False), (["guests/web.xml", "web.xml"], True)):
        check = Check(read(LINT, ["--qemu-conf", "my.conf", *paths]), Streams(sys.stdin, sys.stdout, sys.stderr))
        check.resolve(paths)
        assert check.fails("my.conf", Severity.ERROR) is expected
        assert not check.fails("guests/web.xml", Severity.ERROR)
    assert profile("web.xml", "--exit-zero").fail_on is None


def test_ignored_rules_of_the_configuration_and_the_command_line_add_up(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("ignore = ['VFS1']\n[severity]\nVFS3 = 'off'")
    starts = {rule.code[:4] for rule in profile("a.xml", "--ignore", "VFS2").rules}
    assert starts.isdisjoint({"VFS1", "VFS2", "VFS3"})
    assert starts
    assert {rule.code[:4] for rule in profile("a.xml", "--select", "VFS1,VFS3").rules} == {"VFS1", "VFS3"}


def test_the_host_or_the_configuration_gives_the_target_and_the_command_line_changes_it(folder: Path) -> None:
    (folder / "host.json").write_text('{"version": 1, "libvirt": "9.0.0", "qemu": "7.2.0"}')
    assert profile("a.xml", "--host-facts", "host.json").context.target.libvirt == (9, 0, 0)
    assert profile("a.xml", "--host-facts", "host.json", "--qemu", "8.0").context.target[:2] == ((9, 0, 0), (8, 0, 0))
    (folder / "vfslint.toml").write_text("target = 'rhel-10'\nhost-facts = 'host.json'")
    assert profile("a.xml").context.target == NAMED["rhel-10"]
    assert profile("a.xml", "--virtiofsd", "none").context.target.virtiofsd is None


def test_an_option_is_checked_even_if_there_is_no_file(folder: Path) -> None:
    (folder / "empty").mkdir()
    for argv in (["--libvirt", "nine"], ["--select", "VFS999"], ["--config", "none.toml"]):
        assert vfslint(*argv, "empty")[0] == 2, argv
