"""The knowledge: a module per topic, a function per rule."""

from __future__ import annotations

from vfslint.rule import Rule
from vfslint.rules import (
    command_line,
    daemon,
    devices,
    documents,
    domain,
    filesystem,
    hugepages,
    memory,
    memory_devices,
    numa,
    qemu_conf,
    socket,
    structure,
    versions,
)

TOPICS = (
    documents,
    structure,
    domain,
    memory,
    numa,
    hugepages,
    memory_devices,
    filesystem,
    daemon,
    socket,
    devices,
    command_line,
    qemu_conf,
    versions,
)

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (rule for topic in TOPICS for rule in vars(topic).values() if isinstance(rule, Rule)),
        key=lambda rule: rule.code,
    )
)
