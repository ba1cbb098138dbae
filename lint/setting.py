"""What a run knows besides the document: the target releases, the mode, qemu.conf and the host."""

from __future__ import annotations

from typing import NamedTuple

from vfslint.targets import NEWEST, Target


class Setting(NamedTuple):
    """The circumstances under which a document is judged.

    `session` tells that an unprivileged libvirt (qemu:///session) will read the domain.
    """

    target: Target = NEWEST
    session: bool = False
