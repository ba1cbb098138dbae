"""The release of vfslint. It is a literal because importlib.metadata takes longer than a whole run."""

VERSION = "0.1.0"
