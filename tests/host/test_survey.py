"""Facts are taken from a machine's files and programs, and no program that a domain names is run."""

import json
import os
import pickle
import socket
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.host.fragments import SHARE, domains, findings
from tests.host.test_load import SCHEMA
from tests.hosts import host
from vfslint.host import survey
from vfslint.host.facts import Daemon, Discovery, Host, IdRanges, Mount, Pool
from vfslint.host.load import dump, load
from vfslint.qemu_conf.reader import read
from vfslint.targets import NEWEST, Target
from vfslint.xml.source import Source

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


def test_mounts_that_qemu_conf_lists_are_marked(machine: Path) -> None:
    (machine / "etc/libvirt/qemu.conf").write_text('hugetlbfs_mount = [ "/dev/hugepages/" ]\n')
    found = take(machine)
    assert [mount.path for mount in found.hugetlbfs or () if mount.is_configured] == ["/dev/hugepages"]
    assert load(json.dumps(dump(found)).encode()).hugetlbfs == found.hugetlbfs


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
    assert findings(SHARE, found) == {"VFS601", "VFS606", "VFS616", "VFS633"}  # an empty disk holds no files either


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


def test_facts_survive_pickling(machine: Path) -> None:
    for facts in (host(), survey.take(str(machine))):
        assert pickle.loads(pickle.dumps(facts)) == facts or facts.path_kind("/usr") == "directory"


# what domains name


def test_link_is_taken_with_its_target_unless_a_slash_follows(machine: Path) -> None:
    (machine / "srv/data").mkdir(parents=True)
    (machine / "srv/link").symlink_to("data")
    (machine / "srv/nowhere").symlink_to("gone")
    found = take(machine)
    assert (found.link_target("/srv/link"), found.path_kind("/srv/link")) == ("data", "directory")
    assert found.link_target("/srv/link/") is None
    assert found.link_target("/srv/data") is None
    assert (found.link_target("/srv/nowhere"), found.path_kind("/srv/nowhere")) == ("gone", "missing")


UNIX = "Num       RefCount Protocol Flags    Type St Inode Path\n"


