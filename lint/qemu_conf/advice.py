"""Help for syntax errors in qemu.conf: an instruction, and a fix if the intention is clear."""

from __future__ import annotations

import re
from typing import NamedTuple

from vfslint.findings import Edit, Fix
from vfslint.qemu_conf.keys import BOOLEAN, KEYS
from vfslint.qemu_conf.reader import Unreadable

_BOM = b"\xef\xbb\xbf"
_ON = frozenset({"yes", "true", "on", "enable", "enabled"})
_OFF = frozenset({"no", "false", "off", "disable", "disabled"})
_NAME = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=")


class Advice(NamedTuple):
    """An instruction, and the fix if there is one."""

    help: str
    fix: Fix | None = None


class _Cause(NamedTuple):
    """One recognizable mistake: what follows the place where libvirt stopped, and how to correct it.

    The fix replaces the group `old` of `after` with `new`; if `new` is None, there is no fix. `before` is what
    precedes that place on its line. `{text}` and `{name}` in `help` and `new` are the groups of these names in
    `after`.
    """

    after: str
    help: str
    new: str | None = None
    before: str = ""


_END = r"[ \t]*(?:[#;].*)?$"
_WORD = r"(?P<old>(?P<text>[^\s\"'#;,\[\]=]+))"
_QUOTES = "\u201c\u201d\u201e\u201f\u2033\u2018\u2019\u201a\u00ab\u00bb"
_NO_COMMENT = "put the comment before the setting; libvirt does not support comments inside a list"

# For each message of libvirt, the first cause that matches applies; the last one always matches.
_CAUSES: dict[str, tuple[_Cause, ...]] = {
    "expecting a value": (
        _Cause(
            rf"(?P<old>[{_QUOTES}](?P<text>[^\"{_QUOTES}]*)[{_QUOTES}])",
            "replace the typographic quotes with straight ones",
            '"{text}"',
        ),
        _Cause(r"#", _NO_COMMENT, before=r"[\[,].*|^[ \t]*"),
        _Cause(r"(?P<old>=+)", "write only one =", "", before=r"=[ \t]*"),
        _Cause(r",", "remove the comma, which has no value before it", before=r"[\[,][ \t]*"),
        _Cause(r"[({]", 'write a list in square brackets: [ "one", "two" ]'),
        _Cause(_WORD + _END, "put the string in quotes", '"{text}"'),
        _Cause(_WORD + r"[ \t]*[,\]]", "put the string in quotes", '"{text}"', before=r"[\[,][ \t]*|^[ \t]*"),
        _Cause(r"$", "write the value on the line of the =, or put a # before the setting to use its default"),
        _Cause(r"", "write a string in quotes, a whole number, or a list in brackets"),
    ),
    "expecting an assignment": (
        _Cause(r"(?P<old>:=?[ \t]*)(?P<text>[\"'\[0-9+-])", "write a setting as name = value, with an =", " = "),
        _Cause(r"(?P<old>-)", "write an underscore; names of settings have no hyphens", "_", before=r"[A-Za-z0-9_]"),
        _Cause(r"\.", "use only letters, digits and underscores in the name of a setting"),
        _Cause(r"", "write a setting as name = value; start other lines with #"),
    ),
    "expecting a name": (
        _Cause(r"\[", "remove the line, or put a # before it; qemu.conf has no sections"),
        # In other files, a semicolon starts a comment: it must not become a setting.
        _Cause(r"(?P<old>;)", "start the comment with #", "#", before=r"^[ \t]*"),
        _Cause(r"(?P<old>;[ \t]*)", "remove the semicolon", ""),
        _Cause(r"(?P<old>//+)", "start the comment with #", "#"),
        _Cause(r"[<{%]", "check that this is a qemu.conf, where a setting is written name = value"),
        _Cause(r"$", "make the file empty, or add a comment; it contains only whitespace", before=r"^[ \t]*"),
        _Cause(r"", "write a setting as name = value, starting with a letter"),
    ),
    "expecting a separator": (
        _Cause(r"(?P<old>//+)", "start the comment with #", "#"),
        _Cause(rf"(?P<old>,){_END}", "remove the comma; a setting ends at the end of its line", ""),
        _Cause(r"\.[0-9]", "write a whole number"),
        _Cause(r"[xX][0-9a-fA-F]", "write a decimal number"),
        _Cause(rf"[KkMmGgTt]i?[Bb]?{_END}", "write the number without a unit", before=r"[0-9]"),
        _Cause(
            r".*[\"']",
            "use the other kind of quotes around the string; a backslash does not escape them",
            before=r"\\[\"']",
        ),
        _Cause(r"'", 'use """ for a string of several lines', before=r"''"),
        _Cause(r'"', 'end the string with """', before=r'""'),
        _Cause(r"(?P<old>)(?P<name>[A-Za-z][A-Za-z0-9_]*)[ \t]*=", "put {name} on its own line", "\n"),
        _Cause(r"\]", "remove the bracket, which closes nothing"),
        _Cause(r"", "end the line after the value, or write a # or a semicolon"),
    ),
    "expecting a separator in list": (
        _Cause(r"#", _NO_COMMENT),
        _Cause(r"(?P<old>)[\"']", "write a comma between the strings", ", "),
        _Cause(r"", "write the strings of a list in quotes, with commas between them"),
    ),
    "list is not closed with ]": (_Cause(r"", "end the list with ]"),),
    "unterminated string": (_Cause(r"", "end the string on the same line, with the quote that starts it"),),
    "unterminated number": (_Cause(r"", "put the digits directly after the sign"),),
    "numeric overflow in conf value": (_Cause(r"", "write a number below 9223372036854775808"),),
    "Value too large for defined data type": (_Cause(r"", "make the file smaller; libvirt reads at most 10 MiB"),),
}


