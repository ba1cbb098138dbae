"""The gate, the explanations and the releases: each kind of fault by name, and properties."""

import copy
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from lxml import etree

from vfslint.vocabulary import structure
from vfslint.vocabulary.gate import accepts
from vfslint.vocabulary.structure import (
    MISPLACED_ATTRIBUTE,
    MISPLACED_ELEMENT,
    MISSING_ATTRIBUTE,
    MISSING_ELEMENT,
    REPEATED_ELEMENT,
    TOO_NEW,
    UNEXPECTED_TEXT,
    UNKNOWN_ATTRIBUTE,
    UNKNOWN_ELEMENT,
    WRONG_ORDER,
    WRONG_VALUE,
)

ROOT = Path(__file__).parent.parent
OLDEST, NEWEST = (6, 0, 0), (12, 8, 0)

SHARE = """
<filesystem type='mount' accessmode='passthrough'>
  <driver type='virtiofs' queue='1024'/>
  <binary path='/usr/libexec/virtiofsd' xattr='on'>
    <cache mode='always'/>
    <sandbox mode='namespace'/>
    <lock posix='on' flock='off'/>
    <thread_pool size='16'/>
    <openfiles max='4096'/>
  </binary>
  <source dir='/srv/data'/>
  <target dir='data'/>
  <idmap><uid start='0' target='1000' count='10'/><gid start='0' target='1000' count='10'/></idmap>
  <readonly/>
  <boot order='1'/>
  <alias name='ua-data'/>
  <address type='pci' domain='0x0000' bus='0x00' slot='0x1d' function='0x0'/>
</filesystem>"""

SOUND = f"""
<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web</name>
  <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
  <metadata><app:note xmlns:app='http://example.org/app' any='thing'>free<inner/></app:note></metadata>
  <memory unit='GiB'>2</memory>
  <maxMemory slots='16' unit='GiB'>8</maxMemory>
  <memoryBacking>
    <hugepages><page size='2' unit='M' nodeset='0'/></hugepages>
    <source type='memfd'/>
    <access mode='shared'/>
    <allocation mode='immediate' threads='4'/>
  </memoryBacking>
  <vcpu placement='static'>4</vcpu>
  <cpu mode='host-passthrough' check='none'>
    <topology sockets='1' dies='1' cores='4' threads='1'/>
    <numa><cell id='0' cpus='0-3' memory='2' unit='GiB' memAccess='shared'/></numa>
  </cpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/><hyperv mode='custom'><relaxed state='on'/></hyperv></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>{SHARE}
    <interface type='vhostuser'>
      <source type='unix' path='/run/switch.sock' mode='client'/>
      <model type='virtio'/>
    </interface>
    <disk type='vhostuser' device='disk'>
      <driver name='qemu' type='raw'/>
      <source type='unix' path='/run/disk.sock'><reconnect enabled='yes' timeout='10'/></source>
      <target dev='vda' bus='virtio'/>
    </disk>
    <memory model='virtio-mem' access='shared'>
      <target dynamicMemslots='yes'>
        <size unit='GiB'>2</size><node>0</node>
        <block unit='MiB'>2</block><requested unit='GiB'>1</requested>
      </target>
    </memory>
    <memballoon model='virtio' freePageReporting='on'/>
  </devices>
  <qemu:commandline><qemu:arg value='-s'/></qemu:commandline>
</domain>"""


def parse(text):
    return etree.fromstring(text, etree.XMLParser(resolve_entities=False))


def domain(old="", new=""):
    assert old in SOUND
    return parse(SOUND.replace(old, new, 1))


def faults(root):
    assert not accepts(root)
    return structure.explain(root)


def shown(found):
    return [(fault.kind, fault.element.tag, fault.name, fault.suggestion) for fault in found]


def only(old, new):
    found = faults(domain(old, new))
    assert len(found) == 1, shown(found)
    return found[0]


def test_sound_domain_is_accepted():
    assert accepts(domain())
    assert structure.newer_than(domain(), NEWEST) == []


@pytest.mark.parametrize("wrapper", ["<domainsnapshot>{}</domainsnapshot>", "<a><b>{}</b><domain/></a>"])
def test_domain_inside_another_document(wrapper):
    inner = parse(wrapper.format(SOUND)).find(".//domain")
    assert accepts(inner)
    inner.set("bogus", "")
    assert shown(faults(inner)) == [(UNKNOWN_ATTRIBUTE, "domain", "bogus", None)]


