"""The commands `vfslint host` and `vfslint setup`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from vfslint.cli.options import Complaint, Options
from vfslint.cli.parser import lint_parser
from vfslint.config.profile import Choices
from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.engine import domains_in
from vfslint.xml.document import MAXIMUM_BYTES, Malformed, read
from vfslint.xml.source import Source


def host(argv: Sequence[str], stdout: TextIO) -> int:
    """Write the facts of this machine as JSON, with the paths that the named domains use."""
    from vfslint.host import survey

    options = _options("host", "Write the facts of this machine, for --host-facts.", argv, stdout)
    if options:
        context = Context(session=bool(options.session))
        domains = [domain for path in options.paths for domain in _domains(path, context)]
        survey.write(stdout, domains, host=survey.take(session=context.session))
    return 0


def setup(argv: Sequence[str], stdout: TextIO) -> int:
    """Write a script that prepares the host and the guests for the domains of some files."""
    from vfslint.host import setup_script

    about = "Write a script that prepares a host and a guest; with --host only what is still missing."
    options = _options("setup", about, argv, stdout)
    if not options:
        return 0
    if not options.paths:
        raise Complaint("name at least one file with a domain (see vfslint setup --help)")
    choices = Choices(options)
    context = choices.context(choices.configuration(options.paths[0]))
    domains = [domain for path in options.paths for domain in _domains(path, context)]
    if not domains:
        raise Complaint(f"there is no domain in {options.paths[0]}")
    setup_script.write(domains, context, stdout)
    return 0


def _options(command: str, about: str, argv: Sequence[str], stdout: TextIO) -> Options | None:
    """Return the options; None where help was asked for and given."""
    usage = f"vfslint {command} [OPTION…] {'FILE…' if command == 'setup' else '[FILE…]'}"
    options = lint_parser(f"vfslint {command}", usage).parse_args(argv, Options())
    if options.help:
        stdout.write(f"usage: {usage}\n\n{about}\nOptions as for vfslint: --target, --session, --host …\n")
        return None
    return options


def _domains(path: str, context: Context) -> list[Domain]:
    try:
        with open(path, "rb") as file:
            source = Source(file.read(MAXIMUM_BYTES + 1), path)
        return domains_in(read(source), context)
    except OSError as error:
        raise Complaint(f"cannot read {path}: {error.strerror or error}") from None
    except Malformed as error:
        raise Complaint(f"{path}:{error.line}: not well-formed XML: {error.message}") from None
