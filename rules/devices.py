"""Rules for devices of any kind: addresses, boot order, aliases; and vhost-user interfaces, disks and video."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.addresses import NUMBERS, Address
from vfslint.domain.devices import Boot, Disk, Filesystem, Interface, Video, VirtioFS
from vfslint.domain.domain import Domain
from vfslint.findings import Fix, Problem, Related, Severity, Span, Stage
from vfslint.rule import rule
from vfslint.targets import spell
from vfslint.xml.edits import add_attribute, insert, remove_attribute, remove_element, set_value

# The address types that a virtio device can have; libvirt has more, for other kinds of devices.
USUAL_ADDRESSES = "pci, ccw on s390x, virtio-mmio on arm"


@rule("VFS240", "address-malformed", severity=Severity.ERROR, stage=Stage.PARSE)
def address_malformed(address: Address) -> Iterator[Problem]:
    """A device's address has a known type and valid numbers.

    Why: libvirt rejects an `<address>` with a missing or unknown type, or with a number that it cannot parse.
        PCI and CCW numbers may be hexadecimal, with 0x; those of other address types may not.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address bus='0x00' slot='0x05' function='0x0'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' bus='0x00' slot='1f' function='0x0'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x1d' function='0x0'/></filesystem>
    libvirt says: No type specified for device address
    libvirt says: unknown address type
    libvirt says: Missing required attribute 'type' in element 'address'
    libvirt says: Invalid value for attribute 'slot' in element 'address'
    libvirt says: Cannot parse <address> 'slot' attribute
    Fix: writes `pci` if only the type is missing.
    See: libvirt domain_conf.c:virDomainDeviceInfoParseXML, device_conf.c:virPCIDeviceAddressParseXML
    """
    node = address.node
    if address.type is None:
        looks_pci = node.value("slot") is not None and node.value("function") is not None
        yield Problem(
            at=node.start_span,
            message=f"the address of {address.device.label} has no type",
            help="write type='pci', or remove <address> and let libvirt assign one",
            fix=Fix("write type='pci'", (add_attribute(node, "type", "pci"),)) if looks_pci else None,
        )
    elif address.type not in NUMBERS:
        type_ = node["type"]
        yield Problem(
            at=type_.span,
            message=f"unknown address type {type_.value!r}",
            help=f"write {USUAL_ADDRESSES}, or remove <address> and let libvirt assign one",
        )
    elif address.unreadable:
        wrong = address.unreadable
        yield Problem(
            at=wrong.span,
            message=f"{wrong.value!r} is not a valid value for {wrong.name!r} in <address>",
            help="write a number, or remove <address> and let libvirt assign one",
        )
    elif address.lacking:
        yield Problem(
            at=node.start_span,
            message=f"an address of type {address.type!r} requires {' and '.join(address.lacking)}",
            help=f"add {' and '.join(address.lacking)}, or remove <address> and let libvirt assign one",
        )


@rule("VFS241", "pci-number-too-large", severity=Severity.ERROR, stage=Stage.PARSE)
def pci_number_too_large(address: Address) -> Iterator[Problem]:
    """PCI has 256 buses of 32 slots with 8 functions each, and QEMU has one PCI domain.

    Why: a PCI address cannot hold larger numbers; libvirt rejects the domain.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x20' function='0x0'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0001' bus='0x00' slot='0x05' function='0x0'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x1e' function='0x7'/></filesystem>
    libvirt says: Invalid PCI address slot='0x20', must be <= 0x1F
    libvirt says: Invalid PCI address function=0x8, must be <= 7
    libvirt says: Only PCI domain 0 is available
    See: libvirt virpci.c:virPCIDeviceAddressIsValid; domain_addr.c:virDomainPCIAddressValidate
    """
    for number, largest in address.beyond:
        yield Problem(
            at=number.span,
            message=f"{number.name} {number.value} is out of range (0-{largest:#x})",
            help="write a smaller number, or remove <address> and let libvirt assign one",
        )
    if address.pci_domain and not address.unreadable:
        yield Problem(
            at=address.node.at("domain"),
            message=f"PCI domain must be 0, not {address.node.value('domain')}",
            help="write domain='0x0000'",
            fix=Fix("write domain='0x0000'", (set_value(address.node["domain"], "0x0000"),), safe=False),
            stage=Stage.DEFINE,
        )


@rule("VFS242", "pci-address-taken", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_address_taken(domain: Domain) -> Iterator[Problem]:
    """Each PCI address is used by one device.

    Why: two devices cannot share an address, and the chipset reserves some: on q35, slot 0x1f is used by the
        LPC bridge (function 0), SATA (2) and SMBus (3); on i440fx, slot 1 is used by the ISA bridge, IDE, USB
        and ACPI.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='a'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/></filesystem>
        <interface type='user'>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/></interface>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='a'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x1f' function='0x0'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='a'/>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/></filesystem>
        <interface type='user'>
          <address type='pci' domain='0x0000' bus='0x00' slot='0x06' function='0x0'/></interface>
    libvirt says: Attempted double use of PCI Address
    Fix: removes the second one, so that libvirt assigns one; only with --unsafe-fixes, because the guest may
        depend on the address.
    See: libvirt domain_addr.c:virDomainPCIAddressReserveAddrInternal
    """
    if not (domain.is_q35 or domain.is_i440fx):
        return
    for address, owner in domain.buses.clashes:
        node = address.node
        yield Problem(
            at=node.start_span,
            message=f"PCI address {address.place} of {address.device.label} is already used "
            + (f"by {owner.device.label}" if owner else "by the chipset"),
            related=(Related(owner.node.start_span, "used first"),) if owner else (),
            help="remove <address> and let libvirt assign one",
            fix=Fix("remove <address>", (remove_element(node),), safe=False),
        )


@rule("VFS243", "pci-slot-unavailable", severity=Severity.ERROR, stage=Stage.DEFINE)
def pci_slot_unavailable(addresses: list[Address], context: Context) -> Iterator[Problem]:
    """A device is in a slot that exists on its PCI bus.

    Why: a PCI Express port has only slot 0, and a PCI bridge has slots 1 to 31. libvirt adds buses other than
        bus 0 that no controller provides: ports on q35, bridges on i440fx.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0000' bus='0x01' slot='0x05' function='0x0'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></filesystem>
    libvirt says: slot must be <= 0
    libvirt says: slot must be >= 1
    libvirt says: a PCI slot is needed to connect a PCI controller model='pcie-root-port'
    See: libvirt domain_addr.c:virDomainPCIAddressValidate
    """
    domain = context.domain
    if not (domain.is_q35 or domain.is_i440fx):
        return
    for address in addresses:
        place = address.place
        if place is None or place.bus == 0:
            continue
        if not domain.buses.is_reachable(place.bus):
            yield Problem(
                at=address.node.at("bus"),
                message=f"PCI bus {place.bus} does not exist, and libvirt cannot add all the buses up to it",
                help="write a smaller number, or remove <address> and let libvirt assign one",
            )
            continue
        first, last = domain.buses.slots(address, place.bus)
        if not first <= place.slot <= last:
            only = f"only slot {first}" if first == last else f"only slots {first} to {last}"
            yield Problem(
                at=address.node.at("slot"),
                message=f"PCI bus {place.bus} has {only}, not slot {place.slot}",
                help="write another slot, or remove <address> and let libvirt assign one",
            )


@rule("VFS244", "address-not-for-virtiofs", severity=Severity.ERROR, stage=Stage.START)
def address_not_for_virtiofs(fs: VirtioFS) -> Iterator[Problem]:
    """A virtio-fs share is a PCI, CCW or virtio-mmio device.

    Why: QEMU provides it only for these buses: PCI on nearly all machines, CCW on s390x, virtio-mmio on arm
        and riscv. libvirt reports the error when it builds QEMU's command line.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='drive'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='virtio-mmio'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci'/></filesystem>
    libvirt says: Unexpected address type for 'vhost-user-fs'
    libvirt says: No 'virtio-bus' bus found for device
    Fix: removes the address, so that libvirt assigns one.
    See: libvirt qemu_command.c:qemuBuildVirtioDevGetConfig
    """
    address = fs.address
    type_ = address.value("type") if address else None
    if address is None or type_ not in NUMBERS or type_ in ("pci", "ccw", "unassigned"):
        return
    if type_ == "virtio-mmio" and not fs.domain.is_x86:
        return
    yield Problem(
        at=address.at("type"),
        message=f"{fs.label} cannot have an address of type {type_!r}",
        help="remove <address> and let libvirt assign one",
        fix=Fix("remove <address>", (remove_element(address),)),
    )


@rule("VFS245", "address-type-refused", severity=Severity.ERROR, stage=Stage.DEFINE)
def address_type_refused(addresses: list[Address], context: Context) -> Iterator[Problem]:
    """CCW addresses require s390x, and `unassigned` requires a host device.

    Why: only s390x machines have a channel subsystem. libvirt 9.0.0 rejects both when the domain is defined,
        7.0.0 when it starts.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='ccw'/></filesystem>
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='unassigned'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <address type='pci'/></filesystem>
    libvirt says: CCW addresses are not supported by machine type
    libvirt says: cannot use CCW address type for device
    libvirt says: address of type 'unassigned' is supported only for hostdevs
    Fix: removes the address, so that libvirt assigns one.
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceInfo; domain_validate.c:virDomainDeviceInfoValidate
    """
    domain = context.domain
    for address in addresses:
        if address.unreadable or address.lacking:
            continue
        foreign_ccw = address.type == "ccw" and domain.is_x86
        unassigned = address.type == "unassigned" and address.kind != "hostdev"
        if foreign_ccw or unassigned:
            why = f"{domain.arch} does not support CCW" if foreign_ccw else "only host devices can be unassigned"
            yield Problem(
                at=address.node.at("type"),
                message=f"{address.device.label} cannot have an address of type {address.type!r}: {why}",
                help="remove <address> and let libvirt assign one",
                fix=Fix("remove <address>", (remove_element(address.node),)),
                stage=None if address.device.libvirt >= (9, 0, 0) else Stage.START,
            )


@rule("VFS250", "boot-order-malformed", severity=Severity.ERROR, stage=Stage.PARSE)
def boot_order_malformed(boot: Boot) -> Iterator[Problem]:
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
    if boot.unfit_loadparm:
        yield Problem(
            at=boot.unfit_loadparm.span,
            message=f"loadparm {boot.unfit_loadparm.value!r} is not one to eight letters, digits and dots",
            help="write one to eight letters, digits and dots, or remove loadparm",
        )
    if boot.order is None:
        written = boot.node.attribute("order")
        yield Problem(
            at=written.span if written and written.value else boot.node.start_span,
            message=f"boot order {written.value!r} is not a positive number" if written else "<boot> has no order",
            help="write order='1' or a larger number",
        )


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
    if context.domain.os_boot is None:
        return
    boot = next((boot for boot in boots if boot.order), None)
    if boot:
        yield Problem(
            at=boot.node.start_span,
            message=f"the boot order of {boot.device.label} cannot be combined with <boot> in <os>",
            related=(Related(context.domain.os_boot.start_span, "the boot order in <os>"),),
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
    """The only filesystems that can have a boot order are virtio-fs shares.

    Why: QEMU passes the boot index of vhost-user-fs to the firmware, but does not support one for 9p. Before
        7.1.0 libvirt ignored it.
    Bad:
        <filesystem type='mount'><source dir='/srv'/><target dir='data'/><boot order='1'/></filesystem>
    Good:
        <filesystem type='mount'><source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: boot order is only supported for virtiofs
    Fix: removes it.
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
def boot_order_needs_pci(fs: VirtioFS) -> Iterator[Problem]:
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
    by_machine = type_ is None and fs.domain.arch == "s390x"
    mmio = type_ == "virtio-mmio" and not fs.domain.is_x86
    ccw = type_ == "ccw" and not fs.domain.is_x86
    if by_machine or mmio or ccw:
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
def boot_order_without_uefi(fs: VirtioFS) -> Iterator[Problem]:
    """Only UEFI firmware can boot from a virtio-fs share.

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
    if fs.boot is None or fs.libvirt < (7, 1, 0) or not fs.domain.is_x86 or fs.domain.has_firmware:
        return
    if fs.boot.value("order") in (None, "", "0"):
        return
    yield Problem(
        at=fs.boot.start_span,
        message=f"SeaBIOS cannot boot from {fs.label}",
        help="write <os firmware='efi'>, or remove <boot>",
    )


@rule("VFS260", "alias-repeated", severity=Severity.ERROR, stage=Stage.DEFINE)
def alias_repeated(domain: Domain) -> Iterator[Problem]:
    """Each alias is used by one device.

    Why: an alias identifies a device to QEMU and to libvirt's clients.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias name='ua-share'/></filesystem>
        <interface type='user'><alias name='ua-share'/></interface>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias name='ua-share'/></filesystem>
        <interface type='user'><alias name='ua-net'/></interface>
    libvirt says: non unique alias detected
    See: libvirt domain_validate.c:virDomainDefValidateAliases
    """
    first: dict[str, Span] = {}
    for alias in domain.aliases:
        if alias.value in first:
            yield Problem(
                at=alias.span,
                message=f"alias {alias.value!r} is used twice",
                label="used again",
                related=(Related(first[alias.value], "used first"),),
                help="give each device its own alias",
            )
        else:
            first[alias.value] = alias.span


@rule("VFS261", "alias-dropped", severity=Severity.NOTE, stage=Stage.NEVER)
def alias_dropped(fs: VirtioFS) -> Iterator[Problem]:
    """A user-defined alias starts with `ua-`.

    Why: libvirt generates all other aliases at each start, and drops them when the domain is defined.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias name='share'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias name='ua-share'/></filesystem>
    Fix: adds the prefix `ua-`.
    See: libvirt domain_conf.c:virDomainDeviceInfoParseXML
    """
    alias = fs.named_alias
    if alias and not alias.value.startswith("ua-") and not fs.domain.is_live:
        yield Problem(
            at=alias.span,
            message=f"alias {alias.value!r} is dropped by libvirt, because it does not start with 'ua-'",
            help=f"write 'ua-{alias.value}'",
            fix=Fix("add the prefix 'ua-'", (set_value(alias, f"ua-{alias.value}"),)),
        )


@rule("VFS270", "iommu-not-supported", severity=Severity.ERROR, stage=Stage.START)
def iommu_not_supported(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """A virtio-fs share cannot use a virtual IOMMU.

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


