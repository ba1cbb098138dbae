"""Numbers, sizes and sets, read to the letter as libvirt reads them.

Each function returns None where libvirt refuses the text; none of them raises.
"""

from __future__ import annotations

import re

_C_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]+)\Z")
_LARGEST_64 = 2**64 - 1

UNITS = ("b", "bytes", "KB", "KiB", "k", "MB", "MiB", "M", "GB", "GiB", "G", "TB", "TiB", "T",
         "PB", "PiB", "P", "EB", "EiB", "E")  # fmt: skip
_POWER = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}

# The largest CPU number that a cpuset can name (domain_conf.h: VIR_DOMAIN_CPUMASK_LEN).
CPUMASK_BITS = 16384


def integer(text: str, *, bits: int = 32) -> int | None:
    """Read a signed decimal number (virStrToLong_i, _ll): blanks may lead, nothing may follow."""
    found = _C_INTEGER.match(text)
    if not found:
        return None
    number = int(found[1] + found[2])
    return number if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None


def unsigned(text: str, *, bits: int = 32, wraps: bool = False) -> int | None:
    """Read an unsigned decimal number.

    A minus sign is refused (virStrToLong_uip, _ullp) unless `wraps` (virStrToLong_ui, _ull): then -1 is
    the largest number there is, as strtoul has it.
    """
    found = _C_INTEGER.match(text)
    if not found or (found[1] == "-" and not wraps):
        return None
    number = int(found[2])
    if number >= 2**bits:
        return None
    return (-number) % 2**bits if found[1] == "-" else number


def unit_bytes(unit: str) -> int | None:
    """Return how many bytes a unit stands for (virutil.c:virScaleInteger): case does not matter, MB is 10^6."""
    folded = unit.lower()
    if folded in ("b", "byte", "bytes"):
        return 1
    power = _POWER.get(folded[:1])
    if power is None or folded[1:] not in ("", "b", "ib"):
        return None
    return int((1000 if folded[1:] == "b" else 1024) ** power)


def scaled(text: str, unit: str | None, *, default: int = 1024) -> int | None:
    """Read a size in bytes (virDomainParseScaledValue); `default` bytes where no unit is given."""
    number = unsigned(text, bits=64)
    factor = unit_bytes(unit) if unit else default
    if number is None or factor is None or number * factor > _LARGEST_64:
        return None
    return number * factor


def kib(size: int) -> int:
    """Round bytes up to KiB, the unit that libvirt keeps memory in (virDomainParseMemory)."""
    return -(-size // 1024)


def bitmap(text: str, *, bits: int = CPUMASK_BITS) -> frozenset[int] | None:
    """Read a set such as `0-7,^3` (virbitmap.c:virBitmapParse); None for text that libvirt refuses."""
    members: set[int] = set()
    rest = text.strip(" \t\n\v\f\r")
    if not rest:
        return None
    for piece in rest.split(","):
        found = _BITMAP_PIECE.match(piece)
        if not found:
            return None
        first = int(found["first"])
        last = int(found["last"]) if found["last"] else first
        if last < first or last >= bits:
            return None
        if found["not"]:
            if found["last"]:
                return None
            members.discard(first)
        else:
            members.update(range(first, last + 1))
    return frozenset(members)


_BITMAP_PIECE = re.compile(
    r"[ \t\n\v\f\r]*(?P<not>\^?)(?P<first>[0-9]{1,9})(?:[ \t\n\v\f\r]*-[ \t\n\v\f\r]*(?P<last>[0-9]{1,9}))?[ \t\n\v\f\r]*\Z"
)


def spell_size(size_kib: int) -> str:
    """Write a size in KiB with the largest unit that holds it without a fraction: 2 GiB, 1908 MiB, 3 KiB."""
    for unit, factor in (("TiB", 1024**3), ("GiB", 1024**2), ("MiB", 1024)):
        if size_kib and size_kib % factor == 0:
            return f"{size_kib // factor} {unit}"
    return f"{size_kib} KiB"
