"""How the cost of something grows with its input: in calls, or in CPU time, so that other load does not count."""

import sys
import time
from collections.abc import Callable
from types import FrameType

TIMES = 8
"""How much larger the large input is."""

LINEAR = 3 * TIMES
"""The most that a linear cost grows, with what memory and noise add; a quadratic one grows 64 times."""


def growth(measured: Callable[[int], object], number: int) -> float:
    """Return how much more CPU time `measured(number)` takes than `measured(number // TIMES)`, each at its best.

    The sizes of repeated calls differ a little, so that nothing remembered helps.
    """

    def cost(size: int) -> float:
        start = time.process_time()
        measured(size)
        return time.process_time() - start

    few = min(cost(number // TIMES + more) for more in range(3))
    return min(cost(number + more) for more in range(2)) / few


def calls(work: Callable[[], object]) -> int:
    """Return how many functions, of Python's and of C's, a piece of work calls."""
    count = 0

    def tally(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tally)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count
