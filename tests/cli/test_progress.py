"""A bar shows how far a long run is, on a terminal only."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from tests.command import vfslint
from vfslint.cli.progress import PATIENCE, shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ticking(step: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += step


@pytest.mark.parametrize(("step", "drawn"), [(PATIENCE, True), (PATIENCE / 100, False)])
def test_a_bar_is_drawn_when_a_run_takes_longer_than_a_moment(step: float, drawn: bool) -> None:
    stderr = Terminal()
    paths = [f"{number}.xml" for number in range(20)]
    assert list(shown(paths, stderr, ticking(step).__next__)) == paths
    assert ("20/20" in stderr.getvalue()) is drawn


@pytest.mark.usefixtures("folder")
def test_no_bar_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vfslint.cli.progress.PATIENCE", -1)
    assert vfslint("sound.xml", "faulty.xml")[2] == ""
