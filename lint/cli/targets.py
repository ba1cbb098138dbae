"""`vfslint targets`: what the names of --target stand for."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TextIO

from vfslint.targets import NAMED, spell


def targets(options: SimpleNamespace, out: TextIO) -> None:
    """Write the name and the releases of every target."""
    rows = {
        name: {"libvirt": spell(each.libvirt), "qemu": spell(each.qemu), "virtiofsd": spell(each.virtiofsd)}
        for name, each in NAMED.items()
    }
    if options.format == "json":
        json.dump(rows, out, indent=2)
        out.write("\n")
        return
    out.write(f"{'target':<14}{'libvirt':<10}{'QEMU':<9}virtiofsd\n")
    for name, row in rows.items():
        daemon = "QEMU's own" if row["virtiofsd"] == "none" else row["virtiofsd"]
        out.write(f"{name:<14}{row['libvirt']:<10}{row['qemu']:<9}{daemon}\n")
