"""A fingerprint tells a finding from all others, and stays the same however its file is named or edited elsewhere."""

from __future__ import annotations

import os

from tests.cli.test_baseline import OLD, domain
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.report.fingerprints import fingerprint, unique
from vfslint.rules import RULES
from vfslint.xml.source import Source


def findings(text: str, name: str = "web.xml") -> tuple[Source, list[str]]:
    source = Source(text.encode(), name)
    found = Engine(RULES, Context()).check_xml(source).findings
    return source, [fingerprint(finding, source) for finding in found]


def test_fingerprints_are_stable_for_good() -> None:
    # Whoever changes how they are made invalidates every baseline out there.
    source = Source(domain(OLD).encode(), "web.xml")
    (finding,) = Engine([rule for rule in RULES if rule.code == "VFS216"], Context()).check_xml(source).findings
    assert fingerprint(finding, source) == "fcd74067c4af89090283712026dbe455"


def test_unique_fingerprints_tell_files_and_equals_apart() -> None:
    engine = Engine([rule for rule in RULES if rule.code == "VFS216"], Context())
    sources = {name: Source(domain(OLD, OLD).encode(), name) for name in ("a.xml", "b.xml")}
    found = [finding for source in sources.values() for finding in engine.check_xml(source).findings]
    assert len(set(unique(found, sources))) == len(found) == 4


def test_a_file_has_the_same_fingerprints_however_it_is_named() -> None:
    engine = Engine([rule for rule in RULES if rule.code == "VFS216"], Context())
    marks = []
    for name in ("a.xml", "./a.xml", "b/../a.xml", os.path.abspath("a.xml")):
        source = Source(domain(OLD).encode(), name)
        marks.append(unique(engine.check_xml(source).findings, {name: source}))
    assert marks[0]
    assert all(mark == marks[0] for mark in marks)


def test_files_without_elements_have_fingerprints_too() -> None:
    for text in ("<domain>", "", "\xff", "<a><b></a>"):
        assert all(len(mark) == 32 for mark in findings(text)[1])
    conf = Source(b'user = "a"\nmemory_backing_dir = "ram"\n', "qemu.conf")
    moved = Source(b'# more\nuser = "a"\n\n  memory_backing_dir  =   "ram"\n', "qemu.conf")
    engine = Engine(RULES, Context())
    marks = [
        [fingerprint(finding, source) for finding in engine.check_conf(source).findings] for source in (conf, moved)
    ]
    assert marks[0] == marks[1] != []
