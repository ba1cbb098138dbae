"""The release of vfslint; a literal, because asking importlib.metadata costs more than a whole run."""

VERSION = "0.1.0"
