"""Where a domain deviates from libvirt's vocabulary: a class for each kind of deviation, with what its rules need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint.domain import sharing
from vfslint.domain.roots import is_in_status, is_of_status
from vfslint.findings import Severity, Span, Stage
from vfslint.lazy import once
from vfslint.vocabulary import explain
from vfslint.vocabulary.mismatch import Kind, Mismatch
from vfslint.vocabulary.table import elements_at, spelled
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain
    from vfslint.vocabulary.check import Examined

# Without these, a share is missing, is not virtio-fs, or is writable although it is meant to be read-only.
_MAKES_A_SHARE = frozenset({"filesystem", "driver", "source", "target", "readonly", "type", "dir", "socket"})
# The attributes that decide what a device is, and so which other settings it can have.
_OF_KINDS = frozenset({"type", "model", "device", "bus", "protocol"})
_SHARES_MEMORY = frozenset({"memoryBacking", "access", "mode", "cpu", "numa", "cell", "memAccess"})


class Deviation:
    """One place where a domain deviates from the vocabulary of the target's libvirt.

    `node` is the unexpected element itself, or the element whose attribute or text is wrong or that lacks something;
    `name` is the name of the element or attribute at fault. `is_refused`: the target's plain define rejects it, too;
    `says`: what it prints then, if that is known. `breaks_a_share`: because of what is dropped, a share fails or
    behaves differently from what is written.
    """

    def __init__(self, domain: Domain, found: Mismatch) -> None:
        self.node = Node(domain.document, found.element)
        self.name = spelled(found.name)
        self.is_refused = found.is_refused
        self.says = found.says
        self.breaks_a_share = _breaks_a_share(domain, found)

    @property
    def severity(self) -> Severity | None:
        """ERROR if the domain is rejected or a share fails, else None: the rule's own."""
        return Severity.ERROR if self.is_refused or self.breaks_a_share else None

    @property
    def stage(self) -> Stage | None:
        """PARSE if plain define rejects it, else None: the rule's own."""
        return Stage.PARSE if self.is_refused else None


class UnknownElement(Deviation):
    """An element that is unknown everywhere; `suggestion` is what was probably meant, of what is `expected`.

    `would_share`: the suggested name decides whether memory is shared.
    """

    def __init__(self, domain: Domain, found: Mismatch) -> None:
        super().__init__(domain, found)
        self.suggestion = _with_prefix_of(found.element, found.suggestion)
        self.expected = tuple(map(spelled, found.expected))
        self.would_share = found.suggestion in ("memoryBacking", "access", "numa", "cell")

    @property
    def name_span(self) -> Span:
        """Where its name is."""
        return self.node.name_span


class UnknownAttribute(Deviation):
    """An attribute that is unknown everywhere; `suggestion` is what was probably meant, of what is `expected`.

    `would_share`: the suggested name decides whether memory is shared.
    """

    def __init__(self, domain: Domain, found: Mismatch) -> None:
        super().__init__(domain, found)
        self.suggestion = found.suggestion
        self.expected = found.expected
        self.would_share = (self.node.tag, found.suggestion) in (("access", "mode"), ("cell", "memAccess"))

    @property
    def name_span(self) -> Span:
        """Where its name is."""
        return self.node[self.name].name_span


class Home(NamedTuple):
    """Where a misplaced element belongs: in `node`, or in an element `tag` that does not exist yet.

    That takes the place of the misplaced elements `together`, or follows `after`.
    """

    node: Node | None = None
    tag: str = ""
    together: tuple[Node, ...] = ()
    after: Node | None = None


class MisplacedElement(Deviation):
    """An element that libvirt knows in other elements, whose names are in `belongs`."""

    def __init__(self, domain: Domain, found: Mismatch) -> None:
        super().__init__(domain, found)
        self.belongs = tuple(map(spelled, found.belongs))
        self._found = found

    def home(self, domain: Domain) -> Home | None:
        """Return where it belongs, if that is certain and nothing with its name is there."""
        return _home(domain, self._found)


class MisplacedAttribute(Deviation):
    """An attribute that libvirt knows on other elements, whose names are in `belongs`."""

    def __init__(self, domain: Domain, found: Mismatch) -> None:
        super().__init__(domain, found)
        self.belongs = tuple(map(spelled, found.belongs))


