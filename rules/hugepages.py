"""Memory backed by huge pages."""
