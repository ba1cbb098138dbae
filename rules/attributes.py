"""Single values that libvirt's parser refuses: words, numbers, sizes, sets, whatever they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from vfslint.domain.cpu import Bitset
from vfslint.domain.sizes import Size, UnreadableSize
from vfslint.findings import Fix, Problem, Severity, Span, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers
from vfslint.vocabulary.mismatch import Kind
from vfslint.xml import edits

if TYPE_CHECKING:
    from vfslint.domain.deviation import Deviation

# What another rule says of the same place is more particular.
word = partial(rule, severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True, generic=True)

TOLD = 8


def _place(deviation: Deviation) -> str:
    """How messages call the place of a value: `mode of <cpu>`, or `<iothreads>`."""
    tag = deviation.node.tag
    return f"{deviation.attribute} of <{tag}>" if deviation.attribute else f"<{tag}>"


def _value_span(deviation: Deviation) -> Span:
    return deviation.node[deviation.attribute].span if deviation.attribute else deviation.node.text_span


def _write(deviation: Deviation, value: str) -> Fix:
    node, attribute = deviation.node, deviation.attribute
    edit = edits.set_value(node[attribute], value) if attribute else edits.set_whole_text(node, value)
    return Fix(f"write {value!r}", (edit,))


@word("VFS060", "unknown-word")
def unknown_word(deviation: Deviation) -> Iterator[Problem]:
    """A value is one of the words that libvirt knows at its place.

    Why: libvirt compares letter by letter; an empty value is not an absent one. It refuses the whole domain for a word
        that it does not know. Some words are newer than others, such as the watchdog `itco` (9.1.0).
    Bad:
        <cpu mode='host'/>
    Bad:
        <vcpu placement='dynamic'>8</vcpu>
    Bad:
        <controller type='usb' index='0' model='xhci'/>
    Bad:
        <interface type='vhost-user'><source type='unix' path='/run/vhost.sock' mode='client'/>
          <model type='virtio'/></interface>
    Good:
        <cpu mode='host-passthrough'/>
        <controller type='usb' index='0' model='qemu-xhci'/>
    libvirt says: Invalid value for attribute
    libvirt says: Invalid mode attribute
    libvirt says: Unsupported CPU placement mode
    libvirt says: Invalid match attribute for CPU specification
    libvirt says: unknown boot device
    libvirt says: unknown clock offset
    libvirt says: invalid memory model
    libvirt says: Unknown controller type
    libvirt says: Unknown model type
    libvirt says: unknown audio type
    libvirt says: unknown disk type
    libvirt says: unknown interface type
    libvirt says: unknown watchdog model
    libvirt says: unknown input bus type
    Fix: writes the word that differs by a typo.
    See: libvirt domain_conf.c, cpu_conf.c and numa_conf.c: VIR_ENUM_IMPL
    """
    if deviation.kind is not Kind.WRONG_VALUE:
        return
    if not (deviation.is_refused and deviation.is_word):
        return
    meant = deviation.suggestion
    choice = ", ".join(deviation.expected[:TOLD]) + (" …" if len(deviation.expected) > TOLD else "")
    yield Problem(
        at=_value_span(deviation),
        message=f"{deviation.value!r} is not a valid value for {_place(deviation)}",
        help=f"write {meant!r}" if meant else f"write one of {choice}, or leave it out",
        fix=_write(deviation, meant) if meant else None,
    )


@word("VFS061", "value-missing")
def value_missing(deviation: Deviation) -> Iterator[Problem]:
    """An element has the attributes that libvirt cannot do without.

    Why: where there is no default, libvirt refuses the element; a misspelled attribute is a missing one.
    Bad:
        <os><type>hvm</type><boot/></os>
    Bad:
        <cpu><topology sockets='1' cores='8'/></cpu>
    Bad:
        <memballoon/>
    Good:
        <os><type>hvm</type><boot dev='hd'/></os>
    libvirt says: Missing required attribute
    libvirt says: missing boot device
    libvirt says: attribute in CPU topology
    See: libvirt virxml.c:virXMLPropEnum, virXMLPropUInt with VIR_XML_PROP_REQUIRED
    """
    if deviation.kind is not Kind.MISSING_ATTRIBUTE:
        return
    if deviation.is_refused:
        words = ", ".join(deviation.expected[:TOLD])
        yield Problem(
            at=deviation.node.start_span,
            message=f"<{deviation.node.tag}> has no {deviation.name!r}",
            help=f"write {deviation.name}='…'"
            + (f", one of {words}" if words else f", {deviation.form}" if deviation.form else ""),
        )


@word("VFS062", "not-a-number")
def not_a_number(deviation: Deviation) -> Iterator[Problem]:
    """A number is written with digits alone and lies in its range.

    Why: whitespace may come before it, but not after it; a minus sign, a decimal point or a unit is refused.
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
    Fix: removes whitespace after the number.
    See: libvirt virxml.c:virXMLPropUInt, virstring.c:virStrToLong_uip
    """
    if deviation.kind is not Kind.WRONG_VALUE:
        return
    if not (deviation.is_refused and deviation.is_number):
        return
    value, reads = deviation.value or "", deviation.reads
    form = deviation.form or "a whole number"
    is_out = reads is not None and numbers.integer(value, bits=128) is not None
    expected = f"between {reads.low} and {reads.high}" if is_out and reads else "a number"
    stripped = value.strip()
    is_blank = stripped != value and stripped.isascii() and stripped.isdigit()
    yield Problem(
        at=_value_span(deviation),
        message=f"{_place(deviation)} is {value!r}, which is not {expected}",
        help=f"write {form}",
        fix=_write(deviation, stripped) if is_blank else None,
    )


@rule("VFS063", "size-unreadable", severity=Severity.ERROR, stage=Stage.PARSE)
def size_unreadable(size: UnreadableSize) -> Iterator[Problem]:
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


@rule("VFS064", "unit-unknown", severity=Severity.ERROR, stage=Stage.PARSE)
def unit_unknown(size: UnreadableSize) -> Iterator[Problem]:
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


@rule("VFS065", "size-too-large", severity=Severity.ERROR, stage=Stage.PARSE)
def size_too_large(size: UnreadableSize) -> Iterator[Problem]:
    """A size of memory is less than 8 EiB.

    Why: libvirt counts bytes in 63 bits.
    Bad:
        <memory unit='EiB'>8</memory>
    Good:
        <memory unit='GiB'>8</memory>
    libvirt says: numerical overflow: value too large
    See: libvirt virutil.c:virScaleInteger, virMemoryMaxValue
    """
    if size.number is not None and not size.has_unknown_unit:
        yield Problem(
            at=size.at,
            message=f"{size.label} is {size.text} {size.unit or 'KiB'}, more than libvirt can count",
            help="look at the number and at its unit",
        )


@rule("VFS066", "set-unreadable", severity=Severity.ERROR, stage=Stage.PARSE)
def set_unreadable(bitset: Bitset) -> Iterator[Problem]:
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
    members = bitset.members
    if members is None or not (members or bitset.may_be_empty):
        yield Problem(
            at=bitset.attribute.span if bitset.attribute else bitset.node.text_span,
            message=f"{bitset.label} is {bitset.text!r}, "
            + ("which is no set of numbers" if members is None else "which is an empty set"),
            help="write numbers and rising ranges with commas between them, such as 0-3,8",
        )
