"""Facts of a host, and what a domain needs of one."""
