"""Set up a virtual environment in .venv and run a task in it: `python3 dev.py examples`, `python3 dev.py test`.

This needs only Python and git, and does not touch the system's Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
HOME = ROOT / ".venv"
BIN = HOME / ("Scripts" if os.name == "nt" else "bin")
TOOLS = ("import-linter>=2", "lxml-stubs>=0.5", "mypy>=1.11", "ruff>=0.6")


def run(*command: str | Path) -> int:
    """Run a command in the environment; return its exit status."""
    return subprocess.run([str(word) for word in command], cwd=ROOT, check=False).returncode


def must(*command: str | Path) -> None:
    """Run a command; exit if it fails."""
    status = run(*command)
    if status:
        sys.exit(status)


def install(*requirements: str) -> None:
    """Create the environment if it is missing, and install the current state of this checkout into it."""
    if not (BIN / "python").exists() and not (BIN / "python.exe").exists():
        print("dev.py: creating a virtual environment in .venv", flush=True)
        venv.create(HOME, with_pip=True)
    pip = (BIN / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    must(*pip, *requirements)
    # The dependencies are installed now; the checkout itself is reinstalled every time. A previous build of setuptools
    # can contain modules that no longer exist.
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)
    must(*pip, "--no-deps", "--force-reinstall", ".")


def examples() -> int:
    """Lint the bundled examples, with and without mistakes."""
    install(".")
    status = run(BIN / "vfslint", "examples")
    return 0 if status == 1 else status or 1


def test(arguments: list[str]) -> int:
    """Run the whole test suite."""
    install(".[test]")
    return run(BIN / "python", "-m", "pytest", *arguments)


def check() -> int:
    """Check formatting, lint rules, layers and types."""
    install(".[test]", *TOOLS)
    must(BIN / "ruff", "format", "--check", ".")
    must(BIN / "ruff", "check", ".")
    must(BIN / "lint-imports", "--no-cache")
    return run(BIN / "mypy")


def docs() -> int:
    """Build the documentation in strict mode, into site/."""
    install(".[docs]")
    return run(BIN / "python", "-m", "tools.make_docs")


def main(words: list[str]) -> int:
    """Run the task that the first argument names."""
    match words:
        case ["examples"]:
            return examples()
        case ["test", *arguments]:
            return test(arguments)
        case ["check"]:
            return check()
        case ["docs"]:
            return docs()
    print("usage: python3 dev.py examples | test [PYTEST OPTION…] | check | docs", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