def test_inactive_domain_has_the_same_content():
    assert accepts(parse(SOUND.replace("<domain ", "<inactiveDomain ").replace("</domain>", "</inactiveDomain>")))


# elements


def test_misspelled_element():
    fault = only("<target dir='data'/>", "<traget dir='data'/>")
    assert (fault.kind, fault.name, fault.suggestion) == (UNKNOWN_ELEMENT, "traget", "target")
    assert fault.element.tag == "traget"
    assert "target" in fault.expected
    assert "source" not in fault.expected, "it is there already"


def test_wrong_case_comes_before_near_spelling():
    fault = faults(parse(SOUND.replace("memoryBacking", "memorybacking")))[0]
    assert (fault.kind, fault.suggestion) == (UNKNOWN_ELEMENT, "memoryBacking")


def test_unknown_element_without_a_likely_meaning():
    fault = only("<readonly/>", "<readonly/><bogus/>")
    assert (fault.kind, fault.name, fault.suggestion, fault.belongs) == (UNKNOWN_ELEMENT, "bogus", None, ())


@pytest.mark.parametrize(
    ("old", "new", "name", "belongs"),
    [
        ("<devices>", "<devices><memoryBacking/>", "memoryBacking", "domain"),
        ("<devices>", "<numa><cell memory='1'/></numa><devices>", "numa", "cpu"),
        ("<readonly/>", "<readonly/><sandbox mode='chroot'/>", "sandbox", "binary"),
        (
            "<memory unit",
            "<filesystem><source dir='/x'/><target dir='x'/></filesystem><memory unit",
            "filesystem",
            "devices",
        ),
    ],
)
def test_misplaced_element_says_where_it_belongs(old, new, name, belongs):
    fault = only(old, new)
    assert (fault.kind, fault.name) == (MISPLACED_ELEMENT, name)
    assert fault.belongs == (belongs,)


def test_repeated_element_is_the_second_one():
    root = domain("<access mode='shared'/>", "<access mode='shared'/><access mode='private'/>")
    [fault] = faults(root)
    assert (fault.kind, fault.name) == (REPEATED_ELEMENT, "access")
    assert fault.element.get("mode") == "private"


def test_missing_element():
    fault = only("<target dir='data'/>", "")
    assert (fault.kind, fault.element.tag, fault.name) == (MISSING_ELEMENT, "filesystem", "target")


def test_what_a_double_has_is_missing_for_the_schema_alone():
    found = structure.explain(domain("<os>", "<os/><os>"))
    assert [(fault.kind, fault.name, fault.refused) for fault in found] == [
        (structure.MISSING_ELEMENT, "type", None),
        (structure.REPEATED_ELEMENT, "os", None),
    ]


def test_stranger_with_the_attributes_of_the_missing_one_is_meant_for_it():
    fault = only("<target dir='data'/>", "<tag dir='data'/>")
    assert (fault.kind, fault.name, fault.suggestion) == (UNKNOWN_ELEMENT, "tag", "target")


def test_element_of_a_foreign_namespace():
    fault = only("<readonly/>", "<readonly/><x:y xmlns:x='urn:x'/>")
    assert (fault.kind, fault.name) == (UNKNOWN_ELEMENT, "{urn:x}y")


# attributes


def test_misspelled_attribute():
    fault = only("queue='1024'", "queues='1024'")
    assert (fault.kind, fault.attribute, fault.value) == (UNKNOWN_ATTRIBUTE, "queues", "1024")
    assert fault.suggestion == "queue"


def test_misspelled_attribute_is_not_missing_as_well():
    fault = only("<source dir='/srv/data'/>", "<source path='/srv/data'/>")
    assert (fault.kind, fault.attribute, fault.suggestion) == (UNKNOWN_ATTRIBUTE, "path", "dir")


def test_misspelled_attribute_that_selects_the_form():
    # Not: "queue is for virtiofs only".
    fault = only("<driver type='virtiofs' queue", "<driver typ='virtiofs' queue")
    assert (fault.kind, fault.attribute, fault.suggestion) == (UNKNOWN_ATTRIBUTE, "typ", "type")


