"""Resource types of cinder."""
