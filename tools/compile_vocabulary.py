"""Compiles schemas/domain.xsd into modules of schemas/: `python -m tools.compile_vocabulary`, after each change.

xmlschema reads the schema (XSD 1.1), which also checks that it is valid. `_domain.py` is literals, which Python loads
in about a millisecond; `vfslint.vocabulary.table` describes them. `_descriptions.py` is what people read about elements
and attributes, `_quotations.py` what libvirt says about faults. `--check` fails if one of them is out of date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import elementpath
import xmlschema
from xmlschema.validators import (
    Xsd11AnyElement,
    Xsd11Element,
    XsdAttribute,
    XsdComplexType,
    XsdGroup,
    XsdType,
)

from vfslint.vocabulary.quotations import TESTED

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "schemas" / "domain.xsd"
FOLDER = ROOT / "schemas"
VFS = "{urn:vfslint:schema}"
HEADER = '''"""{} Made by tools/compile_vocabulary.py; do not edit."""

# ruff: noqa
# fmt: off
'''
# The words in vfs:refused, in the order of vfslint.vocabulary.table.Refused.
REFUSALS = ("value", "word", "letters", "missing", "repeated")
# The head of a clause of vfs:says: the fault, the parent, and the releases.
_CLAUSE = re.compile(
    r"(?:(?P<fault>empty|zero|negative|range|large|missing|repeated|unknown|@\w+)(?![\w']) ?)?"
    r"(?:in (?P<parent>[\w-]+) ?)?(?:since (?P<since>[\d.]+) ?)?(?:until (?P<until>[\d.]+))?: (?P<text>.+)"
)
Release = tuple[int, int, int]


def release(text: str) -> Release:
    """Read a release such as 9.0.0."""
    major, minor, micro = map(int, text.split("."))
    return major, minor, micro


class Compiler:
    """Collects the components of a schema: values, forms, roots, descriptions and quotations.

    A description is that of an element or an attribute in a form: "Domain/name", "Domain/@type". So are quotations.
    """

    def __init__(self, schema: xmlschema.XMLSchema11) -> None:
        self.values: dict[str, Any] = {}
        self.forms: dict[str, Any] = {}
        self.descriptions: dict[str, str] = {}
        self.quotations: dict[str, dict[str, str | tuple[str, ...]]] = {}
        self.written = {node.get("name"): node for node in schema.root.iterfind("./{*}simpleType")}
        self.roots = [self.element("", each) for each in schema.elements.values()]

    # places

    def element(self, form: str, each: Xsd11Element) -> tuple[Any, ...]:
        """Return (name, required, repeatable, since, optional since, refused, reads, orders, forms)."""
        node = each.elem
        self.describe(f"{form}/{each.name}", each.ref.elem if each.ref is not None else node)
        tests = [(alternative.elem.get("test"), alternative.type) for alternative in each.alternatives]
        forms = [(test and condition(test), self.form(kind)) for test, kind in tests] or [(None, self.form(each.type))]
        self.quote(f"{form}/{each.name}", node, "")
        texts = {text for _, name in forms if name and (text := self.forms[name] and self.forms[name][2])}
        if len(texts) == 1:
            self.quote(f"<{each.name}>", node, texts.pop())
        return (
            each.name,
            each.min_occurs > 0,
            each.max_occurs != 1,
            *self.history(node),
            orders(node.get(VFS + "order", "")),
            tuple(forms),
        )

    def attribute(self, form: str, each: XsdAttribute) -> tuple[Any, ...]:
        """Return (name, values, required, since, optional since, refused, reads)."""
        name = each.type.local_name or f"{form}/@{each.local_name}"
        values = self.value(name, each.type, each.elem.find("./{*}simpleType"))
        self.describe(f"{form}/@{each.local_name}", each.elem)
        self.quote(f"{form}/@{each.local_name}", each.elem, values)
        return each.local_name, values, each.use == "required", *self.history(each.elem)

    def describe(self, place: str, node: Any) -> None:
        """Record the description of a declaration, if it has one."""
        text = documentation(node)
        if text:
            self.descriptions[place] = " ".join(text.split())

    def quote(self, place: str, node: Any, values: str) -> None:
        """Record what libvirt says of faults at a place that plain define rejects; `values` names the valid values.

        What it says of an element's text is recorded under "<name>", of its absence or repetition under the place.
        """
        written = node.get(VFS + "says", "")
        if not written and VFS + "refused" not in node.attrib:
            return
        is_text = place.startswith("<")
        rejects = node.get(VFS + "refused", "") if "@" in place else ""
        is_checked = any(word in rejects for word in ("value", "word", "letters"))
        usual = self.usual_sentence(node, values) if is_checked else ""
        said = says(written, usual, "missing" if "missing" in rejects else "")
        if usual in ("natural", "integer") and "value" in said:
            # A number that libvirt reads, but that is too large for this place, has a message of its own.
            texts = [said["value"]] if isinstance(said["value"], str) else said["value"]
            said.setdefault("range", tuple("" if text == usual else text for text in texts))
        of_text = {fault: texts for fault, texts in said.items() if fault.split()[0] not in ("missing", "repeated")}
        found = of_text if is_text else said if "@" in place else {k: v for k, v in said.items() if k not in of_text}
        if found:
            known = self.quotations.setdefault(place, found)
            # Of elements with the same name, only what libvirt says of all is known.
            self.quotations[place] = {fault: texts for fault, texts in found.items() if known.get(fault) == texts}

    def usual_sentence(self, node: Any, values: str) -> str:
        """Return the name of what virXMLProp says of an invalid value, by the type of an attribute."""
        read = reads(node.get(VFS + "reads", ""))
        if read and read[0] != "words":
            return "natural" if read[0] == "unsigned" else "integer"
        return "word" if self.values[values][0] else ""

    def history(self, node: Any) -> tuple[Any, ...]:
        """Return since, optional since, refused and reads of a declaration."""
        since, optional = (node.get(VFS + name) and release(node.get(VFS + name)) for name in ("since", "optional"))
        return since, optional, refused(node.get(VFS + "refused", ""), since), reads(node.get(VFS + "reads", ""))

    # types

    def form(self, kind: XsdType) -> str | None:
        """Return the name of a type of elements, after recording its content; None for xs:error."""
        name = kind.local_name
        assert name, f"a type without a name: {kind}"
        if name == "error":
            return None
        if name not in self.forms:
            self.forms[name] = None  # Reserve the name, because types may be recursive.
            self.forms[name] = self.content(name, kind)
        return name

    def content(self, name: str, kind: XsdType) -> tuple[Any, ...]:
        """Return the arguments of a Form after its name."""
        if not isinstance(kind, XsdComplexType):
            return (), (), self.value(name, kind), False, False, False, (), None
        attributes = tuple(
            self.attribute(name, each)
            for key, each in kind.attributes.items()
            if key is not None and isinstance(each, XsdAttribute)
        )
        if kind.has_simple_content():
            base = kind.content
            return attributes, (), self.value(base.local_name or name, base), False, False, False, (), None
        particles = list(flat(kind.content)) if isinstance(kind.content, XsdGroup) else []
        children = tuple(self.element(name, each) for each in particles if isinstance(each, Xsd11Element))
        any_child = any(isinstance(each, Xsd11AnyElement) for each in particles)
        anything = any_child, None in kind.attributes, kind.mixed
        node = kind.elem
        if node.get(VFS + "says"):
            self.quotations[name] = says(node.get(VFS + "says"), "", "")
        refuses = tuple(node.get(VFS + "refuses", "").split())
        return attributes, children, None, *anything, refuses, unknown_children(node.get(VFS + "unknown"))

    def value(self, name: str, kind: XsdType, node: Any = None) -> str:
        """Return the name of a type of values, after recording (listed values, pattern, description, is that all)."""
        if name not in self.values:
            # xmlschema keeps only the restriction of a simple type.
            node = self.written.get(name) if node is None else node
            listed = [] if node is None else node.iterfind("./{*}restriction/{*}enumeration")
            pairs = [(each.get("value", ""), each.get(VFS + "since")) for each in listed]
            assert kind.is_simple(), name
            words = tuple((word, since and release(since)) for word, since in pairs)
            self.values[name] = words, plain(name, node, kind), documentation(node), consists_of_patterns(node)
        return name


INTEGERS = frozenset(f"xs:{name}" for name in "integer positiveInteger int long short".split()) | {
    "xs:unsignedByte", "xs:unsignedInt", "xs:unsignedLong", "xs:unsignedShort"
}  # fmt: skip


def consists_of_patterns(node: Any) -> bool:
    """Whether the patterns of a type are its only restriction, so that every valid value matches one."""
    restriction = None if node is None else node.find("./{*}restriction[@base='xs:string']")
    return restriction is not None and {each.tag for each in restriction} == {
        "{http://www.w3.org/2001/XMLSchema}pattern"
    }


# So many digits have numbers that a pattern accepts if there is no limit, and limits that it observes exactly.
LONGEST, EXACT = 18, 5


def flat(group: XsdGroup) -> Iterator[Any]:
    """Yield the elements and wildcards of a content model, including those of its groups."""
    for each in group:
        if isinstance(each, XsdGroup):
            yield from flat(each)
        else:
            yield each


def plain(name: str, node: Any, kind: XsdType) -> str | None:
    """Return a pattern that only valid values match: vfs:plain, or that of the type's only restriction.

    That is its own pattern, or for numbers a pattern of its range.
    """
    if name == "string":
        return "(?s).*"
    if node is None:
        return None
    restriction = node.find("./{*}restriction")
    patterns = [] if restriction is None else [each.get("value", "") for each in restriction.iterfind("./{*}pattern")]
    base = None if restriction is None else restriction.get("base")
    written: str | None = node.get(VFS + "plain")
    if base == "xs:string":
        assert written is None, f"vfs:plain of {name} would hide its own pattern"
        return "|".join(patterns) or "(?s).*"
    if written is None and base in INTEGERS and set(patterns) <= {"[0-9]+", "-?[0-9]+"}:
        return between(kind.min_value, kind.max_value)
    return written


def between(low: int | None, high: int | None) -> str:
    """Return a pattern for the numbers of a range, written without a sign or zeros that they do not need.

    It is short: of numbers with as many digits as a limit of many digits, it has only the limit.
    """
    if low is None or low < 0:
        below = f"-({between(1, None if low is None else -low)})"
        return f"{below}|{between(0, high)}" if high is None or high >= 0 else below
    parts = ["0"] if low == 0 else []
    shortest, longest = len(str(max(low, 1))), LONGEST if high is None else len(str(high))
    whole = [n for n in range(shortest, longest + 1) if 10 ** (n - 1) >= low and (high is None or 10**n - 1 <= high)]
    if whole:
        parts.append(f"[1-9][0-9]{{{whole[0] - 1},{whole[-1] - 1}}}")
    for digits in {shortest, longest} - set(whole):
        if digits <= EXACT:
            parts += _parts(max(low, 10 ** (digits - 1)), min(high or 10**LONGEST, 10**digits - 1))
        else:
            parts += [str(limit) for limit in (low, high) if len(str(limit)) == digits]
    return "|".join(parts)


def _parts(low: int, high: int) -> Iterator[str]:
    """Yield patterns for numbers with the same number of digits: one for each leading digits that they share."""
    while low <= high:
        zeros = len(str(low)) - len(str(low).rstrip("0"))
        while low + 10**zeros - 1 > high:
            zeros -= 1
        digit = low // 10**zeros % 10
        steps = min(9 - digit, (high - low + 1) // 10**zeros - 1)
        yield f"{low // 10 ** (zeros + 1) or ''}{f'[{digit}-{digit + steps}]' if steps else digit}" + "[0-9]" * zeros
        low += (steps + 1) * 10**zeros


def documentation(node: Any) -> str | None:
    """Return the sentence that describes a declaration."""
    return None if node is None else node.findtext("./{*}annotation/{*}documentation")


def refused(text: str, since: Release | None) -> tuple[Release | None, ...] | None:
    """Read vfs:refused, such as "value:9.0.0 missing": for each of REFUSALS the first release that rejects it."""
    if not text:
        return None
    first = since or (0, 0, 0)
    words = dict(word.partition(":")[::2] for word in text.split())
    assert set(words) <= set(REFUSALS), text
    return tuple(max(release(words[each] or "0.0.0"), first) if each in words else None for each in REFUSALS)


def reads(text: str) -> tuple[Any, ...] | None:
    """Read vfs:reads, "unsigned 0..255" or "words default other:9.0.0 !unread": a kind and the arguments of Reads."""
    if not text:
        return None
    kind, *rest = text.split()
    if kind == "words":
        pairs = [word.partition(":")[::2] for word in rest]
        others = tuple((word, release(since) if since else None) for word, since in pairs if word[0] != "!")
        return kind, others, tuple(word[1:] for word, _ in pairs if word[0] == "!")
    base = 0 if "0x" in rest else 10
    later = next(
        ((release(since), *_range(span)) for since, _, span in (word.partition(":") for word in rest) if span), None
    )
    return kind, *_range(rest[0]), "unlimited" in rest, base, later


def _range(text: str) -> tuple[int, int]:
    low, high = text.split("..")
    return int(low), int(high)


def orders(text: str) -> tuple[Any, ...]:
    """Read vfs:order, "until 7.1.0 type mount,bind: together driver source; sequence a b": the arguments of Orders."""
    return tuple(_order(clause) for clause in text.split(";") if clause.strip())


def _order(clause: str) -> tuple[Any, ...]:
    head, _, tail = clause.rpartition(":")
    words = head.split()
    bounds = {"since": (0, 0, 0), "until": (999, 0, 0)}
    while words and words[0] in bounds:
        bound, number, *words = words
        bounds[bound] = release(number)
    attribute, values = words if words else (None, "")
    kind, *names = tail.split()
    groups = tuple(tuple(group.split()) for group in " ".join(names).split("/"))
    return bounds["since"], bounds["until"], attribute, tuple(filter(None, values.split(","))), kind, groups


def says(text: str, usual: str, missing: str) -> dict[str, str | tuple[str, ...]]:
    """Read vfs:says: for each fault, such as "value" or "value in hyperv", what all tested releases say, or each.

    `usual` and `missing` are what virXMLProp says of a wrong value and of an absent one; libvirt 7.0.0 does not have
    it.
    """
    found = {
        fault: ["", *[sentence] * (len(TESTED) - 1)]
        for fault, sentence in (("value", usual), ("missing", missing))
        if sentence
    }
    for clause in text.split(" | ") if text else ():
        match = _CLAUSE.fullmatch(clause)
        head = match.groupdict() if match else {"text": clause}
        fault = (head.get("fault") or "value") + (f" in {head['parent']}" if head.get("parent") else "")
        since, until = release(head.get("since") or "0.0.0"), release(head.get("until") or "999.0.0")
        sentence = "" if head["text"] == "?" else head["text"]
        general = found.get(fault.split(" in ")[0]) or found.get("value") or [""] * len(TESTED)
        entry = found.setdefault(fault, list(general))
        entry[:] = [sentence if since <= tested < until else old for tested, old in zip(TESTED, entry, strict=True)]
    return {
        fault: texts[0] if len(set(texts)) == 1 else tuple(texts)
        for fault, texts in found.items()
        if any(texts) or fault != "value"
    }


def unknown_children(text: str | None) -> tuple[Release, Release] | None:
    """Read vfs:unknown, "refused", "refused since 11.0.0" or "refused until 9.1.0": since when, and until when."""
    if not text:
        return None
    words = text.split()
    named = release(words[2]) if len(words) > 1 else None
    return (named or (0, 0, 0), (999, 0, 0)) if words[1:2] != ["until"] else ((0, 0, 0), named or (999, 0, 0))


def condition(test: str) -> tuple[Any, ...]:
    """Return the test of an alternative as nested tuples: ("=", "type", "pci"), ("and", …, …), ("@", "delay")."""
    return _condition(elementpath.XPath2Parser().parse(test))


def _condition(token: Any) -> tuple[Any, ...]:
    operands = list(token)
    match token.symbol:
        case "and" | "or":
            return token.symbol, *(_condition(each) for each in operands)
        case "=":
            return "=", operands[0][0].value, operands[1].value
        case "@":
            return "@", operands[0].value
        case "not":
            return "not", _condition(operands[0])
        case "(":
            return _condition(operands[0])
    raise ValueError(f"unsupported test: {token.source}")


def literal(name: str, value: Any) -> Iterator[str]:
    """Yield the lines that assign a dictionary or a list, one entry per line."""
    if isinstance(value, dict):
        yield f"{name} = {{"
        yield from (f"    {key!r}: {each!r}," for key, each in sorted(value.items()))
        yield "}"
    else:
        yield f"{name} = ("
        yield from (f"    {each!r}," for each in value)
        yield ")"


def compiled() -> dict[str, str]:
    """Return the texts of the modules, by file name."""
    compiler = Compiler(xmlschema.XMLSchema11(str(SCHEMA)))
    lines = [*literal("VALUES", compiler.values), *literal("FORMS", compiler.forms), *literal("ROOTS", compiler.roots)]
    described = literal("DESCRIPTIONS", compiler.descriptions)
    quoted = literal("QUOTATIONS: dict[str, dict[str, str | tuple[str, ...]]]", compiler.quotations)
    return {
        "_domain.py": HEADER.format("The vocabulary of domain.xsd as literals.") + "\n".join(lines) + "\n",
        "_descriptions.py": HEADER.format("Descriptions of the names in domain.xsd.") + "\n".join(described) + "\n",
        "_quotations.py": HEADER.format("What libvirt says of faults at the places of domain.xsd.")
        + "\n".join(quoted)
        + "\n",
    }


def main() -> int:
    """Write the modules, or with --check return whether one is out of date."""
    texts = compiled()
    if "--check" in sys.argv[1:]:
        return int(any((FOLDER / name).read_text(encoding="utf-8") != text for name, text in texts.items()))
    for name, text in texts.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
