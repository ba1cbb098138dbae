"""What vfslint prints as libvirt's message is what four real releases said of the same domains."""

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conformance.unquoted import UNQUOTED, reason_of
from tests.paths import DATA
from tools.conformance import RELEASES, bare, read_cases, refuses_define
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Stage
from vfslint.rules import RULES
from vfslint.targets import contemporary, version
from vfslint.vocabulary import quotations
from vfslint.xml.source import Source

QUICK = ("devices.jsonl.gz", "kinds.jsonl.gz")
FILES = (*QUICK, *(pytest.param(file, marks=pytest.mark.slow) for file in ("cases.jsonl.gz", "more-cases.jsonl.gz")))
# Percent of the refusals that must be quoted literally, and percent of quoting findings that may quote something else.
FLOOR, WRONG = 97.0, 1.0


class Quoted(NamedTuple):
    """libvirt's message about a refused domain, and the quotations of the findings that mean the same."""

    message: str
    quotations: tuple[str, ...]


@cache
def refusals(file: str, release: str) -> list[Quoted]:
    engine = Engine(RULES, Context(contemporary(version(release))))
    found = []
    for case in read_cases(Path(DATA / file)):
        said = case["libvirt"][release]
        findings = refuses_define(engine.check_xml(Source(case["xml"].encode(), "case")).findings)
        if said["define"] == "refused" and findings:
            found.append(Quoted(bare(said["message"]), tuple(finding.libvirt_says.strip() for finding in findings)))
    return found


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("file", FILES)
def test_quotation_is_libvirts_message(file: str, release: str) -> None:
    found = refusals(file, release)
    missed = [refusal for refusal in found if refusal.message not in refusal.quotations]
    assert len(found) > 25
    assert 100 * (1 - len(missed) / len(found)) >= FLOOR, missed[:20]
    assert [refusal for refusal in missed if reason_of(refusal.message) is None] == []


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("file", FILES)
def test_nothing_is_quoted_that_libvirt_did_not_say(file: str, release: str) -> None:
    # With one finding, libvirt can only have meant this.
    quoting = [refusal for refusal in refusals(file, release) if len(refusal.quotations) == 1 and refusal.quotations[0]]
    wrong = [refusal for refusal in quoting if refusal.message != refusal.quotations[0]]
    assert len(quoting) > 20
    assert 100 * len(wrong) / len(quoting) <= WRONG, wrong


@pytest.mark.slow
def test_every_listed_difference_exists() -> None:
    missed = [
        refusal.message
        for file in ("devices.jsonl.gz", "kinds.jsonl.gz", "cases.jsonl.gz", "more-cases.jsonl.gz")
        for release in RELEASES
        for refusal in refusals(file, release)
        if refusal.message not in refusal.quotations
    ]
    assert [each.message for each in UNQUOTED if not any(re.search(each.message, message) for message in missed)] == []


def says_of(xml: str, release: str) -> list[str]:
    engine = Engine(RULES, Context(contemporary(version(release))))
    findings = engine.check_xml(Source(xml.encode(), "case")).findings
    return [finding.libvirt_says for finding in findings if finding.stage in (Stage.PARSE, Stage.DEFINE)]


DOMAIN = (
    "<domain type='qemu'><name>a</name><memory unit='GiB'>1</memory><vcpu>2</vcpu>"
    "<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>{}</devices></domain>"
)


@pytest.mark.parametrize(
    ("device", "old", "new"),
    [
        (
            "<watchdog model='x'/>",
            "unknown watchdog model 'x'",
            "Invalid value for attribute 'model' in element 'watchdog': 'x'.",
        ),
        ("<watchdog/>", "watchdog must contain model name", "Missing required attribute 'model' in element 'watchdog'"),
        (
            "<interface type='udp'><source address='127.0.0.1' port='1'><local address='127.0.0.1' port='y'/></source>"
            "</interface>",
            "Cannot parse <local> 'port' attribute with socket interface",
            "Invalid value for attribute 'port' in element 'local': 'y'. Expected integer value",
        ),
        (
            "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/></source></hostdev>",
            "'address' must be specified for scsi hostdev source",
            "'address' must be specified for scsi hostdev source",
        ),
    ],
)
def test_quotation_has_the_words_of_the_release(device: str, old: str, new: str) -> None:
    xml = DOMAIN.format(device)
    assert old in says_of(xml, "7.0.0")
    assert all(new in says_of(xml, release) for release in ("11.3.0", "12.8.0"))


def test_between_two_tested_releases_only_what_both_say_is_quoted() -> None:
    xml = DOMAIN.format("<watchdog model='x'/>")
    assert says_of(xml, "8.0.0") == says_of(xml, "9.0.0") == ["unknown watchdog model 'x'"]
    assert says_of(xml, "10.0.0") == [""]
    assert says_of(xml, "12.0.0") == ["Invalid value for attribute 'model' in element 'watchdog': 'x'."]


def test_a_number_that_libvirt_reads_but_rejects_is_not_quoted_as_unreadable() -> None:
    xml = DOMAIN.format(
        "<interface type='bridge'><source bridge='b'/><vlan><tag id='9999'/></vlan><virtualport type='openvswitch'/>"
        "</interface>"
    )
    assert says_of(xml, "12.8.0") == ["vlan tag id 9999 too large (maximum 4095)"]


def test_braces_of_a_value_are_kept() -> None:
    said = quotations.of_value(["Watchdog/@model"], (12, 8, 0), "{element}", "watchdog", "model")
    assert said.endswith("'{element}'.")


def test_parts_of_messages_are_known() -> None:
    names: Counter[str] = Counter()
    for said in quotations.known():
        names.update(re.findall(r"\{(\w+)\}", quotations.SENTENCES.get(said, said)))
    assert set(names) == {"value", "attribute", "element"}
