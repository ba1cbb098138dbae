"""A suppression removes the findings that it names, in every form; one that is unused or wrong is reported."""

from __future__ import annotations

import pytest

from tests.growth import LINEAR, growth
from vfslint.context import Context
from vfslint.engine import Engine, Outcome
from vfslint.rules import RULES
from vfslint.xml.source import Source

LONG = "the-shared-directory-of-the-build-farm"
SHARE = f"<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='{LONG}'/></filesystem>"
HEAD = """\
<domain type='kvm'>
  <name>example</name>
  <memory unit='GiB'>2</memory>
  <vcpu>8</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
"""


def domain(devices: str, metadata: str = "") -> str:
    return f"{HEAD}{metadata}  <devices>\n{devices}\n  </devices>\n</domain>\n"


def check(text: str | bytes, *select: str) -> Outcome:
    data = text.encode() if isinstance(text, str) else text
    rules = [rule for rule in RULES if not select or rule.code.startswith(select)]
    return Engine(rules, Context()).check_xml(Source(data, "x.xml"))


def codes(text: str | bytes, *select: str) -> list[str]:
    return [finding.code for finding in check(text, *select).findings]


def messages(text: str) -> list[str]:
    return [f"{finding.code} {finding.message}" for finding in check(text).findings]


def test_the_share_is_faulty_without_a_suppression() -> None:
    assert codes(domain(SHARE)) == ["VFS216"]


@pytest.mark.parametrize(
    "devices",
    [
        f"<!-- vfslint: ignore[VFS216] -->\n{SHARE}",
        f"<!--vfslint:ignore[VFS216]-->\n{SHARE}",
        f"<!-- vfslint: ignore[mount-tag-too-long] shown in the manual -->\n{SHARE}",
        f"<!-- vfslint: ignore[VFS2] -->\n{SHARE}",
        f"<!-- vfslint: ignore[vfs216] -->\n{SHARE}",
        f"<!-- vfslint: ignore[VFS216]\n     a reason\n     of two lines -->\n{SHARE}",
        f"<!-- vfslint: ignore[VFS216] -->\n<!-- another comment -->\n\n{SHARE}",
        f"<!-- vfslint: ignore[VFS216] -->{SHARE}",
        f"<input type='mouse' bus='ps2'/> <!-- vfslint: ignore[VFS216] -->{SHARE}",
    ],
)
def test_before_an_element_it_holds_for_it_with_all_that_is_in_it(devices: str) -> None:
    assert codes(domain(devices)) == []


def test_it_does_not_hold_for_the_element_after_the_next() -> None:
    devices = f"<!-- vfslint: ignore[VFS216] -->\n{SHARE}\n{SHARE.replace('the-', 'The-')}"
    assert codes(domain(devices)) == ["VFS216"]


def test_behind_a_tag_at_the_end_of_its_line_it_holds_for_that_element() -> None:
    assert codes(domain(f"{SHARE}  <!-- vfslint: ignore[VFS216] -->")) == []
    opened = SHARE.replace("<driver", "  <!-- vfslint: ignore[VFS216] -->\n<driver")
    assert codes(domain(opened)) == []
    target = SHARE.replace("</filesystem>", " <!-- vfslint: ignore[VFS216] -->\n</filesystem>")
    assert codes(domain(target)) == []
    other = SHARE.replace("<source", "<!-- vfslint: ignore[VFS216] -->\n<source")
    assert sorted(codes(domain(other))) == ["VFS090", "VFS216"]


def test_as_the_last_thing_in_an_element_it_holds_for_that_element() -> None:
    last = SHARE.replace("</filesystem>", "\n<!-- vfslint: ignore[VFS216] -->\n</filesystem>")
    assert codes(domain(last)) == []
    assert codes(domain(f"{SHARE}\n<!-- vfslint: ignore[VFS216] -->")) == []
    after_all = domain(SHARE) + "<!-- vfslint: ignore[VFS216] -->\n"
    assert codes(after_all) == []


def test_before_the_root_it_holds_for_all() -> None:
    assert codes("<!-- vfslint: ignore[VFS216] -->\n" + domain(SHARE)) == []


def test_ignore_file_holds_for_all_wherever_it_stands() -> None:
    comment = "<!-- vfslint: ignore-file[VFS216] an example -->"
    assert codes(f"{comment}\n{domain(SHARE)}") == []
    assert codes(domain(f"<input type='mouse' bus='ps2'/>{comment}<!-- -->{SHARE}{SHARE}")) != ["VFS216"]
    assert "VFS216" not in codes(f"{domain(SHARE)}{comment}")


def test_the_reason_is_kept() -> None:
    (suppressed,) = check(domain(f"<!-- vfslint: ignore[VFS216]\n  shown in  the manual -->{SHARE}")).suppressed
    assert (suppressed.finding.code, suppressed.reason) == ("VFS216", "shown in the manual")


