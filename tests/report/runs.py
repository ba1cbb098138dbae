"""Runs to report: a plain one whose output is known, and one whose input attacks each format."""

import io
from collections.abc import Iterator
from typing import Any

from tests.paths import GOLDEN
from vfslint import report
from vfslint.domain.domain import Domain
from vfslint.findings import Edit, Finding, Fix, Related, Severity, Span, Stage
from vfslint.rule import Rule, rule
from vfslint.rules import RULES
from vfslint.run import Run
from vfslint.terminal import PLAIN
from vfslint.xml.source import Source

INPUT = GOLDEN / "input"

HOSTILE = (
    "\x1b[31mred\x1b[0m \x07 \x00 \x85 \u202e \u2028 \udc80 \ufffe "
    "\n::error::owned\r\n::set-output name=x::y\n##[add-path]/tmp "
    "%0A %25 ]]> --> <script>alert(1)</script> &lt; &amp; \" ' ` | * _ # @user "
    "[click](https://evil.example) ![i](x) {0} \\ </failure><error/> $(id) ${{ github.token }} größe 🐧"
)


@rule("VFS100", "memory-is-private", severity=Severity.ERROR, stage=Stage.DEFINE)
def memory_is_private(domain: Domain) -> Iterator[Any]:
    """A manual page that stays as it is.

    Why: so that changes of real rules leave the golden files alone.
    Bad:
        <memoryBacking/>
    Good:
        <memoryBacking><access mode='shared'/></memoryBacking>
    libvirt says: 'virtiofs' requires shared memory
    Fix: add the access mode.
    See: nothing but this test.
    """
    yield domain


def fixed_rules() -> tuple[Rule, ...]:
    other = {
        "VFS200": ("mount-tag-not-ascii", Severity.WARNING, Stage.GUEST),
        "VFS500": ("memory-on-disk", Severity.NOTE, Stage.NEVER),
    }
    return (
        memory_is_private,
        *(rule(code, name, severity=level, stage=stage)(memory_is_private.check)
          for code, (name, level, stage) in other.items()),
    )  # fmt: skip


def source(name: str) -> Source:
    return Source((INPUT / name).read_bytes(), f"guests/{name}")


def span(source: Source, text: str) -> Span:
    start = source.text.index(text)
    return source.span(start, start + len(text))


def finding(code: str, at: Span, **changes: Any) -> Finding:
    found = next(rule for rule in fixed_rules() if rule.code == code)
    plain = Finding(
        code=code,
        name=found.name,
        severity=found.severity,
        stage=found.stage,
        at=at,
        message="something is wrong",
        help="",
        label="",
        related=(),
        fix=None,
        libvirt_says="",
    )
    return plain._replace(**changes)


def plain() -> Run:
    """Three findings in two files: related places in both, a fix, characters beyond ASCII."""
    domain, conf = source("web.xml"), source("qemu.conf")
    end = domain.text.index("/>", domain.text.index("<source type")) + 2
    offset = domain.offset(end)
    folder = span(conf, '"/var/lib/libvirt/qemu/ram"')
    made = Run()
    made.files = [domain.name, conf.name, "guests/sound.xml"]
    made.sources = {domain.name: domain, conf.name: conf}
    made.findings = [
        finding(
            "VFS100",
            span(domain, "virtiofs"),
            message="virtio-fs share 'größe' needs shared memory, but this domain's memory is private",
            help="add <access mode='shared'/> to <memoryBacking>",
            label="virtiofsd serves this device 🐧",
            related=(
                Related(span(domain, '<source type="file"/>'), "private: no <access>"),
                Related(folder, "its memory is a file here"),
            ),
            fix=Fix("make the memory shared", (Edit(offset, offset, b'\n    <access mode="shared"/>'),)),
            libvirt_says="'virtiofs' requires shared memory",
        ),
        finding("VFS200", span(domain, 'größe"/>\n    </filesystem>\n'), message="the tag spans lines"),
        finding("VFS500", folder, message="memory lies in /var/lib/libvirt/qemu/ram"),
    ]
    return made


def hostile() -> Run:
    """The same text everywhere: in the file and its name, in every part of a finding, and in its fix."""
    data = f"<a>{HOSTILE}</a>\n".encode("utf-8", "surrogateescape")
    name = f"-dir,x:1/{HOSTILE}.xml"
    text = Source(data, name)
    made = Run()
    made.files = [name]
    made.sources = {name: text}
    at = text.span(0, 3)
    made.findings = [
        finding(
            RULES[0].code if code is None else code,
            at,
            message=f"{HOSTILE} is wrong",
            help=HOSTILE,
            label=HOSTILE,
            related=(Related(at, HOSTILE),),
            fix=Fix(HOSTILE, (Edit(0, 3, HOSTILE.encode("utf-8", "surrogateescape")),)),
            libvirt_says=HOSTILE,
        )
        for code in ("VFS100", "VFS200", "VFS500")
    ]
    return made


def written(run: Run, format_name: str) -> str:
    """Return the report of a run in a format."""
    out = io.StringIO()
    report.reporter(format_name)(run, out, PLAIN)
    return out.getvalue()
