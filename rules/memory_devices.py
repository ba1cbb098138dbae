"""Hot-pluggable and persistent memory devices beside vhost-user devices."""
