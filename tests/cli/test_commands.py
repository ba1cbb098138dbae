"""Small commands, and what vfslint says when there is nothing to say."""

import json
import re
from pathlib import Path

import pytest

from tests.command import vfslint
from vfslint.distributions import NAMED, STACKS
from vfslint.targets import impossible


def test_targets_are_listed() -> None:
    status, out, _ = vfslint("targets")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(STACKS)
    [debian] = [line for line in out.splitlines() if line.startswith("debian-12 ")]
    assert all(part in debian for part in ("9.0.0", "7.2.0", "QEMU's own", "2026-11", "Debian package index"))
    listed = json.loads(vfslint("targets", "--format", "json")[1])
    assert listed["debian-13"].items() >= {"libvirt": "11.3.0", "qemu": "10.0.0", "virtiofsd": "1.13.2"}.items()
    assert listed["rhel-9"]["aliases"] == ["almalinux-9", "rocky-9"]
    assert all(row["source"] and re.fullmatch(r"20\d\d-\d\d", row["date"]) for row in listed.values())


def test_other_names_of_a_target_stand_for_it() -> None:
    assert NAMED["rocky-9"] == NAMED["rhel-9"]
    assert len(NAMED) == len(STACKS) + sum(len(stack.aliases) for stack in STACKS.values())


def test_unknown_target_gets_the_list_with_the_nearest_first() -> None:
    status, _, errors = vfslint("--target", "debian-14", "x.xml")
    assert status == 2
    names = errors.partition("nearest first: ")[2].partition(")")[0].split(", ")
    assert set(names) == set(NAMED)
    assert set(names[:3]) == {"debian-11", "debian-12", "debian-13"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--virtiofsd", "none"), "has no virtiofsd of its own"),
        (("--target", "debian-13", "--virtiofsd", "7.2.22"), "QEMU 10.0.0 has no virtiofsd of its own"),
        (("--libvirt", "11.3", "--qemu", "5.2"), "libvirt 11.3.0 requires QEMU 6.2.0 or newer, not 5.2.0"),
        (("--libvirt", "9.0", "--qemu", "4.1"), "libvirt 9.0.0 requires QEMU 4.2.0 or newer, not 4.1.0"),
        (("--libvirt", "9.0", "--qemu", "7.2", "--virtiofsd", "1.5.0"), ""),
        (("--target", "debian-12", "--virtiofsd", "7.2.22"), ""),
    ],
)
def test_releases_that_cannot_run_together_are_named(tmp_path: Path, options: tuple[str, ...], reason: str) -> None:
    (tmp_path / "a.xml").write_text("<domain type='kvm'><name>a</name></domain>")
    errors = vfslint("--isolated", *options, str(tmp_path / "a.xml"))[2]
    assert (reason in errors) if reason else (errors == "")


@pytest.mark.parametrize("target", STACKS)
def test_every_target_can_run(target: str) -> None:
    assert impossible(STACKS[target].target) is None


def test_rules_are_listed_by_the_beginning_of_their_names() -> None:
    out = vfslint("rules", "mount-tag", "VFS101")[1]
    names = [line.split()[1] for line in out.splitlines()]
    assert {"mount-tag-too-long", "memory-not-shared"} <= set(names)
    assert all(name.startswith("mount-tag") or name == "memory-not-shared" for name in names)
    assert vfslint("rules", "nonsense")[0] == 2


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["rulez"], "rules"),
        (["Rules"], "rules"),
        # Its options are not those of the command that lints.
        (["explian", "--for", "a.xml", "VFS101"], "explain"),
        (["targts", "--format", "json"], "targets"),
        (["help"], "--help"),
        (["version"], "--version"),
    ],
)
def test_a_misspelled_command_is_recognized(argv: list[str], meant: str) -> None:
    expected = f"vfslint: {argv[0]} is neither a file nor a command; did you mean vfslint {meant}?\n"
    assert vfslint(*argv) == (2, "", expected)


@pytest.mark.parametrize("word", ["rulez", "help"])
def test_a_file_that_is_named_like_a_command_is_checked(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / word).write_text("<network/>")
    assert vfslint(word)[0] == 0


def test_a_folder_without_files_to_check_is_not_called_clean(tmp_path: Path) -> None:
    assert vfslint(str(tmp_path)) == (0, "nothing was checked · 0 files checked\n", "")


@pytest.mark.parametrize("form", ["concise", "json", "sarif", "github"])
def test_formats_for_programs_say_on_standard_error_that_nothing_was_checked(tmp_path: Path, form: str) -> None:
    said = "vfslint: nothing was checked · 0 files checked\n"
    assert vfslint("--format", form, str(tmp_path))[::2] == (0, said)
    assert vfslint("--format", form, "--quiet", str(tmp_path))[2] == ""
    (tmp_path / "n.xml").write_text("<network/>")
    said = "vfslint: nothing was checked · 0 files checked · 1 file is not a libvirt domain\n"
    assert vfslint("--format", form, str(tmp_path))[::2] == (0, said)


def test_standard_input_can_be_named_without_a_hyphen() -> None:
    xml = "<domain type='kvm'><name>a</name></domain>"
    assert vfslint("--stdin-filename", "a.xml", stdin=xml) == vfslint("--stdin-filename", "a.xml", "-", stdin=xml)
    assert "a.xml:1:" in vfslint("--stdin-filename", "a.xml", stdin=xml)[1]


def test_unsafe_fixes_are_counted_beside_safe_ones() -> None:
    xml = (
        "<domain type='kvm'><name>a</name><memory>1048576</memory><os><type machine='q35'>hvm</type></os><devices>"
        "<filesystem accessmode='mapped'><driver type='virtiofs'/><source dir='/s'/><target dir='t'/></filesystem>"
        "</devices></domain>"
    )
    assert vfslint("-", stdin=xml)[1].endswith("1 fixable with --fix · 1 with --unsafe-fixes\n")
