"""Tuning of a guest's threads: which threads, and how the host schedules them."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.cpu import ThreadTuning, has_iothread
from vfslint.domain.domain import Domain
from vfslint.domain.elements import CpuPin, CpuShares, IoThreadPool
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers
from vfslint.vocabulary.bitmap import Bitmap, clashes
from vfslint.xml.document import Node


@rule("VFS055", "pinned-twice", severity=Severity.ERROR, stage=Stage.PARSE)
def pinned_twice(pins: list[CpuPin]) -> Iterator[Problem]:
    """Each vCPU, I/O thread and the emulator is pinned to host CPUs only once, and the set is not missing.

    Why: two bindings of one thread could contradict each other. libvirt ignores those of vCPUs that the guest does
        not have.
    Bad:
        <cputune><vcpupin vcpu='0' cpuset='1'/><vcpupin vcpu='0' cpuset='2'/></cputune>
    Bad:
        <cputune><emulatorpin cpuset='1'/><emulatorpin cpuset='1'/></cputune>
    Bad:
        <cputune><vcpupin vcpu='0'/></cputune>
    Good:
        <cputune><vcpupin vcpu='0' cpuset='1-2'/></cputune>
    libvirt says: duplicate vcpupin for vcpu '0'
    libvirt says: duplicate iothreadpin for same iothread '1'
    libvirt says: missing cpuset for vcpupin
    libvirt says: only one emulatorpin is supported
    See: libvirt domain_conf.c:virDomainVcpuPinDefParseXML, virDomainEmulatorPinDefParseXML,
        virDomainIOThreadPinDefParseXML
    """
    seen: dict[tuple[str, int | str | None], Node] = {}
    for pin in pins:
        attribute = {"iothreadpin": "iothread", "vcpupin": "vcpu"}.get(pin.tag)
        written = pin.value(attribute) if attribute else None
        number = numbers.unsigned(written or "")
        first = seen.setdefault((pin.tag, written if number is None else number), pin)
        if pin.value("cpuset") is None:
            yield Problem(
                at=pin.start_span,
                message=f"<{pin.tag}> has no 'cpuset'",
                help="write cpuset='…'",
                says=f"missing cpuset for {pin.tag}",
            )
        elif first is not pin:
            yield Problem(
                at=pin.start_span,
                message=f"<{pin.tag}> appears twice for the same thread",
                help="keep one of them",
                related=(Related(first.start_span, "the first"),),
                says={
                    "vcpupin": f"duplicate vcpupin for vcpu '{number}'",
                    "iothreadpin": f"duplicate iothreadpin for same iothread '{number}'",
                }.get(pin.tag, "only one emulatorpin is supported"),
            )


@rule("VFS966", "tuned-thread-missing", severity=Severity.ERROR, stage=Stage.PARSE)
def tuned_thread_missing(tuning: ThreadTuning, context: Context) -> Iterator[Problem]:
    """A thread that is tuned exists.

    Why: a scheduler is for the vCPUs 0 to one less than the number in `<vcpu>`, and for I/O threads that
        `<iothreads>` or `<iothreadids>` makes. Only bindings of vCPUs that do not exist are ignored.
    Bad:
        <vcpu>4</vcpu>
        <cputune><vcpusched vcpus='0-4' scheduler='batch'/></cputune>
    Bad:
        <iothreads>2</iothreads>
        <cputune><iothreadsched iothreads='3' scheduler='batch'/></cputune>
    Bad:
        <cputune><iothreadpin iothread='1' cpuset='0'/></cputune>
    Good:
        <iothreads>1</iothreads>
        <cputune><vcpusched vcpus='0-3' scheduler='batch'/><iothreadpin iothread='1' cpuset='0'/></cputune>
    libvirt says: vCPU '4' is not present in domain definition
    libvirt says: Cannot find 'iothread' : 3
    See: libvirt domain_conf.c:virDomainIOThreadPinDefParseXML, virDomainThreadSchedParseHelper
    """
    domain = context.domain
    missing = next((number for number in tuning.threads if not _exists(domain, tuning, number)), None)
    if missing is None:
        return
    if tuning.tag == "vcpusched":
        message = f"vCPU {missing} does not exist; the last one is {(domain.vcpus or 1) - 1}"
        says = f"vCPU '{missing}' is not present in domain definition"
        remedy = "raise the number in <vcpu>, or remove it"
    else:
        message = f"the domain has no I/O thread {missing}"
        says = f"Cannot find 'iothread' : {missing}"
        remedy = "raise the number in <iothreads>, or remove it"
    yield Problem(at=tuning.at(tuning.named_by or ""), message=message, help=remedy, says=says)


def _exists(domain: Domain, tuning: ThreadTuning, number: int) -> bool:
    if tuning.tag == "vcpusched":
        return domain.vcpus is None or number < domain.vcpus
    # An <iothreadpin> of thread 0 is rejected anyway.
    return has_iothread(domain, number) and (number > 0 or tuning.tag == "iothreadpin")


@rule("VFS967", "scheduled-twice", severity=Severity.ERROR, stage=Stage.PARSE)
def scheduled_twice(tunings: list[ThreadTuning]) -> Iterator[Problem]:
    """Each vCPU, I/O thread and the emulator has only one scheduler.

    Why: the host's kernel schedules a thread by one policy.
    Bad:
        <cputune><vcpusched vcpus='0-3' scheduler='batch'/><vcpusched vcpus='3' scheduler='batch'/></cputune>
    Bad:
        <cputune><emulatorsched scheduler='batch'/><emulatorsched scheduler='batch'/></cputune>
    Good:
        <cputune><vcpusched vcpus='0-2' scheduler='batch'/><vcpusched vcpus='3' scheduler='batch'/></cputune>
    libvirt says: 'vcpusched' attributes 'vcpus' must not overlap
    libvirt says: only one emulatorsched is supported
    See: libvirt domain_conf.c:virDomainThreadSchedParseHelper, virDomainDefTunablesParse
    """
    for tag in dict.fromkeys(tuning.tag for tuning in tunings if tuning.tag != "iothreadpin"):
        of_tag = [tuning for tuning in tunings if tuning.tag == tag]
        for one, another in clashes(Bitmap(tuning.threads if tuning.named_by else (0,)) for tuning in of_tag):
            first, tuning = of_tag[one], of_tag[another]
            is_emulator = tuning.named_by is None
            yield Problem(
                at=tuning.at(tuning.named_by or "scheduler"),
                message="<emulatorsched> appears more than once"
                if is_emulator
                else f"<{tuning.tag}> names threads that another one names",
                help="keep one" if is_emulator else "name each thread once",
                related=(Related(first.start_span, "the first"),),
                says="only one emulatorsched is supported"
                if is_emulator
                else f"'{tuning.tag}' attributes '{tuning.named_by}' must not overlap",
            )


@rule("VFS972", "cpu-shares-out-of-range", severity=Severity.ERROR, stage=Stage.DEFINE)
def cpu_shares_out_of_range(shares: CpuShares, context: Context) -> Iterator[Problem]:
    """The guest's weight for CPU time is a number from 2 to 262144.

    Why: these are the limits of the host's kernel. Only some releases of libvirt check them, among them 9.0.0; others
        fail when the guest starts or use the nearest number.
    Bad (libvirt 9.0.0):
        <cputune><shares>262145</shares></cputune>
    Good:
        <cputune><shares>2048</shares></cputune>
    libvirt says: Value of cputune 'shares' must be in range [2, 262144]
    See: libvirt domain_validate.c:virDomainDefCputuneValidate
    """
    number = numbers.unsigned(shares.text, bits=64)
    if number and not 2 <= number <= 262144 and (9, 0, 0) <= context.target.libvirt < (9, 1, 0):
        yield Problem(
            at=shares.text_span,
            message=f"the weight of CPU time, {number}, is out of range (2-262144)",
            help="write a number in this range",
        )


@rule("VFS968", "thread-pool-bounds", severity=Severity.ERROR, stage=Stage.DEFINE)
def thread_pool_bounds(pool: IoThreadPool, context: Context) -> Iterator[Problem]:
    """The bounds of a thread pool allow at least one worker thread.

    Why: QEMU starts between `thread_pool_min` and `thread_pool_max` threads for blocking requests. libvirt accepts a
        minimum only together with a maximum.
    Bad:
        <iothreadids><iothread id='1' thread_pool_min='8' thread_pool_max='4'/></iothreadids>
    Bad:
        <iothreadids><iothread id='1' thread_pool_min='8'/></iothreadids>
    Bad:
        <iothreadids><iothread id='1' thread_pool_max='0'/></iothreadids>
    Good:
        <iothreadids><iothread id='1' thread_pool_min='8' thread_pool_max='32'/></iothreadids>
    libvirt says: thread_pool_min must be smaller or equal to thread_pool_max
    libvirt says: thread_pool_max must be a positive integer
    See: libvirt domain_validate.c:virDomainDefValidateIOThreadsThreadPool
    """
    least, most = (numbers.integer(pool.value(name) or "") for name in ("thread_pool_min", "thread_pool_max"))
    if context.target.libvirt < (8, 5, 0):
        return
    if most == 0:
        yield Problem(
            at=pool.at("thread_pool_max"),
            message="the thread pool has no thread",
            help="write at least thread_pool_max='1', or remove it",
            says="thread_pool_max must be a positive integer",
        )
    elif least is not None and least > (-1 if most is None else most):
        yield Problem(
            at=pool.at("thread_pool_min"),
            message=f"thread_pool_min is {least}, but "
            + ("there is no thread_pool_max" if most is None else f"thread_pool_max is {most}"),
            help=f"write thread_pool_max='{least}' or more",
            says="thread_pool_min must be smaller or equal to thread_pool_max",
        )
