"""Resource types of neutron."""
