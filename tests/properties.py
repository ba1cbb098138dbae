"""How many examples a property is tried on: all in a whole run, some where the slow tests are left out."""

from hypothesis import settings

FEWEST = 10
SHARE = 5

whole_run = True
"""Set by conftest.py before the tests are collected."""


def tried(examples: int) -> settings:
    """Return the settings of a property that a whole run tries on so many examples."""
    return settings(max_examples=examples if whole_run else max(FEWEST, examples // SHARE), deadline=None)
