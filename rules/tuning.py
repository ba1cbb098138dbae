"""Limits, counters and keys of the guest, each of which is set once."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain.domain import Domain
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

# The release that has ACPI tables of several types, each once.
TABLE_TYPES: Version = (11, 2, 0)


@rule("VFS955", "setting-repeated", severity=Severity.ERROR, stage=Stage.PARSE)
def setting_repeated(domain: Domain) -> Iterator[Problem]:
    """Each performance event, key wrapping cipher, disk to tune and type of ACPI table appears once.

    Why: libvirt could not tell which one counts. Before libvirt 11.2.0 a guest can have only one ACPI table.
    Bad:
        <perf><event name='cmt' enabled='yes'/><event name='cmt' enabled='no'/></perf>
    Bad:
        <keywrap><cipher name='aes' state='on'/><cipher name='aes' state='off'/></keywrap>
    Bad:
        <blkiotune><device><path>/dev/sda</path><weight>500</weight></device>
          <device><path>/dev/sda</path><weight>800</weight></device></blkiotune>
    Bad:
        <os><type arch='x86_64' machine='q35'>hvm</type>
          <acpi><table type='slic'>/srv/slic</table><table type='slic'>/srv/other</table></acpi></os>
    Good:
        <perf><event name='cmt' enabled='yes'/><event name='mbmt' enabled='no'/></perf>
    libvirt says: perf event 'cmt' was already specified
    libvirt says: A domain definition can have no more than one cipher node with name aes
    libvirt says: duplicate blkio device path '/dev/sda'
    libvirt says: ACPI table type 'slic' may only appear once
    See: libvirt domain_conf.c:virDomainPerfEventDefParseXML, virDomainKeyWrapCipherDefParseXML,
        virDomainDefParseBootAcpiOptions, domain_validate.c:virDomainDefTunablesValidate
    """
    one_table = domain.context.target.libvirt < TABLE_TYPES
    for path, stage, says in (
        ("perf/event", Stage.PARSE, "perf event '{}' was already specified"),
        (
            "keywrap/cipher",
            Stage.PARSE,
            "A domain definition can have no more than one cipher node with name {}",
        ),
        ("blkiotune/device", Stage.DEFINE, "duplicate blkio device path '{}'"),
        (
            "os/acpi/table",
            Stage.PARSE,
            "Only one acpi table is supported" if one_table else "ACPI table type '{}' may only appear once",
        ),
    ):
        first: dict[str, Node] = {}
        outer, _, inner = path.partition("/")
        for node in (node for element in domain.elements(outer) for node in element.children(inner)):
            name = "" if one_table and node.tag == "table" else _name(node)
            if name is not None and first.setdefault(name, node) != node:
                yield Problem(
                    at=node.start_span,
                    message=f"{name!r} is set twice in <{outer}>" if name else "there are two ACPI tables",
                    help="keep one",
                    related=(Related(first[name].start_span, "the first one"),),
                    stage=stage,
                    says=says.format(name),
                )


def _name(node: Node) -> str | None:
    """Return what a node is about: its path, its name, or the type of a table."""
    if node.tag == "device":
        path = node.child("path")
        return path.text or None if path else None
    if node.tag == "table":
        kind = node.value("type")
        return None if kind == "raw" else kind
    return node.value("name")


@rule("VFS953", "container-idmap-incomplete", severity=Severity.ERROR, stage=Stage.DEFINE)
def container_idmap_incomplete(domain: Domain) -> Iterator[Problem]:
    """The id map of a domain maps users and groups, and the root of both.

    Why: it is for LXC containers, but libvirt checks it for every domain. The id map of a virtio-fs share is inside its
        `<filesystem>`.
    Bad:
        <idmap><uid start='0' target='1000' count='10'/></idmap>
    Bad:
        <idmap><uid start='1' target='1000' count='10'/><gid start='0' target='1000' count='10'/></idmap>
    Good:
        <idmap><uid start='0' target='1000' count='10'/><gid start='0' target='1000' count='10'/></idmap>
    libvirt says: uid and gid should be mapped both
    libvirt says: You must map the root user of container
    See: libvirt domain_validate.c:virDomainDefIdMapValidate
    """
    maps = domain.elements("idmap")
    users = [node for idmap in maps for node in idmap.children("uid")]
    groups = [node for idmap in maps for node in idmap.children("gid")]
    if bool(users) != bool(groups):
        present, missing = ("uid", "gid") if users else ("gid", "uid")
        yield Problem(
            at=(users or groups)[0].start_span,
            message=f"the id map of the domain has <{present}>, but no <{missing}>",
            help=f"add <{missing} start='0' target='…' count='…'/>",
            says="uid and gid should be mapped both",
        )
        return
    for nodes in (users, groups):
        starts = [numbers.unsigned(node.value("start") or "") for node in nodes]
        if nodes and all(starts):
            yield Problem(
                at=nodes[0].at("start"),
                message=f"the id map of the domain does not map the root <{nodes[0].tag}>",
                help="write a range with start='0'",
                says="You must map the root user of container",
            )
