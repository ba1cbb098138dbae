"""Each fuzzing target holds for some random inputs; `python -m fuzz.run` tries more."""

from __future__ import annotations

import random

import pytest

from fuzz.run import changed, corpus
from fuzz.targets import TARGETS, _sound
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.rules import RULES
from vfslint.xml.source import Source


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_random_changes(name: str, seed: int) -> None:
    chosen, seeds = random.Random(seed), corpus(name)
    for _ in range(20):
        TARGETS[name](changed(chosen, seeds))


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_itself(name: str) -> None:
    for data in corpus(name)[:20]:
        TARGETS[name](data)


def test_a_fault_is_noticed() -> None:
    data = b"<domain type='kvm'><name>a</name><memorybacking/></domain>"
    outcome = Engine(RULES, Context()).check_xml(Source(data, "x.xml"))
    _sound(data, outcome)
    with pytest.raises(AssertionError, match="not in order"):
        _sound(data, outcome._replace(findings=outcome.findings[::-1]))
    with pytest.raises(AssertionError):
        _sound(data[:5], outcome)
