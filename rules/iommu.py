"""The IOMMU device, and devices that use one."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.address import type_of
from vfslint.domain.device import Iommu
from vfslint.domain.filesystem import VirtioFS
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version, spell
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node
from vfslint.xml.edits import remove_attribute

# The releases that read the address of an IOMMU, one more option of intel, and the options by model.
WITH_ADDRESS: Version = (8, 3, 0)
DMA_TRANSLATION: Version = (10, 7, 0)
OPTIONS_BY_MODEL: Version = (12, 8, 0)


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
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
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


# The boards that support each model, as libvirt names them.
_BOARDS = {"intel": "Q35", "amd": "Q35", "virtio": "Q35 and ARM Virt", "smmuv3": "ARM Virt"}


@rule("VFS037", "iommu-needs-q35", severity=Severity.ERROR, stage=Stage.DEFINE)
def iommu_needs_q35(iommu: Iommu, context: Context) -> Iterator[Problem]:
    """An IOMMU is on a machine type that supports it.

    Why: intel and amd are parts of the q35 chipset, smmuv3 of the ARM virt board, and both boards support virtio.
    Bad:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <iommu model='intel'/>
    Bad:
        <iommu model='smmuv3'/>
    Bad:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <iommu model='virtio'/>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <iommu model='intel'/>
    libvirt says: IOMMU device: 'intel' is only supported with Q35 machines
    libvirt says: IOMMU device: 'smmuv3' is only supported with ARM Virt machines
    libvirt says: IOMMU device: 'virtio' is only supported with Q35 and ARM Virt machines
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefIOMMU
    """
    domain, model = context.domain, iommu.node.value("model")
    boards = _BOARDS.get(model or "")
    if boards is None or domain.machine_type.is_vendors or domain.machine_type.is_unknown:
        return
    if not (domain.is_q35 and "Q35" in boards) and not (domain.is_arm_virt and "ARM" in boards):
        board = "q35" if "Q35" in boards else "ARM virt"
        machine = domain.machine_attribute
        yield Problem(
            at=iommu.node.at("model"),
            message=f"IOMMU {model!r} requires a {board} machine, not {domain.machine or domain.arch!r}",
            help=f"write machine='{board.split()[-1]}', or remove <iommu>",
            related=(Related(machine.span, "the machine type"),) if machine else (),
            says=f"IOMMU device: '{model}' is only supported with {boards} machines",
        )


@rule("VFS038", "iommu-options-clash", severity=Severity.ERROR, stage=Stage.DEFINE)
def iommu_options_clash(iommus: list[Iommu], context: Context) -> Iterator[Problem]:
    """An IOMMU has everything that its options require, and no options or address of other models.

    Why: extended interrupt mode requires interrupt remapping, remapping requires the I/O APIC in QEMU, and a
        virtio IOMMU is described to the guest by ACPI. A virtio IOMMU is a PCI device, while intel and smmuv3 are parts
        of their boards, without an address. Until 11.3.0 a domain can have only one IOMMU.
    Bad:
        <iommu model='intel'><driver eim='on'/></iommu>
    Bad:
        <iommu model='virtio'><driver caching_mode='on'/></iommu>
    Bad:
        <iommu model='intel'><address type='pci' domain='0' bus='0' slot='5' function='0'/></iommu>
    Bad:
        <iommu model='virtio'><address type='usb' bus='0' port='1'/></iommu>
    Good:
        <features><ioapic driver='qemu'/></features>
        <iommu model='intel'><driver intremap='on' eim='on'/></iommu>
    libvirt says: IOMMU eim requires interrupt remapping to be enabled
    libvirt says: IOMMU interrupt remapping requires split I/O APIC (ioapic driver='qemu')
    libvirt says: only a single IOMMU device is supported
    libvirt says: IOMMU device: 'virtio' requires ACPI
    libvirt says: iommu model 'virtio' doesn't support some additional attributes
    libvirt says: iommu model 'intel' can't have address
    libvirt says: IOMMU device: 'virtio' needs a PCI address
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefIOMMU; domain_conf.c:virDomainDefParseXML
    """
    for iommu in iommus:
        yield from _missing_for(iommu, context)
        yield from _unsupported_in(iommu, context)
    if len(iommus) > 1 and context.target.libvirt < (11, 4, 0):
        yield Problem(
            at=iommus[1].node.start_span,
            message=f"libvirt {spell(context.target.libvirt)} supports only one IOMMU, not {len(iommus)}",
            help="keep one",
            related=(Related(iommus[0].node.start_span, "the first"),),
            stage=Stage.PARSE,
            says="only a single IOMMU device is supported",
        )


def _missing_for(iommu: Iommu, context: Context) -> Iterator[Problem]:
    domain = context.domain
    intremap = iommu.driver.value("intremap") if iommu.driver else None
    if iommu.driver and iommu.driver.value("eim") == "on" and intremap != "on":
        yield Problem(
            at=iommu.node.start_span,
            message="an IOMMU with eim='on' requires intremap='on'",
            help="write intremap='on'",
            says="IOMMU eim requires interrupt remapping to be enabled",
        )
    elif intremap == "on" and not _is_ioapic_in_qemu(context):
        yield Problem(
            at=iommu.node.start_span,
            message="an IOMMU with intremap='on' requires the I/O APIC in QEMU",
            help="add <features><ioapic driver='qemu'/></features>",
            says="IOMMU interrupt remapping requires split I/O APIC (ioapic driver='qemu')",
        )
    elif iommu.node.value("model") == "virtio" and (domain.is_q35 or domain.is_arm_virt) and not domain.has_acpi:
        yield Problem(
            at=iommu.node.start_span,
            message="a virtio IOMMU requires ACPI",
            help="add <features><acpi/></features>",
            says="IOMMU device: 'virtio' requires ACPI",
        )


def _unsupported_in(iommu: Iommu, context: Context) -> Iterator[Problem]:
    """What the model of an IOMMU does not support."""
    model, libvirt, address = iommu.node.value("model") or "", context.target.libvirt, type_of(iommu)
    fault = _option_of_other_model(iommu, model, libvirt)
    if fault:
        option, says = fault
        yield Problem(
            at=option.name_span if isinstance(option, Attribute) else option.start_span,
            message=f"IOMMU {model!r} does not support {option.name if isinstance(option, Attribute) else option.tag}",
            help="remove it",
            says=says,
        )
    elif iommu.address and address and model in ("intel", "smmuv3") and libvirt >= WITH_ADDRESS:
        yield Problem(
            at=iommu.address.at("type"),
            message=f"IOMMU {model!r} cannot have an address",
            help="remove <address>",
            says=f"iommu model '{model}' can't have address",
        )
    elif iommu.address and address not in (None, "pci", "unassigned") and model == "virtio" and libvirt >= WITH_ADDRESS:
        yield Problem(
            at=iommu.address.at("type"),
            message=f"a virtio IOMMU cannot have an address of type {address!r}",
            help="remove <address>",
            says="IOMMU device: 'virtio' needs a PCI address",
        )


def _option_of_other_model(iommu: Iommu, model: str, libvirt: Version) -> tuple[Attribute | Node, str] | None:
    """Return the first option that the model does not support, and libvirt's message."""
    if iommu.driver is None or model not in _OPTIONS:
        return None
    written = {attribute.name: attribute for attribute in iommu.driver.attributes}
    if libvirt >= OPTIONS_BY_MODEL:
        unsupported = [name for name in written if name in _ALL_OPTIONS and name not in _OPTIONS[model]]
        says = f"iommu model '{model}' doesn't support some additional attributes"
        granule = iommu.driver.child("granule")
        if granule and model != "virtio" and not unsupported:
            return granule, says
        if (
            not unsupported
            and model == "smmuv3"
            and written.keys() & _ACCELERATED
            and iommu.driver.value("accel") != "on"
        ):
            says = "accel must be enabled for iommu model 'smmuv3' when setting ats, ril, ssidsize, oas, or cmdqv"
            unsupported = [name for name in written if name in _ACCELERATED]
    elif libvirt >= WITH_ADDRESS and model in ("virtio", "smmuv3"):
        unsupported = [name for name in written if name in _OPTIONS["intel"]]
        if libvirt < DMA_TRANSLATION:
            unsupported = [name for name in unsupported if name != "dma_translation"]
        if written.get("aw_bits") and not numbers.unsigned(written["aw_bits"].value):
            unsupported = [name for name in unsupported if name != "aw_bits"]
        # The message between these releases is not known.
        says = f"iommu model '{model}' doesn't support additional attributes" if libvirt < (11, 4, 0) else ""
    else:
        return None
    return (written[unsupported[0]], says) if unsupported else None


