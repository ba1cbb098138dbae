"""Facts of a host: taken from a machine's files, saved, read back, and given to the rules."""

import json
import os
import pickle
import socket
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.examples import document
from tests.hosts import BARE, GIB, NAMED, host, pools
from tests.paths import DATA, ROOT
from vfslint.cli.main import main
from vfslint.context import Context
from vfslint.engine import Engine, domains_in
from vfslint.host import survey
from vfslint.host.facts import Daemon, Discovery, Host, Mount, Pool, Storage, Unreadable
from vfslint.host.load import dump, load
from vfslint.rules import RULES
from vfslint.targets import NEWEST, Target
from vfslint.xml.document import read
from vfslint.xml.source import Source

SCHEMA = json.loads((ROOT / "schemas" / "host.schema.json").read_text())
SHARE = "<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>"

FILES = {
    "proc/meminfo": "MemTotal:       16384000 kB\nHugePages_Total:       9\nHugepagesize:       2048 kB\n",
    "proc/sys/kernel/osrelease": "6.12.0-test\n",
    "proc/self/mounts": (
        "/dev/sda1 / ext4 rw,relatime 0 0\n"
        "tmpfs /dev/shm tmpfs rw 0 0\n"
        "hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n"
        "hugetlbfs /mnt/my\\040pages hugetlbfs rw,pagesize=1024M 0 0\n"
        "none /sys/fs/x hugetlbfs rw 0 0\n"
        "nonsense\n"
    ),
    "etc/libvirt/qemu.conf": '# memory\nmemory_backing_dir = "/dev/shm/"\n',
    "sys/devices/system/node/node0/meminfo": "Node 0 MemTotal:       8192000 kB\n",
    "sys/devices/system/node/node1/meminfo": "Node 1 MemTotal:       8192000 kB\n",
    "sys/devices/system/node/online": "0-1\n",
}
PROGRAMS = {
    "usr/sbin/libvirtd": "libvirtd (libvirt) 11.3.0\n",
    "usr/libexec/qemu-kvm": "QEMU emulator version 10.0.2 (Debian 1:10.0.2)\n",
    "usr/libexec/virtiofsd": "virtiofsd 1.13.2\n",
    "usr/bin/newuidmap": "",
    "usr/bin/newgidmap": "",
}
CAPABILITIES = '{"type": "fs", "features": ["migrate-precopy", "separate-options"]}'


def pool(size: str, total: int, free: int, reserved: int = 0, overcommit: int = 0) -> dict[str, str]:
    folder = f"hugepages-{size}kB"
    values = {"nr": total, "free": free, "resv": reserved, "nr_overcommit": overcommit, "surplus": 1}
    return {f"{folder}/{name}_hugepages": f"{value}\n" for name, value in values.items()}


POOLS = {
    **{f"sys/kernel/mm/hugepages/{name}": text for name, text in pool("2048", 9, 7, 2, 5).items()},
    **{f"sys/devices/system/node/node0/hugepages/{name}": text for name, text in pool("2048", 6, 5).items()},
    **{f"sys/devices/system/node/node1/hugepages/{name}": text for name, text in pool("2048", 3, 2).items()},
}


