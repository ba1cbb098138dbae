"""A filesystem: a virtio-fs share, 9p, or another driver."""

from __future__ import annotations

import re
from typing import NamedTuple

from vfslint.domain.device import NEW_PARSER, Device
from vfslint.domain.words import Words, words_of
from vfslint.findings import Span
from vfslint.lazy import lazy
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

PASSTHROUGH = "passthrough"
_LIBVIRTS_ALIAS = r"fs[0-9]+\Z"
_OF_DAEMON = ("binary", "binary/cache", "binary/lock", "binary/sandbox")


class InvalidWord(NamedTuple):
    """An attribute with a word that libvirt rejects, and the words that it accepts."""

    attribute: Attribute
    words: tuple[str, ...]


class Filesystem(Device):
    """A `<filesystem>`: virtiofs, 9p or another driver."""

    @lazy
    def type(self) -> str:
        """The type; `mount` if it is absent (virDomainFSDefParseXML)."""
        found = self.node.value("type")
        return "mount" if found is None else found

    @lazy
    def drivers(self) -> list[Node]:
        """All `<driver>` elements; there should be only one."""
        return self.node.children("driver")

    def _of_driver(self, name: str) -> Attribute | None:
        """An attribute of the `<driver>` that the target release reads."""
        for driver in self.drivers:
            found = driver.attribute(name)
            if found or self.libvirt >= NEW_PARSER:
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
    def invalid_words(self) -> list[InvalidWord]:
        """Every attribute with a word that the target release reads and rejects."""
        found = self._invalid_in(self.node, "")
        for driver in self.drivers[:1]:
            found += self._invalid_in(driver, "driver")
        if len(self.drivers) > 1 and self.libvirt < NEW_PARSER:
            for name in ("type", "wrpolicy", "format"):
                attribute = self._of_driver(name)
                if attribute and attribute.node != self.drivers[0]:
                    found += self._unless_accepted(attribute, words_of("driver")[name])
        if self.is_virtiofs and self.binary:
            found += self._invalid_of_daemon()
        return found

    def _unless_accepted(self, attribute: Attribute, known: Words) -> list[InvalidWord]:
        accepted = known.accept(attribute.value, self.libvirt)
        return [] if accepted else [InvalidWord(attribute, tuple(known.words))]

    def _invalid_in(self, node: Node, path: str) -> list[InvalidWord]:
        known = words_of(path)
        return [
            InvalidWord(Attribute(node, name, value), tuple(known[name].words))
            for name, value in node.element.attrib.items()
            if name in known and not known[name].accept(value, self.libvirt)
        ]

    def _invalid_of_daemon(self) -> list[InvalidWord]:
        found = []
        for path in _OF_DAEMON:
            for name, known in words_of(path).items():
                attribute = self._option(path, name)
                # The old parser treated an empty value as missing (virXPathString).
                if attribute and (attribute.value or self.libvirt >= NEW_PARSER):
                    found += self._unless_accepted(attribute, known)
        return found

    def _option(self, path: str, name: str) -> Attribute | None:
        """An attribute for the daemon: of the first element, or with the old parser, of the first that has it."""
        for node in self.node.children(path):
            found = node.attribute(name)
            if found or self.libvirt >= NEW_PARSER:
                return found
        return None

    def _text_option(self, path: str, name: str) -> Attribute | None:
        """An attribute that every release reads from the first element that has it; None if it is empty."""
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
        """How QEMU's 9p server handles several host devices in one tree, or None for the default."""
        found = self.node.attribute("multidevs")
        return None if found is None or found.value == "default" or self.libvirt < (6, 3, 0) else found

    @lazy
    def wrpolicy(self) -> Attribute | None:
        """The write policy, or None for the default."""
        found = self._of_driver("wrpolicy")
        return None if found is None or found.value == "default" else found

    @lazy
    def format(self) -> Attribute | None:
        """The format of an image, or None."""
        return self._of_driver("format")

    @lazy
    def modes(self) -> list[Attribute]:
        """`fmode` and `dmode`, if they are written and the release reads them."""
        if self.libvirt < (6, 10, 0):
            return []
        found = (self.node.attribute("fmode"), self.node.attribute("dmode"))
        return [mode for mode in found if mode is not None]

    @lazy
    def space_limits(self) -> list[SpaceLimit]:
        """The first `<space_hard_limit>` and `<space_soft_limit>`, unless they are empty."""
        found = (self.node.child("space_hard_limit"), self.node.child("space_soft_limit"))
        return [SpaceLimit(limit) for limit in found if limit is not None and limit.text]

    @lazy
    def source(self) -> Node | None:
        """The `<source>` that libvirt reads, or None: the first, or with the old parser, the first with a directory."""
        sources = self.node.children("source")
        if len(sources) > 1 and self.libvirt < NEW_PARSER:
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
        """The mount tag, which despite its name is in `target/@dir`; None if it is absent."""
        return self.target.value("dir") if self.target else None

    @property
    def tag_span(self) -> Span:
        """Where the mount tag is, or where it is missing."""
        return self.target.at("dir") if self.target else self.node.start_span

    @lazy
    def directory(self) -> str | None:
        """The shared host directory, `source/@dir`; None if an external socket replaces it."""
        return self.source.value("dir") if self.source and self.socket is None else None

    @lazy
    def socket(self) -> str | None:
        """The external virtiofsd's socket, `source/@socket`, or None.

        Known since libvirt 7.3.0; it takes precedence over `dir`, even if it is empty (virDomainFSDefParseXML).
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
        """The daemon's path, or None if libvirt finds the daemon itself."""
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
        """The daemon's lock options, if they are written."""
        if not self.binary:
            return []
        found = (self._option("binary/lock", "posix"), self._option("binary/lock", "flock"))
        return [lock for lock in found if lock is not None]

    @lazy
    def thread_pool(self) -> Attribute | None:
        """The size of the daemon's thread pool, or None if it is unset or the release does not read it."""
        if not self.binary or self.libvirt < (8, 5, 0):
            return None
        return self._text_option("binary/thread_pool", "size")

    @lazy
    def openfiles(self) -> Attribute | None:
        """The daemon's limit of open files, or None if it is unset or the release does not read it."""
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
        """The user ids of all `<idmap>`; none before libvirt 10.0.0, which introduced them."""
        return self._id_map("uid")

    @lazy
    def gid_map(self) -> list[IdRange]:
        """The group ids of all `<idmap>`; none before libvirt 10.0.0, which introduced them."""
        return self._id_map("gid")

    def _id_map(self, kind: str) -> list[IdRange]:
        if self.idmap is None or self.libvirt < (10, 0, 0):
            return []
        return [IdRange(node) for node in self.node.children(f"idmap/{kind}")]

    @lazy
    def queue_attribute(self) -> Attribute | None:
        """The first `driver/@queue`, or None if it is absent or empty."""
        return self._text_option("driver", "queue")

    @lazy
    def queue(self) -> int | None:
        """`driver/@queue`; None if it is absent, empty or not a number. A minus sign wraps to 64 bits."""
        found = self.queue_attribute
        return numbers.unsigned(found.value, bits=64, wraps=True) if found else None

    @lazy
    def named_alias(self) -> Attribute | None:
        """The alias, unless it looks like one that libvirt gives a running guest's filesystems."""
        node = self.node.child("alias")
        name = node.attribute("name") if node else None
        return None if name is None or not name.value or re.match(_LIBVIRTS_ALIAS, name.value) else name

    @property
    def label(self) -> str:
        """How messages name the share."""
        kind = "virtio-fs share" if self.is_virtiofs else "filesystem"
        return f"{kind} {self.tag!r}" if self.tag else kind


