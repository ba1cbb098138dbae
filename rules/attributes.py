"""Values that libvirt's parser rejects, wherever they are: words, numbers, sizes, sets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from vfslint.domain.cpu import Bitset
from vfslint.domain.sizes import Size, UnreadableSize
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers
from vfslint.xml import edits

if TYPE_CHECKING:
    from vfslint.domain.deviation import RequiredAttribute, UnknownWord, UnreadableNumber, WrongValue

# Other rules are more specific about the same place.
word = partial(
    rule,
    severity=Severity.ERROR,
    stage=Stage.PARSE,
    any_hypervisor=True,
    gives_way_to=frozenset({Stage.PARSE, Stage.SCHEMA, Stage.DEFINE}),
)

# The maximum number of expected words that are listed.
LISTED = 8


def _write(fault: WrongValue, value: str) -> Fix:
    node, attribute = fault.node, fault.attribute
    edit = edits.set_value(node[attribute], value) if attribute else edits.set_whole_text(node, value)
    return Fix(f"write {value!r}", (edit,))


@word("VFS060", "unknown-word")
def unknown_word(fault: UnknownWord) -> Iterator[Problem]:
    """A value is one of the words that libvirt accepts.

    Why: libvirt rejects the whole domain because of an unknown word. It compares letter by letter, and an empty value
        is not a missing one. Some words are newer than others, such as the watchdog model `itco` (9.1.0).
    Bad:
        <cpu mode='host'/>
    Bad:
        <domain type='KVM'><name>web</name>
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
    libvirt says: invalid domain type
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
    Fix: corrects a typo.
    Fixed:
        <domain type='kvm'>
        <name>web</name>
    See: libvirt domain_conf.c, cpu_conf.c and numa_conf.c: VIR_ENUM_IMPL
    """
    meant = fault.suggestion
    words = ", ".join(fault.expected[:LISTED]) + (" …" if len(fault.expected) > LISTED else "")
    yield Problem(
        at=fault.span,
        message=f"{fault.value!r} is not a valid value for {fault.place}",
        help=f"did you mean {meant!r}?" if meant else f"write one of {words}, or remove it",
        fix=_write(fault, meant) if meant else None,
        says=fault.says,
    )


@word("VFS061", "value-missing")
def value_missing(fault: RequiredAttribute) -> Iterator[Problem]:
    """An element has the attributes that libvirt requires.

    Why: without a default, libvirt rejects the element. A misspelled attribute is a missing one.
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
    words = ", ".join(fault.expected[:LISTED])
    yield Problem(
        at=fault.node.start_span,
        message=f"<{fault.node.tag}> has no {fault.name!r}",
        help=f"write {fault.name}='…'" + (f", one of {words}" if words else f", {fault.form}" if fault.form else ""),
        says=fault.says,
    )


@word("VFS062", "not-a-number")
def not_a_number(fault: UnreadableNumber) -> Iterator[Problem]:
    """A number has only digits, and is in its range.

    Why: libvirt accepts whitespace before the number, but not after it, and rejects a minus sign, a decimal point or a
        unit.
    Bad:
        <iothreads>two</iothreads>
    Bad:
        <cpu><topology sockets='0' cores='8' threads='1'/></cpu>
    Bad:
        <iothreads>2 </iothreads>
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
    Fixed:
        <iothreads>2</iothreads>
    See: libvirt virxml.c:virXMLPropUInt, virstring.c:virStrToLong_uip
    """
    value, reads = fault.value, fault.reads
    form = fault.form or "a whole number"
    is_out = reads is not None and numbers.integer(value, bits=128) is not None
    expected = "a number"
    if is_out and reads:
        expected = f"{reads.low}" if reads.low == reads.high else f"in the range {reads.low} to {reads.high}"
    stripped = value.strip()
    is_blank = stripped != value and numbers.is_whole(stripped)
    yield Problem(
        at=fault.span,
        message=f"{fault.place} is {value!r}, which is not {expected}",
        help=f"write {form}",
        fix=_write(fault, stripped) if is_blank else None,
        says=fault.says,
    )


@rule("VFS063", "size-unreadable", severity=Severity.ERROR, stage=Stage.PARSE)
def size_unreadable(size: UnreadableSize) -> Iterator[Problem]:
    """A memory size is a whole number, with its unit in `unit`.

    Why: libvirt does not accept '2.5', '2G' or '2 '. Without `unit` the number is in KiB.
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
    Fix: removes whitespace, and moves the unit into the attribute `unit`. If that has another unit, the fix is unsafe.
    Fixed:
        <memoryBacking><hugepages><page size='2' unit='M'/></hugepages></memoryBacking>
    See: libvirt domain_conf.c:virDomainParseScaledValue
    """
    if size.number is None:
        yield Problem(
            at=size.at,
            message=f"{size.label} is {size.text!r}, which is not a whole number",
            help="write only digits, and the unit as an attribute such as unit='MiB'",
            fix=_size_fix(size),
            says=f"Invalid value '{size.text}' for element or attribute '{size.xpath}'",
        )


