"""Checks the output of each format with its schema."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
from lxml import etree

from tests.paths import DATA, ROOT

SCHEMAS = DATA / "schemas"


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text())


def valid_sarif(text: str) -> None:
    jsonschema.Draft4Validator(schema("sarif-2.1.0-rtm.5.json")).validate(json.loads(text))


def valid_gitlab(text: str) -> None:
    issues = json.loads(text)
    jsonschema.Draft202012Validator(schema("gitlab-code-quality.json")).validate(issues)
    prints = [issue["fingerprint"] for issue in issues]
    assert len(set(prints)) == len(prints)


def report_schema() -> Any:
    return json.loads((ROOT / "schemas" / "report.schema.json").read_text())


def valid_json(text: str) -> None:
    jsonschema.Draft202012Validator(report_schema()).validate(json.loads(text))


def valid_jsonl(text: str) -> None:
    *findings, last = map(json.loads, text.splitlines())
    # A program that collects the lines gets the JSON report.
    valid_json(json.dumps({"findings": findings, **last}))


def valid_xml(schema_name: str) -> Callable[[str], None]:
    grammar = etree.XMLSchema(etree.parse(SCHEMAS / schema_name))
    return lambda text: grammar.assertValid(etree.fromstring(text.encode("ascii")))


VALID: dict[str, Callable[[str], None]] = {
    "json": valid_json,
    "jsonl": valid_jsonl,
    "sarif": valid_sarif,
    "gitlab": valid_gitlab,
    "junit": valid_xml("junit-10.xsd"),
    "checkstyle": valid_xml("checkstyle.xsd"),
}
