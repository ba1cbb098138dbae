"""Valid domains with one or two mistakes introduced, by hypothesis."""

from __future__ import annotations

import gzip
import json
from copy import deepcopy
from functools import cache
from typing import Any, NamedTuple

from hypothesis import strategies as st
from lxml import etree

from tests.paths import DATA

# Values that are right somewhere, almost right, or wrong, for attributes by name; others get those of "".
VALUES: dict[str, list[str]] = {
    "": ["", "x", "0", "1", "-1", "yes", "on", " on", "default"],
    "type": ["mount", "file", "ram", "block", "virtiofs", "virtio-fs", "path", "handle", "memfd", "anonymous", "pci",
             "usb", "ccw", "none", "Mount"],
    "accessmode": ["passthrough", "mapped", "squash", "shared", ""],
    "mode": ["shared", "private", "immediate", "ondemand", "none", "always", "auto", "namespace", "chroot",
             "host-model", "host-passthrough", "custom", "Shared"],
    "memAccess": ["shared", "private", "", "share"],
    "dir": ["/srv/other", "relative", "", "/", "data", "t" * 36, "t" * 37, "a b", "é" * 19],
    "socket": ["/run/other.sock", "other.sock", "", "/" + "s" * 120],
    "queue": ["1024", "1000", "2048", "0", "", "-1", "x", "4294967296"],
    "unit": ["KiB", "MiB", "GB", "b", "gib", "", "XB", "T"],
    "size": ["2", "2048", "0", "1", "-2", "two", ""],
    "nodeset": ["0", "1", "0-1", "5", "", "a", "^0"],
    "cpus": ["0-3", "0-7", "4-7", "0,2", "", "3-0", "8-9", "x"],
    "id": ["0", "1", "2", "-1", "x", ""],
    "memory": ["1", "2", "0", "-1", "x", ""],
    "machine": ["q35", "pc", "pc-q35-5.2", "isapc", "none", "virt", "i440fx", ""],
    "arch": ["x86_64", "i686", "amd64", ""],
    "current": ["1", "4", "8", "9", "0", "x"],
    "placement": ["static", "auto", "dynamic"],
    "slot": ["0x05", "0x1f", "0x20", "7", "x", ""],
    "bus": ["0x00", "0x01", "0xff", "0x100", "x"],
    "function": ["0x0", "0x7", "0x8"],
    "order": ["1", "2", "0", "x"],
    "name": ["ua-x", "fs0", "", "virtiofsd"],
    "max": ["4096", "0", "-1", "x"],
}  # fmt: skip

TEXTS: dict[str, list[str]] = {
    "memory": ["1", "2", "2048", "0", "", " 2 ", "2.5", "-2", "two", "99999999999999999999"],
    "vcpu": ["1", "8", "16", "0", "", "x", "300"],
    "currentMemory": ["1", "4", "x", ""],
    "name": ["other", "a b", "a/b", ""],
    "": ["", "x"],
}

CHILDREN: dict[str, list[str]] = {
    "domain": [
        "<memoryBacking><access mode='private'/></memoryBacking>",
        "<memoryBacking><access mode='shared'/></memoryBacking>",
        "<cpu mode='host-passthrough'/>",
        "<maxMemory slots='4' unit='GiB'>8</maxMemory>",
        "<maxMemory unit='GiB'>8</maxMemory>",
        "<currentMemory unit='GiB'>1</currentMemory>",
        "<iothreads>2</iothreads>",
        "<bogus/>",
    ],
    "devices": [
        "<filesystem><source dir='/srv/new'/><target dir='new'/></filesystem>",
        "<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/new'/><target dir='new'/></filesystem>",
        "<filesystem type='mount'><driver type='virtiofs'/><source socket='/run/a'/><target dir='new'/></filesystem>",
        "<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/new'/></filesystem>",
        "<interface type='vhostuser'><source type='unix' path='/run/v' mode='client'/>"
        "<model type='virtio'/></interface>",
        "<disk type='vhostuser' device='disk'><driver name='qemu' type='raw'/><source type='unix' path='/run/d'/>"
        "<target dev='vda' bus='virtio'/></disk>",
        "<memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>",
        "<memballoon model='virtio'/>",
        "<bogus/>",
    ],
    "filesystem": [
        "<readonly/>",
        "<binary xattr='on'/>",
        "<driver type='path'/>",
        "<source socket='/run/z.sock'/>",
        "<target dir='other'/>",
        "<idmap/>",
        "<idmap><uid start='0' target='1000' count='10'/></idmap>",
        "<boot order='1'/>",
        "<space_hard_limit unit='GiB'>1</space_hard_limit>",
        "<alias name='ua-q'/>",
        "<address type='pci'/>",
        "<acl/>",
    ],
    "memoryBacking": [
        "<access mode='private'/>",
        "<source type='file'/>",
        "<source type='anonymous'/>",
        "<allocation mode='ondemand'/>",
        "<allocation mode='immediate' threads='4'/>",
        "<hugepages/>",
        "<locked/>",
        "<discard/>",
        "<nosharepages/>",
        "<shared/>",
    ],
    "cpu": [
        "<numa/>",
        "<numa><cell id='0' cpus='0-7' memory='2' unit='GiB'/></numa>",
        "<topology sockets='1' cores='8' threads='1'/>",
        "<model>qemu64</model>",
    ],
    "numa": ["<cell id='1' cpus='8-9' memory='1' unit='GiB'/>", "<cell id='0' cpus='0-7' memory='2' unit='GiB'/>"],
    "hugepages": ["<page/>", "<page unit='M'/>", "<page size='1' unit='G'/>", "<page size='2' unit='M' nodeset='0'/>"],
    "binary": ["<cache mode='none'/>", "<sandbox mode='chroot'/>", "<thread_pool size='8'/>", "<lock posix='on'/>"],
}

