"""Configuration: files, keys and the profile that they resolve to."""
