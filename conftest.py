"""Make the package vfslint from the folders lint, rules and schemas if it is not installed, so that tests can run."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).parent

if importlib.util.find_spec("vfslint") is None:
    spec = importlib.util.spec_from_file_location(
        "vfslint",
        ROOT / "lint" / "__init__.py",
        submodule_search_locations=[str(ROOT / "lint"), str(ROOT)],
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["vfslint"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
