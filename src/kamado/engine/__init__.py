"""Planner, plan, executor, leases and recovery; knows no cloud, no HTTP and no resource type."""
