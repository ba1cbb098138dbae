"""Edits change their byte ranges and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.guest_to_fix import DOMAIN
from tests.properties import tried
from vfslint.findings import Edit
from vfslint.xml.document import Node, read
from vfslint.xml.edits import add_attribute, apply, insert, move_into, remove_element, set_whole_text
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


def node(text: str, path: str) -> Node:
    found = read(Source(text.encode(), "x.xml")).root_node.child(path)
    assert found is not None
    return found


def edited(text: str, *edits: Edit) -> str:
    return apply(text.encode(), edits).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("4", "3"),
        (" 4\n", "3"),
        ("4 <!-- was 8 -->", "3<!-- was 8 -->"),
        ("<!-- GiB --> 4", "<!-- GiB -->3"),
        ("4<!-- a --><?b c?>5", "3<!-- a --><?b c?>"),
        ("<![CDATA[4]]><!-- a -->", "3<!-- a -->"),
        ("<!-- a --><![CDATA[4]]>", "<!-- a -->3"),
        ("4<b> 5 <c/> 6 </b>7", "3<b> 5 <c/> 6 </b>"),
        ("<!-- a -->", "3<!-- a -->"),
    ],
)
def test_text_is_replaced_between_comments_and_elements(before: str, after: str) -> None:
    text = f"<a><m>{before}</m></a>"
    assert edited(text, set_whole_text(node(text, "m"), "3")) == f"<a><m>{after}</m></a>"


def test_a_removed_element_leaves_the_comments_in_it_and_after_it() -> None:
    text = "<a>\n  <b>\n    <!-- one -->\n    <c/> <!-- two -->\n  </b> <!-- three -->\n</a>"
    expected = "<a>\n  <!-- one -->\n  <!-- two --> <!-- three -->\n</a>"
    assert edited(text, remove_element(node(text, "b"))) == expected


def test_inserted_lines_do_not_separate_a_comment_from_its_line() -> None:
    text = "<a>\n  <b/> <!-- one --><!--\n two -->\n</a>"
    assert edited(text, insert(read(Source(text.encode(), "")).root_node, "<c/>")) == (
        "<a>\n  <b/> <!-- one --><!--\n two -->\n  <c/>\n</a>"
    )
    empty = "<a>\n  <b/> <!-- one -->\n</a>"
    assert edited(empty, insert(node(empty, "b"), "<c/>")) == "<a>\n  <b><c/></b> <!-- one -->\n</a>"
    opened = "<a>\n  <b> <!-- one -->\n  </b>\n</a>"
    assert edited(opened, insert(node(opened, "b"), "<c/>")) == ("<a>\n  <b> <!-- one -->\n    <c/>\n  </b>\n</a>")


def test_moved_text_keeps_its_quotes_comments_and_content() -> None:
    moved = '<b x=\'"\n  \' y="1">\n      <!-- one\n      two -->\n      <c>\n  text</c>\n    </b> <!-- three -->'
    text = f'<a z="1">\n  <d>\n    {moved}\n  </d>\n  <e>\n  </e>\n</a>\n'
    inner = '<b x=\'"\n  \' y="1">\n      <!-- one\n      two -->\n      <c>\n  text</c>\n    </b> <!-- three -->'
    assert edited(text, *move_into(node(text, "d/b"), node(text, "e"))) == (
        f'<a z="1">\n  <d>\n  </d>\n  <e>\n    {inner}\n  </e>\n</a>\n'
    )


def test_moved_lines_are_indented_anew_between_tags() -> None:
    text = "<a>\n  <b>\n    <c/>\n  </b>\n  <d>\n    <e>\n    </e>\n  </d>\n</a>\n"
    assert edited(text, *move_into(node(text, "b"), node(text, "d/e"))) == (
        "<a>\n  <d>\n    <e>\n      <b>\n        <c/>\n      </b>\n    </e>\n  </d>\n</a>\n"
    )


def test_an_attribute_is_never_added_twice() -> None:
    text = "<a><b x='' y='1'/></a>"
    assert edited(text, add_attribute(node(text, "b"), "x", "2")) == "<a><b x='2' y='1'/></a>"
    assert edited(text, add_attribute(node(text, "b"), "z", "2")) == "<a><b x='' y='1' z='2'/></a>"
