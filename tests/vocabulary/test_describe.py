"""`vfslint vocabulary` shows what is known at a place: names, values, releases, forms and descriptions."""

from __future__ import annotations

import json

import pytest

from tests.command import vfslint
from vfslint.vocabulary.describe import Description, describe, names_at
from vfslint.vocabulary.table import form, roots


def described(path: str) -> Description:
    found = describe(path)
    assert found is not None
    return found


def test_an_element_has_its_description_attributes_and_children() -> None:
    share = described("domain/devices/filesystem")
    assert share.element.description.startswith("A directory") or share.element.description
    assert {"type", "accessmode"} <= {entry.name for entry in share.attributes}
    assert {"driver", "source", "target", "binary"} <= {entry.name for entry in share.children}


def test_words_and_their_releases_are_those_of_all_forms() -> None:
    (kind,) = (entry for entry in described("domain/devices/controller").attributes if entry.name == "type")
    assert dict(kind.values)["nvme"] == (11, 5, 0)
    assert {"pci", "usb"} <= set(dict(kind.values))
    assert kind.required


def test_what_only_some_forms_have_says_which() -> None:
    controller = described("domain/devices/controller")
    (master,) = (entry for entry in controller.children if entry.name == "master")
    assert master.only == ("type='usb'",)
    assert "type='pci' and (model='pci-root' or model='pcie-root')" in controller.forms


def test_what_means_something_else_in_each_form_is_described_for_each() -> None:
    (bus,) = (entry for entry in described("domain/devices/disk/address").attributes if entry.name == "bus")
    assert "type='drive': Channel of the controller" in bus.description
    assert "type='usb': Index of the USB controller" in bus.description
    (source,) = (entry for entry in described("domain/devices/disk").children if entry.name == "source")
    assert "type='block': The block device of the host." in source.description


def test_what_is_the_same_in_each_form_is_described_once() -> None:
    (index,) = (entry for entry in described("domain/devices/controller").attributes if entry.name == "index")
    assert index.description.startswith("Number of the controller")


@pytest.mark.parametrize("path", ["", "domein", "domain/devises", "domain/devices/disk/nothing"])
def test_unknown_paths_are_unknown(path: str) -> None:
    assert describe(path) is None


def test_every_path_can_be_described() -> None:
    pending, seen = ["domain"], set()
    for path in pending:
        for name in names_at(path):
            child = f"{path}/{name}"
            if name not in seen and child.count("/") < 6:
                seen.add(name)
                pending.append(child)
                assert described(child).element.name == name
    assert len(seen) > 200
    assert set(names_at("")) == set(roots())


def test_text_and_json_say_the_same() -> None:
    status, text, _ = vfslint("vocabulary", "domain/memoryBacking/source")
    assert status == 0
    assert "memfd" in text
    assert "required" in text
    status, out, _ = vfslint("vocabulary", "domain/memoryBacking/source", "--format", "json")
    found = json.loads(out)
    assert [entry["name"] for entry in found["attributes"]] == [*form("MemorySource").attributes]
    assert {value["value"] for value in found["attributes"][0]["values"]} >= {"memfd", "file"}


def test_a_misspelled_path_gets_a_suggestion() -> None:
    status, _, err = vfslint("vocabulary", "domain/devises/disk")
    assert status == 2
    assert err == "vfslint: unknown element 'devises' in domain; did you mean devices?\n"
