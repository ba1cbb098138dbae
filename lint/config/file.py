"""Reads and checks `vfslint.toml`, `.vfslint.toml` or `[tool.vfslint]` in pyproject.toml.

It may come from a pull request, so it is only data: nothing in it names code, and no path in it leaves its folder.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from vfslint.config import keys
from vfslint.config.keys import KEYS, TARGET_KEYS, Key
from vfslint.files import read_input
from vfslint.lazy import lazy
from vfslint.selectors import codes_of, unknown_rule
from vfslint.targets import version, virtiofsd
from vfslint.usage import UsageError, did_you_mean, invalid

if TYPE_CHECKING:
    from vfslint.patterns import Patterns

MAXIMUM_BYTES = 1024 * 1024

# A key such as a.b.c has three parts. tomllib takes time and memory that grow with the square of their number.
MAXIMUM_DEPTH = 20
_MANY_DOTS = rf"(?:\.[^.\n]*){{{MAXIMUM_DEPTH}}}"

# As many faults are listed.
MAXIMUM_FAULTS = 20

# A pyproject.toml without one of these headers cannot contain our table, and need not be parsed.
_OUR_TABLE = rb"(?m)^[ \t]*\[+[ \t]*tool[ \t]*(?:\]|\.[ \t]*[\"']?vfslint\b)|^[ \t]*tool[ \t]*[.=]"

Place = tuple[str, ...]
Faults = Iterator[tuple[Place, str]]


class Configuration:
    """One valid configuration file. `values` holds what it sets, by key."""

    def __init__(self, file: str, text: str, values: dict[str, Any]) -> None:
        self.file = file
        self.folder = os.path.dirname(os.path.abspath(file))
        self.values = values
        self._text = text

    @lazy
    def _lines(self) -> dict[Place, int]:
        # Start time: a pyproject.toml without our table needs no lines.
        from vfslint.config import toml_lines

        return toml_lines.lines_of(self._text)

    def place(self, *key: str) -> str:
        """Return `file:line` of a key, or of the nearest enclosing table."""
        full = (*_table_of(self.file), *key)
        while full and full not in self._lines:
            full = full[:-1]
        return f"{self.file}:{self._lines.get(full, 1)}"

    def path(self, key: str) -> str | None:
        """Return the path that a key sets, relative to the folder of the configuration."""
        value = self.values.get(key)
        return None if value is None else os.path.join(os.path.dirname(self.file), value)

    @lazy
    def severities(self) -> dict[str, str]:
        """The severity of each rule that it names, by code; the selector that matches the fewest rules counts."""
        found: dict[str, str] = {}
        words: dict[str, str] = self.values.get("severity", {})
        for word in sorted(words, key=lambda word: -len(codes_of(word))):
            found.update(dict.fromkeys(codes_of(word), words[word]))
        return found

    @lazy
    def _include(self) -> Patterns:
        return _patterns(self.values.get("include", ("*.xml", "qemu.conf")))

    @lazy
    def _exclude(self) -> Patterns:
        return _patterns(self.values.get("exclude", ()))

    @lazy
    def _ignores(self) -> list[tuple[str, Patterns, list[str]]]:
        entries: dict[str, list[str]] = self.values.get("per-file-ignores", {})
        return [(pattern, _patterns([pattern]), words) for pattern, words in entries.items()]

    @property
    def selects_files(self) -> bool:
        """Whether it sets which files to check."""
        return "include" in self.values or "exclude" in self.values

    def includes(self, path: str) -> bool:
        """Whether to check a file when its folder is checked."""
        return self._include.match(self._relative(path)) and not self.excludes(path)

    def excludes(self, path: str, *, folder: bool = False) -> bool:
        """Whether a file or folder is excluded."""
        return "exclude" in self.values and self._exclude.match(self._relative(path), folder=folder)

    def ignored_in(self, path: str) -> dict[str, list[str]]:
        """Return the entries of per-file-ignores that apply to a file."""
        relative = self._relative(path) if self._ignores else ""
        return {pattern: words for pattern, spec, words in self._ignores if spec.match(relative)}

    def _relative(self, path: str) -> str:
        return os.path.relpath(os.path.abspath(path), self.folder).replace(os.sep, "/")


class _Given(Configuration):
    """The values that a program gives instead of a file."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__("config", "", values)

    def place(self, *key: str) -> str:
        """Return how the program spells a key: `config['severity']['VFS1']`."""
        return self.file + "".join(f"[{step if step.isdigit() else repr(step)}]" for step in key)


