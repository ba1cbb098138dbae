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
        "a root that is not libvirt's",
        r"(expecting root element of|unexpected root element)",
        frozenset(),
        "pre-commit passes every XML file: a root that libvirt does not know is a note (VFS006), and an error with "
        "`--strict-root` only.",
    ),
    Explained(
        "another emulator",
        r"does not support (virt type|os type|arch|machine type)|No emulator found|Cannot check QEMU binary",
        frozenset(),
        "Which emulators a host has is not in the domain; vfslint says nothing about hypervisors, architectures "
        "and versioned machine types that are legal somewhere, and asks no QEMU rule about other hypervisors.",
    ),
    Explained(
        "devices outside the scope",
        r"Missing source \w+ attribute for char device|TPM version|slot is needed to connect|no loader path specified",
        frozenset(),
        "What the QEMU driver asks of TPMs, redirected devices, the room on PCI buses and firmware is checked only in "
        "part: it has nothing to do with shared memory.",
    ),
    Explained(
        "a sign before a size of a NUMA cell",
        "",
        frozenset(),
        "The schema of 7.0.0 to 11.3.0 refuses `memory='+1'` of a cell, that of 12.8.0 takes it; plain define takes it "
        "everywhere.",
    ),
    Explained(
        "a time zone beside another offset",
        "",
        frozenset(),
        "The schema ties clock/@timezone to the offset; plain define ignores it.",
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
