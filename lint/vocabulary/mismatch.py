"""The ways in which a domain can leave the vocabulary."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from vfslint.vocabulary.table import Reads, Release

Element = Any


class Kind(Enum):
    """The ways in which a domain can leave the vocabulary."""

    UNKNOWN_ELEMENT = "unknown-element"
    UNKNOWN_ATTRIBUTE = "unknown-attribute"
    MISPLACED_ELEMENT = "misplaced-element"
    MISPLACED_ATTRIBUTE = "misplaced-attribute"
    MISSING_ELEMENT = "missing-element"
    MISSING_ATTRIBUTE = "missing-attribute"
    REPEATED_ELEMENT = "repeated-element"
    WRONG_VALUE = "wrong-value"
    UNEXPECTED_TEXT = "unexpected-text"
    TOO_NEW = "too-new"
    WRONG_ORDER = "wrong-order"


class Mismatch(NamedTuple):
    """One place where a domain leaves the vocabulary of the target's release.

    `element` is the element concerned: the unexpected child itself, or the one whose attribute or text is wrong or
    that lacks something. `name` is the culprit's: the attribute's if `attribute` is set.
    """

    kind: Kind
    element: Element
    name: str
    attribute: str | None = None
    value: str | None = None
    expected: tuple[str, ...] = ()
    """Names or words allowed there."""
    form: str | None = None
    """What a value must look like where values cannot be listed, such as "an absolute path"."""
    reads: Reads | None = None
    """How the parser reads a value where it does not ask for what the schema does."""
    suggestion: str | None = None
    """What was probably meant, among what is allowed there and not used yet."""
    belongs: tuple[str, ...] = ()
    """Names of the elements in which a misplaced name is known."""
    since: Release | None = None
    """The release that brought it; for something missing, the release since which it may be left out."""
    is_refused: bool = False
    """Whether the target's plain define refuses it as well, and does not only drop it."""
