"""The way in and the way out: dev.py on any Python, what a release consists of, and what is promised about it."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.version import Version

from tests.checkout import copy_checkout
from tests.paths import ROOT
from tools import make_release

if sys.version_info < (3, 11):
    import tomli as tomllib
else:
    import tomllib

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY: str = PROJECT["urls"]["Repository"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TOO_OLD = re.compile(r"(?:dev\.py: )?vfslint requires Python 3\.10 or newer, but .+ is Python .+\n")


# Python 3.9 and older


@pytest.mark.parametrize(
    ("name", "grammar"),
    [("dev.py", (3, 6)), ("lint/__init__.py", (3, 9)), ("lint/__main__.py", (3, 9)), ("lint/cli/__init__.py", (3, 9))],
)
def test_an_old_python_can_parse_what_says_that_it_is_too_old(name: str, grammar: tuple[int, int]) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    ast.parse(text, feature_version=grammar)
    imported = {node.module for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)}
    assert grammar >= (3, 7) or "__future__" not in imported, "annotations of the future came with Python 3.7"


def old_pythons() -> Iterator[str]:
    """Yield the commands of this machine that start a Python which is too old."""
    for minor in range(6, 10):
        found = shutil.which(f"python3.{minor}")
        if found and not subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
            yield found


@pytest.mark.parametrize("words", [["dev.py", "test"], ["-m", "vfslint", "guest.xml"]], ids=["dev.py", "vfslint"])
def test_an_old_python_says_one_sentence(words: list[str], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "lint", tmp_path / "vfslint", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dev.py", tmp_path)
    pretend = "import sys, runpy; sys.version_info = (3, 9, 2, 'final', 0); sys.argv = sys.argv[1:]; "
    start = "run_path(sys.argv[0]" if words[0] == "dev.py" else "run_module('vfslint'"
    pretended = [sys.executable, "-c", f"{pretend}runpy.{start}, run_name='__main__')", *words]
    for command in (
        pretended,
        *([python, *words] for python in old_pythons() if (words[0], python[-1]) != ("-m", "6")),
    ):
        made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert TOO_OLD.fullmatch(made.stderr), made.stderr
        assert (made.returncode, made.stdout) == (1 if words[0] == "dev.py" else 2, "")


def test_pip_refuses_an_old_python() -> None:
    assert PROJECT["requires-python"] == ">=3.10"
    assert "Programming Language :: Python :: 3.10" in PROJECT["classifiers"]


# dev.py


@pytest.fixture
def dev(tmp_path: Path) -> ModuleType:
    """dev.py of a checkout that contains nothing else."""
    shutil.copy(ROOT / "dev.py", tmp_path)
    spec = importlib.util.spec_from_file_location("dev", tmp_path / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_dev_says_what_to_install_where_python_cannot_make_environments(
    missing: str, dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else found(name))
    with pytest.raises(SystemExit, match=rf"has no {missing};.* sudo apt install python3\.\d+-venv$"):
        dev.create()
    assert not dev.HOME.exists()


def site_packages(home: Path) -> Path:
    """Create an environment without pip; return the folder where it would be."""
    venv.create(home, with_pip=False)
    (folder,) = home.glob("[Ll]ib/**/site-packages")
    return folder


def nothing_but_the_folder(home: Path) -> None:
    home.mkdir()


def no_pip(home: Path) -> None:
    site_packages(home)


def half_of_pip(home: Path) -> None:
    folder = site_packages(home)
    (folder / "pip").mkdir()
    (folder / "pip" / "__init__.py").touch()
    (folder / "pip-26.0.dist-info").mkdir()
    (folder / "pip-26.0.dist-info" / "METADATA").write_text("Name: pip\nVersion: 26.0\n")


def no_python(home: Path) -> None:
    site_packages(home)
    for path in home.glob("[bS]*/python*"):
        path.unlink()
    if os.name != "nt":
        (home / "bin" / "python").symlink_to("/gone/python")


@pytest.mark.parametrize("left", [nothing_but_the_folder, no_pip, half_of_pip, no_python])
def test_dev_notices_an_interrupted_creation(left: Callable[[Path], None], dev: ModuleType) -> None:
    left(dev.HOME)
    assert not dev.is_complete()


@pytest.mark.slow
def test_dev_recovers_from_an_interrupted_creation(dev: ModuleType) -> None:
    half_of_pip(dev.HOME)
    dev.create()
    assert not dev.run(*dev.PIP, "--version")


def test_dev_keeps_a_complete_environment(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    half_of_pip(dev.HOME)
    (folder,) = dev.HOME.glob("**/pip-26.0.dist-info")
    (folder / "RECORD").write_text("pip/__init__.py,,\n")
    monkeypatch.setattr(venv, "create", lambda *_, **__: pytest.fail("it creates the environment again"))
    dev.create()


def test_dev_lists_its_tasks(dev: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["tests"], ["docs", "now"], ["--locked"]):
        assert dev.main(words) == 2
        listed = capsys.readouterr().err
        assert "\n  examples  Lint the bundled examples" in listed
        assert "\n  test " in listed


# what a release consists of


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """The sdist and the wheel, built in two folders with different permissions and times."""
    made = []
    for folder, umask, time in (("one", 0o022, 1_000_000_000), ("the other", 0o077, 1_500_000_000)):
        source = tmp_path_factory.mktemp("source") / folder
        copy_checkout(source)
        for path in source.rglob("*"):
            path.chmod((0o777 if path.is_dir() or path.stat().st_mode & 0o100 else 0o666) & ~umask)
            os.utime(path, (time, time))
        made.append(make_release.built(source, tmp_path_factory.mktemp("dist"), epoch=1_600_000_000))
    return made


@pytest.mark.slow
def test_sdist_and_wheel_are_the_same_wherever_they_are_built(builds: list[dict[str, bytes]]) -> None:
    first, second = builds
    assert len(first) == 2
    assert [name for name in first if first[name] != second.get(name)] == []


@pytest.mark.slow
def test_wheel_has_everything_that_is_used(builds: list[dict[str, bytes]], tmp_path: Path) -> None:
    for name, content in builds[0].items():
        (tmp_path / name).write_bytes(content)
        shutil.unpack_archive(tmp_path / name, tmp_path / "content", "zip" if name.endswith(".whl") else None)
    installed = tmp_path / "content" / "vfslint"
    for folder, target in (("lint", ""), ("rules", "rules"), ("schemas", "schemas")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert (installed / target / path.relative_to(ROOT / folder)).is_file(), path
    assert {path.name for path in (tmp_path / "content").iterdir()} == {
        "vfslint",
        *(f"vfslint-{version()}{suffix}" for suffix in ("", ".data", ".dist-info")),
    }
    metadata = (tmp_path / "content" / f"vfslint-{version()}.dist-info" / "METADATA").read_text(encoding="utf-8")
    assert "\nRequires-Python: >=3.10\n" in metadata
    assert f"\nProject-URL: Repository, {REPOSITORY}\n" in metadata
    assert "\nAuthor: " in metadata
    sdist = tmp_path / "content" / f"vfslint-{version()}"
    assert (sdist / "tests" / "test_packaging.py").is_file()
    assert (sdist / "requirements-dev.lock").is_file()


def version() -> str:
    from vfslint.version import VERSION

    return VERSION


def test_an_editable_installation_uses_the_checkout() -> None:
    """It is a path to this folder, as pyproject.toml says; the tests of a bare checkout use it, too."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools" / "editable")}
    show = "import vfslint.rules as rules, vfslint.cli.main as main; print(rules.__file__, main.__file__, sep='\\n')"
    for words, shown in (
        (["-c", show], f"{ROOT / 'rules' / '__init__.py'}\n{ROOT / 'lint' / 'cli' / 'main.py'}\n"),
        (["-m", "vfslint", "--version"], f"vfslint {version()}\n"),
    ):
        assert subprocess.check_output([sys.executable, *words], env=environment, cwd=ROOT, text=True) == shown


