"""Displays and video devices: which of repeated elements counts, and the default model of each board."""

import pytest

from tests.domain.made import Q35, with_devices
from vfslint.domain.display import Video, default_model


def video(inside: str, libvirt: str = "12.8.0") -> Video:
    return with_devices(f"<video>{inside}</video>", libvirt).videos[0]


@pytest.mark.parametrize(
    ("libvirt", "type", "heads"), [("7.0.0", "vga", None), ("9.0.0", "vga", "2"), ("11.3.0", None, None)]
)
def test_releases_read_several_models_differently(libvirt: str, type: str | None, heads: str | None) -> None:
    found = video("<model primary='yes'/><model type='vga'/><model type='qxl' heads='2'/>", libvirt)
    assert (found.model_type, found.value("heads")) == (type, heads)


@pytest.mark.parametrize(("libvirt", "is_vhost_user"), [("7.0.0", True), ("9.0.0", False)])
def test_one_of_several_drivers_counts(libvirt: str, is_vhost_user: bool) -> None:
    assert video("<driver name='qemu'/><driver name='vhostuser'/>", libvirt).is_vhost_user is is_vhost_user


@pytest.mark.parametrize(
    ("os", "model"),
    [
        (Q35, "cirrus"),
        ("<type arch='ppc64' machine='pseries'>hvm</type>", "vga"),
        ("<type arch='aarch64' machine='virt'>hvm</type>", "virtio"),
        ("<type arch='aarch64' machine='raspi3b'>hvm</type>", "cirrus"),
        ("<type arch='s390x'>hvm</type>", "virtio"),
        ("<type arch='loongarch64' machine='virt'>hvm</type>", None),
    ],
)
def test_the_default_model_depends_on_the_board(os: str, model: str | None) -> None:
    assert default_model(with_devices("", os=os)) == model


def test_the_socket_of_vnc_replaces_its_first_listen() -> None:
    listens = "<listen type='network'/><listen type='none'/>"
    vnc, spice, sdl = with_devices(
        f"<graphics type='vnc' socket='/run/a'>{listens}</graphics><graphics type='spice' socket='/run/b'>{listens}"
        f"</graphics><graphics type='sdl'>{listens}</graphics>"
    ).graphics
    assert vnc.replaces_first_listen
    assert not spice.replaces_first_listen
    assert [len(graphics.listens) for graphics in (vnc, spice, sdl)] == [2, 2, 0]
