"""The Python interface: pure, picklable, the same in every thread."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import vfslint
from tests.paths import ROOT
from vfslint.distributions import NAMED

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


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        vfslint.lint_path(tmp_path / "gone.xml")


def test_threads_do_not_disturb_each_other() -> None:
    files = sorted((ROOT / "examples").glob("*/*.xml")) * 10
    alone = [vfslint.lint_path(file) for file in files]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(vfslint.lint_path, files)) == alone