def bind(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(path.parent)  # the whole path can be too long for an address
        try:
            listener.bind(path.name)
        finally:
            os.chdir(here)


def test_socket_that_no_process_uses_is_stale(machine: Path) -> None:
    for name in ("alive", "renamed", "stale"):
        bind(machine / f"run/{name}.sock")
    line = "0000000000000000: 00000002 00000000 00010000 0001 01 {} {}\n"
    build(machine, {"proc/net/unix": UNIX + line.format(1, "/run/alive.sock") + line.format(2, "@abstract")})
    build(machine, {"proc/12/net/unix": UNIX + line.format(3, "/in/a/container/renamed.sock")})
    found = take(machine)
    kinds = {name: found.path_kind(f"/run/{name}.sock") for name in ("alive", "renamed", "stale")}
    assert kinds == {"alive": "socket", "renamed": "socket", "stale": "stale socket"}


def test_sockets_are_not_called_stale_without_the_kernels_table(machine: Path) -> None:
    bind(machine / "run/fs.sock")
    assert take(machine).path_kind("/run/fs.sock") == "socket"


def test_processors_switches_and_ids_are_taken(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uid, gid = os.geteuid(), os.getegid()
    build(
        machine,
        {
            "sys/devices/system/cpu/online": "0-2,5\n",
            "proc/1/comm": "systemd\n",
            "proc/7/comm": "ovs-vswitchd\n",
            "etc/subuid": f"# ids\nnobody-else:100000:65536\n{uid}:200000:65536\nbroken:1\n",
            "etc/subgid": f"{uid}:300000:10\n",
        },
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/u/conf")
    found = take(machine, session=True)
    assert found.cpus == {0, 1, 2, 5}
    assert found.switches == {"ovs-vswitchd"}
    assert (found.uid, found.gid) == (uid, gid)
    assert found.subuids == IdRanges(((200000, 65536),))
    assert found.subgids == IdRanges(((300000, 10),))
    assert found.configuration_directory == "/home/u/conf/libvirt"
    assert take(machine).uid is None


def test_id_ranges_that_touch_count_as_one() -> None:
    ids = IdRanges(((200, 100), (100, 100)))
    assert ids.includes(150, 100)
    assert not ids.includes(150, 151)
    assert not ids.includes(99, 1)


@pytest.mark.parametrize(
    ("conf", "session", "models"),
    [
        ("", False, {"dac", "selinux"}),
        ("", True, {"selinux"}),
        ('security_driver = "none"\n', False, {"dac", "none"}),
        ('security_driver = [ "apparmor", "selinux" ]\n', False, {"dac", "apparmor", "selinux"}),
    ],
)
def test_security_drivers_are_those_of_qemu_conf_or_of_the_kernel(
    machine: Path, monkeypatch: pytest.MonkeyPatch, conf: str, session: bool, models: set[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/u/.config")
    build(machine, {"sys/kernel/x": "", "sys/fs/selinux/enforce": "1", "etc/libvirt/qemu.conf": conf})
    assert take(machine, session=session).security_models == models


@pytest.mark.parametrize(
    ("script", "drops"),
    [
        ("#!/bin/sh\nexec /usr/libexec/virtiofsd\n", True),
        ('#!/usr/bin/env bash\n# passes "$@" on\nexec /usr/libexec/virtiofsd --syslog\n', True),
        ('#!/bin/sh\nexec /usr/libexec/virtiofsd "$@"\n', False),
        ("#!/bin/sh\n. /etc/wrapper\n", False),
        ("#!/usr/bin/python3\nimport os\n", False),
        ("\x7fELF", False),
    ],
)
def test_script_that_drops_its_arguments_is_read_and_not_run(machine: Path, script: str, drops: bool) -> None:
    build(machine, {"opt/mine": script})
    (machine / "opt/mine").chmod(0o755)
    daemon = take(machine).daemon_at("/opt/mine")
    assert (daemon is not None and daemon.drops_arguments) == drops


def test_what_domains_and_qemu_conf_name_is_written(machine: Path) -> None:
    (machine / "srv").mkdir()
    (machine / "srv/link").symlink_to("/srv")
    build(machine, {"etc/passwd": "libvirt-qemu:x:64055:\n", "etc/group": "kvm:x:1:\n"})
    conf = read(Source(b'user = "qemu"\ngroup = "kvm"\nmemory_backing_dir = "/srv/ram"\n', "qemu.conf"))
    disk = "<disk type='file'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>"
    log = "<serial type='file'><source path='/var/log/g/serial.log'/></serial>"
    out = StringIO()
    survey.write(out, domains(SHARE.replace("/srv", "/srv/link") + disk + log), [conf], host=take(machine))
    facts = json.loads(out.getvalue())
    Draft202012Validator(SCHEMA).validate(facts)
    assert facts["links"] == {"/srv/link": "/srv"}
    assert facts["paths"]["/srv/a.img"] == facts["paths"]["/var/log/g"] == facts["paths"]["/srv/ram"] == "missing"
    assert facts["paths"]["/dev/kvm"] == "missing"
    assert (facts["users"], facts["groups"]) == ({"qemu": False}, {"kvm": True})
    assert load(out.getvalue().encode()) == load(json.dumps(dump(load(out.getvalue().encode()))).encode())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("owner", "mode", "expected"), [(0, 0o700, True), (0, 0o711, False), (12345, 0o000, False)])
def test_directory_of_another_user_cannot_be_entered(machine: Path, owner: int, mode: int, expected: bool) -> None:
    for folder in (machine, *machine.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o055)
    shared = machine / "srv/shared"
    shared.mkdir(parents=True)
    os.chown(shared, owner, owner)
    shared.chmod(mode)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(12345, 12345, 12345)
        os.setresuid(12345, 12345, 12345)
        found = survey.take(str(machine), run=answers, session=True)
        os._exit(found.is_unreadable("/srv/shared"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == expected
    assert survey.take(str(machine), run=answers, session=True).is_unreadable("/srv/shared") is False
