"""Who a domain is and what it runs on: type, name, UUID, operating system, architecture, machine, IOMMU."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.devices import Iommu
from vfslint.domain.domain import Domain
from vfslint.domain.elements import Bootloader, LaunchSecurity, Resource, Title
from vfslint.domain.machines import ARCHITECTURES
from vfslint.findings import Edit, Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version, spell
from vfslint.vocabulary import numbers
from vfslint.vocabulary.spelling import nearest
from vfslint.xml import edits

# domain_conf.c: virDomainVirt, with the release of those that came later.
DOMAIN_TYPES: dict[str, Version] = dict.fromkeys(
    """bhyve hyperv kqemu kvm lxc none openvz parallels phyp qemu test uml vbox vmware vz xen""".split(),
    (0, 0, 0),
) | {"hvf": (8, 1, 0)}

# domain_conf.c: virDomainOSType.
OS_TYPES = ("hvm", "xen", "linux", "exe", "uml", "xenpvh")

_OTHER_NAMES = {
    "amd64": "x86_64", "x64": "x86_64", "x86-64": "x86_64", "i386": "i686", "i486": "i686", "i586": "i686",
    "x86": "i686", "arm64": "aarch64", "armhf": "armv7l", "arm": "armv7l", "powerpc64le": "ppc64le",
}  # fmt: skip

# The configuration is kept in a file `NAME.xml`, written first as `NAME.xml.new`: 255 bytes less 8.
LONGEST_NAME = 247


@rule("VFS020", "domain-type-missing", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def domain_type_missing(domain: Domain) -> Iterator[Problem]:
    """A domain says which hypervisor it is for.

    Why: libvirt chooses the driver by `domain/@type`, and an empty one counts as missing.
    Bad:
        <domain><name>web</name>
    Good:
        <domain type='kvm'><name>web</name>
    libvirt says: missing domain type attribute
    See: libvirt domain_conf.c:virDomainDefParseCaps
    """
    if not domain.type:
        yield Problem(
            at=domain.node.at("type"),
            message="the domain has no type",
            help="write type='kvm', or type='qemu' where there is no hardware virtualisation",
        )


@rule("VFS021", "domain-type-unknown", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def domain_type_unknown(domain: Domain, context: Context) -> Iterator[Problem]:
    """The domain type is one that libvirt knows.

    Why: the names are compared letter by letter, so that 'KVM' is not 'kvm'.
    Bad:
        <domain type='KVM'><name>web</name>
    Bad (libvirt 7.0.0):
        <domain type='hvf'><name>web</name>
    Good:
        <domain type='kvm'><name>web</name>
    libvirt says: invalid domain type
    Fix: writes the type that only differs by a slip of the pen.
    See: libvirt domain_conf.c:virDomainVirt; hvf since 8.1.0
    """
    since = DOMAIN_TYPES.get(domain.type or "none")
    if since and context.target.libvirt >= since:
        return
    if not domain.type:
        return
    attribute = domain.node["type"]
    meant = nearest(domain.type, DOMAIN_TYPES) if since is None else None
    known = f"; libvirt {spell(since)} brought it" if since else ""
    yield Problem(
        at=attribute.span,
        message=f"domain type {domain.type!r} is not known to libvirt {spell(context.target.libvirt)}{known}",
        help=f"write {meant!r}" if meant else "write 'kvm' or 'qemu', or what your hypervisor's driver is called",
        fix=Fix(f"write {meant!r}", (edits.set_value(attribute, meant),)) if meant else None,
    )


@rule("VFS022", "domain-type-without-driver", severity=Severity.ERROR, stage=Stage.DEFINE, any_hypervisor=True)
def domain_type_without_driver(domain: Domain) -> Iterator[Problem]:
    """The domain type belongs to a hypervisor that libvirt has a driver for.

    Why: libvirt still knows the words 'uml' and 'phyp', whose drivers went in 5.0.0 and 6.0.0, 'kqemu', an accelerator
        that QEMU dropped in 2009, and 'none', but nothing takes such a domain.
    Bad:
        <domain type='kqemu'><name>web</name>
    Good:
        <domain type='qemu'><name>web</name>
    libvirt says: does not support virt type
    See: libvirt qemu_capabilities.c:virQEMUCapsInitGuestFromBinary
    """
    if domain.type in ("kqemu", "none", "phyp", "uml"):
        yield Problem(
            at=domain.node.at("type"),
            message=f"no driver of libvirt runs domains of type {domain.type!r}",
            help="write type='kvm' or type='qemu'",
        )


@rule("VFS023", "name-missing", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def name_missing(domain: Domain) -> Iterator[Problem]:
    """A domain has a name.

    Why: libvirt keeps the domain under it. The first `<name>` counts, and an empty one is none.
    Bad:
        <name/>
    Good:
        <name>web</name>
    libvirt says: missing name information
    See: libvirt domain_conf.c:virDomainDefParseIDs
    """
    if not domain.name:
        node = domain.first("name")
        yield Problem(
            at=node.start_span if node else domain.node.start_span,
            message="the domain's name is empty" if node else "the domain has no name",
            help="add <name>…</name>",
        )


@rule("VFS024", "name-unusable", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def name_unusable(domain: Domain) -> Iterator[Problem]:
    """A domain's name can be the name of a file.

    Why: libvirt refuses a slash and a line break, and keeps the domain in a file called after it.
    Bad:
        <name>web/1</name>
    Bad:
        <name>
          web</name>
    Bad:
        <name>..</name>
    Good:
        <name>web 1</name>
    libvirt says: cannot contain '/'
    libvirt says: invalid char in name
    See: libvirt domain_conf.c:virDomainDefParseIDs, virdomainobjlist.c, virxml.c:virXMLCheckIllegalChars
    """
    fault = _fault_of_name(domain.name)
    node = domain.first("name")
    if fault and node:
        yield Problem(
            at=node.text_span,
            message=f"the domain's name {domain.name!r} {fault[0]}",
            help=fault[1],
            stage=None if "/" in domain.name or "\n" in domain.name else Stage.DEFINE,
        )


def _fault_of_name(name: str) -> tuple[str, str] | None:
    if "/" in name:
        return "has a slash in it", "write another character instead"
    if "\n" in name:
        return "has a line break in it", "write the name on one line, without line breaks around it"
    if name in (".", ".."):
        return "stands for a folder", "choose another name"
    size = len(name.encode())
    if size > LONGEST_NAME:
        return f"has {size} bytes, but a file name can take {LONGEST_NAME}", "shorten it"
    return None


@rule("VFS025", "uuid-malformed", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def uuid_malformed(domain: Domain) -> Iterator[Problem]:
    """A UUID has 32 hexadecimal digits.

    Why: dashes and blanks may stand between its bytes, but nothing else, and none may be missing. Where there
        is no `<uuid>`, or an empty one, libvirt makes one.
    Bad:
        <uuid>c7a5fdbd-cdaf-9455-926a-d65c16db180</uuid>
    Good:
        <uuid>c7a5fdbd-cdaf-9455-926a-d65c16db1809</uuid>
    libvirt says: malformed uuid element
    libvirt says: malformed genid element
    See: libvirt viruuid.c:virUUIDParse
    """
    for node in domain.malformed_uuids:
        yield Problem(
            at=node.text_span,
            message=f"{node.text.strip()!r} is not a UUID",
            help=f"write 32 hexadecimal digits, or leave <{node.tag}> out and libvirt makes one",
        )


@rule(
    "VFS026",
    "title-with-line-break",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
    any_hypervisor=True,
)
def title_with_line_break(title: Title) -> Iterator[Problem]:
    """A title is one line.

    Why: `virsh list --title` prints one line a domain; libvirt refuses a line break, also before or behind
        it.
    Bad:
        <title>Web server
        of the farm</title>
    Good:
        <title>Web server of the farm</title>
    libvirt says: Domain title can't contain newlines
    Fix: puts the title on one line.
    See: libvirt domain_conf.c:virDomainDefParseXML
    """
    if "\n" in title.text:
        one_line = " ".join(title.text.split())
        yield Problem(
            at=title.text_span,
            message="the title has a line break in it",
            help="write it on one line; <description> may have several",
            fix=Fix("put the title on one line", (edits.set_whole_text(title, one_line),)),
        )


@rule("VFS027", "os-type-missing", severity=Severity.ERROR, stage=Stage.PARSE)
def os_type_missing(domain: Domain) -> Iterator[Problem]:
    """A domain says what kind of system it boots.

    Why: `<os><type>` has no default; `arch` and `machine` have, the type itself has not.
    Bad:
        <os><boot dev='hd'/></os>
    Good:
        <os><type>hvm</type></os>
    libvirt says: an os <type> must be specified
    See: libvirt domain_conf.c:virDomainDefParseCaps
    """
    if not domain.os_type_name and not domain.bootloader:
        node = domain.os_type or domain.first("os")
        yield Problem(
            at=node.start_span if node else domain.node.start_span,
            message="the domain does not say which <type> of operating system it boots",
            help="write <os><type>hvm</type></os>",
        )


@rule("VFS028", "os-type-not-hvm", severity=Severity.ERROR, stage=Stage.DEFINE)
def os_type_not_hvm(domain: Domain) -> Iterator[Problem]:
    """A QEMU domain has the operating system type hvm.

    Why: QEMU runs fully virtualised guests alone. The word is compared letter by letter, blanks included.
    Bad:
        <os><type>HVM</type></os>
    Bad:
        <os><type>xen</type></os>
    Good:
        <os><type>hvm</type></os>
    libvirt says: unknown OS type
    libvirt says: does not support os type
    Fix: writes hvm where the word only differs from it in case or blanks.
    See: libvirt domain_conf.c:virDomainOSType, virDomainDefParseCaps
    """
    name = domain.os_type_name
    if not name or name == "hvm" or not domain.os_type:
        return
    known = name in OS_TYPES
    meant = name.strip().lower() == "hvm"
    yield Problem(
        at=domain.os_type.text_span,
        message=f"operating system type {name!r} is not " + ("for QEMU" if known else "one that libvirt knows"),
        help="write hvm",
        fix=Fix("write hvm", (edits.set_whole_text(domain.os_type, "hvm"),)) if meant else None,
        stage=None if known else Stage.PARSE,
    )


@rule("VFS029", "bootloader-with-qemu", severity=Severity.ERROR, stage=Stage.DEFINE)
def bootloader_with_qemu(bootloader: Bootloader) -> Iterator[Problem]:
    """A QEMU domain has no `<bootloader>`.

    Why: a host boot loader such as pygrub is for paravirtualised Xen guests.
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
            message="<bootloader> is for Xen, QEMU does not have one",
            help="drop it, and boot by <os><boot dev='hd'/></os> or a <kernel>",
        )


