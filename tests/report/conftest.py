"""The runs that the tests of reports write, with rules whose manual pages do not change."""

import pytest

from tests.report.runs import fixed_rules, hostile, plain
from vfslint.report import sarif
from vfslint.run import Run


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(sarif, "RULES", fixed_rules())
    return plain()


@pytest.fixture
def attack(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(sarif, "RULES", fixed_rules())
    return hostile()
