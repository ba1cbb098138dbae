"""`vfslint config`: what holds for a file, and where each value comes from."""

from __future__ import annotations

import json
from typing import Any, TextIO

from vfslint.config.configuration import Configuration
from vfslint.config.profile import DEFAULT, Choices, Value
from vfslint.xml.printable import printable


def write(out: TextIO, choices: Choices, path: str, *, as_json: bool) -> None:
    """Write the values that hold for a file."""
    configuration = choices.configuration(path)
    rows = _rows(choices, configuration, path)
    if as_json:
        values = {key: {"value": value, "origin": origin} for key, (value, origin) in rows.items()}
        file = configuration.file if configuration else None
        json.dump({"file": path, "configuration": file, "values": values}, out, indent=2)
        out.write("\n")
        return
    where = configuration.file if configuration else "no configuration"
    out.write(f"{printable(path)}: {printable(where)}\n")
    shown = {key: (_spelt(value), origin) for key, (value, origin) in rows.items()}
    widths = [max(map(len, column)) for column in (shown, (value for value, _ in shown.values()))]
    for key, (value, origin) in shown.items():
        out.write(f"{key:<{widths[0]}}  {printable(value):<{widths[1]}}  {printable(origin)}\n")


def _rows(choices: Choices, configuration: Configuration | None, path: str) -> dict[str, Value]:
    rows = {
        "select": _listed(choices, configuration, "select", "all"),
        "ignore": _listed(choices, configuration, "ignore", "none"),
    }
    if configuration:
        for word, level in configuration.values.get("severity", {}).items():
            origin = configuration.place("severity", word)
            if choices.options.select and level == "off":
                continue
            rows[f"severity {word}"] = Value(level, origin)
        for pattern, words in configuration.ignored_in(path).items():
            place = configuration.place("per-file-ignores", pattern)
            rows[f"per-file-ignores {pattern}"] = Value(words, place)
    target = choices.target(configuration)
    rows["target"] = Value(str(target.value), target.origin)
    rows["session"] = choices.session(configuration)
    rows["qemu-conf"] = choices.qemu_conf(configuration)
    host = choices.host(configuration)
    rows["host"] = Value("this machine", host.origin) if host.value == "" else host
    rows["fail-on"] = choices.fail_on(path)
    for key in ("include", "exclude"):
        if configuration and key in configuration.values:
            rows[key] = Value(configuration.values[key], configuration.place(key))
    return rows


def _listed(choices: Choices, configuration: Configuration | None, key: str, otherwise: str) -> Value:
    given = getattr(choices.options, key)
    mine = configuration.values.get(key) if configuration else None
    if choices.options.select and key == "ignore":
        mine = None
    if given is None:
        return Value(mine, configuration.place(key)) if mine and configuration else Value(otherwise, DEFAULT)
    words = [word.strip() for choice in given for word in choice.split(",")]
    if mine and configuration and key == "ignore":
        return Value([*mine, *words], f"{configuration.place(key)} and --{key}")
    return Value(words, f"--{key}")


def _spelt(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
