"""What vfslint reports: findings, the places that they point to, and the edits that fix them.

Everything here is immutable, picklable and independent of the documents that it came from. Lines and columns
are 1-based, and columns count characters; offsets are 0-based bytes of the file as it is stored.
"""

from enum import Enum, IntEnum
from typing import Any, NamedTuple


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

    def to_dict(self) -> dict[str, Any]:
        """Return the place as in the JSON report."""
        return {
            "file": self.at.file,
            "label": self.label,
            "start": self.at.start._asdict(),
            "end": self.at.end._asdict(),
        }


class Edit(NamedTuple):
    """Replace the bytes from `start` to `end` (0-based offsets, `end` excluded) with `text`."""

    start: int
    end: int
    text: bytes


class Fix(NamedTuple):
    """Edits that fix a finding. `safe` means that the domain keeps its meaning or gets the one intended.

    `encoding` is that of the file, and so of the text in the edits, by the name that Python gives it.
    """

    title: str
    edits: tuple[Edit, ...]
    safe: bool = True
    encoding: str = "utf-8"

    def to_dict(self) -> dict[str, Any]:
        """Return the fix as in the JSON report: the text of an edit is in characters, its offsets are bytes."""
        edits = [
            {"start": edit.start, "end": edit.end, "text": edit.text.decode(self.encoding, "replace")}
            for edit in self.edits
        ]
        return {"title": self.title, "safe": self.safe, "edits": edits}


class Problem(NamedTuple):
    """What a rule reports. The engine adds the rule's code and name and decides the severity.

    `label` is printed under the primary span, `message` is one sentence that names the culprit and its value,
    `help` is an instruction. `severity` and `stage` are set only if they differ from the rule's own. `says`
    is what libvirt prints about this fault with this value in this release, empty if that is not known; it is not set
    if libvirt always prints the only message in the rule's manual.
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

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as in the JSON report, which schemas/report.schema.json describes."""
        return {
            "file": self.file,
            "code": self.code,
            "name": self.name,
            "severity": self.severity.word,
            "stage": self.stage.value,
            "message": self.message,
            "help": self.help,
            "libvirt_says": self.libvirt_says,
            "start": self.at.start._asdict(),
            "end": self.at.end._asdict(),
            "related": [related.to_dict() for related in self.related],
            "fix": self.fix.to_dict() if self.fix else None,
        }
