"""Walks leave out what git ignores; files that are named are checked all the same."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command import vfslint
from vfslint.files import files_in
from vfslint.gitignore import GitIgnore

FILES = (
    "a.xml build/b.xml build/keep.xml sub/c.xml sub/made.xml sub/deep/made.xml other/made.xml logs/x.xml logs/y/z.xml"
).split()
IGNORED = {
    ".gitignore": "/build/*\n!/build/keep.xml\nmade.xml\nlogs/\n",
    "sub/.gitignore": "!made.xml\n/deep/\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in FILES:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("<domain/>")
    for name, text in IGNORED.items():
        (tmp_path / name).write_text(text)
    (tmp_path / ".git").mkdir()
    return tmp_path


def walked(root: Path) -> list[str]:
    return [Path(path).relative_to(root).as_posix() for path in files_in([str(root)], gitignore=GitIgnore())]


def test_what_git_ignores_is_left_out(repository: Path) -> None:
    assert walked(repository) == ["a.xml", "build/keep.xml", "sub/c.xml", "sub/made.xml"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_agrees(repository: Path) -> None:
    (repository / ".git").rmdir()
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    listed = subprocess.run(
        ["git", "-C", str(repository), "ls-files", "--others", "--exclude-standard", "*.xml"],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert walked(repository) == sorted(listed)


def test_outside_of_a_repository_nothing_is_ignored(repository: Path) -> None:
    (repository / ".git").rmdir()
    assert sorted(walked(repository)) == sorted(FILES)


def test_files_above_the_folder_count_up_to_the_top_of_the_repository(repository: Path) -> None:
    paths = [Path(path).name for path in files_in([str(repository / "other")], gitignore=GitIgnore())]
    assert paths == []


def test_an_ignored_file_that_is_named_is_checked(repository: Path) -> None:
    assert list(files_in([str(repository / "build/b.xml")], gitignore=GitIgnore())) == [str(repository / "build/b.xml")]


def test_no_ignore_checks_everything(repository: Path) -> None:
    assert "4 files checked" in vfslint(str(repository))[1]
    assert f"{len(FILES)} files checked" in vfslint("--no-ignore", str(repository))[1]


def test_a_gitignore_that_is_broken_or_a_link_is_passed_over(repository: Path) -> None:
    (repository / ".gitignore").write_bytes(b"\xff\xfe[\n\0")
    (repository / "sub/.gitignore").unlink()
    (repository / "sub/.gitignore").symlink_to("/etc/passwd")
    assert sorted(walked(repository)) == sorted(FILES)
