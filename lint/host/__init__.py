"""Facts of a host, and what a domain requires of it."""
