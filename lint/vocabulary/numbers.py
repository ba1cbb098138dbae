"""Numbers, sizes and sets, read to the letter as libvirt reads them.

Each function returns None if libvirt rejects the text; none of them raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from vfslint.vocabulary.bitmap import Bitmap, runs

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

# A number of 64 bits has at most as many digits in base 10; Python does not convert thousands of them.
_C_INTEGER = r"[ \t\n\v\f\r]*([+-]?)0*([0-9]{1,20})\Z"
# As many in base 8, in which such a number has the most.
_MOST_DIGITS = 22
_C_SPACES = " \t\n\v\f\r"

# The largest size of memory that libvirt accepts, in bytes (virutil.c:virMemoryMaxValue).
LARGEST_MEMORY = 2**63 - 1

_POWER = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}

# The largest CPU number that a cpuset can name (domain_conf.h: VIR_DOMAIN_CPUMASK_LEN).
CPUMASK_BITS = 16384


# A part of an IPv4 address in C's notation; more digits never fit.
_PART_OF_ADDRESS = r"(?:0[xX][0-9A-Fa-f]{1,16}|0[0-7]{0,24}|[1-9][0-9]{0,15})\Z"


def integer(text: str, *, bits: int = 32) -> int | None:
    """Read a signed decimal number (virStrToLong_i, _ll): whitespace may precede it, nothing may follow it."""
    found = re.match(_C_INTEGER, text)
    if not found:
        return None
    number = int(found[1] + found[2])
    return number if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None


def is_whole(text: str) -> bool:
    """Whether it consists of digits, those of ASCII: others, such as ², are letters to libvirt."""
    return text.isascii() and text.isdigit()


def whole(digits: str) -> int:
    """Return the number that digits of ASCII write; 2^64 for a larger one, which Python may refuse to convert."""
    return min(int(digits.lstrip("0")[:21] or "0"), 2**64)


@lru_cache(1024)
def unsigned(text: str, *, bits: int = 32, wraps: bool = False) -> int | None:
    """Read an unsigned decimal number.

    A minus sign is rejected (virStrToLong_uip, _ullp) unless `wraps` (virStrToLong_ui, _ull): then -1 is the
    largest number, as with strtoul.
    """
    found = re.match(_C_INTEGER, text)
    if not found or (found[1] == "-" and not wraps):
        return None
    number = int(found[2])
    if number >= 2**bits:
        return None
    return (-number) % 2**bits if found[1] == "-" else number


@lru_cache(1024)
def unit_bytes(unit: str) -> int | None:
    """Return the number of bytes in a unit (virScaleInteger): case does not matter, MB is 10^6."""
    folded = unit.lower()
    if folded in ("b", "byte", "bytes"):
        return 1
    power = _POWER.get(folded[:1])
    if power is None or folded[1:] not in ("", "b", "ib"):
        return None
    return int((1000 if folded[1:] == "b" else 1024) ** power)


def scaled(text: str, unit: str | None, *, default: int = 1024, largest: int = LARGEST_MEMORY) -> int | None:
    """Read a size in bytes (virDomainParseScaledValue); without a unit, the number is multiplied by `default`."""
    number = unsigned(text, bits=64)
    factor = unit_bytes(unit) if unit else default
    if number is None or factor is None or number * factor > largest:
        return None
    return number * factor


def kib(size: int) -> int:
    """Round bytes up to KiB, the unit in which libvirt stores sizes of memory (virDomainParseMemory)."""
    return -(-size // 1024)


@lru_cache(1024)
def bitmap(text: str, *, bits: int = CPUMASK_BITS) -> Bitmap | None:
    """Read a set such as `0-7,^3` (virbitmap.c:virBitmapParse); None for text that libvirt rejects.

    A comma may be at its end, whitespace around numbers is ignored, and `^3` by itself is the empty set.
    """
    members = 0
    pieces = text.split(",")
    if len(pieces) > 1 and not pieces[-1].strip(_C_SPACES):
        pieces.pop()
    for piece in pieces:
        found = re.match(_BITMAP_PIECE, piece)
        if not found:
            return None
        first = int(found["first"])
        last = int(found["last"]) if found["last"] else first
        if last < first or last >= bits or (found["not"] and found["last"]):
            return None
        if found["not"]:
            members &= ~(1 << first)
        else:
            members |= (1 << last + 1) - (1 << first)
    return Bitmap.of_bits(members)


_BITMAP_PIECE = (
    rf"[{_C_SPACES}]*(?P<not>\^?)(?P<first>[0-9]{{1,9}})"
    rf"(?:[{_C_SPACES}]*-[{_C_SPACES}]*(?P<last>[0-9]{{1,9}}))?[{_C_SPACES}]*\Z"
)


def spell_set(members: Iterable[int]) -> str:
    """Write a set of numbers as libvirt does: 0-3,7."""
    return ",".join(map(_spell_run, runs(members)))


def shorten_set(members: Iterable[int]) -> str:
    """Write the beginning of a set of numbers, for messages."""
    spelled = list(map(_spell_run, islice(runs(members), _MOST_RUNS + 1)))
    return ",".join(spelled[:_MOST_RUNS]) + (",…" if len(spelled) > _MOST_RUNS else "")


_MOST_RUNS = 32


def _spell_run(run: tuple[int, int]) -> str:
    first, last = run
    return str(first) if first == last else f"{first}-{last}"


_UUID = r"(?:[- ]*[0-9A-Fa-f]{2}){16}\Z"


def is_policy(text: str) -> bool:
    """Whether libvirt reads it as the 32 bits of a launch security policy (virXPathUIntBase with base 16)."""
    return re.match(rf"[{_C_SPACES}]*\+?(?:0[xX])?[0-9A-Fa-f]{{1,8}}\Z", text) is not None


def is_uuid(text: str) -> bool:
    """Whether libvirt reads it as a UUID (viruuid.c:virUUIDParse): hyphens and spaces may separate bytes."""
    return re.match(_UUID, text.strip(_C_SPACES)) is not None


def spell_size(size_kib: int) -> str:
    """Write a size in KiB with the largest unit that holds it without a fraction: 2 GiB, 1908 MiB, 3 KiB."""
    for unit, factor in (("TiB", 1024**3), ("GiB", 1024**2), ("MiB", 1024)):
        if size_kib and size_kib % factor == 0:
            return f"{size_kib // factor} {unit}"
    return f"{size_kib} KiB"


@lru_cache(1024)
def based(text: str, base: int, *, bits: int = 32, signed: bool = False) -> int | None:
    """Read a number in base 8, 10 or 16, or as C writes it (base 0: 0x for 16, 0 for 8).

    Whitespace and a plus sign may precede it; a minus sign is rejected (virStrToLong_uip) unless `signed`
    (virStrToLong_i).
    """
    found = re.match(_NUMBER_OF_BASE[base], text)
    if not found or (found[1] == "-" and not signed):
        return None
    digits = found[2].lower()
    if base == 0:
        base = 16 if digits.startswith("0x") else 8 if digits.startswith("0") else 10
    significant = digits.removeprefix("0x").lstrip("0")
    number = int(significant or "0", base) if len(significant) <= _MOST_DIGITS else 2**bits
    if number >= 2**bits:
        return None
    return -number if found[1] == "-" else number


_NUMBER_OF_BASE = {
    base: rf"[ \t\n\v\f\r]*([+-]?)({digits})\Z"
    for base, digits in (
        (0, "0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*"),
        (8, "[0-7]+"),
        (10, "[0-9]+"),
        (16, "(?:0[xX])?[0-9a-fA-F]+"),
    )
}


def mac_address(text: str) -> bytes | None:
    """Read a MAC address (virmacaddr.c:virMacAddrParse): six numbers in base 16; whitespace may follow."""
    found = re.match(_MAC_ADDRESS, text)
    if not found:
        return None
    numbers = [int(number, 16) for number in found[1].split(":")]
    return bytes(numbers) if max(numbers) <= 0xFF else None


_MAC_ADDRESS = r"([0-9a-fA-F]+(?::[0-9a-fA-F]+){5})(?:[ \t\n\v\f\r]|\Z)"


def ip_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an IP address as C does (virSocketAddrParse): 10.1 is 10.0.0.1, and parts may be octal or hexadecimal."""
    from ipaddress import IPv4Address, IPv6Address

    if ":" in text:
        try:
            return IPv6Address(text)
        except ValueError:
            return None
    parts = text.split(".")
    if len(parts) > 4 or not all(re.match(_PART_OF_ADDRESS, part) for part in parts):
        return None
    *first, last = (int(part, 16 if part[:2].lower() == "0x" else 8 if part[:1] == "0" else 10) for part in parts)
    if any(number > 0xFF for number in first) or last >= 1 << 8 * (4 - len(first)):
        return None
    return IPv4Address(sum(number << 8 * (3 - place) for place, number in enumerate(first)) + last)
