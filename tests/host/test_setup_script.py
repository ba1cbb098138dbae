"""`vfslint setup` prints a shell script that prepares a host and a guest, and no value of a domain breaks out of it."""

import subprocess
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import context as circumstances
from tests.examples import document
from tests.hosts import host
from tests.properties import tried
from vfslint.cli.main import main
from vfslint.context import Context
from vfslint.engine import domains_in
from vfslint.host import setup_script
from vfslint.host.facts import Host
from vfslint.host.setup_script import quoted
from vfslint.xml.document import read
from vfslint.xml.source import Source

SHARE = (
    "<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/>"
    "<source dir='/path'/><target dir='mount_tag'/></filesystem>"
)
SOCKET = "<filesystem><driver type='virtiofs'/><source socket='/var/virtiofsd.sock'/><target dir='tag'/></filesystem>"
PAGED = "<memoryBacking><hugepages><page size='2' unit='M'/></hugepages><access mode='shared'/></memoryBacking>"
FILED = "<memoryBacking><access mode='shared'/></memoryBacking>"


def script(*fragments: str, given: str = "", facts: Host | None = None) -> str:
    context = circumstances(given)._replace(host=facts)
    found = [
        domain for fragment in fragments for domain in domains_in(read(Source(document(fragment), "x.xml")), context)
    ]
    out = StringIO()
    setup_script.write(found, context, out)
    check(out.getvalue())
    return out.getvalue()


def check(text: str) -> None:
    """The shell can read the script."""
    done = subprocess.run(["sh", "-n"], input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def commands(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.startswith("    ") and not line.strip().startswith("#")]


# what the original document says


def test_huge_pages() -> None:
    assert "virsh allocpages 2M 1024" in commands(script(PAGED))


def test_file_backed_memory() -> None:
    text = script(FILED)
    assert """printf '%s\\n' 'memory_backing_dir = "/dev/shm/"' >> /etc/libvirt/qemu.conf""" in text
    assert "memory_backing_dir" not in script(SHARE)


def test_mount_in_the_guest() -> None:
    text = script(SHARE)
    assert "mount -t virtiofs mount_tag /mnt/mount_tag" in text
    assert "'mount_tag /mnt/mount_tag virtiofs rw,nofail 0 0' >> /etc/fstab" in text
    assert "Linux 5.4" in text


def test_share_on_the_host() -> None:
    text = script(SHARE)
    assert "mkdir -p -- /path" in commands(text)
    assert "apt-get install virtiofsd" in text
    assert "qemu-system-common" in script(SHARE, given="target debian-12")


def test_external_daemon() -> None:
    asked = '"${SHARED_DIR_1:?the directory to share}"'
    today = f"/usr/libexec/virtiofsd --socket-path=/var/virtiofsd.sock --shared-dir={asked} &"
    assert today in commands(script(SOCKET))
    before = f"/usr/lib/qemu/virtiofsd --socket-path=/var/virtiofsd.sock -o source={asked} &"
    assert before in commands(script(SOCKET, given="target debian-12"))


def test_memfd_needs_nothing() -> None:
    text = script("<domain type='qemu'><name>x</name>")
    assert "Nothing needs to be done on the host." in text
    assert "Nothing needs to be mounted in the guest." in text
    assert [line for line in commands(text) if line != ":"] == [
        'echo "usage: $0 host | guest" >&2',
        "exit 2",
        ";;",
    ]


# sizes and nodes


def test_hugetlbfs_is_mounted_where_it_is_needed() -> None:
    assert "mount -t hugetlbfs -o pagesize=2M hugetlbfs /dev/hugepages" in script(PAGED)
    assert "hugetlbfs" not in script(PAGED.replace("<access", "<source type='memfd'/><access"))
    large = script(PAGED.replace("size='2' unit='M'", "size='1' unit='G'"))
    assert "pagesize=1G hugetlbfs /dev/hugepages1G" in large
    assert "virsh allocpages 1G 2" in large
    assert "hugepagesz=1G hugepages=2" in large


def test_pages_of_a_node() -> None:
    bound = PAGED + "<numatune><memory mode='strict' nodeset='1'/></numatune>"
    assert "virsh allocpages 2M 1024 --cellno 1" in commands(script(bound))


def test_pages_of_a_node_and_of_any() -> None:
    cells = (
        "<cpu><numa><cell id='0' cpus='0-3' memory='1' unit='GiB'/>"
        "<cell id='1' cpus='4-7' memory='1' unit='GiB'/></numa></cpu>"
        "<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune>"
    )
    found = [line for line in commands(script(PAGED + cells)) if "allocpages" in line]
    assert found == ["virsh allocpages 2M 512 --cellno 0", "virsh allocpages 2M 512 --add"]


def test_several_domains_are_counted_together() -> None:
    text = script(f"<name>a</name>{PAGED}{SHARE}", f"<name>b</name>{PAGED}{SHARE}")
    assert "virsh allocpages 2M 2048" in commands(text)
    assert text.count("mkdir -p -- /path") == 1
    assert '"guest "a) guest_1 ;;' in text
    assert '"guest "b) guest_2 ;;' in text


# with facts


def test_only_what_is_missing_is_left() -> None:
    share = SHARE.replace("/path", "/srv")
    ready = script(f"<domain type='qemu'>{PAGED}{share}", facts=host("paged"))
    assert "Nothing is missing on the host." in ready
    assert "mount -t virtiofs" in ready
    short = script(PAGED, facts=host("lopsided", hugepages=[{"size_kib": 2048, "total": 50, "free": 24}]))
    assert "virsh allocpages 2M 1000 --add" in commands(short)
    assert "mkdir -p -- /srv/gone" in script(SHARE.replace("/path", "/srv/gone"), facts=host())
    assert "memory_backing_dir" in script(FILED, facts=host("on-disk"))
    assert "memory_backing_dir" not in script(FILED, facts=host("bare"))
    assert "virtiofsd &" not in script(SOCKET.replace("/var/virtiofsd.sock", "/run/fs.sock"), facts=host())


# hostile values

XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("'\"\\$`!\n\t\x85\x9b%-*;&|<>"),
    max_size=20,
)


