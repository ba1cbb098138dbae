"""Options of controllers, and what QEMU's controllers are not."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain.controller import VIRTIO_SCSI, Controller
from vfslint.domain.domain import Domain
from vfslint.domain.pci_slots import WITHOUT_PORT_FOR_BRIDGE, indexes
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.edits import remove_attribute

# The release that was tried and has NVMe controllers, and that checks the options of USB controllers.
_NVME: Version = (12, 8, 0)
# The release that was tried and reads <iothreads> of controllers.
_MAPPING: Version = (11, 3, 0)
# Options of <driver> that only virtio-scsi controllers have, and those that NVMe controllers have as well.
_OPTIONS = ("queues", "cmd_per_lun", "max_sectors", "ioeventfd", "iothread")
_OF_NVME = frozenset({"queues", "ioeventfd"})
# The release that allows expander buses on ARM as well, and says so.
_EXPANDER_OF_ARM: Version = (8, 0, 0)
_XHCI = ("nec-xhci", "qemu-xhci")


@rule("VFS983", "controller-option-not-supported", severity=Severity.ERROR, stage=Stage.DEFINE)
def controller_option_not_supported(controller: Controller) -> Iterator[Problem]:
    """Only virtio-scsi controllers have queues, I/O threads and limits of commands and sectors.

    Why: they are options of QEMU's virtio-scsi device. A SCSI controller without a model is one of LSI on x86.
    Bad:
        <controller type='usb' index='0' model='qemu-xhci'><driver ioeventfd='on'/></controller>
    Bad:
        <controller type='scsi' index='0' model='lsilogic'><driver queues='2'/></controller>
    Bad:
        <controller type='sata' index='0'><driver cmd_per_lun='8'/></controller>
    Bad:
        <iothreads>1</iothreads>
        <controller type='scsi' index='0' model='lsilogic'><driver iothread='1'/></controller>
    Good:
        <controller type='scsi' index='0' model='virtio-scsi'>
          <driver queues='2' cmd_per_lun='8' max_sectors='512' ioeventfd='on'/></controller>
    libvirt says: 'ioeventfd' is only supported by virtio-scsi controller
    libvirt says: 'queues' is only supported by virtio-scsi controller
    libvirt says: 'iothread' attribute only supported for virtio scsi controllers
    Fix: removes it.
    Fixed:
        <controller type='usb' index='0' model='qemu-xhci'><driver/></controller>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefControllerAttributes
    """
    driver = controller.driver
    if driver is None or (controller.type == "scsi" and controller.model in VIRTIO_SCSI):
        return
    mapping = driver.child("iothreads") if controller.libvirt >= _MAPPING else None
    if mapping:
        yield Problem(
            at=mapping.name_span,
            message=f"a {controller.type} controller does not support <iothreads>",
            help="remove <iothreads>; only model='virtio-scsi' supports it",
            says="iothreads are supported only by 'virtio-scsi' controllers",
        )
    has_nvme = controller.libvirt >= _NVME
    for name in _OPTIONS:
        option = driver.attribute(name)
        # VFS276 reports queues of other types.
        if option is None or (name == "queues" and controller.type != "scsi"):
            continue
        if controller.type == "nvme" and name in _OF_NVME:
            continue
        is_set = option.value in ("on", "off") if name == "ioeventfd" else numbers.unsigned(option.value)
        if not is_set:
            continue
        by = "virtio-scsi and nvme controllers" if has_nvme and name in _OF_NVME else "virtio-scsi controller"
        yield Problem(
            at=option.span,
            message=f"a {controller.type} controller of model {controller.model!r} does not support {name!r}"
            if controller.model
            else f"a {controller.type} controller does not support {name!r}",
            help=f"remove {name}" + ("; only model='virtio-scsi' supports it" if controller.type == "scsi" else ""),
            fix=Fix(f"remove {name!r}", (remove_attribute(option),)),
            says="'iothread' attribute only supported for virtio scsi controllers"
            if name == "iothread"
            else f"'{name}' is only supported by {by}",
        )


@rule("VFS985", "controller-not-in-qemu", severity=Severity.ERROR, stage=Stage.DEFINE)
def controller_not_in_qemu(domain: Domain) -> Iterator[Problem]:
    """A controller is one that QEMU has for the machine.

    Why: `xenbus` is Xen's, `buslogic` VMware's, and libvirt's QEMU driver knows the type `isa` only by its name.
        The SCSI controller ncr53c90 is part of other machines than those of x86.
    Bad:
        <controller type='xenbus' index='0'/>
    Bad:
        <controller type='scsi' index='0' model='buslogic'/>
    Bad:
        <controller type='scsi' index='0' model='ncr53c90'/>
    Bad:
        <controller type='scsi' index='1' model='ncr53c90'/>
    Good:
        <controller type='scsi' index='0' model='virtio-scsi'/>
    libvirt says: Cannot automatically add a new PCI bus for a device with connect flags 00
    libvirt says: Unsupported controller model: buslogic
    libvirt says: ncr53c90 SCSI controller is not a built-in for this machine
    libvirt says: ncr53c90 can only be used as first SCSI controller
    See: libvirt qemu_validate.c:qemuValidateCheckSCSIControllerModel, qemuValidateDomainDeviceDefControllerSCSI
    """
    if not (domain.is_q35 or domain.is_i440fx):
        return
    for controller in domain.controllers:
        kind, model = controller.type, controller.model
        what, says = f"SCSI controller of model {model!r}", ""
        if kind in ("xenbus", "isa"):
            if controller.address:
                continue
            is_new = domain.context.target.libvirt > WITHOUT_PORT_FOR_BRIDGE
            flags = "unrecognized connect flags" if is_new else "connect flags"
            what = f"controller of type {kind!r}"
            says = f"Cannot automatically add a new PCI bus for a device with {flags} 00"
        elif kind == "scsi" and model == "buslogic":
            says = "Unsupported controller model: buslogic"
        elif kind == "scsi" and model == "ncr53c90":
            says = (
                "ncr53c90 can only be used as first SCSI controller"
                if indexes(domain).get(controller.node.element)
                else "ncr53c90 SCSI controller is not a built-in for this machine"
            )
        else:
            continue
        yield Problem(
            at=controller.node.at("model" if kind == "scsi" else "type"),
            message=f"QEMU's x86 machines have no {what}",
            help="write model='virtio-scsi'" if kind == "scsi" else "remove it",
            says=says,
        )


@rule("VFS986", "pci-root-with-address", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_root_with_address(controller: Controller) -> Iterator[Problem]:
    """The root of the PCI buses has no address.

    Why: it is not connected to another bus.
    Bad:
        <controller type='pci' index='0' model='pcie-root'><address type='pci' slot='0x05'/></controller>
    Good:
        <controller type='pci' index='0' model='pcie-root'/>
    libvirt says: pci-root and pcie-root controllers should not have an address
    See: libvirt domain_validate.c:virDomainControllerDefValidate
    """
    if controller.type == "pci" and controller.model in ("pci-root", "pcie-root") and controller.address:
        yield Problem(
            at=controller.address.start_span,
            message=f"a {controller.model} cannot have an address",
            help="remove <address>",
            says="pci-root and pcie-root controllers should not have an address",
        )


@rule("VFS979", "pci-expander-bus-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_expander_bus_invalid(domain: Domain) -> Iterator[Problem]:
    """A PCI expander bus fits the machine, and there is a bus number for it.

    Why: a q35 machine can have `pcie-expander-bus`, a pc machine `pci-expander-bus`. If `busNr` is missing, libvirt
        takes the number two below the lowest one.
    Bad:
        <controller type='pci' index='1' model='pci-expander-bus'/>
    Bad:
        <controller type='pci' index='1' model='pcie-expander-bus'><target busNr='2'/></controller>
        <controller type='pci' index='2' model='pcie-expander-bus'/>
    Good:
        <controller type='pci' index='1' model='pcie-expander-bus'><target busNr='254'/></controller>
        <controller type='pci' index='2' model='pcie-expander-bus'/>
    libvirt says: pci-expander-bus controllers are only supported on 440fx-based machinetypes
    libvirt says: pcie-expander-bus controllers are not supported with this machine type
    libvirt says: No free busNr lower than current lowest busNr is available to auto-assign to bus 0. Must be manually
        assigned
    See: libvirt qemu_domain.c:qemuDomainControllerDefPostParse, qemu_domain_address.c:qemuDomainAddressFindNewBusNr
    """
    if not (domain.is_q35 or domain.is_i440fx):
        return
    wrong = "pci-expander-bus" if domain.is_q35 else "pcie-expander-bus"
    if wrong == "pci-expander-bus":
        says = "pci-expander-bus controllers are only supported on 440fx-based machinetypes"
    elif domain.context.target.libvirt >= _EXPANDER_OF_ARM:
        says = "pcie-expander-bus controllers are not supported with this machine type"
    else:
        says = "pcie-expander-bus controllers are only supported on q35-based machinetypes"
    written = (numbers.based(dict(each.options).get("busNr", "-1"), 0, bits=31) for each in domain.pci_controllers)
    lowest = min((number for number in written if number is not None), default=256)
    for controller in domain.pci_controllers:
        if controller.model == wrong:
            yield Problem(
                at=controller.node.at("model"),
                message=f"this machine cannot have a {wrong}",
                help="write model='pcie-expander-bus'" if domain.is_q35 else "write model='pci-expander-bus'",
                says=says,
            )
        elif controller.model in ("pci-expander-bus", "pcie-expander-bus") and "busNr" not in dict(controller.options):
            lowest -= 2
            if lowest <= 0:
                yield Problem(
                    at=controller.node.start_span,
                    message="there is no bus number below that of the other expander buses",
                    help="write <target busNr='…'/> with a number that is not used",
                    says="No free busNr lower than current lowest busNr is available to auto-assign to bus "
                    f"{controller.address.value('bus') if controller.address else 0}. Must be manually assigned",
                )
                return


@rule("VFS989", "usb-controller-without-ports", severity=Severity.ERROR, stage=Stage.DEFINE)
def usb_controller_without_ports(controller: Controller) -> Iterator[Problem]:
    """Only XHCI controllers have a number of ports.

    Why: other models have a fixed number. Older releases ignore the attribute.
    Bad (libvirt 12.8.0):
        <controller type='usb' index='0' model='ich9-ehci1' ports='3'/>
    Good:
        <controller type='usb' index='0' model='qemu-xhci' ports='3'/>
    libvirt says: usb controller type 'ich9-ehci1' doesn't support 'ports' with this QEMU binary
    Fix: removes it.
    Fixed:
        <controller type='usb' index='0' model='ich9-ehci1'/>
    See: tested with libvirt 12.8.0
    """
    ports = controller.node.attribute("ports")
    model = controller.model or "piix3-uhci"
    if controller.type != "usb" or ports is None or controller.libvirt < _NVME or model in (*_XHCI, "none"):
        return
    yield Problem(
        at=ports.span,
        message=f"a USB controller of model {model!r} has a fixed number of ports",
        help="remove ports, or write model='qemu-xhci'",
        fix=Fix("remove 'ports'", (remove_attribute(ports),)),
        says=f"usb controller type '{model}' doesn't support 'ports' with this QEMU binary",
    )
