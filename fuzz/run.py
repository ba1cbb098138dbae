"""Runs a fuzzing target for some time: `python -m fuzz.run xml 600`. Without a target, it lists them.

An input that fails is saved as fuzz-NAME.bin in the working directory.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fuzz.targets import TARGETS

ROOT = Path(__file__).parent.parent
# Words that random changes would hardly find.
WORDS = [
    *(b"<", b">", b"/>", b"'", b'"', b"&", b"&amp;", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<!DOCTYPE d [", b"]>"),
    *(b"<?xml version='1.0' encoding='utf-16'?>", b"\xff\xfe", b"\xef\xbb\xbf", b"\0", b"\xff", b"\r\n", b"\xc3\xa4"),
    *(b"9" * 4400, b"-1", b"0x", b"18446744073709551616", b"0-16383", b"^", b",", b"=", b"[", b"]", b"{", b"}", b"\\"),
    *(b"vfslint: ignore[VFS]", b"virtiofs", b"shared", b"pci", b"usb", b"cpus", b"nodeset", b"x" * 300, b"*", b"**/"),
]
SLOW = 10  # seconds for one input


def corpus(name: str) -> list[bytes]:
    """Return the files that a target starts with."""
    folders = {
        "xml": ["examples/**/*.xml"],
        "qemu_conf": ["examples/**/*.conf", "docs/**/*.conf"],
        "qemu_conf_of_a_domain": ["examples/**/*.conf", "docs/**/*.conf"],
        "configuration": ["examples/**/*.toml", "pyproject.toml"],
        "json": ["schemas/*.json"],
        "host_facts": ["tests/data/**/*facts*.json", "examples/**/*.json"],
    }
    found = [path.read_bytes() for pattern in folders.get(name, ()) for path in sorted(ROOT.glob(pattern))]
    small = [data for data in found if len(data) < 20_000]
    return small or [b'{"version": 1, "memory_kib": 1}', b'user = "root"\n', b"*.xml\n!a\n", b"[tool.vfslint]\n"]


def changed(chosen: random.Random, seeds: list[bytes]) -> bytes:
    """Return a seed with a few random changes."""
    data = bytearray(chosen.choice(seeds))
    for _ in range(chosen.randint(1, 5)):
        at, end = sorted(chosen.randint(0, len(data)) for _ in range(2))
        end = min(end, at + chosen.choice((1, 4, 40, 400)))
        match chosen.randint(0, 4):
            case 0:
                del data[at:end]
            case 1:
                data[at:at] = chosen.choice(WORDS)
            case 2:
                data[at:at] = data[at:end] * chosen.choice((1, 2, 20))
            case 3 if data:
                data[min(at, len(data) - 1)] = chosen.randrange(256)
            case _:
                other = chosen.choice(seeds)
                start = chosen.randint(0, len(other))
                data[at:end] = other[start : start + chosen.choice((4, 40, 400))]
    return bytes(data[:20_000])


def fuzz(name: str, seconds: float, seed: int) -> int:
    """Run a target on changed seeds; return how many. An input that fails is saved before the exception goes on."""
    chosen, seeds, target = random.Random(seed), corpus(name), TARGETS[name]
    number, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        data = changed(chosen, seeds)
        start = time.process_time()
        try:
            target(data)
            if time.process_time() - start > SLOW:
                raise AssertionError(f"{time.process_time() - start:.0f} s")
        except Exception:
            Path(f"fuzz-{name}.bin").write_bytes(data)
            raise
        number += 1
    return number


def guided(name: str, seconds: int, target: Callable[[bytes], None]) -> None:
    """Run a target with atheris, which ends the process."""
    import atheris

    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", "-max_len=20000", f"-timeout={SLOW}"], target)
    atheris.Fuzz()


def main() -> None:
    """Run the target that the arguments name."""
    if len(sys.argv) < 2:
        print("\n".join(TARGETS))
        return
    name, seconds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60
    try:
        import atheris  # noqa: F401
    except ImportError:
        print(f"{name}: {fuzz(name, seconds, time.time_ns())} executions")
        return
    guided(name, seconds, TARGETS[name])


if __name__ == "__main__":
    main()
