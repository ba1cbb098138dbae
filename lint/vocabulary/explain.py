"""What is wrong where a domain deviates from the vocabulary: what was probably meant, where it belongs, and since when.

Imported only for a domain that may deviate.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from lxml import etree

from vfslint import schemas
from vfslint.vocabulary import check
from vfslint.vocabulary.mismatch import Kind, Mismatch
from vfslint.vocabulary.order import out_of_order
from vfslint.vocabulary.spelling import nearest
from vfslint.vocabulary.table import (
    ANY,
    NEWEST,
    Attribute,
    Child,
    Form,
    Reads,
    Refused,
    Release,
    Values,
    element_names,
    places,
    roots,
)

Element = Any

# The time to compare two words is the product of their lengths.
LONGEST_WORD = 60


def mismatches(
    root: Element,
    libvirt: Release,
    suspects: list[check.Examined] | None = None,
    texts: check.Texts | None = None,
) -> list[Mismatch]:
    """Return where a domain deviates from the vocabulary of a release, in document order.

    `root` is its element, wherever it is in its document; `suspects` are its elements that may deviate, if they are
    known already; `texts` is filled with the texts of pieces.
    """
    if suspects is None:
        suspects = check.suspects(root, libvirt, texts)
    if suspects is not None:
        return _in_order(root, _explain(suspects, texts))
    # No name is suggested for an element in a default namespace: it belongs to another program.
    names = roots()
    if root.tag in names:
        return []
    local = _name(root)
    meant = local if local in names else _likely(local, names)
    found = [Mismatch(Kind.UNKNOWN_ELEMENT, root, str(root.tag), expected=tuple(names), suggestion=meant)]
    if meant and None not in root.nsmap:
        found += _explain(check.suspects_among([(root, check.place(names[meant], libvirt), True)], texts), texts)
    return _in_order(root, found)


def _in_order(root: Element, found: list[Mismatch]) -> list[Mismatch]:
    if len(found) < 2:
        return found
    order = {id(element): position for position, element in enumerate(root.iter())}
    return sorted(found, key=lambda mismatch: order[id(mismatch.element)])


def _explain(suspects: list[check.Examined], texts: check.Texts | None) -> list[Mismatch]:
    """Return what is wrong with elements that may deviate, and with all below them."""
    found: list[Mismatch] = []
    while suspects:
        examination = _Examination(*suspects.pop())
        found += examination.mismatches
        suspects += check.suspects_among(examination.inner, texts)
    return found


def knows(root: Element, place: Element, name: str) -> bool:
    """Whether an element of this name is known in `place`, which is somewhere in the domain `root`."""
    form = _form_at(root, place)
    return form is not None and name in form.children


def holders(root: Element, place: Element, name: str) -> list[str]:
    """Return the names of the elements that are known in `place`, and in which an element of this name is known."""
    form = _form_at(root, place)
    children = form.children if form else {}
    without_attributes: dict[str, str] = {}
    found = []
    for holder, child in children.items():
        inner = child.form_of(without_attributes.get)
        if inner and name in inner.children:
            found.append(holder)
    return found


def _form_at(root: Element, place: Element) -> Form | None:
    """Return what is known in an element of the domain `root`, or None if the element is unknown."""
    path = [place, *place.iterancestors()]
    path = path[: path.index(root)]
    child = roots().get(str(root.tag))
    form = child.form_of(root.get) if child else None
    for element in reversed(path):
        child = form.children.get(str(element.tag)) if form else None
        form = child.form_of(element.get) if child else None
    return form


class _Examination:
    """One element compared with what is allowed there; `inner` are its children, to be checked next.

    `is_read`: libvirt's parser reads the element.
    """

    def __init__(self, element: Element, place: check.Place, is_read: bool) -> None:
        self.element = element
        self.declared = place.child
        self.selectors = place.selectors
        self.is_read = is_read
        self.libvirt = place.libvirt
        self.table = place.table
        self.mismatches: list[Mismatch] = []
        self.inner: list[check.Examined] = []
        self.any_form = _any_form(self.declared)
        # lxml looks for an attribute from the first one on.
        self.written: dict[str, str] = dict(element.attrib)
        free = self.unwritten(self.any_form)
        self.attributes = {name: self.meant_attribute(name, free) for name in self.written}
        form = self.form = self.selected_form()
        if not form.any_attribute:
            self.explain_attributes(form)
        if not form.any_child:
            self.explain_children(form)
        if not form.any_text:
            self.explain_text(form)
        for culprit, relation, others in out_of_order(element, place.orders):
            self.report(Kind.WRONG_ORDER, str(culprit.tag), culprit, expected=others, form=relation)

    # attributes

    def unwritten(self, form: Form) -> tuple[str, ...]:
        """Return the attributes of a form that the release knows and the element does not have."""
        return self.known({name: each for name, each in form.attributes.items() if name not in self.written})

    def meant_attribute(self, name: str, free: Sequence[str]) -> str | None:
        """Return the known attribute that was probably meant by a name; `free` are those that may still appear."""
        return name if name in self.any_form.attributes else _likely(name, free)

    def is_too_new(self, known: Attribute | Child) -> bool:
        """Whether the release does not know an attribute or an element yet."""
        return _is_newer(known.since, self.libvirt)

    def selected_form(self) -> Form:
        """Return the form that the attributes select, with misspelled ones read as what they probably mean.

        If they select none, everything that any form knows is allowed: the mistake is in the attribute that
        selects it.
        """
        probe: dict[str, str] = {}
        for name, meant in self.attributes.items():
            if meant is not None:
                probe[meant] = self.meant_value(meant, self.written[name])
        if any(self.is_undecided(name, probe.get(name)) for name in self.selectors):
            return self.any_form
        return self.declared.form_of(probe.get) or self.any_form

    def is_undecided(self, selector: str, value: str | None) -> bool:
        """Whether an attribute that selects the form has an unknown value, or is missing but required."""
        declared = self.any_form.attributes[selector]
        if value is None:
            return declared.required
        return bool(declared.values.listed) and value not in declared.values.listed

    def meant_value(self, name: str, value: str) -> str:
        """Return the word that was probably meant by one that selects the form."""
        listed = self.any_form.attributes[name].values.listed
        if name not in self.selectors or not listed or value in listed:
            return value
        return _likely(value.strip(), listed) or value

    def explain_attributes(self, form: Form) -> None:
        """Compare the attributes with those of a form."""
        missing = {name: each for name, each in form.attributes.items() if self.is_missing(each)}
        unknown = []
        for name, meant in self.attributes.items():
            if name in form.attributes:
                self.explain_attribute(self.expected_attribute(form, name))
            else:
                unknown.append((name, meant if meant in form.attributes else None))
        free = self.unwritten(form) if unknown else ()
        for name, meant in unknown:
            if meant is None and len(missing) == 1:
                meant = self.plausible(form, next(iter(missing)), name, is_only=len(unknown) == 1)
            lacking = missing.pop(meant, None) if meant is not None else None
            refused = (0, 0, 0) if name in form.refuses else lacking.refused.missing if lacking else None
            if lacking and _space(name) and _local(name) == lacking.name:
                refused = None  # The parser ignores the namespace of an attribute.
            if name in form.refuses:
                says = self.said_of_fault(f"@{name}", refused, form, value=self.written[name])
            else:
                says = self.said_of_fault("missing", refused, form, f"@{lacking.name}") if lacking else ""
            self.explain_unknown_attribute(form, name, meant, free, refused, says)
        for lacking in missing.values():
            self.report(
                Kind.MISSING_ATTRIBUTE,
                lacking.name,
                attribute=lacking.name,
                expected=self.known_words(lacking.values),
                form=lacking.values.form,
                since=None if lacking.required else lacking.optional_since,
                refused=lacking.refused.missing,
                says=self.said_of_fault("missing", lacking.refused.missing, form, f"@{lacking.name}"),
            )

    def expected_attribute(self, form: Form, name: str) -> Attribute:
        """Return the attribute of a form, or that of all forms if this form allows a single word that selects it."""
        is_selector = name in self.selectors and len(form.attributes[name].values.listed) == 1
        return (self.any_form if is_selector else form).attributes[name]

    def is_missing(self, attribute: Attribute) -> bool:
        """Whether an attribute is missing that the release requires."""
        is_required = attribute.required or _is_newer(attribute.optional_since, self.libvirt)
        return is_required and attribute.name not in self.written

    def plausible(self, form: Form, missing: str, name: str, *, is_only: bool) -> str | None:
        """Return the missing attribute if an unknown one was probably meant to be it; `is_only`: it is the only one."""
        values = form.attributes[missing].values
        picky = values.listed or values.form is not None
        if (is_only and len(form.attributes) == 1) or (picky and _accepts(values, self.written[name])):
            return missing
        namesakes = places().get(self.declared.name, {}).values()
        return missing if any(name in _any_form(each).attributes for each in namesakes) else None

    def explain_unknown_attribute(
        self, form: Form, name: str, meant: str | None, free: tuple[str, ...], refused: Release | None, says: str
    ) -> None:
        """Report an attribute that the form does not know; `free` are those that may still appear."""
        belongs = tuple(self.homes_of_attribute(form, name)) if meant is None else ()
        self.report(
            Kind.MISPLACED_ATTRIBUTE if belongs else Kind.UNKNOWN_ATTRIBUTE,
            name,
            attribute=name,
            value=self.written[name],
            expected=free,
            suggestion=meant,
            belongs=belongs,
            refused=refused,
            says=says,
        )

    def homes_of_attribute(self, form: Form, name: str) -> Iterator[str]:
        """Yield the names of elements that know an attribute: this one in another form, and its children."""
        if name in self.any_form.attributes:
            yield self.declared.name
        for child in form.children.values():
            if name == child.name or name in _any_form(child).attributes:
                yield child.name

    def explain_attribute(self, attribute: Attribute) -> None:
        """Report an attribute that is too new for the release, or its value."""
        name = attribute.name
        if self.is_too_new(attribute):
            self.report(Kind.TOO_NEW, name, attribute=name, since=attribute.since)
        else:
            value = self.written[name]
            self.compare_value(attribute.values, attribute.refused, attribute.reads, value, name, attribute=name)

    # children

    def explain_children(self, form: Form) -> None:
        """Compare the children with those of a form."""
        unknown: list[Element] = []
        found: dict[str, int] = {}
        for element in self.element.iterchildren(etree.Element):
            name = str(element.tag)
            child = form.children.get(name)
            if child:
                found[name] = found.get(name, 0) + 1
                self.explain_known_child(form, child, element, found[name])
            else:
                unknown.append(element)
        missing = {name: each for name, each in form.children.items() if name not in found and self.lacks(each)}
        for element in unknown:
            free = self.free_children(form, found)
            meant = self.meant_child(element, free, missing)
            lacking = missing.pop(meant, None) if meant is not None else None
            unread = str(element.tag) in self.any_form.children  # known in another form, so it is only dropped
            refused = None if unread else self.unknown_child_refused(form)
            says = self.said_of_fault("unknown", refused, form, element=_name(element))
            if refused is None and lacking:
                refused = lacking.refused.missing
                says = self.said_of_fault("missing", refused, form, lacking.name)
            self.explain_unknown_child(form, element, meant, free, refused, says)
            if meant is not None:
                found[meant] = found.get(meant, 0) + 1
        for name, child in missing.items():
            refused = None if self.is_in_another(name) else child.refused.missing
            self.report(
                Kind.MISSING_ELEMENT,
                name,
                expected=(name,),
                since=None if child.required else child.optional_since,
                refused=refused,
                says=self.said_of_fault("missing", refused, form, name),
            )

    def unknown_child_refused(self, form: Form) -> Release | None:
        """Return the release since which unknown children are rejected, if this one rejects them."""
        since, until = form.refuses_unknown_children or (self.libvirt, (0, 0, 0))
        return since if since <= self.libvirt < until else None

    def lacks(self, child: Child) -> bool:
        """Whether the release requires a child that is missing."""
        is_required = child.required or _is_newer(child.optional_since, self.libvirt)
        return is_required and not self.is_too_new(child)

    def free_children(self, form: Form, found: Collection[str]) -> dict[str, Child]:
        """Return the children that may still appear next to those found, whatever the release."""
        return {name: child for name, child in form.children.items() if child.repeatable or name not in found}

    def is_in_another(self, name: str) -> bool:
        """Whether the element is repeated and another one has this child, which libvirt then finds."""
        parent = self.element.getparent()
        # What libvirt does not read, it does not reject, and a document can contain very many such elements.
        if parent is None or self.declared.repeatable or not self.is_read:
            return False
        return any(other.find(name) is not None for other in parent.iterchildren(self.element.tag))

    def explain_known_child(self, form: Form, child: Child, element: Element, count: int) -> None:
        """Report a child that is repeated or too new for the release."""
        if count > 1 and not child.repeatable:
            refused = child.refused.repeated
            says = self.said_of_fault("repeated", refused, form, child.name)
            self.report(Kind.REPEATED_ELEMENT, child.name, element, refused=refused, says=says)
        elif self.is_too_new(child):
            refused = self.unknown_child_refused(form)
            says = self.said_of_fault("unknown", refused, form, element=child.name)
            self.report(Kind.TOO_NEW, child.name, element, since=child.since, refused=refused, says=says)
            # Its content is not reported as too new again, and is not read.
            self.inner.append((element, check.place(child, NEWEST), False))
        else:
            self.inner.append((element, self.table.place(child), self.is_read))

    def meant_child(self, element: Element, free: Mapping[str, Child], missing: Mapping[str, Child]) -> str | None:
        """Return the child that was probably meant by an unknown one; `free` are those that may still appear."""
        name = _name(element)
        if name in free:
            return name
        known, space = self.known(free), _space(str(element.tag))
        if space:
            kin = {_local(each): each for each in known if _space(each) == space}
            if meant := _likely(name, kin):
                return kin[meant]
        meant = _likely(name, known)
        is_known = name in element_names()
        if meant is not None and (name.lower() == meant.lower() or not is_known):
            return meant
        homes = places().get(name, {}).values()
        if is_known and (not element.attrib or any(_has_attributes_of(element, home) for home in homes)):
            return None
        fitting = [each for each, child in missing.items() if _has_attributes_of(element, child)]
        return fitting[0] if len(fitting) == 1 else None

    def explain_unknown_child(
        self,
        form: Form,
        element: Element,
        meant: str | None,
        free: Mapping[str, Child],
        refused: Release | None,
        says: str,
    ) -> None:
        """Report a child that the form does not know; `free` are those that may still appear."""
        name = str(element.tag)
        homes = self.homes_of_child(name) if meant is None else {}
        self.report(
            Kind.MISPLACED_ELEMENT if homes else Kind.UNKNOWN_ELEMENT,
            name,
            element,
            expected=self.known(free),
            suggestion=meant,
            belongs=tuple(homes),
            refused=refused,
            says=says,
        )
        if meant is not None:
            self.inner.append((element, self.table.place(form.children[meant]), False))
        elif len(homes) == 1:
            self.inner += [(element, self.table.place(child), False) for child in homes.values()]

    def homes_of_child(self, name: str) -> Mapping[str, Child]:
        """Return the elements that know a child: this one in another of its forms, or else any."""
        if name in self.any_form.children:
            return {self.declared.name: self.any_form.children[name]}
        return places().get(name, {})

    # text

    def explain_text(self, form: Form) -> None:
        """Report text that is not allowed, or is invalid."""
        if any(child.tag is etree.Entity for child in self.element):
            return  # The rule entity-in-text reports it; libvirt reads what the entity stands for.
        pieces = [self.element.text, *(child.tail for child in self.element)]
        value = "".join(piece for piece in pieces if piece)
        if form.text is None:
            if value.strip():
                self.report(Kind.UNEXPECTED_TEXT, _name(self.element), value=value.strip())
        else:
            self.compare_value(form.text, self.declared.refused, self.declared.reads, value, _name(self.element))

    # values

    def compare_value(
        self,
        values: Values,
        refused: Refused,
        reads: Reads | None,
        value: str,
        name: str,
        attribute: str | None = None,
    ) -> None:
        """Report a value that the schema rejects, or that only the parser rejects."""
        since = values.listed.get(value)
        if _is_newer(since, self.libvirt):
            # The parser may be older than the schema.
            is_read = reads is not None and not reads.is_number and reads.accepts(value, self.libvirt)
            first = None if is_read else refused.of_value(value)
            says = self.said_of_value(first, value, attribute)
            self.report(Kind.TOO_NEW, name, attribute=attribute, value=value, since=since, refused=first, says=says)
            return
        fits = _accepts(values, value)
        if values.listed:
            is_accepted = value in values.listed and (reads is None or value not in reads.unread)
            is_accepted = is_accepted or (reads is not None and reads.accepts(value, self.libvirt))
        else:
            is_accepted = fits if reads is None else reads.accepts(value, self.libvirt)
        first = None if is_accepted else refused.of_value(value)
        if fits and not self.refuses(first):
            return
        self.report(
            Kind.WRONG_VALUE,
            name,
            attribute=attribute,
            value=value,
            expected=self.known_words(values),
            form=values.form,
            reads=reads,
            suggestion=None if value in values.listed else _likely(value.strip(), self.known_words(values)),
            refused=first,
            says=self.said_of_value(first, value, attribute),
        )

    def known(self, names: Mapping[str, Attribute] | Mapping[str, Child]) -> tuple[str, ...]:
        """Return the names, of elements or attributes, that the release knows."""
        libvirt = self.libvirt
        return tuple([name for name, each in names.items() if each.since is None or each.since <= libvirt])

    def known_words(self, values: Values) -> tuple[str, ...]:
        """Return the words that the release knows."""
        return tuple(word for word, since in values.listed.items() if not _is_newer(since, self.libvirt))

    # what libvirt says

    def said_of_value(self, refused: Release | None, value: str, attribute: str | None) -> str:
        """Return what libvirt says of an invalid value of an attribute or of the text, if it rejects it."""
        if not self.refuses(refused):
            return ""
        from vfslint.vocabulary import quotations

        tag, parent = _name(self.element), self.parent_name()
        if attribute is None:
            return quotations.of_value([f"<{self.declared.name}>"], self.libvirt, value, tag, parent=parent)
        is_selector = attribute in self.selectors
        if attribute in self.selectors[:1] and value in self.known_words(self.any_form.attributes[attribute].values):
            return ""  # It is a word of another form, which libvirt reads: it objects to what does not fit.
        forms = [self.form] if self.form is not self.any_form and not is_selector else self.declared.all_forms()
        places = [f"{form.name}/@{attribute}" for form in forms if attribute in form.attributes]
        return quotations.of_value(places, self.libvirt, value, tag, attribute, parent)

    def said_of_fault(
        self, fault: str, refused: Release | None, form: Form, name: str = "", element: str = "", value: str = ""
    ) -> str:
        """Return what libvirt says if a child or an @attribute of a form is missing, repeated or unknown.

        What is unknown is an `element`, or has a `value`, and has no name in the form.
        """
        if not self.refuses(refused):
            return ""
        from vfslint.vocabulary import quotations

        forms = [form] if form is not self.any_form else self.declared.all_forms()
        places = [f"{each.name}/{name}" if name else each.name for each in forms]
        attribute = name[1:] if name.startswith("@") else ""
        tag, parent = element or _name(self.element), self.parent_name()
        return quotations.of_fault(places, fault, self.libvirt, tag, attribute, parent, value)

    def parent_name(self) -> str:
        """Return the name of the element around this one."""
        parent = self.element.getparent()
        return "" if parent is None else _name(parent)

    # reporting

    def refuses(self, first: Release | None) -> bool:
        """Whether the target's plain define rejects something, which it does since the release `first`."""
        return self.is_read and first is not None and first <= self.libvirt

    def report(
        self,
        kind: Kind,
        name: str,
        element: Element | None = None,
        *,
        refused: Release | None = None,
        **details: Any,
    ) -> None:
        """Add a mismatch."""
        culprit = self.element if element is None else element
        self.mismatches.append(Mismatch(kind, culprit, name, is_refused=self.refuses(refused), **details))


