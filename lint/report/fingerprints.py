"""Fingerprints: what stays the same about a finding when lines move and whitespace or quotes change."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha256

from vfslint.findings import Finding
from vfslint.report.repository import in_repository
from vfslint.xml.document import Malformed, read
from vfslint.xml.paths import Finder
from vfslint.xml.source import Source

_WHITESPACE = re.compile(r"\s+")
_SETTING = re.compile(rb"[ \t]*([A-Za-z]\w*)[ \t]*=")


class Fingerprints:
    """Fingerprints of the findings in one source, which is read once for all of them."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._finder: Finder | None = None
        # A qemu.conf has no elements, and those of malformed XML are not reliable.
        with suppress(Malformed):
            self._finder = Finder(read(source))

    def of(self, finding: Finding) -> str:
        """Return 32 hexadecimal digits computed from the code, the element's path, and the text at the finding."""
        start, end = finding.at.start.offset, finding.at.end.offset
        around = self._finder.paths.of(self._finder.innermost(start)) if self._finder else self._setting(start)
        data = self.source.data[start:end]
        text = data.decode(self.source.encoding, "replace").replace('"', "'")
        parts = (finding.code, around, _WHITESPACE.sub(" ", text).strip())
        return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def _setting(self, offset: int) -> str:
        """Return the name of the setting on the line of an offset in a qemu.conf."""
        line = self.source.data.rfind(b"\n", 0, offset) + 1
        found = _SETTING.match(self.source.data, line)
        return found[1].decode("ascii") if found else ""


def fingerprint(finding: Finding, source: Source) -> str:
    """Return the fingerprint of one finding in its source.

    Findings with the same code, element and text have the same fingerprint, even in different files; see `unique`.
    """
    return Fingerprints(source).of(finding)


def unique(findings: Iterable[Finding], sources: Mapping[str, Source]) -> list[str]:
    """Return a fingerprint for each finding that is unique in the run.

    It also depends on the file's path in the repository, and on the number of equal findings before it.
    """
    known: dict[str, Fingerprints] = {}
    seen: Counter[tuple[str, str]] = Counter()
    result = []
    for finding in findings:
        if finding.file not in known:
            known[finding.file] = Fingerprints(sources[finding.file])
        plain = known[finding.file].of(finding)
        file = in_repository(finding.file)
        seen[file, plain] += 1
        unique_text = f"{file}\0{plain}\0{seen[file, plain]}"
        result.append(sha256(unique_text.encode("utf-8", "surrogatepass")).hexdigest()[:32])
    return result
