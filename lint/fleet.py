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
from vfslint.domain.exclusive import SOCKET, exclusives
from vfslint.domain.filesystem import VirtioFS
from vfslint.domain.host_device import Identity
from vfslint.domain.roots import domain_nodes
from vfslint.files import STDIN
from vfslint.findings import Position, Span
from vfslint.host.needs import backing_span, backing_storage, needs
from vfslint.lazy import lazy
from vfslint.xml.document import Document, Malformed, Node, read
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


class Hold(NamedTuple):
    """Something that a domain needs for itself (`vfslint.domain.exclusive`), without its place in the file."""

    kind: str
    key: Identity
    is_reader: bool


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
    holds: tuple[Hold, ...]
    directories: tuple[Use, ...]
    pages: tuple[Pages, ...]
    file_backed_kib: int

    @property
    def folder(self) -> str:
        """The folder of the file; for a link in a folder autostart, the folder above it."""
        folder, _, name = self.file.rpartition("/")[0].rpartition("/")
        return folder if name == _AUTOSTART else self.file.rpartition("/")[0]


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
        holds=tuple(Hold(each.kind, each.key, each.is_reader) for each in exclusives(domain)),
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
    """A domain's use of something that another domain uses too.

    `share` is the position of a share, `hold` that of what the domain needs for itself; -1 for none.
    """

    fleet: Fleet
    member: Member
    share: int = -1
    hold: int = -1

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
        return self._span(lambda domain: domain.text_span("name"))

    @property
    def uuid_span(self) -> Span:
        """The domain's uuid in its file."""
        return self._span(lambda domain: domain.text_span("uuid"))

    @property
    def source_span(self) -> Span:
        """Where the share names its directory or socket."""
        return self._span(lambda domain: _source_span(domain.shares[self.share]))

    @property
    def held_span(self) -> Span:
        """Where the domain names what it needs for itself."""
        return self._span(lambda domain: exclusives(domain)[self.hold].span)

    @property
    def held_is_graphics(self) -> bool:
        """Whether it is something of a VNC or SPICE server."""
        return self.member.holds[self.hold].key[0] == "graphics"

    @property
    def held_title(self) -> str:
        """How messages name what the domain needs for itself."""
        domain = self.fleet.domain(self.member)
        return exclusives(domain)[self.hold].title if domain else "something of the host"

    @property
    def cache_span(self) -> Span:
        """The share's cache mode in its file."""
        return self._span(lambda domain: _cache_span(domain.shares[self.share]))

    @property
    def memory_span(self) -> Span:
        """The domain's memory backing in its file."""
        return self._span(_memory_span)


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
    """A claim that conflicts with an earlier one, `first`. The domains may be `apart`, on different hosts."""

    later: Claim
    first: Claim
    apart: bool = False

    @property
    def is_certain(self) -> bool:
        """Whether both domains start with the host."""
        return self.later.member.is_autostart and self.first.member.is_autostart


