"""The words that attributes of `<filesystem>` can have in any of its forms; libvirt's parser does not separate them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from vfslint.domain.device import NEW_PARSER
from vfslint.targets import Version
from vfslint.vocabulary import table

# The value for an attribute that is not set, which the new parser also accepts (virXMLPropEnum).
_UNSET = {("", "accessmode"): ""}


class Words(NamedTuple):
    """The words that an attribute can have, and the release since which libvirt reads it.

    Each word has the release that introduced it, to the parser if only the parser accepts it.
    """

    words: dict[str, Version | None]
    since: Version
    unset: str | None

    def accept(self, value: str, libvirt: Version) -> bool:
        """Whether a release accepts the value, or does not read the attribute; words of newer releases are accepted."""
        if libvirt < self.since or (value == self.unset and libvirt >= NEW_PARSER):
            return True
        return value in self.words and (self.words[value] or libvirt) <= libvirt


@cache
def words_of(path: str) -> dict[str, Words]:
    """Return the words by attribute: those of `<filesystem>` itself for an empty path, or of an element in it."""
    elements, since = [table.roots()["domain"]], (0, 0, 0)
    for tag in ("devices", "filesystem", *(path.split("/") if path else ())):
        forms = [form for element in elements for form in element.all_forms()]
        elements = [form.children[tag] for form in forms if tag in form.children]
        since = max(since, *(element.since or since for element in elements))
    attributes = [each for element in elements for form in element.all_forms() for each in form.attributes.values()]
    found: dict[str, Words] = {}
    for attribute in attributes:
        if attribute.values.listed:
            empty = Words({}, max(since, attribute.since or since), _UNSET.get((path, attribute.name)))
            found.setdefault(attribute.name, empty).words.update(dict.fromkeys(attribute.values.listed))
    for attribute in attributes:
        # What the parser accepts in addition to what the schema lists.
        if attribute.name in found and attribute.reads:
            found[attribute.name].words.update(attribute.reads.words)
    return found
