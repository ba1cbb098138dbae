"""Make man/vfslint.1, the manual page, from the table of options.

python tools/make_manpage.py            write the page
python tools/make_manpage.py --check    only check that the page is up to date
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from vfslint.cli import help
from vfslint.cli.options import ENVIRONMENT, EXIT_STATUS, LINT
from vfslint.version import VERSION

PAGE = Path(__file__).resolve().parent.parent / "man" / "vfslint.1"
NOTICE = "Made by tools/make_manpage.py from lint/cli/options.py. Do not edit."

EXAMPLES = {
    "virsh dumpxml guest | vfslint -": "Check a domain that is defined in libvirt.",
    "vfslint --target=rhel-9 guests/": "Check a folder for the releases that RHEL 9 ships.",
    "vfslint --format=sarif=vfslint.sarif guests/": "Print a report and write one for code scanning.",
    "vfslint explain 'virtiofs requires shared memory'": "Explain an error message from libvirt.",
}


def text(plain: str) -> str:
    """Return running text escaped for roff."""
    escaped = plain.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", "\\&", escaped, flags=re.MULTILINE)


def tagged(tag: str, description: str) -> Iterator[str]:
    yield ".TP"
    yield f".B {text(tag)}"
    yield text(description)


def make() -> str:
    lines = [
        f'.\\" {NOTICE}',
        f'.TH VFSLINT 1 "" "vfslint {VERSION}" "User Commands"',
        ".SH NAME",
        "vfslint \\- find virtio\\-fs and shared\\-memory mistakes in libvirt domain XML and qemu.conf",
        ".SH SYNOPSIS",
        ".B vfslint",
        text(help.usage(LINT).removeprefix("vfslint ")),
        ".br",
        ".B vfslint",
        ".I COMMAND",
        ".SH DESCRIPTION",
        text(LINT.summary),
    ]
    for title, rows in help.sections(LINT):
        # Arguments are part of the description.
        lines += [] if title == "arguments" else [f".SH {text(title.upper())}"]
        for tag, description in rows:
            lines += tagged(tag, description)
    lines += [".SH EXIT STATUS", text(EXIT_STATUS), ".SH ENVIRONMENT"]
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
