"""The message bus: telling engines in other processes what is new. oslo.messaging is imported here only, and only when asked for.

Everything works without it, and while it is away; it only saves the seconds until the database would have been looked at.
"""
