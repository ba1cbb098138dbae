"""The processors, NUMA nodes and security drivers of the host. These rules need facts about a host."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.cpu import Bitset
from vfslint.domain.domain import Domain
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.rules.device_labels import labelled_sources
from vfslint.targets import Version
from vfslint.vocabulary.bitmap import Bitmap
from vfslint.vocabulary.numbers import shorten_set
from vfslint.xml.document import Node

# The last tested release that looks up the models of devices' labels; 12.8.0 does not.
_DEVICES_UNTIL = (11, 3, 0)
# The elements whose set is one of NUMA nodes of the host, and those whose set is one of its processors.
_OF_NODES = frozenset({"memory", "memnode", "nodemask"})
_OF_CPUS = frozenset({"vcpu", "vcpupin", "emulatorpin", "iothreadpin"})


@rule("VFS640", "numa-node-not-on-host", severity=Severity.ERROR, stage=Stage.START)
def numa_node_not_on_host(sets: list[Bitset], context: Context) -> Iterator[Problem]:
    """The host has every NUMA node that the guest's memory is bound to.

    Why: libvirt checks each node, whatever the mode: also a preferred node must exist.
    Bad (host bare):
        <numatune><memory mode='preferred' nodeset='7'/></numatune>
    Bad (host bare):
        <numatune><memory mode='strict' nodeset='0-2'/></numatune>
    Good (host bare):
        <numatune><memory mode='strict' nodeset='0-1'/></numatune>
    libvirt says: NUMA node … is unavailable
    See: libvirt virnuma.c:virNumaNodesetIsAvailable
    """
    nodes = context.host.nodes if context.host else None
    for bitset in sets if nodes else ():
        missing = (bitset.members or Bitmap()) - set(nodes or ()) if bitset.node.tag in _OF_NODES else None
        if missing:
            yield Problem(
                at=bitset.span,
                message=f"the host has no NUMA node {min(missing)}; its nodes: {shorten_set(nodes or ())}",
                help="write nodes that the host has, or remove it",
                says=f"NUMA node {min(missing)} is unavailable",
            )


@rule("VFS641", "cpus-not-on-host", severity=Severity.ERROR, stage=Stage.START)
def cpus_not_on_host(sets: list[Bitset], context: Context) -> Iterator[Problem]:
    """The host has at least one processor of each set that threads are pinned to.

    Why: the kernel ignores processors that do not exist or are offline, but rejects a set without any other.
    Bad (host bare):
        <vcpu>2</vcpu>
        <cputune><vcpupin vcpu='0' cpuset='50'/></cputune>
    Bad (host bare):
        <vcpu cpuset='64-71'>2</vcpu>
    Good (host bare):
        <vcpu>2</vcpu>
        <cputune><vcpupin vcpu='0' cpuset='0,50'/></cputune>
    libvirt says: cannot set CPU affinity on process …: Invalid argument
    See: libvirt virprocess.c:virProcessSetAffinity; sched_setaffinity(2)
    """
    cpus = context.host.cpus if context.host else None
    for bitset in sets if cpus else ():
        if bitset.node.tag in _OF_CPUS and bitset.members and not bitset.members & (cpus or frozenset()):
            yield Problem(
                at=bitset.span,
                message=f"the host has no processor of {bitset.text!r}; its processors: {shorten_set(cpus or ())}",
                help="pin to processors that the host has, or remove it",
            )


@rule("VFS642", "security-model-not-on-host", severity=Severity.ERROR, stage=Stage.START)
def security_model_not_on_host(domain: Domain, context: Context) -> Iterator[Problem]:
    """The host's libvirt uses the security driver of each label.

    Why: a label for SELinux is rejected on a host with AppArmor, and the other way round; libvirt writes them into
        the XML of a running guest, which is then copied. A session's libvirt does not have the model dac.
    Bad (host bare):
        <seclabel type='dynamic' model='apparmor' relabel='yes'/>
    Bad (host bare, libvirt 11.3.0):
        <disk type='file'><source file='/srv/notes.txt'><seclabel model='apparmor' relabel='no'/></source>
          <target dev='vda' bus='virtio'/></disk>
    Good (host bare):
        <seclabel type='dynamic' model='selinux' relabel='yes'/>
    libvirt says: Security driver model 'apparmor' is not available
    See: libvirt security_manager.c:virSecurityManagerCheckModel
    """
    host = context.host
    models = host.security_models if host and host.session == context.session else None
    for label in _labels(domain, context.target.libvirt) if models is not None and not domain.is_live else ():
        model = label.value("model")
        if model and model != "none" and model not in (models or ()):
            yield Problem(
                at=label.at("model"),
                message=f"the host's libvirt has no security driver {model!r}; its drivers: "
                f"{', '.join(sorted((models or frozenset()) - {'none'})) or 'none'}",
                help="remove <seclabel>; libvirt then generates a label for the driver that it uses",
                says=f"Security driver model '{model}' is not available",
            )


def _labels(domain: Domain, libvirt: Version) -> list[Node]:
    """Return the labels whose models libvirt looks up: those of the domain, and in older releases of its devices."""
    sources = labelled_sources(domain) if libvirt <= _DEVICES_UNTIL else ()
    return [*domain.elements("seclabel"), *(label for source in sources for label in source.children("seclabel"))]
