"""Hosts that examples and tests are asked about, by name; each is the bare one with something changed."""

from __future__ import annotations

import json
from typing import Any

from vfslint.host.facts import Host
from vfslint.host.load import load

GIB = 1024 * 1024

BARE: dict[str, Any] = {
    "version": 1,
    "libvirt": "12.8.0",
    "qemu": "11.1.0",
    "kernel": "6.12.0",
    "arch": "x86_64",
    "memory_kib": 64 * GIB,
    "nodes": [{"id": 0, "memory_kib": 32 * GIB}, {"id": 1, "memory_kib": 32 * GIB}],
    "default_page_kib": 2048,
    "hugepages": [
        {"size_kib": size, "total": 0, "free": 0, **place}
        for size in (2048, GIB)
        for place in ({}, {"node": 0}, {"node": 1})
    ],
    "hugetlbfs": [],
    "memory_backing_dir": "/dev/shm",
    "storage": [{"path": "/dev/shm", "filesystem": "tmpfs", "size_kib": 32 * GIB, "free_kib": 32 * GIB}],
    "paths": {
        "/srv": "directory",
        "/srv/notes.txt": "file",
        "/srv/gone": "missing",
        "/srv/link": "directory",
        "/srv/link/": "directory",
        "/srv/root": "directory",
        "/run/fs.sock": "socket",
        "/run/stale.sock": "stale socket",
        "/run/plain": "file",
        "/run/gone.sock": "missing",
        "/usr/bin/qemu-system-x86_64": "program",
        "/opt/qemu/qemu-system-x86_64": "missing",
        "/usr/libexec/virtiofsd": "program",
        "/opt/gone/virtiofsd": "missing",
        "/opt/old/virtiofsd": "program",
        "/opt/c/virtiofsd": "program",
        "/opt/wrapper": "program",
        "/opt/deaf": "program",
        "/dev/kvm": "other",
        "/dev/vhost-vsock": "missing",
        "/etc/subuid": "file",
    },
    "links": {"/srv/link": "/srv/data"},
    "cpus": "0-15",
    "security_models": ["dac", "selinux"],
    "switches": ["ovs-vswitchd"],
    "discovery": {"binaries": ["/usr/libexec/virtiofsd"]},
    "virtiofsd": [
        {
            "path": "/usr/libexec/virtiofsd",
            "version": "1.14.0",
            "features": ["migrate-precopy", "separate-options"],
        },
        {"path": "/opt/old/virtiofsd", "version": "1.10.1", "features": []},
        {"path": "/opt/c/virtiofsd", "version": "C", "features": []},
        {"path": "/opt/wrapper", "features": None},
        {"path": "/opt/deaf", "drops_arguments": True},
    ],
    "can_map_ids": True,
    "filesystem_drivers": ["path", "virtiofs"],
    "memory_sources": ["file", "anonymous", "memfd"],
}


def pools(**free: int) -> list[dict[str, int]]:
    """1,024 pages of 2 MiB on each of two nodes, `node0` and `node1` of them free."""
    nodes = [{"size_kib": 2048, "total": 1024, "free": free[f"node{node}"], "node": node} for node in (0, 1)]
    return [{"size_kib": 2048, "total": 2048, "free": sum(free.values())}, *nodes]


MOUNTED = {"hugetlbfs": [{"path": "/dev/hugepages", "size_kib": 2048}]}
OF_A_USER = {
    "session": True,
    "uid": 1000,
    "gid": 1000,
    "subuids": [{"start": 100000, "count": 65536}],
    "subgids": [{"start": 100000, "count": 65536}],
    "configuration_dir": "/home/u/.config/libvirt",
    "unreadable": ["/srv/root"],
}
NAMED: dict[str, dict[str, Any]] = {
    "bare": {},
    "mounted": MOUNTED,
    "paged": {**MOUNTED, "hugepages": pools(node0=1024, node1=1024)},
    "paged-session": {**OF_A_USER, **MOUNTED, "hugepages": pools(node0=1024, node1=1024)},
    "paged-unmounted": {"hugepages": pools(node0=1024, node1=1024)},
    "lopsided": {**MOUNTED, "hugepages": pools(node0=100, node1=1024)},
    "on-disk": {
        "memory_backing_dir": "/var/lib/libvirt/qemu/ram",
        "storage": [
            {
                "path": "/var/lib/libvirt/qemu/ram",
                "filesystem": "ext4",
                "size_kib": 500 * GIB,
                "free_kib": 200 * GIB,
            }
        ],
    },
    "cramped": {"storage": [{"path": "/dev/shm", "filesystem": "tmpfs", "size_kib": GIB, "free_kib": GIB // 2}]},
    "small": {"memory_kib": GIB, "nodes": [{"id": 0, "memory_kib": GIB}]},
    "without-virtiofsd": {"discovery": {"binaries": []}},
    "uninstalled": {"discovery": {"binaries": ["/opt/gone/virtiofsd"]}},
    "accounts": {"users": {"libvirt-qemu": True, "qemu": False}, "groups": {"kvm": True, "qemu": False}},
    "switchless": {"switches": []},
    "unaccelerated": {"paths": {"/dev/kvm": "missing"}},
    "of-a-user": OF_A_USER,
    "without-subuid": {**OF_A_USER, "paths": {"/etc/subuid": "missing"}},
    "far-away": {**OF_A_USER, "configuration_dir": f"/home/{'u' * 44}/.config/libvirt"},
    "spoiled": {"discovery": {"fault": "/etc/qemu/vhost-user/60-mine.json is not JSON"}},
    "without-newuidmap": {"can_map_ids": False},
    "old-qemu": {"filesystem_drivers": ["path", "handle"], "memory_sources": ["file", "anonymous"]},
}


def host(name: str = "bare", **changed: Any) -> Host:
    """Return a host by name, with some facts changed."""
    return load(json.dumps({**BARE, **NAMED[name], **changed}).encode())
