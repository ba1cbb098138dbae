"""The domains of one run, checked together.

Only a small record of each domain is kept. A file is read again if there is a finding about one of its domains.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from vfslint.context import Context
from vfslint.domain import sharing
from vfslint.domain.domain import Domain
from vfslint.domain.filesystem import VirtioFS
from vfslint.domain.roots import domain_nodes
from vfslint.findings import Position, Span
from vfslint.host.needs import backing_span, backing_storage, needs
from vfslint.xml.document import Document, Malformed, read
from vfslint.xml.source import Source

if TYPE_CHECKING:
    from vfslint.host.facts import Host

# The number of files that are kept after they were read again.
_KEPT = 32

_HEXADECIMAL = frozenset("0123456789abcdef")

# /etc/libvirt/qemu/autostart holds a link to each domain that starts with the host.
_AUTOSTART = "autostart"


class Use(NamedTuple):
    """A share of a domain, by its position, and the host path that it uses."""

    share: int
    path: str
    is_writable: bool = True
    is_cached: bool = False


class Pages(NamedTuple):
    """Huge pages that a domain uses; `size_kib` 0 is the host's default size."""

    size_kib: int
    nodes: tuple[int, ...]
    number: int


class Member(NamedTuple):
    """The record of a domain: where it is, what identifies it, and what it uses on the host."""

    file: str
    position: int
    check: int
    driver: str
    name: str
    uuid: str | None
    is_autostart: bool
    sockets: tuple[Use, ...]
    directories: tuple[Use, ...]
    pages: tuple[Pages, ...]
    file_backed_kib: int

    @property
    def folder(self) -> str:
        """The folder of the file; for a link in a folder autostart, the folder above it."""
        folder, _, name = self.file.rpartition("/")[0].rpartition("/")
        return folder if name == _AUTOSTART else self.file.rpartition("/")[0]

    def is_other_version_of(self, other: Member) -> bool:
        """Whether two files in different folders probably define the same domain, for example for two hosts."""
        is_same = self.name == other.name or (self.uuid is not None and self.uuid == other.uuid)
        return is_same and self.folder != other.folder


def record(domain: Domain, position: int) -> Member:
    """Return the record of the domain at that position of its file."""
    source = domain.document.source
    shares = list(enumerate(domain.shares))
    return Member(
        file=source.name,
        position=position,
        check=crc32(source.data),
        driver="qemu" if domain.is_qemu else domain.type or "",
        name=domain.name,
        uuid=_uuid(domain),
        is_autostart=posixpath.basename(posixpath.dirname(source.name)) == _AUTOSTART,
        sockets=tuple(Use(index, share.socket) for index, share in shares if share.socket),
        directories=tuple(
            Use(index, posixpath.normpath(share.directory), share.readonly is None, _is_cached(share))
            for index, share in shares
            if share.directory
        ),
        pages=_pages(domain),
        file_backed_kib=sharing.file_backed_kib(domain),
    )


def _is_cached(share: VirtioFS) -> bool:
    return share.cache is not None and share.cache.value == "always"


def _uuid(domain: Domain) -> str | None:
    """Return the uuid as virUUIDParse reads it: hyphens and case do not matter."""
    node = domain.first("uuid")
    digits = node.text.strip().replace("-", "").lower() if node else ""
    return digits if len(digits) == 32 and _HEXADECIMAL.issuperset(digits) else None


def _pages(domain: Domain) -> tuple[Pages, ...]:
    host = domain.context.host
    if host is None:
        return ()
    found = needs(domain, host).items()
    return tuple(Pages(size_kib, nodes, number) for (size_kib, nodes), (_, number) in found)