def test_missing_attribute():
    fault = only("<access mode='shared'/>", "<access/>")
    assert (fault.kind, fault.element.tag, fault.attribute) == (MISSING_ATTRIBUTE, "access", "mode")
    assert fault.expected == ("shared", "private")


@pytest.mark.parametrize(
    ("old", "new", "attribute", "belongs"),
    [
        ("<source dir='/srv/data'/>", "<source dir='/srv/data' socket='/run/x'/>", "dir", "source"),
        ("queue='1024'", "format='raw'", "format", "driver"),
        ("accessmode='passthrough'", "queue='1024'", "queue", "driver"),
        ("accessmode='passthrough'", "readonly='yes'", "readonly", "readonly"),
    ],
)
def test_misplaced_attribute(old, new, attribute, belongs):
    fault = only(old, new)
    assert (fault.kind, fault.attribute) == (MISPLACED_ATTRIBUTE, attribute)
    assert fault.belongs == (belongs,)


# values


@pytest.mark.parametrize(
    ("old", "new", "attribute", "suggestion"),
    [
        ("type='memfd'", "type='memfs'", "type", "memfd"),
        ("mode='shared'", "mode='Shared'", "mode", "shared"),
        ("type='virtiofs'", "type='virtio-fs'", "type", "virtiofs"),
        ("xattr='on'", "xattr='yes'", "xattr", None),
        ("type='mount'", "type='Mount'", "type", "mount"),
        ("type='pci' domain", "type='pcie' domain", "type", "pci"),
    ],
)
def test_wrong_value_of_a_list(old, new, attribute, suggestion):
    fault = only(old, new)
    assert (fault.kind, fault.attribute, fault.suggestion) == (WRONG_VALUE, attribute, suggestion)
    assert fault.expected


def test_values_of_all_forms_are_expected():
    fault = only("type='virtiofs'", "type='nfs'")
    assert {"virtiofs", "mtp", "path"} <= set(fault.expected)


@pytest.mark.parametrize(
    ("old", "new", "attribute", "form"),
    [
        ("dir='/srv/data'", "dir='srv/data'", "dir", "an absolute path"),
        ("queue='1024'", "queue='many'", "queue", "a whole number from 0 to 4294967295"),
        ("slot='0x1d'", "slot='0x20'", "slot", "a number from 0 to 31, such as 0x1f"),
        ("unit='GiB'>2</memory>", "unit='gigs'>2</memory>", "unit", "a unit of size such as KiB, MiB or GiB"),
        ("cpus='0-3'", "cpus='0, 3'", "cpus", "numbers and ranges without blanks, such as 0-3,^2,8"),
    ],
)
def test_wrong_value_of_a_form(old, new, attribute, form):
    fault = only(old, new)
    assert (fault.kind, fault.attribute, fault.form) == (WRONG_VALUE, attribute, form)


def test_wrong_text():
    fault = only(">2</memory>", ">2G</memory>")
    assert (fault.kind, fault.name, fault.attribute, fault.value) == (WRONG_VALUE, "memory", None, "2G")


def test_blanks_around_a_number_are_refused_as_by_libxml2():
    assert only(">2</memory>", "> 2 </memory>").kind == WRONG_VALUE


# what the parser refuses as well


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("type='mount' acc", "type='mound' acc", (0, 0, 0)),
        ("queue='1024'", "queue='many'", (6, 2, 0)),
        ("queue='1024'", "queue='+1'", None),
        ("<cache mode='always'/>", "<cache mode='often'/>", None),
        ("slot='0x1d'", "slot='x'", (0, 0, 0)),
        ("slot='0x1d'", "slot='0x20'", None),
        ("dir='/srv/data'", "dir='srv/data'", None),
        ("freePageReporting='on'", "freePageReporting='yes'", (6, 9, 0)),
        ("<memballoon model='virtio' ", "<memballoon ", (0, 0, 0)),
        ("<memballoon model=", "<memballoon modle=", (0, 0, 0)),
        ("<target dir='data'/>", "<targett dir='data'/>", (0, 0, 0)),
        ("<target dir='data'/>", "<target dir='data'/><bogus/>", None),
        ("mode='host-passthrough'", "mode='host-passthrough' extra=''", None),
    ],
)
def test_what_plain_define_refuses(old, new, refused):
    assert only(old, new).refused == refused


