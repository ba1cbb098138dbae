"""Firmware: UEFI and BIOS."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.elements import Bios, Firmware
from vfslint.domain.features import features
from vfslint.domain.firmware import FirmwareChoice
from vfslint.findings import Edit, Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml import edits
from vfslint.xml.document import Node


@rule("VFS039", "uefi-without-acpi", severity=Severity.ERROR, stage=Stage.DEFINE)
def uefi_without_acpi(domain: Domain) -> Iterator[Problem]:
    """UEFI firmware on x86 requires `<features><acpi/>`.

    Why: the firmware detects devices through ACPI tables.
    Bad:
        <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os>
    Good:
        <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os>
        <features><acpi/></features>
    libvirt says: UEFI requires ACPI on this architecture
    Fix: adds `<acpi/>`.
    Fixed:
        <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os>
        <features>
            <acpi/>
          </features>
    See: libvirt qemu_validate.c:qemuValidateDomainDefBoot; qemu_firmware.c
    """
    firmware = domain.firmware
    place = firmware.kind_attribute.node if firmware.kind_attribute and firmware.kind == "efi" else firmware.loader
    if place and firmware.is_uefi and domain.is_x86 and not domain.has_acpi:
        yield Problem(
            at=place.span,
            message="UEFI firmware requires ACPI",
            help="add <features><acpi/></features>",
            fix=Fix("add <acpi/>", (_add_feature(domain, "acpi"),)),
        )


def _add_feature(domain: Domain, name: str) -> Edit:
    features = domain.first("features")
    if features:
        return edits.insert(features, f"<{name}/>")
    return edits.insert(domain.node, f"<features>\n  <{name}/>\n</features>", after=domain.first("os"))


@rule("VFS048", "firmware-not-named", severity=Severity.ERROR, stage=Stage.DEFINE)
def firmware_not_named(parts: list[Firmware], context: Context) -> Iterator[Problem]:
    """A description of firmware requires firmware, and features of firmware require that libvirt chooses it.

    Why: `<loader>`, `<nvram>` and `<firmware>` describe firmware that `<loader>` names or that libvirt chooses
        for `<os firmware='efi'>`; without either they describe nothing. libvirt looks at features only to choose.
    Bad:
        <os><type>hvm</type><loader/></os>
    Bad (libvirt 9.0.0):
        <os><type arch='x86_64' machine='q35'>hvm</type>
          <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>
          <firmware><feature enabled='yes' name='secure-boot'/></firmware></os>
        <features><acpi/></features>
    Good:
        <os><type>hvm</type><loader type='rom'>/usr/share/seabios/bios.bin</loader></os>
    libvirt says: no loader path specified and firmware auto selection disabled
    libvirt says: cannot use feature-based firmware autoselection when firmware autoselection is disabled
    See: libvirt domain_validate.c:virDomainDefOSValidate
    """
    # Since 9.0.0 at the latest, an <nvram> or <firmware> by itself is rejected like an empty <loader>.
    others = ("nvram", "firmware/feature") if context.target.libvirt >= (9, 0, 0) else ()
    systems = list(dict.fromkeys(os for part in parts if (os := part.parent)))
    lone = _lone_firmware(systems, ("loader", *others))
    if lone:
        yield Problem(
            at=lone.start_span,
            message=f"<{lone.tag}> describes firmware, but the domain has none",
            help="write the path in <loader>, write <os firmware='efi'> and let libvirt choose, or remove it",
            says="cannot use feature-based firmware autoselection when firmware autoselection is disabled"
            if context.domain.firmware.features
            else "no loader path specified and firmware auto selection disabled",
        )
        return
    feature = next(iter(context.domain.firmware.features.values()), None)
    if feature and context.target.libvirt >= (9, 0, 0) and not any(os.value("firmware") for os in systems):
        yield Problem(
            at=feature.start_span,
            message="<feature> is for the selection of firmware, but <loader> names it",
            help="remove <feature>, or write <os firmware='efi'> and let libvirt choose",
            says="cannot use feature-based firmware autoselection when firmware autoselection is disabled",
        )


def _lone_firmware(systems: list[Node], paths: tuple[str, ...]) -> Node | None:
    """Return the first of these elements in an `<os>` that neither names firmware nor lets libvirt choose it."""
    for os in systems:
        loader = os.child("loader")
        if os.value("firmware") or (loader and loader.text):
            return None
        lone = next((node for path in paths if (node := os.child(path))), None)
        if lone:
            return lone
    return None


@rule("VFS067", "firmware-selection-overruled", severity=Severity.ERROR, stage=Stage.DEFINE)
def firmware_selection_overruled(domain: Domain, context: Context) -> Iterator[Problem]:
    """If libvirt selects the firmware, the domain does not describe another one.

    Why: `<os firmware='efi'>` lets libvirt choose the loader and the template of its variables. Releases from 8.6.0 to
        9.1.0 reject a domain that names them as well; newer ones print such domains themselves. Firmware with the keys
        for secure boot has secure boot.
    Bad (libvirt 9.0.0):
        <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type>
          <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader></os>
        <features><acpi/></features>
    Bad (libvirt 9.0.0):
        <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type>
          <nvram template='/usr/share/OVMF/OVMF_VARS.fd'/></os>
        <features><acpi/></features>
    Bad:
        <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type>
          <firmware><feature enabled='no' name='secure-boot'/>
            <feature enabled='yes' name='enrolled-keys'/></firmware></os>
        <features><acpi/></features>
    Good (libvirt 9.0.0):
        <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type><loader secure='yes'/></os>
        <features><acpi/></features>
    Good:
        <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' type='pflash'/>
          <firmware><feature enabled='yes' name='secure-boot'/>
            <feature enabled='yes' name='enrolled-keys'/></firmware></os>
        <features><acpi/></features>
    libvirt says: loader attribute 'readonly' cannot be specified when firmware autoselection is enabled
    libvirt says: loader attribute 'type' cannot be specified when firmware autoselection is enabled
    libvirt says: loader attribute 'secure' cannot be specified when firmware autoselection is enabled
    libvirt says: nvram attribute 'template' cannot be specified when firmware autoselection is enabled
    libvirt says: firmware feature 'enrolled-keys' cannot be enabled when firmware feature 'secure-boot' is disabled
    See: libvirt domain_validate.c:virDomainDefOSValidate
    """
    firmware = domain.firmware
    if firmware.kind is None:
        return
    keys, secure = firmware.features.get("enrolled-keys"), firmware.features.get("secure-boot")
    if keys and secure and keys.value("enabled") == "yes" and secure.value("enabled") == "no":
        yield Problem(
            at=keys.start_span,
            message="feature 'enrolled-keys' requires feature 'secure-boot', which is off",
            help="write enabled='yes' for both, or enabled='no' for enrolled-keys",
            related=(Related(secure.start_span, "off"),),
            says="firmware feature 'enrolled-keys' cannot be enabled when firmware feature 'secure-boot' is disabled",
        )
    if not (8, 6, 0) <= context.target.libvirt < (9, 2, 0):
        return
    loader, nvram = firmware.loader, firmware.nvram
    written = None
    if loader and loader.value("readonly"):
        written = loader, "readonly", "loader attribute 'readonly'"
    elif loader and firmware.type:
        written = loader, "type", "loader attribute 'type'"
    elif nvram and nvram.value("template"):
        written = nvram, "template", "nvram attribute 'template'"
    elif loader and loader.value("secure") == "no":
        written = loader, "secure", "loader attribute 'secure'"
    if written:
        node, name, what = written
        yield Problem(
            at=node.at(name),
            message=f"<{node.tag}> describes firmware, but libvirt selects it",
            help="remove it, or remove firmware from <os>",
            says=f"{what} cannot be specified when firmware autoselection is enabled",
        )


@rule("VFS071", "firmware-variables-impossible", severity=Severity.ERROR, stage=Stage.DEFINE)
def firmware_variables_impossible(domain: Domain, context: Context) -> Iterator[Problem]:
    """Only UEFI firmware that keeps its state has a store for its variables.

    Why: a BIOS has no variables, and stateless firmware does not keep them. Since 12.8.0 at the latest, firmware that
        can be written keeps its variables in its own image, a ROM is neither writable nor in qcow2 format, and there
        is only one store.
    Bad (libvirt 11.3.0):
        <os><type arch='x86_64' machine='q35'>hvm</type>
          <loader stateless='yes' type='pflash'>/usr/share/OVMF/OVMF.fd</loader><nvram>/srv/a_VARS.fd</nvram></os>
        <features><acpi/></features>
    Bad (libvirt 11.3.0):
        <os firmware='bios'><type arch='x86_64' machine='q35'>hvm</type><nvram>/srv/a_VARS.fd</nvram></os>
    Bad (libvirt 11.3.0):
        <os><type arch='x86_64' machine='q35'>hvm</type><loader stateless='no'>/usr/share/seabios/bios.bin</loader></os>
    Bad (libvirt 12.8.0):
        <os><type arch='x86_64' machine='q35'>hvm</type>
          <loader readonly='no' type='pflash'>/usr/share/OVMF/OVMF.fd</loader><nvram>/srv/a_VARS.fd</nvram></os>
        <features><acpi/></features>
    Bad (libvirt 12.8.0):
        <os><type arch='x86_64' machine='q35'>hvm</type><loader readonly='no'>/usr/share/seabios/bios.bin</loader></os>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type>
          <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader><nvram>/srv/a_VARS.fd</nvram></os>
        <features><acpi/></features>
    libvirt says: NVRAM is not permitted when loader is stateless
    libvirt says: NVRAM template is not permitted when loader is stateless
    libvirt says: firmware type 'bios' does not support nvram
    libvirt says: Only pflash loader type permits NVRAM
    libvirt says: Only EFI firmware permits NVRAM
    libvirt says: ROM loader type cannot be used as read/write
    See: libvirt domain_validate.c:virDomainDefOSValidate
    """
    firmware, libvirt = domain.firmware, context.target.libvirt
    loader, store = firmware.loader, firmware.varstore or firmware.nvram
    if libvirt < (8, 6, 0) or (firmware.kind is None and not firmware.path):
        return
    fault = _fault_of_store(firmware, libvirt) if libvirt >= (12, 8, 0) else _fault_of_nvram(firmware, libvirt)
    place = store or loader
    if fault and place:
        yield Problem(
            at=place.start_span,
            message=fault[0],
            help="remove it" if store else "remove stateless, readonly or format",
            says=fault[1],
        )


def _fault_of_nvram(firmware: FirmwareChoice, libvirt: Version) -> tuple[str, str] | None:
    """Return what is wrong with the store of variables in releases without `<varstore>`, and what these print."""
    nvram, kind, stateless = firmware.nvram, firmware.kind, firmware.setting("stateless")
    # 9.0.0 reads an <nvram> without path and type as none.
    has_nvram = nvram is not None and (libvirt >= (9, 1, 0) or bool(nvram.text) or nvram.value("type") is not None)
    if kind and kind != "efi" and has_nvram:
        return f"firmware {kind!r} has no variables", f"firmware type '{kind}' does not support nvram"
    if stateless == "yes" and nvram:
        if nvram.value("template"):
            return "stateless firmware has no variables", "NVRAM template is not permitted when loader is stateless"
        if has_nvram:
            return "stateless firmware has no variables", "NVRAM is not permitted when loader is stateless"
    if stateless == "no":
        if kind is None and firmware.type != "pflash":
            return "firmware in ROM keeps no state", "Only pflash loader type permits NVRAM"
        if kind not in (None, "efi"):
            return f"firmware {kind!r} keeps no state", "Only EFI firmware permits NVRAM"
    return None


def _fault_of_store(firmware: FirmwareChoice, libvirt: Version) -> tuple[str, str] | None:
    """Return what is wrong with the store of variables in releases with `<varstore>`, and what these print."""
    nvram, varstore, kind = firmware.nvram, firmware.varstore, firmware.kind
    store, is_written = varstore or nvram, firmware.setting("readonly") == "no"
    is_flash = kind is None and firmware.type == "pflash"
    form = firmware.setting("format")
    if nvram and varstore:
        return "the domain has two stores for variables", "Cannot have both <nvram> and <varstore>"
    if kind and kind != "efi" and store:
        says = f"Firmware type '{kind}' does not support variable storage (NVRAM/varstore)"
        return f"firmware {kind!r} has no variables", says
    if store and firmware.setting("stateless") == "yes":
        says = "Variable storage (NVRAM/varstore) is not permitted when loader is stateless"
        return "stateless firmware has no variables", says
    if store and is_flash and is_written:
        says = "Variable storage (NVRAM/varstore) is not permitted when loader is read/write"
        return "firmware that can be written keeps its variables itself", says
    if varstore and is_flash:
        return "firmware in flash memory keeps its variables in <nvram>", "Only one of NVRAM/varstore can be used"
    if kind is None and firmware.type == "rom" and is_written:
        return "firmware in ROM cannot be written", "ROM loader type cannot be used as read/write"
    if kind is None and firmware.type == "rom" and form not in (None, "raw"):
        return f"firmware in ROM cannot have format {form!r}", f"Invalid format '{form}' for ROM loader type"
    return None


@rule("VFS072", "secure-boot-impossible", severity=Severity.ERROR, stage=Stage.DEFINE)
def secure_boot_impossible(domain: Domain) -> Iterator[Problem]:
    """Secure boot requires a q35 machine of architecture x86_64, and system management mode.

    Why: the firmware protects its variables from the guest with this mode of the processor, which libvirt switches on
        if it selects the firmware itself and, since 9.2.0, if the host describes the firmware that the domain names.
    Bad (libvirt 9.0.0):
        <os><type arch='x86_64' machine='q35'>hvm</type>
          <loader readonly='yes' secure='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.secboot.fd</loader></os>
        <features><acpi/></features>
    Bad:
        <os firmware='efi'><type arch='x86_64' machine='pc'>hvm</type><loader secure='yes'/></os>
        <features><acpi/></features>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type>
          <loader readonly='yes' secure='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.secboot.fd</loader></os>
        <features><acpi/><smm state='on'/></features>
    libvirt says: Secure boot requires SMM feature enabled
    libvirt says: Secure boot is supported with q35 machine types only
    libvirt says: Secure boot is supported for x86_64 architecture only
    See: libvirt qemu_validate.c:qemuValidateDomainDefBoot
    """
    firmware = domain.firmware
    if not firmware.loader or not firmware.is_secure or (firmware.kind is None and not firmware.path):
        return
    smm, libvirt = features(domain).get("smm"), domain.context.target.libvirt
    if not domain.is_q35:
        fault, says = "a q35 machine", "Secure boot is supported with q35 machine types only"
    elif domain.arch != "x86_64":
        fault, says = "architecture x86_64", "Secure boot is supported for x86_64 architecture only"
    elif firmware.kind is None and not (smm and smm.is_on) and not (smm is None and libvirt >= (9, 2, 0)):
        fault, says = "<smm state='on'/>", "Secure boot requires SMM feature enabled"
    else:
        return
    yield Problem(
        at=firmware.loader.at("secure"),
        message=f"secure boot requires {fault}",
        help="add <smm state='on'/> to <features>" if "smm" in fault else "write machine='q35', or remove secure",
        says=says,
    )


# The images that QEMU's flash memory can be in, and the schemas' names of others.
_NVRAM_TYPES = ("file", "block", "network")


@rule("VFS073", "nvram-image-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def nvram_image_unsupported(domain: Domain, context: Context) -> Iterator[Problem]:
    """The firmware's variables are in a file, a block device or a network image.

    Why: QEMU opens the image as flash memory, without a slice of it or persistent reservations. 12.8.0 supports a slice
        from the start of a raw block device.
    Bad:
        <os><type arch='x86_64' machine='q35'>hvm</type>
          <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>
          <nvram type='dir'><source dir='/srv/vars'/></nvram></os>
        <features><acpi/></features>
    Bad:
        <os><type arch='x86_64' machine='q35'>hvm</type>
          <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader><nvram type='file'/></os>
        <features><acpi/></features>
    Bad (libvirt 11.3.0):
        <os><type arch='x86_64' machine='q35'>hvm</type>
          <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>
          <nvram type='block'><source dev='/dev/sdb'><slices>
            <slice type='storage' offset='0' size='540672'/></slices></source></nvram></os>
        <features><acpi/></features>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type>
          <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>
          <nvram type='block'><source dev='/dev/sdb'/></nvram></os>
        <features><acpi/></features>
    libvirt says: unsupported nvram disk type 'dir'
    libvirt says: An error occurred, but the cause is unknown
    libvirt says: slices are not supported with NVRAM
    libvirt says: persistent reservations are not supported with NVRAM
    See: libvirt qemu_validate.c:qemuValidateDomainDefNvram; domain_conf.c:virDomainLoaderDefParseXMLNvram
    """
    nvram, libvirt = domain.firmware.nvram, context.target.libvirt
    kind = nvram.value("type") if nvram and libvirt >= (8, 5, 0) else None
    if not nvram or kind is None:
        return
    source = nvram.child("source")
    if source is None:
        yield Problem(
            at=nvram.start_span,
            message="<nvram> has no <source>",
            help="add <source/>, or remove type",
            stage=Stage.PARSE,
            says="An error occurred, but the cause is unknown",
        )
        return
    fault = None
    if kind not in _NVRAM_TYPES:
        fault = f"<nvram> does not support type {kind!r}", f"unsupported nvram disk type '{kind}'"
    elif source.child("reservations"):
        says = "persistent reservations are not supported with NVRAM"
        fault = "<nvram> does not support persistent reservations", says
    elif (part := source.child("slices/slice")) and part.value("type") == "storage":
        fault = _fault_of_slice(nvram, part, libvirt)
    if fault:
        yield Problem(at=source.start_span, message=fault[0], help="write another source", says=fault[1])


def _fault_of_slice(nvram: Node, part: Node, libvirt: Version) -> tuple[str, str] | None:
    form = nvram.value("format") or "raw"
    if libvirt < (12, 8, 0):
        return "<nvram> does not support slices", "slices are not supported with NVRAM"
    if nvram.value("type") != "block":
        return "<nvram> supports slices only of block devices", "slices are not supported with non-block NVRAM"
    if form != "raw":
        says = f"NVRAM slices are not supported with format '{form}'"
        return f"<nvram> does not support slices with format {form!r}", says
    if numbers.unsigned(part.value("offset") or "", bits=64):
        return "<nvram> does not support slices with an offset", "offset slices are not supported with NVRAM"
    return None


@rule("VFS074", "shim-without-kernel", severity=Severity.ERROR, stage=Stage.DEFINE)
def shim_without_kernel(domain: Domain, context: Context) -> Iterator[Problem]:
    """A shim boots a kernel that the domain names.

    Why: `<shim>` is what the firmware starts to verify the `<kernel>`. libvirt checks this since 12.8.0 at the latest;
        from 11.2.0 on only if there is a `<loader>`.
    Bad:
        <os><type arch='x86_64' machine='q35'>hvm</type><shim>/srv/shim.efi</shim></os>
    Good:
        <os><type arch='x86_64' machine='q35'>hvm</type><kernel>/srv/vmlinuz</kernel><shim>/srv/shim.efi</shim></os>
    libvirt says: shim only allowed with kernel option
    See: libvirt domain_validate.c:virDomainDefOSValidate
    """
    shim = next((node for os in domain.elements("os") for node in os.children("shim")[:1]), None)
    kernel = next((node for os in domain.elements("os") for node in os.children("kernel")[:1]), None)
    since = (11, 2, 0) if domain.firmware.loader else (12, 8, 0)
    if shim and shim.text and not (kernel and kernel.text) and context.target.libvirt >= since:
        yield Problem(at=shim.start_span, message="<shim> has no <kernel> to boot", help="add <kernel>, or remove it")


@rule("VFS076", "acpi-or-uefi-not-on-this-machine", severity=Severity.ERROR, stage=Stage.DEFINE)
def acpi_or_uefi_not_on_this_machine(domain: Domain, context: Context) -> Iterator[Problem]:
    """The guest's machine has ACPI or UEFI if the domain asks for them.

    Why: pSeries and s390 machines describe their devices in other ways. (libvirt knows this with 9.3.0 and QEMU 8.1;
        since 9.2.0 it also looks for UEFI firmware at once.) On ARM, only UEFI passes ACPI tables to the guest.
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <features><acpi/></features>
    Bad (libvirt 11.3.0):
        <os><type arch='ppc64' machine='pseries'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-ppc64</emulator>
        <features><acpi/></features>
    Bad (libvirt 11.3.0):
        <os firmware='efi'><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-s390x</emulator>
    Good:
        <os firmware='efi'><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <features><acpi/></features>
    libvirt says: ACPI requires UEFI on this architecture
    libvirt says: Unable to find 'efi' firmware that is compatible with the current configuration
    See: libvirt qemu_validate.c:qemuValidateDomainDef; QEMU `query-machines`, acpi; qemu_firmware.c
    """
    firmware, board = domain.firmware, domain.machine_type.board
    target = context.target
    acpi = features(domain).get("acpi")
    has_no_acpi = board and not board.acpi and target.libvirt >= (9, 3, 0) and target.qemu >= (8, 1, 0)
    if firmware.kind_attribute and firmware.kind == "efi" and board and not board.uefi and target.libvirt >= (9, 2, 0):
        yield Problem(
            at=firmware.kind_attribute.span,
            message=f"{board.name} machines have no UEFI firmware",
            help="remove firmware",
            says="Unable to find 'efi' firmware that is compatible with the current configuration",
        )
    elif acpi and has_no_acpi and board:
        # libvirt prints the machine type with its version.
        yield Problem(
            at=acpi.start_span, message=f"{board.name} machines do not support ACPI", help="remove <acpi/>", says=""
        )
    elif acpi and domain.arch == "aarch64" and not firmware.is_uefi:
        yield Problem(
            at=acpi.start_span,
            message="ACPI requires UEFI firmware on aarch64",
            help="write <os firmware='efi'>, or remove <acpi/>",
            says="ACPI requires UEFI on this architecture",
        )


@rule("VFS068", "bios-serial-without-port", severity=Severity.ERROR, stage=Stage.DEFINE)
def bios_serial_without_port(found: list[Bios], context: Context) -> Iterator[Problem]:
    """A BIOS with serial output requires a serial port, and an x86 machine.

    Why: `<bios useserial='yes'/>` sends the firmware's output to the first serial port.
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type><bios useserial='yes'/></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <serial type='pty'/>
    Bad:
        <os><type>hvm</type><bios useserial='yes'/></os>
    Good:
        <os><type>hvm</type><bios useserial='yes'/></os>
        <serial type='pty'/>
    libvirt says: need at least one serial port to use BIOS serial output
    libvirt says: need at least one serial port to use SGA
    libvirt says: BIOS serial console only supported on x86 architectures
    See: libvirt domain_validate.c, qemu_validate.c:qemuValidateDomainDef
    """
    domain, devices = context.domain, context.domain.devices
    # 7.0.0 uses another option of QEMU, a ROM image with this name.
    is_old = context.target.libvirt < (9, 0, 0)
    node = next((bios for bios in found if bios.value("useserial") == "yes"), None)
    if node and not domain.is_x86:
        yield Problem(
            at=node.at("useserial"),
            message=f"{domain.arch} guests have no BIOS with serial output",
            help="remove useserial",
            says="qemu does not support SGA" if is_old else "BIOS serial console only supported on x86 architectures",
        )
    elif node and "serial" not in devices and "console" not in devices:
        yield Problem(
            at=node.at("useserial"),
            message="the BIOS writes to a serial port, but the domain has none",
            help="add <serial type='pty'/>",
            says=f"need at least one serial port to use {'SGA' if is_old else 'BIOS serial output'}",
        )
