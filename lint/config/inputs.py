"""The other files that a profile depends on: a qemu.conf, host facts, libvirt's own schema.

Imports are in functions to keep the start fast: a run that uses none of these files does not load their readers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vfslint.usage import UsageError

if TYPE_CHECKING:
    from vfslint.host.facts import Host
    from vfslint.qemu_conf.reader import QemuConf
    from vfslint.targets import Version

THIS_MACHINE = ""


class Inputs:
    """Reads each of these files once. All methods raise `UsageError` if a file cannot be read."""

    def __init__(self) -> None:
        self._confs: dict[tuple[str, Version], QemuConf] = {}
        self._hosts: dict[tuple[str, bool], Host] = {}
        self._schemas: dict[str, str] = {}

    def qemu_conf(self, path: str, libvirt: Version) -> QemuConf:
        """Return a qemu.conf as a release of libvirt reads it."""
        if (path, libvirt) not in self._confs:
            from vfslint.qemu_conf import reader
            from vfslint.xml.source import Source

            try:
                data = _read(path, reader.MAXIMUM_BYTES)
                self._confs[path, libvirt] = reader.read(Source(data, path), libvirt)
            except reader.Unreadable as error:
                raise UsageError(f"{path}:{error.line}: {error.message}") from None
        return self._confs[path, libvirt]

    def host(self, path: str, *, session: bool) -> Host:
        """Return the facts of a host from a file, or those of this machine."""
        if (path, session) not in self._hosts:
            from vfslint.host import facts, load

            if path == THIS_MACHINE:
                from vfslint.host import survey

                self._hosts[path, session] = survey.take(session=session)
            else:
                try:
                    self._hosts[path, session] = load.load(_read(path, facts.MAXIMUM_BYTES))
                except facts.Unreadable as error:
                    raise UsageError(f"{path}: {error}") from None
        return self._hosts[path, session]

    def libvirt_schema(self, where: str) -> str:
        """Return the path of libvirt's own schema: in a folder, or for auto the one installed on this machine."""
        if where not in self._schemas:
            from vfslint.vocabulary import libvirt_schema

            try:
                self._schemas[where] = libvirt_schema.locate(where)
            except libvirt_schema.NoSchema as error:
                raise UsageError(str(error)) from None
        return self._schemas[where]


def _read(path: str, most: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
