"""What several domains of a run must not share is reported at each of them: sockets, names, pages, caches."""

from typing import Any

import pytest

from tests.fleet import CACHED, SOCKET, at, codes, domain, share, together
from tests.hosts import host
from vfslint.api import lint_bytes
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.rules import RULES

# sockets


def test_socket_of_two_domains_points_into_both_files() -> None:
    files = {"a.xml": domain("one", SOCKET), "b.xml": domain("two", share("socket='/run//fs.sock'"))}
    [found] = together(files)
    assert (found.code, found.severity.word, found.stage.value) == ("VFS801", "error", "start")
    assert (found.file, at(files, found.at)) == ("b.xml", "/run//fs.sock")
    [related] = found.related
    assert (related.at.file, at(files, related.at)) == ("a.xml", "/run/fs.sock")


def test_each_later_domain_is_told_of_the_first() -> None:
    found = together({f"{name}.xml": domain(name, SOCKET) for name in ("one", "two", "three")})
    assert [(each.file, each.related[0].at.file) for each in found] == [
        ("two.xml", "one.xml"),
        ("three.xml", "one.xml"),
    ]


def test_sockets_of_their_own_are_fine() -> None:
    other = share("socket='/run/other.sock'")
    assert codes({"a.xml": domain("one", SOCKET), "b.xml": domain("two", other)}) == []
    assert codes({"a.xml": domain("one", SOCKET)}) == []


def test_one_domain_written_for_two_hosts_has_one_socket() -> None:
    files = {f"{folder}/web.xml": domain("web", SOCKET, memory=memory) for folder, memory in (("a", 2), ("b", 4))}
    assert codes(files) == []


@pytest.mark.parametrize(
    "wrapper",
    ["<domainsnapshot><name>s</name>{}</domainsnapshot>", "<domstatus state='running'>{}</domstatus>"],
)
def test_copies_in_snapshots_and_states_do_not_count(wrapper: str) -> None:
    web = domain("web", SOCKET, uuid="1")
    files = {"web.xml": web, "copy.xml": wrapper.format(web.replace("<vcpu>2", "<vcpu>1"))}
    assert codes(files) == []


def test_link_in_autostart_is_the_same_domain() -> None:
    web = domain("web", SOCKET, uuid="1")
    assert codes({"qemu/web.xml": web, "qemu/autostart/web.xml": web}) == []


def test_domains_of_one_file_count_too() -> None:
    found = together({"a.xml": f"<domains>{domain('one', SOCKET)}{domain('two', SOCKET)}</domains>"})
    assert [each.code for each in found] == ["VFS801"]
    assert found[0].at.start.line > found[0].related[0].at.start.line


def test_python_interface_judges_the_domains_of_a_file() -> None:
    both = f"<domains>{domain('one', SOCKET)}{domain('two', SOCKET)}</domains>"
    assert "VFS801" in [found.code for found in lint_bytes(both.encode())]


# what only one domain can use

QCOW2 = "<disk type='file'><source file='/srv/a.qcow2'/><target dev='vda' bus='virtio'/>{}</disk>"
DISK, READ_ONLY = QCOW2.format(""), QCOW2.format("<readonly/>")
SHAREABLE = QCOW2.format("<shareable/>")
BACKED = DISK.replace("a.qcow2'/>", "b.qcow2'/><backingStore type='file'><format type='qcow2'/>"
                      "<source file='/srv/a.qcow2'/><backingStore/></backingStore>")  # fmt: skip
