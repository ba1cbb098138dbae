"""The other files that a profile depends on: a qemu.conf, host facts, libvirt's own schema.

Imports are in functions to keep the start fast: a run that uses none of these files does not load their readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from vfslint.files import read_input
from vfslint.usage import UsageError

if TYPE_CHECKING:
    from vfslint.host.facts import Host
    from vfslint.qemu_conf.reader import QemuConf
    from vfslint.targets import Version

THIS_MACHINE = ""


class Inputs:
    """Reads each of these files once. All methods raise `UsageError` if a file cannot be read.

    `given` has what is known without reading, by the name that stands for the file.
    """

    def __init__(self, given: Mapping[str, bytes | Host] = MappingProxyType({})) -> None:
        self._given = given
        self._confs: dict[tuple[str, Version], QemuConf] = {}
        self._hosts: dict[tuple[str, bool], Host] = {}
        self._schemas: dict[str, str] = {}

    def qemu_conf(self, path: str, libvirt: Version) -> QemuConf:
        """Return a qemu.conf as a release of libvirt reads it."""
        if (path, libvirt) not in self._confs:
            from vfslint.qemu_conf import reader
            from vfslint.xml.source import Source

            try:
                data = self._content(path, reader.MAXIMUM_BYTES)
                self._confs[path, libvirt] = reader.read(Source(data, path), libvirt)
            except reader.Unreadable as error:
                raise UsageError(f"{path}:{error.line}: {error.message}") from None
        return self._confs[path, libvirt]

    def host(self, path: str, *, session: bool) -> Host:
        """Return the facts of a host from a file, or those of this machine."""
        given = self._given.get(path)
        if given is not None and not isinstance(given, bytes):
            return given
        if (path, session) not in self._hosts:
            from vfslint.host import facts, load

            if path == THIS_MACHINE:
                from vfslint.host import survey

                self._hosts[path, session] = survey.take(session=session)
            else:
                try:
                    self._hosts[path, session] = load.load(self._content(path, facts.MAXIMUM_BYTES))
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

    def _content(self, path: str, most: int) -> bytes:
        given = self._given.get(path)
        return given if isinstance(given, bytes) else read_bytes(path, most)


def read_bytes(path: str, most: int) -> bytes:
    """Return the content of a file; one byte more than the most that is allowed shows that it is too large.

    Raises `UsageError` if it cannot be read.
    """
    try:
        return read_input(path, most)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
