"""Guest NUMA topology."""
