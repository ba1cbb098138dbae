"""`python -m vfslint` is the command `vfslint`."""

from vfslint.command.cli import run

run()