@rule("VFS030", "architecture-unknown", severity=Severity.ERROR, stage=Stage.PARSE)
def architecture_unknown(domain: Domain, context: Context) -> Iterator[Problem]:
    """The architecture is called as the kernel calls it.

    Why: libvirt knows the names of `uname -m`: x86_64, i686, aarch64, not amd64, i386 or arm64.
    Bad:
        <os><type arch='amd64'>hvm</type></os>
    Good:
        <os><type arch='x86_64'>hvm</type></os>
    libvirt says: Unknown architecture
    Fix: writes libvirt's name of a well-known architecture.
    See: libvirt virarch.c
    """
    since = ARCHITECTURES.get(domain.arch)
    attribute = domain.arch_attribute
    if attribute is None or (since is not None and context.target.libvirt >= since):
        return
    meant = None if since else _OTHER_NAMES.get(domain.arch.lower()) or nearest(domain.arch, ARCHITECTURES)
    yield Problem(
        at=attribute.span,
        message=f"libvirt {spell(context.target.libvirt)} knows no architecture {domain.arch!r}",
        help=f"write {meant!r}" if meant else "write the name that `uname -m` prints, such as x86_64 or aarch64",
        fix=Fix(f"write {meant!r}", (edits.set_value(attribute, meant),)) if meant else None,
    )


