"""Runs the command `vfslint` in this process."""

import io

from vfslint.cli.main import main


def vfslint(*argv: str, stdin: str = "") -> tuple[int, str, str]:
    """Return the exit status, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    status = main(argv, io.StringIO(stdin), out, err)
    return status, out.getvalue(), err.getvalue()
