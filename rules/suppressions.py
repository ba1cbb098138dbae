"""Mistakes in comments that suppress findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule

if TYPE_CHECKING:
    from vfslint.suppressions import Suppression


@rule("VFS090", "unused-suppression", severity=Severity.WARNING, stage=Stage.NEVER, any_hypervisor=True)
def unused_suppression(suppression: Suppression) -> Iterator[Problem]:
    """A suppression matches at least one finding.

    Why: the mistake that it was written for is fixed, or it is in the wrong place. If it remains, it hides the
        next mistake of that kind.
    Bad:
        <!-- vfslint: ignore[mount-tag-too-long] the old guest required it -->
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <!-- vfslint: ignore[mount-tag-too-long] shown in the manual -->
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='the-shared-directory-of-the-build-farm'/></filesystem>
    Fix: removes the word from the list, or the whole comment if no other word is left.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: vfslint documentation, "Suppressing findings"
    """
    if suppression.unused and suppression.is_understood:
        first, *others = suppression.unused
        words = ", ".join(word.text for word in suppression.unused)
        yield Problem(
            at=suppression.span_of(first),
            message=f"{words} {'suppress' if others else 'suppresses'} nothing here",
            help="remove it, or put it before the element that the finding points into",
            fix=Fix(f"remove {words}", (suppression.without(suppression.unused),)),
        )


@rule("VFS091", "unknown-rule-suppressed", severity=Severity.WARNING, stage=Stage.NEVER, any_hypervisor=True)
def unknown_rule_suppressed(suppression: Suppression) -> Iterator[Problem]:
    """A suppression lists codes or names of rules.

    Why: no rule has that code or name, so nothing is suppressed.
    Bad:
        <!-- vfslint: ignore[no-such-rule] really -->
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Bad:
        <!-- vfslint: ignore[mount-tag-to-long] shown in the manual -->
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <!-- vfslint: ignore[mount-tag-too-long] shown in the manual -->
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='the-shared-directory-of-the-build-farm'/></filesystem>
    Fix: writes the rule that was probably meant, or removes the word.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: vfslint documentation, "Suppressing findings"
    """
    for word in suppression.unknown if suppression.is_understood else ():
        meant = suppression.meant_by(word)
        edit = suppression.replaced(word, meant) if meant else suppression.without([word])
        yield Problem(
            at=suppression.span_of(word),
            message=f"no rule matches {word.text!r}",
            help=f"did you mean {meant}?" if meant else "run vfslint rules for a list of all rules",
            fix=Fix(f"write {meant}" if meant else f"remove {word.text}", (edit,)),
        )


@rule("VFS092", "suppression-not-understood", severity=Severity.WARNING, stage=Stage.NEVER, any_hypervisor=True)
def suppression_not_understood(suppression: Suppression) -> Iterator[Problem]:
    """A comment that starts with `vfslint:` lists the rules to ignore.

    Why: it has the form `vfslint: ignore[RULE, …] reason` or `vfslint: ignore-file[RULE, …] reason`; anything
        else suppresses nothing. A list is always needed, so that no finding disappears by accident.
    Bad:
        <!-- vfslint: ignore -->
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Bad:
        <!-- vfslint: disable[mount-tag-too-long] -->
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <!-- vfslint: ignore[mount-tag-too-long] shown in the manual -->
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='the-shared-directory-of-the-build-farm'/></filesystem>
    See: vfslint documentation, "Suppressing findings"
    """
    if suppression.is_understood:
        return
    known = suppression.has_known_verb
    if known:
        message = "this suppression lists no rules"
    elif suppression.verb:
        message = f"{suppression.verb!r} is neither ignore nor ignore-file"
    else:
        message = "this suppression has neither ignore nor ignore-file"
    yield Problem(
        at=suppression.span,
        message=message,
        help=f"write vfslint: {suppression.verb if known else 'ignore'}[RULE] and the reason",
    )


@rule("VFS093", "suppression-dropped", severity=Severity.WARNING, stage=Stage.NEVER, any_hypervisor=True)
def suppression_dropped(suppression: Suppression) -> Iterator[Problem]:
    """All of vfslint's suppressions in `<metadata>` are inside one element.

    Why: libvirt keeps only the first element of each namespace in `<metadata>` and drops the others when the
        domain is defined. One `<vfslint:suppressions>` can contain several suppressions.
    Bad:
        <metadata xmlns:vfslint='https://vfslint.dev/xmlns/1'>
          <vfslint:ignore rules='mount-tag-too-long' element='filesystem' reason='shown in the manual'/>
          <vfslint:ignore rules='mount-tag-too-long' element='target' reason='shown in the manual'/>
        </metadata>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='the-shared-directory-of-the-build-farm'/></filesystem>
    Good:
        <metadata>
          <vfslint:suppressions xmlns:vfslint='https://vfslint.dev/xmlns/1'>
            <vfslint:ignore rules='mount-tag-too-long' element='filesystem' reason='shown in the manual'/>
            <vfslint:ignore rules='mount-tag-too-long' element='target' reason='shown in the manual'/>
          </vfslint:suppressions>
        </metadata>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='the-shared-directory-of-the-build-farm'/></filesystem>
    See: libvirt virxml.c:virXMLNodeSanitizeNamespaces; libvirt documentation, "Domain XML format",
        General metadata
    """
    if suppression.is_dropped_by_libvirt:
        yield Problem(
            at=suppression.span,
            message="libvirt drops this suppression, because another element of its namespace comes first",
            help="put both inside one <vfslint:suppressions>",
        )
