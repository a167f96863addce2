"""Resource types of glance."""
