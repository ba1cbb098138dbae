"""The vocabulary of libvirt's domain XML: where elements, attributes and values may appear, since when.

It is written in schemas/domain.xsd. tools/compile_vocabulary.py makes literals of it (schemas/_domain.py), which
this module reads piece by piece on demand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from vfslint.schemas import _domain
from vfslint.vocabulary import numbers

Release = tuple[int, int, int]
# Returns the value of an attribute by its name, or None: the `get` of an element or of a dictionary.
Get = Callable[[str], str | None]

# Newer than every entry of the vocabulary.
NEWEST: Release = (12, 8, 0)

_NAMESPACE = re.compile(r"^\{http://libvirt\.org/schemas/domain/(\w+)/1\.0\}")
_NUMBER = re.compile(r"\s*[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)")


class Refused(NamedTuple):
    """What plain define rejects at one place because the parser reads it: the first release that does.

    `value` is any invalid value, `word` one that is not empty, `letters` one that is not a number either; `missing`
    means that it is absent, `repeated` that it appears more than once. None: no release rejects it.
    """

    value: Release | None = None
    word: Release | None = None
    letters: Release | None = None
    missing: Release | None = None
    repeated: Release | None = None

    def of_value(self, value: str) -> Release | None:
        """Return the first release whose parser rejects this value, which is not among the valid ones."""
        asked = [self.value]
        if value:
            asked.append(self.word)
            if not _NUMBER.fullmatch(value):
                asked.append(self.letters)
        return min((release for release in asked if release is not None), default=None)

    def both(self, other: Refused) -> Refused:
        """Return what both reject."""
        pairs = zip(self, other, strict=True)
        return Refused(*(max(mine, its) if mine and its else None for mine, its in pairs))


class Reads(NamedTuple):
    """How the parser reads a value if that differs from the schema (vfs:reads).

    `kind` is "unsigned" or "signed" for a number from `low` to `high`; if `unlimited`, below 1 as well; if `base`
    is 0, in the notation of C, such as 0x1f. `later` is a release since which another range applies. Or `kind` is
    "words", for `words` in addition to the listed ones, each with the release that introduced it to the parser, and
    without the `unread` ones.
    """

    kind: str
    low: int = 0
    high: int = 0
    unlimited: bool = False
    base: int = 10
    later: tuple[Release, int, int] | None = None
    words: tuple[tuple[str, Release | None], ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether the value is read as a number."""
        return self.kind != "words"

    def accepts(self, value: str, libvirt: Release) -> bool:
        """Whether the parser of a release accepts a value."""
        if not self.is_number:
            return any(word == value and (since or libvirt) <= libvirt for word, since in self.words)
        since, *narrowed = self.later or (libvirt, self.low, self.high)
        low, high = narrowed if since <= libvirt else (self.low, self.high)
        bits = 64 if high >= (2**31 if self.kind == "signed" else 2**32) else 32
        if self.base != 10:
            number = numbers.based(value, self.base, bits=bits, signed=self.kind == "signed")
        else:
            number = (numbers.integer if self.kind == "signed" else numbers.unsigned)(value, bits=bits)
        return number is not None and (low <= number <= high or (self.unlimited and number < 1))


class Values(NamedTuple):
    """What an attribute or a text can contain: listed words with their releases, or a named type.

    `plain` is a pattern that only valid values match, or None; `form` describes valid values, such as "an absolute
    path"; if it `is_pattern`, all valid values match `plain`.
    """

    type: str
    listed: dict[str, Release | None]
    plain: str | None
    form: str | None
    is_pattern: bool = False


class Attribute(NamedTuple):
    """An attribute in one of the places where it is known."""

    name: str
    values: Values
    required: bool
    since: Release | None
    optional_since: Release | None
    refused: Refused
    reads: Reads | None

    def is_read(self, value: str, libvirt: Release) -> bool:
        """Whether the parser of a release accepts one of the listed words, or another one that it reads."""
        since = self.values.listed.get(value, libvirt)
        is_listed = value in self.values.listed and (since or libvirt) <= libvirt
        if self.reads is None:
            return is_listed
        return (is_listed and value not in self.reads.unread) or self.reads.accepts(value, libvirt)

    def is_rejected(self, value: str, libvirt: Release) -> bool:
        """Whether plain define of a release rejects a word or a number here."""
        since = self.refused.of_value(value)
        return since is not None and since <= libvirt and not self.is_read(value, libvirt)


class Order(NamedTuple):
    """An order of children that the schema requires from one release on and before another (vfs:order).

    `kind` is "sequence" for children in the order of the names of the only group, "together" for children that must be
    adjacent, or "apart" for groups that libxml2 must not find mixed with an earlier one. If there is an `attribute`,
    the order applies if it has one of the `values`.
    """

    since: Release
    until: Release
    attribute: str | None
    values: tuple[str, ...]
    kind: str
    groups: tuple[tuple[str, ...], ...]


