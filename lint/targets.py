"""The releases that a domain targets: libvirt, QEMU and virtiofsd."""

import re
from typing import NamedTuple

Version = tuple[int, int, int]

# The word for the C daemon as the release of virtiofsd.
NO_VIRTIOFSD = "none"


class Target(NamedTuple):
    """The stack that will read the domain.

    `virtiofsd` is None for the C daemon that came with QEMU until 7.2; the Rust daemon starts at 1.0.0. `binary` is
    where the stack installs it, if that is known.
    """

    libvirt: Version
    qemu: Version
    virtiofsd: Version | None
    binary: str | None = None

    def __str__(self) -> str:
        daemon = f"virtiofsd {spell(self.virtiofsd)}" if self.virtiofsd else "QEMU's own virtiofsd"
        return f"libvirt {spell(self.libvirt)}, QEMU {spell(self.qemu)}, {daemon}"


NEWEST = Target((12, 8, 0), (11, 1, 0), (1, 14, 0))
OLDEST = Target((7, 0, 0), (5, 2, 0), None)

# The virtiofsd that was current from a libvirt release on, newest first.
_DAEMONS: tuple[tuple[Version, Version | None], ...] = (
    ((12, 0, 0), (1, 14, 0)),
    ((11, 0, 0), (1, 13, 2)),
    ((10, 7, 0), (1, 12, 0)),
    ((10, 5, 0), (1, 11, 1)),
    ((10, 1, 0), (1, 10, 1)),
    ((9, 6, 0), (1, 8, 0)),
    ((9, 3, 0), (1, 6, 1)),
)


# The oldest QEMU that each release of libvirt accepts (qemu_capabilities.c: QEMU_MIN_MAJOR), newest first; only those
# of 7.0.0, 9.0.0 and 11.3.0 are known.
_OLDEST_QEMUS: tuple[tuple[Version, Version], ...] = (
    ((11, 3, 0), (6, 2, 0)),
    ((9, 0, 0), (4, 2, 0)),
    ((7, 0, 0), (1, 5, 0)),
)

# Where distributions install virtiofsd.
BINARIES = ("/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib64/virtiofsd", "/usr/lib/qemu/virtiofsd")

# The C daemon came with QEMU and calls itself by QEMU's version; the Rust daemon counts from 0.1.
_C_DAEMONS = ((4, 2, 0), (8, 0, 0))


def is_c_daemon(release: Version) -> bool:
    """Whether a virtiofsd that calls itself by this version is the C daemon."""
    return _C_DAEMONS[0] <= release < _C_DAEMONS[1]


def impossible(target: Target) -> str | None:
    """Return why these releases cannot run together, as part of a sentence, or None."""
    if target.virtiofsd is None and target.qemu >= _C_DAEMONS[1]:
        return f"QEMU {spell(target.qemu)} has no virtiofsd of its own; the C daemon came with QEMU until 7.2"
    oldest = next((qemu for libvirt, qemu in _OLDEST_QEMUS if target.libvirt >= libvirt), None)
    if oldest and target.qemu < oldest:
        return f"libvirt {spell(target.libvirt)} requires QEMU {spell(oldest)} or newer, not {spell(target.qemu)}"
    return None


def version(text: str) -> Version:
    """Read `9`, `9.0` or `9.0.0`; raises ValueError for anything else."""
    parts = text.strip().split(".")
    if not 1 <= len(parts) <= 3 or not all(re.fullmatch("[0-9]{1,9}", part) for part in parts):
        raise ValueError(f"{text!r} is not a version such as 9.0.0")
    numbers = [int(part) for part in parts] + [0, 0]
    return numbers[0], numbers[1], numbers[2]


def virtiofsd(text: str) -> Version | None:
    """Read the version of a virtiofsd: None for the C daemon, which is `none` or a version of QEMU.

    Raises ValueError for anything else.
    """
    if text == NO_VIRTIOFSD:
        return None
    release = version(text)
    return None if is_c_daemon(release) else release


def spell(release: Version | None) -> str:
    """Return a version as text: 9.0.0."""
    return "none" if release is None else ".".join(map(str, release))


def contemporary(libvirt: Version) -> Target:
    """Return the stack that was current when a libvirt release came out.

    libvirt X.Y.0 appears in month Y + 1 of the year 2014 + X; QEMU's releases appear each April (.0),
    August (.1) and December (.2), its major number rising in April (5.0 in 2020).
    """
    month = (2014 + libvirt[0]) * 12 + libvirt[1]
    since_5_0 = max(month - (2020 * 12 + 3), 0) // 4
    qemu = (5 + since_5_0 // 3, since_5_0 % 3, 0)
    daemon = next((daemon for release, daemon in _DAEMONS if libvirt >= release), None)
    return Target(libvirt, qemu, daemon)
