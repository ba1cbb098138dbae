"""What libvirt's domain XML may hold: names, values and numbers."""
