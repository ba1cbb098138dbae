"""qemu.conf, the configuration of libvirt's QEMU driver: a module per topic."""

NO_DRIVER = "the QEMU driver does not start, so no guest can start"
