"""Make schemas/configuration.schema.json, the JSON schema of a configuration, from the table of its keys.

python tools/make_configuration_schema.py            write the schema
python tools/make_configuration_schema.py --check    only check that the schema is up to date
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from vfslint.config import keys
from vfslint.config.keys import KEYS, TARGET_KEYS, Key
from vfslint.targets import NO_VIRTIOFSD

SCHEMA = Path(__file__).resolve().parent.parent / "schemas" / "configuration.schema.json"

_VERSION = {"$ref": "#/$defs/version"}
_SELECTORS = {"$ref": "#/$defs/rules"}
_DEFINITIONS: dict[str, Any] = {
    "rule": {
        "description": "A code, a prefix of codes, or a name; vfslint rules lists them.",
        "type": "string",
        "pattern": "^([Vv][Ff][Ss][0-9]{0,3}|[a-z0-9]+(-[a-z0-9]+)*)$",
    },
    "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}},
    "pattern": {"description": "As in .gitignore, relative to the folder of this file.", "type": "string"},
    "patterns": {"type": "array", "items": {"$ref": "#/$defs/pattern"}},
    "path": {"description": "A path inside the folder of this file.", "type": "string", "pattern": "^[^/]"},
    "version": {"type": "string", "pattern": "^\\s*[0-9]+(\\.[0-9]+){0,2}\\s*$"},
}


def sentence(key: Key) -> str:
    """Return the description of a key and its default as sentences."""
    described = f"{key.description[0].upper()}{key.description[1:]}."
    return described + (f" Default: {key.default}." if key.default else "")


def _accepts(key: Key) -> dict[str, Any]:
    """Return the schema of the values that a key accepts."""
    words = {"enum": list(key.allowed)}
    if key.type == keys.SEVERITIES:
        return {"type": "object", "propertyNames": {"$ref": "#/$defs/rule"}, "additionalProperties": words}
    if key.type == keys.SELECTORS_BY_PATTERN:
        return {"type": "object", "propertyNames": {"$ref": "#/$defs/pattern"}, "additionalProperties": _SELECTORS}
    if key.type == keys.TARGET:
        values: dict[str, Any] = dict.fromkeys(TARGET_KEYS, _VERSION)
        values["name"] = words
        values["virtiofsd"] = {
            "description": f"{NO_VIRTIOFSD}: the C daemon of QEMU 7.2 and older.",
            "oneOf": [{"const": NO_VIRTIOFSD}, _VERSION],
        }
        return {"oneOf": [words, {"type": "object", "additionalProperties": False, "properties": values}]}
    return {
        keys.SELECTORS: _SELECTORS,
        keys.PATTERNS: {"$ref": "#/$defs/patterns"},
        keys.PATH: {"$ref": "#/$defs/path"},
        keys.BOOLEAN: {"type": "boolean"},
        keys.WORD: words,
    }[key.type]


def make() -> str:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:vfslint:schema:configuration:1",
        "$comment": "Made by tools/make_configuration_schema.py from lint/config/keys.py. Do not edit.",
        "title": "vfslint configuration",
        "description": "vfslint.toml, .vfslint.toml, or the table [tool.vfslint] of a pyproject.toml.",
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: {"description": sentence(key), **_accepts(key)} for key in KEYS.values()},
        "$defs": _DEFINITIONS,
    }
    return json.dumps(schema, indent=2) + "\n"


def main(arguments: list[str]) -> int:
    made = make()
    if arguments != ["--check"]:
        SCHEMA.write_text(made, encoding="utf-8", newline="\n")
        return 0
    if SCHEMA.read_text(encoding="utf-8") == made:
        return 0
    print(f"{SCHEMA} is stale: run python {sys.argv[0]}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
