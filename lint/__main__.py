"""`python -m vfslint` is the command `vfslint`."""

from vfslint.cli import run

run()