def _is_newer(since: Release | None, libvirt: Release) -> bool:
    return since is not None and since > libvirt


def _likely(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant; None for a text that is too long to compare."""
    return nearest(word, known) if len(word) <= LONGEST_WORD else None


def _space(name: str) -> str:
    """Return the namespace in a name, or an empty string; an undeclared prefix is part of the name."""
    return name[1:].rpartition("}")[0]


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _name(element: Element) -> str:
    return _local(str(element.tag))


@cache
def _any_form(declared: Child) -> Form:
    """Return all forms of an element in one, which allows what any of them allows and requires what all require."""
    forms = declared.all_forms()
    if len(forms) == 1:
        return forms[0]
    attributes: dict[str, Attribute] = {}
    for attribute in (each for form in forms for each in form.attributes.values()):
        known = attributes.get(attribute.name)
        required = all(attribute.name in f.attributes and f.attributes[attribute.name].required for f in forms)
        merged = attribute._replace(required=required)
        if known:
            reads = _read_by_any(attribute.reads, known.reads)
            merged = merged._replace(refused=attribute.refused.both(known.refused), reads=reads)
            if attribute.values != known.values:
                listed = known.values.listed | attribute.values.listed if known.values.listed else {}
                merged = merged._replace(values=Values("", listed, None, None))
        attributes[attribute.name] = merged
    children = {child.name: child for form in forms for child in form.children.values()}
    return Form(declared.name, attributes, {name: _in_any_form(child, forms) for name, child in children.items()})


def _read_by_any(first: Reads | None, second: Reads | None) -> Reads | None:
    """Return how the parser reads a value that selects the form: words that it reads in one form, it reads."""
    if first == second:
        return first
    return next((each for each in (first, second) if each and not each.is_number), None)


def _in_any_form(child: Child, forms: list[Form]) -> Child:
    """Return a child in all forms of its parent: open if they differ, required if all require it."""
    namesakes = [form.children[child.name] for form in forms if child.name in form.children]
    shapes = {tuple(name for _, name in namesake.forms) for namesake in namesakes}
    return child._replace(
        required=len(namesakes) == len(forms) and all(namesake.required for namesake in namesakes),
        forms=child.forms if len(shapes) == 1 else ((None, ANY),),
    )


def _has_attributes_of(element: Element, child: Child) -> bool:
    known = _any_form(child).attributes
    return bool(element.attrib) and all(name in known for name in element.attrib)


@cache
def _types() -> dict[str, Any]:
    """Return the simple types as xmlschema reads them, for values that are not written in the usual way.

    Importing xmlschema takes longer than everything else here.
    """
    import xmlschema

    parser = etree.XMLParser(remove_comments=True, remove_blank_text=True)
    schema = etree.parse(schemas.DOMAIN_XSD, parser).getroot()
    for node in list(schema):
        if etree.QName(node).localname != "simpleType":
            schema.remove(node)
    return dict(xmlschema.XMLSchema11(schema).types)


def _accepts(values: Values, value: str) -> bool:
    """Whether the newest schema accepts a value."""
    if values.listed:
        # RELAX NG's token: the schema ignores whitespace around a value, libvirt's parser does not.
        return " ".join(value.split()) in values.listed
    # xmlschema decides about a carriage return, which the dot of a pattern does not match in XSD.
    if values.plain is not None and re.fullmatch(values.plain, value, re.ASCII) and "\r" not in value:
        return True
    if values.is_pattern and "\r" not in value:
        return False
    if not values.type or values.type not in _types():
        return True
    kind = _types()[values.type]
    # libxml2 tries a pattern on the value as written, xmlschema on the value without the whitespace around it.
    if kind.patterns and kind.white_space != "preserve" and value != value.strip():
        return False
    return bool(kind.is_valid(value))