class Claim(NamedTuple):
    """A domain's use of something that another domain uses too. `share` is a position, -1 for none."""

    fleet: Fleet
    member: Member
    share: int = -1

    @property
    def title(self) -> str:
        """How messages name the domain."""
        return f"domain {self.member.name!r}" if self.member.name else f"a domain of {self.member.file}"

    def _span(self, find: Callable[[Domain], Span]) -> Span:
        domain = self.fleet.domain(self.member)
        start = Position(1, 1, 0)
        return find(domain) if domain else Span(self.member.file, start, start)

    @property
    def name_span(self) -> Span:
        """The domain's name in its file."""
        return self._span(lambda domain: _text_span(domain, "name"))

    @property
    def uuid_span(self) -> Span:
        """The domain's uuid in its file."""
        return self._span(lambda domain: _text_span(domain, "uuid"))

    @property
    def source_span(self) -> Span:
        """Where the share names its directory or socket."""
        return self._span(lambda domain: _source_span(domain.shares[self.share]))

    @property
    def cache_span(self) -> Span:
        """The share's cache mode in its file."""
        return self._span(lambda domain: _cache_span(domain.shares[self.share]))

    @property
    def memory_span(self) -> Span:
        """The domain's memory backing in its file."""
        return self._span(_memory_span)


def _text_span(domain: Domain, tag: str) -> Span:
    node = domain.first(tag)
    return node.text_span if node else domain.node.start_span


def _source_span(share: VirtioFS) -> Span:
    if share.source is None:
        return share.node.start_span
    return share.source.at("dir" if share.socket is None else "socket")


def _cache_span(share: VirtioFS) -> Span:
    return share.cache.span if share.cache else share.node.start_span


def _memory_span(domain: Domain) -> Span:
    pages = domain.backing.hugepages
    return pages.start_span if pages else backing_span(domain)


class Clash(NamedTuple):
    """A claim that conflicts with an earlier one, `first`."""

    later: Claim
    first: Claim


class Excess(NamedTuple):
    """Domains that together need more than the host has: the one that exceeds it, and the ones before it."""

    claim: Claim
    others: tuple[Claim, ...]
    needed: int
    there: int
    pages: Pages | None = None


