"""What applies to a file: the configuration's words and those of the command line, resolved."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.command import vfslint
from tests.config.guest import DOMAIN, FAULTY, LONG, found
from vfslint.cli.lint import Check, Streams
from vfslint.cli.options import LINT, read
from vfslint.config.profile import Profile, Resolver
from vfslint.distributions import NAMED
from vfslint.findings import Severity

# what it says


def profile(path: str, *argv: str) -> Profile:
    return Resolver(read(LINT, [*argv, path])).profile(path)


def configured(folder: Path, text: str) -> list[str]:
    (folder / "vfslint.toml").write_text(text)
    return found("guests/web.xml")


def test_select_and_ignore(folder: Path) -> None:
    assert configured(folder, "select = ['VFS1']") == []
    assert configured(folder, "select = ['mount-tag-too-long']") == FAULTY
    assert configured(folder, "select = ['VFS2']\nignore = ['VFS21']") == []
    assert configured(folder, "") == FAULTY


def test_severity_and_the_more_exact_word_counts(folder: Path) -> None:
    assert configured(folder, "[severity]\nVFS216 = 'warning'") == ["warning[VFS216]"]
    assert configured(folder, "[severity]\nVFS216 = 'off'") == []
    both = ["VFS2 = 'off'", "mount-tag-too-long = 'note'"]
    for lines in (both, both[::-1]):
        assert configured(folder, "\n".join(["[severity]", *lines])) == ["note[VFS216]"]


def test_severity_decides_the_exit_status(folder: Path) -> None:
    configured(folder, "[severity]\nVFS216 = 'note'")
    assert vfslint("guests/web.xml")[0] == 0
    configured(folder, "fail-on = 'note'\n[severity]\nVFS216 = 'note'")
    assert vfslint("guests/web.xml")[0] == 1
    assert vfslint("guests/web.xml", "--fail-on", "warning")[0] == 0
    configured(folder, "fail-on = 'never'")
    assert vfslint("guests/web.xml")[0] == 0


def test_fail_on_is_that_of_the_file(folder: Path) -> None:
    (folder / "guests" / "vfslint.toml").write_text("fail-on = 'never'")
    (folder / "web.xml").write_text(DOMAIN)
    assert vfslint("guests/web.xml")[0] == 0
    assert vfslint("guests/web.xml", "web.xml")[0] == 1


def test_per_file_ignores(folder: Path) -> None:
    (folder / "web.xml").write_text(DOMAIN)
    for pattern, expected in {
        "guests/": 1,
        "guests/*.xml": 1,
        "/web.xml": 1,
        "web.xml": 0,
        "*.xml": 0,
        "**/guests/**": 1,
        "x": 2,
    }.items():
        (folder / "vfslint.toml").write_text(f"[per-file-ignores]\n'{pattern}' = ['VFS216']")
        assert len(found("guests/web.xml", "web.xml")) == expected, pattern


def test_target_and_session(folder: Path) -> None:
    (folder / "guests" / "web.xml").write_text(DOMAIN.replace(LONG, "data"))

    def holds(text: str) -> list[str]:
        (folder / "vfslint.toml").write_text(text)
        lines = vfslint("config", "guests/web.xml")[1].splitlines()
        return [" ".join(line.split()) for line in lines if line.startswith(("target", "session"))]

    assert holds("target = 'debian-12'\nsession = true") == [
        f"target {NAMED['debian-12']} vfslint.toml:1",
        "session yes vfslint.toml:2",
    ]
    assert holds("[target]\nlibvirt = '9.0.0'\nvirtiofsd = 'none'")[0] == (
        "target libvirt 9.0.0, QEMU 7.2.0, QEMU's own virtiofsd vfslint.toml:1"
    )
    assert holds("[target]\nname = 'rhel-9'\nqemu = '9.2'")[0] == (
        "target libvirt 10.10.0, QEMU 9.2.0, virtiofsd 1.13.0 vfslint.toml:1"
    )


def test_include_and_exclude(folder: Path) -> None:
    (folder / "web.xml").write_text(DOMAIN)
    (folder / "web.domain").write_text(DOMAIN)
    for text, expected in {
        "": ["./guests/web.xml", "./web.xml"],
        "exclude = ['guests']": ["./web.xml"],
        "exclude = ['guests/']": ["./web.xml"],
        "exclude = ['/web.xml']": ["./guests/web.xml"],
        "exclude = ['*.xml', '!guests/web.xml']": ["./guests/web.xml"],
        "include = ['*.domain']": ["./web.domain"],
        "include = ['*.domain', '/*.xml']": ["./web.domain", "./web.xml"],
    }.items():
        (folder / "vfslint.toml").write_text(text)
        lines = vfslint("--format", "concise", "--select", "VFS216", ".")[1].splitlines()
        assert sorted(line.split(":")[0] for line in lines) == expected, text


def test_what_is_excluded_is_checked_where_it_is_named_unless_forced(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("exclude = ['guests']")
    assert found("guests/web.xml") == FAULTY
    assert vfslint("--force-exclude", "-v", "guests/web.xml") == (
        0,
        "nothing was checked · 0 files checked · 1 excluded\n",
        "vfslint: skipped guests/web.xml: the configuration excludes it\n",
    )


def test_the_command_line_comes_first(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("ignore = ['VFS216']\ntarget = 'debian-12'")
    assert found("guests/web.xml", "--select", "VFS216") == FAULTY
    (folder / "vfslint.toml").write_text("[severity]\nVFS216 = 'off'")
    assert found("guests/web.xml", "--select", "VFS2") == FAULTY
    (folder / "vfslint.toml").write_text("select = ['VFS2']")
    assert found("guests/web.xml", "--ignore", "VFS216") == []


def test_paths_start_at_the_folder_of_the_configuration(folder: Path) -> None:
    (folder / "guests" / "my.conf").write_text('memory_backing_dir = "/dev/shm"\n')
    (folder / "guests" / "vfslint.toml").write_text("qemu-conf = 'my.conf'")
    conf = profile("guests/web.xml").context.conf
    assert conf is not None
    assert conf.source.name == "guests/my.conf"
    assert conf.text("memory_backing_dir") == "/dev/shm"


# profiles


def test_a_profile_holds_what_applies_to_a_file_and_is_frozen(folder: Path) -> None:
    (folder / "vfslint.toml").write_text(
        "select = ['VFS2']\ntarget = 'debian-12'\nsession = true\nfail-on = 'error'\n[severity]\nVFS216 = 'note'"
    )
    found = profile("guests/web.xml", "--ignore", "VFS21,VFS22", "--strict-root")
    assert {rule.code[:4] for rule in found.rules} == {"VFS2"}
    assert not any(rule.code.startswith(("VFS21", "VFS22")) for rule in found.rules)
    assert dict(found.severities) == {"VFS216": Severity.NOTE}
    assert found.context.target == NAMED["debian-12"]
    assert found.context.session
    assert found.strict_root
    assert found.fails(Severity.ERROR)
    assert not found.fails(Severity.WARNING)
    with pytest.raises(AttributeError):
        found.strict_root = False  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.severities["VFS216"] = Severity.ERROR  # type: ignore[index]


def test_files_with_the_same_configuration_share_a_profile(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("[per-file-ignores]\n'guests/c.xml' = ['VFS216']")
    resolver = Resolver(read(LINT, []))
    first = resolver.profile("guests/a.xml")
    assert resolver.profile("guests/b.xml") is resolver.profile("d.xml") is first
    assert resolver.profile("guests/c.xml") is not first
    assert resolver.profile("guests/qemu.conf") is not first


def test_only_files_whose_profile_lacks_a_rule_need_a_guard(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("[per-file-ignores]\n'guests/*.xml' = ['VFS216']")
    resolver = Resolver(read(LINT, []))
    assert resolver.guard("d.xml") is None
    guard = resolver.guard("guests/c.xml")
    assert guard is resolver.guard("guests/a.xml")
    assert guard is not None
    assert any(rule.code == "VFS216" for rule in guard.rules)


def test_a_faulty_configuration_is_reported_before_any_file_is_linted(folder: Path) -> None:
    (folder / "a.xml").write_text(DOMAIN)
    (folder / "guests" / "vfslint.toml").write_text("fail-on = 'x'")
    before = (folder / "a.xml").read_bytes()
    status, out, err = vfslint("--fix", "--unsafe-fixes", "a.xml", "guests/web.xml")
    assert (status, out) == (2, "")
    assert err.startswith("vfslint: guests/vfslint.toml:1: 'x' is not a valid fail-on")
    assert (folder / "a.xml").read_bytes() == before


def test_a_finding_in_a_qemu_conf_counts_if_any_file_says_so(folder: Path) -> None:
    (folder / "my.conf").write_text('user = "qemu"\n')
    (folder / "guests" / "vfslint.toml").write_text("fail-on = 'never'")
    (folder / "web.xml").write_text(DOMAIN)
    for paths, expected in ((["guests/web.xml"], False), (["guests/web.xml", "web.xml"], True)):
        check = Check(read(LINT, ["--qemu-conf", "my.conf", *paths]), Streams(sys.stdin, sys.stdout, sys.stderr), [])
        check.resolve(paths)
        assert check.fails("my.conf", Severity.ERROR) is expected
        assert not check.fails("guests/web.xml", Severity.ERROR)
    assert profile("web.xml", "--exit-zero").fail_on is None


def test_ignored_rules_of_the_configuration_and_the_command_line_add_up(folder: Path) -> None:
    (folder / "vfslint.toml").write_text("ignore = ['VFS1']\n[severity]\nVFS3 = 'off'")
    starts = {rule.code[:4] for rule in profile("a.xml", "--ignore", "VFS2").rules}
    assert starts.isdisjoint({"VFS1", "VFS2", "VFS3"})
    assert starts
    assert {rule.code[:4] for rule in profile("a.xml", "--select", "VFS1,VFS3").rules} == {"VFS1", "VFS3"}


def test_the_host_or_the_configuration_gives_the_target_and_the_command_line_changes_it(folder: Path) -> None:
    (folder / "host.json").write_text('{"version": 1, "libvirt": "9.0.0", "qemu": "7.2.0"}')
    assert profile("a.xml", "--host-facts", "host.json").context.target.libvirt == (9, 0, 0)
    assert profile("a.xml", "--host-facts", "host.json", "--qemu", "8.0").context.target[:2] == ((9, 0, 0), (8, 0, 0))
    (folder / "vfslint.toml").write_text("target = 'rhel-10'\nhost-facts = 'host.json'")
    assert profile("a.xml").context.target == NAMED["rhel-10"]
    assert profile("a.xml", "--virtiofsd", "none").context.target.virtiofsd is None


def test_an_option_is_checked_even_if_there_is_no_file(folder: Path) -> None:
    (folder / "empty").mkdir()
    for argv in (["--libvirt", "nine"], ["--select", "VFS999"], ["--config", "none.toml"]):
        assert vfslint(*argv, "empty")[0] == 2, argv
