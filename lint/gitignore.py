"""What a repository's .gitignore files leave out, for walks through its folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vfslint.files import read_input, repository_of

if TYPE_CHECKING:
    from vfslint.patterns import Patterns

NAME = ".gitignore"
# As for other files of a repository: more than people write, and little enough for patterns to stay fast.
MAXIMUM_BYTES = 256 * 1024


class GitIgnore:
    """Decides whether git ignores a file or a folder. Files are read once, and only as far as paths require it."""

    def __init__(self) -> None:
        self._specs: dict[str, Patterns | None] = {}

    def ignores(self, path: str, *, folder: bool) -> bool:
        """Whether the .gitignore files from the top of the repository down to the path's folder leave it out."""
        full = os.path.abspath(path)
        above = os.path.dirname(full)
        root = repository_of(above)
        if root is None:
            return False
        # The nearest file that says something decides.
        while True:
            spec = self._spec(above)
            if spec is not None:
                said = spec.decision(os.path.relpath(full, above).replace(os.sep, "/"), folder=folder)
                if said is not None:
                    return said
            if above == root:
                return False
            above = os.path.dirname(above)

    def _spec(self, folder: str) -> Patterns | None:
        if folder not in self._specs:
            self._specs[folder] = _read(os.path.join(folder, NAME))
        return self._specs[folder]


def _read(file: str) -> Patterns | None:
    if not os.path.isfile(file) or os.path.islink(file):
        return None
    # Start time: most walks meet no such file.
    from vfslint.patterns import Patterns

    try:
        return Patterns.valid_of(read_input(file, MAXIMUM_BYTES).decode("utf-8", "replace").splitlines())
    except OSError:  # git ignores it, too
        return None
