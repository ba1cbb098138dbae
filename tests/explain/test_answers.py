"""Messages that people paste, and the causes among which theirs must be."""

import io
import json
from pathlib import Path

import pytest

from tests.command import vfslint
from tests.paths import DATA
from tools.conformance import read_cases
from vfslint.explain.answers import answers, judged
from vfslint.explain.messages import bare, messages
from vfslint.explain.symptoms import SYMPTOMS
from vfslint.rule_page import named
from vfslint.rules import RULES

CODES = {rule.code for rule in RULES}

# A message as it was pasted, and rules of which each must be among the causes.
PASTED = [
    ("error: internal error: virtiofsd died unexpectedly", "VFS302 VFS607 VFS602 VFS321 VFS608"),
    ("vhost_dev_init failed: Operation not permitted", "VFS602 VFS213"),
    ("[   12.345678] virtio-fs: tag <share> not found", "VFS211 VFS219"),
    ("virtiofs: virtio-fs: tag <share> not found", "VFS211"),
    ("mount: /mnt: wrong fs type, bad option, bad superblock on share, missing codepage or helper program", "VFS211"),
    ("mount: /mnt: unknown filesystem type 'virtiofs'.", ""),
    ("Failed to write msg. Wrote -1 instead of 12.", "VFS602 VFS406"),
    ("vhost_set_mem_table failed: Invalid argument (22)", "VFS101"),
    ("Failed initializing vhost-user memory map, consider using -object memory-backend-file share=on", "VFS101"),
    ("Failed to connect to '/x.sock': No such file or directory", "VFS603 VFS403"),
    ("Failed to connect to '/run/x.sock': Connection refused", "VFS302 VFS213 VFS321 VFS605 VFS308 VFS603"),
    (
        "internal error: process exited while connecting to monitor: qemu-system-x86_64: -chardev socket,"
        "id=chr-vu-fs0,path=/var/lib/libvirt/qemu/domain-31-g/fs0-fs.sock: Failed to connect to "
        "'/var/lib/libvirt/qemu/domain-31-g/fs0-fs.sock': Connection refused",
        "VFS302 VFS213 VFS321 VFS605 VFS308",
    ),
    (
        "[2026-05-01T10:00:00Z ERROR virtiofsd] Error entering sandbox: Fork(Os { code: 1, kind: PermissionDenied })",
        "VFS308 VFS321",
    ),
    ("can't open backing store /dev/hugepages/libvirt/qemu/1-g for guest RAM: Permission denied", ""),
    (
        "error: XML document failed to validate against schema: Unable to validate doc against "
        "/usr/share/libvirt/schemas/domain.rng\nExtra element devices in interleave\nElement domain failed to validate",
        "VFS010 VFS011 VFS012",
    ),
    ("Failed to parse memory unit", "VFS064"),
    ("error: unsupported configuration: 'virtiofs' requires shared memory", "VFS101"),
    ("error: operation failed: Unable to find a satisfying virtiofsd", "VFS606"),
    ("error: unsupported configuration: locking options are not supported by this virtiofsd", "VFS302"),
    ("qemu-system-x86_64: Memory backend 'pc.ram' not found", "VFS610 VFS159"),
    ("HandleRequest(InvalidParam)", "VFS101"),
    ("vfio: VFIO_MAP_DMA failed: Bad address", "VFS114"),
    ("tag property must be 36 bytes or less", "VFS216"),
    ("virtiofs does not yet support read-only mode", "VFS221"),
    ("unsupported configuration: CPU topology doesn't match maximum vcpu count", "VFS046"),
    ("Too many open files", "VFS306"),
    ('audit: type=1400 apparmor="DENIED" operation="open" profile="libvirt-1" name="/srv"', ""),
    ("missing source information for device tag0", "VFS210"),
    ("VFS: Unable to mount root fs on unknown-block(0,0)", "VFS233"),
]


def explained(text: str) -> set[str]:
    """Return the rules among the causes of a text."""
    found = answers(text)
    assert not any(answer.is_guess for answer in found), text
    causes = {
        code for answer in found for symptom in answer.symptoms for cause in symptom.causes for code in cause.rules
    }
    return causes | {rule.code for answer in found for rule in answer.rules}


@pytest.mark.parametrize(("text", "codes"), PASTED, ids=[text[:40] for text, _ in PASTED])
def test_the_causes_of_a_pasted_message(text: str, codes: str) -> None:
    assert set(codes.split()) <= explained(text)


@pytest.mark.parametrize("file", ["starts.jsonl.gz", "host-starts.jsonl.gz"])
def test_every_start_that_failed_is_explained(file: str) -> None:
    unknown = set()
    for case in read_cases(DATA / file):
        for said in case["libvirt"].values():
            for each in said if isinstance(said, list) else [said]:
                message = each.get("message") or ""
                if message and not message.startswith("no answer") and answers(message)[0].is_guess:
                    unknown.add((case["case"], message))
    # A bug of libvirt 9.0.0, which VFS175's neighbors report.
    assert {case for case, _ in unknown} <= {"virtio-pmem without virtiofs"}


def test_every_rule_that_quotes_a_message_is_found_by_it() -> None:
    lost = [
        (rule.code, says)
        for rule in RULES
        for says in rule.manual.libvirt_says
        if len(says.split()) > 1 and rule.code not in explained(says)
    ]
    assert lost == []