class Excess(NamedTuple):
    """Domains that together need more than the host has: the one that exceeds it, and the ones before it.

    `is_autostart`: they are those that start with the host.
    """

    claim: Claim
    others: tuple[Claim, ...]
    needed: int
    there: int
    is_autostart: bool
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
        self._nodes: tuple[Document, list[Node]] | None = None
        self.sources: dict[str, Source] = {}

    def domain(self, member: Member) -> Domain | None:
        """Return a domain, read again from its file; None if the file has changed in the meantime."""
        document = self.document(member.file)
        if document is None:
            return None
        # A file can contain thousands of domains.
        if self._nodes is None or self._nodes[0] is not document:
            self._nodes = document, domain_nodes(document.root_node)
        return Domain(document, self._nodes[1][member.position], self.context)

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

    @lazy
    def _is_one_host(self) -> bool:
        """Whether all files are of one host: with --one-host, or if they are in one folder, not counting stdin."""
        return self.context.one_host or len({member.folder for member in self.members if member.file != STDIN}) < 2

    def host_of(self, member: Member) -> str:
        """Return what identifies the host of a domain: its folder, unless all domains are on one host."""
        return "" if self._is_one_host else member.folder

    def are_apart(self, member: Member, other: Member) -> bool:
        """Whether two domains are on different hosts."""
        return self.host_of(member) != self.host_of(other)

    def is_same(self, member: Member, other: Member) -> bool:
        """Whether two definitions are probably those of one domain, for example before and after a change."""
        if member.uuid is not None and member.uuid == other.uuid:
            return True
        is_named_alike = bool(member.name) and member.name == other.name
        return is_named_alike and (None in (member.uuid, other.uuid) or self.are_apart(member, other))

    def clashes(self, kind: str) -> Iterator[Clash]:
        """Yield every use of something of that kind that another domain needs for itself.

        Of what is on different hosts, only the sockets of external daemons are compared: they are often meant to be
        of one host. The index holds two users of each kind, so that one of them is another domain.
        """
        users: dict[tuple[str, Identity, bool], list[Claim]] = {}
        anywhere: dict[Identity, Claim] = {}
        for member in self.members:
            for position, held in enumerate(member.holds):
                if held.kind != kind:
                    continue
                claim, place = Claim(self, member, hold=position), (self.host_of(member), held.key)
                writers, readers = users.setdefault((*place, False), []), users.setdefault((*place, True), [])
                others = writers if held.is_reader else [*writers, *readers]
                other = next((one for one in others if not self.is_same(one.member, member)), None)
                if other:
                    yield Clash(claim, other)
                elif kind == SOCKET and (first := anywhere.get(held.key)) and not self.is_same(first.member, member):
                    yield Clash(claim, first, apart=True)
                anywhere.setdefault(held.key, claim)
                own = readers if held.is_reader else writers
                if len(own) < 2 and not any(self.is_same(one.member, member) for one in own):
                    own.append(claim)

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
        users: dict[tuple[str, str], list[tuple[Member, Use]]] = {}
        for member in self.members:
            for use in member.directories:
                users.setdefault((self.host_of(member), use.path), []).append((member, use))
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
    def _starting_together(self) -> Iterator[tuple[list[Member], bool]]:
        """For each host, the domains that start with it and True, or all and False if none is known to.

        A domain that is written twice counts once.
        """
        hosts: dict[str, dict[object, Member]] = {}
        for member in self.members:
            identity: object = member.name or member.uuid or (member.file, member.position)
            known = hosts.setdefault(self.host_of(member), {})
            kept = known.setdefault((member.driver, identity), member)
            if member.is_autostart and not kept.is_autostart:
                known[member.driver, identity] = member
        for members in hosts.values():
            autostart = [member for member in members.values() if member.is_autostart]
            yield (autostart, True) if autostart else (list(members.values()), False)

    @property
    def page_excesses(self) -> Iterator[Excess]:
        """Every page size for which the domains together need more pages than their host has."""
        host = self.context.host
        for members, is_autostart in self._starting_together if host and host.hugepages else ():
            takers: dict[tuple[int, tuple[int, ...]], list[tuple[Member, int]]] = {}
            for member in members:
                for pages in member.pages:
                    takers.setdefault((pages.size_kib, pages.nodes), []).append((member, pages.number))
            for (size_kib, nodes), taken in takers.items():
                there = _pages_there(host, size_kib, nodes)
                excess = None if there is None else self._excess(taken, there, is_autostart)
                if excess:
                    yield excess._replace(pages=Pages(size_kib, nodes, excess.needed))

    @property
    def file_excesses(self) -> Iterator[Excess]:
        """The domains of each host whose memory files together do not fit into memory_backing_dir."""
        storage = backing_storage(self.context)
        if storage is None or storage.size_kib is None:
            return
        for members, is_autostart in self._starting_together:
            taken = [(member, member.file_backed_kib) for member in members if member.file_backed_kib]
            excess = self._excess(taken, storage.size_kib, is_autostart)
            if excess:
                yield excess

    def _excess(self, taken: list[tuple[Member, int]], there: int, is_autostart: bool) -> Excess | None:
        """Return the excess of all together, or None; a domain that is too large by itself has a finding of its own."""
        needed = sum(amount for _, amount in taken)
        if needed <= there or any(amount > there for _, amount in taken):
            return None
        so_far = 0
        for position, (member, amount) in enumerate(taken):
            so_far += amount
            if so_far > there:
                others = tuple(Claim(self, other) for other, _ in taken[:position])
                return Excess(Claim(self, member), others, needed, there, is_autostart)
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
