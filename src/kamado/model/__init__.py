"""Frozen records and enums that layers share, and the table of states and transitions."""