class MissingElement(Deviation):
    """An element that is required; `since` is the release since which it is optional."""

    def __init__(self, domain: Domain, found: Mismatch) -> None:
        super().__init__(domain, found)
        self.since = found.since


class MissingAttribute(Deviation):
    """An attribute that is required. Its value must be one of the words that are `expected`, or have a `form`.

    `since` is the release since which it is optional. An attribute that the parser also requires is of the class below.
    """

    def __init__(self, domain: Domain, found: Mismatch) -> None:
        super().__init__(domain, found)
        self.since = found.since
        self.expected = found.expected
        self.form = found.form


class RequiredAttribute(MissingAttribute):
    """A missing attribute without which libvirt's parser rejects the domain."""


# Elements of a domain whose children libvirt reads wherever they are: `./memoryBacking/source` finds the first one in
# any <memoryBacking> (domain_conf.c).
_READ_TOGETHER = frozenset({"memoryBacking", "features", "devices", "cputune", "memtune", "blkiotune"})


# More siblings than anybody writes by mistake: what to do with them is not worked out.
_MANY = 32


class RepeatedElement(Deviation):
    """An element that may appear only once. `first` is the one that libvirt reads; `is_copy`: they are equal.

    `is_read_with_first`: libvirt reads its children as if they were in the first one.
    """

    def __init__(self, domain: Domain, found: Mismatch) -> None:
        super().__init__(domain, found)
        parent = self.node.parent
        self.first = parent.child(found.name) if parent else None
        self.is_copy = self.first is not None and _is_copy(self.first.element, found.element)
        self.is_read_with_first = (
            parent == domain.node
            and found.name in _READ_TOGETHER
            and not found.element.attrib
            and not _are_many(domain.node.element.iterchildren(found.name), 4)
        )
        if self.first and found.name in _MAKES_A_SHARE:
            self.breaks_a_share = self.breaks_a_share and _makes_another_share(self.first.element, found.element)


class UnexpectedText(Deviation):
    """Text in an element that has no text."""


class WrongOrder(Deviation):
    """An element that must be `relation` ("before" or "next to") the elements whose names are `expected`."""

    def __init__(self, domain: Domain, found: Mismatch) -> None:
        super().__init__(domain, found)
        self.expected = found.expected
        self.relation = found.form or ""


class WrongValue(Deviation):
    """A value that libvirt's schema rejects, in an `attribute` or in a text.

    The value must be one of the words that are `expected`, or have a `form`; `suggestion` is the word that was probably
    meant. If libvirt's parser rejects it, too, it belongs to one of the two classes below, unless it should be neither
    a word nor a number.
    """

    def __init__(self, domain: Domain, found: Mismatch) -> None:
        super().__init__(domain, found)
        self.attribute = found.attribute
        self.value = found.value or ""
        self.expected = found.expected
        self.form = found.form
        self.reads = found.reads
        self.suggestion = found.suggestion

    @property
    def span(self) -> Span:
        """Where the value is."""
        return self.node[self.attribute].span if self.attribute else self.node.text_span

    @property
    def place(self) -> str:
        """How messages name its place: `'mode' of <cpu>`, or `<iothreads>`."""
        tag = spelled(self.node.tag)
        return f"{self.attribute!r} of <{tag}>" if self.attribute else f"<{tag}>"


class UnknownWord(WrongValue):
    """A word that libvirt's parser does not know in this place, and rejects."""


class UnreadableNumber(WrongValue):
    """A number that libvirt's parser cannot read or that is out of range, and that it rejects."""


class TooNew(Deviation):
    """An element, an attribute or a value that a later release, `since`, introduced."""

    def __init__(self, domain: Domain, found: Mismatch) -> None:
        super().__init__(domain, found)
        self.attribute = found.attribute
        self.value = found.value
        self.since = found.since


