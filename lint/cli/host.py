"""The commands `vfslint host` and `vfslint setup`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TextIO

from vfslint.config.profile import Resolver
from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.engine import domains_in
from vfslint.files import is_conf
from vfslint.host import setup_script, survey
from vfslint.qemu_conf import reader
from vfslint.qemu_conf.reader import QemuConf
from vfslint.sources import read_source
from vfslint.usage import UsageError
from vfslint.xml.document import Malformed, read


def host(options: SimpleNamespace, stdout: TextIO) -> None:
    """Write the facts of this machine as JSON, with what the named domains and qemu.conf files name."""
    context = Context(session=bool(options.session))
    confs = [_conf(path) for path in options.operands if is_conf(path, "auto")]
    files = [path for path in options.operands if not is_conf(path, "auto")]
    domains = [domain for path in files for domain in _domains(path, context)]
    survey.write(stdout, domains, confs, host=survey.take(session=context.session))


def setup(options: SimpleNamespace, stdout: TextIO) -> None:
    """Write a script that prepares the host and the guests for the domains of some files."""
    resolver = Resolver(options)
    context = resolver.context(resolver.configurations.of(options.operands[0]))
    domains = [domain for path in options.operands for domain in _domains(path, context)]
    if not domains:
        raise UsageError(f"{options.operands[0]} contains no domain")
    setup_script.write(domains, context, stdout, undo=bool(options.undo))


def _conf(path: str) -> QemuConf:
    try:
        return reader.read(read_source(path))
    except reader.Unreadable as error:
        raise UsageError(f"{path}:{error.line}: {error.message}") from None


def _domains(path: str, context: Context) -> list[Domain]:
    try:
        return domains_in(read(read_source(path)), context)
    except Malformed as error:
        raise UsageError(f"{path}:{error.line}: not well-formed XML: {error.message}") from None