@rule("VFS031", "emulator-of-another-architecture", severity=Severity.ERROR, stage=Stage.DEFINE)
def emulator_of_another_architecture(domain: Domain) -> Iterator[Problem]:
    """The emulator is for the architecture of the guest.

    Why: each `qemu-system-…` emulates one architecture (x86_64 also runs i686).
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
    libvirt says: does not support arch
    See: libvirt qemu_capabilities.c:virQEMUCapsCacheLookupDefault
    """
    mismatch = domain.emulator_mismatch
    if mismatch and domain.emulator and domain.arch_attribute:
        yield Problem(
            at=domain.arch_attribute.span,
            message=f"the guest's architecture is {domain.arch!r}, but its emulator is for {mismatch!r}",
            help="name the other emulator, or leave <emulator> out and libvirt finds one",
            related=(Related(domain.emulator.text_span, f"emulates {mismatch}"),),
        )


@rule("VFS032", "emulator-not-absolute", severity=Severity.ERROR, stage=Stage.DEFINE)
def emulator_not_absolute(domain: Domain) -> Iterator[Problem]:
    """The emulator is an absolute path.

    Why: libvirt does not look for it in PATH; it asks the very file that is named for its capabilities.
    Bad:
        <emulator>qemu-system-x86_64</emulator>
    Good:
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
    libvirt says: Cannot check QEMU binary
    Fix: takes blanks around the path away.
    See: libvirt qemu_capabilities.c:virQEMUCapsNewForBinaryInternal
    """
    path = domain.emulator.text if domain.emulator else ""
    if not domain.emulator or not path or (path.startswith("/") and path == path.strip()):
        return
    wanted = path.strip()
    is_blank = path != wanted and wanted.startswith("/")
    yield Problem(
        at=domain.emulator.text_span,
        message=f"the emulator {path!r} " + ("has blanks around it" if is_blank else "is not an absolute path"),
        help="write the whole path without blanks, or leave <emulator> out and libvirt finds one",
        fix=Fix("take the blanks away", (edits.set_whole_text(domain.emulator, wanted),)) if is_blank else None,
    )


