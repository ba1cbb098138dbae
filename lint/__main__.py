"""`python -m vfslint` is the command `vfslint`."""

from vfslint.cli.main import run

run()
