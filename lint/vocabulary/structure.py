"""The structure of a domain: which elements, attributes and values libvirt knows, where, and since when.

schemas/domain.xsd is the one source. libxml2 decides with the RELAX NG made from it, in microseconds. Only a
document that it refuses is compared with the vocabulary piece by piece, and xmlschema is imported only to judge
a value in it that is not written in the usual way.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

from lxml import etree

from vfslint import schemas
from vfslint.lazy import lazy
from vfslint.vocabulary.spelling import nearest

Element = etree._Element
Release = tuple[int, int, int]

XS = "{http://www.w3.org/2001/XMLSchema}"
VFS = "{urn:vfslint:schema}"
ANYTHING = "(?s).*"
# Nothing in the vocabulary is younger: for this release and later ones there is nothing to look up.
NEWEST: Release = (12, 8, 0)

# Comparing two words takes the product of their lengths.
LONGEST_WORD = 60

UNKNOWN_ELEMENT = "unknown-element"
UNKNOWN_ATTRIBUTE = "unknown-attribute"
MISPLACED_ELEMENT = "misplaced-element"
MISPLACED_ATTRIBUTE = "misplaced-attribute"
MISSING_ELEMENT = "missing-element"
MISSING_ATTRIBUTE = "missing-attribute"
REPEATED_ELEMENT = "repeated-element"
WRONG_VALUE = "wrong-value"
UNEXPECTED_TEXT = "unexpected-text"
TOO_NEW = "too-new"
WRONG_ORDER = "wrong-order"


class Fault(NamedTuple):
    """One place where a document leaves the vocabulary.

    `element` is the element concerned: the unexpected child itself, or the one whose attribute or text is
    wrong or that lacks something. `name` is the culprit's: the attribute's if `attribute` is set.
    """

    kind: str
    element: Element
    name: str
    attribute: str | None = None
    value: str | None = None
    expected: tuple[str, ...] = ()
    """Names or values allowed there."""
    form: str | None = None
    """What a value must look like where values cannot be listed, such as "an absolute path"."""
    suggestion: str | None = None
    """What was probably meant, among what is allowed there and not used yet."""
    belongs: tuple[str, ...] = ()
    """Names of the elements in which a misplaced name is known."""
    since: Release | None = None
    """The release that brought it; for something missing, the release since which it may be left out."""
    refused: Release | None = None
    """The first release whose plain define refuses it as well; none if each drops it."""
    fits_schema: bool = False
    """Whether the schema lets it through, so that only the parser minds it: blanks around a listed word."""


# ------------------------------------------------------------ the vocabulary

ALWAYS: Release = (0, 0, 0)
NEVER: Release = (999, 0, 0)
_NUMBER = re.compile(r"\s*[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)")


class Refused(NamedTuple):
    """What the parser refuses at one place, so that plain define fails: the first release that does.

    `value` is any value that the schema refuses, `word` one that is not empty, `letters` one that is not a
    number either; `missing` is that nothing stands there, `repeated` that it stands there twice.
    """

    value: Release | None = None
    word: Release | None = None
    letters: Release | None = None
    missing: Release | None = None
    repeated: Release | None = None

    def of_value(self, value: str) -> Release | None:
        """The first release whose parser refuses this value, which is not among the right ones."""
        asked = [self.value]
        if value:
            asked.append(self.word)
            if not _NUMBER.fullmatch(value):
                asked.append(self.letters)
        return min((release for release in asked if release is not None), default=None)

    def both(self, other: "Refused") -> "Refused":
        """What is refused here as well as there."""
        pairs = zip(self, other, strict=True)
        return Refused(*(max(mine, its) if mine and its else None for mine, its in pairs))


class Values(NamedTuple):
    """What an attribute or a text can hold: listed values with their releases, or a named type.

    Of a type, `usual` is a pattern that only right values match, or None.
    """

    type: str
    listed: dict[str, Release | None]
    form: str | None
    usual: str | None = None


class Attribute(NamedTuple):
    """An attribute in one of the places where it is known."""

    name: str
    values: Values
    required: bool
    since: Release | None
    optional_since: Release | None
    refused: Refused


class Kind(NamedTuple):
    """What an element may hold."""

    name: str
    attributes: dict[str, Attribute]
    children: dict[str, "Child"]
    text: Values | None = None
    foreign: frozenset[str] = frozenset()
    """Namespaces whose elements are let through."""
    any_child: bool = False
    any_attribute: bool = False
    any_text: bool = False


class Child(NamedTuple):
    """An element in one of the places where it is known."""

    name: str
    required: bool
    repeatable: bool
    since: Release | None
    optional_since: Release | None
    refused: Refused
    documentation: str
    alternatives: tuple[tuple[etree.XPath | None, str], ...]
    selectors: tuple[str, ...]
    """Attributes that select the form."""
    vocabulary: "Vocabulary"

    def kind(self, element: Element) -> Kind | None:
        """The form that the attributes of an element select; none if they select no known one."""
        for test, name in self.alternatives:
            if test is None or test(element):
                return self.vocabulary.kind(name)
        return None

    def kinds(self) -> list[Kind]:
        """All forms of the element."""
        found = (self.vocabulary.kind(name) for _, name in self.alternatives)
        return [kind for kind in found if kind is not None]


class Vocabulary:
    """domain.xsd, read with lxml; every type is looked at when it is first asked for."""

    def __init__(self, schema: Element) -> None:
        self._declared: dict[tuple[str, str], Element] = {}
        self._kinds: dict[str, Kind] = {}
        self._values: dict[str, Values] = {}
        self.roots: dict[str, Child] = {}
        self._names = frozenset(node.get("name") for node in schema.iter(XS + "element"))
        for node in schema:
            self._declared[_local(node), node.get("name", "")] = node
            if _local(node) == "element":
                self.roots[node.get("name", "")] = self._child(node)

    def kind(self, name: str) -> Kind | None:
        """The type of this name; none for the one that nothing suits."""
        if name == "xs:error":
            return None
        if name not in self._kinds:
            self._kinds[name] = self._read_kind(name)
        return self._kinds[name]

    def _read_kind(self, name: str) -> Kind:
        declared = self._declared.get(("complexType", name))
        if declared is None:
            return Kind(name, {}, {}, text=self._named_values(name))
        extension = declared.find(f"{XS}simpleContent/{XS}extension")
        if extension is not None:
            text = self._named_values(extension.get("base", ""))
            return Kind(name, {a.name: a for a in self._attributes(extension)}, {}, text=text)
        particles = list(self._particles(declared))
        children = [self._child(node) for node in particles if _local(node) == "element"]
        wildcards = [node for node in particles if _local(node) == "any"]
        return Kind(
            name,
            {attribute.name: attribute for attribute in self._attributes(declared)},
            {child.name: child for child in children},
            foreign=frozenset(" ".join(node.get("namespace", "") for node in wildcards).split()),
            any_child=any(node.get("namespace") is None for node in wildcards),
            any_attribute=declared.find(XS + "anyAttribute") is not None,
            any_text=declared.get("mixed") == "true",
        )

    def _particles(self, model: Element) -> Iterator[Element]:
        for node in model:
            if _local(node) in ("all", "sequence"):
                yield from self._particles(node)
            elif _local(node) == "group":
                yield from self._particles(self._declared["group", node.get("ref", "")])
            elif _local(node) in ("element", "any"):
                yield node

    def _child(self, node: Element) -> Child:
        tests = node.findall(XS + "alternative")
        alternatives = [(_xpath(each.get("test")), each.get("type", "")) for each in tests]
        selectors = re.findall(r"@(\w+)", " ".join(each.get("test", "") for each in tests))
        return Child(
            name=node.get("name", ""),
            required=node.get("minOccurs") != "0",
            repeatable=node.get("maxOccurs") == "unbounded",
            since=_release(node, "since"),
            optional_since=_release(node, "optional"),
            refused=_refused(node),
            documentation=_documentation(node) or "",
            alternatives=tuple(alternatives) or ((None, node.get("type", "")),),
            selectors=tuple(dict.fromkeys(selectors)),
            vocabulary=self,
        )

    def _attributes(self, declared: Element) -> Iterator[Attribute]:
        for node in declared:
            if _local(node) == "attributeGroup":
                yield from self._attributes(self._declared["attributeGroup", node.get("ref", "")])
            elif _local(node) == "attribute":
                own = node.find(XS + "simpleType")
                named = node.get("type", "")
                yield Attribute(
                    name=node.get("name", ""),
                    values=self._named_values(named) if own is None else _values("", own),
                    required=node.get("use") == "required",
                    since=_release(node, "since"),
                    optional_since=_release(node, "optional"),
                    refused=_refused(node),
                )

    def _named_values(self, name: str) -> Values:
        if name not in self._values:
            declared = self._declared.get(("simpleType", name))
            anything = Values(name, {}, None, ANYTHING if name == "xs:string" else None)
            made = anything if declared is None else _values(name, declared)
            self._values[name] = made
        return self._values[name]

    def places(self, name: str) -> dict[str, Child]:
        """The elements in which one of this name is known, by their names, each with what it is there."""
        return self._places.get(name, {}) if name in self._names else {}

    @lazy
    def _places(self) -> dict[str, dict[str, Child]]:
        found: dict[str, dict[str, Child]] = {}
        pending = [self.roots["domain"]]
        seen: set[str] = set()
        for child in pending:
            for kind in child.kinds():
                for inner in kind.children.values():
                    found.setdefault(inner.name, {}).setdefault(child.name, inner)
                if kind.name not in seen:
                    seen.add(kind.name)
                    pending += kind.children.values()
        return found


def _schema() -> Element:
    parser = etree.XMLParser(remove_comments=True, remove_blank_text=True)
    return etree.parse(schemas.DOMAIN_XSD, parser).getroot()


def _local(node: Element) -> str:
    return str(node.tag).rpartition("}")[2]


def _xpath(test: str | None) -> etree.XPath | None:
    return None if test is None else etree.XPath(test)


def _release(node: Element, name: str) -> Release | None:
    written = node.get(VFS + name)
    return None if written is None else _version(written)


def _version(text: str) -> Release:
    major, minor, micro = map(int, text.split("."))
    return major, minor, micro


def _refused(node: Element) -> Refused:
    """What vfs:refused says, such as "value:9.0.0 missing", at a place that came when it came."""
    since = _release(node, "since")
    words = (word.partition(":") for word in node.get(VFS + "refused", "").split())
    return Refused(**{what: _later(_version(release or "0.0.0"), since) for what, _, release in words})


def _later(first: Release, second: Release | None) -> Release:
    return first if second is None else max(first, second)


def _documentation(node: Element) -> str | None:
    return node.findtext(f"{XS}annotation/{XS}documentation")


def _values(name: str, declared: Element) -> Values:
    nodes = declared.findall(f"{XS}restriction/{XS}enumeration")
    listed = {node.get("value", ""): _release(node, "since") for node in nodes}
    usual = declared.get(VFS + "gate")
    if declared.find(f"{XS}restriction[@base='xs:string']") is not None:
        pattern = declared.find(f"{XS}restriction/{XS}pattern")
        usual = ANYTHING if pattern is None else pattern.get("value")
    return Values(name, listed, _documentation(declared), usual)


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of domain.xsd."""
    return Vocabulary(_schema())


