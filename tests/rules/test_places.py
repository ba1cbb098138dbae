"""Where something is in the text is found out only to report it: it takes longer than all rules together."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from vfslint import lint_bytes
from vfslint.xml.document import Document

DUMPS = Path(__file__).parent.parent / "data" / "dumps.jsonl.gz"


def test_no_rule_looks_for_a_place_that_it_does_not_report(monkeypatch):
    with gzip.open(DUMPS, "rt", encoding="utf-8") as lines:
        printed = [json.loads(line)["xml"].encode() for line in lines]
    sound = [data for data in printed if not lint_bytes(data)]
    assert len(sound) > 50
    asked: list[object] = []
    place = Document.place
    monkeypatch.setattr(Document, "place", lambda self, element: asked.append(element) or place(self, element))
    for data in sound:
        lint_bytes(data.replace(b"<name>", b"<name>other-"))
    assert not asked
