"""Make man/vfslint.1, the manual page, from the command line's own parser.

python tools/make_manpage.py            write the page
python tools/make_manpage.py --check    only say whether the one that is there is fresh
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from vfslint.cli.parser import lint_parser
from vfslint.version import VERSION

PAGE = Path(__file__).resolve().parent.parent / "man" / "vfslint.1"
NOTICE = "Made from the parser in lint/cli/parser.py by tools/make_manpage.py. Do not edit."

ENVIRONMENT = {
    "NO_COLOR": "Any value but the empty one: no colours, unless --color=always asks for them.",
    "FORCE_COLOR": "Any value but the empty one: colours even where the output is no terminal.",
    "COLUMNS": "How wide the report may be where the output is no terminal.",
    "GITHUB_ACTIONS": "Where it is true and no --format names a format for standard output, findings become "
    "annotations as well, and a table of them goes to the file that GITHUB_STEP_SUMMARY names.",
}

EXAMPLES = {
    "virsh dumpxml guest | vfslint -": "Check a domain as libvirt has it.",
    "vfslint --target=rhel-9 guests/": "Check a folder for the releases that RHEL 9 ships.",
    "vfslint --format=sarif=vfslint.sarif guests/": "Print a report and write one for code scanning.",
    "vfslint explain 'virtiofs requires shared memory'": "Say what is behind a message of libvirt's.",
}


def text(plain: str) -> str:
    """Return running text as roff takes it to the letter."""
    escaped = plain.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", "\\&", escaped, flags=re.MULTILINE)


def tagged(tag: str, description: str) -> Iterator[str]:
    yield ".TP"
    yield f".B {text(tag)}"
    yield text(description)


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield each group of options as a section of its own."""
    formatter = parser._get_formatter()
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if action.option_strings]
        if not actions:
            continue
        yield f".SH {text((group.title or 'options').upper())}"
        for action in actions:
            tag = ", ".join(action.option_strings)
            if action.nargs != 0:
                tag += f" {formatter._format_args(action, formatter._get_default_metavar_for_optional(action))}"
            yield from tagged(tag, formatter._expand_help(action))


def epilogue(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the paragraphs below the options: `title: text`, or `title:` and lines of two columns."""
    for paragraph in (parser.epilog or "").split("\n\n"):
        title, _, body = paragraph.partition(":")
        yield f".SH {text(title.strip().upper())}"
        if not body.startswith("\n"):
            yield text(" ".join(body.split()))
            continue
        for line in body.strip().splitlines():
            tag, *description = re.split(r" {2,}", line.strip(), maxsplit=1)
            yield from tagged(tag, *(description or [""]))


def make() -> str:
    parser = lint_parser()
    lines = [
        f'.\\" {NOTICE}',
        f'.TH VFSLINT 1 "" "vfslint {VERSION}" "User Commands"',
        ".SH NAME",
        "vfslint \\- check libvirt domain XML and qemu.conf for what will go wrong with virtio\\-fs",
        ".SH SYNOPSIS",
        ".B vfslint",
        text((parser.usage or "").removeprefix("vfslint").strip()),
        ".br",
        ".B vfslint",
        ".I COMMAND",
        ".SH DESCRIPTION",
        text(parser.description or ""),
    ]
    positional = [action for action in parser._actions if not action.option_strings]
    for action in positional:
        lines += tagged(str(action.metavar or action.dest), action.help or "")
    lines += [*options(parser), *epilogue(parser), ".SH ENVIRONMENT"]
    for name, meaning in ENVIRONMENT.items():
        lines += tagged(name, meaning)
    lines.append(".SH EXAMPLES")
    for command, meaning in EXAMPLES.items():
        lines += tagged(command, meaning)
    lines += [".SH SEE ALSO", ".BR virsh (1),", ".BR virtiofsd (1),", ".BR virt\\-xml\\-validate (1)"]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    made = make()
    if arguments != ["--check"]:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(made, encoding="utf-8", newline="\n")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == made:
        return 0
    print(f"{PAGE} is stale: run python {sys.argv[0]}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
