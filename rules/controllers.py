"""Controllers, and devices of any kind as `virsh dumpxml` prints them."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.controller import Controller
from vfslint.domain.device import NEW_PARSER, SEVERAL_WATCHDOGS
from vfslint.domain.domain import Domain
from vfslint.domain.panic import default_model
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.subjects import Deviating
from vfslint.targets import Version
from vfslint.vocabulary import numbers, table
from vfslint.vocabulary.quotations import sentence
from vfslint.xml.document import Node
from vfslint.xml.edits import remove_attribute, remove_element

# libvirt makes room for all controllers up to the largest index, and aborts at this one.
DEADLY_INDEX = 2**31 - 1

UNSUPPORTED_IDE = "IDE controllers are unsupported for this QEMU binary or machine type"


@rule("VFS272", "controller-ports-malformed", severity=Severity.ERROR, stage=Stage.PARSE)
def controller_ports_malformed(controller: Deviating[Controller]) -> Iterator[Problem]:
    """The number of ports of a controller is a whole number.

    Why: libvirt reads `ports` of each controller, even if this type of controller has none, and rejects what it
        cannot parse.
    Bad:
        <controller type='usb' index='0' model='qemu-xhci' ports='many'/>
    Good:
        <controller type='usb' index='0' model='qemu-xhci' ports='15'/>
    libvirt says: Invalid ports
    See: libvirt domain_conf.c:virDomainControllerDefParseXML
    """
    ports = controller.node.attribute("ports")
    if ports and numbers.based(ports.value, 10, bits=31) is None:
        yield Problem(
            at=ports.span,
            message=f"ports {ports.value!r} is not a number",
            help="write a number, or remove ports",
            says=_about_ports(ports.value, controller.libvirt),
        )


def _about_ports(value: str, libvirt: Version) -> str:
    """Return what libvirt prints about a number of ports that it rejects."""
    if libvirt < NEW_PARSER:
        return f"Invalid ports: {value}"
    number = numbers.based(value, 10, bits=32, signed=True)
    return sentence("integer" if number is None else "non-negative", "controller", "ports", value)


@rule("VFS269", "controller-index-kills-libvirtd", severity=Severity.ERROR, stage=Stage.PARSE)
def controller_index_kills_libvirtd(controller: Controller) -> Iterator[Problem]:
    """The index of a controller does not crash libvirtd.

    Why: libvirtd allocates memory for all controllers up to the largest index, and aborts at 2147483647, which
        drops the connections of all other clients (libvirt 12 does so only for PCI controllers).
    Bad:
        <controller type='pci' index='2147483647' model='pcie-root-port'/>
    Good:
        <controller type='pci' index='1' model='pcie-root-port'/>
    libvirt says: End of file while reading data: Input/output error
    See: libvirt domain_conf.c:virDomainControllerDefParseXML; tested with each release
    """
    survives = controller.type != "pci" and controller.libvirt >= (12, 0, 0)
    if controller.index == DEADLY_INDEX and not survives:
        yield Problem(
            at=controller.node.at("index"),
            message=f"controller index {controller.index} crashes libvirtd",
            help="write a small index, or remove it",
        )


@rule(
    "VFS273",
    "controller-child-repeated",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def controller_child_repeated(controller: Deviating[Controller]) -> Iterator[Problem]:
    """A controller has one `<model>` and one `<target>`.

    Why: libvirt uses the first of most repeated elements, but rejects these two.
    Bad:
        <controller type='pci' index='1' model='pcie-root-port'><target chassis='1'/>
          <target port='0x8'/></controller>
    Good:
        <controller type='pci' index='1' model='pcie-root-port'><target chassis='1' port='0x8'/></controller>
    libvirt says: Multiple <model> elements in controller definition not allowed
    libvirt says: Multiple <target> elements in controller definition not allowed
    Fix: removes the second one.
    Fixed:
        <controller type='pci' index='1' model='pcie-root-port'><target chassis='1'/>
          </controller>
    See: libvirt domain_conf.c:virDomainControllerDefParseXML
    """
    for node in (node for name in ("model", "target") for node in controller.node.children(name)[1:2]):
        yield Problem(
            at=node.name_span,
            message=f"<{node.tag}> appears twice in this controller",
            help="keep one of the two",
            fix=Fix(f"remove the second <{node.tag}>", (remove_element(node),), safe=False),
            says=f"Multiple <{node.tag}> elements in controller definition not allowed",
        )


@rule("VFS274", "controller-repeated", severity=Severity.ERROR, stage=Stage.DEFINE)
def controller_repeated(controllers: list[Controller], context: Context) -> Iterator[Problem]:
    """Controllers of the same type have different indexes.

    Why: other devices refer to their controller by type and index. The USB 1 companions of a USB 2 controller
        share its index, and there must be at least one controller that is no companion.
    Bad:
        <controller type='scsi' index='0' model='virtio-scsi'/>
        <controller type='scsi' index='0' model='virtio-scsi'/>
    Bad:
        <controller type='usb' index='0' model='ich9-uhci1'><master startport='0'/></controller>
    Good:
        <controller type='usb' index='0' model='ich9-ehci1'/>
        <controller type='usb' index='0' model='ich9-uhci1'><master startport='0'/></controller>
    libvirt says: Multiple 'scsi' controllers with index '0'
    libvirt says: Duplicate USB controllers with index 0
    libvirt says: No master USB controller specified
    See: libvirt domain_validate.c:virDomainDefValidate; domain_conf.c:virDomainDefControllersParse
    """
    first: dict[tuple[str, int], Controller] = {}
    companions = []
    for controller in controllers:
        if controller.is_companion:
            companions.append(controller)
        if controller.index is None or controller.is_companion:
            continue
        other = first.setdefault((controller.type, controller.index), controller)
        if other is not controller:
            yield Problem(
                at=controller.node.at("index"),
                message=f"{controller.type} controller index {controller.index} is used twice",
                label="used again",
                related=(Related(other.node.at("index"), "used first"),),
                help="give each controller its own index",
                says=f"Duplicate USB controllers with index {controller.index}"
                if controller.type == "usb"
                else f"Multiple '{controller.type}' controllers with index '{controller.index}'",
            )
    usb = [controller for controller in controllers if controller.type == "usb" and controller.model != "none"]
    if companions and len(companions) == len(usb) and "controller" not in context.domain.unknown_kinds:
        index = companions[0].node.value("index") or "0"
        yield Problem(
            at=companions[0].node.start_span,
            message="every USB controller is the companion of another one, and none is their master",
            help=f"add <controller type='usb' index='{index}' model='ich9-ehci1'/>",
            says="No master USB controller specified",
        )


@rule(
    "VFS276",
    "controller-without-queues",
    severity=Severity.ERROR,
    stage=Stage.DEFINE,
)
def controller_without_queues(controller: Controller) -> Iterator[Problem]:
    """Only virtio-scsi controllers have a number of queues.

    Why: it is an option of QEMU's virtio-scsi device; libvirt rejects it on other controllers.
    Bad:
        <controller type='usb' index='0' model='qemu-xhci'><driver queues='2'/></controller>
    Good:
        <controller type='scsi' index='0' model='virtio-scsi'><driver queues='2'/></controller>
    libvirt says: 'queues' is only supported by virtio-scsi controller
    Fix: removes it.
    Fixed:
        <controller type='usb' index='0' model='qemu-xhci'><driver/></controller>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefControllerAttributes
    """
    queues = controller.queues
    if queues and controller.type not in ("scsi", "nvme") and numbers.unsigned(queues.value):
        yield Problem(
            at=queues.span,
            message=f"a {controller.type} controller does not support 'queues'",
            help="remove queues",
            fix=Fix("remove 'queues'", (remove_attribute(queues),)),
            says="'queues' is only supported by virtio-scsi "
            + ("and nvme controllers" if controller.libvirt >= (12, 8, 0) else "controller"),
        )


@rule(
    "VFS278",
    "device-only-once",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def device_only_once(domain: Domain) -> Iterator[Problem]:
    """A domain has one memory balloon, and one of some other devices.

    Why: QEMU supports one balloon; libvirt also counts `model='none'`. A domain has one panic device and one watchdog
        of each model, except for the PCI watchdog i6300esb, and one TPM that is not a proxy. Before libvirt 9.1.0 it
        has only one watchdog.
    Bad:
        <memballoon model='virtio'/><memballoon model='virtio'/>
    Bad:
        <panic/><panic model='isa'/>
    Bad:
        <watchdog model='itco'/><watchdog model='itco'/>
    Bad:
        <tpm model='tpm-tis'><backend type='passthrough'/></tpm>
        <tpm model='tpm-crb'><backend type='passthrough'/></tpm>
    Good:
        <memballoon model='virtio'/>
    Good:
        <panic model='isa'/><panic model='hyperv'/>
    libvirt says: only a single memory balloon device is supported
    libvirt says: Multiple panic devices with model 'isa'
    libvirt says: domain can only have one watchdog with model 'itco'
    libvirt says: only a single TPM non-proxy device is supported
    See: libvirt domain_conf.c:virDomainDefParseXML, domain_postparse.c:virDomainDefRejectDuplicatePanics,
        qemu_validate.c:qemuValidateDomainDefTPMs, qemuValidateDomainDefWatchdogs
    """
    for kind in ("memballoon", "nvram", "vsock", "watchdog", "panic", "tpm"):
        nodes, first = domain.device_nodes(kind), dict[str, Node]()
        if len(nodes) < 2:
            continue
        for number, node in enumerate(nodes):
            model, says, stage = _only_once(kind, node, number, domain)
            if says and first.setdefault(model, node) != node:
                yield Problem(
                    at=node.name_span,
                    message=f"<{kind}> appears more than once" + (f" with model {model!r}" if model else ""),
                    related=(Related(first[model].start_span, "the first one"),),
                    help="keep one",
                    stage=stage,
                    says=says,
                )


def _only_once(kind: str, node: Node, number: int, domain: Domain) -> tuple[str, str, Stage]:
    """Return the model of which a domain has only one such device, libvirt's message (or none), and the stage."""
    model = node.value("model") or ""
    if kind == "panic":
        model = model or default_model(domain) or ""
        return model, f"Multiple panic devices with model '{model}'" if model else "", Stage.DEFINE
    if kind == "watchdog" and domain.context.target.libvirt >= SEVERAL_WATCHDOGS:
        is_single = model and model != "i6300esb"
        return model, f"domain can only have one watchdog with model '{model}'" if is_single else "", Stage.DEFINE
    if kind == "tpm" and number > 1:
        return "", "a maximum of two TPM devices is supported, one of them being a TPM Proxy device", Stage.PARSE
    if kind == "tpm":
        is_proxy = model == "spapr-tpm-proxy"
        says = f"only a single TPM {'Proxy' if is_proxy else 'non-proxy'} device is supported"
        return model if is_proxy else "", says, Stage.DEFINE
    name = "memory balloon" if kind == "memballoon" else kind
    return "", f"only a single {name} device is supported", Stage.PARSE