@rule("VFS033", "machine-unknown", severity=Severity.ERROR, stage=Stage.DEFINE)
def machine_unknown(domain: Domain) -> Iterator[Problem]:
    """The machine type is one that some QEMU has for this architecture.

    Why: 'i440fx' is called 'pc', 'virt' is a board of ARM and RISC-V, and 'none' is no machine that libvirt
        starts. Since libvirt knows no PCI bus on a board it does not know, its message may be about PCI.
    Bad:
        <os><type arch='x86_64' machine='i440fx'>hvm</type></os>
    Bad:
        <os><type arch='x86_64' machine='virt'>hvm</type></os>
    Good:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
    libvirt says: No PCI buses available
    libvirt says: does not support machine type
    libvirt says: supports PCI but no PCI controller added
    See: libvirt qemu_domain.c:qemuDomainMachineIsI440FX, qemu_domain_address.c; QEMU `-machine help`
    """
    if domain.machine_type.is_unknown and domain.machine_attribute:
        usual = ("q35", "pc") if domain.is_x86 else ()
        meant = "pc" if domain.machine == "i440fx" else nearest(domain.machine or "", usual)
        wanted = "q35 or pc" if domain.is_x86 else "virt, pseries or s390-ccw-virtio, as the architecture has it"
        yield Problem(
            at=domain.machine_attribute.span,
            message=f"machine type {domain.machine!r} is for Xen alone"
            if domain.machine_type.is_xens
            else f"QEMU has no machine type {domain.machine!r} for {domain.arch}",
            help=f"write {meant or wanted}",
        )


@rule("VFS034", "machine-not-in-qemu", severity=Severity.ERROR, stage=Stage.DEFINE)
def machine_not_in_qemu(domain: Domain, context: Context) -> Iterator[Problem]:
    """The machine type is one that the target's QEMU has.

    Why: each release of QEMU adds a machine of its own version, and since 10.1 drops those that are six years
        old, which distributions may keep. A domain that one host has printed may name a machine that the next
        one does not have.
    Bad (libvirt 9.0.0, qemu 7.2):
        <os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type></os>
    Bad (libvirt 12.8.0, qemu 11.1):
        <os><type arch='x86_64' machine='pc-q35-2.12'>hvm</type></os>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
    libvirt says: does not support machine type
    See: QEMU hw/i386/pc_q35.c, pc_piix.c, include/hw/boards.h; "Removed features" of QEMU's documentation
    """
    machine = domain.machine_type
    if machine.is_unknown or not domain.machine_attribute:
        return
    if machine.comes_with:
        reason = f"has no machine type {domain.machine!r}: it comes with {spell(machine.comes_with)}"
    elif machine.gone_since:
        gone = spell(machine.gone_since)
        reason = f"has machine type {domain.machine!r} only where a distribution kept it: {gone} dropped it"
    else:
        return
    yield Problem(
        at=domain.machine_attribute.span,
        message=f"QEMU {spell(context.target.qemu)} {reason}",
        help="write a machine that it has, or the plain q35 or pc, which is the newest of the host",
        severity=None if machine.comes_with else Severity.WARNING,
        stage=None if machine.comes_with else Stage.START,
    )


