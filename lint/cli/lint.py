"""One pass over the files: resolve the profile of each, read it, lint it, and fix it on request."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, TextIO

from vfslint import report
from vfslint.cli.messages import counted, write_line, write_messages
from vfslint.cli.options import CLEAN, FAILED, FOUND
from vfslint.config.profile import Profile, Resolver
from vfslint.domain.roots import HOLDERS, root_name
from vfslint.engine import Engine, Outcome, Skipped
from vfslint.files import EXCLUDED, STDIN, NotWritten, files_in, is_conf, read_input, remove_leftovers, replace
from vfslint.findings import Finding, Severity
from vfslint.gitignore import GitIgnore
from vfslint.run import Run, check
from vfslint.targets import impossible
from vfslint.terminal import Look
from vfslint.usage import UsageError
from vfslint.workflow_commands import stopped
from vfslint.xml.document import MAXIMUM_BYTES
from vfslint.xml.printable import printable
from vfslint.xml.source import Source

if TYPE_CHECKING:
    from vfslint.fixes import Fixer

STANDARD_INPUT = "-"
# How many domains that a move would stop are named.
_SHOWN = 8


class Streams:
    """Where a command reads and writes."""

    def __init__(self, stdin: TextIO, stdout: TextIO, stderr: TextIO) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr


class Check:
    """The state of one pass: what was found, and what could not be read or written."""

    def __init__(self, options: SimpleNamespace, streams: Streams, outputs: Sequence[report.Output]) -> None:
        self.options = options
        self.streams = streams
        self.run = Run()
        self.errors: list[str] = []
        self._resolver = Resolver(options)
        self._profiles: dict[str, Profile] = {}
        self._standard_input: Source | None = None
        self._read_ahead: dict[str, Source] = {}
        self._is_only_text = False
        self._shows_fixes = options.statistics or any(output.format in report.SHOWING_FIXES for output in outputs)
        self._origin = self._engine_of_origin()
        self._starting = 0
        self._stopped: list[str] = []
        self._named = frozenset(() if options.only_domains else options.operands)

    @property
    def fixes(self) -> bool:
        """Whether fixes are applied, if only to show the difference."""
        return bool(self.options.fix or self.options.unsafe_fixes or self.options.diff)

    def files(self) -> list[str]:
        """Return the files to check, each once; those that a configuration excludes are noted as skipped."""
        configurations = self._resolver.configurations
        selected = []
        gitignore = None if self.options.no_ignore else GitIgnore()
        found = files_in(
            self.options.operands, configurations, gitignore=gitignore, skip=self._skip, fail=self._fail_to_read
        )
        for path in dict.fromkeys(found):
            if self.options.force_exclude and path != STANDARD_INPUT and configurations.excludes_file(path):
                self.run.skipped.append(Skipped(path, EXCLUDED, is_excluded=True))
            else:
                selected.append(path)
        return selected

    def _skip(self, path: str, reason: str) -> None:
        self.run.skipped.append(Skipped(path, reason, is_excluded=True, is_no_file=reason != EXCLUDED))

    def _fail_to_read(self, error: OSError) -> None:
        self.errors.append(f"cannot read {error.filename}: {error.strerror or error}")

    def inputs(self) -> Iterator[str]:
        """Yield the files other than the operands that the run has read."""
        for profile in self._distinct():
            if profile.context.conf:
                yield profile.context.conf.source.name
        options = self.options
        baseline = None if options.write_baseline else options.baseline
        yield from (file for file in (options.host_facts, options.config, options.libvirt_schema, baseline) if file)
        yield from self._resolver.configurations.files()

    def resolve(self, paths: Sequence[str]) -> None:
        """Resolve the profile of every file, before the first one is linted. Raises `UsageError`."""
        text = self._only_text(paths)
        self._is_only_text = text is not None
        for path in paths:
            name = self._name(path)
            self._profiles[name] = self._resolver.profile(name, text)

    def _only_text(self, paths: Sequence[str]) -> bytes | None:
        """Return the text of the file if there is only one, in UTF-8: rules that cannot match it are not loaded."""
        if len(paths) != 1 or self.fixes:
            return None
        try:
            source = self._read_ahead[paths[0]] = self._read(paths[0])
        except OSError:  # reported when the file is linted
            return None
        return source.data if source.encoding == "utf-8" else None

    def all(self, paths: Iterable[str]) -> None:
        """Lint these files, whose profiles are resolved."""
        for path in paths:
            try:
                source = self._read_ahead.pop(path, None) or self._read(path)
            except OSError as error:
                self.errors.append(f"cannot read {path}: {error.strerror or error}")
                continue
            if path != STANDARD_INPUT and os.path.islink(path) and not self._may_be_shown(source):
                self._hide(path)
                continue
            if self.fixes:
                with self.run.catching(path):
                    self._fix(path, source)
            else:
                outcome = self._check(path, source)
                if self._origin is not None:
                    with self.run.catching(path):
                        outcome = self._moved(self._origin, path, source, outcome)
                elif self._shows_fixes and any(finding.fix for finding in outcome.findings):
                    with self.run.catching(path):
                        outcome = self._fixer(path, source).with_kept_promises(source, outcome)
                self.run.take(source, outcome, self.options.kind)
                self._count_silenced(path, source)
        if self.fixes and not self.options.diff:
            for folder in {os.path.dirname(os.path.realpath(name)) for name in self._profiles}:
                remove_leftovers(folder)
        if self._origin is None:
            engines = {file: profile.engine for file, profile in self._profiles.items()}
            self.run.check_together(engines, self._reopen)
        for profile in self._distinct():
            # Findings about a domain may point into the qemu.conf.
            if profile.context.conf:
                self.run.sources.setdefault(profile.context.conf.source.name, profile.context.conf.source)

    def _moved(self, origin: Engine, path: str, source: Source, here: Outcome) -> Outcome:
        """Return what stops the domains here that start at the origin, of what was found here."""
        from vfslint.move import moved

        there = check(origin, source, self.options.kind, is_named=path in self._named)
        change = moved(source, there, here)
        self._starting += change.starting
        self._stopped += change.stopped
        return here._replace(findings=change.findings)

    def _engine_of_origin(self) -> Engine | None:
        context = self._resolver.origin()
        if context is None:
            return None
        if self.fixes:
            raise UsageError("--from cannot be combined with --fix, --unsafe-fixes or --diff")
        from vfslint.rules import RULES

        return Engine(RULES, context, strict_root=self.options.strict_root)

    def moves(self) -> list[str]:
        """Return the sentence that says how many domains a move would stop."""
        if self._origin is None:
            return []
        origin = getattr(self.options, "from")
        number, domains = len(self._stopped), counted(self._starting, "domain")
        names = f": {', '.join(self._stopped[:_SHOWN])}{' …' if number > _SHOWN else ''}" if number else ""
        starts = "starts" if self._starting == 1 else "start"
        return [f"{number} of {domains} that {starts} on {origin} will not start here{names}"]

    def fails(self, file: str, severity: Severity) -> bool:
        """Whether a finding makes the run fail. One in a qemu.conf that was not linted itself counts everywhere."""
        profile = self._profiles.get(file)
        return any(one.fails(severity) for one in ((profile,) if profile else self._distinct()))

    def impossible_targets(self) -> list[str]:
        """Return why releases that were named cannot run together; those of a host do run."""
        contexts = [profile.context for profile in self._distinct()]
        reasons = {impossible(context.target) for context in contexts if context.host is None}
        return sorted(reason for reason in reasons if reason)

    def _distinct(self) -> list[Profile]:
        return list({id(profile): profile for profile in self._profiles.values()}.values())

    def _reopen(self, name: str) -> Source:
        standard_input = self._standard_input
        return standard_input if standard_input and standard_input.name == name else self._read(name)

    def _name(self, path: str) -> str:
        return self.options.stdin_filename or STDIN if path == STANDARD_INPUT else path

    def _read(self, path: str) -> Source:
        # One byte more than libvirt reads shows that a file is too large, even an endless one.
        if path == STANDARD_INPUT:
            stream = getattr(self.streams.stdin, "buffer", None)
            data = stream.read(MAXIMUM_BYTES + 1) if stream else self.streams.stdin.read().encode()
            self._standard_input = Source(data, self._name(path))
            return self._standard_input
        return Source(read_input(path, MAXIMUM_BYTES), path)

    def _hide(self, path: str) -> None:
        """Report a link to a file of which nothing may be shown."""
        if is_conf(path, self.options.kind):
            self.errors.append(f"{path} is a link to a file that is not a qemu.conf")
        elif self.options.strict_root:
            self.errors.append(f"{path} is a link to a file that is not a domain")
        else:
            self.run.skipped.append(Skipped(path, "it is a link to a file that is not a domain"))

    def _may_be_shown(self, source: Source) -> bool:
        """Whether a file to which a link points is what it should be: a link in a repository may name any file."""
        if is_conf(source.name, self.options.kind):
            # Start time: most runs read no qemu.conf.
            from vfslint.qemu_conf import reader

            try:
                return bool(reader.read(source, self._profiles[source.name].context.target.libvirt))
            except reader.Unreadable:
                return False
        name = root_name(source.text)
        return name == "domain" or name in HOLDERS

    def _check(self, path: str, source: Source) -> Outcome:
        engine = self._profiles[source.name].engine
        return check(engine, source, self.options.kind, is_named=path in self._named)

    def _fixer(self, path: str, source: Source) -> Fixer:
        # Start time: most runs have nothing to fix.
        from vfslint.fixes import Fixer

        kind, is_named, resolver = self.options.kind, path in self._named, self._resolver

        def profile_of(fixed: Source) -> Profile:
            return resolver.profile(source.name, fixed.data) if self._is_only_text else self._profiles[source.name]

        def guard_of(fixed: Source) -> Profile | None:
            return resolver.guard(source.name, fixed.data if self._is_only_text else None)

        def guarded(fixed: Source) -> Outcome:
            profile = guard_of(fixed) or profile_of(fixed)
            return check(profile.engine, fixed, kind, is_named=is_named)

        return Fixer(
            lambda fixed: check(profile_of(fixed).engine, fixed, kind, is_named=is_named),
            guarded if guard_of(source) else None,
            unsafe=self.options.unsafe_fixes,
        )

    def _fix(self, path: str, source: Source) -> None:
        # Start time: see above.
        from vfslint.fixes import Fixed

        result = self._fixer(path, source).fix(source)
        if self.options.diff:
            self._show(source, result.source)
        elif path == STANDARD_INPUT:
            _write_bytes(self.streams.stdout, result.source)
        elif result.source.data != source.data:
            try:
                replace(path, source.data, result.source.data)
            except NotWritten as reason:
                self.errors.append(f"cannot fix {path}: {reason}")
                result = Fixed(source, self._check(path, source))
        self.run.take(result.source, result.outcome, self.options.kind)
        self.run.fixed += result.fixed
        self.run.uncovered += result.uncovered
        self._count_silenced(path, result.source)

    def _count_silenced(self, path: str, source: Source) -> None:
        """Count what only the configuration ignores: it may be part of what is checked, such as a pull request."""
        profile = self._profiles[source.name]
        if profile.silenced:
            outcome = check(profile.silenced, source, self.options.kind, is_named=path in self._named)
            self.run.silenced[profile.configured_by] += len(outcome.findings)

    def _show(self, before: Source, after: Source) -> None:
        if before.data != after.data:
            # Start time: most runs show no difference.
            from vfslint.report.diff import diff
            from vfslint.terminal import wants_color

            stdout = self.streams.stdout
            colored = wants_color(stdout, self.options.color)
            with stopped(stdout):
                stdout.write(diff(before, after, colored=colored))


def _write_bytes(out: TextIO, source: Source) -> None:
    stream = getattr(out, "buffer", None)
    if stream:
        out.flush()
        stream.write(source.data)
    else:
        out.write(source.text)


def lint(options: SimpleNamespace, streams: Streams) -> int:
    """Lint the files that the options name, and report what is found; return the exit status."""
    try:
        outputs = report.outputs(options.format or (), options.output_file or "")
    except ValueError as error:
        raise UsageError(str(error)) from None
    if options.statistics and not {"text", "json"}.issuperset(options.format or ()):
        raise UsageError("--statistics has only the formats text and json, on standard output")
    os.getcwd()  # fails if the folder is gone, in which "." would seem to be empty
    check = Check(options, streams, outputs)
    paths = check.files()
    check.resolve(paths)
    _protect_inputs(check, paths, outputs)
    if len(paths) > 1 and streams.stderr.isatty():
        # Start time: only a terminal shows it.
        from vfslint.cli.progress import shown

        check.all(shown(paths, streams.stderr))
    else:
        check.all(paths)
    if options.write_baseline:
        _write_baseline(check, options.write_baseline)
    elif options.diff:
        _report_fixes(check, "Would fix")
    else:
        if options.baseline:
            _apply_baseline(check, options.baseline)
        try:
            _report(check, outputs)
        finally:
            _report_fixes(check, "Fixed")
    if options.verbose:
        write_messages(streams.stderr, [f"skipped {skipped.file}: {skipped.reason}" for skipped in check.run.skipped])
    if not (check.run.checked or check.errors or options.quiet or _prints_summary(outputs)):
        # Start time: most runs check something.
        from vfslint.report.text import summary

        write_messages(streams.stderr, ["".join(summary(check.run))])
    write_messages(streams.stderr, [*check.moves(), *check.impossible_targets()])
    write_messages(streams.stderr, [*check.errors, *(failure.line for failure in check.run.failures)])
    return _status(check)


def _protect_inputs(check: Check, paths: Sequence[str], outputs: Sequence[report.Output]) -> None:
    """Raise `UsageError` if a report or a baseline would replace a file that is read."""
    written = [output.file for output in outputs if output.file]
    written += [check.options.write_baseline] if check.options.write_baseline else []
    known = {key: path for path in (*paths, *check.inputs()) if (key := _identity(path))} if written else {}
    for path in written:
        key = _identity(path)
        if key in known and not _is_report(path):
            raise UsageError(f"cannot write {path}: it is also an input, {known[key]}")


def _is_report(path: str) -> bool:
    """Whether a file is a report of an earlier run, which is in a folder that is checked."""
    with open(path, "rb") as file:
        return re.match(rb"\s*(?:<\?xml[^>]*>\s*)?<(?:checkstyle|testsuites)\b", file.read(1024)) is not None


def _identity(path: str) -> tuple[int, int] | None:
    """Return what is the same for all names of a regular file; None for other files, and if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _prints_summary(outputs: Sequence[report.Output]) -> bool:
    """Whether standard output gets a format in which people see that nothing was checked."""
    return any(output.format == "text" and not output.file for output in outputs)