@rule("VFS280", "vhostuser-interface-source", severity=Severity.ERROR, stage=Stage.PARSE)
def vhostuser_interface_source(nic: Interface) -> Iterator[Problem]:
    """A vhost-user interface names the socket of its back end.

    Why: libvirt accepts `type='unix'`, a path, and the mode of QEMU, `client` or `server`. Before 11.1.0 it
        requires all three; since then type and mode are optional, and passt does not need a source.
    Bad:
        <interface type='vhostuser'><source type='unix' mode='client'/><model type='virtio'/></interface>
    Bad (libvirt 9.0.0):
        <interface type='vhostuser'><source path='/run/vhost.sock'/><model type='virtio'/></interface>
    Bad:
        <interface type='vhostuser'><source type='tcp' path='/run/vhost.sock' mode='client'/>
          <model type='virtio'/></interface>
    Good:
        <interface type='vhostuser'><source type='unix' path='/run/vhost.sock' mode='client'/>
          <model type='virtio'/></interface>
    libvirt says: No <source> 'type' attribute specified for <interface type='vhostuser'/>
    libvirt says: No <source> 'path' attribute specified with <interface type='vhostuser'/>
    libvirt says: No <source> 'mode' attribute specified with <interface type='vhostuser'/>
    libvirt says: Wrong <source> 'mode' attribute specified with <interface type='vhostuser'/>
    libvirt says: unsupported for <interface type='vhostuser'>
    libvirt says: interface type='vhostuser' requires a 'source' element
    libvirt says: Missing required attribute 'path' in element 'source'
    See: libvirt domain_conf.c:virDomainNetDefParseXML
    """
    if nic.type != "vhostuser":
        return
    example = "write <source type='unix' path='/a/socket' mode='client'/>"
    if nic.lacking:
        yield Problem(
            at=nic.source.start_span if nic.source else nic.node.start_span,
            message=f"the source of the vhost-user interface has no {' and no '.join(nic.lacking)}",
            help=example,
        )
    if nic.source is None:
        return
    for name, words in (("type", ("unix",)), ("mode", ("client", "server"))):
        found = nic.source.attribute(name)
        if found and found.value not in words:
            yield Problem(
                at=found.span,
                message=f"{found.value!r} is not a valid {name} for the source of a vhost-user interface",
                help=f"write {' or '.join(words)}",
            )
    yield from _reconnect_problems(nic)


