"""The shells complete every option, value, rule and file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command import vfslint
from vfslint.cli.completion import script
from vfslint.cli.options import LINT, SHELLS
from vfslint.rules import RULES


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_complete_every_option_and_rule(shell: str) -> None:
    text = vfslint("completion", shell)[1]
    for option in LINT.options:
        for flag in option.flags:
            assert (f"-l {flag[2:]} " if shell == "fish" and flag.startswith("--") else flag) in text
    for rule in RULES:
        assert rule.code in text
        assert rule.name in text
    assert text == script(shell)


def completed(*words: str) -> list[str]:
    """What bash offers for the last word."""
    line = " ".join(f"'{word}'" for word in words)
    code = (
        f"{script('bash')}\ncompopt() {{ :; }}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _vfslint\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    ended = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    return ended.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.usefixtures("folder")
def test_bash_completes() -> None:
    assert completed("vfslint", "--fi") == ["--fix"]
    assert completed("vfslint", "--no-s") == ["--no-session"]
    assert completed("vfslint", "--target", "debian-1") == ["debian-11", "debian-12", "debian-13"]
    assert completed("vfslint", "-q", "--color", "") == ["auto", "always", "never"]
    assert completed("vfslint", "--select", "memory-not-sh") == ["memory-not-shared"]
    assert completed("vfslint", "fau") == ["faulty.xml"]
    assert completed("vfslint", "exp") == ["explain"]
    assert completed("vfslint", "explain", "VFS21") == [r.code for r in RULES if r.code.startswith("VFS21")]
    assert completed("vfslint", "completion", "z") == ["zsh"]
    assert completed("vfslint", "--qemu-conf", "so") == ["sound.xml"]


@pytest.mark.parametrize(
    ("shell", "check"), [("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"]), ("bash", ["bash", "-n"])]
)
def test_scripts_are_sound(folder: Path, shell: str, check: list[str]) -> None:
    if not shutil.which(check[0]):
        pytest.skip(f"{check[0]} is not installed")
    (folder / "script").write_text(script(shell))
    ended = subprocess.run([*check, "script"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
