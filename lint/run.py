"""One run over many files: what was found, in which sources, and how much was looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from vfslint.engine import Engine, Skipped
from vfslint.findings import Finding, Severity
from vfslint.source import Source

CONF_NAME = "qemu.conf"


class Run:
    """The result that reporters draw. `sources` holds the sources that findings point into, by file name."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.sources: dict[str, Source] = {}
        self.skipped: list[Skipped] = []
        self.checked = 0

    def count(self, word: str) -> int:
        """How many findings have the severity of that name."""
        return sum(finding.severity.word == word for finding in self.findings)

    @property
    def fixable(self) -> int:
        """How many findings `--fix` would mend."""
        return sum(finding.fix is not None and finding.fix.safe for finding in self.findings)

    def worst(self) -> Severity | None:
        """The highest severity found, or None."""
        return max((finding.severity for finding in self.findings), default=None)

    def add(self, engine: Engine, source: Source) -> None:
        """Judge one more source."""
        self.checked += 1
        outcome = engine.judge_xml(source)
        if outcome.skipped:
            self.skipped.append(outcome.skipped)
        if outcome.findings:
            self.sources[source.name] = source
            self.findings += outcome.findings


def files_in(paths: Iterable[str]) -> Iterator[str]:
    """Yield the files to check: a file as it is named, of a folder every `*.xml` and `qemu.conf` in it.

    Folders are walked in sorted order; hidden ones and links to folders are left out.
    """
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for folder, subfolders, names in os.walk(path):
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            for name in sorted(names):
                if name.endswith(".xml") or name == CONF_NAME:
                    yield os.path.join(folder, name)