def _reconnect_problems(device: Interface | Disk) -> Iterator[Problem]:
    reconnect = device.reconnect
    if reconnect is None:
        return
    fault = reconnect.fault
    if fault:
        yield Problem(
            at=reconnect.node.at(fault) if reconnect.node.value(fault) else reconnect.node.start_span,
            message=f"<reconnect> has no valid {fault!r}",
            help="write <reconnect enabled='yes' timeout='10'/>",
        )
    elif reconnect.is_on and device.source and device.source.value("mode") == "server":
        yield Problem(
            at=reconnect.node.start_span,
            message="<reconnect> is not supported with mode 'server'",
            help="remove <reconnect>, or write mode='client'",
        )


@rule("VFS281", "vhostuser-interface-model", severity=Severity.ERROR, stage=Stage.DEFINE)
def vhostuser_interface_model(nic: Interface) -> Iterator[Problem]:
    """The model of a vhost-user interface is virtio.

    Why: the back end serves virtqueues. libvirt accepts only `<model type='virtio'/>`, and before 11.1.0
        requires it explicitly.
    Bad:
        <interface type='vhostuser'><source type='unix' path='/run/vhost.sock' mode='client'/>
          <model type='e1000'/></interface>
    Bad (libvirt 9.0.0):
        <interface type='vhostuser'><source type='unix' path='/run/vhost.sock' mode='client'/></interface>
    Good:
        <interface type='vhostuser'><source type='unix' path='/run/vhost.sock' mode='client'/>
          <model type='virtio'/></interface>
    libvirt says: invalid model for interface of type 'vhostuser'
    libvirt says: Wrong or no <model> 'type' attribute specified with <interface type='vhostuser'/>
    Fix: writes `virtio`.
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefNetwork
    """
    if nic.type != "vhostuser" or nic.has_virtio_model:
        return
    written = nic.node.child("model")
    if nic.model:
        edit = set_value(nic.model, "virtio")
    elif written and written.attribute("type"):
        edit = set_value(written["type"], "virtio")
    else:
        edit = add_attribute(written, "type", "virtio") if written else insert(nic.node, "<model type='virtio'/>")
    yield Problem(
        at=nic.model.span if nic.model else nic.node.start_span,
        message=f"a vhost-user interface cannot have model {nic.model.value!r}"
        if nic.model
        else f"libvirt {spell(nic.libvirt)} requires the model of a vhost-user interface",
        help="write <model type='virtio'/>",
        fix=Fix("write <model type='virtio'/>", (edit,)),
    )


