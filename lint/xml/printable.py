"""Text from the input, made safe to print."""

from __future__ import annotations

# The rest is ASCII with character references, so that it can be written in any encoding.
XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def printable(text: str) -> str:
    """Replace characters that could move the cursor, change colors, reverse the text or break the line."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{REPLACEMENT CHARACTER}"
