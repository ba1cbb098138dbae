"""How much is tried: a sample without the slow tests, most of it with them, and everything with --whole-corpus."""

from hypothesis import settings

FEWEST = 10
SHARE = 5

whole_run = True
"""Whether slow tests run, too. Set by conftest.py before the tests are collected."""

whole_corpus = False
"""Whether a slow test tries every document. Set by conftest.py before the tests are collected."""


def tried(examples: int) -> settings:
    """Return the settings of a property that a whole run tries on so many examples."""
    return settings(max_examples=examples if whole_run else max(FEWEST, examples // SHARE), deadline=None)


def one_in(number: int) -> int:
    """Return a slow test's step through the corpus: it takes one document in so many, or each with --whole-corpus.

    Most documents of the corpus are the same domains with other faults; few differ in what a test is about.
    """
    return 1 if whole_corpus else number