def test_options_of_virtiofsd_are_left_to_their_own_rules():
    # libvirt reads them for virtiofs alone: beside another driver a plain define passes them over.
    fault = only("<openfiles max='4096'/>", "<openfiles max='many'/>")
    assert fault.refused is None


def test_nothing_inside_a_misspelled_element_is_refused():
    text = SOUND.replace("<memballoon ", "<memballon ").replace("Reporting='on'", "Reporting='yes'")
    found = faults(parse(text))
    assert [(fault.kind, fault.refused) for fault in found] == [(UNKNOWN_ELEMENT, None), (WRONG_VALUE, None)]


def test_blanks_around_a_word_are_for_the_parser_to_refuse():
    fault = only("<access mode='shared'/>", "<access mode=' shared'/>")
    assert (fault.kind, fault.suggestion, fault.fits_schema) == (WRONG_VALUE, "shared", True)


def test_a_word_that_is_too_new_is_refused():
    root = domain("<memballoon", "<watchdog model='itco' action='reset'/><memballoon")
    found = [fault for fault in structure.newer_than(root, (9, 0, 0)) if fault.name == "model"]
    assert [(fault.kind, fault.value, fault.refused) for fault in found] == [(TOO_NEW, "itco", (0, 0, 0))]


def test_many_attributes_take_no_time():
    # libxml2 needs 4 times as long for each optional attribute that is there: some seconds for these.
    names = """name type cache error_policy rerror_policy io ioeventfd event_idx copy_on_read discard
        detect_zeroes queues iommu ats packed page_per_vq""".split()
    driver = " ".join(f"{name}='x'" for name in names)
    disk = f"<disk type='file'><driver {driver}/><source file='/a'/><target dev='vda'/></disk>"
    root = domain("<memballoon", f"{disk}<memballoon")
    began = time.perf_counter()
    assert not accepts(root)
    found = structure.explain(root)
    assert {fault.attribute for fault in found} == set(names) - {"name"}
    assert time.perf_counter() - began < 2


def test_unexpected_text():
    fault = only("<driver type='virtiofs' queue='1024'/>", "<driver type='virtiofs'>yes</driver>")
    assert (fault.kind, fault.name, fault.value) == (UNEXPECTED_TEXT, "driver", "yes")


# what selects the form of an element


@pytest.mark.parametrize(
    ("old", "new", "kind", "value"),
    [
        ("type='mount'", "type='volume'", WRONG_VALUE, "volume"),
        ("type='pci' domain", "type='mdev' domain", WRONG_VALUE, "mdev"),
        ("type='pci' domain", "domain", MISSING_ATTRIBUTE, None),
        ("<interface type='vhostuser'>", "<interface type='socket'>", WRONG_VALUE, "socket"),
        ("<disk type='vhostuser'", "<disk type='vhost'", WRONG_VALUE, "vhost"),
    ],
)
def test_without_a_form_only_the_selector_is_a_fault(old, new, kind, value):
    fault = only(old, new)
    assert (fault.kind, fault.attribute, fault.value) == (kind, "type", value)
    assert fault.expected


def test_no_form_hides_no_other_fault():
    text = SOUND.replace("type='pci' domain", "type='mdev' domain").replace("slot='0x1d'", "slut='0x1d'")
    assert [(f.kind, f.name, f.suggestion) for f in faults(parse(text))] == [
        (WRONG_VALUE, "type", None),
        (UNKNOWN_ATTRIBUTE, "slut", "slot"),
    ]


# several at once


def test_all_faults_are_found_each_once():
    text = SOUND
    for old, new in [
        ("<cache mode='always'/>", "<cahce mode='always'/>"),
        ("<sandbox mode='namespace'/>", "<sandbx mode='namespace'/>"),
        ("queue='1024'", "queues='1024'"),
        ("<target dir='data'/>", "<Target dir='data'/>"),
        ("<cell id='0'", "<cell ID='0'"),
        ("<block unit='MiB'>2</block>", "<blok unit='MiB'>2</blok>"),
    ]:
        assert old in text
        text = text.replace(old, new, 1)
    assert [(f.name, f.suggestion) for f in faults(parse(text))] == [
        ("ID", "id"),
        ("queues", "queue"),
        ("cahce", "cache"),
        ("sandbx", "sandbox"),
        ("Target", "target"),
        ("blok", "block"),
    ]


