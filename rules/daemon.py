"""The virtiofsd that libvirt starts: its binary, its options and its id map."""
