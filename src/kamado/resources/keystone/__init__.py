"""Resource types of keystone."""
