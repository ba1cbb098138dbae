"""Errors in usage, on the command line or in a configuration."""

from __future__ import annotations

from collections.abc import Iterable

from vfslint.vocabulary.spelling import nearest


class UsageError(Exception):
    """Something that the user must correct: a wrong option, an invalid configuration, an unreadable file.

    Its text has one line for each error.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` if a known word is near, else nothing."""
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""


def invalid(value: str, what: str, known: Iterable[str]) -> str:
    """Return the sentence that a value is not one of the known ones."""
    *most, last = known
    expected = f"; expected {', '.join(most)} or {last}"
    return f"{value!r} is not a valid {what}{did_you_mean(value, (*most, last)) or expected}"
