"""Scenarios that run unchanged against `kamado up` with the local cloud and against a real cloud.

Nothing is replaced here: the clients are the real ones from PyPI, in processes of their own or over real HTTP.
"""
