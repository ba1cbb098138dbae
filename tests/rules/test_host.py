"""Rules about the host: what a domain needs and the host lacks, and the command that provides it."""

import pytest

from tests.host.fragments import HUNGRY, PAGED, SHARE, checked, findings
from tests.hosts import GIB, host, pools
from vfslint.host.facts import Host, Storage
from vfslint.xml.source import Source


def helps(fragment: str, facts: Host) -> list[str]:
    return [found.help for found in checked(fragment, facts) if found.code == "VFS610"]


@pytest.mark.parametrize("fragment", [SHARE, PAGED, HUNGRY])
def test_without_facts_the_rules_are_silent(fragment: str) -> None:
    assert findings(fragment, None) == set()
    assert findings(fragment, Host()) == set()


def test_command_allocates_what_is_missing() -> None:
    assert helps(PAGED, host("mounted")) == ["allocate them: virsh allocpages 2M 1024"]
    grown = host("paged", hugepages=[{"size_kib": 2048, "total": 1000, "free": 24}])
    assert helps(PAGED, grown) == ["allocate them: virsh allocpages 2M 1000 --add"]


def test_overcommit_counts_as_free() -> None:
    pages = [{"size_kib": 2048, "total": 0, "free": 0, "overcommit": 1024}]
    assert findings(PAGED, host("mounted", hugepages=pages)) == set()


def test_bound_memory_needs_pages_of_its_node() -> None:
    bound = PAGED + "<numatune><memory mode='strict' nodeset='0'/></numatune>"
    assert helps(bound, host("lopsided")) == ["allocate them: virsh allocpages 2M 924 --cellno 0 --add"]
    loose = PAGED + "<numatune><memory mode='preferred' nodeset='0'/></numatune>"
    assert helps(loose, host("lopsided")) == []


def test_cells_are_counted_by_size_and_node() -> None:
    facts = host("mounted", hugetlbfs=[{"path": "/a", "size_kib": 2048}, {"path": "/b", "size_kib": GIB}])
    assert helps(HUNGRY, facts) == [
        "allocate them: virsh allocpages 2M 512",
        "allocate them: virsh allocpages 1G 1",
    ]


def test_memory_devices_take_pages_as_well() -> None:
    dimm = "<memory model='dimm'>{}<target><size unit='GiB'>1</size><node>0</node></target></memory>"
    cell = "<cpu><numa><cell id='0' cpus='0-7' memory='1' unit='GiB'/></numa></cpu>"
    more = f"<maxMemory slots='2' unit='GiB'>8</maxMemory>{cell}"
    assert helps(more + PAGED + dimm.format(""), host("mounted")) == ["allocate them: virsh allocpages 2M 1024"]
    own = "<source><pagesize unit='MiB'>2</pagesize><nodemask>1</nodemask></source>"
    memfd = "<memoryBacking><source type='memfd'/></memoryBacking>"
    assert helps(more + memfd + dimm.format(own), host("bare")) == ["allocate them: virsh allocpages 2M 512"]
    short = host("lopsided", hugepages=pools(node0=1024, node1=0))
    assert helps(more + memfd + dimm.format(own), short) == ["allocate them: virsh allocpages 2M 512 --cellno 1 --add"]


def test_default_size_is_that_of_the_first_mount() -> None:
    default = "<memoryBacking><hugepages/><access mode='shared'/></memoryBacking>"
    facts = host(
        "paged",
        hugetlbfs=[{"path": "/b", "size_kib": GIB}],
        hugepages=[{"size_kib": 2048, "total": 0, "free": 0}, {"size_kib": GIB, "total": 0, "free": 0}],
    )
    assert helps(default, facts) == ["allocate them: virsh allocpages 1G 2"]


def test_a_running_guest_has_its_pages_already() -> None:
    running = f"<domain type='kvm' id='3'>{PAGED}"
    assert "VFS610" not in findings(running, host("mounted"))


def test_file_of_memory_prefers_the_qemu_conf_given() -> None:
    from vfslint.qemu_conf import reader

    fragment = f"<memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>{SHARE}"
    storage = [Storage("/dev/shm", "tmpfs", GIB * 8, GIB * 8), Storage("/data", "xfs", GIB * 8, GIB * 8)]
    facts = host("on-disk", storage=[each._asdict() for each in storage])
    conf = reader.read(Source(b'memory_backing_dir = "/data"', "qemu.conf"))
    assert findings(fragment, facts) == set()  # nothing is known of the host's own directory
    assert findings(fragment, facts, conf=conf) == {"VFS613"}


def test_file_of_memory_that_is_filled_at_start_must_fit() -> None:
    at_once = (
        "<memoryBacking><source type='file'/><access mode='shared'/><allocation mode='immediate'/></memoryBacking>"
    )
    [found] = [each for each in checked(at_once, host("cramped")) if each.code == "VFS614"]
    assert (found.severity.word, found.stage.value) == ("error", "start")
