"""The boot order of devices."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.device import NEW_PARSER, Boot
from vfslint.domain.domain import Domain
from vfslint.domain.filesystem import Filesystem, VirtioFS
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.subjects import Deviating
from vfslint.targets import Version
from vfslint.vocabulary import quotations
from vfslint.xml.edits import remove_element


@rule("VFS250", "boot-order-malformed", severity=Severity.ERROR, stage=Stage.PARSE)
def boot_order_malformed(boot: Deviating[Boot]) -> Iterator[Problem]:
    """The boot order is a positive number.

    Why: libvirt rejects a device's `<boot>` without an order, or whose order is 0 or not a number.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <boot order='0'/></filesystem>
    Good:
        <interface type='user'><boot order='1'/></interface>
    libvirt says: Zero is not permitted
    libvirt says: incorrect boot order, expecting positive integer
    libvirt says: missing boot order attribute
    libvirt says: Missing required attribute 'order' in element 'boot'
    libvirt says: loadparm value must be between 1 and 8 characters
    libvirt says: invalid loadparm value
    See: libvirt domain_conf.c:virDomainDeviceBootParseXML
    """
    if boot.invalid_loadparm:
        yield Problem(
            at=boot.invalid_loadparm.span,
            message=f"loadparm {boot.invalid_loadparm.value!r} is not one to eight letters, digits and dots",
            help="write one to eight letters, digits and dots, or remove loadparm",
            says=_about_loadparm(boot.invalid_loadparm.value.upper(), boot.device.libvirt),
        )
    if boot.order is None:
        written = boot.node.attribute("order")
        yield Problem(
            at=written.span if written and written.value else boot.node.start_span,
            message=f"boot order {written.value!r} is not a positive number" if written else "<boot> has no order",
            help="write order='1' or a larger number",
            says=_about_order(written.value if written else None, boot.device.libvirt),
        )


def _about_order(value: str | None, libvirt: Version) -> str:
    """Return what libvirt prints about an invalid or missing order."""
    place = ["BootOrder/@order"]
    if value is None:
        return quotations.of_fault(place, "missing", libvirt, "boot", "order")
    return quotations.of_value(place, libvirt, value, "boot", "order")


def _about_loadparm(value: str, libvirt: Version) -> str:
    """Return what libvirt prints about a boot parameter, which it writes in upper case."""
    wrong = next((letter for letter in value if not (letter.isascii() and letter.isalnum()) and letter not in ". "), "")
    is_old = libvirt < NEW_PARSER
    if wrong:
        culprit = f"char '{wrong}'" if is_old else f"value '{value}'"
        return f"invalid loadparm {culprit}, expecting chars in set of [a-zA-Z0-9.] and blank spaces"
    if not is_old:
        return f"loadparm value '{value}' must be between 1 and 8 characters"
    return f"loadparm '{value}' exceeds 8 characters" if value else "loadparm cannot be an empty string"


@rule("VFS251", "boot-order-with-os-boot", severity=Severity.ERROR, stage=Stage.DEFINE)
def boot_order_with_os_boot(boots: list[Boot], context: Context) -> Iterator[Problem]:
    """A domain boots by the order of its devices or by `<os><boot dev='…'/>`, not by both.

    Why: the two may contradict each other, so libvirt rejects the combination.
    Bad:
        <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>
        <interface type='user'><boot order='1'/></interface>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <interface type='user'><boot order='1'/></interface>
    libvirt says: per-device boot elements cannot be used together with os/boot elements
    See: libvirt domain_postparse.c:virDomainDefBootOrderPostParse
    """
    os_boot = next((boot for os in context.domain.elements("os") for boot in os.children("boot")), None)
    boot = next((boot for boot in boots if boot.order), None)
    if boot and os_boot:
        yield Problem(
            at=boot.node.start_span,
            message=f"the boot order of {boot.device.label} cannot be combined with <boot> in <os>",
            related=(Related(os_boot.start_span, "the boot order in <os>"),),
            help="remove one of the two",
        )


@rule("VFS252", "boot-order-repeated", severity=Severity.ERROR, stage=Stage.DEFINE)
def boot_order_repeated(boots: list[Boot]) -> Iterator[Problem]:
    """Each number in the boot order is used by one device.

    Why: libvirt rejects two devices with the same boot order, whatever their kind.
    Bad:
        <interface type='user'><boot order='1'/></interface>
        <interface type='user'><boot order='1'/></interface>
    Good:
        <interface type='user'><boot order='1'/></interface>
        <interface type='user'><boot order='2'/></interface>
    libvirt says: boot order '1' used for more than one device
    See: libvirt domain_postparse.c:virDomainDefCollectBootOrder
    """
    first: dict[int, Boot] = {}
    for boot in boots:
        if boot.order is None:
            continue
        other = first.setdefault(boot.order, boot)
        if other is not boot:
            yield Problem(
                at=boot.node.at("order"),
                message=f"boot order {boot.order} is used twice",
                label="used again",
                related=(Related(other.node.at("order"), "used first"),),
                help="give each device its own boot order",
            )


@rule("VFS253", "boot-order-on-9p", severity=Severity.ERROR, stage=Stage.DEFINE)
def boot_order_on_9p(fs: Filesystem) -> Iterator[Problem]:
    """A filesystem with a boot order is a virtio-fs share.

    Why: QEMU passes the boot index of vhost-user-fs to the firmware, but does not support one for 9p. Before
        7.1.0 libvirt ignored it.
    Bad:
        <filesystem type='mount'><source dir='/srv'/><target dir='data'/><boot order='1'/></filesystem>
    Good:
        <filesystem type='mount'><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: boot order is only supported for virtiofs
    Fix: removes it.
    Fixed:
        <filesystem type='mount'><source dir='/srv'/><target dir='data'/></filesystem>
    See: libvirt domain_validate.c:virDomainFSDefValidate
    """
    if fs.boot and not fs.is_virtiofs and fs.libvirt >= (7, 1, 0):
        yield Problem(
            at=fs.boot.start_span,
            message=f"{fs.label} cannot have a boot order: its driver is not virtiofs",
            help="remove <boot>",
            fix=Fix("remove <boot>", (remove_element(fs.boot),)),
        )


@rule("VFS254", "boot-order-needs-pci", severity=Severity.ERROR, stage=Stage.DEFINE)
def boot_order_needs_pci(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """A virtio-fs share with a boot order must be a PCI device.

    Why: the CCW and virtio-mmio variants of the device have no boot index. libvirt 11.3.0 rejects it when the
        domain is defined.
    Bad:
        <domain type='kvm'><name>example</name><memory unit='GiB'>2</memory>
          <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
          <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
          <devices><filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
            <boot order='1'/></filesystem></devices>
        </domain>
    Good:
        <domain type='kvm'><name>example</name><memory unit='GiB'>2</memory>
          <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
          <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
          <devices><filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
            </filesystem></devices>
        </domain>
    libvirt says: setting virtiofs boot order is supported only with PCI bus
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefFS (11.3.0)
    """
    if fs.boot is None or fs.libvirt < (7, 1, 0):
        return
    type_ = fs.address.value("type") if fs.address else None
    by_machine = type_ is None and context.domain.arch == "s390x"
    if by_machine or (type_ in ("virtio-mmio", "ccw") and not context.domain.is_x86):
        # Rejected by 11.3.0, accepted by 9.0.0; the release notes do not mention the change.
        is_refused = fs.libvirt >= (11, 3, 0)
        yield Problem(
            at=fs.boot.start_span,
            message=f"{fs.label} has a boot order, but is not a PCI device",
            help="remove <boot>, or give the share an address of type 'pci'",
            severity=None if is_refused else Severity.WARNING,
            stage=None if is_refused else Stage.START,
        )


@rule("VFS255", "boot-order-without-uefi", severity=Severity.WARNING, stage=Stage.GUEST)
def boot_order_without_uefi(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """A guest that boots from a virtio-fs share has UEFI firmware.

    Why: the firmware must have a driver. OVMF has had one since 2021; SeaBIOS, the default firmware of x86
        guests, ignores the share.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <boot order='1'/></filesystem>
    Good:
        <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <boot order='1'/></filesystem>
    See: edk2 OvmfPkg/VirtioFsDxe
    """
    if fs.boot is None or fs.libvirt < (7, 1, 0) or fs.boot.value("order") in (None, "", "0"):
        return
    if not context.domain.is_x86 or _has_uefi(context.domain):
        return
    yield Problem(
        at=fs.boot.start_span,
        message=f"SeaBIOS cannot boot from {fs.label}",
        help="write <os firmware='efi'>, or remove <boot>",
    )


def _has_uefi(domain: Domain) -> bool:
    """Whether the guest boots with UEFI: `os/@firmware`, or a loader that is not a BIOS."""
    for os in domain.elements("os"):
        loaders = os.children("loader")
        if os.value("firmware") == "efi" or any(loader.value("type") == "pflash" for loader in loaders):
            return True
    return False
