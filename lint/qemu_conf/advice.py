"""What people meant where virConf gave up: a sentence, and where the meaning is plain, the edit."""

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
    """What to do about a fault, and the fix where there is one."""

    help: str
    fix: Fix | None = None


class _Cause(NamedTuple):
    """One recognisable mistake: what stands behind the place where libvirt stopped, and the way out.

    The part of `behind` called `old` is what the fix replaces by `new`; a `new` of None means that there is
    no fix. `before` is what the line holds up to that place. `{text}` and `{name}` in `help` and `new` are
    the parts of `behind` of these names.
    """

    behind: str
    help: str
    new: str | None = None
    before: str = ""


_END = r"[ \t]*(?:[#;].*)?$"
_WORD = r"(?P<old>(?P<text>[^\s\"'#;,\[\]=]+))"
_QUOTES = "\u201c\u201d\u201e\u201f\u2033\u2018\u2019\u201a\u00ab\u00bb"
_NO_COMMENT = "libvirt knows no comments inside a list: put the comment before the setting"

# By libvirt's message, the first that fits counts; the last of each fits always.
_CAUSES: dict[str, tuple[_Cause, ...]] = {
    "expecting a value": (
        _Cause(
            rf"(?P<old>[{_QUOTES}](?P<text>[^\"{_QUOTES}]*)[{_QUOTES}])",
            "these are typographic quotes; write straight ones",
            '"{text}"',
        ),
        _Cause(r"#", _NO_COMMENT, before=r"[\[,].*|^[ \t]*"),
        _Cause(r"(?P<old>=+)", "write one = only", "", before=r"=[ \t]*"),
        _Cause(r",", "take away the comma that has no value before it", before=r"[\[,][ \t]*"),
        _Cause(r"[({]", 'a list stands in square brackets: [ "one", "two" ]'),
        _Cause(_WORD + _END, "strings stand in quotes", '"{text}"'),
        _Cause(_WORD + r"[ \t]*[,\]]", "strings stand in quotes", '"{text}"', before=r"[\[,][ \t]*|^[ \t]*"),
        _Cause(r"$", "write the value on the line of the =, or put a # before the setting for its default"),
        _Cause(r"", "a value is a string in quotes, a whole number, or a list in brackets"),
    ),
    "expecting an assignment": (
        _Cause(r"(?P<old>:=?[ \t]*)(?P<text>[\"'\[0-9+-])", "a setting is written name = value, with an =", " = "),
        _Cause(r"(?P<old>-)", "names of settings have underscores, no hyphens", "_", before=r"[A-Za-z0-9_]"),
        _Cause(r"\.", "names of settings have letters, digits and underscores only"),
        _Cause(r"", "a setting is written name = value; a line of prose begins with #"),
    ),
    "expecting a name": (
        _Cause(r"\[", "qemu.conf has no sections; put a # before the line or take it away"),
        _Cause(r"(?P<old>;[ \t]*)", "take away the semicolon that ends nothing", ""),
        _Cause(r"(?P<old>//+)", "a comment begins with #", "#"),
        _Cause(r"[<{%]", "this is no qemu.conf, where a setting is written name = value"),
        _Cause(r"$", "the file has nothing but blanks: empty it, or write a comment into it", before=r"^[ \t]*"),
        _Cause(r"", "a setting begins with a letter and is written name = value"),
    ),
    "expecting a separator": (
        _Cause(r"(?P<old>//+)", "a comment begins with #", "#"),
        _Cause(rf"(?P<old>,){_END}", "take away the comma: the end of the line ends a setting", ""),
        _Cause(r"\.[0-9]", "libvirt knows whole numbers only"),
        _Cause(r"[xX][0-9a-fA-F]", "libvirt knows decimal numbers only"),
        _Cause(rf"[KkMmGgTt]i?[Bb]?{_END}", "libvirt knows no units here; write the number out", before=r"[0-9]"),
        _Cause(
            r".*[\"']",
            "a backslash protects nothing here; put the other kind of quotes around",
            before=r"\\[\"']",
        ),
        _Cause(r"'", 'only """ begins a string of several lines', before=r"''"),
        _Cause(r'"', 'end the string with """', before=r'""'),
        _Cause(r"(?P<old>)(?P<name>[A-Za-z][A-Za-z0-9_]*)[ \t]*=", "{name} needs a line of its own", "\n"),
        _Cause(r"\]", "take away the bracket that closes nothing"),
        _Cause(r"", "after a value comes the end of the line, a # or a semicolon"),
    ),
    "expecting a separator in list": (
        _Cause(r"#", _NO_COMMENT),
        _Cause(r"(?P<old>)[\"']", "write a comma between the two", ", "),
        _Cause(r"", "the strings of a list stand in quotes, with commas between them"),
    ),
    "list is not closed with ]": (_Cause(r"", "end the list with ]"),),
    "unterminated string": (_Cause(r"", "end the string on its line with the quote that it began with"),),
    "unterminated number": (_Cause(r"", "put the digits directly behind the sign"),),
    "numeric overflow in conf value": (_Cause(r"", "write a number below 9223372036854775808"),),
    "Value too large for defined data type": (_Cause(r"", "libvirt reads at most 10 MiB"),),
}


def advice(failure: Unreadable) -> Advice:
    """Return what to do where libvirt gave up."""
    data = failure.source.data
    if failure.offset == 0 and data.startswith(_BOM):
        edit = Edit(0, len(_BOM), b"")
        return Advice(
            "the file begins with a byte order mark; store it as UTF-8 without one",
            Fix("take the byte order mark away", (edit,)),
        )
    if failure.message == "unterminated string" and _is_triple(failure):
        return Advice('end the string with """')
    for cause in _CAUSES[failure.message]:
        found = re.match(cause.behind, failure.rest_of_line)
        if found and re.search(f"(?:{cause.before})$", failure.start_of_line):
            return _advice(failure, cause, found)
    raise AssertionError(f"nothing fits {failure.message}")


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
        help = "on is 1 and off is 0, without quotes"
    return Advice(help, _fix(failure, found, new))


def _is_boolean(failure: Unreadable) -> bool:
    name = _NAME.match(failure.start_of_line)
    key = KEYS.get(name[1]) if name else None
    return key is not None and key.kind is BOOLEAN


def _fix(failure: Unreadable, found: re.Match[str], new: str) -> Fix:
    encoded = [failure.rest_of_line[:index].encode("utf-8", "surrogateescape") for index in found.span("old")]
    start, end = (failure.offset + len(piece) for piece in encoded)
    title = f"write {new.strip()}" if new.strip() else "set it right"
    return Fix(title, (Edit(start, end, new.encode("utf-8", "surrogateescape")),))
