"""The documentation is correct: its commands print what it shows, its tables are up to date, the site builds."""

import importlib.util
import json
import os
import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.examples import findings
from tests.paths import ROOT
from tools import doc_commands, doc_tables, make_docs, make_picture, rule_pages
from vfslint.cli.options import LINT, read
from vfslint.manual import Example
from vfslint.rules import RULES

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
CODES = {rule.code for rule in RULES}


# Commands in blocks ```sh, which need a network, root, libvirt, a terminal or a repository.
BY_HAND = frozenset("mount pipx python3 sh source sudo uv uvx virsh vfslint".split())


def name(path: Path) -> str:
    return path.name


def accept(path: Path, text: str, request: pytest.FixtureRequest) -> None:
    """Compare a page with its expected text, or write that text with --update-golden."""
    if request.config.getoption("--update-golden") and text != path.read_text(encoding="utf-8"):
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8"), "pytest --update-golden accepts the new output"


@pytest.mark.skipif(os.name == "nt", reason="paths are shown with slashes")
@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_print_what_the_page_says(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    page = path.read_text(encoding="utf-8")
    accept(path, doc_commands.executed(page, tmp_path), request)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_only_what_cannot_run_here_is_not_run(path: Path) -> None:
    for block in doc_commands.blocks(path.read_text(encoding="utf-8")):
        assert block.language, f"a block without a language: {block.body}"
        if block.language != "sh":
            continue
        for line in block.body.splitlines():
            words = shlex.split(line, comments=True)
            if words:
                assert words[0] in BY_HAND, line
            if words and words[0] == "vfslint" and words[1] not in ("explain", "host", "setup", "completion"):
                read(LINT, words[1:])


# The figures of conformance.md come from the whole corpus, compared in the same process by tests/conformance/.
FROM_THE_CORPUS = [pytest.mark.slow, pytest.mark.xdist_group("conformance")]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(page, id=name(page), marks=FROM_THE_CORPUS if page.stem == "conformance" else [])
        for page in sorted(DOCS.glob("*.md"))
    ],
)
def test_what_is_generated_in_a_page_is_fresh(path: Path, request: pytest.FixtureRequest) -> None:
    page = path.read_text(encoding="utf-8")
    accept(path, doc_tables.refreshed(page), request)


@pytest.mark.parametrize("path", [*PAGES, ROOT / "CHANGELOG.md"], ids=name)
def test_codes_and_names_in_a_page_exist(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert set(re.findall(r"\bVFS\d{3}\b", page)) <= CODES
    names = {rule.name for rule in RULES}
    for words in re.findall(r"vfslint: ignore(?:-file)?\[([^\]]+)\]", page):
        assert {word.strip() for word in words.split(",")} <= CODES | names | {"CODE", "NAME"}


def test_every_rule_is_in_the_coverage() -> None:
    page = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("coverage.md", "libvirt-checks.md"))
    assert CODES - set(re.findall(r"\bVFS\d{3}\b", page)) == set()


def facts() -> dict[str, set[str]]:
    """Return the facts in the coverage, with the codes that it lists for each."""
    page = (DOCS / "coverage.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z]{2}-\d\d|X) \|[^|]*\|([^|]*)\|$", page, re.MULTILINE)
    return {fact: set(re.findall(r"\bVFS\d{3}\b", told)) for fact, told in rows}


WRITTEN = [
    json.loads(line) for line in (ROOT / "tests" / "data" / "coverage.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: case["fact"])
def test_what_the_coverage_says_of_a_fact_is_so(case: dict[str, str]) -> None:
    found = {finding.code for finding in findings(Example(case["fragment"], case.get("given", "")))}
    told = facts()[case["fact"]]
    assert bool(found) != case.get("silent", False)
    assert not found or not told or found & told


def test_every_fact_with_a_rule_is_tried() -> None:
    tried = {case["fact"] for case in WRITTEN if not case.get("silent")}
    assert {fact for fact, codes in facts().items() if codes} - tried == set()


@pytest.mark.skipif(os.name == "nt", reason="paths are shown with slashes")
def test_picture_in_the_readme_is_fresh(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.chdir(ROOT)
    if request.config.getoption("--update-golden"):
        make_picture.PICTURE.write_text(make_picture.picture(), encoding="utf-8")
    assert make_picture.picture() == make_picture.PICTURE.read_text(encoding="utf-8")


def test_action_and_hooks_of_the_recipes_exist() -> None:
    inputs = set(yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"])
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
    asked = 0
    for path in PAGES:
        for block in doc_commands.blocks(path.read_text(encoding="utf-8")):
            if block.language != "yaml":
                continue
            for entry in objects(yaml.safe_load(block.body)):
                if str(entry.get("uses", "")).startswith("vfslint/"):
                    asked += 1
                    assert set(entry.get("with", {})) <= inputs
                if "hooks" in entry:
                    asked += 1
                    assert {hook["id"] for hook in entry["hooks"]} <= hooks
    assert asked


def objects(value: object) -> list[dict[str, object]]:
    """Return every mapping inside a YAML document."""
    if isinstance(value, dict):
        return [value, *(found for inner in value.values() for found in objects(inner))]
    if isinstance(value, list):
        return [found for inner in value for found in objects(inner)]
    return []


@pytest.mark.skipif(os.name == "nt", reason="paths are shown with slashes")
@pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_every_rule_has_its_page_and_every_page_its_place(
    every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_docs, "RULES", RULES[::every])
    made = make_docs.assemble(tmp_path / "site")
    text = made.read_text(encoding="utf-8")
    for rule in RULES[::every]:
        page = made.parent / "docs" / "rules" / rule_pages.file_of(rule)
        assert f"[{rule.code}] {rule.name}" in page.read_text(encoding="utf-8")
    for rule in RULES:
        assert f"rules/{rule_pages.file_of(rule)}" in text
    for file in (made.parent / "docs").glob("*.md"):
        assert re.search(rf"\b{re.escape(file.name)}\n", text), f"{file.name} is not in the navigation"


@pytest.mark.skipif(importlib.util.find_spec("zensical") is None, reason="needs the extra docs")
@pytest.mark.slow
def test_site_builds_without_a_warning() -> None:
    assert make_docs.build() == 0
