"""The commands `vfslint host` and `vfslint setup`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TextIO

from vfslint.config.profile import Resolver
from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.engine import domains_in
from vfslint.host import setup_script, survey
from vfslint.sources import read_source
from vfslint.usage import UsageError
from vfslint.xml.document import Malformed, read


def host(options: SimpleNamespace, stdout: TextIO) -> None:
    """Write the facts of this machine as JSON, with the paths that the named domains use."""
    context = Context(session=bool(options.session))
    domains = [domain for path in options.operands for domain in _domains(path, context)]
    survey.write(stdout, domains, host=survey.take(session=context.session))


def setup(options: SimpleNamespace, stdout: TextIO) -> None:
    """Write a script that prepares the host and the guests for the domains of some files."""
    resolver = Resolver(options)
    context = resolver.context(resolver.configurations.of(options.operands[0]))
    domains = [domain for path in options.operands for domain in _domains(path, context)]
    if not domains:
        raise UsageError(f"{options.operands[0]} contains no domain")
    setup_script.write(domains, context, stdout, undo=bool(options.undo))


def _domains(path: str, context: Context) -> list[Domain]:
    try:
        return domains_in(read(read_source(path)), context)
    except Malformed as error:
        raise UsageError(f"{path}:{error.line}: not well-formed XML: {error.message}") from None
