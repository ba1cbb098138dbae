"""The drawn report: lines that break between words, and marks that stand under what they mark, at every width."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from vfslint.findings import Finding, Related, Severity, Stage
from vfslint.report.drawing import LABEL_WIDTH, draw
from vfslint.report.text import write
from vfslint.run import Run
from vfslint.terminal import NARROWEST, NEVER, WIDEST, Codes, Look
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


# The background and the colors of palettes, by the number that selects them. Terminals show bold text in the bright
# variant of its color, or do not; a test has to hold for both.
PALETTES = {
    "the Linux console": ("000000", {31: "aa0000", 91: "ff5555", 35: "aa00aa", 95: "ff55ff", 94: "5555ff"}),
    "xterm": ("ffffff", {31: "cd0000", 91: "ff0000", 35: "cd00cd", 95: "ff00ff", 94: "5c5cff"}),
    "xterm, reversed": ("000000", {31: "cd0000", 91: "ff0000", 35: "cd00cd", 95: "ff00ff", 94: "5c5cff"}),
    "Solarized dark": ("002b36", {31: "dc322f", 91: "cb4b16", 35: "d33682", 95: "6c71c4", 94: "839496"}),
    "Solarized light": ("fdf6e3", {31: "dc322f", 91: "cb4b16", 35: "d33682", 95: "6c71c4", 94: "839496"}),
    "GitHub dark": ("0d1117", {31: "ff7b72", 91: "ffa198", 35: "bc8cff", 95: "d2a8ff", 94: "79c0ff"}),
    "GitHub light": ("ffffff", {31: "cf222e", 91: "a40e26", 35: "8250df", 95: "a475f9", 94: "218bff"}),
}
# The console shows bold text in the bright color only.
ALWAYS_BRIGHT = ("the Linux console",)
# WCAG 2.1: 3 for bold and large text; Solarized's own text has 4.1, and lines are no text.
FOR_WORDS, FOR_LINES = 3.0, 2.8


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.1."""

    def luminance(color: str) -> float:
        channels = [int(color[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("palette", PALETTES)
def test_every_color_is_readable_on_every_background(
    palette: str, severity: Severity, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = found(LONG, ("'virtiofs'", "served by virtiofsd"), ("'1024'", "queue"), help="do this", says="no")
    run.findings[0] = run.findings[0]._replace(severity=severity)
    background, colors = PALETTES[palette]
    monkeypatch.setenv("COLUMNS", "80")
    out = io.StringIO()
    write(run, out, Look("always", "never"))
    colored = 0
    for style, text in re.findall(r"\x1b\[([\d;]+)m([^\x1b]+)", out.getvalue()):
        codes = {int(code) for code in style.split(";")}
        for color in codes - {0, 1}:
            colored += 1
            shown = {color + 60} if 1 in codes and color < 38 and palette in ALWAYS_BRIGHT else {color}
            shown |= {color + 60} if 1 in codes and color < 38 else set()
            least = FOR_WORDS if re.search(r"\w", text) else FOR_LINES
            assert min(contrast(background, colors[each]) for each in shown) >= least
    assert colored


def test_only_the_first_word_of_a_finding_is_colored_text(monkeypatch: pytest.MonkeyPatch) -> None:
    run = found(LONG, ("'virtiofs'", "served by virtiofsd"), ("'1024'", "queue"), help="do this", says="no")
    text = "\n".join(drawn(run, 80, monkeypatch, colored=True))
    words = [
        word for style, word in re.findall(r"\x1b\[([\d;]+)m([^\x1b]*\w[^\x1b]*)", text) if style not in ("0", "1")
    ]
    assert words == ["error[VFS100]"]


@pytest.mark.parametrize("width", ["0", "1", "39"])
def test_a_terminal_that_claims_to_be_too_narrow_gets_forty_columns(
    width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = found(LONG, ("'virtiofs'", "served by virtiofsd"), message="one two three four five six seven eight nine ten")
    assert drawn(run, int(width), monkeypatch) == drawn(run, NARROWEST, monkeypatch)