def advice(failure: Unreadable) -> Advice:
    """Return the help for the error at which libvirt stopped."""
    data = failure.source.data
    if failure.offset == 0 and data.startswith(_BOM):
        edit = Edit(0, len(_BOM), b"")
        return Advice(
            "save the file as UTF-8 without a byte order mark",
            Fix("remove the byte order mark", (edit,)),
        )
    if failure.message == "unterminated string" and _is_triple(failure):
        return Advice('end the string with """')
    for cause in _CAUSES[failure.message]:
        found = re.match(cause.after, failure.rest_of_line)
        if found and re.search(f"(?:{cause.before})$", failure.start_of_line):
            return _advice(failure, cause, found)
    raise AssertionError(f"no cause matches {failure.message}")


def _is_triple(failure: Unreadable) -> bool:
    return failure.opened is not None and failure.source.data.startswith(b'"""', failure.opened)


def _advice(failure: Unreadable, cause: _Cause, found: re.Match[str]) -> Advice:
    parts = found.groupdict()
    help = cause.help.format(**parts)
    if cause.new is None:
        return Advice(help)
    new = cause.new.format(**parts)
    word = (parts.get("text") or "").lower()
    if new.startswith('"') and word in _ON | _OFF and _is_boolean(failure):
        new = "1" if word in _ON else "0"
        help = "write 1 for on or 0 for off, without quotes"
    return Advice(help, _fix(failure, found, new))


def _is_boolean(failure: Unreadable) -> bool:
    name = _NAME.match(failure.start_of_line)
    key = KEYS.get(name[1]) if name else None
    return key is not None and key.kind is BOOLEAN


def _fix(failure: Unreadable, found: re.Match[str], new: str) -> Fix:
    encoded = [failure.rest_of_line[:index].encode("utf-8", "surrogateescape") for index in found.span("old")]
    start, end = (failure.offset + len(piece) for piece in encoded)
    title = f"write {new.strip()}" if new.strip() else "correct the syntax"
    return Fix(title, (Edit(start, end, new.encode("utf-8", "surrogateescape")),))