def read(file: str) -> Configuration | None:
    """Read one file; None for a pyproject.toml without `[tool.vfslint]`. Raises `UsageError` and OSError."""
    return parse(file, read_input(file, MAXIMUM_BYTES))


def parse(file: str, data: bytes) -> Configuration | None:
    """Read the text of a file of that name, as `read` does."""
    name = _shown(file)
    if _is_pyproject(file) and not re.search(_OUR_TABLE, data):
        return None
    if len(data) > MAXIMUM_BYTES:
        raise UsageError(f"{name}:1: larger than {MAXIMUM_BYTES} bytes")
    text, values = _parsed(name, data)
    for step in _table_of(file):
        if step not in values:
            return None
        values = values[step]
        if not isinstance(values, dict):
            raise UsageError(f"{name}:1: [tool.vfslint] is not a table")
    configuration = Configuration(name, text, values)
    return _valid(configuration, configuration.folder)


def of_values(values: dict[str, Any]) -> Configuration:
    """Return the configuration that a program gives, of the same keys as a file. Raises `UsageError`.

    Patterns and paths are relative to the working directory. A program that names a file may name any.
    """
    return _valid(_Given(values), None)


def _valid(configuration: Configuration, folder: str | None) -> Configuration:
    """Return a configuration in which nothing is wrong; its paths must not leave the folder, unless this is None."""
    faults = list(islice(_faults(configuration, folder), MAXIMUM_FAULTS + 1))
    if faults:
        lines = [f"{configuration.place(*key)}: {message}" for key, message in faults[:MAXIMUM_FAULTS]]
        raise UsageError("\n".join([*lines, *(["there are more faults"] if faults[MAXIMUM_FAULTS:] else [])]))
    return configuration


def _shown(file: str) -> str:
    """Return the path as people would type it: relative if it is below the working directory."""
    relative = os.path.relpath(file)
    return file if relative.startswith(os.pardir) else relative


def _is_pyproject(file: str) -> bool:
    return os.path.basename(file) == "pyproject.toml"


def _table_of(file: str) -> Place:
    return ("tool", "vfslint") if _is_pyproject(file) else ()


