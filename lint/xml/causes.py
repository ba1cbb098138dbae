"""Why a file is not well-formed XML: the cause of each error of libxml2, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable

from vfslint.findings import Edit, Fix, Problem, Related
from vfslint.vocabulary.spelling import is_near
from vfslint.xml.malformed import MalformedXml, Tag

_BARE_AMPERSAND = r"&(?!#?\w+;)"
_UNENDED_REFERENCE = r"&(?:amp|lt|gt|quot|apos)\b(?!;)"


def explain(file: MalformedXml) -> Problem:
    """Return what is wrong with a file, in terms of what its author wrote."""
    return _CAUSES.get(file.failure.code, _as_libxml2_reports)(file)


def _as_libxml2_reports(file: MalformedXml) -> Problem:
    return Problem(at=file.here, message=f"not well-formed XML: {file.failure.message}")


def _mismatched_tag(file: MalformedXml) -> Problem:
    """An end tag that does not match the innermost open element."""
    if not file.tags or not file.tags[-1].is_end or not file.open_tags:
        return _as_libxml2_reports(file)
    end, innermost = file.tags[-1], file.open_tags[-1]
    at = file.span(end.start, end.end)
    closed_early = _closed_at_once(file, end, innermost)
    if closed_early:
        line = file.source.position(closed_early.start).line
        start, stop = file.edit_offsets(closed_early.end - 2, closed_early.end - 1)
        return Problem(
            at=at,
            message=f"unexpected </{end.name}>: <{end.name}> is already closed by the '/>' on line {line}",
            label="nothing to close",
            related=(Related(file.span(closed_early.end - 2, closed_early.end), "already closed here"),),
            help=f"remove the '/' in '/>', so that what follows is inside <{end.name}>",
            fix=Fix("remove the '/' that closes the element too early", (Edit(start, stop, b""),)),
        )
    opened = Related(file.span(innermost.start, innermost.end), "opened here")
    if is_near(end.name, innermost.name):
        start, stop = file.edit_offsets(end.start + 2, end.start + 2 + len(end.name))
        return Problem(
            at=at,
            message=f"</{end.name}> does not match <{innermost.name}>",
            related=(opened,),
            help=f"write </{innermost.name}>",
            fix=Fix("rename the end tag like the start tag", (Edit(start, stop, innermost.name.encode()),)),
        )
    if any(tag.name == end.name for tag in file.open_tags):
        return Problem(
            at=at,
            message=f"<{innermost.name}> is not closed before </{end.name}>, which closes the element around it",
            related=(opened,),
            help=f"close it with '/>' if it is empty, or add </{innermost.name}> before </{end.name}>",
        )
    return Problem(
        at=at,
        message=f"unexpected </{end.name}>: no <{end.name}> is open here",
        related=(opened,),
        help=f"remove it, or close <{innermost.name}> with its own end tag",
    )


def _closed_at_once(file: MalformedXml, end: Tag, innermost: Tag) -> Tag | None:
    """Return the empty `<name …/>` that an unexpected end tag belongs to: the last one inside `innermost`."""
    for tag in reversed(file.tags[:-1]):
        if tag.start <= innermost.start:
            return None
        if tag.name == end.name:
            return tag if tag.is_empty else None
    return None


def _unfinished(file: MalformedXml) -> Problem:
    """The file ends, or a tag starts, while another tag or element is open."""
    still_open = list(file.open_tags)
    if file.tags and not file.tags[-1].is_end and not file.tags[-1].is_empty:
        still_open.append(file.tags[-1])
    if not still_open or file.text[file.index :].strip(" \t\r\n>"):
        return Problem(
            at=file.here,
            message="a tag is not closed before this place",
            help="look for a missing '>' or a missing quote before it",
        )
    innermost = still_open[-1]
    return Problem(
        at=file.span(innermost.start, innermost.end),
        message=f"<{innermost.name}> is never closed: the file ends before its end tag",
        help=f"add </{innermost.name}>, or complete the file if it was cut off",
    )


def _bare_ampersand(file: MalformedXml) -> Problem:
    """A '&' that does not start a reference."""
    index = file.text.rfind("&", 0, file.index + 1)
    if index < 0 or not re.compile(_BARE_AMPERSAND).match(file.text, index):
        return _as_libxml2_reports(file)
    unended = re.compile(_UNENDED_REFERENCE).match(file.text, index)
    if unended:
        start, stop = file.edit_offsets(unended.end(), unended.end())
        return Problem(
            at=file.span(index, unended.end()),
            message=f"the reference {unended[0]} does not end with ';'",
            help=f"write {unended[0]};",
            fix=Fix("end the reference", (Edit(start, stop, file.source.encode(";")),)),
        )
    start, stop = file.edit_offsets(index, index + 1)
    return Problem(
        at=file.span(index, index + 1),
        message="unescaped '&'",
        help="write &amp;",
        fix=Fix("escape the '&'", (Edit(start, stop, file.source.encode("&amp;")),)),
    )


def _repeated_attribute(file: MalformedXml) -> Problem:
    name = file.failure.message.removeprefix("Attribute ").removesuffix(" redefined")
    tag = file.text.rfind("<", 0, file.index)
    places = list(re.finditer(rf"\s({re.escape(name)})\s*=", file.text[tag : file.index]))
    if len(places) < 2:
        return _as_libxml2_reports(file)
    first, second = (file.span(tag + found.start(1), tag + found.end(1)) for found in (places[0], places[-1]))
    return Problem(
        at=second,
        message=f"attribute {name!r} appears twice in one tag",
        related=(Related(first, "the first one"),),
        help="keep one of them",
    )


def _late_declaration(file: MalformedXml) -> Problem:
    index = file.text.rfind("<?xml", 0, file.index + 1)
    return Problem(
        at=file.span(index, index + 5) if index >= 0 else file.here,
        message="the XML declaration is not the first thing in the file",
        help="remove everything before it, including blank lines",
    )


def _after_the_root(file: MalformedXml) -> Problem:
    rest = file.text[file.index :].lstrip()
    start = len(file.text) - len(rest) if rest else file.index
    opened = re.match(r"</?([\w:.-]+)", rest)
    if opened and rest.startswith("</"):
        return Problem(
            at=file.span(start, start + opened.end() + 1),
            message=f"unexpected </{opened[1]}>: the root element is already closed",
            help="remove it, or look for an earlier element that is closed too soon",
        )
    if opened:
        return Problem(
            at=file.span(start, start + opened.end()),
            message=f"<{opened[1]}> is a second root element, but an XML file can have only one",
            help="put each domain into its own file, or put all of them inside <domains>, which vfslint accepts",
        )
    return Problem(
        at=file.span(start, start + 1),
        message="text after the end of the root element",
        help="remove it",
    )


def _no_element(file: MalformedXml) -> Problem:
    if not file.text.strip("\ufeff \t\r\n"):
        return Problem(at=file.span(0, 0), message="the file is empty", help="add a <domain>")
    return Problem(
        at=file.here,
        message="not XML: the file does not start with a tag",
        help="a domain starts with <domain type='kvm'>; virsh dumpxml prints one",
    )


def _unquoted_value(file: MalformedXml) -> Problem:
    return Problem(at=file.here, message="an attribute's value is not in quotes", help="write it as name='value'")


def _missing_value(file: MalformedXml) -> Problem:
    name = file.failure.message.rpartition(" ")[2]
    start = file.text.rfind(name, 0, file.index + 1)
    return Problem(
        at=file.span(start, start + len(name)) if start >= 0 else file.here,
        message=f"attribute {name!r} has no value",
        help=f"write {name}='…', or remove it",
    )


def _open_quote(file: MalformedXml) -> Problem:
    """A '<' inside an attribute's value: most often the closing quote before it is missing."""
    text = file.text[: file.index + 1].rstrip("<>")
    quote = max(text.rfind('"'), text.rfind("'"))
    before = text[: max(quote, 0)].rstrip()
    ahead = before.removesuffix("=").rstrip()
    reversed_name = re.match(r"[\w:.-]*", ahead[::-1])
    name = reversed_name[0][::-1] if reversed_name else ""
    if not before.endswith("=") or not name or "<" in text[quote:]:
        return _as_libxml2_reports(file)
    return Problem(
        at=file.span(len(ahead) - len(name), len(ahead)),
        message=f"the value of attribute {name!r} has no closing {text[quote]}",
        help=f"add {text[quote]} after the value; if the value contains a '<', write &lt;",
    )


