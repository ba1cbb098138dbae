"""Elements directly below `<domain>` that a rule can be about; of several the first counts."""

from __future__ import annotations

from vfslint.xml.document import Node


class Title(Node):
    """The `<title>`."""

    __slots__ = ()


class Bootloader(Node):
    """The `<bootloader>` of a paravirtualised Xen guest."""

    __slots__ = ()


class Resource(Node):
    """The `<resource>`: where the guest stands among the host's control groups."""

    __slots__ = ()


class LaunchSecurity(Node):
    """The `<launchSecurity>` of a confidential guest."""

    __slots__ = ()
