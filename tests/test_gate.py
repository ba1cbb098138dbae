"""What passes the gate fits the schema, and nothing is wrong with it that a rule for misfits looks for."""

import gzip
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests import examples
from tests.test_structure import mutated
from tools import make_relaxng
from vfslint import lint_bytes, schemas
from vfslint.context import Context
from vfslint.domain.addresses import read as read_address
from vfslint.domain.closed_fields import CLOSED
from vfslint.domain.domain import Domain
from vfslint.domain.machines import ARCHITECTURES
from vfslint.rules import RULES
from vfslint.rules.domain import DOMAIN_TYPES
from vfslint.subjects import OF_DOMAINS, part_of
from vfslint.targets import NEWEST
from vfslint.vocabulary import gate, structure
from vfslint.vocabulary.gate import accepts
from vfslint.xml.document import Malformed, Node, read
from vfslint.xml.source import Source

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data"
XS = "{http://www.w3.org/2001/XMLSchema}"
GATE = "{urn:vfslint:schema}gate"
CONTEXT = Context()
MISFITS = [rule for rule in RULES if rule.misfits]
BARE = """<domain type='kvm'><name>a</name><memory unit='GiB'>1</memory><vcpu>2</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>{}</devices></domain>"""


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    """The grammar of all that fits the schema, usual or not."""
    schema = etree.parse(schemas.DOMAIN_XSD)
    for element in schema.iter("*"):
        element.attrib.pop(GATE, None)
    plain = tmp_path_factory.mktemp("schema") / "domain.xsd"
    schema.write(str(plain))
    return etree.RelaxNG(etree.fromstring(make_relaxng.make(plain)))


@cache
def corpus():
    """The domains of which real libvirt was asked, as the model has them."""
    found = []
    for name in ("cases.jsonl.gz", "more-cases.jsonl.gz"):
        with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
            for line in lines:
                try:
                    document = read(Source(json.loads(line)["xml"].encode(), name))
                except Malformed:
                    continue
                if document.root.tag == "domain":
                    found.append(Domain(document, Node(document, document.root), CONTEXT))
    return found


def problems(rule, domain):
    part = part_of(rule.subject)
    found = OF_DOMAINS[part].find(domain)
    subjects = found if part == rule.subject else [found] if found else []
    context = CONTEXT._replace(judged=domain)
    return [problem for subject in subjects for problem in rule(subject, context)]


def test_rules_for_misfits_have_nothing_to_say_of_what_passes():
    usual = [domain for domain in corpus() if domain.fits_schema]
    assert len(usual) > 1500
    for domain in usual:
        spoke = [rule.code for rule in MISFITS if problems(rule, domain)]
        assert not spoke, (spoke, domain.document.source.text)


BAD = [(rule, example) for rule in MISFITS for example in rule.manual.bad if not example.given]


@pytest.mark.parametrize(("rule", "example"), BAD, ids=lambda it: getattr(it, "code", ""))
def test_bad_example_of_a_rule_for_misfits_does_not_pass(rule, example):
    document = read(Source(examples.document(example.text), "example"))
    assert not accepts(document.root)


def test_what_passes_fits(exact):
    for domain in corpus():
        if accepts(domain.node.element):
            assert exact.validate(domain.node.element), domain.document.source.text


@pytest.mark.parametrize("seed", range(300))
def test_what_does_not_fit_is_explained_and_nothing_else(seed, exact):
    root = mutated(seed)
    fits = exact.validate(root)
    assert fits or not accepts(root)
    assert bool(structure.explain(root)) is not fits


def patterns():
    found = []
    for declared in etree.parse(schemas.DOMAIN_XSD).iter(XS + "simpleType"):
        if GATE in declared.attrib:
            found.append((declared.get("name"), declared.get(GATE)))
    for attribute in etree.parse(schemas.DOMAIN_XSD).iter(XS + "attribute"):
        if attribute.get(GATE, "rare") != "rare":
            found.append((attribute.get("type"), attribute.get(GATE)))
    return found


@pytest.mark.parametrize(("name", "pattern"), patterns())
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_usual_values_are_of_their_type(name, pattern, data):
    declared = vocabulary().types[name]
    assert declared.is_valid(
        data.draw(st.from_regex(pattern, fullmatch=True, alphabet=st.characters(max_codepoint=127)))
    )


