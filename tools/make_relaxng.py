"""Make schemas/domain.rng, the grammar that libxml2 checks documents with, from schemas/domain.xsd.

    python tools/make_relaxng.py            write the grammar
    python tools/make_relaxng.py --check    only say whether the one that is there is fresh

The subset of XSD 1.1 that domain.xsd uses, and what becomes of it:

    xs:all               interleave; all that may come any number of times is one branch of it, because
                         libxml2 sorts the children of an element into the branches
    xs:group, xs:attributeGroup
                         references: what is written once is compiled once
    xs:alternative       choice; the types tell themselves apart by their attributes
    xs:any, xs:anyAttribute
                         any name, or any name of the namespaces
    xs:enumeration       value of type string: libvirt's schema lets blanks around it through (token), but its
                         parser hardly ever does, so that such a value is one to be explained
    other facets         data with parameters
    vfs:gate="open"      any attributes and no children
    vfs:gate="rare"      nothing; definitions that nothing refers to are left out
    vfs:gate             elsewhere a pattern in place of the type

What vfs:gate leaves out may be right: the grammar is for usual files, and tells only which ones need no closer look.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from lxml import etree

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
SOURCE = SCHEMAS / "domain.xsd"
GRAMMAR = SCHEMAS / "domain.rng"

XS = "{http://www.w3.org/2001/XMLSchema}"
GATE = "{urn:vfslint:schema}gate"
NAMESPACE = "http://relaxng.org/ns/structure/1.0"
DATATYPES = "http://www.w3.org/2001/XMLSchema-datatypes"
NOTICE = " Made from domain.xsd by tools/make_relaxng.py. Do not edit. "

Node = etree._Element


def node(tag: str, /, *children: Node, text: str | None = None, **attributes: str) -> Node:
    made: Node = etree.Element(f"{{{NAMESPACE}}}{tag}", attributes)
    made.text = text
    made.extend(children)
    return made


def wrapped(name: str, children: Iterable[Node]) -> list[Node]:
    """One child needs no wrapping, no child needs nothing."""
    inner = list(children)
    return [node(name, *inner)] if len(inner) > 1 else inner


class Translation:
    """From one schema to one grammar."""

    def __init__(self, schema: Node) -> None:
        self.schema = schema
        self.named = {(str(child.tag), child.get("name", "")): child for child in schema if isinstance(child.tag, str)}

    def grammar(self) -> Node:
        roots = [child for child in self.schema if child.tag == XS + "element"]
        start = node("start", *wrapped("choice", (self.element(root) for root in roots)))
        made_of = {made.get("name", ""): made for child in self.schema for made in self.definitions(child)}
        needed = referred_to(start, made_of)
        definitions = [made for name, made in made_of.items() if name in needed]
        made: Node = etree.XML(f'<grammar xmlns="{NAMESPACE}"/>')
        made.append(etree.Comment(NOTICE))
        made.extend([start, *definitions, anything()])
        return made

    def definitions(self, declared: Node) -> Iterator[Node]:
        name = declared.get("name", "")
        if declared.tag == XS + "complexType":
            yield node("define", *(self.complex(declared) or [node("empty")]), name=name)
        elif declared.tag == XS + "simpleType":
            yield node("define", self.simple(declared), name=name)
        elif declared.tag == XS + "attributeGroup":
            yield node("define", *self.attributes(declared), name=name)
        elif declared.tag == XS + "group":
            for child in declared[0].findall(XS + "element"):
                yield node("define", self.element(child), name=f"{name}.{child.get('name')}")

    def members(self, group: Node) -> Iterator[tuple[str, Node]]:
        """The elements of a group and of the groups inside it, with the names of their definitions."""
        for child in group[0]:
            if child.tag == XS + "group":
                yield from self.members(self.named[XS + "group", child.get("ref", "")])
            else:
                yield f"{group.get('name')}.{child.get('name')}", child

    # elements

    def element(self, declared: Node) -> Node:
        return node("element", *self.content(declared), name=declared.get("name", ""))

    def content(self, declared: Node) -> list[Node]:
        if declared.get(GATE) == "open":
            return [node("zeroOrMore", node("attribute", node("anyName")))]
        alternatives = [child for child in declared.findall(XS + "alternative") if child.get(GATE) != "rare"]
        types = [alternative.get("type", "") for alternative in alternatives]
        if not types:
            return [self.reference(declared.get("type", ""))]
        return wrapped("choice", (self.reference(name) for name in types if name != "xs:error"))

    def reference(self, name: str) -> Node:
        if name == "xs:string":
            return node("text")
        if name.startswith("xs:"):
            return data(name)
        return node("ref", name=name)

    def complex(self, declared: Node) -> list[Node]:
        if declared.find(XS + "anyAttribute") is not None:
            return [node("ref", name="Anything")]
        extension = declared.find(f"{XS}simpleContent/{XS}extension")
        if extension is not None:
            return [*self.attributes(extension), self.reference(extension.get("base", ""))]
        children = declared.find(XS + "all")
        if children is None:
            children = declared.find(XS + "sequence")
        found = [] if children is None else list(self.particles(children))
        return [*self.attributes(declared), *self.interleave(found)]

    def particles(self, model: Node) -> Iterator[tuple[Node, Node]]:
        """What an xs:all holds, and what becomes of it."""
        for particle in model:
            if particle.get(GATE) == "rare":
                continue
            if particle.tag == XS + "group":
                group = self.named[XS + "group", particle.get("ref", "")]
                yield from ((inner, node("ref", name=name)) for name, inner in self.members(group))
            elif particle.tag == XS + "element":
                yield particle, self.element(particle)
            elif particle.tag == XS + "any":
                yield particle, foreign(particle)

    def interleave(self, particles: list[tuple[Node, Node]]) -> list[Node]:
        once, repeated = [], []
        for particle, made in particles:
            needed = particle.get("minOccurs") != "0"
            if particle.get("maxOccurs") != "unbounded":
                once.append(made if needed else node("optional", made))
            elif needed:
                once.append(node("oneOrMore", made))
            else:
                repeated.append(made)
        many = [node("zeroOrMore", *wrapped("choice", repeated))] if repeated else []
        return wrapped("interleave", once + many)

    # attributes

    def attributes(self, declared: Node) -> Iterator[Node]:
        for child in declared:
            if child.get(GATE) == "rare":
                continue
            if child.tag == XS + "attributeGroup":
                yield self.reference(child.get("ref", ""))
            elif child.tag == XS + "attribute":
                made = node("attribute", self.value(child), name=child.get("name", ""))
                yield made if child.get("use") == "required" else node("optional", made)

    def value(self, declared: Node) -> Node:
        if GATE in declared.attrib:
            return pattern(declared.get(GATE, ""))
        own = declared.find(XS + "simpleType")
        return self.reference(declared.get("type", "")) if own is None else self.simple(own)

    # values

    def simple(self, declared: Node) -> Node:
        if GATE in declared.attrib:
            return pattern(declared.get(GATE, ""))
        union = declared.find(XS + "union")
        if union is not None:
            return node("choice", *(self.simple(member) for member in union))
        restriction = declared.find(XS + "restriction")
        assert restriction is not None
        values = [facet.get("value") for facet in restriction if facet.tag == XS + "enumeration"]
        if values:
            return wrapped("choice", (node("value", type="string", text=value) for value in values))[0]
        base = restriction.get("base", "")
        if not len(restriction):
            return self.reference(base)
        facets = ((etree.QName(facet).localname, facet.get("value")) for facet in restriction)
        parameters = (node("param", text=value, name=name) for name, value in facets)
        return data(base, *parameters)


def referred_to(start: Node, definitions: dict[str, Node]) -> set[str]:
    """The names of the definitions that the start needs, and those that these need."""
    found: set[str] = set()
    pending = [start]
    for definition in pending:
        names = {reference.get("name", "") for reference in definition.iter(f"{{{NAMESPACE}}}ref")} - found
        found |= names
        pending += [definitions[name] for name in names if name in definitions]
    return found


def data(name: str, /, *parameters: Node) -> Node:
    """Data of an XSD type. The library is not the grammar's, because it compares plain strings slowly."""
    return node("data", *parameters, type=name.removeprefix("xs:"), datatypeLibrary=DATATYPES)


