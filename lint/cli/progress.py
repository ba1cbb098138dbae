"""A progress bar for long runs on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from shutil import get_terminal_size
from typing import TextIO

# Seconds before the bar appears; shorter runs do not need one.
PATIENCE = 0.8


def shown(paths: Sequence[str], stderr: TextIO, clock: Callable[[], float] = time.monotonic) -> Iterator[str]:
    """Yield the paths, and draw a bar if that takes longer than PATIENCE."""
    start = clock()
    paths_left = iter(paths)
    done = 0
    for path in paths_left:
        yield path
        done += 1
        if clock() - start > PATIENCE and done < len(paths):
            break
    yield from _drawn(paths_left, done, len(paths), stderr)


def _drawn(paths: Iterator[str], done: int, total: int, stderr: TextIO) -> Iterator[str]:
    if done == total:
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    # rich fails if COLUMNS or LINES is not a number.
    size = get_terminal_size()
    console = Console(file=stderr, markup=False, emoji=False, highlight=False, width=size.columns, height=size.lines)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total, completed=done)
        for path in paths:
            yield path
            progress.advance(task)
