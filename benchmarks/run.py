"""Measures vfslint and its peers, and prints medians and ratios: `python benchmarks/run.py [--rounds N]`.

Run it with the Python that vfslint is installed in (not an editable install, whose import hook slows down
every start). Peers that are not installed are skipped and listed. Rounds are interleaved, so that a machine whose speed
varies affects all of them equally.
"""

from __future__ import annotations

import argparse
import glob
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
CLEAN = ROOT / "examples" / "sound" / "memfd.xml"
FAULTY = ROOT / "examples" / "faulty" / "private-memory.xml"
FILES = 136
REPEATED = 50

PYTHON = sys.executable
VFSLINT = str(Path(PYTHON).parent / "vfslint")


def libvirt_schema() -> str | None:
    """Return libvirt's own domain.rng, or None if libvirt is not installed."""
    found = glob.glob("/usr/share/libvirt/schemas/domain.rng")
    return found[0] if found else None


def domains() -> list[bytes]:
    """Return the test set: domains as four libvirt releases print them, each made unique."""
    with gzip.open(ROOT / "tests" / "data" / "dumps.jsonl.gz", "rt", encoding="utf-8") as lines:
        printed = [json.loads(line)["xml"] for line in lines]
    return [_as_number(printed[number % len(printed)], number).encode() for number in range(FILES)]


def _as_number(domain: str, number: int) -> str:
    """Give a domain a unique name, uuid, directories and sockets."""
    domain = domain.replace("<name>", f"<name>d{number}-", 1)
    domain = re.sub(r"<uuid>[^<]*</uuid>", f"<uuid>{uuid.UUID(int=number + 1)}</uuid>", domain, count=1)
    return domain.replace("/srv/", f"/srv/d{number}/").replace("/run/", f"/run/d{number}/")


def cold_starts() -> dict[str, list[str]]:
    """Return the commands whose start is compared; the others are relative to the first."""
    commands = {
        "python -c 'import lxml.etree'": [PYTHON, "-c", "import lxml.etree"],
        "python -c pass": [PYTHON, "-c", "pass"],
        "vfslint CLEAN": [VFSLINT, str(CLEAN)],
        "vfslint CLEAN (quiet)": [VFSLINT, "--quiet", str(CLEAN)],
        "vfslint FAULTY (drawn by rich)": [VFSLINT, "--color=always", str(FAULTY)],
        "vfslint MISSPELLED (drawn by rich)": [
            VFSLINT,
            "--color=always",
            str(ROOT / "examples" / "faulty" / "misspelled.xml"),
        ],
        "vfslint --version": [VFSLINT, "--version"],
    }
    schema = libvirt_schema()
    if schema and shutil.which("xmllint"):
        commands["xmllint --relaxng domain.rng CLEAN"] = ["xmllint", "--noout", "--relaxng", schema, str(CLEAN)]
    if shutil.which("virt-xml-validate"):
        commands["virt-xml-validate CLEAN"] = ["virt-xml-validate", str(CLEAN)]
    return commands


def measure(rounds: int, jobs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Run every job once per round; return each one's median in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if turn:  # the first round warms the caches
                times[name].append((time.perf_counter() - start) * 1000)
    return {name: median(values) for name, values in times.items()}


def start(command: list[str]) -> Callable[[], object]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return lambda: subprocess.run(command, capture_output=True, env=environment, check=False)


VALIDATE = """
import sys
from lxml import etree
relaxng = etree.RelaxNG(file=sys.argv[1])
for file in sys.argv[2:]:
    relaxng.validate(etree.parse(file))
"""


def process_jobs(files: list[str]) -> dict[str, Callable[[], object]]:
    """Return jobs that read 136 files in a separate process, including its start and end."""
    jobs: dict[str, Callable[[], object]] = {}
    schema = libvirt_schema()
    if schema:
        jobs["lxml: parse and validate with libvirt's RELAX NG"] = start([PYTHON, "-c", VALIDATE, schema, *files])
    jobs["vfslint"] = start([VFSLINT, "--quiet", "--format=concise", *files])
    return jobs


def throughput_jobs(documents: list[bytes]) -> dict[str, Callable[[], object]]:
    """Return jobs that check documents in this process; libvirt's grammar is compiled beforehand.

    Only documents that libvirt's schema accepts: if it rejects one, it stops early.
    """
    from lxml import etree

    from vfslint import lint_bytes
    from vfslint.targets import NAMED

    jobs: dict[str, Callable[[], object]] = {}
    schema = libvirt_schema()
    if schema:
        relaxng = etree.RelaxNG(file=schema)
        documents = [data for data in documents if relaxng.validate(etree.fromstring(data))]
        jobs["lxml: parse and validate with libvirt's RELAX NG"] = each(
            documents, lambda data: relaxng.validate(etree.fromstring(data))
        )
    jobs["lxml: parse only"] = each(documents, etree.fromstring)
    jobs["vfslint"] = each(documents, lint_bytes)
    for name in ("debian-12", "rhel-9"):
        jobs[f"vfslint --target {name}"] = each(documents, partial(lint_bytes, target=NAMED[name]))
    return jobs


def misspelled_jobs() -> dict[str, Callable[[], object]]:
    """Return jobs that check one domain: parsed, clean, with one element misspelled, and with one word misspelled."""
    from lxml import etree

    from vfslint import lint_bytes

    clean = CLEAN.read_bytes()
    texts = {
        "vfslint, clean": clean,
        "vfslint, one element misspelled": clean.replace(b"<vcpu>", b"<vcpuu>").replace(b"</vcpu>", b"</vcpuu>"),
        "vfslint, one value misspelled": clean.replace(b"memfd", b"memfs"),
    }
    assert len(set(texts.values())) == len(texts)
    jobs = {name: each([data] * REPEATED, lint_bytes) for name, data in texts.items()}
    return {"lxml: parse only": each([clean] * REPEATED, etree.fromstring), **jobs}


def each(documents: list[bytes], job: Callable[[bytes], object]) -> Callable[[], object]:
    """Return a job that runs another one for each document."""
    return lambda: [job(data) for data in documents]


def show(title: str, medians: dict[str, float]) -> None:
    yardstick = next(iter(medians.values()))
    print(f"\n{title}")
    for name, value in medians.items():
        print(f"  {name:<52} {value:8.1f} ms  {value / yardstick:5.2f} ×")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    show("Cold start, median", measure(rounds, {name: start(words) for name, words in cold_starts().items()}))
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, data in enumerate(domains()):
            path = Path(folder) / f"{number:03}.xml"
            path.write_bytes(data)
            files.append(str(path))
        show(f"{FILES} domains, one process, median", measure(rounds, process_jobs(files)))
    title = "The same domains, if libvirt's schema accepts them, in one process, median"
    show(title, measure(rounds, throughput_jobs(domains())))
    show(f"One domain {REPEATED} times in one process, median", measure(rounds, misspelled_jobs()))
    absent = [tool for tool in ("xmllint", "virt-xml-validate") if not shutil.which(tool)]
    if not libvirt_schema():
        absent.append("libvirt's RELAX NG")
    if absent:
        print(f"\nnot measured, because it is not installed: {', '.join(absent)}")


if __name__ == "__main__":
    main()
