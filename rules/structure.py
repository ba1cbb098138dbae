"""Names and values that libvirt's schema does not know: --validate rejects them.

Plain define drops most of them; what libvirt's parser rejects as well is an error of the stage parse.
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
from vfslint.vocabulary.table import spelled
from vfslint.xml.edits import (
    merge_into,
    move_into,
    move_into_new,
    remove_element,
    rename_attribute,
    rename_element,
    set_value,
    set_whole_text,
)

if TYPE_CHECKING:
    from vfslint.domain.deviation import (
        Home,
        MisplacedAttribute,
        MisplacedElement,
        MissingAttribute,
        MissingElement,
        RepeatedElement,
        TooNew,
        UnexpectedText,
        UnknownAttribute,
        UnknownElement,
        WrongOrder,
        WrongValue,
    )
    from vfslint.targets import Version
    from vfslint.xml.document import Node

# The maximum number of expected names that are listed.
LISTED = 8

# Other rules are more specific about the same place.
structural = partial(
    rule,
    severity=Severity.WARNING,
    stage=Stage.SCHEMA,
    any_hypervisor=True,
    gives_way_to=frozenset({Stage.PARSE, Stage.SCHEMA, Stage.DEFINE}),
)


@structural("VFS010", "unknown-element")
def unknown_element(fault: UnknownElement) -> Iterator[Problem]:
    """Every element is known to libvirt.

    Why: libvirt silently drops unknown elements. A misspelled element has no effect, and only `virsh define
        --validate` and `virsh edit` report it.
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
    Fix: corrects a typo.
    Fixed:
        <memoryBacking>
          <source type='memfd'/>
          <access mode='shared'/>
          <allocation mode='immediate'/>
        </memoryBacking>
    See: libvirt docs/formatdomain; libvirt schemas/domaincommon.rng
    """
    node = fault.node
    inside = f" in <{spelled(node.parent.tag)}>" if node.parent else ""
    suggestion = fault.suggestion
    yield Problem(
        at=node.name_span,
        message=f"unknown element <{fault.name}>{inside}",
        help=_did_you_mean(suggestion and f"<{suggestion}>", fault.expected),
        fix=Fix(f"rename it to <{suggestion}>", tuple(rename_element(node, suggestion))) if suggestion else None,
        severity=fault.severity,
        stage=fault.stage,
        says=fault.says,
    )


@structural("VFS011", "unknown-attribute")
def unknown_attribute(fault: UnknownAttribute) -> Iterator[Problem]:
    """Every attribute is known to libvirt.

    Why: libvirt silently drops unknown attributes.
    Bad:
        <filesystem type='mount' acessmode='passthrough'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: Invalid attribute acessmode for element filesystem
    Fix: corrects a typo.
    Fixed:
        <filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt docs/formatdomain; libvirt schemas/domaincommon.rng
    """
    attribute = fault.node[fault.name]
    suggestion = fault.suggestion
    yield Problem(
        at=attribute.name_span,
        message=f"unknown attribute {fault.name!r} on <{spelled(fault.node.tag)}>",
        help=_did_you_mean(suggestion, fault.expected),
        fix=Fix(f"rename it to {suggestion}", (rename_attribute(attribute, suggestion),)) if suggestion else None,
        severity=fault.severity,
        stage=fault.stage,
        says=fault.says,
    )


@structural("VFS012", "wrong-value")
def wrong_value(fault: WrongValue) -> Iterator[Problem]:
    """Every value matches libvirt's schema.

    Why: `virsh edit` and `virsh define --validate` reject the domain. Plain define rejects most such values, too,
        and reads the others in its own way.
    Bad:
        <memory unit='KiB'>+2097152</memory>
    Bad:
        <disk type='file'><source file='/srv/a'>
          <slices><slice type='Storage' offset='0' size='4096'/></slices></source>
          <target dev='vda'/></disk>
    Good:
        <memory unit='KiB'>2097152</memory>
    libvirt says: failed to validate attribute
    libvirt says: Invalid value for attribute
    Fix: corrects a typo.
    Fixed:
        <disk type='file'><source file='/srv/a'>
          <slices><slice type='storage' offset='0' size='4096'/></slices></source>
          <target dev='vda'/></disk>
    See: libvirt schemas/domaincommon.rng, basictypes.rng
    """
    suggestion = fault.suggestion
    fix = None
    if suggestion:
        attribute = fault.node[fault.attribute] if fault.attribute else None
        edit = set_value(attribute, suggestion) if attribute else set_whole_text(fault.node, suggestion)
        fix = Fix(f"write {suggestion}", (edit,))
    yield Problem(
        at=fault.span,
        message=f"{fault.value!r} is not a valid value for {fault.place}",
        help=_did_you_mean(suggestion, fault.expected, fault.form),
        fix=fix,
        severity=fault.severity,
        stage=fault.stage,
        says=fault.says,
    )


@structural("VFS013", "missing-attribute")
def missing_attribute(fault: MissingAttribute) -> Iterator[Problem]:
    """Every attribute that libvirt's schema requires is present.

    Why: `virsh edit` and `virsh define --validate` reject the element. Plain define uses a default or ignores the
        element, unless it requires the attribute, too.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <alias name='ua-data'/></filesystem>
    libvirt says: Element alias failed to validate attributes
    See: libvirt schemas/domaincommon.rng
    """
    since = f" before libvirt {spell(fault.since)}" if fault.since else ""
    yield Problem(
        at=fault.node.start_span,
        message=f"<{spelled(fault.node.tag)}> has no {fault.name!r}, which libvirt requires with --validate{since}",
        help=_known(fault.expected, fault.form) or f"add {fault.name}='…'",
        severity=fault.severity,
        stage=fault.stage,
        says=fault.says,
    )


@structural("VFS014", "missing-element")
def missing_element(fault: MissingElement) -> Iterator[Problem]:
    """Every element that libvirt's schema requires is present.

    Why: `virsh edit` and `virsh define --validate` reject the domain. Plain define does so only for elements that it
        requires, too.
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
    requires = "requires" if fault.is_refused else "requires with --validate"
    since = f" before libvirt {spell(fault.since)}" if fault.since else ""
    yield Problem(
        at=fault.node.start_span,
        message=f"<{spelled(fault.node.tag)}> has no <{fault.name}>, which libvirt {requires}{since}",
        help=f"add <{fault.name}>",
        severity=fault.severity,
        stage=fault.stage,
        says=fault.says,
    )


