"""Options and surroundings of every test."""

from pathlib import Path
from typing import NoReturn

import pytest

from vfslint.failures import Failure

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the files in tests/golden")


class Golden:
    """Compares with a file that holds the expected output."""

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
def _no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Continuous integration runs the tests too; they behave as at anybody's desk."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_internal_error(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What vfslint would report as a bug of its own fails the test; those marked `internal_errors` ask for it."""

    def fail(error: BaseException, *_: object) -> NoReturn:
        raise error

    if request.node.get_closest_marker("internal_errors") is None:
        monkeypatch.setattr(Failure, "of", fail)
