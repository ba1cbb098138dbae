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
    """A guest protected by AMD SEV has a policy, and that of another guest is a number.

    Why: the bits of the policy determine whether the guest can be debugged, migrated and so on; there is no
        default, except for Intel TDX.
    Bad:
        <launchSecurity type='sev'><policy>none</policy></launchSecurity>
    Bad (libvirt 11.3.0):
        <launchSecurity type='sev-snp'/>
    Good:
        <launchSecurity type='sev'><policy>0x0003</policy></launchSecurity>
    libvirt says: failed to get launch security policy
    libvirt says: failed to get launch security policy for launch security type TDX
    See: libvirt domain_conf.c:virDomainSEVDefParseXML, virDomainSEVSNPDefParseXML
    """
    kind, policy = security.value("type"), security.child("policy")
    text = policy.text if policy else ""
    if kind == "sev":
        is_valid = numbers.is_policy(text)
    elif kind in ("sev-snp", "tdx"):
        is_valid = numbers.based(text, 16, bits=64) is not None or (kind == "tdx" and not text)
    else:
        return
    if not is_valid:
        yield Problem(
            at=(policy or security).text_span,
            message="<launchSecurity> has no valid policy",
            help=f"write <policy>0x…</policy>, up to {8 if kind == 'sev' else 16} hexadecimal digits",
            says="failed to get launch security policy" + (" for launch security type TDX" if kind == "tdx" else ""),
        )
