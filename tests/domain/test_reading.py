"""What a rule has read of a domain decides whether it is asked about the next one: nothing that matters is left out."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from vfslint.context import Context
from vfslint.distributions import NAMED
from vfslint.domain.domain import Domain
from vfslint.domain.reading import Memory, Reader, Silent
from vfslint.engine import MOST_OF_ONE_RULE, Engine, domains_in
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.rules import RULES
from vfslint.xml.document import read
from vfslint.xml.source import Source

DATA = Path(__file__).parent.parent / "data"
DOMAIN = """<domain type='kvm'><name>{name}</name><memory>1024</memory><vcpu>{vcpu}</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
<disk type='file' device='disk'><source file='{image}'/><target dev='{target}' bus='virtio'/></disk>
<input type='tablet' bus='usb'/></devices></domain>"""
SAME = {"name": "a", "vcpu": "2", "image": "/srv/a.img", "target": "vda"}


def reader(**different: str) -> Reader:
    domain = domains_in(read(Source(DOMAIN.format(**SAME | different).encode(), "a.xml")), Context())[0]
    assert domain.deviations == []
    return Reader(domain)


@pytest.mark.parametrize(
    ("look", "names"),
    [
        (lambda domain: domain.first("cpu"), {"cpu"}),
        (lambda domain: domain.elements("os"), {"os"}),
        (lambda domain: domain.vcpus, {"vcpu"}),
        (lambda domain: domain.arch, {"=arch"}),
        (lambda domain: domain.disks, {"devices/disk"}),
        (lambda domain: domain.device_nodes("rng"), {"devices/rng"}),
        (lambda domain: list(domain.devices), {"devices"}),
        (lambda domain: domain.addresses, {"outlines"}),
        (lambda domain: domain.node, {"everything"}),
        (lambda domain: domain.document, {"everything"}),
        (lambda domain: domain.online_vcpus, {"vcpu", "vcpus"}),
    ],
)
def test_what_is_read_is_noted(look, names):
    known = reader()
    for view in (known.view(), known.view()):  # what another rule has read already, too
        look(view)
        assert view.reads == names


def test_a_fact_cannot_be_derived_from_what_is_read_later():
    def late(domain: Domain):
        return (domain.first("cpu") for _ in range(1))

    value = reader().view().recall(late)
    with pytest.raises(AttributeError):
        next(value)


def test_an_outline_has_nothing_that_differs_between_copies_of_a_guest():
    outline = reader().view().outlines("disk")[0]
    assert outline.child("target").value("dev") == "vda"
    with pytest.raises(LookupError):
        outline.child("source")
    with pytest.raises(LookupError):
        outline.children()


@pytest.mark.parametrize(
    ("names", "different", "is_known"),
    [
        (("vcpu",), {"name": "b"}, True),
        (("vcpu",), {"vcpu": "3"}, False),
        (("devices/disk",), {"image": "/srv/b.img"}, False),
        (("devices/input",), {"image": "/srv/b.img"}, True),
        (("devices",), {"image": "/srv/b.img"}, False),
        (("outlines",), {"image": "/srv/b.img"}, True),
        (("outlines",), {"target": "vdb"}, False),
        (("=machine_type", "cpu"), {"vcpu": "3"}, True),
    ],
)
def test_the_same_is_known_whatever_else_is_different(names, different, is_known):
    first, other = reader(), reader(**different)
    silent: Silent = {}
    first.remember(silent, names)
    assert (other.known(silent) == names) is is_known
    memory = Memory()
    memory.note(7, names, first)
    assert (7 in memory.silent(other)) is is_known


def documents() -> list[bytes]:
    found = []
    for name, step in (("cases", 9), ("devices", 4), ("kinds", 1), ("dumps", 1)):
        with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            found += [json.loads(line)["xml"].encode() for line in lines][::step]
    random.Random(4).shuffle(found)
    return found


@pytest.mark.parametrize("target", ["newest", "debian-11"])
def test_domains_that_were_checked_before_change_no_finding(target):
    context = Context(NAMED[target])
    engine = Engine(RULES, context)
    for data in documents():
        source = Source(data, "a.xml")
        outcome, alone = engine.check_xml(source), Engine(RULES, context).check_xml(source)
        assert outcome.failures == alone.failures == ()
        assert outcome.findings == alone.findings, data.decode()


def test_what_is_found_beyond_the_limit_of_a_file_is_found_in_the_next_file():
    @rule("VFS999", "named", severity=Severity.ERROR, stage=Stage.DEFINE)
    def named(domain: Domain):
        """Has no name."""
        yield Problem(at=domain.elements("name")[0].start_span, message="it has a name", says="")

    engine = Engine([named], Context())
    one, limit = DOMAIN.format(**SAME), MOST_OF_ONE_RULE
    many = engine.check_xml(Source(f"<domains>{one * (limit + 2)}</domains>".encode(), "many.xml"))
    assert len(many.findings) == limit + 1
    assert "2 more" in many.findings[-1].help
    assert len(engine.check_xml(Source(one.encode(), "a.xml")).findings) == 1


@pytest.mark.internal_errors
def test_a_rule_that_fails_is_asked_again():
    @rule("VFS999", "fails-on-a-domain", severity=Severity.ERROR, stage=Stage.DEFINE)
    def fails(domain: Domain):
        """Fails."""
        raise RuntimeError(domain.vcpus)

    engine = Engine([fails], Context())
    source = Source(f"<domains>{DOMAIN.format(**SAME) * 3}</domains>".encode(), "a.xml")
    for _ in range(2):
        assert [failure.rule for failure in engine.check_xml(source).failures] == ["VFS999"]