_CLASSES = {
    Kind.UNKNOWN_ELEMENT: UnknownElement,
    Kind.UNKNOWN_ATTRIBUTE: UnknownAttribute,
    Kind.MISPLACED_ELEMENT: MisplacedElement,
    Kind.MISPLACED_ATTRIBUTE: MisplacedAttribute,
    Kind.MISSING_ELEMENT: MissingElement,
    Kind.MISSING_ATTRIBUTE: MissingAttribute,
    Kind.REPEATED_ELEMENT: RepeatedElement,
    Kind.WRONG_VALUE: WrongValue,
    Kind.UNEXPECTED_TEXT: UnexpectedText,
    Kind.TOO_NEW: TooNew,
    Kind.WRONG_ORDER: WrongOrder,
}

_NAMES_UNKNOWN = frozenset(
    {Kind.UNKNOWN_ELEMENT, Kind.UNKNOWN_ATTRIBUTE, Kind.MISPLACED_ELEMENT, Kind.MISPLACED_ATTRIBUTE}
)


def deviations(domain: Domain, suspects: list[Examined] | None) -> list[Deviation]:
    """Return where a domain deviates from the vocabulary of the target's libvirt, in document order.

    `suspects` are its elements that may deviate; None if not even the root is known.
    """
    found = explain.mismatches(domain.node.element, domain.context.target.libvirt, suspects, domain.texts)
    if is_in_status(domain.node):
        found = [mismatch for mismatch in found if mismatch.kind not in _NAMES_UNKNOWN or not is_of_status(mismatch)]
    deviating = [_class_of(mismatch)(domain, mismatch) for mismatch in found]
    unclear = {word.node.element for word in deviating if isinstance(word, UnknownWord) and _hides_kind(word)}
    return [each for each in deviating if not _depends_on(each, unclear)] if unclear else deviating


def _depends_on(deviation: Deviation, unclear: set[Any]) -> bool:
    """Whether what is expected depends on the kind of an element whose kind is not known."""
    element = deviation.node.element
    if isinstance(deviation, TooNew):
        return element in unclear and deviation.attribute is not None
    if isinstance(deviation, UnexpectedText):
        return element in unclear
    return isinstance(deviation, RepeatedElement) and element.getparent() in unclear


def _class_of(mismatch: Mismatch) -> type[Deviation]:
    if mismatch.kind is Kind.MISSING_ATTRIBUTE and mismatch.is_refused:
        return RequiredAttribute
    if mismatch.kind is Kind.WRONG_VALUE and mismatch.is_refused:
        if mismatch.expected:
            return UnknownWord
        is_number = mismatch.reads.is_number if mismatch.reads else (mismatch.form or "").startswith("a whole number")
        return UnreadableNumber if is_number else WrongValue
    return _CLASSES[mismatch.kind]


def _with_prefix_of(element: Any, name: str | None) -> str | None:
    """Return a name to write instead of an element's: with the element's prefix, if the name has a namespace."""
    _, brace, local = (name or "").rpartition("}")
    return f"{element.prefix}:{local}" if brace and element.prefix else name


def _home(domain: Domain, mismatch: Mismatch) -> Home | None:
    """Look for the home of a misplaced element: in its parent, in its parent's parent, then anywhere."""
    root, element, name = domain.node.element, mismatch.element, mismatch.name
    parent = element.getparent()
    if parent is None or element is root:
        return None
    holders = [holder for holder in explain.holders(root, parent, name) if holder in mismatch.belongs]
    if holders:
        return _home_beside(domain, element, holders)
    if parent is not root:
        above = parent.getparent()
        if above.tag in mismatch.belongs and above.find(name) is None and explain.knows(root, above, name):
            return Home(Node(domain.document, above))
    return _home_anywhere(domain, mismatch)


def _home_beside(domain: Domain, element: Any, holders: Sequence[str]) -> Home | None:
    """Return the home in the same parent: the only element that can hold this one, or a new one."""
    parent, root = element.getparent(), domain.node.element
    if len(holders) > 1:
        return None
    found = parent.findall(holders[0])
    if len(found) == 1:
        return Home(Node(domain.document, found[0])) if found[0].find(element.tag) is None else None
    if found or _are_many(parent.iterchildren(), _MANY):
        return None
    together = [
        each
        for each in parent.iterchildren("*")
        if not explain.knows(root, parent, str(each.tag)) and explain.holders(root, parent, str(each.tag)) == holders
    ]
    if len({each.tag for each in together}) < len(together):
        return None
    return Home(tag=holders[0], together=tuple(Node(domain.document, each) for each in together))


