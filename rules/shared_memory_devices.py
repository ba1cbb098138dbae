"""Memory that guests share with each other, and memory that survives a crash."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.address import type_of
from vfslint.domain.device import PersistentStore, SharedMemory
from vfslint.domain.machine import S390
from vfslint.domain.sizes import Size
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary.numbers import spell_size

MIB = 1024 * 1024
# The smallest file of a pstore, in KiB.
LEAST_STORE_KIB = 4
# The release that requires a power of two.
POWER_OF_TWO: Version = (11, 3, 0)


@rule("VFS951", "shared-memory-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def shared_memory_invalid(device: SharedMemory, context: Context) -> Iterator[Problem]:
    """Shared memory has a model that QEMU supports, and a server exactly if the model requires one.

    Why: QEMU 4.0 removed the model ivshmem, which is the default. With ivshmem-doorbell, a server gives the guests the
        memory, so that it has no size here, and their interrupts; ivshmem-plain is memory only. Its size is in bytes,
        without a unit; the guest sees it as a region of a PCI device, which is a power of two, at least 1 MiB (checked
        since libvirt 11.3.0 at the latest). The name is that of a file.
    Bad:
        <shmem name='one'/>
    Bad:
        <shmem name='one'><model type='ivshmem-plain'/><server path='/run/ivshmem'/></shmem>
    Bad:
        <shmem name='one'><model type='ivshmem-doorbell'/></shmem>
    Bad:
        <shmem name='one'><model type='ivshmem-plain'/><msi vectors='4'/></shmem>
    Bad:
        <shmem name='one'><model type='ivshmem-doorbell'/><server path='/run/ivshmem'/><size unit='M'>4</size></shmem>
    Bad:
        <shmem name='one'><model type='ivshmem-plain'/><size unit='M'>3</size></shmem>
    Bad:
        <shmem name='..'><model type='ivshmem-plain'/></shmem>
    Good:
        <shmem name='one'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>
    Good:
        <shmem name='one'><model type='ivshmem-doorbell'/><server path='/run/ivshmem'/><msi vectors='4'/></shmem>
    libvirt says: ivshmem device is no longer supported
    libvirt says: shmem model 'ivshmem-plain' is supported only with server option disabled
    libvirt says: shmem model 'ivshmem-doorbell' is supported only with server option enabled
    libvirt says: shmem model 'ivshmem-doorbell' does not support size setting
    libvirt says: shmem size must be a power of 2 and at least 1 MiB (1024 KiB)
    libvirt says: msi option is only supported with a server
    libvirt says: shmem name cannot be equal to '..'
    See: libvirt domain_conf.c:virDomainShmemDefParseXML, qemu_postparse.c:qemuDomainShmemDefPostParse,
        domain_validate.c:virDomainShmemDefValidate, qemu_validate.c:qemuValidateDomainDeviceDefShmem
    """
    if device.node.value("name") is None:
        return
    # libvirt stops at the first fault.
    for find in (_about_server, _about_memory):
        problem = next(find(device, context), None)
        if problem:
            yield problem
            return


def _about_server(device: SharedMemory, _context: Context) -> Iterator[Problem]:
    node, model = device.node, device.model
    server, msi = node.child("server"), node.child("msi")
    if msi and server is None:
        yield Problem(
            at=msi.start_span,
            message="shared memory without a server cannot have interrupts",
            help="remove <msi>, or write model ivshmem-doorbell and add <server path='…'/>",
            stage=Stage.PARSE,
            says="msi option is only supported with a server",
        )
    elif model == "ivshmem-plain" and server:
        yield Problem(
            at=server.start_span,
            message="shared memory of model 'ivshmem-plain' cannot have a server",
            help="remove <server>, or write <model type='ivshmem-doorbell'/>",
            says=f"shmem model '{model}' is supported only with server option disabled",
        )
    elif model == "ivshmem-doorbell" and server is None:
        yield Problem(
            at=(node.child("model") or node).start_span,
            message="shared memory of model 'ivshmem-doorbell' has no server",
            help="add <server path='…'/>, or write <model type='ivshmem-plain'/>",
            says=f"shmem model '{model}' is supported only with server option enabled",
        )
    elif model == "ivshmem-doorbell" and device.size_bytes and device.size:
        yield Problem(
            at=device.size.start_span,
            message="shared memory of model 'ivshmem-doorbell' cannot have a size",
            help="remove <size>: the server determines it",
            says=f"shmem model '{model}' does not support size setting",
        )


def _about_memory(device: SharedMemory, context: Context) -> Iterator[Problem]:
    node, model, name = device.node, device.model, device.node.value("name")
    is_new = context.target.libvirt >= POWER_OF_TWO
    if name in (".", ".."):
        yield Problem(
            at=node.at("name"),
            message=f"shared memory cannot have the name {name!r}",
            help="use another name",
            says=f"shmem name cannot be equal to '{name}'",
        )
    elif device.size and (size := device.size_bytes) and is_new and (size < MIB or size & (size - 1)):
        yield Problem(
            at=device.size.text_span,
            message=f"the size of shared memory, {size} bytes, is not a power of two from 1 MiB",
            help="write a power of two, such as <size unit='M'>4</size>",
            says="shmem size must be a power of 2 and at least 1 MiB (1024 KiB)",
        )
    elif model == "ivshmem":
        yield Problem(
            at=(node.child("model") or node).start_span,
            message="QEMU does not support shared memory of model 'ivshmem'",
            help="write <model type='ivshmem-plain'/>",
            says=_about_ivshmem(context.target.libvirt),
        )
    elif context.domain.arch in S390:
        yield Problem(
            at=node.start_span,
            message=f"QEMU has no shared memory devices for {context.domain.arch}",
            help="remove <shmem>",
            says=f"shmem model '{model}' is not supported by this QEMU binary",
        )


def _about_ivshmem(libvirt: Version) -> str:
    if libvirt <= (9, 0, 0):
        return "ivshmem device is not supported with this QEMU binary"
    return "ivshmem device is no longer supported" if libvirt >= (11, 3, 0) else ""


@rule("VFS956", "pstore-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def pstore_invalid(store: PersistentStore, context: Context) -> Iterator[Problem]:
    """A pstore is a PCI device whose size is a power of two, at least 4 KiB.

    Why: it is QEMU's ACPI ERST device.
    Bad:
        <pstore backend='acpi-erst'><path>/srv/pstore</path><size unit='KiB'>6</size></pstore>
    Bad:
        <pstore backend='acpi-erst'><path>/srv/pstore</path><size unit='KiB'>8</size>
          <address type='isa' iobase='0x505'/></pstore>
    Good:
        <pstore backend='acpi-erst'><path>/srv/pstore</path><size unit='KiB'>8</size></pstore>
    libvirt says: invalid size of ACPI ERST pstore device
    libvirt says: ACPI ERST device must reside on a PCI bus
    See: libvirt domain_validate.c:virDomainPstoreDefValidate, qemu_validate.c:qemuValidateDomainDeviceDefPstore
    """
    node, least = store.node.child("size"), spell_size(LEAST_STORE_KIB)
    kib = Size(node, "").kib if node and node.text else None
    if context.target.libvirt < (10, 6, 0):
        return
    if node and not node.text:
        yield Problem(
            at=node.start_span,
            message="a pstore has no size",
            help="write a power of two, such as <size unit='KiB'>8</size>",
            stage=Stage.PARSE,
            says="missing element or attribute './size'",
        )
    elif node and kib is not None and (kib < LEAST_STORE_KIB or kib & (kib - 1)):
        yield Problem(
            at=node.text_span,
            message=f"the size of a pstore, {spell_size(kib)}, is not a power of two from {least}",
            help="write a power of two, such as <size unit='KiB'>8</size>",
            says="invalid size of ACPI ERST pstore device",
        )
    elif store.address and type_of(store) not in (None, "pci", "unassigned"):
        yield Problem(
            at=store.address.at("type"),
            message=f"a pstore cannot have an address of type {type_of(store)!r}",
            help="remove <address>",
            says="ACPI ERST device must reside on a PCI bus",
        )
