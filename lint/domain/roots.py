"""Which documents hold domains, and where in them."""

from __future__ import annotations

from vfslint.xml.document import Document, Node

# Roots that hold domains, and the paths at which they do (a snapshot may hold two different ones).
HOLDERS = {
    "domainsnapshot": ("domain", "inactiveDomain"),
    "domaincheckpoint": ("domain",),
    "domainbackup": ("domain",),
    "domstatus": ("domain",),
    "domains": ("domain",),
}
# A snapshot, a backup and a status hold copies of a domain that is defined elsewhere.
FLEETS = frozenset({"domain", "domains"})
OTHER_LIBVIRT_ROOTS = frozenset(
    """network networkstatus networkport pool poolstate volume nwfilter filterbinding filterbindingb
    interface secret device capabilities domainCapabilities storagepoolCapabilities cpu hostsummary sysinfo
    cputest allocations source disk""".split()
)


def name_of(root: Node) -> str:
    """Return what libvirt takes a root element for: its name without a prefix (virXMLNodeNameEqual)."""
    return root.tag.rpartition("}")[2]


def domain_nodes(root: Node) -> list[Node]:
    """Return the domains below a root element, itself included; none where it holds none."""
    name = name_of(root)
    if name == "domain":
        return [root]
    return [node for path in HOLDERS.get(name, ()) for node in root.children(path)]


class UnknownRoot:
    """A document whose root is nothing that libvirt knows; `strict` asks for an error."""

    def __init__(self, document: Document, root: Node, strict: bool) -> None:
        self.document = document
        self.root = root
        self.strict = strict
