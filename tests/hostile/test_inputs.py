"""Whatever a file contains, it gives findings or one line: no traceback, no internal error, no wrong place."""

from __future__ import annotations

import codecs
import json
from encodings.aliases import aliases
from pathlib import Path

import pytest
from lxml import etree

from tests.command import vfslint
from vfslint.cli.options import CLEAN, FAILED, FOUND
from vfslint.xml.document import Malformed, read
from vfslint.xml.source import Source

DIGITS = "9" * 5000
ARABIC = "\N{ARABIC-INDIC DIGIT TWO}"
DEVICE = "<devices><disk type='file'><source file='/a'/><target dev='vda' bus='virtio'/>{}</disk></devices>"
NUMBERS = (
    "<vcpu>{}</vcpu>",
    "<vcpu> {} </vcpu>",
    "<vcpu cpuset='{0}-{0},^{0}'>2</vcpu>",
    "<memory>{}</memory>",
    "<memory unit='{0}'>{0}</memory>",
    "<memoryBacking><hugepages><page size='{}M'/></hugepages></memoryBacking>",
    "<os><type machine='pc-q35-{0}.{0}'>hvm</type></os>",
    "<cputune><iothreadpin iothread='{0}' cpuset='{0}'/><shares>{0}</shares></cputune>",
    "<sysinfo type='smbios'><bios><entry name='date'>{0}/{0}/{0}</entry></bios></sysinfo>",
    "<metadata><o:libosinfo xmlns:o='http://libosinfo.org/xmlns/libvirt/domain/1.0'>"
    "<o:os id='http://debian.org/debian/{}'/></o:libosinfo></metadata>"
    "<devices><filesystem type='mount'><driver type='virtiofs'/><source dir='/a'/><target dir='t'/></filesystem>"
    "</devices>",
    DEVICE.format("<address type='pci' domain='0x{0}' bus='{0}' slot='0{0}' function='{0}'/>"),
    DEVICE.format("<geometry cyls='{0}' heads='{0}' secs='{0}'/>"),
    "<devices><interface type='user'><mac address='{0}:{0}:{0}:{0}:{0}:{0}'/></interface></devices>",
    "<devices><graphics type='vnc' port='{0}' listen='{0}.{0}.{0}.{0}'/></devices>",
    "<devices><controller type='pci' index='{0}' model='{0}'/></devices>",
)


def domain(body: str) -> str:
    return f"<domain type='kvm'><name>a</name>{body}</domain>"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.xml").write_text(domain(""))


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("number", [DIGITS, "0" * 5000 + "1", "²", ARABIC, f"-{DIGITS}", ""], ids=range(6))
def test_numbers_in_a_domain(text: str, number: str) -> None:
    for argv in ((), ("--libvirt=7.0.0",), ("--fix",)):
        Path("a.xml").write_text(domain(text.replace("{}", number).replace("{0}", number)))
        assert vfslint(*argv, "a.xml")[0] in (CLEAN, FOUND)


@pytest.mark.parametrize(
    ("file", "text", "argv"),
    [
        ("vfslint.toml", f"a = {DIGITS}", ()),
        ("vfslint.toml", f"target = {{ libvirt = '{DIGITS}' }}", ()),
        ("vfslint.toml", f"target = {{ libvirt = '{ARABIC}.0.0' }}", ()),
        ("vfslint.toml", "a." * 1000 + "a = 1", ()),
        ("vfslint.toml", "a = " + "{a=" * 5000, ()),
        ("vfslint.toml", "exclude = ['[']\nselect = ['\\']", ()),
        ("f.json", f'{{"version": {DIGITS}}}', ("--baseline=f.json",)),
        ("f.json", "[" * 100_000, ("--baseline=f.json",)),
        ("f.json", f'{{"version": 1, "memory_kib": {DIGITS}}}', ("--host-facts=f.json",)),
        ("f.json", f'{{"version": 1, "libvirt": "{DIGITS}"}}', ("--host-facts=f.json",)),
        ("f.json", '{"version": 1, "memory_kib": NaN}', ("--host-facts=f.json",)),
        ("f.json", "{" * 100_000, ("--host-facts=f.json",)),
        ("qemu.conf", "user =", ("--qemu-conf=qemu.conf",)),
        ("a.xml", domain(""), (f"--libvirt={DIGITS}",)),
    ],
)
def test_numbers_and_depth_in_other_files(file: str, text: str, argv: tuple[str, ...]) -> None:
    Path(file).write_text(text)
    status, out, err = vfslint(*argv, "a.xml")
    assert (status, out, len(err.splitlines())) == (FAILED, "", 1)
    assert err.startswith("vfslint: ")


