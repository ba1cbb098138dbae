"""The keys of a configuration: the published schema and the reader agree on them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from tools import make_configuration_schema
from vfslint.cli.options import LINT
from vfslint.config import file as configuration
from vfslint.config.file import CHECKS
from vfslint.config.keys import KEYS
from vfslint.schemas import HERE
from vfslint.usage import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


SCHEMA = json.loads((Path(HERE) / "configuration.schema.json").read_text())


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_is_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_configuration_schema.main(["--check"]) == 0, "run python tools/make_configuration_schema.py"
    monkeypatch.setattr(make_configuration_schema, "SCHEMA", tmp_path / "schema.json")
    (tmp_path / "schema.json").write_text("")
    assert make_configuration_schema.main(["--check"]) == 1
    assert make_configuration_schema.main([]) == 0
    assert make_configuration_schema.main(["--check"]) == 0


def test_every_key_has_a_type_that_is_checked() -> None:
    assert {key.type for key in KEYS.values()} == set(CHECKS)


def test_an_option_overrides_each_key_that_says_so() -> None:
    options = {option.name for option in LINT.options}
    assert {key.name for key in KEYS.values() if key.option} == options & set(KEYS)


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("", True),
        ("select = ['VFS1', 'memory-not-shared']\nfail-on = 'note'", True),
        ("[target]\nlibvirt = '9.0'\nvirtiofsd = 'none'", True),
        ("[severity]\nVFS1 = 'off'\n[per-file-ignores]\n'*.xml' = ['VFS2']", True),
        ("session = true\nqemu-conf = 'a/b'\ninclude = []\nexclude = ['a']", True),
        ("selct = []", False),
        ("select = 'VFS1'", False),
        ("target = 'x'", False),
        ("[target]\nlibvirt = 9.0", False),
        ("[severity]\nVFS1 = 'bad'", False),
        ("qemu-conf = '/etc'", False),
    ],
)
def test_the_schema_agrees_with_the_reader(folder: Path, text: str, sound: bool) -> None:
    (folder / "vfslint.toml").write_text(text)
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(tomllib.loads(text)) is sound
    try:
        configuration.read("vfslint.toml")
    except UsageError:
        assert not sound
    else:
        assert sound
