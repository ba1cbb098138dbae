"""`vfslint setup`: the commands that prepare a host and its guests for domains, as a shell script.

The script is POSIX sh, can be run repeatedly, and contains values of the domain only in quotes: a mount tag may be any
text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

from vfslint.host import powershell
from vfslint.host.guest_steps import fstab_steps, unit_steps
from vfslint.host.host_steps import host_steps
from vfslint.host.shell import Step, functions_for, note, quoted
from vfslint.xml.printable import printable

if TYPE_CHECKING:
    from vfslint.context import Context
    from vfslint.domain.domain import Domain

_ROOT = '[ "$(id -u)" -eq 0 ] || { echo "run this as root" >&2; exit 1; }'
_USER = '[ "$(id -u)" -ne 0 ] || echo "run this as the user of qemu:///session" >&2'
_END = "END_OF_POWERSHELL"


class _Function(NamedTuple):
    """A command of the script: how it is called, and the body of its function."""

    words: str
    name: str
    lines: list[str]


def write(domains: Domain | Sequence[Domain], context: Context, out: TextIO, *, undo: bool = False) -> None:
    """Write the script for one domain, or for several that run together on one host.

    If facts of the host are known, only what is missing there is written. With `undo`, the script takes back what the
    other one did, which that has noted.
    """
    together = list(domains) if isinstance(domains, Sequence) else [domains]
    # What was missing when the other script was written is not known any more.
    steps = list(host_steps(together, context._replace(host=None) if undo else context))
    nothing = (
        "Nothing is missing on the host." if context.host and not undo else "Nothing needs to be done on the host."
    )
    names = [domain.name for domain in together]
    functions = [_Function("host", "host", _host(steps, names, nothing, context, undo=undo))]
    for number, domain in enumerate(together, 1):
        functions += _of_guest(domain, number, undo=undo, is_only=len(together) == 1)
    out.write(_script(functions, names, context, undo=undo))


def _host(steps: Sequence[Step], names: Sequence[str], nothing: str, context: Context, *, undo: bool) -> list[str]:
    root = "${XDG_STATE_HOME:-$HOME/.local/state}" if context.session else "/var/lib"
    notes = f'notes="{root}/vfslint/{note("host", *sorted(names))}"'
    return [_USER if context.session else _ROOT, *_body(steps, notes, nothing, undo=undo)]


def _of_guest(domain: Domain, number: int, *, undo: bool, is_only: bool) -> Iterable[_Function]:
    """Yield the ways to mount the shares of a guest: a Linux guest has two."""
    suffix = "" if is_only else f" {domain.name}"
    shares = list(domain.shares)
    tags = [share.tag for share in shares if share.tag]
    notes = f"notes=/var/lib/vfslint/{note('guest', domain.name)}"
    nothing = "Nothing needs to be mounted in the guest."
    for words, name, steps in (
        ("guest", f"guest_{number}", fstab_steps(shares)),
        ("guest-systemd", f"guest_systemd_{number}", unit_steps(shares)),
    ):
        yield _Function(words + suffix, name, [_ROOT, *_body(list(steps), notes, nothing, undo=undo)])
    if tags:
        lines = [f"cat << '{_END}'", *powershell.script(tags, undo=undo).split("\n"), _END]
        yield _Function(f"guest-windows{suffix}", f"guest_windows_{number}", lines)


def _body(steps: Sequence[Step], notes: str, nothing: str, *, undo: bool) -> list[str]:
    done = [step for step in steps if (step.undo if undo else step.commands)]
    lines = [notes] if any("notes" in body for body in functions_for(_commands(done, undo=undo))) else []
    for step in reversed(done) if undo else steps:
        lines += [f"# {line}" for line in (step.reason.split("\n") if not undo else ())]
        lines += step.undo if undo else step.commands
    return lines if done else [*lines, f"# {nothing}"]


def _commands(steps: Iterable[Step], *, undo: bool) -> list[str]:
    return [command for step in steps for command in (step.undo if undo else step.commands)]


def _script(functions: Sequence[_Function], names: Sequence[str], context: Context, *, undo: bool) -> str:
    shown = ", ".join(repr(printable(name)) for name in names)
    name = " NAME" if len(names) > 1 else ""
    what = "Takes back what vfslint setup did to" if undo else "Prepares"
    user = "as the user of the session, on the host" if context.session else "as root, on the host"
    pieces = [
        "#!/bin/sh",
        f"# {what} a host and a guest for {shown}: {context.target}.",
        f"# Written by vfslint setup. Read it first. Then run it {user}: sh FILE host, and as root in the",
        f"# guest: sh FILE guest{name}, or guest-systemd{name} for units of systemd in place of /etc/fstab.",
        f"# For Windows, run what sh FILE guest-windows{name} prints, in PowerShell as administrator.",
        "set -eu",
        "",
    ]
    for body in functions_for(line for function in functions for line in function.lines):
        pieces += [body, ""]
    for function in functions:
        pieces += [f"{function.name}() {{", *_indented(function.lines), "}", ""]
    pieces.append('case "$*" in')
    pieces += [f"{quoted(function.words)}) {function.name} ;;" for function in functions]
    usage = " | ".join(
        dict.fromkeys(
            function.words.split(" ")[0] + ("" if function.words == "host" else name) for function in functions
        )
    )
    pieces += ["*)", f'    echo "usage: $0 {usage}" >&2', "    exit 2", "    ;;", "esac", ""]
    return "\n".join(pieces)


def _indented(lines: Iterable[str]) -> Iterable[str]:
    """Indent the lines of a function, except for the text that it prints."""
    is_text = False
    for line in lines:
        yield line if is_text else f"    {line}"
        if line.startswith("cat << "):
            is_text = True
        elif line == _END:
            is_text = False
