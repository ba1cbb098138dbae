"""`<qemu:commandline>`: arguments that libvirt passes to QEMU unchecked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain import command_line, pci, sharing
from vfslint.domain.command_line import NAMESPACE, Option
from vfslint.domain.domain import Domain
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.subjects import Deviating
from vfslint.vocabulary.table import spelled
from vfslint.xml import edits
from vfslint.xml.document import Attribute, Node

# What libvirt calls its own objects: an argument can refer to these. Those of chardevs, of network backends, of memory.
_OF_LIBVIRT = {
    "chardev": re.compile(r"chr|char[a-z]"),
    "netdev": re.compile(r"host[a-z]"),
    "memdev": re.compile(r"(ram-node|mem(dimm|nvdimm|virtio|sgx|epc|ua-)|shmmem)|.*\.ram\Z"),
}
# Options that define what other options refer to, by the key that refers to it.
_DEFINED_BY = {"chardev": "chardev", "netdev": "netdev", "memdev": "object"}
# Options with definitions that are not in the arguments.
_DEFINING_ELSEWHERE = frozenset({"readconfig", "nic", "net", "set"})


@rule("VFS290", "qemu-namespace-missing", severity=Severity.WARNING, stage=Stage.SCHEMA)
def qemu_namespace_missing(domain: Deviating[Domain]) -> Iterator[Problem]:
    """The namespace of `<qemu:commandline>` is declared.

    Why: libvirt identifies the element by its namespace, whatever the prefix. Without `xmlns:qemu` on `<domain>`,
        or with another URI there, libvirt silently drops the whole block.
    Bad:
        <qemu:commandline><qemu:arg value='-nodefaults'/></qemu:commandline>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <qemu:commandline><qemu:arg value='-nodefaults'/></qemu:commandline>
    Fix: declares the namespace.
    Fixed:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
        <qemu:commandline><qemu:arg value='-nodefaults'/></qemu:commandline>
    See: libvirt documentation, "QEMU/KVM hypervisor driver", Pass-through of arbitrary QEMU commands
    """
    for node in _unbound(domain):
        edit = edits.add_attribute(domain.node, "xmlns:qemu", NAMESPACE)
        yield Problem(
            at=node.name_span,
            message="libvirt drops <qemu:commandline>: its prefix is not bound to libvirt's namespace",
            help=f"write <domain … xmlns:qemu='{NAMESPACE}'>",
            fix=Fix("declare the namespace", (edit,)) if node.tag == "qemu:commandline" else None,
        )


def _unbound(domain: Domain) -> list[Node]:
    """Return every `<qemu:commandline>` whose prefix is not declared or is bound to another namespace."""
    endings = ("}commandline", ":commandline")
    # In another of libvirt's namespaces, it is an element of another hypervisor.
    names = [tag for tag in domain.tags if tag.endswith(endings) and spelled(tag) == tag]
    return [node for name in names for node in domain.elements(name)]


@rule(
    "VFS291",
    "commandline-memory-not-shared",
    severity=Severity.WARNING,
    stage=Stage.GUEST,
)
def commandline_memory_not_shared(domain: Domain) -> Iterator[Problem]:
    """A vhost-user device on QEMU's command line needs shared memory, too.

    Why: libvirt does not check these arguments. Without shared memory, from `<memoryBacking>` or from a memory
        backend in the arguments themselves, the process that serves the device cannot access the guest's buffers:
        mounts hang or fail, disks and interfaces do not work.
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <memoryBacking><nosharepages/></memoryBacking>
          <qemu:commandline><qemu:arg value='-chardev'/><qemu:arg value='socket,id=c,path=/run/v.sock'/>
            <qemu:arg value='-device'/><qemu:arg value='vhost-user-fs-pci,chardev=c,tag=data,addr=0x1e'/>
          </qemu:commandline>
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <memoryBacking><nosharepages/></memoryBacking>
          <qemu:commandline><qemu:arg value='-chardev'/><qemu:arg value='socket,id=c,path=/run/v.sock'/>
            <qemu:arg value='-netdev'/><qemu:arg value='vhost-user,id=n,chardev=c'/></qemu:commandline>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
          <qemu:commandline><qemu:arg value='-chardev'/><qemu:arg value='socket,id=c,path=/run/v.sock'/>
            <qemu:arg value='-device'/><qemu:arg value='vhost-user-fs-pci,chardev=c,tag=data,addr=0x1e'/>
          </qemu:commandline>
    libvirt says: HandleRequest(InvalidParam)
    See: QEMU docs/tools/virtiofsd.rst, docs/system/devices/vhost-user.rst; libvirt documentation, "Sharing files
        with Virtiofs"
    """
    options = command_line.options(domain)
    served = [option for option in options if option.is_vhost_user]
    if not served or sharing.is_shared(domain) or any(option.is_shared_memory for option in options):
        return
    for option in served:
        is_share = option.kind.startswith("vhost-user-fs")
        yield Problem(
            at=option.value.span,
            message=f"{option.kind} needs shared memory, and the guest's memory is private",
            help="share it with <filesystem> and <driver type='virtiofs'/>, or make the memory shared"
            if is_share
            else "write <source type='memfd'/> and <access mode='shared'/> in <memoryBacking>",
            says=None if is_share else "",
        )


@rule(
    "VFS292",
    "commandline-repeats-mount-tag",
    severity=Severity.WARNING,
    stage=Stage.GUEST,
)
def commandline_repeats_mount_tag(domain: Domain) -> Iterator[Problem]:
    """A mount tag is used once: by a `<filesystem>` or on QEMU's command line.

    Why: libvirt does not check the one in the arguments. The guest sees two devices with the same tag and
        mounts whichever it finds first.
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
          <qemu:commandline><qemu:arg value='-chardev'/><qemu:arg value='socket,id=c,path=/run/v.sock'/>
            <qemu:arg value='-device'/><qemu:arg value='vhost-user-fs-pci,chardev=c,tag=data,addr=0x1e'/>
          </qemu:commandline>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
          <qemu:commandline><qemu:arg value='-chardev'/><qemu:arg value='socket,id=c,path=/run/v.sock'/>
            <qemu:arg value='-device'/><qemu:arg value='vhost-user-fs-pci,chardev=c,tag=more,addr=0x1e'/>
          </qemu:commandline>
    See: libvirt documentation, "QEMU/KVM hypervisor driver", Pass-through of arbitrary QEMU commands
    """
    shares = {share.tag: share for share in domain.shares if share.tag}
    for device in command_line.named(domain, "device"):
        share = shares.get(device.settings.get("tag", "")) if device.kind.startswith("vhost-user-fs") else None
        if share:
            yield Problem(
                at=device.value.span,
                message=f"mount tag {share.tag!r} is already used by a <filesystem>",
                related=(Related(share.tag_span, "used here first"),),
                help="remove one of the two",
            )


@rule("VFS234", "commandline-numa-memory", severity=Severity.ERROR, stage=Stage.START)
def commandline_numa_memory(domain: Domain, context: Context) -> Iterator[Problem]:
    """The memory of NUMA nodes is not set on QEMU's command line.

    Why: libvirt gives QEMU the guest's memory itself, as a backend of the whole machine or of each NUMA cell. QEMU
        rejects memory for another node. Guides for virtio-fs that are older than libvirt's own support write it.
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <qemu:commandline>
            <qemu:arg value='-object'/><qemu:arg value='memory-backend-memfd,id=mem,size=2G,share=on'/>
            <qemu:arg value='-numa'/><qemu:arg value='node,memdev=mem'/></qemu:commandline>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
    libvirt says: '-machine memory-backend' and '-numa memdev' properties are mutually exclusive
    See: QEMU hw/core/numa.c:numa_complete_configuration; libvirt qemu_command.c:qemuBuildMemCommandLine
    """
    if not domain.is_x86 or context.target.qemu < (5, 2, 0):
        return
    says = "'-machine memory-backend' and '-numa memdev' properties are mutually exclusive"
    for option in command_line.named(domain, "numa"):
        if option.kind == "node" and "memdev" in option.settings:
            yield Problem(
                at=option.value.span,
                message="QEMU rejects memory for a NUMA node here, because libvirt already adds the guest's memory",
                help="remove -numa and its -object, and write <source type='memfd'/> and <access mode='shared'/> in "
                "<memoryBacking>, or add the node to <cpu><numa>",
                says="" if domain.cells else says,
            )


@rule("VFS235", "commandline-takes-pci-slot", severity=Severity.ERROR, stage=Stage.START)
def commandline_takes_pci_slot(domain: Domain) -> Iterator[Problem]:
    """A PCI device on QEMU's command line does not take the slot of one of libvirt's devices.

    Why: QEMU creates the devices of the command line first, unless they are written in JSON, and gives each without
        an address the first free slot. libvirt, which does not read the arguments, has chosen the same slot for a
        device of its own, such as the first root port, which then has no place.
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <devices><controller type='pci' index='0' model='pcie-root'/>
            <controller type='pci' index='1' model='pcie-root-port'>
              <address type='pci' domain='0' bus='0' slot='1' function='0'/></controller></devices>
          <qemu:commandline>
            <qemu:arg value='-device'/><qemu:arg value='virtio-rng-pci'/></qemu:commandline>
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <os><type arch='x86_64' machine='pc'>hvm</type></os>
          <devices><video><model type='vga'/>
            <address type='pci' domain='0' bus='0' slot='2' function='0'/></video></devices>
          <qemu:commandline>
            <qemu:arg value='-device'/><qemu:arg value='e1000,bus=pci.0,addr=0x2'/></qemu:commandline>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <devices><controller type='pci' index='0' model='pcie-root'/>
            <controller type='pci' index='1' model='pcie-root-port'>
              <address type='pci' domain='0' bus='0' slot='1' function='0'/></controller></devices>
          <qemu:commandline>
            <qemu:arg value='-device'/><qemu:arg value='virtio-rng-pci,bus=pcie.0,addr=0x1e'/></qemu:commandline>
    libvirt says: PCI: slot 1 function 0 not available for pcie-root-port, in use by virtio-rng-pci,id=(null)
    See: QEMU system/vl.c:qemu_create_cli_devices, hw/pci/pci.c:do_pci_register_device
    """
    for taken in pci.taken_by_arguments(domain):
        device, slot, owner = taken.device, taken.slot, taken.owner
        place = f"slot {slot:#x} of bus 0"
        yield Problem(
            at=device.value.span,
            message=f"{device.kind} takes {place}, which libvirt gives to "
            + (f"a device of its own: {owner.device.label}" if owner else "a device of its own"),
            help="add a free place, such as addr=0x1e",
            related=(Related(owner.node.start_span, "the same slot"),) if owner else (),
            says=_slot_is_taken(device, slot, owner.device.node.value("model")) if owner else "",
        )


def _slot_is_taken(device: Option, slot: int, model: str | None) -> str:
    """Return what QEMU says if libvirt's device is a PCI controller, whose model is the name of QEMU's device."""
    if not model or not model.startswith("pcie-"):
        return ""
    user = f"{device.kind},id={device.id or '(null)'}"
    return f"PCI: slot {slot} function 0 not available for {model}, in use by {user}"


@rule("VFS236", "commandline-property-unknown", severity=Severity.ERROR, stage=Stage.START)
def commandline_property_unknown(domain: Domain) -> Iterator[Problem]:
    """A vhost-user-fs device on QEMU's command line has no cache-size.

    Why: the option sets the size of the DAX window, which no release of QEMU has. Guides that use a development
        branch of QEMU write it.
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
          <qemu:commandline><qemu:arg value='-chardev'/><qemu:arg value='socket,id=c,path=/run/v.sock'/>
            <qemu:arg value='-device'/>
            <qemu:arg value='vhost-user-fs-pci,chardev=c,tag=data,cache-size=2G,addr=0x1e'/></qemu:commandline>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
          <qemu:commandline><qemu:arg value='-chardev'/><qemu:arg value='socket,id=c,path=/run/v.sock'/>
            <qemu:arg value='-device'/><qemu:arg value='vhost-user-fs-pci,chardev=c,tag=data,addr=0x1e'/>
          </qemu:commandline>
    libvirt says: Property 'vhost-user-fs-pci.cache-size' not found
    See: QEMU hw/virtio/vhost-user-fs.c:vuf_properties
    """
    for device in command_line.named(domain, "device"):
        if device.kind.startswith("vhost-user-fs") and "cache-size" in device.settings:
            yield Problem(
                at=device.value.span,
                message=f"{device.kind} has no property 'cache-size'",
                help="remove cache-size: no QEMU has a DAX window for virtio-fs",
                says=f"Property '{device.kind}.cache-size' not found",
            )


@rule("VFS237", "commandline-reference-missing", severity=Severity.ERROR, stage=Stage.START)
def commandline_reference_missing(domain: Domain) -> Iterator[Problem]:
    """What an argument refers to is defined by another argument.

    Why: a device is connected by `chardev=`, `netdev=` and `memdev=` to what `-chardev`, `-netdev` and `-object` define
        with that id. libvirt passes both on unchecked, and QEMU does not start if one is missing.
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
          <qemu:commandline><qemu:arg value='-chardev'/><qemu:arg value='socket,id=fs0,path=/run/v.sock'/>
            <qemu:arg value='-device'/><qemu:arg value='vhost-user-fs-pci,chardev=fs1,tag=data,addr=0x1e'/>
          </qemu:commandline>
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <qemu:commandline><qemu:arg value='-device'/>
            <qemu:arg value='{"driver":"ivshmem-plain","memdev":"looking-glass"}'/></qemu:commandline>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <qemu:commandline><qemu:arg value='-device'/>
            <qemu:arg value='{"driver":"ivshmem-plain","memdev":"looking-glass"}'/>
            <qemu:arg value='-object'/>
            <qemu:arg value='{"qom-type":"memory-backend-file","id":"looking-glass","mem-path":"/dev/shm/lg",
            "size":33554432,"share":true}'/></qemu:commandline>
    libvirt says: Device 'looking-glass' not found
    See: QEMU hw/core/qdev-properties-system.c; hw/misc/ivshmem.c
    """
    options = command_line.options(domain)
    if any(option.name in _DEFINING_ELSEWHERE for option in options):
        return
    defined = {(option.name, option.id) for option in options}
    for option in options:
        if option.name not in ("device", "netdev"):
            continue
        for key, definition in _DEFINED_BY.items():
            name = option.settings.get(key)
            if name and (definition, name) not in defined and not _OF_LIBVIRT[key].match(name):
                yield Problem(
                    at=option.value.span,
                    message=f"{key} {name!r} of {option.kind} is not defined by any -{definition}",
                    help=f"add -{definition} with id={name}, or use the id of one that exists",
                    says=f"Device '{name}' not found" if key == "memdev" else "",
                )


@rule("VFS238", "commandline-words-in-one-argument", severity=Severity.ERROR, stage=Stage.START)
def commandline_words_in_one_argument(domain: Domain) -> Iterator[Problem]:
    """Each word of QEMU's command line is an argument of its own.

    Why: libvirt passes each `<qemu:arg>` as one word, as if it were quoted in a shell. QEMU takes an option and its
        value in one word for the name of an option, which it does not know.
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <qemu:commandline><qemu:arg value='-global ICH9-LPC.disable_s3=1'/></qemu:commandline>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <qemu:commandline>
            <qemu:arg value='-global'/><qemu:arg value='ICH9-LPC.disable_s3=1'/></qemu:commandline>
    libvirt says: -global ICH9-LPC.disable_s3=1: invalid option
    Fix: splits it.
    Fixed:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
        <qemu:commandline><qemu:arg value='-global'/><qemu:arg value='ICH9-LPC.disable_s3=1'/></qemu:commandline>
    See: QEMU system/vl.c:lookup_opt
    """
    is_value = False
    for argument in command_line.arguments(domain):
        words = argument.value.split(maxsplit=1)
        is_option = re.fullmatch(r"--?[A-Za-z][A-Za-z0-9_-]*", words[0] if words else "") is not None
        if is_option and not is_value and len(words) == 2:
            yield Problem(
                at=argument.span,
                message=f"QEMU gets {argument.value!r} as one word, and has no option of that name",
                help=f"write {words[0]} and its value as two <qemu:arg>",
                fix=_split(argument, *words),
                says=f"{argument.value}: invalid option",
            )
        # The value of an option can look like an option, as that of -append can.
        is_value = is_option and len(words) == 1 and not is_value


def _split(argument: Attribute, option: str, value: str) -> Fix | None:
    """Return a fix that writes the value into an element of its own; None if the argument is not in the document."""
    node = argument.node
    parent = node.parent
    if not argument.is_written or not parent or not node.element.prefix:
        return None
    new = edits.element(node, f"{node.element.prefix}:arg", "value", value)
    return Fix("write two arguments", (edits.set_value(argument, option), edits.insert(parent, new, after=node)))


@rule("VFS239", "commandline-bus-not-created-yet", severity=Severity.ERROR, stage=Stage.START)
def commandline_bus_not_created_yet(domain: Domain) -> Iterator[Problem]:
    """A device on QEMU's command line is not plugged into a PCI bus of libvirt's controllers.

    Why: QEMU creates the devices of the command line before libvirt's own, unless they are written in JSON. Of the PCI
        buses, only that of the machine itself exists then: pcie.0 or pci.0.
    Bad:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <qemu:commandline>
            <qemu:arg value='-device'/><qemu:arg value='virtio-rng-pci,bus=pci.1'/></qemu:commandline>
    Good:
        <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <qemu:commandline><qemu:arg value='-device'/>
            <qemu:arg value='{"driver":"virtio-rng-pci","bus":"pci.1"}'/></qemu:commandline>
    libvirt says: Bus 'pci.1' not found
    See: QEMU system/vl.c:qemu_create_cli_devices; libvirt qemu_command.c:qemuBuildDeviceCommandlineFromJSON
    """
    ids = {option.id for option in command_line.named(domain, "device")}
    for device in command_line.devices(domain):
        bus = device.settings.get("bus", "")
        if re.fullmatch(r"pci\.[1-9][0-9]*", bus) and bus not in ids:
            yield Problem(
                at=device.value.span,
                message=f"bus {bus!r} does not exist yet when QEMU creates {device.kind}",
                help="write the device in JSON, so that QEMU creates it after libvirt's controllers",
                says=f"Bus '{bus}' not found",
            )
