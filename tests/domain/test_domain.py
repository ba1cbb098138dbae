"""The model answers as libvirt reads: first of repeated elements, merged memory backing, effective access."""

from __future__ import annotations

import pytest

from tests.examples import context
from vfslint.domain import hugepages, sharing
from vfslint.domain.domain import Domain
from vfslint.domain.machine import MachineType
from vfslint.xml.document import Node, read
from vfslint.xml.source import Source


def domain(body: str, *, given: str = "", start: str = "<domain type='kvm'>") -> Domain:
    document = read(Source(f"{start}{body}</domain>".encode(), "x"))
    return Domain(document, Node(document, document.root), context(given))


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


def test_cells_of_all_cpus_count_and_the_first_numa_of_each() -> None:
    found = domain("<cpu/><cpu><numa><cell memory='1'/></numa><numa><cell memory='2'/></numa></cpu>")
    assert [cell.size_kib for cell in found.cells] == [1]


def test_a_cell_without_id_takes_its_position() -> None:
    found = domain("<cpu><numa><cell id='1' memory='1'/><cell memory='1'/></numa></cpu>")
    assert [cell.id for cell in found.cells] == [1, 1]


@pytest.mark.parametrize(
    ("body", "initial", "total"),
    [
        ("<memory>4096</memory>", 4096, 4096),
        ("", 0, 0),
        ("<memory>4096</memory>" + "<cpu><numa><cell memory='1024'/></numa></cpu>", 1024, 1024),
        ("<memory>4096</memory>" + "<cpu><numa><cell memory='0'/></numa></cpu>", 4096, 4096),
        ("<memory>4096</memory><devices><memory model='dimm'><target><size>1024</size></target></memory></devices>",
         3072, 4096),
        ("<cpu><numa><cell memory='1024'/></numa></cpu>"
         "<devices><memory model='dimm'><target><size>512</size></target></memory></devices>", 1024, 1536),
        ("<cpu><numa><cell memory='x'/></numa></cpu>", None, None),
    ],
)  # fmt: skip
def test_how_much_memory(body: str, initial: int | None, total: int | None) -> None:
    found = domain(body)
    assert (found.initial_kib, found.total_kib) == (initial, total)


def test_type_arch_and_machine_are_read_over_all_os() -> None:
    found = domain("<os/><os><type arch='aarch64'>hvm</type></os><os><type machine='virt'>hvm</type></os>")
    assert (found.os_type_name, found.arch, found.machine) == ("hvm", "aarch64", "virt")


@pytest.mark.parametrize(("text", "vcpus"), [("8", 8), ("-1", 4294967295), ("", None), ("x", None)])
def test_vcpus(text: str, vcpus: int | None) -> None:
    assert domain(f"<vcpu>{text}</vcpu>").vcpus == vcpus


def test_without_vcpu_there_is_one() -> None:
    assert domain("").vcpus == 1


@pytest.mark.parametrize(
    ("name", "qemu", "limit"),
    [
        ("pc", (7, 2, 0), 255),
        (None, (7, 2, 0), 255),
        ("isapc", (7, 2, 0), 1),
        ("q35", (7, 2, 0), 288),
        ("q35", (8, 2, 0), 1024),
        ("q35", (10, 0, 0), 4096),
        ("pc-q35-2.4", (10, 0, 0), 255),
        ("pc-q35-8.0", (10, 0, 0), 288),
        ("pc-q35-noble", (10, 0, 0), None),
    ],
)
def test_cpu_limit(name: str | None, qemu: tuple[int, int, int], limit: int | None) -> None:
    assert MachineType(name, "x86_64", qemu).cpu_limit == limit


@pytest.mark.parametrize(
    ("name", "arch", "is_unknown"),
    [
        ("i440fx", "x86_64", True),
        ("virt", "x86_64", True),
        ("none", "x86_64", True),
        ("Q35", "x86_64", True),
        ("pc-q35-9.9", "x86_64", True),
        ("pc-q35-4.0.1", "x86_64", False),
        ("pc-q35-rhel9.2.0", "x86_64", False),
        ("ubuntu", "x86_64", False),
        ("q35", "aarch64", True),
        ("virt", "aarch64", False),
        ("some-board", "aarch64", False),
    ],
)
def test_unknown_machines(name: str, arch: str, is_unknown: bool) -> None:
    assert MachineType(name, arch, (11, 1, 0)).is_unknown is is_unknown