@given(XML_TEXT)
@tried(60)
def test_any_value_reaches_the_command_as_it_is(text: str) -> None:
    done = subprocess.run(["sh", "-c", f"printf '%s.' {quoted(text)}"], capture_output=True, check=True)
    assert done.stdout.decode() == f"{text.rstrip(chr(10))}."


@given(tag=XML_TEXT, path=XML_TEXT, name=XML_TEXT)
@tried(40)
def test_no_value_breaks_out_of_the_script(tag: str, path: str, name: str) -> None:
    def attribute(text: str) -> str:
        return "".join(f"&#{ord(character)};" for character in text)

    text = script(
        f"<name>{attribute(name)}</name>"
        f"<filesystem><driver type='virtiofs'/><source dir='/{attribute(path)}'/>"
        f"<target dir='{attribute(tag)}'/></filesystem>",
        "<name>other</name>",
    )
    assert all(line.isprintable() for line in text.split("\n"))


def test_hostile_tag_is_mounted_and_nothing_else_runs(tmp_path: Path) -> None:
    tag = "-x '; touch owned; $(touch owned) `touch owned` \n touch owned #"
    encoded = "".join(f"&#{ord(character)};" for character in tag)
    text = script(SHARE.replace("mount_tag", encoded).replace("<driver", "<driver"))
    log = tmp_path / "log"
    for command in ("modprobe", "mkdir", "mountpoint", "grep"):
        status = 1 if command in ("mountpoint", "grep") else 0
        stub(tmp_path, command, f"exit {status}")
    stub(tmp_path, "mount", f'printf "%s|" "$@" > {log}')
    text = text.replace("/etc/fstab", str(tmp_path / "fstab"))
    done = subprocess.run(
        ["sh", "-s", "guest"],
        input=text.encode(),
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert log.read_text() == f"-t|virtiofs|--|{tag}|/mnt/x-touch-owned-touch-owned-touch-owned-touch-owned|"
    assert not (tmp_path / "owned").exists()
    fields = (tmp_path / "fstab").read_text().split()
    assert (len(fields), fields[2]) == (6, "virtiofs")


def stub(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


# the command


def run(*argv: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    return main(argv, StringIO(), out, err), out.getvalue(), err.getvalue()


def test_command(tmp_path: Path) -> None:
    path = tmp_path / "d.xml"
    path.write_bytes(document(SHARE))
    status, out, err = run("setup", "--isolated", "--target", "debian-12", str(path))
    assert (status, err) == (0, "")
    assert "libvirt 9.0.0, QEMU 7.2.0, QEMU's own virtiofsd" in out
    check(out)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<domain>", "not well-formed XML"),
        ("<network/>", "contains no domain"),
        (None, "cannot read"),
    ],
)
def test_wrong_usage_is_reported_in_one_line(tmp_path: Path, text: Any, expected: str) -> None:
    path = tmp_path / "d.xml"
    if text is not None:
        path.write_text(text)
    status, out, err = run("setup", "--isolated", str(path))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert expected in err


def test_help_is_shown() -> None:
    for command in ("setup", "host"):
        status, out, _ = run(command, "--help")
        assert status == 0
        assert out.startswith(f"usage: vfslint {command}")


def test_a_domain_that_cannot_be_read_gives_no_traceback() -> None:
    broken = "<memory>x</memory><memoryBacking><hugepages><page size='x' nodeset='y'/></hugepages></memoryBacking>"
    for facts in (None, host()):
        script(f"{broken}<cpu><numa><cell id='q' memory='z'/></numa></cpu><filesystem/>", facts=facts)
    out = StringIO()
    setup_script.write(domains_in(read(Source(b"<domain/>", "x")), Context()), Context(), out)
    check(out.getvalue())
