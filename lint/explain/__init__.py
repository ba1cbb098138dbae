"""What a message of libvirt, QEMU, virtiofsd or the guest means, and what decides between its causes."""
