"""domain.xsd is sound, says what the compiler understands, and _domain.py is what it makes."""

import re
from pathlib import Path

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.properties import tried
from tools import compile_vocabulary
from vfslint import schemas
from vfslint.vocabulary import table

XS = "{http://www.w3.org/2001/XMLSchema}"
VFS = "{urn:vfslint:schema}"
RELEASE = r"\d+\.\d+\.\d+"
INTEGER = r"-?(\d+|0x[0-9a-f]+)"
RANGE = rf"{INTEGER}\.\.{INTEGER}"
# The form of each annotation, and what it may stand on.
CLAUSE = rf"(since {RELEASE} ?)?(until {RELEASE} ?)?(\w+ \w+(,\w+)*)?(: )?(sequence|together|apart)( [\w/]+)+"
FAULT = r"(empty|zero|negative|range|large|missing|repeated|unknown|@\w+)"
SAID = rf"({FAULT}? ?(in \w+ ?)?(since {RELEASE} ?)?(until {RELEASE})?: )?(\?|[^|]+)"
ANNOTATIONS = {
    "since": (RELEASE, {"element", "attribute", "enumeration"}),
    "optional": (RELEASE, {"element", "attribute"}),
    "refused": (rf"(({'|'.join(table.Refused._fields)})(:{RELEASE})?( |$))+", {"element", "attribute"}),
    "reads": (
        rf"(un)?signed {RANGE}( unlimited)?( 0x)?( {RELEASE}:{RANGE})?|words( !?[^ :!]+(:{RELEASE})?)+",
        {"element", "attribute"},
    ),
    "says": (rf"{SAID}( \| {SAID})*", {"element", "attribute", "complexType"}),
    "order": (rf"{CLAUSE}(; {CLAUSE})*", {"element"}),
    "plain": (r".+", {"simpleType"}),
    "unknown": (rf"refused( (until|since) {RELEASE})?", {"complexType"}),
    "refuses": (r"\w+( \w+)*", {"complexType"}),
}


FILES = sorted(Path(schemas.DOMAIN_XSD).parent.glob("*.xsd"))


@pytest.fixture(scope="module")
def xsd():
    """Everything that is written, with what has a namespace of its own."""
    [root, *others] = [etree.parse(file).getroot() for file in sorted(FILES, key=lambda file: file.stem != "domain")]
    for other in others:
        root.extend(node for node in other if node.tag != f"{XS}import")
    return root


@pytest.fixture(scope="module")
def schema():
    # xmlschema checks the schema against the one for XSD 1.1.
    return xmlschema.XMLSchema11(schemas.DOMAIN_XSD)


def local(node):
    return etree.QName(node).localname


# the schema


def test_schema_is_valid_xsd_1_1(schema):
    assert schema.elements.keys() == {"domain", "inactiveDomain"} == table.roots().keys()


def test_the_files_are_those_that_the_schema_imports(xsd):
    imported = {node.get("schemaLocation") for node in xsd.findall(f"{XS}import")}
    assert {file.name for file in FILES} == {"domain.xsd", *imported}


def test_names_of_types_are_unique(xsd):
    named = [n.get("name") for tag in ("complexType", "simpleType") for n in xsd.findall(XS + tag)]
    assert len(named) == len(set(named))


def test_every_type_is_used(xsd):
    named = {n.get("name") for tag in ("complexType", "simpleType") for n in xsd.findall(XS + tag)}
    used = {node.get(key, "").rpartition(":")[2] for node in xsd.iter("*") for key in ("type", "base")}
    assert named <= used


def test_types_of_values_say_what_they_want(xsd):
    for declared in xsd.findall(XS + "simpleType"):
        facets = declared.findall(f"{XS}restriction/*")
        listed = any(facet.tag == XS + "enumeration" for facet in facets)
        if facets and not listed:
            assert declared.findtext(f"{XS}annotation/{XS}documentation"), declared.get("name")


@pytest.mark.parametrize(
    "path",
    [
        "domain/memoryBacking",
        "domain/memoryBacking/hugepages/page",
        "domain/cpu/numa/cell",
        "domain/devices/filesystem",
        "domain/devices/filesystem/binary/openfiles",
        "domain/devices/filesystem/idmap/uid",
        "domain/devices/memory/target/requested",
    ],
)
def test_elements_of_the_scope_are_documented(path, schema):
    tag, *below = path.split("/")
    declared = [schema.elements[tag]]
    for tag in below:
        kinds = [kind for each in declared for kind in [a.type for a in each.alternatives] or [each.type]]
        declared = [
            each
            for kind in kinds
            if kind.is_complex() and not kind.has_simple_content()
            for each in kind.content.iter_elements()
            if each.local_name == tag
        ]
    assert declared
    for each in declared:
        text = each.elem.findtext(f"{XS}annotation/{XS}documentation")
        assert text is not None, path
        assert text.endswith("."), text


# annotations


def test_annotations_are_known(xsd):
    names = {name.removeprefix(VFS) for node in xsd.iter() for name in node.attrib if name.startswith(VFS)}
    assert names == ANNOTATIONS.keys()


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_annotations_are_well_formed_and_where_they_count(name, xsd):
    pattern, places = ANNOTATIONS[name]
    annotated = [node for node in xsd.iter("*") if node.get(VFS + name) is not None]
    assert annotated
    assert {local(node) for node in annotated} <= places
    assert [text for node in annotated if not re.fullmatch(pattern, text := node.get(VFS + name))] == []


def test_first_comment_describes_every_annotation():
    comment = Path(schemas.DOMAIN_XSD).read_text(encoding="utf-8").partition("-->")[0]
    assert set(re.findall(r"^ +vfs:(\w+)", comment, re.MULTILINE)) == ANNOTATIONS.keys()


