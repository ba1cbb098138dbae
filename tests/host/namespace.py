"""Runs setup scripts really, in a mount namespace of their own, with stubs for the commands that would change a system.

Files are those of a folder of the test: its `etc`, `mnt`, `srv`, `var` and `mm` are mounted over those of the system.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

# What programs need of /etc: Debian's awk is a link into /etc/alternatives.
KEPT = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "passwd", "group", "nsswitch.conf")
PLACES = {"etc": "/etc", "mnt": "/mnt", "srv": "/srv", "var": "/var/lib", "mm": "/sys/kernel/mm"}

STUBS = {
    # It sets the size of the pool, as the kernel does: pages in use stay.
    "virsh": """\
pool=/sys/kernel/mm/hugepages/hugepages-2048kB
used=$(($(cat $pool/nr_hugepages) - $(cat $pool/free_hugepages)))
echo "$3" > $pool/nr_hugepages
echo $(($3 - used)) > $pool/free_hugepages
""",
    # A virtual file system of another type, so that /proc/mounts shows it.
    "mount": """\
for last in "$@"; do :; done
exec /bin/mount -t tmpfs stub "$last"
""",
    "apt-get": ":",
    "modprobe": ":",
    "systemctl": ":",
    "virtiofsd": "exec sleep 60",
}


@cache
def unshare() -> tuple[str, ...]:
    """Return the command that runs another one in a mount namespace; skips the test if that is not permitted."""
    for command in (("unshare", "-m"), ("unshare", "-r", "-m")):
        if shutil.which("unshare"):
            done = subprocess.run([*command, "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True, check=False)
            if done.returncode == 0:
                return command
    pytest.skip("mount namespaces are not permitted here")


class System:
    """A folder with the files of a system. `log` lists what the stubs were asked to do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (*PLACES, "bin"):
            (folder / name).mkdir()
        for name in KEPT:
            if os.path.lexists(f"/etc/{name}"):
                subprocess.run(["cp", "-a", f"/etc/{name}", str(folder / "etc")], check=True)
        for name, body in STUBS.items():
            self.stub(name, body)
        self.write("etc/fstab", "proc /proc proc defaults 0 0\n")
        self.write("etc/libvirt/qemu.conf", 'user = "root"\n')
        (folder / "etc/systemd/system").mkdir(parents=True)
        self.pool(0, 0)

    def stub(self, name: str, body: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(
            f'#!/bin/sh\nprintf "%s " {name} "$@" >> {self.folder}/log\necho >> {self.folder}/log\n{body}\n'
        )
        path.chmod(0o755)

    def write(self, path: str, text: str) -> None:
        whole = self.folder / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(text)

    def pool(self, total: int, free: int) -> None:
        """Set the pool of huge pages of 2 MiB."""
        self.write("mm/hugepages/hugepages-2048kB/nr_hugepages", f"{total}\n")
        self.write("mm/hugepages/hugepages-2048kB/free_hugepages", f"{free}\n")

    @property
    def total(self) -> int:
        """The size of the pool."""
        return int((self.folder / "mm/hugepages/hugepages-2048kB/nr_hugepages").read_text())

    @property
    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    def state(self) -> dict[str, str]:
        """Return all files and folders with their content, and what was mounted at the end of the last run."""
        found = {}
        for name in (*PLACES, "mounts"):
            for path in sorted([self.folder / name, *(self.folder / name).rglob("*")]):
                kept = path.parent == self.folder / "etc" and path.name in KEPT
                if path.exists() and not kept and not any(f"etc/{name}/" in str(path) for name in KEPT):
                    text = path.read_bytes().decode(errors="replace") if path.is_file() else "a folder"
                    found[str(path.relative_to(self.folder))] = text
        return found

    def run(self, steps: Sequence[tuple[str, str]], *, shell: str = "sh", **environment: str) -> list[dict[str, str]]:
        """Run scripts with an argument one after the other in one namespace; return the state after each."""
        binds = [f"mount --bind {self.folder}/{name} {place}" for name, place in PLACES.items()]
        lines = ["set -e", *binds, f"PATH={self.folder}/bin:$PATH"]
        for number, (script, argument) in enumerate(steps):
            (self.folder / f"script-{number}").write_text(script)
            lines += [
                f"{shell} {self.folder}/script-{number} '{argument}'",
                f"grep stub /proc/mounts > {self.folder}/mounts || :",
                f"mkdir {self.folder}/after-{number}",
                f"for each in {' '.join(PLACES)} mounts log; do",
                f"    [ ! -e {self.folder}/$each ] || cp -a {self.folder}/$each {self.folder}/after-{number}/",
                "done",
            ]
        done = subprocess.run(
            [*unshare(), "sh", "-c", "\n".join(lines)],
            cwd=self.folder,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert done.stderr == b"", done.stderr.decode()
        states = []
        for number in range(len(steps)):
            after = System.__new__(System)
            after.folder = self.folder / f"after-{number}"
            states.append(after.state())
        return states