@structural("VFS015", "repeated-element")
def repeated_element(fault: RepeatedElement) -> Iterator[Problem]:
    """An element that may appear only once is not repeated.

    Why: libvirt's schema rejects the others. Plain define reads the first and silently drops them, or rejects them,
        too.
    Bad:
        <vcpu>8</vcpu>
        <vcpu>8</vcpu>
    Good:
        <vcpu>8</vcpu>
    libvirt says: Extra element vcpu in interleave
    Fix: removes an exact copy of the first, and merges two `<memoryBacking>` and the like, which libvirt reads as one.
    Fixed:
        <vcpu>8</vcpu>
    See: libvirt schemas/domaincommon.rng
    """
    node, first = fault.node, fault.first
    inside = f" in <{spelled(node.parent.tag)}>" if node.parent else ""
    yield Problem(
        at=node.name_span,
        message=f"<{fault.name}> appears more than once{inside}",
        label="an exact copy" if fault.is_copy else "",
        help="remove it" if fault.is_copy else "merge them into one",
        related=(Related(first.name_span, "the first"),) if first else (),
        fix=_without_repetition(fault),
        severity=fault.severity,
        stage=fault.stage,
        says=fault.says,
    )


def _without_repetition(fault: RepeatedElement) -> Fix | None:
    if fault.is_copy:
        return Fix(f"remove this <{fault.name}>", (remove_element(fault.node),))
    if fault.first and fault.is_read_with_first:
        return Fix(f"merge it into the first <{fault.name}>", tuple(merge_into(fault.node, fault.first)))
    return None


