"""The keys of a configuration: their types, allowed values, defaults and descriptions.

The reader of configurations, their JSON schema, the documentation and the options of the same name use this table.
Records are plain classes, because every start loads this module, and defining a NamedTuple takes 0.2 ms.
"""

from vfslint.distributions import NAMED

OFF = "off"


class Key:
    """One key. `type` determines the values that it accepts; see `CHECKS` in vfslint.config.file.

    `allowed` lists the words that the value, or each value in a table, may be; `default` describes what applies if
    the key is missing. `option`: an option of the same name overrides it, or adds to it. `description`
    is a phrase without a period.
    """

    def __init__(
        self,
        name: str,
        type: str,
        description: str,
        allowed: tuple[str, ...] = (),
        default: str = "",
        option: bool = False,
    ) -> None:
        self.name = name
        self.type = type
        self.description = description
        self.allowed = allowed
        self.default = default
        self.option = option


SELECTORS = "list of rules"
SEVERITIES = "table of severities"
SELECTORS_BY_PATTERN = "table of lists of rules"
TARGET = "target"
BOOLEAN = "boolean"
PATH = "path"
PATTERNS = "list of patterns"
WORD = "word"

# The keys of a table of type TARGET; the value can also be just a name.
TARGET_KEYS = ("name", "libvirt", "qemu", "virtiofsd")

KEYS: dict[str, Key] = {
    key.name: key
    for key in (
        Key("select", SELECTORS, "check only these rules", default="all", option=True),
        Key("ignore", SELECTORS, "do not check these rules", default="none", option=True),
        Key(
            "severity",
            SEVERITIES,
            "the severity of a rule's findings; of several selectors that match a rule, the narrowest counts",
            allowed=("error", "warning", "note", OFF),
        ),
        Key("per-file-ignores", SELECTORS_BY_PATTERN, "rules to ignore in the files that match a .gitignore pattern"),
        Key(
            "target",
            TARGET,
            "the releases that the domains target: the name of a stack, or a table of versions",
            allowed=tuple(NAMED),
            default="newest",
            option=True,
        ),
        Key(
            "session",
            BOOLEAN,
            "check for an unprivileged libvirt (qemu:///session) instead of the system one",
            option=True,
        ),
        Key("one-host", BOOLEAN, "treat the domains of all folders as those of one host", option=True),
        Key("qemu-conf", PATH, "the qemu.conf of the libvirt that runs the domains", option=True),
        Key(
            "host-facts",
            PATH,
            "check against the host that this file describes, written by vfslint host or virsh",
            option=True,
        ),
        Key("include", PATTERNS, "which files of a folder to check", default="*.xml and qemu.conf"),
        Key("exclude", PATTERNS, "files and folders to skip in a folder; named files too with --force-exclude"),
        Key(
            "fail-on",
            WORD,
            "the lowest severity that makes the exit status 1",
            allowed=("error", "warning", "note", "never"),
            default="warning",
            option=True,
        ),
    )
}
