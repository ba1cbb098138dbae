"""Controllers, and devices other than shares, as `virsh dumpxml` prints them."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.addresses import MOST_PORTS
from vfslint.domain.controllers import (
    DEADLY_INDEX,
    KNOWN_NAMES,
    NAMES,
    TARGET_LIMITS,
    Controller,
    PciController,
    reads_period,
)
from vfslint.domain.devices import Balloon, Input, Interface
from vfslint.domain.domain import Domain
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers
from vfslint.xml.edits import remove_attribute, remove_element, set_value

TOLD = 8


@rule(
    "VFS272",
    "controller-number-malformed",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def controller_number_malformed(controller: Controller) -> Iterator[Problem]:
    """The index, ports and other numbers of a controller are whole numbers.

    Why: libvirt rejects what it cannot parse. The largest index crashes libvirtd, which allocates memory for
        all controllers up to it (libvirt 12 does so only for PCI controllers).
    Bad:
        <controller type='pci' index='x' model='pcie-root-port'/>
    Bad:
        <controller type='pci' index='2147483647' model='pcie-root-port'/>
    Good:
        <controller type='pci' index='1' model='pcie-root-port'><target chassis='1' port='0x8'/></controller>
    libvirt says: Cannot parse controller index
    libvirt says: Invalid ports
    libvirt says: Invalid chassis in PCI controller
    libvirt says: Invalid value for attribute 'index' in element 'controller'
    See: libvirt domain_conf.c:virDomainControllerDefParseXML
    """
    for number in controller.unreadable:
        yield Problem(
            at=number.span,
            message=f"{number.name} {number.value!r} of <{number.node.tag}> is not a number",
            help=f"write a number, or remove {number.name}",
        )
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
def controller_child_repeated(controller: Controller) -> Iterator[Problem]:
    """A controller has one `<model>` and one `<target>`.

    Why: libvirt uses the first of most repeated elements, but rejects these two.
    Bad:
        <controller type='pci' index='1' model='pcie-root-port'><target chassis='1'/>
          <target port='0x8'/></controller>
    Good:
        <controller type='pci' index='1' model='pcie-root-port'><target chassis='1' port='0x8'/></controller>
    libvirt says: Multiple <model> elements in controller definition not allowed
    libvirt says: Multiple <target> elements in controller definition not allowed
    See: libvirt domain_conf.c:virDomainControllerDefParseXML
    """
    for node in controller.repeated:
        yield Problem(
            at=node.name_span,
            message=f"<{node.tag}> appears twice in this controller",
            help="keep one of the two",
            fix=Fix(f"remove the second <{node.tag}>", (remove_element(node),), safe=False),
        )


@rule("VFS274", "controller-repeated", severity=Severity.ERROR, stage=Stage.DEFINE)
def controller_repeated(controllers: list[Controller]) -> Iterator[Problem]:
    """Controllers of the same type have different indexes.

    Why: other devices refer to their controller by type and index. The USB 1 companions of a USB 2 controller
        share its index and require that controller.
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
    See: libvirt domain_validate.c:virDomainDefValidate; domain_addr.c:virDomainUSBAddressSetAddControllers
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
            )
    for controller in companions:
        if controller.index is not None and ("usb", controller.index) not in first:
            yield Problem(
                at=controller.node.start_span,
                message=f"this companion USB controller has no master controller with index {controller.index}",
                help=f"add <controller type='usb' index='{controller.index}' model='ich9-ehci1'/>",
            )


@rule(
    "VFS275",
    "pci-controller-invalid",
    severity=Severity.ERROR,
    stage=Stage.DEFINE,
)
def pci_controller_invalid(controller: PciController) -> Iterator[Problem]:
    """A PCI controller has a model, and numbers in the range of PCI.

    Why: libvirt needs the model to determine what can be plugged in. Chassis and port are at most 255, and bus
        0 has room for about 240 ports.
    Bad:
        <controller type='pci' index='1'/>
    Bad:
        <controller type='pci' index='1' model='pcie-root-port'><target chassis='256'/></controller>
    Good:
        <controller type='pci' index='1' model='pcie-root-port'><target chassis='1' port='0x10'/></controller>
    libvirt says: PCI controller model was not set correctly
    libvirt says: PCI controller chassis '256' out of range - must be 0-255
    libvirt says: a PCI slot is needed to connect a PCI controller, but none is available
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefControllerPCI
    """
    if controller.model is None:
        yield Problem(
            at=controller.node.start_span,
            message="this PCI controller has no model",
            help="write model='pcie-root-port', or another model",
        )
    if controller.index is not None and MOST_PORTS < controller.index < DEADLY_INDEX:
        yield Problem(
            at=controller.node.at("index"),
            message=f"controller index {controller.index} is too large: bus 0 has no room for all the ports up to it",
            help="write a small index, or remove it",
        )
    for number in controller.beyond:
        first, last = TARGET_LIMITS[number.name]
        yield Problem(
            at=number.span,
            message=f"{number.name} {number.value} is out of range ({first}-{last})",
            help=f"write a number from {first} to {last}, or remove {number.name}",
        )


