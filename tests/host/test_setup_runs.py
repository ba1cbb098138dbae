"""The scripts of `vfslint setup`, really run: twice is once, nothing is lost, and --undo takes all back."""

from __future__ import annotations

import shutil
from io import StringIO
from pathlib import Path

import pytest

from tests.examples import context as circumstances
from tests.examples import document
from tests.host.namespace import System
from vfslint.engine import domains_in
from vfslint.host import setup_script
from vfslint.xml.document import read
from vfslint.xml.source import Source

SHARE = "<filesystem><driver type='virtiofs'/><source dir='/srv/a b/c'/><target dir='my tag'/></filesystem>"
OTHER = "<filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='two'/><readonly/></filesystem>"
PAGED = "<memoryBacking><hugepages><page size='2' unit='M'/></hugepages><access mode='shared'/></memoryBacking>"
FILED = "<memoryBacking><access mode='shared'/></memoryBacking>"
BACKING = 'memory_backing_dir = "/dev/shm/"\n'


def script(fragment: str, given: str = "", *, undo: bool = False) -> str:
    context = circumstances(given)
    out = StringIO()
    domains = domains_in(read(Source(document(fragment), "x.xml")), context)
    setup_script.write(domains, context, out, undo=undo)
    return out.getvalue()


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


SHELLS = [
    pytest.param(shell, marks=pytest.mark.skipif(not shutil.which(shell), reason=f"{shell} is not installed"))
    for shell in ("sh", "dash", "bash", "busybox sh")
]
SHELLS[-1] = pytest.param(
    "busybox sh", marks=pytest.mark.skipif(not shutil.which("busybox"), reason="busybox is not installed")
)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("command", ["host", "guest", "guest-systemd"])
@pytest.mark.parametrize("fragment", [f"{PAGED}{SHARE}{OTHER}", f"{FILED}{SHARE}"], ids=["paged", "filed"])
def test_twice_is_once_and_undo_takes_back_all(system: System, fragment: str, command: str, shell: str) -> None:
    before = system.state()
    done, undone = script(fragment), script(fragment, undo=True)
    states = system.run([(done, command), (done, command), (undone, command), (undone, command)], shell=shell)
    once, twice, taken_back, again = states
    assert once != before
    assert twice == once
    assert taken_back == again
    assert {path: text for path, text in again.items() if path != "mounts"} == before
    assert again["mounts"] == ""


@pytest.mark.parametrize("fstab", ["proc /proc proc defaults 0 0", "", "# none\n", "a b c\n\n"])
def test_the_last_line_of_fstab_stays_a_line(system: System, fstab: str) -> None:
    system.write("etc/fstab", fstab)
    done, undone = script(SHARE), script(SHARE, undo=True)
    with_share, after = system.run([(done, "guest"), (undone, "guest")])
    ended = fstab if fstab.endswith("\n") or not fstab else f"{fstab}\n"
    assert with_share["etc/fstab"] == f"{ended}my\\040tag /mnt/my-tag virtiofs rw,nofail 0 0\n"
    assert after["etc/fstab"] == fstab


def test_what_was_added_to_fstab_since_stays(system: System) -> None:
    system.write("etc/fstab", "one")
    add = "echo three >> /etc/fstab"
    _, _, after = system.run([(script(SHARE), "guest"), (add, ""), (script(SHARE, undo=True), "guest")])
    assert after["etc/fstab"] == "one\nthree\n"


@pytest.mark.parametrize(
    "line", ["my\\040tag /data virtiofs defaults 0 0", "my\\040tag /mnt/my-tag virtiofs rw,nofail 0 0"]
)
def test_a_share_that_fstab_has_is_not_added_again_or_removed(system: System, line: str) -> None:
    system.write("etc/fstab", f"{line}\n")
    done, undone = system.run([(script(SHARE), "guest"), (script(SHARE, undo=True), "guest")])
    assert done["etc/fstab"] == undone["etc/fstab"] == f"{line}\n"


