"""Where people meet vfslint, with the real programs: pre-commit, GitHub Actions, GitLab CI, manual page."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.checkout import copy_checkout
from tests.paths import GOLDEN, ROOT
from tests.report.valid import VALID

INPUT = GOLDEN / "input"

yaml = pytest.importorskip("yaml")

FAULTY = """\
<domain type='kvm'>
  <name>guest</name>
  <memory unit='GiB'>2</memory>
  <memorybacking>
    <source type='memfd'/>
    <access mode='shared'/>
  </memorybacking>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
  </os>
  <devices>
    <filesystem type='mount'>
      <driver type='virtiofs'/>
      <source dir='/srv'/>
      <target dir='data'/>
    </filesystem>
  </devices>
</domain>
"""

NO_INDEX = re.compile(r"Could not find a version|No matching distribution|Temporary failure|Max retries")


def command(*words: str | Path, cwd: Path, env: Mapping[str, str] | None = None, status: int | None = 0) -> str:
    """Run a program; return what it wrote. `status` None allows any exit status."""
    made = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**clean_environment(), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    if made.returncode and NO_INDEX.search(made.stdout) and not os.environ.get("CI"):
        pytest.skip("no package index can be reached")
    assert status is None or made.returncode == status, made.stdout
    return made.stdout


def clean_environment() -> dict[str, str]:
    person = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for role in ("AUTHOR", "COMMITTER"):
        person |= {f"GIT_{role}_NAME": "Test", f"GIT_{role}_EMAIL": "test@example.org"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "GITHUB_", "PYTHON"))}
    return {**kept, **person}


def commit_all(folder: Path) -> str:
    command("git", "add", "--all", cwd=folder)
    command("git", "commit", "--quiet", "--no-verify", "--allow-empty", "--message=test", cwd=folder)
    return command("git", "rev-parse", "HEAD", cwd=folder).strip()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with this checkout as it is now."""
    folder = tmp_path_factory.mktemp("checkout") / "vfslint"
    copy_checkout(folder)
    command("git", "init", "--quiet", cwd=folder)
    commit_all(folder)
    return folder


# pre-commit


@pytest.fixture
def repository(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that uses the hooks of this checkout."""
    pytest.importorskip("pre_commit")
    revision = command("git", "rev-parse", "HEAD", cwd=checkout).strip()
    folder = tmp_path / "guests"
    folder.mkdir()
    command("git", "init", "--quiet", cwd=folder)
    hooks = [{"id": "vfslint"}, {"id": "vfslint-fix"}]
    config = {"repos": [{"repo": str(checkout), "rev": revision, "hooks": hooks}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "home"))
    return folder


def pre_commit(folder: Path, *words: str, status: int | None = 0) -> str:
    return command(sys.executable, "-m", "pre_commit", *words, cwd=folder, status=status)


def hook(folder: Path, name: str, *, status: int) -> str:
    command("git", "add", "--all", cwd=folder)
    return pre_commit(folder, "run", name, "--all-files", "--color=never", status=status)


@pytest.mark.slow
def test_pre_commit_finds_fixes_and_passes(repository: Path) -> None:
    (repository / "README.txt").write_text("<domain> in a text is none of our business\n")
    assert "(no files to check)Skipped" in hook(repository, "vfslint", status=0)

    guest = repository / "guest.xml"
    guest.write_text(FAULTY)
    (repository / "--output-file=written.xml").write_text(FAULTY.replace("guest", "other"))
    (repository / "qemu.conf").write_text("# nothing is set\n")
    found = hook(repository, "vfslint", status=1)
    assert "guest.xml:13:21" in found
    assert "VFS101" in found
    assert "3 files checked" in found
    assert not (repository / "written.xml").exists()
    assert guest.read_text() == FAULTY

    assert "files were modified by this hook" in hook(repository, "vfslint-fix", status=1)
    assert guest.read_text() == FAULTY.replace("memorybacking", "memoryBacking")

    assert "Passed" in hook(repository, "vfslint-fix", status=0)
    assert "Passed" in hook(repository, "vfslint", status=0)


def test_pre_commit_accepts_the_manifest() -> None:
    pytest.importorskip("pre_commit")
    pre_commit(ROOT, "validate-manifest", ".pre-commit-hooks.yaml")


@pytest.mark.parametrize(
    ("path", "starts"),
    [
        ("guest.xml", True),
        ("a/b/guest.xml", True),
        ("qemu.conf", True),
        ("etc/qemu.conf", True),
        ("my-qemu.conf", False),
        ("qemu.conf.orig", False),
        ("guest.xml.j2", False),
        ("guestxml", False),
    ],
)
def test_hooks_start_for_xml_and_qemu_conf_alone(path: str, starts: bool) -> None:
    for entry in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()):
        assert bool(re.search(entry["files"], path)) is starts


# GitHub


def fits(schema: str, path: Path) -> None:
    """Check a file with one of the schemas that check-jsonschema carries."""
    pytest.importorskip("check_jsonschema")
    command(sys.executable, "-m", "check_jsonschema", f"--builtin-schema=vendor.{schema}", path, cwd=ROOT)


def test_action_and_workflows_are_well_formed() -> None:
    fits("github-actions", ROOT / "action.yml")
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        fits("github-workflows", workflow)


def test_action_puts_no_input_into_a_script() -> None:
    for step in action()["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def action() -> Any:
    return yaml.safe_load((ROOT / "action.yml").read_text())


class Runner:
    """Runs the shell steps of the action as GitHub's runner does, with expressions and outputs."""

    def __init__(self, folder: Path, checkout: Path) -> None:
        self.folder = folder
        self.checkout = checkout
        self.files = {}
        for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            self.files[name] = folder / name.lower()
            self.files[name].touch()

    def run(self, step: int, *, status: int = 0, **inputs: str) -> str:
        described = action()
        given = {name: entry["default"] for name, entry in described["inputs"].items()}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        values = {f"inputs.{name}": value for name, value in given.items()}
        values["github.action_path"] = str(self.checkout)
        if step:
            values["steps.install.outputs.program"] = str(self.program)
        wanted = described["runs"]["steps"][step]
        assert wanted["shell"] == "bash"
        env = {
            name: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: values[found[1]], text)
            for name, text in wanted["env"].items()
        }
        env |= {name: str(path) for name, path in self.files.items()}
        env |= {
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.folder),
            "RUNNER_TEMP": str(self.folder / "temp"),
        }
        script = self.folder / "step.sh"
        script.write_text(wanted["run"])
        bash = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
        return command(*bash, script, cwd=self.folder, env=env, status=status)

    def read(self, name: str) -> list[str]:
        return self.files[name].read_text().splitlines()

    @property
    def program(self) -> Path:
        """The command vfslint, as the first step names it."""
        outputs = dict(line.partition("=")[::2] for line in self.read("GITHUB_OUTPUT"))
        return Path(outputs["program"])