@rule("VFS296", "pci-root-with-index", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_root_with_index(controller: PciController) -> Iterator[Problem]:
    """The root of the PCI buses has index 0.

    Why: an x86 machine has one root, and all other buses are connected to it.
    Bad:
        <controller type='pci' index='1' model='pcie-root'/>
    Good:
        <controller type='pci' index='0' model='pcie-root'/>
    libvirt says: pci-root and pcie-root controllers should have index 0
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefControllerPCI
    """
    model = controller.model if controller.index else None
    if model and controller.is_x86_root:
        yield Problem(
            at=controller.node.at("index"),
            message=f"{model.value} must have index 0, not {controller.index}",
            help="write index='0'",
        )


@rule("VFS297", "pci-controller-misnamed", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_controller_misnamed(controller: PciController) -> Iterator[Problem]:
    """The model name of a PCI controller matches its model.

    Why: the name selects the QEMU device; if there is none, libvirt adds it. The root of the PCI buses is part
        of the machine and has no name.
    Bad:
        <controller type='pci' index='1' model='pcie-root-port'><model name='pci-bridge'/></controller>
    Bad:
        <controller type='pci' index='0' model='pcie-root'><model name='pcie-root-port'/></controller>
    Good:
        <controller type='pci' index='1' model='pcie-root-port'><model name='pcie-root-port'/></controller>
    libvirt says: Option 'modelName' has invalid value for PCI controller
    libvirt says: Option 'modelName' is not valid for PCI controller
    Fix: writes the matching name, or removes the name of a root.
    See: libvirt qemu_validate.c:virDomainControllerPCIModelNameToQEMUCaps
    """
    name, model = controller.name, controller.model
    if name and controller.is_x86_root and name.value in KNOWN_NAMES:
        yield Problem(
            at=name.span,
            message=f"{controller.node.value('model')} cannot have model name {name.value!r}",
            help="remove <model>",
            fix=Fix("remove <model>", (remove_element(name.node),)),
            says="Option 'modelName' is not valid for PCI controller",
        )
        return
    fitting = NAMES.get(model.value) if name and model else None
    if name and model and fitting and name.value in KNOWN_NAMES and name.value not in fitting:
        yield Problem(
            at=name.span,
            message=f"model name {name.value!r} does not match model {model.value!r}",
            help=f"write <model name='{fitting[0]}'/>, or remove it",
            fix=Fix(f"write '{fitting[0]}'", (set_value(name, fitting[0]),)),
        )


@rule("VFS298", "pci-controller-cell-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_controller_cell_invalid(controller: PciController, context: Context) -> Iterator[Problem]:
    """The NUMA node of a PCI controller is a cell of the guest.

    Why: the guest treats the devices below the controller as near the processors of this cell. On x86 only
        expander buses can be assigned to a cell.
    Bad:
        <controller type='pci' index='1' model='pcie-expander-bus'><target busNr='254'><node>9</node></target>
          </controller>
    Bad:
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
        <controller type='pci' index='1' model='pcie-root-port'><target><node>0</node></target></controller>
    Good:
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
        <controller type='pci' index='1' model='pcie-expander-bus'><target busNr='254'><node>0</node></target>
          </controller>
    libvirt says: is configured for a NUMA node not present in the domain's <numa>
    libvirt says: invalid NUMA node in target
    libvirt says: Option 'numaNode' is not valid for PCI controller
    Fix: removes it from other controllers.
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefControllerPCI
    """
    node = controller.numa_node
    if node and not controller.is_near_a_cell:
        yield Problem(
            at=node.start_span,
            message=f"a {controller.node.value('model')} cannot be assigned to a NUMA node",
            help="remove <node>; only pci-expander-bus and pcie-expander-bus support it",
            fix=Fix("remove <node>", (remove_element(node),)),
            says="Option 'numaNode' is not valid for PCI controller",
        )
    elif node and numbers.unsigned(node.text) not in [cell.id for cell in context.domain.cells]:
        yield Problem(
            at=node.text_span,
            message=f"the guest has no NUMA cell {node.text!r}",
            help="write the id of a <cell> in <numa>, or remove <node>",
        )


@rule("VFS299", "pci-controller-option-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_controller_option_invalid(controller: PciController) -> Iterator[Problem]:
    """The `<target>` of a PCI controller has only options that its model supports.

    Why: a port has a chassis and a port number, a bridge has a chassisNr, and an expander bus has a busNr.
        libvirt rejects them on other models. Most of them are optional.
    Bad:
        <controller type='pci' index='1' model='pcie-root-port'><target busNr='200'/></controller>
    Bad:
        <controller type='pci' index='0' model='pcie-root'><target chassis='1' port='0x8'/></controller>
    Good:
        <controller type='pci' index='1' model='pcie-root-port'><target chassis='1' port='0x8'/></controller>
    libvirt says: Option 'busNr' is not valid for PCI controller
    libvirt says: Option 'targetIndex' is not valid for PCI controller
    Fix: removes it.
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefControllerPCI; tested for each model
    """
    for option, models in controller.unfit_options:
        yield Problem(
            at=option.name_span,
            message=f"a {controller.node.value('model')} does not support {option.name!r}",
            help=f"remove it; only {' and '.join(models)} support{'' if len(models) > 1 else 's'} it"
            if models
            else "remove it",
            fix=Fix(f"remove {option.name!r}", (remove_attribute(option),)),
        )


@rule(
    "VFS276",
    "controller-without-queues",
    severity=Severity.ERROR,
    stage=Stage.DEFINE,
)
def controller_without_queues(controller: Controller) -> Iterator[Problem]:
    """The only controller with a number of queues is virtio-scsi.

    Why: it is an option of QEMU's virtio-scsi device; libvirt rejects it on other controllers.
    Bad:
        <controller type='usb' index='0' model='qemu-xhci'><driver queues='2'/></controller>
    Good:
        <controller type='scsi' index='0' model='virtio-scsi'><driver queues='2'/></controller>
    libvirt says: 'queues' is only supported by virtio-scsi controller
    Fix: removes it.
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefControllerAttributes
    """
    queues = controller.queues
    if queues and controller.type not in ("scsi", "nvme") and numbers.unsigned(queues.value):
        yield Problem(
            at=queues.span,
            message=f"a {controller.type} controller does not support 'queues'",
            help="remove queues",
            fix=Fix("remove 'queues'", (remove_attribute(queues),)),
        )


@rule("VFS277", "input-bus-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def input_bus_invalid(device: Input) -> Iterator[Problem]:
    """A PS/2 input device is a mouse or a keyboard.

    Why: a tablet requires USB or virtio, and passing through an input device of the host requires virtio.
    Bad:
        <input type='tablet' bus='ps2'/>
    Good:
        <input type='tablet' bus='usb'/>
    libvirt says: ps2 bus does not support tablet input device
    libvirt says: only bus 'virtio' is supported for 'passthrough' input devices
    See: libvirt domain_postparse.c, domain_conf.c:virDomainInputDefParseXML
    """
    kind, bus = device.node.value("type"), device.node.value("bus")
    ps2 = bus == "ps2" and kind in ("tablet", "passthrough", "evdev")
    if ps2 or (bus in ("usb", "none") and kind == "passthrough"):
        yield Problem(
            at=device.node.at("bus"),
            message=f"bus {bus!r} does not support input type {kind!r}",
            help="write bus='usb'" if kind == "tablet" else "write bus='virtio', or remove it",
        )


@rule(
    "VFS278",
    "device-only-once",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def device_only_once(domain: Domain) -> Iterator[Problem]:
    """A domain has one memory balloon, and before libvirt 9.1.0 one watchdog.

    Why: QEMU supports one balloon. libvirt also counts `model='none'`.
    Bad:
        <memballoon model='virtio'/><memballoon model='virtio'/>
    Good:
        <memballoon model='virtio'/>
    libvirt says: only a single memory balloon device is supported
    libvirt says: only a single watchdog device is supported
    See: libvirt domain_conf.c:virDomainDefParseXML
    """
    single = ["memballoon", "nvram", "vsock"]
    if domain.context.target.libvirt < (9, 1, 0):
        single.append("watchdog")
    for kind in single:
        for node in domain.device_nodes(kind)[1:]:
            yield Problem(
                at=node.name_span,
                message=f"<{kind}> appears more than once",
                related=(Related(domain.devices[kind][0].start_span, "the first one"),),
                help="keep one",
            )


@rule(
    "VFS279",
    "balloon-period-malformed",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def balloon_period_malformed(balloon: Balloon, context: Context) -> Iterator[Problem]:
    """The period of the balloon's statistics is a whole number of seconds.

    Why: libvirt rejects what it cannot parse.
    Bad:
        <memballoon model='virtio'><stats period='5s'/></memballoon>
    Good:
        <memballoon model='virtio'><stats period='5'/></memballoon>
    libvirt says: invalid statistics collection period
    libvirt says: Invalid value for attribute 'period' in element 'stats'
    See: libvirt domain_conf.c:virDomainMemballoonDefParseXML
    """
    stats = balloon.node.child("stats")
    period = stats.attribute("period") if stats else None
    if period and not reads_period(period.value, context.target.libvirt):
        yield Problem(
            at=period.span,
            message=f"period {period.value!r} is not a number of seconds",
            help="write a number such as period='5', or remove <stats>",
        )


@rule(
    "VFS288",
    "mac-address-malformed",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def mac_address_malformed(nic: Interface) -> Iterator[Problem]:
    """A network interface has a unicast MAC address of six bytes.

    Why: libvirt reads six hexadecimal numbers separated by colons. An address with an odd first byte is a
        multicast address, which an interface cannot have.
    Bad:
        <interface type='user'><mac address='52-54-00-00-00-01'/></interface>
    Bad:
        <interface type='user'><mac address='01:00:5e:00:00:01'/></interface>
    Good:
        <interface type='user'><mac address='52:54:00:00:00:01'/></interface>
    libvirt says: unable to parse mac address
    libvirt says: expected unicast mac address, found multicast
    See: libvirt virmacaddr.c:virMacAddrParse; domain_conf.c:virDomainNetDefParseXML
    """
    mac = nic.node.child("mac")
    address = mac.attribute("address") if mac else None
    if address is None:
        return
    read = numbers.mac_address(address.value)
    if read is None or read[0] & 1:
        yield Problem(
            at=address.span,
            message=f"{address.value!r} is not a MAC address"
            if read is None
            else f"{address.value!r} is a multicast address, which an interface cannot have",
            help="write six bytes such as 52:54:00:12:34:56, or remove <mac>",
        )


# The attributes of <source> that libvirt requires, by the type of the interface.
_SOURCES = {
    "bridge": ("bridge",),
    "network": ("network",),
    "direct": ("dev",),
    "vdpa": ("dev",),
    "internal": ("name",),
    "server": ("port",),
    "client": ("address", "port"),
    "mcast": ("address", "port"),
    "udp": ("address", "port"),
    "vds": ("switchid", "portid", "portgroupid", "connectionid"),
}


@rule("VFS289", "interface-source-missing", severity=Severity.ERROR, stage=Stage.PARSE)
def interface_source_missing(nic: Interface) -> Iterator[Problem]:
    """An interface names what it is connected to.

    Why: libvirt requires a bridge, a network, a device or an address, depending on the type of the interface,
        each in its own attribute of `<source>`.
    Bad:
        <interface type='bridge'><source network='default'/></interface>
    Good:
        <interface type='bridge'><source bridge='br0'/></interface>
        <interface type='user'/>
    libvirt says: interface type='bridge' requires a 'source' element
    libvirt says: Missing required attribute 'bridge' in element 'source'
    libvirt says: No <source> 'bridge' attribute specified with <interface type='bridge'/>
    libvirt says: missing source address type
    See: libvirt domain_conf.c:virDomainNetDefParseXML
    """
    wanted = _SOURCES.get(nic.type or "", ())
    sources = nic.node.children("source") if wanted else []
    missing = [name for name in wanted if all(source.value(name) is None for source in sources)]
    if nic.type == "hostdev" and nic.node.child("source/address") is None:
        missing = ["<address>"]
    if missing:
        yield Problem(
            at=sources[0].start_span if sources else nic.node.start_span,
            message=f"the source of the {nic.node.value('type')!r} interface has no {' and no '.join(missing)}",
            help=f"add {' and '.join(missing)} to <source>",
        )


@rule("VFS295", "ide-on-q35", severity=Severity.ERROR, stage=Stage.DEFINE)
def ide_on_q35(domain: Domain) -> Iterator[Problem]:
    """A q35 machine does not support IDE controllers.

    Why: its chipset has SATA instead. A controller without a type is an IDE controller, and a disk `hda` is on
        an IDE bus.
    Bad:
        <controller index='0'/>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='hda'/></disk>
    Good:
        <controller type='sata' index='0'/>
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='sda' bus='sata'/></disk>
    libvirt says: IDE controllers are unsupported for this QEMU binary or machine type
    See: libvirt qemu_domain.c, qemu_validate.c:qemuValidateDomainDeviceDefControllerIDE
    """
    if not domain.is_q35:
        return
    for controller in domain.controllers:
        if controller.type == "ide":
            yield Problem(
                at=controller.node.at("type"),
                message="a q35 machine cannot have an IDE controller",
                help="write type='sata', or another type",
            )
    for disk in domain.disks:
        if disk.bus == "ide":
            yield Problem(
                at=disk.name.span if disk.name else disk.node.start_span,
                message=f"{disk.label} is on an IDE bus, which a q35 machine does not support",
                help="write <target dev='sda' bus='sata'/>",
            )
