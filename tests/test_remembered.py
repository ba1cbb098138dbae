"""What is remembered of devices that were seen before changes no finding."""

from __future__ import annotations

import gzip
import inspect
import json
from collections.abc import Iterator

import pytest

from tests.paths import DATA
from tests.properties import one_in
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.rules import RULES
from vfslint.subjects import OF_DOMAINS, part_of
from vfslint.targets import NEWEST
from vfslint.vocabulary import check
from vfslint.xml.source import Source


def corpus(step: int) -> Iterator[Source]:
    for name in ("dumps", "cases", "more-cases"):
        with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                if number % step == 0:
                    yield Source(json.loads(line)["xml"].encode(), "domain.xml")


@pytest.mark.parametrize("step", [29, pytest.param(one_in(3), marks=pytest.mark.slow)])
@pytest.mark.parametrize("libvirt", [(7, 0, 0), NEWEST.libvirt])
def test_findings_are_those_of_an_engine_that_remembers_nothing(
    libvirt: tuple[int, int, int], step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Context(NEWEST._replace(libvirt=libvirt))
    remembering = Engine(RULES, context)
    for source in corpus(step):
        remembering.check_xml(source)
    found = [remembering.check_xml(source).findings for source in corpus(step)]
    monkeypatch.setattr(check, "LONGEST_REMEMBERED", 0)
    forgetful = Engine(RULES, context)
    for source, findings in zip(corpus(step), found, strict=True):
        assert findings == forgetful.check_xml(source).findings, source.text


def test_rules_about_a_device_look_at_nothing_around_it() -> None:
    for rule in RULES:
        subject = OF_DOMAINS.get(part_of(rule.subject))
        if subject and subject.is_device and not rule.wants_context:
            assert not {"getparent", "iterancestors", "getroottree"} & set(rule.check.__code__.co_names), rule
            assert ".node.parent" not in inspect.getsource(rule.check), rule
