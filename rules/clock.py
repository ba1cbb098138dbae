"""The clock of a guest and its timers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.elements import Clock, Timer
from vfslint.domain.machine import ARM_VIRT
from vfslint.findings import Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import Version
from vfslint.vocabulary import numbers

# The last second of the year 9999, up to which GLib converts times.
LATEST_START = 253402300799


@rule("VFS058", "clock-incomplete", severity=Severity.ERROR, stage=Stage.PARSE)
def clock_incomplete(clock: Clock, context: Context) -> Iterator[Problem]:
    """A clock has the attributes that its offset requires.

    Why: a clock with offset 'timezone' has a time zone, an absolute one has a start until the year 9999, and its
        adjustment is 'reset' or a number of seconds.
    Bad:
        <clock offset='timezone'/>
    Bad:
        <clock offset='absolute' start='253402300800'/>
    Good:
        <clock offset='timezone' timezone='Europe/Paris'/>
    libvirt says: missing 'timezone' attribute for clock with offset='timezone'
    libvirt says: missing 'start' attribute for clock with offset='absolute'
    libvirt says: The maximum 'start' value for <clock offset='absolute'> is 253402300799
    libvirt says: unknown clock adjustment 'x'
    See: libvirt domain_conf.c:virDomainDefClockParse; qemu_validate.c:qemuValidateDomainDefClockTimers
    """
    offset, adjustment = clock.value("offset"), clock.value("adjustment")
    if offset == "timezone" and not clock.value("timezone"):
        yield Problem(
            at=clock.start_span,
            message="a clock with offset 'timezone' has no time zone",
            help="write timezone='…'",
            says="missing 'timezone' attribute for clock with offset='timezone'",
        )
    if offset == "absolute" and context.target.libvirt >= (8, 4, 0):
        written = clock.value("start")
        start = numbers.unsigned(written or "", bits=64)
        if start is None:
            yield Problem(
                at=clock.at("start"),
                message="a clock with offset 'absolute' has no start"
                if written is None
                else f"the clock starts at {written!r}, which is not a number of seconds",
                help="write start='…', in seconds since 1970",
                says="missing 'start' attribute for clock with offset='absolute'",
            )
        elif start > LATEST_START:
            yield Problem(
                at=clock.at("start"),
                message=f"the clock starts at {start}, which is after the year 9999",
                help=f"write at most {LATEST_START}",
                stage=Stage.DEFINE,
                says=f"The maximum 'start' value for <clock offset='absolute'> is {LATEST_START}",
            )
    is_number = adjustment in (None, "", "reset") or numbers.integer(adjustment or "", bits=64) is not None
    if offset in ("utc", "localtime", None, "") and not is_number:
        yield Problem(
            at=clock.at("adjustment"),
            message=f"clock adjustment {adjustment!r} is neither 'reset' nor a number",
            help="write 'reset' or a number of seconds",
            says=f"unknown clock adjustment '{adjustment}'",
        )


class _Settings(NamedTuple):
    """The settings that libvirt refuses for some timers, with the timers that support them."""

    track: frozenset[str] = frozenset({"platform", "rtc"})
    tickpolicy: frozenset[str] = frozenset({"platform", "rtc", "tsc", "hpet", "pit", "armvtimer"})
    frequency: frozenset[str] = frozenset({"tsc"})
    mode: frozenset[str] = frozenset({"tsc"})


_SUPPORT = _Settings()
# What QEMU cannot do: the reason is that it has no such option of -rtc and of its PIT.
_IMPOSSIBLE = {
    ("rtc", "track"): ("boot",),
    ("rtc", "tickpolicy"): ("merge", "discard"),
    ("pit", "tickpolicy"): ("merge",),
}


@rule("VFS960", "timer-setting-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def timer_setting_unsupported(timer: Timer) -> Iterator[Problem]:
    """A timer has only the settings that it supports.

    Why: only the time stamp counter has a frequency and a mode, only the real-time clock a track, and the
        paravirtual clocks do not tick. How missed ticks are caught up is set only for tickpolicy='catchup'. The
        real-time clock of QEMU delays ticks or catches up, its PIT also discards them.
    Bad:
        <clock offset='utc'><timer name='kvmclock' tickpolicy='delay'/></clock>
    Bad:
        <clock offset='utc'><timer name='rtc' tickpolicy='delay'><catchup slew='120'/></timer></clock>
    Bad:
        <clock offset='utc'><timer name='hpet' frequency='1000'/></clock>
    Bad:
        <clock offset='utc'><timer name='hpet' mode='native'/></clock>
    Bad:
        <clock offset='utc'><timer name='pit' track='guest'/></clock>
    Bad:
        <clock offset='utc'><timer name='rtc' track='boot'/></clock>
    Bad:
        <clock offset='utc'><timer name='rtc' tickpolicy='merge'/></clock>
    Bad:
        <clock offset='utc'><timer name='pit' tickpolicy='merge'/></clock>
    Good:
        <clock offset='utc'>
          <timer name='rtc' track='guest' tickpolicy='catchup'>
            <catchup threshold='123' slew='120' limit='10000'/></timer>
          <timer name='pit' tickpolicy='delay'/>
          <timer name='tsc' frequency='2000000000' mode='native'/>
        </clock>
    libvirt says: timer kvmclock doesn't support setting of timer tickpolicy
    libvirt says: setting of timer catchup policies is only supported with tickpolicy='catchup'
    libvirt says: timer hpet doesn't support setting of timer frequency
    libvirt says: timer hpet doesn't support setting of timer mode
    libvirt says: timer pit doesn't support setting of timer track
    libvirt says: unsupported rtc timer track 'boot'
    libvirt says: unsupported rtc timer tickpolicy 'merge'
    libvirt says: unsupported pit tickpolicy 'merge'
    See: libvirt domain_postparse.c:virDomainDefPostParseTimer; qemu_validate.c:qemuValidateDomainDefClockTimers
    """
    name = timer.value("name") or ""
    for setting, supporting in _SUPPORT._asdict().items():
        value = timer.value(setting)
        # A frequency of 0 is the same as none.
        if value is None or (setting == "frequency" and numbers.unsigned(value, bits=64) == 0):
            continue
        if name in _NAMES and name not in supporting:
            yield Problem(
                at=timer.at(setting),
                message=f"timer {name!r} does not support '{setting}'",
                help=f"remove {setting}",
                says=f"timer {name} doesn't support setting of timer {setting}",
            )
        elif value in _IMPOSSIBLE.get((name, setting), ()):
            yield Problem(
                at=timer.at(setting),
                message=f"timer {name!r} does not support {setting} {value!r}",
                help=f"write another {setting}, or remove it",
                says=f"unsupported {name} {'timer ' if name == 'rtc' else ''}{setting} '{value}'",
            )
    catchup = timer.child("catchup")
    policy = timer.value("tickpolicy")
    if catchup and policy != "catchup" and any(_is_set(catchup.value(name)) for name in ("threshold", "slew", "limit")):
        yield Problem(
            at=catchup.start_span,
            message=f"<catchup> has no effect with tickpolicy {policy!r}" if policy else "<catchup> has no tickpolicy",
            help="write tickpolicy='catchup', or remove <catchup>",
            says="setting of timer catchup policies is only supported with tickpolicy='catchup'",
        )


_NAMES = frozenset({"platform", "pit", "rtc", "hpet", "tsc", "kvmclock", "hypervclock", "armvtimer"})


def _is_set(value: str | None) -> bool:
    """Whether a number is written and is not 0; libvirt rejects what is not a number as well."""
    return bool(value) and numbers.unsigned(value or "", bits=64) != 0


@rule("VFS961", "timer-not-on-this-machine", severity=Severity.ERROR, stage=Stage.DEFINE)
def timer_not_on_this_machine(timer: Timer, context: Context) -> Iterator[Problem]:
    """The guest's machine has the timer.

    Why: the timers of PCs exist only on x86, the architected timer of ARM is configured only for KVM guests with a
        virt machine, and 'platform' is for Xen. A timer with present='no' is accepted where it never exists, except
        for the last two. Outside x86, QEMU's PIT does not catch up.
    Bad:
        <clock offset='utc'><timer name='platform'/></clock>
    Bad:
        <clock offset='utc'><timer name='armvtimer' tickpolicy='discard'/></clock>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <clock offset='utc'><timer name='hpet' present='yes'/></clock>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <clock offset='utc'><timer name='kvmclock' present='yes'/></clock>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <clock offset='utc'><timer name='pit' tickpolicy='catchup'/></clock>
    Bad:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <clock offset='utc'><timer name='armvtimer' present='no'/></clock>
    Good:
        <clock offset='utc'><timer name='hpet' present='yes'/><timer name='kvmclock' present='yes'/></clock>
    Good:
        <os><type arch='aarch64' machine='virt'>hvm</type></os>
        <emulator>/usr/bin/qemu-system-aarch64</emulator>
        <clock offset='utc'><timer name='armvtimer' tickpolicy='discard'/></clock>
    libvirt says: unsupported timer type (name) 'platform'
    libvirt says: hpet timer is not supported by this architecture
    libvirt says: The 'armvtimer' timer can't be disabled
    See: libvirt qemu_validate.c:qemuValidateDomainDefClockTimers
    """
    name = timer.value("name") or ""
    fault = _fault_of_timer(timer, name, context.domain, context.target.libvirt)
    if fault:
        yield Problem(at=timer.start_span, message=fault[0], help="remove it", says=fault[1])


def _fault_of_timer(timer: Timer, name: str, domain: Domain, libvirt: Version) -> tuple[str, str] | None:
    """Return what is wrong with a timer, and what libvirt prints; libvirt prints the full machine type, if any."""
    is_present = timer.value("present") == "yes"
    policy = timer.value("tickpolicy")
    if name == "platform":
        return "timer 'platform' is only for Xen", "unsupported timer type (name) 'platform'"
    if name in ("tsc", "kvmclock", "hypervclock") and is_present and not domain.is_x86:
        return f"{domain.arch} guests have no timer {name!r}", ""
    if name == "hpet" and is_present and not domain.is_x86:
        says = "hpet timer is not supported"
        return (
            f"{domain.arch} guests have no timer 'hpet'",
            says + (" by this architecture" if libvirt >= (11, 3, 0) else ""),
        )
    if name == "pit" and policy == "catchup" and not domain.is_x86:
        return f"on {domain.arch}, timer 'pit' does not catch up", "unsupported pit tickpolicy 'catchup'"
    if name == "armvtimer":
        if domain.machine_type.board is not ARM_VIRT or domain.type != "kvm":
            return "timer 'armvtimer' is only for KVM guests with an ARM virt machine", ""
        if timer.value("present") == "no":
            return "timer 'armvtimer' cannot be disabled", "The 'armvtimer' timer can't be disabled"
        if policy in ("catchup", "merge"):
            return (
                f"timer 'armvtimer' does not support tickpolicy {policy!r}",
                f"The 'armvtimer' timer does not support tickpolicy '{policy}'",
            )
    return None