class Child(NamedTuple):
    """An element in one of the places where it is known; `forms` are names of forms with the test that selects each."""

    name: str
    required: bool
    repeatable: bool
    since: Release | None
    optional_since: Release | None
    refused: Refused
    reads: Reads | None
    orders: tuple[Order, ...]
    forms: tuple[tuple[tuple[Any, ...] | None, str | None], ...]

    @property
    def selectors(self) -> tuple[str, ...]:
        """Names of the attributes that select the form."""
        return tuple(dict.fromkeys(name for test, _ in self.forms if test for name in _attributes_in(test)))

    def form_of(self, get: Get) -> Form | None:
        """Return the form that the attributes of an element select; None if they select no known one."""
        for test, name in self.forms:
            if test is None or holds(test, get):
                return None if name is None else form(name)
        return None

    def all_forms(self) -> list[Form]:
        """Return every form of the element."""
        return [form(name) for _, name in self.forms if name is not None]


class Form(NamedTuple):
    """What an element may contain in one of its forms.

    Plain define rejects, and does not only drop, the unknown attributes that `refuses` names and, since the first
    release of `refuses_unknown_children` and before the second one, all unknown children.
    """

    name: str
    attributes: dict[str, Attribute]
    children: dict[str, Child]
    text: Values | None = None
    any_child: bool = False
    any_attribute: bool = False
    any_text: bool = False
    refuses: tuple[str, ...] = ()
    refuses_unknown_children: tuple[Release, Release] | None = None


def holds(test: tuple[Any, ...], get: Get) -> bool:
    """Whether an element's attributes satisfy the test of an alternative."""
    operator, *operands = test
    match operator:
        case "=":
            return bool(get(operands[0]) == operands[1])
        case "@":
            return get(operands[0]) is not None
        case "not":
            return not holds(operands[0], get)
        case "and":
            return all(holds(each, get) for each in operands)
        case _:
            return any(holds(each, get) for each in operands)


def _attributes_in(test: tuple[Any, ...]) -> list[str]:
    operator, *operands = test
    if operator in ("=", "@"):
        return [operands[0]]
    return [name for each in operands for name in _attributes_in(each)]


def spelled(name: str) -> str:
    """Return the name of an element as people write it, such as qemu:arg for one in libvirt's namespace for QEMU."""
    return _NAMESPACE.sub(r"\1:", name) if name[:1] == "{" else name


@cache
def values(name: str) -> Values:
    """Return a type of values by its name."""
    listed, plain, described, is_pattern = _domain.VALUES[name]
    return Values(name, dict(listed), plain, described, is_pattern)


# The form of an element in which anything is accepted, because its actual form is unknown.
ANY = "*"


@cache
def form(name: str) -> Form:
    """Return a form of elements by its name."""
    if name == ANY:
        return Form(ANY, {}, {}, any_child=True, any_attribute=True, any_text=True)
    row: tuple[Any, ...] = _domain.FORMS[name]
    attributes, children, text, *flags = row
    return Form(
        name,
        {each[0]: _attribute(*each) for each in attributes},
        {each[0]: _child(*each) for each in children},
        None if text is None else values(text),
        *flags,
    )


@cache
def roots() -> dict[str, Child]:
    """Return the elements that can be the root of a definition."""
    return {each[0]: _child(*each) for each in _domain.ROOTS}


def elements_at(*path: str) -> list[Child]:
    """Return the elements at a path inside <domain>, for all forms of the elements around them."""
    found = [roots()["domain"]]
    for name in path:
        forms = [form for child in found for form in child.all_forms()]
        found = [form.children[name] for form in forms if name in form.children]
    return found


@cache
def element_names() -> frozenset[str]:
    """Return the names of all elements. `places` reads every form, which takes two milliseconds."""
    return frozenset(child[0] for row in _domain.FORMS.values() for child in row[1])


@cache
def places() -> dict[str, dict[str, Child]]:
    """Return for each element name the elements that can contain it, by name, each with what it is there."""
    found: dict[str, dict[str, Child]] = {}
    pending = [roots()["domain"]]
    seen: set[str] = set()
    for child in pending:
        for each in child.all_forms():
            for inner in each.children.values():
                found.setdefault(inner.name, {}).setdefault(child.name, inner)
            if each.name not in seen:
                seen.add(each.name)
                pending += each.children.values()
    return found


def _attribute(name: str, kind: str, required: bool, *history: Any) -> Attribute:
    since, optional, refused, reads = history
    return Attribute(name, values(kind), required, since, optional, _refused(refused), _reads(reads))


def _child(name: str, required: bool, repeatable: bool, *history: Any) -> Child:
    since, optional, refused, reads, written, forms = history
    orders = tuple(Order(*order) for order in written)
    return Child(name, required, repeatable, since, optional, _refused(refused), _reads(reads), orders, forms)


_NOTHING_REFUSED = Refused()


def _refused(written: tuple[Release | None, ...] | None) -> Refused:
    return _NOTHING_REFUSED if written is None else Refused(*written)


def _reads(written: tuple[Any, ...] | None) -> Reads | None:
    if written is None:
        return None
    return Reads("words", words=written[1], unread=written[2]) if written[0] == "words" else Reads(*written)
