"""vfslint: tells before libvirt does what will go wrong with virtio-fs.

`lint_bytes` and `lint_path` return findings; both are pure (no printing, no state) and thread-safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vfslint import version

if TYPE_CHECKING:
    from vfslint.api import lint_bytes, lint_path
    from vfslint.findings import Edit, Finding, Fix, Position, Related, Severity, Span, Stage
    from vfslint.targets import Target

__all__ = [
    "Edit",
    "Finding",
    "Fix",
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

__version__ = version.VERSION


def __getattr__(name: str) -> Any:
    # Loaded at first use: `vfslint --version` must not pay for lxml.
    if name in ("lint_bytes", "lint_path"):
        from vfslint import api

        return getattr(api, name)
    if name == "Target":
        from vfslint import targets

        return targets.Target
    if name in __all__:
        from vfslint import findings

        return getattr(findings, name)
    raise AttributeError(f"module 'vfslint' has no attribute {name!r}")
