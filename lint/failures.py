"""Internal errors: they never abort a run, but are reported and make the exit status 2."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vfslint.findings import Finding

ADVICE = "this is a bug in vfslint: please report it, with the file"


class Failure(NamedTuple):
    """An exception that vfslint did not expect: in which file and rule, of which kind, and where in the code.

    `file` is empty if it concerns several files, `rule` (a code) if it was raised outside of rules.
    """

    file: str
    rule: str
    kind: str
    place: str

    @classmethod
    def of(cls, error: BaseException, file: str, rule: str = "") -> Failure:
        """Describe an exception. Its text is left out, because it may quote any amount of the input."""
        return cls(file, rule, type(error).__name__, _place(error))

    @property
    def message(self) -> str:
        """The failure in one sentence, without the file: `internal error in rule VFS101 (KeyError in …)`."""
        return f"internal error{f' in rule {self.rule}' if self.rule else ''} ({self.kind} in {self.place})"

    @property
    def line(self) -> str:
        """The failure in one line, with the file and what to do about it."""
        return f"{f'{self.file}: ' if self.file else ''}{self.message}; {ADVICE}"


class InternalError(Exception):
    """vfslint failed on a file. `findings` are those of the rules that did not fail."""

    def __init__(self, failures: Iterable[Failure], findings: list[Finding]) -> None:
        self.failures = tuple(failures)
        self.findings = findings
        super().__init__("\n".join(failure.line for failure in self.failures))


def _place(error: BaseException) -> str:
    """Return the module and line that raised an exception, or the innermost ones of vfslint in its traceback."""
    place, traceback = "", error.__traceback__
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__", "")
        if module.startswith("vfslint") or not place:
            place = f"{module}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
