"""The users and groups of a share: the ID map of a virtiofsd that runs in a user namespace."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.filesystem import IdRange, MappedShare
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule


@rule("VFS320", "idmap-incomplete", severity=Severity.ERROR, stage=Stage.PARSE)
def idmap_incomplete(entry: IdRange) -> Iterator[Problem]:
    """Every entry of an id map has a start, a target and a count.

    Why: libvirt reads all three as 32-bit numbers and rejects an entry that lacks one of them.
    Bad (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000'/><gid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    libvirt says: invalid idmap start/target/count settings
    See: libvirt domain_conf.c:virDomainIdmapDefParseXML
    """
    name = entry.invalid
    if name is None:
        return
    written = entry.node.attribute(name)
    yield Problem(
        at=entry.node.at(name) if written and written.value else entry.node.start_span,
        message=f"<{entry.node.tag}> has no {name}"
        if written is None
        else f"{name} {written.value!r} of <{entry.node.tag}> is not a 32-bit number",
        help="write start='…' target='…' count='…', each a number",
    )


@rule("VFS321", "idmap-needs-session", severity=Severity.ERROR, stage=Stage.START)
def idmap_needs_session(fs: MappedShare, context: Context) -> Iterator[Problem]:
    """An id map requires an unprivileged virtiofsd.

    Why: qemu:///system starts virtiofsd as root, and virtiofsd rejects `--uid-map` as root. Only
        qemu:///session, since libvirt 10.0.0, can use `<idmap>`.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    libvirt says: uid_map can only be used by unprivileged user where sandbox mod is namespace
    libvirt says: Failed to connect to fs0-fs.sock: Connection refused
    See: libvirt qemu_virtiofs.c:qemuVirtioFSBuildCommandLine; virtiofsd src/main.rs
    """
    if not fs.uid_map or context.session or fs.socket is not None or fs.idmap is None:
        return
    yield Problem(
        at=fs.idmap.start_span,
        message="virtiofsd rejects an id map when it runs as root, as under qemu:///system",
        help="use qemu:///session (lint with --session), or start virtiofsd yourself and write "
        "<source socket='…'/>, or share an id-mapped bind mount",
    )


@rule("VFS322", "idmap-without-users", severity=Severity.WARNING, stage=Stage.NEVER)
def idmap_without_users(fs: MappedShare) -> Iterator[Problem]:
    """An id map with groups also needs users.

    Why: libvirt saves `<idmap>` only if it contains a `<uid>`, so a map with only groups is lost when the
        domain is defined.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><gid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    See: libvirt domain_conf.c:virDomainFSDefFormat
    """
    if fs.gid_map and not fs.uid_map and fs.idmap:
        yield Problem(
            at=fs.idmap.start_span,
            message="libvirt drops an id map without <uid>",
            help="add <uid start='…' target='…' count='…'/>",
        )


@rule("VFS323", "idmap-without-groups", severity=Severity.WARNING, stage=Stage.GUEST)
def idmap_without_groups(fs: MappedShare, context: Context) -> Iterator[Problem]:
    """An id map with users also needs groups.

    Why: unmapped groups appear as `nogroup` in the guest and cannot be assigned to new files.
    Bad (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    See: Linux user_namespaces(7)
    """
    if context.session and fs.uid_map and not fs.gid_map and fs.idmap and fs.socket is None:
        yield Problem(
            at=fs.idmap.start_span,
            message="the id map has users but no groups",
            help="add <gid start='…' target='…' count='…'/>",
        )


@rule("VFS324", "idmap-overlaps", severity=Severity.ERROR, stage=Stage.START)
def idmap_overlaps(fs: MappedShare, context: Context) -> Iterator[Problem]:
    """The ranges of an id map do not overlap.

    Why: libvirt does not check them. The kernel rejects a map that contains an id twice, so newuidmap fails
        and the guest does not start.
    Bad (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='10'/><uid start='5' target='100000' count='10'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/><uid start='1' target='100000' count='10'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    See: Linux user_namespaces(7); libvirt qemu_virtiofs.c:qemuVirtioFSPrepareIdMap
    """
    if not context.session or fs.socket is not None:
        return
    for entries in (fs.uid_map, fs.gid_map):
        for position, entry in enumerate(entries):
            other = next((it for it in entries[:position] if it.overlaps(entry)), None)
            if other:
                yield Problem(
                    at=entry.node.start_span,
                    message=f"<{entry.node.tag} {_spelled(entry)}> overlaps another entry",
                    related=(Related(other.node.start_span, "the other one"),),
                    help="use each id of the guest and of the host in only one entry",
                )


def _spelled(entry: IdRange) -> str:
    return f"start='{entry.start}' target='{entry.target}' count='{entry.count}'"


@rule("VFS325", "idmap-without-root", severity=Severity.WARNING, stage=Stage.GUEST)
def idmap_without_root(fs: MappedShare, context: Context) -> Iterator[Problem]:
    """An id map includes the guest's root user.

    Why: without an entry that starts at 0, the guest's root, which mounts the share, is nobody on the host
        and has no permissions.
    Bad (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='1000' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    Good (session):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/>
          <idmap><uid start='0' target='1000' count='1'/>
            <gid start='0' target='1000' count='1'/></idmap></filesystem>
    See: libvirt documentation, "Sharing files with Virtiofs", ID mapping
    """
    if not context.session or fs.socket is not None:
        return
    for entries in (fs.uid_map, fs.gid_map):
        if entries and not any(entry.invalid or entry.start == 0 for entry in entries):
            yield Problem(
                at=entries[0].node.start_span,
                message=f"no <{entries[0].node.tag}> maps the guest's root, id 0",
                help="add an entry with start='0'",
            )
