"""What a release knows, and other hypervisors."""
