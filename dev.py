"""Set up a virtual environment in .venv and run a task in it: `python3 dev.py examples`, `python3 dev.py test`.

This needs only Python and git, and does not touch the system's Python. The grammar is that of Python 3.6, so that an
older Python can say that it is too old.
"""

import os
import sys

if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit(f"dev.py: vfslint requires Python 3.10 or newer, but {sys.executable} is Python {sys.version.split()[0]}")

import importlib.util
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent
HOME = ROOT / ".venv"
PYTHON = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PIP = (PYTHON, "-m", "pip", "--disable-pip-version-check")
LOCK = ROOT / "requirements-dev.lock"

# Exits with 0 in a complete environment. The list of pip's files is the last that its installation writes.
COMPLETE = """
import importlib.metadata, sys
pips = importlib.metadata.distributions(name="pip")
sys.exit(sys.version_info < (3, 10) or not any(pip.read_text("RECORD") for pip in pips))
"""


def run(*command: str | Path) -> int:
    """Run a command in the checkout; return its exit status."""
    return subprocess.run([str(word) for word in command], cwd=ROOT, check=False).returncode


def must(*command: str | Path) -> None:
    """Run a command; exit if it fails."""
    status = run(*command)
    if status:
        sys.exit(status)


def is_complete() -> bool:
    """Return whether the environment can be used; one whose creation was interrupted cannot."""
    try:
        return not run(PYTHON, "-I", "-c", COMPLETE)
    except OSError:  # there is none, or it is another machine's
        return False


def create() -> None:
    """Create the environment, unless it is complete."""
    if is_complete():
        return
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(
            f"dev.py: {sys.executable} cannot create a virtual environment, because it has no {missing[0]}; "
            f"on Debian and Ubuntu, run: sudo apt install python3.{sys.version_info[1]}-venv"
        )
    import venv

    print(f"dev.py: creating a virtual environment in {HOME.name}", flush=True)
    try:
        venv.create(HOME, clear=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"dev.py: cannot create a virtual environment in {HOME}: {error}")


def install(extra: str = "", *, locked: bool = False) -> None:
    """Install the current state of this checkout into the environment, with an extra's requirements.

    `locked` installs the versions and hashes of `requirements-dev.lock`, which has all extras but fuzz.
    """
    create()
    if locked:
        must(*PIP, "install", "--quiet", "--require-hashes", "--requirement", LOCK)
        offline = ("--no-build-isolation", "--no-index")
    else:
        must(*PIP, "install", "--quiet", f".[{extra}]" if extra else ".")
        offline = ()
    # The dependencies are installed now; the checkout itself is reinstalled every time.
    must(*PIP, "install", "--quiet", *offline, "--no-deps", "--force-reinstall", ".")


def examples(locked: bool, arguments: list[str]) -> int:
    """Lint the bundled examples, with and without mistakes."""
    install(locked=locked)
    status = run(PYTHON, "-m", "vfslint", "examples")
    return 0 if status == 1 else status or 1


def test(locked: bool, arguments: list[str]) -> int:
    """Run the whole test suite on all cores, or pytest with the given arguments."""
    install("test", locked=locked)
    return run(PYTHON, "-m", "pytest", *(arguments or ("--numprocesses=auto", "--dist=loadgroup")))


def check(locked: bool, arguments: list[str]) -> int:
    """Check formatting, lint rules, layers, types and workflows."""
    install("check", locked=locked)
    must(PYTHON, "-m", "ruff", "format", "--check", ".")
    must(PYTHON, "-m", "ruff", "check", ".")
    must(PYTHON, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache")
    must(PYTHON.with_name("zizmor"), "--quiet", "--offline", "--no-progress", ".github", "action.yml")
    return run(PYTHON, "-m", "mypy")


def docs(locked: bool, arguments: list[str]) -> int:
    """Build the documentation in strict mode, into site/."""
    install("docs", locked=locked)
    return run(PYTHON, "-m", "tools.make_docs")


def build(locked: bool, arguments: list[str]) -> int:
    """Build what a release publishes, into dist/: twice, to show that the result is the same everywhere."""
    install("release", locked=locked)
    return run(PYTHON, "-m", "tools.make_release")


def audit(locked: bool, arguments: list[str]) -> int:
    """Look up known vulnerabilities of everything in `requirements-dev.lock`."""
    install("release", locked=locked)
    return run(PYTHON, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--requirement", LOCK)


def lock(locked: bool, arguments: list[str]) -> int:
    """Write `requirements-dev.lock` anew: the newest releases that fit pyproject.toml, for every supported Python."""
    install("release")
    # Without fuzz, which exists only for some systems and releases of Python.
    extras = [word for extra in ("test", "check", "docs", "release") for word in ("--extra", extra)]
    universal = ("--universal", "--python-version", "3.10", *extras, "--generate-hashes", "--upgrade")
    by = ("--custom-compile-command", "python3 dev.py lock")
    return run(PYTHON, "-m", "uv", "pip", "compile", "--quiet", *universal, *by, "-o", LOCK.name, "pyproject.toml")


TASKS = {task.__name__: task for task in (examples, test, check, docs, build, audit, lock)}


def main(words: list[str]) -> int:
    """Run the task that the first argument names, after `--locked` with the locked requirements."""
    locked = words[:1] == ["--locked"]
    name, *arguments = words[locked:] or [""]
    if name not in TASKS or (arguments and name != "test"):
        print("usage: python3 dev.py [--locked] TASK, where TASK is one of:", file=sys.stderr)
        for task in TASKS.values():
            print(f"  {task.__name__:<9} {(task.__doc__ or '').splitlines()[0]}", file=sys.stderr)
        return 2
    return TASKS[name](locked, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