def _muddled_attributes(file: MalformedXml) -> Problem:
    return Problem(
        at=file.here,
        message="no whitespace between the attributes of this tag",
        help="write each attribute as name='value', with a space before it",
    )


def _open_comment(file: MalformedXml) -> Problem:
    start = max(file.text.rfind("<!--", 0, file.index + 1), 0)
    return Problem(at=file.span(start, start + 4), message="unterminated comment", help="end it with -->")


def _section_end(file: MalformedXml) -> Problem:
    return Problem(at=file.here, message="']]>' is not allowed in text", help="write ]]&gt;")


def _forbidden_character(file: MalformedXml) -> Problem:
    return Problem(
        at=file.here,
        message=f"this character is not allowed in XML: {file.failure.message}",
        help="remove it; XML cannot contain control characters, not even as references",
    )


def _unknown_entity(file: MalformedXml) -> Problem:
    index = file.text.rfind("&", 0, file.index + 1)
    end = file.text.find(";", index) + 1
    if index < 0 or end == 0:
        return _as_libxml2_reports(file)
    return Problem(
        at=file.span(index, end),
        message=f"the entity {file.text[index:end]} is not declared",
        help="write the character itself; XML defines only &amp; &lt; &gt; &quot; &apos;",
    )


def _wrong_encoding(file: MalformedXml) -> Problem:
    return Problem(
        at=file.here,
        message="invalid bytes for the file's encoding, which is UTF-8 unless its first line declares another one",
        help="save the file as UTF-8, or declare its encoding: <?xml version='1.0' encoding='ISO-8859-1'?>",
    )


def _double_hyphen(file: MalformedXml) -> Problem:
    return Problem(at=file.here, message="'--' is not allowed in comments", help="write a single '-'")


def _too_large(file: MalformedXml) -> Problem:
    return Problem(
        at=file.here,
        message=f"too large for libvirt's parser: {file.failure.message}",
        help="no domain is this large; check that this is the right file",
    )


# libxml2's error numbers (xmlerror.h: xmlParserErrors); 0 is vfslint's own for a file that is too large.
_CAUSES: dict[int, Callable[[MalformedXml], Problem]] = {
    0: _too_large,
    4: _no_element,
    5: _after_the_root,
    9: _forbidden_character,
    23: _bare_ampersand,
    26: _unknown_entity,
    32: _wrong_encoding,
    38: _open_quote,
    39: _unquoted_value,
    40: _open_quote,
    41: _missing_value,
    42: _repeated_attribute,
    45: _open_comment,
    62: _section_end,
    64: _late_declaration,
    65: _muddled_attributes,
    68: _bare_ampersand,
    73: _unfinished,
    76: _mismatched_tag,
    77: _unfinished,
    80: _double_hyphen,
    81: _wrong_encoding,
    114: _too_large,
}
