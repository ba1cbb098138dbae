"""Devices of a domain, read as libvirt reads them: the first of repeated children counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from vfslint.domain.machines import HUGE_PAGES_KIB
from vfslint.findings import Span
from vfslint.lazy import lazy
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

if TYPE_CHECKING:
    from vfslint.domain.deviation import UnknownElement
    from vfslint.domain.domain import Domain


class Device:
    """One element inside `<devices>`."""

    def __init__(self, domain: Domain, node: Node) -> None:
        self.domain = domain
        self.node = node
        self.libvirt = domain.context.target.libvirt

    @property
    def kind(self) -> str:
        """The element's name: filesystem, interface, disk …"""
        return self.node.tag

    @lazy
    def type(self) -> str | None:
        """The `type` attribute, or None."""
        return self.node.value("type")

    @lazy
    def address(self) -> Node | None:
        """The guest address, or None while libvirt is to choose one."""
        return self.node.child("address")

    @lazy
    def boot(self) -> Node | None:
        """The `<boot order=…/>` of the device, or None."""
        return self.node.child("boot")

    @lazy
    def driver(self) -> Node | None:
        """The first `<driver>`, or None."""
        return self.node.child("driver")

    @lazy
    def source(self) -> Node | None:
        """The first `<source>`, or None."""
        return self.node.child("source")

    @property
    def label(self) -> str:
        """How messages call the device: `interface`, `disk 'vda'` …"""
        target = self.node.child("target")
        name = target.value("dev") if target else None
        return f"{self.kind} {name!r}" if name else self.kind


class Words(NamedTuple):
    """The words that libvirt takes for one attribute: those worth writing, and others with their releases."""

    words: tuple[str, ...]
    since: Version = (0, 0, 0)
    besides: tuple[tuple[str, Version], ...] = ()

    def accept(self, value: str, libvirt: Version) -> bool:
        """Whether a release reads the value, or does not look at the attribute yet."""
        if value in self.words or libvirt < self.since:
            return True
        return any(value == word and libvirt >= since for word, since in self.besides)


class UnknownWord(NamedTuple):
    """An attribute with a word that libvirt does not know, and the words that it does."""

    attribute: Attribute
    words: tuple[str, ...]


SWITCH = Words(("on", "off"))

# The parser of <filesystem> was rewritten between 7.1 and 9.0 (virXMLPropEnum came into use in 7.4). It reads
# the first <driver> and the first <source>; the one before took each attribute from the first that had it.
REWRITTEN: Version = (7, 4, 0)
PASSTHROUGH = "passthrough"

_FILESYSTEM = {
    "type": Words(("mount", "block", "file", "template", "ram", "bind", "volume")),
    "accessmode": Words((PASSTHROUGH, "mapped", "squash"), besides=(("", REWRITTEN),)),
    "model": Words(("virtio", "virtio-transitional", "virtio-non-transitional")),
    "multidevs": Words(("default", "remap", "forbid", "warn"), since=(6, 3, 0)),
}
_DRIVER = {
    "type": Words(
        ("virtiofs", "path", "handle", "loop", "nbd", "ploop"),
        besides=(("default", REWRITTEN), ("mtp", (10, 2, 0))),
    ),
    "wrpolicy": Words(("immediate",), besides=(("default", REWRITTEN),)),
    "format": Words(
        ("raw", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop", "cow", "qcow",
         "qcow2", "qed", "vmdk")
    ),
    "iommu": SWITCH,
    "ats": SWITCH,
    "packed": Words(("on", "off"), since=(6, 3, 0)),
    "page_per_vq": Words(("on", "off"), since=(7, 9, 0)),
}  # fmt: skip
_BINARY = {
    "binary": {"xattr": SWITCH},
    "binary/cache": {"mode": Words(("none", "always"))},
    "binary/lock": {"posix": SWITCH, "flock": SWITCH},
    "binary/sandbox": {"mode": Words(("namespace", "chroot"), since=(7, 2, 0))},
}


_LIBVIRTS_ALIAS = r"fs[0-9]+\Z"


