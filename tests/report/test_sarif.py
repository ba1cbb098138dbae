"""SARIF: places and replacements hold in bytes and in lines, and nothing of the input becomes a link."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.report.runs import INPUT, finding, source, span, written
from tests.report.valid import valid_sarif
from vfslint.findings import Edit, Fix
from vfslint.run import Run
from vfslint.suppressions import Suppressed
from vfslint.xml.source import Source


def test_sarif_names_the_places_of_the_terminal(run: Run) -> None:
    log = json.loads(written(run, "sarif"))
    places = []
    for result in log["runs"][0]["results"]:
        physical = result["locations"][0]["physicalLocation"]
        region = physical["region"]
        places.append(f"{physical['artifactLocation']['uri']}:{region['startLine']}:{region['startColumn']}")
    concise = written(run, "concise").splitlines()
    assert places == [line.split(": ")[0] for line in concise]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_sarif_regions_and_replacements_hold_in_bytes_and_in_lines(encoding: str, run: Run) -> None:
    text = (INPUT / "web.xml").read_text(encoding="utf-8").replace("🐧", "").replace("UTF-8", encoding[:10])
    domain = Source(text.replace("utf-8-sig", "utf-8").encode(encoding), "guests/web.xml")
    start = domain.text.index("<source type")
    end = domain.text.index("/>", start) + 2
    edit = Edit(domain.offset(start), domain.offset(end), domain.encode("<access größe='ß'/>"))
    run.sources[domain.name] = domain
    run.findings = [finding("VFS200", span(domain, "größe"), fix=Fix("fix", (edit,)))]
    result = json.loads(written(run, "sarif"))["runs"][0]["results"][0]
    region = result["locations"][0]["physicalLocation"]["region"]
    covered = domain.data[region["byteOffset"] : region["byteOffset"] + region["byteLength"]]
    assert domain.encode("größe") == covered
    replacement = result["fixes"][0]["artifactChanges"][0]["replacements"][0]
    deleted = replacement["deletedRegion"]
    lines = domain.text.removeprefix("\ufeff").split("\n")
    line = lines[deleted["startLine"] - 1]
    assert line[deleted["startColumn"] - 1 : deleted["endColumn"] - 1] == '<source type="file"/>'
    assert deleted["byteOffset"] == edit.start
    assert deleted["byteOffset"] + deleted["byteLength"] == edit.end
    assert replacement["insertedContent"]["text"] == "<access größe='ß'/>"


@pytest.mark.parametrize(
    ("file", "uri", "base"),
    [
        ("web.xml", "web.xml", "%SRCROOT%"),
        ("./guests/../web.xml", "web.xml", "%SRCROOT%"),
        ("a b#c?d%e:f.xml", "a%20b%23c%3Fd%25e%3Af.xml", "%SRCROOT%"),
        ("größe\udcff.xml", "gr%C3%B6%C3%9Fe%FF.xml", "%SRCROOT%"),
        ("/etc/libvirt/qemu.conf", "file:///etc/libvirt/qemu.conf", None),
        ("../qemu.conf", "file:///srv/qemu.conf", None),
    ],
)
def test_sarif_addresses_are_relative_and_escaped(
    file: str, uri: str, base: str | None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getcwd", lambda: "/srv/repository")
    run.findings = [finding("VFS100", source("web.xml").span(0, 1)._replace(file=file))]
    run.sources[file] = source("web.xml")
    result = json.loads(written(run, "sarif"))["runs"][0]["results"][0]
    location = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert (location["uri"], location.get("uriBaseId")) == (uri, base)


def test_sarif_makes_no_links_of_input(attack: Run) -> None:
    log = json.loads(written(attack, "sarif"))
    messages = [made["text"] for made in every(log, "message")] + [made["text"] for made in every(log, "description")]
    assert len(messages) >= 12
    assert [text for text in messages if "](" in text] == []


def every(tree: Any, name: str) -> Iterator[Any]:
    """Every value of that name in a JSON tree."""
    if isinstance(tree, dict):
        yield from [tree[name]] if name in tree else []
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for value in inner:
        yield from every(value, name)


def test_sarif_tells_what_is_suppressed(run: Run) -> None:
    run.suppressed = [Suppressed(run.findings.pop(1), "because ]( of that")]
    results = json.loads(written(run, "sarif"))["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == ["VFS100", "VFS500", "VFS200"]
    assert [result.get("suppressions") for result in results] == [
        None, None, [{"kind": "inSource", "justification": "because ]( of that"}],
    ]  # fmt: skip
    valid_sarif(written(run, "sarif"))


def test_sarif_tells_new_findings_from_those_of_the_baseline(run: Run) -> None:
    assert "baselineState" not in written(run, "sarif")
    run.known = [run.findings.pop(0)]
    results = json.loads(written(run, "sarif"))["runs"][0]["results"]
    assert [(result["ruleId"], result["baselineState"]) for result in results] == [
        ("VFS200", "new"),
        ("VFS500", "new"),
        ("VFS100", "unchanged"),
    ]
    valid_sarif(written(run, "sarif"))