@pytest.mark.parametrize(
    ("listed", "known"), [("Architecture", ARCHITECTURES), ("Hypervisor", DOMAIN_TYPES)], ids=["arch", "type"]
)
def test_words_of_the_schema_are_known(listed, known):
    words = set(vocabulary().types[listed].enumeration)
    assert words <= known.keys()
    assert max(known[word] for word in words) <= NEWEST.libvirt


@cache
def vocabulary():
    return xmlschema.XMLSchema11(schemas.DOMAIN_XSD)


@st.composite
def usual_addresses(draw):
    kind = draw(st.sampled_from(sorted(gate._USUAL)))
    patterns = gate._USUAL[kind]
    needed = gate._NEEDED.get(kind, set())
    names = needed | draw(st.sets(st.sampled_from(sorted(patterns))))
    ascii_alone = st.characters(max_codepoint=127)
    drawn = {name: draw(st.from_regex(patterns[name], fullmatch=True, alphabet=ascii_alone)) for name in sorted(names)}
    return {"type": kind, **drawn}


@given(usual_addresses())
@settings(max_examples=300, deadline=None)
def test_usual_addresses_fit_and_are_read(exact, attributes):
    root = etree.fromstring(BARE.format("<video><address/></video>"))
    address = root.find("devices/video/address")
    address.attrib.update(attributes)
    assert accepts(root)
    assert exact.validate(root)
    reading = read_address(tuple(attributes.items()))
    assert (reading.unreadable, reading.lacking, reading.beyond) == (None, (), ())
    assert not reading.numbers.get("domain")


@pytest.mark.parametrize(
    "address",
    ["<address/>", "<address type='pci' slot='32'/>", "<address type='usb'/>", "<address type='pci' zpci='x'/>",
     "<address type='pci'><zpci uid='1'/></address>", "<address type='spapr-vio' reg='0x1000'/>"],
)  # fmt: skip
def test_other_addresses_do_not_pass(address):
    assert not accepts(etree.fromstring(BARE.format(f"<video>{address}</video>")))


@pytest.mark.parametrize(
    "device",
    ["<smartcard mode='passthrough' type='spicevmc'/>", "<rng model='virtio'><backend model='egd' type='udp'/></rng>",
     "<shmem name='x'/>", "<filesystem type='ram'><source usage='1'/><target dir='/x'/></filesystem>",
     "<controller type='usb' index='0' model='qemu-xhci'><driver queues='2'/></controller>"],
)  # fmt: skip
def test_rare_devices_do_not_pass(device, exact):
    root = etree.fromstring(BARE.format(device))
    assert not accepts(root)
    assert exact.validate(root)


def test_address_of_a_device_on_the_host_needs_no_type():
    source = "<source><address domain='0x0000' bus='0x06' slot='0x02' function='0x0'/></source>"
    assert accepts(
        etree.fromstring(BARE.format(f"<hostdev mode='subsystem' type='pci' managed='yes'>{source}</hostdev>"))
    )


# Elements around which the schema wants more than the field itself.
WHOLE = {
    "maxMemory": "<maxMemory slots='1'>1</maxMemory>",
    "os/bootmenu": "<bootmenu enable='yes'/>",
    "cpu/feature": "<cpu><feature name='pcid'/></cpu>",
    "cpu/cache": "<cpu><cache mode='passthrough'/></cpu>",
    "cpu/maxphysaddr": "<cpu><maxphysaddr mode='passthrough'/></cpu>",
    "cpu/numa/cell": "<cpu><numa><cell id='0' cpus='0' memory='1'/></numa></cpu>",
    "cpu/numa/cell/distances/sibling": "<cpu><numa><cell id='0' cpus='0' memory='1'><distances>"
    "<sibling id='0' value='10'/></distances></cell></numa></cpu>",
    "cpu/numa/cell/cache": "<cpu><numa><cell id='0' cpus='0' memory='1'><cache level='1' associativity='full' "
    "policy='none'><size value='1' unit='KiB'/><line value='1' unit='B'/></cache></cell></numa></cpu>",
    "cpu/numa/interconnects/latency": "<cpu><numa><cell id='0' cpus='0' memory='1'/><interconnects>"
    "<latency initiator='0' target='0' type='access' value='1'/></interconnects></numa></cpu>",
    "cpu/numa/interconnects/bandwidth": "<cpu><numa><cell id='0' cpus='0' memory='1'/><interconnects>"
    "<bandwidth initiator='0' target='0' type='access' value='1' unit='KiB'/></interconnects></numa></cpu>",
    "memoryBacking/allocation": "<memoryBacking><allocation mode='immediate'/></memoryBacking>",
    "cputune/vcpupin": "<cputune><vcpupin cpuset='0'/></cputune>",
    "cputune/iothreadpin": "<cputune><iothreadpin cpuset='0'/></cputune>",
    "devices/disk/driver": "<disk type='file'><source file='/a'/><target dev='vda'/></disk>",
    "devices/memory": "<memory model='dimm'><target><size>1</size><node>0</node></target></memory>",
    "devices/memory/target": "<memory model='virtio-mem'><target><size>1</size><node>0</node><block>1</block>"
    "<requested>1</requested></target></memory>",
    "devices/memory/target/node": "<memory model='dimm'><target><size>1</size><node>0</node></target></memory>",
}  # fmt: skip
VALUES = ["x", "", " 1", "1 ", "-1", "-2", "0", "1.5", "+1", "65536", "999", "1000001", "2147483648", "4294967295",
          "4294967296", "18446744073709551615", "18446744073709551616", "on ", "On", None]  # fmt: skip
