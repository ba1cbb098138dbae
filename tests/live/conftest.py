"""The installed libvirt, for the tests that ask it."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.live.libvirt import DriverFailed, LiveLibvirt, is_available


@pytest.fixture(scope="module")
def libvirt() -> Iterator[LiveLibvirt]:
    if not is_available():
        pytest.skip("needs root, libvirt's QEMU driver and qemu-system-x86_64: .ci/run installs them")
    with contextlib.ExitStack() as stack:
        try:
            live = stack.enter_context(LiveLibvirt())
        except DriverFailed as error:
            pytest.skip(str(error))
        yield live