class Filesystem(Device):
    """A `<filesystem>`: virtiofs, 9p or whatever its driver says."""

    @lazy
    def type(self) -> str:
        """The type; libvirt takes `mount` where it is absent (virDomainFSDefParseXML)."""
        found = self.node.value("type")
        return "mount" if found is None else found

    @lazy
    def drivers(self) -> list[Node]:
        """All `<driver>`; one is right."""
        return self.node.children("driver")

    def _of_driver(self, name: str) -> Attribute | None:
        """An attribute of the driver as the target release picks it."""
        for driver in self.drivers:
            found = driver.attribute(name)
            if found or self.libvirt >= REWRITTEN:
                return found
        return None

    @lazy
    def driver_attribute(self) -> Attribute | None:
        """The `driver/@type` that counts, or None: QEMU then serves 9p itself."""
        return self._of_driver("type")

    @lazy
    def driver_type(self) -> str | None:
        """The value of the `driver/@type` that counts, or None."""
        return self.driver_attribute.value if self.driver_attribute else None

    @lazy
    def is_virtiofs(self) -> bool:
        """Whether virtiofsd serves it."""
        return self.driver_type == "virtiofs"

    @lazy
    def is_9p(self) -> bool:
        """Whether QEMU itself serves it as 9p: no driver type, or `path` or `handle`."""
        return self.driver_type in (None, "default", "path", "handle")

    @lazy
    def unknown_words(self) -> list[UnknownWord]:
        """Every attribute whose word the target release does not know; what it ignores is left out."""
        found = self._unknown(self.node, _FILESYSTEM)
        for driver in self.drivers[:1]:
            found += self._unknown(driver, _DRIVER)
        if len(self.drivers) > 1 and self.libvirt < REWRITTEN:
            for name in ("type", "wrpolicy", "format"):
                attribute = self._of_driver(name)
                if attribute and attribute.node != self.drivers[0]:
                    found += self._unless_known(attribute, _DRIVER[name])
        if self.is_virtiofs and self.binary:
            found += self._unknown_in_binary()
        return found

    def _unless_known(self, attribute: Attribute, known: Words) -> list[UnknownWord]:
        accepted = known.accept(attribute.value, self.libvirt)
        return [] if accepted else [UnknownWord(attribute, known.words)]

    def _unknown(self, node: Node, table: dict[str, Words]) -> list[UnknownWord]:
        return [
            UnknownWord(Attribute(node, name, value), table[name].words)
            for name, value in node.element.attrib.items()
            if name in table and not table[name].accept(value, self.libvirt)
        ]

    def _unknown_in_binary(self) -> list[UnknownWord]:
        found = []
        for path, table in _BINARY.items():
            for name, known in table.items():
                attribute = self._option(path, name)
                # Until the parser was rewritten, an empty value was none (virXPathString).
                if attribute and (attribute.value or self.libvirt >= REWRITTEN):
                    found += self._unless_known(attribute, known)
        return found

    def _option(self, path: str, name: str) -> Attribute | None:
        """An attribute for the daemon: of the first element, formerly of the first that had it."""
        for node in self.node.children(path):
            found = node.attribute(name)
            if found or self.libvirt >= REWRITTEN:
                return found
        return None

    def _text_option(self, path: str, name: str) -> Attribute | None:
        """An attribute that every release reads from the first element that has it; an empty one is none."""
        for node in self.node.children(path):
            found = node.attribute(name)
            if found:
                return found if found.value else None
        return None

    @lazy
    def accessmode(self) -> str | None:
        """The access mode as written, or None."""
        return self.node.value("accessmode") or None

    @lazy
    def multidevs(self) -> Attribute | None:
        """How QEMU shows several host devices in one 9p tree, or None where nothing special is asked for."""
        found = self.node.attribute("multidevs")
        return None if found is None or found.value == "default" or self.libvirt < (6, 3, 0) else found

    @lazy
    def wrpolicy(self) -> Attribute | None:
        """The write policy, or None where nothing special is asked for."""
        found = self._of_driver("wrpolicy")
        return None if found is None or found.value == "default" else found

    @lazy
    def format(self) -> Attribute | None:
        """The format of an image, or None."""
        return self._of_driver("format")

    @lazy
    def modes(self) -> list[Attribute]:
        """`fmode` and `dmode`, as far as they are written and known to the release."""
        if self.libvirt < (6, 10, 0):
            return []
        found = (self.node.attribute("fmode"), self.node.attribute("dmode"))
        return [mode for mode in found if mode is not None]

    @lazy
    def space_limits(self) -> list[SpaceLimit]:
        """The first `<space_hard_limit>` and `<space_soft_limit>`, as far as they hold something."""
        found = (self.node.child("space_hard_limit"), self.node.child("space_soft_limit"))
        return [SpaceLimit(limit) for limit in found if limit is not None and limit.text]

    @lazy
    def source(self) -> Node | None:
        """The `<source>` that counts, or None: the first, formerly the first with a directory."""
        sources = self.node.children("source")
        if len(sources) > 1 and self.libvirt < REWRITTEN:
            return next((source for source in sources if source.value("dir") is not None), sources[0])
        return sources[0] if sources else None

    @lazy
    def target(self) -> Node | None:
        """The first `<target>` with a mount tag, else the first, or None."""
        targets = self.node.children("target")
        if len(targets) > 1:
            return next((target for target in targets if target.value("dir") is not None), targets[0])
        return targets[0] if targets else None

    @lazy
    def tag(self) -> str | None:
        """The mount tag, which despite its name stands in `target/@dir`; None where it is absent."""
        return self.target.value("dir") if self.target else None

    @property
    def misspelt_target(self) -> UnknownElement | None:
        """A child that is probably meant for the target, or None; libvirt refuses the filesystem without it."""
        mine = self.domain.strangers_in(self.node)
        return next((each for each in mine if each.suggestion == "target" and each.is_refused), None)

    @property
    def tag_span(self) -> Span:
        """Where the mount tag stands, or where it is missing."""
        return self.target.at("dir") if self.target else self.node.start_span

    @lazy
    def directory(self) -> str | None:
        """The shared host directory, `source/@dir`; None where an external socket takes its place."""
        return self.source.value("dir") if self.source and self.socket is None else None

    @lazy
    def socket(self) -> str | None:
        """The external virtiofsd's socket, `source/@socket`, or None.

        Known since libvirt 7.3.0; it wins over `dir`, even where it is empty (virDomainFSDefParseXML).
        """
        if not self.source or self.libvirt < (7, 3, 0):
            return None
        return self.source.value("socket")

    @lazy
    def binary(self) -> Node | None:
        """The first `<binary>`, which configures libvirt's own virtiofsd, or None."""
        return self.node.child("binary")

    @lazy
    def binary_path(self) -> Attribute | None:
        """The daemon's path, or None where libvirt is to find one."""
        return self._option("binary", "path") if self.binary else None

    @lazy
    def cache(self) -> Attribute | None:
        """The daemon's cache mode, or None."""
        return self._option("binary/cache", "mode") if self.binary else None

    @lazy
    def sandbox(self) -> Attribute | None:
        """The daemon's sandbox, or None."""
        return self._option("binary/sandbox", "mode") if self.binary and self.libvirt >= (7, 2, 0) else None

    @lazy
    def locks(self) -> list[Attribute]:
        """The daemon's lock options, as far as they are written."""
        if not self.binary:
            return []
        found = (self._option("binary/lock", "posix"), self._option("binary/lock", "flock"))
        return [lock for lock in found if lock is not None]

    @lazy
    def thread_pool(self) -> Attribute | None:
        """The size of the daemon's thread pool, or None where it is unset or not known to the release."""
        if not self.binary or self.libvirt < (8, 5, 0):
            return None
        return self._text_option("binary/thread_pool", "size")

    @lazy
    def openfiles(self) -> Attribute | None:
        """The daemon's limit of open files, or None where it is unset or not known to the release."""
        if not self.binary or self.libvirt < (10, 6, 0):
            return None
        return self._text_option("binary/openfiles", "max")

    @lazy
    def readonly(self) -> Node | None:
        """The first `<readonly>`, or None."""
        return self.node.child("readonly")

    @lazy
    def idmap(self) -> Node | None:
        """The first `<idmap>`, or None."""
        return self.node.child("idmap")

    @lazy
    def uid_map(self) -> list[IdRange]:
        """The user ids of all `<idmap>`; none before libvirt 10.0.0, which does not know them."""
        return self._id_map("uid")

    @lazy
    def gid_map(self) -> list[IdRange]:
        """The group ids of all `<idmap>`; none before libvirt 10.0.0, which does not know them."""
        return self._id_map("gid")

    def _id_map(self, kind: str) -> list[IdRange]:
        if self.idmap is None or self.libvirt < (10, 0, 0):
            return []
        return [IdRange(node) for node in self.node.children(f"idmap/{kind}")]

    @lazy
    def queue_attribute(self) -> Attribute | None:
        """The first `driver/@queue`, or None where it is absent or empty."""
        return self._text_option("driver", "queue")

    @lazy
    def queue(self) -> int | None:
        """`driver/@queue`; None where it is absent, empty or no number. A minus sign wraps to 64 bits."""
        found = self.queue_attribute
        return numbers.unsigned(found.value, bits=64, wraps=True) if found else None

    @lazy
    def named_alias(self) -> Attribute | None:
        """The alias, unless it looks like one that libvirt gives a running guest's filesystems."""
        node = self.node.child("alias")
        name = node.attribute("name") if node else None
        return None if name is None or not name.value or re.match(_LIBVIRTS_ALIAS, name.value) else name

    @property
    def misplaced_driver(self) -> Attribute | None:
        """The word virtiofs where libvirt does not look for it and takes the filesystem for 9p, or None."""
        if self.driver_type is not None:
            return None
        for node, name in ((self.driver, "name"), (self.node.child("model"), "type"), (self.node, "driver")):
            found = node.attribute(name) if node else None
            if found and found.value.startswith("virtiofs"):
                return found
        return None

    @property
    def label(self) -> str:
        """How messages call the share."""
        kind = "virtio-fs share" if self.is_virtiofs else "filesystem"
        return f"{kind} {self.tag!r}" if self.tag else kind


