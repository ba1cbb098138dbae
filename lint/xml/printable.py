"""Text from the input, made safe to print."""

from __future__ import annotations

# What comes after it is ASCII with character references, so it survives a stream in any encoding.
XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def printable(text: str) -> str:
    """Replace what could move a cursor, change a colour, turn the writing round or break a line."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{REPLACEMENT CHARACTER}"
