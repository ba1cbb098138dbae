"""Small commands, and what vfslint says when there is nothing to say."""

import json
from pathlib import Path

from tests.command import vfslint
from vfslint.targets import NAMED


def test_targets_are_listed() -> None:
    status, out, _ = vfslint("targets")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(NAMED)
    assert "debian-12     9.0.0     7.2.0    QEMU's own\n" in out
    listed = json.loads(vfslint("targets", "--format", "json")[1])
    assert listed["debian-13"] == {"libvirt": "11.3.0", "qemu": "10.0.0", "virtiofsd": "1.13.2"}


def test_rules_are_listed_by_the_beginning_of_their_names() -> None:
    out = vfslint("rules", "mount-tag", "VFS101")[1]
    names = [line.split()[1] for line in out.splitlines()]
    assert {"mount-tag-too-long", "memory-not-shared"} <= set(names)
    assert all(name.startswith("mount-tag") or name == "memory-not-shared" for name in names)
    assert vfslint("rules", "nonsense")[0] == 2


def test_a_misspelled_command_is_recognized(tmp_path: Path) -> None:
    status, out, errors = vfslint("rulez")
    assert status == 2
    assert "did you mean the command vfslint rules?" in errors
    assert "no problems found" not in out


def test_a_folder_without_files_to_check_is_not_called_clean(tmp_path: Path) -> None:
    assert vfslint(str(tmp_path)) == (0, "nothing was checked · 0 files checked\n", "")


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
