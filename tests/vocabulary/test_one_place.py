"""The values of the vocabulary are listed in domain.xsd; no Python source lists them once more."""

import ast
from functools import cache

import pytest

from tests.paths import ROOT
from vfslint.schemas import _domain
from vfslint.vocabulary import table

FEWEST = 3
SHARE = 0.6


def value_lists():
    """Every list of values by its name, and that of an attribute in all forms of its element together."""
    found = {name: set(table.values(name).listed) for name in _domain.VALUES}
    for tag, within in table.places().items():
        for child in within.values():
            for form in child.all_forms():
                for attribute in form.attributes.values():
                    words = found.setdefault(f"<{tag} {attribute.name}>", set())
                    words.update(attribute.values.listed)
                    words.update(word for word, _ in (attribute.reads.words if attribute.reads else ()))
    return {name: words for name, words in found.items() if len(words) >= FEWEST}


LISTS = value_lists()

# Copies that are left, by file and name. Remove one together with its copy.
LEFT = {
    # Something else is said of each word, or of some of them.
    ("lint/domain/address.py", "NUMBERS"),  # address/@type: the numbers in each
    ("lint/domain/pci_slots.py", "_REQUIRED"),  # controller/@model: the bus that each requires
    ("lint/domain/pci_slots.py", "_OFFERED"),  # controller/@model: what can be connected to each
    ("rules/pci_controllers.py", "NAMES"),  # controller/@model: what QEMU makes of each
    ("lint/domain/interface.py", "MODELS"),  # interface/model/@type: those that are virtio
    ("rules/interfaces.py", "_SOURCES"),  # interface/@type: the attributes of <source> that each requires
    ("rules/interface_networks.py", "_REQUIRED"),  # virtualport/@type: the parameters that each requires
    ("rules/interface_networks.py", "_EXTRA"),  # virtualport/@type: the parameters that each rejects
    ("rules/inputs.py", "_unsupported_type"),  # input/@type: those without a PS/2 variant
    ("rules/iommu.py", "_BOARDS"),  # iommu/@model: the boards of each
    ("rules/iommu.py", "_OPTIONS"),  # iommu/@model: the options of each
    ("rules/machine_support.py", "_OTHER_BUSES"),  # disk/target/@bus: those that are not PCI
    ("rules/machine_support.py", "_of_security"),  # launchSecurity/@type: the processors of each
    ("rules/memory_devices.py", "_address_problems"),  # memory/@model: the types of address of each
    ("lint/domain/sizes.py", "_OF_MODEL"),  # memory/@model: the sizes of each
    ("rules/panic.py", "_MACHINES"),  # panic/@model: what libvirt says of each
    ("rules/panic.py", "_ADDRESSES"),  # panic/@model: what libvirt says of each
    ("rules/panic.py", "_lacks"),  # panic/@model: the machines of each
    ("rules/tpm.py", "_version_fault"),  # tpm/@model: those that are TPM 2.0 only
    ("rules/watchdog.py", "_at_address"),  # watchdog/@model: what libvirt says of each
    ("lint/domain/character.py", "MODELS"),  # serial/target/model/@name: the type of serial port of each
    ("rules/filesystem.py", "filesystem_driver_unsupported"),  # filesystem/driver/@type: those that QEMU lacks
    ("lint/terminal.py", "WHEN"),  # graphics/jpeg/@compression: when the output has colors
    ("rules/clock.py", "_Settings"),  # clock/timer/@name: those that support each setting
    ("rules/clock.py", "_NAMES"),  # clock/timer/@name: those that QEMU can have
    ("rules/memory_devices.py", "private_memory_device"),  # memory/@model: those that can be private
}


def words_of(node, constants):
    """The strings that a literal collection holds, constants by their names; none if it holds anything else."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="split"), args=[], keywords=[]):
            return text.split()
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) | ast.Dict(keys=parts):
            pass
        case ast.MatchOr(patterns=patterns):
            parts = [getattr(pattern, "value", None) for pattern in patterns]
        case _:
            return []
    texts = [
        constants.get(part.id) if isinstance(part, ast.Name) else getattr(part, "value", None)
        for part in parts
        if not isinstance(part, ast.Starred)
    ]
    return texts if all(isinstance(text, str) for text in texts) else []


def lists_repeated_by(words):
    """The value lists of which these words are most, and nothing else."""
    words = set(words)
    if len(words) < FEWEST:
        return []
    return [name for name, listed in LISTS.items() if words <= listed and len(words) >= SHARE * len(listed)]


def copies(source):
    """Yield the name that holds a copy, assigned or defined, and the value lists that it repeats."""

    tree = ast.parse(source)
    constants = {}
    for line in tree.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=own)], value=ast.Constant(value=str(text))):
                constants[own] = text

    def walk(node, name):
        match node:
            case ast.FunctionDef(name=own) | ast.ClassDef(name=own):
                name = own
            case ast.Assign(targets=[ast.Name(id=own)]) | ast.AnnAssign(target=ast.Name(id=own)) if not name:
                name = own
            case ast.Assign(targets=[ast.Name(id=own)]) if own.isupper():
                name = own
        repeated = lists_repeated_by(words_of(node, constants))
        if repeated:
            yield name, repeated
        for inner in ast.iter_child_nodes(node):
            yield from walk(inner, name)

    yield from walk(tree, "")


@cache
def all_copies():
    sources = [path for folder in ("lint", "rules") for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(sources) > 50
    return {
        (path.relative_to(ROOT).as_posix(), name): repeated
        for path in sources
        for name, repeated in copies(path.read_text(encoding="utf-8"))
    }


def test_no_source_repeats_a_list_of_values():
    new = {place: repeated for place, repeated in all_copies().items() if place not in LEFT}
    assert not new, "ask vfslint.vocabulary.table for these words"


def test_what_is_left_is_still_there():
    assert all_copies().keys() >= LEFT


@pytest.mark.parametrize(
    "source",
    [
        "KINDS = ('memfd', 'file', 'anonymous')",
        "KINDS: set[str] = {'anonymous', 'memfd', 'file'}",
        "KINDS = frozenset(['file', 'memfd', 'anonymous'])",
        "KINDS = {'file': 1, 'memfd': 2, 'anonymous': 3}",
        "KINDS = frozenset('anonymous file memfd'.split())",
        "FILE = 'file'\nKINDS = ('memfd', FILE, 'anonymous')",
        "def KINDS(kind): return kind in ('memfd', 'file', 'anonymous')",
        "def KINDS(kind):\n  match kind:\n    case 'memfd' | 'file' | 'anonymous': pass",
    ],
)
def test_a_copy_is_found(source):
    [(name, repeated)] = copies(source)
    assert name == "KINDS"
    assert "MemorySourceKind" in repeated


@pytest.mark.parametrize(
    "source",
    [
        "SOME = ('memfd', 'file')",
        "OTHER = ('memfd', 'file', 'hugetlb')",
        "MIXED = ('memfd', 'file', 1)",
        "FEW = ('raw', 'qcow2', 'vmdk')",
    ],
)
def test_other_words_are_no_copy(source):
    assert list(copies(source)) == []
