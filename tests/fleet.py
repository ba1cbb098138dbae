"""Domains of one run, and what is reported of them together."""

from typing import Any

from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Finding
from vfslint.rules import RULES
from vfslint.xml.source import Source

ENGINE = Engine(RULES, Context())
UUID = "00000000-0000-4000-8000-00000000000"


def domain(name: str = "one", *devices: str, uuid: str = "", backing: str = "", memory: int = 2) -> str:
    lines = [f"  <name>{name}</name>", f"  <uuid>{UUID}{uuid}</uuid>" if uuid else ""]
    backing = backing or "<source type='memfd'/><access mode='shared'/>"
    return "\n".join(
        [
            "<domain type='kvm'>",
            *filter(None, lines),
            f"  <memory unit='GiB'>{memory}</memory>",
            "  <vcpu>2</vcpu>",
            f"  <memoryBacking>{backing}</memoryBacking>",
            "  <os><type arch='x86_64' machine='q35'>hvm</type></os>",
            "  <devices>",
            *(f"    {device}" for device in devices),
            "  </devices>",
            "</domain>\n",
        ]
    )


def share(source: str, inside: str = "", tag: str = "data") -> str:
    return f"<filesystem><driver type='virtiofs'/>{inside}<source {source}/><target dir='{tag}'/></filesystem>"


def together(files: dict[str, str], engine: Engine = ENGINE) -> list[Finding]:
    """Return what is said of the domains of these files together."""
    sources = {name: Source(text.encode(), name) for name, text in files.items()}
    members = [member for source in sources.values() for member in engine.check_xml(source).members()]
    return engine.check_fleet(members, sources.__getitem__).findings


def codes(files: dict[str, str], engine: Engine = ENGINE) -> list[str]:
    return [found.code for found in together(files, engine)]


def at(files: dict[str, str], found: Any) -> str:
    return files[found.file][found.start.offset : found.end.offset]


SOCKET = share("socket='/run/fs.sock'")
CACHED = "<binary><cache mode='always'/></binary>"
