"""A virtiofsd that is started outside of libvirt."""