# The options that libvirt accepts for each model; some only with accel='on'.
_ACCELERATED = frozenset({"ats", "cmdqv", "oas", "ril", "ssidsize"})
_OPTIONS: dict[str, frozenset[str]] = {
    "intel": frozenset({"intremap", "caching_mode", "eim", "iotlb", "aw_bits", "dma_translation"}),
    "amd": frozenset({"intremap", "iotlb", "passthrough", "xtsup"}),
    "virtio": frozenset({"aw_bits", "passthrough", "xtsup"}),
    "smmuv3": frozenset({"accel", "pciBus"}) | _ACCELERATED,
}
_ALL_OPTIONS = frozenset().union(*_OPTIONS.values())


def _is_ioapic_in_qemu(context: Context) -> bool:
    found = (features.child("ioapic") for features in context.domain.elements("features"))
    ioapic = next((node for node in found if node), None)
    driver = ioapic.value("driver") if ioapic else None
    # From 11.3.0 at the latest libvirt moves the I/O APIC if nothing is written and the first IOMMU requires it.
    options = next((first.child("driver") for first in context.domain.device_nodes("iommu")), None)
    is_moved = options is not None and options.value("intremap") == "on" and context.target.libvirt >= (9, 1, 0)
    return driver == "qemu" or (driver is None and is_moved)
