"""Talking to an OpenStack cloud: sessions, trusts, REST calls, and what their failures mean. Knows no resource type."""