@pytest.mark.parametrize("name", ["README.md", "SECURITY.md"])
def test_links_lead_somewhere_from_every_page_that_shows_them(name: str) -> None:
    """Registries show README, and GitHub shows SECURITY in other places, too: relative links would be broken there."""
    text = (ROOT / name).read_text(encoding="utf-8")
    raw = REPOSITORY.replace("//github.com/", "//raw.githubusercontent.com/")
    for target in re.findall(r"(?<=\]\()[^)\s]+(?=\))|(?<=\]: )\S+", text):
        assert target.startswith(("https://", "#")), target
        for start in (f"{REPOSITORY}/blob/main/", f"{raw}/main/"):
            if target.startswith(start):
                assert (ROOT / target.removeprefix(start).partition("#")[0]).is_file(), target


def pages() -> Iterator[Path]:
    yield from ROOT.glob("*.md")
    yield from ROOT.glob("docs/*.md")
    yield from ROOT.glob("templates/*")
    yield ROOT / "action.yml"


def test_one_address_names_the_repository() -> None:
    for path in pages():
        for found in re.findall(
            r"https://(?:github\.com|raw\.githubusercontent\.com)/(vfs[\w-]*/[\w-]+)", path.read_text("utf-8")
        ):
            assert found == REPOSITORY.removeprefix("https://github.com/"), path
    urls = dict(PROJECT["urls"])
    # The release workflow publishes the documentation as the repository's pages.
    owner, name = REPOSITORY.removeprefix("https://github.com/").split("/")
    assert urls.pop("Documentation") == f"https://{owner}.github.io/{name}/"
    assert all(url.startswith(REPOSITORY) for url in urls.values())


