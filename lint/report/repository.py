"""File names from the top of the checkout, as continuous-integration services and code viewers want them."""

from __future__ import annotations

import os

# Where a service checked the repository out: GitHub Actions, GitLab CI.
_CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")


def in_repository(file: str) -> str:
    """Return a file's path from the top of the checkout, with forward slashes; outside of it, its whole path.

    The top is what the service says it is, otherwise the current folder.
    """
    top = os.path.abspath(next(filter(None, map(os.environ.get, _CHECKOUTS)), os.curdir))
    path = os.path.abspath(file)
    if path.startswith(os.path.join(top, "")):
        path = os.path.relpath(path, top)
    return path.replace(os.sep, "/")
