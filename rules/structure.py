"""Names and values that libvirt's schema does not know: --validate refuses them.

Plain define drops most of them; what libvirt's parser is known to refuse as well is an error of parsing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import spell
from vfslint.vocabulary.mismatch import Kind
from vfslint.xml.edits import (
    move_into,
    remove_element,
    rename_attribute,
    rename_element,
    set_value,
    set_whole_text,
)

if TYPE_CHECKING:
    from vfslint.domain.deviation import Deviation

# So many names are told where something else is expected; more would be read by nobody.
TOLD = 8

structural = partial(rule, severity=Severity.WARNING, stage=Stage.SCHEMA, any_hypervisor=True, generic=True)


@structural("VFS010", "unknown-element")
def unknown_element(fault: Deviation) -> Iterator[Problem]:
    """Every element is one that libvirt knows in its place.

    Why: libvirt looks up the elements that it knows and passes over the others. A misspelt one is not there
        for it, and nobody says so unless the domain is defined with --validate or edited by virsh edit.
    Bad:
        <memoryBacking>
          <source type='memfd'/>
          <access mode='shared'/>
          <alocation mode='immediate'/>
        </memoryBacking>
    Good:
        <memoryBacking>
          <source type='memfd'/>
          <access mode='shared'/>
          <allocation mode='immediate'/>
        </memoryBacking>
    libvirt says: Extra element alocation in interleave
    Fix: a name that is nearly right is corrected.
    See: libvirt docs/formatdomain; libvirt schemas/domaincommon.rng
    """
    if fault.kind is not Kind.UNKNOWN_ELEMENT:
        return
    node = fault.node
    inside = f" inside <{node.parent.tag}>" if node.parent else ""
    suggestion = fault.suggestion
    yield Problem(
        at=node.name_span,
        message=f"libvirt knows no <{fault.name}>{inside}",
        help=_did_you_mean(suggestion and f"<{suggestion}>", fault.expected),
        fix=Fix(f"rename it to <{suggestion}>", tuple(rename_element(node, suggestion))) if suggestion else None,
        severity=fault.severity,
        stage=fault.stage,
    )


@structural("VFS011", "unknown-attribute")
def unknown_attribute(fault: Deviation) -> Iterator[Problem]:
    """Every attribute is one that libvirt knows on its element.

    Why: libvirt reads the attributes that it knows and passes over the others, without a word.
    Bad:
        <filesystem type='mount' acessmode='passthrough'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: Invalid attribute acessmode for element filesystem
    Fix: a name that is nearly right is corrected.
    See: libvirt docs/formatdomain; libvirt schemas/domaincommon.rng
    """
    if fault.kind is not Kind.UNKNOWN_ATTRIBUTE:
        return
    attribute = fault.node[fault.name]
    suggestion = fault.suggestion
    yield Problem(
        at=attribute.name_span,
        message=f"libvirt knows no attribute {fault.name!r} on <{fault.node.tag}>",
        help=_did_you_mean(suggestion, fault.expected),
        fix=Fix(f"rename it to {suggestion}", (rename_attribute(attribute, suggestion),)) if suggestion else None,
        severity=fault.severity,
        stage=fault.stage,
    )


@structural("VFS012", "wrong-value")
def wrong_value(fault: Deviation) -> Iterator[Problem]:
    """Every value has the form that libvirt's schema wants.

    Why: virsh edit and define --validate refuse the domain. libvirt's parser knows most values as well, so
        that plain define refuses it, too; here and there it is more lenient and takes one in its own way.
    Bad:
        <memory unit='KiB'>+2097152</memory>
    Good:
        <memory unit='KiB'>2097152</memory>
    libvirt says: failed to validate attribute
    libvirt says: Invalid value for attribute
    Fix: a value that is nearly right is corrected.
    See: libvirt schemas/domaincommon.rng, basictypes.rng
    """
    if fault.kind is not Kind.WRONG_VALUE:
        return
    if fault.is_refused and (fault.is_word or fault.is_number):
        return
    node, value, suggestion = fault.node, fault.value or "", fault.suggestion
    attribute = node[fault.attribute] if fault.attribute else None
    where = f"attribute {fault.attribute!r} of <{node.tag}>" if attribute else f"<{node.tag}>"
    fix = None
    if suggestion:
        edit = set_value(attribute, suggestion) if attribute else set_whole_text(node, suggestion)
        fix = Fix(f"write {suggestion}", (edit,))
    yield Problem(
        at=attribute.span if attribute else node.text_span,
        message=f"{value!r} is not a value for {where}",
        help=_did_you_mean(suggestion, fault.expected, fault.form),
        fix=fix,
        severity=fault.severity,
        stage=fault.stage,
    )


@structural("VFS013", "missing-attribute")
def missing_attribute(fault: Deviation) -> Iterator[Problem]:
    """Every attribute that libvirt's schema demands is there.

    Why: virsh edit and define --validate refuse the element. Plain define takes a default or ignores the
        element, unless it cannot do without.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias name='ua-data'/></filesystem>
    libvirt says: Element alias failed to validate attributes
    See: libvirt schemas/domaincommon.rng
    """
    if fault.kind is not Kind.MISSING_ATTRIBUTE:
        return
    if fault.is_refused:
        return
    since = f" before libvirt {spell(fault.since)}" if fault.since else ""
    yield Problem(
        at=fault.node.start_span,
        message=f"<{fault.node.tag}> has no {fault.name!r}, which libvirt {_demand(fault)}{since}",
        help=_known(fault.expected, fault.form) or f"add {fault.name}='…'",
        severity=fault.severity,
        stage=fault.stage,
    )


@structural("VFS014", "missing-element")
def missing_element(fault: Deviation) -> Iterator[Problem]:
    """Every element that libvirt's schema demands is there.

    Why: virsh edit and define --validate refuse the domain. Plain define does without it where it can.
    Bad:
        <rng model='virtio'/>
    Bad:
        <perf/>
    Good:
        <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    libvirt says: Expecting an element
    libvirt says: missing RNG device backend
    See: libvirt schemas/domaincommon.rng
    """
    if fault.kind is not Kind.MISSING_ELEMENT:
        return
    since = f" before libvirt {spell(fault.since)}" if fault.since else ""
    yield Problem(
        at=fault.node.start_span,
        message=f"<{fault.node.tag}> has no <{fault.name}>, which libvirt {_demand(fault)}{since}",
        help=f"add <{fault.name}>",
        severity=fault.severity,
        stage=fault.stage,
    )


@structural("VFS015", "repeated-element")
def repeated_element(fault: Deviation) -> Iterator[Problem]:
    """An element that there is one of stands once.

    Why: the schema refuses the others. Plain define reads the first one and drops them without a word, or
        refuses them as well.
    Bad:
        <vcpu>8</vcpu>
        <vcpu>8</vcpu>
    Good:
        <vcpu>8</vcpu>
    libvirt says: Extra element vcpu in interleave
    Fix: a copy of the first one is removed.
    See: libvirt schemas/domaincommon.rng
    """
    if fault.kind is not Kind.REPEATED_ELEMENT:
        return
    node, first = fault.node, fault.first
    inside = f" in <{node.parent.tag}>" if node.parent else ""
    yield Problem(
        at=node.name_span,
        message=f"<{fault.name}> stands more than once{inside}, but one is allowed",
        label="the same once more" if fault.is_copy else "",
        help="remove it" if fault.is_copy else "keep one of them, with all that is to be said",
        related=(Related(first.name_span, "libvirt reads this one"),) if first else (),
        fix=Fix(f"remove this <{fault.name}>", (remove_element(node),)) if fault.is_copy else None,
        severity=fault.severity,
        stage=fault.stage,
    )


@structural("VFS016", "misplaced-element")
def misplaced_element(fault: Deviation) -> Iterator[Problem]:
    """Every element stands inside the one that it belongs to.

    Why: libvirt looks an element up in its place; anywhere else it is passed over without a word.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <allocation mode='immediate'/></filesystem>
    Good:
        <memoryBacking>
          <source type='memfd'/>
          <access mode='shared'/>
          <allocation mode='immediate'/>
        </memoryBacking>
    libvirt says: Extra element allocation in interleave
    Fix: it is moved where it belongs, if there is one such place only and nothing like it there.
    See: libvirt docs/formatdomain; libvirt schemas/domaincommon.rng
    """
    if fault.kind is not Kind.MISPLACED_ELEMENT:
        return
    inside = f" inside <{fault.node.parent.tag}>" if fault.node.parent else " here"
    home = fault.home
    yield Problem(
        at=fault.node.name_span,
        message=f"<{fault.name}> does not belong{inside}",
        help=_home(fault, "in"),
        related=(Related(home.name_span, "it belongs here"),) if home else (),
        fix=Fix(f"move it into <{home.tag}>", tuple(move_into(fault.node, home))) if home else None,
        severity=fault.severity,
        stage=fault.stage,
    )


@structural("VFS017", "misplaced-attribute")
def misplaced_attribute(fault: Deviation) -> Iterator[Problem]:
    """Every attribute stands on the element that it belongs to.

    Why: libvirt reads an attribute where it belongs; on another element it is passed over without a word.
    Bad:
        <filesystem type='mount' dir='/srv'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: Invalid attribute dir for element filesystem
    See: libvirt docs/formatdomain; libvirt schemas/domaincommon.rng
    """
    if fault.kind is not Kind.MISPLACED_ATTRIBUTE:
        return
    yield Problem(
        at=fault.node[fault.name].name_span,
        message=f"attribute {fault.name!r} does not belong on <{fault.node.tag}>",
        help=_home(fault, "on"),
        severity=fault.severity,
        stage=fault.stage,
    )


@structural("VFS018", "unexpected-text")
def unexpected_text(fault: Deviation) -> Iterator[Problem]:
    """Text stands only in elements that hold text.

    Why: libvirt reads what it wants from attributes and child elements; text between them is passed over.
    Bad:
        <memoryBacking>
          <source type='memfd'/>
          <access mode='shared'>always</access>
        </memoryBacking>
    Good:
        <memoryBacking>
          <source type='memfd'/>
          <access mode='shared'/>
        </memoryBacking>
    libvirt says: Element access has extra content: text
    See: libvirt schemas/domaincommon.rng
    """
    if fault.kind is not Kind.UNEXPECTED_TEXT:
        return
    yield Problem(
        at=fault.node.text_span,
        message=f"<{fault.node.tag}> holds text, but is not to hold any",
        help="remove it, or put it into the attribute that it was meant for",
    )


@structural("VFS019", "wrong-order")
def wrong_order(fault: Deviation) -> Iterator[Problem]:
    """Elements stand in an order that libvirt's schema takes.

    Why: hardly ever does it matter, but libvirt 7.0 wants driver, binary and source of a filesystem side by
        side, where its type is written: virsh edit and define --validate refuse it; plain define takes it.
    Bad (libvirt 7.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><target dir='data'/>
          <source dir='/srv'/></filesystem>
    Good (libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><target dir='data'/>
          <source dir='/srv'/></filesystem>
    libvirt says: Expecting element source, got target
    See: libvirt schemas/domaincommon.rng
    """
    if fault.kind is not Kind.WRONG_ORDER:
        return
    yield Problem(
        at=fault.node.name_span,
        message=f"<{fault.name}> stands apart from {_elements(fault.expected)}",
        help="move them next to each other, as this release's schema wants it",
    )


@rule("VFS070", "libvirt-schema-violation", severity=Severity.WARNING, stage=Stage.SCHEMA, any_hypervisor=True)
def libvirt_schema_violation(domain: Domain) -> Iterator[Problem]:
    """With --libvirt-schema, libvirt's own schema accepts the whole domain.

    Why: vfslint's vocabulary leaves open what has nothing to do with sharing. The schema that comes with libvirt knows
        all of it, for the release that is installed; virsh edit and define --validate ask it.
    Bad (libvirt-schema):
        <sound model='ich9'><codec type='loud'/></sound>
    Good (libvirt-schema):
        <sound model='ich9'><codec type='micro'/></sound>
    libvirt says: Relax-NG validity error
    See: libvirt schemas/domain.rng; virsh manual page, define --validate
    """
    found = None if domain.deviations else domain.libvirts_objection
    if found:
        yield Problem(
            at=domain.document.line_span(found.line),
            message=f"libvirt's own schema refuses this domain: {found.message}",
            help="compare the line with libvirt's documentation of the domain XML format",
        )


@structural("VFS701", "too-new")
def too_new(fault: Deviation, context: Context) -> Iterator[Problem]:
    """Everything in a domain is known to the libvirt release that it is meant for.

    Why: a release drops without a word what came after it: the option is then not set. It refuses a value
        that came after the attribute.
    Bad (libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><binary><openfiles max='4096'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    Good (libvirt 10.6.0):
        <filesystem type='mount'><driver type='virtiofs'/><binary><openfiles max='4096'/></binary>
          <source dir='/srv'/><target dir='data'/></filesystem>
    libvirt says: Extra element openfiles in interleave
    See: libvirt NEWS; libvirt docs/formatdomain
    """
    target = spell(context.target.libvirt)
    if fault.kind is not Kind.TOO_NEW:
        return
    node = fault.node
    if fault.value is not None:
        at = node[fault.attribute].span if fault.attribute else node.text_span
        culprit = f"the value {fault.value!r} of {fault.attribute or f'<{node.tag}>'}"
    elif fault.attribute:
        at, culprit = node[fault.name].name_span, f"attribute {fault.name!r} of <{node.tag}>"
    else:
        at, culprit = node.name_span, f"<{fault.name}>"
    yield Problem(
        at=at,
        message=f"{culprit} is known since libvirt {spell(fault.since)}, but the target is {target}",
        help=f"upgrade libvirt to {spell(fault.since)}, or do without it",
        severity=fault.severity,
        stage=fault.stage,
    )


def _demand(fault: Deviation) -> str:
    return "demands" if fault.is_refused else "demands when it validates"


def _did_you_mean(suggestion: str | None, expected: Sequence[str], form: str | None = None) -> str:
    if suggestion:
        return f"did you mean {suggestion}?"
    return _known(expected, form) or "remove it"


def _known(expected: Sequence[str], form: str | None = None) -> str:
    if form and not expected:
        return f"write {form}"
    told = ", ".join(expected[:TOLD]) + (" …" if len(expected) > TOLD else "")
    return f"known here: {told}" if told else ""


def _elements(names: Sequence[str]) -> str:
    return " or ".join(f"<{name}>" for name in names[:3]) or "another element"


def _home(fault: Deviation, where: str) -> str:
    """Where a misplaced name belongs: the element that holds it may know it in another of its forms only."""
    holder = fault.node if fault.attribute else fault.node.parent
    if holder and fault.belongs == (holder.tag,):
        return f"remove it, or change what kind of <{holder.tag}> this is"
    return f"it belongs {where} {_elements(fault.belongs)}"
