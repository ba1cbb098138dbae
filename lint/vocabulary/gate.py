"""The gate: libxml2 decides whether a domain is written as usual ones are that fit the newest libvirt's schema.

Most domains are, and whole rules need not be asked about them (`misfits` in `vfslint.rule`). The RELAX NG is
generated from schemas/domain.xsd. What it refuses is compared piece by piece by `vfslint.vocabulary.structure`, which
is loaded only then.
"""

from __future__ import annotations

import re
from _thread import allocate_lock
from functools import cache, lru_cache
from typing import Any

from lxml import etree

from vfslint import schemas

# libxml2 tries each optional attribute as there and as not there, which takes 4 times as long for each more.
_BROAD = 10

# What usual addresses of devices hold, by type, within what the schema wants (domain.xsd: group DeviceCommon) and
# libvirt reads. Two digits are all that the schema allows most of them.
_NUMBER = r"[0-9]{1,2}"
_USUAL: dict[str, dict[str, str]] = {
    "pci": {
        "domain": r"(0x)?0{1,4}",
        "bus": r"0x[0-9a-fA-F]{1,2}|[1-9]?[0-9]",
        "slot": r"0x[01]?[0-9a-fA-F]|[12]?[0-9]|3[01]",
        "function": r"(0x)?[0-7]",
        "multifunction": r"on|off",
    },
    "drive": {"controller": _NUMBER, "bus": _NUMBER, "target": _NUMBER, "unit": r"[0-9]{1,5}"},
    "virtio-serial": {"controller": _NUMBER, "bus": _NUMBER, "port": _NUMBER},
    "ccid": {"controller": _NUMBER, "slot": _NUMBER},
    "usb": {"bus": r"[0-9]{1,3}", "port": r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}"},
    "isa": {"iobase": r"0x[0-9a-fA-F]{1,4}", "irq": r"0x[0-9a-fA-F]"},
    "dimm": {"slot": r"[0-9]{1,9}", "base": r"(0x)?[0-9a-f]{1,16}"},
    "ccw": {
        "cssid": r"0x([0-9a-eA-E][0-9a-fA-F]?|[fF][0-9a-eA-E]?)",
        "ssid": r"(0x)?[0-3]",
        "devno": r"0x[0-9a-fA-F]{1,4}",
    },
}
_NEEDED = {
    "virtio-serial": {"controller"},
    "ccid": {"controller"},
    "usb": {"bus"},
    "dimm": {"slot"},
    "ccw": {"cssid", "ssid", "devno"},
}

# A RelaxNG object keeps its error log, so threads take turns.
_lock = allocate_lock()


@cache
def _relaxng() -> Any:
    # libxml2 reads the file by itself: a tree would be copied before it is compiled.
    return etree.RelaxNG(file=schemas.DOMAIN_RNG)


# Domains that libvirt prints are full of the same few addresses.
@lru_cache(4096)
def _is_usual(address: tuple[tuple[str, str], ...]) -> bool:
    values = dict(address)
    kind = values.pop("type", "")
    known = _USUAL.get(kind)
    if known is None or not _NEEDED.get(kind, set()) <= values.keys():
        return False
    return all(name in known and re.fullmatch(known[name], value) for name, value in values.items())


@cache
def _is_broad() -> Any:
    return etree.XPath(f"boolean(descendant-or-self::*[@*[{_BROAD + 1}]][namespace-uri() = ''])")


def accepts(root: Any) -> bool:
    """Tell whether a <domain>, wherever in its document it stands, is a usual one that fits the newest schema.

    Others may fit as well: those with a value that is written in an unusual way (vfs:gate in domain.xsd), and
    those with more than ten attributes on one element, which libxml2 would need too long for.
    """
    for address in root.iter("address"):
        # That of a device on the host stands in its <source>, and needs no type.
        if not _is_usual(tuple(address.items())) and address.getparent().tag != "source":
            return False
    with _lock:
        return not _is_broad()(root) and bool(_relaxng().validate(root))
