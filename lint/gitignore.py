"""What a repository's .gitignore files leave out, for walks through its folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vfslint.files import read_input, repository_of

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

NAME = ".gitignore"
# As for other files of a repository: more than people write, and little enough for patterns to stay fast.
MAXIMUM_BYTES = 256 * 1024


class GitIgnore:
    """Decides whether git ignores a file or a folder. Files are read once, and only as far as paths require it."""

    def __init__(self) -> None:
        self._specs: dict[str, GitIgnoreSpec | None] = {}

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
                said = spec.check_file(os.path.relpath(full, above).replace(os.sep, "/") + ("/" if folder else ""))
                if said.include is not None:
                    return said.include
            if above == root:
                return False
            above = os.path.dirname(above)

    def _spec(self, folder: str) -> GitIgnoreSpec | None:
        if folder not in self._specs:
            self._specs[folder] = _read(os.path.join(folder, NAME))
        return self._specs[folder]


def _read(file: str) -> GitIgnoreSpec | None:
    if not os.path.isfile(file) or os.path.islink(file):
        return None
    # Start time: most walks meet no such file.
    from pathspec import GitIgnoreSpec

    try:
        text = read_input(file, MAXIMUM_BYTES).decode("utf-8", "replace")
        return GitIgnoreSpec.from_lines(text.splitlines())
    except (OSError, ValueError):
        # git ignores a file that it cannot read, and a pattern that is invalid.
        return None
