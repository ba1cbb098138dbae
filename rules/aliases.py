"""Aliases: names of devices for management software."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.filesystem import VirtioFS
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.xml.document import Attribute
from vfslint.xml.edits import set_value


@rule("VFS260", "alias-repeated", severity=Severity.ERROR, stage=Stage.DEFINE)
def alias_repeated(domain: Domain) -> Iterator[Problem]:
    """Each alias is used by one device.

    Why: an alias identifies a device to QEMU and to libvirt's clients.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias name='ua-share'/></filesystem>
        <interface type='user'><alias name='ua-share'/></interface>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias name='ua-share'/></filesystem>
        <interface type='user'><alias name='ua-net'/></interface>
    libvirt says: non unique alias detected
    See: libvirt domain_validate.c:virDomainDefValidateAliases
    """
    first: dict[str, Attribute] = {}
    for alias in domain.aliases:
        if alias.value in first:
            yield Problem(
                at=alias.span,
                message=f"alias {alias.value!r} is used twice",
                label="used again",
                related=(Related(first[alias.value].span, "used first"),),
                help="give each device its own alias",
                says=f"non unique alias detected: {alias.value}",
            )
        else:
            first[alias.value] = alias


@rule("VFS261", "alias-dropped", severity=Severity.NOTE, stage=Stage.NEVER)
def alias_dropped(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """A user-defined alias starts with `ua-`.

    Why: libvirt generates all other aliases at each start, and drops them when the domain is defined.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias name='share'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias name='ua-share'/></filesystem>
    Fix: adds the prefix `ua-`.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias name='ua-share'/></filesystem>
    See: libvirt domain_conf.c:virDomainDeviceInfoParseXML
    """
    alias = fs.named_alias
    if alias and not alias.value.startswith("ua-") and not context.domain.is_live:
        yield Problem(
            at=alias.span,
            message=f"alias {alias.value!r} is dropped by libvirt, because it does not start with 'ua-'",
            help=f"write 'ua-{alias.value}'",
            fix=Fix("add the prefix 'ua-'", (set_value(alias, f"ua-{alias.value}"),)),
        )
