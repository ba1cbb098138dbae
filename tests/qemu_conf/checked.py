"""Judges the text of a qemu.conf for a release."""

from __future__ import annotations

from typing import Any

from tests.paths import DATA
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Finding, Severity
from vfslint.rules import RULES
from vfslint.targets import contemporary, version
from vfslint.xml.source import Source

DATA = DATA / "qemu-conf"
RELEASES = ("7.0.0", "9.0.0", "11.3.0", "12.8.0")


def lint(data: bytes | str, release: str = "12.8.0", **more: Any) -> list[Finding]:
    data = data.encode() if isinstance(data, str) else data
    engine = Engine(RULES, Context(contemporary(version(release)), **more))
    return engine.check_conf(Source(data, "qemu.conf")).findings


def errors(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings if finding.severity is Severity.ERROR]
