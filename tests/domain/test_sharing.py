"""It is known which memory is shared, and which devices need that."""

from __future__ import annotations

import pytest

from tests.domain.made import SHARE, domain, with_devices
from vfslint.domain import sharing

CELLS = "<cpu><numa><cell cpus='0' memory='1' unit='GiB'{}/><cell cpus='1' memory='1' unit='GiB'{}/></numa></cpu>"
SHARED, PRIVATE = " memAccess='shared'", " memAccess='private'"


@pytest.mark.parametrize(
    ("body", "is_shared"),
    [
        ("", False),
        ("<memoryBacking><source type='memfd'/></memoryBacking>", False),
        ("<memoryBacking><access mode='shared'/></memoryBacking>", True),
        ("<memoryBacking><access mode=''/></memoryBacking>", False),
        ("<memoryBacking><access mode='private'/><access mode='shared'/></memoryBacking>", False),
        ("<memoryBacking/><memoryBacking><access mode='shared'/></memoryBacking>", True),
        (CELLS.format(SHARED, SHARED), True),
        (CELLS.format(SHARED, ""), False),
        (CELLS.format(SHARED, SHARED) + "<memoryBacking><access mode='private'/></memoryBacking>", True),
        (CELLS.format("", PRIVATE) + "<memoryBacking><access mode='shared'/></memoryBacking>", False),
        ("<devices><memoryBacking><access mode='shared'/></memoryBacking></devices>", False),
    ],
)
def test_effective_access(body: str, is_shared: bool) -> None:
    assert sharing.is_shared(domain(f"<memory>1048576</memory>{body}")) is is_shared


def test_misplaced_sharing_is_found_where_it_stands() -> None:
    found = domain(
        "<devices><memoryBacking><access mode='shared'/></memoryBacking></devices>"
        "<numa><cell memory='1' memAccess='shared'/></numa><os><memoryBacking/></os>"
    )
    assert [node.tag for node in sharing.misplaced(found)] == ["memoryBacking", "numa"]


def test_vhost_user_devices_are_shares_interfaces_disks_and_video_devices() -> None:
    found = with_devices(
        f"<disk type='vhostuser'/><disk type='vhostvdpa'/><disk type='file'/><filesystem>{SHARE}</filesystem>"
        "<filesystem><source dir='/srv'/></filesystem><interface type='vhostuser'/><interface type='user'/>"
        "<video><driver name='vhostuser'/></video><video/>"
    )
    assert [device.kind for device in sharing.vhost_user_devices(found)] == [
        "filesystem", "interface", "disk", "disk", "video",
    ]  # fmt: skip


def test_a_drive_without_a_medium_is_served_by_nobody() -> None:
    served = "<disk type='vhostuser' device='cdrom'><source type='unix' path='/run/s'/></disk>"
    found = with_devices(f"<disk type='vhostuser' device='cdrom'/><disk type='vhostuser' device='floppy'/>{served}")
    assert [device.node.start_span for device in sharing.vhost_user_devices(found)] == [found.disks[2].node.start_span]


def test_regions_tell_what_made_them_private() -> None:
    found = domain(CELLS.format(SHARED, PRIVATE) + "<memoryBacking><access mode='shared'/></memoryBacking>")
    (region,) = sharing.private_regions(found)
    assert region.label == "NUMA cell 1"
    assert region.decided_by is not None
    assert region.decided_by.name == "memAccess"


def test_nothing_is_called_private_because_of_a_word_that_libvirt_rejects() -> None:
    assert sharing.private_regions(domain("<memoryBacking><access mode='share'/></memoryBacking>")) == []


@pytest.mark.parametrize(
    ("backing", "size_kib"),
    [
        ("", 0),
        ("<source type='memfd'/><access mode='shared'/>", 0),
        ("<source type='file'/>", 2048),
        ("<access mode='shared'/>", 2048),
        ("<access mode='private'/>", 2048),
        ("<access mode='shared'/><hugepages/>", 0),
        ("<access mode='shared'/><hugepages><page size='4'/></hugepages>", 2048),
    ],
)
def test_memory_in_files(backing: str, size_kib: int) -> None:
    found = domain(f"<memory>2048</memory><memoryBacking>{backing}</memoryBacking>")
    assert sharing.file_backed_kib(found) == size_kib


def test_a_cell_with_huge_pages_is_not_in_files() -> None:
    pages = "<hugepages><page size='2' unit='MiB' nodeset='1'/></hugepages>"
    found = domain(CELLS.format("", "") + f"<memoryBacking><access mode='shared'/>{pages}</memoryBacking>")
    assert sharing.file_backed_kib(found) == 1024**2
