"""Configuration files are found and read, their faults reported with their line, and they can do no harm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.command import vfslint
from tests.config.guest import DOMAIN, FAULTY, found
from vfslint.config import file as configuration
from vfslint.config.nearest import NAMES


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
        ("[target]\nname = 'x'", "2: 'x' is not a valid target; expected, nearest first: arch, "),
        ("session = 'yes'", "1: expected true or false, found a string"),
        ("qemu-conf = 1", "1: expected a path, found a number"),
        ("qemu-conf = '/etc/libvirt/qemu.conf'", "1: '/etc/libvirt/qemu.conf' is outside the folder"),
        ("host-facts = '../facts.json'", "1: '../facts.json' is outside the folder"),
        ("host-facts = 'a/../../facts.json'", "1: 'a/../../facts.json' is outside the folder"),
        ("host-facts = 'link'", "1: 'link' is outside the folder"),
        ('host-facts = "a\\u0000b"', "1: 'a\\x00b' is outside the folder"),
        ("include = '*.xml'", "1: expected a list of strings, found a string"),
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
