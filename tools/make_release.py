"""Builds what a release publishes, into dist/: `python -m tools.make_release`.

These are the sdist, the wheel, and a software bill of materials (CycloneDX) of the wheel with its locked dependencies.
The sdist and the wheel are built twice from the current commit, in folders that differ in path, times and permissions.
If the results differ by a byte, nothing is published.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
LOCK = ROOT / "requirements-dev.lock"


def committed(folder: Path, *, umask: int, time: int) -> None:
    """Write the files of the current commit to a folder, with the permissions of a umask and a time in seconds."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True, umask=umask)
    for path in folder.iterdir():
        if path.name != ".git":
            for file in (path, *path.rglob("*")):
                os.utime(file, (time, time))


def built(source: Path, target: Path, *, epoch: int) -> dict[str, bytes]:
    """Build the sdist, and the wheel from the sdist; return the content of both by name.

    `epoch` is the time that is written into both, in seconds since 1970.
    """
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(source)]
    subprocess.run(command, env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}, check=True, stdout=subprocess.DEVNULL)
    return {path.name: path.read_bytes() for path in sorted(target.iterdir())}


def bill_of_materials(wheel: Path, environment: Path, target: Path) -> None:
    """Install a wheel with its locked dependencies into a new environment, and list what is in it."""
    uv = [sys.executable, "-m", "uv", "--quiet"]
    subprocess.run([*uv, "venv", "--python", sys.executable, str(environment)], check=True)
    install = ["pip", "install", "--python", str(environment), "--constraint", str(LOCK), str(wheel)]
    subprocess.run([*uv, *install], check=True)
    listing = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    about = ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application", "-o", str(target)]
    subprocess.run([*listing, *about, str(environment)], check=True)


def main() -> int:
    """Build everything; return 1 if two builds differ."""
    epoch = int(subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=ROOT))
    with tempfile.TemporaryDirectory(prefix="vfslint-release-") as made:
        folder = Path(made)
        committed(folder / "one", umask=0o022, time=1_000_000_000)
        committed(folder / "the other", umask=0o077, time=1_500_000_000)
        first = built(folder / "one", folder / "first", epoch=epoch)
        second = built(folder / "the other", folder / "second", epoch=epoch)
        if first != second:
            differing = sorted(name for name in first | second if first.get(name) != second.get(name))
            print(f"two builds differ: {', '.join(differing)}", file=sys.stderr)
            return 1
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(folder / "first", DIST)
        wheel = next(DIST.glob("*.whl"))
        name = "-".join(wheel.name.split("-")[:2])
        bill_of_materials(wheel, folder / "environment", DIST / f"{name}.cdx.json")
    for path in sorted(DIST.iterdir()):
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
