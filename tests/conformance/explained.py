"""All known differences from real libvirt, and their reasons. docs/conformance.md lists them."""

from __future__ import annotations

import re
from typing import NamedTuple


class Explained(NamedTuple):
    """A kind of difference: how to recognize it, and its reason.

    `message` is a pattern for libvirt's message if vfslint reports nothing; `codes` are the rules that report
    something if libvirt does not.
    """

    name: str
    message: str
    codes: frozenset[str]
    reason: str


EXPLAINED = (
    Explained(
        "a root element that libvirt does not know",
        r"(expecting root element of|unexpected root element)",
        frozenset(),
        "Most XML files are not for libvirt, so an unknown root element is at most a note (VFS006), and an error only "
        "with `--strict-root`.",
    ),
    Explained(
        "another emulator",
        r"does not support (virt type|os type|arch|machine type)|No emulator found|Cannot check QEMU binary|"
        r"Failed to probe capabilities|Failed to read pidfile",
        frozenset(),
        "A domain does not show which emulators a host has; vfslint accepts hypervisors, architectures and versioned "
        "machine types that are valid somewhere, and checks no QEMU rule for other hypervisors.",
    ),
    Explained(
        "what the host has",
        r"TPM version|Unable to find '\w+' firmware|not supported (by|with) this QEMU|QEMU binary|"
        r"domain configuration does not support (video|.* model)",
        frozenset(),
        "Whether the host has an emulator for TPMs, a firmware, or a QEMU with all features is not in the domain.",
    ),
    Explained(
        "a plus sign before the memory size of a NUMA cell",
        "",
        frozenset(),
        "The schema of 7.0.0 to 11.3.0 rejects `memory='+1'` of a cell, the one of 12.8.0 accepts it; plain define "
        "always accepts it.",
    ),
    Explained(
        "a <master> of a controller that is not one of USB",
        r"in element 'master'",
        frozenset(),
        "libvirt reads it before it knows the type of the controller; vfslint only reports that it does not belong "
        "there.",
    ),
    Explained(
        "an unassigned address on libvirt 7.0.0",
        r"setting the panic device address is not supported",
        frozenset(),
        "libvirt 7.0.0 treats it as an address, newer releases as none.",
    ),
    Explained(
        "a host's USB device without ids or address",
        "",
        frozenset(),
        "The schema rejects an empty `<source>`; plain define accepts it, and the device is never found.",
    ),
    Explained(
        "a page size in the source of a memory device",
        "",
        frozenset(),
        "The schema allows `<pagesize>` and `<nodemask>` only for some models, plain define for all.",
    ),
    Explained(
        "a domain of Virtuozzo on libvirt 7.0.0",
        "",
        frozenset(),
        "libvirt 7.0.0 requires the source of its filesystems; no QEMU rule is for them.",
    ),
    Explained(
        "a time zone with another clock offset",
        "",
        frozenset(),
        "The schema allows clock/@timezone only with offset='timezone'; plain define ignores it.",
    ),
)


def explanation(message: str, codes: frozenset[str]) -> Explained | None:
    """Return the explanation of a difference, by libvirt's message or by the codes of a false alarm."""
    for explained in EXPLAINED:
        if codes and codes <= explained.codes:
            return explained
        if not codes and explained.message and re.search(explained.message, message):
            return explained
    return None