def build(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    build(tmp_path, {**FILES, **POOLS, **PROGRAMS})
    for name in PROGRAMS:
        (tmp_path / name).chmod(0o755)
    build(tmp_path, {"usr/share/qemu/vhost-user/50-virtiofsd.json": described("/usr/libexec/virtiofsd")})
    return tmp_path


def described(binary: str, kind: str = "fs") -> str:
    return json.dumps({"type": kind, "binary": binary})


def answers(argv: Sequence[str]) -> str | None:
    if argv[1] == "--print-capabilities":
        return CAPABILITIES
    return PROGRAMS.get(argv[0].lstrip("/"))


def take(root: Path, **more: Any) -> Host:
    return survey.take(str(root), run=answers, **more)


# what is taken


def test_versions_and_memory_are_taken(machine: Path) -> None:
    found = take(machine)
    assert (found.libvirt, found.qemu, found.kernel) == ((11, 3, 0), (10, 0, 2), "6.12.0-test")
    assert (found.memory_kib, found.nodes) == (16384000, {0: 8192000, 1: 8192000})
    assert found.can_map_ids is True


def test_pools_are_taken_by_node_and_for_the_whole_host(machine: Path) -> None:
    pages = take(machine).hugepages
    assert pages is not None
    assert pages.pool(2048) == Pool(2048, 9, 5, None, 4)  # two reserved, one of five surplus pages used up
    assert pages.free(2048) == 9
    assert pages.free(2048, 1) == 2
    assert pages.free(2048, 7) is None
    assert pages.free(1048576) is None
    assert pages.sizes == (2048,)


def test_hugetlbfs_mounts_are_taken(machine: Path) -> None:
    found = take(machine)
    assert found.hugetlbfs == (
        Mount("/dev/hugepages", 2048),
        Mount("/mnt/my pages", 1048576),
        Mount("/sys/fs/x", 2048),
    )
    assert found.page_kib == 2048


def test_memory_backing_dir_is_that_of_the_machine(machine: Path) -> None:
    found = take(machine)
    assert found.backing_directory == "/dev/shm/"
    storage = found.storage_at("/dev/shm/")
    assert storage is not None
    assert (storage.path, storage.filesystem, storage.is_memory) == ("/dev/shm", "tmpfs", True)
    other = found.storage_at("/var/lib/libvirt/qemu/ram")
    assert other is not None
    assert (other.filesystem, other.is_memory) == ("ext4", False)
    (machine / "etc/libvirt/qemu.conf").write_text("memory_backing_dir = [\n")
    assert take(machine).backing_directory is None
    (machine / "etc/libvirt/qemu.conf").unlink()
    assert take(machine).backing_directory == "/var/lib/libvirt/qemu/ram"


def test_virtiofsd_is_asked(machine: Path) -> None:
    found = take(machine)
    features = frozenset({"migrate-precopy", "separate-options"})
    assert found.daemon(NEWEST.libvirt) == Daemon("/usr/libexec/virtiofsd", (1, 13, 2), False, features)
    assert found.target(NEWEST) == Target((11, 3, 0), (10, 0, 2), (1, 13, 2))


def test_daemon_in_c_is_told_from_the_one_in_rust(machine: Path) -> None:
    said = "virtiofsd version 7.2.22 (Debian)\nusing FUSE kernel interface version 7.36\n"
    found = survey.take(str(machine), run=lambda argv: said if argv[1] == "--version" else '{"type": "fs"}')
    daemon = found.daemon((9, 0, 0))
    assert daemon is not None
    assert daemon.is_c
    assert daemon.is_known
    assert found.target(NEWEST).virtiofsd is None


def test_paths_are_looked_up(machine: Path) -> None:
    found = take(machine)
    (machine / "srv").mkdir()
    with socket.socket(socket.AF_UNIX) as unix:
        folder = os.open(machine, os.O_RDONLY)
        unix.bind(f"/proc/self/fd/{folder}/fs.sock")
        os.close(folder)
    kinds = {
        "/srv": "directory",
        "/proc/meminfo": "file",
        "/usr/libexec/virtiofsd": "program",
        "/fs.sock": "socket",
        "/srv/gone": "missing",
        "/proc/meminfo/below": "missing",
        "relative": None,
        "/nul\0byte": None,
    }
    assert {path: found.path_kind(path) for path in kinds} == kinds


def test_a_program_named_by_a_domain_is_never_run(machine: Path) -> None:
    run: list[str] = []

    def spy(argv: Sequence[str]) -> str | None:
        run.append(argv[0])
        return answers(argv)

    build(machine, {"tmp/evil": "#!/bin/sh\n"})
    (machine / "tmp/evil").chmod(0o755)
    found = survey.take(str(machine), run=spy)
    fragment = SHARE.replace("<source", "<binary path='/tmp/evil'/><source")
    findings(fragment, found)
    survey.write(StringIO(), domains(fragment), host=found)
    assert set(run) == {f"/{name}" for name in PROGRAMS if "map" not in name}


def test_programs_of_a_shown_machine_are_not_run(machine: Path) -> None:
    assert survey.take(str(machine)).libvirt is None


def test_nothing_at_all_can_be_taken(tmp_path: Path) -> None:
    found = take(tmp_path)
    assert dump(found)["paths"] == {}
    assert (found.memory_kib, found.hugepages, found.hugetlbfs, found.nodes) == (None, None, None, None)
    assert findings(SHARE, found) == {"VFS601", "VFS606", "VFS616"}  # an empty disk holds no files either


# the vhost-user files


def discovery(machine: Path, session: bool = False) -> Discovery | None:
    return take(machine, session=session).discovery


def test_later_folder_overrides_by_name_and_names_give_the_order(machine: Path) -> None:
    build(machine, {"etc/qemu/vhost-user/50-virtiofsd.json": described("/opt/mine")})
    build(machine, {"usr/share/qemu/vhost-user/40-other.json": described("/opt/other")})
    build(
        machine,
        {
            "usr/share/qemu/vhost-user/.hidden": "no JSON",
            "etc/qemu/vhost-user/30-gpu": described("/g", "gpu"),
        },
    )
    assert discovery(machine) == Discovery(("/opt/other", "/opt/mine"))


def test_empty_file_masks(machine: Path) -> None:
    build(machine, {"etc/qemu/vhost-user/50-virtiofsd.json": ""})
    assert discovery(machine) == Discovery(())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "has an unknown type None"),
        (described("/x", "filesystem"), "has an unknown type 'filesystem'"),
        ('{"type": "fs"}', "names no binary"),
    ],
)
def test_one_bad_file_spoils_the_search(machine: Path, text: str, fault: str) -> None:
    build(machine, {"etc/qemu/vhost-user/90-bad.json": text})
    assert discovery(machine) == Discovery((), f"/etc/qemu/vhost-user/90-bad.json {fault}")


