"""Documents that contain domains, and where."""

from __future__ import annotations

from vfslint.xml.document import Document, Node

# Root elements that contain domains, and the paths of the domains (a snapshot can contain two different ones).
HOLDERS = {
    "domainsnapshot": ("domain", "inactiveDomain"),
    "domaincheckpoint": ("domain",),
    "domainbackup": ("domain",),
    "domstatus": ("domain",),
    "domains": ("domain",),
}
# A snapshot, a backup and a status contain copies of a domain that is defined elsewhere.
FLEETS = frozenset({"domain", "domains"})
OTHER_LIBVIRT_ROOTS = frozenset(
    """network networkstatus networkport pool poolstate volume nwfilter filterbinding filterbindingb
    interface secret device capabilities domainCapabilities storagepoolCapabilities cpu hostsummary sysinfo
    cputest allocations source disk""".split()
)


def name_of(root: Node) -> str:
    """Return the name by which libvirt identifies a root element: without a prefix (virXMLNodeNameEqual)."""
    return root.tag.rpartition("}")[2]


def domain_nodes(root: Node) -> list[Node]:
    """Return the domains below a root element, including itself; none if it contains none."""
    name = name_of(root)
    if name == "domain":
        return [root]
    return [node for path in HOLDERS.get(name, ()) for node in root.children(path)]


class UnknownRoot:
    """A document whose root element libvirt does not know; `strict`: this is an error."""

    def __init__(self, document: Document, root: Node, strict: bool) -> None:
        self.document = document
        self.root = root
        self.strict = strict