@pytest.mark.parametrize("conf", ['user = "root"', "", '# memory_backing_dir = "/x"\n', None])
def test_qemu_conf_is_only_added_to(system: System, conf: str | None) -> None:
    if conf is None:
        shutil.rmtree(system.folder / "etc/libvirt")
    else:
        system.write("etc/libvirt/qemu.conf", conf)
    (state,) = system.run([(script(FILED), "host")])
    ended = f"{conf}\n" if conf and not conf.endswith("\n") else conf or ""
    assert state["etc/libvirt/qemu.conf"] == ended + BACKING
    assert [line for line in system.log if "systemctl" in line] == [
        "systemctl try-restart virtqemud.service libvirtd.service "
    ]


def test_a_setting_of_qemu_conf_stays_as_it_is(system: System) -> None:
    system.write("etc/libvirt/qemu.conf", '\tmemory_backing_dir = "/mem"\n')
    done, undone = system.run([(script(FILED), "host"), (script(FILED, undo=True), "host")])
    assert done["etc/libvirt/qemu.conf"] == undone["etc/libvirt/qemu.conf"] == '\tmemory_backing_dir = "/mem"\n'
    assert not [line for line in system.log if "systemctl" in line]


@pytest.mark.parametrize(
    ("total", "free", "expected"),
    [(0, 0, 1024), (50, 24, 1050), (5000, 0, 6024), (5000, 4000, 5000), (1024, 1024, 1024)],
)
def test_pages_are_added_and_never_taken_away(system: System, total: int, free: int, expected: int) -> None:
    system.pool(total, free)
    done, undone = script(PAGED), script(PAGED, undo=True)
    first, second, after = system.run([(done, "host"), (done, "host"), (undone, "host")])
    pool = "mm/hugepages/hugepages-2048kB/nr_hugepages"
    assert first[pool] == second[pool] == f"{expected}\n"
    assert after[pool] == f"{total}\n"


def test_no_more_pages_for_the_guest_that_runs_and_none_are_taken_from_it(system: System) -> None:
    start = "cd /sys/kernel/mm/hugepages/hugepages-2048kB; echo 0 > free_hugepages"
    done, undone = script(PAGED), script(PAGED, undo=True)
    system.run([(done, "host"), (start, ""), (done, "host"), (undone, "host")])
    assert system.total == 1024


def test_pages_that_others_use_since_are_added(system: System) -> None:
    pool = "cd /sys/kernel/mm/hugepages/hugepages-2048kB; echo 3000 > nr_hugepages; echo 24 > free_hugepages"
    system.run([(script(PAGED), "host"), (pool, ""), (script(PAGED), "host")])
    assert system.total == 4000


def test_folders_with_files_of_the_user_stay(system: System) -> None:
    done, undone = script(SHARE), script(SHARE, undo=True)
    system.stub("rmdir", 'exec /bin/rmdir "$@" 2> /dev/null')
    *_, after = system.run([(done, "host"), ("echo mine > '/srv/a b/file'", ""), (undone, "host")])
    assert after["srv/a b/file"] == "mine\n"
    assert "srv/a b/c" not in after


def test_a_session_in_a_fresh_home(system: System) -> None:
    # Root stands for the user: only the message about that is expected.
    system.stub("id", "echo 1000")
    system.stub("sudo", 'exec "$@"')
    (system.folder / "srv/home").mkdir()
    done, undone = script(FILED, "session"), script(FILED, "session", undo=True)
    first, second, after = system.run([(done, "host"), (done, "host"), (undone, "host")], HOME="/srv/home")
    assert first["srv/home/.config/libvirt/qemu.conf"] == BACKING
    assert second == first
    assert {text for path, text in after.items() if path.startswith("srv/")} == {"a folder"}


