"""Over everything that libvirt was asked: xmlschema, which reads domain.xsd itself, agrees with the pass."""

import gzip
import json
from functools import cache

import pytest
import xmlschema
from lxml import etree

from tests.paths import DATA
from tests.properties import one_in
from tests.vocabulary.sound import NEWEST, mutated
from vfslint import schemas
from vfslint.vocabulary.explain import mismatches
from vfslint.vocabulary.mismatch import Kind

CORPUS = ("cases.jsonl.gz", "more-cases.jsonl.gz", "dumps.jsonl.gz")
EVERY = 80
SEEDS = [*range(100), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(100, 300))]


@cache
def schema():
    return xmlschema.XMLSchema11(schemas.DOMAIN_XSD)


def domains(name, every):
    with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number % every == 0:
                try:
                    root = etree.fromstring(json.loads(line)["xml"].encode(), etree.XMLParser(resolve_entities=False))
                except etree.XMLSyntaxError:
                    continue
                if root.tag == "domain":
                    yield number, root


def is_known_difference(mismatch):
    """Whether xmlschema lets it through though the pass reports it, for a reason that is known."""
    if mismatch.kind is not Kind.WRONG_VALUE:
        return False
    # libxml2, and with it libvirt, tries a pattern on a value as it is written; XSD drops whitespace around it first.
    is_padded = mismatch.value != mismatch.value.strip()
    # The parser is stricter than the schema: a word with whitespace around it, a number out of range.
    return mismatch.is_refused or is_padded


def is_layout(error):
    """Whether it is only about whitespace in an element without content, which XSD minds and RELAX NG does not."""
    return "content is empty" in error.reason and not (error.elem.text or "").strip()


def disagreement(root):
    """What only one of the two minds, if they disagree."""
    reported = mismatches(root, NEWEST)
    error = next((error for error in schema().iter_errors(root) if not is_layout(error)), None)
    if error is not None:
        return None if reported else error.reason
    return [mismatch for mismatch in reported if not is_known_difference(mismatch)] or None


def disagreements(name, every):
    asked = [(number, disagreement(root)) for number, root in domains(name, every)]
    assert asked
    return [each for each in asked if each[1]]


@pytest.mark.parametrize("seed", SEEDS)
def test_xmlschema_agrees_on_a_faulty_domain(seed):
    assert not disagreement(mutated(seed))


@pytest.mark.parametrize("name", CORPUS)
def test_xmlschema_agrees_on_a_sample(name):
    assert disagreements(name, EVERY) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "step"), [*zip(CORPUS, (one_in(2), one_in(4), 1), strict=True)], ids=CORPUS)
def test_xmlschema_agrees_on_much(name, step):
    assert disagreements(name, step) == []