RARE = ("cpu/numa/cell/cache", "cpu/numa/interconnects")  # never in a domain that passes


def with_element(path):
    """A domain with an element at a path, and that element."""
    whole = WHOLE.get(path, "")
    is_device = path.startswith("devices/")
    root = etree.fromstring(BARE.format(whole if is_device else ""))
    if whole and not is_device:
        (root.find("os") if path.startswith("os/") else root).append(etree.fromstring(whole))
    at = root
    for tag in path.split("/"):
        found = at.find(tag)
        at = etree.SubElement(at, tag) if found is None else found
    for field in CLOSED[path]:
        if NEWEST.libvirt >= field.required and field.name and at.get(field.name) is None:
            at.set(field.name, next(iter(field.words)) if field.words else "1")
    return root, at


def with_value(path, field, value):
    root, element = with_element(path)
    if not field.name:
        element.text = value
    elif value is None:
        element.attrib.pop(field.name, None)
    else:
        element.set(field.name, value)
    return root


@pytest.mark.parametrize("path", CLOSED)
def test_what_passes_has_no_value_that_the_parser_refuses(path):
    for field in CLOSED[path]:
        is_needed = NEWEST.libvirt >= max(field.required, field.since)
        refused = [value for value in VALUES if value is not None and not field.accepts(value, NEWEST.libvirt)]
        refused += [None] if is_needed else []
        assert refused
        passing = [value for value in refused if accepts(with_value(path, field, value))]
        assert passing == [], field.name
        right = field.words or ("1", "10", "1000")
        is_rare = path.startswith(RARE)
        assert any(accepts(with_value(path, field, value)) for value in right) is not is_rare, field.name


def strings():
    """The types whose pattern stands in for xmlschema, and those patterns."""
    values = structure.vocabulary()._named_values
    names = [node.get("name") for node in etree.parse(schemas.DOMAIN_XSD).iter(XS + "simpleType") if node.get("name")]
    return [(name, values(name).usual) for name in names if values(name).usual is not None]


@pytest.mark.parametrize(("name", "pattern"), strings())
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_values_that_match_the_usual_pattern_are_right(name, pattern, data):
    value = data.draw(st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True))
    if "\r" not in value and value.isprintable():
        assert vocabulary().types[name].is_valid(value)


def test_a_bare_interpreter_explains_a_misspelt_word_without_xmlschema():
    script = """
import sys
sys.path.insert(0, ".")
import conftest
from vfslint import lint_bytes
findings = lint_bytes(sys.stdin.buffer.read(), filename="x.xml")
assert [finding.code for finding in findings] == ["VFS010"], findings
assert "xmlschema" not in sys.modules
"""
    with gzip.open(DATA / "dumps.jsonl.gz", "rt", encoding="utf-8") as lines:
        printed = next(dump["xml"] for dump in map(json.loads, lines) if not lint_bytes(dump["xml"].encode()))
    misspelt = printed.replace("on_crash", "on_crush")
    subprocess.run([sys.executable, "-c", script], input=misspelt.encode(), check=True, cwd=ROOT)