def _report(check: Check, outputs: Sequence[report.Output]) -> None:
    options, stdout = check.options, check.streams.stdout
    if check.fixes and "-" in options.operands:
        # The fixed document goes to standard output.
        stdout = check.streams.stderr
    if options.statistics:
        # Start time: as for the reporters of other formats, which vfslint.report imports when they are needed.
        from vfslint.report.statistics import write

        write(check.run, stdout, as_json=any(output.format == "json" for output in outputs))
        return
    try:
        look = Look(options.color, options.hyperlinks)
        report.write(check.run, outputs, stdout, look, quiet=options.quiet)
    except NotWritten as error:
        raise UsageError(f"cannot write the report: {error}") from None


def _report_fixes(check: Check, what: str) -> None:
    run, options = check.run, check.options
    if not run.fixed or (options.quiet and not options.show_fixes):
        return
    files = _fixes_by_file([*run.fixed, *run.uncovered])
    fixed = f"{counted(len(run.fixed), 'finding')} in {counted(len(files), 'file')}"
    hidden = f", and {counted(len(run.uncovered), 'finding')} that others had hidden" if run.uncovered else ""
    stderr = check.streams.stderr
    write_line(stderr, f"{what} {fixed}{hidden}{':' if options.show_fixes else '.'}")
    for file, counts in files.items() if options.show_fixes else ():
        write_line(stderr, f"  {printable(file)}")
        for (code, name), number in counts.items():
            write_line(stderr, f"    {number} × {code} {name}")


