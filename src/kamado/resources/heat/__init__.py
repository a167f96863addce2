"""Resource types of heat."""
