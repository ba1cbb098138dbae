"""Similar names: one typo, or a difference in case."""

from __future__ import annotations

from collections.abc import Iterable


def distance(first: str, second: str) -> int:
    """Return the number of inserted, omitted, changed or swapped adjacent letters between two words."""
    # A common beginning or end does not count. After a typo, little more than one letter remains to compare.
    start, shorter = 0, min(len(first), len(second))
    while start < shorter and first[start] == second[start]:
        start += 1
    end = 0
    while end < shorter - start and first[-1 - end] == second[-1 - end]:
        end += 1
    first, second = first[start : len(first) - end], second[start : len(second) - end]
    rows = [list(range(len(second) + 1))]
    for i, letter in enumerate(first, 1):
        row = [i]
        for j, other in enumerate(second, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def is_near(word: str, known: str) -> bool:
    """Whether one word was probably meant to be the other: they differ in case only, or by a typo in three letters."""
    typos = min(len(word), len(known)) // 3
    # The length is the cheapest to compare; a difference in case changes no length.
    if abs(len(word) - len(known)) > typos:
        return False
    if word.lower() == known.lower():
        return True
    # Each letter that only one of them has requires a change of its own; this is faster to check than the distance.
    ours, theirs = set(word), set(known)
    return len(ours - theirs) <= typos and len(theirs - ours) <= typos and distance(word, known) <= typos


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, or None; one that differs only in case comes first."""
    # Most names differ too much in length, which is the fastest to check.
    size = len(word)
    near = [name for name in known if 3 * abs(size - len(name)) <= size and is_near(word, name)]
    if len(near) < 2:
        return near[0] if near else None
    return min(near, key=lambda name: (name.lower() != word.lower(), distance(word, name)))
