"""Make the package vfslint of this checkout importable if it is not installed, so that tests can run."""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("vfslint") is None:
    sys.path.append(str(Path(__file__).parent / "tools" / "editable"))