def test_faults_inside_a_misspelled_element_are_found():
    text = SOUND.replace("memoryBacking", "memorybacking").replace("<access mode", "<access mod")
    assert [(f.name, f.suggestion) for f in faults(parse(text))] == [
        ("memorybacking", "memoryBacking"),
        ("mod", "mode"),
    ]


def test_open_content_is_let_through():
    assert accepts(domain("<features>", "<sysinfo any='thing'><what/>ever</sysinfo><features>"))


# the root


def test_other_root():
    root = parse(SOUND.replace("<domain ", "<Domain ").replace("</domain>", "</Domain>"))
    assert shown(faults(root)) == [(UNKNOWN_ELEMENT, "Domain", "Domain", "domain")]


def test_default_namespace_is_one_fault():
    root = parse(SOUND.replace("<domain ", "<domain xmlns='urn:x' "))
    assert shown(faults(root)) == [(UNKNOWN_ELEMENT, "{urn:x}domain", "{urn:x}domain", "domain")]


# releases


@pytest.mark.parametrize(
    ("release", "names"),
    [
        ((12, 8, 0), []),
        ((10, 5, 0), ["openfiles"]),
        ((10, 0, 0), ["openfiles", "dynamicMemslots"]),
        ((9, 0, 0), ["openfiles", "idmap", "dynamicMemslots"]),
        ((8, 1, 0), ["threads", "thread_pool", "openfiles", "idmap", "dynamicMemslots"]),
    ],
)
def test_newer_than(release, names):
    found = structure.newer_than(domain(), release)
    assert sorted(fault.name for fault in found) == sorted(names)
    assert all(fault.kind == TOO_NEW and fault.since > release for fault in found)


def test_newer_value_names_the_value():
    root = parse("<domain type='kvm'><devices><filesystem><driver type='mtp'/></filesystem></devices></domain>")
    [fault] = structure.newer_than(root, (10, 1, 0))
    assert (fault.attribute, fault.value, fault.since) == ("type", "mtp", (10, 2, 0))
    assert structure.newer_than(root, (10, 2, 0)) == []


def test_same_attribute_name_in_two_contexts():
    binary = "<binary><cache mode='none'/><sandbox mode='chroot'/></binary>"
    root = parse(f"<domain type='kvm'><devices><filesystem>{binary}</filesystem></devices></domain>")
    [fault] = structure.newer_than(root, (7, 0, 0))
    assert (fault.name, fault.since) == ("sandbox", (7, 2, 0))


def test_what_an_older_release_still_wants():
    root = domain("<maxMemory slots='16' unit", "<maxMemory unit")
    assert accepts(root)
    [fault] = [f for f in structure.newer_than(root, (9, 4, 0)) if f.element.tag == "maxMemory"]
    assert (fault.kind, fault.attribute, fault.since) == (MISSING_ATTRIBUTE, "slots", (9, 5, 0))


def test_order_of_7_0_0():
    root = parse(
        "<domain type='kvm'><devices><filesystem type='mount'><driver type='virtiofs'/><target dir='x'/>"
        "<source dir='/x'/></filesystem></devices></domain>"
    )
    [fault] = structure.newer_than(root, (7, 0, 0))
    assert (fault.kind, fault.name) == (WRONG_ORDER, "source")
    assert structure.newer_than(root, (9, 0, 0)) == []
    del root.find("devices/filesystem").attrib["type"]
    assert structure.newer_than(root, (7, 0, 0)) == []


# vocabulary


def test_where_names_belong():
    assert structure.belongs_in("sandbox") == ("binary",)
    assert set(structure.belongs_in("cache")) == {"binary", "cell", "cpu"}
    assert structure.belongs_in("bogus") == ()


def test_what_is_allowed_somewhere():
    assert structure.allowed_in("domain", "memoryBacking")[:3] == ("hugepages", "nosharepages", "locked")
    assert {"filesystem", "crypto", "pstore"} <= set(structure.allowed_in("domain", "devices"))


# properties


