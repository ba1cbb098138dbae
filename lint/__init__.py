"""vfslint: find virtio-fs and shared-memory mistakes in libvirt domain XML and qemu.conf before libvirt does.

`lint_bytes`, `lint_path`, `lint_together` and `fix_bytes` are the Python interface. They print and write nothing, and
threads can call them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from vfslint.api import Fixed, fix_bytes, lint_bytes, lint_path, lint_together, this_host
    from vfslint.failures import Failure, InternalError
    from vfslint.findings import Edit, Finding, Fix, Position, Related, Severity, Span, Stage
    from vfslint.host.facts import Host
    from vfslint.targets import Target
    from vfslint.usage import UsageError

__all__ = [
    "Edit",
    "Failure",
    "Finding",
    "Fix",
    "Fixed",
    "Host",
    "InternalError",
    "Position",
    "Related",
    "Severity",
    "Span",
    "Stage",
    "Target",
    "UsageError",
    "__version__",
    "fix_bytes",
    "lint_bytes",
    "lint_path",
    "lint_together",
    "this_host",
]

# Imported on first use: `vfslint --version` must not load lxml.
_MODULES = {
    "api": ("Fixed", "fix_bytes", "lint_bytes", "lint_path", "lint_together", "this_host"),
    "failures": ("Failure", "InternalError"),
    "findings": ("Edit", "Finding", "Fix", "Position", "Related", "Severity", "Span", "Stage"),
    "host.facts": ("Host",),
    "targets": ("Target",),
    "usage": ("UsageError",),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "__version__":
        return import_module("vfslint.version").VERSION
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"vfslint.{module}"), name)
    raise AttributeError(f"module 'vfslint' has no attribute {name!r}")
