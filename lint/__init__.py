"""vfslint: find virtio-fs and shared-memory mistakes in libvirt domain XML and qemu.conf before libvirt does.

`lint_bytes` and `lint_path` return findings; both are pure (no printing, no state) and thread-safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from vfslint.api import lint_bytes, lint_path
    from vfslint.failures import Failure, InternalError
    from vfslint.findings import Edit, Finding, Fix, Position, Related, Severity, Span, Stage
    from vfslint.targets import Target

__all__ = [
    "Edit",
    "Failure",
    "Finding",
    "Fix",
    "InternalError",
    "Position",
    "Related",
    "Severity",
    "Span",
    "Stage",
    "Target",
    "__version__",
    "lint_bytes",
    "lint_path",
]


def __getattr__(name: str) -> Any:
    # Imported on first use: `vfslint --version` must not load lxml.
    if name == "__version__":
        from vfslint.version import VERSION

        return VERSION
    if name in ("lint_bytes", "lint_path"):
        from vfslint import api

        return getattr(api, name)
    if name == "Target":
        from vfslint import targets

        return targets.Target
    if name in ("Failure", "InternalError"):
        from vfslint import failures

        return getattr(failures, name)
    if name in __all__:
        from vfslint import findings

        return getattr(findings, name)
    raise AttributeError(f"module 'vfslint' has no attribute {name!r}")
