"""The domain, read as libvirt reads it."""
