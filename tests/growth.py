"""How the cost of something grows with the size of its input, in CPU time: other load on the machine does not count."""

import time
from collections.abc import Callable

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
