"""Patterns match what git matches, whatever they contain, in a time that does not explode."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from vfslint.patterns import Patterns

PATHS = (
    "a",
    "a.xml",
    "ab",
    "b/a",
    "a/b",
    "a/b/c.xml",
    "x/a/b",
    "c/a.xml/b",
    "abcabc",
    "a b",
    "[",
    "-",
    "a]",
    "!a",
    "#a",
)


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("*.xml", ["a.xml", "a/b/c.xml", "c/a.xml/b"]),
        ("/*.xml", ["a.xml"]),
        ("a/", ["a/b", "a/b/c.xml", "x/a/b"]),
        ("a/**", ["a/b", "a/b/c.xml"]),
        ("**/b", ["b/a", "a/b", "a/b/c.xml", "x/a/b", "c/a.xml/b"]),
        ("a/**/c.xml", ["a/b/c.xml"]),
        ("a*c*c", ["abcabc"]),
        ("\\!a", ["!a"]),
        ("\\#a", ["#a"]),
        ("#a", []),
        ("a\\ b", ["a b"]),
        ("[[:punct:]]", ["[", "-"]),
        ("[]-]", ["-"]),
        ("a[!b]b", ["a b"]),
        ("[z-a]", []),
        ("[--]", ["-"]),
    ],
)
def test_patterns(pattern: str, matched: list[str]) -> None:
    patterns = Patterns([pattern])
    assert [path for path in PATHS if patterns.match(path)] == matched


@pytest.mark.parametrize("pattern", ["!", "/", "//", "a//b"])
def test_a_pattern_that_matches_nothing_is_invalid(pattern: str) -> None:
    with pytest.raises(ValueError, match="empty part"):
        Patterns([pattern])
    assert Patterns.valid_of([pattern, "a"]).match("a")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_agrees(tmp_path: Path) -> None:
    chosen = random.Random(1)
    pieces = ("a", "b", "*", "?", "**", "/", ".xml", "[ab]", "[!a]", "[a-c]", "\\a", "c", "[]a]")
    patterns = sorted({"".join(chosen.choices(pieces, k=chosen.randint(1, 6))) for _ in range(400)})
    asked = []
    for number, pattern in enumerate(patterns):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / ".gitignore").write_text(f"{pattern}\n")
        asked += [f"{number}/{path}" for path in PATHS if not path.startswith(("[", "!"))]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    found = subprocess.run(
        ["git", "-C", str(tmp_path), "check-ignore", "--no-index", "--stdin"],
        input="\n".join(asked), capture_output=True, text=True, encoding="utf-8",
    ).stdout.splitlines()  # fmt: skip
    ours = []
    for path in asked:
        number, _, rest = path.partition("/")
        if Patterns.valid_of([patterns[int(number)]]).match(rest):
            ours.append(path)
    assert {patterns[int(path.split("/")[0])]: path for path in set(found) ^ set(ours)} == {}


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 40 + "b",
        "*" * 200 + "b",
        "**/" * 60 + "b",
        "/".join(["*a*a*a"] * 9) + "x",
        "[a-z]*" * 40 + "1",
        "?*" * 60 + "b",
    ],
)
def test_no_pattern_backtracks(pattern: str) -> None:
    path = "/".join(["a" * 200] * 9)
    # With a plain regular expression, this would not end.
    assert not Patterns([pattern]).match(path)
