"""The number of findings of each rule."""

from __future__ import annotations

import json
from collections import Counter
from typing import TextIO

from vfslint.run import Run


def write(run: Run, out: TextIO, *, as_json: bool) -> None:
    """Write each rule with the number of its findings, the most frequent first."""
    counts = Counter((finding.code, finding.name) for finding in run.findings)
    fixable = Counter(finding.code for finding in run.findings if finding.fix and finding.fix.safe)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if as_json:
        rows = [
            {"code": code, "name": name, "count": number, "fixable": fixable[code]} for (code, name), number in ordered
        ]
        json.dump(rows, out, indent=2)
        out.write("\n")
        return
    width = max((len(str(number)) for number in counts.values()), default=0)
    for (code, name), number in ordered:
        fixes = f"  ({fixable[code]} fixable with --fix)" if fixable[code] else ""
        out.write(f"{number:>{width}}  {code}  {name}{fixes}\n")
