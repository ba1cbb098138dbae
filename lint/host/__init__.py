"""What is known of a host, and what a domain needs of one."""
