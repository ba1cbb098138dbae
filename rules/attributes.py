"""Single values that libvirt's parser refuses: words, numbers, sizes, sets, whatever they belong to."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.fields import Refusal
from vfslint.domain.sizes import Size
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.targets import spell
from vfslint.vocabulary import numbers
from vfslint.vocabulary.spelling import nearest
from vfslint.xml import edits


@rule("VFS060", "unknown-word", severity=Severity.ERROR, stage=Stage.PARSE)
def unknown_word(domain: Domain, context: Context) -> Iterator[Problem]:
    """A value is one of the words that libvirt knows at its place.

    Why: libvirt compares letter by letter; an empty value is not an absent one. Some words are younger than
        others.
    Bad:
        <cpu mode='host'/>
    Bad:
        <vcpu placement='dynamic'>8</vcpu>
    Bad (libvirt 7.0.0):
        <cpu mode='maximum'/>
    Good:
        <cpu mode='host-passthrough'/>
    libvirt says: Invalid value for attribute
    libvirt says: Invalid mode attribute
    libvirt says: Unsupported CPU placement mode
    libvirt says: Invalid match attribute for CPU specification
    libvirt says: unknown boot device
    libvirt says: unknown clock offset
    libvirt says: invalid memory model
    Fix: writes the word that differs by a slip of the pen.
    See: libvirt domain_conf.c, cpu_conf.c and numa_conf.c: VIR_ENUM_IMPL
    """
    for refusal in domain.refusals:
        if refusal.value is not None and refusal.field.words is not None:
            yield _unknown_word(refusal, context)


def _unknown_word(refusal: Refusal, context: Context) -> Problem:
    words, value = refusal.field.words or {}, refusal.value or ""
    known = [word for word, since in words.items() if context.target.libvirt >= since]
    meant = nearest(value, known) if value else None
    message = f"{refusal.place} is {value!r}, which libvirt does not know"
    if value in words:
        release = spell(context.target.libvirt)
        message = f"{refusal.place} is {value!r}, which libvirt {release} does not know yet"
    choice = ", ".join(known)
    fix = None
    if meant and refusal.attribute:
        fix = Fix(f"write {meant!r}", (edits.set_value(refusal.attribute, meant),))
    elif meant and value.strip():
        fix = Fix(f"write {meant!r}", (edits.set_whole_text(refusal.node, meant),))
    return Problem(
        at=refusal.attribute.span if refusal.attribute else refusal.node.text_span,
        message=message,
        help=f"write {meant!r}" if meant else f"write one of {choice}, or leave it out" if choice else "leave it out",
        fix=fix,
    )


@rule("VFS061", "value-missing", severity=Severity.ERROR, stage=Stage.PARSE)
def value_missing(domain: Domain) -> Iterator[Problem]:
    """An element has the attributes that libvirt cannot do without.

    Why: where there is no default, libvirt refuses the element; a misspelt attribute is a missing one.
    Bad:
        <os><type>hvm</type><boot/></os>
    Bad:
        <cpu><topology sockets='1' cores='8'/></cpu>
    Good:
        <os><type>hvm</type><boot dev='hd'/></os>
    libvirt says: Missing required attribute
    libvirt says: missing boot device
    libvirt says: attribute in CPU topology
    See: libvirt virxml.c:virXMLPropEnum, virXMLPropUInt with VIR_XML_PROP_REQUIRED
    """
    for refusal in domain.refusals:
        if refusal.value is None:
            words = ", ".join(refusal.field.words or ())
            yield Problem(
                at=refusal.node.start_span,
                message=f"<{refusal.node.tag}> has no {refusal.field.name!r}",
                help=f"write {refusal.field.name}='…'" + (f", one of {words}" if words else ", a number"),
            )


@rule("VFS062", "not-a-number", severity=Severity.ERROR, stage=Stage.PARSE)
def not_a_number(domain: Domain) -> Iterator[Problem]:
    """A number is written with digits alone and lies in its range.

    Why: blanks may stand before it, but not behind it; a minus sign, a decimal point or a unit is refused.
    Bad:
        <iothreads>two</iothreads>
    Bad:
        <cpu><topology sockets='0' cores='8' threads='1'/></cpu>
    Good:
        <iothreads>2</iothreads>
    libvirt says: Expected non-negative integer value
    libvirt says: Expected integer value
    libvirt says: Zero is not permitted
    libvirt says: invalid iothreads count
    libvirt says: Failed to parse memory allocation threads
    libvirt says: Failed to parse memory slot count
    libvirt says: invalid value of memory device node
    libvirt says: Invalid CPU topology
    Fix: takes blanks behind the number away.
    See: libvirt virxml.c:virXMLPropUInt, virstring.c:virStrToLong_uip
    """
    for refusal in domain.refusals:
        if refusal.value is None or refusal.field.words is not None:
            continue
        low, high = refusal.field.low, refusal.field.high
        yield Problem(
            at=refusal.attribute.span if refusal.attribute else refusal.node.text_span,
            message=f"{refusal.place} is {refusal.value!r}, "
            + (f"which is not between {low} and {high}" if _is_integer(refusal.value) else "which is not a number"),
            help=f"write a number from {low}" + (f" to {high}" if high < 2**31 - 1 else "") + ", or leave it out",
            fix=_without_blanks(refusal),
        )


def _is_integer(text: str) -> bool:
    return numbers.integer(text, bits=128) is not None


def _without_blanks(refusal: Refusal) -> Fix | None:
    text = (refusal.value or "").strip()
    if text == refusal.value or not text.isdigit():
        return None
    edit = edits.set_value(refusal.attribute, text) if refusal.attribute else edits.set_whole_text(refusal.node, text)
    return Fix("take the blanks away", (edit,))


@rule("VFS063", "size-unreadable", misfits=True, severity=Severity.ERROR, stage=Stage.PARSE)
def size_unreadable(domain: Domain) -> Iterator[Problem]:
    """A size of memory is a whole number, with its unit in `unit`.

    Why: '2.5', '2G' and '2 ' are not numbers to libvirt. Without `unit` the number counts KiB.
    Bad:
        <memory unit='GiB'>2.5</memory>
    Bad:
        <memoryBacking><hugepages><page size='2M'/></hugepages></memoryBacking>
    Good:
        <memory unit='MiB'>2560</memory>
    Good:
        <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
    libvirt says: for element or attribute './memory[1]'
    libvirt says: for element or attribute './currentMemory[1]'
    libvirt says: for element or attribute './@size'
    libvirt says: for element or attribute './@memory'
    libvirt says: for element or attribute './size'
    Fix: takes blanks away, and moves a unit behind the number of a page into `unit`.
    See: libvirt domain_conf.c:virDomainParseScaledValue
    """
    for size in domain.sizes:
        if size.number is None:
            yield Problem(
                at=size.at,
                message=f"{size.label} is {size.text!r}, which is not a whole number",
                help="write digits alone, and the unit as unit='MiB' or the like",
                fix=_mended_size(size),
            )


def _mended_size(size: Size) -> Fix | None:
    text = size.text.strip()
    if text != size.text and numbers.unsigned(text, bits=64) is not None:
        edit = edits.set_value(size.node[size.name], text) if size.name else edits.set_whole_text(size.node, text)
        return Fix("take the blanks away", (edit,))
    number = text.rstrip("BEGIKMPTbegikmpt")
    unit = text[len(number) :]
    if size.name != "size" or size.unit or not number.isdigit() or numbers.unit_bytes(unit) is None:
        return None
    parts = edits.set_value(size.node["size"], number), edits.add_attribute(size.node, "unit", unit)
    return Fix(f"write size='{number}' unit='{unit}'", parts)


@rule("VFS064", "unit-unknown", misfits=True, severity=Severity.ERROR, stage=Stage.PARSE)
def unit_unknown(domain: Domain) -> Iterator[Problem]:
    """A unit is one that libvirt knows.

    Why: it knows b, bytes, and k, M, G, T, P, E alone, with B (powers of 1000) or with iB (powers of 1024),
        in upper or lower case.
    Bad:
        <memory unit='Gigabyte'>2</memory>
    Good:
        <memory unit='GiB'>2</memory>
    libvirt says: unknown suffix
    Fix: writes the unit that is meant without doubt, such as GiB for Gi.
    See: libvirt virutil.c:virScaleInteger
    """
    for size in domain.sizes:
        if size.has_unknown_unit and size.unit:
            meant = _meant_unit(size.unit)
            yield Problem(
                at=size.node.at("unit"),
                message=f"unit {size.unit!r} is not known to libvirt",
                help=f"write {meant!r}" if meant else "write KiB, MiB, GiB or TiB",
                fix=Fix(f"write {meant!r}", (edits.set_value(size.node["unit"], meant),)) if meant else None,
            )


def _meant_unit(unit: str) -> str | None:
    stripped = unit.strip()
    if numbers.unit_bytes(stripped):
        return stripped
    return f"{stripped}B" if numbers.unit_bytes(f"{stripped}B") else None


@rule("VFS065", "size-too-large", misfits=True, severity=Severity.ERROR, stage=Stage.PARSE)
def size_too_large(domain: Domain) -> Iterator[Problem]:
    """A size of memory is less than 8 EiB.

    Why: libvirt counts bytes in 63 bits.
    Bad:
        <memory unit='EiB'>8</memory>
    Good:
        <memory unit='GiB'>8</memory>
    libvirt says: numerical overflow: value too large
    See: libvirt virutil.c:virScaleInteger, virMemoryMaxValue
    """
    for size in domain.sizes:
        if size.kib is None and size.number is not None and not size.has_unknown_unit:
            yield Problem(
                at=size.at,
                message=f"{size.label} is {size.text} {size.unit or 'KiB'}, more than libvirt can count",
                help="look at the number and at its unit",
            )


@rule("VFS066", "set-unreadable", severity=Severity.ERROR, stage=Stage.PARSE)
def set_unreadable(domain: Domain) -> Iterator[Problem]:
    """A set of CPUs or NUMA nodes is written like `0-7,^3`.

    Why: numbers from 0 to 16383, ranges that rise, commas, and ^ before a single number to take it out again.
        A set of the host's CPUs or nodes must not be empty.
    Bad:
        <vcpu cpuset='7-0'>8</vcpu>
    Bad:
        <memoryBacking><hugepages><page size='2' unit='MiB' nodeset='^0'/></hugepages></memoryBacking>
    Good:
        <vcpu cpuset='0-7,^3'>8</vcpu>
    libvirt says: Failed to parse bitmap
    libvirt says: Invalid value of 'cpuset'
    libvirt says: Invalid value of 'nodeset'
    See: libvirt virbitmap.c:virBitmapParse
    """
    for bitset in domain.bitsets:
        members = bitset.members
        if members is None or not (members or bitset.may_be_empty):
            yield Problem(
                at=bitset.attribute.span if bitset.attribute else bitset.node.text_span,
                message=f"{bitset.label} is {bitset.text!r}, "
                + ("which is no set of numbers" if members is None else "which is an empty set"),
                help="write numbers and rising ranges with commas between them, such as 0-3,8",
            )


@rule("VFS067", "feature-unknown", severity=Severity.ERROR, stage=Stage.PARSE)
def feature_unknown(domain: Domain, context: Context) -> Iterator[Problem]:
    """What stands in `<features>` is a feature that libvirt knows.

    Why: unlike elsewhere, libvirt does not pass over an unknown element here.
    Bad:
        <features><apci/></features>
    Bad (libvirt 9.0.0):
        <features><ps2 state='off'/></features>
    Good:
        <features><acpi/></features>
    libvirt says: unexpected feature
    libvirt says: unsupported HyperV Enlightenment feature
    libvirt says: unsupported KVM feature
    Fix: writes the name that differs by a slip of the pen.
    See: libvirt domain_conf.c:virDomainFeaturesDefParse
    """
    for node, known in domain.unknown_features:
        meant = nearest(node.tag, known)
        yield Problem(
            at=node.name_span,
            message=f"<{node.tag}> is no feature that libvirt {spell(context.target.libvirt)} knows",
            help=f"write <{meant}>" if meant else "take it out",
            fix=Fix(f"write <{meant}>", tuple(edits.rename_element(node, meant))) if meant else None,
        )
