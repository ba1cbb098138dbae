"""From a message to its likely causes and the rules that report them, also for one given domain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from vfslint.explain.messages import bare, messages
from vfslint.explain.symptoms import SYMPTOMS, Cause, Symptom
from vfslint.findings import Finding
from vfslint.rule import Rule
from vfslint.rules import RULES

# The parts of libvirt's messages that vary: quoted values, numbers, paths.
_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|%\w+|\b\d[\w.]*|/\S+")
# The share of words that a message and a rule's quotation have in common; below, it is a guess.
_SIMILAR_ENOUGH = 0.6
GUESSES = 3
# Comparing words is slow: only messages that a person can have typed or selected are compared by their words.
MOST_COMPARED = 20


class Answer(NamedTuple):
    """What is known about one message.

    `symptoms` are known messages like it, `rules` quote it. If `is_guess`, nothing matches it, and they are only the
    nearest.
    """

    message: str
    symptoms: tuple[Symptom, ...]
    rules: tuple[Rule, ...]
    is_guess: bool = False


class Judged(NamedTuple):
    """A cause, with the findings in the given files that confirm it; None if no file was given."""

    cause: Cause
    findings: tuple[Finding, ...] | None


def answers(text: str) -> list[Answer]:
    """Return what is known about the messages in a text, in order.

    Of a text with several messages, those that nothing matches are left out, unless nothing matches any of them.
    """
    found = list(messages(text))
    compared = len(found) <= MOST_COMPARED
    known = [answer for answer in (_known(message, by_words=compared) for message in found) if answer]
    if known:
        return _distinct(known)
    return [_nearest(message) for message in found[:GUESSES]]


def _distinct(found: Iterable[Answer]) -> list[Answer]:
    """Return the answers without those that say the same as an earlier one."""
    seen = set()
    result = []
    for answer in found:
        key = (tuple(symptom.pattern for symptom in answer.symptoms), tuple(rule.code for rule in answer.rules))
        if key not in seen:
            seen.add(key)
            result.append(answer)
    return result


def _known(message: str, *, by_words: bool) -> Answer | None:
    symptoms = tuple(symptom for symptom in SYMPTOMS if re.search(symptom.pattern, message))[:1]
    rules = [rule for rule, pattern in _quotations() if pattern.search(message)]
    if not rules and not symptoms and by_words:
        scored = [(_likeness(message, says), rule) for rule, says in _said()]
        best = max((score for score, _ in scored), default=0.0)
        if best >= _SIMILAR_ENOUGH:
            rules = [rule for score, rule in scored if score == best]
    if not symptoms and not rules:
        return None
    return Answer(message, symptoms, tuple(dict.fromkeys(rules)))


def _nearest(message: str) -> Answer:
    scored = [(_likeness(message, says), rule) for rule, says in _said()]
    # One rule can quote several messages that are as near.
    scored.sort(key=lambda pair: (pair[0], pair[1].code), reverse=True)
    rules = tuple(dict.fromkeys(rule for score, rule in scored[: 4 * GUESSES] if score > 0))
    return Answer(message, (), rules[:GUESSES], is_guess=True)


@cache
def _said() -> list[tuple[Rule, str]]:
    return [(rule, says) for rule in RULES for says in rule.manual.libvirt_says]


@cache
def _quotations() -> list[tuple[Rule, re.Pattern[str]]]:
    """Return a pattern for each message that a rule quotes, in which the values can be any."""
    return [(rule, _pattern(says)) for rule, says in _said() if len(_words(says)) > 1]


def _pattern(says: str) -> re.Pattern[str]:
    parts = [re.escape(part.strip()) for part in _VALUES.split(bare(says))]
    return re.compile(r"\s*.{0,200}?\s*".join(parts), re.IGNORECASE)


def _words(message: str) -> set[str]:
    return set(re.findall(r"[a-z_<]+", _VALUES.sub(" ", message).lower()))


def _likeness(message: str, says: str) -> float:
    asked, known = _words(message), _words(says)
    return len(asked & known) / len(asked | known) if asked and known else 0.0


def judged(causes: Iterable[Cause], findings: Sequence[Finding] | None) -> list[Judged]:
    """Return the causes with the findings that confirm them, the confirmed ones first."""
    if findings is None:
        return [Judged(cause, None) for cause in causes]
    found = [Judged(cause, tuple(each for each in findings if each.code in cause.rules)) for cause in causes]
    return sorted(found, key=lambda each: not each.findings)
