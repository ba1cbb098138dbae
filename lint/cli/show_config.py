"""`vfslint config`: the values that apply to a file, and where each comes from."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, TextIO

from vfslint.config.inputs import THIS_MACHINE
from vfslint.config.keys import KEYS
from vfslint.config.profile import Resolver, Value
from vfslint.xml.printable import printable


def show_config(options: SimpleNamespace, out: TextIO) -> None:
    """Write the values that apply to a file."""
    (path,) = options.operands
    resolver = Resolver(options)
    configuration = resolver.configurations.of(path)
    file = configuration.file if configuration else None
    rows = _rows(resolver, path)
    if options.format == "json":
        values = {key: {"value": row.value, "origin": row.origin} for key, row in rows.items()}
        json.dump({"file": path, "configuration": file, "values": values}, out, indent=2)
        out.write("\n")
        return
    out.write(f"{printable(path)}: {printable(file or 'no configuration')}\n")
    shown = {key: (_spelled(row.value), row.origin) for key, row in rows.items()}
    widths = [max(map(len, column)) for column in (shown, (value for value, _ in shown.values()))]
    for key, (value, origin) in shown.items():
        out.write(f"{key:<{widths[0]}}  {printable(value):<{widths[1]}}  {printable(origin)}\n")


def _rows(resolver: Resolver, path: str) -> dict[str, Value]:
    configuration = resolver.configurations.of(path)
    rows = {"select": resolver.select(configuration), "ignore": resolver.ignore(configuration)}
    for word, value in resolver.severities(configuration).items():
        rows[f"severity {word}"] = value
    if configuration:
        for pattern, words in configuration.ignored_in(path).items():
            rows[f"per-file-ignores {pattern}"] = Value(words, configuration.place("per-file-ignores", pattern))
    target, host = resolver.target(configuration), resolver.host(configuration)
    rows["target"] = Value(str(target.value), target.origin)
    rows["session"] = resolver.session(configuration)
    rows["qemu-conf"] = resolver.qemu_conf(configuration)
    rows["host"] = Value("this machine", host.origin) if host.value == THIS_MACHINE else host
    rows["one-host"] = resolver.one_host(configuration)
    rows["fail-on"] = resolver.fail_on(configuration)
    for key in ("include", "exclude"):
        if configuration and key in configuration.values:
            rows[key] = Value(configuration.values[key], configuration.place(key))
    if rows["select"].value is None:
        rows["select"] = Value(KEYS["select"].default, rows["select"].origin)
    return rows


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
