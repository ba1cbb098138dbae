"""The memory balloon."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.device import NEW_PARSER, Balloon
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers


@rule(
    "VFS279",
    "balloon-period-malformed",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def balloon_period_malformed(balloon: Balloon, context: Context) -> Iterator[Problem]:
    """The period of the balloon's statistics is a whole number of seconds.

    Why: libvirt rejects what it cannot parse.
    Bad:
        <memballoon model='virtio'><stats period='5s'/></memballoon>
    Good:
        <memballoon model='virtio'><stats period='5'/></memballoon>
    libvirt says: invalid statistics collection period
    libvirt says: Invalid value for attribute 'period' in element 'stats'
    See: libvirt domain_conf.c:virDomainMemballoonDefParseXML
    """
    stats = balloon.node.child("stats")
    period = stats.attribute("period") if stats else None
    if period and not _is_period(period.value, context.target.libvirt):
        yield Problem(
            at=period.span,
            message=f"period {period.value!r} is not a number of seconds",
            help="write a number such as period='5', or remove <stats>",
            says=f"Invalid value for attribute 'period' in element 'stats': '{period.value}'. Expected integer value"
            if context.target.libvirt >= NEW_PARSER
            else "invalid statistics collection period",
        )


def _is_period(text: str, libvirt: Version) -> bool:
    if libvirt >= NEW_PARSER:
        seconds = numbers.based(text, 0, signed=True)
        return seconds is not None and -(2**31) <= seconds < 2**31
    return not text or numbers.unsigned(text) is not None
