"""Lints again whenever a file changes, by looking at their times: works everywhere, needs nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import TextIO

from vfslint.config.profile import CONFIGURATION_NAMES
from vfslint.files import CONF_NAME

INTERVAL = 0.5
_SUFFIXES = (".xml", ".toml", CONF_NAME)

Snapshot = dict[str, tuple[int, int, int]]


def snapshot(paths: Iterable[str]) -> Snapshot:
    """Return what tells whether a file has changed: its times and sizes, by name."""
    found: Snapshot = {}
    for path in paths:
        for folder, subfolders, names in os.walk(path):
            subfolders[:] = [name for name in subfolders if not name.startswith(".")]
            for name in names:
                if name.endswith(_SUFFIXES):
                    _look(os.path.join(folder, name), found)
        _look(path, found)
        # What is found in the folders above holds for it, too.
        above = os.path.dirname(os.path.abspath(path))
        while True:
            for name in CONFIGURATION_NAMES:
                _look(os.path.join(above, name), found)
            if above == os.path.dirname(above):
                break
            above = os.path.dirname(above)
    return found


def _look(path: str, found: Snapshot) -> None:
    try:
        state = os.stat(path)
    except OSError:
        return
    found[path] = (state.st_mtime_ns, state.st_size, state.st_ino)


def watch(
    lint: Callable[[], object],
    paths: Iterable[str],
    stderr: TextIO,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Lint, and again after each change, until the user interrupts (KeyboardInterrupt)."""
    paths = list(paths)
    while True:
        # Taken first, so that a change during the run is seen; what --fix writes costs one more run.
        before = snapshot(paths)
        lint()
        stderr.write("vfslint: watching for changes; Ctrl-C ends\n")
        stderr.flush()
        while snapshot(paths) == before:
            wait(INTERVAL)
