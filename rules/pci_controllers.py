"""PCI controllers: roots, ports, bridges and expander buses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from vfslint.context import Context
from vfslint.domain.controller import PciController, natural
from vfslint.domain.device import NEW_PARSER
from vfslint.domain.domain import Domain
from vfslint.domain.pci_slots import HIGHEST_BUS, indexes
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.rules.controllers import DEADLY_INDEX
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.edits import remove_attribute, remove_element, set_value

# The QEMU devices that each model can be (qemu_validate.c:virDomainControllerPCIModelNameToQEMUCaps).
NAMES: dict[str, tuple[str, ...]] = {
    "pci-bridge": ("pci-bridge",),
    "dmi-to-pci-bridge": ("i82801b11-bridge",),
    "pcie-to-pci-bridge": ("pcie-pci-bridge",),
    "pcie-root-port": ("pcie-root-port", "ioh3420"),
    "pcie-switch-upstream-port": ("x3130-upstream",),
    "pcie-switch-downstream-port": ("xio3130-downstream",),
    "pci-expander-bus": ("pxb",),
    "pcie-expander-bus": ("pxb-pcie",),
}
KNOWN_NAMES = frozenset(name for names in NAMES.values() for name in names) | {"spapr-pci-host-bridge"}
# The range of each number in `<target>` (qemuValidateDomainDeviceDefControllerPCI).
LIMITS = {"chassisNr": (1, 255), "chassis": (0, 255), "port": (0, 255), "busNr": (1, 254)}
LARGEST_TARGET_INDEX = 30
PORTS = ("pcie-root-port", "pcie-switch-downstream-port")
EXPANDERS = ("pci-expander-bus", "pcie-expander-bus")
# The models that support each option of `<target>` on x86, and the first release that rejects it on other models.
MODELS_WITH: dict[str, tuple[tuple[str, ...], Version]] = {
    "chassisNr": (("pci-bridge",), (0, 0, 0)),
    "chassis": (PORTS, (0, 0, 0)),
    "port": (PORTS, (0, 0, 0)),
    "busNr": (EXPANDERS, (0, 0, 0)),
    "index": ((), (0, 0, 0)),
    "hotplug": ((*PORTS, "pci-root"), (0, 0, 0)),
    "memReserve": (("pci-bridge", "pcie-root-port"), (11, 3, 0)),
}


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
    Bad (libvirt 11.3.0):
        <controller type='pci' index='1' model='pcie-root-port'><target memReserve='0'/></controller>
    Good:
        <controller type='pci' index='1' model='pcie-root-port'><target chassis='1' port='0x10'/></controller>
    libvirt says: PCI controller model was not set correctly
    libvirt says: PCI controller chassis '256' out of range - must be 0-255
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefControllerPCI
    """
    if controller.model is None:
        yield Problem(
            at=controller.node.start_span,
            message="this PCI controller has no model",
            help="write model='pcie-root-port', or another model",
            # Of the first controller, libvirt says which model the machine requires.
            says="PCI controller model was not set correctly" if controller.index else "",
        )
    if controller.index is not None and HIGHEST_BUS < controller.index < DEADLY_INDEX:
        yield Problem(
            at=controller.node.at("index"),
            message=f"controller index {controller.index} is out of range (0-{HIGHEST_BUS})",
            help="write a small index, or remove it",
            says="",
        )
    reserve = dict(controller.options).get("memReserve")
    if reserve is not None and controller.libvirt >= (11, 3, 0) and natural(reserve, 0) == 0:
        yield Problem(
            at=controller.option("memReserve").span,
            message="memReserve cannot be 0",
            help="write a number of KiB, or remove memReserve",
            stage=Stage.PARSE,
            says="Invalid value for attribute 'memReserve' in element 'target': Zero is not permitted",
        )
    for name in _out_of_range(controller.options):
        first, last = LIMITS[name]
        yield Problem(
            at=controller.option(name).span,
            message=f"{name} {controller.option(name).value} is out of range ({first}-{last})",
            help=f"write a number from {first} to {last}, or remove {name}",
            says=f"PCI controller {name} '{natural(controller.option(name).value, 0)}' out of range - "
            f"must be {first}-{last}",
        )


