"""The path of an element tells it from its neighbors."""

from __future__ import annotations

from vfslint.xml.document import read
from vfslint.xml.paths import Paths
from vfslint.xml.source import Source

SHARE = "<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>"


def test_paths_tell_neighbours_apart() -> None:
    text = f"<domain><devices>{SHARE}<interface/><interface/><input type='mouse'/></devices></domain>"
    root = read(Source(text.encode(), "x.xml")).root
    assert [Paths().of(element) for element in root.find("devices").iter("*")] == [
        "domain/devices",
        "domain/devices/filesystem[data]",
        "domain/devices/filesystem[data]/driver",
        "domain/devices/filesystem[data]/source",
        "domain/devices/filesystem[data]/target",
        "domain/devices/interface[1]",
        "domain/devices/interface[2]",
        "domain/devices/input",
    ]
    for element in root.iter("*"):
        assert Paths().matching(root, Paths().of(element)) == [element]
    assert len(Paths().matching(root, "interface")) == 2
