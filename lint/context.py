"""What a run knows in addition to the document: the target releases, the mode, qemu.conf and the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vfslint.targets import NEWEST, Target

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain
    from vfslint.host.facts import Host
    from vfslint.qemu_conf.reader import QemuConf


class Context(NamedTuple):
    """The circumstances under which a document is checked.

    `session`: an unprivileged libvirt (qemu:///session) will read the domain. `host` contains the facts of the
    target host, if they are known; `conf` is the qemu.conf of its libvirt, `libvirt_schema` the path of that
    libvirt's own domain.rng. `one_host`: all files of the run are of one host, also those in different folders.
    `current` is the domain that a rule is run on, or whose part it is run on; rules use `domain`.
    """

    target: Target = NEWEST
    session: bool = False
    host: Host | None = None
    conf: QemuConf | None = None
    libvirt_schema: str | None = None
    one_host: bool = False
    current: Domain | None = None

    @property
    def domain(self) -> Domain:
        """The current domain; a rule about a domain's parts always has one."""
        if self.current is None:
            raise LookupError("this rule is not about a domain")
        return self.current
