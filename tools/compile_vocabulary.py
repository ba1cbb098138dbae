"""Compiles schemas/domain.xsd into two modules of schemas/: `python -m tools.compile_vocabulary`, after each change.

xmlschema reads the schema (XSD 1.1), which also checks that it is valid. `_domain.py` is literals, which Python loads
in about a millisecond; `vfslint.vocabulary.table` describes them. `_descriptions.py` is what people read about elements
and attributes. `--check` fails if one of them is out of date.
"""

from __future__ import annotations

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
Release = tuple[int, int, int]


def release(text: str) -> Release:
    """Read a release such as 9.0.0."""
    major, minor, micro = map(int, text.split("."))
    return major, minor, micro


class Compiler:
    """Collects the components of a schema: values, forms, roots, and descriptions.

    A description is that of an element or an attribute in a form: "Domain/name", "Domain/@type".
    """

    def __init__(self, schema: xmlschema.XMLSchema11) -> None:
        self.values: dict[str, Any] = {}
        self.forms: dict[str, Any] = {}
        self.descriptions: dict[str, str] = {}
        self.written = {node.get("name"): node for node in schema.root.iterfind("./{*}simpleType")}
        self.roots = [self.element("", each) for each in schema.elements.values()]

    # places

    def element(self, form: str, each: Xsd11Element) -> tuple[Any, ...]:
        """Return (name, required, repeatable, since, optional since, refused, reads, orders, forms)."""
        node = each.elem
        self.describe(f"{form}/{each.name}", each.ref.elem if each.ref is not None else node)
        tests = [(alternative.elem.get("test"), alternative.type) for alternative in each.alternatives]
        forms = [(test and condition(test), self.form(kind)) for test, kind in tests] or [(None, self.form(each.type))]
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
        return each.local_name, values, each.use == "required", *self.history(each.elem)

    def describe(self, place: str, node: Any) -> None:
        """Record the description of a declaration, if it has one."""
        text = documentation(node)
        if text:
            self.descriptions[place] = " ".join(text.split())

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
    written: str | None = node.get(VFS + "plain")
    if restriction is None or written is not None:
        return written
    patterns = [each.get("value", "") for each in restriction.iterfind("./{*}pattern")]
    if restriction.get("base") == "xs:string":
        return "|".join(patterns) or "(?s).*"
    if restriction.get("base") in INTEGERS and set(patterns) <= {"[0-9]+", "-?[0-9]+"}:
        return between(kind.min_value, kind.max_value)
    return None


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
    return {
        "_domain.py": HEADER.format("The vocabulary of domain.xsd as literals.") + "\n".join(lines) + "\n",
        "_descriptions.py": HEADER.format("Descriptions of the names in domain.xsd.") + "\n".join(described) + "\n",
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
