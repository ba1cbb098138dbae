"""How near two names are: one slip of the hand, or one of case."""

from __future__ import annotations

from collections.abc import Iterable


def distance(first: str, second: str) -> int:
    """Return the number of inserted, left out, changed or swapped neighbouring letters between two words."""
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
    """Tell whether one was probably meant for the other: same but for case, or a slip in three letters."""
    if word.lower() == known.lower():
        return True
    slips = min(len(word), len(known)) // 3
    if abs(len(word) - len(known)) > slips:
        return False
    # Each letter that only one of them has takes a change of its own, which is cheaper to see than the distance.
    ours, theirs = set(word), set(known)
    return len(ours - theirs) <= slips and len(theirs - ours) <= slips and distance(word, known) <= slips


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, or None; a difference in case alone comes first."""
    near = [name for name in known if is_near(word, name)]
    return min(near, key=lambda name: (name.lower() != word.lower(), distance(word, name)), default=None)
