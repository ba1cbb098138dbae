"""An error in a qemu.conf is one that the QEMU driver of that libvirt release reports, in its words, and the reverse.

tests/data/qemu-conf/answers.jsonl.gz holds files (each byte as one character of latin-1) and the answers: empty
where the driver started, else its message without the file's name. Files whose answer hangs on the host that
was asked (users, mounts, ebtables, SELinux …) are left out. shipped.conf is Debian's qemu.conf of a release,
on.conf the same with every setting switched on but capability_filters, whose example names no capability.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import shutil
import subprocess
import time
from functools import cache
from pathlib import Path

import pytest

from tests.qemu_conf.checked import DATA, RELEASES, errors, lint
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Finding, Severity
from vfslint.qemu_conf.reader import Unreadable, read
from vfslint.rules import RULES
from vfslint.targets import contemporary, version
from vfslint.xml.source import Source

SYNTAX = re.compile(r"([0-9]+): (.+)")


def answers() -> list[dict[str, str]]:
    with gzip.open(DATA / "answers.jsonl.gz", "rt", encoding="ascii") as lines:
        return [json.loads(line) for line in lines]


ANSWERS = answers()


@cache
def checked(release: str) -> list[list[Finding]]:
    """Return the findings in each file for a release."""
    engine = Engine(RULES, Context(contemporary(version(release))))
    return [engine.check_conf(Source(answer["conf"].encode("latin-1"), "qemu.conf")).findings for answer in ANSWERS]


@pytest.mark.parametrize("release", RELEASES)
def test_errors_are_what_the_driver_refuses(release: str) -> None:
    differing = []
    for answer, findings in zip(ANSWERS, checked(release), strict=True):
        if bool(errors(findings)) != bool(answer[release]):
            differing.append((answer["conf"], answer[release], errors(findings)))
    assert differing == []


@pytest.mark.parametrize("release", RELEASES)
def test_syntax_errors_are_those_of_libvirt_to_the_line(release: str) -> None:
    differing = []
    for answer in ANSWERS:
        said = SYNTAX.fullmatch(answer[release])
        try:
            read(Source(answer["conf"].encode("latin-1"), "qemu.conf"), version(release))
            found = None
        except Unreadable as failure:
            found = (failure.line, failure.message)
        if found != ((int(said[1]), said[2]) if said else None):
            differing.append((answer["conf"], answer[release], found))
    assert differing == []


@pytest.mark.parametrize("release", RELEASES)
def test_one_error_gives_the_words_of_libvirt(release: str) -> None:
    differing = []
    for answer, findings in zip(ANSWERS, checked(release), strict=True):
        if answer[release]:
            words = [finding.libvirt_says for finding in findings if finding.severity is Severity.ERROR]
            if not any(word and word in answer[release] for word in words):
                differing.append((answer["conf"], answer[release], words))
    assert differing == []


def test_the_answers_show_both_sides() -> None:
    for release in RELEASES:
        refused = sum(bool(answer[release]) for answer in ANSWERS)
        assert refused > 500
        assert len(ANSWERS) - refused > 500


def test_every_fatal_error_says_that_no_guest_can_start() -> None:
    for answer, findings in zip(ANSWERS, checked("12.8.0"), strict=True):
        for finding in findings:
            if finding.severity is Severity.ERROR and answer["12.8.0"]:
                assert "the QEMU driver does not start, so no guest can" in finding.message


class Driver:
    """A real QEMU driver inside virsh, with a root directory of its own; it starts no daemon."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "etc").mkdir()

    def refuses(self, conf: bytes) -> str:
        """Return what the driver says against a qemu.conf; empty where it starts."""
        (self.root / "etc" / "qemu.conf").write_bytes(conf)
        done = subprocess.run(
            ["virsh", "-q", "-c", f"qemu:///embed?root={self.root}", "uri"],
            cwd=self.root,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.stderr.decode(errors="replace") if done.returncode else ""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    if not shutil.which("virsh") or os.geteuid() != 0:
        pytest.skip("needs virsh and root")
    driver = Driver(tmp_path_factory.mktemp("embedded"))
    if driver.refuses(b'user = "root"\ngroup = "root"\n'):
        pytest.skip("needs a QEMU driver that starts")
    return driver


@pytest.mark.slow
def test_the_installed_driver_says_the_same(driver: Driver) -> None:
    said = subprocess.run(["virsh", "--version"], capture_output=True, text=True, check=True)
    release = said.stdout.strip()
    # A file that starts is to make no directories outside of the test's own; nvram hangs on the host.
    avoided = re.compile("_dir|_path|nvram")
    harmless = [answer for answer in ANSWERS if not avoided.search(answer["conf"])]
    differing = []
    deadline = time.monotonic() + 30
    for answer in random.Random(1).sample(harmless, 150):
        if time.monotonic() > deadline:
            break
        conf = answer["conf"].encode("latin-1")
        refused = driver.refuses(conf)
        if bool(errors(lint(conf, release))) != bool(refused):
            differing.append((conf, refused))
    assert differing == []
