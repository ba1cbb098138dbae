"""The knowledge: a module per topic, a function per rule."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from vfslint.rule import Rule

# The modules with rules about every domain.
TOPICS = (
    "documents",
    "structure",
    "attributes",
    "domain",
    "machine",
    "firmware",
    "launch_security",
    "processors",
    "cputune",
    "cache_tuning",
    "features",
    "clock",
    "memory",
    "sharing",
    "numa",
    "numatune",
    "hugepages",
    "memory_devices",
    "filesystem",
    "access",
    "source_directory",
    "mount_tag",
    "queue",
    "virtiofsd",
    "idmap",
    "external_socket",
    "addresses",
    "channel_addresses",
    "aliases",
    "boot_order",
    "controllers",
    "pci_controllers",
    "pci_places",
    "controller_options",
    "iothreads",
    "usb_ports",
    "virtio_ports",
    "disks",
    "disk_bus",
    "disk_options",
    "disk_sources",
    "interfaces",
    "interface_options",
    "interface_networks",
    "host_devices",
    "redirection",
    "vhost_user",
    "character_devices",
    "serial_ports",
    "device_labels",
    "graphics",
    "video",
    "sound",
    "inputs",
    "watchdog",
    "panic",
    "tpm",
    "shared_memory_devices",
    "balloon",
    "iommu",
    "machine_support",
    "system_information",
    "security_labels",
    "tuning",
    "command_line",
    "versions",
    "suppressions",
)
# Topics about what most domains do not hold: names of which the text has one, if there is anything to say.
WORDS: dict[str, tuple[str, ...]] = {
    "launch_security": ("<launchSecurity",),
    "cputune": ("<cputune", "<iothread", "<defaultiothread"),
    "cache_tuning": ("tune",),
    "features": ("<features",),
    "clock": ("<clock",),
    "numa": ("<numa",),
    "numatune": ("<numatune",),
    "hugepages": ("<hugepages", "<page"),
    "idmap": ("<idmap",),
    "external_socket": ("socket",),
    "addresses": ("<address",),
    "channel_addresses": ("zpci", "ccw", "spapr-vio"),
    "aliases": ("<alias",),
    "boot_order": ("<boot",),
    "pci_controllers": ("<controller",),
    "pci_places": ("<address", "<controller"),
    "controller_options": ("<controller",),
    "iothreads": ("iothread",),
    "virtio_ports": ("virtio-serial",),
    "usb_ports": ("usb", "<redirdev", "<input", "<disk", "ccid"),
    "disks": ("<disk",),
    "disk_bus": ("<disk",),
    "disk_options": ("<disk",),
    "disk_sources": ("<disk",),
    "interfaces": ("<interface",),
    "interface_options": ("<interface",),
    "interface_networks": ("<interface",),
    "host_devices": ("<hostdev", "'hostdev'", '"hostdev"'),
    "redirection": ("<redir", "<lease"),
    "vhost_user": ("vhost",),
    "character_devices": ("<serial", "<parallel", "<console", "<channel", "<smartcard", "<redirdev", "egd", "ich7"),
    "serial_ports": ("<serial", "<console"),
    "device_labels": ("<seclabel",),
    "graphics": ("<graphics", "spice"),
    "video": ("<video",),
    "sound": ("<audio", "<sound"),
    "inputs": ("<input",),
    "watchdog": ("<watchdog",),
    "panic": ("<panic",),
    "tpm": ("<tpm",),
    "shared_memory_devices": ("<shmem", "<pstore"),
    "balloon": ("<memballoon", "<stats"),
    "iommu": ("iommu",),
    "system_information": ("<sysinfo",),
    "security_labels": ("<seclabel",),
    "tuning": ("<perf", "<keywrap", "<blkiotune", "<table", "<idmap"),
    "command_line": ("commandline",),
    "versions": ("<metadata", "<filesystem"),
    "suppressions": ("vfslint",),
}
# Modules whose rules apply only if a run has the corresponding input; they are loaded then.
QEMU_CONF_TOPICS = ("qemu_conf.settings", "qemu_conf.directories", "qemu_conf.values", "qemu_conf.confinement")
WITH_QEMU_CONF_TOPICS = ("qemu_conf.memory_backing",)
QEMU_CONF_ON_HOST_TOPICS = ("qemu_conf.on_host",)
HOST_TOPICS = ("host", "host_paths", "host_shares", "host_hardware")
FLEET_TOPICS = ("fleet",)


@cache
def _rules_of(topic: str) -> tuple[Rule, ...]:
    module = import_module(f"vfslint.rules.{topic}")
    return tuple(rule for rule in vars(module).values() if isinstance(rule, Rule))


def rules_for(
    *, qemu_conf: bool, with_qemu_conf: bool, host: bool, fleet: bool, text: bytes | None = None
) -> tuple[Rule, ...]:
    """Return the rules, by code, that can have findings.

    `qemu_conf`: about a qemu.conf itself; `with_qemu_conf`: about domains, if one is known; `host`: about domains,
    if facts of the host are known; `fleet`: about several domains together; `text`: the only file to check, in
    UTF-8.
    """
    topics = tuple(topic for topic in TOPICS if text is None or _may_apply(topic, text))
    topics += QEMU_CONF_TOPICS if qemu_conf else ()
    topics += WITH_QEMU_CONF_TOPICS if with_qemu_conf else ()
    topics += HOST_TOPICS if host else ()
    topics += QEMU_CONF_ON_HOST_TOPICS if host and qemu_conf else ()
    topics += FLEET_TOPICS if fleet else ()
    found = [rule for topic in topics for rule in _rules_of(topic)]
    return tuple(sorted(found, key=lambda rule: rule.code))


def _may_apply(topic: str, text: bytes) -> bool:
    words = WORDS.get(topic)
    return words is None or any(word.encode() in text for word in words)


def __getattr__(name: str) -> tuple[Rule, ...]:
    if name == "RULES":
        return rules_for(qemu_conf=True, with_qemu_conf=True, host=True, fleet=True)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
