"""What a domain runs on: operating system type, architecture, machine type, emulator."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain import pci, pci_slots
from vfslint.domain.domain import Domain
from vfslint.domain.elements import Bootloader, Init
from vfslint.domain.machine import X86, architectures
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.subjects import Deviating
from vfslint.targets import NEWEST, Version, spell
from vfslint.vocabulary.spelling import nearest
from vfslint.xml import edits

# domain_conf.c: virDomainOSType.
OS_TYPES = ("hvm", "xen", "linux", "exe", "uml", "xenpvh")


_OTHER_NAMES = {
    "amd64": "x86_64", "x64": "x86_64", "x86-64": "x86_64", "i386": "i686", "i486": "i686", "i586": "i686",
    "x86": "i686", "arm64": "aarch64", "armhf": "armv7l", "arm": "armv7l", "powerpc64le": "ppc64le",
}  # fmt: skip


# Architectures that an emulator runs, by the end of its name, if any other architecture is certainly wrong.
_RUNS: dict[str, frozenset[str]] = {
    "x86_64": X86,
    "ppc64": frozenset({"ppc64", "ppc64le", "ppc"}),
    "arm": frozenset({"armv6l", "armv7l", "armv7b"}),
    "aarch64": frozenset({"aarch64", "armv7l", "armv6l", "armv7b"}),
    "s390x": frozenset({"s390x", "s390"}),
}


@rule("VFS027", "os-type-missing", severity=Severity.ERROR, stage=Stage.PARSE)
def os_type_missing(domain: Domain) -> Iterator[Problem]:
    """A domain has an operating system type.

    Why: `arch` and `machine` have a default, but `<os><type>` itself does not.
    Bad:
        <os><boot dev='hd'/></os>
    Good:
        <os><type>hvm</type></os>
    libvirt says: an os <type> must be specified
    See: libvirt domain_conf.c:virDomainDefParseCaps
    """
    bootloader = domain.first("bootloader")
    if not domain.os_type_name and not (bootloader and bootloader.text):
        node = domain.os_type or domain.first("os")
        yield Problem(
            at=node.start_span if node else domain.node.start_span,
            message="the domain has no operating system type",
            help="write <os><type>hvm</type></os>",
        )


@rule("VFS028", "os-type-not-hvm", severity=Severity.ERROR, stage=Stage.DEFINE)
def os_type_not_hvm(domain: Domain, context: Context) -> Iterator[Problem]:
    """The operating system type of a QEMU domain is `hvm`.

    Why: QEMU runs only fully virtualized guests. libvirt compares the word exactly, including whitespace.
    Bad:
        <os><type>HVM</type></os>
    Bad:
        <os><type>xen</type></os>
    Good:
        <os><type>hvm</type></os>
    libvirt says: unknown OS type 'HVM'
    libvirt says: Emulator '/usr/bin/qemu-system-x86_64' does not support os type 'xen'
    Fix: writes hvm if only case or whitespace differ.
    Fixed:
        <os><type>hvm</type></os>
    See: libvirt domain_conf.c:virDomainOSType, virDomainDefParseCaps
    """
    name = domain.os_type_name
    if not name or name == "hvm" or not domain.os_type:
        return
    known = name in OS_TYPES
    meant = name.strip().lower() == "hvm"
    yield Problem(
        at=domain.os_type.text_span,
        message=f"operating system type {name!r} is not " + ("supported by QEMU" if known else "known to libvirt"),
        help="did you mean hvm?" if meant else "write hvm",
        fix=Fix("write hvm", (edits.set_whole_text(domain.os_type, "hvm"),)) if meant else None,
        stage=None if known else Stage.PARSE,
        says=_about_os_type(domain, name, context.target.libvirt) if known else f"unknown OS type '{name}'",
    )


@rule("VFS075", "init-of-container", severity=Severity.WARNING, stage=Stage.SCHEMA)
def init_of_container(init: Init, context: Context) -> Iterator[Problem]:
    """A virtual machine has no `<init>`.

    Why: the first program of a guest and its arguments are for containers (type 'exe'). A virtual machine boots from
        its disks or from a `<kernel>`, and libvirt drops these elements.
    Bad:
        <os><type>hvm</type><init>/sbin/init</init></os>
    Good:
        <os><type>hvm</type><kernel>/srv/vmlinuz</kernel><cmdline>init=/sbin/init</cmdline></os>
    See: libvirt schemas/domaincommon.rng; domain_conf.c:virDomainDefParseBootInitOptions
    """
    if context.domain.os_type_name == "hvm":
        yield Problem(
            at=init.start_span,
            message=f"<{init.tag}> is for containers, not for a virtual machine",
            help="remove it, or write init=… in <cmdline>",
        )


def _about_os_type(domain: Domain, name: str, libvirt: Version) -> str:
    """Return what libvirt prints about the type of an operating system that QEMU does not run."""
    if libvirt < (9, 0, 0) and domain.inputs:
        # Its parser reads input devices first, and knows those of Xen only by their bus.
        is_xens = name in ("xen", "xenpvh")
        return "" if is_xens else "Input devices are not supported by this virtualization driver."
    if name == "exe" and not any(os.child("init") for os in domain.elements("os")):
        return "init binary must be specified"
    return emulator_says(domain, f"os type '{name}'")


@rule("VFS029", "bootloader-with-qemu", severity=Severity.ERROR, stage=Stage.DEFINE)
def bootloader_with_qemu(bootloader: Bootloader) -> Iterator[Problem]:
    """A QEMU domain has no `<bootloader>`.

    Why: a boot loader of the host such as pygrub is for paravirtualized Xen guests.
    Bad:
        <bootloader>/usr/bin/pygrub</bootloader>
        <os><type>hvm</type></os>
    Good:
        <os><type>hvm</type><boot dev='hd'/></os>
    libvirt says: bootloader is not supported by QEMU
    See: libvirt qemu_validate.c:qemuValidateDomainDef
    """
    if bootloader.text:
        yield Problem(
            at=bootloader.name_span,
            message="QEMU does not support <bootloader>, which is for Xen",
            help="remove it, and boot with <os><boot dev='hd'/></os> or a <kernel>",
        )


@rule("VFS030", "architecture-unknown", severity=Severity.ERROR, stage=Stage.PARSE)
def architecture_unknown(domain: Deviating[Domain]) -> Iterator[Problem]:
    """The architecture has the name that the kernel uses.

    Why: libvirt accepts the names of `uname -m`: x86_64, i686, aarch64, not amd64, i386 or arm64.
    Bad:
        <os><type arch='amd64'>hvm</type></os>
    Good:
        <os><type arch='x86_64'>hvm</type></os>
    libvirt says: Unknown architecture amd64
    Fix: writes libvirt's name for a common architecture, or corrects a typo.
    Fixed:
        <os><type arch='x86_64'>hvm</type></os>
    See: libvirt virarch.c
    """
    attribute = domain.arch_attribute
    if attribute is None or attribute.value in architectures():
        return
    arch = attribute.value
    meant = _OTHER_NAMES.get(arch.lower()) or nearest(arch, sorted(architectures()))
    yield Problem(
        at=attribute.span,
        message=f"unknown architecture {arch!r}",
        help=f"did you mean {meant!r}?"
        if meant
        else "write the name that `uname -m` prints, such as x86_64 or aarch64",
        fix=Fix(f"write {meant!r}", (edits.set_value(attribute, meant),)) if meant else None,
        says=f"Unknown architecture {arch}",
    )


def emulator_says(domain: Domain, what: str) -> str:
    """Return what libvirt prints if the emulator does not support something, such as "os type 'xen'".

    It names the emulator's path. If none is written, libvirt finds the usual one for the host's own architecture;
    whether the host has one for others is not known.
    """
    if domain.emulator:
        path = domain.emulator.text
    elif domain.is_x86:
        path = f"/usr/bin/qemu-system-{'x86_64' if domain.arch == 'x86_64' else 'i386'}"
    else:
        return ""
    return f"Emulator '{path}' does not support {what}"


@rule("VFS031", "emulator-of-another-architecture", severity=Severity.ERROR, stage=Stage.DEFINE)
def emulator_of_another_architecture(domain: Domain) -> Iterator[Problem]:
    """The emulator is for the architecture of the guest.

    Why: each `qemu-system-…` emulates one architecture; that of x86_64 also runs i686.
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
    libvirt says: Emulator '/usr/bin/qemu-system-x86_64' does not support arch 'aarch64'
    See: libvirt qemu_capabilities.c:virQEMUCapsCacheLookupDefault
    """
    name = domain.emulator.text.rpartition("/")[2] if domain.emulator else ""
    emulated = name.removeprefix("qemu-system-") if name.startswith("qemu-system-") else ""
    if emulated not in _RUNS or domain.arch in _RUNS[emulated]:
        return
    if domain.emulator and domain.arch_attribute and domain.arch_attribute.value == domain.arch:
        yield Problem(
            at=domain.arch_attribute.span,
            message=f"the guest's architecture is {domain.arch!r}, but its emulator is for {emulated!r}",
            help="write the other emulator, or remove <emulator> and let libvirt find one",
            related=(Related(domain.emulator.text_span, f"emulates {emulated}"),),
            says=emulator_says(domain, f"arch '{domain.arch}'"),
        )


@rule("VFS032", "emulator-not-absolute", severity=Severity.ERROR, stage=Stage.DEFINE)
def emulator_not_absolute(domain: Domain) -> Iterator[Problem]:
    """The emulator is an absolute path.

    Why: libvirt does not search PATH; it runs this file to read its capabilities.
    Bad:
        <emulator>qemu-system-x86_64</emulator>
    Bad:
        <emulator> /usr/bin/qemu-system-x86_64</emulator>
    Good:
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
    libvirt says: Cannot check QEMU binary
    Fix: removes whitespace around the path.
    Fixed:
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
    See: libvirt qemu_capabilities.c:virQEMUCapsNewForBinaryInternal
    """
    path = domain.emulator.text if domain.emulator else ""
    if not domain.emulator or not path or (path.startswith("/") and path == path.strip()):
        return
    wanted = path.strip()
    is_blank = path != wanted and wanted.startswith("/")
    yield Problem(
        at=domain.emulator.text_span,
        message=f"the emulator {path!r} " + ("has whitespace around it" if is_blank else "is not an absolute path"),
        help="write the absolute path without whitespace, or remove <emulator> and let libvirt find one",
        fix=Fix("remove the whitespace", (edits.set_whole_text(domain.emulator, wanted),)) if is_blank else None,
        says=f"Cannot check QEMU binary {path}: No such file or directory",
    )


@rule("VFS033", "machine-unknown", severity=Severity.ERROR, stage=Stage.DEFINE)
def machine_unknown(domain: Domain, context: Context) -> Iterator[Problem]:
    """The machine type exists in a QEMU of this architecture.

    Why: 'i440fx' is called 'pc', 'virt' is a board of ARM and RISC-V, and libvirt does not start 'none'.
        Because libvirt does not know a PCI bus on an unknown board, its message may be about PCI.
    Bad:
        <os><type arch='x86_64' machine='i440fx'>hvm</type></os>
    Bad:
        <os><type arch='x86_64' machine='virt'>hvm</type></os>
    Good:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
    libvirt says: No PCI buses available
    libvirt says: Emulator '/usr/bin/qemu-system-x86_64' does not support machine type 'virt'
    libvirt says: Machine type 'virt' supports PCI but no PCI controller added
    See: libvirt qemu_domain.c:qemuDomainMachineIsI440FX, qemu_domain_address.c; QEMU `-machine help`
    """
    arch = domain.arch_attribute
    if arch and arch.value != domain.arch:
        return  # which machines there are is not known for an unknown architecture
    if domain.machine_type.is_unknown and domain.machine_attribute:
        usual = ("q35", "pc") if domain.is_x86 else ()
        meant = "pc" if domain.machine == "i440fx" else nearest(domain.machine or "", usual)
        wanted = "q35 or pc" if domain.is_x86 else "virt, pseries or s390-ccw-virtio, depending on the architecture"
        yield Problem(
            at=domain.machine_attribute.span,
            message=f"machine type {domain.machine!r} is only for Xen"
            if domain.machine_type.is_xens
            else f"QEMU has no machine type {domain.machine!r} for {domain.arch}",
            help=f"did you mean {meant}?" if meant else f"write {wanted}",
            says=_about_machine(domain, context.target.libvirt),
        )


def _about_machine(domain: Domain, libvirt: Version) -> str:
    """Return what libvirt prints about an unknown machine: before it asks QEMU, it looks for a PCI bus for devices."""
    if (domain.machine or "").startswith(("pc-q35-", "pc-i440fx-")):
        return emulator_says(domain, f"machine type '{domain.machine}'")
    if domain.is_x86 and libvirt >= (12, 8, 0):
        return f"Machine type '{domain.machine}' supports PCI but no PCI controller added"
    if domain.is_x86 and not any(controller.type == "pci" for controller in domain.controllers):
        return "No PCI buses available" if libvirt <= (11, 3, 0) else ""
    return emulator_says(domain, f"machine type '{domain.machine}'")


@rule("VFS034", "machine-not-in-qemu", severity=Severity.ERROR, stage=Stage.DEFINE)
def machine_not_in_qemu(domain: Domain, context: Context) -> Iterator[Problem]:
    """The machine type exists in the target's QEMU.

    Why: each release of QEMU adds a machine type of its own version, and since 10.1 removes those that are six
        years old, which distributions may keep. A domain that one host has printed may have a machine type that
        another host does not support.
    Bad (libvirt 9.0.0, qemu 7.2):
        <os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type></os>
    Bad (libvirt 12.8.0, qemu 11.1):
        <os><type arch='x86_64' machine='pc-q35-2.12'>hvm</type></os>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
    libvirt says: Emulator '/usr/bin/qemu-system-x86_64' does not support machine type 'pc-q35-10.0'
    See: QEMU hw/i386/pc_q35.c, pc_piix.c, include/hw/boards.h; "Removed features" of QEMU's documentation
    """
    machine = domain.machine_type
    if machine.is_unknown or not domain.machine_attribute:
        return
    if machine.comes_with:
        reason = f"has no machine type {domain.machine!r}, which requires QEMU {spell(machine.comes_with)}"
    elif machine.gone_since:
        gone = spell(machine.gone_since)
        reason = f"has machine type {domain.machine!r} only if the distribution kept it: {gone} removed it"
    else:
        return
    # Nobody has asked about the newest QEMU if no target is given.
    severity = Severity.NOTE if context.target == NEWEST else Severity.WARNING
    yield Problem(
        at=domain.machine_attribute.span,
        message=f"QEMU {spell(context.target.qemu)} {reason}",
        help="write a machine type that it has, or q35 or pc, which is the newest of the host",
        severity=None if machine.comes_with else severity,
        stage=None if machine.comes_with else Stage.START,
        says=emulator_says(domain, f"machine type '{domain.machine}'"),
    )


@rule("VFS035", "machine-without-pci", severity=Severity.ERROR, stage=Stage.DEFINE)
def machine_without_pci(domain: Domain, context: Context) -> Iterator[Problem]:
    """A machine with PCI devices has a PCI bus.

    Why: isapc and microvm have no PCI bus, and on x86 virtiofs, like most devices, is a PCI device. Until
        11.3.0 this includes the memory balloon that libvirt adds itself.
    Bad:
        <os><type arch='x86_64' machine='microvm'>hvm</type></os>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: No PCI buses available
    libvirt says: does not support PCI
    See: libvirt qemu_domain_address.c:qemuDomainAssignPCIAddresses
    """
    if not domain.machine_type.lacks_pci or not domain.machine_attribute:
        return
    device = pci.first_device(domain)
    # It was not tested whether the drivers of 11.4 to 12.7 still add a memory balloon here.
    adds = context.target.libvirt < (11, 4, 0) and pci.gets_devices(domain)
    if device or adds:
        yield Problem(
            at=domain.machine_attribute.span,
            message=f"machine type {domain.machine!r} has no PCI bus for "
            + (f"<{device.tag}>" if device else "the devices that libvirt adds itself"),
            help="write machine='q35', or remove the device"
            if device
            else "write machine='q35', or add <memballoon model='none'/> and <controller type='usb' model='none'/>",
            related=(Related(device.start_span, "this is a PCI device"),) if device else (),
            # About a controller, libvirt has another message, and it takes the devices in an order of its own.
            says=""
            if any(each.type != "pci" for each in domain.controllers)
            or not (device or context.target.libvirt <= (11, 3, 0))
            else "No PCI buses available",
        )


@rule("VFS036", "pci-root-of-another-machine", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_root_of_another_machine(domain: Domain) -> Iterator[Problem]:
    """The first PCI controller matches the machine type.

    Why: q35 has a pcie-root, pc has a pci-root. A domain that libvirt has printed includes this controller, so
        after changing or removing the machine type (the default is pc) the wrong one remains. A controller without
        an index gets the first free one, which is 0 unless the root is written.
    Bad:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <controller type='pci' index='0' model='pcie-root'/>
    Bad:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <controller type='pci' model='pcie-root-port'/>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <controller type='pci' index='0' model='pcie-root'/>
    libvirt says: The PCI controller with index='0' must be model='pci-root' for this machine type, but
        model='pcie-root' was found instead
    See: libvirt qemu_domain.c:qemuDomainDefAddDefaultDevices
    """
    controller = pci_slots.wrong_root(domain)
    if controller:
        root, wanted = controller.node, "pcie-root" if domain.is_q35 else "pci-root"
        says = (
            f"The PCI controller with index='0' must be model='{wanted}' for this machine type, "
            f"but model='{controller.model}' was found instead"
        )
        if root.value("index") is None:
            yield Problem(
                at=root.at("model"),
                message=f"this {controller.model} gets index 0, which is that of the {wanted}",
                help="write an index above 0",
                says=says,
            )
            return
        machine = f"type {domain.machine!r}" if domain.machine else "type 'pc', the default,"
        at = domain.machine_attribute or root["model"]
        yield Problem(
            at=root.at("model"),
            message=f"PCI controller 0 is a {root.value('model')!r}, but machine {machine} has a {wanted!r}",
            help="write the machine type that the domain had, or remove the PCI controllers and the PCI addresses "
            "and let libvirt assign new ones",
            related=(Related(at.span, "the machine type"),) if domain.machine_attribute else (),
            says=says,
        )
