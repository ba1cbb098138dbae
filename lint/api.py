"""The Python interface: bytes or paths in, findings or fixed bytes out.

Wherever a file can be given, a path (str or os.PathLike) is read, and bytes are its content.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint.config.inputs import Inputs, read_bytes
from vfslint.config.keys import KEYS
from vfslint.config.profile import Resolver
from vfslint.distributions import NAMED
from vfslint.failures import InternalError
from vfslint.findings import Finding
from vfslint.host.facts import MAXIMUM_BYTES, Host
from vfslint.run import Run, check
from vfslint.sources import read_source
from vfslint.targets import Target
from vfslint.usage import UsageError, invalid
from vfslint.xml.source import Source

if TYPE_CHECKING:
    from vfslint.config.file import Configuration
    from vfslint.engine import Engine

Path = str | os.PathLike[str]

# The names that stand for content without a file.
_BYTES, _QEMU_CONF, _HOST = "<bytes>", "qemu.conf", "<host>"

# A configuration that contains one of these may name a file, whose content can change from call to call.
_KEYS_OF_FILES = (b"qemu-conf", b"host-facts")


class Fixed(NamedTuple):
    """What `fix_bytes` returns: the fixed bytes, the findings that were fixed, and those that remain.

    The findings in `applied` point into the bytes as they were when each was found, those in `remaining` into `data`.
    """

    data: bytes
    applied: list[Finding]
    remaining: list[Finding]


def lint_bytes(
    data: bytes,
    *,
    filename: str = _BYTES,
    target: Target | str | None = None,
    session: bool | None = None,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    config: Path | Mapping[str, Any] | None = None,
    qemu_conf: Path | bytes | None = None,
    host: Path | bytes | Mapping[str, Any] | Host | None = None,
) -> list[Finding]:
    """Return the findings in domain XML, in document order; an empty list means that nothing was found.

    `filename`: the name of the data in the findings; data with the name qemu.conf is read as a qemu.conf.
    `target`: the releases that the domain targets, or a name that `vfslint targets` lists. `session`: whether an
    unprivileged libvirt (qemu:///session) reads the domain. `select`, `ignore`: codes, prefixes (VFS1) or names of the
    rules to check, and not to check; if nothing is selected, all rules are checked. `config`: a configuration file, or
    its keys and values; without one, no configuration applies. `qemu_conf`: the qemu.conf of the libvirt that runs the
    domain. `host`: the facts of its host, as `vfslint host`, `virsh capabilities` or `virsh domcapabilities` prints
    them, the same JSON as a mapping, or what `this_host` returns. Parameters come before the configuration, and the
    configuration before the host.

    Raises TypeError if a parameter has a wrong type, `vfslint.UsageError` if it has a wrong value or its file cannot be
    read, and `vfslint.InternalError` if vfslint itself fails.
    """
    source = _source(data, filename)
    return _lint((source,), _resolver(target, session, select, ignore, config, qemu_conf, host), lambda _: source)


def lint_path(
    path: Path,
    *,
    target: Target | str | None = None,
    session: bool | None = None,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    config: Path | Mapping[str, Any] | None = None,
    qemu_conf: Path | bytes | None = None,
    host: Path | bytes | Mapping[str, Any] | Host | None = None,
) -> list[Finding]:
    """Return the findings in a file. Parameters and exceptions are those of `lint_bytes`."""
    source = read_source(_path("path", path))
    return _lint((source,), _resolver(target, session, select, ignore, config, qemu_conf, host), lambda _: source)


def lint_together(
    files: Mapping[str, bytes] | Iterable[Path],
    *,
    target: Target | str | None = None,
    session: bool | None = None,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    config: Path | Mapping[str, Any] | None = None,
    qemu_conf: Path | bytes | None = None,
    host: Path | bytes | Mapping[str, Any] | Host | None = None,
) -> list[Finding]:
    """Return the findings in several files, and in their domains together, such as one socket of two guests.

    `files` are the paths of files, or their names and contents. The findings are in the order of the files. The other
    parameters and the exceptions are those of `lint_bytes`.
    """
    resolver = _resolver(target, session, select, ignore, config, qemu_conf, host)
    if isinstance(files, Mapping):
        sources = {name: _source(data, name) for name, data in files.items()}
        return _lint(sources.values(), resolver, sources.__getitem__)
    paths = dict.fromkeys(_path("files", path) for path in _all_of("files", files))
    return _lint(map(read_source, paths), resolver, read_source)


def fix_bytes(
    data: bytes,
    *,
    filename: str = _BYTES,
    unsafe: bool = False,
    target: Target | str | None = None,
    session: bool | None = None,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    config: Path | Mapping[str, Any] | None = None,
    qemu_conf: Path | bytes | None = None,
    host: Path | bytes | Mapping[str, Any] | Host | None = None,
) -> Fixed:
    """Return domain XML with the fixes of its findings applied; `data` itself if there is nothing to fix.

    Only safe fixes are applied, and with `unsafe` also those that may change the guest. A fix that would cause a new
    error is not applied. The other parameters and the exceptions are those of `lint_bytes`.
    """
    # Start time: most programs fix nothing.
    from vfslint.fixes import Fixer

    source = _source(data, filename)
    resolver = _resolver(target, session, select, ignore, config, qemu_conf, host)
    engine, guard = resolver.profile(source.name).engine, resolver.guard(source.name)
    guarded = (lambda one: check(guard.engine, one)) if guard else None
    fixer = Fixer(lambda one: check(engine, one), guarded, unsafe=bool(unsafe))
    fixed = fixer.fix(source)
    run = Run()
    run.take(fixed.source, fixed.outcome)
    remaining = _whole(run, {source.name: engine}, lambda _: fixed.source)
    return Fixed(fixed.source.data, [*fixed.fixed, *fixed.uncovered], remaining)


def this_host(*, session: bool = False) -> Host:
    """Return the facts of this machine, for the parameter `host`. Paths are examined when a rule needs them."""
    from vfslint.host import survey

    return survey.take(session=bool(session))


def _lint(sources: Iterable[Source], resolver: Resolver, reopen: Callable[[str], Source]) -> list[Finding]:
    run, engines = Run(), {}
    for source in sources:
        engine = engines[source.name] = resolver.profile(source.name).engine
        run.take(source, check(engine, source))
    return _whole(run, engines, reopen)


def _whole(run: Run, engines: Mapping[str, Engine], reopen: Callable[[str], Source]) -> list[Finding]:
    """Return all findings, those about several domains together among them. Raises `InternalError`."""
    run.check_together(engines, reopen)
    if run.failures:
        raise InternalError(run.failures, run.findings)
    return run.findings


# The parameters. Engines are kept, because making one takes longer than checking a small domain; threads can share it.


def _resolver(
    target: Target | str | None,
    session: bool | None,
    select: str | Iterable[str],
    ignore: str | Iterable[str],
    config: Path | Mapping[str, Any] | None,
    qemu_conf: Path | bytes | None,
    host: Path | bytes | Mapping[str, Any] | Host | None,
) -> Resolver:
    """Return the resolver for these parameters, after checking their types."""
    if session is not None and not isinstance(session, bool):
        raise _wrong("session", "a bool or None", session)
    parameters = _Parameters(
        _target(target),
        session,
        _selectors("select", select),
        _selectors("ignore", ignore),
        _configuration(config),
        None if qemu_conf is None else _content("qemu_conf", qemu_conf, _QEMU_CONF),
        _host(host),
    )
    may_change = parameters.config and any(key in parameters.config.data for key in _KEYS_OF_FILES)
    return _made(parameters) if may_change else _kept(parameters)


class _Content(NamedTuple):
    """The content of a file, and its name; the content of a mapping is JSON, and its name that of a folder."""

    name: str
    data: bytes
    is_mapping: bool = False


class _Facts:
    """A host, which is equal only to itself: comparing all its facts would take longer than linting."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Facts) and self.host is other.host

    def __hash__(self) -> int:
        return id(self.host)


class _Parameters(NamedTuple):
    """The parameters of a call, by content."""

    target: Target | str | None
    session: bool | None
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    config: _Content | None
    qemu_conf: _Content | None
    host: _Content | _Facts | None


def _made(given: _Parameters) -> Resolver:
    # Every option that overrides a key of a configuration, and what else a resolver reads.
    options = SimpleNamespace(**{name.replace("-", "_"): None for name, key in KEYS.items() if key.option})
    options.config = None if given.config is None else _read_configuration(given.config)
    options.isolated = given.config is None
    options.target, options.libvirt, options.qemu, options.virtiofsd = given.target, None, None, None
    options.session = given.session
    options.select, options.ignore = given.select, given.ignore
    options.qemu_conf = given.qemu_conf and given.qemu_conf.name
    options.host = False
    options.host_facts = _HOST if isinstance(given.host, _Facts) else given.host and given.host.name
    options.libvirt_schema = None
    options.kind, options.strict_root, options.no_suppressions, options.exit_zero = "auto", False, False, False
    contents: dict[str, bytes | Host] = {}
    if given.qemu_conf:
        contents[given.qemu_conf.name] = given.qemu_conf.data
    if isinstance(given.host, _Facts):
        contents[_HOST] = given.host.host
    elif given.host:
        contents[given.host.name] = given.host.data
    return Resolver(options, Inputs(contents))


_kept = lru_cache(16)(_made)


def _read_configuration(content: _Content) -> Configuration:
    from vfslint.config import file

    if content.is_mapping:
        return file.of_values(json.loads(content.data))
    configuration = file.parse(content.name, content.data)
    if configuration is None:
        raise UsageError(f"{content.name} has no [tool.vfslint]")
    return configuration


def _source(data: bytes, name: str) -> Source:
    if not isinstance(name, str):
        raise _wrong("filename", "a str", name)
    if not isinstance(data, bytes):
        advice = "; encode it as its XML declaration says" if isinstance(data, str) else ""
        raise _wrong("data", "bytes", data, advice)
    return Source(data, name)


def _path(name: str, value: object) -> str:
    if not isinstance(value, str | os.PathLike):
        raise _wrong(name, "a path (str or os.PathLike)", value)
    return os.fsdecode(value)


def _content(name: str, value: object, stands_for: str, others: str = "") -> _Content:
    if isinstance(value, bytes):
        return _Content(stands_for, value)
    if not isinstance(value, str | os.PathLike):
        raise _wrong(name, f"a path (str or os.PathLike), bytes{others} or None", value)
    path = os.fsdecode(value)
    return _Content(path, read_bytes(path, MAXIMUM_BYTES))


def _target(value: Target | str | None) -> Target | str | None:
    if isinstance(value, Target):
        if value.binary is not None and not isinstance(value.binary, str):
            raise _wrong("target.binary", "a path (str) or None", value.binary)
        for part in ("libvirt", "qemu", "virtiofsd"):
            release = getattr(value, part)
            if release is None and part == "virtiofsd":
                continue
            if not isinstance(release, tuple) or [type(number) for number in release] != [int, int, int]:
                raise _wrong(f"target.{part}", "a tuple of three numbers", release)
        return value
    if value is not None and not isinstance(value, str):
        raise _wrong("target", "a name (str), a vfslint.Target or None", value)
    if value is not None and value not in NAMED:
        raise UsageError(invalid(value, "target", NAMED))
    return value


def _selectors(name: str, value: str | Iterable[str]) -> tuple[str, ...]:
    words = (value,) if isinstance(value, str) else tuple(_all_of(name, value))
    for word in words:
        if not isinstance(word, str):
            raise _wrong(name, "a str or several of them", word)
    return words


def _configuration(value: Path | Mapping[str, Any] | None) -> _Content | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return _Content(os.getcwd(), _as_json("config", value), is_mapping=True)
    path = os.path.abspath(_path("config", value))
    return _Content(path, read_bytes(path, MAXIMUM_BYTES))


def _host(value: Path | bytes | Mapping[str, Any] | Host | None) -> _Content | _Facts | None:
    if isinstance(value, Host):
        return _Facts(value)
    if isinstance(value, Mapping):
        return _Content(_HOST, _as_json("host", value))
    return None if value is None else _content("host", value, _HOST, ", a mapping, a vfslint.Host")


def _as_json(name: str, value: Mapping[str, Any]) -> bytes:
    """Return a mapping as JSON, in which a tuple and a set are lists, and a path is a string."""

    def other(part: object) -> object:
        if isinstance(part, Mapping):
            return dict(part)
        if isinstance(part, frozenset | set):
            return sorted(part)
        if isinstance(part, os.PathLike):
            return os.fsdecode(part)
        raise _wrong("a value", "a string, a number, a list or a mapping", part)

    try:
        return json.dumps(dict(value), default=other).encode()
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{name} contains itself, or is nested too deeply") from None


def _all_of(name: str, value: Any) -> Iterable[Any]:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise _wrong(name, "a list or another iterable", value)
    return value


def _wrong(name: str, expected: str, value: object, advice: str = "") -> TypeError:
    return TypeError(f"{name} must be {expected}, not {type(value).__name__}{advice}")