def test_a_baseline_with_a_large_count() -> None:
    entry = {"fingerprint": "a", "count": int("9" * 30)}
    Path("f.json").write_text(json.dumps({"version": 1, "files": {"a.xml": [entry]}}))
    assert vfslint("--baseline=f.json", "a.xml")[0] == FOUND


ENCODINGS = sorted({*aliases, *aliases.values(), "utf_8_sig", "idna", "punycode", "undefined", "java", "html", "UCS-4"})
SIGNS = "äжЖ日한€ąş\\u0041 +AGE- ~{"


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("written", ["itself", "utf-8"])
def test_every_encoding_is_read_as_libxml2_reads_it(name: str, written: str) -> None:
    name = name.replace("_", "-")
    encoding = name if written == "itself" else written
    try:
        signs = SIGNS.encode(encoding, "ignore").decode(encoding, "ignore")
        data = f"<?xml version='1.0' encoding='{name}'?><a b='{signs}'/>".encode(encoding)
    except (LookupError, UnicodeError):
        data = f"<?xml version='1.0' encoding='{name}'?><a b='\\u0041 +AGE-'/>".encode()
    agrees(data)
    Path("a.xml").write_bytes(data)
    assert vfslint("a.xml", "--format=sarif")[0] in (CLEAN, FOUND)


def agrees(data: bytes) -> None:
    """The value of the root's attribute `b` in the text is the one in the tree, or nothing is said of the file."""
    source = Source(data, "a.xml")
    try:
        document = read(source)
    except Malformed:
        return
    if source.is_exact and source.encoding not in ("shift_jis", "gbk"):
        span = document.root_node["b"].span
        value = data[span.start.offset : span.end.offset].decode(source.encoding)
        assert value == document.root.get("b")


@pytest.mark.parametrize(
    "data",
    [
        "<a b='ä'/>".encode("utf-32-le"),
        "<a b='ä'/>".encode("utf-32-be"),
        "<?xml version='1.0'?><a b='ä'/>".encode("utf-16-le"),
        "<a b='ä'/>".encode("utf-16"),
        b"<?xml version='1.0' " + b" " * 300 + b"encoding='latin1'?><a b='\xe4'/>",
        b"<?xml version='1.0'" + b"\n" * 300 + b"encoding = \"koi8-r\" ?><a b='\xe4'/>",
        codecs.BOM_UTF8 + b"<?xml version='1.0' encoding='iso-8859-1'?><a b='\xc3\xa4'/>",
    ],
)
def test_the_source_is_decoded_by_the_rule_of_libxml2(data: bytes) -> None:
    etree.fromstring(data)
    agrees(data)


@pytest.mark.parametrize("name", ["UTF-7", "HZ", "java"])
def test_an_encoding_that_programs_read_differently_is_named(name: str) -> None:
    data = f"<?xml version='1.0' encoding='{name}'?><domain type='kvm'/>".encode()
    try:
        etree.fromstring(data)
    except etree.XMLSyntaxError:
        pytest.skip(f"this libxml2 does not support {name}")
    Path("a.xml").write_bytes(data)
    status, out, _ = vfslint("a.xml", "--format=concise")
    assert status == CLEAN
    assert out.startswith("a.xml:1:31: note[VFS004]"), out


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32-le", "koi8-r", "gb18030", "iso8859-1"])
def test_positions_and_offsets_are_inverse(encoding: str) -> None:
    text = "<a b='ж'>" * 700 if encoding in ("utf-8", "koi8-r", "gb18030") else "<a b='ä'>\n" * 700
    start = f"<?xml version='1.0' encoding='{encoding}'?>" if encoding[:3] not in ("utf",) else ""
    source = Source((start + text).encode(encoding), "a.xml")
    assert source.encoding.replace("_", "-").startswith(encoding.replace("utf-16", "utf-16-le"))
    for index in range(0, len(source.text), 97):
        offset = source.offset(index)
        assert source.data[:offset].decode(source.encoding) == source.text[:index]
        assert source.index(offset) == index
        assert source.at_offset(offset) == source.position(index)


def test_a_file_that_cannot_be_written_back_gets_no_fix() -> None:
    # This encoding has two ways to write some characters, so that what is read cannot be written back.
    data = b"<?xml version='1.0' encoding='cp932'?><domain type='kvm'><name>\x87\x90</name><memorybacking/></domain>"
    Path("a.xml").write_bytes(data)
    status, out, _ = vfslint("a.xml", "--fix", "--format=concise")
    assert status == FOUND
    assert "memorybacking" in out
    assert Path("a.xml").read_bytes() == data
