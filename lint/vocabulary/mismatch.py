"""The ways in which a domain can deviate from the vocabulary."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from vfslint.vocabulary.table import Reads, Release

Element = Any


class Kind(Enum):
    """The ways in which a domain can deviate from the vocabulary."""

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
    """One place where a domain deviates from the vocabulary of the target's release.

    `element` is the unexpected child itself, or the element whose attribute or text is wrong or that lacks something.
    `name` is the name of the culprit: of the attribute if `attribute` is set.
    """

    kind: Kind
    element: Element
    name: str
    attribute: str | None = None
    value: str | None = None
    expected: tuple[str, ...] = ()
    """Names or words allowed there."""
    form: str | None = None
    """A description of valid values if they cannot be listed, such as "an absolute path".

    Of an element in the wrong order: whether it belongs before the expected ones, or next to them.
    """
    reads: Reads | None = None
    """How the parser reads a value, if that differs from the schema."""
    suggestion: str | None = None
    """What was probably meant, of what is allowed there and does not appear yet."""
    belongs: tuple[str, ...] = ()
    """Names of the elements in which a misplaced name is known."""
    since: Release | None = None
    """The release that introduced it; for something missing, the release since which it is optional."""
    is_refused: bool = False
    """Whether the target's plain define rejects it, too, and does not only drop it."""
    says: str = ""
    """What the target's plain define says of it, if it rejects it and if its message is known."""
