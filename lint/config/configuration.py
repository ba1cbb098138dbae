"""`vfslint.toml`, `.vfslint.toml` or `[tool.vfslint]` in pyproject.toml: reading and checking it.

A pull request may hold it. It is data only: nothing in it names code, and no path in it leaves its folder.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from vfslint.config.selectors import codes_of, did_you_mean, unknown_rule
from vfslint.lazy import lazy
from vfslint.targets import NAMED, NEWEST, Target, contemporary, version

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MAXIMUM_BYTES = 1024 * 1024

OFF = "off"
LEVELS = ("error", "warning", "note", OFF)
FAIL_ON = ("error", "warning", "note", "never")

# A pattern becomes a regular expression, whose time grows with the power of its asterisks.
MAXIMUM_STARS = 3

# A pyproject.toml without one of these headers cannot hold our table; then TOML need not be read.
_OUR_TABLE = rb"(?m)^\s*\[+\s*tool\s*(?:\]|\.\s*[\"']?vfslint\b)|^\s*tool\s*[.=]"

Key = tuple[str, ...]
Faults = Iterator[tuple[Key, str]]


class Faulty(Exception):
    """A configuration that cannot be used: `lines` say file, line and what is wrong, one fault each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Configuration:
    """One configuration file, read and found sound. `values` holds what it sets, by key."""

    def __init__(self, file: str, text: str, values: dict[str, Any]) -> None:
        self.file = file
        self.folder = os.path.dirname(os.path.abspath(file))
        self.values = values
        self._text = text

    @lazy
    def _lines(self) -> dict[Key, int]:
        from vfslint.config.toml_lines import lines_of

        return lines_of(self._text)

    def place(self, *key: str) -> str:
        """Return `file:line` of a key, or of the nearest thing around it."""
        whole = (*_table_of(self.file), *key)
        while whole and whole not in self._lines:
            whole = whole[:-1]
        return f"{self.file}:{self._lines.get(whole, 1)}"

    def path(self, key: str) -> str | None:
        """Return the path that a key sets, from the folder that the configuration lies in."""
        value = self.values.get(key)
        return None if value is None else os.path.join(os.path.dirname(self.file), value)

    @lazy
    def target(self) -> Target | None:
        """The releases it asks for, or None."""
        value = self.values.get("target")
        return None if value is None else read_target(value)

    @lazy
    def severities(self) -> dict[str, str]:
        """The level of each rule that it names, by code; the more exact of two words counts."""
        found: dict[str, str] = {}
        words: dict[str, str] = self.values.get("severity", {})
        for word in sorted(words, key=lambda word: -len(codes_of(word))):
            found.update(dict.fromkeys(codes_of(word), words[word]))
        return found

    @lazy
    def _include(self) -> GitIgnoreSpec:
        return _patterns(self.values.get("include", ("*.xml", "qemu.conf")))

    @lazy
    def _exclude(self) -> GitIgnoreSpec:
        return _patterns(self.values.get("exclude", ()))

    @lazy
    def _ignores(self) -> list[tuple[str, GitIgnoreSpec, list[str]]]:
        entries: dict[str, list[str]] = self.values.get("per-file-ignores", {})
        return [(pattern, _patterns([pattern]), words) for pattern, words in entries.items()]

    @property
    def selects_files(self) -> bool:
        """Whether it says which files are to be checked."""
        return "include" in self.values or "exclude" in self.values

    def includes(self, path: str) -> bool:
        """Whether a file is to be checked when its folder is."""
        return self._include.match_file(self._relative(path)) and not self.excludes(path)

    def excludes(self, path: str, *, folder: bool = False) -> bool:
        """Whether a file or folder is left out."""
        return "exclude" in self.values and self._exclude.match_file(self._relative(path) + ("/" if folder else ""))

    def ignored_in(self, path: str) -> dict[str, list[str]]:
        """Return the entries of per-file-ignores that hold for a file."""
        relative = self._relative(path) if self._ignores else ""
        return {pattern: words for pattern, spec, words in self._ignores if spec.match_file(relative)}

    def _relative(self, path: str) -> str:
        return os.path.relpath(os.path.abspath(path), self.folder).replace(os.sep, "/")


def read(file: str) -> Configuration | None:
    """Read one file; None for a pyproject.toml without `[tool.vfslint]`. Raises `Faulty` and OSError."""
    with open(file, "rb") as opened:
        data = opened.read(MAXIMUM_BYTES + 1)
    name = _shown(file)
    if _is_pyproject(file) and not re.search(_OUR_TABLE, data):
        return None
    if len(data) > MAXIMUM_BYTES:
        raise Faulty([f"{name}:1: larger than {MAXIMUM_BYTES} bytes"])
    text, values = _parsed(name, data)
    for step in _table_of(file):
        if step not in values:
            return None
        values = values[step]
        if not isinstance(values, dict):
            raise Faulty([f"{name}:1: [tool.vfslint] is no table"])
    configuration = Configuration(name, text, values)
    faults = [f"{configuration.place(*key)}: {message}" for key, message in _faults(configuration)]
    if faults:
        raise Faulty(faults)
    return configuration


def _shown(file: str) -> str:
    """Return the path as people would type it: relative where it lies below the working directory."""
    relative = os.path.relpath(file)
    return file if relative.startswith(os.pardir) else relative


def _is_pyproject(file: str) -> bool:
    return os.path.basename(file) == "pyproject.toml"


def _table_of(file: str) -> Key:
    return ("tool", "vfslint") if _is_pyproject(file) else ()


