"""`vfslint targets`: what the names of --target stand for."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TextIO

from vfslint.distributions import STACKS
from vfslint.targets import spell


def targets(options: SimpleNamespace, out: TextIO) -> None:
    """Write the names and the releases of every target, and where they come from."""
    rows = {
        name: {
            "libvirt": spell(stack.target.libvirt),
            "qemu": spell(stack.target.qemu),
            "virtiofsd": spell(stack.target.virtiofsd),
            "source": stack.source,
            "date": stack.date,
            "aliases": list(stack.aliases),
        }
        for name, stack in STACKS.items()
    }
    if options.format == "json":
        json.dump(rows, out, indent=2)
        out.write("\n")
        return
    width = max(len(name) for name in rows) + 2
    out.write(f"{'target':<{width}}{'libvirt':<10}{'QEMU':<9}{'virtiofsd':<12}{'as of':<9}source\n")
    for name, stack in STACKS.items():
        libvirt, qemu, virtiofsd, _ = stack.target
        daemon = spell(virtiofsd) if virtiofsd else "QEMU's own"
        names = f" (also {', '.join(stack.aliases)})" if stack.aliases else ""
        releases = f"{spell(libvirt):<10}{spell(qemu):<9}{daemon:<12}"
        out.write(f"{name:<{width}}{releases}{stack.date:<9}{stack.source}{names}\n")
