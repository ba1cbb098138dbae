"""The IOMMU device, and devices that use one."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.device import Iommu
from vfslint.domain.filesystem import VirtioFS
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import spell
from vfslint.xml.edits import remove_attribute


@rule("VFS270", "iommu-not-supported", severity=Severity.ERROR, stage=Stage.START)
def iommu_not_supported(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """A virtio-fs share does not use a virtual IOMMU.

    Why: neither the C nor the Rust virtiofsd offers VIRTIO_F_IOMMU_PLATFORM, and QEMU 7.0 and later fails to
        start when it is requested. A virtual IOMMU in the guest does not help.
    Bad:
        <filesystem type='mount'><driver type='virtiofs' iommu='on'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs' iommu='off'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: iommu_platform=true is not supported by the device
    Fix: removes it, only with --unsafe-fixes, because it was set explicitly.
    See: QEMU hw/virtio/virtio-bus.c:virtio_bus_device_plugged
    """
    iommu = fs.driver.attribute("iommu") if fs.driver else None
    if iommu and iommu.value == "on" and context.target.qemu >= (7, 0, 0):
        yield Problem(
            at=iommu.span,
            message=f"{fs.label} cannot have iommu='on': virtiofsd does not support it",
            help="remove iommu",
            fix=Fix("remove 'iommu'", (remove_attribute(iommu),), safe=False),
        )


@rule("VFS037", "iommu-needs-q35", severity=Severity.ERROR, stage=Stage.DEFINE)
def iommu_needs_q35(iommu: Iommu, context: Context) -> Iterator[Problem]:
    """An IOMMU is on a machine type that supports it.

    Why: intel and amd are parts of the q35 chipset, smmuv3 of the ARM virt board.
    Bad:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <iommu model='intel'/>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <iommu model='intel'/>
    libvirt says: IOMMU device: 'intel' is only supported with Q35 machines
    libvirt says: IOMMU device: 'smmuv3' is only supported with ARM Virt machines
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefIOMMU
    """
    domain, model = context.domain, iommu.node.value("model")
    if domain.machine_type.is_vendors:
        return
    needs_q35 = model in ("intel", "amd") or (model == "virtio" and domain.is_x86)
    if (needs_q35 and not domain.is_q35) or (model == "smmuv3" and domain.is_x86):
        board = "q35" if needs_q35 else "ARM virt"
        machine = domain.machine_attribute
        yield Problem(
            at=iommu.node.at("model"),
            message=f"IOMMU {model!r} requires a {board} machine, not {domain.machine or 'pc'!r}",
            help=f"write machine='{board.split()[-1]}', or remove <iommu>",
            related=(Related(machine.span, "the machine type"),) if machine else (),
        )


@rule("VFS038", "iommu-options-clash", severity=Severity.ERROR, stage=Stage.DEFINE)
def iommu_options_clash(iommus: list[Iommu], context: Context) -> Iterator[Problem]:
    """An IOMMU has everything that its options require.

    Why: extended interrupt mode requires interrupt remapping, remapping requires the I/O APIC in QEMU, and a
        virtio IOMMU is described to the guest by ACPI. Until 11.3.0 a domain can have only one IOMMU.
    Bad:
        <iommu model='intel'><driver eim='on'/></iommu>
    Good:
        <features><ioapic driver='qemu'/></features>
        <iommu model='intel'><driver intremap='on' eim='on'/></iommu>
    libvirt says: IOMMU eim requires interrupt remapping to be enabled
    libvirt says: IOMMU interrupt remapping requires split I/O APIC (ioapic driver='qemu')
    libvirt says: only a single IOMMU device is supported
    libvirt says: requires ACPI
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefIOMMU; domain_conf.c:virDomainDefParseXML
    """
    for iommu in iommus:
        yield from _missing_for(iommu, context)
    if len(iommus) > 1 and context.target.libvirt < (11, 4, 0):
        yield Problem(
            at=iommus[1].node.start_span,
            message=f"libvirt {spell(context.target.libvirt)} supports only one IOMMU, not {len(iommus)}",
            help="keep one",
            related=(Related(iommus[0].node.start_span, "the first"),),
            stage=Stage.PARSE,
        )


def _missing_for(iommu: Iommu, context: Context) -> Iterator[Problem]:
    domain = context.domain
    intremap = iommu.driver.value("intremap") if iommu.driver else None
    if iommu.driver and iommu.driver.value("eim") == "on" and intremap != "on":
        yield Problem(
            at=iommu.node.start_span,
            message="an IOMMU with eim='on' requires intremap='on'",
            help="write intremap='on'",
        )
    elif intremap == "on" and not _is_ioapic_in_qemu(context):
        yield Problem(
            at=iommu.node.start_span,
            message="an IOMMU with intremap='on' requires the I/O APIC in QEMU",
            help="add <features><ioapic driver='qemu'/></features>",
        )
    elif iommu.node.value("model") == "virtio" and domain.is_q35 and not domain.has_acpi:
        yield Problem(
            at=iommu.node.start_span,
            message="a virtio IOMMU requires ACPI",
            help="add <features><acpi/></features>",
        )


def _is_ioapic_in_qemu(context: Context) -> bool:
    found = (features.child("ioapic") for features in context.domain.elements("features"))
    ioapic = next((node for node in found if node), None)
    driver = ioapic.value("driver") if ioapic else None
    # From 11.3.0 at the latest libvirt moves the I/O APIC by itself if nothing is written.
    return driver == "qemu" or (driver is None and context.target.libvirt >= (9, 1, 0))
