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
LXML, OURS = "lxml: parse and validate with libvirt's RELAX NG", "vfslint"

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
    """Run every job once per round; return each one's median in milliseconds.

    A job that measures itself returns its own time in milliseconds as a float.
    """
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            own = job()
            if turn:  # the first round warms the caches
                times[name].append(own if isinstance(own, float) else (time.perf_counter() - start) * 1000)
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
        jobs[LXML] = start([PYTHON, "-c", VALIDATE, schema, *files])
    jobs[OURS] = start([VFSLINT, "--quiet", "--format=concise", *files])
    return jobs


FIRST_PASS = """
import sys, time
from pathlib import Path
what, schema, *files = sys.argv[1:]
documents = [Path(file).read_bytes() for file in files]
if what == "lxml":
    from lxml import etree
    relaxng = etree.RelaxNG(file=schema)
    check = lambda data: relaxng.validate(etree.fromstring(data))
else:
    from vfslint import lint_bytes as check
check(b"<domain type='kvm'><name>a</name><os><type>hvm</type></os></domain>")
start = time.process_time()
for data in documents:
    check(data)
print((time.process_time() - start) * 1000)
"""


def first_pass_jobs(files: list[str]) -> dict[str, Callable[[], object]]:
    """Return jobs that check files for the first time in a process, which measures its own CPU time.

    Everything that has to be loaded or compiled, including libvirt's grammar, is loaded before.
    """
    schema = libvirt_schema()

    def job(what: str) -> Callable[[], object]:
        command = [PYTHON, "-c", FIRST_PASS, what, schema or "", *files]
        return lambda: float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    jobs = {LXML: job("lxml")} if schema else {}
    return {**jobs, OURS: job("vfslint")}


def accepted(documents: list[bytes]) -> list[bytes]:
    """Return the documents that the installed libvirt's schema accepts: if it rejects one, it stops early."""
    from lxml import etree

    schema = libvirt_schema()
    if not schema:
        return documents
    relaxng = etree.RelaxNG(file=schema)
    return [data for data in documents if relaxng.validate(etree.fromstring(data))]


def throughput_jobs(documents: list[bytes]) -> dict[str, Callable[[], object]]:
    """Return jobs that check documents in this process repeatedly, unchanged and with a misspelling.

    libvirt's grammar is compiled beforehand.
    """
    from lxml import etree

    from vfslint import lint_bytes
    from vfslint.distributions import NAMED

    jobs: dict[str, Callable[[], object]] = {}
    schema = libvirt_schema()
    if schema:
        relaxng = etree.RelaxNG(file=schema)
        jobs[LXML] = each(documents, lambda data: relaxng.validate(etree.fromstring(data)))
    jobs["lxml: parse only"] = each(documents, etree.fromstring)
    jobs[OURS] = each(documents, lint_bytes)
    for name in ("debian-12", "rhel-9"):
        jobs[f"vfslint --target {name}"] = each(documents, partial(lint_bytes, target=NAMED[name]))
    for what, right, wrong in (("element", b"currentMemory", b"curentMemory"), ("value", b">hvm<", b">hmv<")):
        misspelled = [data.replace(right, wrong) for data in documents]
        assert not set(misspelled) & set(documents)
        jobs[f"vfslint, one {what} misspelled in each"] = each(misspelled, lint_bytes)
    return jobs


def each(documents: list[bytes], job: Callable[[bytes], object]) -> Callable[[], object]:
    """Return a job that runs another one for each document."""
    return lambda: [job(data) for data in documents]


def show(title: str, medians: dict[str, float]) -> None:
    first, *_ = medians
    print(f"\n{title}")
    for name, value in medians.items():
        ratio = f"{value / medians[first]:5.2f} ×"
        # For vfslint's other jobs with the same documents, its own time is the better reference.
        ours = f"  {value / medians[OURS]:5.2f} × vfslint" if name.startswith(f"{OURS},") or "--target" in name else ""
        print(f"  {name:<52} {value:8.1f} ms  {ratio}{ours}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    show("Cold start, median", measure(rounds, {name: start(words) for name, words in cold_starts().items()}))
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for number, data in enumerate(domains()):
            path = Path(folder) / f"{number:03}.xml"
            path.write_bytes(data)
            files[data] = str(path)
        show(f"{FILES} domains, one process, median", measure(rounds, process_jobs([*files.values()])))
        fit = accepted([*files])
        title = (
            f"The {len(fit)} of them that libvirt's schema accepts, for the first time in a process, CPU time, median"
        )
        show(title, measure(rounds, first_pass_jobs([files[data] for data in fit])))
        show("The same, repeatedly in one process, median", measure(rounds, throughput_jobs(fit)))
    absent = [tool for tool in ("xmllint", "virt-xml-validate") if not shutil.which(tool)]
    if not libvirt_schema():
        absent.append("libvirt's RELAX NG")
    if absent:
        print(f"\nnot measured, because it is not installed: {', '.join(absent)}")


if __name__ == "__main__":
    main()
