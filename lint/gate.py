"""The gate: libxml2 decides whether a domain is made as the newest libvirt's schema wants it.

The RELAX NG is generated from schemas/domain.xsd. What it refuses is explained by `vfslint.structure`, which
is loaded only then.
"""

from __future__ import annotations

from _thread import allocate_lock
from functools import cache
from typing import Any

from lxml import etree

from vfslint import schemas

# libxml2 tries each optional attribute as there and as not there, which takes 4 times as long for each more.
_BROAD = 10

# A RelaxNG object keeps its error log, so threads take turns.
_lock = allocate_lock()


@cache
def _relaxng() -> Any:
    # libxml2 reads the file by itself: a tree would be copied before it is compiled.
    return etree.RelaxNG(file=schemas.DOMAIN_RNG)


@cache
def _is_broad() -> Any:
    return etree.XPath(f"boolean(descendant-or-self::*[@*[{_BROAD + 1}]][namespace-uri() = ''])")


def accepts(root: Any) -> bool | None:
    """Tell whether a <domain>, wherever in its document it stands, fits.

    None is for one that libxml2 would need too long for, with more than ten attributes on one element.
    """
    with _lock:
        if _is_broad()(root):
            return None
        return bool(_relaxng().validate(root))