TCP = "<serial type='tcp'><source mode='bind' host='127.0.0.1' service='{}'/><protocol type='{}'/></serial>"
VNC = "<graphics type='vnc' port='{}' autoport='no'/>"
PCI = "<hostdev mode='subsystem' type='pci'><source><address bus='{}' slot='0' function='0'/></source></hostdev>"
NET = "<interface type='vhostuser'><source type='unix' path='/run/{}.sock' mode='client'/></interface>"
MAC = "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>"
NVRAM = "</os><os><loader readonly='yes' type='pflash'>/f.fd</loader><nvram>/srv/{}.fd</nvram></os>"


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (DISK, DISK, "VFS805"),
        (DISK, READ_ONLY, "VFS805"),
        (READ_ONLY, DISK, "VFS805"),
        (READ_ONLY, READ_ONLY, None),
        (SHAREABLE, SHAREABLE, None),
        (BACKED, DISK, "VFS805"),
        (BACKED, BACKED.replace("b.qcow2", "c.qcow2"), None),
        (QCOW2.format("<transient shareBacking='yes'/>"), QCOW2.format("<transient shareBacking='yes'/>"), None),
        (VNC.format(5901), VNC.format(5901), "VFS806"),
        (VNC.format(5901), "<graphics type='spice' port='5901' autoport='no'/>", "VFS806"),
        (VNC.format(5901), VNC.format(5902), None),
        (VNC.format(-1), VNC.format(-1), None),
        (TCP.format(4555, "raw"), TCP.format(4555, "telnet"), "VFS806"),
        (TCP.format(4555, "raw"), TCP.format(4556, "raw"), None),
        (TCP.format(4555, "raw").replace("bind", "connect"), TCP.format(4555, "raw").replace("bind", "connect"), None),
        (PCI.format(1), PCI.format(1), "VFS807"),
        (PCI.format(1), PCI.format(2), None),
        (NET.format("a"), NET.format("a"), "VFS801"),
        (NET.format("a"), NET.format("b"), None),
        (SOCKET, NET.format("fs"), "VFS801"),
        (MAC, MAC, None),
    ],
)
def test_second_domain_that_cannot_start_is_an_error(first: str, second: str, code: str | None) -> None:
    files = {"a.xml": domain("one", first), "b.xml": domain("two", second)}
    severity = "note" if code == "VFS807" else "error"
    found = [(each.code, each.file, each.severity.word) for each in together(files)]
    assert found == ([(code, "b.xml", severity)] if code else [])


def test_device_of_two_domains_that_start_with_the_host_is_an_error() -> None:
    files = {f"{name}.xml": domain(name, PCI.format(1), uuid=uuid) for name, uuid in (("a", "1"), ("b", "2"))}
    both = {f"{folder}{name}": text for folder in ("q/", "q/autostart/") for name, text in files.items()}
    assert [(found.code, found.severity.word) for found in together(both)] == [("VFS807", "error")]


def test_placeholder_in_place_of_a_path_is_no_image() -> None:
    files = {f"{name}.xml": domain(name, DISK.replace("/srv/a.qcow2", "DISKPATH")) for name in ("one", "two")}
    assert codes(files) == []


def test_variables_of_the_firmware_are_an_image() -> None:
    files = {f"{name}.xml": domain(name).replace("</os>", NVRAM.format("vars")) for name in ("one", "two")}
    own = {f"{name}.xml": domain(name).replace("</os>", NVRAM.format(name)) for name in ("one", "two")}
    for expected, given in ((["VFS805"], files), ([], own)):
        given = {name: text.replace("</os><os>", "") for name, text in given.items()}
        assert codes(given) == expected


def test_domain_written_twice_does_not_conflict_with_itself() -> None:
    devices = (DISK, VNC.format(5901), PCI.format(1), SOCKET)
    twice = {f"{when}.xml": domain("web", *devices, uuid="1", memory=len(when)) for when in ("before", "after")}
    assert codes(twice) == ["VFS804"]
    assert codes({f"{name[0]}/{name}": text for name, text in twice.items()}) == []


def test_domain_written_twice_does_not_hide_another_one() -> None:
    files = {"a.xml": domain("web", DISK, uuid="1"), "b.xml": domain("web", DISK, uuid="1", memory=4)}
    assert codes({**files, "c.xml": domain("mail", DISK)}) == ["VFS804", "VFS805"]


