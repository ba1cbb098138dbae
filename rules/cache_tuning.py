"""Shares of the host's caches and of its memory bandwidth, which groups of vCPUs reserve or are measured in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vfslint.context import Context
from vfslint.domain.cpu import ResourceGroup
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers
from vfslint.vocabulary.bitmap import Bitmap
from vfslint.xml.document import Node


@rule("VFS969", "cache-tuning-conflict", severity=Severity.ERROR, stage=Stage.PARSE)
def cache_tuning_conflict(groups: list[ResourceGroup], context: Context) -> Iterator[Problem]:
    """Groups of vCPUs that share caches or memory bandwidth do not conflict.

    Why: a vCPU belongs to one group. Each part of a cache and each memory node is reserved once in a group, and its
        monitors measure vCPUs of the group, which they do not share unless they measure the whole group.
    Bad:
        <cputune><cachetune vcpus='0-1'><cache id='0' level='3' type='both' size='3' unit='MiB'/></cachetune>
          <cachetune vcpus='1'><cache id='1' level='3' type='both' size='3' unit='MiB'/></cachetune></cputune>
    Bad:
        <cputune><cachetune vcpus='0-1'><cache id='0' level='3' type='both' size='3' unit='MiB'/>
          <cache id='0' level='3' type='code' size='3' unit='MiB'/></cachetune></cputune>
    Bad:
        <cputune><memorytune vcpus='0-1'><node id='0' bandwidth='2'/><node id='0' bandwidth='3'/></memorytune></cputune>
    Bad:
        <cputune><cachetune vcpus='0-1'><monitor level='3' vcpus='2'/></cachetune></cputune>
    Bad:
        <cputune><cachetune vcpus='0-1'>
          <monitor level='3' vcpus='0'/><monitor level='3' vcpus='0'/></cachetune></cputune>
    Bad:
        <cputune><cachetune vcpus='0-1'>
          <monitor level='3' vcpus='0'/><monitor level='3' vcpus='0-1'/></cachetune></cputune>
    Good:
        <cputune><cachetune vcpus='0-1'><cache id='0' level='3' type='both' size='3' unit='MiB'/>
          <monitor level='3' vcpus='0'/><monitor level='3' vcpus='0-1'/></cachetune>
          <memorytune vcpus='0-1'><node id='0' bandwidth='20'/></memorytune></cputune>
    libvirt says: Overlapping vcpus in resctrls
    libvirt says: Identical vcpus in cachetunes found
    libvirt says: Colliding cache allocations for cache level '3' id '0', type 'code'
    libvirt says: Memory Bandwidth already defined for node 0
    libvirt says: Monitor vcpus conflicts with allocation
    libvirt says: Identical vcpus found in same type monitors
    libvirt says: vcpus overlaps in resctrl groups
    See: libvirt domain_conf.c:virDomainResctrlVcpuMatch, virDomainResctrlValidateMonitor;
        virresctrl.c:virResctrlAllocCheckCollision, virResctrlAllocSetMemoryBandwidth
    """
    for conflict in _read(groups, context).conflicts:
        yield Problem(
            at=conflict.node.start_span,
            message=conflict.message,
            help="name each vCPU in one group, and each part of the hardware once"
            if conflict.node.tag != "monitor"
            else "let each monitor name other vCPUs of its group",
            related=(Related(conflict.first.start_span, "the first"),) if conflict.first else (),
            says=conflict.says,
        )


@rule("VFS970", "cache-tuning-without-kvm", severity=Severity.ERROR, stage=Stage.DEFINE)
def cache_tuning_without_kvm(groups: list[ResourceGroup], context: Context) -> Iterator[Problem]:
    """Only KVM guests have shares of caches and memory bandwidth.

    Why: a share belongs to the threads of vCPUs, and QEMU's emulation does not have one thread for each.
    Bad:
        <domain type='qemu'>
        <cputune><cachetune vcpus='0-1'><cache id='0' level='3' type='both' size='3' unit='MiB'/></cachetune></cputune>
    Bad:
        <domain type='qemu'>
        <cputune><memorytune vcpus='0-1'><node id='0' bandwidth='20'/></memorytune></cputune>
    Good:
        <cputune><cachetune vcpus='0-1'><cache id='0' level='3' type='both' size='3' unit='MiB'/></cachetune></cputune>
    libvirt says: cachetune is only supported for KVM domains
    See: libvirt qemu_validate.c:qemuValidateDomainDef
    """
    read = _read(groups, context)
    kind = _type_of_domain(context)
    if kind != "kvm" and read.kept and not read.conflicts:
        yield Problem(
            at=read.kept[0].start_span,
            message=f"<{read.kept[0].tag}> requires a KVM guest, but the domain type is {kind!r}",
            help="write type='kvm', or remove it",
            says="cachetune is only supported for KVM domains",
        )


@rule("VFS971", "cache-tuning-empty", severity=Severity.WARNING, stage=Stage.SCHEMA)
def cache_tuning_empty(group: ResourceGroup, context: Context) -> Iterator[Problem]:
    """A group of vCPUs has a share or a monitor.

    Why: without either, the group has no effect.
    Bad:
        <cputune><cachetune vcpus='0-1'/></cputune>
    Good:
        <cputune><cachetune vcpus='0-1'><monitor level='3' vcpus='0-1'/></cachetune></cputune>
    See: libvirt schemas/domaincommon.rng
    """
    inside = {"cachetune": "cache", "memorytune": "node"}.get(group.tag)
    names_vcpus = group.value("vcpus") is not None or context.target.libvirt >= (12, 8, 0)
    if inside and names_vcpus and not group.child(inside) and not group.child("monitor"):
        yield Problem(
            at=group.start_span,
            message=f"<{group.tag}> has neither <{inside}> nor <monitor>",
            help=f"add one, or remove <{group.tag}>",
        )


class _Conflict(NamedTuple):
    """What is wrong with a group or a part of it, what libvirt prints, and what it conflicts with."""

    node: Node
    message: str
    says: str
    first: Node | None = None


class _Group:
    """A group as far as it was read; `vcpus` is None for one of the whole process."""

    def __init__(self, node: Node, vcpus: Bitmap | None) -> None:
        self.node = node
        self.vcpus = vcpus
        self.caches: dict[tuple[int, int], set[str]] = {}
        self.nodes: set[int] = set()
        self.monitors: list[tuple[Node, Bitmap | None]] = []

    @property
    def has_share(self) -> bool:
        return bool(self.caches or self.nodes)


class _Groups(NamedTuple):
    """The first conflict of each group, and the groups that have a share or a monitor."""

    conflicts: list[_Conflict]
    kept: list[Node]


def _type_of_domain(context: Context) -> str | None:
    return context.domain.type


def _read(nodes: list[ResourceGroup], context: Context) -> _Groups:
    """Read groups as virDomainCachetuneDefParse and virDomainMemorytuneDefParse do."""
    found: list[_Group] = []
    conflicts = []
    for node in nodes:
        vcpus = _vcpus(node, context)
        if vcpus is not None and not vcpus:
            continue
        group, conflict = _matching(node, vcpus, found)
        conflict = conflict or _shares(node, group, context) or _monitors(node, group, context)
        if conflict:
            conflicts.append(conflict)
        elif group not in found and (group.has_share or group.monitors):
            found.append(group)
    return _Groups(conflicts, [group.node for group in found])


def _vcpus(node: Node, context: Context) -> Bitmap | None:
    """Return the existing vCPUs that a node names, or None if it names none at all, which 12.8.0 allows.

    What cannot be read is reported elsewhere and counts as empty.
    """
    written = node.value("vcpus")
    if written is None:
        return None if context.target.libvirt >= (12, 8, 0) else Bitmap()
    members = numbers.bitmap(written) or Bitmap()
    most = context.domain.vcpus
    return members if most is None else members.below(most)


def _matching(node: Node, vcpus: Bitmap | None, found: list[_Group]) -> tuple[_Group, _Conflict | None]:
    """Return the group of the same vCPUs, or a new one, and the group's conflict with others."""
    group = _Group(node, vcpus)
    for other in found:
        if other.vcpus == vcpus:
            if node.tag != "cachetune":
                return other, None
            says = "Identical vcpus in cachetunes found"
            return group, _Conflict(node, "<cachetune> names the same vCPUs as another one", says, other.node)
        if other.vcpus is None or vcpus is None:
            says = "Whole-process and per-vcpu resctrl allocations cannot be mixed"
            return group, _Conflict(node, f"<{node.tag}> with and without vCPUs are mixed", says, other.node)
        if other.vcpus & vcpus:
            message = f"<{node.tag}> names some of the vCPUs of another group"
            return group, _Conflict(node, message, "Overlapping vcpus in resctrls", other.node)
    return group, None