def mutated(seed):
    """A sound domain with one or two things done to it."""
    chance = random.Random(seed)
    root = domain()
    for _ in range(chance.choice((1, 1, 2))):
        elements = [e for e in root.iter(etree.Element) if e.getparent() is not None]
        element = chance.choice(elements)
        deed = chance.randrange(6)
        if deed == 0:
            element.getparent().remove(element)
        elif deed == 1:
            element.addnext(copy.deepcopy(element))
        elif deed == 2:
            element.tag = chance.choice(("bogus", "Source", "memory", "cache", "targett", "a"))
        elif deed == 3:
            element.set(
                chance.choice(("type", "mode", "bogus", "dir", "unit")),
                chance.choice(("", "x", "1", "/x", " on ")),
            )
        elif deed == 4:
            element.text = chance.choice(("", " ", "x", "1", "/x"))
        else:
            chance.choice(elements).append(copy.deepcopy(element))
    return root


@pytest.mark.parametrize("seed", range(300))
def test_every_fault_is_told_once(seed):
    found = structure.explain(mutated(seed))
    places = [(fault.kind, fault.element, fault.attribute, fault.name) for fault in found]
    assert len(places) == len(set(places))


def deep(depth):
    root = parse("<domain type='kvm'><name>x</name><clock offset='utc'/></domain>")
    at = root
    for _ in range(depth):
        at = etree.SubElement(at, "devices")
    return root


@pytest.mark.parametrize(
    "root",
    [
        parse("<domain/>"),
        parse("<a/>"),
        parse("<domain><?pi x?><!-- c --><devices><!-- c --><filesystem><?pi?></filesystem></devices></domain>"),
        parse("<!DOCTYPE domain [<!ENTITY e 'x'>]><domain>&e;<name>&e;</name><memory>&e;</memory></domain>"),
        parse("<x:domain xmlns:x='urn:x'><name/></x:domain>"),
        deep(1500),
    ],
    ids=["empty", "other", "comments", "entities", "prefixed", "deep"],
)
def test_no_tree_raises(root):
    accepts(root)
    assert structure.explain(root)
    structure.newer_than(root, OLDEST)


@pytest.mark.parametrize("long", ["0," * 200_000, "x" * 400_000, "9" * 400_000, "/" * 400_000])
def test_long_values_take_no_time(long):
    root = domain(
        "cpus='0-3'",
        f"cpus='{long}' {long[0].replace('/', 'a').replace('9', 'b').replace('0', 'c') * 10_000}=''",
    )
    root.find("memory").text = long
    root.find("memoryBacking/source").set("type", long)
    began = time.perf_counter()
    assert len(faults(root)) >= 3
    assert time.perf_counter() - began < 5


def test_threads_share_the_gate():
    wrong = domain("queue='1024'", "queue='x'")
    verdicts = []

    def ask():
        verdicts.extend((accepts(domain()), accepts(wrong)) for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [(True, False)] * 160


def test_sound_documents_never_import_xmlschema():
    script = """
import sys
sys.path.insert(0, ".")
import conftest
from lxml import etree
from vfslint.vocabulary import structure
from vfslint.vocabulary.gate import accepts
root = etree.fromstring(sys.stdin.read())
assert accepts(root)
structure.newer_than(root, (7, 0, 0))
assert "xmlschema" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], input=SOUND, text=True, check=True, cwd=ROOT)


def test_what_rules_do_not_look_at_in_fitting_domains_is_closed_in_the_vocabulary():
    from vfslint.domain import device_words
    from vfslint.domain.closed_fields import CLOSED

    def knows(path, attribute):
        kinds = list(structure.vocabulary().roots["domain"].kinds())
        for tag in filter(None, path.split("/")):
            kinds = [below for kind in kinds for below in kind.children[tag].kinds()]
        return all(
            kind.attributes[attribute].values.type != "xs:string" or kind.attributes[attribute].values.listed
            if attribute in kind.attributes
            else not kind.any_attribute and (attribute or kind.text is not None or not kind.any_text)
            for kind in kinds
        )

    # The gate lets none of these pass whose words the vocabulary leaves open (vfs:gate).
    rare = {("smartcard", ""), ("rng", "backend")}
    for path, every in CLOSED.items():
        assert all(knows(path, field.name) for field in every if field.words is not None), path
    for tag, every in device_words._WANTED.items():
        for wanted in every:
            is_rare = (tag, wanted.path) in rare
            assert knows(f"devices/{tag}/{wanted.path}", wanted.name) is not is_rare, (tag, wanted)