# libvirt aborts on these instead of answering; they have a rule and a test of their own.
DEADLY = {("vcpu", "-1")}

# Elements that vfslint knows completely: a fault anywhere else is not for it to find.
IN_SCOPE = frozenset(
    """domain name memory currentMemory maxMemory vcpu os type cpu topology numa cell memoryBacking access source
    allocation hugepages page locked nosharepages discard devices filesystem driver binary cache sandbox lock
    thread_pool openfiles target readonly idmap uid gid boot alias address""".split()
)


class Mutant(NamedTuple):
    """A document and what was done to it."""

    xml: str
    faults: tuple[str, ...]


@cache
def sound_domains() -> list[Any]:
    """Return the trees of valid domains: those of the conformance cases, and those that libvirt 9.0.0 prints."""
    with gzip.open(DATA / "cases.jsonl.gz", "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    texts = [case["xml"] for case in cases if not case["faults"]]
    with gzip.open(DATA / "dumps.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts += [dump["xml"] for dump in map(json.loads, lines) if dump["release"] == "9.0.0"]
    return [etree.fromstring(text) for text in texts]


@st.composite
def mutants(draw: st.DrawFn) -> Mutant:
    """Draw a valid domain with up to two mistakes."""
    root = deepcopy(draw(st.sampled_from(sound_domains())))
    number = draw(st.integers(0, 2))
    faults = tuple(_mutate(draw, root) for _ in range(number))
    return Mutant(etree.tostring(root, encoding="unicode"), faults)


def _mutate(draw: st.DrawFn, root: Any) -> str:
    elements = [element for element in root.iter("*") if _in_scope(element)]
    element = draw(st.sampled_from(elements))
    kinds = ["stray", "text"] if element is root else ["stray", "text", "misname", "repeat", "delete"]
    if element.attrib:
        kinds += ["set", "set", "set", "drop", "misname-attribute"]
    if element.tag in CHILDREN:
        kinds += ["add", "add"]
    kind = draw(st.sampled_from(kinds))
    where = element.getroottree().getpath(element)
    detail = _MUTATIONS[kind](draw, element)
    return f"{kind} {where} {detail}".strip()


def _in_scope(element: Any) -> bool:
    chain = [element, *element.iterancestors()]
    return all(link.tag in IN_SCOPE for link in chain) and (
        len(chain) < 3 or chain[-2].tag != "devices" or chain[-3].tag == "filesystem"
    )


def _misspelled(draw: st.DrawFn, name: str) -> str:
    at = draw(st.integers(0, len(name) - 1))
    way = draw(st.sampled_from(["case", "double", "swap", "leave out"]))
    if way == "case":
        return name[:at] + name[at].swapcase() + name[at + 1 :]
    if way == "double":
        return name[:at] + name[at] + name[at:]
    if way == "swap" and len(name) > 1:
        at = min(at, len(name) - 2)
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return name[:at] + name[at + 1 :] if len(name) > 2 else name + "s"


def _set(draw: st.DrawFn, element: Any) -> str:
    name = draw(st.sampled_from(sorted(element.attrib)))
    value = draw(st.sampled_from(VALUES.get(name, VALUES[""])))
    element.set(name, value)
    return f"@{name}={value!r}"


def _drop(draw: st.DrawFn, element: Any) -> str:
    name = draw(st.sampled_from(sorted(element.attrib)))
    del element.attrib[name]
    return f"@{name}"


def _misname_attribute(draw: st.DrawFn, element: Any) -> str:
    name = draw(st.sampled_from(sorted(element.attrib)))
    wrong = _misspelled(draw, name)
    if wrong not in element.attrib:
        element.set(wrong, element.attrib.pop(name))
    return f"@{name} -> @{wrong}"


def _misname(draw: st.DrawFn, element: Any) -> str:
    element.tag = _misspelled(draw, element.tag)
    return f"-> {element.tag}"


def _repeat(_: st.DrawFn, element: Any) -> str:
    element.addnext(deepcopy(element))
    return ""


def _delete(_: st.DrawFn, element: Any) -> str:
    element.getparent().remove(element)
    return ""


def _stray(_: st.DrawFn, element: Any) -> str:
    element.set("bogus", "1")
    return "@bogus"


def _text(draw: st.DrawFn, element: Any) -> str:
    if len(element):
        return "(has children)"
    text = draw(st.sampled_from(TEXTS.get(element.tag, TEXTS[""])))
    if (element.tag, text) not in DEADLY:
        element.text = text
    return repr(text)


def _add(draw: st.DrawFn, element: Any) -> str:
    child = draw(st.sampled_from(CHILDREN[element.tag]))
    element.append(etree.fromstring(child))
    return child


_MUTATIONS = {
    "set": _set,
    "drop": _drop,
    "misname": _misname,
    "misname-attribute": _misname_attribute,
    "repeat": _repeat,
    "delete": _delete,
    "stray": _stray,
    "text": _text,
    "add": _add,
}
