"""Which panic device a domain has if its model is not written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vfslint.domain.machine import S390
from vfslint.targets import Version

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

# The release that introduced the PCI model.
_PCI_MODEL: Version = (9, 1, 0)


def default_model(domain: Domain) -> str | None:
    """Return the model of a panic device without one (qemuDomainDefaultPanicModel), or None if there is no default."""
    if domain.is_pseries:
        return "pseries"
    if domain.arch in S390:
        return "s390"
    if domain.is_x86 or domain.context.target.libvirt < _PCI_MODEL:
        return "isa"
    return "pvpanic" if domain.is_arm_virt else None
