"""One pass over the files: reads each, judges it, mends it where that is wanted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TextIO

from vfslint.cli.options import Options
from vfslint.config.profile import Choices
from vfslint.engine import Skipped
from vfslint.files import NotWritten, files_in, replace
from vfslint.findings import Finding
from vfslint.run import Run, judge
from vfslint.xml.source import Source

STANDARD_INPUT = "-"


class Streams:
    """Where a command reads and writes."""

    def __init__(self, stdin: TextIO, stdout: TextIO, stderr: TextIO) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr


class Check:
    """The state of one pass: what was found, and what could not be read or written."""

    def __init__(self, options: Options, streams: Streams) -> None:
        self.options = options
        self.choices = Choices(options)
        self.streams = streams
        self.run = Run()
        self.complaints: list[str] = []
        self._standard_input = Source(b"", STANDARD_INPUT)
        self._is_only_file = False

    @property
    def mends(self) -> bool:
        """Whether files are to be mended, if only on paper."""
        return bool(self.options.fix or self.options.unsafe_fixes or self.options.diff)

    def files(self) -> list[str]:
        """Return the files to check, each once; those that a configuration excludes are noted as skipped."""
        chosen = []
        for path in dict.fromkeys(files_in(self.options.paths, self.choices)):
            if path != STANDARD_INPUT and self.choices.excludes_file(path):
                self.run.skipped.append(Skipped(path, "the configuration excludes it"))
            else:
                chosen.append(path)
        self._is_only_file = len(chosen) == 1
        return chosen

    def all(self, paths: Iterable[str]) -> None:
        """Check these files."""
        for path in paths:
            try:
                source = self._read(path)
            except OSError as error:
                self.complaints.append(f"cannot read {path}: {error.strerror or error}")
                continue
            if self._is_only_file and source.encoding == "utf-8" and not self.mends:
                self.choices.several = b"<domains" in source.data
                self.choices.only_text = source.data
            if self.mends:
                with self.run.catching(path):
                    self._mend(path, source)
            else:
                self.run.add(self.choices.engine(source.name), source, self.options.kind)
        if self.run.domains > 1:
            with self.run.catching(""):
                self._judge_together()
        for conf in self.choices.confs:
            # Findings about a domain may point into the qemu.conf.
            self.run.sources.setdefault(conf.source.name, conf.source)

    def _judge_together(self) -> None:
        """Judge the domains of all files together; what a file's own engine says of it counts."""
        members = self.run.members
        for engine in dict.fromkeys(self.choices.engine(member.file) for member in members):
            together = engine.judge_fleet(members, self._reopen)
            mine = [found for found in together.findings if self.choices.engine(found.file) is engine]
            silent = tuple(one for one in together.suppressed if self.choices.engine(one.finding.file) is engine)
            self.run.take_together(together._replace(findings=mine, suppressed=silent))

    def _reopen(self, name: str) -> Source:
        return self._standard_input if self._standard_input.name == name else self._read(name)

    def _read(self, path: str) -> Source:
        from vfslint.xml.document import MAXIMUM_BYTES

        # One byte more than libvirt would read: enough to tell that a file is too large, even an endless one.
        if path == STANDARD_INPUT:
            stream = getattr(self.streams.stdin, "buffer", None)
            data = stream.read(MAXIMUM_BYTES + 1) if stream else self.streams.stdin.read().encode()
            self._standard_input = Source(data, self.options.stdin_filename or "<stdin>")
            return self._standard_input
        with open(path, "rb") as file:
            # Python makes room for all that is asked for: for a plain file, ask for what there is.
            size = os.fstat(file.fileno()).st_size or MAXIMUM_BYTES
            return Source(file.read(min(size, MAXIMUM_BYTES) + 1), path)

    def _mend(self, path: str, source: Source) -> None:
        from vfslint.fixes import Mended, Mender

        engine, guard = self.choices.engine(source.name), self.choices.guard(source.name)
        kind = self.options.kind
        mended = Mender(
            lambda one: judge(engine, one, kind),
            lambda one: judge(guard, one, kind),
            unsafe=self.options.unsafe_fixes,
        ).mend(source)
        if self.options.diff:
            self._show(source, mended.source)
        elif path == STANDARD_INPUT:
            _write_bytes(self.streams.stdout, mended.source)
        elif mended.fixed:
            try:
                replace(path, source.data, mended.source.data)
            except NotWritten as reason:
                self.complaints.append(f"cannot fix {path}: {reason}")
                mended = Mended(source, judge(engine, source, kind))
        self.run.take(mended.source, mended.outcome, kind)
        self.run.fixed += mended.fixed

    def _show(self, before: Source, after: Source) -> None:
        if before.data != after.data:
            from vfslint.report import shielded
            from vfslint.report.diff import diff
            from vfslint.report.text import wants_colour

            stdout = self.streams.stdout
            coloured = wants_colour(stdout, self.options.color)
            with shielded(stdout):
                stdout.write(diff(before, after, coloured=coloured))


def _write_bytes(out: TextIO, source: Source) -> None:
    stream = getattr(out, "buffer", None)
    if stream:
        out.flush()
        stream.write(source.data)
    else:
        out.write(source.text)


def fixes_by_file(fixed: Iterable[Finding]) -> dict[str, dict[tuple[str, str], int]]:
    """Return how often each rule's findings were mended in each file."""
    counts: dict[str, dict[tuple[str, str], int]] = {}
    for finding in fixed:
        here = counts.setdefault(finding.file, {})
        key = finding.code, finding.name
        here[key] = here.get(key, 0) + 1
    return counts
