"""A filesystem is read as libvirt reads it, release by release."""

from __future__ import annotations

import pytest

from tests.domain.made import SHARE, filesystem
from vfslint.domain.filesystem import VirtioFS


@pytest.mark.parametrize(
    ("driver", "served"),
    [("<driver type='virtiofs'/>", "virtiofs"), ("", None), ("<driver name='virtiofs'/>", None)],
)
def test_the_driver_type_says_who_serves(driver: str, served: str | None) -> None:
    fs = filesystem(f"{driver}<source dir='/srv'/><target dir='data'/>")
    assert fs.driver_type == served
    assert isinstance(fs, VirtioFS) == (served == "virtiofs")
    assert fs.is_9p == (served is None)


@pytest.mark.parametrize(("libvirt", "type_"), [("7.0.0", "virtiofs"), ("9.0.0", None)])
def test_of_several_drivers_old_releases_take_the_first_with_a_type(libvirt: str, type_: str | None) -> None:
    assert filesystem("<driver queue='8'/><driver type='virtiofs'/>", libvirt).driver_type == type_


@pytest.mark.parametrize(("libvirt", "directory"), [("7.0.0", "/b"), ("9.0.0", None)])
def test_of_several_sources_old_releases_take_the_first_with_a_directory(libvirt: str, directory: str | None) -> None:
    assert filesystem("<source/><source dir='/b'/>", libvirt).directory == directory


@pytest.mark.parametrize("libvirt", ["7.0.0", "9.0.0", "12.8.0"])
def test_every_release_takes_the_first_target_with_a_tag(libvirt: str) -> None:
    assert filesystem("<target/><target dir='a'/><target dir='b'/>", libvirt).tag == "a"


def test_a_type_is_mount_where_it_is_absent_but_not_where_it_is_empty() -> None:
    assert filesystem(SHARE).type == "mount"
    assert filesystem(SHARE, attributes="type=''").type == ""


@pytest.mark.parametrize(
    ("source", "libvirt", "directory", "socket"),
    [
        ("<source dir='/a' socket='/b'/>", "9.0.0", None, "/b"),
        ("<source dir='/a' socket=''/>", "9.0.0", None, ""),
        ("<source dir='/a' socket='/b'/>", "7.0.0", "/a", None),
        ("<source dir='/a'/>", "9.0.0", "/a", None),
        ("<source path='/a'/>", "9.0.0", None, None),
    ],
)
def test_a_socket_wins_over_a_directory(source: str, libvirt: str, directory: str | None, socket: str | None) -> None:
    fs = filesystem(f"<driver type='virtiofs'/>{source}<target dir='data'/>", libvirt)
    assert (fs.directory, fs.socket) == (directory, socket)


@pytest.mark.parametrize(
    ("written", "libvirt", "unknown"),
    [
        ("<driver type='virtiofs' iommu='on' ats='off'/>", "12.8.0", []),
        ("<driver type='virtio-fs'/>", "12.8.0", ["type"]),
        ("<driver type='default'/>", "7.0.0", ["type"]),
        ("<driver type='default'/>", "9.0.0", []),
        ("<driver type='mtp'/>", "9.0.0", []),
        ("<driver type='mtp'/>", "11.3.0", []),
        ("<driver type='virtiofs' page_per_vq='x'/>", "7.0.0", []),
        ("<driver type='virtiofs' page_per_vq='x'/>", "9.0.0", ["page_per_vq"]),
        ("<driver type='virtiofs'/><driver iommu='x'/>", "9.0.0", []),
        ("<driver type='virtiofs'/><driver format='x'/>", "7.0.0", ["format"]),
        ("<driver type='virtiofs'/><binary xattr=''/>", "7.0.0", []),
        ("<driver type='virtiofs'/><binary xattr=''/>", "9.0.0", ["xattr"]),
        ("<driver type='virtiofs'/><binary/><binary xattr='x'/>", "7.0.0", ["xattr"]),
        ("<driver type='virtiofs'/><binary/><binary xattr='x'/>", "9.0.0", []),
        ("<driver type='virtiofs'/><binary/><binary><cache mode='x'/></binary>", "9.0.0", ["mode"]),
        ("<driver type='virtiofs'/><binary><sandbox mode='none'/></binary>", "7.0.0", []),
        ("<driver type='virtiofs'/><binary><sandbox mode='none'/></binary>", "9.0.0", ["mode"]),
        ("<binary xattr='x'/>", "9.0.0", []),
    ],
)
def test_words_are_known_release_by_release(written: str, libvirt: str, unknown: list[str]) -> None:
    assert [word.attribute.name for word in filesystem(written, libvirt).invalid_words] == unknown


@pytest.mark.parametrize(
    ("text", "size"), [("", None), ("128", 128), ("x", None), ("-1", 2**64 - 1), ("+5", 5), ("5 ", None)]
)
def test_a_queue_is_read_as_libvirt_reads_it(text: str, size: int | None) -> None:
    assert filesystem(f"<driver type='virtiofs' queue='{text}'/>").queue == size


def test_newer_options_are_not_there_for_older_releases() -> None:
    inside = (
        f"{SHARE}<binary><thread_pool size='4'/><openfiles max='9'/></binary>"
        "<idmap><uid start='0' target='1' count='1'/></idmap>"
    )
    old, new = filesystem(inside, "8.4.0"), filesystem(inside, "10.6.0")
    assert (old.thread_pool, old.openfiles, old.uid_map) == (None, None, [])
    assert new.thread_pool is not None
    assert new.openfiles is not None
    assert [entry.start for entry in new.uid_map] == [0]


def test_ranges_of_ids_overlap_in_the_guest_or_on_the_host() -> None:
    first, guest, host, apart = filesystem(
        "<idmap><uid start='0' target='100' count='10'/><uid start='9' target='900' count='1'/>"
        "<uid start='50' target='109' count='1'/><uid start='10' target='110' count='1'/></idmap>"
    ).uid_map
    assert first.overlaps(guest)
    assert first.overlaps(host)
    assert not first.overlaps(apart)
