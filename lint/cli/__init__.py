"""The command `vfslint`."""

import sys

# Checked here because an older Python cannot even parse the modules of this package.
if sys.version_info < (3, 10):  # noqa: UP036 - pip does not run this code, but a path or a copy may
    print(
        f"vfslint requires Python 3.10 or newer, but {sys.executable} is Python {sys.version.split()[0]}",
        file=sys.stderr,
    )
    sys.exit(2)