def _parsed(name: str, data: bytes) -> tuple[str, dict[str, Any]]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        text = data.decode("utf-8")
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Faulty([f"{name}:{line}: not UTF-8, which TOML has to be"]) from None
    except RecursionError:
        raise Faulty([f"{name}:1: nested too deeply"]) from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"^(.*) \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        message = found[1] if found else str(error)
        line = int(found[2]) if found and found[2] else data.count(b"\n") + 1
        raise Faulty([f"{name}:{line}: not TOML: {message}"]) from None


def read_target(value: str | dict[str, str]) -> Target:
    """Return the releases meant by a target's name, or by a table of name, libvirt, qemu and virtiofsd."""
    if isinstance(value, str):
        return NAMED[value]
    target = NAMED[value["name"]] if "name" in value else NEWEST
    if "libvirt" in value:
        libvirt = version(value["libvirt"])
        target = target._replace(libvirt=libvirt) if "name" in value else contemporary(libvirt)
    if "qemu" in value:
        target = target._replace(qemu=version(value["qemu"]))
    if "virtiofsd" in value:
        daemon = None if value["virtiofsd"] == "none" else version(value["virtiofsd"])
        target = target._replace(virtiofsd=daemon)
    return target


# Checks: each yields the place of a fault below its key, and what is wrong there.


def _faults(configuration: Configuration) -> Faults:
    for key, value in configuration.values.items():
        if key not in KEYS:
            yield (key,), f"unknown key {key!r}{did_you_mean(key, KEYS)}"
            continue
        for below, message in KEYS[key](value, configuration.folder):
            yield (key, *below), message


def _expected(what: str, value: object) -> tuple[Key, str]:
    return (), f"expected {what}, found {_kind(value)}"


def _kind(value: object) -> str:
    kinds = {str: "a string", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(value), "a table" if isinstance(value, dict) else "a date or time")


def _one_of(value: object, known: Iterable[str], what: str) -> Faults:
    known = tuple(known)
    if not isinstance(value, str):
        yield _expected("a string", value)
    elif value not in known:
        yield (), f"{what} {value!r} is none of {', '.join(known)}{did_you_mean(value, known)}"


def _strings(value: object) -> Faults:
    if not isinstance(value, list):
        yield _expected("a list of strings", value)
        return
    for number, item in enumerate(value):
        if not isinstance(item, str):
            yield (str(number),), f"expected a string, found {_kind(item)}"


def _rule(word: str) -> str | None:
    return None if codes_of(word) else unknown_rule(word)


def _rules(value: object, folder: str) -> Faults:
    faults = list(_strings(value))
    yield from faults
    if not faults and isinstance(value, list):
        for number, word in enumerate(value):
            if wrong := _rule(word):
                yield (str(number),), wrong


def _severities(value: object, folder: str) -> Faults:
    if not isinstance(value, dict):
        yield _expected("a table of rules and severities", value)
        return
    for word, level in value.items():
        if wrong := _rule(word):
            yield (word,), wrong
        for _, message in _one_of(level, LEVELS, "severity"):
            yield (word,), message


def _per_file_ignores(value: object, folder: str) -> Faults:
    if not isinstance(value, dict):
        yield _expected("a table of file patterns and rules", value)
        return
    for pattern, words in value.items():
        if wrong := _pattern_fault(pattern):
            yield (pattern,), wrong
        for below, message in _rules(words, folder):
            yield (pattern, *below), message


def _target(value: object, folder: str) -> Faults:
    if not isinstance(value, dict):
        yield from _one_of(value, NAMED, "target")
        return
    for key, given in value.items():
        if key not in _TARGET_KEYS:
            yield (key,), f"unknown key {key!r}{did_you_mean(key, _TARGET_KEYS)}"
        elif key == "name":
            for _, message in _one_of(given, NAMED, "target"):
                yield (key,), message
        elif not isinstance(given, str):
            yield (key,), f"expected a version in quotes, found {_kind(given)}"
        elif not (key == "virtiofsd" and given == "none"):
            try:
                version(given)
            except ValueError as error:
                yield (key,), str(error)


_TARGET_KEYS = ("name", "libvirt", "qemu", "virtiofsd")


def _boolean(value: object, folder: str) -> Faults:
    if not isinstance(value, bool):
        yield _expected("true or false", value)


def _path_inside(value: object, folder: str) -> Faults:
    if not isinstance(value, str):
        yield _expected("a path", value)
        return
    root = os.path.realpath(folder)
    try:
        real = os.path.realpath(os.path.join(root, value))
    except ValueError:  # a NUL
        real = ""
    if os.path.isabs(value) or os.path.commonpath([root, real or os.sep]) != root:
        yield (), f"{value!r} leads out of the folder that this file lies in"


def _pattern_list(value: object, folder: str) -> Faults:
    faults = list(_strings(value))
    yield from faults
    if not faults and isinstance(value, list):
        for number, pattern in enumerate(value):
            if wrong := _pattern_fault(pattern):
                yield (str(number),), wrong


def _pattern_fault(pattern: str) -> str | None:
    steps = pattern.split("/")
    if pattern.count("**") > MAXIMUM_STARS or any(step != "**" and step.count("*") > MAXIMUM_STARS for step in steps):
        return f"the pattern {pattern!r} has too many asterisks"
    try:
        _patterns([pattern])
    except ValueError:
        return f"{pattern!r} is no pattern as .gitignore has them"
    return None


def _patterns(lines: Iterable[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(lines)


def _fail_on(value: object, folder: str) -> Faults:
    yield from _one_of(value, FAIL_ON, "fail-on")


KEYS: dict[str, Callable[[Any, str], Faults]] = {
    "select": _rules,
    "ignore": _rules,
    "severity": _severities,
    "per-file-ignores": _per_file_ignores,
    "target": _target,
    "session": _boolean,
    "qemu-conf": _path_inside,
    "host-facts": _path_inside,
    "include": _pattern_list,
    "exclude": _pattern_list,
    "fail-on": _fail_on,
}