def allowed_in(*path: str) -> tuple[str, ...]:
    """Names of the elements known below a path, as in allowed_in("domain", "devices", "filesystem")."""
    places = vocabulary().roots
    for name in path:
        kinds = places[name].kinds()
        places = {inner.name: inner for kind in kinds for inner in kind.children.values()}
    return tuple(places)


def knows(root: Element, place: Element, name: str) -> bool:
    """Whether an element of this name is known in `place`, which stands somewhere in the domain `root`."""
    path = [place, *place.iterancestors()]
    path = path[: path.index(root)]
    child = vocabulary().roots.get(str(root.tag))
    kind = child.kind(root) if child else None
    for element in reversed(path):
        child = kind.children.get(str(element.tag)) if kind else None
        kind = child.kind(element) if child else None
    return kind is not None and name in kind.children


def belongs_in(name: str) -> tuple[str, ...]:
    """Names of the elements in which an element of this name is known, as in belongs_in("binary")."""
    return tuple(vocabulary().places(name))


def documentation(*path: str) -> str:
    """The sentence that the schema says about an element."""
    places, said = vocabulary().roots, ""
    for name in path:
        if name not in places:
            return ""
        said = places[name].documentation
        kinds = places[name].kinds()
        places = {inner.name: inner for kind in kinds for inner in kind.children.values()}
    return said