@structural("VFS016", "misplaced-element")
def misplaced_element(fault: MisplacedElement, context: Context) -> Iterator[Problem]:
    """Every element is inside the element that it belongs to.

    Why: libvirt silently drops an element in any other place. Its schema accepts one of these, the `<source>` of an
        `<nvram>` that has no type.
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
    Fix: moves it to where it belongs, if there is only one such place and it contains no such element yet; the element
        around it is added.
    Fixed:
        <memoryBacking><source type='memfd'/><access mode='shared'/><allocation mode='immediate'/></memoryBacking>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          </filesystem>
    See: libvirt docs/formatdomain; libvirt schemas/domaincommon.rng
    """
    inside = f" in <{spelled(fault.node.parent.tag)}>" if fault.node.parent else " here"
    home = fault.home(context.domain)
    yield Problem(
        at=fault.node.name_span,
        message=f"<{fault.name}> does not belong{inside}",
        help=f"it belongs in <{home.node.tag if home.node else home.tag}>"
        if home
        else _home(fault, fault.node.parent, "in"),
        related=(Related(home.node.name_span, "it belongs here"),) if home and home.node else (),
        fix=_moved_home(fault.node, home) if home else None,
        severity=fault.severity,
        stage=Stage.NEVER if _is_untyped_nvram(fault, context.target.libvirt) else fault.stage,
        says=fault.says,
    )


def _moved_home(node: Node, home: Home) -> Fix:
    if home.node:
        return Fix(f"move it into <{home.node.tag}>", tuple(move_into(node, home.node)))
    return Fix(f"move it into a new <{home.tag}>", tuple(move_into_new(home.together, home.tag, home.after)))


def _is_untyped_nvram(fault: MisplacedElement, libvirt: Version) -> bool:
    """Whether it is the file of an `<nvram>` without a type, which the schemas since 9.0.0 accept."""
    nvram, is_file = fault.node.parent, list(fault.node.element.attrib) == ["file"]
    return bool(libvirt >= (9, 0, 0) and nvram and nvram.tag == "nvram" and not nvram.text and is_file)


@structural("VFS017", "misplaced-attribute")
def misplaced_attribute(fault: MisplacedAttribute) -> Iterator[Problem]:
    """Every attribute is on the element that it belongs to.

    Why: libvirt silently drops an attribute of any other element.
    Bad:
        <filesystem type='mount' dir='/srv'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: Invalid attribute dir for element filesystem
    See: libvirt docs/formatdomain; libvirt schemas/domaincommon.rng
    """
    yield Problem(
        at=fault.node[fault.name].name_span,
        message=f"attribute {fault.name!r} does not belong on <{spelled(fault.node.tag)}>",
        help=_home(fault, fault.node, "on"),
        severity=fault.severity,
        stage=fault.stage,
        says=fault.says,
    )


