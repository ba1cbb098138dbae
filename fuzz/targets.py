"""What is fuzzed: each target reads bytes as one kind of file and checks what must hold for whatever is in it.

`python -m fuzz.run NAME SECONDS` changes the files of the corpus at random; with atheris (the extra `fuzz`), it is
guided by the code that each change reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from vfslint.config.file import parse
from vfslint.context import Context
from vfslint.engine import Engine, Outcome
from vfslint.findings import Edit
from vfslint.host import facts, load
from vfslint.json_input import loads
from vfslint.patterns import Patterns
from vfslint.qemu_conf.reader import Unreadable
from vfslint.qemu_conf.reader import read as read_conf
from vfslint.rules import RULES
from vfslint.targets import contemporary
from vfslint.usage import UsageError
from vfslint.xml.document import Malformed, read
from vfslint.xml.edits import apply
from vfslint.xml.source import Source

_ENGINES = [Engine(RULES, Context()), Engine(RULES, Context(contemporary((7, 0, 0)), session=True))]


def xml(data: bytes) -> None:
    """A domain: no rule fails, and spans, order and fixes are sound."""
    for engine in _ENGINES:
        outcome = engine.check_xml(Source(data, "x.xml"))
        _sound(data, outcome)
        assert engine.check_xml(Source(data, "x.xml")).findings == outcome.findings, "not deterministic"


def qemu_conf(data: bytes) -> None:
    """A qemu.conf."""
    for engine in _ENGINES:
        _sound(data, engine.check_conf(Source(data, "qemu.conf")))


def configuration(data: bytes) -> None:
    """A configuration, in both kinds of files."""
    for name in ("vfslint.toml", "pyproject.toml"):
        with suppress(UsageError):
            found = parse(name, data)
            if found:
                for path in ("a.xml", "sub/b.xml"):
                    found.includes(path)
                    found.ignored_in(path)


def json(data: bytes) -> None:
    """JSON that others wrote, such as a baseline."""
    with suppress(ValueError):
        loads(data)


def host_facts(data: bytes) -> None:
    """The facts of a host, and a check that uses them."""
    with suppress(facts.Unreadable):
        host = load.load(data)
        Engine(RULES, Context(host=host)).check_xml(Source(_DOMAIN, "x.xml"))


def qemu_conf_of_a_domain(data: bytes) -> None:
    """A qemu.conf that applies to a domain."""
    with suppress(Unreadable):
        conf = read_conf(Source(data, "qemu.conf"), (12, 8, 0))
        Engine(RULES, Context(conf=conf)).check_xml(Source(_DOMAIN, "x.xml"))


def patterns(data: bytes) -> None:
    """Lines of a .gitignore."""
    found = Patterns.valid_of(data.decode("utf-8", "replace").splitlines())
    for path in ("a.xml", "a/b/c.xml", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"):
        found.match(path)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (xml, qemu_conf, configuration, json, host_facts, qemu_conf_of_a_domain, patterns)
}

_DOMAIN = b"""<domain type='kvm'><name>a</name><memory unit='GiB'>2</memory><os><type>hvm</type></os>
<memoryBacking><hugepages/></memoryBacking><devices><filesystem type='mount'><driver type='virtiofs'/>
<source dir='/srv'/><target dir='data'/></filesystem></devices></domain>"""


def _sound(data: bytes, outcome: Outcome) -> None:
    assert not outcome.failures, outcome.failures
    places = [finding.at.start.offset for finding in outcome.findings]
    assert places == sorted(places), "not in order"
    for finding in outcome.findings:
        for span in (finding.at, *(related.at for related in finding.related)):
            assert 0 <= span.start.offset <= span.end.offset <= len(data), finding
        edits = finding.fix.edits if finding.fix else ()
        assert all(0 <= edit.start <= edit.end <= len(data) for edit in edits), finding
        if edits and finding.code != "VFS001" and _is_well_formed(data):
            assert _is_well_formed(apply(data, edits)), finding
            assert _kept(data, edits), finding


def _is_well_formed(data: bytes) -> bool:
    try:
        read(Source(data, "x.xml"))
    except Malformed:
        return False
    return True


def _kept(data: bytes, edits: Iterable[Edit]) -> bool:
    """Whether every byte outside of the edits is in the result, in its order."""
    fixed, at, end = apply(data, edits), 0, 0
    for edit in sorted(set(edits)):
        piece = data[end : edit.start]
        found = fixed.find(piece, at)
        if found < 0:
            return False
        at, end = found + len(piece), max(end, edit.end)
    return fixed.endswith(data[end:])
