"""The Python interface: bytes or a path in, findings out."""

from __future__ import annotations

import os

from vfslint.engine import Engine
from vfslint.findings import Finding
from vfslint.rules import RULES
from vfslint.setting import Setting
from vfslint.source import Source
from vfslint.targets import NEWEST, Target


def lint_bytes(
    data: bytes, *, filename: str = "<bytes>", target: Target = NEWEST, session: bool = False
) -> list[Finding]:
    """Return the findings in domain XML, in the order of the document; an empty list means clean."""
    engine, source = Engine(RULES, Setting(target, session)), Source(data, filename)
    outcome = engine.judge_xml(source)
    if len(outcome.domains) < 2:
        return outcome.findings
    together = engine.judge_fleet(outcome.members, lambda _: source).findings
    return sorted(outcome.findings + together, key=lambda found: found.at.start.offset)


def lint_path(path: str | os.PathLike[str], *, target: Target = NEWEST, session: bool = False) -> list[Finding]:
    """Return the findings in a file. Raises OSError where it cannot be read."""
    with open(path, "rb") as file:
        data = file.read()
    return lint_bytes(data, filename=os.fspath(path), target=target, session=session)