@rule("VFS282", "vhost-disk-source", severity=Severity.ERROR, stage=Stage.PARSE)
def vhost_disk_source(disk: Disk) -> Iterator[Problem]:
    """A vhost-user disk names its socket, a vhost-vdpa disk its device.

    Why: libvirt accepts only `<source type='unix' path='…'/>` for the former, and `<source dev='…'/>` for the
        latter.
    Bad:
        <disk type='vhostuser' device='disk'><source path='/run/disk.sock'/>
          <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='vhostuser' device='disk'><source type='tcp' path='/run/disk.sock'/>
          <target dev='vda' bus='virtio'/></disk>
    Good:
        <disk type='vhostuser' device='disk'><source type='unix' path='/run/disk.sock'/>
          <target dev='vda' bus='virtio'/></disk>
    libvirt says: missing 'type' attribute for vhostuser disk source
    libvirt says: missing 'path' attribute for vhostuser disk source
    libvirt says: invalid 'type' attribute for vhostuser disk source
    libvirt says: missing source information for device
    See: libvirt domain_conf.c:virDomainDiskSourceVHostUserParse
    """
    if disk.type not in ("vhostuser", "vhostvdpa"):
        return
    example = "<source type='unix' path='/a/socket'/>" if disk.type == "vhostuser" else "<source dev='/dev/…'/>"
    if disk.lacking:
        yield Problem(
            at=disk.source.start_span if disk.source else disk.node.start_span,
            message=f"the source of {disk.label} has no {' and no '.join(disk.lacking)}",
            help=f"write {example}",
        )
    found = disk.source.attribute("type") if disk.source and disk.type == "vhostuser" else None
    if found and found.value != "unix":
        yield Problem(
            at=found.span,
            message=f"{found.value!r} is not a valid type for the source of a vhost-user disk",
            help="write type='unix'",
        )
    yield from _reconnect_problems(disk)