@rule("VFS035", "machine-without-pci", severity=Severity.ERROR, stage=Stage.DEFINE)
def machine_without_pci(domain: Domain, context: Context) -> Iterator[Problem]:
    """A device that needs PCI is on a machine that has it.

    Why: isapc and microvm have no PCI bus, and virtiofs, like most devices, is a PCI device on x86. Until
        11.3.0 even the memory balloon that libvirt adds by itself is one.
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
    device = domain.pci_device
    # The drivers of 11.4 to 12.7 have not been asked whether they still add a memory balloon here.
    adds = context.target.libvirt < (11, 4, 0) and domain.gets_pci_devices
    if device or adds:
        yield Problem(
            at=domain.machine_attribute.span,
            message=f"machine type {domain.machine!r} has no PCI bus for "
            + (f"<{device.tag}>" if device else "the devices that libvirt adds by itself"),
            help="write machine='q35', or take the device out"
            if device
            else "write machine='q35', or add <memballoon model='none'/> and <controller type='usb' model='none'/>",
            related=(Related(device.start_span, "this is a PCI device"),) if device else (),
        )


@rule("VFS036", "pci-root-of-another-machine", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_root_of_another_machine(domain: Domain) -> Iterator[Problem]:
    """The first PCI controller is the one that the machine has.

    Why: q35 has a pcie-root, pc a pci-root. A domain that libvirt has printed names it, so that changing the
        machine alone, or dropping it (which makes it pc), leaves the wrong one behind.
    Bad:
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <controller type='pci' index='0' model='pcie-root'/>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <controller type='pci' index='0' model='pcie-root'/>
    libvirt says: The PCI controller with index='0' must be model='pci-root' for this machine type
    libvirt says: The PCI controller with index='0' must be model='pcie-root' for this machine type
    See: libvirt qemu_domain_address.c:qemuDomainPCIAddressSetCreate
    """
    root = domain.pci_root
    wanted = "pcie-root" if domain.is_q35 else "pci-root" if domain.is_i440fx else None
    if root and wanted and root.value("model") not in (None, wanted):
        machine = repr(domain.machine) if domain.machine else "'pc', which is taken where none is written,"
        at = domain.machine_attribute or root["model"]
        yield Problem(
            at=root.at("model"),
            message=f"PCI controller 0 is a {root.value('model')!r}, but machine {machine} has a {wanted!r}",
            help="write the machine type that the domain had, or take out the PCI controllers and the PCI addresses "
            "and libvirt assigns new ones",
            related=(Related(at.span, "the machine type"),) if domain.machine_attribute else (),
        )


@rule("VFS037", "iommu-needs-q35", severity=Severity.ERROR, stage=Stage.DEFINE)
def iommu_needs_q35(iommu: Iommu, context: Context) -> Iterator[Problem]:
    """An IOMMU stands on the machine that it belongs to.

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
            message=f"IOMMU {model!r} is part of {board} machines, but this one is {domain.machine or 'pc'!r}",
            help=f"write machine='{board.split()[-1]}', or take <iommu> out",
            related=(Related(machine.span, "the machine type"),) if machine else (),
        )