def test_an_external_daemon_is_started_once_in_its_folder(system: System) -> None:
    share = "<filesystem><driver type='virtiofs'/><source socket='/srv/run/x.sock'/><target dir='a'/></filesystem>"
    listening = (
        "import socket, sys, time\n"
        "path = sys.argv[1].split('=')[1]\n"
        "listener = socket.socket(socket.AF_UNIX)\n"
        "listener.bind(path)\n"
        "listener.listen()\n"
        "time.sleep(60)\n"
    )
    (system.folder / "etc/daemon.py").write_text(listening)
    daemon = "/etc/virtiofsd"
    system.write("etc/virtiofsd", '#!/bin/sh\nexec python3 /etc/daemon.py "$@"\n')
    (system.folder / "etc/virtiofsd").chmod(0o755)
    count = "grep -c x.sock /proc/net/unix > /srv/count || :"
    wait = f"for i in 1 2 3 4 5 6 7 8 9; do [ -S /srv/run/x.sock ] || sleep 0.3; done; {count}"
    gone = f"sleep 1; {count}"
    done = script(share).replace("/usr/libexec/virtiofsd", daemon)
    undone = script(share, undo=True)
    steps = [(done, "host"), (wait, ""), (done, "host"), (wait, ""), (undone, "host"), (gone, "")]
    _, first, _, second, _, last = system.run(steps, SHARED_DIR_1="/srv/data")
    assert first["srv/count"] == second["srv/count"] == "1\n"
    assert last["srv/count"] == "0\n"
    assert "srv/run" not in last


@pytest.mark.parametrize("command", ["guest", "guest-systemd"])
@pytest.mark.parametrize("end", ["", " \n touch owned #", "\\"])
def test_a_hostile_tag_is_mounted_and_nothing_else_runs(system: System, command: str, end: str) -> None:
    tag = f"-x '; touch owned; $(touch owned) `touch owned` %n{end}"
    encoded = "".join(f"&#{ord(character)};" for character in tag)
    share = SHARE.replace("my tag", encoded)
    done, twice, undone = system.run(
        [(script(share), command), (script(share), command), (script(share, undo=True), command)]
    )
    assert not list(system.folder.rglob("owned"))
    assert twice == done
    assert not any("x-touch" in path for path in undone)
    if command == "guest":
        folder = "/mnt/x-touch-owned-touch-owned-touch-owned-n" + ("-touch-owned" if "touch" in end else "")
        assert f"mount -t virtiofs -o rw -- {tag} {folder} \n" in (system.folder / "log").read_text()
        fields = done["etc/fstab"].splitlines()[-1].split()
        assert (len(fields), fields[1:3]) == (6, [folder, "virtiofs"])
    elif not end:
        (unit,) = (text for path, text in done.items() if path.endswith(".mount"))
        assert f"\nWhat={tag.replace('%', '%%')}\n" in unit


@pytest.mark.parametrize(
    ("manager", "installs"),
    [
        ("apt-get", "apt-get install -y virtiofsd "),
        ("dnf", "dnf install -y virtiofsd "),
        ("zypper", "zypper --non-interactive install virtiofsd "),
        ("pacman", "pacman -S --needed --noconfirm virtiofsd "),
        ("apk", "apk add virtiofsd "),
    ],
)
def test_package_managers(system: System, manager: str, installs: str) -> None:
    (system.folder / "bin/apt-get").unlink()
    system.stub(manager, ":")
    text = (
        script(SHARE)
        .replace("find_daemon /usr/libexec/virtiofsd", "find_daemon /none")
        .replace(" /usr/lib/virtiofsd /usr/lib/qemu/virtiofsd", "")
    )
    # Only the manager of the test is to be found.
    for each in ("apt-get", "dnf", "zypper", "pacman", "apk"):
        if each != manager:
            text = text.replace(f"command -v {each} ", f"command -v no-{each} ")
    system.run([(text, "host")])
    assert installs in system.log
