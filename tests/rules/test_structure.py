"""A misplaced name is never sent to the element that it is on already; a repeated element is judged by what it says."""

from __future__ import annotations

import pytest

from vfslint import Severity, Stage, lint_bytes

DOMAIN = "<domain type='kvm'><name>a</name><memory>1</memory><os><type>hvm</type></os><devices>{}</devices></domain>"


@pytest.mark.parametrize(
    ("device", "code", "help"),
    [
        (
            "<controller type='sata' index='0' model='ahci'/>",
            "VFS017",
            "remove it, or use another type of <controller>",
        ),
        (
            "<filesystem dir='/srv'><driver type='virtiofs'/><source dir='/srv'/><target dir='a'/></filesystem>",
            "VFS017",
            "it belongs on <target> or <source>",
        ),
    ],
)
def test_a_misplaced_name_is_never_sent_where_it_is(device: str, code: str, help: str) -> None:
    (found,) = (each for each in lint_bytes(DOMAIN.format(device).encode()) if each.code == code)
    assert found.help == help


@pytest.mark.parametrize(
    ("repeated", "severity"),
    [
        ("<source dir='/srv'/>", Severity.WARNING),
        ("<source bogus='1'/>", Severity.WARNING),
        ("<source dir='/other'/>", Severity.ERROR),
        ("<driver type='virtiofs' queue='512'/>", Severity.WARNING),
        ("<readonly/>", Severity.WARNING),
    ],
)
def test_a_repeated_element_is_an_error_if_it_would_make_another_share(repeated: str, severity: Severity) -> None:
    share = (
        f"<filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='a'/><readonly/>{repeated}</filesystem>"
    )
    (found,) = (each for each in lint_bytes(DOMAIN.format(share).encode()) if each.code == "VFS015")
    assert found.severity is severity


@pytest.mark.parametrize("written", ["type='KVM'", "type=''", ""])
def test_a_domain_whose_type_is_not_known_is_not_one_of_another_hypervisor(written: str) -> None:
    share = "<filesystem><driver type='virtiofs'/><source dir='/srv'/><target dir='a'/></filesystem>"
    domain = DOMAIN.format(share).replace("type='kvm'", written, 1)
    assert "VFS703" not in [each.code for each in lint_bytes(domain.encode())]


@pytest.mark.parametrize(
    ("nvram", "stage"),
    [
        ("<nvram><source file='/srv/vars.fd'/></nvram>", Stage.NEVER),
        ("<nvram><source dev='/dev/vars'/></nvram>", Stage.SCHEMA),
        ("<nvram>/srv/vars.fd<source file='/srv/vars.fd'/></nvram>", Stage.SCHEMA),
    ],
)
def test_the_source_of_variables_without_a_type_is_ignored(nvram: str, stage: Stage) -> None:
    text = DOMAIN.replace("</os>", f"<loader type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>{nvram}</os>")
    (found,) = (each for each in lint_bytes(text.format("").encode()) if each.code == "VFS016")
    assert found.stage is stage
