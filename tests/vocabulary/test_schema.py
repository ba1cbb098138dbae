"""domain.xsd is sound, and domain.rng is what it makes."""

import re
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

from tools import make_relaxng
from vfslint import schemas
from vfslint.vocabulary import structure
from vfslint.vocabulary.gate import accepts

ROOT = Path(__file__).parent.parent
XS = "{http://www.w3.org/2001/XMLSchema}"
VFS = "{urn:vfslint:schema}"


@pytest.fixture(scope="module")
def xsd():
    return etree.parse(schemas.DOMAIN_XSD).getroot()


def test_grammar_is_fresh():
    assert Path(schemas.DOMAIN_RNG).read_bytes() == make_relaxng.make(Path(schemas.DOMAIN_XSD))


def test_check_tells_a_stale_grammar(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_relaxng, "GRAMMAR", tmp_path / "domain.rng")
    assert make_relaxng.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert make_relaxng.main([]) == 0
    assert make_relaxng.main(["--check"]) == 0


def test_grammar_has_no_identifiers():
    # libxml2 checks ID and IDREF over the whole document, which makes no sense for a subtree.
    types = {node.get("type") for node in etree.parse(schemas.DOMAIN_RNG).iter("{*}data")}
    assert not types & {"ID", "IDREF", "IDREFS"}


def test_schema_is_valid_xsd_1_1():
    assert xmlschema.XMLSchema11(schemas.DOMAIN_XSD).elements.keys() == {"domain", "inactiveDomain"}


def test_every_type_is_used(xsd):
    named = {n.get("name") for tag in ("complexType", "simpleType") for n in xsd.findall(XS + tag)}
    used = {node.get(key) for node in xsd.iter() for key in ("type", "base")}
    assert named <= used


def test_releases_are_releases_and_newest_is_the_newest(xsd):
    written = [node.get(VFS + name) for node in xsd.iter() for name in ("since", "optional")]
    releases = [tuple(map(int, text.split("."))) for text in written if text]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", text) for text in written if text)
    assert max(releases) <= structure.NEWEST
    assert xsd.get("version") == "{}.{}.{}".format(*structure.NEWEST)


def test_annotations_are_known(xsd):
    names = {name for node in xsd.iter() for name in node.attrib if name.startswith(VFS)}
    assert names == {VFS + "since", VFS + "optional", VFS + "refused", VFS + "gate"}


def test_refusals_are_words_with_releases(xsd):
    kinds = "|".join(structure.Refused._fields)
    words = [word for node in xsd.iter("*") for word in node.get(VFS + "refused", "").split()]
    assert words
    assert all(re.fullmatch(rf"({kinds})(:(9\.0\.0|11\.3\.0|12\.8\.0))?", word) for word in words)


def test_a_grammar_with_many_attributes_on_one_element_is_not_left_to_libxml2(xsd):
    # Its time grows fourfold with each optional attribute that is there (RelaxNG of libxml2).
    names = "name type cache error_policy rerror_policy io ioeventfd event_idx copy_on_read discard iothread"
    driver = " ".join(f"{name}='x'" for name in names.split())
    disk = f"<disk type='file'><driver {driver}/><target dev='vda'/></disk>"
    assert not accepts(etree.fromstring(f"<domain type='kvm'><devices>{disk}</devices></domain>"))


@pytest.mark.parametrize(
    "path",
    [
        ("domain", "memoryBacking"),
        ("domain", "memoryBacking", "hugepages", "page"),
        ("domain", "cpu", "numa", "cell"),
        ("domain", "devices", "filesystem"),
        ("domain", "devices", "filesystem", "binary", "openfiles"),
        ("domain", "devices", "filesystem", "idmap", "uid"),
        ("domain", "devices", "memory", "target", "requested"),
    ],
)
def test_elements_of_the_scope_are_documented(path):
    assert structure.documentation(*path).endswith(".")


def test_types_of_values_say_what_they_want(xsd):
    for declared in xsd.findall(XS + "simpleType"):
        facets = declared.findall(f"{XS}restriction/*")
        listed = any(facet.tag == XS + "enumeration" for facet in facets)
        if facets and not listed:
            assert declared.findtext(f"{XS}annotation/{XS}documentation"), declared.get("name")
