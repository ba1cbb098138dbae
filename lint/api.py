"""The Python interface: bytes or a path in, findings out."""

from __future__ import annotations

import os
from functools import lru_cache

from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.failures import Failure, InternalError
from vfslint.findings import Finding
from vfslint.qemu_conf import reader
from vfslint.rules import RULES
from vfslint.run import check
from vfslint.targets import NEWEST, Target
from vfslint.xml.source import Source


def lint_bytes(
    data: bytes,
    *,
    filename: str = "<bytes>",
    target: Target = NEWEST,
    session: bool = False,
    qemu_conf: bytes | None = None,
) -> list[Finding]:
    """Return the findings in domain XML, in document order; an empty list means clean.

    Data with the filename `qemu.conf` is read as a qemu.conf. `qemu_conf` is the text of the qemu.conf to check the
    domain against; findings point into it as `qemu.conf`. Raises `vfslint.qemu_conf.reader.Unreadable` if libvirt
    could not read that text, and `vfslint.InternalError` if vfslint itself fails.
    """
    conf = None if qemu_conf is None else reader.read(Source(qemu_conf, "qemu.conf"), target.libvirt)
    engine, source = _engine(Context(target, session, conf=conf)), Source(data, filename)
    outcome = check(engine, source)
    if len(outcome.domains) < 2:
        return _complete(outcome.findings, outcome.failures)
    together = engine.check_fleet(outcome.members(), lambda _: source)
    findings = sorted(outcome.findings + together.findings, key=lambda found: found.at.start.offset)
    return _complete(findings, outcome.failures + together.failures)


def _complete(findings: list[Finding], failures: tuple[Failure, ...]) -> list[Finding]:
    if failures:
        raise InternalError(failures, findings)
    return findings


@lru_cache(16)
def _engine(context: Context) -> Engine:
    """Return an engine. Making one takes longer than checking a small domain, and threads can share it."""
    return Engine(RULES, context)


def lint_path(
    path: str | os.PathLike[str],
    *,
    target: Target = NEWEST,
    session: bool = False,
    qemu_conf: bytes | None = None,
) -> list[Finding]:
    """Return the findings in a file, as `lint_bytes` does. Raises OSError if the file cannot be read."""
    with open(path, "rb") as file:
        data = file.read()
    return lint_bytes(data, filename=os.fspath(path), target=target, session=session, qemu_conf=qemu_conf)
