"""Which configuration applies to a file: the one named on the command line, or the nearest above the file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vfslint.files import Everything, leaves
from vfslint.usage import UsageError

if TYPE_CHECKING:
    from vfslint.config.file import Configuration

# In one folder, the first of these that exists applies.
NAMES = (".vfslint.toml", "vfslint.toml", "pyproject.toml")


class Configurations:
    """The configuration of each file. Each configuration is read once.

    `named` is the path of the configuration for all files, or the configuration itself.
    """

    def __init__(self, named: str | Configuration | None = None, *, isolated: bool = False) -> None:
        self._isolated = isolated
        self._folders: dict[str, Configuration | None] = {}
        self._named: Configuration | None = None
        if isinstance(named, str) and not isolated:
            self._named = _read(named)
            if self._named is None:
                raise UsageError(f"{named} has no [tool.vfslint]")
        elif named and not isinstance(named, str):
            self._named = named

    def of(self, path: str) -> Configuration | None:
        """Return the configuration that applies to a file, or None. Raises `UsageError` if it is invalid."""
        if self._isolated or self._named:
            return self._named
        folder = os.path.dirname(path)
        if folder not in self._folders:
            self._folders[folder] = self._nearest(os.path.abspath(folder))
        return self._folders[folder]

    def _nearest(self, folder: str) -> Configuration | None:
        walked = []
        found = None
        while folder not in self._folders:
            walked.append(folder)
            files = (os.path.join(folder, name) for name in NAMES)
            found = next((read for file in files if _is_usable(file) and (read := _read(file))), None)
            outer = os.path.dirname(folder)
            if found or outer == folder:
                break
            folder = outer
        else:
            found = self._folders[folder]
        self._folders.update(dict.fromkeys(walked, found))
        return found

    def files(self) -> set[str]:
        """Return the configurations that have been read."""
        found = (self._named, *self._folders.values())
        return {configuration.file for configuration in found if configuration}

    def includes(self, path: str) -> bool:
        """Whether to check a file of a folder."""
        configuration = self.of(path)
        if configuration and configuration.selects_files:
            return configuration.includes(path)
        return Everything().includes(path)

    def excludes(self, path: str) -> bool:
        """Whether a folder is excluded."""
        configuration = self.of(path)
        return configuration is not None and configuration.excludes(path, folder=True)

    def excludes_file(self, path: str) -> bool:
        """Whether a file is excluded even if it is named."""
        configuration = self.of(path)
        return configuration is not None and configuration.excludes(path)


def _is_usable(file: str) -> bool:
    """Whether a file that nobody has named is read: a link may show what is outside of the repository."""
    return os.path.isfile(file) and not leaves(file)


def _read(file: str) -> Configuration | None:
    # Start time: without a configuration, none of the code that reads one is loaded.
    from vfslint.config import file as reader

    try:
        return reader.read(file)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from None