@pytest.mark.parametrize(
    ("name", "qemu", "comes_with", "gone_since"),
    [
        ("pc-q35-10.0", (7, 2, 0), (10, 0, 0), None),
        ("pc-q35-7.2", (7, 2, 0), None, None),
        ("pc-q35-2.12", (10, 0, 0), None, None),
        ("pc-q35-5.1", (11, 1, 0), None, (11, 1, 0)),
        ("pc-q35-5.2", (11, 1, 0), None, None),
        ("microvm", (4, 1, 0), (4, 2, 0), None),
    ],
)
def test_releases_of_machines(
    name: str,
    qemu: tuple[int, int, int],
    comes_with: tuple[int, int, int] | None,
    gone_since: tuple[int, int, int] | None,
) -> None:
    machine = MachineType(name, "x86_64", qemu)
    assert (machine.comes_with, machine.gone_since) == (comes_with, gone_since)


def test_huge_pages_of_the_documentation() -> None:
    found = domain(
        "<memory unit='GiB'>2</memory><memoryBacking><hugepages><page size='2' unit='M'/></hugepages>"
        "<access mode='shared'/></memoryBacking>"
    )
    assert [(demand.size_kib, demand.pages(2048)) for demand in hugepages.demands(found)] == [(2048, 1024)]


def test_a_decimal_gigabyte_is_rounded_up_to_whole_mebibytes() -> None:
    found = domain(
        "<memory unit='GB'>2</memory><memoryBacking><hugepages><page size='2' unit='M'/></hugepages></memoryBacking>"
    )
    assert [demand.pages(2048) for demand in hugepages.demands(found)] == [954]


def test_misplaced_sharing_is_found_where_it_stands() -> None:
    found = domain(
        "<devices><memoryBacking><access mode='shared'/></memoryBacking></devices>"
        "<numa><cell memory='1' memAccess='shared'/></numa><os><memoryBacking/></os>"
    )
    assert [node.tag for node in sharing.misplaced(found)] == ["memoryBacking", "numa"]


@pytest.mark.parametrize(
    ("topology", "given", "cpus"),
    [
        ("sockets='2' cores='2' threads='2'", "", 8),
        ("sockets='2' dies='2' cores='2' threads='1'", "", 8),
        ("sockets='1' clusters='2' cores='2' threads='1'", "libvirt 9.0.0", 2),
        ("sockets='1' clusters='2' cores='2' threads='1'", "libvirt 11.3.0", 4),
        ("sockets='1' cores='2'", "", None),
        ("sockets='0' cores='2' threads='1'", "", None),
    ],
)
def test_topology(topology: str, given: str, cpus: int | None) -> None:
    found = domain(f"<cpu><topology {topology}/></cpu>", given=given).cpu.topology
    assert found is not None
    assert found.cpus == cpus


@pytest.mark.parametrize(
    ("body", "there", "missing"),
    [
        ("<iothreads>2</iothreads>", (1, 2), (3, 4096)),
        ("<iothreads>5000</iothreads>", (1, 4500, 5000), (5001,)),
        ("<iothreads>4294967295</iothreads>", (4294967295,), ()),
        ("<iothreads>3</iothreads><iothreadids><iothread id='2'/><iothread id='9'/></iothreadids>", (1, 2, 9), (3, 10)),
        ("<iothreadids><iothread id='7'/></iothreadids>", (7,), (1, 8)),
        ("<iothreads>x</iothreads>", (1, 99), ()),
        ("", (), (1,)),
    ],
)
def test_io_threads_are_the_listed_ones_and_the_first_free_numbers(
    body: str, there: tuple[int, ...], missing: tuple[int, ...]
) -> None:
    found = domain(body)
    assert all(found.has_iothread(number) for number in there)
    assert not any(found.has_iothread(number) for number in missing)
