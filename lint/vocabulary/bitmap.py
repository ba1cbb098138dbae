"""Sets of small numbers, such as CPUs and NUMA nodes, with a bit for each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from itertools import pairwise
from typing import Any


class Bitmap(Set[int]):
    """An immutable set of numbers from 0: 2 KB hold every CPU that a cpuset can name, however long it is written."""

    __slots__ = ("bits",)

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self.bits: int = numbers.bits if isinstance(numbers, Bitmap) else 0
        for number in () if isinstance(numbers, Bitmap) else numbers:
            self.bits |= 1 << number

    @classmethod
    def of_bits(cls, bits: int) -> Bitmap:
        """Return the set whose member N is bit N."""
        found = cls()
        found.bits = bits
        return found

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and number >= 0 and self.bits >> number & 1 == 1

    def __iter__(self) -> Iterator[int]:
        return (number for number, bit in enumerate(reversed(f"{self.bits:b}")) if bit == "1")

    def __len__(self) -> int:
        return self.bits.bit_count()

    def __eq__(self, other: object) -> bool:
        return self.bits == other.bits if isinstance(other, Bitmap) else super().__eq__(other)

    def __hash__(self) -> int:
        return hash(self.bits)

    def __le__(self, other: Set[Any]) -> bool:
        return not self.bits & ~other.bits if isinstance(other, Bitmap) else super().__le__(other)

    def __and__(self, other: Set[Any]) -> Bitmap:
        return Bitmap.of_bits(self.bits & self._bits_of(other))

    def __or__(self, other: Set[Any]) -> Bitmap:
        return Bitmap.of_bits(self.bits | Bitmap(other).bits)

    def __sub__(self, other: Set[Any]) -> Bitmap:
        return Bitmap.of_bits(self.bits & ~self._bits_of(other))

    def __repr__(self) -> str:
        return f"Bitmap({list(self)})"

    def _bits_of(self, other: Set[Any]) -> int:
        """Return the bits of the members of another set that can be in this one, because they are not too large."""
        if isinstance(other, Bitmap):
            return other.bits
        most = self.bits.bit_length()
        return Bitmap(number for number in other if number < most).bits

    def start_at(self, number: int) -> Bitmap:
        """Return the members that are not below a number."""
        return Bitmap.of_bits(self.bits >> number << number)

    def below(self, number: int) -> Bitmap:
        """Return the members below a number."""
        return self - self.start_at(number)


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last number of each run of consecutive numbers, in order."""
    if isinstance(numbers, Bitmap):
        yield from ((found.start(), found.end() - 1) for found in re.finditer("1+", f"{numbers.bits:b}"[::-1]))
        return
    ordered = sorted(numbers)
    start = 0
    for position, (number, following) in enumerate(pairwise([*ordered, -1]), 1):
        if following != number + 1:
            yield ordered[start], number
            start = position


def union(sets: Iterable[Bitmap]) -> Bitmap:
    """Return what is in any of several sets."""
    bits = 0
    for one in sets:
        bits |= one.bits
    return Bitmap.of_bits(bits)


def clashes(sets: Iterable[Bitmap]) -> Iterator[tuple[int, int]]:
    """Yield the position of an earlier set and that of each later one that shares a member with it.

    A later set appears once, however many others it overlaps, so that the number of clashes is at most that of the
    sets. In the first clash, at which libvirt stops, the earlier set is the first of all.
    """
    seen, owners, is_first = 0, dict[int, int](), True
    for position, one in enumerate(sets):
        both = seen & one.bits
        if both:
            lowest = (both & -both).bit_length() - 1
            yield min(map(owners.__getitem__, Bitmap.of_bits(both))) if is_first else owners[lowest], position
            is_first = False
        owners.update(dict.fromkeys(Bitmap.of_bits(one.bits & ~seen), position))
        seen |= one.bits
