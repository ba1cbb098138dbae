"""The gate: libxml2 decides whether a domain is made as the newest libvirt's schema wants it.

The RELAX NG is generated from schemas/domain.xsd. What it refuses is explained by `vfslint.structure`, which
is loaded only then.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from lxml import etree

from vfslint import schemas

# A RelaxNG object keeps its error log, so threads take turns.
_lock = threading.Lock()


@cache
def _relaxng() -> Any:
    # libxml2 reads the file by itself: a tree would be copied before it is compiled.
    return etree.RelaxNG(file=schemas.DOMAIN_RNG)


def accepts(root: Any) -> bool:
    """Tell whether a <domain>, wherever in its document it stands, fits."""
    with _lock:
        return bool(_relaxng().validate(root))
