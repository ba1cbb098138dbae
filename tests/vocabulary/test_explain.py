"""Each deviation from the vocabulary is explained once, by its kind, whatever else is wrong in the domain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.growth import LINEAR, TIMES, growth
from tests.properties import tried
from tests.vocabulary.sound import NEWEST, SOUND, domain, fits, mutated, parse
from vfslint.vocabulary.explain import mismatches
from vfslint.vocabulary.mismatch import Kind


def faults(root):
    assert not fits(root, NEWEST)
    return mismatches(root, NEWEST)


def shown(found):
    return [(fault.kind, fault.element.tag, fault.name, fault.suggestion) for fault in found]


def only(old, new):
    found = faults(domain(old, new))
    assert len(found) == 1, shown(found)
    return found[0]


def test_sound_domain_is_accepted():
    assert fits(domain(), NEWEST)
    assert mismatches(domain(), NEWEST) == []


@pytest.mark.parametrize("wrapper", ["<domainsnapshot>{}</domainsnapshot>", "<a><b>{}</b><domain/></a>"])
def test_domain_inside_another_document(wrapper):
    inner = parse(wrapper.format(SOUND)).find(".//domain")
    assert fits(inner, NEWEST)
    inner.set("bogus", "")
    assert shown(faults(inner)) == [(Kind.UNKNOWN_ATTRIBUTE, "domain", "bogus", None)]


def test_inactive_domain_has_the_same_content():
    text = SOUND.replace("<domain ", "<inactiveDomain ").replace("</domain>", "</inactiveDomain>")
    assert fits(parse(text), NEWEST)


# elements


def test_misspelled_element():
    fault = only("<target dir='data'/>", "<traget dir='data'/>")
    assert (fault.kind, fault.name, fault.suggestion) == (Kind.UNKNOWN_ELEMENT, "traget", "target")
    assert fault.element.tag == "traget"
    assert "target" in fault.expected
    assert "source" not in fault.expected, "it is there already"


def test_wrong_case_comes_before_near_spelling():
    fault = faults(parse(SOUND.replace("memoryBacking", "memorybacking")))[0]
    assert (fault.kind, fault.suggestion) == (Kind.UNKNOWN_ELEMENT, "memoryBacking")


def test_unknown_element_without_a_likely_meaning():
    fault = only("<readonly/>", "<readonly/><bogus/>")
    assert (fault.kind, fault.name, fault.suggestion, fault.belongs) == (Kind.UNKNOWN_ELEMENT, "bogus", None, ())


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
    assert (fault.kind, fault.name) == (Kind.MISPLACED_ELEMENT, name)
    assert fault.belongs == (belongs,)


def test_repeated_element_is_the_second_one():
    root = domain("<access mode='shared'/>", "<access mode='shared'/><access mode='private'/>")
    [fault] = faults(root)
    assert (fault.kind, fault.name) == (Kind.REPEATED_ELEMENT, "access")
    assert fault.element.get("mode") == "private"


def test_missing_element():
    fault = only("<target dir='data'/>", "")
    assert (fault.kind, fault.element.tag, fault.name) == (Kind.MISSING_ELEMENT, "filesystem", "target")


def test_what_a_double_has_is_missing_for_the_schema_alone():
    found = mismatches(domain("<os>", "<os/><os>"), NEWEST)
    assert [(fault.kind, fault.name, fault.is_refused) for fault in found] == [
        (Kind.MISSING_ELEMENT, "type", False),
        (Kind.REPEATED_ELEMENT, "os", False),
    ]


def test_unknown_child_with_the_attributes_of_the_missing_one_is_meant_for_it():
    fault = only("<target dir='data'/>", "<tag dir='data'/>")
    assert (fault.kind, fault.name, fault.suggestion) == (Kind.UNKNOWN_ELEMENT, "tag", "target")


@pytest.mark.parametrize(
    ("old", "new", "other", "meant"),
    [
        ("<target dir='data'/>", "<tag dir='data'/>", "<tag dir='data'/><bogus/>", "target"),
        ("<target dir='data'/>", "<tag dir='data'/>", "<bogus/><tag dir='data'/>", "target"),
        ("<source dir='/srv/data'/>", "<source path='/srv/data'/>", "<source path='/srv/data' bogus='1'/>", "dir"),
        ("<source dir='/srv/data'/>", "<source path='/srv/data'/>", "<source bogus='1' path='/srv/data'/>", "dir"),
    ],
)
def test_an_unknown_child_next_to_it_does_not_hide_what_was_meant(old, new, other, meant):
    alone = only(old, new)
    [bogus] = [fault for fault in faults(domain(old, other)) if fault.name == "bogus"]
    [fault] = [fault for fault in faults(domain(old, other)) if fault.name != "bogus"]
    assert fault.suggestion == alone.suggestion == meant
    assert fault.is_refused
    assert (bogus.suggestion, bogus.is_refused) == (None, False)


def test_element_of_a_foreign_namespace():
    fault = only("<readonly/>", "<readonly/><x:y xmlns:x='urn:x'/>")
    assert (fault.kind, fault.name) == (Kind.UNKNOWN_ELEMENT, "{urn:x}y")


# attributes


def test_misspelled_attribute():
    fault = only("queue='1024'", "queues='1024'")
    assert (fault.kind, fault.attribute, fault.value) == (Kind.UNKNOWN_ATTRIBUTE, "queues", "1024")
    assert fault.suggestion == "queue"


def test_misspelled_attribute_is_not_missing_as_well():
    fault = only("<source dir='/srv/data'/>", "<source path='/srv/data'/>")
    assert (fault.kind, fault.attribute, fault.suggestion) == (Kind.UNKNOWN_ATTRIBUTE, "path", "dir")


def test_misspelled_attribute_that_selects_the_form():
    # Not: "queue is for virtiofs only".
    fault = only("<driver type='virtiofs' queue", "<driver typ='virtiofs' queue")
    assert (fault.kind, fault.attribute, fault.suggestion) == (Kind.UNKNOWN_ATTRIBUTE, "typ", "type")


def test_missing_attribute():
    fault = only("<access mode='shared'/>", "<access/>")
    assert (fault.kind, fault.element.tag, fault.attribute) == (Kind.MISSING_ATTRIBUTE, "access", "mode")
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
    assert (fault.kind, fault.attribute) == (Kind.MISPLACED_ATTRIBUTE, attribute)
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
    assert (fault.kind, fault.attribute, fault.suggestion) == (Kind.WRONG_VALUE, attribute, suggestion)
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
        ("cpus='0-3'", "cpus='0, 3'", "cpus", "numbers and ranges without whitespace, such as 0-3,^2,8"),
    ],
)
def test_wrong_value_of_a_form(old, new, attribute, form):
    fault = only(old, new)
    assert (fault.kind, fault.attribute, fault.form) == (Kind.WRONG_VALUE, attribute, form)


def test_wrong_text():
    fault = only(">2</memory>", ">2G</memory>")
    assert (fault.kind, fault.name, fault.attribute, fault.value) == (Kind.WRONG_VALUE, "memory", None, "2G")


def test_blanks_around_a_number_are_refused_as_by_libxml2():
    assert only(">2</memory>", "> 2 </memory>").kind == Kind.WRONG_VALUE


# what the parser refuses as well


@pytest.mark.parametrize(
    ("old", "new", "is_refused"),
    [
        ("type='mount' acc", "type='mound' acc", True),
        ("queue='1024'", "queue='many'", True),
        ("queue='1024'", "queue='+1'", False),
        ("<cache mode='always'/>", "<cache mode='often'/>", False),
        ("slot='0x1d'", "slot='x'", True),
        ("slot='0x1d'", "slot='0x20'", True),
        ("dir='/srv/data'", "dir='srv/data'", False),
        ("freePageReporting='on'", "freePageReporting='yes'", True),
        ("<memballoon model='virtio' ", "<memballoon ", True),
        ("<memballoon model=", "<memballoon modle=", True),
        ("<target dir='data'/>", "<targett dir='data'/>", True),
        ("<target dir='data'/>", "<target dir='data'/><bogus/>", False),
        ("mode='host-passthrough'", "mode='host-passthrough' extra=''", False),
    ],
)
def test_what_plain_define_refuses(old, new, is_refused):
    assert only(old, new).is_refused is is_refused


@pytest.mark.parametrize(
    ("old", "new", "since"),
    [
        ("xattr='on'", "xattr='on' dumpCore='on'", None),
        ("queue='1024'", "queue='1024' iommu='yes'", (7, 0, 0)),
        ("timeout='10'", "timeout='soon'", (7, 0, 0)),
        ("enabled='yes' timeout='10'", "enabled='no' timeout='soon'", (11, 3, 0)),
        ("start='0'", "start='none'", (11, 3, 0)),
        ("<boot order='1'/>", "<boot/>", (9, 0, 0)),
        ("type='unix' path='/run/disk.sock'", "path='/run/disk.sock'", (9, 0, 0)),
    ],
)
def test_what_plain_define_refuses_since_a_release(old, new, since):
    root = domain(old, new)
    verdicts = {
        release: [fault.is_refused for fault in mismatches(root, release) if fault.kind is not Kind.TOO_NEW]
        for release in ((7, 0, 0), (9, 0, 0), (11, 3, 0), NEWEST)
    }
    assert verdicts == {release: [since is not None and since <= release] for release in verdicts}


def test_options_of_virtiofsd_are_left_to_their_own_rules():
    # libvirt reads them for virtiofs alone: beside another driver a plain define passes them over.
    fault = only("<openfiles max='4096'/>", "<openfiles max='many'/>")
    assert not fault.is_refused


def test_nothing_inside_a_misspelled_element_is_refused():
    text = SOUND.replace("<memballoon ", "<memballon ").replace("Reporting='on'", "Reporting='yes'")
    found = faults(parse(text))
    assert [(fault.kind, fault.is_refused) for fault in found] == [
        (Kind.UNKNOWN_ELEMENT, False),
        (Kind.WRONG_VALUE, False),
    ]


def test_blanks_around_a_word_are_for_the_parser_to_refuse():
    fault = only("<access mode='shared'/>", "<access mode=' shared'/>")
    assert (fault.kind, fault.suggestion, fault.is_refused) == (Kind.WRONG_VALUE, "shared", True)


def test_a_word_that_is_too_new_is_refused():
    root = domain("<memballoon", "<watchdog model='itco' action='reset'/><memballoon")
    found = [fault for fault in mismatches(root, (9, 0, 0)) if fault.name == "model"]
    assert [(fault.kind, fault.value, fault.is_refused) for fault in found] == [(Kind.TOO_NEW, "itco", True)]


def test_cost_grows_with_the_number_of_attributes():
    # libxml2 needs 4 times as long for each optional attribute that is there, 268 million times for 14 more.
    names = """name type cache error_policy rerror_policy io ioeventfd event_idx copy_on_read discard
        detect_zeroes queues iommu ats packed page_per_vq""".split()

    def explain(number):
        driver = " ".join(f"{name}='x'" for name in names[:number])
        disk = f"<disk type='file'><driver {driver}/><source file='/a'/><target dev='vda'/></disk>"
        root = domain("<memballoon", f"{disk * 30}<memballoon")
        assert not fits(root, NEWEST)
        assert {fault.attribute for fault in mismatches(root, NEWEST)} == set(names[:number]) - {"name"}

    assert growth(explain, len(names)) < TIMES**3


def test_unexpected_text():
    fault = only("<driver type='virtiofs' queue='1024'/>", "<driver type='virtiofs'>yes</driver>")
    assert (fault.kind, fault.name, fault.value) == (Kind.UNEXPECTED_TEXT, "driver", "yes")


# what selects the form of an element


@pytest.mark.parametrize(
    ("old", "new", "kind", "value"),
    [
        ("type='mount'", "type='volume'", Kind.WRONG_VALUE, "volume"),
        ("type='pci' domain", "type='mdev' domain", Kind.WRONG_VALUE, "mdev"),
        ("type='pci' domain", "domain", Kind.MISSING_ATTRIBUTE, None),
        ("<interface type='vhostuser'>", "<interface type='socket'>", Kind.WRONG_VALUE, "socket"),
        ("<disk type='vhostuser'", "<disk type='vhost'", Kind.WRONG_VALUE, "vhost"),
    ],
)
def test_without_a_form_only_the_selector_is_a_fault(old, new, kind, value):
    fault = only(old, new)
    assert (fault.kind, fault.attribute, fault.value) == (kind, "type", value)
    assert fault.expected


def test_no_form_hides_no_other_fault():
    text = SOUND.replace("type='pci' domain", "type='mdev' domain").replace("slot='0x1d'", "slut='0x1d'")
    assert [(f.kind, f.name, f.suggestion) for f in faults(parse(text))] == [
        (Kind.WRONG_VALUE, "type", None),
        (Kind.UNKNOWN_ATTRIBUTE, "slut", "slot"),
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


HYPERV = "<hyperv mode='custom'><relaxed state='on'/></hyperv>"


@pytest.mark.parametrize(
    ("child", "release", "kind", "is_refused"),
    [
        ("relaxed", (9, 0, 0), Kind.MISPLACED_ELEMENT, False),
        ("relaxed", NEWEST, Kind.MISPLACED_ELEMENT, False),
        ("anything", (9, 0, 0), Kind.UNKNOWN_ELEMENT, True),
        ("anything", NEWEST, Kind.UNKNOWN_ELEMENT, False),
    ],
)
def test_what_another_form_knows_is_dropped(child, release, kind, is_refused):
    root = domain(HYPERV, f"<hyperv mode='passthrough'><{child} state='on'/></hyperv>")
    [fault] = [each for each in mismatches(root, release) if each.name == child]
    assert (fault.kind, fault.is_refused) == (kind, is_refused)


@pytest.mark.parametrize("old", ["<inner/>", "<app:note", "</metadata>"])
def test_text_in_metadata(old):
    found = [fault.kind for fault in mismatches(domain(old, f"text{old}"), NEWEST)]
    assert found == ([] if old == "<inner/>" else [Kind.UNEXPECTED_TEXT])


@pytest.mark.parametrize(
    ("attributes", "kinds"),
    [
        ("state='on' retries='4095'", []),
        ("state='on'", [Kind.MISSING_ATTRIBUTE]),
        ("state='on' retries='4094'", [Kind.WRONG_VALUE]),
        ("state='off'", []),
        ("state='off' retries='1'", []),
    ],
)
def test_what_is_switched_on_needs_its_value(attributes, kinds):
    # Since 12.8.0, there is a default.
    found = mismatches(domain("<relaxed state='on'/>", f"<spinlocks {attributes}/>"), (11, 3, 0))
    assert [fault.kind for fault in found] == kinds
    assert all(fault.is_refused for fault in found)


# the elements of single hypervisors


ARGUMENT = "<qemu:arg value='-s'/>"


def test_elements_of_other_hypervisors_are_known():
    others = "<x:commandline xmlns:x='http://libvirt.org/schemas/domain/xen/1.0'><x:arg value='a'/></x:commandline>"
    assert fits(domain("<features>", f"{others}<features>"), NEWEST)


def test_unknown_element_in_a_namespace_of_libvirt():
    fault = only("<qemu:commandline>", "<qemu:anything/><qemu:commandline>")
    assert (fault.kind, fault.suggestion) == (Kind.UNKNOWN_ELEMENT, None)


def test_misspelled_element_in_a_namespace():
    fault = only(ARGUMENT, "<qemu:agr value='-s'/>")
    assert fault.suggestion == "{http://libvirt.org/schemas/domain/qemu/1.0}arg"


def test_element_without_its_namespace():
    fault = only(ARGUMENT, "<arg value='-s'/>")
    assert (fault.kind, fault.suggestion) == (Kind.UNKNOWN_ELEMENT, None)


def test_attribute_in_a_namespaced_element():
    fault = only(ARGUMENT, "<qemu:arg/>")
    assert (fault.kind, fault.attribute, fault.is_refused) == (Kind.MISSING_ATTRIBUTE, "value", True)


@pytest.mark.parametrize(
    ("attributes", "kinds"),
    [
        ("type='string' value='two'", []),
        ("type='signed' value='-1'", []),
        ("type='unsigned' value='-1'", [Kind.WRONG_VALUE]),
        ("type='bool' value='yes'", [Kind.WRONG_VALUE]),
        ("type='bool'", [Kind.MISSING_ATTRIBUTE]),
        ("type='remove'", []),
        ("type='remove' value=''", [Kind.MISPLACED_ATTRIBUTE]),
    ],
)
def test_values_of_overridden_properties(attributes, kinds):
    override = (
        "<qemu:override><qemu:device alias='ua-x'><qemu:frontend>"
        f"<qemu:property name='p' {attributes}/></qemu:frontend></qemu:device></qemu:override>"
    )
    found = mismatches(domain("<qemu:commandline>", f"{override}<qemu:commandline>"), NEWEST)
    assert [fault.kind for fault in found] == kinds
    assert all(fault.is_refused for fault in found)


def test_namespaced_element_that_is_too_new():
    *_, fault = mismatches(domain("<qemu:commandline>", "<qemu:override/><qemu:commandline>"), (8, 1, 0))
    assert (fault.kind, fault.since) == (Kind.TOO_NEW, (8, 2, 0))


# the root


def test_other_root():
    root = parse(SOUND.replace("<domain ", "<Domain ").replace("</domain>", "</Domain>"))
    assert shown(faults(root)) == [(Kind.UNKNOWN_ELEMENT, "Domain", "Domain", "domain")]


def test_default_namespace_is_one_fault():
    root = parse(SOUND.replace("<domain ", "<domain xmlns='urn:x' "))
    assert shown(faults(root)) == [(Kind.UNKNOWN_ELEMENT, "{urn:x}domain", "{urn:x}domain", "domain")]


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
    found = mismatches(domain(), release)
    assert sorted(fault.name for fault in found) == sorted(names)
    assert all(fault.kind == Kind.TOO_NEW and fault.since > release for fault in found)


def newer_than(root, release):
    """What a release does not know yet, or lacks what it still asks for."""
    return [fault for fault in mismatches(root, release) if fault.since is not None and fault.since > release]


def test_newer_value_names_the_value():
    root = domain("<driver type='virtiofs' queue='1024'/>", "<driver type='mtp'/>")
    [fault] = [fault for fault in newer_than(root, (10, 1, 0)) if fault.name == "type"]
    assert (fault.attribute, fault.value, fault.since) == ("type", "mtp", (10, 2, 0))
    assert not any(fault.name == "type" for fault in newer_than(root, (10, 2, 0)))


def test_same_attribute_name_in_two_contexts():
    [fault] = [fault for fault in newer_than(domain(), (7, 0, 0)) if fault.element.tag in ("cache", "sandbox")]
    assert (fault.name, fault.since) == ("sandbox", (7, 2, 0))


def test_too_new_is_said_of_the_outermost_alone():
    root = domain("<openfiles max='4096'/>", "<openfiles max='many' min='1'/>")
    shown_at = {release: shown(mismatches(root, release)) for release in ((10, 5, 0), NEWEST)}
    assert (Kind.TOO_NEW, "openfiles", "openfiles", None) in shown_at[10, 5, 0]
    assert shown_at[10, 5, 0][1:] == shown_at[NEWEST], "what is wrong in it anyway is said all the same"


@pytest.mark.parametrize("release", [(7, 0, 0), (9, 0, 0), NEWEST])
def test_what_is_expected_is_known_to_the_release(release):
    watchdog = "<watchdog model='itko' action='reset'/><memballoon"
    [value] = [fault for fault in mismatches(domain("<memballoon", watchdog), release) if fault.value == "itko"]
    assert ("itco" in value.expected) is (value.suggestion == "itco") is (release == NEWEST)
    root = domain("<cache mode='always'/>", "<bogus/>").find("devices/filesystem/binary")
    root.remove(root.find("openfiles"))
    [element] = [fault for fault in mismatches(root.getroottree().getroot(), release) if fault.name == "bogus"]
    assert ("openfiles" in element.expected) is (release == NEWEST)
    root = domain().find("memoryBacking/allocation")
    del root.attrib["threads"]
    root.set("bogus", "")
    [attribute] = [fault for fault in mismatches(root.getroottree().getroot(), release) if fault.name == "bogus"]
    assert ("threads" in attribute.expected) is (release >= (8, 2, 0))


def test_what_an_older_release_still_wants():
    root = domain("<maxMemory slots='16' unit", "<maxMemory unit")
    assert fits(root, NEWEST)
    [fault] = [f for f in mismatches(root, (9, 4, 0)) if f.element.tag == "maxMemory"]
    assert (fault.kind, fault.attribute, fault.since) == (Kind.MISSING_ATTRIBUTE, "slots", (9, 5, 0))


def test_order_of_7_0_0():
    share = "<filesystem type='mount'><driver type='virtiofs'/><target dir='x'/><source dir='/x'/></filesystem>"
    root = domain("<memballoon", f"{share}<memballoon")

    def order(release):
        return [(fault.kind, fault.name) for fault in mismatches(root, release) if fault.kind is Kind.WRONG_ORDER]

    assert order((7, 0, 0)) == [(Kind.WRONG_ORDER, "source")]
    assert order((7, 1, 0)) == order(NEWEST) == []
    del root.findall("devices/filesystem")[-1].attrib["type"]
    assert order((7, 0, 0)) == []


# properties


@pytest.mark.parametrize("seed", range(300))
def test_every_fault_is_told_once(seed):
    found = mismatches(mutated(seed), NEWEST)
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
    assert not fits(root, NEWEST)
    assert mismatches(root, NEWEST)
    assert mismatches(root, (6, 0, 0))


@pytest.mark.parametrize("piece", ["0,", "xx", "99", "//"])
def test_cost_grows_with_the_length_of_values(piece):
    def explain(number):
        long = piece * number
        root = domain("cpus='0-3'", f"cpus='{long}' {'a' * (number // 20)}=''")
        root.find("memory").text = long
        root.find("memoryBacking/source").set("type", long)
        assert len(faults(root)) >= 3

    assert growth(explain, 40_000) < LINEAR


# An unrelated fault changes nothing


RELEASES = [(7, 0, 0), (9, 0, 0), (11, 3, 0), NEWEST]
FAULTS = [
    ("<name>web</name>", "<name/>"),
    ("<memory unit='GiB'>2<", "<memory unit='gigs'>2<"),
    ("<maxMemory slots='16'", "<maxMemory slot='16'"),
    ("<page size='2'", "<page sise='2'"),
    ("type='memfd'", "type='memfs'"),
    ("<allocation mode='immediate' threads='4'/>", "<alocation mode='immediate'/>"),
    ("placement='static'", "placement=' static'"),
    ("sockets='1' dies='1'", "sockets='0' dies='x'"),
    ("memAccess='shared'", "memaccess='shared'"),
    ("<acpi/>", "<acpy/>"),
    ("accessmode='passthrough'", "accessmode='passthru'"),
    ("<cache mode='always'/>", "<cache mode='always'/><cache mode='none'/>"),
    ("<openfiles max='4096'/>", "<openfiles/>"),
    ("<source dir='/srv/data'/>", "<source dir='srv'/>"),
    ("<uid start='0'", "<uid first='0'"),
    ("slot='0x1d'", "slot='0x20'"),
    ("<model type='virtio'/>", "<model typ='virtio'/>"),
    ("<reconnect enabled='yes' timeout='10'/>", "<reconnect timeout='10'>no</reconnect>"),
    ("<node>0</node>", "<node>zero</node>"),
    ("freePageReporting='on'", "freePageReporting='yes' model2='x'"),
    ("<qemu:commandline>", "<qemu>x</qemu><bogus/><qemu:commandline>"),
]


def described(root, release):
    """Each mismatch with where it is, in words that do not depend on what stands elsewhere."""
    return {
        (tuple(each.tag for each in fault.element.iterancestors()), fault.element.tag, *fault._replace(element=None))
        for fault in mismatches(root, release)
    }


@pytest.mark.parametrize("release", RELEASES)
@given(pair=st.lists(st.sampled_from(FAULTS), min_size=2, max_size=4, unique=True))
@tried(60)
def test_an_unrelated_fault_changes_no_explanation(release, pair):
    text = SOUND
    alone = set()
    for old, new in pair:
        alone |= described(domain(old, new), release)
        text = text.replace(old, new, 1)
    gone = described(domain(), release) - described(parse(text), release)
    assert described(parse(text), release) == alone - gone
    assert all(any(described(domain(*fault), release).isdisjoint({each}) for fault in pair) for each in gone)


@pytest.mark.parametrize(
    "name",
    ["numa", "sandbox", "os", "readonly", "target", "bogus", "Target", "filesystem", "a" * 100],
)
def test_cost_grows_with_the_number_of_one_kind(name):
    def explain(number):
        root = domain("<readonly/>", "<readonly/>" + f"<{name}/>" * number)
        assert len(mismatches(root, NEWEST)) >= number - 1

    assert growth(explain, 4_000) < LINEAR
