"""`vfslint setup` prints a shell script that prepares a host and a guest, and no value of a domain breaks out of it."""

import os
import re
import shutil
import subprocess
import sys
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
from vfslint.host import powershell, setup_script
from vfslint.host.facts import Host
from vfslint.host.shell import quoted
from vfslint.xml.document import read
from vfslint.xml.source import Source

# The scripts of the environment that runs the tests are not always in PATH.
TOOLS = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

SHARE = (
    "<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/>"
    "<source dir='/path'/><target dir='mount_tag'/></filesystem>"
)
SOCKET = "<filesystem><driver type='virtiofs'/><source socket='/var/virtiofsd.sock'/><target dir='tag'/></filesystem>"
PAGED = "<memoryBacking><hugepages><page size='2' unit='M'/></hugepages><access mode='shared'/></memoryBacking>"
FILED = "<memoryBacking><access mode='shared'/></memoryBacking>"


def script(*fragments: str, given: str = "", facts: Host | None = None, undo: bool = False) -> str:
    context = circumstances(given)._replace(host=facts)
    found = [
        domain for fragment in fragments for domain in domains_in(read(Source(document(fragment), "x.xml")), context)
    ]
    out = StringIO()
    setup_script.write(found, context, out, undo=undo)
    check(out.getvalue())
    return out.getvalue()


def check(text: str) -> None:
    """The shells can read the script."""
    for shell in ("sh", "bash"):
        if shutil.which(shell):
            done = subprocess.run([shell, "-n"], input=text.encode(), capture_output=True, check=False)
            assert done.returncode == 0, done.stderr


def commands(text: str) -> list[str]:
    """Return the commands of the script that are not in its functions, without the names of notes."""
    lines = text[text.index("\nhost() {") :].splitlines()
    return [
        re.sub(r" [a-z_.]+-[0-9a-f]{12}", "", line.strip())
        for line in lines
        if line.startswith("    ") and not line.strip().startswith("#")
    ]


# what the original document says


def test_huge_pages() -> None:
    text = script(PAGED)
    assert "virsh allocpages 2M 1024" in text
    assert "take_pages 2048 2M '' 1024" in commands(text)
    assert "free_pages 2048 2M ''" in commands(script(PAGED, undo=True))


def test_file_backed_memory() -> None:
    text = script(FILED)
    assert """take_line 'memory_backing_dir = "/dev/shm/"' "$conf\"""" in commands(text)
    assert "conf=/etc/libvirt/qemu.conf" in commands(text)
    assert "memory_backing_dir" not in script(SHARE)


def test_mount_in_the_guest() -> None:
    text = script(SHARE)
    assert "take_share mount_tag mount_tag /mnt/mount_tag rw" in commands(text)
    assert "take_fstab mount_tag 'mount_tag /mnt/mount_tag virtiofs rw,nofail 0 0'" in commands(text)
    assert "Linux 5.4" in text


def test_unit_of_systemd_in_place_of_fstab() -> None:
    (unit,) = (
        line for line in commands(script(SHARE.replace("mount_tag", "my.tag-%"))) if line.startswith("take_unit")
    )
    assert unit.startswith("take_unit mnt-my.tag.mount '[Unit]' ")
    assert " What=my.tag-%% Where=/mnt/my.tag Type=virtiofs " in unit
    # A unit has no way to write this tag.
    other = script(SHARE.replace("mount_tag", " x"))
    assert "take_unit" not in other
    assert "A unit cannot name the share ' x'" in other


def test_share_on_the_host() -> None:
    text = script(SHARE)
    assert "take_directory /path" in commands(text)
    assert "install virtiofsd virtiofsd virtiofsd virtiofsd virtiofsd" in text
    assert "install qemu-system-common virtiofsd" in script(SHARE, given="target debian-12")


def test_external_daemon() -> None:
    asked = '"${SHARED_DIR_1:?set it to the directory to share}"'
    today = f'take_socket /var/virtiofsd.sock "$daemon" --socket-path=/var/virtiofsd.sock --shared-dir={asked}'
    assert today in commands(script(SOCKET))
    before = f'take_socket /var/virtiofsd.sock "$daemon" --socket-path=/var/virtiofsd.sock -o source={asked}'
    assert before in commands(script(SOCKET, given="target debian-12"))


def test_memfd_needs_nothing() -> None:
    text = script("<domain type='qemu'><name>x</name>")
    assert "Nothing needs to be done on the host." in text
    assert "Nothing needs to be mounted in the guest." in text
    only_root = '[ "$(id -u)" -eq 0 ] || { echo "run this as root" >&2; exit 1; }'
    usage = 'echo "usage: $0 host | guest | guest-systemd" >&2'
    assert commands(text) == [only_root] * 3 + [usage, "exit 2", ";;"]


# sizes and nodes


def test_hugetlbfs_is_mounted_where_it_is_needed() -> None:
    assert "take_hugetlbfs 2M /dev/hugepages" in commands(script(PAGED))
    assert "hugetlbfs" not in script(PAGED.replace("<access", "<source type='memfd'/><access"))
    large = script(PAGED.replace("size='2' unit='M'", "size='1' unit='G'"))
    assert "take_hugetlbfs 1G /dev/hugepages1G" in commands(large)
    assert "take_pages 1048576 1G '' 2" in commands(large)
    assert "hugepagesz=1G hugepages=2" in large