class SpaceLimit(NamedTuple):
    """A `<space_hard_limit>` or `<space_soft_limit>`."""

    node: Node

    @property
    def size(self) -> int | None:
        """The size in bytes, the default unit; None if libvirt cannot read it."""
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
        """The first id in the guest, or None if libvirt cannot read it."""
        return self._number("start")

    @lazy
    def target(self) -> int | None:
        """The first id on the host, or None if libvirt cannot read it."""
        return self._number("target")

    @lazy
    def count(self) -> int | None:
        """The number of consecutive ids, or None if libvirt cannot read it."""
        return self._number("count")

    @property
    def invalid(self) -> str | None:
        """The name of the first attribute that is missing or not a number, or None."""
        for name in ("start", "target", "count"):
            if self._number(name) is None:
                return name
        return None

    def overlaps(self, other: IdRange) -> bool:
        """Whether both ranges contain the same id of the guest or of the host."""
        if self.invalid or other.invalid:
            return False
        return any(
            first < second + (other.count or 0) and second < first + (self.count or 0)
            for first, second in ((self.start or 0, other.start or 0), (self.target or 0, other.target or 0))
        )


class VirtioFS(Filesystem):
    """A `<filesystem>` that virtiofsd serves; rules about one are not called for 9p."""


class ManagedShare(VirtioFS):
    """A share whose virtiofsd libvirt starts itself."""


class ExternalShare(VirtioFS):
    """A share whose virtiofsd is started externally; it has a socket."""


class BinaryShare(VirtioFS):
    """A share with a `<binary>`, which configures libvirt's own virtiofsd."""


class MappedShare(VirtioFS):
    """A share with an `<idmap>`."""


class ReadonlyShare(VirtioFS):
    """A share that is `<readonly>`."""
