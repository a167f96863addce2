"""Resource types of nova."""
