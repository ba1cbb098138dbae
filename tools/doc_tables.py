"""Generated tables in pages of docs/, between these two comments.

    <!-- generated: NAME -->
    <!-- end of generated -->

`python -m tools.make_docs --refresh` rewrites them; a test checks that they are up to date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.conformance.explained import EXPLAINED
from tools.conformance import RELEASES, compared
from tools.make_configuration_schema import sentence
from vfslint.cli.options import ENVIRONMENT
from vfslint.config import keys
from vfslint.config.keys import KEYS, Key
from vfslint.distributions import STACKS
from vfslint.targets import spell, version

ROOT = Path(__file__).resolve().parent.parent
CASES = {
    "cases.jsonl.gz": "what vfslint was developed with",
    "more-cases.jsonl.gz": "more of the same kinds, and printed domains with mistakes introduced",
    "kinds.jsonl.gz": "one small domain for each kind of check that was once missed",
    "devices.jsonl.gz": "mutants of all kinds of devices",
}

_GENERATED = re.compile(r"(<!-- generated: ([\w-]+) -->\n)(.*?)(<!-- end of generated -->)", re.DOTALL)


def refreshed(page: str) -> str:
    """Return a page with its generated tables updated."""
    return _GENERATED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[4]}", page)


def _table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def targets() -> str:
    """Return the named targets."""
    rows = (
        (
            ", ".join(f"`{name}`" for name in (main, *stack.aliases)),
            spell(stack.target.libvirt),
            spell(stack.target.qemu),
            spell(stack.target.virtiofsd) if stack.target.virtiofsd else "the C daemon of QEMU",
            f"{stack.source}, {stack.date}",
        )
        for main, stack in STACKS.items()
    )
    return _table(("name", "libvirt", "QEMU", "virtiofsd", "source"), rows)


def configuration_keys() -> str:
    """Return the keys of a configuration."""
    rows = (
        (f"`{key.name}`", _value(key), sentence(key), f"`--{key.name}`" if key.option else "") for key in KEYS.values()
    )
    return _table(("key", "value", "meaning", "option"), rows)


def _value(key: Key) -> str:
    if key.type == keys.WORD:
        return ", ".join(f"`{word}`" for word in key.allowed)
    return {keys.TARGET: "name, or table", keys.BOOLEAN: "`true` or `false`"}.get(key.type, key.type)


def environment() -> str:
    """Return the environment variables that vfslint reads."""
    return _table(("variable", "meaning"), ((f"`{name}`", meaning) for name, meaning in ENVIRONMENT.items()))


def figures() -> str:
    """Return how far vfslint and libvirt agree, by file of cases, release and question."""
    heads = ("cases", "libvirt", "domains", "define", "validate", "missed rejections", "false alarms")
    return _table(heads, _figures())


def _figures() -> Iterator[tuple[str, ...]]:
    for file in CASES:
        for release in sorted(RELEASES, key=version):
            asked, differing = compared(ROOT / "tests" / "data" / file, release)
            agreeing = {
                question: 1 - sum(case.question == question for case in differing) / asked[release, question]
                for question in ("define", "validate")
            }
            alarms = sum(case.false_alarm for case in differing)
            yield (
                f"`{file}`",
                release,
                f"{asked[release, 'define']:,}",
                f"{100 * agreeing['define']:.2f} %",
                f"{100 * agreeing['validate']:.2f} %",
                str(len(differing) - alarms),
                str(alarms),
            )


def disagreements() -> str:
    """Return all known differences, with their reasons."""
    rows = (
        (
            explained.name,
            f"`{explained.message.replace('|', '&#124;')}`" if explained.message else "",
            ", ".join(sorted(explained.codes)),
            explained.reason.replace("|", "\\|"),
        )
        for explained in EXPLAINED
    )
    return _table(("what", "libvirt's message", "vfslint's codes", "reason"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "targets": targets,
    "configuration-keys": configuration_keys,
    "environment": environment,
    "figures": figures,
    "disagreements": disagreements,
}
