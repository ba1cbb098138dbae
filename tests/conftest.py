"""Options and fixtures of all tests."""

from typing import NoReturn

import pytest

from tests import properties
from tests.paths import GOLDEN
from vfslint.failures import Failure


def pytest_configure(config: pytest.Config) -> None:
    properties.whole_run = "not slow" not in config.option.markexpr
    properties.whole_corpus = config.option.whole_corpus


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the files in tests/golden")
    parser.addoption("--whole-corpus", action="store_true", help="try every document in the slow tests")


class Golden:
    """Compares output with the content of a file."""

    def __init__(self, update: bool) -> None:
        self.update = update

    def check(self, name: str, text: str) -> None:
        path = GOLDEN / name
        if self.update:
            path.write_text(text, encoding="utf-8", newline="\n")
        assert text == path.read_text(encoding="utf-8"), "pytest --update-golden accepts the new output"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.config.getoption("--update-golden"))


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide CI services and the terminal's size from the tests; readline sets the size in pytest-xdist's workers."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "CI_PROJECT_DIR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_internal_error(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test on an internal error of vfslint, unless it is marked `internal_errors`."""

    def fail(error: BaseException, *_: object) -> NoReturn:
        raise error

    if request.node.get_closest_marker("internal_errors") is None:
        monkeypatch.setattr(Failure, "of", fail)