class SpaceLimit(NamedTuple):
    """A `<space_hard_limit>` or `<space_soft_limit>`."""

    node: Node

    @property
    def size(self) -> int | None:
        """The size in bytes, the unit where none is written; None where libvirt cannot read it."""
        return numbers.scaled(self.node.text, self.node.value("unit"), default=1, largest=2**64 - 1)


class IdRange:
    """One `<uid>` or `<gid>` of an id map."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def _number(self, name: str) -> int | None:
        text = self.node.value(name)
        return None if text is None else numbers.unsigned(text)

    @lazy
    def start(self) -> int | None:
        """The first id in the guest, or None where libvirt cannot read it."""
        return self._number("start")

    @lazy
    def target(self) -> int | None:
        """The first id on the host, or None where libvirt cannot read it."""
        return self._number("target")

    @lazy
    def count(self) -> int | None:
        """How many ids follow one another, or None where libvirt cannot read it."""
        return self._number("count")

    @property
    def broken(self) -> str | None:
        """The name of the first attribute that is missing or no number, or None."""
        for name in ("start", "target", "count"):
            if self._number(name) is None:
                return name
        return None

    def overlaps(self, other: IdRange) -> bool:
        """Whether an id of the guest or of the host is in both."""
        if self.broken or other.broken:
            return False
        return any(
            first < second + (other.count or 0) and second < first + (self.count or 0)
            for first, second in ((self.start or 0, other.start or 0), (self.target or 0, other.target or 0))
        )


class VirtioFS(Filesystem):
    """A `<filesystem>` that virtiofsd serves; rules that take one are never asked about 9p."""


class ManagedShare(VirtioFS):
    """A share whose virtiofsd libvirt starts itself."""


class ExternalShare(VirtioFS):
    """A share whose virtiofsd somebody else starts; it has a socket."""


class BinaryShare(VirtioFS):
    """A share with a `<binary>`, which configures libvirt's own virtiofsd."""


