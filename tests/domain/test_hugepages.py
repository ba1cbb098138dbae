"""The huge pages that a guest takes are counted by size and NUMA node."""

from __future__ import annotations

import pytest

from tests.domain.made import domain
from vfslint.domain import hugepages


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


CELLS = "<cpu><numa><cell memory='1' unit='GiB'/><cell memory='2' unit='GiB'/></numa></cpu>"


def sizes(found):
    return [(demand.size_kib, demand.memory_kib, demand.nodes) for demand in hugepages.demands(found)]


def test_each_cell_has_the_pages_of_its_nodeset_else_those_without_one() -> None:
    pages = "<page size='1' unit='GiB' nodeset='1'/><page size='2' unit='MiB'/>"
    found = domain(f"{CELLS}<memoryBacking><hugepages>{pages}</hugepages></memoryBacking>")
    assert sizes(found) == [(2048, 1024**2, None), (1024**2, 2 * 1024**2, None)]


def test_without_a_page_the_host_chooses_the_size() -> None:
    assert sizes(domain("<memory>2048</memory><memoryBacking><hugepages/></memoryBacking>")) == [(None, 2048, None)]


def test_ordinary_pages_are_not_huge() -> None:
    pages = "<hugepages><page size='4'/></hugepages>"
    assert sizes(domain(f"<memory>2048</memory><memoryBacking>{pages}</memoryBacking>")) == []


@pytest.mark.parametrize(
    ("numatune", "nodes"),
    [
        ("<memory mode='strict' nodeset='0'/>", [frozenset({0}), frozenset({0})]),
        ("<memory nodeset='0'/><memnode cellid='1' mode='strict' nodeset='1-2'/>", [frozenset({0}), frozenset({1, 2})]),
        ("<memory mode='preferred' nodeset='0'/>", [None, None]),
    ],
)
def test_only_strict_bindings_name_the_nodes_of_the_host(numatune: str, nodes: list[frozenset[int] | None]) -> None:
    found = domain(f"{CELLS}<numatune>{numatune}</numatune><memoryBacking><hugepages/></memoryBacking>")
    assert [demand.nodes for demand in hugepages.demands(found)] == nodes


def test_a_dimm_takes_its_own_pages_or_those_of_its_cell() -> None:
    size = "<size unit='MiB'>512</size><node>0</node>"
    dimms = (
        f"<memory model='dimm'><target>{size}</target></memory>"
        "<memory model='dimm'><source><pagesize unit='GiB'>1</pagesize><nodemask>3</nodemask></source>"
        f"<target>{size}</target></memory>"
    )
    pages = "<hugepages><page size='2' unit='MiB' nodeset='0'/></hugepages>"
    found = domain(f"{CELLS}<memoryBacking>{pages}</memoryBacking><devices>{dimms}</devices>")
    demands = [(demand.size_kib, demand.memory_kib, demand.nodes) for demand in hugepages.device_demands(found)]
    assert demands == [(2048, 512 * 1024, None), (1024**2, 512 * 1024, frozenset({3}))]