def test_pages_of_a_node() -> None:
    bound = PAGED + "<numatune><memory mode='strict' nodeset='1'/></numatune>"
    assert next(line for line in commands(script(bound)) if "pages" in line) == "take_pages 2048 2M 1 1024"


def test_pages_of_a_node_and_of_any() -> None:
    cells = (
        "<cpu><numa><cell id='0' cpus='0-3' memory='1' unit='GiB'/>"
        "<cell id='1' cpus='4-7' memory='1' unit='GiB'/></numa></cpu>"
        "<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune>"
    )
    found = [line for line in commands(script(PAGED + cells)) if line.startswith("take_pages")]
    # The pages of the node count for the whole host as well.
    assert found == ["take_pages 2048 2M 0 512", "take_pages 2048 2M '' 1024"]


def test_several_domains_are_counted_together() -> None:
    text = script(f"<name>a</name>{PAGED}{SHARE}", f"<name>b</name>{PAGED}{SHARE}")
    assert "take_pages 2048 2M '' 2048" in commands(text)
    assert commands(text).count("take_directory /path") == 1
    assert "'guest a') guest_1 ;;" in text
    assert "'guest-windows b') guest_windows_2 ;;" in text


# with facts


def test_only_what_is_missing_is_left() -> None:
    share = SHARE.replace("/path", "/srv")
    ready = script(f"<domain type='qemu'>{PAGED}{share}", facts=host("paged"))
    assert "Nothing is missing on the host." in ready
    assert "take_share" in ready
    short = script(PAGED, facts=host("lopsided", hugepages=[{"size_kib": 2048, "total": 50, "free": 24}]))
    assert "take_pages 2048 2M '' 1024" in commands(short)
    assert "take_directory /srv/gone" in commands(script(SHARE.replace("/path", "/srv/gone"), facts=host()))
    assert "memory_backing_dir" in script(FILED, facts=host("on-disk"))
    assert "memory_backing_dir" not in script(FILED, facts=host("bare"))
    assert "take_socket" not in script(SOCKET.replace("/var/virtiofsd.sock", "/run/fs.sock"), facts=host())


def test_undo_does_not_depend_on_facts() -> None:
    share = SHARE.replace("/path", "/srv")
    assert "free_directory /srv" in commands(script(share, facts=host(), undo=True))


# Windows


def test_one_share_in_windows_is_mounted_by_the_service() -> None:
    text = script(SHARE)
    part = text[text.index("<< 'END_OF_POWERSHELL'") : text.index("\nEND_OF_POWERSHELL")]
    assert "WinFsp.WinFsp" in part
    assert "Start-Service VirtioFsSvc" in part
    assert "launchctl" not in part


def test_several_shares_in_windows_are_mounted_by_the_launcher() -> None:
    text = script(SHARE + SHARE.replace("mount_tag", "it&#39;s").replace("/path", "/other"))
    part = text[text.index("<< 'END_OF_POWERSHELL'") : text.index("\nEND_OF_POWERSHELL")]
    assert "Set-Service VirtioFsSvc -StartupType Disabled" in part
    assert "& $Launch start virtiofs virtiofs0 $Tag Z: }" in part
    assert "$Tag = ('' + 'it' + [char]0x0027 + 's')" in part
    undone = script(SHARE + SHARE.replace("mount_tag", "two"), undo=True)
    assert "stop virtiofs virtiofs1" in undone
    assert "-StartupType Automatic" in undone


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data", "'data'"),
        ("", "''"),
        ("'", "('' + [char]0x0027)"),
        ("a\u2019b", "('' + 'a' + [char]0x2019 + 'b')"),
        ("$(x)`\n", "('' + [char]0x0024 + '(x)' + [char]0x0060 + [char]0x000a)"),
        ("\U0001f600", "('' + [char]0xd83d + [char]0xde00)"),
    ],
)
def test_words_of_powershell(text: str, expected: str) -> None:
    assert powershell.quoted(text) == expected


@given(st.text(max_size=12))
@tried(60)
def test_no_text_is_special_in_powershell(text: str) -> None:
    word = powershell.quoted(text)
    assert word.isascii()
    assert word.isprintable()
    assert re.fullmatch(r"'[^'`$\"]*'|\(''(?: \+ (?:'[^'`$\"]*'|\[char\]0x[0-9a-f]{4}))*\)", word)


# shellcheck


@pytest.mark.skipif(not shutil.which("shellcheck", path=TOOLS), reason="shellcheck is not installed")
@pytest.mark.parametrize("given", ["", "session", "target debian-12"])
@pytest.mark.parametrize("undo", [False, True])
@pytest.mark.parametrize(
    "fragment",
    [
        f"{PAGED}{SHARE}{SOCKET}",
        f"{FILED}{SHARE}",
        SOCKET,
        PAGED,
        "<domain type='qemu'><name>x</name>",
        "<domain type='kvm'><name>&#36;(x) '&#10;</name>" + SHARE.replace("mount_tag", "it&#39;s &#36;x `&#10;"),
        PAGED + "<numatune><memory mode='strict' nodeset='1'/></numatune>",
    ],
)
def test_shellcheck_has_no_remark(fragment: str, given: str, undo: bool) -> None:
    shellcheck = shutil.which("shellcheck", path=TOOLS) or ""
    text = script(fragment, given=given, undo=undo)
    done = subprocess.run([shellcheck, "-s", "sh", "-"], input=text.encode(), capture_output=True, check=False)
    assert done.stdout.decode() == ""


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