def _home_anywhere(domain: Domain, mismatch: Mismatch) -> Home | None:
    if len(mismatch.belongs) != 1:
        return None
    homes, key = _homes(domain), (mismatch.belongs[0], mismatch.name)
    if key not in homes:
        homes[key] = _only_home(domain, *key)
    home, is_missing = homes[key]
    element, root = mismatch.element, domain.node.element
    if home is not None:
        return None if element in (home, *home.iterancestors()) else Home(Node(domain.document, home))
    if is_missing and explain.holders(root, root, key[1]) == [key[0]]:
        top = next(each for each in element.iterancestors() if each.getparent() is root)
        return Home(tag=key[0], together=(Node(domain.document, element),), after=Node(domain.document, top))
    return None


def _are_many(elements: Iterable[Any], most: int) -> bool:
    return next(islice(elements, most, None), None) is not None


@once
def _homes(_domain: Domain) -> dict[tuple[str, str], tuple[Any, bool]]:
    """What `_only_home` returned for the names of elements and of misplaced ones, as far as it has been asked."""
    return {}


def _only_home(domain: Domain, place: str, name: str) -> tuple[Any, bool]:
    """Return the only element `place` of a domain, if `name` is known in it and is not there yet; is there none?"""
    root = domain.node.element
    places = root.iter(place)
    home, other = next(places, None), next(places, None)
    if home is None or other is not None or home.find(name) is not None or not explain.knows(root, home, name):
        return None, home is None
    return home, False


def _makes_another_share(first: Any, second: Any) -> bool:
    """Whether the ignored one of two elements in a share would have made a different share."""
    return any(first.get(name) != value for name, value in second.attrib.items() if name in _MAKES_A_SHARE)


def _is_copy(first: Any, second: Any) -> bool:
    """Whether two elements have the same content, apart from their layout."""
    if first.tag != second.tag or first.attrib != second.attrib or len(first) != len(second):
        return False
    texts = all((one or "").strip() == (other or "").strip() for one, other in _texts(first, second))
    return texts and all(map(_is_copy, first, second))


def _texts(first: Any, second: Any) -> list[tuple[str | None, str | None]]:
    return [
        (first.text, second.text),
        *((one.tail, other.tail) for one, other in zip(first, second, strict=True)),
    ]


def _breaks_a_share(domain: Domain, mismatch: Mismatch) -> bool:
    meant = mismatch.suggestion or mismatch.name
    if meant in _SHARES_MEMORY and sharing.vhost_user_devices(domain) and not sharing.is_shared(domain):
        return True
    if meant not in _MAKES_A_SHARE:
        return False
    around = [mismatch.element.tag, *(ancestor.tag for ancestor in mismatch.element.iterancestors())]
    return meant == "filesystem" or "filesystem" in around


def of_unknown_kind(domain: Domain) -> set[Any]:
    """Return the devices with a word that no release knows where it decides what the device is.

    What else they can have is unknown as well. Filesystems are not included: little depends on their types.
    """
    words = [word for word in domain.deviations_of("UnknownWord") if _hides_kind(word)]
    found = {_device_around(word.node.element) for word in words}
    return {device for device in found if device.tag != "filesystem"}


def _hides_kind(word: UnknownWord) -> bool:
    """Whether a device's kind is unknown because of this word, which is not listed for any form of its element."""
    if word.attribute not in _OF_KINDS or (word.node.tag == "source" and word.attribute != "protocol"):
        return False
    if _device_around(word.node.element) is None:
        return False
    around = [element.tag for element in (word.node.element, *word.node.element.iterancestors())]
    path = reversed(around[: around.index("devices") + 1])
    forms = [form for child in elements_at(*path) for form in child.all_forms()]
    attributes = [form.attributes[word.attribute] for form in forms if word.attribute in form.attributes]
    return not any(word.value in attribute.values.listed for attribute in attributes)


def _device_around(element: Any) -> Any:
    """Return the child of `<devices>` that an element is or is in, or None."""
    return next(
        (inner for inner, outer in pairwise((element, *element.iterancestors())) if outer.tag == "devices"), None
    )