def _shares(node: Node, group: _Group, context: Context) -> _Conflict | None:
    for share in node.children("cache") if node.tag == "cachetune" else ():
        level, cache = (numbers.unsigned(share.value(name) or "") for name in ("level", "id"))
        kind = share.value("type") or ""
        if level is None or cache is None:
            continue
        kinds = group.caches.setdefault((level, cache), set())
        if kind in kinds or (kinds and "both" in (kind, *kinds)):
            return _Conflict(
                share,
                f"<cache> reserves a part of level {level} cache {cache} again",
                f"Colliding cache allocations for cache level '{level}' id '{cache}', type '{kind}'",
            )
        kinds.add(kind)
    for share in node.children("node") if node.tag == "memorytune" else ():
        number, bandwidth = (numbers.unsigned(share.value(name) or "") for name in ("id", "bandwidth"))
        if number is None:
            continue
        # 7.0.0 and 9.0.0 read percentages; newer releases also read MiB/s.
        if bandwidth and bandwidth > 100 and context.target.libvirt < (9, 1, 0):
            return _Conflict(
                share,
                f"a bandwidth of {bandwidth} % exceeds 100 %",
                "Memory Bandwidth value exceeding 100 is invalid.",
            )
        if number in group.nodes:
            return _Conflict(
                share,
                f"<node> reserves bandwidth of memory node {number} again",
                f"Memory Bandwidth already defined for node {number}",
            )
        group.nodes.add(number)
    return None


