"""Work grows in step with the input: at four times the size, it takes at most six times the steps or the time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.command import vfslint
from tests.examples import context, document
from tests.growth import calls
from vfslint.config.file import parse
from vfslint.engine import MOST_COUNTED, MOST_OF_ONE_RULE, Engine
from vfslint.findings import Finding
from vfslint.manual import Example
from vfslint.rule import Rule
from vfslint.rules import RULES
from vfslint.usage import UsageError
from vfslint.xml.document import Malformed, read
from vfslint.xml.paths import Finder
from vfslint.xml.source import Source

MOST = 6
# Below this, the noise of the machine is larger than any difference.
NOISE = 0.06

# Rules: the element of a Bad example at which the rule reports, repeated.

FEW, MANY = 30, 120


def steps_to_check(text: bytes, example: Example) -> int:
    """How many functions a check calls that an engine makes for the first time; what others remember is known."""
    Engine(RULES, context(example.given)).check_xml(Source(text, "x.xml"))
    engine = Engine(RULES, context(example.given))
    return calls(lambda: engine.check_xml(Source(text, "x.xml")))


def repeated(data: bytes, finding: Finding, times: int) -> bytes | None:
    """The document in which the innermost element around a finding appears so many times."""
    try:
        found = Finder(read(Source(data, "x.xml"))).innermost(finding.at.start.offset)
    except Malformed:
        return None
    if found.getparent() is None:
        return None
    copies = [deepcopy(found) for _ in range(times - 1)]
    for copy in copies:
        found.addnext(copy)
    return bytes(etree.tostring(found.getroottree()))


BAD = [(rule, example) for rule in RULES if rule.subject != "Fleet" for example in rule.manual.bad]


@pytest.mark.parametrize(
    ("rule", "example"),
    [pytest.param(*each, marks=[pytest.mark.slow] if number % 40 else []) for number, each in enumerate(BAD)],
    ids=lambda it: getattr(it, "code", ""),
)
def test_a_rule_takes_steps_in_proportion_to_what_it_reports(rule: Rule, example: Example) -> None:
    engine = Engine(RULES, context(example.given))
    data = document(example.text)
    findings = [found for found in engine.check_xml(Source(data, "x.xml")).findings if found.code == rule.code]
    for finding in findings[:1]:
        pair = [repeated(data, finding, number) for number in (FEW, MANY)]
        if pair[0] is None or pair[1] is None:
            return
        few, many = (steps_to_check(text, example) for text in pair if text)
        assert many <= MOST * few, (few, many)


def test_a_rule_that_finds_thousands_lists_a_thousand_and_counts_the_others() -> None:
    numbers = {
        MOST_OF_ONE_RULE + 1: "there is one more",
        MOST_OF_ONE_RULE + 70: "there are 70 more",
        MOST_COUNTED + 9000: f"there are at least {MOST_COUNTED - MOST_OF_ONE_RULE} more",
    }
    for number, more in numbers.items():
        data = f"<domain type='kvm'><name>a</name>{'<vcpux/>' * number}</domain>".encode()
        found = [f for f in Engine(RULES, context("")).check_xml(Source(data, "x.xml")).findings if f.code == "VFS010"]
        assert len(found) == MOST_OF_ONE_RULE + 1
        assert found[-1].help == f"from here on {more}, not listed"


# Kinds of input, each with the size at which the first measurement is made.

KINDS: dict[str, tuple[int, Callable[[int], str]]] = {}


def domain(body: str) -> str:
    return f"<domain type='kvm'>\n<name>a</name>\n<memory>1048576</memory><os><type>hvm</type></os>\n{body}</domain>"


KINDS |= {
    "open quote of a name": (8000, lambda n: f"<domain><name>{'a' * n}"),
    "open quote of a value": (8000, lambda n: "<domain a='" + "a " * n),
    "open quotes": (8000, lambda n: '<a b="<' * n),
    "open tags": (8000, lambda n: "<domain>" + "<a " * n),
    "open comments": (8000, lambda n: "<domain>" + "<!--" * n),
    "open sections": (8000, lambda n: "<domain>" + "<![CDATA[" * n),
    "open instructions": (8000, lambda n: "<domain>" + "<?a " * n),
    "ampersands": (8000, lambda n: "<domain>" + "&amp" * n),
    "an attribute twice": (8000, lambda n: f"<domain {' a' * n} b='' b=''>"),
    "a DTD with quotes": (8000, lambda n: '<!DOCTYPE d [<!ENTITY a "' + "<a " * n),
    "a DTD of comments": (2000, lambda n: f"<!DOCTYPE domain [{'<!-- -->' * n}]>{domain('<vcpu>x</vcpu>')}"),
    "a DTD of lines": (8000, lambda n: f"<!DOCTYPE domain [{chr(10) * n}]>{domain('<vcpu>x</vcpu>')}"),
    "whitespace in a uuid": (8000, lambda n: domain(f"<uuid>{' ' * n}x</uuid>")),
    "whitespace in a tag": (8000, lambda n: domain(f"<vcpu a='1'{' ' * n}>x</vcpu>")),
    "a long number": (8000, lambda n: domain(f"<vcpu>{'1' * n}</vcpu>")),
    "a long path": (2000, lambda n: domain(
        f"<devices><channel type='unix'><source path='{'domain-' * n}'/><target type='virtio' name='a'/></channel>"
        "</devices>")),
    "cells that share a CPU": (150, lambda n: domain("<cpu><numa>" + "".join(
        f"<cell id='{i}' cpus='0' memory='1'/>" for i in range(n)) + "</numa></cpu>")),
    "cells of many CPUs": (150, lambda n: domain("<cpu><numa>" + "".join(
        f"<cell id='{i}' cpus='0-{16383 - i}' memory='1'/>" for i in range(n)) + "</numa></cpu>")),
    "pages for one cell": (150, lambda n: domain(
        "<memoryBacking><hugepages>" + "<page size='2048' nodeset='1'/>" * n + "</hugepages></memoryBacking>")),
    "a long cpuset": (1500, lambda n: domain(f"<vcpu cpuset='{'0-16383,' * n}1'>1</vcpu>")),
    "threads scheduled twice": (150, lambda n: domain(
        "<cputune>" + "<vcpusched vcpus='0-9999' scheduler='batch'/>" * n + "</cputune>")),
    "suppressions in comments": (150, lambda n: domain("<!-- vfslint: ignore[VFS101] --><vcpu>x</vcpu>\n" * n)),
    "suppressions in metadata": (100, lambda n: domain(
        "<metadata><v:s xmlns:v='https://vfslint.dev/xmlns/1'>"
        + "<v:ignore rules='VFS010' element='disk'/>" * n
        + "</v:s></metadata><devices>" + "<disk/>" * n + "</devices>")),
    "one line": (1100, lambda n: domain("<vcpux/>" * n).replace("\n", "")),
    "one line beyond ASCII": (1100, lambda n: domain("ü<vcpux/>" * n).replace("\n", "")),
    "siblings of one name": (1100, lambda n: domain("<vcpux/>\n" * n)),
    "disks at one address": (100, lambda n: domain(
        "<devices>" + "<disk type='file'><source file='/a'/><target dev='vda' bus='virtio'/>"
        "<address type='pci' bus='0' slot='3'/></disk>" * n + "</devices>")),
    "shares of one tag": (100, lambda n: domain(
        "<devices>" + "<filesystem><driver type='virtiofs'/><source dir='/a'/><target dir='t'/></filesystem>" * n
        + "</devices>")),
    "domains of one name": (150, lambda n: (
        "<domains>" + "<domain type='kvm'><name>a</name></domain>" * n + "</domains>")),
    "domains with a long name": (40, lambda n: (
        "<domains>" + domain("").replace(">a<", f">{'a' * 4000}<") * n + "</domains>")),
    "domains of one socket": (60, lambda n: "<domains>" + "".join(
        f"<domain type='kvm'><name>a{i}</name><devices><filesystem><driver type='virtiofs'/><source socket='/a'/>"
        "<target dir='t'/></filesystem></devices></domain>" for i in range(n)) + "</domains>"),
    "attributes": (400, lambda n: domain("<vcpu " + " ".join(f"a{i}=''" for i in range(n)) + ">1</vcpu>")),
    "names in metadata": (2000, lambda n: domain(
        "<metadata>" + "".join(f"<a:b xmlns:a='u{i}'/>" for i in range(n)) + "</metadata>")),
}  # fmt: skip
CONFS = {
    "unknown settings": (100, lambda n: "".join(f"stdio_handlr{i:03} = 1\n" for i in range(n))),
    "one setting": (400, lambda n: 'stdio_handler = "syslog"\n' * n),
    "a long list": (2000, lambda n: "cgroup_device_acl = [" + '"",' * n + "]"),
    "bytes": (300, lambda n: 'user = "ü"\n' * n),
    "an open quote": (8000, lambda n: 'user = "' + "\\'" * n),
    "digits": (8000, lambda n: f"max_queued = {'1' * n}"),
    "suppressions": (100, lambda n: '# vfslint: ignore[VFS501]\nuser = "x"\n' * n),
}
CONFIGURATIONS = {
    "a dotted key": (4000, lambda n: f"{'a.' * n}a = 1"),
    "newlines": (20000, lambda n: "\n" * n),
    "spaces": (20000, lambda n: " " * n),
    "brackets": (20000, lambda n: "[" * n),
    "tables": (1000, lambda n: "".join(f"[tool.vfslint.a{i}]\n" for i in range(n))),
    "unknown rules": (1000, lambda n: "[tool.vfslint]\nignore = [" + "".join(f"'tag-{i}'," for i in range(n)) + "]"),
    "open strings": (4000, lambda n: '[tool.vfslint]\na="' + '\\"' * n),
    "long strings": (4000, lambda n: "[tool.vfslint]\na='''" + "'a" * n + "." * 40),
}


def seconds(work: Callable[[], object]) -> float:
    """The CPU time of a piece of work, the lesser of two."""
    found = []
    gc.collect()
    for _ in range(2):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def grows_in_step(size: int, work: Callable[[int], Callable[[], object]]) -> None:
    """The time of a piece of work that is prepared for a size."""
    few, many = seconds(work(size)), seconds(work(4 * size))
    # A second measurement, because another process may have disturbed the first one.
    if many > max(MOST * few, NOISE):
        few, many = max(few, seconds(work(size))), min(many, seconds(work(4 * size)))
    assert many <= max(MOST * few, NOISE), f"{few:.3f} s, then {many:.3f} s"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def linted(file: str, text: str, *argv: str) -> Callable[[], object]:
    def work() -> None:
        Path(file).write_text(text)
        assert vfslint(*argv, file)[0] in (0, 1)

    return work


# Those with thousands of findings take seconds each.
LONG = (
    "cells",
    "one line",
    "siblings",
    "suppressions",
    "disks",
    "shares",
    "domains",
    "threads",
    "unknown",
    "one setting",
)


def each(names: Iterable[str]) -> list[Any]:
    return [pytest.param(name, marks=[pytest.mark.slow] if name.startswith(LONG) else []) for name in names]


@pytest.mark.parametrize("name", each(KINDS))
@pytest.mark.parametrize("form", ["text", pytest.param("sarif", marks=pytest.mark.slow)])
def test_a_domain(name: str, form: str) -> None:
    size, make = KINDS[name]
    grows_in_step(size, lambda n: linted("a.xml", make(n), f"--format={form}"))


@pytest.mark.parametrize("name", each(CONFS))
@pytest.mark.parametrize("form", ["text", pytest.param("json", marks=pytest.mark.slow)])
def test_a_qemu_conf(name: str, form: str) -> None:
    size, make = CONFS[name]
    grows_in_step(size, lambda n: linted("qemu.conf", make(n), f"--format={form}"))


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration(name: str) -> None:
    size, make = CONFIGURATIONS[name]

    def work(n: int) -> Callable[[], object]:
        data = make(n).encode()

        def read() -> None:
            for file in ("pyproject.toml", "vfslint.toml"):
                with suppress(UsageError):
                    parse(file, data)

        return read

    grows_in_step(size, work)


FIXED = {
    "names": (25, "<memorybacking/>\n"),
    "shares": (48, "<devices><filesystem acessmode='mapped'><driver type='virtiofs' queue='100'/><source dir='/a'/>"
                   "<target dir='t'/></filesystem></devices>\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", each(FIXED))
def test_fixing(name: str) -> None:
    size, text = FIXED[name]
    grows_in_step(size, lambda n: linted("a.xml", domain(text * n), "--unsafe-fixes", "-q"))


def test_many_lines_of_faults_are_cut() -> None:
    Path("vfslint.toml").write_text("".join(f"a{i} = 1\n" for i in range(1000)))
    Path("a.xml").write_text(domain(""))
    err = vfslint("a.xml")[2].splitlines()
    assert len(err) == 21
    assert err[-1] == "vfslint: there are more faults"


def texts(finding: Finding) -> Iterator[str]:
    yield from (finding.message, finding.help, finding.label, finding.libvirt_says)


def test_what_a_finding_quotes_is_cut() -> None:
    long = "x" * 100_000
    data = domain(f"<vcpu>{long}</vcpu><{long}/><devices><disk device='{long}'/></devices>").encode()
    findings = Engine(RULES, context("")).check_xml(Source(data, "x.xml")).findings
    assert findings
    assert max(len(text) for finding in findings for text in texts(finding)) < 600
