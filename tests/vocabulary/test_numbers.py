"""Numbers, sizes and sets are read to the letter as libvirt reads them; the answers are those of real releases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfslint.vocabulary import numbers
from vfslint.vocabulary.bitmap import Bitmap, clashes, union


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", 2),
        (" 2", 2),
        ("\n2", 2),
        ("+2", 2),
        ("2 ", None),
        ("-1", None),
        ("0x2", None),
        ("2.0", None),
        ("", None),
        ("4294967295", 4294967295),
        ("4294967296", None),
    ],
)
def test_unsigned_as_virstrtolong_uip(text: str, number: int | None) -> None:
    assert numbers.unsigned(text) == number


@pytest.mark.parametrize(("text", "number"), [("-1", 4294967295), ("-0", 0), ("-4294967295", 1)])
def test_unsigned_that_wraps(text: str, number: int) -> None:
    assert numbers.unsigned(text, wraps=True) == number


@pytest.mark.parametrize(
    ("text", "unit", "kib"),
    [
        ("1", None, 1),
        ("1", "b", 1),
        ("1025", "bytes", 2),
        ("1", "MB", 977),
        ("1", "mib", 1024),
        ("2", "G", 2097152),
        ("1", "E", 1125899906842624),
        ("7", "EiB", 7881299347898368),
        ("8", "EiB", None),
        ("9007199254740991", None, 9007199254740991),
        ("9007199254740992", None, None),
        ("1", "Ki", None),
        ("1", " KiB", None),
        ("1.5", "GiB", None),
    ],
)
def test_size_in_kib(text: str, unit: str | None, kib: int | None) -> None:
    size = numbers.scaled(text, unit)
    assert (None if size is None else numbers.kib(size)) == kib


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("0-3", {0, 1, 2, 3}),
        ("0-3,^1", {0, 2, 3}),
        ("^1,0-3", {0, 1, 2, 3}),
        (" 0 - 3 , 7 ", {0, 1, 2, 3, 7}),
        ("0,", {0}),
        ("^0", set()),
        ("16383", {16383}),
        ("16384", None),
        ("3-0", None),
        ("1-3,^2-3", None),
        ("0,,1", None),
        (",0", None),
        ("0-", None),
        ("-1", None),
        ("^", None),
        ("", None),
        (" ", None),
        ("all", None),
    ],
)
def test_bitmap(text: str, members: set[int] | None) -> None:
    assert numbers.bitmap(text) == members


@pytest.mark.parametrize(
    ("text", "is_uuid"),
    [
        ("c7a5fdbd-cdaf-9455-926a-d65c16db1809", True),
        ("c7a5fdbdcdaf9455926ad65c16db1809", True),
        (" C7A5FDBD-cdaf-9455-926a-d65c16db1809\n", True),
        ("c7a5fdbd cdaf 9455 926a d65c16db1809", True),
        ("--c7a5fdbd-cdaf-9455-926a-d65c16db1809", True),
        ("c7a5fdbd-cdaf-9455-926a-d65c16db1809-", False),
        ("c7a5fdbd-cdaf-9455-926a-d65c16db180", False),
        ("c7a5fdbd-cdaf-9455-926a-d65c16db180g", False),
        ("{c7a5fdbd-cdaf-9455-926a-d65c16db1809}", False),
    ],
)
def test_uuid(text: str, is_uuid: bool) -> None:
    assert numbers.is_uuid(text) is is_uuid


@given(st.frozensets(st.integers(0, numbers.CPUMASK_BITS - 1), min_size=1))
def test_a_set_that_is_spelt_is_read_again(members: frozenset[int]) -> None:
    assert numbers.bitmap(numbers.spell_set(Bitmap(members))) == members
    assert numbers.spell_set(members) == numbers.spell_set(Bitmap(members))


def test_only_the_beginning_of_a_long_set_is_spelt() -> None:
    assert numbers.shorten_set(Bitmap(range(0, 100, 2))).endswith(",60,62,…")


@given(st.frozensets(st.integers(0, 200)), st.frozensets(st.integers(0, 200)), st.integers(0, 210))
def test_a_bitmap_is_a_set(one: frozenset[int], other: frozenset[int], limit: int) -> None:
    ours, theirs = Bitmap(one), Bitmap(other)
    assert list(ours) == sorted(one)
    assert len(ours) == len(one)
    assert ours == one
    assert (ours == theirs, ours <= theirs) == (one == other, one <= other)
    assert (ours & theirs, ours | theirs, ours - theirs) == (one & other, one | other, one - other)
    assert [number in ours for number in range(-1, 201)] == [number in one for number in range(-1, 201)]
    assert ours.start_at(limit) == {number for number in one if number >= limit}
    assert ours.below(limit) == {number for number in one if number < limit}
    assert union([ours, theirs]) == one | other


@given(st.lists(st.frozensets(st.integers(0, 12)), max_size=8))
def test_each_set_clashes_once_with_an_earlier_one(sets: list[frozenset[int]]) -> None:
    found = list(clashes(map(Bitmap, sets)))
    overlapping = [later for later, one in enumerate(sets) if any(one & before for before in sets[:later])]
    assert [later for _, later in found] == overlapping
    assert all(sets[first] & sets[later] and first < later for first, later in found)
    if found:
        first, later = found[0]
        assert not any(sets[before] & sets[later] for before in range(first))


@given(st.text())
def test_nothing_raises(text: str) -> None:
    for read in (numbers.unsigned, numbers.integer, numbers.bitmap, numbers.unit_bytes, numbers.is_uuid):
        read(text)
    numbers.scaled(text, text)


@pytest.mark.parametrize(
    ("kib", "spelt"),
    [(2097152, "2 GiB"), (1953792, "1908 MiB"), (3, "3 KiB"), (0, "0 KiB"), (1073741824, "1 TiB")],
)
def test_sizes_as_people_write_them(kib: int, spelt: str) -> None:
    assert numbers.spell_size(kib) == spelt
