"""Rule selectors: a code, the start of codes (VFS1), or a name."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

# The package, not its RULES: RULES imports every rule, which a run without selectors does not need.
from vfslint import rules
from vfslint.usage import UsageError
from vfslint.vocabulary.spelling import nearest


@lru_cache(4096)
def codes_of(word: str) -> frozenset[str]:
    """Return the codes of the rules that a selector matches; none if it matches nothing."""
    start = word.upper() if word[:3].upper() == "VFS" else "none"
    return frozenset(rule.code for rule in rules.RULES if rule.name == word or rule.code.startswith(start))


def resolve(words: Iterable[str]) -> frozenset[str]:
    """Return the codes of all rules that the selectors match. Raises `UsageError` if one matches nothing."""
    codes: set[str] = set()
    for word in words:
        found = codes_of(word)
        if not found:
            raise UsageError(unknown_rule(word))
        codes |= found
    return frozenset(codes)


def split(values: Iterable[str]) -> list[str]:
    """Return the selectors in the values of an option, each of which may list several with commas."""
    return [word.strip() for value in values for word in value.split(",")]


def nearest_rule(word: str) -> str | None:
    """Return the name that was probably meant, or None; for a mistyped code there is no suggestion."""
    if word[:3].upper() == "VFS":
        return None
    return nearest(word, (name for rule in rules.RULES for name in (rule.code, rule.name)))


def unknown_rule(word: str) -> str:
    """Return the sentence that a selector matches no rule."""
    near = nearest_rule(word)
    return f"no rule matches {word!r}" + (f"; did you mean {near}?" if near else "")
