"""Which rules are meant by a word: a code, the start of codes (VFS1), or a name."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache


def all_codes() -> frozenset[str]:
    """Return the code of every rule."""
    from vfslint.rules import RULES

    return frozenset(rule.code for rule in RULES)


@lru_cache(4096)
def codes_of(word: str) -> frozenset[str]:
    """Return the codes of the rules that a word means; none where it means nothing."""
    from vfslint.rules import RULES

    start = word.upper() if word[:3].upper() == "VFS" else "none"
    return frozenset(rule.code for rule in RULES if rule.name == word or rule.code.startswith(start))


def nearest_rule(word: str) -> str | None:
    """Return the code or name that was probably meant, or None: of numbers none is near to another."""
    from vfslint.rules import RULES
    from vfslint.vocabulary.spelling import nearest

    if word[:3].upper() == "VFS":
        return None
    return nearest(word, (name for rule in RULES for name in (rule.code, rule.name)))


def unknown_rule(word: str) -> str:
    """Return the sentence that says that no rule is called so."""
    near = nearest_rule(word)
    return f"no rule is called {word!r}" + (f"; did you mean {near}?" if near else "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` where a known word is near, else nothing."""
    from vfslint.vocabulary.spelling import nearest

    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""
