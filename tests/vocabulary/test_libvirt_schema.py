"""`--libvirt-schema`: libvirt's own RELAX NG says what lies outside vfslint's vocabulary."""

import io
from pathlib import Path

import pytest

from tests.examples import document
from tests.paths import DATA
from vfslint.cli.main import main
from vfslint.vocabulary import libvirt_schema

ODD = "<disk type='file' device='disk'><source file='/srv/a.img'/><mirror/><target dev='vda' bus='virtio'/></disk>"


def lint(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(["--isolated", "--format=concise", *arguments], io.StringIO(), out, err)
    return status, out.getvalue(), err.getvalue()


@pytest.fixture
def odd(tmp_path: Path) -> str:
    file = tmp_path / "odd.xml"
    file.write_bytes(document(ODD))
    return str(file)


def test_a_folder_is_asked(odd: str) -> None:
    status, out, err = lint("--libvirt-schema", str(DATA / "libvirt-schema"), "--select=VFS070", odd)
    assert (status, err) == (1, "")
    assert "warning[VFS070] libvirt-schema-violation" in out


def test_without_the_option_nothing_is_asked(odd: str) -> None:
    assert lint("--select=VFS070", odd) == (0, "", "")


def test_a_folder_without_a_schema_is_a_complaint(odd: str, tmp_path: Path) -> None:
    status, out, err = lint("--libvirt-schema", str(tmp_path), odd)
    assert (status, out) == (2, "")
    assert err == f"vfslint: there is no domain.rng in {tmp_path}\n"


def test_a_broken_schema_is_a_complaint(odd: str, tmp_path: Path) -> None:
    (tmp_path / "domain.rng").write_text("<grammar>")
    status, _, err = lint("--libvirt-schema", str(tmp_path), odd)
    assert status == 2
    assert "is not a RELAX NG grammar" in err
    assert err.count("\n") == 1


def test_the_installed_one_agrees_with_vfslint_on_the_sound_examples() -> None:
    try:
        libvirt_schema.locate("auto")
    except libvirt_schema.NoSchema:
        # Where libvirt is not installed, the complaint itself is what there is to hold.
        assert lint("--libvirt-schema=auto", "examples/sound/memfd.xml")[0] == 2
        return
    # Debian 12 has the daemon elsewhere (VFS310).
    arguments = ("--libvirt-schema=auto", "--target=debian-12", "--ignore=VFS310", "examples/sound")
    assert lint(*arguments) == (0, "", "")
