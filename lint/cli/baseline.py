"""A baseline: existing findings, so that only new ones are reported.

It is JSON: the fingerprints of the findings in each file, each with its count. File names are relative to the
folder of the baseline.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from typing import Any

from vfslint import files, json_input
from vfslint.report.fingerprints import Fingerprints
from vfslint.run import Run
from vfslint.usage import UsageError

FORMAT = 1
MAXIMUM_BYTES = 64 * 1024 * 1024

Entry = tuple[str, str]  # file, fingerprint


class Baseline:
    """The findings that a baseline lists: how many of each fingerprint in each file."""

    def __init__(self, path: str, counts: Counter[Entry]) -> None:
        self.path = path
        self.counts = counts

    def apply(self, run: Run) -> int:
        """Move listed findings from `run.findings` to `run.known`; return the number of stale entries.

        An entry is stale if no finding matches it any more, and its file was checked or does not exist.
        """
        left = Counter(self.counts)
        new, run.known = [], []
        for finding, entry in zip(run.findings, _entries(self.path, run), strict=True):
            if left[entry] > 0:
                left[entry] -= 1
                run.known.append(finding)
            else:
                new.append(finding)
        run.findings = new
        checked = {_name(self.path, file) for file in (*run.files, *run.not_domains)}
        folder = os.path.dirname(os.path.abspath(self.path))
        return sum(
            number
            for (file, _), number in left.items()
            if number > 0 and (file in checked or not os.path.lexists(os.path.join(folder, file)))
        )


def read(path: str) -> Baseline:
    """Read a baseline; raises `UsageError` if it is not one."""
    try:
        data = files.read_input(path, MAXIMUM_BYTES)
        if len(data) > MAXIMUM_BYTES:
            raise UsageError(f"{path} is larger than {MAXIMUM_BYTES} bytes")
        return Baseline(path, _counts(json_input.loads(data)))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError:
        raise UsageError(f"{path} is not a vfslint baseline; --write-baseline writes one") from None


def write(path: str, run: Run) -> None:
    """Write every finding of a run into a baseline. Raises OSError."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for finding, (file, fingerprint) in zip(run.findings, _entries(path, run), strict=True):
        entry = found.setdefault(file, {}).setdefault(
            fingerprint,
            {"fingerprint": fingerprint, "code": finding.code, "message": finding.message, "count": 0},
        )
        entry["count"] += 1
    listed = {file: list(entries.values()) for file, entries in sorted(found.items())}
    text = json.dumps({"version": FORMAT, "files": listed}, indent=2) + "\n"
    files.write(path, text.encode("ascii"))


def _entries(path: str, run: Run) -> Iterable[Entry]:
    known: dict[str, Fingerprints] = {}
    for finding in run.findings:
        if finding.file not in known:
            known[finding.file] = Fingerprints(run.sources[finding.file])
        yield _name(path, finding.file), known[finding.file].of(finding)


def _name(path: str, file: str) -> str:
    folder = os.path.dirname(os.path.abspath(path))
    return os.path.relpath(os.path.abspath(file), folder).replace(os.sep, "/")


def _counts(found: Any) -> Counter[Entry]:
    """Raises ValueError if the JSON has another structure."""
    if not isinstance(found, dict) or found.get("version") != FORMAT:
        raise ValueError("unknown version")
    listed = found.get("files")
    if not isinstance(listed, dict) or not all(isinstance(entries, list) for entries in listed.values()):
        raise ValueError("no files")
    counts: Counter[Entry] = Counter()
    for file, entries in listed.items():
        for entry in entries:
            if not isinstance(entry, dict):
                raise ValueError("invalid entry")
            fingerprint, number = entry.get("fingerprint"), entry.get("count")
            if not isinstance(fingerprint, str) or not isinstance(number, int) or number < 0:
                raise ValueError("no fingerprint")
            counts[file, fingerprint] += number
    return counts