def pattern(usual: str) -> Node:
    return data("xs:string", node("param", text=usual, name="pattern"))


def foreign(declared: Node) -> Node:
    names = [node("nsName", ns=uri) for uri in declared.get("namespace", "").split()]
    return node("element", *(wrapped("choice", names) or [node("anyName")]), node("ref", name="Anything"))


def anything() -> Node:
    attribute = node("attribute", node("anyName"))
    element = node("element", node("anyName"), node("ref", name="Anything"))
    content = node("zeroOrMore", node("choice", attribute, node("text"), element))
    return node("define", content, name="Anything")


def make(source: Path = SOURCE) -> bytes:
    parser = etree.XMLParser(remove_comments=True, remove_blank_text=True, resolve_entities=False)
    grammar = Translation(etree.parse(str(source), parser).getroot()).grammar()
    text: bytes = etree.tostring(grammar, xml_declaration=True, encoding="UTF-8")
    # A definition per line: half as fast again to read for libxml2 as one tag per line.
    return text.replace(b"<define", b"\n<define") + b"\n"


def main(arguments: list[str]) -> int:
    made = make()
    if arguments != ["--check"]:
        GRAMMAR.write_bytes(made)
        return 0
    if GRAMMAR.is_file() and GRAMMAR.read_bytes() == made:
        return 0
    print(f"{GRAMMAR} is stale: run python {sys.argv[0]}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