def test_other_findings_stay() -> None:
    private = domain(f"<!-- vfslint: ignore[VFS216] -->\n{SHARE}").replace("<access mode='shared'/>", "")
    assert codes(private, "VFS1", "VFS2", "VFS09") == ["VFS101"]


@pytest.mark.parametrize(
    "text",
    [
        "<!-- checked by vfslint -->",
        "<!-- vfslint is great: ignore[VFS216] -->",
        "<?vfslint: ignore[VFS216] ?>",
        "<description>vfslint: ignore[VFS216] <![CDATA[<!-- vfslint: ignore[VFS216] -->]]></description>",
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert codes(domain(SHARE, text), "VFS216", "VFS09") == ["VFS216"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_any_encoding_will_do(encoding: str) -> None:
    text = domain(f"<!-- vfslint: ignore[VFS216] größer -->\n{SHARE}").replace("example", "größe")
    assert codes(text.replace("\n", "\r\n").encode(encoding)) == []


# metadata


def metadata(attributes: str) -> str:
    return f"<metadata><v:ignore xmlns:v='https://vfslint.dev/xmlns/1' {attributes}/></metadata>\n"


@pytest.mark.parametrize(
    "attributes",
    [
        "rules='VFS216'",
        "rules='VFS216' reason='shown in the manual'",
        "rules='mount-tag-too-long' element='filesystem'",
        f"rules='VFS216' element='filesystem[{LONG}]'",
        f"rules='VFS216' element='domain/devices/filesystem[{LONG}]/target'",
        "rules='VFS216' element='devices'",
    ],
)
def test_metadata_suppresses_in_the_domain_or_in_the_elements_named(attributes: str) -> None:
    assert codes(domain(SHARE, metadata(attributes))) == []


@pytest.mark.parametrize("element", ["interface", "filesystem[other]", "filesystem/source", "", "[", "a[b"])
def test_metadata_about_another_element_is_unused(element: str) -> None:
    text = domain(SHARE, metadata(f"rules='VFS216' element='{element}'"))
    assert sorted(codes(text)) == ["VFS090", "VFS216"]


def test_metadata_of_another_namespace_means_nothing() -> None:
    text = domain(SHARE, metadata("rules='VFS216'").replace("xmlns/1", "xmlns/2"))
    assert codes(text) == ["VFS216"]


def test_metadata_holds_for_its_own_domain_alone() -> None:
    suppressing = domain(SHARE, metadata("rules='VFS216'"))
    text = f"<domains>{suppressing}{domain(SHARE).replace('example', 'other')}</domains>"
    assert codes(text, "VFS216", "VFS09") == ["VFS216"]


def test_metadata_without_rules_is_not_understood() -> None:
    assert codes(domain(SHARE, metadata("reason='x'")), "VFS09") == ["VFS092"]


def test_a_second_one_is_dropped_by_libvirt() -> None:
    two = metadata("rules='VFS216'").replace("</metadata>", "<o:other xmlns:o='https://vfslint.dev/xmlns/1'/>")
    assert codes(domain(SHARE, two + "</metadata>")) == []
    ignore = "<v:ignore xmlns:v='https://vfslint.dev/xmlns/1' rules='VFS216'/>"
    assert codes(domain(SHARE, f"<metadata>{ignore}{ignore}</metadata>")) == ["VFS093"]


# what is wrong with them


def test_unused_ones_are_reported_and_removed() -> None:
    (finding,) = check(domain("<!-- vfslint: ignore[VFS216] -->"), "VFS2", "VFS09").findings
    assert finding.message == "VFS216 suppresses nothing here"
    assert finding.fix is not None
    assert finding.fix.safe


def test_several_unused_words_are_told_at_once() -> None:
    text = domain("<!-- vfslint: ignore[VFS216, VFS001] -->")
    assert messages(text) == ["VFS090 VFS216, VFS001 suppress nothing here"]


def test_one_that_is_used_twice_over_is_used() -> None:
    twice = f"<!-- vfslint: ignore[VFS216, mount-tag-too-long] -->\n{SHARE}"
    assert codes(f"<!-- vfslint: ignore-file[VFS216] -->{domain(twice)}") == []


def test_rules_that_were_not_asked_do_not_make_it_unused() -> None:
    text = domain("<!-- vfslint: ignore[VFS216] -->")
    assert codes(text, "VFS1", "VFS09") == []
    assert codes(text, "VFS2", "VFS09") == ["VFS090"]
    assert codes(domain("<!-- vfslint: ignore[VFS] -->"), "VFS2", "VFS09") == []


def test_nothing_is_unused_where_a_fault_hid_the_rest() -> None:
    text = domain(f"<!-- vfslint: ignore[VFS216] -->\n{SHARE}").replace(
        "<domain ", "<domain xmlns='http://example.org/' "
    )
    assert "VFS090" not in codes(text)


def test_unknown_words_are_reported_with_what_was_probably_meant() -> None:
    text = domain(f"<!-- vfslint: ignore[VFS216, mount-tag-to-long, VFS999, nonsense] -->\n{SHARE}")
    found = check(text).findings
    assert [(finding.code, finding.message, finding.help) for finding in found] == [
        ("VFS091", "no rule matches 'mount-tag-to-long'", "did you mean mount-tag-too-long?"),
        ("VFS091", "no rule matches 'VFS999'", "run vfslint rules for a list of all rules"),
        ("VFS091", "no rule matches 'nonsense'", "run vfslint rules for a list of all rules"),
    ]


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("vfslint: ignore", "this suppression lists no rules"),
        ("vfslint: ignore[]", "this suppression lists no rules"),
        ("vfslint: ignore[ , ] x", "this suppression lists no rules"),
        ("vfslint: ignore VFS216", "this suppression lists no rules"),
        ("vfslint:", "this suppression has neither ignore nor ignore-file"),
        (
            "vfslint: disable[VFS216]",
            "'disable' is neither ignore nor ignore-file",
        ),
    ],
)
def test_what_cannot_be_understood_is_reported_and_suppresses_nothing(comment: str, message: str) -> None:
    text = domain(f"<!-- {comment} -->\n{SHARE}")
    assert messages(text)[0] == f"VFS092 {message}"
    assert "VFS216" in codes(text)


def test_complaints_about_suppressions_can_be_suppressed() -> None:
    text = domain("<!-- vfslint: ignore[VFS216] kept for later -->")
    assert codes(f"<!-- vfslint: ignore-file[VFS090] -->\n{text}") == []


# files that cannot be read


def test_of_a_malformed_file_ignore_file_alone_is_understood() -> None:
    template = "{% if x %}\n<!-- vfslint: ignore-file[VFS0] a template -->\n<domain>\n"
    outcome = check(template)
    assert outcome.findings == []
    assert [suppressed.reason for suppressed in outcome.suppressed] == ["a template"]
    assert codes(template.replace("ignore-file", "ignore")) != []


@pytest.mark.parametrize("text", ["<!-- vfslint: ignore-file[", "<!-- vfslint", "<" * 50 + "vfslint", "vfslint #"])
def test_any_beginning_of_one_in_a_broken_file_is_survived(text: str) -> None:
    assert codes(text) != []


def test_many_openings_of_comments_in_a_broken_file_take_no_time() -> None:
    assert codes("<!-- vfslint: ignore-file[" * 20_000) != []


@pytest.mark.parametrize(
    ("piece", "many"),
    [
        ("<!-- vfslint: ignore[VFS216, mount-tag-to-long, nonsense] -->", 200),
        ("<!-- vfslint: ignore[" + "nonsense-of-a-name, " * 20 + "] -->", 50),
        ("<input type='mouse'/><!-- vfslint: ignore[VFS216] -->\n", 2400),
        ("<!-- vfslint: " + " " * 200 + "x -->", 2400),
    ],
)
def test_cost_grows_with_the_number_of_them(piece: str, many: int) -> None:
    assert growth(lambda number: codes(domain(piece * number), "VFS09"), many) < LINEAR


def test_metadata_can_be_the_root() -> None:
    root = "<v:ignore xmlns:v='https://vfslint.dev/xmlns/1' rules='VFS006'/>"
    assert codes(root) == []


def test_a_file_that_is_no_domain_can_be_silenced() -> None:
    assert codes("<project/>") == ["VFS006"]
    assert codes("<project><!-- vfslint: ignore-file[VFS006] --></project>") == []


# qemu.conf


def conf(text: str) -> list[str]:
    engine = Engine(RULES, Context())
    return [finding.code for finding in engine.check_conf(Source(text.encode(), "qemu.conf")).findings]


RELATIVE = 'memory_backing_dir = "ram"'


def test_in_a_qemu_conf_it_stands_behind_or_before_the_statement() -> None:
    (code,) = conf(f"{RELATIVE}\n")
    assert conf(f"{RELATIVE}  # vfslint: ignore[{code}] a test\n") == []
    assert conf(f"# vfslint: ignore[{code}]\n\n# more\n{RELATIVE}\n") == []
    assert conf(f'# größer\nuser = "größe"\n# vfslint: ignore[{code}] größer\n{RELATIVE}\n') == []
    assert sorted(conf(f'{RELATIVE}\n# vfslint: ignore[{code}]\nuser = "qemu"\n')) == ["VFS090", code]
    assert sorted(conf(f'# vfslint: ignore[{code}]\nuser = "qemu"\n{RELATIVE}\n')) == ["VFS090", code]
    assert conf(f"{RELATIVE}\n# vfslint: ignore-file[{code}]\n") == []


def test_a_qemu_conf_that_cannot_be_read_can_be_silenced() -> None:
    assert conf("nonsense\n") == ["VFS501"]
    assert conf("nonsense < \n# vfslint: ignore-file[conf-syntax] a template") == []
