"""JSON that others wrote, such as a baseline or the facts of a host."""

from __future__ import annotations

import json
from typing import Any

# No count or size has more digits; Python does not convert thousands of them.
_MOST_DIGITS = 40


def loads(data: bytes) -> Any:
    """Return the value in UTF-8, UTF-16 or UTF-32. Raises ValueError for anything else that JSON does not define,
    for numbers of more than 40 digits, and for values that are nested too deeply.
    """
    try:
        return json.loads(data, parse_int=_integer, parse_constant=_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number has {len(text)} digits")
    return int(text)


def _constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")
