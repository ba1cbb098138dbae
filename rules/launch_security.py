"""Confidential guests."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain.elements import LaunchSecurity
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers


@rule(
    "VFS069",
    "launch-security-without-policy",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
)
def launch_security_without_policy(security: LaunchSecurity) -> Iterator[Problem]:
    """A guest protected by AMD SEV has a policy.

    Why: the bits of the policy determine whether the guest can be debugged, migrated and so on; there is no
        default.
    Bad:
        <launchSecurity type='sev'><policy>none</policy></launchSecurity>
    Good:
        <launchSecurity type='sev'><policy>0x0003</policy></launchSecurity>
    libvirt says: failed to get launch security policy
    See: libvirt domain_conf.c:virDomainSEVDefParseXML
    """
    policy = security.child("policy")
    if security.value("type") == "sev" and not (policy and numbers.is_policy(policy.text)):
        yield Problem(
            at=(policy or security).text_span,
            message="<launchSecurity> has no valid policy",
            help="write <policy>0x…</policy>, up to 8 hexadecimal digits",
        )
