"""What holds for a file: the command line over the configuration nearest to the file over the defaults."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint.cli.options import Complaint, Options
from vfslint.config.selectors import all_codes, codes_of, did_you_mean, unknown_rule
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.files import Everything, is_conf
from vfslint.findings import Severity
from vfslint.lazy import lazy
from vfslint.rules import rules_for
from vfslint.targets import NAMED, NEWEST, Target, contemporary, version

if TYPE_CHECKING:
    from vfslint.config.configuration import Configuration
    from vfslint.host.facts import Host
    from vfslint.qemu_conf.reader import QemuConf
    from vfslint.rule import Rule

DEFAULT = "default"
FAIL_ON = "warning"

# The names that a configuration can have; looked for here, so that none of its code is loaded without one.
CONFIGURATION_NAMES = (".vfslint.toml", "vfslint.toml", "pyproject.toml")


class Value(NamedTuple):
    """One value that holds, and where it comes from: an option, a line of a configuration, or the default."""

    value: Any
    origin: str


class Choices:
    """Answers for every file what is to be checked in it and how; remembers what it has worked out.

    `several` tells that domains may have to be judged together, `only_text` is what the only file holds; both
    are set before the first file is judged.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.several = True
        self.only_text: bytes | None = None
        self._selected = _codes(options.select) if options.select else None
        self._ignored = _codes(options.ignore) if options.ignore else frozenset()
        self._folders: dict[str, Configuration | None] = {}
        self._engines: dict[tuple[Any, ...], Engine] = {}
        self._confs: dict[str, QemuConf] = {}
        self._hosts: dict[str, Host] = {}
        self._target_of_options(NEWEST)

    # which configuration

    @lazy
    def _named(self) -> Configuration:
        named = self._read(self.options.config)
        if named is None:
            raise Complaint(f"{self.options.config} has no [tool.vfslint]")
        return named

    def configuration(self, path: str) -> Configuration | None:
        """Return the configuration that holds for a file, or None."""
        if self.options.isolated:
            return None
        if self.options.config:
            return self._named
        folder = os.path.dirname(path)
        if folder not in self._folders:
            self._folders[folder] = self._nearest(os.path.abspath(folder))
        return self._folders[folder]

    def _nearest(self, folder: str) -> Configuration | None:
        walked = []
        found = None
        while folder not in self._folders:
            walked.append(folder)
            files = (os.path.join(folder, name) for name in CONFIGURATION_NAMES)
            found = next((read for file in files if os.path.isfile(file) and (read := self._read(file))), None)
            outer = os.path.dirname(folder)
            if found or outer == folder:
                break
            folder = outer
        else:
            found = self._folders[folder]
        self._folders.update(dict.fromkeys(walked, found))
        return found

    def _read(self, file: str) -> Configuration | None:
        from vfslint.config import configuration

        try:
            return configuration.read(file)
        except configuration.Faulty as faulty:
            raise Complaint(str(faulty)) from None
        except OSError as error:
            raise Complaint(f"cannot read {file}: {error.strerror or error}") from None

    # which files

    def includes(self, path: str) -> bool:
        """Whether a file of a folder is to be checked."""
        configuration = self.configuration(path)
        if configuration and configuration.selects_files:
            return configuration.includes(path)
        return Everything().includes(path)

    def excludes(self, path: str) -> bool:
        """Whether a folder is left out."""
        configuration = self.configuration(path)
        return configuration is not None and configuration.excludes(path, folder=True)

    def excludes_file(self, path: str) -> bool:
        """Whether a file is left out even though it is named."""
        configuration = self.configuration(path) if self.options.force_exclude else None
        return configuration is not None and configuration.excludes(path)

    # which rules, how bad, for what

    def engine(self, path: str) -> Engine:
        """Return the engine that judges a file."""
        configuration = self.configuration(path)
        ignored = self._ignored_in(path, configuration)
        key = (id(configuration), ignored, is_conf(path, self.options.kind))
        if key not in self._engines:
            context = self.context(configuration)
            rules = self._rules_for(path, context)
            if configuration or self._selected is not None or self._ignored:
                codes = self.codes(configuration) - ignored
                rules = tuple(rule for rule in rules if rule.code in codes)
            self._engines[key] = Engine(
                rules,
                context,
                strict_root=self.options.strict_root,
                severities=_severities(configuration),
            )
        return self._engines[key]

    def _rules_for(self, path: str, context: Context) -> tuple[Rule, ...]:
        return rules_for(
            qemu_conf=is_conf(path, self.options.kind),
            beside_qemu_conf=context.conf is not None,
            host=context.host is not None,
            fleet=self.several,
            text=self.only_text,
        )

    def guard(self, path: str) -> Engine:
        """Return the engine that asks every rule, to see whether a fix does harm."""
        configuration = self.configuration(path)
        key = (id(configuration), None, is_conf(path, self.options.kind))
        if key not in self._engines:
            context = self.context(configuration)
            rules = self._rules_for(path, context)
            self._engines[key] = Engine(rules, context, strict_root=self.options.strict_root)
        return self._engines[key]

    def codes(self, configuration: Configuration | None) -> frozenset[str]:
        """Return the codes of the rules that are asked, per-file-ignores aside.

        `--select` replaces what the configuration selects, ignores and switches off; `--ignore` adds to it.
        """
        values = configuration.values if configuration else {}
        if self._selected is not None:
            return self._selected - self._ignored
        codes = _codes(values["select"]) if "select" in values else all_codes()
        if configuration:
            off = {code for code, level in configuration.severities.items() if level == "off"}
            codes -= off | _codes(values.get("ignore", ()))
        return codes - self._ignored

    def _ignored_in(self, path: str, configuration: Configuration | None) -> frozenset[str]:
        if configuration is None or "per-file-ignores" not in configuration.values:
            return frozenset()
        entries = configuration.ignored_in(path)
        return _codes([word for words in entries.values() for word in words])

    def fail_on(self, path: str) -> Value:
        """Return the lowest severity of a finding in this file that makes the run fail, as a word."""
        configuration = self.configuration(path)
        if self.options.exit_zero:
            return Value("never", "--exit-zero")
        return self._chosen("fail-on", configuration, FAIL_ON)

    def fails(self, path: str, severity: Severity) -> bool:
        """Whether a finding of that severity in this file makes the run fail."""
        level = self.fail_on(path).value
        return bool(level != "never" and severity >= Severity[level.upper()])

    def target(self, configuration: Configuration | None) -> Value:
        """Return the releases that a file is meant for."""
        base, origin = NEWEST, DEFAULT
        host = self._host(configuration)
        if host:
            base, origin = host.target(NEWEST), self.host(configuration).origin
        if configuration and configuration.target:
            base, origin = configuration.target, configuration.place("target")
        given = [
            f"--{name} {getattr(self.options, name)}"
            for name in ("target", "libvirt", "qemu", "virtiofsd")
            if getattr(self.options, name)
        ]
        return Value(self._target_of_options(base), " ".join(given) or origin)

    def _target_of_options(self, target: Target) -> Target:
        options = self.options
        try:
            if options.target:
                target = NAMED[options.target]
            if options.libvirt:
                libvirt = version(options.libvirt)
                target = target._replace(libvirt=libvirt) if options.target else contemporary(libvirt)
            if options.qemu:
                target = target._replace(qemu=version(options.qemu))
            if options.virtiofsd:
                daemon = None if options.virtiofsd == "none" else version(options.virtiofsd)
                target = target._replace(virtiofsd=daemon)
        except KeyError:
            near = did_you_mean(options.target, NAMED)
            raise Complaint(f"unknown target {options.target!r}{near}") from None
        except ValueError as error:
            raise Complaint(str(error)) from None
        return target

    def session(self, configuration: Configuration | None) -> Value:
        """Return whether an unprivileged libvirt will read a file."""
        return self._chosen("session", configuration, False)

    def qemu_conf(self, configuration: Configuration | None) -> Value:
        """Return the path of the qemu.conf that counts, or None."""
        return self._chosen("qemu-conf", configuration, None)

    def host(self, configuration: Configuration | None) -> Value:
        """Return the path of the host facts that count, or None; an empty path is this machine."""
        if self.options.host:
            return Value("", "--host")
        return self._chosen("host-facts", configuration, None)

    def _chosen(self, key: str, configuration: Configuration | None, default: object) -> Value:
        given = getattr(self.options, key.replace("-", "_"))
        if given is not None:
            return Value(given, f"--{key}")
        if configuration and key in configuration.values:
            is_path = key in ("qemu-conf", "host-facts")
            value = configuration.path(key) if is_path else configuration.values[key]
            return Value(value, configuration.place(key))
        return Value(default, DEFAULT)

    def context(self, configuration: Configuration | None) -> Context:
        """Return the circumstances under which a file is judged."""
        target = self.target(configuration).value
        return Context(
            target,
            bool(self.session(configuration).value),
            self._host(configuration),
            self._conf(configuration, target),
            self._libvirt_schema,
        )

    @lazy
    def _libvirt_schema(self) -> str | None:
        if self.options.libvirt_schema is None:
            return None
        from vfslint.vocabulary import libvirt_schema

        try:
            return libvirt_schema.locate(self.options.libvirt_schema)
        except libvirt_schema.NoSchema as error:
            raise Complaint(str(error)) from None

    @property
    def confs(self) -> Iterable[QemuConf]:
        """Every qemu.conf that has been read."""
        return self._confs.values()

    def _conf(self, configuration: Configuration | None, target: Target) -> QemuConf | None:
        path: str | None = self.qemu_conf(configuration).value
        if path is None:
            return None
        key = f"{path}\0{target.libvirt}"
        if key not in self._confs:
            from vfslint.qemu_conf import reader
            from vfslint.xml.source import Source

            try:
                with open(path, "rb") as file:
                    data = file.read(reader.MAXIMUM_BYTES + 1)
                self._confs[key] = reader.read(Source(data, path), target.libvirt)
            except OSError as error:
                raise Complaint(f"cannot read {path}: {error.strerror or error}") from None
            except reader.Unreadable as error:
                raise Complaint(f"{path}:{error.line}: {error.message}") from None
        return self._confs[key]

    def _host(self, configuration: Configuration | None) -> Host | None:
        path: str | None = self.host(configuration).value
        if path is None:
            return None
        if path not in self._hosts:
            from vfslint.host import facts

            try:
                if path == "":
                    from vfslint.host import survey

                    session = bool(self.session(configuration).value)
                    self._hosts[path] = survey.take(session=session)
                else:
                    with open(path, "rb") as file:
                        self._hosts[path] = facts.load(file.read(facts.MAXIMUM_BYTES + 1))
            except OSError as error:
                raise Complaint(f"cannot read {path}: {error.strerror or error}") from None
            except facts.Unreadable as error:
                raise Complaint(f"{path}: {error}") from None
        return self._hosts[path]


def _codes(choices: list[str] | tuple[str, ...]) -> frozenset[str]:
    codes: set[str] = set()
    for word in (word.strip() for choice in choices for word in choice.split(",")):
        found = codes_of(word)
        if not found:
            raise Complaint(unknown_rule(word))
        codes |= found
    return frozenset(codes)


def _severities(configuration: Configuration | None) -> dict[str, Severity]:
    levels = configuration.severities if configuration else {}
    return {code: Severity[level.upper()] for code, level in levels.items() if level != "off"}