def test_folders_are_different_hosts() -> None:
    devices = (DISK, VNC.format(5901), PCI.format(1), SOCKET)
    files = {f"{name}/{name}.xml": domain(name, *devices) for name in ("one", "two")}
    assert [(each.code, each.severity.word) for each in together(files)] == [("VFS801", "note")]
    one_host = Engine(RULES, Context(one_host=True))
    found = together(files, one_host)
    assert {(each.code, each.severity.word) for each in found} == {
        *((code, "error") for code in ("VFS801", "VFS805", "VFS806")),
        ("VFS807", "note"),
    }


def test_neighbor_comes_before_a_domain_of_another_host() -> None:
    files = {path: domain(name, SOCKET) for path, name in (("a/x.xml", "x"), ("b/y.xml", "y"), ("b/z.xml", "z"))}
    assert [(each.file, each.severity.word) for each in together(files)] == [("b/y.xml", "note"), ("b/z.xml", "error")]


# names and uuids


def test_name_under_two_uuids_is_refused() -> None:
    files = {"a.xml": domain("web", uuid="1"), "b.xml": domain("web", uuid="2")}
    [found] = together(files)
    assert (found.code, found.severity.word, at(files, found.at)) == ("VFS802", "error", "web")


def test_name_without_uuid_may_be_the_same_domain() -> None:
    [found] = together({"a.xml": domain("web"), "b.xml": domain("web", memory=4)})
    assert (found.code, found.severity.word) == ("VFS802", "note")
    assert codes({"a/x.xml": domain("web"), "b/x.xml": domain("web", memory=4)}) == []


def test_name_under_two_uuids_for_two_hosts_is_a_note() -> None:
    [found] = together({"a/x.xml": domain("web", uuid="1"), "b/x.xml": domain("web", uuid="2")})
    assert (found.code, found.severity.word) == ("VFS802", "note")


def test_uuid_of_two_names_for_two_hosts_is_a_note() -> None:
    [found] = together({"a/x.xml": domain("web", uuid="1"), "b/x.xml": domain("mail", uuid="1")})
    assert (found.code, found.severity.word) == ("VFS803", "note")


def test_uuid_of_two_names_is_refused_however_it_is_written() -> None:
    files = {"a.xml": domain("web", uuid="A"), "b.xml": domain("mail", uuid="a").replace("-", "")}
    [found] = together(files)
    assert (found.code, found.severity.word) == ("VFS803", "error")
    assert found.message == "the uuid of domain 'mail' is already used by domain 'web'"
    [found] = together({f"{name[0]}/{name}": text for name, text in files.items()})
    assert (found.code, found.severity.word) == ("VFS803", "note")


def test_two_definitions_in_a_folder_are_a_note() -> None:
    files = {"a.xml": domain("web", uuid="1"), "b.xml": domain("web", uuid="1", memory=4)}
    [found] = together(files)
    assert (found.code, found.severity.word) == ("VFS804", "note")
    assert codes({f"{number}/{name}": text for number, (name, text) in enumerate(files.items())}) == []


def test_other_hypervisors_have_names_of_their_own() -> None:
    container = domain("web", uuid="1").replace("type='kvm'", "type='lxc'")
    assert codes({"a.xml": domain("web", uuid="2"), "b.xml": container}) == []
    assert codes({"a.xml": domain("web"), "b.xml": "<network><name>web</name></network>"}) == []


# what the host has

PAGED = "<hugepages><page size='2' unit='M'/></hugepages><access mode='shared'/>"
FILED = "<source type='file'/><access mode='shared'/>"
PAGES = [{"size_kib": 2048, "total": 2048, "free": 0}]


def on(name: str, **facts: Any) -> Engine:
    chosen = [rule for rule in RULES if rule.code.startswith("VFS8")]
    return Engine(chosen, Context(host=host(name, **facts)))


def test_pages_are_counted_together_with_facts_only() -> None:
    files = {f"{name}.xml": domain(name, backing=PAGED, memory=memory) for name, memory in (("a", 3), ("b", 2))}
    assert codes(files) == []
    [found] = together(files, on("paged", hugepages=PAGES))
    assert (found.file, found.severity.word) == ("b.xml", "warning")
    assert found.message == ("2 domains of this run require 2560 pages of 2 MiB in total, but the host has 2048")
    assert "virsh allocpages 2M 512 --add" in found.help
    assert [each.at.file for each in found.related] == ["a.xml"]