@pytest.fixture(scope="module")
def installed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A runner after the action's first step."""
    if not shutil.which("bash"):
        pytest.skip("needs bash")
    runner = Runner(tmp_path_factory.mktemp("workspace"), checkout)
    (runner.folder / "temp").mkdir()
    runner.run(0, python=sys.executable)
    (runner.folder / "guests").mkdir()
    (runner.folder / "guests" / "a guest.xml").write_text(FAULTY)
    return runner


@pytest.mark.slow
def test_action_annotates_sums_up_and_writes_sarif(installed: Runner) -> None:
    shown = installed.run(
        1,
        status=1,
        paths="guests/a guest.xml\nguests\n",
        args="--select=VFS101\n\n--color=never",
        upload_sarif="true",
    )
    assert "\n::error title=VFS101 memory-not-shared,file=guests/a guest.xml,line=13,endLine=13,col=21," in shown
    assert "### vfslint" in installed.read("GITHUB_STEP_SUMMARY")
    name, _, report = installed.read("GITHUB_OUTPUT")[-1].partition("=")
    assert name == "sarif-file"
    VALID["sarif"](Path(report).read_text())
    assert json.loads(Path(report).read_text())["runs"][0]["results"]


@pytest.mark.slow
def test_action_takes_paths_and_options_to_the_letter(installed: Runner) -> None:
    shown = installed.run(1, status=2, paths="$(touch owned)\n--output-file=owned", args="--target=`touch owned`")
    assert "'`touch owned`' is not a valid value for --target" in shown
    assert not (installed.folder / "owned").exists()


@pytest.mark.slow
def test_action_passes_on_sound_files(installed: Runner) -> None:
    (installed.folder / "sound").mkdir()
    sound = (ROOT / "examples" / "sound" / "memfd.xml").read_text()
    (installed.folder / "sound" / "memfd.xml").write_text(sound)
    assert "no problems found" in installed.run(1, paths="sound", args="--color=never")


# GitLab


def test_gitlab_template_is_well_formed() -> None:
    fits("gitlab-ci", ROOT / "templates" / "gitlab-ci.yml")


@pytest.mark.slow
def test_gitlab_template_writes_the_reports_it_names(installed: Runner) -> None:
    job = yaml.safe_load((ROOT / "templates" / "gitlab-ci.yml").read_text())["vfslint"]
    _, script = job["script"]
    env = {**job["variables"], "VFSLINT_PATHS": "guests", "VFSLINT_ARGS": "--select=VFS101"}
    env["PATH"] = os.pathsep.join([str(installed.program.parent), os.environ["PATH"]])
    command("bash", "-c", script, cwd=installed.folder, env=env, status=1)
    reports = {kind: installed.folder / name for kind, name in job["artifacts"]["reports"].items()}
    issues = reports["codequality"].read_text()
    VALID["gitlab"](issues)
    assert [issue["location"]["path"] for issue in json.loads(issues)] == ["guests/a guest.xml"]
    VALID["junit"](reports["junit"].read_text())


# the manual page


def test_manual_page_is_fresh() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import make_manpage
    finally:
        sys.path.pop(0)
    made = make_manpage.make()
    assert made == (ROOT / "man" / "vfslint.1").read_text(encoding="utf-8"), "run python tools/make_manpage.py"


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_manual_page_pleases_groff() -> None:
    groff = ("groff", "-man", "-ww", "-k", "-Tutf8", "-P-cbou")
    assert command(*groff, "-z", "man/vfslint.1", cwd=ROOT) == ""
    shown = " ".join(command(*groff, "man/vfslint.1", cwd=ROOT).split())
    assert "vfslint - find virtio-fs and shared-memory mistakes" in shown
    assert "--output-file FILE" in shown


@pytest.mark.slow
def test_manual_page_is_installed(installed: Runner) -> None:
    assert (installed.folder / "temp" / "vfslint" / "share" / "man" / "man1" / "vfslint.1").is_file()
