"""One run over many files: the findings, the sources that they are in, and how many files were checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vfslint.engine import Engine, Outcome, Skipped, Together
from vfslint.failures import Failure
from vfslint.files import is_conf
from vfslint.findings import Finding, Severity
from vfslint.xml.source import Source

if TYPE_CHECKING:
    from vfslint.fleet import Member
    from vfslint.suppressions import Suppressed


class Run:
    """The result that reporters write. `sources` contains the sources that findings point into, by file name.

    `confs` are the names of those that were read as a qemu.conf.
    `known` are findings that the baseline lists, None without a baseline; `fixed` are findings that were fixed,
    and `uncovered` those that were found and fixed only after that.
    `silenced` are the numbers of findings that only a configuration ignores, by its name.
    `failures` are internal errors of vfslint. `files` are the names of the files that were checked.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.sources: dict[str, Source] = {}
        self.suppressed: list[Suppressed] = []
        self.known: list[Finding] | None = None
        self.fixed: list[Finding] = []
        self.uncovered: list[Finding] = []
        self.silenced: Counter[str] = Counter()
        self.skipped: list[Skipped] = []
        self.failures: list[Failure] = []
        self.confs: set[str] = set()
        self.files: list[str] = []
        self.domains = 0
        self._first: tuple[str, Outcome] | None = None
        self._members: list[Member] = []

    @property
    def checked(self) -> int:
        """How many files were checked."""
        return len(self.files)

    @property
    def not_domains(self) -> list[str]:
        """The files that were read and are not checked, because they contain no domain."""
        return [skipped.file for skipped in self.skipped if not skipped.is_excluded]

    def by_file(self) -> dict[str, list[Finding]]:
        """Return each file that was checked, with the findings in it."""
        found: dict[str, list[Finding]] = {file: [] for file in self.files}
        for finding in self.findings:
            found.setdefault(finding.file, []).append(finding)
        return found

    def count(self, word: str) -> int:
        """How many findings have the severity of that name."""
        return sum(finding.severity.word == word for finding in self.findings)

    @property
    def fixable(self) -> int:
        """How many findings `--fix` would fix, as far as the fixes were tried (`Fixer.with_kept_promises`)."""
        return sum(finding.fix is not None and finding.fix.safe for finding in self._with_known)

    @property
    def unsafely_fixable(self) -> int:
        """How many findings only `--unsafe-fixes` would fix."""
        return sum(finding.fix is not None and not finding.fix.safe for finding in self._with_known)

    @property
    def _with_known(self) -> list[Finding]:
        """The findings that a fix changes: those that the baseline lists, too."""
        return [*self.findings, *(self.known or ())]

    def worst(self) -> Severity | None:
        """The highest severity found, or None."""
        return max((finding.severity for finding in self.findings), default=None)

    def take(self, source: Source, outcome: Outcome, kind: str = "auto") -> None:
        """Add the outcome of one source, which was read as `kind`."""
        if outcome.skipped:
            self.skipped.append(outcome.skipped)
        else:
            self.files.append(source.name)
        if is_conf(source.name, kind):
            self.confs.add(source.name)
        self.suppressed += outcome.suppressed
        self.failures += outcome.failures
        self.domains += len(outcome.domains)
        if self._first is None and outcome.domains:
            self._first = source.name, outcome
        elif outcome.domains:
            self._members += self._recorded(source.name, outcome)
        if outcome.findings or outcome.suppressed:
            self.sources[source.name] = source
            self.findings += outcome.findings

    @property
    def members(self) -> list[Member]:
        """Records of all domains. The first file's are made only now, because most runs have no second file."""
        if self._first:
            self._members[:0] = self._recorded(*self._first)
            self._first = None
        return self._members

    def _recorded(self, file: str, outcome: Outcome) -> tuple[Member, ...]:
        with self.catching(file):
            return outcome.members()
        return ()

    @contextmanager
    def catching(self, file: str) -> Iterator[None]:
        """Record an internal error in one file and continue, because the other files have findings, too."""
        try:
            yield
        except OSError:  # no fault of vfslint: the output is full or closed
            raise
        except Exception as error:  # anything, such as a RecursionError or a MemoryError
            self.failures.append(Failure.of(error, file))

    def check_together(self, engines: Mapping[str, Engine], reopen: Callable[[str], Source]) -> None:
        """Check the domains of all files together; of each file, keep the findings of its own engine.

        `engines` has the engine of each file, and `reopen` returns a source by its name once more; it may raise
        OSError.
        """
        if self.domains < 2:
            return
        with self.catching(""):
            members = self.members
            for engine in dict.fromkeys(engines[member.file] for member in members):
                together = engine.check_fleet(members, reopen)
                mine = [found for found in together.findings if engines[found.file] is engine]
                suppressed = tuple(one for one in together.suppressed if engines[one.finding.file] is engine)
                self.take_together(together._replace(findings=mine, suppressed=suppressed))

    def take_together(self, together: Together) -> None:
        """Add the results about the domains of all files together; each finding is added to those of its file."""
        self.failures += together.failures
        if together.findings or together.suppressed:
            for name, source in together.sources.items():
                self.sources.setdefault(name, source)
            self.suppressed += together.suppressed
            self.findings += together.findings
            place = {file: number for number, file in enumerate(self.files)}
            self.findings.sort(key=lambda f: (place.get(f.file, -1), f.at.start.offset, -f.severity, f.code))


def check(engine: Engine, source: Source, kind: str = "auto", *, is_named: bool = True) -> Outcome:
    """Return what the rules find in a source of that kind.

    An internal error outside of rules (in reading, in the model, in suppressions) loses the findings in this
    source, but not those in others.
    """
    try:
        if is_conf(source.name, kind):
            return engine.check_conf(source)
        return engine.check_xml(source, is_named=is_named)
    except Exception as error:  # anything, such as a RecursionError or a MemoryError
        return Outcome([], is_whole=False, failures=(Failure.of(error, source.name),))