class MappedShare(VirtioFS):
    """A share with an `<idmap>`."""


class ReadonlyShare(VirtioFS):
    """A share that is `<readonly>`."""


class Input(Device):
    """An `<input>`: keyboard, mouse, tablet …"""


class Video(Device):
    """A `<video>`."""


class Balloon(Device):
    """A `<memballoon>`."""


class Iommu(Device):
    """An `<iommu>`."""


class Hostdev(Device):
    """A `<hostdev>`: a device of the host that is passed through."""


class MemoryDevice(Device):
    """A hot-pluggable or persistent memory device, `<memory model=…>` inside `<devices>`."""

    @lazy
    def model(self) -> str | None:
        """dimm, nvdimm, virtio-pmem, virtio-mem, sgx-epc, or None where the attribute is absent."""
        return self.node.value("model")

    @lazy
    def access(self) -> str | None:
        """The device's own access mode, or None where it inherits."""
        return self.node.value("access") or None

    @lazy
    def target(self) -> Node | None:
        """The first `<target>`, or None."""
        return self.node.child("target")

    @lazy
    def size_kib(self) -> int | None:
        """The size in KiB, or None where libvirt cannot read it."""
        size = self.target.child("size") if self.target else None
        found = numbers.scaled(size.text, size.value("unit")) if size else None
        return None if found is None else numbers.kib(found)

    @lazy
    def _node(self) -> Node | None:
        found = self.target.child("node") if self.target else None
        return found if found and found.text else None

    @lazy
    def cell(self) -> int | None:
        """The guest NUMA cell that the device belongs to, or None."""
        return numbers.unsigned(self._node.text) if self._node else None

    @property
    def has_node(self) -> bool:
        """Whether the device says which NUMA cell it belongs to; an empty `<node>` does not."""
        return self._node is not None

    @property
    def node_span(self) -> Span:
        """Where the NUMA cell stands, or where it is missing."""
        return self._node.text_span if self._node else self.node.start_span

    @lazy
    def dynamic_slots(self) -> Attribute | None:
        """`target/@dynamicMemslots` where it is on, or None."""
        found = self.target.attribute("dynamicMemslots") if self.target else None
        return found if found and found.value == "yes" else None

    @lazy
    def missing_parts(self) -> list[tuple[Node, str, str]]:
        """What the device lacks: the element it should be in, the fault and the remedy."""
        found = []
        size = self.target.child("size") if self.target else None
        if self.target is None:
            target = "<target><size unit='MiB'>…</size><node>0</node></target>"
            found.append((self.node, "has no <target>", f"add {target}"))
        elif size is None or not size.text:
            found.append((size or self.target, "has no size", "write <size unit='MiB'>…</size> into <target>"))
        path = self.source.child("path") if self.source else None
        if self.model in ("nvdimm", "virtio-pmem") and (path is None or not path.text):
            place = path or self.source or self.node
            found.append((place, "has no file", "add <source><path>…</path></source>"))
        return found

    def _part(self, path: str) -> tuple[Node, int] | None:
        """A size below `<target>` that is written and can be read, with its element."""
        node = self.target.child(path) if self.target else None
        size = numbers.scaled(node.text, node.value("unit")) if node and node.text else None
        return (node, numbers.kib(size)) if node and size is not None else None

    def geometry_faults(self, least_block_kib: int) -> Iterator[tuple[Node, str, str]]:
        """Yield each size that does not fit the others: its element, the fault and the remedy."""
        if self.model == "virtio-mem":
            yield from self._block_faults(least_block_kib)
        label = self._part("label/size") if self.model == "nvdimm" else None
        if label and label[1] < 128:
            yield label[0], "label is smaller than 128 KiB", "write at least 128 KiB"
        elif label and self.size_kib and label[1] >= self.size_kib:
            yield label[0], "label leaves no room for data", "make the device larger, or the label smaller"

    def _block_faults(self, least_kib: int) -> Iterator[tuple[Node, str, str]]:
        block, requested = self._part("block"), self._part("requested")
        power = "write a power of two, such as 2 MiB"
        if block is None or block[1] & (block[1] - 1) or block[1] == 0:
            yield block[0] if block else self.node, "block size is not a power of two", power
        elif block[1] < least_kib:
            yield block[0], f"block size is below {numbers.spell_size(least_kib)}", power
        elif requested and requested[1] % block[1]:
            size = numbers.spell_size(block[1])
            yield requested[0], f"requested size is no multiple of its block size {size}", "write a multiple"
        if requested and self.size_kib is not None and requested[1] > self.size_kib:
            yield (
                requested[0],
                "requested size is larger than its size",
                "request less, or write a larger <size>",
            )

    @lazy
    def page_size_fault(self) -> tuple[Node, str] | None:
        """`source/pagesize` where no host has such pages or the device is not made of whole ones, with the fault."""
        node = self.source.child("pagesize") if self.source else None
        size = numbers.scaled(node.text, node.value("unit")) if node and node.text else None
        known = HUGE_PAGES_KIB.get(self.domain.arch)
        if not node or not size or not known or self.model not in ("dimm", "virtio-mem"):
            return None
        kib = numbers.kib(size)
        if kib == 4:
            return None
        if kib not in known:
            return node, f"no host of {self.domain.arch} has pages of {numbers.spell_size(kib)}"
        if self.size_kib and self.size_kib % kib:
            return (
                node,
                f"{numbers.spell_size(self.size_kib)} are no multiple of pages of {numbers.spell_size(kib)}",
            )
        return None

    @property
    def label(self) -> str:
        """How messages call the device."""
        return f"memory device {self.model!r}" if self.model else "memory device"


