"""The model answers as libvirt reads: the first of repeated elements, all `<cpu>` and `<os>` together."""

from __future__ import annotations

import gc
import weakref

import pytest

from tests import examples
from tests.domain.made import domain
from vfslint.domain.cpu import has_iothread
from vfslint.engine import Engine
from vfslint.lazy import once
from vfslint.rules import RULES
from vfslint.xml.source import Source


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
    assert all(has_iothread(found, number) for number in there)
    assert not any(has_iothread(found, number) for number in missing)


def test_a_function_of_a_domain_is_computed_once_for_each_domain() -> None:
    asked = []

    @once
    def name(domain):
        """Return its name."""
        asked.append(domain.name)
        return domain.name

    first, second = domain("<name>one</name>"), domain("<name>two</name>")
    assert [name(first), name(second), name(first)] == ["one", "two", "one"]
    assert asked == ["one", "two"]
    assert name.__doc__ == "Return its name."


def test_a_domain_goes_with_the_last_reference_to_it() -> None:
    found = [example for rule in RULES for example in rule.manual.bad if not examples.is_conf(example.text)]
    assert len(found) > 100
    gc.collect()
    gc.disable()
    try:
        for example in found:
            # xmlschema, loaded for the first wrong value, keeps the frames that loaded it.
            assert not _kept(example) or not _kept(example), example
    finally:
        gc.enable()


def _kept(example):
    """Whether a domain is still in memory after rules were asked about it and nothing refers to it any more."""
    engine = Engine(RULES, examples.context(example.given))
    outcome = engine.check_xml(Source(examples.document(example.text), "domain.xml"))
    outcome.members()
    checked = [weakref.ref(each) for each in outcome.domains]
    del outcome
    return any(each() is not None for each in checked)