def test_domains_that_start_with_the_host_are_counted_alone() -> None:
    files = {
        **{f"q/{name}.xml": domain(name, backing=PAGED, uuid=uuid) for name, uuid in (("a", "1"), ("b", "2"))},
        "q/c.xml": domain("c", backing=PAGED, uuid="3"),
    }
    started = {f"q/autostart/{name}.xml": files[f"q/{name}.xml"] for name in ("a", "b")}
    assert codes(files, on("paged", hugepages=PAGES)) == ["VFS810"]
    assert codes({**files, **started}, on("paged", hugepages=PAGES)) == []
    few = [{"size_kib": 2048, "total": 1500, "free": 1500}]
    [found] = together({**files, **started}, on("paged", hugepages=few))
    assert (found.severity.word, found.file) == ("error", "q/b.xml")


def test_pages_are_counted_for_each_host_and_domain_once() -> None:
    engine = on("paged", hugepages=PAGES)
    apart = {f"{name}/d.xml": domain(name, backing=PAGED, memory=3) for name in ("a", "b")}
    assert codes(apart, engine) == []
    twice = {f"{name}.xml": domain("web", backing=PAGED, memory=3, uuid="1") + "\n" * name for name in (1, 2)}
    assert codes(twice, engine) == ["VFS804"]


def test_a_domain_too_large_alone_is_not_told_twice() -> None:
    files = {f"{name}.xml": domain(name, backing=PAGED, memory=8) for name in ("a", "b")}
    assert codes(files, on("paged", hugepages=PAGES)) == []


def test_pages_are_counted_by_node() -> None:
    nodes = [{"size_kib": 2048, "total": 1024, "free": 0, "node": node} for node in (0, 1)]
    bound = "</memoryBacking><numatune><memory mode='strict' nodeset='0'/></numatune>"
    files = {
        f"{name}.xml": domain(name, backing=PAGED, memory=1).replace("</memoryBacking>", bound)
        for name in ("a", "b", "c")
    }
    [found] = together(files, on("paged", hugepages=nodes))
    assert "1536 pages of 2 MiB on NUMA node 0 in total" in found.message
    assert "--cellno 0" in found.help


def test_files_of_memory_must_have_room_together() -> None:
    files = {f"{name}.xml": domain(name, backing=FILED, memory=20) for name in ("a", "b")}
    assert codes(files) == []
    [found] = together(files, on("bare"))
    assert (found.code, found.file) == ("VFS811", "b.xml")
    assert found.message.endswith("keep 40 GiB of memory in files, but /dev/shm has room for 32 GiB")
    memfd = {name: text.replace("'file'", "'memfd'") for name, text in files.items()}
    assert codes(memfd, on("bare")) == []


# caches


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (share("dir='/srv'", CACHED), share("dir='/srv/'"), ["a.xml"]),
        (share("dir='/srv'"), share("dir='/srv'", CACHED), ["b.xml"]),
        (share("dir='/srv'", CACHED), share("dir='/srv'", CACHED), ["a.xml", "b.xml"]),
        (share("dir='/srv'", CACHED), share("dir='/srv'", "<readonly/>"), []),
        (share("dir='/srv'", CACHED + "<readonly/>"), share("dir='/srv'"), ["a.xml"]),
        (share("dir='/srv'", CACHED), share("dir='/other'"), []),
        (share("dir='/srv'"), share("dir='/srv'"), []),
    ],
)
def test_cache_is_stale_where_another_domain_writes(first: str, second: str, expected: list[str]) -> None:
    found = together({"a.xml": domain("one", first), "b.xml": domain("two", second)})
    assert [(each.code, each.file) for each in found] == [("VFS820", file) for file in expected]


def test_two_shares_of_one_domain_are_its_own_matter() -> None:
    both = domain("one", share("dir='/srv'", CACHED), share("dir='/srv'", tag="more"))
    assert codes({"a.xml": both, "b.xml": domain("two")}) == []
