"""What a rule is: one decorated generator, whose docstring is its manual page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vfslint.findings import Problem, Severity, Stage

if TYPE_CHECKING:
    from vfslint.manual import Manual

Check = Callable[..., Iterator[Problem]]


class Rule:
    """A rule with its code, name, severity and stage; calling it yields the problems of one subject.

    `subject` is the name of the class in the annotation of the check's first parameter (`Domain`,
    `VirtioFS`, `QemuConf` …): the engine calls the rule once for each of these. A check that names a
    second parameter is given the `Context`: target releases, qemu.conf and host facts.

    What a `generic` rule says gives way to what another rule says of the same place. A rule with `words` is
    asked only about files whose text holds one of them: names of elements and attributes that it looks at.
    """

    __slots__ = (
        "any_hypervisor",
        "check",
        "code",
        "generic",
        "name",
        "severity",
        "stage",
        "subject",
        "wants_context",
        "words",
    )

    def __init__(
        self,
        code: str,
        name: str,
        severity: Severity,
        stage: Stage,
        any_hypervisor: bool,
        generic: bool,
        words: tuple[str, ...],
        check: Check,
    ) -> None:
        self.code = code
        self.name = name
        self.severity = severity
        self.stage = stage
        self.any_hypervisor = any_hypervisor
        self.generic = generic
        self.words = words
        self.check = check
        names = check.__code__.co_varnames[: check.__code__.co_argcount]
        annotation = check.__annotations__[names[0]]
        self.subject: str = annotation if isinstance(annotation, str) else annotation.__name__
        self.wants_context = len(names) > 1

    def __call__(self, subject: Any, context: Any) -> Iterator[Problem]:
        """Yield what is wrong with `subject` under `context`."""
        return self.check(subject, context) if self.wants_context else self.check(subject)

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
    generic: bool = False,
    words: tuple[str, ...] = (),
) -> Callable[[Check], Rule]:
    """Make a rule of a generator function.

    A rule about domains is asked about QEMU-family domains alone (kvm, qemu, hvf, kqemu), because other
    hypervisors have rules of their own; `any_hypervisor=True` lifts that. See `Rule` for `generic`,
    `words`.
    """

    def register(check: Check) -> Rule:
        return Rule(code, name, severity, stage, any_hypervisor, generic, words, check)

    return register
