"""qemu.conf, the configuration of libvirt's QEMU driver."""
