"""The exact output of vfslint for the bundled examples: `pytest --update-golden` rewrites it."""

import io
from pathlib import Path

import pytest

from tests.command import vfslint
from tests.paths import GOLDEN, ROOT
from vfslint.cli.main import main

SOUND = sorted((ROOT / "examples" / "sound").glob("*.xml"))
FAULTY = sorted((ROOT / "examples" / "faulty").glob("*.xml"))
EXPECTED = GOLDEN / "examples"


def printed(*arguments: str) -> tuple[int, str, str]:
    return vfslint("--isolated", *arguments)


def path(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("file", SOUND, ids=lambda file: file.stem)
def test_sound_example_is_silent(file: Path) -> None:
    assert printed(path(file)) == (0, "no problems found · 1 file checked\n", "")


@pytest.mark.parametrize("file", FAULTY, ids=lambda file: file.stem)
def test_faulty_example_is_explained(file: Path, request: pytest.FixtureRequest) -> None:
    status, out, err = printed(path(file))
    golden = EXPECTED / f"{file.stem}.txt"
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(out, encoding="utf-8")
    assert (status, err) == (1, "")
    assert out == golden.read_text(encoding="utf-8")


def test_lock_options_are_sound_where_the_daemon_knows_them() -> None:
    assert printed("--libvirt", "9.0.0", "examples/faulty/lock-options.xml")[0] == 0


def test_narrow_terminals_cut_source_lines_around_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = printed("examples/faulty/private-memory.xml")[1]
    quoted = [line for line in out.splitlines() if line.partition("│")[0].strip().isdigit()]
    assert len(quoted) > 1
    assert max(map(len, quoted)) <= 40


def test_color_is_asked_for_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    file = "examples/faulty/private-memory.xml"
    assert "\033[" not in printed(file)[1]
    assert "\033[" in printed("--color=always", file)[1]
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\033[" in printed(file)[1]
    assert "\033[" not in printed("--color=never", file)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033[" not in printed(file)[1]


def test_ascii_terminals_get_ascii_frames() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", errors="replace")
    main(["--isolated", "examples/faulty/private-memory.xml"], io.StringIO(), out, io.StringIO())
    out.flush()
    assert b"-->" in raw.getvalue()
    assert b"^" in raw.getvalue()


def test_terminal_escapes_and_markup_of_the_input_are_shown_not_obeyed(tmp_path: Path) -> None:
    file = tmp_path / "evil.xml"
    file.write_text(
        (ROOT / "examples" / "sound" / "memfd.xml")
        .read_text(encoding="utf-8")
        .replace("mount_tag", "[red]x[/red]\u202e\u009b31m" + "t" * 36),
        encoding="utf-8",
    )
    out = printed(str(file))[1]
    assert "[red]x[/red]" in out
    assert "\u202e" not in out
    assert "\u009b" not in out
