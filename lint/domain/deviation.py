"""Where a domain leaves libvirt's vocabulary, in the model's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint.domain import sharing
from vfslint.findings import Severity, Span, Stage
from vfslint.targets import Version
from vfslint.vocabulary import explain
from vfslint.vocabulary.mismatch import Kind, Mismatch
from vfslint.vocabulary.table import Reads
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain
    from vfslint.vocabulary.check import Examined

# Without these a share is missing, is not virtio-fs, or can be written to against its author's will.
_MAKES_A_SHARE = frozenset({"filesystem", "driver", "source", "target", "readonly", "type", "dir", "socket"})
_SHARES_MEMORY = frozenset({"memoryBacking", "access", "mode", "cpu", "numa", "cell", "memAccess"})


class Deviation(NamedTuple):
    """One place where a domain leaves the vocabulary of the target's libvirt.

    `node` is the element concerned: the unexpected one itself, or the one whose attribute or text is wrong or
    that lacks something; `attribute` is set where `name` is an attribute's. `since` is the release that
    brought it. `is_refused` tells that the target's plain define refuses it as well; `breaks_a_share` that a
    share fails, or does other than it says, with what is dropped; `would_share` that what was probably meant says
    whether memory is shared. Of a repeated element `first` is the first
    one, and `is_copy` tells that both say the same; of a misplaced one `home` is where it belongs, if there
    is one such place and nothing of its name in it.
    """

    kind: Kind
    node: Node
    name: str
    attribute: str | None
    value: str | None
    expected: tuple[str, ...]
    form: str | None
    reads: Reads | None
    suggestion: str | None
    belongs: tuple[str, ...]
    since: Version | None
    is_refused: bool
    breaks_a_share: bool
    would_share: bool
    first: Node | None
    is_copy: bool
    home: Node | None

    @property
    def severity(self) -> Severity | None:
        """ERROR where the domain is refused or a share fails, else None: the rule's own."""
        return Severity.ERROR if self.is_refused or self.breaks_a_share else None

    @property
    def stage(self) -> Stage | None:
        """PARSE where plain define refuses it, else None: the rule's own."""
        return Stage.PARSE if self.is_refused else None

    @property
    def is_word(self) -> bool:
        """Whether one of some words was expected."""
        return bool(self.expected)

    @property
    def is_number(self) -> bool:
        """Whether a number was expected."""
        if self.reads is not None:
            return self.reads.is_number
        return not self.expected and (self.form or "").startswith("a whole number")

    @property
    def name_span(self) -> Span:
        """Where the name stands that leaves the vocabulary: the attribute's, or the element's."""
        return self.node[self.attribute].name_span if self.attribute else self.node.name_span


def deviations(domain: Domain, strays: list[Examined] | None) -> list[Deviation]:
    """Return where a domain leaves the vocabulary of the target's libvirt, in document order.

    `strays` are its elements that do not fit; None where not even the root is known.
    """
    found = explain.mismatches(domain.node.element, domain.context.target.libvirt, strays)
    return [_deviation(domain, mismatch) for mismatch in found]


def _deviation(domain: Domain, mismatch: Mismatch) -> Deviation:
    first = _first(domain, mismatch)
    return Deviation(
        kind=mismatch.kind,
        node=Node(domain.document, mismatch.element),
        name=mismatch.name,
        attribute=mismatch.attribute,
        value=mismatch.value,
        expected=mismatch.expected,
        form=mismatch.form,
        reads=mismatch.reads,
        suggestion=mismatch.suggestion,
        belongs=mismatch.belongs,
        since=mismatch.since,
        is_refused=mismatch.is_refused,
        breaks_a_share=_breaks_a_share(domain, mismatch),
        would_share=_would_share(mismatch),
        first=first,
        is_copy=first is not None and _is_copy(first.element, mismatch.element),
        home=_home(domain, mismatch),
    )


def _first(domain: Domain, mismatch: Mismatch) -> Node | None:
    parent = Node(domain.document, mismatch.element).parent
    return parent.child(mismatch.name) if parent and mismatch.kind is Kind.REPEATED_ELEMENT else None


def _home(domain: Domain, mismatch: Mismatch) -> Node | None:
    if mismatch.kind is not Kind.MISPLACED_ELEMENT or len(mismatch.belongs) != 1:
        return None
    root = domain.node.element
    places = list(root.iter(mismatch.belongs[0]))
    if (
        len(places) != 1
        or places[0].find(mismatch.name) is not None
        or not explain.knows(root, places[0], mismatch.name)
    ):
        return None
    is_inside = mismatch.element in (places[0], *places[0].iterancestors())
    return None if is_inside else Node(domain.document, places[0])


def _is_copy(first: Any, second: Any) -> bool:
    """Whether two elements say the same, however they are laid out."""
    if first.tag != second.tag or first.attrib != second.attrib or len(first) != len(second):
        return False
    texts = all((one or "").strip() == (other or "").strip() for one, other in _texts(first, second))
    return texts and all(map(_is_copy, first, second))


def _texts(first: Any, second: Any) -> list[tuple[str | None, str | None]]:
    return [
        (first.text, second.text),
        *((one.tail, other.tail) for one, other in zip(first, second, strict=True)),
    ]


def _would_share(mismatch: Mismatch) -> bool:
    if mismatch.kind is Kind.UNKNOWN_ATTRIBUTE:
        return (mismatch.element.tag, mismatch.suggestion) in (("access", "mode"), ("cell", "memAccess"))
    return mismatch.kind is Kind.UNKNOWN_ELEMENT and mismatch.suggestion in ("memoryBacking", "access", "numa", "cell")


def _breaks_a_share(domain: Domain, mismatch: Mismatch) -> bool:
    meant = mismatch.suggestion or mismatch.name
    if meant in _SHARES_MEMORY and sharing.vhost_user_devices(domain) and not sharing.is_shared(domain):
        return True
    around = [mismatch.element.tag, *(ancestor.tag for ancestor in mismatch.element.iterancestors())]
    return meant in _MAKES_A_SHARE and (meant == "filesystem" or "filesystem" in around)
