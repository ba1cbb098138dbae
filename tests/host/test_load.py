"""Facts of a host are read back as they were written, and from libvirt's own XML; all else is rejected in one line."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.examples import document
from tests.host.fragments import HUNGRY, PAGED, SHARE, findings
from tests.hosts import BARE, NAMED, host
from tests.paths import DATA, ROOT
from tests.properties import tried
from vfslint.cli.main import main
from vfslint.host.facts import Host, Pool, Unreadable
from vfslint.host.load import dump, load

SCHEMA = json.loads((ROOT / "schemas" / "host.schema.json").read_text())


@pytest.mark.parametrize("name", NAMED)
def test_hosts_of_the_examples_are_valid(name: str) -> None:
    Draft202012Validator(SCHEMA).validate({**BARE, **NAMED[name]})


def test_schema_is_sound() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_unknown_keys_are_left_alone() -> None:
    assert load(b'{"version": 1, "weather": "fine", "hugepages": [{"size_kib": 1, "total": 2, "shape": 3}]}')


def test_every_key_of_the_schema_is_read() -> None:
    accounts = {"users": {"qemu": True}, "groups": {"kvm": False}}
    assert set(SCHEMA["properties"]) == set(dump(host("of-a-user", kernel="6", default_page_kib=1, **accounts)))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "neither JSON nor libvirt's capabilities XML"),
        (b"{", "neither JSON nor"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "not a JSON object"),
        (b"{}", '"version": 1'),
        (b'{"version": 2}', "unknown version of the facts"),
        (b'{"version": 1, "libvirt": "new"}', "libvirt: 'new' is not a version"),
        (b'{"version": 1, "libvirt": 9}', "libvirt is not a string"),
        (b'{"version": 1, "memory_kib": -1}', "memory_kib is negative"),
        (b'{"version": 1, "memory_kib": true}', "memory_kib is not a whole number"),
        (b'{"version": 1, "memory_kib": 1e99}', "memory_kib is not a whole number"),
        (b'{"version": 1, "hugepages": [{}]}', "hugepages[0].size_kib is missing"),
        (b'{"version": 1, "hugepages": [[]]}', "hugepages[0] is not an object"),
        (b'{"version": 1, "paths": {"/a": "cat"}}', 'paths["/a"] is not one of directory, file'),
        (b'{"version": 1, "discovery": {"binaries": [1]}}', "discovery.binaries contains something"),
        (b'{"version": 1, "cpus": "many"}', "cpus is not a list of numbers"),
        (b'{"version": 1, "links": {"/a": 1}}', 'links["/a"] is not a string'),
        (b'{"version": 1, "subuids": [{"start": 1}]}', "subuids[0].count is missing"),
        (b'{"version": 1, "users": {"qemu": "yes"}}', 'users["qemu"] is not true or false'),
        (b"<domain/>", "<domain> does not contain facts of a host"),
        (b"<capabilities>", "not well-formed XML"),
        (b"\xff\xfe<\0a\0", "not well-formed XML"),
    ],
)
def test_bad_facts_are_one_line(data: bytes, complaint: str) -> None:
    with pytest.raises(Unreadable) as caught:
        load(data)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"{", b"<domain/>", b"\0\1\2"])
def test_command_complains_in_one_line(tmp_path: Path, data: bytes) -> None:
    facts, domain = tmp_path / "facts", tmp_path / "d.xml"
    facts.write_bytes(data)
    domain.write_bytes(document(SHARE))
    err = StringIO()
    assert main(["--host-facts", str(facts), str(domain)], StringIO(), StringIO(), err) == 2
    assert err.getvalue().count("\n") == 1


def loaded(data: bytes) -> Host | None:
    """Read facts; what refuses them is one line."""
    try:
        return load(data)
    except Unreadable as refused:
        complaint = str(refused)
    assert len(complaint.splitlines()) == 1
    return None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(SCHEMA["properties"])), JSON))
@tried(100)
def test_any_json_is_read_or_refused(facts: dict[str, Any]) -> None:
    found = loaded(json.dumps({**facts, "version": 1}).encode())
    if found:
        findings(HUNGRY, found)


@given(st.binary(max_size=200))
@tried(100)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for lead in (b"", b"<capabilities>", b'{"version": 1, '):
        loaded(lead + data)


SIZES = st.integers(0, 2**70)
POOL = st.fixed_dictionaries(
    {"size_kib": st.sampled_from([0, 4, 2048, 1048576]) | SIZES, "total": SIZES},
    optional={"free": SIZES, "node": st.integers(0, 2), "overcommit": SIZES},
)
RANGE = st.fixed_dictionaries({"start": SIZES, "count": SIZES})
FACTS = st.fixed_dictionaries(
    {"version": st.just(1)},
    optional={
        "memory_kib": SIZES,
        "arch": st.sampled_from(["x86_64", "s390x"]),
        "hugepages": st.lists(POOL, max_size=4),
        "hugetlbfs": st.lists(st.fixed_dictionaries({"path": st.text(), "size_kib": SIZES}), max_size=2),
        "default_page_kib": SIZES,
        "memory_backing_dir": st.text(),
        "filesystem_drivers": st.lists(st.text()),
        "session": st.booleans(),
        "cpus": st.sampled_from(["0", "0-3,8"]),
        "links": st.dictionaries(st.sampled_from(["/srv", "/", "x"]), st.text()),
        "unreadable": st.lists(st.sampled_from(["/srv", "x"])),
        "uid": SIZES,
        "gid": SIZES,
        "subuids": st.lists(RANGE, max_size=2),
        "subgids": st.lists(RANGE, max_size=2),
        "configuration_dir": st.text(),
        "security_models": st.lists(st.text()),
        "switches": st.lists(st.text()),
    },
)


@given(FACTS)
@tried(100)
def test_any_sound_facts_give_findings_only(facts: dict[str, Any]) -> None:
    found = load(json.dumps(facts).encode())
    assert load(json.dumps(dump(found)).encode()) == found
    findings(HUNGRY, found)


def test_capabilities_are_read() -> None:
    found = load((DATA / "capabilities.xml").read_bytes())
    assert found.qemu == (7, 2, 0)
    assert (found.arch, found.memory_kib, found.nodes) == ("x86_64", 6514464, {0: 6514464})
    assert found.hugepages is not None
    assert found.hugepages.sizes == (2048, 1048576)
    assert found.hugepages.pool(2048, 0) == Pool(2048, 0, None, 0)
    assert "VFS610" in findings(PAGED, found)


def test_domain_capabilities_are_read() -> None:
    data = (DATA / "domcapabilities.xml").read_bytes()
    found = load(data)
    assert found.filesystem_drivers == {"path", "handle", "virtiofs"}
    assert found.memory_sources == {"file", "anonymous", "memfd"}
    assert findings(SHARE, found) == set()
    without = load(data.replace(b"<value>virtiofs</value>", b"").replace(b"<value>memfd</value>", b""))
    assert findings(SHARE, without) == {"VFS620", "VFS621"}
    assert findings("<os><type arch='s390x'>hvm</type></os>", without) == set()


def test_capabilities_without_what_older_releases_lack_say_nothing() -> None:
    assert load(b"<domainCapabilities><arch>x86_64</arch></domainCapabilities>").filesystem_drivers is None
    assert load(b"<capabilities/>").hugepages is None
