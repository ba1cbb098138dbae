"""qemu.conf, read as libvirt reads it."""
