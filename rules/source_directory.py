"""The directory of the host that a share exposes to the guest."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.filesystem import Filesystem, VirtioFS
from vfslint.findings import Fix, Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.subjects import Deviating
from vfslint.targets import spell
from vfslint.xml.document import Attribute
from vfslint.xml.edits import (
    add_attribute,
    remove_element,
    rename_attribute,
)


@rule("VFS210", "source-missing", severity=Severity.ERROR, stage=Stage.PARSE)
def source_missing(fs: Deviating[Filesystem], context: Context) -> Iterator[Problem]:
    """A filesystem names the directory that it shares, or the socket that virtiofsd listens on.

    Why: libvirt accepts only `source/@dir` and, since 7.3.0, `source/@socket`; not `path` or `file`, text or a
        child element. It reads `dir` from the first `<source>`.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source path='/srv'/>
          <target dir='data'/></filesystem>
    Bad (libvirt 7.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/>
          <target dir='data'/></filesystem>
    libvirt says: missing source information for device
    Fix: writes `dir` for `path` or `file`, and turns `<socket path='…'/>` or text into the attribute.
    Fixed:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    See: libvirt domain_conf.c:virDomainFSDefParseXML
    """
    if fs.type != "mount" or fs.directory is not None or fs.socket is not None:
        return
    source, says = fs.source, f"missing source information for device {fs.tag or ''}".rstrip()
    if source is None:
        yield Problem(
            at=fs.node.start_span,
            message=f"{fs.label} has no <source>",
            help="add <source dir='/a/directory'/>",
            says=says,
        )
    elif source.value("socket") is not None:
        yield Problem(
            at=source["socket"].name_span,
            message=f"libvirt {spell(context.target.libvirt)} does not support a socket as the source",
            help="share a directory with <source dir='…'/>, or use libvirt 7.3.0 or later",
            says=says,
        )
    else:
        wrong = next((it for name in ("path", "file", "name") if (it := source.attribute(name))), None)
        yield Problem(
            at=wrong.name_span if wrong else source.start_span,
            message=f"<source> of {fs.label} has no directory",
            help="write the directory as <source dir='…'/>",
            fix=_source_fix(fs, wrong),
            says=says,
        )


def _source_fix(fs: Filesystem, wrong: Attribute | None) -> Fix | None:
    if fs.source is None:
        return None
    if wrong and wrong.name != "name":
        return Fix(f"write dir instead of {wrong.name}", (rename_attribute(wrong, "dir"),))
    for name, child in ((name, fs.source.child(name)) for name in ("socket", "dir")):
        path = (child.value("path") or child.text.strip()) if child else ""
        if child and path.startswith("/") and (name == "dir" or fs.libvirt >= (7, 3, 0)):
            edits = (remove_element(child), add_attribute(fs.source, name, path))
            return Fix(f"write {name} as an attribute", edits)
    return None


@rule("VFS212", "source-not-absolute", severity=Severity.ERROR, stage=Stage.START)
def source_not_absolute(fs: VirtioFS) -> Iterator[Problem]:
    """The shared directory is given by its absolute path.

    Why: libvirt resolves the path from its own working directory and does not expand `~` or `$HOME`. The
        domain can be defined, but not started.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='~/share'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/home/me/share'/>
          <target dir='data'/></filesystem>
    libvirt says: the virtiofs export directory does not exist
    See: libvirt qemu_virtiofs.c:qemuVirtioFSStart
    """
    if fs.directory is None or fs.directory.startswith("/") or fs.source is None:
        return
    directory = fs.source["dir"]
    yield Problem(
        at=directory.span,
        message=f"source directory {directory.value!r} is not an absolute path",
        help="write the absolute path, starting with /",
    )


@rule("VFS213", "source-is-root", severity=Severity.WARNING, stage=Stage.GUEST)
def source_is_root(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """A share does not expose the host's root directory to the guest.

    Why: the guest's root user can then access /etc, /dev and every secret of the host. virtiofsd before 1.14.0 does
        not even start with it in the sandbox `namespace`, because it cannot change its root to the current one.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/'/><target dir='data'/></filesystem>
    Bad (libvirt 11.3.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/'/><target dir='data'/></filesystem>
    Bad (libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/'/><target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/>
          <target dir='data'/></filesystem>
    libvirt says: Failed to connect to fs0-fs.sock: Connection refused
    See: virtiofsd 1.14.0 release notes; libvirt 7.0.0 to 12.8.0, started with it
    """
    if not fs.directory or fs.directory.strip("/") or fs.source is None:
        return
    daemon = context.target.virtiofsd
    in_namespace = fs.sandbox is None or fs.sandbox.value == "namespace"
    fails = in_namespace and (daemon is None or daemon < (1, 14, 0))
    title = f"virtiofsd {spell(daemon)}" if daemon else "QEMU's own virtiofsd"
    yield Problem(
        at=fs.source.at("dir"),
        message=f"{title} cannot share the host's root directory"
        if fails
        else "the guest can access the host's whole root directory",
        help="share only the directory that the guest needs",
        severity=Severity.ERROR if fails else None,
        stage=Stage.START if fails else None,
    )


@rule("VFS214", "comma-in-source", severity=Severity.ERROR, stage=Stage.START)
def comma_in_source(fs: VirtioFS, context: Context) -> Iterator[Problem]:
    """With the C virtiofsd, the path of the shared directory does not contain a comma.

    Why: until 10.5 libvirt passes the path in a comma-separated list of options. It doubles the commas in the
        path, which the C daemon does not support.
    Bad (libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/a,b'/>
          <target dir='data'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/a,b'/>
          <target dir='data'/></filesystem>
    Good (libvirt 9.0.0):
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/a-b'/>
          <target dir='data'/></filesystem>
    libvirt says: Failed to connect to fs0-fs.sock: Connection refused
    See: libvirt qemu_virtiofs.c:qemuVirtioFSBuildCommandLine
    """
    if fs.directory and "," in fs.directory and context.target.virtiofsd is None and fs.source:
        yield Problem(
            at=fs.source.at("dir"),
            message=f"QEMU's own virtiofsd cannot share {fs.directory!r}: its path contains a comma",
            help="rename the directory, or bind-mount it to a path without a comma",
        )


@rule("VFS220", "directory-cached-twice", severity=Severity.WARNING, stage=Stage.GUEST)
def directory_cached_twice(shares: list[VirtioFS]) -> Iterator[Problem]:
    """A directory that is shared twice is not shared with `cache mode='always'`.

    Why: with that mode the guest never reads again what it has cached, so it does not see changes made
        through the other share.
    Bad:
        <filesystem type='mount'><driver type='virtiofs'/><binary><cache mode='always'/></binary>
          <source dir='/srv'/><target dir='a'/></filesystem>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='b'/></filesystem>
    Good:
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='a'/></filesystem>
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='b'/></filesystem>
    See: virtiofsd documentation, --cache
    """
    if len(shares) < 2:
        return
    by_directory: dict[str, list[VirtioFS]] = {}
    for fs in shares:
        if fs.directory:
            by_directory.setdefault(fs.directory.rstrip("/"), []).append(fs)
    for together in by_directory.values():
        for fs in together:
            other = next((it for it in together if it is not fs), None)
            if other and other.source and fs.cache and fs.cache.value == "always":
                yield Problem(
                    at=fs.cache.span,
                    message=f"{fs.label} has cache mode 'always', but {other.label} shares the same directory",
                    related=(Related(other.source.at("dir"), "the same directory"),),
                    help="write <cache mode='none'/>, or remove <cache>",
                )