def test_nothing_that_does_not_exist_is_promised() -> None:
    """Until the first release, there is no tag, and nothing in a registry."""
    if "(unreleased)" not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split("\n## ")[1]:
        pytest.skip("there is a release")
    released = re.compile(
        r"(?:pip|pipx|uv tool|uv pip) install (?:-\S+ )*vfslint|pipx run vfslint|uvx vfslint"
        r"|vfslint@v\d|rev: v\d|/v\d+\.\d+\.\d+/|vfslint==\d|VFSLINT_PACKAGE: vfslint"
    )
    for path in pages():
        if path.name != "CONTRIBUTING.md":
            assert not released.findall(path.read_text(encoding="utf-8")), path


# supply chain


def steps(path: Path) -> Iterator[dict[str, Any]]:
    described = yaml.safe_load(path.read_text(encoding="utf-8"))
    for job in described.get("jobs", {"": described.get("runs", {})}).values():
        yield from job.get("steps", [])


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda path: path.name)
def test_actions_are_pinned_by_hash(path: Path) -> None:
    lines = path.read_text(encoding="utf-8")
    for step in steps(path):
        if "uses" in step and step["uses"] != "./":
            assert re.fullmatch(r"[\w-]+/[\w./-]+@[0-9a-f]{40}", step["uses"])
            assert re.search(rf"{re.escape(step['uses'])} # v\d+\.\d+\.\d+\n", lines), "a comment names the release"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_have_no_more_permissions_than_they_use(path: Path) -> None:
    described = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert described["permissions"] in ({}, {"contents": "read"})
    assert "secrets." not in path.read_text(encoding="utf-8")
    for step in steps(path):
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_a_release_is_tested_audited_attested_and_published_without_a_token() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))["jobs"]
    runs = {name: " ".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    used = {name: [step.get("uses", "").partition("@")[0] for step in job["steps"]] for name, job in jobs.items()}
    assert "dev.py --locked test" in runs["test"]
    assert "dev.py --locked audit" in runs["build"]
    assert "dev.py --locked build" in runs["build"]
    assert set(jobs["attest"]["needs"]) == {"test", "build"}
    assert jobs["attest"]["permissions"] == {"id-token": "write", "attestations": "write"}
    attested = [step["with"] for step in jobs["attest"]["steps"] if step.get("uses", "").startswith("actions/attest@")]
    assert [("sbom-path" in words) for words in attested] == [False, True]
    assert jobs["publish"]["needs"] == "attest"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert used["publish"][-1] == "pypa/gh-action-pypi-publish"
    assert set(jobs["publish"]["steps"][-1]["with"]) == {"attestations"}


LOCKED = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\\n(?P<hashes>(?: +--hash.*\n)+)", re.MULTILINE
)
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]


def locked() -> list[tuple[Requirement, int]]:
    """Return each entry of the lock, with the number of its hashes."""
    text = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    entries = []
    for found in LOCKED.finditer(text):
        marker = f"; {found['marker']}" if found["marker"] else ""
        entries.append((Requirement(f"{found['name']}=={found['version']}{marker}"), found["hashes"].count("sha256:")))
    assert len(entries) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)), "an entry without a hash"
    return entries


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_has_what_the_project_requires(python: str) -> None:
    def applies(marker: Marker | None) -> bool:
        environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
        return marker is None or marker.evaluate(environment)

    versions = {
        canonical(entry.name): Version(next(iter(entry.specifier)).version)
        for entry, _ in locked()
        if applies(entry.marker)
    }
    # What guides the fuzzing targets exists only for some systems and releases of Python.
    groups = {name: group for name, group in PROJECT["optional-dependencies"].items() if name != "fuzz"}
    extras = [each for group in groups.values() for each in group]
    for requirement in map(Requirement, [*PROJECT["dependencies"], *extras, *build_requirements()]):
        if requirement.name != "vfslint" and applies(requirement.marker):
            assert versions[canonical(requirement.name)] in requirement.specifier, "run python3 dev.py lock"


def build_requirements() -> list[str]:
    described = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    required: list[str] = described["build-system"]["requires"]
    return required


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_lock_names_no_address() -> None:
    assert "://" not in (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    assert all(hashes for _, hashes in locked())
