"""Asks the libvirt that is installed here, in a QEMU driver of our own.

The driver is libvirt's embedded one (qemu:///embed) with a root folder of its own: no daemon is touched and no
domain of the user's is seen. It runs in a child process, because some documents make libvirt abort.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, NamedTuple

CONFIGURATION = """\
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""
# libvirt-domain.h
DEFINE_VALIDATE = 1
UNDEFINE_EVERYTHING = 1 | 2 | 4 | 16
SECONDS_PER_CASE = 60


class Verdict(NamedTuple):
    """What libvirt says of one document: accepted, refused or crashed, and its words for a refused define."""

    define: str
    validate: str
    message: str


def is_available() -> bool:
    """Return whether libvirt with a QEMU driver is installed and can be run, which requires root."""
    import os

    return (
        ctypes.util.find_library("virt") is not None
        and shutil.which("qemu-system-x86_64") is not None
        and any(
            Path(folder).glob("libvirt/connection-driver/libvirt_driver_qemu.so")
            for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib")
        )
        and os.geteuid() == 0
    )


class DriverFailed(Exception):
    """libvirt's QEMU driver does not start; the text is the reason."""


class LiveLibvirt:
    """A child process that answers one document after the other; restarted when it dies.

    `root` is the root folder of another system with Python and libvirt's QEMU driver, such as debootstrap makes, to
    ask that system's libvirt instead of the one installed here. Entering the context raises `DriverFailed`.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="vfslint-libvirt-", dir=root / "tmp" if root else None)
        self._root = root
        Path(self._folder.name).chmod(0o755)  # QEMU, probed as another user, must enter it
        self._child: subprocess.Popen[str] | None = None
        self.release = ""

    def __enter__(self) -> LiveLibvirt:
        try:
            self._start()
        except DriverFailed:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._folder.cleanup()

    def ask(self, xml: str) -> Verdict:
        """Define and undefine a document, without and with schema validation."""
        child = self._child or self._start()
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(xml) + "\n")
            child.stdin.flush()
        except BrokenPipeError:
            answer = ""
        else:
            answer = self._line(child)
        if not answer:
            self._stop()
            return Verdict("crashed", "crashed", "")
        return Verdict(**json.loads(answer))

    def _line(self, child: subprocess.Popen[str]) -> str:
        """Return the child's next line, or an empty text if it ends or takes too long."""
        assert child.stdout is not None
        timer = threading.Timer(SECONDS_PER_CASE, child.kill)
        timer.start()
        try:
            return child.stdout.readline()
        finally:
            timer.cancel()

    def _start(self) -> subprocess.Popen[str]:
        folder = Path(self._folder.name)
        if self._root is None:
            command = [sys.executable, __file__, str(folder)]
        else:
            script = shutil.copy(__file__, folder)
            inside = [str(Path("/", Path(path).relative_to(self._root))) for path in (script, folder)]
            command = ["chroot", str(self._root), "python3", *inside]
        child = self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started = json.loads(self._line(child) or '{"failed": "it crashed or did not answer"}')
        if "failed" in started:
            self._stop()
            raise DriverFailed(f"libvirt's QEMU driver does not start: {started['failed']}")
        self.release = started["release"]
        return child

    def _stop(self) -> None:
        if self._child:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe:
                    # What was not yet written to a dead child is of no use.
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
        self._child = None


class _Driver:
    """libvirt's C interface, as far as it is needed here."""

    def __init__(self, root: str) -> None:
        self.library = ctypes.CDLL(ctypes.util.find_library("virt"))
        for name in ("virConnectOpen", "virDomainDefineXMLFlags"):
            getattr(self.library, name).restype = ctypes.c_void_p
        self.library.virGetLastErrorMessage.restype = ctypes.c_char_p
        self.silence = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda _data, _error: None)
        self.library.virSetErrorFunc(None, self.silence)
        self.library.virEventRegisterDefaultImpl()
        threading.Thread(target=self._run_events, daemon=True).start()
        configuration = Path(root) / "etc" / "qemu.conf"
        configuration.parent.mkdir(exist_ok=True)
        configuration.write_text(CONFIGURATION, encoding="utf-8")
        self.connection = self.library.virConnectOpen(f"qemu:///embed?root={root}".encode())
        if not self.connection:
            raise DriverFailed((self.library.virGetLastErrorMessage() or b"").decode("utf-8", "replace"))

    def _run_events(self) -> None:
        while True:
            self.library.virEventRunDefaultImpl()

    def release(self) -> str:
        """Return libvirt's release, such as 9.0.0."""
        number = ctypes.c_ulong()
        self.library.virConnectGetLibVersion(ctypes.c_void_p(self.connection), ctypes.byref(number))
        return f"{number.value // 1000000}.{number.value // 1000 % 1000}.{number.value % 1000}"

    def define(self, xml: str, flags: int) -> str | None:
        """Define and undefine; return None where libvirt accepts, else its message."""
        domain = self.library.virDomainDefineXMLFlags(ctypes.c_void_p(self.connection), xml.encode(), flags)
        if not domain:
            return (self.library.virGetLastErrorMessage() or b"").decode("utf-8", "replace")
        self.library.virDomainUndefineFlags(ctypes.c_void_p(domain), UNDEFINE_EVERYTHING)
        self.library.virDomainFree(ctypes.c_void_p(domain))
        return None


def _answer(driver: _Driver, xml: str) -> dict[str, Any]:
    # Machines without /dev/kvm know no type kvm; what libvirt checks is the same for both.
    xml = xml.replace("type='kvm'", "type='qemu'", 1).replace('type="kvm"', 'type="qemu"', 1)
    message = driver.define(xml, 0)
    validated = driver.define(xml, DEFINE_VALIDATE)
    return {
        "define": "accepted" if message is None else "refused",
        "validate": "accepted" if validated is None else "refused",
        "message": message or "",
    }


def _serve(root: str) -> None:
    try:
        driver = _Driver(root)
    except (DriverFailed, OSError, AttributeError) as error:  # the last two if the library is not libvirt's, or broken
        print(json.dumps({"failed": str(error)}), flush=True)
        return
    print(json.dumps({"release": driver.release()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(driver, json.loads(line))), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
