"""Several domains of one run together: resources that conflict, or that are not enough for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.domain.exclusive import DEVICE, IMAGE, PORT, SOCKET
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.host.needs import allocation, backing_storage
from vfslint.rule import rule
from vfslint.vocabulary.numbers import spell_size

if TYPE_CHECKING:
    from vfslint.fleet import Excess, Fleet

# The maximum number of other domains that a finding lists.
_SHOWN = 4


@rule("VFS801", "socket-of-two-domains", severity=Severity.ERROR, stage=Stage.START)
def socket_of_two_domains(fleet: Fleet) -> Iterator[Problem]:
    """The socket of a vhost-user device is used by one domain.

    Why: virtiofsd and other vhost-user daemons serve a single connection. While the first guest runs, starting the
        second one fails, or silently hangs with recent releases of QEMU. Between domains in different folders, which
        are taken for different hosts unless there is `--one-host`, this is a note.
    Bad:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>one</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <filesystem type='mount'><driver type='virtiofs'/>
                <source socket='/run/fs.sock'/><target dir='data'/></filesystem>
            </devices>
          </domain>
          <domain type='kvm'><name>two</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <filesystem type='mount'><driver type='virtiofs'/>
                <source socket='/run/fs.sock'/><target dir='data'/></filesystem>
            </devices>
          </domain>
        </domains>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/>
          <source socket='/run/fs.sock'/><target dir='data'/></filesystem>
    libvirt says: Failed to connect to '…': Connection refused
    See: libvirt 9.0.0 and 11.3.0 fail to start the second guest, 12.8.0 hangs
    """
    for clash in fleet.clashes(SOCKET):
        yield Problem(
            at=clash.later.held_span,
            message=f"the socket is already used by {clash.first.title}",
            help="start a separate daemon, with its own socket, for each domain",
            related=(Related(clash.first.held_span, f"used by {clash.first.title}"),),
            severity=Severity.NOTE if clash.apart else None,
        )


@rule("VFS802", "name-of-two-domains", severity=Severity.ERROR, stage=Stage.DEFINE, any_hypervisor=True)
def name_of_two_domains(fleet: Fleet) -> Iterator[Problem]:
    """Each domain has its own name.

    Why: libvirt rejects a second domain with the same name and another uuid. If a file has no uuid, libvirt
        generates a new one each time, so it also rejects defining a changed file again. That is a note, because the
        files may be variants of one domain, and so are definitions for different hosts.
    Bad:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>web</name><uuid>00000000-0000-4000-8000-000000000001</uuid>
            <memory unit='GiB'>2</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
          <domain type='kvm'><name>web</name><uuid>00000000-0000-4000-8000-000000000002</uuid>
            <memory unit='GiB'>2</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
        </domains>
    Good:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>web</name><uuid>00000000-0000-4000-8000-000000000001</uuid>
            <memory unit='GiB'>2</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
          <domain type='kvm'><name>mail</name><uuid>00000000-0000-4000-8000-000000000002</uuid>
            <memory unit='GiB'>2</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
        </domains>
    libvirt says: operation failed: domain '…' already exists with uuid
    See: libvirt virdomainobjlist.c:virDomainObjListAddLocked
    """
    for clash in fleet.name_clashes:
        later, first = clash.later.member, clash.first.member
        if later.uuid is not None and later.uuid == first.uuid:
            continue  # the same domain, defined again
        is_certain = later.uuid is not None and first.uuid is not None
        is_apart = fleet.are_apart(later, first)
        if is_apart and not is_certain:
            continue  # probably one domain, defined for two hosts
        # Without a uuid, the files may be variants of one domain.
        is_refused = is_certain and not is_apart
        yield Problem(
            at=clash.later.name_span,
            message=f"domain name {later.name!r} is used twice",
            help="rename one of them" if is_certain else "rename one of them, or give both files the same uuid",
            related=(Related(clash.first.name_span, "used first"),),
            severity=None if is_refused else Severity.NOTE,
        )


@rule("VFS803", "uuid-of-two-domains", severity=Severity.ERROR, stage=Stage.DEFINE, any_hypervisor=True)
def uuid_of_two_domains(fleet: Fleet) -> Iterator[Problem]:
    """Each domain has its own uuid.

    Why: the uuid identifies the domain, and libvirt rejects it with another name. This happens when a file is
        copied and only the name is changed. In different folders, which may be for different hosts, it is a note.
    Bad:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>web</name><uuid>00000000-0000-4000-8000-000000000001</uuid>
            <memory unit='GiB'>2</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
          <domain type='kvm'><name>mail</name><uuid>00000000-0000-4000-8000-000000000001</uuid>
            <memory unit='GiB'>2</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
        </domains>
    Good:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>web</name><uuid>00000000-0000-4000-8000-000000000001</uuid>
            <memory unit='GiB'>2</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
          <domain type='kvm'><name>mail</name>
            <memory unit='GiB'>2</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
        </domains>
    libvirt says: operation failed: domain '…' is already defined with uuid
    See: libvirt virdomainobjlist.c:virDomainObjListAddLocked
    """
    for clash in fleet.uuid_clashes:
        if clash.later.member.name != clash.first.member.name:
            yield Problem(
                at=clash.later.uuid_span,
                message=f"the uuid of {clash.later.title} is already used by {clash.first.title}",
                help="remove <uuid>; libvirt then generates a new one",
                related=(Related(clash.first.uuid_span, f"the uuid of {clash.first.title}"),),
                severity=Severity.NOTE if fleet.are_apart(clash.later.member, clash.first.member) else None,
            )


@rule("VFS804", "domain-defined-twice", severity=Severity.NOTE, stage=Stage.DEFINE, any_hypervisor=True)
def domain_defined_twice(fleet: Fleet) -> Iterator[Problem]:
    """A folder contains only one definition of a domain.

    Why: with the same name and uuid, libvirt treats the second file as a change of the first and keeps the last
        definition. Identical copies, such as the links in autostart, are not reported, and neither are
        definitions in different folders, which may be for different hosts.
    Bad:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>web</name><uuid>00000000-0000-4000-8000-000000000001</uuid>
            <memory unit='GiB'>2</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
          <domain type='kvm'><name>web</name><uuid>00000000-0000-4000-8000-000000000001</uuid>
            <memory unit='GiB'>4</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
        </domains>
    Good:
        <name>web</name>
        <uuid>00000000-0000-4000-8000-000000000001</uuid>
    See: libvirt virdomainobjlist.c:virDomainObjListAddLocked
    """
    for clash in fleet.name_clashes:
        later, first = clash.later.member, clash.first.member
        if later.uuid is not None and later.uuid == first.uuid and not fleet.are_apart(later, first):
            yield Problem(
                at=clash.later.name_span,
                message=f"{clash.later.title} has two different definitions",
                help="keep one of them; libvirt uses the one that is defined last",
                related=(Related(clash.first.name_span, "the other definition"),),
            )


@rule("VFS805", "image-of-two-domains", severity=Severity.ERROR, stage=Stage.START)
def image_of_two_domains(fleet: Fleet) -> Iterator[Problem]:
    """A disk image that one domain writes is used by no other domain.

    Why: QEMU locks it, and also the file with the firmware's variables; the second guest does not start, and would
        destroy the first one's file system. Images that are only read, such as the base of several overlays, can be
        used together, and so can disks with `<shareable/>`.
    Bad:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>one</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <disk type='file'><source file='/srv/a.qcow2'/><target dev='vda' bus='virtio'/></disk>
            </devices>
          </domain>
          <domain type='kvm'><name>two</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <disk type='file'><source file='/srv/a.qcow2'/><target dev='vda' bus='virtio'/></disk>
            </devices>
          </domain>
        </domains>
    Bad:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>one</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <disk type='file'><source file='/srv/a.qcow2'/><target dev='vda' bus='virtio'/></disk>
            </devices>
          </domain>
          <domain type='kvm'><name>two</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <disk type='file'><source file='/srv/a.qcow2'/><target dev='vda' bus='virtio'/><readonly/></disk>
            </devices>
          </domain>
        </domains>
    Good:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>one</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <disk type='file'><source file='/srv/a.qcow2'/><target dev='vda' bus='virtio'/><readonly/></disk>
            </devices>
          </domain>
          <domain type='kvm'><name>two</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <disk type='file'><source file='/srv/a.qcow2'/><target dev='vda' bus='virtio'/><readonly/></disk>
            </devices>
          </domain>
        </domains>
    libvirt says: Failed to get "write" lock
    libvirt says: Failed to get shared "write" lock
    See: QEMU documentation, image locking; libvirt 9.0.0 to 12.8.0, started with such images
    """
    for clash in fleet.clashes(IMAGE):
        yield Problem(
            at=clash.later.held_span,
            message=f"{clash.later.held_title} is already used by {clash.first.title}",
            help="give each domain its own image, for example an overlay, or use it read-only in both",
            related=(Related(clash.first.held_span, f"used by {clash.first.title}"),),
        )


@rule("VFS806", "port-of-two-domains", severity=Severity.ERROR, stage=Stage.START)
def port_of_two_domains(fleet: Fleet) -> Iterator[Problem]:
    """No two domains listen on the same TCP port.

    Why: the port of a VNC or SPICE server is reserved on all addresses of the host, whatever it listens on; that of
        another device on its own address. The second guest does not start.
    Bad:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>one</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <graphics type='vnc' port='5901' autoport='no'/>
            </devices>
          </domain>
          <domain type='kvm'><name>two</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <graphics type='vnc' port='5901' autoport='no'/>
            </devices>
          </domain>
        </domains>
    Bad:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>one</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <serial type='tcp'><source mode='bind' host='127.0.0.1' service='4555'/><protocol type='raw'/></serial>
            </devices>
          </domain>
          <domain type='kvm'><name>two</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <serial type='tcp'><source mode='bind' host='127.0.0.1' service='4555'/><protocol type='raw'/></serial>
            </devices>
          </domain>
        </domains>
    Good:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>one</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <graphics type='vnc' autoport='yes'/>
            </devices>
          </domain>
          <domain type='kvm'><name>two</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <graphics type='vnc' autoport='yes'/>
            </devices>
          </domain>
        </domains>
    libvirt says: Failed to reserve port
    libvirt says: Failed to find an available port: Address already in use
    See: libvirt virportallocator.c:virPortAllocatorSetUsed; libvirt 9.0.0 to 12.8.0, started with such ports
    """
    for clash in fleet.clashes(PORT):
        yield Problem(
            at=clash.later.held_span,
            message=f"{clash.later.held_title} is already used by {clash.first.title}",
            help="write another port, or autoport='yes' for graphics",
            related=(Related(clash.first.held_span, f"used by {clash.first.title}"),),
            says=None if clash.later.held_is_graphics else "Address already in use",
        )


@rule("VFS807", "device-of-two-domains", severity=Severity.NOTE, stage=Stage.START)
def device_of_two_domains(fleet: Fleet) -> Iterator[Problem]:
    """A device of the host is passed through to one domain.

    Why: a PCI, USB or SCSI device, a mediated device, a TPM and the address of a vsock belong to one guest at a time;
        the second one does not start while the first one runs. It is an error if both start with the host; otherwise
        they may be meant to take turns, as with a graphics card. SCSI devices can have `<shareable/>`.
    Bad:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>one</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <hostdev mode='subsystem' type='pci' managed='yes'>
                <source><address domain='0' bus='1' slot='0' function='0'/></source></hostdev>
            </devices>
          </domain>
          <domain type='kvm'><name>two</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <hostdev mode='subsystem' type='pci' managed='yes'>
                <source><address domain='0' bus='1' slot='0' function='0'/></source></hostdev>
            </devices>
          </domain>
        </domains>
    Good:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>one</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <hostdev mode='subsystem' type='pci' managed='yes'>
                <source><address domain='0' bus='1' slot='0' function='0'/></source></hostdev>
            </devices>
          </domain>
          <domain type='kvm'><name>two</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <hostdev mode='subsystem' type='pci' managed='yes'>
                <source><address domain='0' bus='2' slot='0' function='0'/></source></hostdev>
            </devices>
          </domain>
        </domains>
    libvirt says: PCI device … is in use by driver QEMU, domain …
    See: libvirt virhostdev.c:virHostdevPreparePCIDevices
    """
    for clash in fleet.clashes(DEVICE):
        yield Problem(
            at=clash.later.held_span,
            message=f"{clash.later.held_title} is already used by {clash.first.title}",
            help="pass another device through, or never start both domains at once",
            related=(Related(clash.first.held_span, f"used by {clash.first.title}"),),
            severity=Severity.ERROR if clash.is_certain else None,
            says="",
        )


@rule("VFS810", "huge-pages-short-together", severity=Severity.WARNING, stage=Stage.START)
def huge_pages_short_together(fleet: Fleet) -> Iterator[Problem]:
    """The host has enough huge pages for all domains that start with it.

    Why: all domains use pages from the same pool; a domain does not start if the pool is exhausted. Domains
        start with the host if their file is in a folder named autostart; without one, all domains of the run
        are counted.
    Bad (host paged):
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>one</name><memory unit='GiB'>3</memory><vcpu>2</vcpu>
            <memoryBacking><hugepages><page size='2' unit='M'/></hugepages></memoryBacking>
            <os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
          <domain type='kvm'><name>two</name><memory unit='GiB'>3</memory><vcpu>2</vcpu>
            <memoryBacking><hugepages><page size='2' unit='M'/></hugepages></memoryBacking>
            <os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
        </domains>
    Good (host paged):
        <memoryBacking><hugepages><page size='2' unit='M'/></hugepages><access mode='shared'/></memoryBacking>
    libvirt says: unable to map backing store for guest RAM: Cannot allocate memory
    See: libvirt documentation, virsh allocpages, autostart
    """
    for excess in fleet.page_excesses:
        size_kib, nodes, _ = excess.pages or (0, (), 0)
        where = f" on NUMA node {nodes[0]}" if len(nodes) == 1 else ""
        command = allocation(size_kib, excess.needed, excess.there, excess.there, nodes[:1])
        yield Problem(
            at=excess.claim.memory_span,
            message=f"{_together(excess)} require {excess.needed} pages of {spell_size(size_kib)}"
            f"{where} in total, but the host has {excess.there}",
            help=f"allocate more before they start: {command}",
            related=_others(excess),
            severity=Severity.ERROR if excess.is_autostart else None,
        )


@rule("VFS811", "memory-files-too-large-together", severity=Severity.WARNING, stage=Stage.GUEST)
def memory_files_too_large_together(fleet: Fleet) -> Iterator[Problem]:
    """memory_backing_dir has room for the memory of all domains that start with the host.

    Why: each guest's memory is a file there that grows as it is used; if the file system is full, the guest is
        killed.
    Bad (host cramped):
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>one</name><memory unit='MiB'>400</memory><vcpu>2</vcpu>
            <memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>
            <os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
          <domain type='kvm'><name>two</name><memory unit='MiB'>400</memory><vcpu>2</vcpu>
            <memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>
            <os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
          <domain type='kvm'><name>three</name><memory unit='MiB'>400</memory><vcpu>2</vcpu>
            <memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>
            <os><type arch='x86_64' machine='q35'>hvm</type></os></domain>
        </domains>
    Good (host bare):
        <memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>
    See: libvirt documentation, domain XML, memoryBacking; qemu.conf, memory_backing_dir
    """
    storage = backing_storage(fleet.context)
    for excess in fleet.file_excesses if storage else ():
        yield Problem(
            at=excess.claim.memory_span,
            message=f"{_together(excess)} keep {spell_size(excess.needed)} "
            f"of memory in files, but {storage.path if storage else ''} has room for {spell_size(excess.there)}",
            help="use <source type='memfd'/>, or set memory_backing_dir to a larger tmpfs",
            related=_others(excess),
        )


@rule("VFS820", "stale-cache-between-domains", severity=Severity.WARNING, stage=Stage.GUEST)
def stale_cache_between_domains(fleet: Fleet) -> Iterator[Problem]:
    """A directory that another domain writes to does not have cache mode `always`.

    Why: with `<cache mode='always'/>` the guest never reads again what it has cached; it does not see what the
        other guest writes, and files that both write to are corrupted.
    Bad:
        <?xml version='1.0'?>
        <domains>
          <domain type='kvm'><name>one</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <filesystem type='mount'><driver type='virtiofs'/><binary><cache mode='always'/></binary>
                <source dir='/srv'/><target dir='data'/></filesystem>
            </devices>
          </domain>
          <domain type='kvm'><name>two</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
            <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>
            <devices>
              <filesystem type='mount'><driver type='virtiofs'/>
                <source dir='/srv'/><target dir='data'/></filesystem>
            </devices>
          </domain>
        </domains>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/>
          <source dir='/srv'/><target dir='data'/></filesystem>
    See: virtiofsd documentation, --cache
    """
    for clash in fleet.stale_caches:
        yield Problem(
            at=clash.later.cache_span,
            message=f"cache mode 'always' hides what {clash.first.title} writes to the same directory",
            help="write <cache mode='none'/>, or share the directory read-only with the other domain",
            related=(Related(clash.first.source_span, f"{clash.first.title} may write here"),),
        )


def _together(excess: Excess) -> str:
    number = len(excess.others) + 1
    return f"{number} domains that start with the host" if excess.is_autostart else f"{number} domains of this run"


def _others(excess: Excess) -> tuple[Related, ...]:
    return tuple(Related(claim.memory_span, f"also {claim.title}") for claim in excess.others[:_SHOWN])
