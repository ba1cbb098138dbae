"""Guest memory that another process must map."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain import Domain
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule


@rule("VFS101", "memory-not-shared", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_not_shared(domain: Domain) -> Iterator[Problem]:
    """A virtio-fs share needs all guest memory to be shared.

    Why: virtiofsd is another process and answers the guest's requests by mapping its memory. Memory is
        shared when `<memoryBacking>` says `<access mode='shared'/>`, or when every NUMA cell says
        `memAccess='shared'`; a memfd, file or hugepage source alone does not make it so.
    Bad:
        <memoryBacking><source type='memfd'/></memoryBacking>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: 'virtiofs' requires shared memory
    See: libvirt qemu_validate.c:qemuValidateDomainDefVhostUserRequireSharedMemory; libvirt documentation,
        "Sharing files with Virtiofs", Host setup
    """
    if domain.is_shared:
        return
    private = next(region for region in domain.regions if not region.is_shared)
    for share in domain.shares:
        yield Problem(
            at=share.driver["type"].span if share.driver else share.node.start_span,
            message=f"{share.label} needs shared memory, but {private.label} is private",
            label="virtiofsd serves this device and must map the guest's memory",
            related=(Related(private.at, "private: nothing says shared"),),
            help="add <memoryBacking> with <source type='memfd'/> and <access mode='shared'/> to <domain>",
        )
