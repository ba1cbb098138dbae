"""XML that is not for libvirt: silent in a folder and in a hook, at most a note if it is named, and never changed."""

import json
import shlex
from pathlib import Path

import pytest
import yaml

from tests.command import vfslint
from tests.other_xml import DOMAINS, MALFORMED, OF_LIBVIRT, OTHERS
from tests.paths import ROOT
from vfslint.api import lint_bytes
from vfslint.domain.roots import root_name

SILENT = {**DOMAINS, **OF_LIBVIRT}
ALL = {**SILENT, **OTHERS, **MALFORMED}
SUMMARY = f"nothing was checked · 0 files checked · {len(ALL)} files are not libvirt domains\n"
OF_LIBVIRT_ALL_THE_SAME = [
    "<domain type='kvm'><resources/><servers/></domain>",
    "<domain type='kvm' xmlns='urn:example'><name>a</name></domain>",
    "<domain xmlns='http://libvirt.org/schemas/domain/qemu/1.0'><name>a</name></domain>",
    "<domain xmlns='urn:example'><name>a</name><devices/></domain>",
    "<domain><memorybacking/></domain>",
    "<domain><memorybacking/><cpus/><vcpu>1</vcpu></domain>",
    "<domain/>",
    "<domains><domain type='kvm'><servers/><resources/></domain></domains>",
]


def codes(text: str) -> list[str]:
    return [finding.code for finding in lint_bytes(text.encode())]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with everything."""
    monkeypatch.chdir(tmp_path)
    for name, text in ALL.items():
        (tmp_path / f"{name}.xml").write_text(text)
    (tmp_path / "utf-16.xml").write_bytes(OTHERS["maven"].encode("utf-16"))
    return tmp_path


def test_a_folder_of_other_xml_is_one_line(folder: Path) -> None:
    total = len(ALL) + 1
    assert vfslint(".") == (0, f"nothing was checked · 0 files checked · {total} files are not libvirt domains\n", "")


def test_verbose_lists_what_is_no_domain(folder: Path) -> None:
    lines = vfslint("-v", ".")[2].splitlines()
    assert len(lines) == len(ALL) + 1
    assert "vfslint: skipped ./maven.xml: <project> is not a domain" in lines
    assert "vfslint: skipped ./glassfish.xml: the <domain> is another program's" in lines
    assert "vfslint: skipped ./empty.xml: it contains no element" in lines


@pytest.mark.parametrize("number", [0, 1])
def test_the_hooks_report_nothing_about_what_they_name(folder: Path, number: int) -> None:
    hook = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[number]
    _, *options = shlex.split(hook["entry"])
    names = [f"{name}.xml" for name in ALL]
    assert vfslint(*options, *hook["args"], *names) == (0, SUMMARY, "")


def test_nothing_of_it_is_ever_changed(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    vfslint("--fix", "--unsafe-fixes", ".")
    vfslint("--fix", "--unsafe-fixes", *(f"{name}.xml" for name in {**SILENT, **OTHERS}))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", SILENT)
def test_a_domain_of_another_program_is_silent(folder: Path, name: str) -> None:
    assert codes(SILENT[name]) == []
    status, out, _ = vfslint(f"{name}.xml")
    assert (status, out) == (0, "nothing was checked · 0 files checked · 1 file is not a libvirt domain\n")


@pytest.mark.parametrize("name", OTHERS)
def test_a_named_file_of_another_program_gets_a_note(folder: Path, name: str) -> None:
    assert codes(OTHERS[name]) == ["VFS006"]
    status, out, _ = vfslint("--format", "concise", f"{name}.xml")
    assert (status, out.count("\n")) == (0, 1)


def test_with_strict_root_every_file_must_be_for_libvirt(folder: Path) -> None:
    for name in ("glassfish", "wildfly", "maven"):
        assert vfslint("--strict-root", f"{name}.xml")[0] == 1
        assert vfslint("--strict-root", "--only-domains", f"{name}.xml")[0] == 1
    assert vfslint("--strict-root", "network.xml")[0] == 0


@pytest.mark.parametrize("text", OF_LIBVIRT_ALL_THE_SAME)
def test_what_can_only_be_meant_for_libvirt_is_checked(text: str) -> None:
    assert codes(text)


def test_a_foreign_domain_among_libvirts_is_left_out() -> None:
    of_libvirt = "<domain type='kvm'><name>a</name><memory>1</memory><os><type>hvm</type></os></domain>"
    foreign = DOMAINS["protein"]
    assert codes(f"<domains>{of_libvirt}</domains>") == codes(f"<domains>{of_libvirt}{foreign}</domains>")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", ""),
        ("text", ""),
        ("<domain", "domain"),
        ("\ufeff<?xml version='1.0'?>\n<!-- <a> -->\n<!DOCTYPE b>\n<v:c d='e'>", "c"),
        ("<!DOCTYPE b [<!ELEMENT b ANY><!ENTITY d '<e/>'>]><b>", "b"),
        ("<!-- <domain>", ""),
        ("<?xml <domain>", ""),
        ("<{{ name }}>", "{{"),
        ("<'>", ""),
    ],
)
def test_the_name_of_the_root_is_known_without_a_parser(text: str, name: str) -> None:
    assert root_name(text) == name


def test_sarif_counts_them_too(folder: Path) -> None:
    [run] = json.loads(vfslint("--format", "sarif", ".")[1])["runs"]
    [notice] = run["invocations"][0]["toolExecutionNotifications"]
    assert notice["message"]["text"] == f"{len(ALL) + 1} files are not libvirt domains"
