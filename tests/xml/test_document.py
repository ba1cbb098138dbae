"""Positions are exact, whatever the text: what a span points at is what the tree holds."""

import random
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.properties import tried
from vfslint import lint_bytes
from vfslint.xml.document import Malformed, Node, read
from vfslint.xml.source import Source

NAMES = st.sampled_from(["a", "b", "filesystem", "x-1", "n.s", "é"])
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="<&\ufffe\uffff"), max_size=8
)
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "iso-8859-1", "shift_jis"]


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> str:
    name = draw(NAMES)
    attributes = draw(st.dictionaries(st.sampled_from(["k", "type", "dir"]), TEXTS, max_size=3))
    spaces = st.sampled_from([" ", "\n  ", "\t", "\r\n "])
    tag = f"<{name}" + "".join(
        draw(spaces) + key + draw(st.sampled_from(["=", " = "])) + quoteattr(value) for key, value in attributes.items()
    )
    if draw(st.booleans()):
        return tag + draw(st.sampled_from(["", " ", "\n"])) + "/>"
    inside = [TEXTS, st.just("<!-- <c k='1'> > -->"), st.just("<![CDATA[<d>]]>"), st.just("<?p <e> ?>")]
    if depth < 3:
        inside.append(elements(depth + 1))
    pieces = draw(st.lists(st.one_of(inside), max_size=4))
    return (
        tag + ">" + "".join(piece.replace("]]>", "") if piece[:1] != "<" else piece for piece in pieces) + f"</{name}>"
    )


def check_spans(source: Source) -> None:
    document = read(source)
    text = source.text
    for element in document.root.iter("*"):
        node = Node(document, element)
        start, end = node.name_span.start, node.name_span.end
        assert source.data[start.offset : end.offset] == source.encode(node.tag)
        for attribute in node.attributes:
            span = attribute.span
            raw = source.data[span.start.offset : span.end.offset].decode(source.encoding)
            normalised = raw.replace("\r\n", " ").replace("\n", " ").replace("\t", " ").replace("\r", " ")
            decoded = normalised.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
            assert decoded.replace("&amp;", "&") == attribute.value
            line = source.line(span.start.line)
            assert line[span.start.column - 1 :].startswith(raw.split("\n")[0].rstrip("\r"))
        assert text[node.document.place(element).start] == "<"


@given(elements())
@tried(300)
def test_spans_hold_what_the_tree_holds(xml: str) -> None:
    source = Source(xml.encode(), "x")
    check_spans(source)
    document = read(source)
    for element in document.root.iter("*"):
        place = document.place(element)
        written = etree.fromstring(source.text[place.start : place.end])
        assert etree.tostring(written, method="c14n") == etree.tostring(element, method="c14n", with_tail=False)


def test_attributes_of_a_namespace() -> None:
    source = Source(
        b"<a n='0' p:n='1' xmlns:p='urn:p' xml:lang='en' xmlns='urn:a'><p:b q:n='2' xmlns:q='urn:q'/></a>", "x"
    )
    root = read(source).root_node
    inner = root.child("*")
    assert inner
    places = [*root.attributes, *inner.attributes]
    assert [source.text[each.span.start.offset] for each in places] == ["0", "1", "e", "2"]
    assert root.default_namespace
    assert not inner.default_namespace


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_spans_in_every_encoding(encoding: str) -> None:
    declared = encoding.removesuffix("-sig").removesuffix("-le").removesuffix("-be")
    word = "日本" if encoding not in ("iso-8859-1",) else "é"
    xml = f"<?xml version='1.0' encoding='{declared}'?>\r\n<a k='{word}'>{word}<b type='{word}x'/></a>"
    source = Source(xml.encode(encoding), "x")
    check_spans(source)
    assert read(source).root_node["k"].span.start[:2] == (2, 7)


def test_doctype_with_quotes_and_brackets_is_passed_over() -> None:
    xml = b"""<!DOCTYPE a [ <!ENTITY e "]>'"> <!-- don't ]> --> <?pi ]> ?> ]><a k='1'>&e;<b type='2'/></a>"""
    check_spans(Source(xml, "x"))


def test_first_column_is_1_behind_a_byte_order_mark() -> None:
    source = Source(b"\xef\xbb\xbf<a k='1'/>", "x")
    assert read(source).root_node["k"].span.start == (1, 7, 9)


def test_entities_are_not_expanded_and_files_not_read(tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not read")
    xml = f"<!DOCTYPE a [<!ENTITY e SYSTEM '{secret.as_uri()}'>]><a>&e;</a>".encode()
    document = read(Source(xml, "x"))
    assert "do not read" not in Node(document, document.root).text


def test_entity_bomb_is_refused() -> None:
    levels = "".join(f"<!ENTITY e{i + 1} '{f'&e{i};' * 20}'>" for i in range(12))
    xml = f"<!DOCTYPE a [<!ENTITY e0 'x'>{levels}]><a k='&e12;'/>".encode()
    with pytest.raises(Malformed):
        read(Source(xml, "x"))


@pytest.mark.parametrize("depth", [300, 100_000])
def test_too_deep_is_a_finding(depth: int) -> None:
    findings = lint_bytes(b"<a>" * depth + b"</a>" * depth)
    assert [finding.code for finding in findings] == ["VFS001"]


def test_undeclared_prefix_is_read_as_libvirt_reads_it() -> None:
    document = read(Source(b"<domain><qemu:commandline/></domain>", "x"))
    assert document.undeclared_prefixes


@pytest.mark.parametrize("rest", ["</a>", "\n<x/>", "\n text", "<!-- --><b></b>"])
def test_what_stands_behind_the_root_is_refused_beside_an_undeclared_prefix_too(rest: str) -> None:
    with pytest.raises(Malformed, match="Extra content"):
        read(Source(f"<a><b:c k='>'/><d></d></a>{rest}".encode(), "x.xml"))
    assert [finding.code for finding in lint_bytes(f"<a><b:c/></a>{rest}".encode())] == ["VFS001"]


@pytest.mark.parametrize("rest", ["", "\r\n", " <!-- <b> --> ", "<?p <e> ?>\n"])
def test_comments_may_stand_behind_the_root(rest: str) -> None:
    assert read(Source(f"<?xml version='1.0'?><a><b:c/></a>{rest}".encode(), "x.xml")).undeclared_prefixes


@given(st.binary(max_size=200))
@tried(500)
def test_any_bytes_give_findings_and_never_raise(data: bytes) -> None:
    for finding in lint_bytes(data):
        assert 0 <= finding.at.start.offset <= finding.at.end.offset <= len(data)
        assert finding.at.start.line >= 1
        assert finding.at.start.column >= 1


@given(st.randoms(use_true_random=False))
@tried(200)
def test_damaged_domains_never_raise(chance: random.Random) -> None:
    with open("examples/sound/options.xml", "rb") as file:
        data = bytearray(file.read())
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                del data[at : at + chance.randint(1, 20)]
            case 1:
                data[at:at] = chance.choice([b"<", b">", b"'", b'"', b"&", b"/", b"\xff", b"\x00", b"<!--", b"]]>"])
            case 2:
                data[at] = chance.randrange(256)
    lint_bytes(bytes(data))
