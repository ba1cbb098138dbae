"""The folder that the tests of configurations work in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.guest import DOMAIN


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "guests").mkdir()
    (tmp_path / "guests" / "web.xml").write_text(DOMAIN)
    return tmp_path