# ------------------------------------------------------------ explaining


def explain(root: Element) -> list[Fault]:
    """Every fault of a <domain>, in document order, none because of another."""
    names = vocabulary().roots
    declared = names.get(root.tag) if isinstance(root.tag, str) else None
    faults: list[Fault] = []
    if declared is None:
        local = _name(root)
        meant = local if local in names else _likely(local, names)
        faults.append(Fault(UNKNOWN_ELEMENT, root, str(root.tag), expected=tuple(names), suggestion=meant))
        declared = names.get(meant or "")
    if declared is not None and None not in root.nsmap:
        faults += _explain_below(root, declared)
    return faults


def _explain_below(root: Element, declared: Child) -> list[Fault]:
    faults: list[Fault] = []
    pending = [(root, declared, ALWAYS)]
    while pending:
        examination = _Examination(*pending.pop())
        faults += examination.faults
        pending += reversed(examination.inner)
    order = {id(element): position for position, element in enumerate(root.iter())}
    return sorted(faults, key=lambda fault: order[id(fault.element)])


class _Examination:
    """One element compared with its declaration; `inner` are its children with theirs.

    `read` is the first release whose parser looks at the element.
    """

    def __init__(self, element: Element, declared: Child, read: Release) -> None:
        self.element = element
        self.declared = declared
        self.read = read
        self.faults: list[Fault] = []
        self.inner: list[tuple[Element, Child, Release]] = []
        self.any_form = _any_form(declared)
        self.attributes = {name: self.meant_attribute(name) for name in map(str, element.attrib)}
        kind = self.selected_form()
        if not kind.any_attribute:
            self.explain_attributes(kind)
        if not kind.any_child:
            self.explain_children(kind)
        if not kind.any_text:
            self.explain_text(kind)

    # attributes

    def meant_attribute(self, name: str) -> str | None:
        """The known attribute that was probably meant by a name."""
        known = self.any_form.attributes
        if name in known:
            return name
        return _likely(name, [free for free in known if free not in self.element.attrib])

    def selected_form(self) -> Kind:
        """The form that the attributes select, misspelt ones read as what they probably mean.

        Where they select none, all that any form knows is let through: what selects the form is the fault.
        """
        probe = etree.Element("probe")
        for name, meant in self.attributes.items():
            if meant is not None:
                probe.set(meant, self.meant_value(meant, self.element.get(name, "")))
        if any(self.is_undecided(name, probe.get(name)) for name in self.declared.selectors):
            return self.any_form
        return self.declared.kind(probe) or self.any_form

    def is_undecided(self, selector: str, value: str | None) -> bool:
        declared = self.any_form.attributes[selector]
        if value is None:
            return declared.required
        return bool(declared.values.listed) and value not in declared.values.listed

    def meant_value(self, name: str, value: str) -> str:
        listed = self.any_form.attributes[name].values.listed
        if name not in self.declared.selectors or not listed or value in listed:
            return value
        return _likely(value.strip(), listed) or value

    def explain_attributes(self, kind: Kind) -> None:
        missing = [a.name for a in kind.attributes.values() if a.required]
        missing = [name for name in missing if name not in self.element.attrib]
        unknown = []
        for name, meant in self.attributes.items():
            if name in kind.attributes:
                is_selector = name in self.declared.selectors
                self.explain_value((self.any_form if is_selector else kind).attributes[name], name)
            else:
                unknown.append((name, meant if meant in kind.attributes else None))
        for name, meant in unknown:
            if meant is None and len(unknown) == len(missing) == 1:
                meant = self.plausible(kind, missing[0], name)
            refused = None
            if meant is not None and meant in missing:
                missing.remove(meant)
                refused = kind.attributes[meant].refused.missing
            self.explain_unknown_attribute(kind, name, meant, refused)
        for name in missing:
            lacking = kind.attributes[name]
            self.report(
                MISSING_ATTRIBUTE,
                name,
                attribute=name,
                expected=tuple(lacking.values.listed),
                form=lacking.values.form,
                refused=lacking.refused.missing,
            )

    def plausible(self, kind: Kind, missing: str, name: str) -> str | None:
        """The missing attribute, if what stands under another name is probably meant for it."""
        values = kind.attributes[missing].values
        picky = values.listed or values.form is not None
        if len(kind.attributes) == 1 or (picky and _suits(values, self.element.get(name, ""))):
            return missing
        namesakes = vocabulary().places(self.declared.name).values()
        return missing if any(name in _any_form(n).attributes for n in namesakes) else None

    def explain_unknown_attribute(self, kind: Kind, name: str, meant: str | None, refused: Release | None) -> None:
        belongs: tuple[str, ...] = ()
        if meant is None:
            belongs = tuple(self.homes_of_attribute(kind, name))
        self.report(
            MISPLACED_ATTRIBUTE if belongs else UNKNOWN_ATTRIBUTE,
            name,
            attribute=name,
            value=self.element.get(name),
            expected=tuple(a for a in kind.attributes if a not in self.element.attrib),
            suggestion=meant,
            belongs=belongs,
            refused=refused,
        )

    def homes_of_attribute(self, kind: Kind, name: str) -> Iterator[str]:
        """The elements near by, and the other forms of this one, that know an attribute."""
        if name in self.any_form.attributes:
            yield self.declared.name
        for child in kind.children.values():
            if name == child.name or name in _any_form(child).attributes:
                yield child.name

    def explain_value(self, attribute: Attribute, name: str) -> None:
        value = self.element.get(name, "")
        self.judge_value(attribute.values, value, attribute.refused, name, attribute=name)

    # children

    def explain_children(self, kind: Kind) -> None:
        strangers: list[Element] = []
        found: Counter[str] = Counter()
        for element in self.element.iterchildren(etree.Element):
            name = str(element.tag)
            if name in kind.children:
                found[name] += 1
                self.explain_known_child(kind.children[name], element, found[name])
            elif _namespace(element) not in kind.foreign:
                strangers.append(element)
        missing = [c.name for c in kind.children.values() if c.required and not found[c.name]]
        for element in strangers:
            meant = self.meant_child(kind, element, found, missing if len(strangers) == 1 else [])
            refused = None
            if meant is not None and meant in missing:
                missing.remove(meant)
                refused = kind.children[meant].refused.missing
            self.explain_stranger(kind, element, meant, found, refused)
        for name in missing:
            refused = None if self.is_in_a_double(name) else kind.children[name].refused.missing
            self.report(MISSING_ELEMENT, name, expected=(name,), refused=refused)

    def is_in_a_double(self, name: str) -> bool:
        """Whether the element stands twice, and the other one has this child, which libvirt then finds."""
        parent = self.element.getparent()
        if parent is None or self.declared.repeatable:
            return False
        return any(double.find(name) is not None for double in parent.iterchildren(self.element.tag))

    def explain_known_child(self, child: Child, element: Element, count: int) -> None:
        if count > 1 and not child.repeatable:
            self.report(REPEATED_ELEMENT, child.name, element, refused=child.refused.repeated)
        else:
            self.inner.append((element, child, _later(self.read, child.since)))

    def meant_child(self, kind: Kind, element: Element, found: Counter[str], missing: Collection[str]) -> str | None:
        name = _name(element)
        free = [c.name for c in kind.children.values() if c.repeatable or not found[c.name]]
        if name in free:
            return name
        meant = _likely(name, free)
        if meant is not None and (name.lower() == meant.lower() or not belongs_in(name)):
            return meant
        if belongs_in(name):
            return None
        alike = [m for m in missing if _has_attributes_of(element, kind.children[m])]
        return alike[0] if len(alike) == 1 else None

    def explain_stranger(
        self, kind: Kind, element: Element, meant: str | None, found: Counter[str], refused: Release | None
    ) -> None:
        name = str(element.tag)
        homes = self.homes_of_child(name) if meant is None else {}
        self.report(
            MISPLACED_ELEMENT if homes else UNKNOWN_ELEMENT,
            name,
            element,
            expected=tuple(c.name for c in kind.children.values() if c.repeatable or not found[c.name]),
            suggestion=meant,
            belongs=tuple(homes),
            refused=refused,
        )
        if meant is not None:
            found[meant] += 1
            self.inner.append((element, kind.children[meant], NEVER))
        elif len(homes) == 1:
            self.inner += [(element, child, NEVER) for child in homes.values()]

    def homes_of_child(self, name: str) -> dict[str, Child]:
        """The elements that know a child: this one in another of its forms, or else any."""
        if name in self.any_form.children:
            return {self.declared.name: self.any_form.children[name]}
        return vocabulary().places(name)

    # text

    def explain_text(self, kind: Kind) -> None:
        pieces = [self.element.text, *(child.tail for child in self.element)]
        value = "".join(piece for piece in pieces if piece)
        if kind.text is None:
            if value.strip():
                self.report(UNEXPECTED_TEXT, _name(self.element), value=value.strip())
        else:
            self.judge_value(kind.text, value, self.declared.refused, _name(self.element))

    # values

    def judge_value(
        self, values: Values, value: str, refused: Refused, name: str, attribute: str | None = None
    ) -> None:
        """Report a value that the schema refuses, or blanks around a listed one, which the parser does."""
        fits = _suits(values, value)
        if fits and (not values.listed or value in values.listed):
            return
        self.report(
            WRONG_VALUE,
            name,
            attribute=attribute,
            value=value,
            expected=tuple(values.listed),
            form=values.form,
            suggestion=_likely(value.strip(), values.listed),
            refused=refused.of_value(value),
            fits_schema=fits,
        )

    # reporting

    def report(
        self,
        kind: str,
        name: str,
        element: Element | None = None,
        *,
        refused: Release | None = None,
        **details: Any,
    ) -> None:
        since = None if refused is None or self.read == NEVER else max(refused, self.read)
        culprit = self.element if element is None else element
        self.faults.append(Fault(kind, culprit, name, refused=since, **details))


