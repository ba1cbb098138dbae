"""The knowledge: a module per topic, a function per rule."""

from __future__ import annotations

from vfslint.rule import Rule
from vfslint.rules import (
    attributes,
    backing,
    command_line,
    controllers,
    daemon,
    devices,
    documents,
    domain,
    filesystem,
    fleet,
    host,
    hugepages,
    memory,
    memory_devices,
    numa,
    processors,
    qemu_conf,
    socket,
    structure,
    suppressions,
    versions,
)

TOPICS = (
    documents,
    structure,
    domain,
    processors,
    attributes,
    memory,
    numa,
    hugepages,
    memory_devices,
    filesystem,
    daemon,
    socket,
    devices,
    controllers,
    command_line,
    qemu_conf,
    backing,
    versions,
    host,
    fleet,
    suppressions,
)

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (rule for topic in TOPICS for rule in vars(topic).values() if isinstance(rule, Rule)),
        key=lambda rule: rule.code,
    )
)
