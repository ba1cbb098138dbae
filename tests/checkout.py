"""Copies this checkout as it is now, for tests that build or install it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import ROOT


def copy_checkout(folder: Path) -> None:
    """Copy every file that git does not ignore, uncommitted changes and new files included."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("needs git and a checkout")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.check_output(listing, cwd=ROOT, encoding="utf-8").split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
