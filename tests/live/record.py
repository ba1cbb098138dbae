"""Record what real libvirt says of new mutants: `python -m tests.live.record FILE.jsonl.gz --root FOLDER …`, as root.

Each `--root` is the root folder of a system with libvirt's QEMU driver, such as debootstrap makes of a release of
Debian; the libvirt installed here is asked too. The lines of the file are as `tools.conformance` reads them, and each
has its `area`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.live.libvirt import LiveLibvirt
from tests.live.mutants import mutant
from tests.live.sound import AREAS


def recorded(areas: Sequence[str], count: int, seed: int, libvirts: Sequence[LiveLibvirt]) -> Iterator[dict[str, Any]]:
    """Yield mutants of each area with the verdicts of each libvirt."""
    for area in areas:
        rnd = random.Random(f"{area} {seed}")
        for number in range(count):
            xml = mutant(area, rnd)
            said = {}
            for libvirt in libvirts:
                verdict = libvirt.ask(xml)._asdict()
                said[libvirt.release] = verdict
            yield {"id": f"{area}-{seed}-{number}", "area": area, "xml": xml, "libvirt": said}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--root", action="append", type=Path, default=[])
    parser.add_argument("--count", type=int, default=100, help="mutants of each area")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    with ExitStack() as stack, gzip.GzipFile(options.file, "wb", mtime=0) as file:
        libvirts = [stack.enter_context(LiveLibvirt(root)) for root in (None, *options.root)]
        for case in recorded(AREAS, options.count, options.seed, libvirts):
            file.write(json.dumps(case).encode() + b"\n")


if __name__ == "__main__":
    main()
