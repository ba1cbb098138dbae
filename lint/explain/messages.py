"""The messages in what people paste: one line, several, or a whole log of libvirt, QEMU, virtiofsd or the kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator

# What loggers and commands put in front of a message; a line can have several of these.
_PREFIX = re.compile(
    r"""
      \d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+\d{4}|\+\d\d:\d\d|Z)?:?\s+  # libvirt's logs, journalctl -o short-iso
    | [A-Z][a-z]{2}\s+\d+\s\d\d:\d\d:\d\d\s+\S+\s+                            # syslog: Nov 27 10:00:00 host
    | \[\s*\d+\.\d+\]\s+                                                      # the kernel's log
    | \[[^\]]*\b(ERROR|WARN|INFO|DEBUG)\b[^\]]*\]\s+                          # virtiofsd
    | \[\d[\d\ :.-]*\]\s+                                                     # the C virtiofsd
    | \d+:\s+(error|warning|info)\s+:\s+(\w+:\d+\s+:\s+)?                     # libvirt's daemon
    | (error|warning|ERROR|WARNING)(\[VFS\d{3}\])?:\s+
    | [\w./-]*(qemu-(system-\w+|kvm)|libvirtd|virtqemud|virtiofsd|kernel|dmesg)(\[\d+\])?:\s+
    | libvirt:\s+(\w[\w\ ]*\s)?error\s:\s+
    | -(device|chardev|object|netdev|machine)\s+(\{.*?\}|\S+?):\s+            # the option that QEMU complains about
    | (internal\ error|unsupported\ configuration|XML\ error|invalid\ argument|operation\ failed):\s+
    | (process\ exited\ while\ connecting\ to\ monitor|[Qq](emu|EMU)\ unexpectedly\ closed\ the\ monitor)
      (\s\(vm='[^']*'\))?:\s*
    | Failed\ to\ (start|define|create|attach)\ (domain|device)\b[^:]*(:\s+|$)
    """,
    re.VERBOSE,
)
# Lines of logs that say nothing about a fault.
_NOISE = re.compile(
    r"""(starting\ up|shutting\ down|LC_ALL=|PATH=|HOME=|USER=|XDG_\w+=|QEMU_AUDIO_DRV=|char\ device\ redirected|
    Domain\ id=|initiating\ migration|terminating\ on\ signal|Waiting\ for\ vhost-user|Client\ connected|
    Client\ disconnected|libvirt\ version:|hostname:|-\w[\w-]*\ .*\\$|\S*/qemu-\S+\ \\$|
    Domain\ '?\S+'?\ (has\ been|created))""",
    re.VERBOSE,
)


def bare(line: str) -> str:
    """Return a line without the times, names and prefixes in front of its message."""
    line = line.strip()
    while (found := _PREFIX.match(line)) and found.end():
        line = line[found.end() :]
    return line.strip()


def messages(text: str) -> Iterator[str]:
    """Yield the different messages of a text in order, without their prefixes and without noise."""
    seen = set()
    for line in text.splitlines():
        message = bare(line)
        if message and message not in seen and not _NOISE.match(message):
            seen.add(message)
            yield message