def test_symptoms_name_rules_that_exist() -> None:
    named = {code for symptom in SYMPTOMS for cause in symptom.causes for code in cause.rules}
    assert named <= CODES


LOG = """\
2026-05-01 10:00:00.000+0000: starting up libvirt version: 9.0.0, package: 4, qemu version: 7.2.22
LC_ALL=C \\
PATH=/usr/bin \\
/usr/bin/qemu-system-x86_64 \\
-name guest=web,debug-threads=on \\
-chardev socket,id=chr-vu-fs0,path=/var/lib/libvirt/qemu/domain-1-web/fs0-fs.sock \\
char device redirected to /dev/pts/1 (label charserial0)
2026-05-01T10:00:01.0Z qemu-system-x86_64: -device vhost-user-fs-pci,tag=a: Failed to write msg. Wrote -1 instead of 12.
2026-05-01T10:00:01.1Z qemu-system-x86_64: -device vhost-user-fs-pci,tag=a: vhost_backend_init failed: Protocol error
2026-05-01 10:00:01.100+0000: shutting down, reason=failed
"""


def test_a_log_is_read_line_by_line_and_its_noise_is_passed_over() -> None:
    (answer,) = answers(LOG)
    assert answer.message == "Failed to write msg. Wrote -1 instead of 12."
    assert answer.symptoms


@pytest.mark.parametrize(
    "line",
    [
        "2026-05-01 10:00:00.123+0000: 1234: error : virNetSocketReadWire:1808 : the message",
        "May  1 10:00:00 host libvirtd[123]: internal error: the message",
        "[   12.345678] the message",
        "error: unsupported configuration: the message",
        "[2026-05-01T10:00:00Z ERROR virtiofsd] the message",
        '2026-05-01T10:00:00.1Z qemu-system-x86_64: -device {"driver":"x","a":1}: the message',
        "error: Failed to start domain 'a': internal error: the message",
    ],
)
def test_what_stands_in_front_of_a_message_is_removed(line: str) -> None:
    assert bare(line) == "the message"


def test_names_and_numbers_do_not_matter() -> None:
    first = answers("virtiofsd binary '/a b' is not executable")
    second = answers("virtiofsd binary '/opt/virtiofsd' is not executable")
    assert [answer.symptoms for answer in first] == [answer.symptoms for answer in second]


def test_codes_names_and_their_beginnings_name_rules() -> None:
    assert [rule.code for rule in named(["VFS101"])] == ["VFS101"]
    assert [rule.code for rule in named(["error[VFS101]:", "mount-tag-too-long"])] == ["VFS101", "VFS216"]
    assert {rule.name for rule in named(["mount-tag"])} >= {"mount-tag-too-long", "mount-tag-repeated"}
    assert {rule.code for rule in named(["VFS80"])} == {code for code in CODES if code.startswith("VFS80")}
    assert named(["VFS101", "nonsense"]) == []


def test_an_unknown_message_gets_three_guesses() -> None:
    (answer,) = answers("the flux capacitor of disk 'vda' is not supported")
    assert answer.is_guess
    assert len(answer.rules) == 3


def test_causes_are_judged_for_a_domain() -> None:
    from vfslint import lint_bytes

    xml = (
        b"<domain type='kvm'><name>a</name><memory>1048576</memory><os><type machine='q35'>hvm</type></os><devices>"
        b"<filesystem type='mount'><driver type='virtiofs'/><binary><lock posix='on'/></binary><source dir='/s'/>"
        b"<target dir='t'/></filesystem></devices></domain>"
    )
    (answer,) = answers("virtiofsd died unexpectedly")
    found = judged(answer.symptoms[0].causes, lint_bytes(xml))
    assert [finding.code for finding in found[0].findings or ()] == ["VFS302"]
    assert all(each.findings == () for each in found[1:])
    assert all(each.findings is None for each in judged(answer.symptoms[0].causes, None))


def test_the_command_reads_words_files_and_standard_input(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text(LOG)
    from_file = vfslint("explain", str(log))
    assert from_file[0] == 0
    assert "1. virtiofsd cannot use the directory" in from_file[1]
    assert vfslint("explain", "-", stdin=LOG) == from_file
    as_json = json.loads(vfslint("explain", "--format", "json", str(log))[1])
    assert as_json[0]["causes"][0]["rules"] == ["VFS601", "VFS602", "VFS213"]


def test_every_line_of_an_answer_fits_unless_it_is_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from vfslint.explain.page import write_text
    from vfslint.terminal import NEVER, Codes

    for width in (40, 60, 80, 120):
        out = io.StringIO()
        write_text(out, [answer for text, _ in PASTED for answer in answers(text)], None, width, Codes(out, NEVER))
        for line in out.getvalue().splitlines():
            assert (
                len(line) <= width or line.startswith("       $ ") or len(line.split()) == 1 or " " not in line.strip()
            )


def test_nothing_like_a_message_is_an_error() -> None:
    status, _, errors = vfslint("explain", "mount-tag-to-long")
    assert status == 2
    assert "did you mean mount-tag-too-long?" in errors


def test_messages_are_read_once() -> None:
    assert list(messages("error: a b\n\n  a b\nshutting down, reason=failed\n")) == ["a b"]
