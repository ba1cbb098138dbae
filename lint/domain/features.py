"""The `<features>` of a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vfslint.lazy import once
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain


class Feature(Node):
    """The last feature of a name, the one that counts (domain_conf.c:virDomainFeaturesDefParse)."""

    __slots__ = ()

    @property
    def is_off(self) -> bool:
        """Whether it is written, but switched off."""
        return self.value("state") == "off"

    @property
    def is_on(self) -> bool:
        """Whether it is on: a state that is missing counts as on."""
        return self.value("state") in (None, "on")


@once
def features(domain: Domain) -> dict[str, Feature]:
    """Return the features by name."""
    nodes = (node for group in domain.elements("features") for node in group.children())
    return {node.tag: Feature(node.document, node.element) for node in nodes}


@once
def enlightenments(domain: Domain) -> dict[str, Node]:
    """Return the features of Hyper-V by name: the last of each, in all `<hyperv>` (virDomainFeaturesHyperVDefParse).

    Since 9.1.0, libvirt does not read those of a `<hyperv mode='passthrough'>`.
    """
    all_are_read = domain.context.target.libvirt < (9, 1, 0)
    found = {}
    for group in domain.elements("features"):
        for hyperv in group.children("hyperv"):
            if all_are_read or hyperv.value("mode") != "passthrough":
                found.update({node.tag: node for node in hyperv.children()})
    return found


def is_enlightened(domain: Domain, name: str) -> bool:
    """Whether a feature of Hyper-V is on."""
    node = enlightenments(domain).get(name)
    return node is not None and node.value("state") == "on"
