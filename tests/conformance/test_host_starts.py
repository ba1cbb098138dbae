"""Given the facts of the host, vfslint reports what real libvirt did there when domains were started.

The cases are those of test_starts; the facts are those of the machines that they were started on.
"""

import gzip
import json
from typing import Any

import pytest

from tests.conformance.test_starts import STARTS, UP_TO_ANOTHER_DOMAIN, UP_TO_THE_HOST, errors, ids
from tests.conformance.test_starts import starts as all_starts
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Finding, Stage
from vfslint.host.facts import Host
from vfslint.host.load import load
from vfslint.rules import RULES
from vfslint.targets import NEWEST
from vfslint.xml.source import Source

GIB = 1024 * 1024
LISTENING = "a virtiofsd listens on /tmp/v1.sock"
# QEMU and virtiofsd with each libvirt, and the capabilities that the daemon prints.
STACKS = {
    "7.0.0": ("5.2.0", "C", []),
    "9.0.0": ("7.2.0", "C", []),
    "11.3.0": ("10.0.0", "1.13.2", ["migrate-precopy", "separate-options"]),
    "12.8.0": ("11.1.0", "1.14.0", ["migrate-precopy", "separate-options"]),
}
EMPTY = [{"size_kib": size, "total": 0, "free": 0, **at} for size in (2048, GIB) for at in ({}, {"node": 0})]
PATHS = {
    "/tmp/share": "directory",
    "/tmp/share2": "directory",
    "/tmp/plainfile": "file",
    "/tmp/nonexistent": "missing",
    "/tmp/none.sock": "missing",
    "/usr/bin/qemu-system-x86_64": "program",
    "/usr/libexec/virtiofsd": "program",
    "/usr/libexec/no-such-virtiofsd": "missing",
}


def host(release: str, prepared: str | None) -> Host:
    """The facts of the machine with that release, as a saved document holds them."""
    qemu, daemon, features = STACKS[release]
    socket = "socket" if prepared == LISTENING else "missing"
    facts: dict[str, Any] = {
        "version": 1,
        "libvirt": release,
        "qemu": qemu,
        "arch": "x86_64",
        "memory_kib": 24 * GIB,
        "nodes": [{"id": 0, "memory_kib": 24 * GIB}],
        "default_page_kib": 2048,
        "hugepages": EMPTY,
        "hugetlbfs": [],
        "memory_backing_dir": "/var/lib/libvirt/qemu/ram",
        "storage": [{"path": "/var/lib/libvirt/qemu/ram", "filesystem": "ext4", "free_kib": 64 * GIB}],
        "paths": {**PATHS, "/tmp/v1.sock": socket},
        "discovery": {"binaries": ["/usr/libexec/virtiofsd"]},
        "virtiofsd": [{"path": "/usr/libexec/virtiofsd", "version": daemon, "features": features}],
    }
    return load(json.dumps(facts).encode())


with gzip.open(STARTS, "rt", encoding="utf-8") as lines:
    CASES = {case["case"]: case for case in map(json.loads, lines)}


def check(start: Any) -> list[Finding]:
    """Check a domain of a case on its host, together with those that were started before it."""
    case = CASES[start.case]
    facts = host(start.release, case.get("host"))
    engine = Engine(RULES, Context(facts.target(NEWEST), host=facts))
    sources = {f"{number}.xml": Source(xml.encode(), f"{number}.xml") for number, xml in enumerate(case["xml"])}
    outcomes = [engine.check_xml(source) for source in sources.values()]
    members = [member for outcome in outcomes for member in outcome.members()]
    findings = outcomes[start.position].findings + engine.check_fleet(members, sources.__getitem__).findings
    return [finding for finding in findings if finding.file == f"{start.position}.xml"]


@pytest.mark.parametrize("start", list(all_starts()), ids=ids)
def test_stage_is_foretold_with_facts(start: Any) -> None:
    findings = check(start)
    at_define = errors(findings, Stage.PARSE, Stage.DEFINE)
    assert bool(at_define) == (start.outcome == "refused at define"), at_define
    if not at_define:
        at_start = errors(findings, Stage.START)
        assert bool(at_start) == (start.outcome in ("refused at start", "start hangs")), at_start


@pytest.mark.parametrize("case", [*UP_TO_THE_HOST, *UP_TO_ANOTHER_DOMAIN])
def test_facts_are_what_tells_it(case: str) -> None:
    starts = [start for start in all_starts() if start.case == case and "start" in start.outcome]
    assert starts
    for start in starts:
        told = {finding.code[:4] for finding in check(start) if errors([finding], Stage.START)}
        assert told & {"VFS6", "VFS8"}, (start.release, told)