class Fleet:
    """The domains of a run, without duplicates such as the links in a folder autostart.

    `reopen` reads a file of the run again; it may raise OSError. `sources` holds the files that were read again.
    """

    def __init__(self, members: Iterable[Member], context: Context, reopen: Callable[[str], Source]) -> None:
        self.context = context
        self.members = _without_copies(members)
        self._reopen = reopen
        self._checks = {member.file: member.check for member in self.members}
        self._documents: dict[str, Document | None] = {}
        self.sources: dict[str, Source] = {}

    def domain(self, member: Member) -> Domain | None:
        """Return a domain, read again from its file; None if the file has changed in the meantime."""
        document = self.document(member.file)
        if document is None:
            return None
        return Domain(document, domain_nodes(document.root_node)[member.position], self.context)

    def document(self, file: str) -> Document | None:
        """Return a file, read again; None if it has changed in the meantime."""
        if file not in self._documents:
            if len(self._documents) >= _KEPT:
                self._documents.pop(next(iter(self._documents)))
            self._documents[file] = self._read(file)
        return self._documents[file]

    def _read(self, file: str) -> Document | None:
        try:
            source = self._reopen(file)
            document = read(source) if crc32(source.data) == self._checks[file] else None
        except (OSError, Malformed):
            document = None
        self.sources[file] = document.source if document else Source(b"", file)
        return document

    @property
    def socket_clashes(self) -> Iterator[Clash]:
        """Every socket of an external virtiofsd that a second domain uses."""
        claims: dict[str, Claim] = {}
        for member in self.members:
            for use in member.sockets:
                claim = Claim(self, member, use.share)
                first = claims.setdefault(posixpath.normpath(use.path), claim)
                if first.member is not member and not member.is_other_version_of(first.member):
                    yield Clash(claim, first)

    @property
    def name_clashes(self) -> Iterator[Clash]:
        """Every domain with the name of an earlier one."""
        first: dict[tuple[str, str], Claim] = {}
        for member in self.members:
            claim = Claim(self, member)
            before = first.setdefault((member.driver, member.name), claim)
            if before is not claim and member.name:
                yield Clash(claim, before)

    @property
    def uuid_clashes(self) -> Iterator[Clash]:
        """Every domain with the uuid of an earlier one."""
        first: dict[tuple[str, str], Claim] = {}
        for member in self.members:
            if member.uuid is not None:
                claim = Claim(self, member)
                before = first.setdefault((member.driver, member.uuid), claim)
                if before is not claim:
                    yield Clash(claim, before)

    @property
    def stale_caches(self) -> Iterator[Clash]:
        """Every share with cache mode always whose directory another domain can write to."""
        users: dict[str, list[tuple[Member, Use]]] = {}
        for member in self.members:
            for use in member.directories:
                users.setdefault(use.path, []).append((member, use))
        for together in users.values():
            # If two different domains write there, at least one is not the share's own domain.
            writers: dict[str, Claim] = {}
            for member, use in together:
                if use.is_writable and len(writers) < 2:
                    writers.setdefault(member.name, Claim(self, member, use.share))
            for member, use in together:
                other = next((writer for name, writer in writers.items() if name != member.name), None)
                if use.is_cached and other:
                    yield Clash(Claim(self, member, use.share), other)

    @property
    def starting_together(self) -> tuple[list[Member], bool]:
        """The domains that start with the host and True, or all domains and False if none is known to."""
        autostart = [member for member in self.members if member.is_autostart]
        return (autostart, True) if autostart else (self.members, False)

    @property
    def page_excesses(self) -> Iterator[Excess]:
        """Every page size for which the domains together need more pages than the host has."""
        host = self.context.host
        takers: dict[tuple[int, tuple[int, ...]], list[tuple[Member, int]]] = {}
        for member in self.starting_together[0] if host and host.hugepages else ():
            for pages in member.pages:
                takers.setdefault((pages.size_kib, pages.nodes), []).append((member, pages.number))
        for (size_kib, nodes), taken in takers.items():
            there = _pages_there(host, size_kib, nodes)
            excess = None if there is None else self._excess(taken, there)
            if excess:
                yield excess._replace(pages=Pages(size_kib, nodes, excess.needed))

    @property
    def file_excess(self) -> Excess | None:
        """The domains whose memory files together do not fit into memory_backing_dir, or None."""
        storage = backing_storage(self.context)
        if storage is None or storage.size_kib is None:
            return None
        taken = [(member, member.file_backed_kib) for member in self.starting_together[0]]
        return self._excess([each for each in taken if each[1]], storage.size_kib)

    def _excess(self, taken: list[tuple[Member, int]], there: int) -> Excess | None:
        """Return the excess of all together, or None; a domain that is too large by itself has a finding of its own."""
        needed = sum(amount for _, amount in taken)
        if needed <= there or any(amount > there for _, amount in taken):
            return None
        so_far = 0
        for position, (member, amount) in enumerate(taken):
            so_far += amount
            if so_far > there:
                others = tuple(Claim(self, other) for other, _ in taken[:position])
                return Excess(Claim(self, member), others, needed, there)
        return None


def _pages_there(host: Host | None, size_kib: int, nodes: tuple[int, ...]) -> int | None:
    if host is None or host.hugepages is None:
        return None
    found = [host.hugepages.total(size_kib, node) for node in nodes or (None,)]
    return None if None in found else sum(number or 0 for number in found)


def _without_copies(members: Iterable[Member]) -> list[Member]:
    """Drop duplicates of a file under another name. Without a uuid, each define creates another domain."""
    found: dict[object, Member] = {}
    for member in members:
        identity: object = (member.file, member.position)
        if member.uuid is not None:
            identity = (member.uuid, member.name, member.check, member.position)
        kept = found.setdefault(identity, member)
        if member.is_autostart and not kept.is_autostart:
            found[identity] = kept._replace(is_autostart=True)
    return list(found.values())
