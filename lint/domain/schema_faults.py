"""What libvirt's schema refuses in a domain, in the model's words."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint.findings import Severity, Span, Stage
from vfslint.targets import Version
from vfslint.vocabulary.structure import explain, newer_than
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain
    from vfslint.vocabulary.structure import Fault

# Without these a share is missing, is not virtio-fs, or can be written to against its author's will.
_MAKES_A_SHARE = frozenset({"filesystem", "driver", "source", "target", "readonly", "type", "dir", "socket"})
_SHARES_MEMORY = frozenset({"memoryBacking", "access", "mode", "cpu", "numa", "cell", "memAccess"})


class SchemaFault(NamedTuple):
    """One place that leaves the vocabulary of libvirt's schema.

    `node` is the element concerned: the unexpected one itself, or the one whose attribute or text is wrong or
    that lacks something; `attribute` is set where `name` is an attribute's. `since` is the release that
    brought it. `is_refused` tells that the target's plain define refuses it as well; `breaks_a_share` that a
    share fails, or does other than it says, with what is dropped; `would_share` that what was probably meant says
    whether memory is shared. Of a repeated element `first` is the first
    one, and `is_copy` tells that both say the same; of a misplaced one `home` is where it belongs, if there
    is one such place and nothing of its name in it.
    """

    node: Node
    name: str
    attribute: str | None
    value: str | None
    expected: tuple[str, ...]
    form: str | None
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
    def name_span(self) -> Span:
        """Where the name stands that leaves the vocabulary: the attribute's, or the element's."""
        return self.node[self.attribute].name_span if self.attribute else self.node.name_span


def schema_faults(domain: Domain) -> dict[str, list[SchemaFault]]:
    """Return what does not fit libvirt's schema at the target release, by kind."""
    element = domain.node.element
    libvirt = domain.context.target.libvirt
    found: dict[str, list[SchemaFault]] = defaultdict(list)
    faults = [] if domain.passes_gate else explain(element)
    for fault in [*faults, *newer_than(element, libvirt)]:
        is_refused = fault.refused is not None and libvirt >= fault.refused
        if is_refused or not fault.fits_schema:
            found[fault.kind].append(_schema_fault(domain, fault, is_refused))
    return found


def _schema_fault(domain: Domain, fault: Fault, is_refused: bool) -> SchemaFault:
    first = _first(domain, fault)
    return SchemaFault(
        node=Node(domain.document, fault.element),
        name=fault.name,
        attribute=fault.attribute,
        value=fault.value,
        expected=fault.expected,
        form=fault.form,
        suggestion=fault.suggestion,
        belongs=fault.belongs,
        since=fault.since,
        is_refused=is_refused,
        breaks_a_share=_breaks_a_share(domain, fault),
        would_share=_would_share(fault),
        first=first,
        is_copy=first is not None and _is_copy(first.element, fault.element),
        home=_home(domain, fault),
    )


def _first(domain: Domain, fault: Fault) -> Node | None:
    parent = Node(domain.document, fault.element).parent
    return parent.child(fault.name) if parent and fault.kind == "repeated-element" else None


def _home(domain: Domain, fault: Fault) -> Node | None:
    if fault.kind != "misplaced-element" or len(fault.belongs) != 1:
        return None
    from vfslint.vocabulary.structure import knows

    root = domain.node.element
    places = list(root.iter(fault.belongs[0]))
    if len(places) != 1 or places[0].find(fault.name) is not None or not knows(root, places[0], fault.name):
        return None
    is_inside = fault.element in (places[0], *places[0].iterancestors())
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


def _would_share(fault: Fault) -> bool:
    if fault.kind == "unknown-attribute":
        return (fault.element.tag, fault.suggestion) in (("access", "mode"), ("cell", "memAccess"))
    return fault.kind == "unknown-element" and fault.suggestion in ("memoryBacking", "access", "numa", "cell")


def _breaks_a_share(domain: Domain, fault: Fault) -> bool:
    meant = fault.suggestion or fault.name
    if meant in _SHARES_MEMORY and domain.vhost_user_devices and not domain.is_shared:
        return True
    around = [fault.element.tag, *(ancestor.tag for ancestor in fault.element.iterancestors())]
    return meant in _MAKES_A_SHARE and (meant == "filesystem" or "filesystem" in around)
