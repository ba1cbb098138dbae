"""Names and values that libvirt's schema does not know."""