@rule("VFS283", "not-for-vhostuser-disk", severity=Severity.ERROR, stage=Stage.DEFINE)
def not_for_vhostuser_disk(disk: Disk) -> Iterator[Problem]:
    """A vhost-user disk is a virtio disk without options for QEMU's block layer.

    Why: the back end opens the image and handles all reads and writes. libvirt cannot pass it options such as
        caching, discarding, limits and encryption, and rejects them.
    Bad:
        <disk type='vhostuser' device='disk'><driver name='qemu' type='raw' cache='none'/>
          <source type='unix' path='/run/disk.sock'/><target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='vhostuser' device='disk'><source type='unix' path='/run/disk.sock'/>
          <target dev='sda' bus='scsi'/></disk>
    Good:
        <disk type='vhostuser' device='disk'><driver name='qemu' type='raw' queues='4'/>
          <source type='unix' path='/run/disk.sock'/><target dev='vda' bus='virtio'/></disk>
    libvirt says: cache is not supported with vhostuser disk
    libvirt says: readonly is not supported with vhostuser disk
    libvirt says: vhostuser disk supports only virtio bus
    Fix: removes the option.
    See: libvirt domain_validate.c:virDomainDiskVhostUserValidate
    """
    if disk.type != "vhostuser":
        return
    for option in disk.void_options:
        yield Problem(
            at=option.span,
            message=f"a vhost-user disk does not support {option.name!r}",
            help=f"remove {option.name}",
            fix=Fix(f"remove {option.name!r}", (remove_attribute(option),)),
        )
    for child in disk.void_children:
        yield Problem(
            at=child.start_span,
            message=f"a vhost-user disk does not support <{child.tag}>",
            help=f"remove <{child.tag}>",
            fix=Fix(f"remove <{child.tag}>", (remove_element(child),), safe=child.tag != "readonly"),
        )
    target = disk.node.child("target")
    if target and disk.bus not in ("virtio", None):
        yield Problem(
            at=target.start_span,
            message=f"a vhost-user disk cannot be on bus {disk.bus!r}",
            help="write <target dev='vda' bus='virtio'/>",
        )