def _size_fix(size: Size) -> Fix | None:
    text = size.text.strip()
    if text != size.text and numbers.unsigned(text, bits=64) is not None:
        edit = edits.set_value(size.node[size.name], text) if size.name else edits.set_whole_text(size.node, text)
        return Fix("remove the whitespace", (edit,))
    found = re.fullmatch("([0-9]+)[ \t]*([A-Za-z]+)", text)
    if found is None or numbers.unit_bytes(found[2]) is None:
        return None
    number, unit = found.groups()
    edit = edits.set_value(size.node[size.name], number) if size.name else edits.set_whole_text(size.node, number)
    written = size.node.attribute("unit")
    if written and size.unit:
        is_same = numbers.unit_bytes(size.unit) == numbers.unit_bytes(unit)
        changes = (edit,) if is_same else (edit, edits.set_value(written, unit))
        return Fix(f"write {number} and unit='{size.unit if is_same else unit}'", changes, safe=is_same)
    added = edits.set_value(written, unit) if written else edits.add_attribute(size.node, "unit", unit)
    return Fix(f"write {number} and unit='{unit}'", (edit, added))


@rule("VFS064", "unit-unknown", severity=Severity.ERROR, stage=Stage.PARSE)
def unit_unknown(size: UnreadableSize) -> Iterator[Problem]:
    """A memory size has a unit that libvirt supports.

    Why: libvirt supports b, bytes, and k, M, G, T, P, E, each as it is or with iB (powers of 1024) or B (powers of
        1000), in upper or lower case.
    Bad:
        <memory unit='Gigabyte'>2</memory>
    Bad:
        <memory unit='Gi'>2</memory>
    Good:
        <memory unit='GiB'>2</memory>
    libvirt says: unknown suffix
    Fix: completes the unit, such as GiB for Gi.
    Fixed:
        <memory unit='GiB'>2</memory>
    See: libvirt virutil.c:virScaleInteger
    """
    if size.has_unknown_unit and size.unit:
        meant = _meant_unit(size.unit)
        yield Problem(
            at=size.node.at("unit"),
            message=f"unknown unit {size.unit!r}",
            help=f"did you mean {meant!r}?" if meant else "write KiB, MiB, GiB or TiB",
            fix=Fix(f"write {meant!r}", (edits.set_value(size.node["unit"], meant),)) if meant else None,
            says=f"unknown suffix '{size.unit}'" if size.number is not None else "",
        )


def _meant_unit(unit: str) -> str | None:
    stripped = unit.strip()
    if numbers.unit_bytes(stripped):
        return stripped
    return f"{stripped}B" if numbers.unit_bytes(f"{stripped}B") else None


@rule("VFS065", "size-too-large", severity=Severity.ERROR, stage=Stage.PARSE)
def size_too_large(size: UnreadableSize) -> Iterator[Problem]:
    """A memory size is less than 8 EiB.

    Why: libvirt stores the size in bytes in a signed 64-bit number.
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
            message=f"{size.label} is {size.text} {size.unit or 'KiB'}, more than libvirt supports",
            help="check the number and its unit",
            says=f"value too large: {size.number}{size.unit or ''}",
        )


@rule("VFS066", "set-unreadable", severity=Severity.ERROR, stage=Stage.PARSE)
def set_unreadable(bitset: Bitset) -> Iterator[Problem]:
    """A set of CPUs or NUMA nodes has the form `0-7,^3`.

    Why: libvirt accepts numbers from 0 to 16383, ascending ranges, commas, and ^ before a number that is excluded. A
        set of the host's CPUs or nodes must not be empty.
    Bad:
        <vcpu cpuset='7-0'>8</vcpu>
    Bad:
        <memoryBacking><hugepages><page size='2' unit='MiB' nodeset='^0'/></hugepages></memoryBacking>
    Bad:
        <vcpu>8</vcpu>
        <cputune><vcpusched vcpus='0..7' scheduler='batch'/></cputune>
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
            at=bitset.span,
            message=f"{bitset.label} is {bitset.text!r}, "
            + ("which is not a set of numbers" if members is None else "which is an empty set"),
            help="write numbers and ascending ranges separated by commas, such as 0-3,8",
            says=f"Failed to parse bitmap '{bitset.text}'"
            if members is None
            else f"Invalid value of '{bitset.attribute.name if bitset.attribute else bitset.node.tag}': {bitset.text}",
        )
