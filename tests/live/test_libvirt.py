"""Without a libvirt that can be asked, the tests that ask it are skipped, and say why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.libvirt import DriverFailed, LiveLibvirt, is_available
from tests.paths import ROOT


@pytest.fixture
def no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let libvirt look for its drivers in an empty folder."""
    monkeypatch.setenv("LIBVIRT_DRIVER_DIR", str(tmp_path))


@pytest.mark.usefixtures("no_driver")
@pytest.mark.skipif(os.name == "nt", reason="there is no libvirt for Windows")
def test_a_driver_that_does_not_start_has_a_reason() -> None:
    with pytest.raises(DriverFailed, match=r"driver does not start: .+"):
        LiveLibvirt().__enter__()


@pytest.mark.usefixtures("no_driver")
def test_live_tests_are_skipped_with_the_reason() -> None:
    words = ["tests/live/test_shares.py", "-k", "passed_over", "-rs", "-p", "no:cacheprovider"]
    made = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "1 skipped" in made.stdout
    reason = "libvirt's QEMU driver does not start: no connection driver" if is_available() else "needs root, libvirt"
    assert reason in " ".join(made.stdout.split())
