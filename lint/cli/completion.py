"""The completion scripts for shells, which tools/make_completion.py makes."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "completions"


def script(shell: str) -> str:
    """Return the script for a shell, one of `SHELLS` in vfslint.cli.options."""
    return (_FOLDER / f"vfslint.{shell}").read_text(encoding="utf-8")