# Domains that libvirt prints contain the same few controllers many times.
@lru_cache(4096)
def _out_of_range(options: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the options whose numbers are out of range."""
    written = [(name, natural(text, 0)) for name, text in options if name in LIMITS]
    return tuple(name for name, number in written if number is not None and not _fits(number, *LIMITS[name]))


def _fits(number: int, first: int, last: int) -> bool:
    return first <= number <= last


@rule("VFS296", "pci-root-with-index", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_root_with_index(controller: PciController, context: Context) -> Iterator[Problem]:
    """The root of the PCI buses has index 0.

    Why: an x86 machine has one root, and all other buses are connected to it.
    Bad:
        <controller type='pci' index='1' model='pcie-root'/>
    Good:
        <controller type='pci' index='0' model='pcie-root'/>
    libvirt says: pci-root and pcie-root controllers should have index 0
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefControllerPCI
    """
    if controller.index and controller.is_root and context.domain.is_x86:
        yield Problem(
            at=controller.node.at("index"),
            message=f"{controller.model} must have index 0, not {controller.index}",
            help="write index='0'",
        )


@rule("VFS297", "pci-controller-misnamed", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_controller_misnamed(controller: PciController, context: Context) -> Iterator[Problem]:
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
    Fixed:
        <controller type='pci' index='1' model='pcie-root-port'><model name='pcie-root-port'/></controller>
    See: libvirt qemu_validate.c:virDomainControllerPCIModelNameToQEMUCaps
    """
    name, model = controller.name, controller.model
    if name and controller.is_root and context.domain.is_x86 and name.value in KNOWN_NAMES:
        yield Problem(
            at=name.span,
            message=f"{controller.model} cannot have model name {name.value!r}",
            help="remove <model>",
            fix=Fix("remove <model>", (remove_element(name.node),)),
            says=_about_option("modelName", controller, name.value),
        )
        return
    fitting = NAMES.get(model) if name and model else None
    if name and fitting and name.value not in fitting and name.value in KNOWN_NAMES:
        yield Problem(
            at=name.span,
            message=f"model name {name.value!r} does not match model {model!r}",
            help=f"write <model name='{fitting[0]}'/>, or remove it",
            fix=Fix(f"write '{fitting[0]}'", (set_value(name, fitting[0]),)),
            says=_about_option("modelName", controller, name.value, "has invalid value"),
        )


def _about_option(option: str, controller: PciController, name: str, fault: str = "is not valid") -> str:
    """Return what libvirt prints about an option; without an index, it assigns one, which is not known here."""
    if controller.index is None:
        return ""
    return (
        f"Option '{option}' {fault} for PCI controller with index '{controller.index}', model '{controller.model}' "
        f"and modelName '{name}'"
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
    Fixed:
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB' memAccess='shared'/></numa></cpu>
        <controller type='pci' index='1' model='pcie-root-port'><target></target></controller>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefControllerPCI
    """
    node = controller.numa_node
    exists = node is not None and numbers.unsigned(node.text) in [cell.id for cell in context.domain.cells]
    if node and context.domain.is_x86 and controller.model and controller.model not in EXPANDERS:
        yield Problem(
            at=node.start_span,
            message=f"a {controller.model} cannot be assigned to a NUMA node",
            help="remove <node>; only pci-expander-bus and pcie-expander-bus support it",
            fix=Fix("remove <node>", (remove_element(node),)),
            says="Option 'numaNode' is not valid for PCI controller"
            if exists
            else _no_cell(controller, context.domain),
        )
    elif node and not exists:
        yield Problem(
            at=node.text_span,
            message=f"the guest has no NUMA cell {node.text!r}",
            help="write the id of a <cell> in <numa>, or remove <node>",
            says=_no_cell(controller, context.domain),
        )


def _no_cell(controller: PciController, domain: Domain) -> str:
    """Return what libvirt says of a NUMA node that the guest does not have."""
    number = numbers.unsigned(controller.numa_node.text) if controller.numa_node else None
    if number is None:
        return "invalid NUMA node in target"
    index = indexes(domain).get(controller.node.element)
    return (
        f"{controller.model} with index {index} is configured for a NUMA node ({number}) "
        f"not present in the domain's <cpu><numa> array ({len(domain.cells)})"
    )


@rule("VFS975", "pseries-bridge-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def pseries_bridge_invalid(controller: PciController, context: Context) -> Iterator[Problem]:
    """The target index of a pSeries host bridge is in range, and index 0 and the default bridge belong together.

    Why: a pSeries guest has up to 31 host bridges, which libvirt knows as controllers of model pci-root. The default
        one has the index 0 and the target index 0, and is near no NUMA cell.
    Bad:
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <controller type='pci' index='1' model='pci-root'><target index='31'/></controller>
    Bad:
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <controller type='pci' index='0' model='pci-root'><target index='1'/></controller>
    Bad:
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <controller type='pci' index='0' model='pci-root'><target><node>0</node></target></controller>
    Good:
        <cpu><numa><cell id='0' cpus='0-7' memory='2' unit='GiB'/></numa></cpu>
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <controller type='pci' index='0' model='pci-root'><target index='0'/></controller>
        <controller type='pci' index='1' model='pci-root'><target index='1'><node>0</node></target></controller>
    libvirt says: PCI controller target index '31' out of range - must be 0-30
    libvirt says: Only the PCI controller with index 0 can have target index 0, and vice versa
    libvirt says: The PCI controller with index=0 can't be associated with a NUMA node
    See: libvirt domain_validate.c:virDomainControllerDefValidate;
        qemu_validate.c:qemuValidateDomainDeviceDefControllerPCI
    """
    if controller.model != "pci-root" or not context.domain.is_pseries or controller.index is None:
        return
    index = controller.target_index
    if index is not None and index > LARGEST_TARGET_INDEX:
        yield Problem(
            at=controller.option("index").span,
            message=f"target index {index} is out of range (0-{LARGEST_TARGET_INDEX})",
            help="write a smaller number, or remove it and let libvirt assign one",
            says=f"PCI controller target index '{index}' out of range - must be 0-30",
        )
    elif index is not None and (index == 0) != (controller.index == 0):
        yield Problem(
            at=controller.option("index").span,
            message=f"PCI controller {controller.index} cannot have target index {index}",
            help="write target index 0 for controller 0 and only for it, or remove it and let libvirt assign one",
            says="Only the PCI controller with index 0 can have target index 0, and vice versa",
        )
    elif controller.index == 0 and controller.numa_node:
        yield Problem(
            at=controller.numa_node.start_span,
            message="the default host bridge of a pSeries guest cannot be assigned to a NUMA node",
            help="remove <node>",
            says="The PCI controller with index=0 can't be associated with a NUMA node"
            if controller.libvirt >= NEW_PARSER
            else "Option 'numaNode' is not valid for PCI controller",
        )


@rule("VFS299", "pci-controller-option-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_controller_option_invalid(controller: PciController, context: Context) -> Iterator[Problem]:
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
    Fixed:
        <controller type='pci' index='1' model='pcie-root-port'><target/></controller>
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefControllerPCI; tested for each model
    """
    model = controller.model
    if model is None or not context.domain.is_x86:
        return
    for name in _unsupported(model, controller.options, controller.libvirt):
        models, _ = MODELS_WITH[name]
        yield Problem(
            at=controller.option(name).name_span,
            message=f"a {model} does not support {name!r}",
            help=f"remove it; only {' and '.join(models)} support{'' if len(models) > 1 else 's'} it"
            if models
            else "remove it",
            fix=Fix(f"remove {name!r}", (remove_attribute(controller.option(name)),)),
            says=_about_option(
                "targetIndex" if name == "index" else name,
                controller,
                controller.name.value if controller.name else NAMES.get(model, ("none",))[0],
            ),
        )


@lru_cache(4096)
def _unsupported(model: str, options: tuple[tuple[str, str], ...], libvirt: Version) -> tuple[str, ...]:
    """Return the options that a model does not have on x86."""
    known = [(name, text, *MODELS_WITH[name]) for name, text in options if name in MODELS_WITH]
    return tuple(
        name for name, text, models, since in known if model not in models and libvirt >= since and text != "-1"
    )