@structural("VFS018", "unexpected-text")
def unexpected_text(fault: UnexpectedText) -> Iterator[Problem]:
    """Only elements that contain text have text.

    Why: libvirt reads the attributes and children of the others, and silently drops text between them.
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
    yield Problem(
        at=fault.node.text_span,
        message=f"unexpected text in <{spelled(fault.node.tag)}>",
        help="remove it, or write it as the value of an attribute",
    )


@structural("VFS019", "wrong-order")
def wrong_order(fault: WrongOrder) -> Iterator[Problem]:
    """Elements are in an order that libvirt's schema accepts.

    Why: the order rarely matters, and plain define accepts any. But libvirt's schema requires what follows a guest's
        end (`<on_crash>` and the like) to be together, without memory or CPU settings between; until libvirt 11.3.0,
        name and uuid, too. Other orders are required of some devices, most of them by the schemas before libvirt 9.0.
    Bad:
        <on_poweroff>destroy</on_poweroff><memoryBacking/><on_crash>restart</on_crash>
    Bad:
        <hostdev mode='subsystem' type='usb'><source><product id='0x1'/><vendor id='0x2'/></source></hostdev>
    Bad (libvirt 7.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><target dir='data'/>
          <source dir='/srv'/></filesystem>
    Good (libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><target dir='data'/>
          <source dir='/srv'/></filesystem>
    libvirt says: Expecting element source, got target
    See: libvirt schemas/domaincommon.rng
    """
    others = _elements(fault.expected)
    yield Problem(
        at=fault.node.name_span,
        message=f"<{fault.name}> must be {fault.relation} {others}",
        help=f"move it {'up, before' if fault.relation == 'before' else 'up, next to'} {others}",
    )


@rule("VFS070", "libvirt-schema-violation", severity=Severity.WARNING, stage=Stage.SCHEMA, any_hypervisor=True)
def libvirt_schema_violation(domain: Domain) -> Iterator[Problem]:
    """With --libvirt-schema, libvirt's own schema accepts the domain.

    Why: the schema of the installed libvirt covers what vfslint's vocabulary leaves open. `virsh edit` and `virsh
        define --validate` use it.
    Bad (libvirt-schema):
        <disk type='file' device='disk'><source file='/srv/a.img'/><mirror/><target dev='vda' bus='virtio'/></disk>
    Good (libvirt-schema):
        <disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>
    libvirt says: Relax-NG validity error
    See: libvirt schemas/domain.rng; virsh manual page, define --validate
    """
    found = None if domain.deviations else domain.libvirts_objection
    if found:
        yield Problem(
            at=domain.document.line_span(found.line),
            message=f"libvirt's schema rejects this domain: {found.message}",
            help="compare it with libvirt's documentation of the domain XML format",
        )


# The help, to upgrade libvirt, differs from that of a rule about define.
@structural("VFS701", "too-new", gives_way_to=frozenset({Stage.PARSE, Stage.SCHEMA}))
def too_new(fault: TooNew, context: Context) -> Iterator[Problem]:
    """The target release of libvirt supports every element, attribute and value.

    Why: an older release silently drops newer elements and attributes, and rejects newer values.
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
    node = fault.node
    if fault.value is not None:
        at = node[fault.attribute].span if fault.attribute else node.text_span
        culprit = f"{fault.value!r} as the value of {fault.attribute or f'<{node.tag}>'}"
    elif fault.attribute:
        at, culprit = node[fault.name].name_span, f"attribute {fault.name!r} of <{node.tag}>"
    else:
        at, culprit = node.name_span, f"<{fault.name}>"
    yield Problem(
        at=at,
        message=f"{culprit} requires libvirt {spell(fault.since)}, but the target is {target}",
        help=f"upgrade libvirt to {spell(fault.since)}, or remove it",
        severity=fault.severity,
        stage=fault.stage,
        says=fault.says,
    )


def _did_you_mean(suggestion: str | None, expected: Sequence[str], form: str | None = None) -> str:
    if suggestion:
        return f"did you mean {suggestion}?"
    return _known(expected, form) or "remove it"


def _known(expected: Sequence[str], form: str | None = None) -> str:
    if form and not expected:
        return f"write {form}"
    listed = ", ".join(expected[:LISTED]) + (" …" if len(expected) > LISTED else "")
    return f"known here: {listed}" if listed else ""


def _elements(names: Sequence[str]) -> str:
    return " or ".join(f"<{name}>" for name in names[:3]) or "another element"


def _home(fault: MisplacedElement | MisplacedAttribute, holder: Node | None, where: str) -> str:
    """Where a misplaced name belongs: the element around it may have it only in another of its forms."""
    if holder and fault.belongs == (spelled(holder.tag),):
        return f"remove it, or use another type of <{spelled(holder.tag)}>"
    return f"it belongs {where} {_elements(fault.belongs)}"
