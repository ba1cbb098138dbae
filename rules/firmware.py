"""Firmware: UEFI and BIOS."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.elements import Bios, Firmware
from vfslint.findings import Edit, Fix, Problem, Severity, Stage
from vfslint.rule import rule
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
    See: libvirt qemu_validate.c:qemuValidateDomainDefBoot; qemu_firmware.c
    """
    place = _uefi(domain)
    if place and domain.is_x86 and not domain.has_acpi:
        yield Problem(
            at=place.span,
            message="UEFI firmware requires ACPI",
            help="add <features><acpi/></features>",
            fix=Fix("add <acpi/>", (_add_feature(domain, "acpi"),)),
        )


def _uefi(domain: Domain) -> Node | None:
    """Return what requests UEFI firmware: `<os firmware='efi'>` or a pflash loader; None if nothing does."""
    for os in domain.elements("os"):
        if os.value("firmware") == "efi":
            return os
        loader = os.child("loader")
        if loader and loader.value("type") == "pflash" and loader.text:
            return loader
    return None


def _add_feature(domain: Domain, name: str) -> Edit:
    features = domain.first("features")
    if features:
        return edits.insert(features, f"<{name}/>")
    return edits.insert(domain.node, f"<features>\n  <{name}/>\n</features>", after=domain.first("os"))


@rule("VFS048", "firmware-not-named", severity=Severity.ERROR, stage=Stage.DEFINE)
def firmware_not_named(parts: list[Firmware], context: Context) -> Iterator[Problem]:
    """A description of firmware requires firmware.

    Why: `<loader>`, `<nvram>` and `<firmware>` describe firmware that `<loader>` names or that libvirt chooses
        for `<os firmware='efi'>`; without either they describe nothing.
    Bad:
        <os><type>hvm</type><loader/></os>
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


@rule("VFS068", "bios-serial-without-port", severity=Severity.ERROR, stage=Stage.DEFINE)
def bios_serial_without_port(found: list[Bios], context: Context) -> Iterator[Problem]:
    """A BIOS with serial output requires a serial port.

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
    devices = context.domain.devices
    node = next((bios for bios in found if bios.value("useserial") == "yes"), None)
    if node and "serial" not in devices and "console" not in devices:
        yield Problem(
            at=node.at("useserial"),
            message="the BIOS writes to a serial port, but the domain has none",
            help="add <serial type='pty'/>",
        )
