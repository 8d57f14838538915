"""Settings from the environment, read once and refused early; the ring of keys."""
