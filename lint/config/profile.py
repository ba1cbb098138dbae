"""What applies to a file, resolved before it is linted.

The command line comes first, then the nearest configuration, then the defaults.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint.config.inputs import THIS_MACHINE, Inputs
from vfslint.config.keys import KEYS, OFF, PATH, TARGET_KEYS
from vfslint.config.nearest import Configurations
from vfslint.context import Context
from vfslint.distributions import NAMED
from vfslint.engine import Engine
from vfslint.files import is_conf
from vfslint.findings import Severity
from vfslint.rule import Rule
from vfslint.rules import rules_for
from vfslint.selectors import resolve, split
from vfslint.targets import NEWEST, Target, contemporary, version, virtiofsd
from vfslint.usage import UsageError, invalid

if TYPE_CHECKING:
    from vfslint.config.file import Configuration

DEFAULT = "default"
NEVER = "never"


class Value:
    """A value that applies, and where it comes from: an option, a line of a configuration, or the default."""

    def __init__(self, value: Any, origin: str) -> None:
        self.value = value
        self.origin = origin


class Profile(NamedTuple):
    """The settings with which a file is linted. `severities` replace those of the rules, by code.

    `fail_on` is the lowest severity that makes a run fail, None if none does. `engine` is built from these.
    `silenced` finds what only the configuration in the file `configured_by` ignores; None if it ignores nothing.
    """

    rules: tuple[Rule, ...]
    severities: Mapping[str, Severity]
    context: Context
    strict_root: bool
    fail_on: Severity | None
    engine: Engine
    configured_by: str = ""
    silenced: Engine | None = None

    def fails(self, severity: Severity) -> bool:
        """Whether a finding of that severity makes the run fail."""
        return self.fail_on is not None and severity >= self.fail_on


class Resolver:
    """Makes the profile of each file, from the values of the command line's options and the configurations.

    It keeps one profile for all files that have the same configuration and ignore the same rules.
    Every method raises `UsageError` if an option or a configuration is invalid. `inputs` reads the files that the
    options name.
    """

    def __init__(self, options: SimpleNamespace, inputs: Inputs | None = None) -> None:
        self.options = options
        self.configurations = Configurations(options.config, isolated=options.isolated)
        self._inputs = inputs or Inputs()
        self._contexts: dict[Configuration | None, Context] = {}
        self._profiles: dict[tuple[Configuration | None, frozenset[str] | None, bool], Profile] = {}
        # A program can give the releases themselves.
        self._stack: Target | None = options.target if isinstance(options.target, Target) else None
        # The option --target is the key `name` in a table.
        name = None if self._stack else options.target
        given = {"name": name, **{key: getattr(options, key) for key in TARGET_KEYS if key != "name"}}
        self._releases = {key: value for key, value in given.items() if value}
        # A wrong option is reported even if there is no file to check.
        _target(NEWEST, self._releases)
        resolve(split((*(options.select or ()), *(options.ignore or ()))))

    # profiles

    def profile(self, path: str, only_text: bytes | None = None) -> Profile:
        """Return the profile of a file. `only_text` is its text, in UTF-8, if no other file is linted."""
        configuration = self.configurations.of(path)
        ignored = resolve(self._ignored_in(path, configuration))
        key = (configuration, ignored, is_conf(path, self.options.kind))
        profile = self._profiles.get(key) if only_text is None else None
        if profile is None:
            severities: dict[str, str] = configuration.severities if configuration else {}
            selected, others = self._selected_rules(path, configuration, ignored, only_text)
            profile = self._make(
                path,
                configuration,
                selected,
                others,
                {code: Severity[level.upper()] for code, level in severities.items() if level != OFF},
            )
            if configuration and others:
                silenced = self._silenced(profile.context, selected, others)
                profile = profile._replace(configured_by=configuration.file, silenced=silenced)
            self._profiles[key] = profile
        return profile

    def guard(self, path: str, only_text: bytes | None = None) -> Profile | None:
        """Return the profile with every rule, which shows whether a fix causes new errors.

        None if that is the profile of the file.
        """
        configuration = self.configurations.of(path)
        rules = self._rules(path, configuration, only_text)
        own = self.profile(path, only_text)
        if own.rules == rules and not own.severities:
            return None
        key = (configuration, None, is_conf(path, self.options.kind))
        guard = self._profiles.get(key) if only_text is None else None
        if guard is None:
            guard = self._profiles[key] = self._make(path, configuration, rules, (), {})
        return guard

    def _make(
        self,
        path: str,
        configuration: Configuration | None,
        rules: tuple[Rule, ...],
        others: tuple[Rule, ...],
        severities: dict[str, Severity],
    ) -> Profile:
        context, strict_root = self.context(configuration), self.options.strict_root
        fail_on: str = self.fail_on(configuration).value
        return Profile(
            rules,
            MappingProxyType(severities),
            context,
            strict_root,
            None if fail_on == NEVER else Severity[fail_on.upper()],
            self._engine(rules, context, severities, others),
        )

    def _engine(
        self, rules: tuple[Rule, ...], context: Context, severities: dict[str, Severity], others: tuple[Rule, ...]
    ) -> Engine:
        return Engine(
            rules,
            context,
            strict_root=self.options.strict_root,
            severities=severities,
            others=others,
            suppressions=not self.options.no_suppressions,
        )

    def _silenced(self, context: Context, selected: tuple[Rule, ...], others: tuple[Rule, ...]) -> Engine | None:
        """Return an engine with the rules that are not selected, although the command line does not ignore them."""
        given = resolve(split(self.options.select)) if self.options.select else None
        ignored = resolve(split(self.options.ignore or ()))
        silenced = tuple(rule for rule in others if (given is None or rule.code in given) and rule.code not in ignored)
        rest = (*selected, *(rule for rule in others if rule not in silenced))
        return self._engine(silenced, context, {}, rest) if silenced else None

    # rules

    def _rules(self, path: str, configuration: Configuration | None, only_text: bytes | None) -> tuple[Rule, ...]:
        context = self.context(configuration)
        return rules_for(
            qemu_conf=is_conf(path, self.options.kind),
            with_qemu_conf=context.conf is not None,
            host=context.host is not None,
            fleet=only_text is None or b"<domains" in only_text,
            text=only_text,
        )

    def _selected_rules(
        self, path: str, configuration: Configuration | None, ignored: frozenset[str], only_text: bytes | None
    ) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
        """Return the rules that are selected, and the others."""
        rules = self._rules(path, configuration, only_text)
        select = self.select(configuration).value
        ignored |= resolve(self.ignore(configuration).value) | self._off(configuration)
        if select is None and not ignored:
            return rules, ()
        selected = frozenset(rule.code for rule in rules) if select is None else resolve(select)
        selected -= ignored
        return (
            tuple(rule for rule in rules if rule.code in selected),
            tuple(rule for rule in rules if rule.code not in selected),
        )

    def select(self, configuration: Configuration | None) -> Value:
        """Return the selectors of the rules to check, None for all.

        `--select` replaces what the configuration selects, ignores and disables; `--ignore` adds to it.
        """
        if self.options.select:
            return Value(split(self.options.select), "--select")
        return self._configured("select", configuration, None)

    def ignore(self, configuration: Configuration | None) -> Value:
        """Return the selectors of the rules not to check."""
        given = split(self.options.ignore or ())
        configured = self._configured("ignore", None if self.options.select else configuration, [])
        if given and configured.value:
            return Value([*configured.value, *given], f"{configured.origin} and --ignore")
        return Value(given, "--ignore") if given else configured

    def severities(self, configuration: Configuration | None) -> dict[str, Value]:
        """Return the severity that the configuration gives to each selector."""
        words: dict[str, str] = configuration.values.get("severity", {}) if configuration else {}
        return {
            word: Value(level, configuration.place("severity", word))
            for word, level in words.items()
            if configuration and not (level == OFF and self.options.select)
        }

    def _off(self, configuration: Configuration | None) -> frozenset[str]:
        if configuration is None or self.options.select:
            return frozenset()
        return frozenset(code for code, level in configuration.severities.items() if level == OFF)

    def _ignored_in(self, path: str, configuration: Configuration | None) -> list[str]:
        if configuration is None or "per-file-ignores" not in configuration.values:
            return []
        return [word for words in configuration.ignored_in(path).values() for word in words]

    # the context

    def context(self, configuration: Configuration | None) -> Context:
        """Return what is known in addition to the file itself."""
        if configuration not in self._contexts:
            target: Target = self.target(configuration).value
            session: bool = self.session(configuration).value
            facts: str | None = self.host(configuration).value
            conf: str | None = self.qemu_conf(configuration).value
            schema: str | None = self.options.libvirt_schema
            self._contexts[configuration] = Context(
                target,
                session,
                None if facts is None else self._inputs.host(facts, session=session),
                None if conf is None else self._inputs.qemu_conf(conf, target.libvirt),
                None if schema is None else self._inputs.libvirt_schema(schema),
                self.one_host(configuration).value,
            )
        return self._contexts[configuration]

    def target(self, configuration: Configuration | None) -> Value:
        """Return the releases that a file targets: those of the host, unless others are named."""
        if self._stack:
            return Value(self._stack, "target")
        found = Value(NEWEST, DEFAULT)
        configured = self._configured("target", configuration, None)
        facts = self.host(configuration)
        if configured.value is not None:
            table = {"name": configured.value} if isinstance(configured.value, str) else configured.value
            found = Value(_target(NEWEST, table), configured.origin)
        elif facts.value is not None:
            session: bool = self.session(configuration).value
            found = Value(self._inputs.host(facts.value, session=session).target(NEWEST), facts.origin)
        if not self._releases:
            return found
        options = [f"--{'target' if key == 'name' else key} {value}" for key, value in self._releases.items()]
        return Value(_target(found.value, self._releases), " ".join(options))

    def origin(self) -> Context | None:
        """Return what `--from` names: a target, or the host whose facts are in that file; None without it."""
        given: str | None = getattr(self.options, "from")
        if given is None:
            return None
        is_session = bool(self.options.session)
        if given in NAMED:
            return Context(NAMED[given], is_session)
        if not os.path.exists(given):
            raise UsageError(f"--from: {invalid(given, 'target or file with host facts', NAMED)}")
        host = self._inputs.host(given, session=is_session)
        return Context(host.target(NEWEST), is_session or host.session, host)

    def session(self, configuration: Configuration | None) -> Value:
        """Return whether an unprivileged libvirt reads the file: also if the host's facts are those of one."""
        found = self._value("session", configuration, None)
        facts = self.host(configuration)
        if found.value is None and facts.value and self._inputs.host(facts.value, session=False).session:
            return Value(True, facts.origin)
        return Value(bool(found.value), found.origin)

    def one_host(self, configuration: Configuration | None) -> Value:
        """Return whether the domains of all folders are those of one host."""
        return self._value("one-host", configuration, False)

    def qemu_conf(self, configuration: Configuration | None) -> Value:
        """Return the path of the qemu.conf that applies, or None."""
        return self._value("qemu-conf", configuration, None)

    def host(self, configuration: Configuration | None) -> Value:
        """Return the path of the host facts that apply, or None; `THIS_MACHINE` with `--host`."""
        if self.options.host:
            return Value(THIS_MACHINE, "--host")
        return self._value("host-facts", configuration, None)

    def fail_on(self, configuration: Configuration | None) -> Value:
        """Return the lowest severity that makes the run fail, as a word."""
        if self.options.exit_zero:
            return Value(NEVER, "--exit-zero")
        return self._value("fail-on", configuration, KEYS["fail-on"].default)

    def _value(self, name: str, configuration: Configuration | None, default: object) -> Value:
        given = getattr(self.options, name.replace("-", "_"))
        return self._configured(name, configuration, default) if given is None else Value(given, f"--{name}")

    def _configured(self, name: str, configuration: Configuration | None, default: object) -> Value:
        if configuration is None or name not in configuration.values:
            return Value(default, DEFAULT)
        is_path = KEYS[name].type == PATH
        return Value(configuration.path(name) if is_path else configuration.values[name], configuration.place(name))


def _target(base: Target, given: Mapping[str, str]) -> Target:
    """Return the releases that a table of name, libvirt, qemu and virtiofsd names; the others are those of `base`.

    If libvirt is named without a stack, the others are those of its time.
    """
    try:
        target = NAMED[given["name"]] if "name" in given else base
        if "libvirt" in given:
            libvirt = version(given["libvirt"])
            target = target._replace(libvirt=libvirt) if "name" in given else contemporary(libvirt)
        if "qemu" in given:
            target = target._replace(qemu=version(given["qemu"]))
        if "virtiofsd" in given:
            target = target._replace(virtiofsd=virtiofsd(given["virtiofsd"]), binary=None)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return target