@rule("VFS284", "vhostvdpa-cache-mode", severity=Severity.ERROR, stage=Stage.DEFINE)
def vhostvdpa_cache_mode(disk: Disk) -> Iterator[Problem]:
    """A vhost-vdpa disk has the cache mode `none` or `directsync`.

    Why: the device bypasses the host's page cache, and libvirt requires a matching cache mode.
    Bad:
        <disk type='vhostvdpa' device='disk'><driver name='qemu' type='raw'/>
          <source dev='/dev/vhost-vdpa-0'/><target dev='vda' bus='virtio'/></disk>
    Good:
        <disk type='vhostvdpa' device='disk'><driver name='qemu' type='raw' cache='none'/>
          <source dev='/dev/vhost-vdpa-0'/><target dev='vda' bus='virtio'/></disk>
    libvirt says: disk type 'vhostvdpa' requires cache mode
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefDisk
    """
    if disk.type == "vhostvdpa" and disk.cache not in ("none", "directsync"):
        yield Problem(
            at=disk.driver.at("cache") if disk.driver else disk.node.start_span,
            message=f"{disk.label} requires cache mode 'none' or 'directsync'",
            help="write <driver name='qemu' type='raw' cache='none'/>",
        )


@rule("VFS286", "vhostuser-video-model", severity=Severity.ERROR, stage=Stage.DEFINE)
def vhostuser_video_model(video: Video) -> Iterator[Problem]:
    """A video device with the driver `vhostuser` has the model `virtio`.

    Why: vhost-user-gpu implements only virtio-gpu.
    Bad:
        <video><driver name='vhostuser'/><model type='vga'/></video>
    Good:
        <video><driver name='vhostuser'/><model type='virtio'/></video>
    libvirt says: 'vhostuser' driver is only supported with 'virtio' device
    See: libvirt domain_validate.c:virDomainVideoDefValidate
    """
    driver, model = video.driver, video.node.child("model")
    if driver and driver.value("name") == "vhostuser" and (not model or model.value("type") != "virtio"):
        yield Problem(
            at=model.at("type") if model else video.node.start_span,
            message="video driver 'vhostuser' requires model 'virtio'",
            help="write <model type='virtio'/>",
        )


@rule("VFS287", "video-driver-unknown", severity=Severity.ERROR, stage=Stage.PARSE)
def video_driver_unknown(video: Video) -> Iterator[Problem]:
    """The driver of a video device is `qemu` or `vhostuser`.

    Why: libvirt rejects any other name.
    Bad:
        <video><driver name='vhost-user'/><model type='virtio'/></video>
    Good:
        <video><driver name='vhostuser'/><model type='virtio'/></video>
    libvirt says: unknown video driver
    libvirt says: Invalid value for attribute 'name' in element 'driver'
    Fix: writes `vhostuser` for a similar name.
    See: libvirt domain_conf.c:virDomainVideoDefParseXML
    """
    name = video.driver.attribute("name") if video.driver else None
    if name is None or name.value in ("qemu", "vhostuser"):
        return
    is_near = name.value.lower().replace("-", "").replace("_", "") == "vhostuser"
    yield Problem(
        at=name.span,
        message=f"unknown video driver {name.value!r}",
        help="write 'qemu' or 'vhostuser'",
        fix=Fix("write 'vhostuser'", (set_value(name, "vhostuser"),)) if is_near else None,
    )
