"""What the guest's firmware reports about the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.elements import SystemInfo
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

# Three numbers as virStrToLong_i reads them: whitespace and a sign may precede each.
_DATE = r"[ \t\n\v\f\r]*[+-]?[0-9]+/[ \t\n\v\f\r]*[+-]?[0-9]+/[ \t\n\v\f\r]*[+-]?[0-9]+\Z"
# Names of firmware files: those for users, and those that QEMU and OVMF keep for themselves.
_FOR_USERS, _RESERVED = "opt/", ("opt/ovmf/", "opt/org.qemu/")


@rule("VFS959", "system-information-invalid", severity=Severity.ERROR, stage=Stage.PARSE)
def system_information_invalid(info: SystemInfo, context: Context) -> Iterator[Problem]:
    """The system information has the domain's own UUID, a date that exists, and firmware files for users.

    Why: the guest reads the UUID of the domain from there, so that both must be the same; if only this one is written,
        it becomes the domain's. The date of the BIOS is month, day and year: 04/23/2024. QEMU reserves names of
        firmware files outside of opt/, and some in it, for itself and for OVMF; a file has a value or a path.
    Bad:
        <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
        <sysinfo type='smbios'><system><entry name='uuid'>c7a5fdbd-edaf-9455-926a-d65c16db1800</entry></system>
        </sysinfo>
    Bad:
        <sysinfo type='smbios'><system><entry name='uuid'>web</entry></system></sysinfo>
    Bad:
        <sysinfo type='smbios'><bios><entry name='date'>2024-04-23</entry></bios></sysinfo>
    Bad:
        <sysinfo type='fwcfg'><entry name='config'>web</entry></sysinfo>
    Bad:
        <sysinfo type='fwcfg'><entry name='opt/ovmf/config'>web</entry></sysinfo>
    Bad:
        <sysinfo type='fwcfg'><entry name='opt/org.example/config'/></sysinfo>
    Good:
        <sysinfo type='smbios'><bios><entry name='date'>04/23/2024</entry></bios></sysinfo>
    Good:
        <sysinfo type='fwcfg'><entry name='opt/org.example/config' file='/srv/config'/></sysinfo>
    libvirt says: UUID mismatch between <uuid> and <sysinfo>
    libvirt says: malformed <sysinfo> uuid element
    libvirt says: Invalid BIOS 'date' format
    libvirt says: Invalid firmware name
    libvirt says: That firmware name is reserved
    libvirt says: Firmware entry must have either value or 'file' attribute
    See: libvirt domain_conf.c:virSysinfoParseXML, qemu_validate.c:qemuValidateDomainDefSysinfo
    """
    kind = info.value("type")
    if kind == "smbios":
        date, uuid = _entry(info, "bios", "date"), _entry(info, "system", "uuid")
        if date and not _is_date(date.text):
            yield Problem(
                at=date.text_span,
                message=f"{date.text.strip()!r} is not a date of a BIOS",
                help="write month, day and year, such as 04/23/2024",
                says="Invalid BIOS 'date' format",
            )
        own = context.domain.first("uuid")
        if uuid and not numbers.is_uuid(uuid.text):
            yield Problem(
                at=uuid.text_span,
                message=f"{uuid.text.strip()!r} is not a UUID",
                help="write 32 hexadecimal digits, or remove the entry",
                says="malformed <sysinfo> uuid element",
            )
        elif uuid and own and numbers.is_uuid(own.text) and _digits(own.text) != _digits(uuid.text):
            yield Problem(
                at=uuid.text_span,
                message="the system information has another UUID than the domain",
                help="write the UUID of the domain, or remove the entry",
                related=(Related(own.text_span, "the UUID of the domain"),),
                says="UUID mismatch between <uuid> and <sysinfo>",
            )
    elif kind == "fwcfg":
        yield from _of_files(info)


def _of_files(info: SystemInfo) -> Iterator[Problem]:
    for entry in info.children("entry"):
        name = entry.value("name")
        if name is None:
            continue
        if not entry.text and entry.value("file") is None:
            yield Problem(
                at=entry.start_span,
                message=f"firmware file {name!r} has neither a value nor a path",
                help="write file='…', or a value between <entry> and </entry>",
                says="Firmware entry must have either value or 'file' attribute",
            )
        elif not name.startswith(_FOR_USERS) or name.startswith(_RESERVED):
            is_reserved = name.startswith(_RESERVED)
            yield Problem(
                at=entry.at("name"),
                message=f"the name of firmware file {name!r} is reserved",
                help="write a name that starts with opt/ and a domain of yours, such as opt/org.example/config",
                stage=Stage.DEFINE,
                says="That firmware name is reserved" if is_reserved else "Invalid firmware name",
            )


def _entry(info: SystemInfo, table: str, name: str) -> Node | None:
    """Return the first entry of that name in the first table, or None if it is missing or empty."""
    found = info.child(table)
    entries = found.children("entry") if found else []
    entry = next((entry for entry in entries if entry.value("name") == name), None)
    return entry if entry and entry.text else None


def _is_date(text: str) -> bool:
    if not re.match(_DATE, text):
        return False
    month, day, year = (numbers.integer(part) or 0 for part in text.split("/"))
    return 1 <= month <= 12 and 1 <= day <= 31 and (0 <= year < 100 or 1900 <= year < 2**31)


def _digits(uuid: str) -> str:
    return re.sub(r"[^0-9a-f]", "", uuid.lower())
