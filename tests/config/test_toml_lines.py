"""The line of each key of a TOML file is known, however it is written."""

from __future__ import annotations

from vfslint.config.toml_lines import lines_of


def test_lines_of_keys() -> None:
    text = '''\
# comment = 1
select = ["VFS1",
  # no = 1
  "x]y", """a
b""", 'z']
target.libvirt = "9.0.0"
[severity]
VFS101 = "off"
"a.b" = {x = 1.5, y = [ {z=1},
 2]}
[[tool."v f".x]]
d = 1979-05-27 07:32:00
'''
    assert {".".join(key): line for key, line in lines_of(text).items()} == {
        "select": 2,
        "select.0": 2,
        "select.1": 4,
        "select.2": 4,
        "select.3": 5,
        "target": 6,
        "target.libvirt": 6,
        "severity": 7,
        "severity.VFS101": 8,
        "severity.a.b": 9,
        "severity.a.b.x": 9,
        "severity.a.b.y": 9,
        "severity.a.b.y.0": 9,
        "severity.a.b.y.0.z": 9,
        "severity.a.b.y.1": 10,
        "tool": 11,
        "tool.v f": 11,
        "tool.v f.x": 11,
        "tool.v f.x.d": 12,
    }
