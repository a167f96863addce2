"""Measures the budgets of design §9 through nothing but Heat's REST API, so that the same run measures Heat.

`make bench` starts a Kamado of its own and prints one line a measurement; `python -m benchmarks --help` says how to point it at
another server. Never part of the tests: a time in a test fails on somebody else's machine.
"""
