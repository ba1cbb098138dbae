"""Rules about what deviates from the vocabulary have nothing to say of what does not."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.paths import DATA
from tests.properties import one_in
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.rules import RULES
from vfslint.targets import NEWEST
from vfslint.xml.source import Source

OF_DEVIATING = [rule for rule in RULES if rule.of_deviating]


def asked_about_everything(rule):
    """The same rule, asked about every subject of its type."""
    copy = type(rule)(
        rule.code, rule.name, rule.severity, rule.stage, rule.any_hypervisor, rule.gives_way_to, rule.check
    )
    copy.of_deviating = False
    return copy


def cases(step):
    for name in ("cases", "more-cases", "dumps"):
        with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                if number % step == 0:
                    yield json.loads(line)["xml"].encode()


def check(step):
    for libvirt in ((7, 0, 0), (9, 0, 0), NEWEST.libvirt):
        context = Context(NEWEST._replace(libvirt=libvirt))
        usual = Engine(OF_DEVIATING, context)
        thorough = Engine(map(asked_about_everything, OF_DEVIATING), context)
        for data in cases(step):
            source = Source(data, "domain.xml")
            assert usual.check_xml(source).findings == thorough.check_xml(source).findings


def test_some_rules_are_about_what_deviates():
    assert len(OF_DEVIATING) > 10


def test_what_does_not_deviate_needs_no_such_rule():
    check(step=61)


@pytest.mark.slow
def test_what_does_not_deviate_needs_no_such_rule_in_most_of_the_corpus():
    check(step=one_in(3))