class Reconnect(NamedTuple):
    """`source/reconnect` of a vhost-user device: what is wrong with it, and where."""

    node: Node

    @property
    def is_on(self) -> bool:
        """Whether QEMU is to connect again when the other side goes away."""
        return self.node.value("enabled") == "yes"

    @property
    def fault(self) -> str | None:
        """The name of the attribute that libvirt refuses, or None."""
        enabled = self.node.value("enabled")
        if enabled not in (None, "yes", "no"):
            return "enabled"
        timeout = self.node.value("timeout")
        if self.is_on and (timeout is None or numbers.unsigned(timeout) is None):
            return "timeout"
        return None


class VhostUserDevice(Device):
    """A disk or an interface that another process serves over a socket."""

    @property
    def reconnect(self) -> Reconnect | None:
        """The first `source/reconnect`, or None."""
        node = self.source.child("reconnect") if self.source else None
        return Reconnect(node) if node else None

    @property
    def lacking(self) -> tuple[str, ...]:
        """The attributes of `<source>` that the target release misses, in the order in which it asks."""
        return tuple(name for name in self._wanted if not self.source or self.source.value(name) is None)

    @property
    def _wanted(self) -> tuple[str, ...]:
        return ("type", "path")


class Interface(VhostUserDevice):
    """An `<interface>`; one of type vhostuser is served by another process."""

    # virtio by any of its names; their case does not matter (virDomainNetModelTypeFromString).
    MODELS = ("virtio", "virtio-transitional", "virtio-non-transitional")

    @lazy
    def source(self) -> Node | None:
        """The `<source>` that counts, or None: the first, formerly the first with a path."""
        sources = self.node.children("source")
        if len(sources) > 1 and self.libvirt < REWRITTEN:
            return next((source for source in sources if source.value("path") is not None), sources[0])
        return sources[0] if sources else None

    @property
    def is_served_by_passt(self) -> bool:
        """Whether libvirt itself starts passt for it (11.1.0 and later); there is no source then."""
        backend = self.node.child("backend")
        return backend is not None and backend.value("type") == "passt" and self.libvirt >= (11, 1, 0)

    @property
    def _wanted(self) -> tuple[str, ...]:
        if self.is_served_by_passt:
            return ()
        return ("path",) if self.libvirt >= (11, 1, 0) else ("type", "path", "mode")

    @lazy
    def model(self) -> Attribute | None:
        """The network card, `model/@type`, or None where it is left to libvirt."""
        models = [model.attribute("type") for model in self.node.children("model")]
        found = (
            next((it for it in reversed(models) if it), None) if self.libvirt < REWRITTEN else next(iter(models), None)
        )
        return found if found and found.value else None

    @property
    def has_virtio_model(self) -> bool:
        """Whether the card is a virtio one; it need not be written since 11.1.0."""
        if self.model is None:
            return self.libvirt >= (11, 1, 0)
        return self.model.value.lower() in self.MODELS


