"""The gate: libxml2 decides whether a domain is made as the newest libvirt's schema wants it.

The RELAX NG is generated from schemas/domain.xsd. What it refuses is explained by `vfslint.structure`, which
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

# What the schema wants of the attributes of a PCI address, which the grammar leaves open (domain.xsd: PciAddress).
_PCI_ADDRESS = {
    "type": r"pci",
    "domain": r"(0x)?[0-9a-fA-F]{1,8}",
    "bus": r"0x[0-9a-fA-F]{1,2}|[0-9]{1,2}",
    "slot": r"(0x)?[01]?[0-9a-fA-F]|[12][0-9]|3[01]",
    "function": r"(0x)?[0-7]",
    "multifunction": r"on|off",
}

# A RelaxNG object keeps its error log, so threads take turns.
_lock = allocate_lock()


@cache
def _relaxng() -> Any:
    # libxml2 reads the file by itself: a tree would be copied before it is compiled.
    return etree.RelaxNG(file=schemas.DOMAIN_RNG)


@lru_cache(4096)
def _is_usual(attributes: tuple[tuple[str, str], ...]) -> bool:
    return all(name in _PCI_ADDRESS and re.fullmatch(_PCI_ADDRESS[name], value) for name, value in attributes)


@cache
def _is_broad() -> Any:
    return etree.XPath(f"boolean(descendant-or-self::*[@*[{_BROAD + 1}]][namespace-uri() = ''])")


def accepts(root: Any) -> bool | None:
    """Tell whether a <domain>, wherever in its document it stands, fits.

    None is for one that libxml2 would need too long for, with more than ten attributes on one element, and for
    one with a PCI address that is written in an unusual way.
    """
    for address in root.iter("address"):
        attributes = tuple(address.items())
        if ("type", "pci") in attributes and not _is_usual(attributes):
            return None
    with _lock:
        if _is_broad()(root):
            return None
        return bool(_relaxng().validate(root))
