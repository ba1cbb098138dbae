"""A misplaced name is never sent to the element that it is on already."""

from __future__ import annotations

import pytest

from vfslint import lint_bytes

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
