"""Reporters: each turns a finished run into one format and computes nothing."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TextIO, cast

from vfslint.run import Run

# A run, where to write, and auto, always or never for colour.
Reporter = Callable[[Run, TextIO, str], None]

# Format name to module; a module is imported when its format is asked for.
FORMATS = {
    "text": "vfslint.report.text",
    "concise": "vfslint.report.concise",
    "json": "vfslint.report.json",
}


def reporter(format_name: str) -> Reporter:
    """Return the function that writes a run in a format; raises KeyError for an unknown name."""
    return cast(Reporter, import_module(FORMATS[format_name]).write)
