"""The command `vfslint`."""
