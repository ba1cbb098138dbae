"""Runs the examples in rules' manuals: completes a fragment to a domain that has no other findings."""

from __future__ import annotations

import re
from functools import cache

from tests import hosts
from tests.paths import DATA
from vfslint.context import Context
from vfslint.distributions import NAMED
from vfslint.engine import Engine
from vfslint.findings import Finding
from vfslint.manual import Example
from vfslint.qemu_conf.reader import read as read_conf
from vfslint.rules import RULES
from vfslint.targets import NEWEST, Target, contemporary, version
from vfslint.xml.source import Source

# What a domain needs in addition to the fragment; a line is omitted if the fragment has its own.
TOP_LEVEL = {
    "name": "<name>example</name>",
    "memory": "<memory unit='GiB'>2</memory>",
    "vcpu": "<vcpu>8</vcpu>",
    "os": "<os><type arch='x86_64' machine='q35'>hvm</type></os>",
    "memoryBacking": "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>",
}
EMULATOR = "<emulator>/usr/bin/qemu-system-x86_64</emulator>"
_TOP = re.compile(
    r"^<(name|uuid|title|description|metadata|maxMemory|memory|currentMemory|vcpu|vcpus|iothreads|os|features|"
    r"throttlegroups|memoryBacking|memtune|numatune|cpu|clock|on_crash|launchSecurity|idmap|qemu:commandline|numa|devices|"
    r"memorybacking|memoryTune|resource|bootloader|on_poweroff|on_reboot|cputune|iothreadids|genid|pm|seclabel|"
    r"sysinfo|perf|keywrap|blkiotune)\b"
)


def document(fragment: str) -> bytes:
    """Return a whole domain around a fragment: its `<domain …>` start tag may lead, devices go into devices.

    A fragment of a qemu.conf is returned unchanged.
    """
    if is_conf(fragment):
        return f"{fragment}\n".encode()
    if fragment.startswith("<?xml") or "</domain>" in fragment:
        return fragment.encode()
    start = "<domain type='kvm'>"
    if fragment.startswith("<domain"):
        start, _, fragment = fragment.partition(">")
        start += ">"
    pieces = split(fragment)
    top = [piece for piece in pieces if _TOP.match(piece) and not is_memory_device(piece)]
    devices = [piece for piece in pieces if piece not in top]
    brought = {found[1] for piece in top if (found := _TOP.match(piece))}
    if any("<numa>" in piece for piece in top):
        brought.add("memoryBacking")
    needed = [line for name, line in TOP_LEVEL.items() if name not in brought]
    if not any(piece.startswith("<emulator") for piece in devices):
        devices.insert(0, EMULATOR)
    inside = "\n    ".join(devices)
    body = "\n  ".join([*needed, *top, *([] if "devices" in brought else [f"<devices>\n    {inside}\n  </devices>"])])
    return f"{start}\n  {body}\n</domain>\n".encode()


def fragment(document: bytes, like: str) -> str:
    """Return the fragment of which `document` is made, as it is for the fragment `like`."""
    text = document.decode()
    if is_conf(text) or like.startswith("<?xml") or "</domain>" in like:
        return text.removesuffix("\n")
    start, _, rest = text.partition(">")
    shown = [f"{start}>"] if like.startswith("<domain") or start != "<domain type='kvm'" else []
    for piece in split(rest.rpartition("</domain>")[0]):
        name = re.split(r"[\s/>]", piece[1:])[0]
        if piece.startswith("<devices>"):
            inner = piece.removeprefix("<devices>").removesuffix("</devices>")
            shown += [each for each in split(inner) if each != EMULATOR or "<emulator" in like]
        elif TOP_LEVEL.get(name) != piece or re.search(rf"<{name}[\s/>]", like):
            shown.append(piece)
    return "\n".join(shown)


def is_conf(fragment: str) -> bool:
    """Return whether a fragment is part of a qemu.conf, not of a domain."""
    return not fragment.startswith("<")


def is_memory_device(piece: str) -> bool:
    return piece.startswith("<memory ") and "<target" in piece


def split(fragment: str) -> list[str]:
    """Split a fragment into its elements; comments stay with what follows."""
    pieces, depth, start = [], 0, 0
    for found in re.finditer(r"<!--.*?-->|<(/?)[\w:.-]+(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", fragment, re.DOTALL):
        if found[0].startswith("<!--"):
            continue
        if found[1]:
            depth -= 1
        elif not found[0].endswith("/>"):
            depth += 1
        if depth == 0:
            pieces.append(fragment[start : found.end()].strip())
            start = found.end()
    if fragment[start:].strip():
        pieces.append(fragment[start:].strip())
    return pieces


def context(given: str) -> Context:
    """Read circumstances: `libvirt 9.0.0, qemu 7.2, virtiofsd none, target debian-12, session`.

    `qemu.conf:` comes last, followed by the text of a qemu.conf.
    """
    target: Target = NEWEST
    session = False
    schema = None
    host = None
    given, _, conf = given.partition("qemu.conf:")
    for word, *value in (piece.split() for piece in given.split(",") if piece.strip()):
        if word == "libvirt-schema":
            schema = str(DATA / "libvirt-schema" / "domain.rng")
        elif word == "session":
            session = True
        elif word == "host":
            host = hosts.host(value[0])
        elif word == "target":
            target = NAMED[value[0]]
        elif word == "libvirt":
            target = contemporary(version(value[0]))
        elif word == "qemu":
            target = target._replace(qemu=version(value[0]))
        elif word == "virtiofsd":
            target = target._replace(virtiofsd=None if value[0] == "none" else version(value[0]))
        else:
            raise ValueError(f"unknown circumstance {word!r}")
    source = Source(conf.strip().encode(), "qemu.conf")
    return Context(target, session, host, read_conf(source, target.libvirt) if conf else None, schema)


@cache
def engine(given: str) -> Engine:
    """Return the engine of all rules for circumstances."""
    return Engine(RULES, context(given))


def check(engine: Engine, data: bytes) -> list[Finding]:
    """Lint a domain or a qemu.conf."""
    source = Source(data, "example")
    outcome = engine.check_conf(source) if is_conf(data.decode()) else engine.check_xml(source)
    together = engine.check_fleet(outcome.members(), lambda _: source)
    return outcome.findings + together.findings


def findings(example: Example) -> list[Finding]:
    """Lint an example as its manual gives it."""
    return check(engine(example.given), document(example.text))