def _parsed(name: str, data: bytes) -> tuple[str, dict[str, Any]]:
    # Start time: 7 ms, which a pyproject.toml without our table does not need.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    from vfslint.config import toml_lines

    try:
        text = data.decode("utf-8")
        if re.search(_MANY_DOTS, text) and toml_lines.depth(text) > MAXIMUM_DEPTH:
            raise RecursionError
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{name}:{line}: not valid UTF-8, as TOML requires") from None
    except RecursionError:
        raise UsageError(f"{name}:1: nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"^(.*) \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        message = found[1] if found else str(error)
        line = int(found[2]) if found and found[2] else data.count(b"\n") + 1
        raise UsageError(f"{name}:{line}: invalid TOML: {message}") from None
    except ValueError:  # Python converts no number of thousands of digits
        raise UsageError(f"{name}:1: invalid TOML: a number is too long") from None


# Checks: each yields the place of a fault below its key, and what is wrong there.


def _faults(configuration: Configuration, folder: str | None) -> Faults:
    for name, value in configuration.values.items():
        key = KEYS.get(name)
        if key is None:
            yield (name,), f"unknown key {name!r}{did_you_mean(name, KEYS)}"
            continue
        for below, message in CHECKS[key.type](key, value, folder):
            yield (name, *below), message


def _expected(what: str, value: object) -> tuple[Place, str]:
    return (), f"expected {what}, found {_kind(value)}"


def _kind(value: object) -> str:
    kinds = {str: "a string", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    if value is None:
        return "None"
    return kinds.get(type(value), "a table" if isinstance(value, dict) else "a date or time")


def _word(key: Key, value: object, folder: str | None) -> Faults:
    if not isinstance(value, str):
        yield _expected("a string", value)
    elif value not in key.allowed:
        yield (), invalid(value, key.name, key.allowed)


def _strings(value: object, wrong: Callable[[str], str | None]) -> Faults:
    if not isinstance(value, list):
        yield _expected("a list of strings", value)
        return
    for number, item in enumerate(value):
        message = wrong(item) if isinstance(item, str) else f"expected a string, found {_kind(item)}"
        if message:
            yield (str(number),), message


def _selector_fault(word: str) -> str | None:
    return None if codes_of(word) else unknown_rule(word)


def _selectors(key: Key, value: object, folder: str | None) -> Faults:
    yield from _strings(value, _selector_fault)


def _severities(key: Key, value: object, folder: str | None) -> Faults:
    if not isinstance(value, dict):
        yield _expected("a table of rules and severities", value)
        return
    for word, level in value.items():
        if wrong := _selector_fault(word):
            yield (word,), wrong
        for _, message in _word(key, level, folder):
            yield (word,), message


def _selectors_by_pattern(key: Key, value: object, folder: str | None) -> Faults:
    if not isinstance(value, dict):
        yield _expected("a table of file patterns and rules", value)
        return
    for pattern, words in value.items():
        if wrong := _pattern_fault(pattern):
            yield (pattern,), wrong
        for below, message in _strings(words, _selector_fault):
            yield (pattern, *below), message


def _target(key: Key, value: object, folder: str | None) -> Faults:
    if not isinstance(value, dict):
        yield from _word(key, value, folder)
        return
    for name, given in value.items():
        if name not in TARGET_KEYS:
            yield (name,), f"unknown key {name!r}{did_you_mean(name, TARGET_KEYS)}"
        elif name == "name":
            for _, message in _word(key, given, folder):
                yield (name,), message
        elif not isinstance(given, str):
            yield (name,), f"expected a version in quotes, found {_kind(given)}"
        else:
            try:
                virtiofsd(given) if name == "virtiofsd" else version(given)
            except ValueError as error:
                yield (name,), str(error)


def _boolean(key: Key, value: object, folder: str | None) -> Faults:
    if not isinstance(value, bool):
        yield _expected("true or false", value)


def _path_inside(key: Key, value: object, folder: str | None) -> Faults:
    if not isinstance(value, str):
        yield _expected("a path", value)
        return
    if folder is None:
        return
    root = os.path.realpath(folder)
    try:
        real = os.path.realpath(os.path.join(root, value))
    except ValueError:  # a NUL
        real = ""
    if os.path.isabs(value) or os.path.commonpath([root, real or os.sep]) != root:
        yield (), f"{value!r} is outside the folder of this file"


def _pattern_list(key: Key, value: object, folder: str | None) -> Faults:
    yield from _strings(value, _pattern_fault)


def _pattern_fault(pattern: str) -> str | None:
    try:
        _patterns([pattern])
    except ValueError:
        return f"{pattern!r} is not a valid .gitignore pattern"
    return None


def _patterns(lines: Iterable[str]) -> Patterns:
    # Start time: most configurations have no patterns.
    from vfslint.patterns import Patterns

    return Patterns(lines)


# The check for each type of key.
CHECKS: dict[str, Callable[[Key, Any, str | None], Faults]] = {
    keys.SELECTORS: _selectors,
    keys.SEVERITIES: _severities,
    keys.SELECTORS_BY_PATTERN: _selectors_by_pattern,
    keys.TARGET: _target,
    keys.BOOLEAN: _boolean,
    keys.PATH: _path_inside,
    keys.PATTERNS: _pattern_list,
    keys.WORD: _word,
}
