"""`vfslint config` shows what applies to a file, and from where."""

from __future__ import annotations

import json
from pathlib import Path

from tests.command import vfslint


def test_config_shows_what_applies_and_from_where(folder: Path) -> None:
    (folder / "vfslint.toml").write_text(
        "ignore = ['VFS1']\nfail-on = 'note'\nexclude = ['x']\n\n"
        "[severity]\nVFS216 = 'note'\n\n[per-file-ignores]\n'guests/' = ['VFS3']\n"
    )
    assert vfslint("config", "--target", "debian-12", "guests/web.xml") == (
        0,
        """\
guests/web.xml: vfslint.toml
select                    all                                              default
ignore                    VFS1                                             vfslint.toml:1
severity VFS216           note                                             vfslint.toml:6
per-file-ignores guests/  VFS3                                             vfslint.toml:9
target                    libvirt 9.0.0, QEMU 7.2.0, QEMU's own virtiofsd  --target debian-12
session                   no                                               default
qemu-conf                 none                                             default
host                      none                                             default
one-host                  no                                               default
fail-on                   note                                             vfslint.toml:2
exclude                   x                                                vfslint.toml:3
""",
        "",
    )


def test_config_as_json(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("ignore = ['VFS1']")
    told = json.loads(vfslint("config", "--format", "json", "--ignore", "VFS2", "guests/web.xml")[1])
    assert told["configuration"] == "vfslint.toml"
    assert told["values"]["ignore"] == {
        "value": ["VFS1", "VFS2"],
        "origin": "vfslint.toml:1 and --ignore",
    }


def test_config_requires_one_file() -> None:
    assert vfslint("config") == (2, "", "vfslint: name one file (see vfslint config --help)\n")
    assert vfslint("config", "--help")[0] == 0
