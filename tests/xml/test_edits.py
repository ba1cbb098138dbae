"""Edits change their byte ranges and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.guest_to_fix import DOMAIN
from tests.properties import tried
from vfslint.findings import Edit
from vfslint.xml.document import read
from vfslint.xml.edits import apply, remove_element
from vfslint.xml.source import Source


@tried(60)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8), st.binary(max_size=3)), max_size=6))
def test_edits_change_their_ranges_and_nothing_else(ranges: list[tuple[int, int, bytes]]) -> None:
    data = bytes(range(48))
    edits, end = [], -1
    for start, size, text in sorted(ranges):
        if start > end:
            edits.append(Edit(start, start + size, text))
            end = start + size
    after = apply(data, edits)
    position = done = 0
    for edit in edits:
        kept = data[done : edit.start]
        assert after[position : position + len(kept)] == kept
        position += len(kept)
        assert after[position : position + len(edit.text)] == edit.text
        position += len(edit.text)
        done = edit.end
    assert after[position:] == data[done:]


def test_a_removed_element_takes_its_line_with_it() -> None:
    source = Source(DOMAIN.encode(), "x.xml")
    node = read(source).root_node.child("devices/filesystem")
    assert node is not None
    assert apply(source.data, [remove_element(node)]).decode() == (
        DOMAIN[: DOMAIN.index("    <filesystem")] + DOMAIN[DOMAIN.index("  </devices>") :]
    )
