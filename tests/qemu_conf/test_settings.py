"""Settings of a qemu.conf: the files that Debian ships are clean, every setting is known, and fixes are safe."""

from __future__ import annotations

import re

import pytest

from tests.growth import LINEAR, growth
from tests.qemu_conf.checked import DATA, RELEASES, errors, lint
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.qemu_conf.conf import backing_directory
from vfslint.qemu_conf.keys import KEYS
from vfslint.qemu_conf.reader import read
from vfslint.rules import RULES
from vfslint.targets import version
from vfslint.xml.edits import apply
from vfslint.xml.source import Source

ASSIGNMENT = re.compile(r"^#?([a-z][a-z0-9_]*) = ", re.MULTILINE)


@pytest.mark.parametrize("release", RELEASES)
def test_shipped_file_is_clean(release: str) -> None:
    assert lint((DATA / release / "shipped.conf").read_bytes(), release) == []


@pytest.mark.parametrize("release", RELEASES)
def test_shipped_file_with_everything_on_has_no_error(release: str) -> None:
    findings = lint((DATA / release / "on.conf").read_bytes(), release)
    assert errors(findings) == []
    # QEMU as root and the debug log are what the comments show; the rest is ignored by that release.
    assert {finding.code for finding in findings} <= {"VFS507", "VFS517", "VFS521"}


@pytest.mark.parametrize("release", RELEASES)
def test_every_setting_of_the_shipped_file_is_known(release: str) -> None:
    names = set(ASSIGNMENT.findall((DATA / release / "shipped.conf").read_text()))
    assert len(names) > 80
    assert names <= {key.name for key in KEYS.values() if key.since <= version(release)}


def test_secrets_are_not_told() -> None:
    for text in ('vnc_password = ["hunter2hunter2"]', 'spice_password = ["hunter2"]', "rdp_password = 4242"):
        [finding] = lint(text)
        assert "hunter2" not in finding.message
        assert "4242" not in finding.message


@pytest.mark.parametrize(
    ("text", "help", "fixed"),
    [
        ("virtiofsd_debug = yes", "write 1 for on", "virtiofsd_debug = 1"),
        ("vnc_tls = False # c", "0 for off", "vnc_tls = 0 # c"),
        ("memory_backing_dir = /dev/shm", "put the string in quotes", 'memory_backing_dir = "/dev/shm"'),
        ("user = qemu;group = 'kvm'", "put the string in quotes", "user = \"qemu\";group = 'kvm'"),
        ("namespaces = [ mount ]", "put the string in quotes", 'namespaces = [ "mount" ]'),
        ("user = “qemu”", "typographic", 'user = "qemu"'),
        ('user: "qemu"', "with an =", 'user = "qemu"'),
        ('user == "qemu"', "only one =", 'user = "qemu"'),
        ("vnc-tls = 1", "write an underscore", "vnc_tls = 1"),
        ("max_files = 1,", "remove the comma", "max_files = 1"),
        ("max_files = 1 // many", "start the comment with #", "max_files = 1 # many"),
        ("max_files = 1;;", "semicolon", "max_files = 1;"),
        ("max_files = 1 mac_filter = 0", "put mac_filter on its own line", "max_files = 1 \nmac_filter = 0"),
        ('nvram = [ "a:b" "c:d" ]', "a comma", 'nvram = [ "a:b" , "c:d" ]'),
        ("\ufeffmax_files = 1", "byte order mark", "max_files = 1"),
        ('namespaces = [ "mount" # c\n]', "does not support comments inside a list", None),
        ('namespaces = [ # c\n "mount" ]', "does not support comments inside a list", None),
        ("namespaces = [\n # c\n]", "does not support comments inside a list", None),
        ('namespaces = ("mount")', "square brackets", None),
        ("user =", "on the line of the =", None),
        ('user = "a\\"b"', "backslash", None),
        ("user = '''a'''", '"""', None),
        ('user = """a', 'end the string with """', None),
        ('user = "a', "end the string on the same line", None),
        ("max_files = 1.5", "whole number", None),
        ("max_files = 0x10", "decimal", None),
        ("max_files = 10M", "without a unit", None),
        ("max_files = - 1", "after the sign", None),
        ("[qemu]", "no sections", None),
        ("<domain/>", "check that this is a qemu.conf", None),
        (" \n", "only whitespace", None),
        ("set the user to qemu", "name = value", None),
        ('namespaces = [ "mount"', "end the list with ]", None),
    ],
)
def test_advice_on_syntax_errors(text: str, help: str, fixed: str | None) -> None:
    [finding] = lint(text)
    assert finding.code == "VFS501"
    assert help in finding.help
    assert (finding.fix is None) == (fixed is None)
    if finding.fix and fixed is not None:
        assert apply(text.encode(), finding.fix.edits).decode() == fixed


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ('max_files = "1024"', "max_files = 1024"),
        ('vnc_tls = "On"', "vnc_tls = 1"),
        ("user = 64055", 'user = "64055"'),
        ('user = [ "qemu" ]', 'user = "qemu"'),
        ("nvram = 'a:b'", 'nvram = [ "a:b" ]'),
        ("cgroup_controllers = [ cpu ]", 'cgroup_controllers = [ "cpu" ]'),
        ('hugetlbfs_mount = ""', "hugetlbfs_mount = []"),
        ('stdio_handler = "LOGD"', 'stdio_handler = "logd"'),
        ("Max_Files = 1", "max_files = 1"),
        ("max_files = 1\nmax_files = 1\n", "max_files = 1\n"),
        ("vxhs_tls = 1 # c\nmax_files = 1\n", "# c\nmax_files = 1\n"),
        ('auto_dump_max_size = "10 GiB"', 'auto_dump_max_size = "10GiB"'),
    ],
)
def test_safe_fixes(text: str, fixed: str) -> None:
    [finding] = lint(text)
    assert finding.fix is not None
    assert finding.fix.safe
    assert apply(text.encode(), finding.fix.edits).decode() == fixed
    assert lint(fixed) == []


@pytest.mark.parametrize("text", ["max_filess = 1", 'nvram = [ "x:y" ]\nnvram = [ "z:y" ]', "virtiofsd_debug = 1"])
def test_fixes_that_may_not_be_meant_are_not_safe(text: str) -> None:
    [finding] = lint(text)
    assert finding.fix is not None
    assert not finding.fix.safe


def test_a_setting_that_does_not_count_is_not_checked() -> None:
    assert errors(lint('max_files = 1\nmax_files = "x"\n')) == []
    assert errors(lint("sched_core = 1\n", "7.0.0")) == []


@pytest.mark.parametrize(
    ("text", "is_on_disk"),
    [
        ("", True),
        ('memory_backing_dir = "/var/lib/libvirt/qemu/ram"', True),
        ('memory_backing_dir = "ram"', True),
        ('memory_backing_dir = "/srv/../home/ram"', True),
        ('memory_backing_dir = "/dev/shm/"', False),
        ('memory_backing_dir = "/run/ram"', False),
        ('memory_backing_dir = "/var/run"', False),
        ('memory_backing_dir = "/mnt/ram"', False),
    ],
)
def test_only_directories_surely_on_a_disk_are_called_so(text: str, is_on_disk: bool) -> None:
    conf = read(Source(text.encode(), "qemu.conf"))
    assert backing_directory(conf, session=False).is_on_disk is is_on_disk


def test_cost_grows_with_the_size_of_the_file() -> None:
    data = (DATA / "12.8.0" / "on.conf").read_bytes()
    engine = Engine(RULES, Context())
    assert growth(lambda number: engine.check_conf(Source(data * number, "qemu.conf")), 8) < LINEAR
