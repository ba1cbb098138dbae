"""What libvirt's schema refuses in a domain, in the model's words."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from vfslint.documents import Node
from vfslint.gate import accepts
from vfslint.targets import NEWEST, Version

if TYPE_CHECKING:
    from vfslint.domain import Domain
    from vfslint.structure import Fault

# Without these a share is missing, is not virtio-fs, or can be written to against its author's will.
_MAKES_A_SHARE = frozenset({"filesystem", "driver", "source", "target", "readonly", "type", "dir", "socket"})
_SHARES_MEMORY = frozenset({"memoryBacking", "access", "mode", "cpu", "numa", "cell", "memAccess"})


class SchemaFault(NamedTuple):
    """One place that leaves the vocabulary of libvirt's schema.

    `node` is the element concerned: the unexpected one itself, or the one whose attribute or text is wrong or
    that lacks something; `attribute` is set where `name` is an attribute's. `since` is the release that
    brought it. `breaks_a_share` tells that with what is dropped a share fails or does other than it says.
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
    breaks_a_share: bool


def schema_faults(domain: Domain) -> dict[str, list[SchemaFault]]:
    """Return what does not fit libvirt's schema at the target release, by kind.

    A domain that fits the newest schema, for the newest target, is told so by libxml2 in microseconds.
    """
    element = domain.node.element
    fits = accepts(element)
    libvirt = domain.setting.target.libvirt
    if fits and libvirt >= NEWEST.libvirt:
        return {}
    from vfslint.structure import explain, newer_than

    found: dict[str, list[SchemaFault]] = defaultdict(list)
    for fault in [*([] if fits else explain(element)), *newer_than(element, libvirt)]:
        found[fault.kind].append(_schema_fault(domain, fault))
    return found


def _schema_fault(domain: Domain, fault: Fault) -> SchemaFault:
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
        breaks_a_share=_breaks_a_share(domain, fault),
    )


def _breaks_a_share(domain: Domain, fault: Fault) -> bool:
    meant = fault.suggestion or fault.name
    if meant in _SHARES_MEMORY and domain.vhost_user_devices and not domain.is_shared:
        return True
    around = [fault.element.tag, *(ancestor.tag for ancestor in fault.element.iterancestors())]
    return meant in _MAKES_A_SHARE and (meant == "filesystem" or "filesystem" in around)
