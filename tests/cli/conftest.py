"""The folder that the tests of the command work in: a sound domain and a faulty one."""

from pathlib import Path

import pytest

from tests.cli.guests import FAULTY, SOUND


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sound.xml").write_text(SOUND)
    (tmp_path / "faulty.xml").write_text(FAULTY)
    return tmp_path
