"""Several domains of a run are judged together, at a cost that grows with their number."""

import json
import pickle
from pathlib import Path

from tests.command import vfslint
from tests.fleet import CACHED, ENGINE, SOCKET, domain, share
from tests.growth import calls
from vfslint.fleet import Member
from vfslint.xml.source import Source

# a run


def run(*argv: str, stdin: str = "") -> tuple[int, str, str]:
    return vfslint("--isolated", *argv, stdin=stdin)


def test_run_over_a_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.xml").write_text(domain(name, SOCKET))
    status, out, _ = run("--format", "json", str(tmp_path))
    [found] = [each for each in json.loads(out)["findings"] if each["code"] == "VFS801"]
    assert (status, Path(found["file"]).name) == (1, "two.xml")
    assert Path(found["related"][0]["file"]).name == "one.xml"
    status, out, _ = run("--color", "never", "--select", "VFS801", str(tmp_path))
    assert "one.xml:8" in out
    assert "two.xml:8" in out


def test_run_over_standard_input_and_a_file(tmp_path: Path) -> None:
    (tmp_path / "one.xml").write_text(domain("one", SOCKET))
    given = ("--select", "VFS801", "--format", "concise", str(tmp_path / "one.xml"), "-")
    status, out, _ = run(*given, stdin=domain("two", SOCKET))
    assert status == 1
    assert "<stdin>:8:" in out


def test_rule_can_be_left_out_and_suppressed(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(domain("one", SOCKET))
    (tmp_path / "b.xml").write_text(domain("two", f"<!-- vfslint: ignore[VFS801] never at once -->{SOCKET}"))
    assert run("--select", "VFS8", str(tmp_path))[0] == 0
    (tmp_path / "b.xml").write_text(domain("two", SOCKET))
    assert run("--select", "VFS8", str(tmp_path))[0] == 1
    assert run("--select", "VFS8", "--ignore", "VFS801", str(tmp_path))[0] == 0


def test_file_that_changes_meanwhile_gives_no_traceback() -> None:
    files = {"a.xml": domain("one", SOCKET), "b.xml": domain("two", SOCKET)}
    members = [m for name, text in files.items() for m in ENGINE.check_xml(Source(text.encode(), name)).members()]

    def gone(_: str) -> Source:
        raise FileNotFoundError

    for reopen in (gone, lambda name: Source(b"<domain/>", name), lambda name: Source(b"<", name)):
        found = ENGINE.check_fleet(members, reopen)
        assert [(each.code, each.at.start.offset) for each in found.findings] == [("VFS801", 0)]
        assert set(found.sources) == set(files)


# cost


def fleet(number: int) -> list[Member]:
    """Domains that share everything in groups of ten and in which one in a hundred has a clash of names."""
    [pattern] = ENGINE.check_xml(Source(domain("x", SOCKET, share("dir='/srv'", CACHED)).encode(), "x")).members()
    return [
        pattern._replace(
            file=f"{position}.xml",
            name=f"guest{position - position % 100 if position % 100 == 1 else position}",
            holds=(pattern.holds[0]._replace(key=(f"/run/{position // 10}.sock",)),),
            directories=(pattern.directories[0]._replace(path=f"/srv/{position // 10}"),),
        )
        for position in range(number)
    ]


def test_cost_grows_with_the_number_of_domains() -> None:
    def gone(_: str) -> Source:
        raise FileNotFoundError

    def judge(number: int) -> int:
        members = fleet(number)
        return calls(lambda: ENGINE.check_fleet(members, gone))

    small, large = judge(200), judge(2_000)
    assert large < 11 * small


def test_record_is_small_and_holds_no_document() -> None:
    [member] = fleet(1)
    assert len(pickle.dumps(member)) < 600
    text = domain("x", SOCKET) + f"<!--{'x' * 100_000}-->"
    [large] = ENGINE.check_xml(Source(text.encode(), "x")).members()
    assert len(pickle.dumps(large)) < 600