def test_session_has_a_folder_of_its_own(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/me/.config")
    build(machine, {"home/me/.config/qemu/vhost-user/10-mine.json": described("/home/me/virtiofsd")})
    assert discovery(machine) == Discovery(("/usr/libexec/virtiofsd",))
    assert discovery(machine, session=True) == Discovery(("/home/me/virtiofsd", "/usr/libexec/virtiofsd"))


def test_newer_libvirt_passes_over_a_daemon_that_does_not_answer() -> None:
    found = host(discovery={"binaries": ["/opt/wrapper", "/usr/libexec/virtiofsd"]})
    assert [found.daemon(release).path for release in ((10, 5, 0), (10, 6, 0))] == [  # type: ignore[union-attr]
        "/opt/wrapper",
        "/usr/libexec/virtiofsd",
    ]


# the document


def test_what_is_written_is_valid_and_reads_back(machine: Path) -> None:
    out = StringIO()
    survey.write(out, domains(SHARE), host=take(machine))
    written = json.loads(out.getvalue())
    Draft202012Validator(SCHEMA).validate(written)
    assert written["paths"]["/srv"] == "missing"
    assert written["paths"]["/usr/bin/qemu-system-x86_64"] == "missing"
    back = load(out.getvalue().encode())
    assert dump(back) == written
    assert back.storage_at("/dev/shm/") == back.storage_at("/dev/shm")


@pytest.mark.parametrize("name", NAMED)
def test_hosts_of_the_examples_are_valid(name: str) -> None:
    Draft202012Validator(SCHEMA).validate({**BARE, **NAMED[name]})


def test_schema_is_sound() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_unknown_keys_are_left_alone() -> None:
    assert load(b'{"version": 1, "weather": "fine", "hugepages": [{"size_kib": 1, "total": 2, "shape": 3}]}')


def test_every_key_of_the_schema_is_read() -> None:
    assert set(SCHEMA["properties"]) == set(dump(host(session=True, kernel="6", default_page_kib=1)))


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
@settings(max_examples=100, deadline=None)
def test_any_json_is_read_or_refused(facts: dict[str, Any]) -> None:
    found = loaded(json.dumps({**facts, "version": 1}).encode())
    if found:
        findings(HUNGRY, found)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for lead in (b"", b"<capabilities>", b'{"version": 1, '):
        loaded(lead + data)


SIZES = st.integers(0, 2**70)
POOL = st.fixed_dictionaries(
    {"size_kib": st.sampled_from([0, 4, 2048, 1048576]) | SIZES, "total": SIZES},
    optional={"free": SIZES, "node": st.integers(0, 2), "overcommit": SIZES},
)
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
    },
)


@given(FACTS)
@settings(max_examples=100, deadline=None)
def test_any_sound_facts_give_findings_only(facts: dict[str, Any]) -> None:
    found = load(json.dumps(facts).encode())
    assert load(json.dumps(dump(found)).encode()) == found
    findings(HUNGRY, found)


# libvirt's own documents


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


# the rules

PAGED = "<memoryBacking><hugepages><page size='2' unit='M'/></hugepages><access mode='shared'/></memoryBacking>"
CELLS = (
    "<cpu><numa><cell id='0' cpus='0-3' memory='1' unit='GiB'/>"
    "<cell id='1' cpus='4-7' memory='1' unit='GiB'/></numa></cpu>"
)
TWO_SIZES = (
    "<memoryBacking><hugepages><page size='2' unit='M' nodeset='0'/>"
    "<page size='1' unit='G' nodeset='1'/></hugepages><access mode='shared'/></memoryBacking>"
)
BOUND = "<numatune><memory mode='strict' nodeset='0-1'/><memnode cellid='0' mode='strict' nodeset='1'/></numatune>"
HUNGRY = BOUND + CELLS + TWO_SIZES + SHARE


def domains(fragment: str) -> list[Any]:
    return domains_in(read(Source(document(fragment), "example.xml")), Context())


def judged(fragment: str, facts: Host | None, **context: Any) -> list[Any]:
    engine = Engine(RULES, Context(host=facts, **context))
    return engine.judge_xml(Source(document(fragment), "example.xml")).findings


def findings(fragment: str, facts: Host | None, **context: Any) -> set[str]:
    return {found.code for found in judged(fragment, facts, **context) if found.code.startswith("VFS6")}


def helps(fragment: str, facts: Host) -> list[str]:
    return [found.help for found in judged(fragment, facts) if found.code == "VFS610"]


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
    [found] = [each for each in judged(at_once, host("cramped")) if each.code == "VFS614"]
    assert (found.severity.word, found.stage.value) == ("error", "start")


def test_facts_survive_pickling(machine: Path) -> None:
    for facts in (host(), survey.take(str(machine))):
        assert pickle.loads(pickle.dumps(facts)) == facts or facts.path_kind("/usr") == "directory"
