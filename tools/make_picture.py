"""Makes the picture in the README: the output of vfslint for two of the examples, as SVG.

`python tools/make_picture.py` writes docs/output.svg; a test checks that it is up to date.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vfslint.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "output.svg"
SHOWN = ("examples/faulty/private-memory.xml", "examples/faulty/closed-twice.xml")
WIDTH = 112


def picture() -> str:
    """Return the SVG of a run over the shown examples, from the repository's root."""
    printed = io.StringIO()
    main(["--isolated", "--color=always", *SHOWN], sys.stdin, printed, sys.stderr)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"$ vfslint {' '.join(SHOWN)}\n" + printed.getvalue()))
    return console.export_svg(title="vfslint", unique_id="vfslint")


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