class Disk(VhostUserDevice):
    """A `<disk>`; of type vhostuser or vhostvdpa another process or device serves it."""

    # What another process decides on its own (domain_validate.c:virDomainDiskVhostUserValidate).
    _VOID_OPTIONS = (
        "cache", "error_policy", "rerror_policy", "io", "ioeventfd", "copy_on_read", "discard", "iothread",
        "detect_zeroes",
    )  # fmt: skip
    _VOID_CHILDREN = (
        "readonly", "shareable", "transient", "serial", "wwn", "vendor", "product", "iotune", "blockio",
        "encryption", "geometry", "backingStore", "auth",
    )  # fmt: skip

    @property
    def _wanted(self) -> tuple[str, ...]:
        return ("type", "path") if self.type == "vhostuser" else ("dev",)

    @property
    def cache(self) -> str | None:
        """The cache mode, `driver/@cache`, or None."""
        return self.driver.value("cache") if self.driver else None

    @lazy
    def name(self) -> Attribute | None:
        """The name in the guest, `target/@dev`, or None."""
        names = (target.attribute("dev") for target in self.node.children("target"))
        return next((name for name in names if name), None)

    @property
    def bus(self) -> str | None:
        """`target/@bus`; where it is absent, what libvirt makes of the name in `target/@dev`."""
        target = self.node.child("target")
        if target is None:
            return None
        named = (target.value("dev") or "")[:2]
        return target.value("bus") or {"vd": "virtio", "sd": "scsi", "hd": "ide"}.get(named)

    @property
    def device(self) -> str:
        """What the guest takes it for: disk, cdrom, floppy or lun."""
        return self.node.value("device") or "disk"

    @property
    def source_attribute(self) -> str | None:
        """The attribute of `<source>` that names what is on a disk of this type, or None where it takes more."""
        return {None: "file", "file": "file", "block": "dev", "dir": "dir"}.get(self.type)

    @property
    def is_empty(self) -> bool:
        """Whether it has no source, so that only a drive can be without."""
        if self.type not in (None, "file", "block", "dir", "network", "volume"):
            return False
        if self.source is None:
            return True
        return self.source_attribute is not None and not self.source.value(self.source_attribute)

    @property
    def has_usable_name(self) -> bool:
        """Whether libvirt can tell the place on the bus from the name."""
        kinds = "fd" if self.device == "floppy" else "hd|vd|sd|xvd|ubd"
        others = "|nvme[0-9]" if self.libvirt >= (11, 5, 0) else ""
        return self.name is None or re.match(rf"(?:{kinds})[a-z]{{1,6}}\Z{others}", self.name.value) is not None

    @property
    def iothread(self) -> Attribute | None:
        """`driver/@iothread`, or None."""
        return self.driver.attribute("iothread") if self.driver else None

    @property
    def iothread_number(self) -> int | None:
        """The number of the disk's I/O thread, from 1; None where it is absent or no such number."""
        return numbers.unsigned(self.iothread.value) or None if self.iothread else None

    @property
    def void_options(self) -> list[Attribute]:
        """The attributes that a vhost-user disk cannot have, on `<driver>` and on itself."""
        found = [self.driver.attribute(name) for name in self._VOID_OPTIONS] if self.driver else []
        void = [option for option in found if option and option.value != "default"]
        for name, harmless in (("snapshot", ("no", "default")), ("device", ("disk",))):
            option = self.node.attribute(name)
            if option and option.value not in harmless:
                void.append(option)
        return void

    @property
    def void_children(self) -> list[Node]:
        """The child elements that a vhost-user disk cannot have."""
        found = (self.node.child(name) for name in self._VOID_CHILDREN)
        return [child for child in found if child is not None]


_LOADPARM = r"[A-Za-z0-9. ]{1,8}\Z"


class Boot:
    """The `<boot order=…/>` of a device."""

    def __init__(self, device: Device, node: Node) -> None:
        self.device = device
        self.node = node

    @lazy
    def order(self) -> int | None:
        """The place in the boot order; None where it is missing, 0 or no number."""
        return numbers.unsigned(self.node.value("order") or "") or None

    @property
    def unfit_loadparm(self) -> Attribute | None:
        """What s390x firmware is to load, where libvirt refuses it."""
        found = self.node.attribute("loadparm")
        return None if found is None or re.match(_LOADPARM, found.value) else found


# Elements inside <devices> that have an address and an alias, and those that can be booted from.
ADDRESSED = frozenset(
    """disk controller filesystem interface input sound hostdev redirdev smartcard watchdog memballoon rng
    nvram hub shmem tpm panic
    memory iommu vsock crypto video serial console parallel channel pstore""".split()
)
BOOTABLE = frozenset({"disk", "interface", "hostdev", "redirdev", "filesystem"})
