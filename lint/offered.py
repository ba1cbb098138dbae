"""Which fixes are offered: none that would lose a comment, and none in a text that is not exactly the file's bytes."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vfslint.findings import Edit, Finding, Fix
from vfslint.qemu_conf.reader import QemuConf
from vfslint.xml.document import Document

if TYPE_CHECKING:
    from vfslint.suppressions import Holder
    from vfslint.xml.source import Source

# The rules about suppressions correct and remove these comments.
_OWN = "vfslint:"


def with_offered_fixes(findings: list[Finding], holder: Holder) -> list[Finding]:
    """Return the findings in a file, without the fixes that would damage it."""
    if not holder.source.is_exact:
        return [finding._replace(fix=None) for finding in findings]
    comments = _comments(holder)
    if not comments:
        return findings
    return [
        finding._replace(fix=None)
        if finding.fix and _loses_a_comment(finding.fix, comments, holder.source)
        else finding
        for finding in findings
    ]


def _comments(holder: Holder) -> Sequence[tuple[int, int]]:
    """Return the first and the last byte offset of each comment, in order."""
    source = holder.source
    if isinstance(holder, QemuConf):
        return [(comment.start, comment.end) for comment in holder.comments]
    if isinstance(holder, Document):
        spans = holder.comments
    else:
        spans = [found.span() for found in re.finditer(r"(?s)<!--(?:.*?-->|.*)", source.text)]
    return [(source.offset(start), source.offset(end)) for start, end in spans]


def _loses_a_comment(fix: Fix, comments: Sequence[tuple[int, int]], source: Source) -> bool:
    return any(
        not any(source.data[start:end] in edit.text for edit in fix.edits)
        for removal in fix.edits
        for start, end in _inside(removal, comments)
        if source.encode(_OWN) not in source.data[start:end]
    )


def _inside(edit: Edit, comments: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """Return the comments that a replaced range contains or overlaps."""
    first = bisect_left(comments, (edit.start, 0))
    if first and comments[first - 1][1] > edit.start:
        first -= 1
    return comments[first : max(first, bisect_left(comments, (edit.end, 0)))]
