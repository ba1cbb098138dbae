"""Errors in usage, on the command line or in a configuration."""

from __future__ import annotations

from collections.abc import Iterable

from vfslint.vocabulary.spelling import distance, nearest


class UsageError(Exception):
    """Something that the user must correct: a wrong option, an invalid configuration, an unreadable file.

    Its text has one line for each error.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` if a known word is near, else nothing."""
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""


# The longest list of values that is shown in its own order, and how much of a value is compared to sort a longer one.
_SHORT_LIST, _COMPARED = 8, 50


def invalid(value: str, what: str, known: Iterable[str]) -> str:
    """Return the sentence that a value is not one of the known ones; a long list of them has the nearest first."""
    names = tuple(known)
    if len(names) > _SHORT_LIST:
        names = tuple(sorted(names, key=lambda name: (distance(value[:_COMPARED], name), name)))
        listed = f"nearest first: {', '.join(names)}"
        near = did_you_mean(value, names)
        return f"{value!r} is not a valid {what}" + (f"{near} ({listed})" if near else f"; expected, {listed}")
    expected = f"; expected {', '.join(names[:-1])} or {names[-1]}"
    return f"{value!r} is not a valid {what}{did_you_mean(value, names) or expected}"
