"""vhost-user devices on QEMU's command line."""
