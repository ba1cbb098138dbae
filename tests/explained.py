"""Every known disagreement with real libvirt, and why it stays. docs/conformance.md lists them."""

from __future__ import annotations

import re
from typing import NamedTuple


class Explained(NamedTuple):
    """A kind of disagreement: how to recognise it, and its reason.

    `message` is a pattern for libvirt's words (of a refusal that vfslint does not share), `codes` are the
    rules that speak where libvirt is silent.
    """

    name: str
    message: str
    codes: frozenset[str]
    reason: str


EXPLAINED = (
    Explained(
        "another emulator",
        r"does not support (virt type|os type|arch|machine type)|No emulator found|Cannot check QEMU binary",
        frozenset(),
        "Which emulators a host has is not in the domain; vfslint says nothing about hypervisors, architectures "
        "and versioned machine types that are legal somewhere.",
    ),
)


def explanation(message: str, codes: frozenset[str]) -> Explained | None:
    """Return what explains a disagreement: libvirt's message, or the codes of a false alarm."""
    for explained in EXPLAINED:
        if codes and codes <= explained.codes:
            return explained
        if not codes and explained.message and re.search(explained.message, message):
            return explained
    return None