def _monitors(node: Node, group: _Group, context: Context) -> _Conflict | None:
    for monitor in node.children("monitor"):
        vcpus = _vcpus(monitor, context)
        if vcpus is not None and not vcpus:
            if numbers.bitmap(monitor.value("vcpus") or "") is None:
                continue
            return _Conflict(monitor, "<monitor> names no vCPU that exists", "vcpus is empty")
        if vcpus is not None and group.vcpus is not None:
            conflict = _of_monitor(monitor, vcpus, group.vcpus, group)
            if conflict:
                return conflict
        group.monitors.append((monitor, vcpus))
    return None


def _of_monitor(monitor: Node, vcpus: Bitmap, whole: Bitmap, group: _Group) -> _Conflict | None:
    """Return a monitor's conflict with its group and the monitors before (virDomainResctrlValidateMonitor)."""
    if not vcpus <= whole:
        says = "Monitor vcpus conflicts with allocation"
        return _Conflict(monitor, "<monitor> names vCPUs that are not in its group", says)
    for other, its in group.monitors:
        if its is None:
            continue
        is_same_kind = _kind(other) == _kind(monitor)
        if its == vcpus:
            if is_same_kind:
                says = "Identical vcpus found in same type monitors"
                return _Conflict(monitor, "<monitor> names the same vCPUs as another one", says, other)
            continue
        if its & vcpus and (not group.has_share or whole not in (vcpus, its)):
            says = "vcpus overlaps in resctrl groups"
            return _Conflict(monitor, "<monitor> names some of the vCPUs of another one", says, other)
    return None


def _kind(monitor: Node) -> str:
    return monitor.parent.tag if monitor.parent else ""