def _write_baseline(check: Check, path: str) -> None:
    # Start time: json and hashlib.
    from vfslint.cli import baseline

    try:
        baseline.write(path, check.run)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    write_messages(check.streams.stderr, [f"{path} now contains {counted(len(check.run.findings), 'finding')}"])
    check.run.findings = []


def _apply_baseline(check: Check, path: str) -> None:
    # Start time: json and hashlib.
    from vfslint.cli import baseline

    stale = baseline.read(path).apply(check.run)
    if stale:
        entries = "1 entry is" if stale == 1 else f"{stale} entries are"
        advice = f"{entries} stale in {path}; --write-baseline {path} removes stale entries"
        write_messages(check.streams.stderr, [advice])


def _status(check: Check) -> int:
    if check.errors or check.run.failures:
        return FAILED
    if check.options.diff:
        return FOUND if check.run.fixed and not check.options.exit_zero else CLEAN
    findings = check.run.findings
    return FOUND if any(check.fails(found.file, found.severity) for found in findings) else CLEAN


def _fixes_by_file(fixed: Iterable[Finding]) -> dict[str, dict[tuple[str, str], int]]:
    """Return how often each rule's findings were fixed in each file."""
    counts: dict[str, dict[tuple[str, str], int]] = {}
    for finding in fixed:
        here = counts.setdefault(finding.file, {})
        key = finding.code, finding.name
        here[key] = here.get(key, 0) + 1
    return counts
