"""`--from`: what starts on one target or host and will not on another."""

import json
from pathlib import Path

import pytest

from tests.command import vfslint
from tests.fleet import domain, share
from tests.hosts import BARE

LOCKED = share("dir='/srv'", "<binary><lock posix='on' flock='on'/></binary>")
PLAIN = share("dir='/srv'")
READ_ONLY = share("dir='/srv'", "<readonly/>")


@pytest.fixture
def guests(tmp_path: Path) -> Path:
    for name, devices in (("web", LOCKED), ("mail", PLAIN), ("broken", READ_ONLY)):
        (tmp_path / f"{name}.xml").write_text(domain(name, devices))
    return tmp_path


def moved(*argv: str) -> tuple[int, list[tuple[str, str]], str]:
    status, out, errors = vfslint("--isolated", "--format", "json", *argv)
    found = [(Path(each["file"]).name, each["code"]) for each in json.loads(out)["findings"]]
    return status, found, errors


def test_upgrade_reports_only_what_it_stops(guests: Path) -> None:
    status, found, errors = moved("--from", "debian-12", "--target", "debian-13", str(guests))
    assert (status, found) == (1, [("web.xml", "VFS302")])
    assert "1 of 2 domains that start on debian-12 will not start here: web" in errors


def test_what_did_not_start_before_is_no_news(guests: Path) -> None:
    (guests / "broken.xml").write_text(domain("broken", READ_ONLY, LOCKED))
    assert moved("--from", "debian-12", "--target", "debian-13", str(guests))[1] == [("web.xml", "VFS302")]


def test_nothing_changes_on_the_same_target(guests: Path) -> None:
    status, found, errors = moved("--from", "debian-12", "--target", "debian-12", str(guests))
    assert (status, found) == (0, [])
    assert "0 of 2 domains that start on debian-12 will not start here\n" in errors


def test_domains_of_one_file_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "all.xml"
    file.write_text(f"<domains>{domain('broken', READ_ONLY, LOCKED)}{domain('web', LOCKED)}</domains>")
    _, found, errors = moved("--from", "debian-12", "--target", "debian-13", str(file))
    assert found == [("all.xml", "VFS302")]
    assert "1 of 1 domain that starts on debian-12 will not start here: web" in errors


def test_hosts_are_compared_by_their_facts(guests: Path) -> None:
    for name, kind in (("old", "directory"), ("new", "missing")):
        (guests / f"{name}.json").write_text(json.dumps({**BARE, "paths": {"/srv": kind}}))
    hosts = ("--from", str(guests / "old.json"), "--host-facts", str(guests / "new.json"))
    assert moved(*hosts, str(guests / "mail.xml"))[1] == [("mail.xml", "VFS601")]
    same = ("--from", str(guests / "new.json"), "--host-facts", str(guests / "new.json"))
    assert moved(*same, str(guests / "mail.xml"))[1] == []


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (("--from", "debian-21"), "--from: 'debian-21' is not a valid target or file with host facts"),
        (("--from", "debian-12", "--fix"), "--from cannot be combined with --fix"),
    ],
)
def test_wrong_origin_is_one_line(guests: Path, argv: tuple[str, ...], complaint: str) -> None:
    status, _, errors = vfslint("--isolated", *argv, str(guests))
    assert (status, errors.count("\n")) == (2, 1)
    assert complaint in errors


def test_malformed_file_starts_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<domain><name>a</domain>")
    status, found, errors = moved("--from", "debian-12", "--target", "debian-13", str(tmp_path / "a.xml"))
    assert (status, found) == (0, [])
    assert "0 of 0 domains" in errors