@rule("VFS295", "ide-on-q35", severity=Severity.ERROR, stage=Stage.DEFINE)
def ide_on_q35(domain: Domain) -> Iterator[Problem]:
    """A q35 machine has no IDE controllers, a pc machine has one.

    Why: the chipset of q35 has SATA instead, and that of pc has one IDE controller. A controller without a type is an
        IDE controller, and a disk `hda` is on an IDE bus.
    Bad:
        <controller index='0'/>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='hda'/></disk>
    Bad:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <controller type='ide' index='1'/>
    Good:
        <controller type='sata' index='0'/>
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='sata'/></disk>
    libvirt says: IDE controllers are unsupported for this QEMU binary or machine type
    libvirt says: Only a single IDE controller is supported for this machine type
    See: libvirt qemu_domain.c, qemu_validate.c:qemuValidateDomainDeviceDefControllerIDE
    """
    if domain.is_i440fx:
        for controller in domain.controllers:
            if controller.type == "ide" and controller.index:
                yield Problem(
                    at=controller.node.at("index"),
                    message=f"a pc machine has one IDE controller, which has index 0, not {controller.index}",
                    help="remove it",
                    says="Only a single IDE controller is supported for this machine type",
                )
    if not domain.is_q35:
        return
    for controller in domain.controllers:
        if controller.type == "ide":
            model = controller.node.value("model")
            # libvirt reads the model before it looks at the machine; a controller without a type is one of IDE.
            is_unknown = (
                model is not None and model not in table.form("IdeController").attributes["model"].values.listed
            )
            yield Problem(
                at=controller.node.at("type"),
                message="a q35 machine cannot have an IDE controller",
                help="write type='sata', or another type",
                says=f"Unknown model type '{model}'" if is_unknown else UNSUPPORTED_IDE,
            )
    for disk in domain.disks:
        if disk.bus == "ide" and disk.name:
            yield Problem(
                at=disk.name.span if disk.name else disk.node.start_span,
                message=f"{disk.label} is on an IDE bus, which a q35 machine does not support",
                help="write <target dev='sda' bus='sata'/>",
                says=UNSUPPORTED_IDE,
            )
