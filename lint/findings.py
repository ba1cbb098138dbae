"""What vfslint reports: findings, the places that they point to, and the edits that fix them.

Everything here is immutable, picklable and independent of the documents that it came from. Lines and columns
are 1-based, and columns count characters; offsets are 0-based bytes of the file as it is stored.
"""

from enum import Enum, IntEnum
from typing import NamedTuple


class Severity(IntEnum):
    """How bad a finding is; comparable, so that `--fail-on warning` means warning or above."""

    NOTE = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        """The severity as people and reports spell it, in lower case."""
        return self.name.lower()


class Stage(Enum):
    """Where a mistake would surface without vfslint."""

    PARSE = "parse"
    SCHEMA = "schema"
    DEFINE = "define"
    START = "start"
    GUEST = "guest"
    NEVER = "never"


class Position(NamedTuple):
    """One place in a file: 1-based line, 1-based column in characters, 0-based byte offset."""

    line: int
    column: int
    offset: int


class Span(NamedTuple):
    """A range in one file, from `start` up to but not including `end`."""

    file: str
    start: Position
    end: Position


class Related(NamedTuple):
    """Another place that explains a finding, with its own label."""

    at: Span
    label: str


class Edit(NamedTuple):
    """Replace the bytes from `start` to `end` (0-based offsets, `end` excluded) with `text`."""

    start: int
    end: int
    text: bytes


class Fix(NamedTuple):
    """Edits that fix a finding. `safe` means that the domain keeps its meaning or gets the one intended."""

    title: str
    edits: tuple[Edit, ...]
    safe: bool = True


class Problem(NamedTuple):
    """What a rule reports. The engine adds the rule's code and name and decides the severity.

    `label` is printed under the primary span, `message` is one sentence that names the culprit and its value,
    `help` is an instruction. `severity` and `stage` are set only if they differ from the rule's own, `says` if
    libvirt's message is not the first one in the rule's manual; it is empty if libvirt prints nothing.
    """

    at: Span
    message: str
    help: str = ""
    label: str = ""
    related: tuple[Related, ...] = ()
    fix: Fix | None = None
    severity: Severity | None = None
    stage: Stage | None = None
    says: str | None = None


class Finding(NamedTuple):
    """One thing wrong in one place, ready to be reported."""

    code: str
    name: str
    severity: Severity
    stage: Stage
    at: Span
    message: str
    help: str
    label: str
    related: tuple[Related, ...]
    fix: Fix | None
    libvirt_says: str

    @property
    def file(self) -> str:
        """The file of the primary span."""
        return self.at.file