def test_releases_are_not_newer_than_the_newest(xsd):
    texts = [text for node in xsd.iter("*") for name, text in node.attrib.items() if name.startswith(VFS)]
    releases = {compile_vocabulary.release(each) for text in texts for each in re.findall(rf"\b{RELEASE}\b", text)}
    assert releases
    assert max(releases) <= table.NEWEST
    versions = {etree.parse(file).getroot().get("version") for file in FILES}
    assert versions == {"{}.{}.{}".format(*table.NEWEST)}


def test_refusals_name_each_kind_once_and_say_something(xsd):
    for node in xsd.iter("*"):
        words = [word.partition(":")[0] for word in node.get(VFS + "refused", "").split()]
        assert len(words) == len(set(words)), node.attrib
        if local(node) == "attribute":
            assert "repeated" not in words, node.attrib


def test_what_may_be_left_out_is_not_required(xsd):
    for node in xsd.iter("*"):
        if node.get(VFS + "optional"):
            assert node.get("use") != "required", node.attrib
            assert local(node) == "attribute" or node.get("minOccurs") == "0", node.attrib


def test_what_the_parser_does_not_read_is_listed(xsd):
    for name, form in every_form():
        for each in (*form.attributes.values(), *form.children.values()):
            unread = set(each.reads.unread if each.reads else ())
            if unread:
                texts = [inner.text for inner in each.all_forms()] if hasattr(each, "forms") else [each.values]
                assert all(text and unread <= text.listed.keys() for text in texts), (name, each.name)


def test_what_the_parser_reads_besides_is_not_listed_or_only_later():
    for name, form in every_form():
        for attribute in form.attributes.values():
            more = {word for word, _ in attribute.reads.words} if attribute.reads else set()
            old = {word for word, since in attribute.values.listed.items() if since is None}
            assert not more & old, (name, attribute.name)


def test_children_whose_order_matters_are_known():
    ordered = [(child, order) for _, form in every_form() for child in form.children.values() for order in child.orders]
    ordered += [(child, order) for child in table.roots().values() for order in child.orders]
    assert ordered
    for child, order in ordered:
        known = {name for form in child.all_forms() for name in form.children}
        assert {name for group in order.groups for name in group} <= known, child.name
        if order.attribute:
            listed = {word for form in child.all_forms() for word in form.attributes[order.attribute].values.listed}
            assert set(order.values) <= listed


def test_attributes_that_are_rejected_as_unknown_are_not_known():
    for _, form in every_form():
        assert not set(form.refuses) & form.attributes.keys(), form.name


def every_form():
    from vfslint.schemas import _domain

    return [(name, table.form(name)) for name in _domain.FORMS]


# values


def plain():
    from vfslint.schemas import _domain

    named = {node.get("name") for node in etree.parse(schemas.DOMAIN_XSD).getroot().findall(XS + "simpleType")}
    return [(name, pattern) for name, (_, pattern, *_) in _domain.VALUES.items() if pattern and name in named]


@pytest.mark.parametrize(("name", "pattern"), plain(), ids=lambda it: it if it.isalnum() else "")
@given(data=st.data())
@tried(50)
def test_values_that_match_the_plain_pattern_are_right(name, pattern, data, schema):
    value = data.draw(st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True))
    if "\r" not in value and value.isprintable():
        assert schema.types[name].is_valid(value)


def test_every_annotated_pattern_is_tried(xsd):
    assert {node.get("name") for node in xsd.iter("*") if node.get(VFS + "plain")} <= {name for name, _ in plain()}


@pytest.mark.parametrize(("listed", "newest"), [("Architecture", "loongarch64"), ("Hypervisor", "kvm")])
def test_listed_words_are_those_of_the_schema(listed, newest, schema):
    assert list(table.values(listed).listed) == schema.types[listed].enumeration
    assert newest in table.values(listed).listed


# what is made of it


def test_compiled_vocabulary_is_fresh():
    for name, text in compile_vocabulary.compiled().items():
        assert (compile_vocabulary.FOLDER / name).read_text(encoding="utf-8") == text


def test_check_reports_a_stale_vocabulary(tmp_path, monkeypatch):
    monkeypatch.setattr(compile_vocabulary, "FOLDER", tmp_path)
    monkeypatch.setattr(compile_vocabulary, "compiled", lambda: {"_domain.py": "VALUES = {'a': 1}\n"})
    (tmp_path / "_domain.py").write_text("VALUES = {}\n")
    monkeypatch.setattr("sys.argv", ["compile_vocabulary", "--check"])
    assert compile_vocabulary.main() == 1
    monkeypatch.setattr("sys.argv", ["compile_vocabulary"])
    assert compile_vocabulary.main() == 0
    monkeypatch.setattr("sys.argv", ["compile_vocabulary", "--check"])
    assert compile_vocabulary.main() == 0


@pytest.mark.parametrize(
    "limits",
    [
        (0, 65535),
        (-1, 65535),
        (1000, 1000000),
        (3, 2**32 - 1),
        (0, 2**64 - 1),
        (1, None),
        (None, None),
        (5, 5),
        (37, 5321),
    ],
    ids=str,
)
def test_the_pattern_of_a_range_accepts_no_number_outside_it(limits):
    low, high = limits
    pattern = re.compile(compile_vocabulary.between(low, high))
    near = {limit + step for limit in limits if limit is not None for step in (-1, 0, 1)}
    for number in {
        *range(-20, 12000),
        *(sign * 10**n + step for n in range(25) for step in (-1, 0, 1) for sign in (1, -1)),
        *near,
    }:
        is_inside = (low is None or low <= number) and (high is None or number <= high)
        if pattern.fullmatch(str(number)):
            assert is_inside, number
        elif is_inside:
            assert abs(number) >= 10**9 or high is None, number