def _likely(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; not asked for a text of any length that a document may hold."""
    return nearest(word, known) if len(word) <= LONGEST_WORD else None


def _namespace(element: Element) -> str | None:
    """The namespace of an element; a prefix that is not declared is part of the name."""
    namespace, brace, _ = str(element.tag)[1:].partition("}")
    return namespace if brace else None


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


@cache
def _any_form(declared: Child) -> Kind:
    """All forms of an element in one: what any of them knows, and required what all of them require."""
    kinds = declared.kinds()
    if len(kinds) == 1:
        return kinds[0]
    attributes: dict[str, Attribute] = {}
    for attribute in (each for kind in kinds for each in kind.attributes.values()):
        name, values = attribute.name, attribute.values
        refused = attribute.refused
        if name in attributes:
            refused = refused.both(attributes[name].refused)
            if values != attributes[name].values:
                other = attributes[name].values
                values = Values("", other.listed | values.listed if other.listed else {}, None)
        required = all(name in kind.attributes and kind.attributes[name].required for kind in kinds)
        since, optional_since = attribute.since, attribute.optional_since
        attributes[name] = Attribute(name, values, required, since, optional_since, refused)
    children = {child.name: child for kind in kinds for child in kind.children.values()}
    return Kind(declared.name, attributes, {n: _in_any_form(c, kinds) for n, c in children.items()})


def _in_any_form(child: Child, kinds: list[Kind]) -> Child:
    """A child as all forms of its parent agree on it: open where they differ, required if all require it."""
    namesakes = [kind.children[child.name] for kind in kinds if child.name in kind.children]
    types = {tuple(name for _, name in namesake.alternatives) for namesake in namesakes}
    return child._replace(
        required=len(namesakes) == len(kinds) and all(namesake.required for namesake in namesakes),
        alternatives=child.alternatives if len(types) == 1 else ((None, "Open"),),
    )


def _has_attributes_of(element: Element, child: Child) -> bool:
    known = _any_form(child).attributes
    return bool(element.attrib) and all(name in known for name in element.attrib)


@cache
def _types() -> dict[str, Any]:
    """The simple types as xmlschema understands them, for values that are not written in the usual way.

    Its import takes longer than everything else here.
    """
    import xmlschema

    schema = _schema()
    for node in list(schema):
        if _local(node) != "simpleType":
            schema.remove(node)
    return dict(xmlschema.XMLSchema11(schema).types)


def _suits(values: Values, value: str) -> bool:
    if values.listed:
        # RELAX NG's token: blanks around a value do not count for the schema (they do for libvirt's parser).
        return " ".join(value.split()) in values.listed
    # A carriage return, which a pattern's dot does not match in XSD, is for xmlschema to judge.
    if values.usual is not None and re.fullmatch(values.usual, value, re.ASCII) and "\r" not in value:
        return True
    if not values.type or values.type not in _types():
        return True
    kind = _types()[values.type]
    # libxml2 tries a pattern on the value as written, xmlschema on the value without the blanks around it.
    if kind.patterns and kind.white_space != "preserve" and value != value.strip():
        return False
    return bool(kind.is_valid(value))


# ------------------------------------------------------------ releases


def newer_than(root: Element, libvirt: Release) -> list[Fault]:
    """What a <domain> holds that an older libvirt does not know yet, or lacks that it still wants."""
    declared = vocabulary().roots.get(str(root.tag)) if libvirt < NEWEST else None
    faults: list[Fault] = []
    pending = [] if declared is None else [(root, declared)]
    while pending:
        element, child = pending.pop()
        kind = child.kind(element)
        if kind is None:
            continue
        faults += _newer_attributes(element, kind, libvirt)
        faults += _newer_text(element, child, kind, libvirt)
        inner = list(_read_children(element, kind))
        known = [(e, c) for e, c in inner if not _is_newer(c.since, libvirt)]
        faults += [_too_new(e, c.name, c.since) for e, c in inner if _is_newer(c.since, libvirt)]
        faults += _not_yet_optional_children(element, kind, libvirt)
        faults += _scattered(element, libvirt)
        pending += reversed(known)
    return faults


def _read_children(element: Element, kind: Kind) -> Iterator[tuple[Element, Child]]:
    """Each known child with its declaration, without what stands twice where once is allowed."""
    seen = set()
    for inner in element:
        child = kind.children.get(str(inner.tag))
        if child and (child.repeatable or child.name not in seen):
            seen.add(child.name)
            yield inner, child


def _newer_attributes(element: Element, kind: Kind, libvirt: Release) -> Iterator[Fault]:
    for attribute in kind.attributes.values():
        name, value = attribute.name, element.get(attribute.name)
        if value is None:
            if _is_newer(attribute.optional_since, libvirt):
                since, refused = attribute.optional_since, attribute.refused.missing
                yield Fault(MISSING_ATTRIBUTE, element, name, attribute=name, since=since, refused=refused)
        elif _is_newer(attribute.since, libvirt):
            yield _too_new(element, name, attribute.since, attribute=name)
        elif _is_newer(attribute.values.listed.get(value), libvirt):
            since, refused = attribute.values.listed[value], attribute.refused.of_value(value)
            yield _too_new(element, name, since, attribute=name, value=value, refused=refused)


def _newer_text(element: Element, child: Child, kind: Kind, libvirt: Release) -> Iterator[Fault]:
    value = element.text or ""
    since = kind.text.listed.get(value) if kind.text else None
    if _is_newer(since, libvirt):
        refused = child.refused.of_value(value)
        yield _too_new(element, _name(element), since, value=value, refused=refused)


def _not_yet_optional_children(element: Element, kind: Kind, libvirt: Release) -> Iterator[Fault]:
    for child in kind.children.values():
        if _is_newer(child.optional_since, libvirt) and element.find(child.name) is None:
            since, refused = child.optional_since, child.refused.missing
            yield Fault(MISSING_ELEMENT, element, child.name, since=since, refused=refused)


def _scattered(element: Element, libvirt: Release) -> Iterator[Fault]:
    """What stands apart where the schema of 7.0.0 lets nothing stand between driver, binary and source.

    Found by trying all orders: so it is if the type is written, and is one of these; no longer in 9.0.0.
    The releases between were not at hand.
    """
    written = element.get("type") in ("mount", "bind", "ram")
    if libvirt >= (7, 1, 0) or element.tag != "filesystem" or not written:
        return
    run = ("driver", "binary", "source")
    children = list(element.iterchildren(etree.Element))
    places = [place for place, child in enumerate(children) if child.tag in run]
    for before, place in pairwise(places):
        if place != before + 1:
            yield Fault(WRONG_ORDER, children[place], str(children[place].tag), expected=run)


def _is_newer(since: Release | None, libvirt: Release) -> bool:
    return since is not None and since > libvirt


def _too_new(
    element: Element,
    name: str,
    since: Release | None,
    attribute: str | None = None,
    value: str | None = None,
    refused: Release | None = None,
) -> Fault:
    return Fault(TOO_NEW, element, name, attribute=attribute, value=value, since=since, refused=refused)
