"""What a rule is: one decorated generator, whose docstring is its manual page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vfslint.findings import Problem, Severity, Stage
from vfslint.subjects import is_deviating, subject_of

if TYPE_CHECKING:
    from vfslint.manual import Manual

# The parts of a context, other than the domain, that differ between runs.
_OF_A_RUN = frozenset({"target", "session", "host", "conf", "libvirt_schema"})

Check = Callable[..., Iterator[Problem]]


class Rule:
    """A rule with its code, name, severity and stage; calling it yields the problems of one subject.

    `subject` is the annotation of the check's first parameter, one of `vfslint.subjects` (`Domain`, `VirtioFS`,
    `list[Disk]` …): the engine calls the rule once for each of these; if the annotation is `Deviating[Disk]`,
    `of_deviating` is set, and the engine leaves out what does not deviate. A check with a second parameter,
    `context`, is given the `Context`: target releases, qemu.conf, host facts, and the domain.

    What a rule that `varies` reports depends on more than the file. A `generic` rule is silent about a place of which
    another rule reports more: a finding of one of the stages in `gives_way_to`.
    """

    __slots__ = (
        "any_hypervisor",
        "check",
        "code",
        "gives_way_to",
        "name",
        "of_deviating",
        "severity",
        "stage",
        "subject",
        "varies",
        "wants_context",
    )

    def __init__(
        self,
        code: str,
        name: str,
        severity: Severity,
        stage: Stage,
        any_hypervisor: bool,
        gives_way_to: frozenset[Stage],
        check: Check,
    ) -> None:
        self.code = code
        self.name = name
        self.severity = severity
        self.stage = stage
        self.any_hypervisor = any_hypervisor
        self.gives_way_to = gives_way_to
        self.check = check
        names = check.__code__.co_varnames[: check.__code__.co_argcount]
        if names[1:] not in ((), ("context",)):
            raise TypeError(
                f"rule {code} {name}: a rule has its subject and perhaps `context` as parameters, not {names[1:]}"
            )
        annotation = check.__annotations__.get(names[0]) if names else None
        self.of_deviating = is_deviating(annotation)
        try:
            self.subject: str = subject_of(annotation)
        except LookupError as error:
            raise TypeError(f"rule {code} {name}: its subject {error}") from None
        self.wants_context = len(names) > 1
        used = set(check.__code__.co_names)
        self.varies: bool = self.wants_context and ("domain" not in used or bool(used & _OF_A_RUN))

    def __call__(self, subject: Any, context: Any) -> Iterator[Problem]:
        """Yield what is wrong with `subject` under `context`."""
        return self.check(subject, context) if self.wants_context else self.check(subject)

    @property
    def generic(self) -> bool:
        """Whether other rules take precedence over it."""
        return bool(self.gives_way_to)

    @property
    def manual(self) -> Manual:
        """The rule's manual page, from its docstring."""
        from vfslint.manual import read_manual

        return read_manual(self.check.__doc__ or "")

    def __repr__(self) -> str:
        return f"<Rule {self.code} {self.name}>"


def rule(
    code: str,
    name: str,
    *,
    severity: Severity,
    stage: Stage,
    any_hypervisor: bool = False,
    gives_way_to: frozenset[Stage] = frozenset(),
) -> Callable[[Check], Rule]:
    """Make a rule of a generator function.

    A rule about domains is run only on domains of the QEMU family (kvm, qemu, hvf, kqemu), because other
    hypervisors have rules of their own; `any_hypervisor=True` lifts that. See `Rule` for `gives_way_to`.
    """

    def register(check: Check) -> Rule:
        return Rule(code, name, severity, stage, any_hypervisor, gives_way_to, check)

    return register
