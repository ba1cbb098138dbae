"""File names relative to the root of the checkout, as CI services and code viewers require them."""

from __future__ import annotations

import os

# The variables with the root of the checkout: GitHub Actions, GitLab CI.
_CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")


def in_repository(file: str) -> str:
    """Return a file's path relative to the root of the checkout, with slashes; outside of it, the absolute path.

    The root is the one that the CI service sets, otherwise the current folder.
    """
    top = os.path.abspath(next(filter(None, map(os.environ.get, _CHECKOUTS)), os.curdir))
    path = os.path.abspath(file)
    if path.startswith(os.path.join(top, "")):
        path = os.path.relpath(path, top)
    return path.replace(os.sep, "/")
