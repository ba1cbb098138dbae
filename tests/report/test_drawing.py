"""The drawn report: lines that break between words, and marks that stand under what they mark, at every width."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from vfslint.findings import Finding, Related, Severity, Stage
from vfslint.report.drawing import LABEL_WIDTH, draw
from vfslint.run import Run
from vfslint.terminal import NARROWEST, NEVER, WIDEST, Codes
from vfslint.xml.source import Source

LONG = (
    "<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs' queue='1024'/>"
    "<source dir='/srv/www'/><target dir='www'/><address type='pci' slot='0x05' bus='0x00'/></filesystem>"
)


def found(text: str, *marked: tuple[str, str], message: str = "m", help: str = "", says: str = "") -> Run:
    """Return a run with one finding: the first mark is its own place, the others are related."""
    source = Source(text.encode(), "a.xml")
    spans = [source.span(text.index(part), text.index(part) + len(part)) for part, _ in marked]
    related = tuple(Related(span, label) for span, (_, label) in zip(spans[1:], marked[1:], strict=True))
    run = Run()
    run.sources["a.xml"] = source
    run.findings.append(
        Finding(
            code="VFS100",
            name="a-name",
            severity=Severity.ERROR,
            stage=Stage.DEFINE,
            message=message,
            at=spans[0],
            label=marked[0][1],
            related=related,
            help=help,
            libvirt_says=says,
            fix=None,
        )
    )
    return run


def drawn(run: Run, width: int, monkeypatch: pytest.MonkeyPatch, *, colored: bool = False) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    out = io.StringIO()
    draw(run, out, Codes(out, NEVER), colored=colored)
    return out.getvalue().splitlines()


def pairs(lines: list[str]) -> list[tuple[str, str]]:
    """Return each mark with the text above it: what the ruler stands under, cell by cell."""
    above, result = "", []
    for line in lines:
        ruler = re.match(r"  │ ( *)([━─]+)", line)
        if ruler is None:
            above = line if re.match(r"\d │ ", line) else above
            continue
        start, size = cell_len("  │ " + ruler[1]), len(ruler[2])
        cells = "".join(char + "\0" * (cell_len(char) - 1) for char in above)
        result.append((cells[start : start + size].replace("\0", ""), ruler[2]))
    return result


SENTENCE = st.text("abc äßλ中あ", min_size=1, max_size=300).filter(lambda text: bool(text.strip()))


@given(SENTENCE, SENTENCE, SENTENCE, SENTENCE, st.integers(NARROWEST, WIDEST))
def test_every_line_fits_and_no_word_is_broken(message: str, help: str, label: str, says: str, width: int) -> None:
    run = found(LONG, ("queue='1024'", label), message=message, help=help, says=says)
    with pytest.MonkeyPatch.context() as patch:
        lines = drawn(run, width, patch)
    words = {word for text in (message, help, label, says) for word in text.split()}
    printed = {word for line in lines for word in line.split()}
    assert words <= printed
    for line in lines:
        margin = re.match(r"[^\w]*", line)
        assert margin
        assert cell_len(line) <= width or len(line[margin.end() :].split()) == 1, (width, line)


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_two_marks_in_a_long_line_stand_under_their_texts(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = found(LONG, ("'0x05'", "this slot"), ("passthrough", "this mode"), ("'www'", "this tag"))
    marked = [text for text, _ in pairs(drawn(run, width, monkeypatch))]
    assert marked == ["passthrough", "'www'", "'0x05'"]


@pytest.mark.parametrize("width", [40, 80])
def test_wide_characters_are_counted_as_two_cells(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "<target dir='共有フォルダー共有フォルダー共有フォルダー'/><readonly/><source dir='中'/>"
    lines = drawn(found(text, ("'中'", "here"), ("<readonly/>", "there")), width, monkeypatch)
    assert [marked for marked, _ in pairs(lines)] == ["<readonly/>", "'中'"]
    assert max(map(cell_len, lines)) <= width


def test_a_label_that_does_not_fit_beside_its_mark_is_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    label = "virtiofsd serves this device and must map the guest's memory"
    lines = drawn(found(LONG, ("'virtiofs'", label)), 80, monkeypatch)
    ruler = next(at for at, line in enumerate(lines) if "━" in line)
    assert lines[ruler].endswith("━")
    assert lines[ruler + 1].endswith("virtiofsd serves this device and must map the")
    assert len(label) > LABEL_WIDTH


def test_labels_are_never_dark_blue(monkeypatch: pytest.MonkeyPatch) -> None:
    run = found(LONG, ("'virtiofs'", "served by virtiofsd"), ("'www'", "the tag"))
    text = "\n".join(drawn(run, 80, monkeypatch, colored=True))
    used = set(re.findall(r"\x1b\[([\d;]+)m", text))
    assert "1;94" in used
    assert not {code for code in used if "34" in code.split(";")}


@pytest.mark.parametrize("width", ["0", "1", "39"])
def test_a_terminal_that_claims_to_be_too_narrow_gets_forty_columns(
    width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = found(LONG, ("'virtiofs'", "served by virtiofsd"), message="one two three four five six seven eight nine ten")
    assert drawn(run, int(width), monkeypatch) == drawn(run, NARROWEST, monkeypatch)
