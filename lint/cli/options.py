"""The commands and their options, one record for each, and the reader of command lines.

The reader, `--help`, the manual page and the completion scripts all use this table. Records are plain classes,
because every start loads this module, and defining a NamedTuple takes 0.2 ms.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType, SimpleNamespace

from vfslint.config.keys import KEYS
from vfslint.terminal import AUTO, WHEN
from vfslint.usage import UsageError, did_you_mean, invalid

# How to complete the value of an option that has no `choices`.
FILES = "files"
FORMATS = "formats"
RULES = "rules"


class Option:
    """One option. An option with neither `metavar` nor `choices` is a switch.

    `help` is a phrase without a period, to which the default is added; `{words}` in it is replaced with all words
    that the value can be.
    """

    def __init__(
        self,
        name: str,
        help: str,
        short: str = "",
        metavar: str = "",
        choices: tuple[str, ...] = (),
        default: str | None = None,
        repeatable: bool = False,
        negatable: bool = False,
        completion: str = "",
    ) -> None:
        self.name = name
        self.help = help
        self.short = short
        self.metavar = metavar
        self.choices = choices
        self.default = default
        self.repeatable = repeatable
        self.negatable = negatable
        self.completion = completion

    @property
    def attribute(self) -> str:
        """The name of the attribute with its value in what the reader returns."""
        return self.name.replace("-", "_")

    @property
    def has_value(self) -> bool:
        """Whether a value follows it."""
        return bool(self.metavar or self.choices)

    @property
    def initial(self) -> str | bool | None:
        """The value if the option is not given: False for a switch, None if it has no default here."""
        return self.default if self.has_value or self.negatable else False

    @property
    def flags(self) -> dict[str, bool]:
        """All spellings of the option, short ones first, and their meaning: False for `--no-…`."""
        flags = {f"-{self.short}": True} if self.short else {}
        flags[f"--{self.name}"] = True
        if self.negatable:
            flags[f"--no-{self.name}"] = False
        return flags


def _of_key(
    name: str,
    help: str = "",
    *,
    metavar: str = "",
    repeatable: bool = False,
    negatable: bool = False,
    completion: str = "",
) -> Option:
    """Return the option that overrides a configuration key. It has no default, because the key has one."""
    key = KEYS[name]
    return Option(
        name,
        help or key.description,
        metavar=metavar,
        choices=key.allowed,
        repeatable=repeatable,
        negatable=negatable,
        completion=completion,
    )


HELP = Option("help", "show this help and exit", "h")
_SELECTOR = "codes, prefixes (VFS1) or names"
_PAGE_FORMATS = ("text", "json", "markdown")
_PAGE_FORMAT = Option("format", "the output format", choices=_PAGE_FORMATS, default=_PAGE_FORMATS[0])

_GENERAL = (
    HELP,
    Option("version", "show the version and exit"),
    Option("quiet", "print nothing if there are no findings", "q"),
    Option("verbose", "show which files were skipped, and why", "v"),
)
_RULES = (
    _of_key("select", f"{KEYS['select'].description}: {_SELECTOR}", metavar="RULES", repeatable=True, completion=RULES),
    _of_key("ignore", metavar="RULES", repeatable=True, completion=RULES),
)
_KIND = Option(
    "kind",
    "the kind of the files; auto: by their names",
    choices=("auto", "domain", "qemu-conf"),
    default="auto",
)
_FILES = (
    _KIND,
    Option("stdin-filename", "the name of standard input in the report", metavar="NAME", completion=FILES),
    Option("strict-root", "report an error for a file without a domain"),
    Option("only-domains", "report nothing about named files without a domain, as in folders"),
    Option("force-exclude", "apply the configuration's exclude to named files, too"),
    Option("no-ignore", "in folders, check files that git ignores, too"),
    Option("no-suppressions", "report what comments and metadata in the files suppress, too"),
)
_FIXING = (
    Option("fix", "apply safe fixes"),
    Option("unsafe-fixes", "apply fixes that may change the guest, too"),
    Option("diff", "print what fixing would change, and change nothing"),
    Option("show-fixes", "list what was fixed"),
)
_SESSION = _of_key("session", negatable=True)
_UNDO = Option("undo", "print the script that takes back what the other one did, and nothing else")
_TARGET = (
    _of_key("target", "the stack that the domains target: {words}", metavar="NAME"),
    Option("libvirt", "libvirt's release; QEMU and virtiofsd default to those of its time", metavar="VERSION"),
    Option("qemu", "QEMU's release", metavar="VERSION"),
    Option("virtiofsd", "virtiofsd's release; none: the C daemon of QEMU 7.2 and older", metavar="VERSION"),
    _SESSION,
    _of_key("qemu-conf", metavar="FILE", completion=FILES),
    Option("host", "check against this machine"),
    _of_key("host-facts", metavar="FILE", completion=FILES),
    _of_key("one-host", negatable=True),
)
_FROM = Option(
    "from",
    "report only what keeps domains from starting that start on this target, or on the host of these facts",
    metavar="NAME|FILE",
    completion=FILES,
)
_FOR = Option("for", "judge the causes of a message for this domain", metavar="FILE", completion=FILES)
_LIBVIRT_SCHEMA = Option(
    "libvirt-schema",
    "also validate domains with libvirt's own schema: the folder that contains it, or auto",
    metavar="auto|DIR",
    completion=FILES,
)
_CONFIGURATION = (
    Option(
        "config", "use this configuration instead of the one nearest to each file", metavar="FILE", completion=FILES
    ),
    Option("isolated", "use no configuration file"),
)
_BASELINE = (
    Option("baseline", "report only what is not in this baseline", metavar="FILE", completion=FILES),
    Option("write-baseline", "save all current findings as a baseline", metavar="FILE", completion=FILES),
)
_EXIT = (
    _of_key("fail-on"),
    Option("exit-zero", "exit with status 0 even if there are findings"),
)
_HYPERLINKS = Option("hyperlinks", "link codes to the pages of rules", choices=WHEN, default=AUTO)
_OUTPUT = (
    Option("format", "{words}; default: text; repeatable", metavar="NAME[=FILE]", repeatable=True, completion=FORMATS),
    Option("output-file", "write the report to a file instead of standard output", metavar="FILE", completion=FILES),
    Option("color", "color the output", choices=WHEN, default=AUTO),
    _HYPERLINKS,
    Option("statistics", "print the number of findings of each rule instead of the findings"),
    *_EXIT,
)

SHELLS = ("bash", "zsh", "fish")
_SHELL_NAMES = f"{', '.join(SHELLS[:-1])} or {SHELLS[-1]}"

Groups = dict[str, tuple[Option, ...]]


class Operand:
    """The operand of a command: the allowed number, and the error message for any other number.

    `completion`: FILES, RULES, or both.
    """

    def __init__(
        self,
        metavar: str,
        help: str,
        least: int,
        most: int | None,
        request: str,
        choices: tuple[str, ...] = (),
        completion: tuple[str, ...] = (),
    ) -> None:
        self.metavar = metavar
        self.help = help
        self.least = least
        self.most = most
        self.request = request
        self.choices = choices
        self.completion = completion


class Command:
    """One command. `name` is empty for the command that lints; `groups` are the options, by heading.

    `requires` names the options that have no effect without one of others.
    """

    def __init__(
        self,
        name: str,
        summary: str,
        operand: Operand | None,
        groups: Groups,
        requires: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self.summary = summary
        self.operand = operand
        self.groups = groups
        self.requires = requires

    @property
    def program(self) -> str:
        """What to type to run it."""
        return f"vfslint {self.name}".rstrip()

    @property
    def options(self) -> tuple[Option, ...]:
        """All options of the command."""
        return tuple(option for group in self.groups.values() for option in group)


LINT = Command(
    "",
    "Find virtio-fs and shared-memory mistakes in libvirt domain XML and qemu.conf before libvirt does.",
    Operand(
        "PATH…",
        "files, folders (every *.xml and qemu.conf in them), or -",
        1,
        None,
        "name at least one file or folder, or - for standard input",
        completion=(FILES,),
    ),
    {
        "options": _GENERAL,
        "what to check": (*_RULES, *_FILES),
        "fixing": _FIXING,
        "target": (*_TARGET, _FROM, _LIBVIRT_SCHEMA),
        "configuration and baseline": (*_CONFIGURATION, *_BASELINE),
        "output": _OUTPUT,
    },
    {"show-fixes": ("fix", "unsafe-fixes", "diff")},
)
COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command(
            "rules",
            "list every rule, or those whose code or name begins like this",
            Operand(
                "[WHAT…]",
                "codes or names, or their beginnings, such as VFS1 or mount-tag",
                0,
                None,
                "",
                completion=(RULES,),
            ),
            {"options": (HELP, _PAGE_FORMAT, _HYPERLINKS)},
        ),
        Command(
            "explain",
            "show the pages of rules, or the causes of a message of libvirt, QEMU, virtiofsd or the guest",
            Operand(
                "WHAT…",
                "codes or names of rules, a message, a file with messages such as a log, or - for standard input",
                1,
                None,
                "name a rule, a message or a log file",
                completion=(RULES, FILES),
            ),
            {
                "options": (HELP, _PAGE_FORMAT, _HYPERLINKS, _FOR),
                "target": _TARGET,
                "configuration": _CONFIGURATION,
            },
            {option.name: (_FOR.name,) for option in (*_TARGET, *_CONFIGURATION)},
        ),
        Command(
            "setup",
            "print a script that prepares the host and the guest of a domain; with --host, only what is missing",
            Operand(
                "FILE…", "files with domains", 1, None, "name at least one file with a domain", completion=(FILES,)
            ),
            {"options": (HELP, _UNDO), "target": _TARGET, "configuration": _CONFIGURATION},
        ),
        Command(
            "host",
            "print the facts of this machine as JSON, for --host-facts elsewhere",
            Operand(
                "[FILE…]",
                "domains and qemu.conf files, whose paths and users are looked up",
                0,
                None,
                "",
                completion=(FILES,),
            ),
            {"options": (HELP, _SESSION)},
        ),
        Command(
            "config",
            "show the configuration of a file, and where each value comes from",
            Operand("FILE", "the file, which need not exist", 1, 1, "name one file", completion=(FILES,)),
            {
                "options": (HELP, Option("format", "the output format", choices=("text", "json"), default="text")),
                "what to check": (*_RULES, _KIND),
                "target": _TARGET,
                "configuration": _CONFIGURATION,
                "output": _EXIT,
            },
        ),
        Command(
            "targets",
            "list the names that --target takes, with their releases",
            None,
            {"options": (HELP, Option("format", "the output format", choices=("text", "json"), default="text"))},
        ),
        Command(
            "vocabulary",
            "describe a place in the domain XML: what libvirt knows there, since when, and what it does",
            Operand("PATH", "elements from domain down, such as domain/devices/disk", 1, 1, "name one path"),
            {"options": (HELP, Option("format", "the output format", choices=("text", "json"), default="text"))},
        ),
        Command(
            "completion",
            f"print a completion script for {_SHELL_NAMES}",
            Operand("SHELL", _SHELL_NAMES, 1, 1, f"name a shell: {_SHELL_NAMES}", SHELLS),
            {"options": (HELP,)},
        ),
    )
}

# Options of which one would be ignored next to the other.
EXCLUSIVE = (
    ("config", "isolated"),
    ("host", "host-facts"),
    *(("diff", other) for other in ("output-file", "statistics", "baseline", "write-baseline")),
    *(("write-baseline", other) for other in ("output-file", "statistics")),
    ("statistics", "output-file"),
)

CLEAN, FOUND, FAILED, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
EXIT_STATUS = (
    f"{CLEAN} clean, {FOUND} findings at or above --fail-on, {FAILED} wrong usage or an unreadable file, "
    f"{INTERRUPTED} interrupted, {TERMINATED} terminated"
)

ENVIRONMENT = {
    "NO_COLOR": "if not empty: no colors, except with --color=always",
    "FORCE_COLOR": "if not empty: colors even if the output is not a terminal",
    "FORCE_HYPERLINK": "if not empty: hyperlinks even if the terminal is not known to have them; 0: no hyperlinks",
    "COLUMNS": "the width of the report and of --help if the output is not a terminal",
    "GITHUB_ACTIONS": "if true and no --format selects a format for standard output: findings are also printed as "
    "annotations, and a table of them is added to the file that GITHUB_STEP_SUMMARY names",
}


# The reader. argparse would add 10 ms to every start, and explain less about a wrong option.


def read(command: Command, argv: Sequence[str]) -> SimpleNamespace:
    """Return the value of each option, by its attribute, and the operands. Raises `UsageError`."""
    return _Reader(command).read(argv)


def check_combination(command: Command, options: SimpleNamespace) -> None:
    """Raise `UsageError` if an option has no effect because of another one, or without it."""
    known = {option.name: option for option in command.options}
    given = {name for name, option in known.items() if getattr(options, option.attribute) != option.initial}
    for one, other in EXCLUSIVE:
        if one in given and other in given:
            raise _error(command, f"--{one} and --{other} exclude each other")
    for name, others in command.requires.items():
        if name in given and not given.intersection(others):
            raise _error(command, f"--{name} requires {' or '.join(f'--{other}' for other in others)}")
    if "stdin-filename" in given and "-" not in options.operands:
        raise _error(command, "--stdin-filename requires standard input: - instead of a file")


def check_operands(command: Command, operands: Sequence[str]) -> None:
    """Raise `UsageError` if the operands of a command are missing, too many, or invalid."""
    operand = command.operand
    if operand is None:
        if operands:
            raise _error(command, f"unexpected argument {operands[0]!r}")
        return
    if len(operands) < operand.least or (operand.most is not None and len(operands) > operand.most):
        raise _error(command, operand.request)
    for word in operands:
        if operand.choices and word not in operand.choices:
            raise _error(command, invalid(word, operand.metavar.lower(), operand.choices))


def _error(command: Command, message: str) -> UsageError:
    return UsageError(f"{message} (see {command.program} --help)")


class _Reader:
    def __init__(self, command: Command) -> None:
        self.command = command
        self.flags = {flag: (option, on) for option in command.options for flag, on in option.flags.items()}

    def read(self, argv: Sequence[str]) -> SimpleNamespace:
        # Options that only the command that lints has are present with their initial values.
        values = {option.attribute: option.initial for option in (*LINT.options, *self.command.options)}
        self.options = SimpleNamespace(**values, operands=[])
        words = iter(argv)
        for word in words:
            if word == "--":
                self.options.operands += words
            elif word == "-" or not word.startswith("-"):
                self.options.operands.append(word)
            elif word.startswith("--"):
                self._long(word, words)
            else:
                self._short(word)
        return self.options

    def _long(self, word: str, words: Iterator[str]) -> None:
        flag, has_value, value = word.partition("=")
        if flag not in self.flags:
            raise _error(self.command, f"unknown option {flag}{did_you_mean(flag, self.flags)}")
        option, on = self.flags[flag]
        if not option.has_value:
            if has_value:
                raise _error(self.command, f"{flag} does not accept a value")
            setattr(self.options, option.attribute, on)
            return
        if not has_value:
            value = next(words, "--")
            # A word that starts with a dash is the next option; --name=VALUE is how to give it as a value.
            if value.startswith("-") and value != "-":
                raise _error(self.command, f"{flag} requires a value")
        self._set(option, value)

    def _short(self, word: str) -> None:
        for letter in word[1:]:
            if f"-{letter}" not in self.flags:
                raise _error(self.command, f"unknown option {word}")
            option, on = self.flags[f"-{letter}"]
            setattr(self.options, option.attribute, on)

    def _set(self, option: Option, value: str) -> None:
        if option.choices and value not in option.choices:
            raise _error(self.command, invalid(value, f"value for --{option.name}", option.choices))
        before = getattr(self.options, option.attribute) or []
        setattr(self.options, option.attribute, [*before, value] if option.repeatable else value)
