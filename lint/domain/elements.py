"""Subjects of rules that add nothing to a node of the document."""

from __future__ import annotations

from vfslint.xml.document import Node

# Where libosinfo names the guest's operating system, below <metadata>.
_LIBOSINFO = "{http://libosinfo.org/xmlns/libvirt/domain/1.0}"
GUEST_SYSTEM = f"{_LIBOSINFO}libosinfo/{_LIBOSINFO}os"


class Title(Node):
    """The `<title>`."""

    __slots__ = ()


class Clock(Node):
    """The first `<clock>`."""

    __slots__ = ()


class Timer(Node):
    """A `<timer>` of a `<clock>`."""

    __slots__ = ()


class Numatune(Node):
    """A `<numatune>`: to which NUMA nodes of the host the guest's memory is bound."""

    __slots__ = ()


class Bootloader(Node):
    """The `<bootloader>` of a paravirtualized Xen guest."""

    __slots__ = ()


class Resource(Node):
    """The `<resource>`: the guest's place in the host's control groups."""

    __slots__ = ()


class LaunchSecurity(Node):
    """The `<launchSecurity>` of a confidential guest."""

    __slots__ = ()


class CpuFeature(Node):
    """A `<feature>` of the first `<cpu>`."""

    __slots__ = ()


class CpuPin(Node):
    """A `<vcpupin>`, `<emulatorpin>` or `<iothreadpin>` of `<cputune>`."""

    __slots__ = ()


class CpuShares(Node):
    """The first `<shares>` of `<cputune>`: the guest's weight for CPU time."""

    __slots__ = ()


class Init(Node):
    """An element of `<os>` that describes the first program of a container: `<init>`, `<initarg>` and others."""

    __slots__ = ()


class Interconnect(Node):
    """A `<latency>` or `<bandwidth>` of the first `<interconnects>` of `<numa>`."""

    __slots__ = ()


class IoThread(Node):
    """An `<iothread>` of `<iothreadids>`."""

    __slots__ = ()


class IoThreadPool(Node):
    """An `<iothread>` of `<iothreadids>`, or the first `<defaultiothread>`: what can have a pool of worker threads."""

    __slots__ = ()


class VcpuState(Node):
    """A `<vcpu>` of `<vcpus>`: whether a single virtual CPU is online."""

    __slots__ = ()


class Bios(Node):
    """A `<bios>` of `<os>`."""

    __slots__ = ()


class Cmdline(Node):
    """A `<cmdline>` of `<os>`: the arguments of a kernel that is booted directly."""

    __slots__ = ()


class Firmware(Node):
    """A `<loader>`, `<nvram>` or `<firmware>` of `<os>`."""

    __slots__ = ()


class HugePages(Node):
    """The first `<hugepages>` of `<memoryBacking>`."""

    __slots__ = ()


class SecurityLabel(Node):
    """A `<seclabel>` of the domain: how one security driver confines the guest."""

    __slots__ = ()


class SystemInfo(Node):
    """A `<sysinfo>`: what the guest's firmware reports about the machine, or files that it passes on."""

    __slots__ = ()