@rule("VFS038", "iommu-options-clash", severity=Severity.ERROR, stage=Stage.DEFINE)
def iommu_options_clash(iommus: list[Iommu], context: Context) -> Iterator[Problem]:
    """An IOMMU's options have what they build on.

    Why: extended interrupt mode needs interrupt remapping, remapping needs the I/O APIC in QEMU, a virtio
        IOMMU is described to the guest by ACPI, and until 11.3.0 there is one IOMMU at most.
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
    for iommu, fault, remedy in context.domain.iommu_faults:
        yield Problem(at=iommu.start_span, message=fault, help=remedy)
    if len(iommus) > 1 and context.target.libvirt < (11, 4, 0):
        yield Problem(
            at=iommus[1].node.start_span,
            message=f"the domain has {len(iommus)} IOMMUs, but libvirt {spell(context.target.libvirt)} takes one",
            help="keep one",
            related=(Related(iommus[0].node.start_span, "the first"),),
            stage=Stage.PARSE,
        )


@rule("VFS039", "uefi-without-acpi", severity=Severity.ERROR, stage=Stage.DEFINE)
def uefi_without_acpi(domain: Domain) -> Iterator[Problem]:
    """UEFI firmware on x86 needs `<features><acpi/>`.

    Why: the firmware finds its devices through ACPI tables.
    Bad:
        <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os>
    Good:
        <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os>
        <features><acpi/></features>
    libvirt says: UEFI requires ACPI on this architecture
    Fix: adds `<acpi/>`.
    See: libvirt qemu_validate.c:qemuValidateDomainDefBoot; qemu_firmware.c
    """
    place = domain.uefi
    if place and domain.is_x86 and not domain.has_acpi:
        yield Problem(
            at=place.span,
            message="the domain boots UEFI firmware, but has no ACPI",
            help="add <features><acpi/></features>",
            fix=Fix("add <acpi/>", (_add_feature(domain, "acpi"),)),
        )


def _add_feature(domain: Domain, name: str) -> Edit:
    features = domain.first("features")
    if features:
        return edits.insert(features, f"<{name}/>")
    return edits.insert(domain.node, f"<features>\n  <{name}/>\n</features>", after=domain.first("os"))


@rule("VFS047", "input-not-on-this-machine", severity=Severity.ERROR, stage=Stage.DEFINE)
def input_not_on_this_machine(domain: Domain, context: Context) -> Iterator[Problem]:
    """A PS/2 mouse or keyboard is plugged into a machine that has the ports.

    Why: microvm has no i8042 controller. A domain that libvirt has printed for another machine names both
        devices. libvirt 9.0.0 did not look, 11.3.0 does.
    Bad:
        <os><type arch='x86_64' machine='microvm'>hvm</type></os>
        <input type='keyboard' bus='ps2'/><controller type='usb' model='none'/><memballoon model='none'/>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <input type='keyboard' bus='ps2'/>
    libvirt says: ps2 is not supported by this QEMU binary
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefInput
    """
    device = domain.ps2_input
    if device and domain.machine == "microvm" and context.target.libvirt >= (11, 3, 0):
        yield Problem(
            at=device.at("bus"),
            message="machine 'microvm' has no PS/2 ports",
            help="take the input device away, or write machine='q35'",
        )


@rule("VFS048", "firmware-not-named", severity=Severity.ERROR, stage=Stage.DEFINE)
def firmware_not_named(domain: Domain) -> Iterator[Problem]:
    """What describes the firmware comes with a firmware.

    Why: `<loader>`, `<nvram>` and `<firmware>` say more about firmware that `<loader>` names or that
        `<os firmware='efi'>` lets libvirt choose; without either there is nothing to describe.
    Bad:
        <os><type>hvm</type><loader/></os>
    Good:
        <os><type>hvm</type><loader type='rom'>/usr/share/seabios/bios.bin</loader></os>
    libvirt says: no loader path specified and firmware auto selection disabled
    libvirt says: cannot use feature-based firmware autoselection when firmware autoselection is disabled
    See: libvirt domain_validate.c:virDomainDefOSValidate
    """
    lone = domain.lone_firmware
    if lone:
        yield Problem(
            at=lone.start_span,
            message=f"<{lone.tag}> describes firmware, but the domain names none",
            help="write the path into <loader>, let libvirt choose by <os firmware='efi'>, or take it out",
        )


@rule("VFS058", "clock-incomplete", severity=Severity.ERROR, stage=Stage.PARSE)
def clock_incomplete(domain: Domain) -> Iterator[Problem]:
    """A clock has what its offset needs.

    Why: a clock in a time zone names it, an absolute one has a start, and what adjusts it is 'reset' or a
        number of seconds. The timer 'platform' belongs to Xen.
    Bad:
        <clock offset='timezone'/>
    Good:
        <clock offset='timezone' timezone='Europe/Paris'/>
    libvirt says: missing 'timezone' attribute for clock with offset='timezone'
    libvirt says: missing 'start' attribute for clock with offset='absolute'
    libvirt says: unknown clock adjustment
    libvirt says: unsupported timer type (name) 'platform'
    See: libvirt domain_conf.c:virDomainClockDefParse
    """
    for node, fault, remedy, stage in domain.clock_faults:
        yield Problem(at=node.start_span, message=fault, help=remedy, stage=stage)


@rule("VFS059", "resource-without-partition", severity=Severity.ERROR, stage=Stage.PARSE)
def resource_without_partition(resource: Resource, context: Context) -> Iterator[Problem]:
    """`<resource>` names a partition.

    Why: that is what it is for; since 9.0.0 at the latest libvirt refuses it without a word about the reason,
        unless a fibre channel application id is there.
    Bad:
        <resource/>
    Good:
        <resource><partition>/machine</partition></resource>
    libvirt says: missing resource partition attribute
    libvirt says: An error occurred, but the cause is unknown
    Fix: takes `<resource>` away.
    See: libvirt domain_conf.c:virDomainResourceDefParse
    """
    if context.domain.empty_resource:
        yield Problem(
            at=resource.start_span,
            message="<resource> names no partition",
            help="write <partition>/machine</partition> into it, or take it away",
            fix=Fix("take <resource> away", (edits.remove_element(resource),)),
        )


@rule("VFS068", "bios-serial-without-port", severity=Severity.ERROR, stage=Stage.DEFINE)
def bios_serial_without_port(domain: Domain) -> Iterator[Problem]:
    """A BIOS that writes to a serial port has one.

    Why: `<bios useserial='yes'/>` sends the firmware's output to the first serial port.
    Bad:
        <os><type>hvm</type><bios useserial='yes'/></os>
    Good:
        <os><type>hvm</type><bios useserial='yes'/></os>
        <serial type='pty'/>
    libvirt says: need at least one serial port to use BIOS serial output
    libvirt says: need at least one serial port to use SGA
    See: libvirt domain_validate.c, qemu_validate.c:qemuValidateDomainDef
    """
    node = domain.serial_bios
    if node:
        yield Problem(
            at=node.at("useserial"),
            message="the BIOS is to write to a serial port, but the domain has none",
            help="add <serial type='pty'/>",
        )


@rule(
    "VFS069",
    "launch-security-without-policy",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def launch_security_without_policy(security: LaunchSecurity) -> Iterator[Problem]:
    """A guest that AMD SEV protects has a policy.

    Why: the policy's bits say whether the guest may be looked into, migrated and so on; there is no default.
    Bad:
        <launchSecurity type='sev'><policy>none</policy></launchSecurity>
    Good:
        <launchSecurity type='sev'><policy>0x0003</policy></launchSecurity>
    libvirt says: failed to get launch security policy
    See: libvirt domain_conf.c:virDomainSEVDefParseXML
    """
    policy = security.child("policy")
    if security.value("type") == "sev" and not (policy and numbers.is_policy(policy.text)):
        yield Problem(
            at=(policy or security).text_span,
            message="the launch security has no policy that libvirt can read",
            help="write <policy>0x…</policy>, up to 8 hexadecimal digits",
        )


@rule("VFS049", "lifecycle-action-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def lifecycle_action_unsupported(domain: Domain, context: Context) -> Iterator[Problem]:
    """What happens when the guest stops is something QEMU can do.

    Why: libvirt knows actions for other hypervisors as well, and refuses them for QEMU since 9.0.0 at the
        latest; cores are dumped on a crash alone.
    Bad:
        <on_poweroff>preserve</on_poweroff>
    Good:
        <on_poweroff>destroy</on_poweroff>
    libvirt says: qemu driver doesn't support the 'preserve' action for 'on_reboot'/'on_poweroff'
    libvirt says: doesn't support 'coredump-destroy' action
    See: libvirt qemu_validate.c:qemuValidateLifecycleAction, domain_conf.c:virDomainDefLifecycleParse
    """
    for node in domain.unsupported_actions:
        yield Problem(
            at=node.text_span,
            message=f"QEMU domains cannot do {node.text!r} in <{node.tag}>",
            help="write destroy or restart",
            stage=Stage.PARSE if node.text.startswith("coredump") else None,
        )
